// SPDX-License-Identifier: MIT

// The serial line on a 16550.

#include "py/mpconfig.h"
#include "hardware.h"

#ifdef MICROPY_HW_UART_16550_BASE

#define UART ((volatile uint8_t *)MICROPY_HW_UART_16550_BASE)

enum {
    DATA = 0,
    IER = 1,
    FCR = 2,
    LCR = 3,
    MCR = 4,
    LSR = 5,
    DIVISOR_LOW = 0, // while LCR_DIVISOR is set
    DIVISOR_HIGH = 1,
};

#define IER_RECEIVED        0x01
#define FCR_ENABLE_CLEAR    0x07
#define FCR_TRIGGER_14      0xc0
#define LCR_8_BITS          0x03
#define LCR_DIVISOR         0x80
#define MCR_DTR_RTS_OUT2    0x0b
#define LSR_DATA_READY      0x01
#define LSR_FIFO_EMPTY      0x20
#define LSR_ALL_SENT        0x40

static size_t fifo_size; // of the transmitter

void uart_init(irq_handler_t on_receive) {
    UART[IER] = 0;
    fifo_size = 1;
    // With fewer bytes than the trigger level the interrupt comes after 4 times that of a byte,
    // so the rate matters, even if QEMU sends as fast as it can.
    UART[LCR] = LCR_8_BITS | LCR_DIVISOR;
    UART[DIVISOR_LOW] = 1;
    UART[DIVISOR_HIGH] = 0;
    UART[LCR] = LCR_8_BITS;
    // FIFOs begin empty when they are turned on: what came already, and more with it, would be
    // lost. Without them bytes come one by one, a tenth as fast.
    if (!(UART[LSR] & LSR_DATA_READY)) {
        UART[FCR] = FCR_ENABLE_CLEAR | FCR_TRIGGER_14;
        fifo_size = 16;
    }
    UART[MCR] = MCR_DTR_RTS_OUT2;
    irq_connect(MICROPY_HW_UART_IRQ, on_receive);
    irq_enable(MICROPY_HW_UART_IRQ);
}

int uart_read(void) {
    if (!(UART[LSR] & LSR_DATA_READY)) {
        return -1;
    }
    return UART[DATA];
}

void uart_receive_irq(bool on) {
    UART[IER] = on ? IER_RECEIVED : 0;
}

void uart_write(const char *data, size_t len) {
    while (len > 0) {
        while (!(UART[LSR] & LSR_FIFO_EMPTY)) {
        }
        for (size_t room = fifo_size; room > 0 && len > 0; --room, --len) {
            UART[DATA] = *data++;
        }
    }
}

void uart_flush(void) {
    while (!(UART[LSR] & LSR_ALL_SENT)) {
    }
}

#endif
