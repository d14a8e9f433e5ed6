// SPDX-License-Identifier: MIT

// The clock on Arm's generic timer: the virtual counter, and the virtual timer's interrupt.

#include "py/mphal.h"
#include "hardware.h"

#define CTL_ENABLE 1

static void (*alarm_handler)(void);

static void on_timer(unsigned int irq) {
    (void)irq;
    // The line stays up for as long as the count is reached.
    cpu_write_cntv_ctl(0);
    alarm_handler();
}

void clock_init(void (*on_alarm)(void)) {
    alarm_handler = on_alarm;
    cpu_write_cntv_ctl(0);
    irq_connect(MICROPY_HW_CLOCK_IRQ, on_timer);
    irq_enable(MICROPY_HW_CLOCK_IRQ);
}

uint64_t clock_ticks(void) {
    return cpu_read_cntvct();
}

void clock_set_alarm(uint64_t ticks) {
    cpu_write_cntv_cval(ticks);
    cpu_write_cntv_ctl(CTL_ENABLE);
}
