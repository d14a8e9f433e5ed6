// SPDX-License-Identifier: MIT

// network.Bridge: what makes a network interface of lwIP's out of a driver that is written in
// Python.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_BRIDGE_H
#define MICROPY_INCLUDED_BOARDS_PORT_BRIDGE_H

#include "py/obj.h"

extern const mp_obj_type_t network_bridge_type;

// At each start of MicroPython, after mp_init().
void bridge_init_all(void);

// Before the heap goes, where the drivers are: takes all interfaces away.
void bridge_deinit_all(void);

// Has the interfaces take the name that network.hostname() has now.
void bridge_follow_hostname(void);

// Has the drivers send what waits, now; whether something waits still.
void bridge_flush_all(void);
bool bridge_some_waiting(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_BRIDGE_H
