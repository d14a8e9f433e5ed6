// SPDX-License-Identifier: MIT

// What trap_entry.S and trap.c share.

#ifndef MICROPY_INCLUDED_BOARDS_ARCH_AARCH64_TRAP_H
#define MICROPY_INCLUDED_BOARDS_ARCH_AARCH64_TRAP_H

#define TRAP_SYNCHRONOUS        0
#define TRAP_IRQ                1
#define TRAP_FIQ                2
#define TRAP_SYSTEM_ERROR       3

#endif // MICROPY_INCLUDED_BOARDS_ARCH_AARCH64_TRAP_H
