#include <string.h>

#include "py/gc.h"
#include "py/obj.h"
#include "py/smallint.h"
#include "allocator.h"
#include "blocks.h"
#include "heap.h"

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
// known. They do not decrease with k. Blocks that become free next to others may make a longer run
// than is known of; a search that finds nothing begins anew.
static uint8_t *begin[8 * sizeof(size_t)];

void allocator_begin_anew(void) {
    memset(begin, 0, sizeof(begin));
}

static unsigned int class_of(size_t count) {
    return count == 1 ? 0 : 63 - __builtin_clzll(count);
}

static void begin_later(unsigned int class, uint8_t *address) {
    for (; class < MP_ARRAY_SIZE(begin) && begin[class] < address; ++class) {
        begin[class] = address;
    }
}

static void begin_earlier(unsigned int class, uint8_t *address) {
    for (++class; class > 0 && begin[class - 1] > address; --class) {
        begin[class - 1] = address;
    }
}

// Makes `run` the first run of `count` free blocks in its area, from its block on, if there is one.
// `*passed` becomes the first address, if it is not set, of a shorter run of at least `worth`.
static bool find_in_area(run_t *run, size_t count, size_t worth, uint8_t **passed) {
    area_t *area = run->area;
    const kinds_t *kinds = (const kinds_t *)area->gc_alloc_table_start;
    size_t end = block_count(area);
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
                    run->count = count;
                    return true;
                }
            } else if (length > 0) {
                if (length >= worth && *passed == NULL) {
                    *passed = block_address(area, block - length);
                }
                length = 0;
            }
        }
    }
    if (length >= worth && *passed == NULL) {
        *passed = block_address(area, end - length);
    }
    return false;
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
        run->block = from > area->gc_pool_start ? (size_t)(from - area->gc_pool_start) / BLOCK_SIZE : 0;
        if (find_in_area(run, count, (size_t)1 << class, &passed)) {
            begin_later(class, passed != NULL ? passed : block_address(area, run->block + count));
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
    while (block < end && block_kind(area, block) == kind) {
        if (block % BLOCKS_IN_BYTE == 0) {
            while (block + BLOCKS_IN_BYTE <= end
                   && area->gc_alloc_table_start[block / BLOCKS_IN_BYTE] == whole) {
                block += BLOCKS_IN_BYTE;
            }
            if (block == end || block_kind(area, block) != kind) {
                break;
            }
        }
        ++block;
    }
    return block;
}

static void set_kind(area_t *area, size_t block, unsigned int kind) {
    uint8_t *byte = &area->gc_alloc_table_start[block / BLOCKS_IN_BYTE];
    unsigned int shift = 2 * (block % BLOCKS_IN_BYTE);
    *byte = (*byte & ~(3 << shift)) | kind << shift;
}

static void set_kinds(area_t *area, size_t block, size_t end, unsigned int kind) {
    for (; block < end && block % BLOCKS_IN_BYTE != 0; ++block) {
        set_kind(area, block, kind);
    }
    if (end - block >= BLOCKS_IN_BYTE) {
        size_t bytes = (end - block) / BLOCKS_IN_BYTE;
        memset(&area->gc_alloc_table_start[block / BLOCKS_IN_BYTE], kind * 0x55, bytes);
        block += bytes * BLOCKS_IN_BYTE;
    }
    for (; block < end; ++block) {
        set_kind(area, block, kind);
    }
}

static uint8_t *finaliser_flags(const run_t *object) {
    return &object->area->gc_finaliser_table_start[object->block / FLAGS_IN_BYTE];
}

static unsigned int finaliser_flag(const run_t *object) {
    return 1 << object->block % FLAGS_IN_BYTE;
}

static run_t object_at(const void *address) {
    area_t *area = &MP_STATE_MEM(area);
    while ((uint8_t *)address < area->gc_pool_start || (uint8_t *)address >= area->gc_pool_end) {
        area = area->next;
    }
    size_t block = (size_t)((uint8_t *)address - area->gc_pool_start) / BLOCK_SIZE;
    size_t end = end_of_kind(area, block + 1, block_count(area), BLOCK_TAIL);
    return (run_t) { area, block, end - block };
}

// Makes blocks behind an object, which are free, part of it.
static void add_tail(run_t *object, size_t count) {
    area_t *area = object->area;
    size_t end = object->block + count;
    set_kinds(area, object->block + object->count, end, BLOCK_TAIL);
    area->gc_last_used_block = MAX(area->gc_last_used_block, end - 1);
    memset(block_address(area, object->block + object->count), 0,
        (count - object->count) * BLOCK_SIZE);
}

static void free_from(run_t *object, size_t count) {
    size_t block = object->block + count;
    set_kinds(object->area, block, object->block + object->count, BLOCK_FREE);
    begin_earlier(class_of(object->count - count), block_address(object->area, block));
}

static size_t blocks_for(size_t bytes) {
    return bytes / BLOCK_SIZE + (bytes % BLOCK_SIZE != 0);
}

// Collects, if that may be, and grows the heap if it has to.
static bool find_or_make_room(run_t *run, size_t count) {
    bool may_collect = MP_STATE_MEM(gc_auto_collect_enabled);
    bool due = MP_STATE_MEM(gc_alloc_amount) >= MP_STATE_MEM(gc_alloc_threshold);
    if (!(may_collect && due) && find_anywhere(run, count)) {
        return true;
    }
    if (may_collect) {
        gc_collect();
        heap_grow_beyond_used();
        if (find_anywhere(run, count)) {
            return true;
        }
    }
    return heap_grow(count) && find_anywhere(run, count);
}

void *__wrap_gc_alloc(size_t bytes, unsigned int flags) {
    size_t count = blocks_for(bytes);
    if (count == 0 || bytes > MOST_BYTES || gc_is_locked()) {
        return NULL;
    }
    run_t object;
    if (!find_or_make_room(&object, count)) {
        return NULL;
    }
    object.count = 1;
    set_kind(object.area, object.block, BLOCK_HEAD);
    void *address = block_address(object.area, object.block);
    memset(address, 0, BLOCK_SIZE);
    add_tail(&object, count);
    if (flags & GC_ALLOC_FLAG_HAS_FINALISER) {
        *finaliser_flags(&object) |= finaliser_flag(&object);
    }
    MP_STATE_MEM(gc_alloc_amount) += count;
    return address;
}

void __wrap_gc_free(void *address) {
    // What a finaliser frees during a collection is free at once.
    if (address == NULL || (MP_STATE_THREAD(gc_lock_depth) & ~GC_COLLECT_FLAG)) {
        return;
    }
    run_t object = object_at(address);
    *finaliser_flags(&object) &= ~finaliser_flag(&object);
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
    size_t end = MIN(object.block + count, block_count(object.area));
    if (end_of_kind(object.area, object.block + object.count, end, BLOCK_FREE) == object.block + count) {
        add_tail(&object, count);
        return address;
    }
    if (!allow_move) {
        return NULL;
    }
    bool has_finaliser = *finaliser_flags(&object) & finaliser_flag(&object);
    void *moved = __wrap_gc_alloc(bytes, has_finaliser ? GC_ALLOC_FLAG_HAS_FINALISER : 0);
    if (moved != NULL) {
        memcpy(moved, address, object.count * BLOCK_SIZE);
        __wrap_gc_free(address);
    }
    return moved;
}
