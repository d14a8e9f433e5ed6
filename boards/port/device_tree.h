// SPDX-License-Identifier: MIT

// The little of the device tree that the port itself needs. The format is in the Devicetree
// Specification, chapter 5.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_DEVICE_TREE_H
#define MICROPY_INCLUDED_BOARDS_PORT_DEVICE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Where the tree is, as the machine said when it started; 0 if it gave none.
extern uintptr_t device_tree;

// Its size in bytes, 0 if there is none.
size_t device_tree_size(void);

// The property `name` of the node `node` right under the root, such as "chosen"; its length goes
// to `length`. The result is NULL if there is none.
const void *device_tree_property(const char *node, const char *name, size_t *length);

// A node, anywhere in the tree: the first that is compatible with `name`; 0 if there is none.
typedef uint32_t device_tree_node_t;
device_tree_node_t device_tree_find(const char *name);

// The property `name` of that node; its length goes to `length`. The result is NULL if there is none.
const void *device_tree_value(device_tree_node_t node, const char *name, size_t *length);

// The number that the first `cells` words of a property are.
uint64_t device_tree_number(const uint32_t *value, unsigned int cells);

// The range of RAM number `i` goes to `base` and `size`, in bytes. Returns whether there is one.
bool device_tree_memory(unsigned int i, uint64_t *base, uint64_t *size);

#endif // MICROPY_INCLUDED_BOARDS_PORT_DEVICE_TREE_H
