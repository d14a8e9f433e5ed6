// SPDX-License-Identifier: MIT

// What module virt takes from other files.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_MODVIRT_H
#define MICROPY_INCLUDED_BOARDS_PORT_MODVIRT_H

#include "py/obj.h"

extern const mp_obj_type_t mp_type_Fault;

MP_DECLARE_CONST_FUN_OBJ_0(virt_held_obj);
MP_DECLARE_CONST_FUN_OBJ_0(virt_hold_obj);
MP_DECLARE_CONST_FUN_OBJ_0(virt_release_obj);
MP_DECLARE_CONST_FUN_OBJ_1(virt_wait_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(virt_irq_obj);

#endif // MICROPY_INCLUDED_BOARDS_PORT_MODVIRT_H
