// SPDX-License-Identifier: MIT

// What interrupts.c needs of an interrupt controller: for the first hart, in machine mode.

#ifndef MICROPY_INCLUDED_BOARDS_ARCH_RISCV_CONTROLLER_H
#define MICROPY_INCLUDED_BOARDS_ARCH_RISCV_CONTROLLER_H

typedef struct {
    void (*init)(void); // leaves all interrupts disabled
    void (*enable)(unsigned int number);
    void (*disable)(unsigned int number);
    // The number of an interrupt that came, which is to be handled now; 0 if there is none.
    unsigned int (*claim)(void);
    // It has been handled, and may come again; it may be disabled by now.
    void (*complete)(unsigned int number);
} controller_t;

extern const controller_t plic, aplic, imsic;

#endif // MICROPY_INCLUDED_BOARDS_ARCH_RISCV_CONTROLLER_H
