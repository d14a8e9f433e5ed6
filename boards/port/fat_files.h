// SPDX-License-Identifier: MIT

// What file_system.c calls in the place of FatFs's own, so that no file and no folder is lost.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_FAT_FILES_H
#define MICROPY_INCLUDED_BOARDS_PORT_FAT_FILES_H

#include "lib/oofatfs/ff.h"

// For a start with an empty heap.
void fat_files_init(void);

// Of a file that was removed, or made empty to be written anew by somebody else, nothing can be
// read or written any more: FR_NO_FILE. It can be closed.
FRESULT fat_files_f_open(FATFS *fs, FIL *file, const TCHAR *path, BYTE mode);
FRESULT fat_files_f_close(FIL *file);
FRESULT fat_files_f_read(FIL *file, void *data, UINT size, UINT *done);
FRESULT fat_files_f_write(FIL *file, const void *data, UINT size, UINT *done);
FRESULT fat_files_f_lseek(FIL *file, FSIZE_t at);
FRESULT fat_files_f_sync(FIL *file);
FRESULT fat_files_f_unlink(FATFS *fs, const TCHAR *path);
FRESULT fat_files_f_rename(FATFS *fs, const TCHAR *from, const TCHAR *to);
FRESULT fat_files_f_opendir(FATFS *fs, FF_DIR *dir, const TCHAR *path);
FRESULT fat_files_f_mkdir(FATFS *fs, const TCHAR *path);
FRESULT fat_files_f_stat(FATFS *fs, const TCHAR *path, FILINFO *info);
FRESULT fat_files_f_chdir(FATFS *fs, const TCHAR *path);

#endif // MICROPY_INCLUDED_BOARDS_PORT_FAT_FILES_H
