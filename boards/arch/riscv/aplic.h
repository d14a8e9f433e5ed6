// SPDX-License-Identifier: MIT

// The APLIC where an IMSIC takes its interrupts.

#ifndef MICROPY_INCLUDED_BOARDS_ARCH_RISCV_APLIC_H
#define MICROPY_INCLUDED_BOARDS_ARCH_RISCV_APLIC_H

#include <stdint.h>

// Has every interrupt go as a message to the IMSIC at `address`, by the number that it has here.
void aplic_forward_to(uintptr_t address);

// Sends the message for `number` once more if its device still asks.
void aplic_forward_again(unsigned int number);

#endif // MICROPY_INCLUDED_BOARDS_ARCH_RISCV_APLIC_H
