// SPDX-License-Identifier: MIT

#include "py/mphal.h"
#include "py/runtime.h"
#include "shared/timeutils/timeutils.h"
#include "modmachine.h"
#include "wall_clock.h"

#define NS_PER_S 1000000000
#define NS_PER_US 1000

// What machine.RTC was set to is ahead of the chip by this. The chip itself is the host's clock.
static int64_t offset_ns;

uint64_t wall_clock_ns(void) {
    return rtc_time_ns() + offset_ns;
}

static mp_obj_t get_datetime(void) {
    uint64_t ns = wall_clock_ns();
    timeutils_struct_time_t tm;
    timeutils_seconds_since_epoch_to_struct_time(ns / NS_PER_S, &tm);
    mp_obj_t items[8] = {
        MP_OBJ_NEW_SMALL_INT(tm.tm_year),
        MP_OBJ_NEW_SMALL_INT(tm.tm_mon),
        MP_OBJ_NEW_SMALL_INT(tm.tm_mday),
        MP_OBJ_NEW_SMALL_INT(tm.tm_wday),
        MP_OBJ_NEW_SMALL_INT(tm.tm_hour),
        MP_OBJ_NEW_SMALL_INT(tm.tm_min),
        MP_OBJ_NEW_SMALL_INT(tm.tm_sec),
        MP_OBJ_NEW_SMALL_INT(ns % NS_PER_S / NS_PER_US),
    };
    return mp_obj_new_tuple(8, items);
}

static int64_t field(mp_obj_t item, mp_int_t least, mp_int_t most) {
    mp_int_t value = mp_obj_get_int(item);
    if (value < least || value > most) {
        mp_raise_ValueError(MP_ERROR_TEXT(
            "a date is (1970 to 2261, month, day, weekday, hours, minutes, seconds, microseconds)"));
    }
    return value;
}

static void set_datetime(mp_obj_t datetime) {
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(datetime, 8, &items);
    // Up to where a number of nanoseconds has 63 bits.
    mp_int_t year = field(items[0], 1970, 2261);
    mp_int_t month = field(items[1], 1, 12);
    mp_int_t day = field(items[2], 1, timeutils_days_in_month(year, month));
    uint64_t seconds = timeutils_seconds_since_epoch(year, month, day, field(items[4], 0, 23),
        field(items[5], 0, 59), field(items[6], 0, 59));
    uint64_t ns = seconds * NS_PER_S + field(items[7], 0, 999999) * NS_PER_US;
    offset_ns = ns - rtc_time_ns();
}

// datetime([datetime]): gets or sets the time, as a tuple (year, month, day, weekday, hours,
// minutes, seconds, microseconds). The weekday, 0 for Monday, is not looked at.
static mp_obj_t machine_rtc_datetime(size_t n_args, const mp_obj_t *args) {
    if (n_args == 1) {
        return get_datetime();
    }
    set_datetime(args[1]);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(machine_rtc_datetime_obj, 1, 2, machine_rtc_datetime);

static const mp_rom_map_elem_t machine_rtc_locals_dict_table[] = {
    { MP_ROM_QSTR(MP_QSTR_datetime), MP_ROM_PTR(&machine_rtc_datetime_obj) },
};
static MP_DEFINE_CONST_DICT(machine_rtc_locals_dict, machine_rtc_locals_dict_table);

static const mp_obj_base_t rtc_object = { &machine_rtc_type };

static mp_obj_t machine_rtc_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
    const mp_obj_t *args) {
    (void)type;
    (void)args;
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    return MP_OBJ_FROM_PTR(&rtc_object);
}

MP_DEFINE_CONST_OBJ_TYPE(
    machine_rtc_type,
    MP_QSTR_RTC,
    MP_TYPE_FLAG_NONE,
    make_new, machine_rtc_make_new,
    locals_dict, &machine_rtc_locals_dict
    );
