// SPDX-License-Identifier: MIT

// Arm's semihosting: what QEMU does for a program, if it runs with -semihosting-config enable=on.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_SEMIHOSTING_H
#define MICROPY_INCLUDED_BOARDS_PORT_SEMIHOSTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Ends QEMU with `status`. Returns if nothing listens.
void semihosting_exit(int status);

// Puts the name of the firmware's file, a blank, and what QEMU was given with -append into `text`,
// with a zero behind. Returns whether that was there, and had room.
bool semihosting_command_line(char *text, size_t size);

// Calls a function, with its parameter block; in assembly language. Where nothing listens the
// instruction at semihosting_instruction is undefined: the trap code passes over it, and the result
// is `function`.
uintptr_t semihosting_call(uintptr_t function, const uintptr_t *block);
extern const char semihosting_instruction[];

#endif // MICROPY_INCLUDED_BOARDS_PORT_SEMIHOSTING_H
