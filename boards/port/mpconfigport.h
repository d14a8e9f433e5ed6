// SPDX-License-Identifier: MIT

// How MicroPython is configured on every board of this port. What is not here has the default of
// py/mpconfig.h; what depends on the board is in its mpconfigboard.h, where it may also have another
// value for each option that is in #ifndef here.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_MPCONFIGPORT_H
#define MICROPY_INCLUDED_BOARDS_PORT_MPCONFIGPORT_H

#include <alloca.h>
#include <stdint.h>
#include "hardware.h"
#include "random.h"
#include "mpconfigboard.h"
#include "boardcheck.h"

// ---- What the port itself relies on, and no board changes.

// main.c and heap.c set these up. With the third, calls take no heap for what does not fit on the C
// stack, and so less time.
#define MICROPY_ENABLE_GC                       (1)
#define MICROPY_GC_SPLIT_HEAP                   (1)
#define MICROPY_ENABLE_PYSTACK                  (1)
// heap.c has no table of what weak references are for.
#define MICROPY_PY_WEAKREF                      (0)
#define MICROPY_ENABLE_EMERGENCY_EXCEPTION_BUF  (1)
// mbedTLS allocates from the heap.
#define MICROPY_TRACKED_ALLOC                   (1)
// Addresses of 64 bits, and the time in nanoseconds.
#define MICROPY_LONGINT_IMPL                    (MICROPY_LONGINT_IMPL_MPZ)
// Programs see the numbers of Linux, whatever those of the C library.
#define MICROPY_USE_INTERNAL_ERRNO              (1)
// Timers and interrupts are scheduled by nodes of their own, so that none is lost.
#define MICROPY_SCHEDULER_STATIC_NODES          (1)

// Ctrl-C is raised in callbacks, too, which the scheduler's lock prevents by itself.
#define MICROPY_VM_HOOK_LOOP \
    if (MP_STATE_MAIN_THREAD(mp_pending_exception) != MP_OBJ_NULL) { \
        MARK_EXC_IP_SELECTIVE(); \
        mp_handle_pending(true); \
    }
extern void wait_serve(void);
#define MICROPY_INTERNAL_EVENT_HOOK             wait_serve()

extern void main_program_begins(void);
#define MICROPY_BOARD_BEFORE_PYTHON_EXEC(input_kind, exec_flags) main_program_begins()
extern void main_program_ended(void *exception, int *result);
#define MICROPY_BOARD_AFTER_PYTHON_EXEC(input_kind, exec_flags, exception, result) \
    main_program_ended(exception, result)

// Modules with functions of the port's own.
#define MICROPY_VFS                             (1)
#define MICROPY_READER_VFS                      (1)
#define MICROPY_PY_MACHINE                      (1)
#define MICROPY_PY_MACHINE_INCLUDEFILE          "port/modmachine.c"
#define MICROPY_PY_MACHINE_RESET                (1)
#define MICROPY_PY_MACHINE_BARE_METAL_FUNCS     (1)
#define MICROPY_PY_OS_INCLUDEFILE               "port/modos.c"
#define MICROPY_PY_TIME_INCLUDEFILE             "port/modtime.c"
#define MICROPY_PY_TIME_CUSTOM_SLEEP            (1)
#define MICROPY_PY_TIME_GMTIME_LOCALTIME_MKTIME (1)
#define MICROPY_PY_TIME_TIME_TIME_NS            (1)
#define MICROPY_TIME_SUPPORT_Y1969_AND_BEFORE   (1)
#define MICROPY_PY_NETWORK                      (1)
extern const struct _mp_obj_type_t network_bridge_type;
extern const struct _mp_obj_fun_builtin_var_t network_lan_obj;
#define MICROPY_PORT_NETWORK_INTERFACES \
    { MP_ROM_QSTR(MP_QSTR_Bridge), MP_ROM_PTR(&network_bridge_type) }, \
    { MP_ROM_QSTR(MP_QSTR_LAN), MP_ROM_PTR(&network_lan_obj) }, \
    { MP_ROM_QSTR(MP_QSTR_STAT_IDLE), MP_ROM_INT(0) }, \
    { MP_ROM_QSTR(MP_QSTR_STAT_CONNECTING), MP_ROM_INT(1) }, \
    { MP_ROM_QSTR(MP_QSTR_STAT_GOT_IP), MP_ROM_INT(3) }, \
    { MP_ROM_QSTR(MP_QSTR_STAT_CONNECT_FAIL), MP_ROM_INT(-1) }, \
    { MP_ROM_QSTR(MP_QSTR_STAT_NO_AP_FOUND), MP_ROM_INT(-2) }, \
    { MP_ROM_QSTR(MP_QSTR_STAT_WRONG_PASSWORD), MP_ROM_INT(-3) },
#define MICROPY_PY_RANDOM_SEED_INIT_FUNC        (random_seed())
// console.c
#define MICROPY_PY_OS_DUPTERM                   (1)
// fat_files.c
#define MICROPY_FATFS_RPATH                     (2)
#define MICROPY_FATFS_MAX_SS                    (4096)
// at_exit.c
#define MICROPY_PY_SYS_ATEXIT                   (1)
// wall_clock.c
#define MICROPY_EPOCH_IS_1970                   (1)
// MicroPython has no names for these.
#define MP_EMSGSIZE                             (90)
#define MP_ENOPROTOOPT                          (92)

typedef intptr_t mp_int_t;
typedef uintptr_t mp_uint_t;
typedef intptr_t mp_off_t;
#define MP_SSIZE_MAX INTPTR_MAX

#define MP_STATE_PORT MP_STATE_VM

// ---- What a board may choose.

#ifndef MICROPY_CONFIG_ROM_LEVEL
#define MICROPY_CONFIG_ROM_LEVEL                (MICROPY_CONFIG_ROM_LEVEL_FULL_FEATURES)
#endif

// Sizes: the boards have much memory.
#ifndef MICROPY_ALLOC_GC_STACK_SIZE
#define MICROPY_ALLOC_GC_STACK_SIZE             (1024)
#endif
#ifndef MICROPY_ALLOC_PATH_MAX
#define MICROPY_ALLOC_PATH_MAX                  (256)
#endif
#ifndef MICROPY_STACK_CHECK_MARGIN
#define MICROPY_STACK_CHECK_MARGIN              (16 * 1024)
#endif

// The language.
#ifndef MICROPY_PERSISTENT_CODE_LOAD
#define MICROPY_PERSISTENT_CODE_LOAD            (1)
#endif
#ifndef MICROPY_OPT_COMPUTED_GOTO
#define MICROPY_OPT_COMPUTED_GOTO               (1)
#endif
// An entry for each of 2048 names: a lookup takes about as long whatever other names there are.
#ifndef MICROPY_OPT_MAP_LOOKUP_CACHE_SIZE
#define MICROPY_OPT_MAP_LOOKUP_CACHE_SIZE       (4096)
#endif
#ifndef MICROPY_SCHEDULER_DEPTH
#define MICROPY_SCHEDULER_DEPTH                 (8)
#endif

// Files.
#ifndef MICROPY_FATFS_ENABLE_LFN
#define MICROPY_FATFS_ENABLE_LFN                (2)
#endif
#ifndef MICROPY_FATFS_LFN_CODE_PAGE
#define MICROPY_FATFS_LFN_CODE_PAGE             437
#endif
#ifndef MICROPY_FATFS_USE_LABEL
#define MICROPY_FATFS_USE_LABEL                 (1)
#endif
// romfs.c: for `mpremote romfs`. It takes so many bytes of the RAM that is the firmware's.
#ifndef MICROPY_VFS_ROM
#define MICROPY_VFS_ROM                         (1)
#endif
#ifndef MICROPY_HW_ROMFS_PART0_SIZE
#define MICROPY_HW_ROMFS_PART0_SIZE             (1024 * 1024)
#endif

// Modules.
#ifndef MICROPY_PY_SYS_PLATFORM
#define MICROPY_PY_SYS_PLATFORM                 "virt"
#endif
#ifndef MICROPY_PY_BUILTINS_MEMORYVIEW_ITEMSIZE
#define MICROPY_PY_BUILTINS_MEMORYVIEW_ITEMSIZE (1)
#endif
#ifndef MICROPY_PY_COLLECTIONS_NAMEDTUPLE__ASDICT
#define MICROPY_PY_COLLECTIONS_NAMEDTUPLE__ASDICT (1)
#endif
#ifndef MICROPY_PY_IO_BUFFEREDWRITER
#define MICROPY_PY_IO_BUFFEREDWRITER            (1)
#endif
#ifndef MICROPY_PY_MICROPYTHON_HEAP_LOCKED
#define MICROPY_PY_MICROPYTHON_HEAP_LOCKED      (1)
#endif
#ifndef MICROPY_PY_SYS_GETSIZEOF
#define MICROPY_PY_SYS_GETSIZEOF                (1)
#endif
#ifndef MICROPY_PY_OS_DUPTERM_NOTIFY
#define MICROPY_PY_OS_DUPTERM_NOTIFY            (1)
#endif
#ifndef MICROPY_PY_OS_GETENV_PUTENV_UNSETENV
#define MICROPY_PY_OS_GETENV_PUTENV_UNSETENV    (1)
#endif
#ifndef MICROPY_PY_OS_SYNC
#define MICROPY_PY_OS_SYNC                      (1)
#endif
#ifndef MICROPY_PY_OS_UNAME
#define MICROPY_PY_OS_UNAME                     (1)
#endif
#ifndef MICROPY_PY_OS_URANDOM
#define MICROPY_PY_OS_URANDOM                   (1)
#endif
// TLS 1.3 beside 1.2, for 40 to 55 KB of firmware.
#ifndef MICROPY_PY_SSL_TLS1_3
#define MICROPY_PY_SSL_TLS1_3                   (1)
#endif
#ifndef MICROPY_PY_HASHLIB_MD5
#define MICROPY_PY_HASHLIB_MD5                  (1)
#endif
#ifndef MICROPY_PY_HASHLIB_SHA1
#define MICROPY_PY_HASHLIB_SHA1                 (1)
#endif
#ifndef MICROPY_PY_CRYPTOLIB
#define MICROPY_PY_CRYPTOLIB                    (1)
#endif
#ifndef MICROPY_PY_CRYPTOLIB_CTR
#define MICROPY_PY_CRYPTOLIB_CTR                (1)
#endif
#ifndef MICROPY_PY_CRYPTOLIB_CONSTS
#define MICROPY_PY_CRYPTOLIB_CONSTS             (1)
#endif
#ifndef MICROPY_PY_RE_MATCH_GROUPS
#define MICROPY_PY_RE_MATCH_GROUPS              (1)
#endif
#ifndef MICROPY_PY_RE_MATCH_SPAN_START_END
#define MICROPY_PY_RE_MATCH_SPAN_START_END      (1)
#endif
#ifndef MICROPY_PY_MACHINE_DISABLE_IRQ_ENABLE_IRQ
#define MICROPY_PY_MACHINE_DISABLE_IRQ_ENABLE_IRQ (1)
#endif

// The network.
#ifndef MICROPY_PY_NETWORK_HOSTNAME_DEFAULT
#define MICROPY_PY_NETWORK_HOSTNAME_DEFAULT     "micropython"
#endif
#ifndef MICROPY_PY_LWIP_SOCK_RAW
#define MICROPY_PY_LWIP_SOCK_RAW                (1)
#endif
// That of CPython.
#ifndef MICROPY_PY_SOCKET_LISTEN_BACKLOG_DEFAULT
#define MICROPY_PY_SOCKET_LISTEN_BACKLOG_DEFAULT (128)
#endif
#ifndef MICROPY_PY_WEBSOCKET
#define MICROPY_PY_WEBSOCKET                    (1)
#endif
#ifndef MICROPY_PY_WEBREPL
#define MICROPY_PY_WEBREPL                      (1)
#endif
#ifndef MICROPY_PY_ERRNO_LIST
#define MICROPY_PY_ERRNO_LIST \
    X(EPERM) X(ENOENT) X(EINTR) X(EIO) X(EBADF) X(EAGAIN) X(ENOMEM) X(EACCES) X(EBUSY) X(EEXIST) \
    X(EXDEV) X(ENODEV) X(ENOTDIR) X(EISDIR) X(EINVAL) X(EMFILE) X(EFBIG) X(ENOSPC) X(EROFS) \
    X(EPIPE) X(EMSGSIZE) X(ENOPROTOOPT) X(EOPNOTSUPP) X(EAFNOSUPPORT) X(EADDRINUSE) \
    X(ECONNABORTED) X(ECONNRESET) X(ENOBUFS) X(EISCONN) X(ENOTCONN) X(ETIMEDOUT) \
    X(ECONNREFUSED) X(EHOSTUNREACH) X(EALREADY) X(EINPROGRESS) X(ECANCELED)
#endif

#endif // MICROPY_INCLUDED_BOARDS_PORT_MPCONFIGPORT_H
