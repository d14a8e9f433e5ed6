// SPDX-License-Identifier: MIT

// Where Python code, and MicroPython's modules, call the file systems in C. A hard handler is
// refused there: it may have interrupted that file system.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_FILE_SYSTEM_H
#define MICROPY_INCLUDED_BOARDS_PORT_FILE_SYSTEM_H

#include <stdbool.h>

// Whether a call of a file system in C goes on.
bool file_system_is_amid(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_FILE_SYSTEM_H
