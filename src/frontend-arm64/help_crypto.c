// SPDX-License-Identifier: MIT
//
// Helpers of cryptographic instructions: SHA-512's rounds, SM3 and SM4 (the manual, C7.2; GB/T
// 32905 and 32907). The first argument has the registers' numbers: Rd, Rn, Rm, Ra from the low byte
// on. Four words of a vector are numbered from the low end.
#include "frontend.h"

// The registers of an instruction.
struct operands {
    vm_u128 *d;
    vm_u128 old, n, m, a;
};

static struct operands operands_of(void *vcpu, uint64_t numbers)
{
    vm_u128 *v = a64_state(vcpu)->v;
    return (struct operands){.d = &v[numbers & 31],
                             .old = v[numbers & 31],
                             .n = v[numbers >> 8 & 31],
                             .m = v[numbers >> 16 & 31],
                             .a = v[numbers >> 24 & 31]};
}

static uint32_t word(vm_u128 v, unsigned i)
{
    return (uint32_t)((i < 2 ? v.lo : v.hi) >> (i & 1) * 32);
}

static vm_u128 vector_of(const uint32_t w[4])
{
    return (vm_u128){w[0] | (uint64_t)w[1] << 32, w[2] | (uint64_t)w[3] << 32};
}

static uint32_t rol(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static uint64_t ror64(uint64_t x, unsigned n)
{
    return x >> n | x << (64 - n);
}

static uint64_t three_rotations(uint64_t x, unsigned i, unsigned j, unsigned k)
{
    return ror64(x, i) ^ ror64(x, j) ^ ror64(x, k);
}

// --- SHA-512 ---

uint64_t a64_help_sha512h(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b;
    (void)c;
    (void)d;
    struct operands o = operands_of(vcpu, a);
    uint64_t high =
        ((o.m.hi & o.n.lo) ^ (~o.m.hi & o.n.hi)) + o.old.hi + three_rotations(o.m.hi, 14, 18, 41);
    uint64_t e = high + o.m.lo;
    uint64_t low = ((e & o.m.hi) ^ (~e & o.n.lo)) + o.old.lo + three_rotations(e, 14, 18, 41);
    *o.d = (vm_u128){low, high};
    return 0;
}

static uint64_t majority(uint64_t x, uint64_t y, uint64_t z)
{
    return (x & y) ^ (x & z) ^ (y & z);
}

uint64_t a64_help_sha512h2(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b;
    (void)c;
    (void)d;
    struct operands o = operands_of(vcpu, a);
    uint64_t high =
        majority(o.n.lo, o.m.hi, o.m.lo) + o.old.hi + three_rotations(o.m.lo, 28, 34, 39);
    uint64_t low = majority(high, o.m.lo, o.m.hi) + o.old.lo + three_rotations(high, 28, 34, 39);
    *o.d = (vm_u128){low, high};
    return 0;
}

// --- SM3 ---

uint64_t a64_help_sm3ss1(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b;
    (void)c;
    (void)d;
    struct operands o = operands_of(vcpu, a);
    uint32_t sum = rol(word(o.n, 3), 12) + word(o.m, 3) + word(o.a, 3);
    *o.d = (vm_u128){0, (uint64_t)rol(sum, 7) << 32};
    return 0;
}

// SM3TT1A, SM3TT1B, SM3TT2A, SM3TT2B by c = 0 to 3; b is the index of the word of Vm.
uint64_t a64_help_sm3tt(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)d;
    struct operands o = operands_of(vcpu, a);
    uint32_t x = word(o.old, 3), y = word(o.old, 2), z = word(o.old, 1), n = word(o.n, 3), f;
    if (c == 1)
        f = (x & z) | (x & y) | (z & y);
    else if (c == 3)
        f = (x & y) | (~x & z);
    else
        f = x ^ y ^ z;
    f += word(o.old, 0) + word(o.m, b & 3);
    if (c < 2)
        f += n ^ rol(x, 12);
    else
        f += n;
    f = c < 2 ? f : f ^ rol(f, 9) ^ rol(f, 17);
    *o.d = vector_of((const uint32_t[4]){z, rol(y, c < 2 ? 9 : 19), x, f});
    return 0;
}

static uint32_t permuted(uint32_t x)
{
    return x ^ rol(x, 15) ^ rol(x, 23);
}

uint64_t a64_help_sm3partw1(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b;
    (void)c;
    (void)d;
    struct operands o = operands_of(vcpu, a);
    uint32_t w[4];
    for (unsigned i = 0; i < 4; i++) {
        uint32_t last = i < 3 ? word(o.m, i + 1) : w[0];
        w[i] = permuted(word(o.old, i) ^ word(o.n, i) ^ rol(last, 15));
    }
    *o.d = vector_of(w);
    return 0;
}

uint64_t a64_help_sm3partw2(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b;
    (void)c;
    (void)d;
    struct operands o = operands_of(vcpu, a);
    uint32_t w[4];
    for (unsigned i = 0; i < 4; i++)
        w[i] = word(o.old, i) ^ word(o.n, i) ^ rol(word(o.m, i), 7);
    w[3] ^= permuted(rol(word(o.n, 0) ^ rol(word(o.m, 0), 7), 15));
    *o.d = vector_of(w);
    return 0;
}

// --- SM4 ---

static const uint8_t s_box[256] = {
    0xd6, 0x90, 0xe9, 0xfe, 0xcc, 0xe1, 0x3d, 0xb7, 0x16, 0xb6, 0x14, 0xc2, 0x28, 0xfb, 0x2c, 0x05,
    0x2b, 0x67, 0x9a, 0x76, 0x2a, 0xbe, 0x04, 0xc3, 0xaa, 0x44, 0x13, 0x26, 0x49, 0x86, 0x06, 0x99,
    0x9c, 0x42, 0x50, 0xf4, 0x91, 0xef, 0x98, 0x7a, 0x33, 0x54, 0x0b, 0x43, 0xed, 0xcf, 0xac, 0x62,
    0xe4, 0xb3, 0x1c, 0xa9, 0xc9, 0x08, 0xe8, 0x95, 0x80, 0xdf, 0x94, 0xfa, 0x75, 0x8f, 0x3f, 0xa6,
    0x47, 0x07, 0xa7, 0xfc, 0xf3, 0x73, 0x17, 0xba, 0x83, 0x59, 0x3c, 0x19, 0xe6, 0x85, 0x4f, 0xa8,
    0x68, 0x6b, 0x81, 0xb2, 0x71, 0x64, 0xda, 0x8b, 0xf8, 0xeb, 0x0f, 0x4b, 0x70, 0x56, 0x9d, 0x35,
    0x1e, 0x24, 0x0e, 0x5e, 0x63, 0x58, 0xd1, 0xa2, 0x25, 0x22, 0x7c, 0x3b, 0x01, 0x21, 0x78, 0x87,
    0xd4, 0x00, 0x46, 0x57, 0x9f, 0xd3, 0x27, 0x52, 0x4c, 0x36, 0x02, 0xe7, 0xa0, 0xc4, 0xc8, 0x9e,
    0xea, 0xbf, 0x8a, 0xd2, 0x40, 0xc7, 0x38, 0xb5, 0xa3, 0xf7, 0xf2, 0xce, 0xf9, 0x61, 0x15, 0xa1,
    0xe0, 0xae, 0x5d, 0xa4, 0x9b, 0x34, 0x1a, 0x55, 0xad, 0x93, 0x32, 0x30, 0xf5, 0x8c, 0xb1, 0xe3,
    0x1d, 0xf6, 0xe2, 0x2e, 0x82, 0x66, 0xca, 0x60, 0xc0, 0x29, 0x23, 0xab, 0x0d, 0x53, 0x4e, 0x6f,
    0xd5, 0xdb, 0x37, 0x45, 0xde, 0xfd, 0x8e, 0x2f, 0x03, 0xff, 0x6a, 0x72, 0x6d, 0x6c, 0x5b, 0x51,
    0x8d, 0x1b, 0xaf, 0x92, 0xbb, 0xdd, 0xbc, 0x7f, 0x11, 0xd9, 0x5c, 0x41, 0x1f, 0x10, 0x5a, 0xd8,
    0x0a, 0xc1, 0x31, 0x88, 0xa5, 0xcd, 0x7b, 0xbd, 0x2d, 0x74, 0xd0, 0x12, 0xb8, 0xe5, 0xb4, 0xb0,
    0x89, 0x69, 0x97, 0x4a, 0x0c, 0x96, 0x77, 0x7e, 0x65, 0xb9, 0xf1, 0x09, 0xc5, 0x6e, 0xc6, 0x84,
    0x18, 0xf0, 0x7d, 0xec, 0x3a, 0xdc, 0x4d, 0x20, 0x79, 0xee, 0x5f, 0x3e, 0xd7, 0xcb, 0x39, 0x48,
};

static uint32_t substituted(uint32_t x)
{
    return s_box[x & 0xff] | (uint32_t)s_box[x >> 8 & 0xff] << 8 |
           (uint32_t)s_box[x >> 16 & 0xff] << 16 | (uint32_t)s_box[x >> 24] << 24;
}

// Four rounds on a state, with the words of k as keys or, of the key schedule, constants.
static vm_u128 sm4_rounds(vm_u128 state, vm_u128 k, bool schedule)
{
    uint32_t w[4] = {word(state, 0), word(state, 1), word(state, 2), word(state, 3)};
    for (unsigned i = 0; i < 4; i++) {
        // The state rotates by one word each round.
        uint32_t x = w[(i + 1) & 3] ^ w[(i + 2) & 3] ^ w[(i + 3) & 3];
        x = substituted(x ^ word(k, i));
        x ^= schedule ? rol(x, 13) ^ rol(x, 23) : rol(x, 2) ^ rol(x, 10) ^ rol(x, 18) ^ rol(x, 24);
        w[i] ^= x;
    }
    return vector_of(w);
}

uint64_t a64_help_sm4e(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b;
    (void)c;
    (void)d;
    struct operands o = operands_of(vcpu, a);
    *o.d = sm4_rounds(o.old, o.n, false);
    return 0;
}

uint64_t a64_help_sm4ekey(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b;
    (void)c;
    (void)d;
    struct operands o = operands_of(vcpu, a);
    *o.d = sm4_rounds(o.n, o.m, true);
    return 0;
}
