// SPDX-License-Identifier: MIT

// How the collector of MicroPython 1.26 keeps an area of the heap: two bits for each block of its
// pool say what it is, and one bit whether it is the first of an object that has a finaliser.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_BLOCKS_H
#define MICROPY_INCLUDED_BOARDS_PORT_BLOCKS_H

#include "py/mpstate.h"

#define BLOCK_SIZE      MICROPY_BYTES_PER_GC_BLOCK
#define BLOCKS_IN_BYTE  4
#define FLAGS_IN_BYTE   8

enum { BLOCK_FREE, BLOCK_HEAD, BLOCK_TAIL, BLOCK_MARKED };

// The table of kinds, many blocks at a time.
typedef uintptr_t __attribute__((may_alias)) kinds_t;
#define BLOCKS_IN_KINDS (sizeof(kinds_t) * BLOCKS_IN_BYTE)
#define EACH_BLOCK      (UINTPTR_MAX / 3)

// A bit for each of them that is free, at twice its number.
static inline uintptr_t blocks_free(kinds_t kinds) {
    return ~(kinds | kinds >> 1) & EACH_BLOCK;
}

static inline unsigned int blocks_kind(const mp_state_mem_area_t *area, size_t block) {
    return area->gc_alloc_table_start[block / BLOCKS_IN_BYTE] >> 2 * (block % BLOCKS_IN_BYTE) & 3;
}

static inline void blocks_set_kind(mp_state_mem_area_t *area, size_t block, unsigned int kind) {
    uint8_t *byte = &area->gc_alloc_table_start[block / BLOCKS_IN_BYTE];
    unsigned int shift = 2 * (block % BLOCKS_IN_BYTE);
    *byte = (*byte & ~(3 << shift)) | kind << shift;
}

static inline bool blocks_flag(const mp_state_mem_area_t *area, size_t block) {
    return area->gc_finaliser_table_start[block / FLAGS_IN_BYTE] >> block % FLAGS_IN_BYTE & 1;
}

static inline void blocks_set_flag(mp_state_mem_area_t *area, size_t block, bool flag) {
    uint8_t *byte = &area->gc_finaliser_table_start[block / FLAGS_IN_BYTE];
    unsigned int shift = block % FLAGS_IN_BYTE;
    *byte = (*byte & ~(1 << shift)) | flag << shift;
}

static inline void *blocks_address(const mp_state_mem_area_t *area, size_t block) {
    return area->gc_pool_start + block * BLOCK_SIZE;
}

static inline size_t blocks_count(const mp_state_mem_area_t *area) {
    return area->gc_alloc_table_byte_len * BLOCKS_IN_BYTE;
}

#endif // MICROPY_INCLUDED_BOARDS_PORT_BLOCKS_H
