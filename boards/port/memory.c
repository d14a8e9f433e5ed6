// SPDX-License-Identifier: MIT

#include <string.h>
#include "py/mpconfig.h"
#include "py/misc.h"
#include "device_tree.h"
#include "memory.h"

#define ALIGNMENT 64
#define PAGE_SIZE 4096

static uintptr_t round_up(uintptr_t address) {
    return (address + ALIGNMENT - 1) & -(uintptr_t)ALIGNMENT;
}

// QEMU has the tree near the end of RAM on some machines, or, on large ones, within it. Returns where
// the RAM behind it begins.
static uintptr_t move_device_tree(uintptr_t start) {
    size_t size = device_tree_size();
    if (size == 0 || device_tree < start) {
        return start;
    }
    memmove((void *)start, (void *)device_tree, size);
    device_tree = start;
    return round_up(start + size);
}

bool memory_range(unsigned int i, uint64_t *base, uint64_t *size) {
    #ifdef MICROPY_HW_RAM_END
    *base = MICROPY_HW_RAM_BASE;
    *size = MICROPY_HW_RAM_END - MICROPY_HW_RAM_BASE;
    return i == 0;
    #else
    return device_tree_memory(i, base, size);
    #endif
}

void memory_find(void *start, void (*found)(uintptr_t start, uintptr_t end)) {
    uintptr_t first = move_device_tree(round_up((uintptr_t)start));
    uint64_t base, size;
    for (int i = 0; memory_range(i, &base, &size); ++i) {
        // The last page of the address space is left out: what is behind it has no address.
        uint64_t end = MIN(base + size, UINTPTR_MAX - PAGE_SIZE + 1);
        base = MAX(base, first);
        if (base < end) {
            found(round_up(base), end & -(uint64_t)ALIGNMENT);
        }
    }
}
