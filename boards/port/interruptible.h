// SPDX-License-Identifier: MIT

// Where Ctrl-C ends what C code does for a program, which can take very long: by itself MicroPython
// raises it between bytecodes only.
//
// It is raised where the code around has to take any exception anyway, as each of these can raise
// one: a step of an iterator, which may be a generator of the program's; the printing of an
// element, which may have a __repr__(); an allocation, which may fail. boards/Makefile has the list
// of places, and interruptible.c says why each of them is sound. None of them is in a file system,
// in lwIP or in mbedTLS.
//
// What guard.h keeps back is not pending, so nothing is raised there; nor is it in a hard handler.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_INTERRUPTIBLE_H
#define MICROPY_INCLUDED_BOARDS_PORT_INTERRUPTIBLE_H

// Raises the Ctrl-C that is pending, if there is one. Runs no callbacks.
void interruptible(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_INTERRUPTIBLE_H
