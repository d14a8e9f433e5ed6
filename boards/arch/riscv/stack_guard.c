// SPDX-License-Identifier: MIT

// An entry of the physical memory protection that allows nothing, not even to machine mode.

#include "py/mpconfig.h"
#include "trap.h"

#define PMPCFG_LOCKED   0x80
#define PMPCFG_NAPOT    0x18

// From the linker script: a power of two bytes, aligned to its size.
extern char _stack_guard_start, _stack_guard_end;

void stack_guard_init(void) {
    uintptr_t start = (uintptr_t)&_stack_guard_start;
    uintptr_t size = &_stack_guard_end - &_stack_guard_start;
    // The number of ones at the end says how large the range is; the unit is 4 bytes.
    uintptr_t address = (start + size / 2 - 1) >> 2;
    __asm volatile ("csrw pmpaddr0, %0" : : "r" (address));
    __asm volatile ("csrw pmpcfg0, %0" : : "r" (PMPCFG_LOCKED | PMPCFG_NAPOT));
}
