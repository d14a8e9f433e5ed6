// The module `virt`: what only a virtual machine has.

#include "py/mphal.h"
#include "py/obj.h"
#include "py/runtime.h"

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
    __sync_synchronize();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(virt_fence_obj, virt_fence);

static const mp_rom_map_elem_t virt_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_virt) },
    { MP_ROM_QSTR(MP_QSTR_exit), MP_ROM_PTR(&virt_exit_obj) },
    { MP_ROM_QSTR(MP_QSTR_fence), MP_ROM_PTR(&virt_fence_obj) },
    // Where the registers of QEMU's fw_cfg are.
    { MP_ROM_QSTR(MP_QSTR_FW_CFG), MP_ROM_INT(MICROPY_HW_FW_CFG_BASE) },
};
static MP_DEFINE_CONST_DICT(virt_globals, virt_globals_table);

const mp_obj_module_t virt_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&virt_globals,
};

MP_REGISTER_MODULE(MP_QSTR_virt, virt_module);
