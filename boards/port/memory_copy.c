// SPDX-License-Identifier: MIT

// memcpy(), memmove() and memset(), which in the C library take one byte at a time. What is not
// aligned takes no longer here: the CPUs of QEMU load and store a word anywhere in RAM.

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    uintptr_t value;
} __attribute__((packed, may_alias)) word_t;

#define WORD (sizeof(word_t))

// Also where the destination overlaps the beginning of the source.
static void copy_forwards(char *to, const char *from, size_t size) {
    for (; size >= 4 * WORD; size -= 4 * WORD, to += 4 * WORD, from += 4 * WORD) {
        word_t words[4];
        for (int i = 0; i < 4; ++i) {
            words[i] = ((const word_t *)from)[i];
        }
        for (int i = 0; i < 4; ++i) {
            ((word_t *)to)[i] = words[i];
        }
    }
    for (; size >= WORD; size -= WORD, to += WORD, from += WORD) {
        *(word_t *)to = *(const word_t *)from;
    }
    for (; size > 0; --size) {
        *to++ = *from++;
    }
}

void *memcpy(void *restrict destination, const void *restrict source, size_t size) {
    copy_forwards(destination, source, size);
    return destination;
}

void *memmove(void *destination, const void *source, size_t size) {
    // Forwards, unless the destination begins within the source.
    if ((uintptr_t)destination - (uintptr_t)source >= size) {
        copy_forwards(destination, source, size);
        return destination;
    }
    char *to = (char *)destination + size;
    const char *from = (const char *)source + size;
    for (; size >= WORD; size -= WORD) {
        to -= WORD;
        from -= WORD;
        *(word_t *)to = *(const word_t *)from;
    }
    for (; size > 0; --size) {
        *--to = *--from;
    }
    return destination;
}

void *memset(void *destination, int byte, size_t size) {
    char *to = destination;
    word_t word = { UINTPTR_MAX / 0xff * (unsigned char)byte };
    for (; size >= 4 * WORD; size -= 4 * WORD, to += 4 * WORD) {
        for (int i = 0; i < 4; ++i) {
            ((word_t *)to)[i] = word;
        }
    }
    for (; size > 0; --size) {
        *to++ = byte;
    }
    return destination;
}
