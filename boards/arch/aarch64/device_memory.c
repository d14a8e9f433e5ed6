// SPDX-License-Identifier: MIT

// What is neither RAM nor among the devices that mmu_init() maps is mapped when it is asked for, by
// whole GiB, to where it is.

#include "py/mpconfig.h"
#include "py/mperrno.h"
#include "cpu.h"
#include "hardware.h"
#include "mmu.h"

#define GIB 0x40000000ull

int device_memory_map(uint64_t address, uint64_t size, uintptr_t *where) {
    // NULL is to point to nothing.
    if (size == 0 || address < MICROPY_HW_DEVICES_BASE || address >= MMU_ADDRESS_END
        || size > MMU_ADDRESS_END - address) {
        return MP_EINVAL;
    }
    for (uint64_t at = address & -GIB; at < address + size; at += GIB) {
        uint64_t *entry = mmu_entry(at, 1);
        if (*entry == 0) {
            *entry = at | MMU_DEVICE;
        }
    }
    cpu_full_barrier();
    *where = address;
    return 0;
}
