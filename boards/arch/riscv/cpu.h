// SPDX-License-Identifier: MIT

// The CPU itself: masking interrupts and waiting for one.

#ifndef MICROPY_INCLUDED_BOARDS_ARCH_RISCV_CPU_H
#define MICROPY_INCLUDED_BOARDS_ARCH_RISCV_CPU_H

#include <stdint.h>

#define CPU_MSTATUS_MIE 8

// Masks interrupts; returns what cpu_restore_interrupts() takes to undo that.
static inline uint32_t cpu_mask_interrupts(void) {
    uintptr_t mstatus;
    __asm volatile ("csrrci %0, mstatus, %1" : "=r" (mstatus) : "i" (CPU_MSTATUS_MIE) : "memory");
    return mstatus & CPU_MSTATUS_MIE;
}

static inline void cpu_restore_interrupts(uint32_t state) {
    __asm volatile ("csrs mstatus, %0" : : "r" (state & CPU_MSTATUS_MIE) : "memory");
}

static inline void cpu_enable_interrupts(void) {
    cpu_restore_interrupts(CPU_MSTATUS_MIE);
}

// A full barrier, also for what else runs on the host. QEMU leaves barriers out where a machine has
// one CPU, although its devices run beside that; but at an instruction that may change how the code
// goes on it leaves the translated code, and passes a barrier of the host's.
static inline void cpu_full_barrier(void) {
    __asm volatile ("fence iorw, iorw\n fence.i" : : : "memory");
}

// Returns when an interrupt is pending, at once if one is already; also while they are masked.
static inline void cpu_wait_for_interrupt(void) {
    __asm volatile ("wfi" : : : "memory");
}

#endif // MICROPY_INCLUDED_BOARDS_ARCH_RISCV_CPU_H
