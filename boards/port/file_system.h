// Where Python code, and MicroPython's modules, call the file systems in C. A hard handler is
// refused there: it may have interrupted that file system.

#ifndef FILE_SYSTEM_H
#define FILE_SYSTEM_H

#include <stdbool.h>

// Whether a call of a file system in C goes on.
bool file_system_is_amid(void);

#endif
