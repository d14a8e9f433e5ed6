// SPDX-License-Identifier: MIT

// What lwIP asks about the compiler, where its own guess will not do.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_LWIP_ARCH_CC_H
#define MICROPY_INCLUDED_BOARDS_PORT_LWIP_ARCH_CC_H

#define LWIP_NO_CTYPE_H             1
#define LWIP_NO_UNISTD_H            1
#define LWIP_NOASSERT               1
#define LWIP_PLATFORM_DIAG(message)

#endif // MICROPY_INCLUDED_BOARDS_PORT_LWIP_ARCH_CC_H
