// SPDX-License-Identifier: MIT

// The environment's variables, for os.getenv() and so on. There is none at a start.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_ENVIRONMENT_H
#define MICROPY_INCLUDED_BOARDS_PORT_ENVIRONMENT_H

#include "py/obj.h"

void environment_init(void);

MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(mp_os_getenv_obj);
MP_DECLARE_CONST_FUN_OBJ_2(mp_os_putenv_obj);
MP_DECLARE_CONST_FUN_OBJ_1(mp_os_unsetenv_obj);

#endif // MICROPY_INCLUDED_BOARDS_PORT_ENVIRONMENT_H
