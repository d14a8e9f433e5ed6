// SPDX-License-Identifier: MIT

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "callback.h"
#include "guard.h"
#include "modvirt.h"
#include "network.h"
#include "virt_irq.h"
#include "wait.h"

static bool serving;

void wait_serve(void) {
    // Where the scheduler is not locked it does all of this.
    if (MP_STATE_VM(sched_state) >= 0 || callback_is_hard || serving) {
        return;
    }
    serving = true;
    virt_irq_serve();
    network_serve();
    serving = false;
}

// wait(ms): sleeps until an interrupt, or for `ms` milliseconds, and serves devices and network
// if callbacks may not run. Raises nothing: returns how many Ctrl-C wait to be raised.
static mp_obj_t virt_wait(mp_obj_t ms) {
    mp_int_t timeout_ms = mp_obj_get_int(ms);
    wait_serve();
    mp_hal_wait_event(MAX(timeout_ms, 0));
    wait_serve();
    return MP_OBJ_NEW_SMALL_INT(guard_interrupts());
}
MP_DEFINE_CONST_FUN_OBJ_1(virt_wait_obj, virt_wait);

static void refuse_hard_handlers(void) {
    if (callback_is_hard) {
        mp_raise_OSError(MP_EBUSY);
    }
}

// hold(), release(): between them nothing of the program's is called, and no Ctrl-C is raised.
// OSError(EBUSY) in a hard handler.
static mp_obj_t virt_hold(void) {
    refuse_hard_handlers();
    guard_hold();
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_0(virt_hold_obj, virt_hold);

static mp_obj_t virt_release(void) {
    refuse_hard_handlers();
    if (guard_depth().holds == 0) {
        mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("release() without hold()"));
    }
    guard_release();
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_0(virt_release_obj, virt_release);

// held(): whether callbacks have to wait because a file system or a driver is at work, or
// anything may be: in a hard handler.
static mp_obj_t virt_held(void) {
    return mp_obj_new_bool(guard_is_held() || serving || callback_is_hard);
}
MP_DEFINE_CONST_FUN_OBJ_0(virt_held_obj, virt_held);
