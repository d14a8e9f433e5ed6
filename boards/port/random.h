// SPDX-License-Identifier: MIT

// Random numbers that nobody can foretell, for os.urandom() and as the seed of module random.

#ifndef MICROPY_INCLUDED_BOARDS_PORT_RANDOM_H
#define MICROPY_INCLUDED_BOARDS_PORT_RANDOM_H

#include <stddef.h>
#include <stdint.h>

// At each start of MicroPython, after mp_init().
void random_init(void);

// Fills `target` with `size` random bytes.
void mp_hal_get_random(size_t size, uint8_t *target);

// The same where no Python code can run, as that may take from the entropy device: without it, if
// nothing has asked for random bytes before.
void random_now(size_t size, uint8_t *target);

uint32_t random_seed(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_RANDOM_H
