// SPDX-License-Identifier: MIT

// The partition of `mpremote romfs`: RAM that keeps what was deployed until the machine is switched
// off, as nothing clears it at a reset. MicroPython mounts a file system that is in it at /rom.

#include <string.h>

#include "py/mperrno.h"
#include "py/objarray.h"
#include "py/runtime.h"
#include "extmod/vfs.h"

#if MICROPY_VFS_ROM_IOCTL

// MicroPython 1.26 has no name for it.
#ifndef MP_VFS_ROM_IOCTL_GET_MIN_PREPARE
#define MP_VFS_ROM_IOCTL_GET_MIN_PREPARE 6
#endif

#define SIZE MICROPY_HW_ROMFS_PART0_SIZE
#define BLOCK_SIZE 4096
#define ERASED 0xff
#define NONE (-1)

// mpremote writes whole blocks.
#if SIZE <= 0 || SIZE % BLOCK_SIZE != 0
#error "mpconfigboard.h: MICROPY_HW_ROMFS_PART0_SIZE is no multiple of 4096"
#endif

static uint8_t partition[SIZE] __attribute__((section(".noinit"), aligned(16)));
static const MP_DEFINE_MEMORYVIEW_OBJ(memory, 'B', 0, SIZE, partition);

// The first byte, while an image is being written. Without it there is no file system, so that half of
// one is not mounted, whatever kept the rest away.
static int first_byte = NONE;

static void take_first_byte(void) {
    first_byte = partition[0];
    partition[0] = ERASED;
}

static void put_first_byte(void) {
    if (first_byte != NONE) {
        partition[0] = first_byte;
        first_byte = NONE;
    }
}

static bool is_inside(mp_int_t offset, mp_int_t length) {
    return offset >= 0 && length >= 0 && offset <= SIZE && length <= SIZE - offset;
}

static mp_int_t erase(mp_int_t offset, mp_int_t length) {
    if (!is_inside(offset, length)) {
        return -MP_EINVAL;
    }
    put_first_byte();
    memset(partition + offset, ERASED, length);
    take_first_byte();
    return 1; // the least that can be written
}

static mp_int_t write(mp_int_t offset, mp_obj_t data) {
    mp_buffer_info_t bytes;
    mp_get_buffer_raise(data, &bytes, MP_BUFFER_READ);
    if (!is_inside(offset, bytes.len)) {
        return -MP_EINVAL;
    }
    put_first_byte();
    memmove(partition + offset, bytes.buf, bytes.len);
    take_first_byte();
    return 0;
}

static mp_int_t change(size_t n_args, const mp_obj_t *args) {
    switch (mp_obj_get_int(args[0])) {
        case MP_VFS_ROM_IOCTL_WRITE_PREPARE:
            if (n_args == 3) {
                return erase(0, mp_obj_get_int(args[2]));
            }
            return n_args == 4 ? erase(mp_obj_get_int(args[2]), mp_obj_get_int(args[3])) : -MP_EINVAL;
        case MP_VFS_ROM_IOCTL_WRITE:
            return n_args == 4 ? write(mp_obj_get_int(args[2]), args[3]) : -MP_EINVAL;
        case MP_VFS_ROM_IOCTL_WRITE_COMPLETE:
            put_first_byte();
            return 0;
        case MP_VFS_ROM_IOCTL_GET_MIN_PREPARE:
            return BLOCK_SIZE;
        default:
            return -MP_EINVAL;
    }
}

// vfs.rom_ioctl(), which MicroPython asks at each start, too.
mp_obj_t mp_vfs_rom_ioctl(size_t n_args, const mp_obj_t *args) {
    mp_int_t request = mp_obj_get_int(args[0]);
    if (request == MP_VFS_ROM_IOCTL_GET_NUMBER_OF_SEGMENTS) {
        return MP_OBJ_NEW_SMALL_INT(1);
    }
    if (n_args < 2 || mp_obj_get_int(args[1]) != 0) {
        return MP_OBJ_NEW_SMALL_INT(-MP_EINVAL);
    }
    if (request == MP_VFS_ROM_IOCTL_GET_SEGMENT) {
        return MP_OBJ_FROM_PTR(&memory);
    }
    return MP_OBJ_NEW_SMALL_INT(change(n_args, args));
}

#endif
