// SPDX-License-Identifier: MIT
#include "random_values.h"

uint64_t random_bits(struct random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

unsigned random_below(struct random *r, unsigned limit)
{
    return (unsigned)((random_bits(r) >> 32) * limit >> 32);
}

static uint64_t sign_extend(uint64_t v, unsigned bits)
{
    return (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits));
}

uint64_t random_integer(struct random *r)
{
    uint64_t any = random_bits(r), bit = (uint64_t)1 << (any & 63);
    switch (random_below(r, 10)) {
    case 0: return 0;
    case 1: return UINT64_MAX;
    case 2: return sign_extend(any >> 8, 5);
    case 3: return sign_extend(any >> 8, 32);
    case 4: return any >> 32;
    case 5: return bit + (uint64_t)(any >> 32 & 1);
    case 6: return bit - 1;
    case 7: return 0 - bit;
    case 8: return any >> 8 & 0x7f;
    default: return any;
    }
}

struct format {
    unsigned bits, fraction, bias;
};

// Sign, exponent and fraction, cut to their widths.
static uint64_t pack(const struct format *f, uint64_t sign, uint64_t exponent, uint64_t fraction)
{
    uint64_t exponent_mask = ((uint64_t)1 << (f->bits - 1 - f->fraction)) - 1;
    return (sign & 1) << (f->bits - 1) | (exponent & exponent_mask) << f->fraction |
           (fraction & (((uint64_t)1 << f->fraction) - 1));
}

// A fraction with few ones, few zeros, or any.
static uint64_t random_fraction(struct random *r, const struct format *f)
{
    uint64_t any = random_bits(r);
    switch (random_below(r, 5)) {
    case 0: return 0;
    case 1: return UINT64_MAX;
    case 2: return (uint64_t)1 << any % f->fraction;
    case 3: return UINT64_MAX << any % f->fraction;
    default: return any;
    }
}

uint64_t random_float(struct random *r, unsigned bits)
{
    static const struct format formats[] = {{16, 10, 15}, {32, 23, 127}, {64, 52, 1023}};
    static const uint8_t integer_widths[] = {8, 16, 31, 32, 63, 64};
    const struct format *f = &formats[bits == 16 ? 0 : bits == 32 ? 1 : 2];
    uint64_t any = random_bits(r), sign = any, fraction = random_fraction(r, f);
    switch (random_below(r, 10)) {
    case 0: return pack(f, sign, 0, 0);
    case 1: return pack(f, sign, UINT64_MAX, 0);
    case 2: return pack(f, sign, UINT64_MAX, fraction);
    case 3: return pack(f, sign, 0, fraction);
    case 4: return pack(f, sign, 1 + (any >> 8 & 1), fraction);
    case 5: return pack(f, sign, UINT64_MAX - 1 - (any >> 8 & 1), fraction);
    case 6:
        return pack(f, sign, f->bias + integer_widths[(any >> 8) % 6] - 1 - (any >> 16 & 1),
                    fraction);
    case 7: return pack(f, sign, f->bias - 2 + (any >> 8 & 3), fraction);
    case 8: return pack(f, sign, f->bias - 20 + (any >> 8) % 40, fraction);
    default: return pack(f, sign, any >> 8, random_bits(r));
    }
}
