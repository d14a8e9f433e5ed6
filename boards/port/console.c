// SPDX-License-Identifier: MIT

// Standard input and output: the serial line, and what os.dupterm() adds.

#include "py/runtime.h"
#include "py/stream.h"
#include "py/mphal.h"
#include "py/ringbuf.h"
#include "extmod/misc.h"
#include "callback.h"
#include "console.h"
#include "interrupt_char.h"

// Large, so that Ctrl-C is seen behind much unread input. A power of two.
#define BUFFER_SIZE (256 * 1024)

static uint8_t buffer[BUFFER_SIZE];
static volatile uint32_t count_put;
static uint32_t count_taken;
static volatile bool stopped;

// Moves what the UART has received into the buffer. While that is full the rest stays in the UART,
// which makes the sender wait, with the interrupt off, which would not stop otherwise.
static void receive(void) {
    int c;
    while (!(stopped = count_put - count_taken == BUFFER_SIZE) && (c = uart_read()) >= 0) {
        if (!interrupt_char_take(c)) {
            buffer[count_put++ % BUFFER_SIZE] = c;
        }
    }
    uart_receive_irq(!stopped);
}

static void on_receive(unsigned int irq) {
    (void)irq;
    receive();
}

// What os.dupterm_notify() has read ahead, which looks for Ctrl-C.
static uint8_t read_ahead[4096];
ringbuf_t stdin_ringbuf = { read_ahead, sizeof(read_ahead), 0, 0 };

void console_init(void) {
    uart_init(on_receive);
    // What came meanwhile may have made no interrupt.
    receive();
}

void console_put_back(int c) {
    if (count_put - count_taken < BUFFER_SIZE) {
        buffer[--count_taken % BUFFER_SIZE] = c;
    }
}

size_t console_type(const uint8_t *keys, size_t length) {
    size_t taken = 0;
    while (taken < length) {
        uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
        bool room = count_put - count_taken < BUFFER_SIZE;
        if (room && !interrupt_char_take_of_guest(keys[taken])) {
            buffer[count_put++ % BUFFER_SIZE] = keys[taken];
        }
        MICROPY_END_ATOMIC_SECTION(state);
        if (!room) {
            break;
        }
        ++taken;
    }
    mp_hal_signal_event();
    return taken;
}

// How much is there to read. Looks at the UART when its interrupt cannot be relied on: after the
// buffer was full, and in a program that disabled interrupts.
static size_t available(void) {
    if (stopped || count_put == count_taken) {
        uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
        receive();
        MICROPY_END_ATOMIC_SECTION(state);
    }
    return count_put - count_taken;
}

uintptr_t mp_hal_stdio_poll(uintptr_t poll_flags) {
    uintptr_t ready = poll_flags & MP_STREAM_POLL_WR;
    if (poll_flags & MP_STREAM_POLL_RD
        && (available() > 0 || ringbuf_peek(&stdin_ringbuf) >= 0)) {
        ready |= MP_STREAM_POLL_RD;
    }
    return ready | mp_os_dupterm_poll(poll_flags);
}

int mp_hal_stdin_rx_chr(void) {
    for (;;) {
        if (available() > 0) {
            return buffer[count_taken++ % BUFFER_SIZE];
        }
        int c = ringbuf_get(&stdin_ringbuf);
        if (c < 0) {
            c = mp_os_dupterm_rx_chr();
        }
        if (c >= 0) {
            return c;
        }
        mp_event_wait_indefinite();
    }
}

mp_uint_t mp_hal_stdout_tx_strn(const char *str, size_t len) {
    uart_write(str, len);
    // A stream in Python may do anything, which an interrupt must not.
    if (!callback_is_hard) {
        mp_os_dupterm_tx_strn(str, len);
    }
    return len;
}
