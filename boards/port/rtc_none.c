// SPDX-License-Identifier: MIT

// The wall clock of a machine without a chip for it: it starts in 1970, until somebody sets it.

#include "py/mphal.h"
#include "hardware.h"

#if !defined(MICROPY_HW_RTC_PL031_BASE) && !defined(MICROPY_HW_RTC_GOLDFISH_BASE)

uint64_t rtc_time_ns(void) {
    return mp_hal_clock_ns();
}

#endif
