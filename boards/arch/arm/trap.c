// SPDX-License-Identifier: MIT

// Tells interrupts from exceptions: an interrupt goes to its handler; an exception becomes a Python
// exception in the code that caused it or, where that is not possible, ends QEMU.

#include "fault.h"
#include "gic.h"
#include "mmu.h"
#include "native_interrupt.h"
#include "semihosting.h"
#include "trap.h"

#define CPSR_MODE       0x1f
#define CPSR_THUMB      0x20
#define CPSR_IT         0x0600fc00 // how far Thumb's if-then instruction has got
#define DFSR_WRITE      0x800

// What trap_entry.S saves of the code that it interrupts.
typedef struct {
    uint32_t r[13];
    uint32_t program_sp;
    uint32_t program_lr;
    uint32_t handler_lr;
    uint32_t pc;
    uint32_t cpsr;
} trap_frame_t;

// Whether it is the program, and not the handler of an exception.
static bool is_program(const trap_frame_t *frame) {
    return (frame->cpsr & CPSR_MODE) == MODE_SYSTEM;
}

static uint32_t read_dfsr(void) {
    uint32_t value;
    __asm volatile ("mrc p15, 0, %0, c5, c0, 0" : "=r" (value));
    return value;
}

static uint32_t read_ifsr(void) {
    uint32_t value;
    __asm volatile ("mrc p15, 0, %0, c5, c0, 1" : "=r" (value));
    return value;
}

static uint32_t read_dfar(void) {
    uint32_t value;
    __asm volatile ("mrc p15, 0, %0, c6, c0, 0" : "=r" (value));
    return value;
}

// Has the interrupted code go on in `function`, as if it had called that.
static void go_on_in(trap_frame_t *frame, uintptr_t function) {
    frame->program_sp &= ~7;
    frame->pc = function & ~1;
    // This is Thumb code, and not inside of an if-then.
    frame->cpsr = (frame->cpsr & ~CPSR_IT) | CPSR_THUMB;
}

static void go_on_raising(trap_frame_t *frame, const char *access, uintptr_t address,
    const char *reason) {
    frame->r[0] = (uintptr_t)access;
    frame->r[1] = address;
    frame->r[2] = (uintptr_t)reason;
    go_on_in(frame, (uintptr_t)fault_raise);
}

static void report(const trap_frame_t *frame, const char *access, uintptr_t address,
    const char *reason) {
    static const char *const names[] = {
        "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7",
        "r8", "r9", "r10", "r11", "r12",
    };
    fault_report_begin(access, address, reason);
    for (int i = 0; i < 13; ++i) {
        fault_report_register(names[i], frame->r[i]);
    }
    bool in_program = is_program(frame);
    fault_report_register("sp", in_program ? frame->program_sp : (uintptr_t)(frame + 1));
    fault_report_register("lr", in_program ? frame->program_lr : frame->handler_lr);
    fault_report_register("pc", frame->pc);
    fault_report_register("cpsr", frame->cpsr);
    fault_report_end();
}

static void handle_exception(trap_frame_t *frame, unsigned int kind) {
    if (kind == TRAP_UNDEFINED && frame->cpsr & CPSR_THUMB) {
        // trap_entry.S took it for an instruction of 4 bytes.
        frame->pc += 2;
    }
    const char *access = "instruction at";
    uintptr_t address = frame->pc;
    const char *reason = "unexpected trap";
    if (kind == TRAP_UNDEFINED) {
        reason = "illegal instruction";
    } else if (kind == TRAP_DATA_ABORT) {
        uint32_t status = read_dfsr();
        access = status & DFSR_WRITE ? "store to" : "load from";
        address = read_dfar();
        reason = mmu_fault_reason(status);
    } else if (kind == TRAP_PREFETCH_ABORT) {
        access = "instruction fetch from";
        reason = mmu_fault_reason(read_ifsr());
    }
    if (is_program(frame) && fault_is_recoverable(frame->program_sp)) {
        go_on_raising(frame, access, address, reason);
    } else {
        report(frame, access, address, reason);
    }
}

void trap_handle(trap_frame_t *frame, unsigned int kind) {
    if (kind == TRAP_IRQ) {
        gic_handle_interrupts();
        if (is_program(frame) && native_interrupt_is_due(frame->pc, frame->program_sp)) {
            go_on_in(frame, (uintptr_t)native_interrupt_raise);
        }
    } else if (frame->pc == (uintptr_t)semihosting_instruction) {
        frame->pc += 4;
    } else {
        handle_exception(frame, kind);
    }
}
