// SPDX-License-Identifier: MIT

// For those who close a socket and do not include lwIP's headers.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_SOCKETS_CLOSE_H
#define MICROPY_INCLUDED_BOARDS_PORT_SOCKETS_CLOSE_H

#include "py/obj.h"

// Has close() of `stream`, if it is a connection of TCP, leave the peer time to take what was sent.
void sockets_close_gently(mp_obj_t stream);

#endif // MICROPY_INCLUDED_BOARDS_PORT_SOCKETS_CLOSE_H
