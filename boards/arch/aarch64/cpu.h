// SPDX-License-Identifier: MIT

// The CPU itself: masking interrupts, waiting for one, and the registers that drivers need.

#ifndef MICROPY_INCLUDED_BOARDS_ARCH_AARCH64_CPU_H
#define MICROPY_INCLUDED_BOARDS_ARCH_AARCH64_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define CPU_READ(name) ({ \
        uint64_t value_; \
        __asm volatile ("mrs %0, " #name : "=r" (value_) : : "memory"); \
        value_; \
    })

#define CPU_WRITE(name, value) \
    __asm volatile ("msr " #name ", %0\n isb" : : "r" ((uint64_t)(value)) : "memory")

#define CPU_DAIF_I 0x80

// Masks interrupts; returns what cpu_restore_interrupts() takes to undo that.
static inline uint32_t cpu_mask_interrupts(void) {
    uint32_t daif = CPU_READ(daif);
    __asm volatile ("msr daifset, #2" : : : "memory");
    return daif & CPU_DAIF_I;
}

static inline void cpu_enable_interrupts(void) {
    __asm volatile ("msr daifclr, #2" : : : "memory");
}

static inline void cpu_restore_interrupts(uint32_t state) {
    if (!(state & CPU_DAIF_I)) {
        cpu_enable_interrupts();
    }
}

// A full barrier, also for what else runs on the host. QEMU leaves barriers out where a machine has
// one CPU, although its devices run beside that; but at an instruction that may change how the code
// goes on it leaves the translated code, and passes a barrier of the host's.
static inline void cpu_full_barrier(void) {
    __asm volatile ("dsb sy\n msr daifclr, #0" : : : "memory");
}

// Returns when an interrupt is pending, at once if one is already; also while they are masked.
static inline void cpu_wait_for_interrupt(void) {
    __asm volatile ("dsb sy\n wfi" : : : "memory");
}

// The generic timer: its counter, how often that counts in a second, and the comparator and
// control register of the virtual timer.
static inline uint32_t cpu_clock_hz(void) {
    return CPU_READ(cntfrq_el0);
}

static inline uint64_t cpu_read_cntvct(void) {
    __asm volatile ("isb" : : : "memory");
    return CPU_READ(cntvct_el0);
}

static inline void cpu_write_cntv_cval(uint64_t count) {
    CPU_WRITE(cntv_cval_el0, count);
}

static inline void cpu_write_cntv_ctl(uint32_t control) {
    CPU_WRITE(cntv_ctl_el0, control);
}

// The CPU's part of a GICv3, by the numbers of its registers, which not every assembler knows by
// name.
static inline void cpu_start_gic(void) {
    CPU_WRITE(s3_0_c12_c12_5, 1); // ICC_SRE_EL1
    CPU_WRITE(s3_0_c4_c6_0, 0xff); // ICC_PMR_EL1
    CPU_WRITE(s3_0_c12_c12_7, 1); // ICC_IGRPEN1_EL1
}

static inline uint32_t cpu_read_icc_iar1(void) {
    uint32_t number = CPU_READ(s3_0_c12_c12_0);
    __asm volatile ("dsb sy" : : : "memory");
    return number;
}

static inline void cpu_write_icc_eoir1(uint32_t number) {
    __asm volatile ("dsb sy" : : : "memory");
    CPU_WRITE(s3_0_c12_c12_1, number);
}

#endif // MICROPY_INCLUDED_BOARDS_ARCH_AARCH64_CPU_H
