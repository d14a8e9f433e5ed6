// What module virt takes from other files.

#include "py/obj.h"

extern const mp_obj_type_t mp_type_Fault;

MP_DECLARE_CONST_FUN_OBJ_KW(virt_irq_obj);
