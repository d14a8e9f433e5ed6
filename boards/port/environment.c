// SPDX-License-Identifier: MIT

#include "py/obj.h"
#include "py/runtime.h"
#include "environment.h"

#define variables MP_STATE_VM(environment_variables)

MP_REGISTER_ROOT_POINTER(mp_obj_t environment_variables);

void environment_init(void) {
    variables = mp_obj_new_dict(0);
}

static mp_map_elem_t *find(mp_obj_t name, mp_map_lookup_kind_t kind) {
    // A TypeError if it is no string.
    mp_obj_str_get_str(name);
    return mp_map_lookup(mp_obj_dict_get_map(variables), name, kind);
}

// getenv(name, default=None)
static mp_obj_t mp_os_getenv(size_t n_args, const mp_obj_t *args) {
    mp_map_elem_t *variable = find(args[0], MP_MAP_LOOKUP);
    if (variable != NULL) {
        return variable->value;
    }
    return n_args == 2 ? args[1] : mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mp_os_getenv_obj, 1, 2, mp_os_getenv);

// putenv(name, value): both are strings.
static mp_obj_t mp_os_putenv(mp_obj_t name, mp_obj_t value) {
    mp_obj_str_get_str(value);
    find(name, MP_MAP_LOOKUP_ADD_IF_NOT_FOUND)->value = value;
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(mp_os_putenv_obj, mp_os_putenv);

// unsetenv(name): also of one that is not set.
static mp_obj_t mp_os_unsetenv(mp_obj_t name) {
    find(name, MP_MAP_LOOKUP_REMOVE_IF_FOUND);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(mp_os_unsetenv_obj, mp_os_unsetenv);
