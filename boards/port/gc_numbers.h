// SPDX-License-Identifier: MIT

// Included before all else of py/modgc.c: what is free may be more than a small integer can say.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_GC_NUMBERS_H
#define MICROPY_INCLUDED_BOARDS_PORT_GC_NUMBERS_H

#include "py/obj.h"

// There are sizes, and -1.
#undef MP_OBJ_NEW_SMALL_INT
#define MP_OBJ_NEW_SMALL_INT(number) \
    _Generic((number), int: mp_obj_new_int, default: mp_obj_new_int_from_uint)(number)

#endif // MICROPY_INCLUDED_BOARDS_PORT_GC_NUMBERS_H
