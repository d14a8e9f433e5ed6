// SPDX-License-Identifier: MIT

// Tables of the long format translate the 32 bits of an address to 40. What is beyond 32 bits appears
// in a window of the addresses below RAM, in pieces of 2 MiB.

#include "py/mpconfig.h"
#include "py/mperrno.h"
#include "cpu.h"
#include "hardware.h"
#include "mmu.h"

#define PIECE           0x200000ull
#define PIECES          ((MICROPY_HW_WINDOW_END - MICROPY_HW_WINDOW_BASE) / PIECE)
#define PHYSICAL_END    (1ull << 40)

static bool is_mapped_where_it_is(uint64_t address, uint64_t end) {
    bool is_beside_window = end <= MICROPY_HW_WINDOW_BASE || address >= MICROPY_HW_WINDOW_END;
    return address >= MICROPY_HW_DEVICES_BASE && end <= MMU_ADDRESS_END && is_beside_window;
}

// Where in the window there are `count` pieces that are those from `first` on or, with `first` 0,
// free; PIECES if they are nowhere.
static size_t find(const uint64_t *window, size_t count, uint64_t first) {
    size_t found = 0; // of them, right before `i`
    for (size_t i = 0; i < PIECES; ++i) {
        uint64_t wanted = first == 0 ? 0 : first + found * PIECE;
        found = window[i] == wanted ? found + 1 : window[i] == first;
        if (found == count) {
            return i + 1 - count;
        }
    }
    return PIECES;
}

int device_memory_map(uint64_t address, uint64_t size, uintptr_t *where) {
    if (size == 0 || address >= PHYSICAL_END || size > PHYSICAL_END - address) {
        return MP_EINVAL;
    }
    if (is_mapped_where_it_is(address, address + size)) {
        *where = address;
        return 0;
    }
    if (PIECES == 0) {
        return MP_EINVAL;
    }
    uint64_t *window = mmu_entry(MICROPY_HW_WINDOW_BASE, 2);
    uint64_t first = address & -PIECE;
    size_t count = (address + size - first + PIECE - 1) / PIECE;
    size_t place = find(window, count, first | MMU_DEVICE);
    if (place == PIECES) {
        place = find(window, count, 0);
        if (place == PIECES) {
            return MP_ENOMEM;
        }
        for (size_t i = 0; i < count; ++i) {
            window[place + i] = (first + i * PIECE) | MMU_DEVICE;
        }
        cpu_full_barrier();
    }
    *where = MICROPY_HW_WINDOW_BASE + place * PIECE + (address - first);
    return 0;
}
