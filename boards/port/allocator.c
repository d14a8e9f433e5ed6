// SPDX-License-Identifier: MIT

#include <stdarg.h>
#include <string.h>

#include "py/gc.h"
#include "py/obj.h"
#include "py/smallint.h"
#include "allocator.h"
#include "blocks.h"
#include "heap.h"
#include "opaque.h"

// What is larger has a length that is no small integer, which len() would get wrong.
#define MOST_BYTES ((size_t)MP_SMALL_INT_MAX)

typedef mp_state_mem_area_t area_t;

// An object, or a run of free blocks.
typedef struct {
    area_t *area;
    size_t block;
    size_t count;
} run_t;

// Where a search begins: in front of `begin[k]` no run of 2**k free blocks starts, as far as is
// known. Blocks that become free next to others may make a longer run than is known of; a search
// that finds nothing begins anew.
static uint8_t *begin[8 * sizeof(size_t)];

void allocator_begin_anew(void) {
    memset(begin, 0, sizeof(begin));
}

static unsigned int class_of(size_t count) {
    return 8 * sizeof(long) - 1 - __builtin_clzl(count);
}

// That so many blocks are free now.
static void begin_earlier(size_t count, uint8_t *address) {
    for (unsigned int class = 0; count != 0; ++class, count >>= 1) {
        begin[class] = MIN(begin[class], address);
    }
}

// Makes `run` the first run of `count` free blocks in its area, from its block on, if there is one.
// `*passed` becomes the first address, if it is not set, of a shorter run of at least `worth`.
static bool find_in_area(run_t *run, size_t count, size_t worth, uint8_t **passed) {
    area_t *area = run->area;
    const kinds_t *kinds = (const kinds_t *)area->gc_alloc_table_start;
    size_t end = blocks_count(area);
    size_t length = 0;
    for (size_t at = run->block & -BLOCKS_IN_KINDS; at < end; at += BLOCKS_IN_KINDS) {
        uintptr_t free = blocks_free(kinds[at / BLOCKS_IN_KINDS]);
        if (free == EACH_BLOCK && length + BLOCKS_IN_KINDS < count) {
            length += BLOCKS_IN_KINDS;
            continue;
        }
        if (free == 0 && length == 0) {
            continue;
        }
        for (size_t block = at; block < at + BLOCKS_IN_KINDS; ++block, free >>= 2) {
            if (free & 1) {
                if (++length == count) {
                    run->block = block + 1 - count;
                    return true;
                }
            } else if (length > 0) {
                if (length >= worth && *passed == NULL) {
                    *passed = blocks_address(area, block - length);
                }
                length = 0;
            }
        }
    }
    if (length >= worth && *passed == NULL) {
        *passed = blocks_address(area, end - length);
    }
    return false;
}

// Where a search that begins at `from` begins in this area.
static size_t block_from(const area_t *area, const uint8_t *from) {
    return from > area->gc_pool_start ? (size_t)(from - area->gc_pool_start) / BLOCK_SIZE : 0;
}

static bool find(run_t *run, size_t count) {
    unsigned int class = class_of(count);
    uint8_t *from = begin[class];
    uint8_t *passed = NULL;
    for (area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
        if (from >= area->gc_pool_end) {
            continue;
        }
        run->area = area;
        run->block = block_from(area, from);
        if (find_in_area(run, count, (size_t)1 << class, &passed)) {
            begin[class] = passed != NULL ? passed : blocks_address(area, run->block + count);
            return true;
        }
    }
    return false;
}

static bool find_anywhere(run_t *run, size_t count) {
    if (find(run, count)) {
        return true;
    }
    allocator_begin_anew();
    return find(run, count);
}

// The first block from `block` on, and before `end`, that is of another kind.
static size_t end_of_kind(const area_t *area, size_t block, size_t end, unsigned int kind) {
    uint8_t whole = kind * 0x55;
    while (block < end && blocks_kind(area, block) == kind) {
        if (block % BLOCKS_IN_BYTE == 0) {
            while (block + BLOCKS_IN_BYTE <= end
                   && area->gc_alloc_table_start[block / BLOCKS_IN_BYTE] == whole) {
                block += BLOCKS_IN_BYTE;
            }
            if (block == end || blocks_kind(area, block) != kind) {
                break;
            }
        }
        ++block;
    }
    return block;
}

static void set_kinds(area_t *area, size_t block, size_t end, unsigned int kind) {
    for (; block < end && block % BLOCKS_IN_BYTE != 0; ++block) {
        blocks_set_kind(area, block, kind);
    }
    if (end - block >= BLOCKS_IN_BYTE) {
        size_t bytes = (end - block) / BLOCKS_IN_BYTE;
        memset(&area->gc_alloc_table_start[block / BLOCKS_IN_BYTE], kind * 0x55, bytes);
        block += bytes * BLOCKS_IN_BYTE;
    }
    for (; block < end; ++block) {
        blocks_set_kind(area, block, kind);
    }
}

static run_t object_at(const void *address) {
    area_t *area = &MP_STATE_MEM(area);
    while ((uint8_t *)address < area->gc_pool_start || (uint8_t *)address >= area->gc_pool_end) {
        area = area->next;
    }
    size_t block = (size_t)((uint8_t *)address - area->gc_pool_start) / BLOCK_SIZE;
    size_t end = end_of_kind(area, block + 1, blocks_count(area), BLOCK_TAIL);
    return (run_t) { area, block, end - block };
}

// Makes free blocks behind those of an object part of it, so that it has `count`, with zeroes.
static void add_tail(run_t *object, size_t count) {
    area_t *area = object->area;
    size_t block = object->block + object->count;
    size_t end = object->block + count;
    set_kinds(area, block, end, BLOCK_TAIL);
    area->gc_last_used_block = MAX(area->gc_last_used_block, end - 1);
    memset(blocks_address(area, block), 0, (end - block) * BLOCK_SIZE);
    object->count = count;
}

// What gc_alloc() was told of an object.
static unsigned int flags_of(const run_t *object) {
    return (blocks_flag(object->area, object->block) ? GC_ALLOC_FLAG_HAS_FINALISER : 0)
        | (object->count > 1 && blocks_flag(object->area, object->block + 1) ? OPAQUE : 0);
}

static void set_flags(run_t *object, unsigned int flags) {
    blocks_set_flag(object->area, object->block, flags & GC_ALLOC_FLAG_HAS_FINALISER);
    if (object->count > 1) {
        blocks_set_flag(object->area, object->block + 1, flags & OPAQUE);
    }
}

// Frees all but the first `count` blocks of an object.
static void free_from(run_t *object, size_t count) {
    if (count < 2) {
        set_flags(object, count == 0 ? 0 : flags_of(object) & ~OPAQUE);
    }
    size_t block = object->block + count;
    set_kinds(object->area, block, object->block + object->count, BLOCK_FREE);
    begin_earlier(object->count - count, blocks_address(object->area, block));
}

static size_t blocks_for(size_t bytes) {
    return bytes / BLOCK_SIZE + (bytes % BLOCK_SIZE != 0);
}

static bool collection_is_due(void) {
    return MP_STATE_MEM(gc_auto_collect_enabled)
        && MP_STATE_MEM(gc_alloc_amount) >= MP_STATE_MEM(gc_alloc_threshold);
}

// Collects, if that may be, and grows the heap if it has to.
static bool find_or_make_room(run_t *run, size_t count) {
    if (!collection_is_due() && find_anywhere(run, count)) {
        return true;
    }
    if (MP_STATE_MEM(gc_auto_collect_enabled)) {
        gc_collect();
        heap_grow_beyond_used();
        if (find_anywhere(run, count)) {
            return true;
        }
    }
    return heap_grow(count) && find_anywhere(run, count);
}

// The first free block, for an object of one, as most are. Returns NULL if there is none from where
// the search begins.
static void *take_one(void) {
    for (area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
        if (begin[0] >= area->gc_pool_end) {
            continue;
        }
        const kinds_t *kinds = (const kinds_t *)area->gc_alloc_table_start;
        size_t block = block_from(area, begin[0]);
        size_t end = blocks_count(area);
        uintptr_t free = blocks_free(kinds[block / BLOCKS_IN_KINDS]);
        free >>= 2 * (block % BLOCKS_IN_KINDS);
        while (free == 0 && (block = (block | (BLOCKS_IN_KINDS - 1)) + 1) < end) {
            free = blocks_free(kinds[block / BLOCKS_IN_KINDS]);
        }
        if (free == 0) {
            continue;
        }
        for (; !(free & 1); free >>= 2) {
            ++block;
        }
        blocks_set_kind(area, block, BLOCK_HEAD);
        area->gc_last_used_block = MAX(area->gc_last_used_block, block);
        begin[0] = blocks_address(area, block + 1);
        return memset(blocks_address(area, block), 0, BLOCK_SIZE);
    }
    return NULL;
}

void *__wrap_gc_alloc(size_t bytes, unsigned int flags) {
    size_t count = blocks_for(bytes);
    if (count == 0 || bytes > MOST_BYTES || gc_is_locked()) {
        return NULL;
    }
    if (count == 1 && flags == 0 && !collection_is_due()) {
        void *address = take_one();
        if (address != NULL) {
            ++MP_STATE_MEM(gc_alloc_amount);
            return address;
        }
    }
    run_t object;
    if (!find_or_make_room(&object, count)) {
        return NULL;
    }
    object.count = 0;
    add_tail(&object, count);
    blocks_set_kind(object.area, object.block, BLOCK_HEAD);
    set_flags(&object, flags);
    MP_STATE_MEM(gc_alloc_amount) += count;
    return blocks_address(object.area, object.block);
}

void __wrap_gc_free(void *address) {
    // What a finaliser frees during a collection is free at once.
    if (address == NULL || (MP_STATE_THREAD(gc_lock_depth) & ~GC_COLLECT_FLAG)) {
        return;
    }
    run_t object = object_at(address);
    free_from(&object, 0);
}

void *__wrap_gc_realloc(void *address, size_t bytes, bool allow_move) {
    if (address == NULL) {
        return __wrap_gc_alloc(bytes, 0);
    }
    if (bytes == 0) {
        __wrap_gc_free(address);
        return NULL;
    }
    if (bytes > MOST_BYTES || gc_is_locked()) {
        return NULL;
    }
    run_t object = object_at(address);
    size_t count = blocks_for(bytes);
    if (count <= object.count) {
        if (count < object.count) {
            free_from(&object, count);
        }
        return address;
    }
    size_t tail = object.block + object.count;
    size_t end = object.block + count;
    if (end <= blocks_count(object.area)
        && end_of_kind(object.area, tail, end, BLOCK_FREE) == end) {
        add_tail(&object, count);
        return address;
    }
    if (!allow_move) {
        return NULL;
    }
    void *moved = __wrap_gc_alloc(bytes, flags_of(&object));
    if (moved != NULL) {
        memcpy(moved, address, object.count * BLOCK_SIZE);
        __wrap_gc_free(address);
    }
    return moved;
}

// A MemoryError is made of what there is. It comes after a collection, and nothing has become
// garbage since, so that one for each of its parts would take time alone.
mp_obj_t __real_mp_obj_new_exception_msg_vlist(
    const mp_obj_type_t *, mp_rom_error_text_t, va_list);
mp_obj_t __wrap_mp_obj_new_exception_msg_vlist(
    const mp_obj_type_t *type, mp_rom_error_text_t text, va_list args) {
    uint16_t enabled = MP_STATE_MEM(gc_auto_collect_enabled);
    MP_STATE_MEM(gc_auto_collect_enabled) = enabled && type != &mp_type_MemoryError;
    mp_obj_t exception = __real_mp_obj_new_exception_msg_vlist(type, text, args);
    MP_STATE_MEM(gc_auto_collect_enabled) = enabled;
    return exception;
}
