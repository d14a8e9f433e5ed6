// SPDX-License-Identifier: MIT

// Finding and starting a VirtIO device (3.1.1, 4.2.3).

#include <stddef.h>
#include "mpconfigboard.h"
#include "virtio.h"

#define ACKNOWLEDGE 1
#define DRIVER      2
#define DRIVER_OK   4
#define FEATURES_OK 8

#define F_EVENT_IDX (1ull << 29)

static volatile uint32_t *find(uint32_t id) {
    for (int slot = 0; slot < MICROPY_HW_VIRTIO_COUNT; ++slot) {
        volatile uint32_t *regs =
            (void *)(uintptr_t)(MICROPY_HW_VIRTIO_BASE + slot * MICROPY_HW_VIRTIO_STRIDE);
        if (regs[REG_DEVICE_ID] == id) {
            return regs;
        }
    }
    return NULL;
}

static uint64_t negotiate(volatile uint32_t *regs, uint64_t wanted) {
    uint64_t features = 0;
    for (int word = 0; word < 2; ++word) {
        regs[REG_DEVICE_FEATURES_SEL] = word;
        features |= (uint64_t)regs[REG_DEVICE_FEATURES] << 32 * word;
    }
    features &= wanted;
    for (int word = 0; word < 2; ++word) {
        regs[REG_DRIVER_FEATURES_SEL] = word;
        regs[REG_DRIVER_FEATURES] = features >> 32 * word;
    }
    return features;
}

static void write_address(volatile uint32_t *regs, volatile void *address) {
    regs[0] = (uintptr_t)address;
    regs[1] = (uint64_t)(uintptr_t)address >> 32;
}

bool virtio_begin(struct virtio *self, uint32_t id, uint64_t wanted) {
    volatile uint32_t *regs = find(id);
    if (regs == NULL) {
        return false;
    }
    regs[REG_STATUS] = 0;
    while (regs[REG_STATUS] != 0) {
    }
    regs[REG_STATUS] = ACKNOWLEDGE | DRIVER;
    uint64_t features = negotiate(regs, wanted);
    regs[REG_STATUS] = ACKNOWLEDGE | DRIVER | FEATURES_OK;
    *self = (struct virtio) { .regs = regs, .event_idx = (features & F_EVENT_IDX) != 0 };
    return regs[REG_STATUS] & FEATURES_OK;
}

void virtio_set_queue(struct virtio *self, uint16_t index, struct queue *queue) {
    volatile uint32_t *regs = self->regs;
    self->queue = queue;
    self->index = index;
    regs[REG_QUEUE_SEL] = index;
    uint32_t size = regs[REG_QUEUE_NUM_MAX];
    self->size = size < QUEUE_MAX ? size : QUEUE_MAX;
    regs[REG_QUEUE_NUM] = self->size;
    *queue = (struct queue) { 0 };
    // An index that used.idx reaches once in 65536 requests, or the flag.
    queue->avail.ring[self->size] = 0xffff;
    queue->avail.flags = !self->event_idx;
    write_address(&regs[REG_QUEUE_DESC], queue->desc);
    write_address(&regs[REG_QUEUE_DRIVER], &queue->avail);
    write_address(&regs[REG_QUEUE_DEVICE], &queue->used);
    regs[REG_QUEUE_READY] = 1;
}

void virtio_go(struct virtio *self) {
    self->regs[REG_STATUS] = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
}

bool virtio_start(struct virtio *self, uint32_t id, uint64_t wanted, struct queue *queue) {
    if (!virtio_begin(self, id, wanted)) {
        return false;
    }
    virtio_set_queue(self, 0, queue);
    virtio_go(self);
    return true;
}
