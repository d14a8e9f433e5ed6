// SPDX-License-Identifier: MIT

#include <string.h>

#include "py/gc.h"
#include "py/mphal.h"
#include "py/mpstate.h"
#include "py/runtime.h"
#include "extmod/vfs_fat.h"
#include "blocks.h"
#include "callback.h"
#include "finaliser.h"
#include "guard.h"
#include "heap.h"

// As many are taken down at a time; the others are at a later collection. A program that opens
// and closes files all the time drops thousands between two collections.
#define KEPT 4096

// Of a file: those in which the pointer to its file system is.
#define FIRST_BLOCKS 4

static void *kept[KEPT];
static size_t kept_count;
static bool more;
static mp_sched_node_t node;

// ---- During a collection.

// Marks what was left out when there was much to be marked at a time.
static void mark_the_rest(void) {
    while (MP_STATE_MEM(gc_stack_overflow)) {
        MP_STATE_MEM(gc_stack_overflow) = 0;
        for (mp_state_mem_area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
            bool marked = false;
            for (size_t block = 0; block <= area->gc_last_used_block; ++block) {
                unsigned int kind = blocks_kind(area, block);
                marked = kind == BLOCK_MARKED || (marked && kind == BLOCK_TAIL);
                if (marked) {
                    gc_collect_root(blocks_address(area, block), BLOCK_SIZE / sizeof(void *));
                }
            }
        }
    }
}

// Marks the file system of FatFs that this is a pointer into, if it is one.
static void mark_file_system(const void *pointer) {
    for (mp_state_mem_area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
        if ((uint8_t *)pointer < area->gc_pool_start || (uint8_t *)pointer >= area->gc_pool_end) {
            continue;
        }
        size_t block = ((uint8_t *)pointer - area->gc_pool_start) / BLOCK_SIZE;
        while (block > 0 && blocks_kind(area, block) == BLOCK_TAIL) {
            --block;
        }
        void *object = blocks_address(area, block);
        if (((mp_obj_base_t *)object)->type == &mp_fat_vfs_type) {
            gc_collect_root(&object, 1);
        }
    }
}

// A file of FatFs knows its file system by a pointer to the middle of that object, which the
// collector does not see: without this a file outlives the file system that it is on.
static void mark_file_systems(mp_state_mem_area_t *area, size_t block) {
    for (size_t i = 0; i < FIRST_BLOCKS; ++i) {
        if (i > 0 && blocks_kind(area, block + i) != BLOCK_TAIL) {
            return;
        }
        void **words = blocks_address(area, block + i);
        for (size_t n = 0; n < BLOCK_SIZE / sizeof(void *); ++n) {
            mark_file_system(words[n]);
        }
    }
}

// It stays, with all that it refers to, and is not the collector's to finalise.
static void keep(mp_state_mem_area_t *area, size_t block) {
    if (kept_count < KEPT) {
        kept[kept_count++] = blocks_address(area, block);
        area->gc_finaliser_table_start[block / FLAGS_IN_BYTE] &= ~(1 << block % FLAGS_IN_BYTE);
        mark_file_systems(area, block);
    } else {
        more = true;
    }
}

// Calls `function` for each object that has a finaliser and is of this kind.
static void for_each(unsigned int kind, void (*function)(mp_state_mem_area_t *, size_t)) {
    for (mp_state_mem_area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
        for (size_t at = 0; at <= area->gc_last_used_block / FLAGS_IN_BYTE; ++at) {
            unsigned int flags = area->gc_finaliser_table_start[at];
            for (size_t block = at * FLAGS_IN_BYTE; flags != 0; ++block, flags >>= 1) {
                if ((flags & 1) && blocks_kind(area, block) == kind) {
                    function(area, block);
                }
            }
        }
    }
}

static void mark(mp_state_mem_area_t *area, size_t block) {
    void *object = blocks_address(area, block);
    gc_collect_root(&object, 1);
}

void finaliser_keep(void) {
    gc_collect_root(kept, kept_count);
    mark_the_rest();
    for_each(BLOCK_MARKED, mark_file_systems);
    mark_the_rest();
    more = false;
    for_each(BLOCK_HEAD, keep);
    gc_collect_root(kept, kept_count);
    if (more) {
        for_each(BLOCK_HEAD, mark);
    }
    mark_the_rest();
}

void finaliser_attach(const void *object) {
    for (mp_state_mem_area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
        if ((uint8_t *)object >= area->gc_pool_start && (uint8_t *)object < area->gc_pool_end) {
            blocks_set_flag(area, ((uint8_t *)object - area->gc_pool_start) / BLOCK_SIZE, true);
        }
    }
}

// ---- Afterwards.

static void close_one(void *object) {
    mp_obj_base_t *base = object;
    if (base->type == NULL) {
        return;
    }
    mp_obj_t method[2];
    mp_load_method_maybe(MP_OBJ_FROM_PTR(base), MP_QSTR___del__, method);
    if (method[0] != MP_OBJ_NULL) {
        mp_call_function_1_protected(method[0], method[1]);
    }
}

// Returns whether there were some.
static bool close_kept(void) {
    size_t closed = 0;
    // Others may be found meanwhile, and be closed here or by whoever found them.
    while (kept_count > 0) {
        void *object = kept[--kept_count];
        kept[kept_count] = NULL;
        close_one(object);
        ++closed;
    }
    return closed > 0;
}

static void on_node(mp_sched_node_t *self) {
    (void)self;
    close_kept();
}

void gc_collect(void) {
    if (callback_is_hard) {
        // What it interrupts may be a collection.
        return;
    }
    heap_collect();
    if (kept_count > 0) {
        mp_sched_schedule_node(&node, on_node);
    }
}

void finaliser_collect(void) {
    bool may_close = !gc_is_locked() && !guard_is_held();
    do {
        gc_collect();
    } while (may_close && close_kept());
}

void finaliser_close_all(void) {
    do {
        close_kept();
        more = false;
        for_each(BLOCK_HEAD, keep);
    } while (kept_count > 0);
}

void finaliser_init(void) {
    kept_count = 0;
}
