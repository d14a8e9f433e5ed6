// The end, through PSCI: what stands in for the machine's firmware switches it off or resets it.
// That carries no exit status, so semihosting comes first, where QEMU was told to listen to it.

#include <string.h>
#include "py/mpconfig.h"
#include "device_tree.h"
#include "hardware.h"
#include "power_psci.h"

#define PSCI_SYSTEM_OFF         0x84000008
#define PSCI_SYSTEM_RESET       0x84000009

#define SYS_EXIT_EXTENDED       0x20
#define APPLICATION_EXIT        0x20026

#define STATUS_LOST "The exit status is lost, as QEMU runs without -semihosting-config " \
    "enable=on,target=native\r\n"

#define NO_RESET "This machine has no PSCI, as with -machine secure=on: it cannot be reset\r\n"

static void __attribute__((noreturn)) finish(uint32_t function) {
    size_t length;
    const char *method = device_tree_property("psci", "method", &length);
    uart_flush();
    if (method != NULL && strcmp(method, "smc") == 0) {
        psci_call_smc(function);
    } else if (method != NULL) {
        psci_call_hvc(function);
    }
    for (;;) {
    }
}

void power_off(int status) {
    const uintptr_t block[2] = { APPLICATION_EXIT, status };
    uart_flush();
    semihosting_call(SYS_EXIT_EXTENDED, block);
    if (status != 0) {
        uart_write(STATUS_LOST, strlen(STATUS_LOST));
    }
    finish(PSCI_SYSTEM_OFF);
}

void power_reset(void) {
    size_t length;
    if (device_tree_property("psci", "method", &length) == NULL) {
        uart_write(NO_RESET, strlen(NO_RESET));
        power_off(1);
    }
    finish(PSCI_SYSTEM_RESET);
}
