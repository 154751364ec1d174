// SPDX-License-Identifier: MIT
//
// Bit tricks: fields, sign extension, rotations, wide multiplication, carry-less multiplication.
// Everything is defined for every input (counts are taken modulo the width unless said otherwise).
#ifndef VM_BASE_BITS_H
#define VM_BASE_BITS_H

#include <vm/base/types.h>

// Bits [pos, pos+len) of v, right-aligned; len is 1 to 64 and pos+len at most 64.
static inline uint64_t vm_bits(uint64_t v, unsigned pos, unsigned len)
{
    return (v >> pos) & (UINT64_MAX >> (64 - len));
}

// v with bits [pos, pos+len) replaced by the low bits of f.
static inline uint64_t vm_set_bits(uint64_t v, unsigned pos, unsigned len, uint64_t f)
{
    uint64_t mask = (UINT64_MAX >> (64 - len)) << pos;
    return (v & ~mask) | ((f << pos) & mask);
}

// The low `width` bits (1 to 64) of v as a signed number.
static inline uint64_t vm_sign_extend(uint64_t v, unsigned width)
{
    unsigned shift = 64 - width;
    return (uint64_t)((int64_t)(v << shift) >> shift);
}

static inline uint64_t vm_mask(unsigned width)
{
    return width >= 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
}

static inline uint64_t vm_rotate_left64(uint64_t v, unsigned n)
{
    return v << (n & 63) | v >> (-n & 63);
}

static inline uint32_t vm_rotate_left32(uint32_t v, unsigned n)
{
    return v << (n & 31) | v >> (-n & 31);
}

// Leading and trailing zeros; 64 (32) for zero.
static inline unsigned vm_clz64(uint64_t v)
{
    return v ? (unsigned)__builtin_clzll(v) : 64;
}

static inline unsigned vm_ctz64(uint64_t v)
{
    return v ? (unsigned)__builtin_ctzll(v) : 64;
}

static inline unsigned vm_clz32(uint32_t v)
{
    return v ? (unsigned)__builtin_clz(v) : 32;
}

static inline unsigned vm_ctz32(uint32_t v)
{
    return v ? (unsigned)__builtin_ctz(v) : 32;
}

static inline unsigned vm_popcount64(uint64_t v)
{
    v -= (v >> 1) & 0x5555555555555555u;
    v = (v & 0x3333333333333333u) + ((v >> 2) & 0x3333333333333333u);
    return (unsigned)((((v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fu) * 0x0101010101010101u) >> 56);
}

// The full 128-bit product of two unsigned numbers.
static inline vm_u128 vm_mul_u64(uint64_t a, uint64_t b)
{
    unsigned __int128 p = (unsigned __int128)a * b;
    return (vm_u128){(uint64_t)p, (uint64_t)(p >> 64)};
}

// High half of the signed, and of the signed-by-unsigned product.
static inline uint64_t vm_mulh_s64(uint64_t a, uint64_t b)
{
    return (uint64_t)(((__int128)(int64_t)a * (int64_t)b) >> 64);
}

static inline uint64_t vm_mulh_su64(uint64_t a, uint64_t b)
{
    return vm_mul_u64(a, b).hi - ((int64_t)a < 0 ? b : 0);
}

// The bits of each byte in reverse order; the whole word reversed.
static inline uint64_t vm_reverse_bits_in_bytes(uint64_t v)
{
    v = ((v >> 1) & 0x5555555555555555u) | (v & 0x5555555555555555u) << 1;
    v = ((v >> 2) & 0x3333333333333333u) | (v & 0x3333333333333333u) << 2;
    return ((v >> 4) & 0x0f0f0f0f0f0f0f0fu) | (v & 0x0f0f0f0f0f0f0f0fu) << 4;
}

// The 127-bit carry-less product of a and b.
static inline vm_u128 vm_clmul64(uint64_t a, uint64_t b)
{
    vm_u128 r = {0, 0};
    for (unsigned i = 0; i < 64; i++) {
        if (b >> i & 1) {
            r.lo ^= a << i;
            r.hi ^= i ? a >> (64 - i) : 0;
        }
    }
    return r;
}

#endif
