// SPDX-License-Identifier: MIT

#ifndef MICROPY_INCLUDED_BOARDS_PORT_MPHALPORT_H
#define MICROPY_INCLUDED_BOARDS_PORT_MPHALPORT_H

#include "py/misc.h"
#include "py/ringbuf.h"
#include "cpu.h"
#include "hardware.h"
#include "wall_clock.h"

#define MICROPY_BEGIN_ATOMIC_SECTION()      cpu_mask_interrupts()
#define MICROPY_END_ATOMIC_SECTION(state)   cpu_restore_interrupts(state)

#define MICROPY_INTERNAL_WFE(TIMEOUT_MS)    mp_hal_wait_event(TIMEOUT_MS)

// Sleeps until an interrupt, or for `timeout_ms` (-1: no limit of the caller's). Returns at once
// if an interrupt came since it last returned, so that a caller who looks and then waits misses
// none. Returns whether an interrupt came.
bool mp_hal_wait_event(mp_int_t timeout_ms);

// In ticks; added to what the clock says it still is a time.
#define MP_HAL_MOST_TICKS (UINT64_MAX / 4)

static inline uint64_t mp_hal_ticks_of_ms(uint64_t ms) {
    const uint64_t ticks_per_ms = MICROPY_HW_CLOCK_HZ / 1000;
    return MIN(ms, MP_HAL_MOST_TICKS / ticks_per_ms) * ticks_per_ms;
}

// As mp_hal_delay_ms(), also for more than an mp_uint_t can say.
void mp_hal_sleep_ms(uint64_t ms);

// What an interrupt handler calls to have mp_hal_wait_event() return.
void mp_hal_signal_event(void);

void mp_hal_set_interrupt_char(int c);

static inline mp_uint_t mp_hal_ticks_ms(void) {
    return clock_ticks() / (MICROPY_HW_CLOCK_HZ / 1000);
}

static inline mp_uint_t mp_hal_ticks_us(void) {
    // A clock need not tick a whole number of times in a microsecond, and the product of all ticks
    // would have more than 64 bits some day.
    uint64_t ticks = clock_ticks();
    return ticks / MICROPY_HW_CLOCK_HZ * 1000000
           + ticks % MICROPY_HW_CLOCK_HZ * 1000000 / MICROPY_HW_CLOCK_HZ;
}

// Nanoseconds since the machine was switched on.
static inline uint64_t mp_hal_clock_ns(void) {
    uint64_t ticks = clock_ticks();
    return ticks / MICROPY_HW_CLOCK_HZ * 1000000000
           + ticks % MICROPY_HW_CLOCK_HZ * 1000000000 / MICROPY_HW_CLOCK_HZ;
}

static inline mp_uint_t mp_hal_ticks_cpu(void) {
    return clock_ticks();
}

static inline uint64_t mp_hal_time_ns(void) {
    return wall_clock_ns();
}

// Of console.c, for os.dupterm_notify().
extern ringbuf_t stdin_ringbuf;

#endif // MICROPY_INCLUDED_BOARDS_PORT_MPHALPORT_H
