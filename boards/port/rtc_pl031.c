// SPDX-License-Identifier: MIT

// The wall clock on a PL031, which counts seconds; the clock tells how far into one it is.

#include "py/mphal.h"
#include "hardware.h"

#ifdef MICROPY_HW_RTC_PL031_BASE

#define NS_PER_S 1000000000ull

#define RTCDR (*(volatile uint32_t *)MICROPY_HW_RTC_PL031_BASE)

uint64_t rtc_time_ns(void) {
    // What the clock lacks to the wall clock, as well as it is known: when the chip has come to a
    // new second before this sum did, it was too little.
    static uint64_t offset;
    uint64_t chip = RTCDR * NS_PER_S;
    uint64_t now = mp_hal_clock_ns();
    if (now + offset < chip || now + offset >= chip + NS_PER_S) {
        offset = chip - now;
    }
    return now + offset;
}

#endif
