// The module `virt`: what only a virtual machine has.

#include <string.h>

#include "py/mphal.h"
#include "py/obj.h"
#include "py/runtime.h"
#include "cpu.h"
#include "device_tree.h"
#include "modvirt.h"

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
    size_t size = 0;
    const char *text = device_tree_property("chosen", "bootargs", &size);
    return mp_obj_new_str(text, text == NULL ? 0 : strnlen(text, size));
}
static MP_DEFINE_CONST_FUN_OBJ_0(virt_bootargs_obj, virt_bootargs);

// DEVICE_TREE: the address of the device tree, 0 if there is none.
void virt_attr(mp_obj_t self, qstr attr, mp_obj_t *dest) {
    (void)self;
    if (attr == MP_QSTR_DEVICE_TREE && dest[0] == MP_OBJ_NULL) {
        dest[0] = mp_obj_new_int_from_uint(device_tree);
    }
}

static const mp_rom_map_elem_t virt_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_virt) },
    { MP_ROM_QSTR(MP_QSTR_exit), MP_ROM_PTR(&virt_exit_obj) },
    { MP_ROM_QSTR(MP_QSTR_fence), MP_ROM_PTR(&virt_fence_obj) },
    { MP_ROM_QSTR(MP_QSTR_irq), MP_ROM_PTR(&virt_irq_obj) },
    { MP_ROM_QSTR(MP_QSTR_bootargs), MP_ROM_PTR(&virt_bootargs_obj) },
    { MP_ROM_QSTR(MP_QSTR_Fault), MP_ROM_PTR(&mp_type_Fault) },
    // Where the registers of QEMU's fw_cfg are.
    { MP_ROM_QSTR(MP_QSTR_FW_CFG), MP_ROM_INT(MICROPY_HW_FW_CFG_BASE) },
};
static MP_DEFINE_CONST_DICT(virt_globals, virt_globals_table);

const mp_obj_module_t virt_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&virt_globals,
};

MP_REGISTER_MODULE(MP_QSTR_virt, virt_module);
MP_REGISTER_MODULE_DELEGATION(virt_module, virt_attr);
