// SPDX-License-Identifier: MIT

// The incoming message-signaled interrupt controller (RISC-V Advanced Interrupt Architecture 1.0,
// chapter 3): the interrupt file of machine mode, which takes messages of the APLIC.

#include <stdbool.h>
#include "py/mpconfig.h"
#include "aplic.h"
#include "controller.h"

#ifdef MICROPY_HW_IMSIC_BASE

// CSRs, which not every assembler knows by name.
#define MISELECT    "0x350"
#define MIREG       "0x351"
#define MTOPEI      "0x35c"

// What MISELECT selects.
enum {
    EIDELIVERY = 0x70,
    EITHRESHOLD = 0x72,
    EIP = 0x80, // bits: what is pending
    EIE = 0xc0, // bits: what is enabled
};

#define MTOPEI_NUMBER_SHIFT 16

// EIP and EIE have 32 bits a number; with 64-bit registers, at even numbers only, 64.
#define REGISTER_BITS (8 * sizeof(uintptr_t))

static void select(unsigned int number) {
    __asm volatile ("csrw " MISELECT ", %0" : : "r" ((uintptr_t)number));
}

static void write(unsigned int number, uintptr_t value) {
    select(number);
    __asm volatile ("csrw " MIREG ", %0" : : "r" (value));
}

static void select_bits(unsigned int first, unsigned int number) {
    select(first + number / REGISTER_BITS * (REGISTER_BITS / 32));
}

static uintptr_t bit(unsigned int number) {
    return (uintptr_t)1 << number % REGISTER_BITS;
}

static void init(void) {
    aplic_forward_to(MICROPY_HW_IMSIC_BASE);
    for (unsigned int number = 0; number < MICROPY_HW_IRQ_COUNT; number += REGISTER_BITS) {
        select_bits(EIE, number);
        __asm volatile ("csrw " MIREG ", zero");
        select_bits(EIP, number);
        __asm volatile ("csrw " MIREG ", zero");
    }
    write(EITHRESHOLD, 0);
    write(EIDELIVERY, 1);
}

static void enable(unsigned int number) {
    select_bits(EIE, number);
    __asm volatile ("csrs " MIREG ", %0" : : "r" (bit(number)));
    aplic_forward_again(number);
}

static void disable(unsigned int number) {
    select_bits(EIE, number);
    __asm volatile ("csrc " MIREG ", %0" : : "r" (bit(number)));
}

static unsigned int claim(void) {
    uintptr_t top;
    __asm volatile ("csrrw %0, " MTOPEI ", zero" : "=r" (top) : : "memory");
    return top >> MTOPEI_NUMBER_SHIFT;
}

// A message comes when a device begins to ask. One that goes on, or another at the same line, sends
// none.
static void complete(unsigned int number) {
    uintptr_t enabled;
    select_bits(EIE, number);
    __asm volatile ("csrr %0, " MIREG : "=r" (enabled));
    if (enabled & bit(number)) {
        aplic_forward_again(number);
    }
}

const controller_t imsic = { init, enable, disable, claim, complete };

#endif
