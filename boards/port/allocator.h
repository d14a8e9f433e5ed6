// SPDX-License-Identifier: MIT

// MicroPython's allocation of memory: gc_alloc(), gc_realloc() and gc_free(), for which the linker
// takes the port's own. They work on the tables of its collector, which is left as it is.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_ALLOCATOR_H
#define MICROPY_INCLUDED_BOARDS_PORT_ALLOCATOR_H

// Has the next searches start where the heap does: after a collection, and when the heap has grown.
void allocator_begin_anew(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_ALLOCATOR_H
