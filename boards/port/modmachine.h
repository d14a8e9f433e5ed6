// SPDX-License-Identifier: MIT

// What module machine and other files take from each other.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_MODMACHINE_H
#define MICROPY_INCLUDED_BOARDS_PORT_MODMACHINE_H

#include "py/obj.h"

// The values of machine.reset_cause().
enum {
    MACHINE_PWRON_RESET,
    MACHINE_HARD_RESET,
    MACHINE_SOFT_RESET,
};

extern int machine_reset_cause_value;

// At the start of the machine: was it switched on, or reset?
void machine_find_reset_cause(void);

extern const mp_obj_type_t machine_rtc_type;
extern const mp_obj_type_t machine_timer_type;

#endif // MICROPY_INCLUDED_BOARDS_PORT_MODMACHINE_H
