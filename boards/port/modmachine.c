// SPDX-License-Identifier: MIT

// Included by extmod/modmachine.c: what machine does on this port.

#include "py/mphal.h"
#include "modmachine.h"

#define MICROPY_PY_MACHINE_EXTRA_GLOBALS \
    { MP_ROM_QSTR(MP_QSTR_PWRON_RESET), MP_ROM_INT(MACHINE_PWRON_RESET) }, \
    { MP_ROM_QSTR(MP_QSTR_HARD_RESET), MP_ROM_INT(MACHINE_HARD_RESET) }, \
    { MP_ROM_QSTR(MP_QSTR_SOFT_RESET), MP_ROM_INT(MACHINE_SOFT_RESET) }, \
    { MP_ROM_QSTR(MP_QSTR_RTC), MP_ROM_PTR(&machine_rtc_type) }, \
    { MP_ROM_QSTR(MP_QSTR_Timer), MP_ROM_PTR(&machine_timer_type) }, \

#define FW_CFG_UUID 2

#define STARTED_BEFORE 0x5a17ed01

int machine_reset_cause_value;

// In RAM that nothing clears: a reset of the machine leaves it as it is.
static volatile uint32_t started_before __attribute__((section(".noinit")));

void machine_find_reset_cause(void) {
    machine_reset_cause_value =
        started_before == STARTED_BEFORE ? MACHINE_HARD_RESET : MACHINE_PWRON_RESET;
    started_before = STARTED_BEFORE;
}

static void mp_machine_reset(void) {
    power_reset();
}

static mp_int_t mp_machine_reset_cause(void) {
    return machine_reset_cause_value;
}

static void mp_machine_idle(void) {
    mp_event_wait_ms(1);
}

// The machine's UUID, QEMU's -uuid; all zeros if it was given none.
static mp_obj_t mp_machine_unique_id(void) {
    #ifdef MICROPY_HW_FW_CFG_BASE
    volatile uint8_t *fw_cfg_data = (volatile uint8_t *)MICROPY_HW_FW_CFG_BASE;
    volatile uint16_t *fw_cfg_selector = (volatile uint16_t *)(MICROPY_HW_FW_CFG_BASE + 8);
    uint8_t uuid[16];
    *fw_cfg_selector = __builtin_bswap16(FW_CFG_UUID);
    for (size_t i = 0; i < sizeof(uuid); ++i) {
        uuid[i] = *fw_cfg_data;
    }
    return mp_obj_new_bytes(uuid, sizeof(uuid));
    #else
    mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("this machine has no fw_cfg, which has its UUID"));
    #endif
}

// A CPU that QEMU emulates has no frequency; this is the one of time.ticks_cpu().
static mp_obj_t mp_machine_get_freq(void) {
    return mp_obj_new_int(MICROPY_HW_CLOCK_HZ);
}

static void mp_machine_set_freq(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    (void)args;
    mp_raise_ValueError(MP_ERROR_TEXT("the frequency can not be set"));
}

// Without a time until the next interrupt, whose callbacks have run when this returns.
static void mp_machine_lightsleep(size_t n_args, const mp_obj_t *args) {
    if (n_args == 0) {
        bool interrupt_came;
        do {
            interrupt_came = mp_hal_wait_event(-1);
            mp_event_handle_nowait();
        } while (!interrupt_came);
    } else {
        mp_hal_delay_ms(mp_obj_get_int(args[0]));
    }
}

static void mp_machine_deepsleep(size_t n_args, const mp_obj_t *args) {
    mp_machine_lightsleep(n_args, args);
    power_reset();
}
