// SPDX-License-Identifier: MIT

// What becomes of a CPU exception, such as an access to an address where nothing is. `access`,
// `address` and `reason` make a sentence: "load from", 3, "nothing is there".

#ifndef MICROPY_INCLUDED_BOARDS_PORT_FAULT_H
#define MICROPY_INCLUDED_BOARDS_PORT_FAULT_H

#include <stdbool.h>
#include <stdint.h>

// Whether the code that was interrupted with this stack pointer can go on with a Python exception:
// it is the main program, on its own stack, and not inside of a garbage collection.
bool fault_is_recoverable(uintptr_t stack_pointer);

// Raises virt.Fault. The trap code does not call this: it returns from the CPU exception into it,
// on the stack of the code that was interrupted, aligned as at a call.
void fault_raise(const char *access, uintptr_t address, const char *reason)
    __attribute__((noreturn));

// Otherwise: prints what happened, then registers, and ends QEMU with status 1.
void fault_report_begin(const char *access, uintptr_t address, const char *reason);
void fault_report_register(const char *name, uintptr_t value);
void fault_report_end(void) __attribute__((noreturn));

#endif // MICROPY_INCLUDED_BOARDS_PORT_FAULT_H
