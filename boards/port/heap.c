#include "py/gc.h"
#include "py/mpstate.h"
#include "shared/runtime/gchelper.h"
#include "finaliser.h"
#include "heap.h"
#include "memory.h"
#include "script.h"

// From the linker script.
extern char _heap_start, _heap_end;

// Areas that are in use, yet not in the garbage collector's list at the moment.
static mp_state_mem_area_t *kept;

void heap_init(void) {
    kept = NULL;
    memory_init(script_end());
    gc_init(&_heap_start, &_heap_end);
    finaliser_init();
}

size_t gc_get_max_new_split(void) {
    return memory_largest();
}

// MicroPython's collector (1.26) takes an area for empty when the last block that is in use is the
// first of all: so it does if that is the only one, and then the area must stay.
static bool is_empty(const mp_state_mem_area_t *area) {
    return (area->gc_alloc_table_start[0] & 3) == 0;
}

void heap_free_area(void *start) {
    mp_state_mem_area_t *area = start;
    if (is_empty(area)) {
        memory_free(area);
    } else {
        area->next = kept;
        kept = area;
    }
}

static void put_kept_back(void) {
    mp_state_mem_area_t *last = &MP_STATE_MEM(area);
    while (last->next != NULL) {
        last = last->next;
    }
    for (last->next = kept; last->next != NULL; last = last->next) {
        last->next->gc_last_free_atb_index = 0;
    }
    kept = NULL;
}

void heap_collect(void) {
    gc_collect_start();
    gc_helper_collect_regs_and_stack();
    finaliser_keep();
    gc_collect_end();
    put_kept_back();
}
