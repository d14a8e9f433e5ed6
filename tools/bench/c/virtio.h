// SPDX-License-Identifier: MIT

// A VirtIO 1.2 device over MMIO (4.2.2), polled, with one split virtqueue (2.7).

#ifndef MICROPY_INCLUDED_TOOLS_BENCH_C_VIRTIO_H
#define MICROPY_INCLUDED_TOOLS_BENCH_C_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>
#include "cpu.h"

// Entries at most; the device may have fewer.
#define QUEUE_MAX 128

#define DESC_NEXT   1
#define DESC_WRITE  2

struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

struct queue {
    struct desc desc[QUEUE_MAX];
    // Behind as many elements as the queue has entries each ring has its event index.
    struct {
        uint16_t flags;
        uint16_t idx;
        uint16_t ring[QUEUE_MAX + 1];
    } avail;
    struct {
        uint16_t flags;
        uint16_t idx;
        struct {
            uint32_t id;
            uint32_t len;
        } ring[QUEUE_MAX + 1];
    } used __attribute__((aligned(4)));
};

enum {
    REG_DEVICE_ID = 0x008 / 4,
    REG_DEVICE_FEATURES = 0x010 / 4,
    REG_DEVICE_FEATURES_SEL = 0x014 / 4,
    REG_DRIVER_FEATURES = 0x020 / 4,
    REG_DRIVER_FEATURES_SEL = 0x024 / 4,
    REG_QUEUE_SEL = 0x030 / 4,
    REG_QUEUE_NUM_MAX = 0x034 / 4,
    REG_QUEUE_NUM = 0x038 / 4,
    REG_QUEUE_READY = 0x044 / 4,
    REG_QUEUE_NOTIFY = 0x050 / 4,
    REG_INTERRUPT_STATUS = 0x060 / 4,
    REG_STATUS = 0x070 / 4,
    REG_QUEUE_DESC = 0x080 / 4,
    REG_QUEUE_DRIVER = 0x090 / 4,
    REG_QUEUE_DEVICE = 0x0a0 / 4,
    REG_CONFIG = 0x100 / 4,
};

// A device, by one of its queues.
struct virtio {
    volatile uint32_t *regs;
    volatile struct queue *queue;
    uint16_t index; // of the queue
    uint16_t size; // of the queue, a power of two
    uint16_t avail_idx; // of what was added, and of what the device was told
    uint16_t notified_idx;
    uint16_t used_idx;
    bool event_idx;
};

// Finds the first device of type `id`, and drives it with the features of `wanted` that it offers,
// its interrupts suppressed, with `queue` as its queue 0. Returns false if there is none, or if it
// refuses.
bool virtio_start(struct virtio *self, uint32_t id, uint64_t wanted, struct queue *queue);

// The same in three steps, for devices with more than one queue, each of which is a copy of `self`.
bool virtio_begin(struct virtio *self, uint32_t id, uint64_t wanted);
void virtio_set_queue(struct virtio *self, uint16_t index, struct queue *queue);
void virtio_go(struct virtio *self);

// Makes the chain that begins at descriptor `head` available; virtio_kick() publishes what was
// added, and notifies the device if it wants that.
static inline void virtio_add(struct virtio *self, uint16_t head) {
    self->queue->avail.ring[self->avail_idx++ & (self->size - 1)] = head;
}

static inline void virtio_kick(struct virtio *self) {
    volatile struct queue *queue = self->queue;
    uint16_t old = self->notified_idx, new = self->avail_idx;
    self->notified_idx = new;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    queue->avail.idx = new;
    cpu_full_barrier();
    uint16_t avail_event = queue->used.ring[self->size].id;
    bool wanted = self->event_idx
        ? (uint16_t)(new - avail_event - 1) < (uint16_t)(new - old)
        : !(queue->used.flags & 1);
    if (wanted) {
        self->regs[REG_QUEUE_NOTIFY] = self->index;
    }
}

// The first descriptor of a chain that the device has returned, or -1 if there is none; `len` is how
// many bytes it has written.
static inline int virtio_poll(struct virtio *self, uint32_t *len) {
    if (self->queue->used.idx == self->used_idx) {
        return -1;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    uint16_t i = self->used_idx++ & (self->size - 1);
    *len = self->queue->used.ring[i].len;
    return self->queue->used.ring[i].id;
}

#endif // MICROPY_INCLUDED_TOOLS_BENCH_C_VIRTIO_H
