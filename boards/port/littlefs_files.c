// SPDX-License-Identifier: MIT

// What littlefs lets happen: a folder that is moved into itself is lost, and so is what is written
// to a file after it was renamed.

#include <string.h>

#include "py/runtime.h"
#include "littlefs_files.h"

// ---- Names. There is one for each file, but for what is between its parts.

// Makes "/a/b" of "//a/./b/c/..", and "" of "/".
static void simplify(char *path) {
    char *out = path;
    for (const char *in = path; *in != 0;) {
        in += strspn(in, "/");
        size_t length = strcspn(in, "/");
        if (length == 2 && in[0] == '.' && in[1] == '.') {
            while (out > path && *--out != '/') {
            }
        } else if (length > 0 && !(length == 1 && in[0] == '.')) {
            *out++ = '/';
            memmove(out, in, length);
            out += length;
        }
        in += length;
    }
    *out = 0;
}

enum { IS_ELSEWHERE, IS_SAME, IS_BELOW, NO_MEMORY };

// MicroPython gives names from the root on, with a "/" at the beginning.
static int where_is(const char *path, const char *from) {
    size_t path_size = strlen(path) + 1, from_size = strlen(from) + 1;
    char *buffer = m_new_maybe(char, path_size + from_size);
    if (buffer == NULL) {
        return NO_MEMORY;
    }
    char *simple_path = buffer, *simple_from = buffer + path_size;
    memcpy(simple_path, path, path_size);
    memcpy(simple_from, from, from_size);
    simplify(simple_path);
    simplify(simple_from);
    size_t length = strlen(simple_from);
    int where = IS_ELSEWHERE;
    if (memcmp(simple_path, simple_from, MIN(length, strlen(simple_path) + 1)) == 0) {
        char next = simple_path[length];
        where = next == 0 ? IS_SAME : next == '/' ? IS_BELOW : IS_ELSEWHERE;
    }
    m_del(char, buffer, path_size + from_size);
    return where;
}

// ---- Files that are open, for both versions of littlefs. These two bits of their flags are free.

#define IS_MOVED 0x10000000
#define IS_GOING 0x20000000

_Static_assert(((LFS1_F_DIRTY | LFS1_F_WRITING | LFS1_F_READING | LFS1_F_ERRED
    | LFS2_F_DIRTY | LFS2_F_WRITING | LFS2_F_READING | LFS2_F_ERRED | LFS2_F_INLINE)
    & (IS_MOVED | IS_GOING)) == 0, "littlefs has a use for these two bits");

#define LFSx(name) lfs1_##name
#define LFSx_REAL(name) __real_lfs1_##name
#define LFSx_SAFE(name) littlefs_files_lfs1_##name
#define LFSx_ERR(name) LFS1_ERR_##name
#define LFSx_TYPE_DIR LFS1_TYPE_DIR
#define LFSx_O_RDONLY LFS1_O_RDONLY
#define FIRST_FILE(fs) ((fs)->files)
#define IS_FILE(file) true
#define BUFFER_SIZE(fs) ((fs)->cfg->prog_size)
#define PAIR(file) ((file)->pair)
#define IS_AT(file, place) ((file)->poff == (place)->poff)
#define MOVE(file, place) \
    (memcpy((file)->pair, (place)->pair, sizeof((file)->pair)), (file)->poff = (place)->poff)
#include "littlefs_files.inc"

#undef LFSx
#undef LFSx_REAL
#undef LFSx_SAFE
#undef LFSx_ERR
#undef LFSx_TYPE_DIR
#undef LFSx_O_RDONLY
#undef FIRST_FILE
#undef IS_FILE
#undef BUFFER_SIZE
#undef PAIR
#undef IS_AT
#undef MOVE

#define LFSx(name) lfs2_##name
#define LFSx_REAL(name) __real_lfs2_##name
#define LFSx_SAFE(name) littlefs_files_lfs2_##name
#define LFSx_ERR(name) LFS2_ERR_##name
#define LFSx_TYPE_DIR LFS2_TYPE_DIR
#define LFSx_O_RDONLY LFS2_O_RDONLY
#define FIRST_FILE(fs) ((lfs2_file_t *)(fs)->mlist)
#define IS_FILE(file) ((file)->type == LFS2_TYPE_REG)
#define BUFFER_SIZE(fs) ((fs)->cfg->cache_size)
#define PAIR(file) ((file)->m.pair)
#define IS_AT(file, place) ((file)->id == (place)->id)
#define MOVE(file, place) ((file)->m = (place)->m, (file)->id = (place)->id)
#include "littlefs_files.inc"
