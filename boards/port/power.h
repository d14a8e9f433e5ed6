// SPDX-License-Identifier: MIT

// What an architecture has for the end besides a store to a register. These return if the machine
// has no such thing.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_POWER_H
#define MICROPY_INCLUDED_BOARDS_PORT_POWER_H

void power_off_by_call(int status);
void power_reset_by_call(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_POWER_H
