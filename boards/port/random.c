// SPDX-License-Identifier: MIT

// A generator on SHA-256: each block of output is the hash of a secret state and a number, and
// the state itself is replaced after each use. The state never comes back to what it was: it
// begins with the clocks, the seed that QEMU puts into the device tree, and what the entropy
// device gives, and a soft reset leaves it as it is.

#include <string.h>

#include "py/mphal.h"
#include "py/runtime.h"
#include "mbedtls/sha256.h"
#include "device_tree.h"
#include "random.h"

#define HASH_SIZE 32

static uint8_t state[HASH_SIZE];
static bool seeded;

// hash = SHA-256(state, data). It may be the state itself.
static void hash_with_state(uint8_t *hash, const void *data, size_t size) {
    mbedtls_sha256_context context;
    mbedtls_sha256_init(&context);
    mbedtls_sha256_starts(&context, 0);
    mbedtls_sha256_update(&context, state, sizeof(state));
    mbedtls_sha256_update(&context, data, size);
    mbedtls_sha256_finish(&context, hash);
}

static void stir_in(const void *data, size_t size) {
    hash_with_state(state, data, size);
}

static void stir_in_entropy_device(void) {
    mp_obj_t module = mp_import_name(MP_QSTR__entropy, mp_const_none, MP_OBJ_NEW_SMALL_INT(0));
    mp_obj_t data = mp_call_function_0(mp_load_attr(module, MP_QSTR_read));
    mp_buffer_info_t bytes;
    mp_get_buffer_raise(data, &bytes, MP_BUFFER_READ);
    stir_in(bytes.buf, bytes.len);
}

static void stir_in_what_is_there(void) {
    uint64_t clocks[2] = { rtc_time_ns(), clock_ticks() };
    stir_in(clocks, sizeof(clocks));
    size_t size;
    const void *rng_seed = device_tree_property("chosen", "rng-seed", &size);
    if (rng_seed != NULL) {
        stir_in(rng_seed, size);
    }
}

static void generate(size_t size, uint8_t *target) {
    uint32_t number = 0;
    uint8_t block[HASH_SIZE];
    while (size > 0) {
        ++number;
        hash_with_state(block, &number, sizeof(number));
        size_t n = MIN(size, sizeof(block));
        memcpy(target, block, n);
        target += n;
        size -= n;
    }
    number = 0;
    stir_in(&number, sizeof(number));
}

void mp_hal_get_random(size_t size, uint8_t *target) {
    if (!seeded) {
        stir_in_what_is_there();
        stir_in_entropy_device();
        seeded = true;
    }
    generate(size, target);
}

void random_now(size_t size, uint8_t *target) {
    if (!seeded) {
        stir_in_what_is_there();
    }
    generate(size, target);
}

void random_init(void) {
    seeded = false;
}

uint32_t random_seed(void) {
    uint32_t value;
    mp_hal_get_random(sizeof(value), (uint8_t *)&value);
    return value;
}
