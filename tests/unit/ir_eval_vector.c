// SPDX-License-Identifier: MIT
#include "ir_eval_vector.h"

#include <stdlib.h>

typedef unsigned __int128 u128;
typedef __int128 s128;

struct shape {
    unsigned code, bits, count, imm;
    bool high;
    uint32_t attr;
};

static u128 ones(unsigned bits)
{
    return bits >= 128 ? ~(u128)0 : ((u128)1 << bits) - 1;
}

static u128 lane(u128 v, unsigned bits, unsigned i)
{
    return v >> bits * i & ones(bits);
}

static s128 sign(u128 x, unsigned bits)
{
    return (s128)(x << (128 - bits)) >> (128 - bits);
}

static s128 clamp(s128 v, s128 least, s128 most)
{
    return v < least ? least : v > most ? most : v;
}

static s128 clamp_signed(s128 v, unsigned bits)
{
    return clamp(v, -((s128)1 << (bits - 1)), ((s128)1 << (bits - 1)) - 1);
}

static s128 clamp_unsigned(s128 v, unsigned bits)
{
    return clamp(v, 0, (s128)ones(bits));
}

static s128 magnitude(s128 v)
{
    return v < 0 ? -v : v;
}

// v * 2^by, towards minus infinity or to the nearest, ties up.
static s128 scale(s128 v, int by, bool rounded)
{
    if (by >= 0)
        return by < 64 ? (s128)((u128)v << by) : 0;
    if (by < -100)
        return rounded ? 0 : v < 0 ? -1 : 0;
    return (v + (rounded ? (s128)1 << (-by - 1) : 0)) >> -by;
}

static u128 carryless(u128 a, u128 b)
{
    u128 p = 0;
    for (unsigned i = 0; i < 64; i++)
        if (b >> i & 1)
            p ^= a << i;
    return p;
}

// One lane of the ops on two; a, b without sign, x, y with it.
static s128 of_two(const struct shape *p, u128 a, u128 b)
{
    const unsigned n = p->bits;
    const s128 x = sign(a, n), y = sign(b, n), u = (s128)a, w = (s128)b;
    const int by = (int8_t)(uint8_t)b;
    switch (p->code) {
    case VM_IR_vand: return (s128)(a & b);
    case VM_IR_vor: return (s128)(a | b);
    case VM_IR_vxor: return (s128)(a ^ b);
    case VM_IR_vandn: return (s128)(a & ~b);
    case VM_IR_vadd: return u + w;
    case VM_IR_vsub: return u - w;
    case VM_IR_vmul: return (s128)(a * b);
    case VM_IR_vsmin: return x < y ? x : y;
    case VM_IR_vsmax: return x < y ? y : x;
    case VM_IR_vumin: return u < w ? u : w;
    case VM_IR_vumax: return u < w ? w : u;
    case VM_IR_vsabd: return magnitude(x - y);
    case VM_IR_vuabd: return magnitude(u - w);
    case VM_IR_vceq: return -(a == b);
    case VM_IR_vcgts: return -(x > y);
    case VM_IR_vcges: return -(x >= y);
    case VM_IR_vcgtu: return -(u > w);
    case VM_IR_vcgeu: return -(u >= w);
    case VM_IR_vsshl: return scale(x, by, false);
    case VM_IR_vushl: return scale(u, by, false);
    case VM_IR_vsrshl: return scale(x, by, true);
    case VM_IR_vurshl: return scale(u, by, true);
    case VM_IR_vshadd: return (x + y) >> 1;
    case VM_IR_vuhadd: return (u + w) >> 1;
    case VM_IR_vshsub: return (x - y) >> 1;
    case VM_IR_vuhsub: return (u - w) >> 1;
    case VM_IR_vsrhadd: return (x + y + 1) >> 1;
    case VM_IR_vurhadd: return (u + w + 1) >> 1;
    case VM_IR_vsqadd: return clamp_signed(x + y, n);
    case VM_IR_vuqadd: return clamp_unsigned(u + w, n);
    case VM_IR_vsqsub: return clamp_signed(x - y, n);
    case VM_IR_vuqsub: return clamp_unsigned(u - w, n);
    case VM_IR_vsqdmulh: return clamp_signed((2 * x * y) >> n, n);
    case VM_IR_vsqrdmulh: return clamp_signed((2 * x * y + ((s128)1 << (n - 1))) >> n, n);
    case VM_IR_vpmul: return (s128)carryless(a, b);
    default: abort();
    }
}

static unsigned equal_bits_from_top(u128 a, unsigned n, unsigned bit)
{
    unsigned count = 0;
    while (count < n && (a >> (n - 1 - count) & 1) == bit)
        count++;
    return count;
}

static s128 of_one(const struct shape *p, u128 a)
{
    const unsigned n = p->bits;
    const s128 x = sign(a, n);
    unsigned count = 0, reversed = 0;
    for (unsigned i = 0; i < n; i++)
        count += a >> i & 1;
    for (unsigned i = 0; i < 8; i++)
        reversed |= (unsigned)(a >> i & 1) << (7 - i);
    switch (p->code) {
    case VM_IR_vnot: return (s128)~a;
    case VM_IR_vneg: return -x;
    case VM_IR_vabs: return magnitude(x);
    case VM_IR_vshl: return scale((s128)a, (int)p->imm, false);
    case VM_IR_vshrs: return scale(x, -(int)p->imm, false);
    case VM_IR_vshru: return scale((s128)a, -(int)p->imm, false);
    case VM_IR_vrshrs: return scale(x, -(int)p->imm, true);
    case VM_IR_vrshru: return scale((s128)a, -(int)p->imm, true);
    case VM_IR_vclz: return (s128)equal_bits_from_top(a, n, 0);
    case VM_IR_vcls: return (s128)equal_bits_from_top(a, n, a >> (n - 1) & 1) - 1;
    case VM_IR_vcnt: return (s128)count;
    case VM_IR_vrbit: return (s128)reversed;
    default: abort();
    }
}

// Lane i of the ops that move lanes.
static u128 moved(const struct shape *p, unsigned i, u128 a, u128 b)
{
    const unsigned n = p->bits, half = p->count / 2;
    u128 source = i % 2 ? b : a;
    switch (p->code) {
    case VM_IR_vzip1: return lane(source, n, i / 2);
    case VM_IR_vzip2: return lane(source, n, i / 2 + half);
    case VM_IR_vtrn1: return lane(source, n, i & ~1u);
    case VM_IR_vtrn2: return lane(source, n, i | 1);
    case VM_IR_vuzp1: return i < half ? lane(a, n, 2 * i) : lane(b, n, 2 * (i - half));
    case VM_IR_vuzp2: return i < half ? lane(a, n, 2 * i + 1) : lane(b, n, 2 * (i - half) + 1);
    case VM_IR_vext:
        return i + p->imm < p->count ? lane(a, 8, i + p->imm) : lane(b, 8, i + p->imm - p->count);
    case VM_IR_vtbl: return lane(b, 8, i) < 16 ? lane(a, 8, (unsigned)lane(b, 8, i)) : 0;
    case VM_IR_vrev: {
        unsigned in_container = (8u << p->imm) / n;
        return lane(a, n, i - i % in_container + (in_container - 1 - i % in_container));
    }
    case VM_IR_vsplat: return a;
    case VM_IR_vdup: return lane(a, n, p->imm);
    default: abort();
    }
}

static s128 dot(const struct shape *p, u128 a, u128 b, u128 c)
{
    s128 sum = (s128)c;
    for (unsigned k = 0; k < 4; k++) {
        s128 x = (s128)lane(a, 8, k), y = (s128)lane(b, 8, k);
        x = p->code == VM_IR_vsdot ? sign((u128)x, 8) : x;
        y = p->code == VM_IR_vudot ? y : sign((u128)y, 8);
        sum += x * y;
    }
    return sum;
}

// A lane of twice the width, of the ops that widen.
static u128 widened(const struct shape *p, u128 a, u128 b)
{
    switch (p->code) {
    case VM_IR_vwidens: return (u128)sign(a, p->bits);
    case VM_IR_vwidenu: return a;
    case VM_IR_vmulls: return (u128)(sign(a, p->bits) * sign(b, p->bits));
    case VM_IR_vmullu: return a * b;
    case VM_IR_vpmull: return carryless(a, b);
    default: abort();
    }
}

static s128 narrowed(const struct shape *p, u128 a)
{
    const s128 x = sign(a, 2 * p->bits);
    switch (p->code) {
    case VM_IR_vnarrow: return x;
    case VM_IR_vsqnarrow: return clamp_signed(x, p->bits);
    case VM_IR_vuqnarrow: return clamp_unsigned((s128)a, p->bits);
    case VM_IR_vsqnarrowu: return clamp_unsigned(x, p->bits);
    default: abort();
    }
}

// --- floats ---

struct scalar {
    unsigned code;
    bool swapped, compares;
};

static struct scalar scalar_of(unsigned code)
{
    switch (code) {
    case VM_IR_vfadd: return (struct scalar){VM_IR_fadd, false, false};
    case VM_IR_vfsub: return (struct scalar){VM_IR_fsub, false, false};
    case VM_IR_vfmul: return (struct scalar){VM_IR_fmul, false, false};
    case VM_IR_vfdiv: return (struct scalar){VM_IR_fdiv, false, false};
    case VM_IR_vfsqrt: return (struct scalar){VM_IR_fsqrt, false, false};
    case VM_IR_vfma: return (struct scalar){VM_IR_fma, false, false};
    case VM_IR_vfmin: return (struct scalar){VM_IR_fmin, false, false};
    case VM_IR_vfmax: return (struct scalar){VM_IR_fmax, false, false};
    case VM_IR_vfceq: return (struct scalar){VM_IR_feq, false, true};
    case VM_IR_vfcgt: return (struct scalar){VM_IR_flt, true, true};
    case VM_IR_vfcge: return (struct scalar){VM_IR_fle, true, true};
    case VM_IR_vfround: return (struct scalar){VM_IR_fround, false, false};
    case VM_IR_vfwiden:
    case VM_IR_vfnarrow: return (struct scalar){VM_IR_fcvt, false, false};
    case VM_IR_vftos: return (struct scalar){VM_IR_ftos, false, false};
    case VM_IR_vftou: return (struct scalar){VM_IR_ftou, false, false};
    case VM_IR_vstof: return (struct scalar){VM_IR_stof, false, false};
    case VM_IR_vutof: return (struct scalar){VM_IR_utof, false, false};
    default: abort();
    }
}

static enum vm_type float_type(unsigned bits)
{
    return bits == 16 ? VM_F16 : bits == 32 ? VM_F32 : VM_F64;
}

static uint64_t float_lane(const struct shape *p, u128 a, u128 b, u128 c, struct vm_fp_env *env)
{
    const struct scalar s = scalar_of(p->code);
    const unsigned n = p->bits;
    const uint64_t args[3] = {(uint64_t)(s.swapped ? b : a), (uint64_t)(s.swapped ? a : b),
                              (uint64_t)c};
    struct vm_ir_op op = {.code = (uint16_t)s.code,
                          .type = (uint8_t)float_type(p->code == VM_IR_vfwiden ? 2 * n : n),
                          .attr = p->attr >> 8 & 0x1fff};
    enum vm_type from = float_type(p->code == VM_IR_vfnarrow ? 2 * n : n);
    if (p->code == VM_IR_vftos || p->code == VM_IR_vftou)
        op.type = n == 16 ? VM_I16 : n == 32 ? VM_I32 : VM_I64;
    if (p->code == VM_IR_vstof || p->code == VM_IR_vutof) {
        const uint64_t wide = p->code == VM_IR_vstof ? (uint64_t)sign(a, n) : (uint64_t)a;
        const uint64_t integers[3] = {wide};
        return toy_float(&op, VM_I64, integers, env); // one rounding, whatever the integer's width
    }
    uint64_t value = toy_float(&op, from, args, env);
    return s.compares ? 0 - value : value;
}

// --- all ---

static u128 lane_i(const struct shape *p, unsigned i, const u128 v[3], struct vm_fp_env *env)
{
    const unsigned n = p->bits, from = p->high ? i + 64 / n : i;
    const u128 a = lane(v[0], n, i), b = lane(v[1], n, i), c = lane(v[2], n, i);
    switch (p->code) {
    case VM_IR_vsel: return (a & b) | (~a & c);
    case VM_IR_vsplat:
    case VM_IR_vdup:
    case VM_IR_vrev:
    case VM_IR_vext:
    case VM_IR_vtbl: return moved(p, i, v[0], v[1]);
    case VM_IR_vsdot:
    case VM_IR_vudot:
    case VM_IR_vusdot: return (u128)dot(p, a, b, c);
    case VM_IR_vwidens:
    case VM_IR_vwidenu:
    case VM_IR_vmulls:
    case VM_IR_vmullu:
    case VM_IR_vpmull: return widened(p, lane(v[0], n, from), lane(v[1], n, from));
    case VM_IR_vnarrow:
    case VM_IR_vsqnarrow:
    case VM_IR_vuqnarrow:
    case VM_IR_vsqnarrowu: return (u128)narrowed(p, lane(v[0], 2 * n, i));
    case VM_IR_vfwiden: return float_lane(p, lane(v[0], n, from), 0, 0, env);
    case VM_IR_vfnarrow: return float_lane(p, lane(v[0], 2 * n, i), 0, 0, env);
    default: break;
    }
    if (p->code >= VM_IR_vzip1 && p->code <= VM_IR_vtrn2)
        return moved(p, i, v[0], v[1]);
    if (p->code >= VM_IR_vfadd)
        return float_lane(p, a, b, c, env);
    return (u128)(vm_ir_op_infos[p->code].args == 2 ? of_two(p, a, b) : of_one(p, a));
}

static bool doubles(unsigned code)
{
    return (code >= VM_IR_vwidens && code <= VM_IR_vpmull && code != VM_IR_vpmul) ||
           code == VM_IR_vfwiden;
}

static bool halves(unsigned code)
{
    return (code >= VM_IR_vnarrow && code <= VM_IR_vsqnarrowu) || code == VM_IR_vfnarrow;
}

static u128 scalar_result(const struct shape *p, const u128 v[3])
{
    u128 at = lane(v[0], p->bits, p->imm), mask = ones(p->bits) << p->bits * p->imm;
    switch (p->code) {
    case VM_IR_vget: return p->attr & 0x80 ? (uint64_t)sign(at, p->bits) : at;
    case VM_IR_vset: return (v[0] & ~mask) | (v[1] << p->bits * p->imm & mask);
    case VM_IR_vlow: return v[0] & ones(p->bits);
    default: return (v[0] & ones(64)) | v[1] << 64; // vpair
    }
}

unsigned __int128 toy_vector(const struct vm_ir_op *op, const unsigned __int128 args[3],
                             struct vm_fp_env *env)
{
    static const unsigned widths[16] = {[VM_I8] = 8,   [VM_I16] = 16, [VM_I32] = 32, [VM_I64] = 64,
                                        [VM_F16] = 16, [VM_F32] = 32, [VM_F64] = 64};
    struct shape p = {.code = op->code,
                      .bits = widths[op->attr & 15],
                      .imm = op->attr >> 24,
                      .high = op->attr >> 6 & 1,
                      .attr = op->attr};
    unsigned extent = op->attr >> 4 & 3;
    if (op->code <= VM_IR_vset || op->code == VM_IR_vlow || op->code == VM_IR_vpair)
        return scalar_result(&p, args);
    if (op->code >= VM_IR_vaese && op->code <= VM_IR_vsha256su1)
        return toy_crypto(op->code, p.imm, args);
    p.count = extent == VM_IR_LANE0 ? 1 : (extent == VM_IR_HALF ? 64 : 128) / p.bits;
    if (extent == VM_IR_WHOLE && (doubles(op->code) || halves(op->code)))
        p.count = 64 / p.bits;
    unsigned width = doubles(op->code) ? 2 * p.bits : p.bits;
    u128 out = 0;
    for (unsigned i = 0; i < p.count; i++)
        out |= (lane_i(&p, i, args, env) & ones(width)) << width * i;
    return out;
}
