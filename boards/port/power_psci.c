// SPDX-License-Identifier: MIT

// The end, through PSCI: what stands in for the machine's firmware switches it off or resets it.
// That carries no exit status, so semihosting comes first, where QEMU was told to listen to it.

#include <string.h>
#include "py/mpconfig.h"
#include "device_tree.h"
#include "hardware.h"
#include "power.h"
#include "power_psci.h"
#include "semihosting.h"

#define PSCI_SYSTEM_OFF         0x84000008
#define PSCI_SYSTEM_RESET       0x84000009

#define STATUS_LOST "The exit status is lost, as QEMU runs without -semihosting-config " \
    "enable=on,target=native\r\n"

static void call(uint32_t function) {
    size_t length;
    const char *method = device_tree_property("psci", "method", &length);
    if (method != NULL && strcmp(method, "smc") == 0) {
        psci_call_smc(function);
    } else if (method != NULL) {
        psci_call_hvc(function);
    }
}

void power_off_by_call(int status) {
    semihosting_exit(status);
    if (status != 0) {
        uart_write(STATUS_LOST, strlen(STATUS_LOST));
        uart_flush();
    }
    call(PSCI_SYSTEM_OFF);
}

void power_reset_by_call(void) {
    call(PSCI_SYSTEM_RESET);
}
