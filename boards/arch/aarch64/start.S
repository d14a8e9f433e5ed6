// SPDX-License-Identifier: MIT

#include "mpconfigboard.h"

#define HCR_EL2_RW          (1 << 31)
#define CNTHCTL_EL2_ALL     3
#define SPSR_EL1H_MASKED    0x3c5
#define CPACR_EL1_FPU       (3 << 20)
#define SPSR_EL2H_MASKED    0x3c9
#define SCR_EL3_NORMAL      0x531 /* not secure, 64 bits, HVC */
#define ID_AA64PFR0_EL2     (0xf << 8)

    .macro load_address register, symbol
    adrp \register, \symbol
    add \register, \register, :lo12:\symbol
    .endm

    /* Where QEMU starts a CPU. */
    .section .start, "ax"
    .global _start
_start:
    mrs x0, mpidr_el1
    tst x0, #0xffffff
    b.ne park

    mrs x0, currentel
    cmp x0, #(3 << 2)
    b.ne 4f

    /* With -machine secure=on. Only from here can interrupts be given to the other side. */
    load_address x0, _trap_stack_end
    mov sp, x0
    bl gic_leave_secure_state
    mov x0, #SCR_EL3_NORMAL
    msr scr_el3, x0
    msr cptr_el3, xzr /* traps nothing */
    mov x0, #SPSR_EL1H_MASKED
    mrs x1, id_aa64pfr0_el1
    tst x1, #ID_AA64PFR0_EL2
    b.eq 5f
    mov x0, #SPSR_EL2H_MASKED
5:
    msr spsr_el3, x0
    adr x0, 4f
    msr elr_el3, x0
    eret
4:
    mrs x0, currentel
    cmp x0, #(2 << 2)
    b.ne 1f

    /* With -machine virtualization=on. The timer, the FPU and the interrupts stay those of EL1. */
    ldr x0, =HCR_EL2_RW
    msr hcr_el2, x0
    mov x0, #CNTHCTL_EL2_ALL
    msr cnthctl_el2, x0
    msr cntvoff_el2, xzr
    mov x0, #0x33ff /* traps nothing */
    msr cptr_el2, x0
    mov x0, #SPSR_EL1H_MASKED
    msr spsr_el2, x0
    adr x0, 1f
    msr elr_el2, x0
    eret
1:
    /* Exceptions have this stack, programs that of EL0. */
    load_address x0, _trap_stack_end
    mov sp, x0
    msr spsel, #0
    load_address x0, _stack_end
    mov sp, x0

    load_address x0, vectors
    msr vbar_el1, x0
    mov x0, #CPACR_EL1_FPU
    msr cpacr_el1, x0
    isb

    load_address x0, _bss_start
    load_address x1, _bss_end
3:
    str xzr, [x0], #8
    cmp x0, x1
    b.lo 3b

#ifdef MICROPY_HW_DEVICE_TREE
    /* QEMU puts it there, and does not say so. */
    load_address x0, device_tree
    ldr x1, =MICROPY_HW_DEVICE_TREE
    str x1, [x0]
#endif

    bl mmu_init
    msr daifclr, #4 /* system errors */
    bl main

    /* MicroPython runs on one CPU. */
park:
    wfi
    b park

#define MEMORY_ATTRIBUTES   0xff04 /* 1: normal, write-back; 0: device, not to be gathered */
/* Addresses of 40 bits, translated to 40 bits; the tables themselves are cached; nothing at the
   upper end of the address space. */
#define TCR                 (24 | 0x3500 | 1 << 23 | 2 << 32)
#define SCTLR_EL1_MMU       0x30d01805 /* MMU and caches, and the bits that have to be 1 */

    .text
    .global mmu_enable
mmu_enable:
    mov x1, #MEMORY_ATTRIBUTES
    msr mair_el1, x1
    ldr x1, =TCR
    msr tcr_el1, x1
    msr ttbr0_el1, x0
    tlbi vmalle1
    ic iallu
    dsb sy
    isb
    ldr x1, =SCTLR_EL1_MMU
    msr sctlr_el1, x1
    isb
    ret
