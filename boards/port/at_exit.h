// SPDX-License-Identifier: MIT

#ifndef MICROPY_INCLUDED_BOARDS_PORT_AT_EXIT_H
#define MICROPY_INCLUDED_BOARDS_PORT_AT_EXIT_H

// Calls what sys.atexit() was given, once, when a program has ended.
void at_exit(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_AT_EXIT_H
