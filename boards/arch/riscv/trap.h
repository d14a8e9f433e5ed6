// SPDX-License-Identifier: MIT

#ifndef MICROPY_INCLUDED_BOARDS_ARCH_RISCV_TRAP_H
#define MICROPY_INCLUDED_BOARDS_ARCH_RISCV_TRAP_H

#include <stdint.h>

// What trap_entry.S saves of the code that it interrupts: x[0] is the program counter, x[n]
// register xn.
typedef struct {
    uintptr_t x[32];
} trap_frame_t;

// The two kinds of interrupt, in clint.c and interrupts.c.
void clint_handle_timer(void);
void interrupts_handle_external(void);

// Makes the memory under the main stack inaccessible, so that an overflow is noticed.
void stack_guard_init(void);

#endif // MICROPY_INCLUDED_BOARDS_ARCH_RISCV_TRAP_H
