// SPDX-License-Identifier: MIT

// lwIP includes this; there is nothing to measure with.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_LWIP_ARCH_PERF_H
#define MICROPY_INCLUDED_BOARDS_PORT_LWIP_ARCH_PERF_H

#define PERF_START
#define PERF_STOP(name)

#endif // MICROPY_INCLUDED_BOARDS_PORT_LWIP_ARCH_PERF_H
