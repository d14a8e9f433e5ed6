// SPDX-License-Identifier: MIT

// What the port needs of the hardware. Each group has one driver for each kind of device; which one
// a board has follows from the macros of its mpconfigboard.h, or from its architecture.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_HARDWARE_H
#define MICROPY_INCLUDED_BOARDS_PORT_HARDWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Interrupts, by the number that the interrupt controller gives them: less than
// MICROPY_HW_IRQ_COUNT. irq_init() leaves all disabled. A handler runs with interrupts masked, on
// the stack between _trap_stack_start and _trap_stack_end of the linker script; it has to make its
// device stop asking, or to disable the interrupt. Whoever calls these
// outside of a handler masks interrupts first.
//
// irq_connect() does not enable the interrupt; it returns false, and does nothing, if there is no
// such interrupt or it has another handler.
typedef void (*irq_handler_t)(unsigned int number);
void irq_init(void);
bool irq_connect(unsigned int number, irq_handler_t handler);
void irq_enable(unsigned int number);
void irq_disable(unsigned int number);

// The clock: a counter that never stops or wraps, at MICROPY_HW_CLOCK_HZ, and an alarm, once, when
// it reaches a count (at once if it already has; UINT64_MAX: never). `on_alarm` runs as an
// interrupt handler does, with the alarm set to never.
void clock_init(void (*on_alarm)(void));
uint64_t clock_ticks(void);
void clock_set_alarm(uint64_t ticks);

// The serial line. While uart_receive_irq() is on, which it is not at first, its handler runs when
// there is something to read.
void uart_init(irq_handler_t on_receive);
int uart_read(void); // the next byte, or -1
void uart_receive_irq(bool on);
void uart_write(const char *data, size_t len);
void uart_flush(void); // until all that was written has left

// The wall clock: nanoseconds since 1970, or since the start where the machine has none.
uint64_t rtc_time_ns(void);

// Device memory: has the CPU reach the `size` bytes of it that are at the physical `address`, and puts
// into `where` the address at which it does: the same one wherever that can be. Whoever calls it masks
// interrupts first. Returns 0; MP_EINVAL if the CPU can reach no such thing; MP_ENOMEM if there is no
// room for more. Then nothing is changed.
int device_memory_map(uint64_t address, uint64_t size, uintptr_t *where);

// The end: QEMU exits with `status` (0 to 255), or starts again as if it was switched on.
void power_off(int status) __attribute__((noreturn));
void power_reset(void) __attribute__((noreturn));

#endif // MICROPY_INCLUDED_BOARDS_PORT_HARDWARE_H
