#include <stdbool.h>
#include <stdint.h>
#include "py/mpconfig.h"
#include "py/misc.h"
#include "device_tree.h"
#include "memory.h"

// The head of every piece, free or allocated. Pieces are made of whole heads, which keeps them
// aligned. The free ones are a list, in the order of their addresses.
typedef struct _piece_t {
    size_t size; // with this head
    struct _piece_t *next;
} __attribute__((aligned(64))) piece_t;

static piece_t *first_free;

static uintptr_t round_up(uintptr_t address) {
    return (address + sizeof(piece_t) - 1) & ~(sizeof(piece_t) - 1);
}

static void merge_with_next(piece_t *piece) {
    if ((char *)piece + piece->size == (char *)piece->next) {
        piece->size += piece->next->size;
        piece->next = piece->next->next;
    }
}

static void give(piece_t *piece) {
    piece_t **link = &first_free;
    piece_t *former = NULL;
    while (*link != NULL && *link < piece) {
        former = *link;
        link = &former->next;
    }
    piece->next = *link;
    *link = piece;
    merge_with_next(piece);
    if (former != NULL) {
        merge_with_next(former);
    }
}

// Adds the RAM from `start` to `end`, rounded inwards.
static void add(uintptr_t start, uintptr_t end) {
    start = round_up(start);
    end &= ~(sizeof(piece_t) - 1);
    if (start < end && end - start > 2 * sizeof(piece_t)) {
        piece_t *piece = (piece_t *)start;
        piece->size = end - start;
        give(piece);
    }
}

void memory_init(void *start) {
    first_free = NULL;
    uintptr_t tree_start = device_tree;
    uintptr_t tree_end = device_tree + device_tree_size();
    uint64_t base, size;
    for (int i = 0; device_tree_memory(i, &base, &size); ++i) {
        // The last bytes of the address space are left out: one behind them has no address.
        uint64_t ram_end = MIN(base + size, UINTPTR_MAX - sizeof(piece_t));
        uint64_t ram_start = MAX(base, (uintptr_t)start);
        if (ram_start <= tree_start && tree_start < ram_end) {
            add(ram_start, tree_start);
            ram_start = MAX(ram_start, tree_end);
        }
        if (ram_start < ram_end) {
            add(ram_start, ram_end);
        }
    }
}

void *memory_allocate(size_t size) {
    size = round_up(size) + sizeof(piece_t);
    // The smallest that is large enough, so that large ones stay whole.
    piece_t **best = NULL;
    for (piece_t **link = &first_free; *link != NULL; link = &(*link)->next) {
        if ((*link)->size >= size && (best == NULL || (*link)->size < (*best)->size)) {
            best = link;
        }
    }
    if (best == NULL) {
        return NULL;
    }
    piece_t *piece = *best;
    if (piece->size - size <= 2 * sizeof(piece_t)) {
        *best = piece->next;
    } else {
        piece_t *rest = (piece_t *)((char *)piece + size);
        rest->size = piece->size - size;
        rest->next = piece->next;
        *best = rest;
        piece->size = size;
    }
    return piece + 1;
}

void memory_free(void *allocated) {
    give((piece_t *)allocated - 1);
}

size_t memory_largest(void) {
    size_t largest = sizeof(piece_t);
    for (piece_t *piece = first_free; piece != NULL; piece = piece->next) {
        largest = MAX(largest, piece->size);
    }
    return largest - sizeof(piece_t);
}
