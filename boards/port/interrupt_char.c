// SPDX-License-Identifier: MIT

#include "py/mphal.h"
#include "py/runtime.h"
#include "shared/readline/readline.h"
#include "console.h"
#include "guard.h"
#include "interrupt_char.h"

// What MicroPython's own code looks at; -1 for no character.
int mp_interrupt_char = -1;

bool interrupt_char_typed;

static bool program_runs;

// Programs call this, as micropython.kbd_intr().
void mp_hal_set_interrupt_char(int c) {
    mp_interrupt_char = c;
}

void interrupt_char_of_program(int c) {
    if (c == -1 && MP_STATE_MAIN_THREAD(mp_pending_exception) != MP_OBJ_NULL) {
        // It came when the program had ended by itself, and is not raised any more.
        interrupt_char_typed = true;
    }
    program_runs = c != -1;
    mp_interrupt_char = c;
}

bool interrupt_char_take(int c) {
    if (c == mp_interrupt_char) {
        mp_sched_keyboard_interrupt();
        return true;
    }
    if (c == CHAR_CTRL_C && !program_runs) {
        interrupt_char_typed = true;
    }
    return false;
}

bool interrupt_char_take_of_guest(int c) {
    if (program_runs) {
        return interrupt_char_take(c);
    }
    if (c == CHAR_CTRL_C) {
        interrupt_char_typed = true;
    }
    return false;
}

bool interrupt_char_begin_callback(void) {
    if (program_runs || mp_interrupt_char != -1) {
        return false;
    }
    mp_interrupt_char = CHAR_CTRL_C;
    return true;
}

void interrupt_char_end_callback(bool no_program, bool interrupted) {
    if (!no_program) {
        return;
    }
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    mp_interrupt_char = -1;
    if (guard_forget_interrupts() && !interrupted) {
        console_put_back(CHAR_CTRL_C);
    }
    MICROPY_END_ATOMIC_SECTION(state);
}
