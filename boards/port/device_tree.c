// SPDX-License-Identifier: MIT

#include <string.h>
#include "py/mpconfig.h"
#include "device_tree.h"

#define MAGIC 0xd00dfeed

// Words of the header.
enum {
    HEADER_MAGIC = 0,
    HEADER_TOTAL_SIZE = 1,
    HEADER_STRUCTURE = 2,
    HEADER_STRINGS = 3,
    HEADER_WORDS = 10,
};

// Tokens of the structure block.
enum {
    BEGIN_NODE = 1,
    END_NODE = 2,
    PROPERTY = 3,
    NOP = 4,
};

uintptr_t device_tree;

// A place in the structure block, and the node and property that are there.
typedef struct {
    uint32_t offset;
    int depth;              // 1: inside of the root, 2: inside of a node right under it
    const char *node;       // that node's name
    uint32_t innermost;     // where the node begins that the property is of
    const char *property;   // NULL: not at a property
    const void *value;
    uint32_t length;
} place_t;

static uint32_t word(uint32_t offset) {
    return __builtin_bswap32(*(const uint32_t *)(device_tree + offset));
}

size_t device_tree_size(void) {
    if (device_tree == 0 || device_tree % 4 != 0 || word(4 * HEADER_MAGIC) != MAGIC) {
        return 0;
    }
    return word(4 * HEADER_TOTAL_SIZE);
}

// The string at `offset`, NULL if it does not end inside of the tree.
static const char *string(uint32_t offset, uint32_t total) {
    const char *start = (const char *)(device_tree + offset);
    return offset < total && memchr(start, 0, total - offset) != NULL ? start : NULL;
}

static place_t start(void) {
    return (place_t) {
        .offset = device_tree_size() > 4 * HEADER_WORDS ? word(4 * HEADER_STRUCTURE) : UINT32_MAX,
    };
}

// Goes on to the next property. Returns false at the end of the tree, and where it is damaged.
static bool next(place_t *place) {
    uint32_t total = device_tree_size();
    while (place->offset % 4 == 0 && place->offset < total && total - place->offset >= 12) {
        uint32_t offset = place->offset;
        switch (word(offset)) {
            case BEGIN_NODE: {
                const char *name = string(offset + 4, total);
                if (name == NULL) {
                    return false;
                }
                if (++place->depth == 2) {
                    place->node = name;
                }
                place->innermost = offset;
                place->offset += 4 + (strlen(name) + 4) / 4 * 4;
                break;
            }
            case END_NODE:
                if (--place->depth == 0) {
                    return false;
                }
                place->offset += 4;
                break;
            case PROPERTY:
                place->length = word(offset + 4);
                place->property = string(word(4 * HEADER_STRINGS) + word(offset + 8), total);
                place->value = (const void *)(device_tree + offset + 12);
                if (place->property == NULL || place->length > total - offset - 12) {
                    return false;
                }
                place->offset += 12 + (place->length + 3) / 4 * 4;
                return true;
            case NOP:
                place->offset += 4;
                break;
            default:
                return false;
        }
    }
    return false;
}

// Whether a node has the name `wanted`, as it is or before "@" and an address.
static bool is_named(const char *node, const char *wanted) {
    size_t length = strlen(wanted);
    return strncmp(node, wanted, length) == 0 && (node[length] == '\0' || node[length] == '@');
}

const void *device_tree_property(const char *node, const char *name, size_t *length) {
    for (place_t place = start(); next(&place);) {
        if (place.depth == 2 && is_named(place.node, node) && strcmp(place.property, name) == 0) {
            *length = place.length;
            return place.value;
        }
    }
    return NULL;
}

// Whether `wanted` is among the strings of `place`.
static bool is_listed(const place_t *place, const char *wanted) {
    const char *text = place->value, *end = text + place->length;
    while (text < end && memchr(text, 0, end - text) != NULL) {
        if (strcmp(text, wanted) == 0) {
            return true;
        }
        text += strlen(text) + 1;
    }
    return false;
}

device_tree_node_t device_tree_find(const char *name) {
    for (place_t place = start(); next(&place);) {
        if (strcmp(place.property, "compatible") == 0 && is_listed(&place, name)) {
            return place.innermost;
        }
    }
    return 0;
}

const void *device_tree_value(device_tree_node_t node, const char *name, size_t *length) {
    // Properties come before the nodes inside.
    for (place_t place = { .offset = node }; next(&place) && place.depth == 1;) {
        if (strcmp(place.property, name) == 0) {
            *length = place.length;
            return place.value;
        }
    }
    return NULL;
}

uint64_t device_tree_number(const uint32_t *value, unsigned int cells) {
    uint64_t result = 0;
    while (cells-- > 0) {
        result = result << 32 | __builtin_bswap32(*value++);
    }
    return result;
}

bool device_tree_memory(unsigned int i, uint64_t *base, uint64_t *size) {
    unsigned int address_cells = 2, size_cells = 1;
    for (place_t place = start(); next(&place);) {
        const uint32_t *value = place.value;
        if (place.depth == 1 && place.length == 4) {
            if (strcmp(place.property, "#address-cells") == 0) {
                address_cells = device_tree_number(value, 1);
            } else if (strcmp(place.property, "#size-cells") == 0) {
                size_cells = device_tree_number(value, 1);
            }
        } else if (place.depth == 2 && is_named(place.node, "memory")
                   && strcmp(place.property, "reg") == 0
                   && address_cells - 1 < 2 && size_cells - 1 < 2) {
            unsigned int count = place.length / 4 / (address_cells + size_cells);
            if (i < count) {
                value += i * (address_cells + size_cells);
                *base = device_tree_number(value, address_cells);
                *size = device_tree_number(value + address_cells, size_cells);
                return true;
            }
            i -= count;
        }
    }
    return false;
}
