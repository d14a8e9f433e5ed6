// SPDX-License-Identifier: MIT

// The serial line on a PL011.

#include "py/mpconfig.h"
#include "hardware.h"

#ifdef MICROPY_HW_UART_PL011_BASE

#define UART ((volatile uint32_t *)MICROPY_HW_UART_PL011_BASE)

// Offsets in words.
enum {
    DR = 0x00 / 4,
    FR = 0x18 / 4,
    IBRD = 0x24 / 4,
    FBRD = 0x28 / 4,
    LCR_H = 0x2c / 4,
    CR = 0x30 / 4,
    IMSC = 0x38 / 4,
    ICR = 0x44 / 4,
};

#define FR_BUSY             0x08
#define FR_RECEIVE_EMPTY    0x10
#define FR_TRANSMIT_FULL    0x20
#define LCR_H_FIFOS         0x10
#define LCR_H_8_BITS        0x60
#define CR_ENABLE           0x001
#define CR_TRANSMIT         0x100
#define CR_RECEIVE          0x200
#define ICR_ALL             0x7ff
#define IRQ_RECEIVED        0x10
#define IRQ_RECEIVE_TIMEOUT 0x40 // received less than the interrupt above waits for

void uart_init(irq_handler_t on_receive) {
    UART[CR] = 0;
    UART[IMSC] = 0;
    // 115200 Bd from a clock of 24 MHz.
    UART[IBRD] = 13;
    UART[FBRD] = 1;
    UART[LCR_H] = LCR_H_8_BITS | (UART[LCR_H] & LCR_H_FIFOS);
    // FIFOs begin empty when they are turned on: what came already, and more with it, would be
    // lost. Its interrupt would stay, which no read ends.
    if (UART[FR] & FR_RECEIVE_EMPTY) {
        UART[LCR_H] = LCR_H_8_BITS | LCR_H_FIFOS;
        UART[ICR] = ICR_ALL;
    }
    UART[CR] = CR_ENABLE | CR_TRANSMIT | CR_RECEIVE;
    irq_connect(MICROPY_HW_UART_IRQ, on_receive);
    irq_enable(MICROPY_HW_UART_IRQ);
}

int uart_read(void) {
    if (UART[FR] & FR_RECEIVE_EMPTY) {
        return -1;
    }
    return UART[DR] & 0xff;
}

void uart_receive_irq(bool on) {
    UART[IMSC] = on ? IRQ_RECEIVED | IRQ_RECEIVE_TIMEOUT : 0;
}

void uart_write(const char *data, size_t len) {
    for (; len > 0; --len) {
        while (UART[FR] & FR_TRANSMIT_FULL) {
        }
        UART[DR] = (uint8_t)*data++;
    }
}

void uart_flush(void) {
    while (UART[FR] & FR_BUSY) {
    }
}

#endif
