// SPDX-License-Identifier: MIT

// Tells interrupts from exceptions: an interrupt goes to its handler; an exception becomes a Python
// exception in the code that caused it or, where that is not possible, ends QEMU.

#include "cpu.h"
#include "fault.h"
#include "gic.h"
#include "mmu.h"
#include "semihosting.h"
#include "trap.h"

#define SPSR_MODE           0xf
#define SPSR_MODE_PROGRAM   0x4 // EL1, with the stack pointer of EL0

#define ESR_WRITE           0x40

// Exception classes, the topmost bits of ESR_EL1.
#define CLASS_UNKNOWN       0x00
#define CLASS_REGISTER      0x18
#define CLASS_FETCH         0x21
#define CLASS_MISALIGNED_PC 0x22
#define CLASS_ACCESS        0x25
#define CLASS_BREAKPOINT    0x3c
typedef struct {
    uint64_t x[31];
    uint64_t program_sp;
    uint64_t pc;
    uint64_t spsr;
} trap_frame_t;

// Whether it is the program, and not the handler of an exception.
static bool is_program(const trap_frame_t *frame) {
    return (frame->spsr & SPSR_MODE) == SPSR_MODE_PROGRAM;
}

// Has the interrupted code go on in fault_raise(), as if it had called that.
static void go_on_raising(trap_frame_t *frame, const char *access, uintptr_t address,
    const char *reason) {
    frame->x[0] = (uintptr_t)access;
    frame->x[1] = address;
    frame->x[2] = (uintptr_t)reason;
    frame->program_sp &= ~15;
    frame->pc = (uintptr_t)fault_raise;
}

static void report(const trap_frame_t *frame, const char *access, uintptr_t address,
    const char *reason) {
    static const char *const names[] = {
        "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7",
        "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
        "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23",
        "x24", "x25", "x26", "x27", "x28", "x29", "x30",
    };
    fault_report_begin(access, address, reason);
    for (int i = 0; i < 31; ++i) {
        fault_report_register(names[i], frame->x[i]);
    }
    fault_report_register("sp", is_program(frame) ? frame->program_sp : (uintptr_t)(frame + 1));
    fault_report_register("pc", frame->pc);
    fault_report_register("spsr", frame->spsr);
    fault_report_register("esr", CPU_READ(esr_el1));
    fault_report_end();
}

static void handle_exception(trap_frame_t *frame) {
    uint32_t syndrome = CPU_READ(esr_el1);
    const char *access = "instruction at";
    uintptr_t address = frame->pc;
    const char *reason = "unexpected trap";
    switch (syndrome >> 26) {
        case CLASS_UNKNOWN:
        case CLASS_REGISTER:
            reason = "illegal instruction";
            break;
        case CLASS_BREAKPOINT:
            reason = "breakpoint";
            break;
        case CLASS_ACCESS:
            access = syndrome & ESR_WRITE ? "store to" : "load from";
            address = CPU_READ(far_el1);
            reason = mmu_fault_reason(syndrome);
            break;
        case CLASS_FETCH:
            access = "instruction fetch from";
            reason = mmu_fault_reason(syndrome);
            break;
        case CLASS_MISALIGNED_PC:
            access = "instruction fetch from";
            reason = "misaligned address";
            break;
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
    } else if (frame->pc == (uintptr_t)semihosting_instruction) {
        frame->pc += 4;
    } else {
        handle_exception(frame);
    }
}
