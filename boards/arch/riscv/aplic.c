// SPDX-License-Identifier: MIT

// The advanced platform-level interrupt controller (RISC-V Advanced Interrupt Architecture 1.0,
// chapter 4): its domain of machine mode, which delivers to the first hart.

#include <stdbool.h>
#include "py/mpconfig.h"
#include "aplic.h"
#include "controller.h"

#ifdef MICROPY_HW_APLIC_BASE

#define REGISTERS ((volatile uint32_t *)MICROPY_HW_APLIC_BASE)

// Offsets in words.
enum {
    DOMAINCFG = 0x0000 / 4,
    SOURCECFG = 0x0000 / 4, // by number, from 1 on, as TARGET
    MMSIADDRCFG = 0x1bc0 / 4,
    MMSIADDRCFGH = 0x1bc4 / 4,
    SETIPNUM = 0x1cdc / 4,
    IN_CLRIP = 0x1d00 / 4, // bits: reads as what devices ask for
    SETIENUM = 0x1edc / 4,
    CLRIENUM = 0x1fdc / 4,
    TARGET = 0x3000 / 4,
    // Of the first hart, where interrupts are no messages.
    IDELIVERY = 0x4000 / 4,
    ITHRESHOLD = 0x4008 / 4,
    CLAIMI = 0x401c / 4,
};

#define DOMAINCFG_ENABLE    0x100
#define DOMAINCFG_MESSAGES  0x004
#define SOURCE_INACTIVE     0
#define SOURCE_LEVEL_HIGH   6
#define PRIORITY            1
#define CLAIMI_NUMBER_SHIFT 16
#define PAGE_SHIFT          12

// QEMU leaves all of this as it was when the machine is reset, and undefined when it starts: only a
// source that becomes inactive is disabled, too.
static void init_sources(void) {
    for (unsigned int number = 1; number < MICROPY_HW_IRQ_COUNT; ++number) {
        REGISTERS[SOURCECFG + number] = SOURCE_INACTIVE;
        REGISTERS[SOURCECFG + number] = SOURCE_LEVEL_HIGH;
    }
}

static bool device_asks(unsigned int number) {
    return REGISTERS[IN_CLRIP + number / 32] >> (number % 32) & 1;
}

static void init(void) {
    init_sources();
    for (unsigned int number = 1; number < MICROPY_HW_IRQ_COUNT; ++number) {
        REGISTERS[TARGET + number] = PRIORITY;
    }
    REGISTERS[ITHRESHOLD] = 0;
    REGISTERS[IDELIVERY] = 1;
    REGISTERS[DOMAINCFG] = DOMAINCFG_ENABLE;
}

static void enable(unsigned int number) {
    REGISTERS[SETIENUM] = number;
}

static void disable(unsigned int number) {
    REGISTERS[CLRIENUM] = number;
}

// QEMU has an interrupt pend again after a claim, and go on when its device asks no more.
static unsigned int claim(void) {
    unsigned int number;
    do {
        number = REGISTERS[CLAIMI] >> CLAIMI_NUMBER_SHIFT;
    } while (number != 0 && !device_asks(number));
    return number;
}

static void complete(unsigned int number) {
    (void)number;
}

const controller_t aplic = { init, enable, disable, claim, complete };

void aplic_forward_to(uintptr_t address) {
    init_sources();
    REGISTERS[MMSIADDRCFG] = address >> PAGE_SHIFT;
    REGISTERS[MMSIADDRCFGH] = 0;
    for (unsigned int number = 1; number < MICROPY_HW_IRQ_COUNT; ++number) {
        REGISTERS[TARGET + number] = number;
        REGISTERS[SETIENUM] = number;
    }
    REGISTERS[DOMAINCFG] = DOMAINCFG_ENABLE | DOMAINCFG_MESSAGES;
}

void aplic_forward_again(unsigned int number) {
    if (device_asks(number)) {
        REGISTERS[SETIPNUM] = number;
    }
}

#endif
