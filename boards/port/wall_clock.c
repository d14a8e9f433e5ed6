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

static void set_datetime(mp_obj_t datetime) {
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(datetime, 8, &items);
    uint64_t seconds = timeutils_seconds_since_epoch(mp_obj_get_int(items[0]),
        mp_obj_get_int(items[1]), mp_obj_get_int(items[2]), mp_obj_get_int(items[4]),
        mp_obj_get_int(items[5]), mp_obj_get_int(items[6]));
    uint64_t ns = seconds * NS_PER_S + (uint64_t)mp_obj_get_int(items[7]) * NS_PER_US;
    offset_ns = ns - rtc_time_ns();
}

// datetime([datetime]): gets or sets the time, as a tuple (year, month, day, weekday, hours,
// minutes, seconds, microseconds). The weekday, 0 for Monday, is not looked at.
static mp_obj_t rtc_datetime(size_t n_args, const mp_obj_t *args) {
    if (n_args == 1) {
        return get_datetime();
    }
    set_datetime(args[1]);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(rtc_datetime_obj, 1, 2, rtc_datetime);

static const mp_rom_map_elem_t rtc_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_datetime), MP_ROM_PTR(&rtc_datetime_obj) },
};
static MP_DEFINE_CONST_DICT(rtc_locals, rtc_locals_table);

static const mp_obj_base_t rtc_object = { &machine_rtc_type };

static mp_obj_t rtc_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
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
    make_new, rtc_make_new,
    locals_dict, &rtc_locals
    );
