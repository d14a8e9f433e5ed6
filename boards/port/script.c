// SPDX-License-Identifier: MIT

#include <string.h>

#include "py/compile.h"
#include "py/lexer.h"
#include "py/runtime.h"
#include "py/mphal.h"
#include "shared/readline/readline.h"
#include "at_exit.h"
#include "hardware.h"
#include "interrupt_char.h"
#include "script.h"

// Where a script that QEMU loaded into RAM starts. It ends with a zero, as all RAM is to begin
// with; without a script there is just that zero. The words of sys.argv may be before it, each
// between this byte and a zero.
#define LOADED_SCRIPT ((const char *)(MICROPY_HW_RAM_BASE + MICROPY_HW_RAM_SIZE))
#define ARGUMENT '\1'

// Who passes words on types for the script, too. Keys that come before could be read by a boot.py,
// so it waits for this character, which nobody else sees.
#define XON "\x11"

static const char *find_source(void) {
    const char *text = LOADED_SCRIPT;
    while (*text == ARGUMENT) {
        text += strlen(text) + 1;
    }
    return text;
}

void *script_end(void) {
    const char *source = find_source();
    return (void *)(source + strlen(source) + 1);
}

bool script_is_loaded(void) {
    return *LOADED_SCRIPT != '\0';
}

// The file opt/micropython/script of fw_cfg, or None.
static mp_obj_t read_from_fw_cfg(void) {
    #ifdef MICROPY_HW_FW_CFG_BASE
    mp_obj_t fw_cfg = mp_import_name(MP_QSTR_fw_cfg, mp_const_none, MP_OBJ_NEW_SMALL_INT(0));
    mp_obj_t name = mp_obj_new_str_from_cstr("opt/micropython/script");
    return mp_call_function_1(mp_load_attr(fw_cfg, MP_QSTR_read), name);
    #else
    return mp_const_none;
    #endif
}

static void take_arguments(void) {
    if (*LOADED_SCRIPT == ARGUMENT) {
        uart_write(XON, 1);
    }
    for (const char *text = LOADED_SCRIPT; *text == ARGUMENT; text += strlen(text) + 1) {
        mp_obj_list_append(mp_sys_argv, mp_obj_new_str_from_cstr(text + 1));
    }
}

// What a traceback calls the script: its first word, if it has one.
static qstr name_of_loaded(void) {
    return *LOADED_SCRIPT == ARGUMENT ? qstr_from_str(LOADED_SCRIPT + 1) : MP_QSTR_script;
}

static void execute(qstr name, const char *source, size_t len) {
    mp_lexer_t *lexer = mp_lexer_new_from_str_len(name, source, len, 0);
    mp_parse_tree_t tree = mp_parse(lexer, MP_PARSE_FILE_INPUT);
    mp_obj_t module = mp_compile(&tree, name, false);
    interrupt_char_of_program(CHAR_CTRL_C);
    mp_call_function_0(module);
    mp_handle_pending(true);
}

// Returns whether there was a script.
static bool find_and_execute(void) {
    if (script_is_loaded()) {
        take_arguments();
        const char *source = find_source();
        execute(name_of_loaded(), source, strlen(source));
        return true;
    }
    mp_obj_t source = read_from_fw_cfg();
    if (source != mp_const_none) {
        mp_buffer_info_t bytes;
        mp_get_buffer_raise(source, &bytes, MP_BUFFER_READ);
        execute(MP_QSTR_script, bytes.buf, bytes.len);
        return true;
    }
    return false;
}

// What CPython exits with when `exception` is not caught.
static int exit_status(mp_obj_t exception) {
    if (!mp_obj_exception_match(exception, MP_OBJ_FROM_PTR(&mp_type_SystemExit))) {
        mp_obj_print_exception(&mp_plat_print, exception);
        return 1;
    }
    mp_obj_t value = mp_obj_exception_get_value(exception);
    if (value == mp_const_none) {
        return 0;
    }
    mp_int_t status;
    if (mp_obj_get_int_maybe(value, &status)) {
        return status & 0xff;
    }
    mp_obj_print(value, PRINT_STR);
    mp_hal_stdout_tx_str("\r\n");
    return 1;
}

void script_run(void) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        bool found = find_and_execute();
        nlr_pop();
        if (!found) {
            return;
        }
        at_exit();
        power_off(0);
    }
    interrupt_char_of_program(-1);
    mp_handle_pending(false);
    int status = exit_status(MP_OBJ_FROM_PTR(nlr.ret_val));
    at_exit();
    power_off(status);
}
