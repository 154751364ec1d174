// SPDX-License-Identifier: MIT
// Cryptography by ARM64's instructions for it: AES-128 in counter mode (FIPS 197, SP 800-38A), four
// blocks side by side, and SHA-256 (FIPS 180-4).
#if defined(__aarch64__)
#pragma GCC target("arch=armv8.2-a+crypto")
#include "bench.h"

#include <arm_neon.h>
#include <string.h>

#define SIZE   4096
#define ROUNDS 10

// --- AES ---

struct cipher {
    uint8x16_t keys[ROUNDS + 1];
    uint8_t counter[16];
    uint8_t text[SIZE], made[SIZE];
};

// S-boxes of a word's bytes: AESE with the word in every column, so that shifting rows has no
// effect.
static uint32_t substitute(uint32_t word)
{
    uint8x16_t columns = vreinterpretq_u8_u32(vdupq_n_u32(word));
    return vgetq_lane_u32(vreinterpretq_u32_u8(vaeseq_u8(columns, vdupq_n_u8(0))), 0);
}

static void expand_key(struct cipher *c, const uint8_t key[16])
{
    uint32_t w[4 * (ROUNDS + 1)], constant = 1;
    memcpy(w, key, 16);
    for (unsigned i = 4; i < 4 * (ROUNDS + 1); i++) {
        uint32_t last = w[i - 1];
        if (i % 4 == 0) {
            last = substitute(last >> 8 | last << 24) ^ constant;
            constant = constant << 1 ^ (constant & 0x80 ? 0x11b : 0);
        }
        w[i] = w[i - 4] ^ last;
    }
    memcpy(c->keys, w, sizeof w);
}

// The key and the counter of SP 800-38A, F.5.1.
static void *setup_aes(void)
{
    static const uint8_t key[16] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
                                    0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};
    struct cipher *c = bench_allocate(sizeof *c);
    expand_key(c, key);
    for (unsigned i = 0; i < 16; i++)
        c->counter[i] = (uint8_t)(0xf0 + i);
    for (unsigned i = 0; i < SIZE; i++)
        c->text[i] = (uint8_t)i;
    return c;
}

static uint8x16_t encrypt(const uint8x16_t keys[ROUNDS + 1], uint8x16_t block)
{
    for (unsigned i = 0; i < ROUNDS - 1; i++)
        block = vaesmcq_u8(vaeseq_u8(block, keys[i]));
    return veorq_u8(vaeseq_u8(block, keys[ROUNDS - 1]), keys[ROUNDS]);
}

// A counter block: the upper half is constant here, the lower one counts most significant byte
// first.
static uint8x16_t counter_block(uint64_t upper, uint64_t lower)
{
    uint64x2_t halves = vcombine_u64(vcreate_u64(upper), vcreate_u64(__builtin_bswap64(lower)));
    return vreinterpretq_u8_u64(halves);
}

static uint64_t run_aes(void *state)
{
    struct cipher *c = state;
    uint64_t upper, lower, first;
    memcpy(&upper, c->counter, 8);
    memcpy(&lower, c->counter + 8, 8);
    lower = __builtin_bswap64(lower);
    for (unsigned i = 0; i < SIZE; i += 64, lower += 4) {
        uint8x16_t stream[4];
        for (unsigned k = 0; k < 4; k++)
            stream[k] = encrypt(c->keys, counter_block(upper, lower + k));
        for (unsigned k = 0; k < 4; k++)
            vst1q_u8(c->made + i + 16 * k, veorq_u8(stream[k], vld1q_u8(c->text + i + 16 * k)));
    }
    BENCH_TOUCH(c);
    uint64_t sum = 0;
    for (unsigned i = 0; i < SIZE; i += 8) {
        memcpy(&first, c->made + i, sizeof first);
        sum = sum * 31 + first;
    }
    return sum;
}

// --- SHA-256 ---

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

struct hash {
    uint32x4_t abcd, efgh;
};

static void add_block(struct hash *h, const uint8_t *block)
{
    uint32x4_t w[4], abcd = h->abcd, efgh = h->efgh;
    for (unsigned i = 0; i < 4; i++)
        w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(block + 16 * i)));
#pragma GCC unroll 16
    for (unsigned i = 0; i < 16; i++) {
        uint32x4_t sum = vaddq_u32(w[i % 4], vld1q_u32(constants + 4 * i)), before = abcd;
        if (i < 12)
            w[i % 4] = vsha256su1q_u32(vsha256su0q_u32(w[i % 4], w[(i + 1) % 4]), w[(i + 2) % 4],
                                       w[(i + 3) % 4]);
        abcd = vsha256hq_u32(abcd, efgh, sum);
        efgh = vsha256h2q_u32(efgh, before, sum);
    }
    h->abcd = vaddq_u32(h->abcd, abcd);
    h->efgh = vaddq_u32(h->efgh, efgh);
}

// 4032 letters a, and the block that ends them.
static uint64_t run_sha256(void *state)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    struct hash h = {vld1q_u32(start), vld1q_u32(start + 4)};
    uint8_t *text = state;
    memset(text, 'a', SIZE - 64);
    memset(text + SIZE - 64, 0, 64);
    text[SIZE - 64] = 0x80;
    text[SIZE - 2] = ((SIZE - 64) * 8) >> 8;
    text[SIZE - 1] = ((SIZE - 64) * 8) & 0xff;
    for (unsigned i = 0; i < SIZE; i += 64)
        add_block(&h, text + i);
    return (uint64_t)vgetq_lane_u32(h.abcd, 0) << 32 | vgetq_lane_u32(h.abcd, 1);
}

static void *setup_sha256(void)
{
    return bench_allocate(SIZE);
}

BENCH(neon_aes, .what = "AES-128-CTR of 4096 bytes by AESE", .setup = setup_aes, .run = run_aes,
      .expected = 0xf956542b7ca44d41);
BENCH(neon_sha256, .what = "SHA-256 of 4032 bytes by SHA256H", .setup = setup_sha256,
      .run = run_sha256, .expected = 0x4ef7f24944201e8d);
#endif
