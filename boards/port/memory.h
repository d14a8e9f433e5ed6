// The RAM behind the firmware, which is the heap's.

#include <stdint.h>

// Calls `found` for each piece of RAM that the device tree names, in the order of their addresses,
// but for what is in front of `start`. The device tree itself is moved there if it is in the way.
void memory_find(void *start, void (*found)(uintptr_t start, uintptr_t end));
