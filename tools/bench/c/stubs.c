// SPDX-License-Identifier: MIT

// What the firmware's start code and drivers ask for, and a program without interrupts and without
// an MMU has no use for.

#include <stddef.h>
#include "hardware.h"

const void *device_tree;

bool irq_connect(unsigned int number, irq_handler_t handler) {
    return true;
}

void irq_enable(unsigned int number) {
}

void clint_handle_timer(void);
void gic_leave_secure_state(void);
void stack_guard_init(void);
void mmu_init(void);
void trap_entry(void);
void vectors(void);

void stack_guard_init(void) {
}

void mmu_init(void) {
}

void gic_leave_secure_state(void) {
}

void trap_entry(void) {
    power_off(1);
}

void vectors(void) {
    power_off(1);
}

const void *device_tree_property(const char *node, const char *name, size_t *length) {
    return NULL;
}
