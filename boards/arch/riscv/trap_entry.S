// SPDX-License-Identifier: MIT

#include "registers.h"

#define FLOATS (32 * REGISTER_SIZE)
#define FCSR (FLOATS + 32 * FLOAT_SIZE)
#define FRAME_SIZE (FCSR + 16)

    /* All but sp, which points to the frame. */
    .macro each_register instruction
    .irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, \
        24, 25, 26, 27, 28, 29, 30, 31
    \instruction x\n, (\n * REGISTER_SIZE)(sp)
    .endr
    .endm

    .macro each_float_register instruction
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, \
        24, 25, 26, 27, 28, 29, 30, 31
    \instruction f\n, (FLOATS + \n * FLOAT_SIZE)(sp)
    .endr
    .endm

    /* Every interrupt and exception comes here. What was interrupted is saved in a trap_frame_t on
       the trap stack: the interrupted code's own stack may be what is broken. Interrupts do not
       nest, and an exception in a handler does not return, so this stack always starts empty. */
    .text
    .align 2
    .global trap_entry
trap_entry:
    csrw mscratch, sp
    la sp, _trap_stack_end - FRAME_SIZE
    each_register STORE
    csrr t0, mscratch
    STORE t0, (2 * REGISTER_SIZE)(sp)
    csrr t0, mepc
    STORE t0, 0(sp)
#if FLOAT_SIZE
    each_float_register STORE_FLOAT
    csrr t0, fcsr
    STORE t0, FCSR(sp)
#endif

    mv a0, sp
    csrr a1, mcause
    csrr a2, mtval
    call trap_handle

#if FLOAT_SIZE
    LOAD t0, FCSR(sp)
    csrw fcsr, t0
    each_float_register LOAD_FLOAT
#endif
    LOAD t0, 0(sp)
    csrw mepc, t0
    each_register LOAD
    LOAD sp, (2 * REGISTER_SIZE)(sp)
    mret
