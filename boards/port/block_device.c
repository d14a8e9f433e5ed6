// SPDX-License-Identifier: MIT

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/vfs.h"
#include "lib/oofatfs/ff.h"
#include "lib/oofatfs/diskio.h"
#include "block_device.h"
#include "callback.h"
#include "file_system.h"
#include "finaliser.h"
#include "guard.h"

int block_device_error;
const void *block_device_failed_read;

#define last_device MP_STATE_VM(block_device_last)
#define last_exception MP_STATE_VM(block_device_last_exception)

static int note(int error) {
    if (error < 0 && block_device_error == 0) {
        block_device_error = error;
    }
    return error;
}

// The number that stands for an exception.
static int number_of(mp_obj_t exception) {
    if (mp_obj_exception_match(exception, MP_OBJ_FROM_PTR(&mp_type_OSError))) {
        mp_int_t number;
        if (mp_obj_get_int_maybe(mp_obj_exception_get_value(exception), &number)
            && 0 < number && number < 1000) {
            return -number;
        }
    } else if (mp_obj_exception_match(exception, MP_OBJ_FROM_PTR(&mp_type_MemoryError))) {
        return -MP_ENOMEM;
    } else if (mp_obj_exception_match(exception, MP_OBJ_FROM_PTR(&mp_type_KeyboardInterrupt))) {
        guard_interrupt_again();
        return -MP_EINTR;
    }
    return -MP_EIO;
}

static int caught(mp_vfs_blockdev_t *self, mp_obj_t exception) {
    last_device = self->readblocks[1];
    last_exception = exception;
    return number_of(exception);
}

mp_obj_t block_device_exception(mp_obj_t device) {
    return device == last_device ? last_exception : MP_OBJ_NULL;
}

// ---- Mounts. The last that a file system began on a device is the one that may write. A former
// one, or a file that was left open on it, does not know what is on the disk by now.

// As many devices are remembered, and of each how often a file system began on it. They need not
// be kept: another one at the same address goes on counting.
#define DEVICES 16

static struct {
    mp_obj_t device;
    uint8_t mounts;
} devices[DEVICES];

// Of a mount, the bits of its flags where the number is that it has.
#define MOUNT_SHIFT 8

static size_t find(mp_obj_t device) {
    size_t i = 0;
    while (i < DEVICES && devices[i].device != device) {
        ++i;
    }
    return i;
}

static uint8_t count_mount(mp_obj_t device) {
    static size_t oldest;
    size_t i = find(device);
    if (i == DEVICES) {
        i = oldest;
        oldest = (oldest + 1) % DEVICES;
        devices[i].device = device;
    }
    return ++devices[i].mounts;
}

static bool is_former(const mp_vfs_blockdev_t *self) {
    size_t i = find(self->readblocks[1]);
    return i < DEVICES && devices[i].mounts != self->flags >> MOUNT_SHIFT;
}

void __real_mp_vfs_blockdev_init(mp_vfs_blockdev_t *self, mp_obj_t device);

// A file system is about to be mounted, or made. Files that were dropped are closed before that.
void __wrap_mp_vfs_blockdev_init(mp_vfs_blockdev_t *self, mp_obj_t device) {
    finaliser_collect();
    __real_mp_vfs_blockdev_init(self, device);
    self->flags = (self->flags & ((1 << MOUNT_SHIFT) - 1))
        | count_mount(self->readblocks[1]) << MOUNT_SHIFT;
}

// ---- Reading and writing.

typedef struct {
    mp_vfs_blockdev_t *device;
    size_t block;
    size_t offset;
    size_t count; // blocks, or bytes with an offset
    void *buffer;
} access_t;

static int guarded(int (*function)(const access_t *), const access_t *access) {
    if (callback_is_hard) {
        return note(-MP_EBUSY);
    }
    int result;
    guard_enter();
    guard_depth_t depth = guard_depth();
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        result = function(access);
        nlr_pop();
    } else {
        guard_return_to(depth);
        result = caught(access->device, MP_OBJ_FROM_PTR(nlr.ret_val));
    }
    guard_leave();
    return note(result);
}

int __real_mp_vfs_blockdev_read(mp_vfs_blockdev_t *, size_t, size_t, uint8_t *);
int __real_mp_vfs_blockdev_read_ext(mp_vfs_blockdev_t *, size_t, size_t, size_t, uint8_t *);
int __real_mp_vfs_blockdev_write(mp_vfs_blockdev_t *, size_t, size_t, const uint8_t *);
int __real_mp_vfs_blockdev_write_ext(mp_vfs_blockdev_t *, size_t, size_t, size_t, const uint8_t *);

static int read(const access_t *a) {
    return __real_mp_vfs_blockdev_read(a->device, a->block, a->count, a->buffer);
}

static int read_ext(const access_t *a) {
    return __real_mp_vfs_blockdev_read_ext(a->device, a->block, a->offset, a->count, a->buffer);
}

static int write(const access_t *a) {
    return __real_mp_vfs_blockdev_write(a->device, a->block, a->count, a->buffer);
}

static int write_ext(const access_t *a) {
    return __real_mp_vfs_blockdev_write_ext(a->device, a->block, a->offset, a->count, a->buffer);
}

static int guarded_read(int (*function)(const access_t *), const access_t *access) {
    int result = guarded(function, access);
    if (result < 0) {
        block_device_failed_read = access->buffer;
    }
    return result;
}

static int guarded_write(int (*function)(const access_t *), const access_t *access) {
    return is_former(access->device) ? note(-MP_ENODEV) : guarded(function, access);
}

int __wrap_mp_vfs_blockdev_read(mp_vfs_blockdev_t *self, size_t block, size_t count,
    uint8_t *buffer) {
    return guarded_read(read, &(access_t) { self, block, 0, count, buffer });
}

int __wrap_mp_vfs_blockdev_read_ext(mp_vfs_blockdev_t *self, size_t block, size_t offset,
    size_t length, uint8_t *buffer) {
    return guarded_read(read_ext, &(access_t) { self, block, offset, length, buffer });
}

int __wrap_mp_vfs_blockdev_write(mp_vfs_blockdev_t *self, size_t block, size_t count,
    const uint8_t *buffer) {
    return guarded_write(write, &(access_t) { self, block, 0, count, (void *)buffer });
}

int __wrap_mp_vfs_blockdev_write_ext(mp_vfs_blockdev_t *self, size_t block, size_t offset,
    size_t length, const uint8_t *buffer) {
    return guarded_write(write_ext, &(access_t) { self, block, offset, length, (void *)buffer });
}

// ---- ioctl().

mp_obj_t __real_mp_vfs_blockdev_ioctl(mp_vfs_blockdev_t *, uintptr_t, uintptr_t);

// What ioctl() returned, as a number: of blocks, of bytes, or a negative errno.
static int result_of(uintptr_t op, mp_obj_t returned) {
    if (returned == mp_const_none) {
        bool is_needed = op == MP_BLOCKDEV_IOCTL_BLOCK_COUNT || op == MP_BLOCKDEV_IOCTL_BLOCK_ERASE;
        return is_needed ? -MP_EINVAL : op == MP_BLOCKDEV_IOCTL_BLOCK_SIZE ? 512 : 0;
    }
    if (returned == mp_const_true) {
        return 0;
    }
    mp_int_t number = mp_obj_get_int(returned);
    if (number < 0) {
        return number < -999 ? -MP_EIO : number;
    }
    bool is_size = op == MP_BLOCKDEV_IOCTL_BLOCK_COUNT || op == MP_BLOCKDEV_IOCTL_BLOCK_SIZE;
    if (is_size ? number == 0 || number > INT32_MAX : number > 0) {
        return -MP_EINVAL;
    }
    return number;
}

static int call_ioctl(const access_t *a) {
    return result_of(a->block, __real_mp_vfs_blockdev_ioctl(a->device, a->block, a->offset));
}

// A file system that is at work gets a number. What is called before that, to mount, gets
// an exception: some take any number for a size. So does a hard handler, which has none below it.
mp_obj_t __wrap_mp_vfs_blockdev_ioctl(mp_vfs_blockdev_t *self, uintptr_t op, uintptr_t arg) {
    bool writes = op == MP_BLOCKDEV_IOCTL_BLOCK_ERASE;
    int result = (writes ? guarded_write : guarded)(call_ioctl,
        &(access_t) { self, op, arg, 0, NULL });
    if (result < 0 && (callback_is_hard || !file_system_is_amid())) {
        mp_raise_OSError(-result);
    }
    return mp_obj_new_int(result);
}

DRESULT __real_disk_ioctl(void *drive, BYTE command, void *buffer);

// FatFs is told what went wrong, as MicroPython's own function does not; os.sync(), which calls it
// too, raises it.
DRESULT __wrap_disk_ioctl(void *drive, BYTE command, void *buffer) {
    int before = block_device_error;
    block_device_error = 0;
    DRESULT result = __real_disk_ioctl(drive, command, buffer);
    if (block_device_error != 0 && command != IOCTL_INIT && command != IOCTL_STATUS) {
        result = RES_ERROR;
    }
    block_device_error = before != 0 ? before : block_device_error;
    return result;
}

MP_REGISTER_ROOT_POINTER(mp_obj_t block_device_last);
MP_REGISTER_ROOT_POINTER(mp_obj_t block_device_last_exception);
