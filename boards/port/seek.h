// SPDX-License-Identifier: MIT

// Included before all else of extmod/vfs_fat_file.c and extmod/vfs_lfs.c, which hand a position of
// a file on in fewer bits than it may have.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_SEEK_H
#define MICROPY_INCLUDED_BOARDS_PORT_SEEK_H

#include "py/mperrno.h"
#include "py/runtime.h"
#include "lib/littlefs/lfs1.h"
#include "lib/littlefs/lfs2.h"
#include "lib/oofatfs/ff.h"

// With 32 bits what is before the file looks as if it were far behind it.
static inline FRESULT seek_fat(FIL *file, uintptr_t at) {
    if (at > UINT32_MAX || (at > INT32_MAX && at > f_size(file))) {
        mp_raise_OSError(MP_EINVAL);
    }
    return f_lseek(file, at);
}

static inline bool seek_is_too_far(intptr_t at) {
    return at > INT32_MAX || at < INT32_MIN;
}

#define f_lseek(file, at) seek_fat(file, at)

#define lfs1_file_seek(fs, file, at, whence) \
    (seek_is_too_far(at) ? -MP_EINVAL : lfs1_file_seek(fs, file, at, whence))
#define lfs2_file_seek(fs, file, at, whence) \
    (seek_is_too_far(at) ? -MP_EINVAL : lfs2_file_seek(fs, file, at, whence))

#endif // MICROPY_INCLUDED_BOARDS_PORT_SEEK_H
