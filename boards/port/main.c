// SPDX-License-Identifier: MIT

// From the start of the machine to the REPL, and around again at each soft reset.

#include <string.h>

#include "py/cstack.h"
#include "py/gc.h"
#include "py/mphal.h"
#include "py/objexcept.h"
#include "py/pystack.h"
#include "py/runtime.h"
#include "shared/readline/readline.h"
#include "shared/runtime/pyexec.h"
#include "at_exit.h"
#include "bootargs.h"
#include "console.h"
#include "environment.h"
#include "fat_files.h"
#include "finaliser.h"
#include "guard.h"
#include "heap.h"
#include "interrupt_char.h"
#include "mbedtls/mbedtls_port.h"
#include "modmachine.h"
#include "network.h"
#include "pci_reset.h"
#include "script.h"
#include "timers.h"
#include "virt_irq.h"
#include "virtio_reset.h"

// From the linker script.
extern char _stack_start, _stack_end;

// The variables of running Python functions. A call takes more of the C stack than of this one.
static char python_stack[128 * 1024] __attribute__((aligned(sizeof(void *))));

// Whether QEMU was told `-append safe`, among other words perhaps.
static bool is_safe_mode(void) {
    for (const char *text = bootargs(); *text != '\0';) {
        size_t length = strcspn(text, " ");
        if (length == 4 && memcmp(text, "safe", length) == 0) {
            return true;
        }
        text += length + strspn(text + length, " ");
    }
    return false;
}

#define EMERGENCY_BUFFER_SIZE 256

// How long a script waits for the end of boot.py.
#define BOOT_LIMIT_MS 20000

// What machine.soft_reset() raises. sys.exit() raises SystemExit itself, which ends a program and,
// at the prompt, restarts MicroPython.
static MP_DEFINE_CONST_OBJ_TYPE(
    soft_reset_type, MP_QSTR_SystemExit, MP_TYPE_FLAG_NONE,
    make_new, mp_obj_exception_make_new,
    print, mp_obj_exception_print,
    attr, mp_obj_exception_attr,
    parent, &mp_type_SystemExit
    );

static mp_obj_t soft_reset(void) {
    mp_raise_type(&soft_reset_type);
}
// machine.soft_reset(), in the place of sys.exit().
MP_DEFINE_CONST_FUN_OBJ_0(main_soft_reset_obj, soft_reset);

static bool running_file;

// MicroPython calls this before a program begins. What a former one left behind on the stack is
// written over: the collector would take it for something that is in use, such as a file that was
// dropped, and is to be closed.
__attribute__((noinline)) void main_program_begins(void) {
    char below[16 * 1024];
    memset(below, 0, sizeof(below));
    __asm volatile ("" : : "r" (below) : "memory");
}

// MicroPython calls this when a program has ended, by an exception or with none. `result` is what
// pyexec_file_if_exists() returns.
void main_program_ended(void *exception, int *result) {
    guard_return_to((guard_depth_t) { 0, 0 });
    bool resets = exception != NULL
        && ((mp_obj_base_t *)exception)->type == &soft_reset_type;
    if (running_file && !resets) {
        *result &= ~PYEXEC_FORCED_EXIT;
    }
}

// As pyexec_file_if_exists(), unless whoever types Ctrl-C, or `-append safe`, asks for a prompt.
static int run_file(const char *name) {
    if (interrupt_char_typed || is_safe_mode()) {
        return 0;
    }
    running_file = true;
    int result = pyexec_file_if_exists(name);
    running_file = false;
    return result;
}

static void give_up_script(void) {
    static const char text[] = "boot.py of the disk did not end in 20 s, and the script was not "
        "run: SAFE=1 boots without it\r\n";
    uart_write(text, sizeof(text) - 1);
    power_off(1);
}

// boot.py may restart MicroPython again and again, so the time counts from the first start.
static void limit_boot(void) {
    static bool limited;
    if (script_is_loaded() && !limited) {
        limited = true;
        timers_limit(BOOT_LIMIT_MS, give_up_script);
    }
}

// Runs what there is to run, until something asks for a soft reset.
static void run(void) {
    pyexec_frozen_module("_boot.py", false);

    limit_boot();
    int result = run_file("boot.py");
    if (result & PYEXEC_FORCED_EXIT) {
        return;
    }

    timers_limit(0, NULL);
    script_run();

    if (machine_reset_cause_value == MACHINE_PWRON_RESET) {
        pyexec_frozen_module("_banner.py", false);
    }

    if (pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL && result != 0) {
        result = run_file("main.py");
        at_exit();
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
    // What was typed at the prompt is not about the files that run now.
    interrupt_char_typed = false;
}

int main(void) {
    irq_init();
    timers_start();
    console_init();
    cpu_enable_interrupts();
    virtio_reset_all();
    pci_reset_all();
    machine_find_reset_cause();
    network_start();

    mp_cstack_init_with_top(&_stack_end, &_stack_end - &_stack_start);

    for (;;) {
        heap_init();
        fat_files_init();
        mp_pystack_init(python_stack, python_stack + sizeof(python_stack));
        mp_init();
        // So that an exception says which error it is even where the heap is locked.
        mp_alloc_emergency_exception_buf(MP_OBJ_NEW_SMALL_INT(EMERGENCY_BUFFER_SIZE));
        random_init();
        network_init();
        environment_init();
        mp_obj_list_append(mp_sys_path, mp_obj_new_str_from_cstr("/lib"));
        readline_init0();

        run();

        at_exit();
        mp_hal_stdout_tx_str("MPY: soft reboot\r\n");
        timers_deinit();
        network_end_connections();
        network_deinit();
        // Files that are open, for which their disks have to work.
        finaliser_close_all();
        mbedtls_port_deinit();
        gc_sweep_all();
        network_abort_connections();
        // Before the heap goes: what devices write into, and what interrupts call, is in it.
        virtio_reset_all();
        pci_reset_all();
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
