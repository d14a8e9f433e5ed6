// Translation tables in the long-descriptor format, which ARM and AArch64 share: pages of 4 KiB,
// and tables of 512 entries, of 1 GiB, 2 MiB and 4 KiB each, at levels 1 to 3.

#include "py/mpconfig.h"
#include "py/misc.h"
#include "device_tree.h"
#include "mmu.h"

#define PAGE_SIZE       4096

#define VALID           0x001
#define TABLE           0x002 // another table at levels 1 and 2, a page at level 3
#define DEVICE          0x000 // index of mmu_enable()'s memory attributes
#define NORMAL          0x004
#define INNER_SHAREABLE 0x300
#define ACCESSED        0x400
#define NO_EXECUTE      (3ull << 53)

#define DEVICE_ATTRIBUTES   (VALID | DEVICE | ACCESSED | NO_EXECUTE)
#define RAM_ATTRIBUTES      (VALID | NORMAL | INNER_SHAREABLE | ACCESSED)

#define FIRMWARE_END    (MICROPY_HW_RAM_BASE + MICROPY_HW_RAM_SIZE)
// A table of level 1 covers 39 bits.
#define ADDRESS_END     MIN(UINTPTR_MAX, 1ull << 39)

typedef uint64_t table_t[PAGE_SIZE / sizeof(uint64_t)];

// The first is level 1. Then there is one of level 2 each for the devices and the first and the
// last GiB of RAM, and one of level 3 each for the two guards, the end of the firmware, and
// the end of RAM.
static table_t tables[8] __attribute__((aligned(PAGE_SIZE)));
static unsigned int tables_used = 1;

// From the linker script.
extern char _trap_stack_guard_start, _trap_stack_guard_end, _stack_guard_start, _stack_guard_end;

static uint64_t span(int level) {
    return (uint64_t)PAGE_SIZE << (3 - level) * 9;
}

// The entry at `level` that covers `address`.
static uint64_t *find_entry(uint64_t address, int level) {
    uint64_t *table = tables[0];
    for (int above = 1;; ++above) {
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
        *find_entry(start, level) = start | attributes | (level == 3 ? TABLE : 0);
        start += span(level);
    }
}

static void map_ram(uint64_t start, uint64_t end) {
    map(start, end & -(uint64_t)PAGE_SIZE, RAM_ATTRIBUTES);
}

void mmu_init(void) {
    map(MICROPY_HW_DEVICES_BASE, MICROPY_HW_DEVICES_END, DEVICE_ATTRIBUTES);
    map_ram(MICROPY_HW_DEVICE_TREE, (uintptr_t)&_trap_stack_guard_start);
    map_ram((uintptr_t)&_trap_stack_guard_end, (uintptr_t)&_stack_guard_start);
    map_ram((uintptr_t)&_stack_guard_end, FIRMWARE_END);
    mmu_enable(tables[0]);

    // Reading the device tree is the first that needs it.
    uint64_t base, size;
    for (int i = 0; device_tree_memory(i, &base, &size); ++i) {
        map_ram(MAX(base, FIRMWARE_END), MIN(base + size, ADDRESS_END));
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
