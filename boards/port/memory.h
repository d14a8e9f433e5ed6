// The RAM behind the firmware, which the heap grows into.

#include <stddef.h>

// Takes all RAM that the device tree names, from `start` on, but for the device tree itself. All
// that was allocated is free again.
void memory_init(void *start);

// A piece of `size` bytes, or NULL.
void *memory_allocate(size_t size);
void memory_free(void *piece);

// The most bytes that memory_allocate() has in one piece.
size_t memory_largest(void);
