// SPDX-License-Identifier: MIT

// The block device (5.2) as fast as C gets it.

#ifndef MICROPY_INCLUDED_TOOLS_BENCH_C_BLK_H
#define MICROPY_INCLUDED_TOOLS_BENCH_C_BLK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "virtio.h"

#define DEPTH_MAX   32
#define MEMORY      (1 << 20)

struct access {
    bool write;
    bool random;
    uint32_t size; // of a request, in bytes: a power of two from 512 on
    uint32_t depth; // how many requests are in flight at most, of together MEMORY bytes at most
    uint32_t count; // how many requests in all
};

bool blk_start(struct virtio *device);

// Makes the requests, and returns whether all of them went well.
bool blk_run(struct virtio *device, const struct access *access);

#endif // MICROPY_INCLUDED_TOOLS_BENCH_C_BLK_H
