// SPDX-License-Identifier: MIT

// The entropy device (5.4).

#ifndef MICROPY_INCLUDED_TOOLS_BENCH_C_RNG_H
#define MICROPY_INCLUDED_TOOLS_BENCH_C_RNG_H

#include <stdbool.h>
#include <stdint.h>
#include "virtio.h"

bool rng_start(struct virtio *device);

// Makes `count` requests for `size` bytes, one after the other; returns whether all were filled.
bool rng_run(struct virtio *device, uint32_t size, uint32_t count);

#endif // MICROPY_INCLUDED_TOOLS_BENCH_C_RNG_H
