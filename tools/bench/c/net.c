// SPDX-License-Identifier: MIT

// A buffer has a descriptor of its own, for header and frame. It is sent, or given to the device, by
// an entry of the available ring and, once for all of a batch, an index and a notification.

#include <string.h>

#include "py/mpconfig.h"
#include "hardware.h"
#include "net.h"

#define F_EVENT_IDX (1ull << 29)
#define F_VERSION_1 (1ull << 32)

#define ID_NET      1
#define RECEIVE     0
#define TRANSMIT    1
#define HEADER      12
#define FRAME_MAX   1518
#define BUFFERS     64

// Pages of their own: QEMU drops its translation of code on a page that is written to.
static struct queue queues[2] __attribute__((aligned(4096)));
static uint8_t buffers[2][BUFFERS][2048] __attribute__((aligned(4096)));
static struct virtio receiver, transmitter;
// What a program has that sends and receives one by one.
static uint8_t own[FRAME_MAX];
static uint16_t idle[BUFFERS];
static uint32_t idle_count;

bool net_start(void) {
    struct virtio device;
    if (!virtio_begin(&device, ID_NET, F_VERSION_1 | F_EVENT_IDX)) {
        return false;
    }
    receiver = transmitter = device;
    virtio_set_queue(&receiver, RECEIVE, &queues[RECEIVE]);
    virtio_set_queue(&transmitter, TRANSMIT, &queues[TRANSMIT]);
    if (receiver.size < BUFFERS || transmitter.size < BUFFERS) {
        return false;
    }
    for (uint32_t i = 0; i < BUFFERS; ++i) {
        queues[RECEIVE].desc[i] = (struct desc) {
            (uintptr_t)buffers[RECEIVE][i], HEADER + FRAME_MAX, DESC_WRITE, 0
        };
        virtio_add(&receiver, i);
        queues[TRANSMIT].desc[i].addr = (uintptr_t)buffers[TRANSMIT][i];
        idle[i] = i;
    }
    idle_count = BUFFERS;
    virtio_go(&device);
    virtio_kick(&receiver);
    return true;
}

static bool take_sent(void) {
    uint32_t len;
    int id;
    while ((id = virtio_poll(&transmitter, &len)) >= 0) {
        if (id >= BUFFERS || len != 0 || idle_count == BUFFERS) {
            return false;
        }
        idle[idle_count++] = id;
    }
    return true;
}

int64_t net_send(uint32_t size, uint32_t batch, uint32_t count, bool wait) {
    if (size > FRAME_MAX || batch < 1 || batch > BUFFERS) {
        return -1;
    }
    uint64_t start = clock_ticks();
    while (count > 0) {
        while (idle_count < (wait ? BUFFERS : batch)) {
            if (!take_sent()) {
                return -1;
            }
        }
        for (uint32_t i = 0; i < batch && count > 0; ++i, --count) {
            uint16_t id = idle[--idle_count];
            if (batch == 1) {
                memcpy(buffers[TRANSMIT][id] + HEADER, own, size);
            }
            queues[TRANSMIT].desc[id].len = HEADER + size;
            virtio_add(&transmitter, id);
        }
        virtio_kick(&transmitter);
    }
    while (idle_count < BUFFERS) {
        if (!take_sent()) {
            return -1;
        }
    }
    return clock_ticks() - start;
}

int64_t net_receive(uint32_t size, uint32_t batch, uint32_t count) {
    uint64_t start = 0;
    uint32_t taken = 0;
    while (count > 0) {
        uint32_t len;
        int id = virtio_poll(&receiver, &len);
        if (id >= 0) {
            if (id >= BUFFERS || len != HEADER + size) {
                return -1;
            }
            if (start == 0) {
                start = clock_ticks();
            }
            if (batch == 1) {
                memcpy(own, buffers[RECEIVE][id] + HEADER, size);
            }
            virtio_add(&receiver, id);
            ++taken;
            --count;
        }
        if (taken > 0 && (id < 0 || taken == batch || count == 0)) {
            virtio_kick(&receiver);
            taken = 0;
        }
    }
    return clock_ticks() - start;
}
