// SPDX-License-Identifier: MIT

#include "py/mphal.h"
#include "py/mpstate.h"
#include "py/runtime.h"
#include "fault.h"
#include "guard.h"
#include "interruptible.h"
#include "native_interrupt.h"
#include "timers.h"

// How long until the next look.
#define RETRY_MS 10

// In the heap is what the program itself has compiled or loaded. What is frozen, such as the steps
// of a ring, is not to be torn.
static bool is_of_program(uintptr_t pc) {
    for (mp_state_mem_area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
        if ((uintptr_t)area->gc_pool_start <= pc && pc < (uintptr_t)area->gc_pool_end) {
            return true;
        }
    }
    return false;
}

bool native_interrupt_is_due(uintptr_t pc, uintptr_t stack_pointer) {
    if (!guard_insists()) {
        return false;
    }
    if (is_of_program(pc) && fault_is_recoverable(stack_pointer)) {
        return true;
    }
    timers_wake_at(clock_ticks() + mp_hal_ticks_of_ms(RETRY_MS));
    return false;
}

void native_interrupt_raise(void) {
    interruptible();
    // It is pending still, as nothing but the program itself takes it.
    mp_raise_type(&mp_type_KeyboardInterrupt);
}
