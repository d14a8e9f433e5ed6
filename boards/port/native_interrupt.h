// SPDX-License-Identifier: MIT

// Ctrl-C in machine code that a program has compiled, or written in assembler: that looks at
// nothing while it runs.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_NATIVE_INTERRUPT_H
#define MICROPY_INCLUDED_BOARDS_PORT_NATIVE_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

// The trap code calls it at the end of each interrupt: whether what was interrupted at `pc`, with
// this stack pointer, is to go on in native_interrupt_raise(). If the program insists, but is not
// in such code just now, there is another interrupt soon.
bool native_interrupt_is_due(uintptr_t pc, uintptr_t stack_pointer);

// Raises KeyboardInterrupt. The trap code returns into it as into fault_raise().
void native_interrupt_raise(void) __attribute__((noreturn));

#endif // MICROPY_INCLUDED_BOARDS_PORT_NATIVE_INTERRUPT_H
