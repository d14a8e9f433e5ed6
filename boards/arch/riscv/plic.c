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
    *THRESHOLD = 0;
    __asm volatile ("csrs mie, %0" : : "r" (MIE_MEIE));
}

void irq_connect(unsigned int number, irq_handler_t handler) {
    handlers[number] = handler;
    PRIORITY[number] = 1;
    ENABLE[number / 32] |= 1u << (number % 32);
}

void plic_handle_external(void) {
    unsigned int number;
    while ((number = *CLAIM) != 0) {
        handlers[number](number);
        *CLAIM = number;
    }
    mp_hal_signal_event();
}
