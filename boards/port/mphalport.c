// SPDX-License-Identifier: MIT

// Waiting: for events and for time to pass.

#include "py/runtime.h"
#include "py/mphal.h"
#include "timers.h"

// Some things are only seen by looking, such as input from a stream that is written in Python:
// sleep no longer than this.
#define MAX_SLEEP_MS 50

static volatile bool event;

void mp_hal_signal_event(void) {
    event = true;
}

static bool take_event(void) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    bool came = event;
    event = false;
    MICROPY_END_ATOMIC_SECTION(state);
    return came;
}

static bool sleep_until(uint64_t deadline) {
    uint64_t limit = clock_ticks() + mp_hal_ticks_of_ms(MAX_SLEEP_MS);
    // An interrupt between the look and the sleep stays pending, which ends the sleep.
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    timers_wake_at(MIN(deadline, limit));
    if (!event && MP_STATE_VM(sched_state) != MP_SCHED_PENDING) {
        cpu_wait_for_interrupt();
    }
    MICROPY_END_ATOMIC_SECTION(state);
    return take_event();
}

static uint64_t ticks_of_us(uint64_t us) {
    us = MIN(us, MP_HAL_MOST_TICKS / MICROPY_HW_CLOCK_HZ * 1000000);
    return us / 1000000 * MICROPY_HW_CLOCK_HZ + us % 1000000 * MICROPY_HW_CLOCK_HZ / 1000000;
}

bool mp_hal_wait_event(mp_int_t timeout_ms) {
    if (timeout_ms < 0) {
        return sleep_until(UINT64_MAX);
    }
    return sleep_until(clock_ticks() + mp_hal_ticks_of_ms(timeout_ms));
}

static void delay(uint64_t ticks) {
    uint64_t deadline = clock_ticks() + ticks;
    mp_event_handle_nowait();
    while (clock_ticks() < deadline) {
        sleep_until(deadline);
        mp_event_handle_nowait();
    }
}

void mp_hal_sleep_ms(uint64_t ms) {
    delay(mp_hal_ticks_of_ms(ms));
}

void mp_hal_delay_ms(mp_uint_t ms) {
    mp_hal_sleep_ms(ms);
}

void mp_hal_delay_us(mp_uint_t us) {
    // Waking up takes longer than a short delay.
    uint64_t ticks = ticks_of_us(us);
    uint64_t deadline = clock_ticks() + ticks;
    if (us >= 1000) {
        delay(ticks);
    }
    while (clock_ticks() < deadline) {
    }
}
