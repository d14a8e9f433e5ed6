// From the start of the machine to the REPL, and around again at each soft reset.

#include "py/cstack.h"
#include "py/gc.h"
#include "py/mphal.h"
#include "py/pystack.h"
#include "py/runtime.h"
#include "shared/readline/readline.h"
#include "shared/runtime/pyexec.h"
#include "console.h"
#include "heap.h"
#include "modmachine.h"
#include "network.h"
#include "script.h"
#include "timers.h"
#include "virt_irq.h"
#include "virtio_reset.h"

// From the linker script.
extern char _stack_start, _stack_end;

// The variables of running Python functions. A call takes more of the C stack than of this one.
static char python_stack[128 * 1024] __attribute__((aligned(sizeof(void *))));

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
    timers_start();
    console_init();
    cpu_enable_interrupts();
    virtio_reset_all();
    machine_find_reset_cause();
    network_start();

    mp_cstack_init_with_top(&_stack_end, &_stack_end - &_stack_start);

    for (;;) {
        heap_init();
        mp_pystack_init(python_stack, python_stack + sizeof(python_stack));
        mp_init();
        random_init();
        network_init();
        mp_obj_list_append(mp_sys_path, mp_obj_new_str_from_cstr("/lib"));
        readline_init0();

        run();

        mp_hal_stdout_tx_str("MPY: soft reboot\r\n");
        timers_deinit();
        network_end_connections();
        network_deinit();
        // Closes the files that are open, for which their disks have to work.
        gc_sweep_all();
        network_abort_connections();
        // Before the heap goes: what devices write into, and what interrupts call, is in it.
        virtio_reset_all();
        virt_irq_deinit();
        mp_deinit();
        machine_reset_cause_value = MACHINE_SOFT_RESET;
    }
}

void nlr_jump_fail(void *exception) {
    mp_hal_stdout_tx_str("FATAL: an exception that nothing catches\r\n");
    mp_obj_print_exception(&mp_plat_print, MP_OBJ_FROM_PTR(exception));
    power_off(1);
}
