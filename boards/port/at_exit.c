// SPDX-License-Identifier: MIT

#include "py/runtime.h"
#include "shared/readline/readline.h"
#include "at_exit.h"
#include "interrupt_char.h"

void at_exit(void) {
    mp_obj_t function = MP_STATE_VM(sys_exitfunc);
    MP_STATE_VM(sys_exitfunc) = mp_const_none;
    if (!mp_obj_is_callable(function)) {
        return;
    }
    nlr_buf_t nlr;
    interrupt_char_of_program(CHAR_CTRL_C);
    if (nlr_push(&nlr) == 0) {
        mp_call_function_0(function);
        mp_handle_pending(true);
        nlr_pop();
        interrupt_char_of_program(-1);
    } else {
        interrupt_char_of_program(-1);
        mp_handle_pending(false);
        mp_obj_print_exception(&mp_plat_print, MP_OBJ_FROM_PTR(nlr.ret_val));
    }
}
