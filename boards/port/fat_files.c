// SPDX-License-Identifier: MIT

// What FatFs lets happen to files that are open: their data are lost, or the disk is damaged, when
// they are renamed, removed or opened once more meanwhile. FatFs's own FF_FS_LOCK would refuse
// all of that, and with it what every program does that drops a file without closing it.

#include <string.h>

#include "py/mperrno.h"
#include "py/runtime.h"
#include "fat_files.h"

#define MOST_OPEN 1024
#define DEEPEST 1000

// Without any of the collector's knowledge: a file that is dropped is closed.
static FIL *open_files[MOST_OPEN];
static size_t open_count;

FRESULT __real_f_open(FATFS *fs, FIL *file, const TCHAR *path, BYTE mode);
FRESULT __real_f_close(FIL *file);
FRESULT __real_f_read(FIL *file, void *data, UINT size, UINT *done);
FRESULT __real_f_write(FIL *file, const void *data, UINT size, UINT *done);
FRESULT __real_f_lseek(FIL *file, FSIZE_t at);
FRESULT __real_f_sync(FIL *file);
FRESULT __real_f_opendir(FATFS *fs, FF_DIR *dir, const TCHAR *path);
FRESULT __real_f_mkdir(FATFS *fs, const TCHAR *path);
FRESULT __real_f_unlink(FATFS *fs, const TCHAR *path);
FRESULT __real_f_rename(FATFS *fs, const TCHAR *from, const TCHAR *to);
FRESULT __real_f_stat(FATFS *fs, const TCHAR *path, FILINFO *info);
FRESULT __real_f_chdir(FATFS *fs, const TCHAR *path);
FRESULT __real_f_getfree(FATFS *fs, DWORD *clusters);

void fat_files_init(void) {
    open_count = 0;
}

// ---- Files that are open.

// Those of an earlier mount of the disk are not valid any more.
static bool is_same(const FIL *a, const FIL *b) {
    return a->obj.fs == b->obj.fs && a->obj.id == b->obj.id && a->dir_sect == b->dir_sect
           && a->dir_ptr == b->dir_ptr;
}

static void forget(const FIL *file) {
    for (size_t i = 0; i < open_count; ++i) {
        if (open_files[i] == file) {
            open_files[i] = open_files[--open_count];
            return;
        }
    }
}

// The file is not there any more: nothing can be read from it or written to it.
static bool is_gone(const FIL *file) {
    return file->dir_ptr == NULL;
}

static void set_gone(size_t i) {
    open_files[i]->dir_ptr = NULL;
    open_files[i] = open_files[--open_count];
}

static void all_are_gone(const FIL *place) {
    for (size_t i = open_count; i-- > 0;) {
        if (is_same(open_files[i], place)) {
            set_gone(i);
        }
    }
}

static void all_are_at(const FIL *place, const FIL *new_place) {
    for (size_t i = 0; i < open_count; ++i) {
        if (is_same(open_files[i], place)) {
            open_files[i]->dir_sect = new_place->dir_sect;
            open_files[i]->dir_ptr = new_place->dir_ptr;
        }
    }
}

// All that have one file open know how long it is, and where it begins.
static void share(const FIL *file) {
    for (size_t i = 0; i < open_count; ++i) {
        if (is_same(open_files[i], file)) {
            open_files[i]->obj.sclust = file->obj.sclust;
            open_files[i]->obj.objsize = file->obj.objsize;
        }
    }
}

// What the disk says of a file is older than what those know who write it.
static void learn(FIL *file) {
    for (size_t i = 0; i < open_count; ++i) {
        if (is_same(open_files[i], file)) {
            file->obj.sclust = open_files[i]->obj.sclust;
            file->obj.objsize = open_files[i]->obj.objsize;
            return;
        }
    }
}

// The file was made empty by somebody else: who reads it begins anew, and who writes it has lost
// the place where to go on.
static void others_are_cut(const FIL *file) {
    for (size_t i = open_count; i-- > 0;) {
        if (!is_same(open_files[i], file)) {
            continue;
        }
        if (open_files[i]->flag & FA_WRITE) {
            set_gone(i);
        } else {
            open_files[i]->fptr = 0;
            open_files[i]->sect = 0;
        }
    }
    share(file);
}

// Finds where the file is on the disk, for is_same(). FR_NO_FILE where no open file is to be found.
static FRESULT find(FATFS *fs, const TCHAR *path, FIL *place) {
    return open_count == 0 ? FR_NO_FILE : __real_f_open(fs, place, path, FA_READ);
}

// ---- Names.

// FatFs takes a control character for the end of the name.
static bool is_name(const TCHAR *path) {
    for (; *path != 0; ++path) {
        if ((unsigned char)*path < ' ') {
            return false;
        }
    }
    return true;
}

static bool is_separator(TCHAR c) {
    return c == '/' || c == '\\';
}

// The folder that has, or is to have, `path` in it.
static FRESULT open_parent(FATFS *fs, FF_DIR *dir, const TCHAR *path) {
    size_t length = strlen(path);
    while (length > 0 && is_separator(path[length - 1])) {
        --length;
    }
    while (length > 0 && !is_separator(path[length - 1])) {
        --length;
    }
    TCHAR *parent = m_new_maybe(TCHAR, length + 1);
    if (parent == NULL) {
        return FR_NOT_ENOUGH_CORE;
    }
    memcpy(parent, path, length);
    parent[length] = 0;
    // FatFs takes no separator at the end of any name but that of the root.
    while (length > 1 && is_separator(parent[length - 1])) {
        parent[--length] = 0;
    }
    FRESULT result = __real_f_opendir(fs, dir, parent);
    m_del(TCHAR, parent, length + 1);
    return result;
}

// Whether the folder that begins at `cluster` is `dir` or above it. Names do not tell: there are
// several for one folder.
static FRESULT look_above(FATFS *fs, FF_DIR *dir, DWORD cluster) {
    DWORD current = fs->cdir;
    FRESULT result = FR_OK;
    for (size_t depth = 0; result == FR_OK && dir->obj.sclust != 0; ++depth) {
        if (dir->obj.sclust == cluster) {
            result = FR_INVALID_PARAMETER;
        } else if (depth == DEEPEST) {
            result = FR_INT_ERR;
        } else {
            fs->cdir = dir->obj.sclust;
            result = __real_f_opendir(fs, dir, "..");
        }
    }
    fs->cdir = current;
    return result;
}

// FatFs would move a folder into itself, where nothing finds it any more. And what is a file is
// removed by MicroPython, if there is one where a folder is to be.
static FRESULT check_rename(FATFS *fs, const TCHAR *from, const TCHAR *to) {
    FF_DIR folder, parent;
    FILINFO info;
    if (__real_f_opendir(fs, &folder, from) != FR_OK) {
        return FR_OK;
    }
    FRESULT result = open_parent(fs, &parent, to);
    if (result == FR_OK) {
        result = look_above(fs, &parent, folder.obj.sclust);
    }
    if (result == FR_OK && __real_f_stat(fs, to, &info) == FR_OK && !(info.fattrib & AM_DIR)) {
        result = FR_DENIED;
    }
    return result;
}

// FatFs gives a file all that is there when it is to become longer than the disk has room for.
static FRESULT look_for_room(const FIL *file, FSIZE_t size) {
    FATFS *fs = file->obj.fs;
    DWORD cluster_size = (DWORD)fs->csize * fs->ssize;
    DWORD missing = (size - 1) / cluster_size + 1;
    missing -= file->obj.objsize == 0 ? 0 : (file->obj.objsize - 1) / cluster_size + 1;
    DWORD free = 0;
    FRESULT result = missing == 0 ? FR_OK : __real_f_getfree(fs, &free);
    return result == FR_OK && missing > free ? FR_DENIED : result;
}

// ---- In the place of FatFs's own.

FRESULT fat_files_f_open(FATFS *fs, FIL *file, const TCHAR *path, BYTE mode) {
    if (!is_name(path)) {
        return FR_INVALID_NAME;
    }
    if (open_count == MOST_OPEN) {
        return FR_TOO_MANY_OPEN_FILES;
    }
    FRESULT result = __real_f_open(fs, file, path, mode);
    if (result == FR_OK) {
        if (file->flag & FA_CREATE_ALWAYS) {
            others_are_cut(file);
        } else {
            learn(file);
        }
        open_files[open_count++] = file;
    }
    return result;
}

FRESULT fat_files_f_close(FIL *file) {
    // Even if it fails: its memory may be free afterwards.
    forget(file);
    if (is_gone(file)) {
        file->obj.fs = NULL;
        return FR_OK;
    }
    return __real_f_close(file);
}

FRESULT fat_files_f_read(FIL *file, void *data, UINT size, UINT *done) {
    return is_gone(file) ? FR_NO_FILE : __real_f_read(file, data, size, done);
}

FRESULT fat_files_f_write(FIL *file, const void *data, UINT size, UINT *done) {
    if (is_gone(file)) {
        return FR_NO_FILE;
    }
    FRESULT result = __real_f_write(file, data, size, done);
    share(file);
    return result;
}

FRESULT fat_files_f_lseek(FIL *file, FSIZE_t at) {
    if (is_gone(file)) {
        return FR_NO_FILE;
    }
    if ((file->flag & FA_WRITE) && file->obj.fs != NULL && at > file->obj.objsize) {
        FRESULT room = look_for_room(file, at);
        if (room != FR_OK) {
            return room;
        }
    }
    FRESULT result = __real_f_lseek(file, at);
    share(file);
    return result;
}

FRESULT fat_files_f_sync(FIL *file) {
    return is_gone(file) ? FR_NO_FILE : __real_f_sync(file);
}

FRESULT fat_files_f_unlink(FATFS *fs, const TCHAR *path) {
    if (!is_name(path)) {
        return FR_INVALID_NAME;
    }
    FIL place;
    FRESULT found = find(fs, path, &place);
    if (found == FR_DISK_ERR) {
        return found;
    }
    FRESULT result = __real_f_unlink(fs, path);
    if (result == FR_OK && found == FR_OK) {
        all_are_gone(&place);
    }
    return result;
}

FRESULT fat_files_f_rename(FATFS *fs, const TCHAR *from, const TCHAR *to) {
    if (!is_name(from) || !is_name(to)) {
        return FR_INVALID_NAME;
    }
    FRESULT result = check_rename(fs, from, to);
    if (result != FR_OK) {
        return result;
    }
    FIL place, new_place;
    FRESULT found = find(fs, from, &place);
    if (found == FR_DISK_ERR) {
        return found;
    }
    result = __real_f_rename(fs, from, to);
    if (result == FR_OK && found == FR_OK) {
        if (find(fs, to, &new_place) == FR_OK) {
            all_are_at(&place, &new_place);
        } else {
            all_are_gone(&place);
        }
    }
    return result;
}

FRESULT fat_files_f_opendir(FATFS *fs, FF_DIR *dir, const TCHAR *path) {
    return is_name(path) ? __real_f_opendir(fs, dir, path) : FR_INVALID_NAME;
}

FRESULT fat_files_f_mkdir(FATFS *fs, const TCHAR *path) {
    return is_name(path) ? __real_f_mkdir(fs, path) : FR_INVALID_NAME;
}

FRESULT fat_files_f_stat(FATFS *fs, const TCHAR *path, FILINFO *info) {
    FRESULT result = is_name(path) ? __real_f_stat(fs, path, info) : FR_INVALID_NAME;
    // What wrote the disk may have no clock, or anything else here: MicroPython counts on a date.
    unsigned int month = info->fdate >> 5 & 15;
    if (result == FR_OK && (month < 1 || month > 12 || (info->fdate & 31) == 0)) {
        info->fdate = 1 << 5 | 1;
        info->ftime = 0;
    }
    return result;
}

FRESULT fat_files_f_chdir(FATFS *fs, const TCHAR *path) {
    return is_name(path) ? __real_f_chdir(fs, path) : FR_INVALID_NAME;
}
