// SPDX-License-Identifier: MIT
// Copies and string operations of the C library, and a copy by words.
#include "bench.h"

#include <string.h>

#define SIZE  (32 << 10)
#define WORDS (SIZE / sizeof(uint64_t))

struct buffers {
    uint64_t from[WORDS], to[WORDS];
};

static void *setup(void)
{
    struct buffers *buffers = bench_allocate(sizeof *buffers);
    uint64_t seed = 7;
    for (size_t i = 0; i < WORDS; i++)
        buffers->from[i] = bench_random(&seed) | 0x0101010101010101;
    return buffers;
}

static uint64_t run_copy(void *state)
{
    struct buffers *buffers = state;
    for (unsigned i = 0; i < 16; i++) {
        buffers->from[i]++;
        memcpy(buffers->to, buffers->from, SIZE);
        BENCH_TOUCH(buffers);
        memset(buffers->to, 0, SIZE / 2);
        BENCH_TOUCH(buffers);
        memmove((char *)buffers->to + 8, buffers->to, SIZE / 2);
        BENCH_TOUCH(buffers);
        memcpy(buffers->to, buffers->from, SIZE);
        BENCH_TOUCH(buffers);
    }
    return memcmp(buffers->to, buffers->from, SIZE) == 0;
}

static uint64_t run_words(void *state)
{
    struct buffers *buffers = state;
    for (unsigned i = 0; i < 16; i++) {
        buffers->from[i]++;
        for (size_t j = 0; j < WORDS; j++) {
            uint64_t word = buffers->from[j];
            BENCH_HIDE(word);
            buffers->to[j] = word;
        }
        BENCH_TOUCH(buffers);
    }
    return memcmp(buffers->to, buffers->from, SIZE) == 0;
}

static uint64_t count_words(const char *text)
{
    uint64_t sum = 0;
    const char *end = text + strlen(text);
    for (const char *at = text; at < end; at++) {
        const char *blank = strchr(at, ' ');
        if (!blank)
            blank = end;
        sum = sum * 31 + (uint64_t)(blank - at);
        at = blank;
    }
    return sum;
}

static uint64_t run_string(void *state)
{
    static const char verse[] = "so much depends upon a red wheel barrow glazed with rain water ";
    char *text = state, *at = text;
    for (unsigned i = 0; i < 64; i++, at += sizeof verse - 1)
        strcpy(at, verse);
    uint64_t sum = count_words(text) + strcspn(text, "z");
    sum += (uint64_t)(strstr(text, "water so") - text) + (uint64_t)(strrchr(text, 'z') - text);
    for (unsigned i = 0; i < 64; i++)
        sum += strncmp(text, text + i * (sizeof verse - 1), 100 + i) == 0;
    return sum;
}

BENCH(copy, .what = "memcpy, memset, memmove: 48 of 16 to 32 KB", .setup = setup, .run = run_copy,
      .expected = 1);
BENCH(copy_words, .what = "16 copies of 32 KB by 64-bit words", .setup = setup, .run = run_words,
      .expected = 1);
BENCH(string, .what = "strlen, strchr, strstr, strncmp and others over 4 KB", .setup = setup,
      .run = run_string, .expected = 0x9e5cd09da89fc88e);
