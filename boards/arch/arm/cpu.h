// SPDX-License-Identifier: MIT

// The CPU itself: masking interrupts, waiting for one, and the registers that drivers need.

#ifndef MICROPY_INCLUDED_BOARDS_ARCH_ARM_CPU_H
#define MICROPY_INCLUDED_BOARDS_ARCH_ARM_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define CPU_CPSR_I 0x80

// Masks interrupts; returns what cpu_restore_interrupts() takes to undo that.
static inline uint32_t cpu_mask_interrupts(void) {
    uint32_t cpsr;
    __asm volatile ("mrs %0, cpsr\n cpsid i" : "=r" (cpsr) : : "memory");
    return cpsr & CPU_CPSR_I;
}

static inline void cpu_enable_interrupts(void) {
    __asm volatile ("cpsie i" : : : "memory");
}

static inline void cpu_restore_interrupts(uint32_t state) {
    if (!(state & CPU_CPSR_I)) {
        cpu_enable_interrupts();
    }
}

// A full barrier, also for what else runs on the host. QEMU leaves barriers out where a machine has
// one CPU, although its devices run beside that; but at an instruction that may change how the code
// goes on it leaves the translated code, and passes a barrier of the host's.
static inline void cpu_full_barrier(void) {
    uint32_t cpsr;
    __asm volatile ("dsb\n mrs %0, cpsr\n msr cpsr_c, %0" : "=r" (cpsr) : : "memory");
}

// Returns when an interrupt is pending, at once if one is already; also while they are masked.
static inline void cpu_wait_for_interrupt(void) {
    __asm volatile ("dsb\n wfi" : : : "memory");
}

// The generic timer: its counter, how often that counts in a second, and the comparator and
// control register of the virtual timer.
static inline uint32_t cpu_clock_hz(void) {
    uint32_t hz;
    __asm volatile ("mrc p15, 0, %0, c14, c0, 0" : "=r" (hz));
    return hz;
}

static inline uint64_t cpu_read_cntvct(void) {
    uint64_t count;
    __asm volatile ("isb\n mrrc p15, 1, %Q0, %R0, c14" : "=r" (count) : : "memory");
    return count;
}

static inline void cpu_write_cntv_cval(uint64_t count) {
    __asm volatile ("mcrr p15, 3, %Q0, %R0, c14" : : "r" (count));
}

static inline void cpu_write_cntv_ctl(uint32_t control) {
    __asm volatile ("mcr p15, 0, %0, c14, c3, 1\n isb" : : "r" (control));
}

// The CPU's part of a GICv3.
static inline void cpu_start_gic(void) {
    uint32_t one = 1, lowest_priority = 0xff;
    __asm volatile ("mcr p15, 0, %0, c12, c12, 5\n isb" : : "r" (one)); // ICC_SRE
    __asm volatile ("mcr p15, 0, %0, c4, c6, 0" : : "r" (lowest_priority)); // ICC_PMR
    __asm volatile ("mcr p15, 0, %0, c12, c12, 7\n isb" : : "r" (one)); // ICC_IGRPEN1
}

static inline uint32_t cpu_read_icc_iar1(void) {
    uint32_t number;
    __asm volatile ("mrc p15, 0, %0, c12, c12, 0\n dsb" : "=r" (number) : : "memory");
    return number;
}

static inline void cpu_write_icc_eoir1(uint32_t number) {
    __asm volatile ("dsb\n mcr p15, 0, %0, c12, c12, 1\n isb" : : "r" (number) : "memory");
}

#endif // MICROPY_INCLUDED_BOARDS_ARCH_ARM_CPU_H
