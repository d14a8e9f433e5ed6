// SPDX-License-Identifier: MIT

// The module `virt`: what only a virtual machine has.

#include <string.h>

#include "py/gc.h"
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/objint.h"
#include "py/objtype.h"
#include "py/runtime.h"
#include "block_device.h"
#include "bootargs.h"
#include "callback.h"
#include "console.h"
#include "cpu.h"
#include "device_tree.h"
#include "finaliser.h"
#include "modvirt.h"
#include "opaque.h"
#include "virt_irq.h"

#ifdef MICROPY_HW_FW_CFG_BASE
#define FW_CFG MICROPY_HW_FW_CFG_BASE
#else
#define FW_CFG 0
#endif

// exit(status=0): ends QEMU, which exits with `status` (0 to 255).
static mp_obj_t virt_exit(size_t n_args, const mp_obj_t *args) {
    mp_int_t status = n_args == 0 ? 0 : mp_obj_get_int(args[0]);
    if (status < 0 || status > 255) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("exit status %d is not in 0 to 255"), (int)status);
    }
    power_off(status);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(virt_exit_obj, 0, 1, virt_exit);

// fence(): a full memory barrier. All reads and writes before it, of memory and of devices, come
// before all that follow.
static mp_obj_t virt_fence(void) {
    cpu_full_barrier();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(virt_fence_obj, virt_fence);

// bootargs(): what QEMU was given with -append, "" if nothing.
static mp_obj_t virt_bootargs(void) {
    const char *text = bootargs();
    return mp_obj_new_str(text, strlen(text));
}
static MP_DEFINE_CONST_FUN_OBJ_0(virt_bootargs_obj, virt_bootargs);

// call(number): does for the interrupt `number` what would be done if it came.
static mp_obj_t virt_call(mp_obj_t number_obj) {
    mp_int_t number = mp_obj_get_int(number_obj);
    if (number < 0 || number >= MICROPY_HW_IRQ_COUNT) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("interrupt %d does not exist"),
            (int)number);
    }
    virt_irq_call(number);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(virt_call_obj, virt_call);

// type_keys(keys): has standard input go on with `keys`, in which Ctrl-C is what it is on the serial
// line. Returns how many there was room for.
static mp_obj_t virt_type_keys(mp_obj_t keys) {
    mp_buffer_info_t info;
    mp_get_buffer_raise(keys, &info, MP_BUFFER_READ);
    return MP_OBJ_NEW_SMALL_INT(console_type(info.buf, info.len));
}
static MP_DEFINE_CONST_FUN_OBJ_1(virt_type_keys_obj, virt_type_keys);

// disk_error(device): the exception that a file system met in this block device, if the last that
// a file system met in one was of this; None otherwise.
static mp_obj_t virt_disk_error(mp_obj_t device) {
    mp_obj_t exception = block_device_exception(device);
    return exception == MP_OBJ_NULL ? mp_const_none : exception;
}
static MP_DEFINE_CONST_FUN_OBJ_1(virt_disk_error_obj, virt_disk_error);

// memory(size): a bytearray of zeroes for a device. The garbage collector does not look into it.
static mp_obj_t virt_memory(mp_obj_t size_in) {
    mp_int_t size = mp_obj_get_int(size_in);
    if (size < 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("size %d is negative"), (int)size);
    }
    void *memory = gc_alloc(MAX(size, 1), OPAQUE);
    if (memory == NULL) {
        m_malloc_fail(size);
    }
    return mp_obj_new_bytearray_by_ref(size, memory);
}
static MP_DEFINE_CONST_FUN_OBJ_1(virt_memory_obj, virt_memory);

// finalise(object): has object.__del__() called when nothing refers to it any more, or at a soft
// reset, as that of a file is.
static mp_obj_t virt_finalise(mp_obj_t object) {
    if (!mp_obj_is_instance_type(mp_obj_get_type(object))) {
        mp_raise_TypeError(MP_ERROR_TEXT("it is not of a class of the program's own"));
    }
    finaliser_attach(MP_OBJ_TO_PTR(object));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(virt_finalise_obj, virt_finalise);

// Whether a big number that is not negative fits into `value`, and puts it there if so.
static bool fits_64_bits(const mp_obj_int_t *number, uint64_t *value) {
    return mpz_as_bytes(&number->mpz, MP_ENDIANNESS_BIG, false, sizeof(*value), (byte *)value);
}

// A number of 64 bits.
static uint64_t get_uint64(mp_obj_t number) {
    uint64_t value = 0;
    if (!mp_obj_is_int(number)) {
        mp_raise_TypeError(MP_ERROR_TEXT("neither address nor size is anything but an int"));
    }
    if (mp_obj_int_sign(number) < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("neither address nor size is negative"));
    }
    if (mp_obj_is_small_int(number)) {
        value = MP_OBJ_SMALL_INT_VALUE(number);
    } else if (!fits_64_bits(MP_OBJ_TO_PTR(number), &value)) {
        mp_raise_ValueError(MP_ERROR_TEXT("address or size has more than 64 bits"));
    }
    return value;
}

// map(address, size): has the CPU reach the `size` bytes of device memory that are at the physical
// `address`. Returns the address at which it does: the same one wherever that can be, and always
// the same for the same range, also after a soft reset. ValueError for what the CPU can not reach,
// OSError(ENOMEM) if there is no room for more.
static mp_obj_t virt_map(mp_obj_t address_obj, mp_obj_t size_obj) {
    uint64_t address = get_uint64(address_obj), size = get_uint64(size_obj);
    uintptr_t where;
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    int error = device_memory_map(address, size, &where);
    MICROPY_END_ATOMIC_SECTION(state);
    if (error == MP_EINVAL) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("the CPU can not reach 0x%x%08x bytes at 0x%x%08x"),
            (unsigned int)(size >> 32), (unsigned int)size,
            (unsigned int)(address >> 32), (unsigned int)address);
    }
    if (error != 0) {
        mp_raise_OSError(error);
    }
    return mp_obj_new_int_from_uint(where);
}
static MP_DEFINE_CONST_FUN_OBJ_2(virt_map_obj, virt_map);

// mask(data, key): exclusive or of `data`, in place, with `key`, which begins again where it ends.
static mp_obj_t virt_mask(mp_obj_t data_obj, mp_obj_t key_obj) {
    mp_buffer_info_t data, key;
    mp_get_buffer_raise(data_obj, &data, MP_BUFFER_RW);
    mp_get_buffer_raise(key_obj, &key, MP_BUFFER_READ);
    if (key.len == 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("the key is empty"));
    }
    uint8_t *bytes = data.buf;
    const uint8_t *const first = key.buf, *const end = first + key.len;
    const uint8_t *of_key = first;
    for (size_t left = data.len; left > 0; --left) {
        *bytes++ ^= *of_key++;
        of_key = of_key == end ? first : of_key;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(virt_mask_obj, virt_mask);

// Where VirtIO devices on MMIO are: address of the first slot, count, stride in bytes, and number of
// the first one's interrupt.
static mp_obj_t virt_slots(void) {
    mp_obj_t items[] = {
        mp_obj_new_int_from_uint(MICROPY_HW_VIRTIO_BASE),
        MP_OBJ_NEW_SMALL_INT(MICROPY_HW_VIRTIO_COUNT),
        MP_OBJ_NEW_SMALL_INT(MICROPY_HW_VIRTIO_STRIDE),
        MP_OBJ_NEW_SMALL_INT(MICROPY_HW_VIRTIO_IRQ),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}

// DEVICE_TREE: the address of the device tree, 0 if there is none. FW_CFG: that of QEMU's fw_cfg, 0
// if there is none. HARD: that of a word which is not 0 in a hard handler. SLOTS: virt_slots().
void virt_attr(mp_obj_t self, qstr attr, mp_obj_t *dest) {
    (void)self;
    if (dest[0] != MP_OBJ_NULL) {
        return;
    }
    if (attr == MP_QSTR_DEVICE_TREE) {
        dest[0] = mp_obj_new_int_from_uint(device_tree);
    } else if (attr == MP_QSTR_FW_CFG) {
        dest[0] = mp_obj_new_int_from_uint(FW_CFG);
    } else if (attr == MP_QSTR_SLOTS) {
        dest[0] = virt_slots();
    } else if (attr == MP_QSTR_HARD) {
        dest[0] = mp_obj_new_int_from_uint((uintptr_t)&callback_is_hard);
    }
}

static const mp_rom_map_elem_t virt_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_virt) },
    { MP_ROM_QSTR(MP_QSTR_exit), MP_ROM_PTR(&virt_exit_obj) },
    { MP_ROM_QSTR(MP_QSTR_fence), MP_ROM_PTR(&virt_fence_obj) },
    { MP_ROM_QSTR(MP_QSTR_irq), MP_ROM_PTR(&virt_irq_obj) },
    { MP_ROM_QSTR(MP_QSTR_call), MP_ROM_PTR(&virt_call_obj) },
    { MP_ROM_QSTR(MP_QSTR_hold), MP_ROM_PTR(&virt_hold_obj) },
    { MP_ROM_QSTR(MP_QSTR_release), MP_ROM_PTR(&virt_release_obj) },
    { MP_ROM_QSTR(MP_QSTR_held), MP_ROM_PTR(&virt_held_obj) },
    { MP_ROM_QSTR(MP_QSTR_wait), MP_ROM_PTR(&virt_wait_obj) },
    { MP_ROM_QSTR(MP_QSTR_type_keys), MP_ROM_PTR(&virt_type_keys_obj) },
    { MP_ROM_QSTR(MP_QSTR_disk_error), MP_ROM_PTR(&virt_disk_error_obj) },
    { MP_ROM_QSTR(MP_QSTR_memory), MP_ROM_PTR(&virt_memory_obj) },
    { MP_ROM_QSTR(MP_QSTR_finalise), MP_ROM_PTR(&virt_finalise_obj) },
    { MP_ROM_QSTR(MP_QSTR_map), MP_ROM_PTR(&virt_map_obj) },
    { MP_ROM_QSTR(MP_QSTR_mask), MP_ROM_PTR(&virt_mask_obj) },
    { MP_ROM_QSTR(MP_QSTR_bootargs), MP_ROM_PTR(&virt_bootargs_obj) },
    { MP_ROM_QSTR(MP_QSTR_Fault), MP_ROM_PTR(&mp_type_Fault) },
};
static MP_DEFINE_CONST_DICT(virt_globals, virt_globals_table);

const mp_obj_module_t virt_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&virt_globals,
};

MP_REGISTER_MODULE(MP_QSTR_virt, virt_module);
MP_REGISTER_MODULE_DELEGATION(virt_module, virt_attr);
