// SPDX-License-Identifier: MIT

// The ways to call PSCI (Arm's Power State Coordination Interface), by either instruction; in
// assembly language.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_POWER_PSCI_H
#define MICROPY_INCLUDED_BOARDS_PORT_POWER_PSCI_H

#include <stdint.h>

void psci_call_hvc(uint32_t function);
void psci_call_smc(uint32_t function);

#endif // MICROPY_INCLUDED_BOARDS_PORT_POWER_PSCI_H
