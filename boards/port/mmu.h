// SPDX-License-Identifier: MIT

// The translation of addresses: every address stays what it is, RAM can be cached and executed,
// devices can neither, and what is neither RAM nor a device is not there. Nor is what guards the
// end of each stack. More devices are mapped by device_memory_map().

#ifndef MICROPY_INCLUDED_BOARDS_PORT_MMU_H
#define MICROPY_INCLUDED_BOARDS_PORT_MMU_H

#include <stdint.h>
#include "mpconfigboard.h"

#ifndef MICROPY_HW_WINDOW_BASE
#define MICROPY_HW_WINDOW_BASE  MICROPY_HW_DEVICES_END
#define MICROPY_HW_WINDOW_END   MICROPY_HW_DEVICES_END
#endif

// The level of the table that translation starts at, and the end of the addresses.
#if UINTPTR_MAX > UINT32_MAX
#define MMU_FIRST_LEVEL 0
#define MMU_ADDRESS_END (1ull << 40)
#else
#define MMU_FIRST_LEVEL 1
#define MMU_ADDRESS_END (1ull << 32)
#endif

// With an address, the entry at level 1 or 2 for device memory.
#define MMU_DEVICE      ((3ull << 53) | 0x401)

// Sets this up. start.S calls it before anything that may access memory unaligned, which only
// works afterwards.
void mmu_init(void);

// Starts translating with these tables; in assembly language.
void mmu_enable(const uint64_t *first_table);

// The entry at `level` that covers `address`, which no larger entry does; 0 if nothing is mapped
// there.
uint64_t *mmu_entry(uint64_t address, int level);

// Why an access failed: what the `status` of ESR_EL1, DFSR or IFSR means.
const char *mmu_fault_reason(uint32_t status);

#endif // MICROPY_INCLUDED_BOARDS_PORT_MMU_H
