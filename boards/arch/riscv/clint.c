// The clock: the counter and comparator of the CLINT, and the timer interrupt they raise.

#include "py/mpconfig.h"
#include "hardware.h"
#include "trap.h"

// On a 32-bit CPU each is two registers.
#define MTIMECMP ((volatile uint32_t *)(MICROPY_HW_CLINT_BASE + 0x4000))
#define MTIME    ((volatile uint32_t *)(MICROPY_HW_CLINT_BASE + 0xbff8))

#define MIE_MTIE 0x80

static void (*alarm_handler)(void);

void clock_init(void (*on_alarm)(void)) {
    alarm_handler = on_alarm;
    clock_set_alarm(UINT64_MAX);
    __asm volatile ("csrs mie, %0" : : "r" (MIE_MTIE));
}

uint64_t clock_ticks(void) {
    uint32_t high, low;
    do {
        high = MTIME[1];
        low = MTIME[0];
    } while (high != MTIME[1]);
    return (uint64_t)high << 32 | low;
}

void clock_set_alarm(uint64_t ticks) {
    // The comparator must not pass through a value that is already reached.
    MTIMECMP[1] = UINT32_MAX;
    MTIMECMP[0] = (uint32_t)ticks;
    MTIMECMP[1] = (uint32_t)(ticks >> 32);
}

void clint_handle_timer(void) {
    clock_set_alarm(UINT64_MAX);
    alarm_handler();
}
