// SPDX-License-Identifier: MIT

#include "trap.h"

#define FRAME_SIZE      (34 * 8)
#define FPU_FRAME_SIZE  (32 * 16)

    .macro each_integer_pair instruction
    .irp n, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28
    pair \instruction, x, \n, 8
    .endr
    .endm

    .macro each_fpu_pair instruction
    .irp n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
    pair \instruction, q, \n, 16
    .endr
    .endm

    /* Registers `n` and the next, at their place in an array of registers of `size` at sp. */
    .macro pair instruction, kind, n, size
    .altmacro
    pair_of \instruction, \kind, \n, %(\n + 1), \size
    .noaltmacro
    .endm

    .macro pair_of instruction, kind, n, next, size
    \instruction \kind\()\n, \kind\()\next, [sp, #(\n * \size)]
    .endm

    /* Exceptions come here on a stack of their own, since programs use the stack pointer of EL0.
       What was interrupted is saved in a trap_frame_t. */
    .macro trap kind
    .balign 0x80
    sub sp, sp, #FRAME_SIZE
    stp x0, x1, [sp]
    mov x1, #\kind
    b save
    .endm

    .macro traps
    trap TRAP_SYNCHRONOUS
    trap TRAP_IRQ
    trap TRAP_FIQ
    trap TRAP_SYSTEM_ERROR
    .endm

    .text
    .balign 0x800
    .global vectors
vectors:
    traps /* in the program */
    traps /* in the handler of an exception */

    .balign 0x80
save:
    each_integer_pair stp
    mrs x2, sp_el0
    stp x30, x2, [sp, #(30 * 8)]
    mrs x2, elr_el1
    mrs x3, spsr_el1
    stp x2, x3, [sp, #(32 * 8)]
    mov x0, sp
    mrs x19, fpsr
    mrs x20, fpcr
    sub sp, sp, #FPU_FRAME_SIZE
    each_fpu_pair stp

    bl trap_handle

    each_fpu_pair ldp
    add sp, sp, #FPU_FRAME_SIZE
    msr fpsr, x19
    msr fpcr, x20
    ldp x2, x3, [sp, #(32 * 8)]
    msr elr_el1, x2
    msr spsr_el1, x3
    ldp x30, x2, [sp, #(30 * 8)]
    msr sp_el0, x2
    each_integer_pair ldp
    ldp x0, x1, [sp]
    add sp, sp, #FRAME_SIZE
    eret
