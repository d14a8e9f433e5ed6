#include "py/cstack.h"
#include "py/gc.h"
#include "py/runtime.h"
#include "hard_call.h"

// From the linker script.
extern char _trap_stack_start, _trap_stack_end;

bool hard_call(mp_obj_t function, mp_obj_t argument) {
    // The check for deep recursion has to know the stack that this runs on.
    char *stack_top = MP_STATE_THREAD(stack_top);
    mp_uint_t stack_limit = MP_STATE_THREAD(stack_limit);
    mp_cstack_init_with_top(&_trap_stack_end, &_trap_stack_end - &_trap_stack_start);
    mp_sched_lock();
    gc_lock();
    bool well = mp_call_function_1_protected(function, argument) != MP_OBJ_NULL;
    gc_unlock();
    mp_sched_unlock();
    MP_STATE_THREAD(stack_top) = stack_top;
    MP_STATE_THREAD(stack_limit) = stack_limit;
    return well;
}
