// SPDX-License-Identifier: MIT

#ifndef MICROPY_INCLUDED_BOARDS_PORT_GIC_H
#define MICROPY_INCLUDED_BOARDS_PORT_GIC_H

// Runs the handlers of the interrupts that are pending; what the CPU's interrupt vector calls.
void gic_handle_interrupts(void);

// Gives all interrupts to the side that is not secure, while the CPU is still on the other one.
void gic_leave_secure_state(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_GIC_H
