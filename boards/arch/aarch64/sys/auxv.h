// SPDX-License-Identifier: MIT

// What a Linux kernel tells programs of the CPU, as mbedTLS asks for it: of the instructions for
// SHA-256.

#ifndef MICROPY_INCLUDED_BOARDS_ARCH_AARCH64_SYS_AUXV_H
#define MICROPY_INCLUDED_BOARDS_ARCH_AARCH64_SYS_AUXV_H

#include <stdbool.h>
#include <stdint.h>

#define AT_HWCAP 16
#define HWCAP_SHA2 (1 << 6)

static inline unsigned long getauxval(unsigned long type) {
    uint64_t features;
    __asm ("mrs %0, id_aa64isar0_el1" : "=r" (features));
    bool has_sha2 = (features >> 12 & 0xf) != 0;
    return type == AT_HWCAP && has_sha2 ? HWCAP_SHA2 : 0;
}

#endif // MICROPY_INCLUDED_BOARDS_ARCH_AARCH64_SYS_AUXV_H
