// SPDX-License-Identifier: MIT

// What QEMU was given with -append, "" if nothing.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_BOOTARGS_H
#define MICROPY_INCLUDED_BOARDS_PORT_BOOTARGS_H

const char *bootargs(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_BOOTARGS_H
