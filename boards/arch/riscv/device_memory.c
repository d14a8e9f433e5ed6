// SPDX-License-Identifier: MIT

// Nothing translates addresses here.

#include "py/mperrno.h"
#include "hardware.h"

int device_memory_map(uint64_t address, uint64_t size, uintptr_t *where) {
    if (size == 0 || address > UINTPTR_MAX || size - 1 > UINTPTR_MAX - address) {
        return MP_EINVAL;
    }
    *where = address;
    return 0;
}
