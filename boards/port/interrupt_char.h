// SPDX-License-Identifier: MIT

// Which character interrupts a program, Ctrl-C mostly, and whether a program runs at all: at the
// prompt Ctrl-C is a character as any other, while a callback that runs there is ended by it.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_INTERRUPT_CHAR_H
#define MICROPY_INCLUDED_BOARDS_PORT_INTERRUPT_CHAR_H

#include <stdbool.h>

// Whether Ctrl-C was typed while no program ran that it could interrupt.
extern bool interrupt_char_typed;

// For what starts and ends programs, -1 to end: shared/runtime/pyexec.c, by a macro, and script.c.
void interrupt_char_of_program(int c);

// Takes a character that is about to go to standard input; returns whether it interrupts instead.
bool interrupt_char_take(int c);

// The same for one who types from a callback: at the prompt that callback is not what it ends.
bool interrupt_char_take_of_guest(int c);

// Around a callback: returns whether no program runs. If it was not ended by the Ctrl-C that was
// typed meanwhile, that goes to standard input after all.
bool interrupt_char_begin_callback(void);
void interrupt_char_end_callback(bool no_program, bool interrupted);

#endif // MICROPY_INCLUDED_BOARDS_PORT_INTERRUPT_CHAR_H
