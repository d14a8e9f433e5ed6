// SPDX-License-Identifier: MIT

// Tells interrupts from exceptions: an interrupt goes to its handler; an exception becomes a Python
// exception in the code that caused it or, where that is not possible, ends QEMU.

#include "py/mpconfig.h"
#include "py/misc.h"
#include "fault.h"
#include "native_interrupt.h"
#include "trap.h"

#define MCAUSE_INTERRUPT            ((uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1))
#define MCAUSE_TIMER_INTERRUPT      (MCAUSE_INTERRUPT | 7)
#define MCAUSE_EXTERNAL_INTERRUPT   (MCAUSE_INTERRUPT | 11)

enum { PC = 0, SP = 2, A0 = 10, A1 = 11, A2 = 12 };

typedef struct {
    const char *access;
    const char *reason;
    bool address_is_pc;
} exception_t;

// By mcause.
static const exception_t exceptions[] = {
    { "instruction fetch from", "misaligned address", false },
    { "instruction fetch from", "nothing is there", false },
    { "instruction at", "illegal instruction", true },
    { "instruction at", "breakpoint", true },
    { "load from", "misaligned address", false },
    { "load from", "nothing is there", false },
    { "store to", "misaligned address", false },
    { "store to", "nothing is there", false },
};

static const exception_t other_exception = { "instruction at", "unexpected trap", true };

static const char *const register_names[32] = {
    "pc", "ra", "sp", "gp", "tp", "t0", "t1", "t2",
    "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
    "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7",
    "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};

// Has the interrupted code go on in `function`, as if it had called that.
static void go_on_in(trap_frame_t *frame, uintptr_t function) {
    frame->x[PC] = function;
    frame->x[SP] &= ~(uintptr_t)15;
}

static void go_on_raising(trap_frame_t *frame, const exception_t *exception, uintptr_t address) {
    go_on_in(frame, (uintptr_t)fault_raise);
    frame->x[A0] = (uintptr_t)exception->access;
    frame->x[A1] = address;
    frame->x[A2] = (uintptr_t)exception->reason;
}

static void handle_exception(trap_frame_t *frame, uintptr_t cause, uintptr_t value) {
    const exception_t *exception = &other_exception;
    if (cause < MP_ARRAY_SIZE(exceptions)) {
        exception = &exceptions[cause];
    }
    uintptr_t address = exception->address_is_pc ? frame->x[PC] : value;
    if (fault_is_recoverable(frame->x[SP])) {
        go_on_raising(frame, exception, address);
        return;
    }
    fault_report_begin(exception->access, address, exception->reason);
    fault_report_register("mcause", cause);
    fault_report_register("mtval", value);
    for (size_t i = 0; i < MP_ARRAY_SIZE(register_names); ++i) {
        fault_report_register(register_names[i], frame->x[i]);
    }
    fault_report_end();
}

void trap_handle(trap_frame_t *frame, uintptr_t cause, uintptr_t value) {
    if (cause == MCAUSE_TIMER_INTERRUPT) {
        clint_handle_timer();
    } else if (cause == MCAUSE_EXTERNAL_INTERRUPT) {
        interrupts_handle_external();
    } else {
        handle_exception(frame, cause, value);
        return;
    }
    if (native_interrupt_is_due(frame->x[PC], frame->x[SP])) {
        go_on_in(frame, (uintptr_t)native_interrupt_raise);
    }
}
