// SPDX-License-Identifier: MIT

// What start.S, trap_entry.S and trap.c share.

#ifndef MICROPY_INCLUDED_BOARDS_ARCH_ARM_TRAP_H
#define MICROPY_INCLUDED_BOARDS_ARCH_ARM_TRAP_H

#define TRAP_UNDEFINED          0
#define TRAP_SUPERVISOR_CALL    1
#define TRAP_PREFETCH_ABORT     2
#define TRAP_DATA_ABORT         3
#define TRAP_IRQ                4
#define TRAP_FIQ                5

#define MODE_SUPERVISOR         0x13
#define MODE_HYPERVISOR         0x1a
#define MODE_SYSTEM             0x1f

#endif // MICROPY_INCLUDED_BOARDS_ARCH_ARM_TRAP_H
