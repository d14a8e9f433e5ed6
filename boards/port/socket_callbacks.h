// SPDX-License-Identifier: MIT

#ifndef MICROPY_INCLUDED_BOARDS_PORT_SOCKET_CALLBACKS_H
#define MICROPY_INCLUDED_BOARDS_PORT_SOCKET_CALLBACKS_H

// See socket_callbacks.c. At each start of MicroPython: no callback is to be called.
void socket_callbacks_init(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_SOCKET_CALLBACKS_H
