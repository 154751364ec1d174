// SPDX-License-Identifier: MIT
//
// Random changes of an input: bits, bytes, numbers at the edges of their types, cuts, copies, and
// parts of other files.
#include <stdbool.h>
#include <string.h>

#include "standalone.h"

// splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
static uint64_t next(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static size_t below(uint64_t *seed, size_t n)
{
    return n ? (size_t)(next(seed) % n) : 0;
}

// A place in the input; mostly near the start, where headers are.
static size_t place(const struct input *in, uint64_t *seed)
{
    size_t n = below(seed, 3) && in->size > 256 ? 256 : in->size;
    return below(seed, n);
}

static void flip_bit(struct input *in, uint64_t *seed)
{
    if (in->size)
        in->data[place(in, seed)] ^= (uint8_t)(1 << below(seed, 8));
}

static void set_byte(struct input *in, uint64_t *seed)
{
    if (in->size)
        in->data[place(in, seed)] = (uint8_t)next(seed);
}

static void set_number(struct input *in, uint64_t *seed)
{
    size_t width = (size_t)1 << below(seed, 4);
    if (in->size < width)
        return;
    // All ones, a sign bit, a power of two, the size of the input; one more or less.
    const uint64_t edges[] = {0, UINT64_MAX, (uint64_t)1 << (8 * width - 1),
                              (uint64_t)1 << below(seed, 64), in->size};
    uint64_t v = edges[below(seed, sizeof edges / sizeof edges[0])] + below(seed, 3) - 1;
    bool big_endian = below(seed, 2);
    size_t at = place(in, seed);
    if (at > in->size - width)
        at = in->size - width;
    for (size_t i = 0; i < width; i++)
        in->data[at + i] = (uint8_t)(v >> (8 * (big_endian ? width - 1 - i : i)));
}

static void cut(struct input *in, uint64_t *seed)
{
    in->size = below(seed, in->size + 1);
}

static void remove_part(struct input *in, uint64_t *seed)
{
    size_t at = place(in, seed), n = below(seed, in->size - at + 1);
    memmove(in->data + at, in->data + at + n, in->size - at - n);
    in->size -= n;
}

// Puts `n` bytes of `from` (which may be the input itself) over or before what is at `at`.
static void put_part(struct input *in, size_t at, const uint8_t *from, size_t n, bool insert)
{
    uint8_t part[256];
    if (n > sizeof part)
        n = sizeof part;
    memcpy(part, from, n);
    if (insert) {
        if (in->size > INPUT_ROOM - n)
            in->size = INPUT_ROOM - n;
        if (at > in->size)
            at = in->size;
        memmove(in->data + at + n, in->data + at, in->size - at);
        in->size += n;
    }
    if (n > in->size - at)
        n = in->size - at;
    memcpy(in->data + at, part, n);
}

static void copy_part(struct input *in, const struct input *from, uint64_t *seed)
{
    size_t source = place(from, seed);
    size_t n = below(seed, from->size - source + 1);
    put_part(in, place(in, seed), from->data + source, n, below(seed, 2));
}

void input_mutate(struct input *out, const struct input *files, size_t count, uint64_t *seed)
{
    const struct input *from = &files[below(seed, count)];
    memcpy(out->data, from->data, from->size);
    out->size = from->size;
    for (size_t n = 1 + below(seed, 6); n > 0; n--) {
        switch (below(seed, 12)) {
        case 0:
        case 1:
        case 2: flip_bit(out, seed); break;
        case 3:
        case 4: set_byte(out, seed); break;
        case 5:
        case 6:
        case 7: set_number(out, seed); break;
        case 8: cut(out, seed); break;
        case 9: remove_part(out, seed); break;
        case 10: copy_part(out, out, seed); break;
        case 11: copy_part(out, &files[below(seed, count)], seed); break;
        }
    }
}
