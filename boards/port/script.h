// SPDX-License-Identifier: MIT

#ifndef MICROPY_INCLUDED_BOARDS_PORT_SCRIPT_H
#define MICROPY_INCLUDED_BOARDS_PORT_SCRIPT_H

#include <stdbool.h>

// Runs the script that QEMU was given and ends QEMU with its exit status. Returns if there is
// none. QEMU takes a script in one of two ways:
//   -device loader,file=x.py,force-raw=on,addr=<the end of the firmware's RAM>
//       (before the script the words of sys.argv may stand, each between a byte 1 and a zero; the
//       firmware then sends an XON when the script may be typed to)
//   -fw_cfg name=opt/micropython/script,file=x.py  (where the machine has that; on RISC-V from
//       QEMU 8.0 on)
void script_run(void);

// Whether QEMU loaded a script.
bool script_is_loaded(void);

// What is from here on behind the firmware is free: neither firmware nor script.
void *script_end(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_SCRIPT_H
