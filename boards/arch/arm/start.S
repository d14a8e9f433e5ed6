// SPDX-License-Identifier: MIT

#include "mpconfigboard.h"
#include "trap.h"

#define MODE_MASK           0x1f
#define MASK_ALL            0x1c0 /* asynchronous aborts, IRQ, FIQ */

#define CPACR_FPU           (0xf << 20)
#define FPEXC_EN            (1 << 30)

    /* Where QEMU starts a CPU. Programs run in system mode, and all exceptions in supervisor mode
       (trap_entry.S), each with its own stack. */
    .arm
    .section .start, "ax"
    .global _start
_start:
    mrc p15, 0, r0, c0, c0, 5 /* MPIDR */
    lsls r0, r0, #8 /* all of the affinity */
    bne park

    mrs r0, cpsr
    and r0, r0, #MODE_MASK
    cmp r0, #MODE_HYPERVISOR
    bne 1f

    /* With -machine virtualization=on. The timer stays ours, and counts as it is. */
    mov r0, #0
    mcrr p15, 4, r0, r0, c14 /* CNTVOFF */
    mov r0, #3
    mcr p15, 4, r0, c14, c1, 0 /* CNTHCTL */
    adr r0, 1f
    msr elr_hyp, r0
    mov r0, #(MODE_SYSTEM | MASK_ALL)
    msr spsr_cxsf, r0
    eret
1:
    cpsid aif, #MODE_SUPERVISOR
    ldr sp, =_trap_stack_end
    cps #MODE_SYSTEM
    ldr sp, =_stack_end

    ldr r0, =vectors
    mcr p15, 0, r0, c12, c0, 0 /* VBAR */
    mrc p15, 0, r0, c1, c0, 2 /* CPACR */
    orr r0, r0, #CPACR_FPU
    mcr p15, 0, r0, c1, c0, 2
    isb
    ldr r0, =FPEXC_EN
    vmsr fpexc, r0

    ldr r0, =_bss_start
    ldr r1, =_bss_end
    mov r2, #0
2:
    str r2, [r0], #4
    cmp r0, r1
    blo 2b

#ifdef MICROPY_HW_DEVICE_TREE
    /* QEMU puts it there, and does not say so. */
    ldr r0, =device_tree
    ldr r1, =MICROPY_HW_DEVICE_TREE
    str r1, [r0]
#endif

    bl mmu_init
    cpsie a
    bl main

    /* MicroPython runs on one CPU. */
park:
    wfi
    b park

#define MEMORY_ATTRIBUTES   0xff04 /* 1: normal, write-back; 0: device, not to be gathered */
#define TTBCR_LONG          (1 << 31)
#define TTBCR_CACHED        0x3500 /* the tables themselves */
#define SCTLR_MMU_CACHES    0x1005

    .text
    .global mmu_enable
    .type mmu_enable, %function
mmu_enable:
    ldr r1, =MEMORY_ATTRIBUTES
    mcr p15, 0, r1, c10, c2, 0 /* MAIR0 */
    ldr r1, =(TTBCR_LONG | TTBCR_CACHED)
    mcr p15, 0, r1, c2, c0, 2 /* TTBCR */
    mov r1, #0
    mcrr p15, 0, r0, r1, c2 /* TTBR0 */
    mcr p15, 0, r1, c8, c7, 0 /* TLBIALL */
    mcr p15, 0, r1, c7, c5, 0 /* ICIALLU */
    dsb
    isb
    mrc p15, 0, r0, c1, c0, 0 /* SCTLR */
    ldr r1, =SCTLR_MMU_CACHES
    orr r0, r0, r1
    bic r0, r0, #2 /* no alignment check */
    mcr p15, 0, r0, c1, c0, 0
    isb
    bx lr
