// SPDX-License-Identifier: MIT

// When objects that nothing refers to any more are closed: files, sockets, and the like.
//
// MicroPython's collector does that itself, at whatever allocation it runs, with the heap locked.
// So a file would be closed during what another file, or a driver, does. Here the collector only
// takes down what is to be closed, which happens between two bytecodes of the program, as a
// callback.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_FINALISER_H
#define MICROPY_INCLUDED_BOARDS_PORT_FINALISER_H

#include <stdbool.h>

// For a collection that has marked what is in use: keeps what is to be closed.
void finaliser_keep(void);

// Has __del__() of this object, which is on the heap, called like that of a file.
void finaliser_attach(const void *object);

// gc.collect(): collects, closes what is found, and collects again what was closed.
void finaliser_collect(void);

// Before the heap goes: closes all that there is.
void finaliser_close_all(void);

// At each start of MicroPython: there is nothing to be closed.
void finaliser_init(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_FINALISER_H
