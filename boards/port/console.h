// SPDX-License-Identifier: MIT

#ifndef MICROPY_INCLUDED_BOARDS_PORT_CONSOLE_H
#define MICROPY_INCLUDED_BOARDS_PORT_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

// Starts standard input and output on the serial line. irq_init() comes first.
void console_init(void);

// Makes `c` what is read next; interrupts are masked.
void console_put_back(int c);

// Puts what somebody types elsewhere behind what was typed on the serial line. Returns how much of
// it: the rest found no room.
size_t console_type(const uint8_t *keys, size_t length);

#endif // MICROPY_INCLUDED_BOARDS_PORT_CONSOLE_H
