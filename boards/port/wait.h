// SPDX-License-Identifier: MIT

// What goes on while code waits where callbacks may not run: in a callback, or in a section that
// guard.h keeps. Devices are served and the network runs, so that what is waited for can come.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_WAIT_H
#define MICROPY_INCLUDED_BOARDS_PORT_WAIT_H

// MicroPython's own waits call this before they look for callbacks to run.
void wait_serve(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_WAIT_H
