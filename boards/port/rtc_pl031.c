// The wall clock on a PL031, which counts seconds; the clock tells how far into one it is.

#include "py/mphal.h"
#include "hardware.h"

#define NS_PER_S 1000000000ull

#define RTCDR (*(volatile uint32_t *)MICROPY_HW_RTC_BASE)

static uint64_t clock_ns(void) {
    uint64_t ticks = clock_ticks();
    uint64_t hz = MICROPY_HW_CLOCK_HZ;
    return ticks / hz * NS_PER_S + ticks % hz * NS_PER_S / hz;
}

uint64_t rtc_time_ns(void) {
    // What the clock lacks to the wall clock, as well as it is known: when the chip has come to a
    // new second before this sum did, it was too little.
    static uint64_t offset;
    uint64_t chip = RTCDR * NS_PER_S;
    uint64_t now = clock_ns();
    if (now + offset < chip || now + offset >= chip + NS_PER_S) {
        offset = chip - now;
    }
    return now + offset;
}
