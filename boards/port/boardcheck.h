// SPDX-License-Identifier: MIT

// What the compiler would not notice of a board's mpconfigboard.h. README.md says what each macro is.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_BOARDCHECK_H
#define MICROPY_INCLUDED_BOARDS_PORT_BOARDCHECK_H

#if defined(MICROPY_HW_UART_PL011_BASE) == defined(MICROPY_HW_UART_16550_BASE)
#error "mpconfigboard.h: it takes one of MICROPY_HW_UART_PL011_BASE and MICROPY_HW_UART_16550_BASE"
#endif

#if defined(MICROPY_HW_RTC_PL031_BASE) && defined(MICROPY_HW_RTC_GOLDFISH_BASE)
#error "mpconfigboard.h: it takes one of MICROPY_HW_RTC_PL031_BASE and MICROPY_HW_RTC_GOLDFISH_BASE"
#endif

#if MICROPY_HW_IRQ_COUNT % 32 != 0
#error "mpconfigboard.h: MICROPY_HW_IRQ_COUNT is no multiple of 32"
#endif

#if defined(__arm__) || defined(__aarch64__)

#if defined(MICROPY_HW_DEVICE_TREE) == defined(MICROPY_HW_RAM_END)
#error "mpconfigboard.h: it takes one of MICROPY_HW_DEVICE_TREE and MICROPY_HW_RAM_END"
#endif

#if !defined(MICROPY_HW_GIC_CPU_INTERFACE) && !defined(MICROPY_HW_GIC_REDISTRIBUTOR)
#error "mpconfigboard.h: it takes MICROPY_HW_GIC_CPU_INTERFACE, MICROPY_HW_GIC_REDISTRIBUTOR or both"
#endif

#if MICROPY_HW_DEVICES_BASE % 0x200000 != 0 || MICROPY_HW_DEVICES_END % 0x200000 != 0
#error "mpconfigboard.h: MICROPY_HW_DEVICES_BASE and MICROPY_HW_DEVICES_END are multiples of 2 MiB"
#endif

#ifdef MICROPY_HW_WINDOW_BASE
#if MICROPY_HW_WINDOW_BASE % 0x200000 != 0 || MICROPY_HW_WINDOW_END % 0x200000 != 0
#error "mpconfigboard.h: MICROPY_HW_WINDOW_BASE and MICROPY_HW_WINDOW_END are multiples of 2 MiB"
#endif
#if MICROPY_HW_WINDOW_BASE < MICROPY_HW_DEVICES_BASE || MICROPY_HW_WINDOW_END > MICROPY_HW_DEVICES_END
#error "mpconfigboard.h: the window is not in MICROPY_HW_DEVICES_BASE to MICROPY_HW_DEVICES_END"
#endif
// It is filled in one table of the MMU's.
#if MICROPY_HW_WINDOW_BASE / 0x40000000 != (MICROPY_HW_WINDOW_END - 1) / 0x40000000
#error "mpconfigboard.h: MICROPY_HW_WINDOW_BASE to MICROPY_HW_WINDOW_END is not within one GiB"
#endif
#endif

// Where the serial line is not mapped, nobody could say so.
#ifdef MICROPY_HW_UART_PL011_BASE
#define UART_BASE MICROPY_HW_UART_PL011_BASE
#else
#define UART_BASE MICROPY_HW_UART_16550_BASE
#endif
#if UART_BASE < MICROPY_HW_DEVICES_BASE || UART_BASE >= MICROPY_HW_DEVICES_END
#error "mpconfigboard.h: the serial line is not in MICROPY_HW_DEVICES_BASE to MICROPY_HW_DEVICES_END"
#endif
#undef UART_BASE

#endif

#endif // MICROPY_INCLUDED_BOARDS_PORT_BOARDCHECK_H
