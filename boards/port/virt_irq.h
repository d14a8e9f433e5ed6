// SPDX-License-Identifier: MIT

// virt.irq(): interrupts of devices, handled in Python.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_VIRT_IRQ_H
#define MICROPY_INCLUDED_BOARDS_PORT_VIRT_IRQ_H

// Where callbacks have to wait: serves the interrupts of drivers. What else there is to call is
// called when callbacks run again.
void virt_irq_serve(void);

// Does for an interrupt what would be done if it came.
void virt_irq_call(unsigned int number);

// In an interrupt, now and then: what has failed is to be done once more.
void virt_irq_tick(void);

// Before the heap goes, where the handlers are: disables all interrupts that have one. What is
// scheduled outlives a soft reset, and finds nothing to call then.
void virt_irq_deinit(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_VIRT_IRQ_H
