// SPDX-License-Identifier: MIT

// Included by extmod/modtime.c.

#include <math.h>

#include "py/obj.h"
#include "shared/timeutils/timeutils.h"
#include "versions.h"
#include "wall_clock.h"

#if HAS_TIMESTAMPS

// ---- Times that MicroPython would count wrong are refused: it knows the years 1600 to 3000.

#define FIRST_SECOND        (-11644473600ll) // of 1601
#define LAST_SECOND         32503679999ll // of 2999
#define SECONDS_A_YEAR      31556952ll
#define SECONDS_A_MONTH     2629746ll
#define SECONDS_A_DAY       86400ll
#define MOST_OF_A_FIELD     100000000000ll

static mp_timestamp_t check_timestamp(mp_timestamp_t seconds) {
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND) {
        mp_raise_msg(&mp_type_OverflowError, MP_ERROR_TEXT("a time is from 1601 to 2999"));
    }
    return seconds;
}

static mp_timestamp_t get_timestamp(mp_obj_t seconds) {
    // Before it becomes an integer, which has no room for all of them.
    mp_float_t about = mp_obj_get_float(seconds);
    if (isnan(about)) {
        mp_raise_ValueError(MP_ERROR_TEXT("a time is not NaN"));
    }
    if (MICROPY_FLOAT_C_FUN(fabs)(about) > (mp_float_t)(2 * LAST_SECOND)) {
        check_timestamp(LAST_SECOND + 1);
    }
    return check_timestamp(mp_obj_get_ll(seconds));
}

static mp_timestamp_t make_time(mp_int_t year, mp_int_t month, mp_int_t day, mp_int_t hours,
    mp_int_t minutes, mp_int_t seconds) {
    const long long fields[] = { year - 1970, month - 1, day - 1, hours, minutes, seconds };
    static const long long units[] = {
        SECONDS_A_YEAR, SECONDS_A_MONTH, SECONDS_A_DAY, 3600, 60, 1,
    };
    long long about = 0;
    for (size_t i = 0; i < MP_ARRAY_SIZE(fields); ++i) {
        if (fields[i] < -MOST_OF_A_FIELD || fields[i] > MOST_OF_A_FIELD) {
            check_timestamp(LAST_SECOND + 1);
        }
        about += fields[i] * units[i];
    }
    // Months and years differ in length.
    if (about < FIRST_SECOND - SECONDS_A_MONTH || about > LAST_SECOND + SECONDS_A_MONTH) {
        check_timestamp(about);
    }
    return check_timestamp(timeutils_mktime(year, month, day, hours, minutes, seconds));
}

#define timeutils_obj_get_timestamp get_timestamp
#define timeutils_mktime make_time

#endif

// ---- Sleeping. As on other boards, what is less than nothing is no sleep.

#define MOST_SECONDS 9223372036ll

static void mp_time_sleep(mp_obj_t seconds) {
    mp_float_t value = mp_obj_get_float(seconds);
    if (isnan(value)) {
        mp_raise_ValueError(MP_ERROR_TEXT("a sleep is not NaN"));
    }
    if (value > (mp_float_t)MOST_SECONDS) {
        mp_raise_msg(&mp_type_OverflowError, MP_ERROR_TEXT("a sleep is up to 9223372036 seconds"));
    }
    mp_hal_sleep_ms(value > 0 ? (uint64_t)(value * 1000) : 0);
}

// ---- The time of day.

static mp_obj_t mp_time_time_get(void) {
    return mp_obj_new_int_from_ull(wall_clock_ns() / 1000000000);
}

static void get_local_time(timeutils_struct_time_t *tm) {
    timeutils_seconds_since_epoch_to_struct_time(wall_clock_ns() / 1000000000, tm);
}

#if LOCALTIME_MAKES_ITS_TUPLE

static void mp_time_localtime_get(timeutils_struct_time_t *tm) {
    get_local_time(tm);
}

#else

static mp_obj_t mp_time_localtime_get(void) {
    timeutils_struct_time_t tm;
    get_local_time(&tm);
    mp_obj_t items[8] = {
        MP_OBJ_NEW_SMALL_INT(tm.tm_year),
        MP_OBJ_NEW_SMALL_INT(tm.tm_mon),
        MP_OBJ_NEW_SMALL_INT(tm.tm_mday),
        MP_OBJ_NEW_SMALL_INT(tm.tm_hour),
        MP_OBJ_NEW_SMALL_INT(tm.tm_min),
        MP_OBJ_NEW_SMALL_INT(tm.tm_sec),
        MP_OBJ_NEW_SMALL_INT(tm.tm_wday),
        MP_OBJ_NEW_SMALL_INT(tm.tm_yday),
    };
    return mp_obj_new_tuple(8, items);
}

#endif
