// SPDX-License-Identifier: MIT
//
// AES by polynomials (FIPS 197, chapter 4), SHA-1 and SHA-256 round by round (FIPS 180-4, chapter
// 6).
#include "ir_eval_vector.h"

#include <stdlib.h>

typedef unsigned __int128 u128;

// --- AES ---

static unsigned byte(u128 v, unsigned row, unsigned column)
{
    return (unsigned)(v >> 8 * (4 * (column % 4) + row)) & 0xff;
}

// Modulo x^8 + x^4 + x^3 + x + 1.
static unsigned product(unsigned a, unsigned b)
{
    unsigned p = 0;
    for (unsigned i = 0; i < 8; i++)
        p ^= b >> i & 1 ? a << i : 0;
    for (unsigned i = 15; i >= 8; i--)
        p ^= p >> i & 1 ? 0x11bu << (i - 8) : 0;
    return p;
}

// a^254, which is 1 / a.
static unsigned inverse(unsigned a)
{
    unsigned p = a;
    for (unsigned i = 0; i < 6; i++)
        p = product(product(p, p), a);
    return product(p, p);
}

static unsigned bit(unsigned x, unsigned i)
{
    return x >> i % 8 & 1;
}

static unsigned substituted(unsigned a)
{
    unsigned b = inverse(a), s = 0x63;
    for (unsigned i = 0; i < 8; i++)
        s ^= (bit(b, i) ^ bit(b, i + 4) ^ bit(b, i + 5) ^ bit(b, i + 6) ^ bit(b, i + 7)) << i;
    return s;
}

static unsigned unsubstituted(unsigned s)
{
    unsigned b = 0x05;
    for (unsigned i = 0; i < 8; i++)
        b ^= (bit(s, i + 2) ^ bit(s, i + 5) ^ bit(s, i + 7)) << i;
    return inverse(b);
}

static unsigned mixed(u128 v, unsigned row, unsigned column, const unsigned factors[4])
{
    unsigned sum = 0;
    for (unsigned i = 0; i < 4; i++)
        sum ^= product(byte(v, (row + i) % 4, column), factors[i]);
    return sum;
}

static u128 aes(unsigned code, u128 v)
{
    u128 out = 0;
    for (unsigned column = 0; column < 4; column++) {
        for (unsigned row = 0; row < 4; row++) {
            unsigned b;
            switch (code) {
            case VM_IR_vaese: b = substituted(byte(v, row, column + row)); break;
            case VM_IR_vaesd: b = unsubstituted(byte(v, row, column + 4 - row)); break;
            case VM_IR_vaesmc: b = mixed(v, row, column, (unsigned[]){2, 3, 1, 1}); break;
            default: b = mixed(v, row, column, (unsigned[]){0xe, 0xb, 0xd, 9}); break;
            }
            out |= (u128)b << 8 * (4 * column + row);
        }
    }
    return out;
}

// --- SHA ---

static uint32_t word(u128 v, unsigned i)
{
    return (uint32_t)(v >> 32 * i);
}

static u128 four(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    return a | (u128)b << 32 | (u128)c << 64 | (u128)d << 96;
}

static uint32_t rotl(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static uint32_t sigma(uint32_t x, unsigned i, unsigned j, unsigned k)
{
    return rotl(x, 32 - i) ^ rotl(x, 32 - j) ^ rotl(x, 32 - k);
}

static u128 sha1(unsigned kind, u128 state, uint32_t e, u128 words)
{
    uint32_t a = word(state, 0), b = word(state, 1), c = word(state, 2), d = word(state, 3);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t f = kind == 0   ? (b & c) ^ (~b & d)
                     : kind == 1 ? b ^ c ^ d
                                 : (b & c) ^ (b & d) ^ (c & d);
        uint32_t t = rotl(a, 5) + f + e + word(words, i);
        e = d;
        d = c;
        c = rotl(b, 30);
        b = a;
        a = t;
    }
    return four(a, b, c, d);
}

// Sums of older words, of which v[0] has some, rotated by one: the others of the first three words
// come from v[0] and v[1], the last one's is the first new word.
static u128 sha1_words(const u128 v[3])
{
    u128 t = v[0] ^ v[1] >> 32;
    uint32_t first = rotl(word(t, 0), 1);
    return four(first, rotl(word(t, 1), 1), rotl(word(t, 2), 1), rotl(word(t, 3) ^ first, 1));
}

static u128 sha256(u128 abcd, u128 efgh, u128 words, bool want_e)
{
    uint32_t s[8];
    for (unsigned i = 0; i < 8; i++)
        s[i] = i < 4 ? word(abcd, i) : word(efgh, i - 4);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t t1 =
            s[7] + sigma(s[4], 6, 11, 25) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + word(words, i);
        uint32_t t2 = sigma(s[0], 2, 13, 22) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        for (unsigned k = 7; k > 0; k--)
            s[k] = s[k - 1];
        s[4] += t1;
        s[0] = t1 + t2;
    }
    return want_e ? four(s[4], s[5], s[6], s[7]) : four(s[0], s[1], s[2], s[3]);
}

static uint32_t small_sigma(uint32_t x, unsigned i, unsigned j, unsigned shift)
{
    return rotl(x, 32 - i) ^ rotl(x, 32 - j) ^ x >> shift;
}

static u128 sha256_words(unsigned code, const u128 v[3])
{
    uint32_t w[4];
    for (unsigned i = 0; i < 4; i++) {
        if (code == VM_IR_vsha256su0) {
            w[i] = word(v[0], i) + small_sigma(i < 3 ? word(v[0], i + 1) : word(v[1], 0), 7, 18, 3);
        } else {
            uint32_t back2 = i < 2 ? word(v[2], i + 2) : w[i - 2];
            uint32_t back7 = i < 3 ? word(v[1], i + 1) : word(v[2], 0);
            w[i] = word(v[0], i) + back7 + small_sigma(back2, 17, 19, 10);
        }
    }
    return four(w[0], w[1], w[2], w[3]);
}

unsigned __int128 toy_crypto(unsigned code, unsigned imm, const unsigned __int128 v[3])
{
    switch (code) {
    case VM_IR_vaese: {
        u128 s = aes(VM_IR_vaese, v[0]);
        return imm ? aes(VM_IR_vaesmc, s) : s;
    }
    case VM_IR_vaesd: {
        u128 s = aes(VM_IR_vaesd, v[0]);
        return imm ? aes(VM_IR_vaesimc, s) : s;
    }
    case VM_IR_vaesmc:
    case VM_IR_vaesimc: return aes(code, v[0]);
    case VM_IR_vsha1: return sha1(imm, v[0], word(v[1], 0), v[2]);
    case VM_IR_vsha1su1: return sha1_words(v);
    case VM_IR_vsha256h: return sha256(v[0], v[1], v[2], false);
    case VM_IR_vsha256h2: return sha256(v[1], v[0], v[2], true);
    case VM_IR_vsha256su0:
    case VM_IR_vsha256su1: return sha256_words(code, v);
    default: abort();
    }
}
