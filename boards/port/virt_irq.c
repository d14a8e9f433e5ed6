// SPDX-License-Identifier: MIT

// Not MicroPython's shared/runtime/mpirq.c: it does not mask an interrupt until its soft handler has
// run, though the device asks until then; it loses a call of that if the scheduler's queue is full;
// it has no handlers that run while callbacks have to wait; and it does not say that a hard handler
// runs (callback_is_hard), by which files and drivers refuse it.

#include "py/mphal.h"
#include "py/runtime.h"
#include "callback.h"
#include "guard.h"
#include "modvirt.h"
#include "virt_irq.h"

enum {
    HARD = 1,
    MASKED = 2, // the interrupt came, and is masked until its soft handler has seen to that
    SERVE = 4, // the server is to be called, though no interrupt came
    CALL = 8, // the handler is to be called as a callback
};

static volatile uint8_t flags[MICROPY_HW_IRQ_COUNT];
static volatile bool some_to_serve, some_failed;
static mp_sched_node_t node;

#define handlers MP_STATE_VM(virt_irq_handlers)
#define servers MP_STATE_VM(virt_irq_servers)

static void call_pending(mp_sched_node_t *self);

static void change_flags(unsigned int number, uint8_t clear, uint8_t set) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    flags[number] = (flags[number] & ~clear) | set;
    MICROPY_END_ATOMIC_SECTION(state);
}

// The interrupt itself. One with a soft handler is disabled until that has returned: the device
// goes on asking until then.
static void on_interrupt(unsigned int number) {
    if (handlers[number] == MP_OBJ_NULL) {
        irq_disable(number);
    } else if (!(flags[number] & HARD)) {
        irq_disable(number);
        flags[number] |= MASKED;
        some_to_serve = true;
        mp_sched_schedule_node(&node, call_pending);
    } else if (!callback_call_hard(handlers[number], MP_OBJ_NEW_SMALL_INT(number))) {
        irq_disable(number);
        handlers[number] = MP_OBJ_NULL;
    }
}

// Whether the interrupt is masked, which is the caller's to end now. One that comes from here on is
// another.
static bool take_masked(unsigned int number) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    bool masked = flags[number] & MASKED;
    flags[number] &= ~MASKED;
    MICROPY_END_ATOMIC_SECTION(state);
    return masked;
}

// Unless the handler took itself away.
static void unmask(unsigned int number) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    if (handlers[number] != MP_OBJ_NULL) {
        irq_enable(number);
    }
    MICROPY_END_ATOMIC_SECTION(state);
}

// A driver has failed, as it may where the program has left no stack or memory. Nobody else would
// ask the device.
static void serve_later(unsigned int number) {
    change_flags(number, 0, SERVE);
    some_failed = true;
}

void virt_irq_tick(void) {
    if (some_failed) {
        some_failed = false;
        some_to_serve = true;
        mp_sched_schedule_node(&node, call_pending);
    }
}

// Serves an interrupt, if it is one that is served. What it was about is to be called then if the
// server says so, or cannot say.
static void serve(unsigned int number) {
    if (!(flags[number] & (MASKED | SERVE))) {
        return;
    }
    change_flags(number, SERVE, 0);
    if (servers[number] == MP_OBJ_NULL) {
        change_flags(number, 0, CALL);
        return;
    }
    guard_enter();
    bool masked = take_masked(number);
    mp_obj_t more = mp_call_function_1_protected(servers[number], MP_OBJ_NEW_SMALL_INT(number));
    if (masked) {
        unmask(number);
    }
    guard_leave();
    if (more == MP_OBJ_NULL && callback_may_pass) {
        serve_later(number);
    } else if (more == MP_OBJ_NULL || mp_obj_is_true(more)) {
        change_flags(number, 0, CALL);
    }
}

void virt_irq_serve(void) {
    if (some_to_serve) {
        some_to_serve = false;
        for (unsigned int number = 0; number < MICROPY_HW_IRQ_COUNT; ++number) {
            serve(number);
        }
    }
}

static void call(unsigned int number) {
    // Where there is a server, it has seen to that, and has come before the handler.
    bool masked = servers[number] == MP_OBJ_NULL && take_masked(number);
    if (handlers[number] != MP_OBJ_NULL) {
        mp_obj_t result = mp_call_function_1_protected(handlers[number],
            MP_OBJ_NEW_SMALL_INT(number));
        if (servers[number] != MP_OBJ_NULL) {
            if (result == MP_OBJ_NULL && callback_may_pass) {
                serve_later(number);
            }
        } else if (callback_interrupted) {
            handlers[number] = MP_OBJ_NULL;
        }
    }
    if (masked) {
        unmask(number);
    }
}

// Runs between bytecodes of the main program, once for any number of pending interrupts.
static void call_pending(mp_sched_node_t *self) {
    (void)self;
    virt_irq_serve();
    for (unsigned int number = 0; number < MICROPY_HW_IRQ_COUNT; ++number) {
        if (flags[number] & CALL) {
            change_flags(number, CALL, 0);
            call(number);
        }
    }
}

void virt_irq_call(unsigned int number) {
    change_flags(number, 0, SERVE);
    some_to_serve = true;
    mp_sched_schedule_node(&node, call_pending);
}

static void set_handler(unsigned int number, mp_obj_t handler, mp_obj_t server, bool hard) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    irq_disable(number);
    handlers[number] = handler;
    servers[number] = server;
    flags[number] = hard ? HARD : 0;
    if (handler != MP_OBJ_NULL) {
        irq_enable(number);
    }
    MICROPY_END_ATOMIC_SECTION(state);
}

void virt_irq_deinit(void) {
    for (unsigned int number = 0; number < MICROPY_HW_IRQ_COUNT; ++number) {
        if (handlers[number] != MP_OBJ_NULL) {
            set_handler(number, MP_OBJ_NULL, MP_OBJ_NULL, false);
        }
    }
}

static mp_obj_t callable_or_null(mp_obj_t function) {
    if (function == mp_const_none) {
        return MP_OBJ_NULL;
    }
    if (!mp_obj_is_callable(function)) {
        mp_raise_TypeError(MP_ERROR_TEXT("the handler is neither callable nor None"));
    }
    return function;
}

// irq(number, handler, hard=False, serve=None): calls handler(number) when the interrupt `number`,
// as the interrupt controller counts, is raised; with None as the handler the interrupt is
// disabled. `serve` is for drivers: serve(number) is called first, guarded, and also where
// callbacks have to wait; `handler` is called afterwards, as a callback, if it returns true.
static mp_obj_t virt_irq(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_number, ARG_handler, ARG_hard, ARG_serve };
    static const mp_arg_t allowed_args[] = {
        { MP_QSTR_number,   MP_ARG_REQUIRED | MP_ARG_INT, {.u_int = 0} },
        { MP_QSTR_handler,  MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_hard,     MP_ARG_BOOL, {.u_bool = false} },
        { MP_QSTR_serve,    MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed_args)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed_args), allowed_args, args);

    mp_int_t number = args[ARG_number].u_int;
    mp_obj_t handler = callable_or_null(args[ARG_handler].u_obj);
    mp_obj_t server = callable_or_null(args[ARG_serve].u_obj);
    if (number < 0 || number >= MICROPY_HW_IRQ_COUNT || !irq_connect(number, on_interrupt)) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("interrupt %d does not exist, or is the port's own"), (int)number);
    }
    set_handler(number, handler, server, args[ARG_hard].u_bool);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(virt_irq_obj, 2, virt_irq);

MP_REGISTER_ROOT_POINTER(mp_obj_t virt_irq_handlers[MICROPY_HW_IRQ_COUNT]);
MP_REGISTER_ROOT_POINTER(mp_obj_t virt_irq_servers[MICROPY_HW_IRQ_COUNT]);
