// Included by extmod/modtime.c.

#include "py/obj.h"
#include "shared/timeutils/timeutils.h"
#include "versions.h"
#include "wall_clock.h"

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
