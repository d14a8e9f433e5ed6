// SPDX-License-Identifier: MIT

    .arm
    .text

    .global semihosting_call
    .global semihosting_instruction
    .type semihosting_call, %function
semihosting_call:
semihosting_instruction:
    .inst 0xe10f0070 /* hlt 0xf000: an instruction of ARMv8, but QEMU listens on all CPUs */
    bx lr

    .global psci_call_hvc
    .type psci_call_hvc, %function
psci_call_hvc:
    hvc #0
    bx lr

    .global psci_call_smc
    .type psci_call_smc, %function
psci_call_smc:
    smc #0
    bx lr
