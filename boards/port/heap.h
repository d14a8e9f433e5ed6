// SPDX-License-Identifier: MIT

// MicroPython's heap: all RAM behind the firmware. It takes as much of that as it needs.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_HEAP_H
#define MICROPY_INCLUDED_BOARDS_PORT_HEAP_H

#include <stdbool.h>
#include <stddef.h>

// Makes the heap anew, and small.
void heap_init(void);

// Makes room for an object of so many blocks. Returns whether there is some.
bool heap_grow(size_t blocks);

// Makes room for as much as is in use, so that the next collection is not soon.
void heap_grow_beyond_used(void);

// Collects garbage, whatever goes on; finaliser.c decides when that may be.
void heap_collect(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_HEAP_H
