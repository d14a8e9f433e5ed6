// SPDX-License-Identifier: MIT

// Not MicroPython's extmod/machine_timer.c and shared/runtime/softtimer.c: these lose a callback if
// the scheduler's queue is full when a timer expires, and have no hard callbacks, no time shorter
// than a millisecond, and no way to switch off a timer whose callback Ctrl-C has ended.

#include "py/mphal.h"
#include "py/runtime.h"
#include "callback.h"
#include "modmachine.h"
#include "timers.h"

#define NEVER UINT64_MAX

enum {
    ONE_SHOT,
    PERIODIC,
};

enum {
    IDLE,
    DUE,        // it is to be called
    CALLING,    // call_due() is about to call it
};

typedef struct _machine_timer_obj_t {
    mp_obj_base_t base;
    struct _machine_timer_obj_t *next;
    mp_obj_t callback;
    uint64_t deadline;  // in ticks of the clock
    uint64_t period;    // in ticks
    uint8_t mode;
    bool hard;
    uint8_t soft;       // state of the soft callback
} machine_timer_obj_t;

// The timers that run, in no order: they are few.
#define running MP_STATE_VM(machine_timers)

static uint64_t wake_up = NEVER;

static struct {
    uint64_t deadline;
    uint64_t period;
    void (*fn)(void);
} tick = { .deadline = NEVER };

static struct {
    uint64_t deadline;
    void (*fn)(void);
} limit = { .deadline = NEVER };

static mp_sched_node_t node;

static void set_alarm(void) {
    uint64_t first = MIN(MIN(wake_up, tick.deadline), limit.deadline);
    for (machine_timer_obj_t *timer = running; timer != NULL; timer = timer->next) {
        first = MIN(first, timer->deadline);
    }
    clock_set_alarm(first);
}

static void insert(machine_timer_obj_t *timer) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    timer->next = running;
    running = timer;
    set_alarm();
    MICROPY_END_ATOMIC_SECTION(state);
}

// Also when it is not running.
static void remove(machine_timer_obj_t *timer) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    machine_timer_obj_t **link = (machine_timer_obj_t **)&running;
    while (*link != NULL && *link != timer) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        *link = timer->next;
    }
    timer->deadline = NEVER;
    timer->soft = IDLE;
    MICROPY_END_ATOMIC_SECTION(state);
}

static machine_timer_obj_t *find(uint8_t soft) {
    machine_timer_obj_t *timer = running;
    while (timer != NULL && timer->soft != soft) {
        timer = timer->next;
    }
    return timer;
}

// Between bytecodes of the main program. What becomes due meanwhile is called the next time, so
// that the main program always gets on. A timer stays in the list of those that run, where the
// garbage collector sees it, until its last callback begins.
static void call_due(mp_sched_node_t *self) {
    (void)self;
    machine_timer_obj_t *timer;
    while ((timer = find(DUE)) != NULL) {
        timer->soft = CALLING;
    }
    while ((timer = find(CALLING)) != NULL) {
        timer->soft = IDLE;
        if (timer->mode == ONE_SHOT) {
            remove(timer);
        }
        mp_call_function_1_protected(timer->callback, MP_OBJ_FROM_PTR(timer));
        if (callback_interrupted) {
            remove(timer);
        }
    }
}

static void expire(machine_timer_obj_t *timer) {
    // A periodic timer counts from when it should have expired, so that it does not drift.
    timer->deadline = timer->mode == PERIODIC ? timer->deadline + timer->period : NEVER;
    if (!timer->hard) {
        timer->soft = DUE;
        mp_sched_schedule_node(&node, call_due);
        return;
    }
    if (timer->mode == ONE_SHOT) {
        remove(timer);
    }
    if (!callback_call_hard(timer->callback, MP_OBJ_FROM_PTR(timer))) {
        remove(timer);
    }
}

static void on_alarm(void) {
    uint64_t now = clock_ticks();
    if (wake_up <= now) {
        wake_up = NEVER;
    }
    if (tick.deadline <= now) {
        tick.deadline = now + tick.period;
        tick.fn();
    }
    if (limit.deadline <= now) {
        limit.deadline = NEVER;
        limit.fn();
    }
    machine_timer_obj_t *next;
    for (machine_timer_obj_t *timer = running; timer != NULL; timer = next) {
        next = timer->next;
        if (timer->deadline <= now) {
            expire(timer);
            mp_hal_signal_event();
        }
    }
    set_alarm();
}

void timers_start(void) {
    clock_init(on_alarm);
}

void timers_deinit(void) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    running = NULL;
    MICROPY_END_ATOMIC_SECTION(state);
}

void timers_wake_at(uint64_t ticks) {
    wake_up = ticks;
    set_alarm();
}

void timers_tick(unsigned int period_ms, void (*fn)(void)) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    tick.fn = fn;
    tick.period = mp_hal_ticks_of_ms(period_ms);
    tick.deadline = period_ms == 0 ? NEVER : clock_ticks() + tick.period;
    set_alarm();
    MICROPY_END_ATOMIC_SECTION(state);
}

void timers_limit(unsigned int ms, void (*fn)(void)) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    limit.fn = fn;
    limit.deadline = fn == NULL ? NEVER : clock_ticks() + mp_hal_ticks_of_ms(ms);
    set_alarm();
    MICROPY_END_ATOMIC_SECTION(state);
}

static void machine_timer_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    machine_timer_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "Timer(-1, mode=%q, period=%u)",
        self->mode == ONE_SHOT ? MP_QSTR_ONE_SHOT : MP_QSTR_PERIODIC,
        (unsigned int)(self->period / (MICROPY_HW_CLOCK_HZ / 1000)));
}

// The period in ticks, from arguments `period` in ms or `freq` in Hz; the other is None.
static uint64_t parse_period(mp_obj_t period, mp_obj_t freq) {
    if (freq != mp_const_none) {
        mp_float_t hz = mp_obj_get_float(freq);
        if (hz > 0 && hz <= (mp_float_t)MICROPY_HW_CLOCK_HZ) {
            return (uint64_t)MIN((mp_float_t)MICROPY_HW_CLOCK_HZ / hz, (mp_float_t)MP_HAL_MOST_TICKS);
        }
    } else if (period != mp_const_none) {
        mp_int_t ms = mp_obj_get_int(period);
        if (ms > 0) {
            return mp_hal_ticks_of_ms(ms);
        }
    }
    mp_raise_ValueError(MP_ERROR_TEXT("a timer needs a positive period or freq"));
}

static mp_obj_t machine_timer_init(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_mode, ARG_period, ARG_freq, ARG_callback, ARG_hard };
    static const mp_arg_t allowed_args[] = {
        { MP_QSTR_mode,     MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = PERIODIC} },
        { MP_QSTR_period,   MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_freq,     MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_callback, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_hard,     MP_ARG_KW_ONLY | MP_ARG_BOOL, {.u_bool = false} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed_args)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed_args), allowed_args,
        args);
    uint64_t period = parse_period(args[ARG_period].u_obj, args[ARG_freq].u_obj);

    machine_timer_obj_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    remove(self);
    self->period = period;
    self->mode = args[ARG_mode].u_int;
    self->callback = args[ARG_callback].u_obj;
    self->hard = args[ARG_hard].u_bool;
    if (self->callback != mp_const_none) {
        self->deadline = clock_ticks() + period;
        insert(self);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(machine_timer_init_obj, 1, machine_timer_init);

static mp_obj_t machine_timer_deinit(mp_obj_t self) {
    remove(MP_OBJ_TO_PTR(self));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(machine_timer_deinit_obj, machine_timer_deinit);

static mp_obj_t machine_timer_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
    const mp_obj_t *args) {
    if (n_args > 0 && mp_obj_get_int(args[0]) != -1) {
        mp_raise_ValueError(MP_ERROR_TEXT("all timers are virtual, with the id -1"));
    }
    mp_arg_check_num(n_args, n_kw, 0, 1, true);
    machine_timer_obj_t *self = mp_obj_malloc(machine_timer_obj_t, type);
    *self = (machine_timer_obj_t) { .base = { type }, .deadline = NEVER };
    if (n_kw > 0) {
        mp_map_t kw_args;
        mp_map_init_fixed_table(&kw_args, n_kw, args + n_args);
        mp_obj_t self_obj = MP_OBJ_FROM_PTR(self);
        machine_timer_init(1, &self_obj, &kw_args);
    }
    return MP_OBJ_FROM_PTR(self);
}

static const mp_rom_map_elem_t machine_timer_locals_dict_table[] = {
    { MP_ROM_QSTR(MP_QSTR_init), MP_ROM_PTR(&machine_timer_init_obj) },
    { MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&machine_timer_deinit_obj) },
    { MP_ROM_QSTR(MP_QSTR_ONE_SHOT), MP_ROM_INT(ONE_SHOT) },
    { MP_ROM_QSTR(MP_QSTR_PERIODIC), MP_ROM_INT(PERIODIC) },
};
static MP_DEFINE_CONST_DICT(machine_timer_locals_dict, machine_timer_locals_dict_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_timer_type,
    MP_QSTR_Timer,
    MP_TYPE_FLAG_NONE,
    make_new, machine_timer_make_new,
    print, machine_timer_print,
    locals_dict, &machine_timer_locals_dict
    );

MP_REGISTER_ROOT_POINTER(struct _machine_timer_obj_t *machine_timers);
