// SPDX-License-Identifier: MIT
// Advanced SIMD of ARM64 as codecs and numeric code use it: fused a * x + y in f32, saturating sums
// and averages of bytes, 16-bit products added up, dot products of bytes, and shuffles.
#if defined(__aarch64__)
#pragma GCC target("arch=armv8.2-a+dotprod")
#include "bench.h"

#include <arm_neon.h>
#include <string.h>

#define SIZE 4096

struct arrays {
    uint8_t a[SIZE], b[SIZE], c[SIZE];
    int16_t s[SIZE], t[SIZE];
    float x[SIZE], y[SIZE], z[SIZE];
};

static void *setup(void)
{
    struct arrays *arrays = bench_allocate(sizeof *arrays);
    uint64_t seed = 77;
    for (unsigned i = 0; i < SIZE; i++) {
        uint64_t random = bench_random(&seed);
        arrays->a[i] = (uint8_t)random;
        arrays->b[i] = (uint8_t)(random >> 8);
        arrays->s[i] = (int16_t)(random >> 16);
        arrays->t[i] = (int16_t)(random >> 32);
        arrays->x[i] = (float)(int32_t)(random >> 32) / 65536;
        arrays->y[i] = (float)(int32_t)random / 65536;
    }
    return arrays;
}

// The sum of all words of some memory, each with its place.
static uint64_t sum_of(const void *memory, size_t size)
{
    uint64_t sum = 0, word;
    for (size_t i = 0; i < size; i += 64) {
        memcpy(&word, (const char *)memory + i, sizeof word);
        sum = bench_mix(sum, word);
    }
    return sum;
}

static uint64_t run_saxpy(void *state)
{
    struct arrays *m = state;
    const float *from = m->y;
    for (unsigned round = 0; round < 4; round++) {
        float a = 0.75f - (float)round;
        BENCH_HIDE(from);
        for (unsigned i = 0; i < SIZE; i += 8) {
            vst1q_f32(m->z + i, vfmaq_n_f32(vld1q_f32(from + i), vld1q_f32(m->x + i), a));
            vst1q_f32(m->z + i + 4,
                      vfmaq_n_f32(vld1q_f32(from + i + 4), vld1q_f32(m->x + i + 4), a));
        }
        from = m->z;
    }
    BENCH_TOUCH(m);
    return sum_of(m->z, sizeof m->z);
}

static uint64_t run_bytes(void *state)
{
    struct arrays *m = state;
    for (unsigned round = 0; round < 4; round++) {
        BENCH_TOUCH(m);
        for (unsigned i = 0; i < SIZE; i += 16) {
            uint8x16_t a = vld1q_u8(m->a + i), b = vld1q_u8(m->b + i);
            uint8x16_t bright = vqaddq_u8(a, b), mean = vrhaddq_u8(a, b);
            vst1q_u8(m->c + i, vmaxq_u8(vqsubq_u8(bright, mean), vabdq_u8(a, b)));
        }
    }
    BENCH_TOUCH(m);
    return sum_of(m->c, sizeof m->c);
}

static uint64_t run_mac(void *state)
{
    struct arrays *m = state;
    uint64_t sum = 0;
    for (unsigned round = 0; round < 4; round++) {
        int32x4_t low = vdupq_n_s32(0), high = low;
        BENCH_TOUCH(m);
        for (unsigned i = 0; i < SIZE; i += 8) {
            int16x8_t s = vld1q_s16(m->s + i), t = vld1q_s16(m->t + i);
            low = vmlal_s16(low, vget_low_s16(s), vget_low_s16(t));
            high = vmlal_high_s16(high, s, t);
        }
        sum += (uint32_t)vaddvq_s32(vaddq_s32(low, high));
    }
    return sum;
}

static uint64_t run_dot(void *state)
{
    struct arrays *m = state;
    uint64_t sum = 0;
    for (unsigned round = 0; round < 4; round++) {
        int32x4_t low = vdupq_n_s32(0), high = low;
        BENCH_TOUCH(m);
        for (unsigned i = 0; i < SIZE; i += 32) {
            low = vdotq_s32(low, vreinterpretq_s8_u8(vld1q_u8(m->a + i)),
                            vreinterpretq_s8_u8(vld1q_u8(m->b + i)));
            high = vdotq_s32(high, vreinterpretq_s8_u8(vld1q_u8(m->a + i + 16)),
                             vreinterpretq_s8_u8(vld1q_u8(m->b + i + 16)));
        }
        sum += (uint32_t)vaddvq_s32(vaddq_s32(low, high));
    }
    return sum;
}

static uint64_t run_shuffle(void *state)
{
    static const uint8_t order[16] = {3, 14, 0, 7, 9, 1, 12, 5, 200, 15, 2, 8, 4, 13, 6, 11};
    struct arrays *m = state;
    uint8x16_t places = vld1q_u8(order);
    for (unsigned round = 0; round < 4; round++) {
        BENCH_TOUCH(m);
        for (unsigned i = 0; i < SIZE; i += 16) {
            uint8x16_t a = vld1q_u8(m->a + i), b = vld1q_u8(m->b + i);
            uint8x16_t mixed = veorq_u8(vzip1q_u8(a, b), vuzp2q_u8(a, b));
            mixed = veorq_u8(vqtbl1q_u8(mixed, places), vextq_u8(b, a, 5));
            vst1q_u8(m->c + i, vrev32q_u8(mixed));
        }
    }
    BENCH_TOUCH(m);
    return sum_of(m->c, sizeof m->c);
}

BENCH(neon_saxpy, .what = "16384 fused multiply-adds, f32, 4 lanes", .setup = setup,
      .run = run_saxpy, .expected = 0xe68704fda5220e86);
BENCH(neon_bytes, .what = "saturating sums, averages, differences of 16384 bytes, 16 lanes",
      .setup = setup, .run = run_bytes, .expected = 0x308ed77f9f75c284);
BENCH(neon_mac, .what = "16384 products of 16-bit numbers, added up, 8 lanes", .setup = setup,
      .run = run_mac, .expected = 0xd6d13ee8);
BENCH(neon_dot, .what = "dot products of 16384 bytes, 16 lanes", .setup = setup, .run = run_dot,
      .expected = 0x3ffeedb38);
BENCH(neon_shuffle, .what = "zips, table lookups and reversals of 16384 bytes, 16 lanes",
      .setup = setup, .run = run_shuffle, .expected = 0xb533591417952cfe);
#endif
