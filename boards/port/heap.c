// SPDX-License-Identifier: MIT

#include <string.h>

#include "py/gc.h"
#include "shared/runtime/gchelper.h"
#include "allocator.h"
#include "blocks.h"
#include "finaliser.h"
#include "heap.h"
#include "memory.h"
#include "opaque.h"
#include "script.h"
#include "versions.h"

// The heap is a few areas, each a piece of RAM as large as there is. In front are the tables for
// all blocks that it can have. It begins with few, and tables and pool grow from their starts: so
// there is nothing to clear, or to go through, for what is not used.

typedef mp_state_mem_area_t area_t;

// The tables grow by so many blocks, for which they have whole words.
#define STEP            64
#define KINDS_IN_STEP   (STEP / BLOCKS_IN_BYTE)
#define FLAGS_IN_STEP   (STEP / FLAGS_IN_BYTE)
// Behind the table of kinds there is a free block for the collector.
#define GAP             (sizeof(uintptr_t))

// Addresses in an area are differences of pointers for the collector.
#define LARGEST_AREA    ((uintptr_t)PTRDIFF_MAX & -(uintptr_t)4096)
#define SMALLEST_AREA   4096

// From the linker script.
extern char _heap_start, _heap_end;

// How many blocks an area can have.
static size_t most_blocks(const area_t *area) {
    return (area->gc_finaliser_table_start - area->gc_alloc_table_start - GAP) * BLOCKS_IN_BYTE;
}

// How many blocks may be at its end, and can be there if it grows.
static size_t room_at_end(const area_t *area) {
    return most_blocks(area) - area->gc_last_used_block - 1;
}

static void lay_out(area_t *area, uintptr_t start, uintptr_t end) {
    size_t steps = (end - start - GAP - 2 * BLOCK_SIZE)
        / (KINDS_IN_STEP + FLAGS_IN_STEP + STEP * BLOCK_SIZE);
    memset(area, 0, sizeof(*area));
    area->gc_alloc_table_start = (byte *)start;
    area->gc_finaliser_table_start = area->gc_alloc_table_start + steps * KINDS_IN_STEP + GAP;
    uintptr_t tables_end = (uintptr_t)area->gc_finaliser_table_start + steps * FLAGS_IN_STEP;
    area->gc_pool_start = (byte *)((tables_end + BLOCK_SIZE - 1) & -(uintptr_t)BLOCK_SIZE);
    area->gc_pool_end = area->gc_pool_start;
    memset(area->gc_alloc_table_start, 0, GAP);
}

// Has the collector know of all blocks of an area.
static void note_bounds(const area_t *area) {
    #if HAS_POOL_BOUNDS
    MP_STATE_MEM(area_pool_min) = MIN(MP_STATE_MEM(area_pool_min), area->gc_pool_start);
    MP_STATE_MEM(area_pool_max) = MAX(MP_STATE_MEM(area_pool_max), area->gc_pool_end);
    #else
    (void)area;
    #endif
}

// Gives an area so many blocks more, in whole steps, or as many as it can have; returns how many.
static size_t extend(area_t *area, size_t blocks) {
    size_t former = blocks_count(area);
    size_t steps = MIN((blocks + STEP - 1) / STEP, (most_blocks(area) - former) / STEP);
    memset(area->gc_alloc_table_start + former / BLOCKS_IN_BYTE + GAP, 0, steps * KINDS_IN_STEP);
    memset(area->gc_finaliser_table_start + former / FLAGS_IN_BYTE, 0, steps * FLAGS_IN_STEP);
    area->gc_alloc_table_byte_len += steps * KINDS_IN_STEP;
    area->gc_pool_end += steps * STEP * BLOCK_SIZE;
    note_bounds(area);
    return steps * STEP;
}

// Adds a piece of RAM to the heap, where it is in the order of addresses.
static void add(uintptr_t start, uintptr_t end) {
    area_t *former = &MP_STATE_MEM(area);
    while (former->next != NULL && (uintptr_t)former->next < start) {
        former = former->next;
    }
    while (start < end && end - start > SMALLEST_AREA) {
        area_t *area = (area_t *)start;
        start += MIN(end - start, LARGEST_AREA);
        lay_out(area, (uintptr_t)(area + 1), start);
        extend(area, STEP);
        area->next = former->next;
        former->next = area;
        former = area;
    }
}

void heap_init(void) {
    gc_init(&_heap_start, &_heap_end);
    area_t *first = &MP_STATE_MEM(area);
    lay_out(first, (uintptr_t)&_heap_start, (uintptr_t)&_heap_end);
    extend(first, most_blocks(first));
    memory_find(script_end(), add);
    allocator_begin_anew();
    finaliser_init();
}

// How many blocks all areas have of what is counted.
static size_t sum(size_t (*count)(const area_t *)) {
    size_t result = 0;
    for (area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
        result += count(area);
    }
    return result;
}

bool heap_grow(size_t blocks) {
    size_t whole = sum(blocks_count);
    for (area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
        if (blocks_count(area) < most_blocks(area) && blocks <= room_at_end(area)) {
            extend(area, MAX(blocks, whole));
            allocator_begin_anew();
            return true;
        }
    }
    return false;
}

static size_t used_blocks(const area_t *area) {
    const kinds_t *kinds = (const kinds_t *)area->gc_alloc_table_start;
    size_t used = 0;
    for (size_t at = 0; at <= area->gc_last_used_block / BLOCKS_IN_KINDS; ++at) {
        uintptr_t free = blocks_free(kinds[at]);
        used += BLOCKS_IN_KINDS - (free == 0 ? 0 : __builtin_popcountll(free));
    }
    return used;
}

void heap_grow_beyond_used(void) {
    size_t used = sum(used_blocks);
    size_t free = sum(blocks_count) - used;
    for (area_t *area = &MP_STATE_MEM(area); area != NULL && free < used; area = area->next) {
        free += extend(area, used - free);
    }
}

// For the module gc, which asks for what is in use and for what is free. What the heap can grow by
// is free as well.
void heap_info(gc_info_t *info) {
    memset(info, 0, sizeof(*info));
    size_t used = sum(used_blocks);
    info->used = used * BLOCK_SIZE;
    info->free = (sum(most_blocks) - used) * BLOCK_SIZE;
}

void heap_collect(void) {
    opaque_hide();
    gc_collect_start();
    gc_helper_collect_regs_and_stack();
    finaliser_keep();
    opaque_show();
    gc_collect_end();
    allocator_begin_anew();
}
