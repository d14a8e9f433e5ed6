// SPDX-License-Identifier: MIT

// What file_system.c calls in the place of littlefs's own, so that no file and no folder is lost.
// Of a file that was removed nothing can be read or written any more: ENOENT. It can be closed.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_LITTLEFS_FILES_H
#define MICROPY_INCLUDED_BOARDS_PORT_LITTLEFS_FILES_H

#include "lib/littlefs/lfs1.h"
#include "lib/littlefs/lfs2.h"

int littlefs_files_lfs1_remove(lfs1_t *fs, const char *path);
int littlefs_files_lfs1_rename(lfs1_t *fs, const char *from, const char *to);
int littlefs_files_lfs1_file_sync(lfs1_t *fs, lfs1_file_t *file);
lfs1_ssize_t littlefs_files_lfs1_file_read(lfs1_t *fs, lfs1_file_t *file, void *data,
    lfs1_size_t size);
lfs1_ssize_t littlefs_files_lfs1_file_write(lfs1_t *fs, lfs1_file_t *file, const void *data,
    lfs1_size_t size);
lfs1_soff_t littlefs_files_lfs1_file_seek(lfs1_t *fs, lfs1_file_t *file, lfs1_soff_t at,
    int whence);

int littlefs_files_lfs2_remove(lfs2_t *fs, const char *path);
int littlefs_files_lfs2_rename(lfs2_t *fs, const char *from, const char *to);
int littlefs_files_lfs2_file_sync(lfs2_t *fs, lfs2_file_t *file);
lfs2_ssize_t littlefs_files_lfs2_file_read(lfs2_t *fs, lfs2_file_t *file, void *data,
    lfs2_size_t size);
lfs2_ssize_t littlefs_files_lfs2_file_write(lfs2_t *fs, lfs2_file_t *file, const void *data,
    lfs2_size_t size);
lfs2_soff_t littlefs_files_lfs2_file_seek(lfs2_t *fs, lfs2_file_t *file, lfs2_soff_t at,
    int whence);

#endif // MICROPY_INCLUDED_BOARDS_PORT_LITTLEFS_FILES_H
