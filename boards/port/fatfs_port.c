// SPDX-License-Identifier: MIT

#include "py/mphal.h"
#include "lib/oofatfs/ff.h"
#include "shared/timeutils/timeutils.h"
#include "wall_clock.h"

#define FIRST_YEAR 1980
#define LAST_YEAR 2107
#define FIRST_DATE (1 << 21 | 1 << 16)
#define LAST_DATE (127u << 25 | 12 << 21 | 31 << 16 | 23 << 11 | 59 << 5 | 29)

// The time in the format of FAT, for the date of a file; the nearest that there is.
DWORD get_fattime(void) {
    timeutils_struct_time_t tm;
    timeutils_seconds_since_epoch_to_struct_time(wall_clock_ns() / 1000000000, &tm);
    if (tm.tm_year < FIRST_YEAR) {
        return FIRST_DATE;
    }
    if (tm.tm_year > LAST_YEAR) {
        return LAST_DATE;
    }
    return (DWORD)(tm.tm_year - FIRST_YEAR) << 25 | tm.tm_mon << 21 | tm.tm_mday << 16
           | tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2;
}
