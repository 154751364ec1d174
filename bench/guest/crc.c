// SPDX-License-Identifier: MIT
// CRC-32 (the polynomial of IEEE 802.3), by a table and bit by bit.
#include "bench.h"

#include <string.h>

#define SIZE 8192

struct state {
    uint32_t table[256];
    uint8_t data[SIZE];
};

static uint32_t step(uint32_t crc)
{
    return crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
}

static uint32_t by_table(const struct state *state, const uint8_t *data, size_t size)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++)
        crc = crc >> 8 ^ state->table[(crc ^ data[i]) & 0xff];
    return ~crc;
}

static uint32_t by_bits(const uint8_t *data, size_t size)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = step(crc);
    }
    return ~crc;
}

// 0xcbf43926 is the check value that the catalogues of CRCs give for these nine digits.
static void *setup(void)
{
    struct state *state = bench_allocate(sizeof *state);
    uint64_t seed = 5;
    for (unsigned i = 0; i < 256; i++) {
        state->table[i] = i;
        for (unsigned bit = 0; bit < 8; bit++)
            state->table[i] = step(state->table[i]);
    }
    for (size_t i = 0; i < SIZE; i++)
        state->data[i] = (uint8_t)bench_random(&seed);
    if (by_table(state, (const uint8_t *)"123456789", 9) != 0xcbf43926)
        bench_fail("the check value is wrong");
    return state;
}

static uint64_t run_table(void *state)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < 4; i++)
        sum += by_table(state, ((struct state *)state)->data + i, SIZE - i);
    return sum;
}

static uint64_t run_bits(void *state)
{
    return by_bits(((struct state *)state)->data, SIZE / 4);
}

BENCH(crc, .what = "CRC-32 of 32 KB by a table", .setup = setup, .run = run_table,
      .expected = 0x223790709);
BENCH(crc_bits, .what = "CRC-32 of 2 KB bit by bit", .setup = setup, .run = run_bits,
      .expected = 0xbb7e5d0b);
