// SPDX-License-Identifier: MIT

// Requests are prepared once: to send one takes a sector, an entry of the available ring and, once
// for all that are sent together, an index and a notification.

#include "blk.h"

#define F_FLUSH     (1ull << 9)
#define F_EVENT_IDX (1ull << 29)
#define F_VERSION_1 (1ull << 32)

#define ID_BLOCK    2
#define T_IN        0
#define T_OUT       1
#define S_OK        0
#define S_NONE      0xff

#define SECTOR      512
#define SEGMENTS    3 // header, data, status

// Pages of their own: QEMU drops its translation of code on a page that is written to.
static struct queue queue __attribute__((aligned(4096)));
static struct slot {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
    uint8_t status;
} __attribute__((aligned(32))) slots[DEPTH_MAX] __attribute__((aligned(4096)));
static uint8_t data[MEMORY] __attribute__((aligned(4096)));

static uint32_t random_state = 1;

static uint32_t random_number(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

bool blk_start(struct virtio *device) {
    return virtio_start(device, ID_BLOCK, F_VERSION_1 | F_FLUSH | F_EVENT_IDX, &queue);
}

static void prepare(const struct access *access) {
    for (uint32_t i = 0; i < access->depth; ++i) {
        uint16_t head = SEGMENTS * i;
        struct desc *desc = &queue.desc[head];
        slots[i].type = access->write ? T_OUT : T_IN;
        desc[0] = (struct desc) { (uintptr_t)&slots[i], 16, DESC_NEXT, head + 1 };
        desc[1] = (struct desc) {
            (uintptr_t)&data[i * access->size], access->size,
            DESC_NEXT | (access->write ? 0 : DESC_WRITE), head + 2
        };
        desc[2] = (struct desc) { (uintptr_t)&slots[i].status, 1, DESC_WRITE, 0 };
    }
}

bool blk_run(struct virtio *device, const struct access *access) {
    uint32_t disk_sectors = device->regs[REG_CONFIG];
    uint32_t sectors = access->size / SECTOR;
    uint32_t blocks = disk_sectors / sectors;
    uint8_t free[DEPTH_MAX];
    uint32_t free_count = access->depth;
    uint32_t in_flight = 0, left = access->count, next = 0;

    if (access->depth < 1 || access->depth > DEPTH_MAX
        || SEGMENTS * access->depth > device->size || access->size < SECTOR
        || access->size > MEMORY / access->depth) {
        return false;
    }
    uint32_t written = access->write ? 1 : access->size + 1;
    prepare(access);
    for (uint32_t i = 0; i < access->depth; ++i) {
        free[i] = i;
    }
    while (left > 0 || in_flight > 0) {
        uint32_t sent = in_flight;
        while (left > 0 && free_count > 0) {
            uint32_t i = free[--free_count];
            // The high word of a product is a random number below `blocks` without a division.
            uint32_t block = access->random ? (uint64_t)random_number() * blocks >> 32 : next;
            next = next + 1 < blocks ? next + 1 : 0;
            slots[i].sector = block * sectors;
            slots[i].status = S_NONE;
            virtio_add(device, SEGMENTS * i);
            ++in_flight;
            --left;
        }
        if (in_flight > sent) {
            virtio_kick(device);
        }
        // Fastest is when all of a batch is back before the next is sent, with one notification.
        while (in_flight > 0) {
            uint32_t len;
            int id = virtio_poll(device, &len);
            if (id < 0) {
                continue;
            }
            uint32_t i = id / SEGMENTS;
            if (i >= access->depth || len != written
                || ((volatile struct slot *)&slots[i])->status != S_OK) {
                return false;
            }
            free[free_count++] = i;
            --in_flight;
        }
    }
    return true;
}
