// The interrupts of devices, through the PLIC (context 0: machine mode of the first hart).

#include "py/mphal.h"
#include "hardware.h"
#include "trap.h"

#define PRIORITY    ((volatile uint32_t *)(MICROPY_HW_PLIC_BASE))
#define ENABLE      ((volatile uint32_t *)(MICROPY_HW_PLIC_BASE + 0x2000))
#define THRESHOLD   ((volatile uint32_t *)(MICROPY_HW_PLIC_BASE + 0x200000))
#define CLAIM       ((volatile uint32_t *)(MICROPY_HW_PLIC_BASE + 0x200004))

#define MIE_MEIE 0x800

static irq_handler_t handlers[MICROPY_HW_IRQ_COUNT];

void irq_init(void) {
    for (unsigned int i = 0; i < MICROPY_HW_IRQ_COUNT / 32; ++i) {
        ENABLE[i] = 0;
    }
    *THRESHOLD = 0;
    __asm volatile ("csrs mie, %0" : : "r" (MIE_MEIE));
}

bool irq_connect(unsigned int number, irq_handler_t handler) {
    if (number == 0 || (handlers[number] != NULL && handlers[number] != handler)) {
        return false;
    }
    handlers[number] = handler;
    PRIORITY[number] = 1;
    return true;
}

static bool is_enabled(unsigned int number) {
    return ENABLE[number / 32] >> (number % 32) & 1;
}

void irq_enable(unsigned int number) {
    ENABLE[number / 32] |= 1u << (number % 32);
    // Completes what plic_handle_external() left open.
    *CLAIM = number;
}

void irq_disable(unsigned int number) {
    ENABLE[number / 32] &= ~(1u << (number % 32));
}

void plic_handle_external(void) {
    unsigned int number;
    while ((number = *CLAIM) != 0) {
        handlers[number](number);
        // The PLIC does not take the completion of an interrupt that is disabled.
        if (is_enabled(number)) {
            *CLAIM = number;
        }
    }
    mp_hal_signal_event();
}
