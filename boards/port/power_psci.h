// The ways to call what is behind the machine; in assembly language.

#include <stdint.h>

// Call PSCI (Arm's Power State Coordination Interface), by either instruction.
void psci_call_hvc(uint32_t function);
void psci_call_smc(uint32_t function);

// Calls a function of Arm's semihosting, with its parameter block. Where nothing listens the
// instruction at semihosting_instruction is undefined: the trap code passes over it.
void semihosting_call(uint32_t function, const uintptr_t *block);
extern const char semihosting_instruction[];
