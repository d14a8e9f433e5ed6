// SPDX-License-Identifier: MIT

// MicroPython's sockets, which are compiled here, and what those of Linux do beyond them. Their type
// is made of their functions and of those here.

#include "py/mperrno.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "address.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "lwip/udp.h"
#include "sockets.h"
#include "sockets_close.h"
#include "versions.h"

// ---- Exchanged in MicroPython's code.

struct _lwip_socket_obj_t;
static void set_error_callback(struct tcp_pcb *pcb, tcp_err_fn callback);
static void set_receive_callback(struct tcp_pcb *pcb, tcp_recv_fn callback);
static u16_t room_to_send(const struct tcp_pcb *pcb);
static void after_read(struct _lwip_socket_obj_t *socket, u16_t length);
static err_t write_more(struct _lwip_socket_obj_t *socket, const void *data, u16_t length,
    u8_t flags);
static err_t on_connection(void *listener, struct tcp_pcb *pcb, err_t err);
#if HAS_PACKET_QUEUES
static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *datagram,
    const ip_addr_t *address, u16_t port);
#endif

#define tcp_err(pcb, callback) set_error_callback(pcb, callback)
#define ipaddr_ntoa_r(address, text, size) address_text(address, text)
// `ip` is where a datagram is to go, NULL if that is where all go.
#define pbuf_alloc(layer, length, type) \
    network_udp_new_datagram(ip != NULL ? ip : &socket->pcb.udp->remote_ip, length)
#undef tcp_recv
#define tcp_recv(pcb, callback) set_receive_callback(pcb, callback)
#undef tcp_sndbuf
#define tcp_sndbuf(pcb) room_to_send(pcb)
// Those who call these have a variable `socket`.
#define tcp_recved(pcb, length) after_read(socket, length)
#define tcp_write(pcb, data, length, flags) write_more(socket, data, length, flags)
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

// ---- A connection that has ended.

// What came before is there to be read. Then an error is told, once, by whatever asks first, and
// then there is the end. The socket has one of these in the place of the pcb that it had: the one
// of the error that is to be told. They are in none of lwIP's lists, and in a state in which it
// does nothing with them.
static struct tcp_pcb ended[1 - ERR_RST];

static void end(lwip_socket_obj_t *socket, err_t err) {
    struct tcp_pcb *pcb = &ended[-err];
    pcb->state = TIME_WAIT;
    // Nobody waits for room.
    pcb->snd_buf = TCP_SND_BUF;
    socket->pcb.tcp = pcb;
    socket->state = STATE_PEER_CLOSED;
}

static bool has_ended(const lwip_socket_obj_t *socket) {
    return socket->state == STATE_PEER_CLOSED && socket->pcb.tcp->state == TIME_WAIT;
}

// MicroPython keeps the error of an attempt to connect as the state.
static bool could_not_connect(const lwip_socket_obj_t *socket) {
    return socket->state < 0 && socket->state != _ERR_BADF;
}

static bool has_failed(const lwip_socket_obj_t *socket) {
    return could_not_connect(socket) || (has_ended(socket) && socket->pcb.tcp != ended);
}

// The error that is to be told, and now is.
static err_t take_error(lwip_socket_obj_t *socket) {
    err_t err = ERR_OK;
    if (has_failed(socket)) {
        err = socket->state < 0 ? socket->state : ended - socket->pcb.tcp;
        end(socket, ERR_OK);
    }
    return err;
}

static void raise_error(lwip_socket_obj_t *socket) {
    err_t err = take_error(socket);
    if (err != ERR_OK) {
        mp_raise_OSError(error_lookup_table[-err]);
    }
}

static void on_error(void *arg, err_t err) {
    lwip_socket_obj_t *socket = arg;
    if (socket->state == STATE_CONNECTING) {
        _lwip_tcp_error(socket, err == ERR_RST ? ERR_REFUSED : err);
    } else {
        // Behind the end of what the peer has sent there is no error.
        end(socket, socket->state == STATE_PEER_CLOSED ? ERR_OK : err);
    }
}

static void set_error_callback(struct tcp_pcb *pcb, tcp_err_fn callback) {
    (tcp_err)(pcb, callback == _lwip_tcp_error ? on_error : callback);
}

// Both have said all. What is left to be done is lwIP's, which tells nobody when it is done and the
// pcb is no more.
static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *data, err_t err) {
    err_t result = _lwip_tcp_recv(arg, pcb, data, err);
    if (data == NULL && (pcb->state == CLOSING || pcb->state == TIME_WAIT)) {
        tcp_arg(pcb, NULL);
        tcp_err(pcb, NULL);
        tcp_recv(pcb, NULL);
        tcp_setprio(pcb, TCP_PRIO_MIN);
        end(arg, ERR_OK);
    }
    return result;
}

static void set_receive_callback(struct tcp_pcb *pcb, tcp_recv_fn callback) {
    network_tcp_recv(pcb, callback == _lwip_tcp_recv ? on_received : callback);
}

static void after_read(lwip_socket_obj_t *socket, u16_t length) {
    if (!has_ended(socket)) {
        (tcp_recved)(socket->pcb.tcp, length);
    }
}

static err_t write_more(lwip_socket_obj_t *socket, const void *data, u16_t length, u8_t flags) {
    if (!has_ended(socket)) {
        return (tcp_write)(socket->pcb.tcp, data, length, flags);
    }
    // It has, while there was no room.
    err_t err = take_error(socket);
    return err == ERR_OK ? ERR_RST : err;
}

// ---- Room.

// What other connections do not get: UDP, and what lwIP sends by itself, has need of it.
#define MEMORY_LEFT (MEM_SIZE / 8)
#define SEGMENTS_LEFT (MEMP_NUM_TCP_SEG / 16)

// What a segment takes beside its bytes.
#define SEGMENT_OVERHEAD 160

static size_t beyond(size_t available, size_t needed) {
    return available > needed ? available - needed : 0;
}

static size_t segments_to_send(const struct tcp_pcb *pcb) {
    const struct stats_mem *pool = memp_pools[MEMP_TCP_SEG]->stats;
    size_t memory = beyond(lwip_stats.mem.avail - lwip_stats.mem.used, MEMORY_LEFT);
    size_t segments = MIN(memory / (TCP_MSS + SEGMENT_OVERHEAD),
        beyond(pool->avail - pool->used, SEGMENTS_LEFT));
    return MIN(segments, beyond(TCP_SND_QUEUELEN, pcb->snd_queuelen + 1));
}

// As much as tcp_write() takes: where it has no memory, MicroPython's sockets wait for ten seconds,
// even those that do not block.
static u16_t room_to_send(const struct tcp_pcb *pcb) {
    if (pcb->state == LISTEN) {
        return 0;
    }
    if (pcb->state == TIME_WAIT) {
        return pcb->snd_buf;
    }
    size_t segment = MIN(pcb->mss, pcb->snd_wnd_max / 2);
    return MIN(pcb->snd_buf, segments_to_send(pcb) * (segment > 0 ? segment : pcb->mss));
}

static void require_open(lwip_socket_obj_t *socket) {
    if (could_not_connect(socket)) {
        // There is something to ask, and the error is told later.
        end(socket, socket->state);
    }
    if (socket->pcb.tcp == NULL) {
        mp_raise_OSError(MP_EBADF);
    }
}

// ---- Connecting.

// As it was when it was made.
static void renew(lwip_socket_obj_t *socket) {
    struct tcp_pcb *pcb = tcp_new();
    if (pcb != NULL) {
        tcp_arg(pcb, socket);
        tcp_err(pcb, _lwip_tcp_error);
        socket->pcb.tcp = pcb;
        socket->state = STATE_NEW;
        received(socket) = NULL;
    }
}

// After one attempt that has failed there may be another.
static mp_obj_t socket_connect(mp_obj_t self_in, mp_obj_t address) {
    lwip_socket_obj_t *socket = MP_OBJ_TO_PTR(self_in);
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        if (could_not_connect(socket)) {
            // An attempt for which nobody has waited.
            mp_raise_OSError(error_lookup_table[-socket->state]);
        }
        lwip_socket_connect(self_in, address);
        nlr_pop();
        return mp_const_none;
    }
    if (could_not_connect(socket)) {
        renew(socket);
    }
    nlr_jump(nlr.ret_val);
}
static MP_DEFINE_CONST_FUN_OBJ_2(socket_connect_obj, socket_connect);

// ---- Reading and writing.

static mp_obj_t call(const void *method, size_t n_args, const mp_obj_t *args) {
    return mp_call_function_n_kw(MP_OBJ_FROM_PTR(method), n_args, 0, args);
}

static bool is_at_end(const lwip_socket_obj_t *socket) {
    return socket->type == MOD_NETWORK_SOCK_STREAM && received(socket) == NULL;
}

static mp_obj_t read_by(const void *method, size_t n_args, const mp_obj_t *args) {
    lwip_socket_obj_t *socket = MP_OBJ_TO_PTR(args[0]);
    if (could_not_connect(socket)) {
        raise_error(socket);
    }
    mp_obj_t result = call(method, n_args, args);
    mp_obj_t data = mp_obj_is_type(result, &mp_type_tuple)
        ? ((mp_obj_tuple_t *)MP_OBJ_TO_PTR(result))->items[0] : result;
    if (data == mp_const_empty_bytes && is_at_end(socket)) {
        raise_error(socket);
    }
    return result;
}

// A method that calls MicroPython's own of that name, by a function that does more.
#define METHOD_BY(way, name, least, most) \
    static mp_obj_t socket_##name(size_t n_args, const mp_obj_t *args) { \
        return way(&lwip_socket_##name##_obj, n_args, args); \
    } \
    static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_##name##_obj, least, most, socket_##name)

METHOD_BY(read_by, recv, 2, 3);
METHOD_BY(read_by, recvfrom, 2, 3);

static mp_uint_t socket_read(mp_obj_t self_in, void *buf, mp_uint_t size, int *errcode) {
    lwip_socket_obj_t *socket = MP_OBJ_TO_PTR(self_in);
    mp_uint_t length = could_not_connect(socket) ? 0
        : lwip_socket_stream_p.read(self_in, buf, size, errcode);
    if (length == 0 && is_at_end(socket) && has_failed(socket)) {
        *errcode = error_lookup_table[-take_error(socket)];
        return MP_STREAM_ERROR;
    }
    return length;
}

static bool is_stream(const lwip_socket_obj_t *socket) {
    return socket->type == MOD_NETWORK_SOCK_STREAM && socket->pcb.tcp != NULL;
}

static bool sends_no_more(const lwip_socket_obj_t *socket) {
    switch (socket->pcb.tcp->state) {
        case LISTEN:
        case FIN_WAIT_1:
        case FIN_WAIT_2:
        case CLOSING:
        case LAST_ACK:
        case TIME_WAIT:
            return true;
        default:
            // lwIP had no memory for the end yet.
            return (socket->pcb.tcp->flags & TF_CLOSEPEND) != 0;
    }
}

// recv_into(buffer, size=0): 0 is all of it.
static mp_obj_t socket_recv_into(size_t n_args, const mp_obj_t *args) {
    require_open(MP_OBJ_TO_PTR(args[0]));
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[1], &buffer, MP_BUFFER_WRITE);
    mp_int_t size = n_args > 2 ? mp_obj_get_int(args[2]) : 0;
    if (size < 0 || (size_t)size > buffer.len) {
        mp_raise_ValueError(MP_ERROR_TEXT("the buffer is smaller than that"));
    }
    int err;
    mp_uint_t length = socket_read(args[0], buffer.buf, size > 0 ? (size_t)size : buffer.len, &err);
    if (length == MP_STREAM_ERROR) {
        mp_raise_OSError(err);
    }
    return MP_OBJ_NEW_SMALL_INT(length);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_recv_into_obj, 2, 3, socket_recv_into);

// As an errno, 0 if there is nothing against it.
static int write_error(lwip_socket_obj_t *socket) {
    if (has_failed(socket)) {
        return error_lookup_table[-take_error(socket)];
    }
    return is_stream(socket) && sends_no_more(socket) ? MP_EPIPE : 0;
}

static mp_obj_t write_by(const void *method, size_t n_args, const mp_obj_t *args) {
    int error = write_error(MP_OBJ_TO_PTR(args[0]));
    if (error != 0) {
        mp_raise_OSError(error);
    }
    return call(method, n_args, args);
}

METHOD_BY(write_by, send, 2, 2);
METHOD_BY(write_by, sendall, 2, 2);
METHOD_BY(write_by, sendto, 3, 3);

static mp_uint_t socket_write(mp_obj_t self_in, const void *buf, mp_uint_t size, int *errcode) {
    *errcode = write_error(MP_OBJ_TO_PTR(self_in));
    return *errcode != 0 ? MP_STREAM_ERROR
        : lwip_socket_stream_p.write(self_in, buf, size, errcode);
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

static void set_option(lwip_socket_obj_t *socket, u8_t option, bool on) {
    if (on) {
        ip_set_option(socket->pcb.tcp, option);
    } else {
        ip_reset_option(socket->pcb.tcp, option);
    }
}

// close() waits for nothing, and what was sent is taken care of all the same: so of what a `struct
// linger` may say only one thing makes a difference, that there is no time for that.
static void set_linger(lwip_socket_obj_t *socket, mp_obj_t value) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(value, &buffer, MP_BUFFER_READ);
    int linger[2];
    if (buffer.len < sizeof(linger)) {
        mp_raise_OSError(MP_EINVAL);
    }
    memcpy(linger, buffer.buf, sizeof(linger));
    set_option(socket, SOF_RESET_ON_CLOSE, linger[0] != 0 && linger[1] == 0);
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
            set_option(socket, SOF_KEEPALIVE, mp_obj_is_true(args[3]));
            return mp_const_none;
        case SO_LINGER:
            require_open(socket);
            connection_of(socket);
            set_linger(socket, args[3]);
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

// getsockopt(level, option)
static mp_obj_t socket_getsockopt(mp_obj_t self_in, mp_obj_t level, mp_obj_t option_in) {
    (void)level;
    lwip_socket_obj_t *socket = MP_OBJ_TO_PTR(self_in);
    mp_int_t option = mp_obj_get_int(option_in);
    mp_int_t value = 0;
    switch (option) {
        case SO_ERROR:
            value = error_lookup_table[-take_error(socket)];
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

// ---- Its own address and the peer's, and the end of one direction.

static mp_obj_t socket_getsockname(mp_obj_t self_in) {
    lwip_socket_obj_t *socket = MP_OBJ_TO_PTR(self_in);
    require_open(socket);
    u16_t port = 0;
    if (socket->type == MOD_NETWORK_SOCK_STREAM) {
        port = socket->pcb.tcp->local_port;
    } else if (socket->type == MOD_NETWORK_SOCK_DGRAM) {
        port = socket->pcb.udp->local_port;
    }
    return lwip_format_inet_addr(&socket->pcb.tcp->local_ip, port);
}
static MP_DEFINE_CONST_FUN_OBJ_1(socket_getsockname_obj, socket_getsockname);

static bool is_connected(const lwip_socket_obj_t *socket) {
    if (socket->type == MOD_NETWORK_SOCK_DGRAM) {
        return (socket->pcb.udp->flags & UDP_FLAGS_CONNECTED) != 0;
    }
    return (socket->state == STATE_CONNECTED || socket->state == STATE_PEER_CLOSED)
        && !has_ended(socket);
}

static void require_connected(lwip_socket_obj_t *socket) {
    require_open(socket);
    if (!is_connected(socket)) {
        mp_raise_OSError(MP_ENOTCONN);
    }
}

static mp_obj_t socket_getpeername(mp_obj_t self_in) {
    lwip_socket_obj_t *socket = MP_OBJ_TO_PTR(self_in);
    require_connected(socket);
    bool is_udp = socket->type == MOD_NETWORK_SOCK_DGRAM;
    return lwip_format_inet_addr(&socket->pcb.tcp->remote_ip,
        is_udp ? socket->pcb.udp->remote_port : socket->pcb.tcp->remote_port);
}
static MP_DEFINE_CONST_FUN_OBJ_1(socket_getpeername_obj, socket_getpeername);

// It listens no more, and is as it was when it was made.
static void stop_listening(lwip_socket_obj_t *socket) {
    int err;
    abort_waiting(socket);
    lwip_socket_ioctl(MP_OBJ_FROM_PTR(socket), MP_STREAM_CLOSE, 0, &err);
    renew(socket);
}

static void shut_down(lwip_socket_obj_t *socket, mp_int_t how) {
    if (how != SHUT_RD && !sends_no_more(socket)) {
        err_t err = tcp_shutdown(socket->pcb.tcp, false, true);
        if (err != ERR_OK) {
            mp_raise_OSError(error_lookup_table[-err]);
        }
    }
    if (how != SHUT_WR) {
        // Nobody waits for more. The peer is not told, and what it has sent can be read.
        socket->state = STATE_PEER_CLOSED;
    }
}

static mp_obj_t socket_shutdown(mp_obj_t self_in, mp_obj_t how_in) {
    lwip_socket_obj_t *socket = MP_OBJ_TO_PTR(self_in);
    mp_int_t how = mp_obj_get_int(how_in);
    if (how < SHUT_RD || how > SHUT_RDWR) {
        mp_raise_OSError(MP_EINVAL);
    }
    if (socket->state != STATE_LISTENING) {
        require_connected(socket);
        connection_of(socket);
        shut_down(socket, how);
    } else if (how != SHUT_WR) {
        stop_listening(socket);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(socket_shutdown_obj, socket_shutdown);

// ---- The type.

static mp_uint_t socket_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    lwip_socket_obj_t *socket = MP_OBJ_TO_PTR(self_in);
    if (request == MP_STREAM_CLOSE && socket->pcb.tcp != NULL && socket->state == STATE_LISTENING) {
        abort_waiting(socket);
    }
    mp_uint_t result = lwip_socket_ioctl(self_in, request, arg, errcode);
    if (request == MP_STREAM_POLL && (could_not_connect(socket) || has_ended(socket))) {
        // Neither reading nor writing would wait.
        result |= MP_STREAM_POLL_HUP | (arg & (MP_STREAM_POLL_RD | MP_STREAM_POLL_WR));
        result |= has_failed(socket) ? MP_STREAM_POLL_ERR : 0;
    } else if (request == MP_STREAM_POLL && socket->state >= STATE_CONNECTED
        && is_stream(socket) && sends_no_more(socket)) {
        result |= arg & MP_STREAM_POLL_WR;
    }
    return result;
}

static const mp_stream_p_t socket_stream_p = {
    .read = socket_read,
    .write = socket_write,
    .ioctl = socket_ioctl,
};

static const mp_rom_map_elem_t own_methods_table[] = {
    { MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&mp_identity_obj) },
    { MP_ROM_QSTR(MP_QSTR___exit__), MP_ROM_PTR(&mp_stream___exit___obj) },
    { MP_ROM_QSTR(MP_QSTR_connect), MP_ROM_PTR(&socket_connect_obj) },
    { MP_ROM_QSTR(MP_QSTR_recv), MP_ROM_PTR(&socket_recv_obj) },
    { MP_ROM_QSTR(MP_QSTR_recvfrom), MP_ROM_PTR(&socket_recvfrom_obj) },
    { MP_ROM_QSTR(MP_QSTR_recv_into), MP_ROM_PTR(&socket_recv_into_obj) },
    { MP_ROM_QSTR(MP_QSTR_send), MP_ROM_PTR(&socket_send_obj) },
    { MP_ROM_QSTR(MP_QSTR_sendall), MP_ROM_PTR(&socket_sendall_obj) },
    { MP_ROM_QSTR(MP_QSTR_sendto), MP_ROM_PTR(&socket_sendto_obj) },
    { MP_ROM_QSTR(MP_QSTR_shutdown), MP_ROM_PTR(&socket_shutdown_obj) },
    { MP_ROM_QSTR(MP_QSTR_getsockname), MP_ROM_PTR(&socket_getsockname_obj) },
    { MP_ROM_QSTR(MP_QSTR_getpeername), MP_ROM_PTR(&socket_getpeername_obj) },
    { MP_ROM_QSTR(MP_QSTR_listen), MP_ROM_PTR(&socket_listen_obj) },
    { MP_ROM_QSTR(MP_QSTR_setsockopt), MP_ROM_PTR(&socket_setsockopt_obj) },
    { MP_ROM_QSTR(MP_QSTR_getsockopt), MP_ROM_PTR(&socket_getsockopt_obj) },
};
static MP_DEFINE_CONST_DICT(own_methods, own_methods_table);

static void socket_attr(mp_obj_t self_in, qstr name, mp_obj_t *dest) {
    if (dest[0] != MP_OBJ_NULL) {
        return;
    }
    const mp_map_elem_t *method = mp_map_lookup(
        (mp_map_t *)&own_methods.map, MP_OBJ_NEW_QSTR(name), MP_MAP_LOOKUP);
    if (method != NULL) {
        dest[0] = method->value;
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

void sockets_close_gently(mp_obj_t stream) {
    if (mp_obj_is_type(stream, &lwip_socket_type)) {
        lwip_socket_obj_t *socket = MP_OBJ_TO_PTR(stream);
        if (socket->type == MOD_NETWORK_SOCK_STREAM && socket->pcb.tcp != NULL
            && !has_ended(socket)) {
            set_option(socket, SOF_DISCARD_ON_CLOSE, true);
        }
    }
}
