// SPDX-License-Identifier: MIT

// The RAM behind the firmware, which is the heap's.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_MEMORY_H
#define MICROPY_INCLUDED_BOARDS_PORT_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

// Puts the range number `i` of RAM into `base` and `size`, in bytes. Returns whether there is one.
bool memory_range(unsigned int i, uint64_t *base, uint64_t *size);

// Calls `found` for each piece of RAM there is, in the order of their addresses,
// but for what is in front of `start`. The device tree itself is moved there if it is in the way.
void memory_find(void *start, void (*found)(uintptr_t start, uintptr_t end));

#endif // MICROPY_INCLUDED_BOARDS_PORT_MEMORY_H
