// SPDX-License-Identifier: MIT

// Included by extmod/modos.c.

#include "py/mphal.h"
#include "environment.h"
#include "interruptible.h"
#include "versions.h"

#if !HAS_OS_URANDOM

#define URANDOM_STEP 4096

// urandom(n): n random bytes.
static mp_obj_t mp_os_urandom(mp_obj_t n) {
    mp_int_t size = mp_obj_get_int(n);
    if (size < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("negative number of bytes"));
    }
    vstr_t bytes;
    vstr_init_len(&bytes, size);
    for (mp_int_t done = 0; done < size; done += URANDOM_STEP) {
        interruptible();
        mp_hal_get_random(MIN(size - done, URANDOM_STEP), (uint8_t *)bytes.buf + done);
    }
    return mp_obj_new_bytes_from_vstr(&bytes);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_urandom_obj, mp_os_urandom);

#endif
