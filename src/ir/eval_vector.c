// SPDX-License-Identifier: MIT
//
// What vector ops compute, lane by lane, on integers only: the reference for engines, and what they
// call for what they have no code for. Lanes are numbered from the least significant bits of lo on.
#include "eval_vector.h"

#include <vm/base/bits.h>

unsigned vm_ir_vec_count(unsigned bits, enum vm_ir_extent extent)
{
    return extent == VM_IR_WHOLE ? 128 / bits : extent == VM_IR_HALF ? 64 / bits : 1;
}

uint64_t vm_ir_vec_get(vm_u128 v, unsigned bits, unsigned lane)
{
    unsigned at = lane * bits;
    return (at < 64 ? v.lo >> at : v.hi >> (at - 64)) & vm_mask(bits);
}

void vm_ir_vec_or(vm_u128 *v, unsigned bits, unsigned lane, uint64_t value)
{
    unsigned at = lane * bits;
    value &= vm_mask(bits);
    if (at < 64)
        v->lo |= value << at;
    else
        v->hi |= value << (at - 64);
}

static int64_t signed_lane(uint64_t v, unsigned bits)
{
    return (int64_t)vm_sign_extend(v, bits);
}

static vm_u128 low_bits(vm_u128 v, unsigned bits)
{
    if (bits >= 128)
        return v;
    return (vm_u128){v.lo & vm_mask(bits < 64 ? bits : 64), 0};
}

// --- lanes by themselves ---

static uint64_t all_ones_if(bool condition)
{
    return condition ? UINT64_MAX : 0;
}

static uint64_t saturate_signed(int64_t v, unsigned bits)
{
    int64_t most = (int64_t)vm_mask(bits - 1);
    return (uint64_t)(v > most ? most : v < -most - 1 ? -most - 1 : v);
}

// Signed a + b or a - b, saturated.
static uint64_t saturating_sum(int64_t a, int64_t b, bool subtract, unsigned bits)
{
    uint64_t sum = subtract ? (uint64_t)a - (uint64_t)b : (uint64_t)a + (uint64_t)b;
    if (bits < 64)
        return saturate_signed((int64_t)sum, bits);
    uint64_t differ = subtract ? (uint64_t)(a ^ b) : ~(uint64_t)(a ^ b);
    if ((differ & ((uint64_t)a ^ sum)) >> 63) // the sum has the wrong sign
        return a < 0 ? (uint64_t)INT64_MIN : (uint64_t)INT64_MAX;
    return sum;
}

static uint64_t saturating_sum_unsigned(uint64_t a, uint64_t b, bool subtract, unsigned bits)
{
    if (subtract)
        return a > b ? a - b : 0;
    return b > vm_mask(bits) - a ? vm_mask(bits) : a + b;
}

// Lanes of at most 32 bits.
static uint64_t doubling_high(int64_t a, int64_t b, bool rounded, unsigned bits)
{
    int64_t product = a * b + (rounded ? (int64_t)1 << (bits - 2) : 0);
    return saturate_signed(product >> (bits - 1), bits);
}

// (a + (1 << (n - 1))) >> n where `rounded`, else a >> n; n is at least 1.
static uint64_t shift_right(uint64_t a, unsigned n, bool rounded, bool sign)
{
    int64_t x = (int64_t)a;
    if (n > 64)
        return sign && x < 0 && !rounded ? UINT64_MAX : 0;
    uint64_t last = rounded ? a >> (n - 1) & 1 : 0;
    if (sign && n == 64)
        return rounded ? 0 : all_ones_if(x < 0);
    uint64_t shifted = sign ? (uint64_t)(x >> n) : n == 64 ? 0 : a >> n;
    return shifted + last;
}

// The operand is extended by its sign or by zeros.
static uint64_t shift_by_lane(uint64_t a, int8_t by, bool rounded, bool sign)
{
    if (by >= 0)
        return by < 64 ? a << by : 0;
    return shift_right(a, (unsigned)-by, rounded, sign);
}

static uint64_t carryless_byte(uint64_t a, uint64_t b)
{
    return vm_clmul64(a, b).lo;
}

static uint64_t by_sign(const struct vm_ir_lanes *o, uint64_t a, uint64_t b)
{
    int64_t x = signed_lane(a, o->bits), y = signed_lane(b, o->bits);
    switch (o->code) {
    case VM_IR_vsmin: return (uint64_t)(x < y ? x : y);
    case VM_IR_vsmax: return (uint64_t)(x > y ? x : y);
    case VM_IR_vsabd: return x > y ? a - b : b - a;
    case VM_IR_vcgts: return all_ones_if(x > y);
    case VM_IR_vcges: return all_ones_if(x >= y);
    case VM_IR_vsshl: return shift_by_lane((uint64_t)x, (int8_t)b, false, true);
    case VM_IR_vsrshl: return shift_by_lane((uint64_t)x, (int8_t)b, true, true);
    case VM_IR_vshadd: return (uint64_t)((x & y) + ((x ^ y) >> 1));
    case VM_IR_vsrhadd: return (uint64_t)((x | y) - ((x ^ y) >> 1));
    case VM_IR_vshsub: return (uint64_t)((x >> 1) - (y >> 1) - (~x & y & 1));
    case VM_IR_vsqadd: return saturating_sum(x, y, false, o->bits);
    case VM_IR_vsqsub: return saturating_sum(x, y, true, o->bits);
    case VM_IR_vsqdmulh: return doubling_high(x, y, false, o->bits);
    default: return doubling_high(x, y, true, o->bits);
    }
}

static uint64_t binary(const struct vm_ir_lanes *o, uint64_t a, uint64_t b)
{
    switch (o->code) {
    case VM_IR_vand: return a & b;
    case VM_IR_vor: return a | b;
    case VM_IR_vxor: return a ^ b;
    case VM_IR_vandn: return a & ~b;
    case VM_IR_vadd: return a + b;
    case VM_IR_vsub: return a - b;
    case VM_IR_vmul: return a * b;
    case VM_IR_vumin: return a < b ? a : b;
    case VM_IR_vumax: return a > b ? a : b;
    case VM_IR_vuabd: return a > b ? a - b : b - a;
    case VM_IR_vceq: return all_ones_if(a == b);
    case VM_IR_vcgtu: return all_ones_if(a > b);
    case VM_IR_vcgeu: return all_ones_if(a >= b);
    case VM_IR_vushl: return shift_by_lane(a, (int8_t)b, false, false);
    case VM_IR_vurshl: return shift_by_lane(a, (int8_t)b, true, false);
    case VM_IR_vuhadd: return (a & b) + ((a ^ b) >> 1);
    case VM_IR_vurhadd: return (a | b) - ((a ^ b) >> 1);
    case VM_IR_vuhsub: return (a >> 1) - (b >> 1) - (~a & b & 1);
    case VM_IR_vuqadd: return saturating_sum_unsigned(a, b, false, o->bits);
    case VM_IR_vuqsub: return saturating_sum_unsigned(a, b, true, o->bits);
    case VM_IR_vpmul: return carryless_byte(a, b);
    default: return by_sign(o, a, b);
    }
}

static uint64_t leading_signs(uint64_t a, unsigned bits)
{
    uint64_t same = vm_sign_extend(a, bits);
    same = (int64_t)same < 0 ? ~same : same;
    return vm_clz64(same) - (64 - bits) - 1;
}

static uint64_t unary(const struct vm_ir_lanes *o, uint64_t a)
{
    unsigned n = o->imm;
    uint64_t extended = vm_sign_extend(a, o->bits);
    switch (o->code) {
    case VM_IR_vnot: return ~a;
    case VM_IR_vneg: return 0 - a;
    case VM_IR_vabs: return (int64_t)extended < 0 ? 0 - a : a;
    case VM_IR_vshl: return n < 64 ? a << n : 0;
    case VM_IR_vshrs: return n ? shift_right(extended, n, false, true) : a;
    case VM_IR_vshru: return n ? shift_right(a, n, false, false) : a;
    case VM_IR_vrshrs: return shift_right(extended, n, true, true);
    case VM_IR_vrshru: return shift_right(a, n, true, false);
    case VM_IR_vclz: return vm_clz64(a) - (64 - o->bits);
    case VM_IR_vcls: return leading_signs(a, o->bits);
    case VM_IR_vcnt: return vm_popcount64(a);
    default: return vm_reverse_bits_in_bytes(a); // vrbit
    }
}

static vm_u128 lane_by_lane(const struct vm_ir_lanes *o, const vm_u128 v[3])
{
    vm_u128 out = {0, 0};
    unsigned count = vm_ir_vec_count(o->bits, o->extent);
    bool two = vm_ir_op_infos[o->code].args == 2;
    for (unsigned i = 0; i < count; i++) {
        uint64_t a = vm_ir_vec_get(v[0], o->bits, i);
        vm_ir_vec_or(&out, o->bits, i,
                     two ? binary(o, a, vm_ir_vec_get(v[1], o->bits, i)) : unary(o, a));
    }
    return out;
}

static vm_u128 choose(const struct vm_ir_lanes *o, const vm_u128 v[3])
{
    vm_u128 chosen = {(v[1].lo & v[0].lo) | (v[2].lo & ~v[0].lo),
                      (v[1].hi & v[0].hi) | (v[2].hi & ~v[0].hi)};
    return low_bits(chosen, o->bits * vm_ir_vec_count(o->bits, o->extent));
}

// --- lanes of both operands in another order ---

// Which lane of b:a is lane i of the result.
static unsigned source_lane(const struct vm_ir_lanes *o, unsigned count, unsigned i)
{
    unsigned pair = i / 2, second = i & 1 ? count : 0;
    switch (o->code) {
    case VM_IR_vzip1: return pair + second;
    case VM_IR_vzip2: return count / 2 + pair + second;
    case VM_IR_vuzp1: return 2 * i; // b's lanes follow on a's
    case VM_IR_vuzp2: return 2 * i + 1;
    case VM_IR_vtrn1: return 2 * pair + second;
    case VM_IR_vtrn2: return 2 * pair + 1 + second;
    default: return i + o->imm; // vext, on bytes
    }
}

static vm_u128 permute(const struct vm_ir_lanes *o, const vm_u128 v[3])
{
    vm_u128 out = {0, 0};
    unsigned bits = o->code == VM_IR_vext ? 8 : o->bits;
    unsigned count = vm_ir_vec_count(bits, o->extent);
    for (unsigned i = 0; i < count; i++) {
        unsigned from = source_lane(o, count, i);
        vm_ir_vec_or(&out, bits, i, vm_ir_vec_get(v[from / count], bits, from % count));
    }
    return out;
}

static vm_u128 reverse(const struct vm_ir_lanes *o, vm_u128 v)
{
    vm_u128 out = {0, 0};
    unsigned count = vm_ir_vec_count(o->bits, o->extent), last = (8u << o->imm) / o->bits - 1;
    for (unsigned i = 0; i < count; i++)
        vm_ir_vec_or(&out, o->bits, i, vm_ir_vec_get(v, o->bits, i ^ last));
    return out;
}

static vm_u128 look_up(const struct vm_ir_lanes *o, const vm_u128 v[3])
{
    vm_u128 out = {0, 0};
    unsigned count = vm_ir_vec_count(8, o->extent);
    for (unsigned i = 0; i < count; i++) {
        uint64_t index = vm_ir_vec_get(v[1], 8, i);
        vm_ir_vec_or(&out, 8, i, index < 16 ? vm_ir_vec_get(v[0], 8, (unsigned)index) : 0);
    }
    return out;
}

// --- between lanes and scalars ---

static vm_u128 splat(const struct vm_ir_lanes *o, uint64_t value)
{
    vm_u128 out = {0, 0};
    unsigned count = vm_ir_vec_count(o->bits, o->extent);
    for (unsigned i = 0; i < count; i++)
        vm_ir_vec_or(&out, o->bits, i, value);
    return out;
}

static vm_u128 get(const struct vm_ir_lanes *o, uint32_t attr, vm_u128 v)
{
    uint64_t lane = vm_ir_vec_get(v, o->bits, o->imm);
    return (vm_u128){attr & VM_IR_VEC_SIGNED ? vm_sign_extend(lane, o->bits) : lane, 0};
}

static vm_u128 set(const struct vm_ir_lanes *o, vm_u128 v, uint64_t value)
{
    vm_u128 mask = {0, 0};
    vm_ir_vec_or(&mask, o->bits, o->imm, UINT64_MAX);
    v.lo &= ~mask.lo;
    v.hi &= ~mask.hi;
    vm_ir_vec_or(&v, o->bits, o->imm, value);
    return v;
}

// --- lanes of twice the width ---

static uint64_t wide_product(const struct vm_ir_lanes *o, uint64_t a, uint64_t b)
{
    switch (o->code) {
    case VM_IR_vmulls: return vm_sign_extend(a, o->bits) * vm_sign_extend(b, o->bits);
    case VM_IR_vmullu: return a * b;
    default: return vm_clmul64(a, b).lo;
    }
}

static vm_u128 widen(const struct vm_ir_lanes *o, const vm_u128 v[3])
{
    vm_u128 out = {0, 0};
    unsigned count = 64 / o->bits, first = o->high ? count : 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t a = vm_ir_vec_get(v[0], o->bits, first + i), wide;
        if (o->code == VM_IR_vwidens)
            wide = vm_sign_extend(a, o->bits);
        else if (o->code == VM_IR_vwidenu)
            wide = a;
        else
            wide = wide_product(o, a, vm_ir_vec_get(v[1], o->bits, first + i));
        vm_ir_vec_or(&out, 2 * o->bits, i, wide);
    }
    return out;
}

static uint64_t narrow_lane(const struct vm_ir_lanes *o, uint64_t a)
{
    int64_t x = signed_lane(a, 2 * o->bits);
    switch (o->code) {
    case VM_IR_vsqnarrow: return saturate_signed(x, o->bits);
    case VM_IR_vuqnarrow: return a > vm_mask(o->bits) ? vm_mask(o->bits) : a;
    case VM_IR_vsqnarrowu: return x < 0 ? 0 : (uint64_t)x > vm_mask(o->bits) ? vm_mask(o->bits) : a;
    default: return a;
    }
}

static vm_u128 narrow(const struct vm_ir_lanes *o, vm_u128 v)
{
    vm_u128 out = {0, 0};
    unsigned count = o->extent == VM_IR_LANE0 ? 1 : 64 / o->bits;
    for (unsigned i = 0; i < count; i++)
        vm_ir_vec_or(&out, o->bits, i, narrow_lane(o, vm_ir_vec_get(v, 2 * o->bits, i)));
    return out;
}

static uint64_t extended_byte(uint64_t word, unsigned i, bool sign)
{
    uint64_t byte = word >> 8 * i & 0xff;
    return sign ? vm_sign_extend(byte, 8) : byte;
}

static vm_u128 dot(const struct vm_ir_lanes *o, const vm_u128 v[3])
{
    vm_u128 out = {0, 0};
    unsigned count = vm_ir_vec_count(32, o->extent);
    bool sign_a = o->code == VM_IR_vsdot, sign_b = o->code != VM_IR_vudot;
    for (unsigned i = 0; i < count; i++) {
        uint64_t a = vm_ir_vec_get(v[0], 32, i), b = vm_ir_vec_get(v[1], 32, i);
        uint64_t sum = vm_ir_vec_get(v[2], 32, i);
        for (unsigned k = 0; k < 4; k++)
            sum += extended_byte(a, k, sign_a) * extended_byte(b, k, sign_b);
        vm_ir_vec_or(&out, 32, i, sum);
    }
    return out;
}

static vm_u128 widen_or_multiply(const struct vm_ir_lanes *o, const vm_u128 v[3])
{
    if (o->code == VM_IR_vpmull && o->bits == 64)
        return o->high ? vm_clmul64(v[0].hi, v[1].hi) : vm_clmul64(v[0].lo, v[1].lo);
    return widen(o, v);
}

vm_u128 vm_ir_eval_vector(unsigned code, uint32_t attr, const vm_u128 v[3], struct vm_fp_env *env)
{
    const struct vm_ir_lanes o = {
        .code = code,
        .bits = vm_ir_type_bits(vm_ir_vec_lane(attr)),
        .extent = vm_ir_vec_extent(attr),
        .imm = vm_ir_vec_imm(attr),
        .high = attr & VM_IR_VEC_HIGH,
    };
    switch (code) {
    case VM_IR_vget: return get(&o, attr, v[0]);
    case VM_IR_vset: return set(&o, v[0], v[1].lo);
    case VM_IR_vsplat: return splat(&o, v[0].lo);
    case VM_IR_vlow: return (vm_u128){v[0].lo & vm_mask(o.bits), 0};
    case VM_IR_vpair: return (vm_u128){v[0].lo, v[1].lo};
    case VM_IR_vdup: return splat(&o, vm_ir_vec_get(v[0], o.bits, o.imm));
    case VM_IR_vsel: return choose(&o, v);
    case VM_IR_vrev: return reverse(&o, v[0]);
    case VM_IR_vzip1:
    case VM_IR_vzip2:
    case VM_IR_vuzp1:
    case VM_IR_vuzp2:
    case VM_IR_vtrn1:
    case VM_IR_vtrn2:
    case VM_IR_vext: return permute(&o, v);
    case VM_IR_vtbl: return look_up(&o, v);
    case VM_IR_vwidens:
    case VM_IR_vwidenu:
    case VM_IR_vmulls:
    case VM_IR_vmullu:
    case VM_IR_vpmull: return widen_or_multiply(&o, v);
    case VM_IR_vnarrow:
    case VM_IR_vsqnarrow:
    case VM_IR_vuqnarrow:
    case VM_IR_vsqnarrowu: return narrow(&o, v[0]);
    case VM_IR_vsdot:
    case VM_IR_vudot:
    case VM_IR_vusdot: return dot(&o, v);
    default: break;
    }
    if (vm_ir_op_infos[code].effects & VM_IR_E_FPENV)
        return vm_ir_eval_vector_float(&o, attr, v, env);
    if (vm_ir_is_crypto_op(code))
        return vm_ir_eval_vector_crypto(&o, v);
    return lane_by_lane(&o, v);
}
