// SPDX-License-Identifier: MIT

// The time of day: the machine's RTC chip, and what machine.RTC was set to.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_WALL_CLOCK_H
#define MICROPY_INCLUDED_BOARDS_PORT_WALL_CLOCK_H

#include <stdint.h>

// Nanoseconds since 1970.
uint64_t wall_clock_ns(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_WALL_CLOCK_H
