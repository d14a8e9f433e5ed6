// The entropy device (5.4).

#ifndef BENCH_RNG_H
#define BENCH_RNG_H

#include <stdbool.h>
#include <stdint.h>
#include "virtio.h"

bool rng_start(struct virtio *device);

// Makes `count` requests for `size` bytes, one after the other; returns whether all were filled.
bool rng_run(struct virtio *device, uint32_t size, uint32_t count);

#endif
