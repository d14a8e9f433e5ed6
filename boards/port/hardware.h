// What the port needs of the hardware. Each group has one driver for each kind of device; a
// board's architecture names the ones it uses.

#ifndef HARDWARE_H
#define HARDWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Where the device tree is, as the machine said when it started.
extern uintptr_t device_tree;

// Interrupts. A handler runs with interrupts masked, and has to make its device stop asking.
typedef void (*irq_handler_t)(unsigned int number);
void irq_init(void);
void irq_connect(unsigned int number, irq_handler_t handler);

// The clock: a counter that never stops or wraps, at MICROPY_HW_CLOCK_HZ, and an interrupt, once,
// when it reaches a count.
void clock_init(void);
uint64_t clock_ticks(void);
void clock_set_alarm(uint64_t ticks);

// The serial line. While uart_receive_irq() is on, its handler runs when there is something to
// read.
void uart_init(irq_handler_t on_receive);
int uart_read(void); // the next byte, or -1
void uart_receive_irq(bool on);
void uart_write(const char *data, size_t len);
void uart_flush(void); // until all that was written has left

// The wall clock: nanoseconds since 1970.
uint64_t rtc_time_ns(void);

// The end: QEMU exits with `status` (0 to 255), or starts again as if it was switched on.
void power_off(int status) __attribute__((noreturn));
void power_reset(void) __attribute__((noreturn));

#endif
