// SPDX-License-Identifier: MIT

#include "mpconfigboard.h"
#include "registers.h"

#define MSTATUS_FS 0x6000

    /* Where QEMU starts every hart, with the address of the device tree in a1. */
    .section .start, "ax"
    .global _start
_start:
    csrr t0, mhartid
    bnez t0, park

    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, _stack_end

    la t0, trap_entry
    csrw mtvec, t0
    csrw mie, zero

    /* Code that uses the FPU by mistake is to trap. */
    li t0, MSTATUS_FS
#ifdef __riscv_flen
    csrs mstatus, t0
    csrw fcsr, zero
#else
    csrc mstatus, t0
#endif

    la t0, _bss_start
    la t1, _bss_end
1:
    STORE zero, 0(t0)
    addi t0, t0, REGISTER_SIZE
    bltu t0, t1, 1b

#ifndef MICROPY_HW_RAM_END
    la t0, device_tree
    STORE a1, 0(t0)
#endif
    call stack_guard_init
    call main

    /* MicroPython runs on one hart. */
park:
    wfi
    j park
