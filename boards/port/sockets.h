// SPDX-License-Identifier: MIT

// What MicroPython's sockets and the functions that they call agree on.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_SOCKETS_H
#define MICROPY_INCLUDED_BOARDS_PORT_SOCKETS_H

#include "lwip/ip.h"
#include "lwip/pbuf.h"

// The number of an error of lwIP's that they take for that of a closed socket.
#define ERR_CLOSED (-17)

// Options beyond MicroPython's own. All differ, whatever their level.
#define SO_KEEPALIVE SOF_KEEPALIVE
#define SO_LINGER 0x1006
#define SO_ERROR 0x1007
#define SO_TYPE 0x1008
#define TCP_KEEPIDLE 0x1103
#define TCP_KEEPINTVL 0x1104
#define TCP_KEEPCNT 0x1105

// Of a pcb of lwIP's, which has no use for it: it is reset when it is closed.
#define SOF_RESET_ON_CLOSE 0x80

// What comes after it is closed, or is there unread, is thrown away, and no reason to reset it.
#define SOF_DISCARD_ON_CLOSE 0x40

// Arguments of shutdown().
#define SHUT_RD 0
#define SHUT_WR 1
#define SHUT_RDWR 2

// A pbuf for `length` bytes to be sent to `address` by UDP. Raises OSError if they are too many.
struct pbuf *network_udp_new_datagram(const ip_addr_t *address, u16_t length);

#endif // MICROPY_INCLUDED_BOARDS_PORT_SOCKETS_H
