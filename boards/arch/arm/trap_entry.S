// SPDX-License-Identifier: MIT

#include "trap.h"

    /* What was interrupted is saved in a trap_frame_t on the stack of supervisor mode: its own
       stack may be what is broken. `offset` is what the CPU adds to the address to return to. */
    .macro trap kind, offset
    .if \offset
    sub lr, lr, #\offset
    .endif
    srsdb sp!, #MODE_SUPERVISOR
    cps #MODE_SUPERVISOR
    push {lr}
    sub sp, sp, #60
    stm sp, {r0-r12, sp, lr}^
    mov r1, #\kind
    b save_fpu
    .endm

    .arm
    .text
    .align 5
    .global vectors
vectors:
    b .
    b undefined
    b supervisor_call
    b prefetch_abort
    b data_abort
    b .
    b irq
    b fiq

undefined:
    trap TRAP_UNDEFINED, 4
supervisor_call:
    trap TRAP_SUPERVISOR_CALL, 0
prefetch_abort:
    trap TRAP_PREFETCH_ABORT, 4
data_abort:
    trap TRAP_DATA_ABORT, 8
irq:
    trap TRAP_IRQ, 4
fiq:
    trap TRAP_FIQ, 4

save_fpu:
    mov r0, sp
    mov r4, sp
    bic sp, sp, #7
    vpush {d16-d31}
    vpush {d0-d7}
    vmrs r5, fpscr
    blx trap_handle
    vmsr fpscr, r5
    vpop {d0-d7}
    vpop {d16-d31}
    mov sp, r4

    clrex
    ldm sp, {r0-r12, sp, lr}^
    nop
    add sp, sp, #60
    pop {lr}
    rfeia sp!
