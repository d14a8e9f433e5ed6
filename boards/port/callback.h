// SPDX-License-Identifier: MIT

// How the port calls Python code that interrupts other Python code: callbacks of timers, handlers
// of interrupts, finalisers.
//
// All of it goes through MicroPython's mp_call_function_1_protected(), which prints an exception
// and returns MP_OBJ_NULL. On this port a Ctrl-C that was typed before is for the code that is
// interrupted. One that comes meanwhile is raised in the callback, and then in that code.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_CALLBACK_H
#define MICROPY_INCLUDED_BOARDS_PORT_CALLBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "py/obj.h"

// Whether Ctrl-C ended the last such call: what would only be called again is to be off then.
extern bool callback_interrupted;

// Whether it ended by an exception that may not come at another time: for want of stack or memory,
// or by Ctrl-C.
extern bool callback_may_pass;

// Not 0 in a hard handler: in an interrupt, where all that it interrupted may be half done. Code
// that changes what is shared looks at it, in Python too, by its address.
extern volatile uint32_t callback_is_hard;

// Calls a hard handler, with the heap and the scheduler locked. Returns whether it went well; an
// exception is printed.
bool callback_call_hard(mp_obj_t function, mp_obj_t argument);

#endif // MICROPY_INCLUDED_BOARDS_PORT_CALLBACK_H
