// SPDX-License-Identifier: MIT

    .text

    .global semihosting_call
    .global semihosting_instruction
semihosting_call:
semihosting_instruction:
    hlt #0xf000
    ret

    .global psci_call_hvc
psci_call_hvc:
    hvc #0
    ret

    .global psci_call_smc
psci_call_smc:
    smc #0
    ret
