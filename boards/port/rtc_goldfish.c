// SPDX-License-Identifier: MIT

// The wall clock on a goldfish RTC.

#include "py/mpconfig.h"
#include "hardware.h"

#ifdef MICROPY_HW_RTC_GOLDFISH_BASE

#define RTC ((volatile uint32_t *)MICROPY_HW_RTC_GOLDFISH_BASE)

uint64_t rtc_time_ns(void) {
    // Reading the low half latches the high one.
    uint32_t low = RTC[0];
    uint32_t high = RTC[1];
    return (uint64_t)high << 32 | low;
}

#endif
