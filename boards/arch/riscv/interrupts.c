// SPDX-License-Identifier: MIT

// The interrupts of devices, through the interrupt controller that the machine has.

#include "py/mphal.h"
#include "controller.h"
#include "device_tree.h"
#include "hardware.h"
#include "trap.h"

#define MIE_MEIE 0x800

static const controller_t *controller;
static irq_handler_t handlers[MICROPY_HW_IRQ_COUNT];

static const controller_t *find_controller(void) {
    // With an IMSIC there is an APLIC, too.
    #ifdef MICROPY_HW_IMSIC_BASE
    if (device_tree_find("riscv,imsics")) {
        return &imsic;
    }
    #endif
    #ifdef MICROPY_HW_APLIC_BASE
    if (device_tree_find("riscv,aplic")) {
        return &aplic;
    }
    #endif
    return &plic;
}

void irq_init(void) {
    controller = find_controller();
    controller->init();
    __asm volatile ("csrs mie, %0" : : "r" (MIE_MEIE));
}

bool irq_connect(unsigned int number, irq_handler_t handler) {
    if (number == 0 || (handlers[number] != NULL && handlers[number] != handler)) {
        return false;
    }
    handlers[number] = handler;
    return true;
}

void irq_enable(unsigned int number) {
    controller->enable(number);
}

void irq_disable(unsigned int number) {
    controller->disable(number);
}

void interrupts_handle_external(void) {
    unsigned int number;
    while ((number = controller->claim()) != 0) {
        handlers[number](number);
        controller->complete(number);
    }
    mp_hal_signal_event();
}
