// SPDX-License-Identifier: MIT

#include <stdint.h>
#include "py/mpconfig.h"
#include "virtio_reset.h"

// Registers, in words (section 4.2.2 of the VirtIO specification).
enum {
    MAGIC = 0x000 / 4,
    DEVICE_ID = 0x008 / 4,
    STATUS = 0x070 / 4,
};

#define MAGIC_VALUE 0x74726976

// A device that takes longer than this many looks is broken.
#define MAX_LOOKS 1000000

void virtio_reset_all(void) {
    for (uintptr_t slot = 0; slot < MICROPY_HW_VIRTIO_COUNT; ++slot) {
        volatile uint32_t *regs =
            (volatile uint32_t *)(MICROPY_HW_VIRTIO_BASE + slot * MICROPY_HW_VIRTIO_STRIDE);
        if (regs[MAGIC] != MAGIC_VALUE || regs[DEVICE_ID] == 0) {
            continue;
        }
        regs[STATUS] = 0;
        for (int looks = 0; regs[STATUS] != 0 && looks < MAX_LOOKS; ++looks) {
        }
    }
}
