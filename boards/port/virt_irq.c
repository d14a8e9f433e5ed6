#include "py/mphal.h"
#include "py/runtime.h"
#include "hard_call.h"
#include "modvirt.h"
#include "virt_irq.h"

enum {
    HARD = 1,
    PENDING = 2, // a soft handler is to be called
};

static uint8_t flags[MICROPY_HW_IRQ_COUNT];
static mp_sched_node_t node;

#define handlers MP_STATE_VM(virt_irq_handlers)

static void call_pending(mp_sched_node_t *self);

// The interrupt itself. One with a soft handler is disabled until that has returned: the device
// goes on asking until then.
static void on_interrupt(unsigned int number) {
    if (handlers[number] == MP_OBJ_NULL) {
        irq_disable(number);
    } else if (!(flags[number] & HARD)) {
        irq_disable(number);
        flags[number] |= PENDING;
        mp_sched_schedule_node(&node, call_pending);
    } else if (!hard_call(handlers[number], MP_OBJ_NEW_SMALL_INT(number))) {
        irq_disable(number);
        handlers[number] = MP_OBJ_NULL;
    }
}

// Runs between bytecodes of the main program, once for any number of pending interrupts.
static void call_pending(mp_sched_node_t *self) {
    (void)self;
    for (unsigned int number = 0; number < MICROPY_HW_IRQ_COUNT; ++number) {
        if (!(flags[number] & PENDING)) {
            continue;
        }
        flags[number] &= ~PENDING;
        mp_call_function_1_protected(handlers[number], MP_OBJ_NEW_SMALL_INT(number));
        // Unless the handler took itself away.
        if (handlers[number] != MP_OBJ_NULL) {
            uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
            irq_enable(number);
            MICROPY_END_ATOMIC_SECTION(state);
        }
    }
}

static void set_handler(unsigned int number, mp_obj_t handler, bool hard) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    irq_disable(number);
    handlers[number] = handler;
    flags[number] = hard ? HARD : 0;
    if (handler != MP_OBJ_NULL) {
        irq_enable(number);
    }
    MICROPY_END_ATOMIC_SECTION(state);
}

void virt_irq_deinit(void) {
    for (unsigned int number = 0; number < MICROPY_HW_IRQ_COUNT; ++number) {
        if (handlers[number] != MP_OBJ_NULL) {
            set_handler(number, MP_OBJ_NULL, false);
        }
    }
}

// irq(number, handler, hard=False): has handler(number) called when the interrupt `number`, as the
// interrupt controller counts, is raised; with None as the handler the interrupt is disabled.
static mp_obj_t virt_irq(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_number, ARG_handler, ARG_hard };
    static const mp_arg_t allowed_args[] = {
        { MP_QSTR_number,   MP_ARG_REQUIRED | MP_ARG_INT, {.u_int = 0} },
        { MP_QSTR_handler,  MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_hard,     MP_ARG_BOOL, {.u_bool = false} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed_args)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed_args), allowed_args, args);

    mp_int_t number = args[ARG_number].u_int;
    mp_obj_t handler = args[ARG_handler].u_obj;
    if (handler == mp_const_none) {
        handler = MP_OBJ_NULL;
    } else if (!mp_obj_is_callable(handler)) {
        mp_raise_TypeError(MP_ERROR_TEXT("the handler is neither callable nor None"));
    }
    if (number < 0 || number >= MICROPY_HW_IRQ_COUNT || !irq_connect(number, on_interrupt)) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("interrupt %d does not exist, or is the port's own"), (int)number);
    }
    set_handler(number, handler, args[ARG_hard].u_bool);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(virt_irq_obj, 2, virt_irq);

MP_REGISTER_ROOT_POINTER(mp_obj_t virt_irq_handlers[MICROPY_HW_IRQ_COUNT]);
