// SPDX-License-Identifier: MIT

// Constants that modules of MicroPython's lack, and programs for CPython take for granted.

#include "py/mperrno.h"
#include "py/obj.h"
#include "py/stream.h"
#include "lwip/prot/ip.h"
#include "sockets.h"

typedef struct {
    qstr name;
    uint16_t value;
} constant_t;

static const constant_t socket_constants[] = {
    { MP_QSTR_IPPROTO_ICMP, IP_PROTO_ICMP },
    { MP_QSTR_IPPROTO_UDP, IP_PROTO_UDP },
    { MP_QSTR_IPPROTO_IPV6, 41 },
    { MP_QSTR_AF_UNSPEC, 0 },
    { MP_QSTR_SOMAXCONN, UINT8_MAX },
    { MP_QSTR_SHUT_RD, SHUT_RD },
    { MP_QSTR_SHUT_WR, SHUT_WR },
    { MP_QSTR_SHUT_RDWR, SHUT_RDWR },
    { MP_QSTR_SO_ERROR, SO_ERROR },
    { MP_QSTR_SO_KEEPALIVE, SO_KEEPALIVE },
    { MP_QSTR_SO_LINGER, SO_LINGER },
    { MP_QSTR_SO_TYPE, SO_TYPE },
    { MP_QSTR_TCP_KEEPIDLE, TCP_KEEPIDLE },
    { MP_QSTR_TCP_KEEPINTVL, TCP_KEEPINTVL },
    { MP_QSTR_TCP_KEEPCNT, TCP_KEEPCNT },
};

static const constant_t select_constants[] = {
    { MP_QSTR_POLLNVAL, MP_STREAM_POLL_NVAL },
};

// Another name of EAGAIN, so it is not in errorcode, where each number has one.
static const constant_t errno_constants[] = {
    { MP_QSTR_EWOULDBLOCK, MP_EWOULDBLOCK },
};

static void find(const constant_t *constants, size_t count, qstr name, mp_obj_t *dest) {
    for (size_t i = 0; i < count && dest[0] == MP_OBJ_NULL; ++i) {
        if (constants[i].name == name) {
            dest[0] = MP_OBJ_NEW_SMALL_INT(constants[i].value);
        }
    }
}

void constants_of_socket(mp_obj_t self_in, qstr name, mp_obj_t *dest) {
    (void)self_in;
    find(socket_constants, MP_ARRAY_SIZE(socket_constants), name, dest);
}
MP_REGISTER_MODULE_DELEGATION(mp_module_lwip, constants_of_socket);

void constants_of_select(mp_obj_t self_in, qstr name, mp_obj_t *dest) {
    (void)self_in;
    find(select_constants, MP_ARRAY_SIZE(select_constants), name, dest);
}
MP_REGISTER_MODULE_DELEGATION(mp_module_select, constants_of_select);

void constants_of_errno(mp_obj_t self_in, qstr name, mp_obj_t *dest) {
    (void)self_in;
    find(errno_constants, MP_ARRAY_SIZE(errno_constants), name, dest);
}
MP_REGISTER_MODULE_DELEGATION(mp_module_errno, constants_of_errno);
