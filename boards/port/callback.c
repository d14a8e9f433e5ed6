// SPDX-License-Identifier: MIT

#include "py/cstack.h"
#include "py/gc.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "callback.h"
#include "guard.h"
#include "interrupt_char.h"

// From the linker script.
extern char _trap_stack_start, _trap_stack_end;

bool callback_interrupted, callback_may_pass;
volatile uint32_t callback_is_hard;

// A Ctrl-C that is about to be raised, if there is one, which is not any more.
static mp_obj_t take_pending(void) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    mp_obj_t pending = MP_STATE_MAIN_THREAD(mp_pending_exception);
    MP_STATE_MAIN_THREAD(mp_pending_exception) = MP_OBJ_NULL;
    MICROPY_END_ATOMIC_SECTION(state);
    return pending;
}

static bool is_of(mp_obj_t exception, const mp_obj_type_t *type) {
    return mp_obj_exception_match(exception, MP_OBJ_FROM_PTR(type));
}

static bool is_interrupt(mp_obj_t exception) {
    return is_of(exception, &mp_type_KeyboardInterrupt);
}

// Whether there may be no such exception where the program is elsewhere: for want of stack, which is
// a RuntimeError, for want of memory, or by Ctrl-C.
static bool may_pass(mp_obj_t exception) {
    return is_interrupt(exception) || is_of(exception, &mp_type_RuntimeError)
           || is_of(exception, &mp_type_MemoryError);
}

// Returns whether Ctrl-C ended it. What it prints may itself raise something: its __str__(), Ctrl-C.
static bool print_exception(mp_obj_t exception) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_obj_print_exception(&mp_plat_print, exception);
        nlr_pop();
        return false;
    }
    mp_hal_stdout_tx_str("\r\n");
    return is_interrupt(MP_OBJ_FROM_PTR(nlr.ret_val));
}

mp_obj_t __wrap_mp_call_function_1_protected(mp_obj_t function, mp_obj_t argument) {
    bool others = take_pending() != MP_OBJ_NULL;
    guard_depth_t depth = guard_depth();
    mp_obj_t result = MP_OBJ_NULL;
    bool interrupted = false, passes = false;
    bool no_program = interrupt_char_begin_callback();
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        result = mp_call_function_1(function, argument);
        nlr_pop();
    } else {
        guard_return_to(depth);
        mp_obj_t exception = MP_OBJ_FROM_PTR(nlr.ret_val);
        interrupted = is_interrupt(exception);
        passes = may_pass(exception);
        interrupted |= print_exception(exception);
        guard_return_to(depth);
    }
    if (others || interrupted) {
        guard_interrupt_again();
    }
    interrupt_char_end_callback(no_program, interrupted);
    callback_interrupted = interrupted;
    callback_may_pass = passes;
    return result;
}

bool callback_call_hard(mp_obj_t function, mp_obj_t argument) {
    // The check for deep recursion has to know the stack that this runs on.
    char *stack_top = MP_STATE_THREAD(stack_top);
    mp_uint_t stack_limit = MP_STATE_THREAD(stack_limit);
    // A soft callback may have just ended, and nobody have looked yet.
    bool interrupted = callback_interrupted, passes = callback_may_pass;
    mp_cstack_init_with_top(&_trap_stack_end, &_trap_stack_end - &_trap_stack_start);
    mp_sched_lock();
    gc_lock();
    ++callback_is_hard;
    bool well = mp_call_function_1_protected(function, argument) != MP_OBJ_NULL;
    --callback_is_hard;
    gc_unlock();
    mp_sched_unlock();
    MP_STATE_THREAD(stack_top) = stack_top;
    MP_STATE_THREAD(stack_limit) = stack_limit;
    callback_interrupted = interrupted;
    callback_may_pass = passes;
    return well;
}
