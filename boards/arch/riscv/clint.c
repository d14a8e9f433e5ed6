// SPDX-License-Identifier: MIT

// The clock: the counter and comparator of the CLINT, and the timer interrupt they raise.

#include "py/mpconfig.h"
#include "device_tree.h"
#include "hardware.h"
#include "trap.h"

// On a 32-bit CPU each is two registers.
static volatile uint32_t *mtimecmp = (volatile uint32_t *)(MICROPY_HW_CLINT_BASE + 0x4000);
static volatile uint32_t *mtime = (volatile uint32_t *)(MICROPY_HW_CLINT_BASE + 0xbff8);

#define MIE_MTIE 0x80

static void (*alarm_handler)(void);

// An ACLINT may have them anywhere. Of each the device tree has address and size, of 64 bits.
static void find_registers(void) {
    device_tree_node_t node = device_tree_find("riscv,aclint-mtimer");
    size_t length = 0;
    const uint32_t *reg = node == 0 ? NULL : device_tree_value(node, "reg", &length);
    if (length == 32) {
        mtime = (volatile uint32_t *)(uintptr_t)device_tree_number(reg, 2);
        mtimecmp = (volatile uint32_t *)(uintptr_t)device_tree_number(reg + 4, 2);
    }
}

void clock_init(void (*on_alarm)(void)) {
    find_registers();
    alarm_handler = on_alarm;
    clock_set_alarm(UINT64_MAX);
    __asm volatile ("csrs mie, %0" : : "r" (MIE_MTIE));
}

uint64_t clock_ticks(void) {
    uint32_t high, low;
    do {
        high = mtime[1];
        low = mtime[0];
    } while (high != mtime[1]);
    return (uint64_t)high << 32 | low;
}

void clock_set_alarm(uint64_t ticks) {
    // The comparator must not pass through a value that is already reached.
    mtimecmp[1] = UINT32_MAX;
    mtimecmp[0] = (uint32_t)ticks;
    mtimecmp[1] = (uint32_t)(ticks >> 32);
}

void clint_handle_timer(void) {
    clock_set_alarm(UINT64_MAX);
    alarm_handler();
}
