// SPDX-License-Identifier: MIT

// The interrupts of devices, through a GICv2 or a GICv3. Numbers are INTIDs: 16 to 31 belong to
// the CPU, and 32 is the first of the devices (SPI 0).

#include "py/mphal.h"
#include "hardware.h"
#include "gic.h"

// A machine that can have but one version has not got the registers of the other.
#ifndef MICROPY_HW_GIC_REDISTRIBUTOR
#define MICROPY_HW_GIC_REDISTRIBUTOR 0
#endif
#ifndef MICROPY_HW_GIC_CPU_INTERFACE
#define MICROPY_HW_GIC_CPU_INTERFACE 0
#endif

// The two versions share the distributor, but with version 3 the interrupts of the CPU are apart,
// in the second frame of its redistributor, at the same offsets; and there the rest of what
// belongs to the CPU is registers of the CPU.
#define DISTRIBUTOR         ((volatile uint32_t *)MICROPY_HW_GIC_DISTRIBUTOR)
#define REDISTRIBUTOR       ((volatile uint32_t *)MICROPY_HW_GIC_REDISTRIBUTOR)
#define REDISTRIBUTOR_SGI   ((volatile uint32_t *)(MICROPY_HW_GIC_REDISTRIBUTOR + 0x10000))
#define CPU_INTERFACE       ((volatile uint32_t *)MICROPY_HW_GIC_CPU_INTERFACE)

// Offsets in words. Each bit, or byte, of these in turn is an interrupt.
enum {
    GICD_CTLR = 0x000 / 4,
    GICD_IGROUPR = 0x080 / 4, // bits
    GICD_ISENABLER = 0x100 / 4, // bits
    GICD_ICENABLER = 0x180 / 4, // bits
    GICD_ITARGETSR = 0x800 / 4, // bytes
    GICD_IGRPMODR = 0xd00 / 4, // bits
    GICD_PIDR2 = 0xfe8 / 4, // where version 2 has it; 0 with version 3

    GICR_WAKER = 0x14 / 4,

    GICC_CTLR = 0x00 / 4,
    GICC_PMR = 0x04 / 4,
    GICC_IAR = 0x0c / 4,
    GICC_EOIR = 0x10 / 4,
};

#define PIDR2_VERSION(value)        ((value) >> 4 & 0xf)
#define CTLR_ENABLE                 0x01
#define V3_CTLR_ENABLE_GROUP_1_ARE  0x12
#define V3_CTLR_ENABLE_SECURE_1     0x04
#define V3_CTLR_ARE                 0x10
#define V3_CTLR_DISABLE_SECURITY    0x40
#define WAKER_PROCESSOR_SLEEP       0x2
#define WAKER_CHILDREN_ASLEEP       0x4
#define LOWEST_PRIORITY             0xff
#define FIRST_OF_CPU                16
#define FIRST_DEVICE                32
#define INTID_MASK                  0x3ff
#define FIRST_SPECIAL               1020 // numbers from here on mean that nothing is pending

static bool version_3;
static irq_handler_t handlers[MICROPY_HW_IRQ_COUNT];

// The registers that `number` has its bit in.
static volatile uint32_t *frame(unsigned int number) {
    return version_3 && number < FIRST_DEVICE ? REDISTRIBUTOR_SGI : DISTRIBUTOR;
}

static void init_version_2(void) {
    // Devices interrupt the first CPU.
    for (unsigned int i = FIRST_DEVICE / 4; i < MICROPY_HW_IRQ_COUNT / 4; ++i) {
        DISTRIBUTOR[GICD_ITARGETSR + i] = 0x01010101;
    }
    DISTRIBUTOR[GICD_CTLR] = CTLR_ENABLE;
    CPU_INTERFACE[GICC_PMR] = LOWEST_PRIORITY;
    CPU_INTERFACE[GICC_CTLR] = CTLR_ENABLE;
}

static void init_version_3(void) {
    // A CPU in the secure state can enable the secure group 1, which is not there for others.
    DISTRIBUTOR[GICD_CTLR] = V3_CTLR_ENABLE_SECURE_1 | V3_CTLR_ARE;
    bool is_secure = DISTRIBUTOR[GICD_CTLR] & V3_CTLR_ENABLE_SECURE_1;
    // Its own group 1 comes as IRQ, others come as FIQ. As it is, devices interrupt the first CPU.
    for (unsigned int number = 0; number < MICROPY_HW_IRQ_COUNT; number += 32) {
        frame(number)[GICD_IGROUPR + number / 32] = is_secure ? 0 : UINT32_MAX;
        frame(number)[GICD_IGRPMODR + number / 32] = is_secure ? UINT32_MAX : 0;
    }
    if (!is_secure) {
        DISTRIBUTOR[GICD_CTLR] = V3_CTLR_ENABLE_GROUP_1_ARE;
    }
    REDISTRIBUTOR[GICR_WAKER] &= ~WAKER_PROCESSOR_SLEEP;
    while (REDISTRIBUTOR[GICR_WAKER] & WAKER_CHILDREN_ASLEEP) {
    }
    cpu_start_gic();
}

// The CPU does not tell: it may have what a GICv3 takes on a machine that has a GICv2. The device tree
// does, but is not read before the MMU is on: until then nothing may be read unaligned.
static bool is_version_3(void) {
    return MICROPY_HW_GIC_REDISTRIBUTOR != 0
           && (MICROPY_HW_GIC_CPU_INTERFACE == 0 || PIDR2_VERSION(DISTRIBUTOR[GICD_PIDR2]) != 2);
}

void gic_leave_secure_state(void) {
    if (is_version_3()) {
        DISTRIBUTOR[GICD_CTLR] = V3_CTLR_DISABLE_SECURITY;
        return;
    }
    for (unsigned int i = 0; i < MICROPY_HW_IRQ_COUNT / 32; ++i) {
        DISTRIBUTOR[GICD_IGROUPR + i] = UINT32_MAX;
    }
    CPU_INTERFACE[GICC_PMR] = LOWEST_PRIORITY;
}

void irq_init(void) {
    version_3 = is_version_3();
    for (unsigned int number = 0; number < MICROPY_HW_IRQ_COUNT; number += 32) {
        frame(number)[GICD_ICENABLER + number / 32] = UINT32_MAX;
    }
    if (version_3) {
        init_version_3();
    } else {
        init_version_2();
    }
}

bool irq_connect(unsigned int number, irq_handler_t handler) {
    if (number < FIRST_OF_CPU || (handlers[number] != NULL && handlers[number] != handler)) {
        return false;
    }
    handlers[number] = handler;
    return true;
}

void irq_enable(unsigned int number) {
    frame(number)[GICD_ISENABLER + number / 32] = 1u << (number % 32);
}

void irq_disable(unsigned int number) {
    frame(number)[GICD_ICENABLER + number / 32] = 1u << (number % 32);
}

static uint32_t acknowledge(void) {
    return version_3 ? cpu_read_icc_iar1() : CPU_INTERFACE[GICC_IAR];
}

static void end(uint32_t acknowledged) {
    if (version_3) {
        cpu_write_icc_eoir1(acknowledged);
    } else {
        CPU_INTERFACE[GICC_EOIR] = acknowledged;
    }
}

void gic_handle_interrupts(void) {
    uint32_t acknowledged;
    while ((acknowledged = acknowledge() & INTID_MASK) < FIRST_SPECIAL) {
        handlers[acknowledged](acknowledged);
        end(acknowledged);
        if (acknowledged != MICROPY_HW_CLOCK_IRQ) {
            mp_hal_signal_event();
        }
    }
}
