// SPDX-License-Identifier: MIT

// Translation tables in the long-descriptor format, which ARM and AArch64 share: pages of 4 KiB,
// and tables of 512 entries, of 512 GiB, 1 GiB, 2 MiB and 4 KiB each, at levels 0 to 3.

#include "py/mpconfig.h"
#include "py/misc.h"
#include "memory.h"
#include "mmu.h"

#define PAGE_SIZE       4096

#define VALID           0x001
#define TABLE           0x002 // another table at levels 1 and 2, a page at level 3
#define NORMAL          0x004 // index of mmu_enable()'s memory attributes; that of devices is 0
#define INNER_SHAREABLE 0x300
#define ACCESSED        0x400

#define RAM_ATTRIBUTES      (VALID | NORMAL | INNER_SHAREABLE | ACCESSED)

// The device tree is in front of the firmware.
#ifdef MICROPY_HW_DEVICE_TREE
#define RAM_START       MICROPY_HW_DEVICE_TREE
#else
#define RAM_START       MICROPY_HW_RAM_BASE
#endif

#define FIRMWARE_END    (MICROPY_HW_RAM_BASE + MICROPY_HW_RAM_SIZE)

typedef uint64_t table_t[PAGE_SIZE / sizeof(uint64_t)];

// The first is where translation starts; if that is level 0, there are two of level 1. Then there is
// one of level 2 each for the devices and the first and the last GiB of RAM, and one of level 3 each
// for the two guards, the end of the firmware, and the end of RAM.
static table_t tables[16] __attribute__((aligned(PAGE_SIZE)));
static unsigned int tables_used = 1;

// From the linker script.
extern char _trap_stack_guard_start, _trap_stack_guard_end, _stack_guard_start, _stack_guard_end;

static uint64_t span(int level) {
    return (uint64_t)PAGE_SIZE << (3 - level) * 9;
}

uint64_t *mmu_entry(uint64_t address, int level) {
    uint64_t *table = tables[0];
    for (int above = MMU_FIRST_LEVEL;; ++above) {
        uint64_t *entry = &table[address / span(above) % 512];
        if (above == level) {
            return entry;
        }
        if (*entry == 0) {
            *entry = (uintptr_t)tables[tables_used++] | TABLE | VALID;
        }
        table = (uint64_t *)(uintptr_t)(*entry & ~(uint64_t)(PAGE_SIZE - 1));
    }
}

static void map(uint64_t start, uint64_t end, uint64_t attributes) {
    while (start < end) {
        int level = 1;
        while (start % span(level) != 0 || end - start < span(level)) {
            ++level;
        }
        *mmu_entry(start, level) = start | attributes | (level == 3 ? TABLE : 0);
        start += span(level);
    }
}

static void map_ram(uint64_t start, uint64_t end) {
    map(start, end & -(uint64_t)PAGE_SIZE, RAM_ATTRIBUTES);
}

void mmu_init(void) {
    map(MICROPY_HW_DEVICES_BASE, MICROPY_HW_WINDOW_BASE, MMU_DEVICE);
    map(MICROPY_HW_WINDOW_END, MICROPY_HW_DEVICES_END, MMU_DEVICE);
    map_ram(RAM_START, (uintptr_t)&_trap_stack_guard_start);
    map_ram((uintptr_t)&_trap_stack_guard_end, (uintptr_t)&_stack_guard_start);
    map_ram((uintptr_t)&_stack_guard_end, FIRMWARE_END);
    mmu_enable(tables[0]);

    // The device tree may be read from here on: that reads words anywhere.
    uint64_t base, size;
    for (int i = 0; memory_range(i, &base, &size); ++i) {
        map_ram(MAX(base, FIRMWARE_END), MIN(base + size, MMU_ADDRESS_END));
    }
    __asm volatile ("dsb sy\n isb" : : : "memory");
}

const char *mmu_fault_reason(uint32_t status) {
    switch (status & 0x3f) {
        case 0x0c ... 0x0f:
            return "not allowed";
        case 0x21:
            return "misaligned address";
        case 0x22:
            return "breakpoint";
        default:
            return "nothing is there";
    }
}
