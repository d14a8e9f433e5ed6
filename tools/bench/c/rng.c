// SPDX-License-Identifier: MIT

// A request is one descriptor. The device may give fewer bytes than there is room for: the rest is
// asked for again.

#include "rng.h"

#define F_VERSION_1 (1ull << 32)
#define ID_ENTROPY  4
#define MEMORY      65536

static struct queue queue __attribute__((aligned(4096)));
static uint8_t data[MEMORY] __attribute__((aligned(4096)));

bool rng_start(struct virtio *device) {
    return virtio_start(device, ID_ENTROPY, F_VERSION_1, &queue);
}

bool rng_run(struct virtio *device, uint32_t size, uint32_t count) {
    if (size > MEMORY) {
        return false;
    }
    for (; count > 0; --count) {
        uint32_t filled = 0;
        while (filled < size) {
            uint32_t len;
            queue.desc[0] = (struct desc) {
                (uintptr_t)&data[filled], size - filled, DESC_WRITE, 0
            };
            virtio_add(device, 0);
            virtio_kick(device);
            while (virtio_poll(device, &len) < 0) {
            }
            if (len == 0 || len > size - filled) {
                return false;
            }
            filled += len;
        }
    }
    return true;
}
