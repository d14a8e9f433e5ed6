// MicroPython's sockets, which are compiled here, and what those of Linux do beyond them. Their type
// is made of their functions and of those here.

#include "py/mperrno.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/udp.h"
#include "sockets.h"
#include "versions.h"

// ---- Exchanged in MicroPython's code.

static void set_error_callback(struct tcp_pcb *pcb, tcp_err_fn callback);
static void after_read(struct tcp_pcb *pcb, u16_t length);
static err_t write_more(struct tcp_pcb *pcb, const void *data, u16_t length, u8_t flags);
static err_t on_connection(void *listener, struct tcp_pcb *pcb, err_t err);
#if HAS_PACKET_QUEUES
static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *datagram,
    const ip_addr_t *address, u16_t port);
#endif

#define tcp_err(pcb, callback) set_error_callback(pcb, callback)
#define tcp_recved(pcb, length) after_read(pcb, length)
#define tcp_write(pcb, data, length, flags) write_more(pcb, data, length, flags)
#define tcp_accept(pcb, callback) (tcp_accept)(pcb, on_connection)
#if HAS_PACKET_QUEUES
#define udp_recv(pcb, callback, arg) (udp_recv)(pcb, (callback) == NULL ? NULL : on_datagram, arg)
#endif

#pragma push_macro("MP_ECONNABORTED")
#pragma push_macro("MP_EWOULDBLOCK")
#pragma push_macro("MP_DEFINE_CONST_OBJ_TYPE")
#undef MP_ECONNABORTED
#undef MP_EWOULDBLOCK
#undef MP_DEFINE_CONST_OBJ_TYPE
// lwIP aborts a connection where nothing comes back.
#define MP_ECONNABORTED MP_ETIMEDOUT
// What comes in the place of an error that lwIP's TCP does not have: the peer did not want it.
#define MP_EWOULDBLOCK MP_ECONNREFUSED
#define ERR_REFUSED ERR_WOULDBLOCK
#define MP_DEFINE_CONST_OBJ_TYPE(name, ...) const mp_obj_type_t name
#include "extmod/modlwip.c"
#pragma pop_macro("MP_DEFINE_CONST_OBJ_TYPE")
#pragma pop_macro("MP_EWOULDBLOCK")
#pragma pop_macro("MP_ECONNABORTED")

#if HAS_PACKET_QUEUES
#define received(socket) ((socket)->incoming.tcp.pbuf)
#else
#define received(socket) ((socket)->incoming.pbuf)
#endif

// ---- A connection that ends by an error.

// What came before is there to be read, and then the error comes, or the end, if that came before.
// For this the socket gets a pcb that is part of no connection, with the error as its port.
static bool is_lost(const lwip_socket_obj_t *socket) {
    return socket->state == STATE_PEER_CLOSED && socket->pcb.tcp->state == CLOSED;
}

static struct tcp_pcb *new_lost(lwip_socket_obj_t *socket, err_t err) {
    struct tcp_pcb *pcb = tcp_new();
    if (pcb != NULL) {
        tcp_arg(pcb, socket);
        pcb->remote_port = -err;
        if (socket->state == STATE_PEER_CLOSED) {
            tcp_set_flags(pcb, TF_RXCLOSED);
        }
    }
    return pcb;
}

static void on_error(void *arg, err_t err) {
    lwip_socket_obj_t *socket = arg;
    if (err == ERR_RST && socket->state == STATE_CONNECTING) {
        err = ERR_REFUSED;
    }
    bool may_read = socket->state == STATE_PEER_CLOSED
        || (socket->state == STATE_CONNECTED && received(socket) != NULL);
    struct tcp_pcb *lost = may_read ? new_lost(socket, err) : NULL;
    if (lost == NULL) {
        _lwip_tcp_error(socket, err);
    } else {
        socket->pcb.tcp = lost;
        socket->state = STATE_PEER_CLOSED;
    }
}

static void set_error_callback(struct tcp_pcb *pcb, tcp_err_fn callback) {
    (tcp_err)(pcb, callback == _lwip_tcp_error ? on_error : callback);
}

static void after_read(struct tcp_pcb *pcb, u16_t length) {
    lwip_socket_obj_t *socket = pcb->callback_arg;
    if (!is_lost(socket)) {
        (tcp_recved)(pcb, length);
    } else if (received(socket) == NULL && !(pcb->flags & TF_RXCLOSED)) {
        _lwip_tcp_error(socket, -pcb->remote_port);
        tcp_abandon(pcb, 0);
    }
}

static err_t write_more(struct tcp_pcb *pcb, const void *data, u16_t length, u8_t flags) {
    lwip_socket_obj_t *socket = pcb->callback_arg;
    return is_lost(socket) ? -pcb->remote_port : (tcp_write)(pcb, data, length, flags);
}

static bool has_failed(const lwip_socket_obj_t *socket) {
    return socket->type == MOD_NETWORK_SOCK_STREAM
        && ((socket->state < 0 && socket->state != _ERR_BADF) || is_lost(socket));
}

// ---- Those that listen.

// A connection counts as one that waits until it is accepted, so that there is room for each that
// lwIP answers. To others it does not answer, and they are asked for again.
static err_t on_connection(void *listener, struct tcp_pcb *pcb, err_t err) {
    err_t result = _lwip_tcp_accept(listener, pcb, err);
    if (err == ERR_OK && result == ERR_OK) {
        tcp_backlog_delayed(pcb);
    }
    return result;
}

// lwIP counts in 8 bits those that wait. Less than CPython's own choice is taken as that, since
// asyncio asks for a few only, and whoever is not answered at once tries again after a second.
static mp_obj_t socket_listen(size_t n_args, const mp_obj_t *args) {
    mp_int_t backlog = n_args > 1 ? mp_obj_get_int(args[1]) : 0;
    backlog = MIN(MAX(backlog, MICROPY_PY_SOCKET_LISTEN_BACKLOG_DEFAULT), UINT8_MAX);
    mp_obj_t real_args[] = { args[0], MP_OBJ_NEW_SMALL_INT(backlog) };
    return lwip_socket_listen(MP_ARRAY_SIZE(real_args), real_args);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_listen_obj, 1, 2, socket_listen);

// MicroPython moves them up as it aborts one after the other, and would skip every second.
static void abort_waiting(lwip_socket_obj_t *socket) {
    struct tcp_pcb *volatile *waiting = lwip_socket_incoming_array(socket);
    for (size_t i = 0; i < socket->incoming.connection.alloc; ++i) {
        struct tcp_pcb *pcb = waiting[i];
        waiting[i] = NULL;
        if (pcb != NULL) {
            (tcp_err)(pcb, NULL);
            tcp_abort(pcb);
        }
    }
}

// ---- Datagrams.

#if HAS_PACKET_QUEUES

// As many packets as a socket keeps: else those of a few large datagrams that nobody reads would be
// all that lwIP has.
#define MAX_PACKETS (PBUF_POOL_SIZE / 4)

static size_t packets_of(const lwip_socket_obj_t *socket) {
    size_t count = 0;
    for (size_t i = 0; i < LWIP_INCOMING_PACKET_QUEUE_LEN; ++i) {
        const struct pbuf *datagram = socket->incoming.udp_raw.array[i].pbuf;
        count += datagram == NULL ? 0 : pbuf_clen(datagram);
    }
    return count;
}

static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *datagram,
    const ip_addr_t *address, u16_t port) {
    if (packets_of(arg) + pbuf_clen(datagram) > MAX_PACKETS) {
        pbuf_free(datagram);
    } else {
        _lwip_udp_incoming(arg, pcb, datagram, address, port);
    }
}

#endif

// ---- Options.

static void require_open(const lwip_socket_obj_t *socket) {
    if (socket->pcb.tcp == NULL) {
        mp_raise_OSError(MP_EBADF);
    }
}

// One that has a connection, or may get one.
static struct tcp_pcb *connection_of(const lwip_socket_obj_t *socket) {
    if (socket->type != MOD_NETWORK_SOCK_STREAM || socket->state == STATE_LISTENING) {
        mp_raise_OSError(MP_EOPNOTSUPP);
    }
    return socket->pcb.tcp;
}

// Where a connection has the value, in milliseconds or as a number.
static u32_t *keepalive_value(struct tcp_pcb *pcb, mp_int_t option, mp_int_t *unit) {
    *unit = option == TCP_KEEPCNT ? 1 : 1000;
    switch (option) {
        case TCP_KEEPIDLE:
            return &pcb->keep_idle;
        case TCP_KEEPINTVL:
            return &pcb->keep_intvl;
        case TCP_KEEPCNT:
            return &pcb->keep_cnt;
    }
    return NULL;
}

static void set_keepalive(struct tcp_pcb *pcb, mp_int_t option, mp_int_t value) {
    // What Linux takes.
    if (value < 1 || value > (option == TCP_KEEPCNT ? 127 : 32767)) {
        mp_raise_OSError(MP_EINVAL);
    }
    mp_int_t unit;
    u32_t *place = keepalive_value(pcb, option, &unit);
    *place = value * unit;
}

// setsockopt(level, option, value): the level does not matter.
static mp_obj_t socket_setsockopt(size_t n_args, const mp_obj_t *args) {
    lwip_socket_obj_t *socket = MP_OBJ_TO_PTR(args[0]);
    mp_int_t option = mp_obj_get_int(args[2]);
    switch (option) {
        case SOF_REUSEADDR:
        case SOF_BROADCAST:
            require_open(socket);
            break;
        case SO_KEEPALIVE:
            require_open(socket);
            if (mp_obj_is_true(args[3])) {
                ip_set_option(socket->pcb.tcp, SOF_KEEPALIVE);
            } else {
                ip_reset_option(socket->pcb.tcp, SOF_KEEPALIVE);
            }
            return mp_const_none;
        case TCP_KEEPIDLE:
        case TCP_KEEPINTVL:
        case TCP_KEEPCNT:
            require_open(socket);
            set_keepalive(connection_of(socket), option, mp_obj_get_int(args[3]));
            return mp_const_none;
        case TCP_NODELAY:
            require_open(socket);
            connection_of(socket);
            break;
    }
    return lwip_socket_setsockopt(n_args, args);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_setsockopt_obj, 4, 4, socket_setsockopt);

static mp_int_t error_number(const lwip_socket_obj_t *socket) {
    if (!has_failed(socket)) {
        return 0;
    }
    return error_lookup_table[socket->state < 0 ? -socket->state : socket->pcb.tcp->remote_port];
}

// getsockopt(level, option)
static mp_obj_t socket_getsockopt(mp_obj_t self_in, mp_obj_t level, mp_obj_t option_in) {
    (void)level;
    lwip_socket_obj_t *socket = MP_OBJ_TO_PTR(self_in);
    mp_int_t option = mp_obj_get_int(option_in);
    mp_int_t value = 0;
    switch (option) {
        case SO_ERROR:
            value = error_number(socket);
            break;
        case SO_TYPE:
            value = socket->type;
            break;
        case SOF_REUSEADDR:
        case SOF_BROADCAST:
        case SO_KEEPALIVE:
            require_open(socket);
            value = ip_get_option(socket->pcb.tcp, option) != 0;
            break;
        case TCP_NODELAY:
            require_open(socket);
            value = (connection_of(socket)->flags & TF_NODELAY) != 0;
            break;
        case TCP_KEEPIDLE:
        case TCP_KEEPINTVL:
        case TCP_KEEPCNT: {
            require_open(socket);
            mp_int_t unit;
            const u32_t *place = keepalive_value(connection_of(socket), option, &unit);
            value = *place / unit;
            break;
        }
        default:
            mp_raise_OSError(MP_ENOPROTOOPT);
    }
    return MP_OBJ_NEW_SMALL_INT(value);
}
static MP_DEFINE_CONST_FUN_OBJ_3(socket_getsockopt_obj, socket_getsockopt);

// ---- The type.

static mp_uint_t socket_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    lwip_socket_obj_t *socket = MP_OBJ_TO_PTR(self_in);
    if (request == MP_STREAM_CLOSE && socket->pcb.tcp != NULL && socket->state == STATE_LISTENING) {
        abort_waiting(socket);
    }
    mp_uint_t result = lwip_socket_ioctl(self_in, request, arg, errcode);
    if (request == MP_STREAM_POLL && has_failed(socket)) {
        // Neither reading nor writing would wait.
        result |= MP_STREAM_POLL_ERR | MP_STREAM_POLL_HUP
            | (arg & (MP_STREAM_POLL_RD | MP_STREAM_POLL_WR));
    }
    return result;
}

static mp_uint_t socket_read(mp_obj_t self_in, void *buf, mp_uint_t size, int *errcode) {
    return lwip_socket_stream_p.read(self_in, buf, size, errcode);
}

static mp_uint_t socket_write(mp_obj_t self_in, const void *buf, mp_uint_t size, int *errcode) {
    return lwip_socket_stream_p.write(self_in, buf, size, errcode);
}

static const mp_stream_p_t socket_stream_p = {
    .read = socket_read,
    .write = socket_write,
    .ioctl = socket_ioctl,
};

static const void *own_method(qstr name) {
    switch (name) {
        case MP_QSTR_listen:
            return &socket_listen_obj;
        case MP_QSTR_setsockopt:
            return &socket_setsockopt_obj;
        case MP_QSTR_getsockopt:
            return &socket_getsockopt_obj;
    }
    return NULL;
}

static void socket_attr(mp_obj_t self_in, qstr name, mp_obj_t *dest) {
    if (dest[0] != MP_OBJ_NULL) {
        return;
    }
    const void *method = own_method(name);
    if (method != NULL) {
        dest[0] = MP_OBJ_FROM_PTR(method);
        dest[1] = self_in;
    } else {
        // It is one of MicroPython's.
        dest[1] = MP_OBJ_SENTINEL;
    }
}

static MP_DEFINE_CONST_OBJ_TYPE(
    lwip_socket_type,
    MP_QSTR_socket,
    MP_TYPE_FLAG_NONE,
    make_new, lwip_socket_make_new,
    print, lwip_socket_print,
    attr, socket_attr,
    protocol, &socket_stream_p,
    locals_dict, &lwip_socket_locals_dict
    );
