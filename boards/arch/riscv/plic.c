// SPDX-License-Identifier: MIT

// The platform-level interrupt controller (context 0: machine mode of the first hart).

#include <stdbool.h>
#include <stdint.h>
#include "py/mpconfig.h"
#include "controller.h"

#define PRIORITY    ((volatile uint32_t *)(MICROPY_HW_PLIC_BASE))
#define ENABLE      ((volatile uint32_t *)(MICROPY_HW_PLIC_BASE + 0x2000))
#define THRESHOLD   ((volatile uint32_t *)(MICROPY_HW_PLIC_BASE + 0x200000))
#define CLAIM       ((volatile uint32_t *)(MICROPY_HW_PLIC_BASE + 0x200004))

static void init(void) {
    for (unsigned int i = 0; i < MICROPY_HW_IRQ_COUNT / 32; ++i) {
        ENABLE[i] = 0;
    }
    for (unsigned int number = 1; number < MICROPY_HW_IRQ_COUNT; ++number) {
        PRIORITY[number] = 1;
    }
    *THRESHOLD = 0;
}

static bool is_enabled(unsigned int number) {
    return ENABLE[number / 32] >> (number % 32) & 1;
}

static void enable(unsigned int number) {
    ENABLE[number / 32] |= 1u << (number % 32);
    // Completes what complete() left open.
    *CLAIM = number;
}

static void disable(unsigned int number) {
    ENABLE[number / 32] &= ~(1u << (number % 32));
}

static unsigned int claim(void) {
    return *CLAIM;
}

static void complete(unsigned int number) {
    // The PLIC does not take the completion of an interrupt that is disabled.
    if (is_enabled(number)) {
        *CLAIM = number;
    }
}

const controller_t plic = { init, enable, disable, claim, complete };
