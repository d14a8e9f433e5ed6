// SPDX-License-Identifier: MIT

// A bare-metal C program that does what the benchmark does in Python: the yardstick. It reads a
// line at a time from the serial line,
//
//   <what> <write> <random> <size> <depth> <count>
//
// all of them numbers, those of struct access in blk.h; what: 0 ends QEMU, 1 accesses the disk,
// 2 reads (or writes) a register `count` times, 3 asks the entropy device for `size` bytes `count`
// times, 4 sends (or receives) `count` frames of `size` bytes, `depth` at once; `random` has it wait
// until they are back before it sends others. It answers with the nanoseconds that took, or with
// "error"; if it is to receive, with "go" before that.

#include "py/mpconfig.h"
#include "py/mphal.h"
#include "blk.h"
#include "hardware.h"
#include "net.h"
#include "rng.h"

enum { END, BLOCK, REGISTER, ENTROPY, NET };

static uint32_t read_number(void) {
    uint32_t number = 0;
    for (;;) {
        int c = uart_read();
        if (c >= '0' && c <= '9') {
            number = number * 10 + c - '0';
        } else if (c >= 0) {
            return number;
        }
    }
}

static void print_number(uint64_t number) {
    char text[22];
    char *at = text + sizeof(text);
    *--at = '\n';
    *--at = '\r';
    do {
        *--at = '0' + number % 10;
        number /= 10;
    } while (number > 0);
    uart_write(at, text + sizeof(text) - at);
}

static void access_register(volatile uint32_t *regs, bool write, uint32_t count) {
    while (count-- > 0) {
        if (write) {
            regs[REG_QUEUE_SEL] = 0;
        } else {
            (void)regs[REG_STATUS];
        }
    }
}

static int64_t move_frames(const struct access *access) {
    if (!net_start()) {
        return -1;
    }
    if (access->write) {
        return net_send(access->size, access->depth, access->count, access->random);
    }
    uart_write("go\r\n", 4);
    return net_receive(access->size, access->depth, access->count);
}

// Returns the clock's ticks that an order took; -1 if it failed.
static int64_t obey(uint32_t what, const struct access *access) {
    struct virtio device;
    if (what == NET) {
        return move_frames(access);
    }
    bool ok = what == ENTROPY ? rng_start(&device) : blk_start(&device);
    uint64_t start = clock_ticks();
    if (ok && what == REGISTER) {
        access_register(device.regs, access->write, access->count);
    } else if (ok && what == ENTROPY) {
        ok = rng_run(&device, access->size, access->count);
    } else if (ok) {
        ok = blk_run(&device, access);
    }
    int64_t ticks = clock_ticks() - start;
    return ok ? ticks : -1;
}

int main(void) {
    uart_init(NULL);
    uart_write("ready\r\n", 7);
    for (;;) {
        struct access access;
        uint32_t what = read_number();
        access.write = read_number();
        access.random = read_number();
        access.size = read_number();
        access.depth = read_number();
        access.count = read_number();
        if (what == END) {
            power_off(0);
        }
        int64_t ticks = obey(what, &access);
        if (ticks >= 0) {
            print_number(ticks * (1000000000 / 1000) / (MICROPY_HW_CLOCK_HZ / 1000));
        } else {
            uart_write("error\r\n", 7);
        }
    }
}
