// SPDX-License-Identifier: MIT

// What the alarm of the clock is for: ending a sleep, machine.Timer, and the port's own ticks.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_TIMERS_H
#define MICROPY_INCLUDED_BOARDS_PORT_TIMERS_H

#include <stdint.h>

// At the start of the machine.
void timers_start(void);

// Before the heap goes, where the timers are. What is scheduled outlives a soft reset, and finds
// no timer then.
void timers_deinit(void);

// Ends a sleep when the clock reaches `ticks`. The last call counts; interrupts are masked.
void timers_wake_at(uint64_t ticks);

// Has `fn` called in the interrupt every `period_ms`; 0 for no more.
void timers_tick(unsigned int period_ms, void (*fn)(void));

// Calls `fn` in the interrupt, once, after `ms`, if there is no other call before; NULL for never.
void timers_limit(unsigned int ms, void (*fn)(void));

#endif // MICROPY_INCLUDED_BOARDS_PORT_TIMERS_H
