// SPDX-License-Identifier: MIT

// Where the versions of MicroPython that this port is built with differ: 1.25 to the newest.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_VERSIONS_H
#define MICROPY_INCLUDED_BOARDS_PORT_VERSIONS_H

#include "py/mpconfig.h"

#define MICROPYTHON_SINCE(major, minor) \
    (MICROPY_VERSION_MAJOR > (major) \
    || (MICROPY_VERSION_MAJOR == (major) && MICROPY_VERSION_MINOR >= (minor)))

// time.gmtime() and time.mktime() know more than the years 1970 to 2099, in a type of their own.
#define HAS_TIMESTAMPS              MICROPYTHON_SINCE(1, 26)

// A socket keeps several datagrams that were not read, and not one.
#define HAS_PACKET_QUEUES           MICROPYTHON_SINCE(1, 26)

// time.localtime() makes its tuple itself, and asks the port for a timeutils_struct_time_t.
#define LOCALTIME_MAKES_ITS_TUPLE   MICROPYTHON_SINCE(1, 27)

// os.urandom() is MicroPython's own, and asks the port for mp_hal_get_random().
#define HAS_OS_URANDOM              MICROPYTHON_SINCE(1, 28)

// mbedTLS gets its random numbers from mp_hal_get_random() by MicroPython's own code.
#define HAS_MBEDTLS_HARDWARE_POLL   MICROPYTHON_SINCE(1, 28)

// The collector takes for no reference what is outside of area_pool_min to area_pool_max.
#define HAS_POOL_BOUNDS             MICROPYTHON_SINCE(1, 29)

#endif // MICROPY_INCLUDED_BOARDS_PORT_VERSIONS_H
