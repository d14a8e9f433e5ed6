// From the start of the machine to the REPL, and around again at each soft reset.

#include "py/cstack.h"
#include "py/gc.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "shared/readline/readline.h"
#include "shared/runtime/gchelper.h"
#include "shared/runtime/pyexec.h"
#include "console.h"
#include "modmachine.h"
#include "script.h"
#include "virtio_reset.h"

// From the linker script.
extern char _heap_start, _heap_end, _stack_start, _stack_end;

uintptr_t device_tree;

// Runs what there is to run, until something asks for a soft reset.
static void run(void) {
    pyexec_frozen_module("_boot.py", false);

    int result = pyexec_file_if_exists("boot.py");
    if (result & PYEXEC_FORCED_EXIT) {
        return;
    }

    script_run();

    if (machine_reset_cause_value == MACHINE_PWRON_RESET) {
        pyexec_frozen_module("_banner.py", false);
    }

    if (pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL && result != 0) {
        result = pyexec_file_if_exists("main.py");
        if (result & PYEXEC_FORCED_EXIT) {
            return;
        }
    }

    do {
        if (pyexec_mode_kind == PYEXEC_MODE_RAW_REPL) {
            result = pyexec_raw_repl();
        } else {
            result = pyexec_friendly_repl();
        }
    } while (result == 0);
}

int main(void) {
    irq_init();
    clock_init();
    console_init();
    cpu_enable_interrupts();
    virtio_reset_all();

    mp_cstack_init_with_top(&_stack_end, &_stack_end - &_stack_start);
    gc_init(&_heap_start, &_heap_end);

    for (;;) {
        mp_init();
        mp_obj_list_append(mp_sys_path, mp_obj_new_str_from_cstr("/lib"));
        readline_init0();

        run();

        mp_hal_stdout_tx_str("MPY: soft reboot\r\n");
        // Before the heap goes, which running devices write into.
        virtio_reset_all();
        gc_sweep_all();
        mp_deinit();
        machine_reset_cause_value = MACHINE_SOFT_RESET;
    }
}

void gc_collect(void) {
    gc_collect_start();
    gc_helper_collect_regs_and_stack();
    gc_collect_end();
}

void nlr_jump_fail(void *exception) {
    mp_hal_stdout_tx_str("FATAL: an exception that nothing catches\r\n");
    mp_obj_print_exception(&mp_plat_print, MP_OBJ_FROM_PTR(exception));
    power_off(1);
}
