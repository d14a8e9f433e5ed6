// SPDX-License-Identifier: MIT

#include "py/mphal.h"
#include "py/mpstate.h"
#include "py/runtime.h"
#include "guard.h"

// A Ctrl-C counts as a second one this long after the first.
#define SECOND_AFTER_MS 250

static unsigned int guards;
static unsigned int holds;

// Ctrl-C that wait, and when the first of them came.
static unsigned int interrupts;
static mp_uint_t first_at;

// What MP_STATE_MAIN_THREAD(mp_pending_exception) stands for, and whether another one came while
// the program did not get it.
static unsigned int raised;
static bool insistent;

#define pending_exception MP_STATE_MAIN_THREAD(mp_pending_exception)

void __real_mp_sched_keyboard_interrupt(void);

// All that follows up to guard_enter() runs with interrupts masked.

static void raise_what_may_be(void) {
    if (holds == 0 && interrupts > (guards > 0)) {
        raised = interrupts;
        interrupts = 0;
        insistent = false;
        __real_mp_sched_keyboard_interrupt();
    }
}

// What is about to be raised waits now, unless it is a second one within a guard.
static void keep_pending(void) {
    if (pending_exception != MP_OBJ_NULL) {
        pending_exception = MP_OBJ_NULL;
        interrupts += raised;
    }
}

static void count_interrupt(void) {
    mp_uint_t now = mp_hal_ticks_ms();
    bool second = now - first_at >= SECOND_AFTER_MS;
    if (pending_exception != MP_OBJ_NULL) {
        insistent |= second;
    } else if (interrupts == 0) {
        interrupts = 1;
        first_at = now;
    } else if (second) {
        interrupts = 2;
    }
}

// What everybody calls who has seen Ctrl-C, by the linker's --wrap.
void __wrap_mp_sched_keyboard_interrupt(void) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    count_interrupt();
    raise_what_may_be();
    MICROPY_END_ATOMIC_SECTION(state);
}

void guard_enter(void) {
    mp_sched_lock();
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    if (guards++ == 0) {
        keep_pending();
    }
    MICROPY_END_ATOMIC_SECTION(state);
}

void guard_leave(void) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    --guards;
    raise_what_may_be();
    MICROPY_END_ATOMIC_SECTION(state);
    mp_sched_unlock();
}

void guard_hold(void) {
    mp_sched_lock();
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    ++holds;
    keep_pending();
    MICROPY_END_ATOMIC_SECTION(state);
}

void guard_release(void) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    --holds;
    raise_what_may_be();
    MICROPY_END_ATOMIC_SECTION(state);
    mp_sched_unlock();
}

bool guard_insists(void) {
    return insistent && pending_exception != MP_OBJ_NULL && !guard_is_held();
}

bool guard_is_held(void) {
    return guards + holds > 0;
}

unsigned int guard_interrupts(void) {
    return interrupts;
}

guard_depth_t guard_depth(void) {
    return (guard_depth_t) { guards, holds };
}

void guard_return_to(guard_depth_t depth) {
    while (holds > depth.holds) {
        guard_release();
    }
    while (guards > depth.guards) {
        guard_leave();
    }
}

void guard_interrupt_again(void) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    interrupts = MAX(interrupts, MAX(raised, 1));
    raise_what_may_be();
    MICROPY_END_ATOMIC_SECTION(state);
}

bool guard_forget_interrupts(void) {
    bool some = interrupts > 0 || pending_exception != MP_OBJ_NULL;
    interrupts = 0;
    pending_exception = MP_OBJ_NULL;
    return some;
}
