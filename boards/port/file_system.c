// SPDX-License-Identifier: MIT

#include <string.h>

#include "py/mperrno.h"
#include "py/runtime.h"
#include "lib/littlefs/lfs1.h"
#include "lib/littlefs/lfs2.h"
#include "lib/oofatfs/ff.h"
#include "extmod/vfs_fat.h"
#include "block_device.h"
#include "callback.h"
#include "fat_files.h"
#include "file_system.h"
#include "littlefs_files.h"

static unsigned int depth;

bool file_system_is_amid(void) {
    return depth > 0;
}

// For extmod/vfs.c, in the place of mp_obj_str_get_str(): in C a NUL ends the name.
const char *file_system_name(mp_obj_t name) {
    size_t length;
    const char *path = mp_obj_str_get_data(name, &length);
    if (memchr(path, 0, length) != NULL) {
        mp_raise_ValueError(MP_ERROR_TEXT("embedded null byte"));
    }
    return path;
}

// What went wrong in one call. A block device may use another file system, so calls nest.
typedef struct {
    int error;
    const void *failed_read;
} outcome_t;

static outcome_t enter(void) {
    outcome_t outer = { block_device_error, block_device_failed_read };
    ++depth;
    block_device_error = 0;
    block_device_failed_read = NULL;
    return outer;
}

static void leave(outcome_t outer) {
    --depth;
    block_device_error = outer.error;
    block_device_failed_read = outer.failed_read;
}

// FatFs has one number for all that a disk may say.
static FRESULT more_precise(FRESULT result) {
    if (result == FR_DISK_ERR || result == FR_NOT_READY) {
        switch (-block_device_error) {
            case MP_EBUSY:
                return FR_NOT_READY;
            case MP_ENODEV:
                return FR_INVALID_DRIVE;
            case MP_ENOMEM:
                return FR_NOT_ENOUGH_CORE;
            default:
                return FR_DISK_ERR;
        }
    }
    return result;
}

// littlefs takes what is in a cache for what is on the disk, even if the read that was to fill it
// has failed.
static void drop_failed_read(uint32_t *block, const void *buffer) {
    if (block_device_failed_read != NULL && buffer == block_device_failed_read) {
        *block = 0xffffffff;
    }
}

#define DROP_FAILED_READ(cache) drop_failed_read(&(cache).block, (cache).buffer)

// ---- By the linker's --wrap each function in these lists is called through one that is made
// here. The Makefile reads the lists.

#define WRAP(type, name, function, parameters, arguments, refusal, look, raise) \
    type __real_##name parameters; \
    type __wrap_##name parameters; \
    type __wrap_##name parameters { \
        if (callback_is_hard) { \
            return refusal; \
        } \
        outcome_t outer = enter(); \
        type result = function arguments; \
        look; \
        leave(outer); \
        raise; \
        return result; \
    }

#define FAT(name, parameters, arguments) \
    WRAP(FRESULT, name, __real_##name, parameters, arguments, FR_NOT_READY, \
        result = more_precise(result), )

#define FAT_SAFE(name, parameters, arguments) \
    WRAP(FRESULT, name, fat_files_##name, parameters, arguments, FR_NOT_READY, \
        result = more_precise(result), )

// MicroPython takes an error for the end of the list of a folder. It asks once more where a list
// has ended, which is closed then.
#define FAT_LIST(name, parameters, arguments) \
    WRAP(FRESULT, name, __real_##name, parameters, arguments, FR_NOT_READY, \
        result = more_precise(result), \
        if (result != FR_OK && dir->obj.fs != NULL) \
            mp_raise_OSError(fresult_to_errno_table[result]))

// MicroPython does not look at what it returns. What is denied is room on the disk.
#define FAT_SEEK(name, parameters, arguments) \
    WRAP(FRESULT, name, fat_files_##name, parameters, arguments, \
        (mp_raise_OSError(MP_EBUSY), FR_OK), \
        result = more_precise(result), \
        if (result != FR_OK) \
            mp_raise_OSError(result == FR_DENIED ? MP_ENOSPC : fresult_to_errno_table[result]))

FAT(f_mount, (FATFS * fs), (fs))
FAT_SAFE(f_open, (FATFS * fs, FIL * file, const TCHAR * path, BYTE mode), (fs, file, path, mode))
FAT_SAFE(f_close, (FIL * file), (file))
FAT_SAFE(f_read, (FIL * file, void *data, UINT size, UINT * done), (file, data, size, done))
FAT_SAFE(f_write, (FIL * file, const void *data, UINT size, UINT * done), (file, data, size, done))
FAT_SEEK(f_lseek, (FIL * file, FSIZE_t at), (file, at))
FAT_SAFE(f_sync, (FIL * file), (file))
FAT_SAFE(f_opendir, (FATFS * fs, FF_DIR * dir, const TCHAR * path), (fs, dir, path))
FAT(f_closedir, (FF_DIR * dir), (dir))
FAT_LIST(f_readdir, (FF_DIR * dir, FILINFO * info), (dir, info))
FAT_SAFE(f_mkdir, (FATFS * fs, const TCHAR * path), (fs, path))
FAT_SAFE(f_unlink, (FATFS * fs, const TCHAR * path), (fs, path))
FAT_SAFE(f_rename, (FATFS * fs, const TCHAR * from, const TCHAR * to), (fs, from, to))
FAT_SAFE(f_stat, (FATFS * fs, const TCHAR * path, FILINFO * info), (fs, path, info))
FAT_SAFE(f_chdir, (FATFS * fs, const TCHAR * path), (fs, path))
FAT(f_getcwd, (FATFS * fs, TCHAR * path, UINT size), (fs, path, size))
FAT(f_getfree, (FATFS * fs, DWORD * clusters), (fs, clusters))
FAT(f_mkfs, (FATFS * fs, BYTE options, DWORD unit, void *work, UINT size),
    (fs, options, unit, work, size))

// ---- littlefs; files and lists need something more than other calls.

#define LFS(type, name, parameters, arguments) \
    WRAP(type, name, __real_##name, parameters, arguments, -MP_EBUSY, \
        DROP_FAILED_READ(fs->rcache), )

#define LFS_SAFE(type, name, parameters, arguments) \
    WRAP(type, name, littlefs_files_##name, parameters, arguments, -MP_EBUSY, \
        DROP_FAILED_READ(fs->rcache), )

#define LFS_FILE(type, name, parameters, arguments) \
    WRAP(type, name, __real_##name, parameters, arguments, -MP_EBUSY, \
        DROP_FAILED_READ(fs->rcache); DROP_FAILED_READ(file->cache), )

#define LFS_FILE_SAFE(type, name, parameters, arguments) \
    WRAP(type, name, littlefs_files_##name, parameters, arguments, -MP_EBUSY, \
        DROP_FAILED_READ(fs->rcache); DROP_FAILED_READ(file->cache), )

#define LFS_LIST(type, name, parameters, arguments) \
    WRAP(type, name, __real_##name, parameters, arguments, -MP_EBUSY, \
        DROP_FAILED_READ(fs->rcache), \
        if (result < 0) mp_raise_OSError(-result))

LFS(int, lfs1_format, (lfs1_t * fs, const struct lfs1_config *config), (fs, config))
LFS(int, lfs1_mount, (lfs1_t * fs, const struct lfs1_config *config), (fs, config))
LFS(int, lfs1_unmount, (lfs1_t * fs), (fs))
LFS_SAFE(int, lfs1_remove, (lfs1_t * fs, const char *path), (fs, path))
LFS_SAFE(int, lfs1_rename, (lfs1_t * fs, const char *from, const char *to), (fs, from, to))
LFS(int, lfs1_stat, (lfs1_t * fs, const char *path, struct lfs1_info *info), (fs, path, info))
LFS(int, lfs1_mkdir, (lfs1_t * fs, const char *path), (fs, path))
LFS_FILE(int, lfs1_file_opencfg, (lfs1_t * fs, lfs1_file_t * file, const char *path, int flags,
    const struct lfs1_file_config *config), (fs, file, path, flags, config))
LFS_FILE(int, lfs1_file_close, (lfs1_t * fs, lfs1_file_t * file), (fs, file))
LFS_FILE_SAFE(int, lfs1_file_sync, (lfs1_t * fs, lfs1_file_t * file), (fs, file))
LFS_FILE_SAFE(lfs1_ssize_t, lfs1_file_read, (lfs1_t * fs, lfs1_file_t * file, void *data,
    lfs1_size_t size), (fs, file, data, size))
LFS_FILE_SAFE(lfs1_ssize_t, lfs1_file_write, (lfs1_t * fs, lfs1_file_t * file, const void *data,
    lfs1_size_t size), (fs, file, data, size))
LFS_FILE_SAFE(lfs1_soff_t, lfs1_file_seek, (lfs1_t * fs, lfs1_file_t * file, lfs1_soff_t at,
    int whence), (fs, file, at, whence))
LFS(int, lfs1_dir_open, (lfs1_t * fs, lfs1_dir_t * dir, const char *path), (fs, dir, path))
LFS(int, lfs1_dir_close, (lfs1_t * fs, lfs1_dir_t * dir), (fs, dir))
LFS_LIST(int, lfs1_dir_read, (lfs1_t * fs, lfs1_dir_t * dir, struct lfs1_info *info),
    (fs, dir, info))
LFS(int, lfs1_traverse, (lfs1_t * fs, int (*visit)(void *, lfs1_block_t), void *data),
    (fs, visit, data))

LFS(int, lfs2_format, (lfs2_t * fs, const struct lfs2_config *config), (fs, config))
LFS(int, lfs2_mount, (lfs2_t * fs, const struct lfs2_config *config), (fs, config))
LFS(int, lfs2_unmount, (lfs2_t * fs), (fs))
LFS_SAFE(int, lfs2_remove, (lfs2_t * fs, const char *path), (fs, path))
LFS_SAFE(int, lfs2_rename, (lfs2_t * fs, const char *from, const char *to), (fs, from, to))
LFS(int, lfs2_stat, (lfs2_t * fs, const char *path, struct lfs2_info *info), (fs, path, info))
LFS(int, lfs2_mkdir, (lfs2_t * fs, const char *path), (fs, path))
LFS_FILE(int, lfs2_file_opencfg, (lfs2_t * fs, lfs2_file_t * file, const char *path, int flags,
    const struct lfs2_file_config *config), (fs, file, path, flags, config))
LFS_FILE(int, lfs2_file_close, (lfs2_t * fs, lfs2_file_t * file), (fs, file))
LFS_FILE_SAFE(int, lfs2_file_sync, (lfs2_t * fs, lfs2_file_t * file), (fs, file))
LFS_FILE_SAFE(lfs2_ssize_t, lfs2_file_read, (lfs2_t * fs, lfs2_file_t * file, void *data,
    lfs2_size_t size), (fs, file, data, size))
LFS_FILE_SAFE(lfs2_ssize_t, lfs2_file_write, (lfs2_t * fs, lfs2_file_t * file, const void *data,
    lfs2_size_t size), (fs, file, data, size))
LFS_FILE_SAFE(lfs2_soff_t, lfs2_file_seek, (lfs2_t * fs, lfs2_file_t * file, lfs2_soff_t at,
    int whence), (fs, file, at, whence))
LFS(int, lfs2_dir_open, (lfs2_t * fs, lfs2_dir_t * dir, const char *path), (fs, dir, path))
LFS(int, lfs2_dir_close, (lfs2_t * fs, lfs2_dir_t * dir), (fs, dir))
LFS_LIST(int, lfs2_dir_read, (lfs2_t * fs, lfs2_dir_t * dir, struct lfs2_info *info),
    (fs, dir, info))
LFS(lfs2_ssize_t, lfs2_getattr, (lfs2_t * fs, const char *path, uint8_t type, void *data,
    lfs2_size_t size), (fs, path, type, data, size))
LFS(int, lfs2_fs_traverse, (lfs2_t * fs, int (*visit)(void *, lfs2_block_t), void *data),
    (fs, visit, data))
