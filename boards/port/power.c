// SPDX-License-Identifier: MIT

// The end: QEMU is told to switch the machine off, or to reset it, by a call of the architecture's,
// or by a store of a value to a register of the board's.

#include <string.h>
#include "py/mphal.h"
#include "hardware.h"
#include "power.h"

#define NO_RESET "This machine cannot be reset: neither PSCI, which is not there with -machine " \
    "secure=on, nor MICROPY_HW_RESET_ADDRESS did it\r\n"
#define NO_END "This machine cannot be switched off: neither semihosting nor PSCI nor " \
    "MICROPY_HW_POWER_OFF_ADDRESS did it, and the CPU stops here\r\n"

__attribute__((weak)) void power_off_by_call(int status) {
    (void)status;
}

__attribute__((weak)) void power_reset_by_call(void) {
}

static inline void store(uintptr_t address, uint32_t value) {
    *(volatile uint32_t *)address = value;
}

// QEMU takes a moment to do what it was told. Whoever still runs after a second says so.
static void complain(const char *text) {
    uint64_t start = clock_ticks();
    while (clock_ticks() - start < MICROPY_HW_CLOCK_HZ) {
    }
    uart_write(text, strlen(text));
    uart_flush();
}

void power_off(int status) {
    uart_flush();
    power_off_by_call(status);
    #ifdef MICROPY_HW_POWER_OFF_ADDRESS
    store(MICROPY_HW_POWER_OFF_ADDRESS, MICROPY_HW_POWER_OFF_VALUE((uint32_t)status));
    #endif
    complain(NO_END);
    for (;;) {
        cpu_wait_for_interrupt();
    }
}

void power_reset(void) {
    uart_flush();
    power_reset_by_call();
    #ifdef MICROPY_HW_RESET_ADDRESS
    store(MICROPY_HW_RESET_ADDRESS, MICROPY_HW_RESET_VALUE);
    #endif
    complain(NO_RESET);
    power_off(1);
}
