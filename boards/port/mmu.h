// The translation of addresses: every address stays what it is, RAM can be cached and executed,
// devices can neither, and what is neither RAM nor a device is not there. Nor is what guards the
// end of each stack.

#include <stdint.h>

// Sets this up. start.S calls it before anything that may access memory unaligned, which only
// works afterwards.
void mmu_init(void);

// Starts translating with these tables; in assembly language.
void mmu_enable(const uint64_t *level_1);

// Why an access failed: what the `status` of ESR_EL1, DFSR or IFSR means.
const char *mmu_fault_reason(uint32_t status);
