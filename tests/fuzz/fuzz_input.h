// SPDX-License-Identifier: MIT
//
// What fuzz targets share that play an input as a guest's accesses: numbers from it, and what must
// hold.
#ifndef TESTS_FUZZ_FUZZ_INPUT_H
#define TESTS_FUZZ_FUZZ_INPUT_H

#include <stdbool.h>
#include <stdlib.h>

#include "standalone.h"

struct input_left {
    const uint8_t *data;
    size_t left;
};

// What must hold, also in a build without assertions.
static inline void must(bool holds)
{
    if (!holds)
        abort();
}

// So many bytes, little-endian; those behind the end are zeros.
static inline uint64_t number(struct input_left *in, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes && in->left > 0; i++, in->left--)
        v |= (uint64_t)*in->data++ << 8 * i;
    return v;
}

#endif
