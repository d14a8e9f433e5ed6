// SPDX-License-Identifier: MIT

// The network device (5.1) as fast as C gets it: frames that nobody fills or looks at. One by one
// they are copied, as for a program that has them elsewhere; in batches they are not.

#ifndef MICROPY_INCLUDED_TOOLS_BENCH_C_NET_H
#define MICROPY_INCLUDED_TOOLS_BENCH_C_NET_H

#include <stdbool.h>
#include <stdint.h>
#include "virtio.h"

// Starts the first card, with all buffers to receive into.
bool net_start(void);

// Sends `count` frames of `size` bytes, so many of them with one notification, and with `wait` not
// before the former are back; returns the clock's ticks that took, and -1 if something went wrong.
int64_t net_send(uint32_t size, uint32_t batch, uint32_t count, bool wait);

// Receives `count` frames of `size` bytes, and gives the buffers back when there are so many. The
// time begins when the first has come.
int64_t net_receive(uint32_t size, uint32_t batch, uint32_t count);

#endif // MICROPY_INCLUDED_TOOLS_BENCH_C_NET_H
