// SPDX-License-Identifier: MIT

// Where file systems in C call block devices in Python. No exception crosses that border: it
// becomes a number here.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_BLOCK_DEVICE_H
#define MICROPY_INCLUDED_BOARDS_PORT_BLOCK_DEVICE_H

#include "py/obj.h"

// What went wrong first since this was last set to 0: a negative errno, or 0.
extern int block_device_error;

// Where the last read that failed was to go to, NULL if none has failed since this was NULL.
extern const void *block_device_failed_read;

// The exception that ended the last call of a block device that one ended; MP_OBJ_NULL if the
// last that went wrong returned a number.
mp_obj_t block_device_exception(mp_obj_t device);

#endif // MICROPY_INCLUDED_BOARDS_PORT_BLOCK_DEVICE_H
