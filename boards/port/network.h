// SPDX-License-Identifier: MIT

// lwIP's place in the port: when it runs, and what it is asked to forget.
//
// It runs in the main program only, never in an interrupt and never from within itself: what
// interrupts and lwIP itself want of it is put off until the main program is between two bytecodes,
// or waits.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_NETWORK_H
#define MICROPY_INCLUDED_BOARDS_PORT_NETWORK_H

// At the start of the machine.
void network_start(void);

// At each start of MicroPython, after mp_init().
void network_init(void);

// Where callbacks have to wait: lets lwIP run, which never waits by itself.
void network_serve(void);

// Before the heap goes: tells the peers of all connections that these have ended, as well as it can.
void network_end_connections(void);

// Before the heap goes: lwIP forgets the interfaces, which are in it.
void network_deinit(void);

// When the heap has gone, and the sockets in it were closed: ends the connections that are left.
void network_abort_connections(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_NETWORK_H
