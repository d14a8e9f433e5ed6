// SPDX-License-Identifier: MIT

#include <stdbool.h>

#include "blocks.h"
#include "opaque.h"

// The collector goes on for as long as there are more blocks of an object. While it marks, the
// second block of these is free for it, so it looks into the first one alone. That block has a flag
// in the table of finalisers, which says nothing of such a block otherwise.

#define FLAGS_IN_WORD (8 * sizeof(uintptr_t))

static void for_each_flagged(unsigned int kind, void (*function)(mp_state_mem_area_t *, size_t)) {
    for (mp_state_mem_area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
        const kinds_t *flags = (const kinds_t *)area->gc_finaliser_table_start;
        for (size_t at = 0; at <= area->gc_last_used_block; at += FLAGS_IN_WORD) {
            uintptr_t left = flags[at / FLAGS_IN_WORD];
            for (size_t block = at; left != 0; ++block, left >>= 1) {
                if ((left & 1) && blocks_kind(area, block) == kind) {
                    function(area, block);
                }
            }
        }
    }
}

static void hide(mp_state_mem_area_t *area, size_t block) {
    blocks_set_kind(area, block, BLOCK_FREE);
}

static void show(mp_state_mem_area_t *area, size_t block) {
    blocks_set_kind(area, block, BLOCK_TAIL);
    if (blocks_kind(area, block - 1) != BLOCK_MARKED) {
        // Nobody refers to it, and the collector frees it without a look at this flag.
        blocks_set_flag(area, block, false);
    }
}

void opaque_hide(void) {
    for_each_flagged(BLOCK_TAIL, hide);
}

void opaque_show(void) {
    for_each_flagged(BLOCK_FREE, show);
}
