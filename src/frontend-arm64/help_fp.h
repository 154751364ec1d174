// SPDX-License-Identifier: MIT
//
// What the helpers of floating point and the semantic functions that call them share: an
// instruction on vector registers, packed in one argument, and numbers of any format as 64 bits.
#ifndef A64_HELP_FP_H
#define A64_HELP_FP_H

#include "frontend.h"

// Formats, as in the field ftype, and what that has not.
enum { A64_FP_SINGLE = 0, A64_FP_DOUBLE = 1, A64_FP_BFLOAT = 2, A64_FP_HALF = 3 };

// Lanes 0 to count - 1 of Vd become those of Vn, Vm (or its lane `index` where by_index), and the
// old Vd, by operation `op`, which is the helper's. What is above becomes 0.
struct a64_fp_insn {
    uint8_t d, n, m;
    uint8_t size; // format of the lanes of Vd
    uint8_t count;
    uint8_t op;
    uint8_t imm; // of the operation
    uint8_t index;
    bool by_index;
};

static inline uint64_t a64_fp_pack(struct a64_fp_insn l)
{
    return (uint64_t)l.d | (uint64_t)l.n << 5 | (uint64_t)l.m << 10 | (uint64_t)l.size << 15 |
           (uint64_t)l.count << 17 | (uint64_t)l.op << 21 | (uint64_t)l.imm << 29 |
           (uint64_t)l.index << 37 | (uint64_t)l.by_index << 41;
}

static inline struct a64_fp_insn a64_fp_unpack(uint64_t v)
{
    return (struct a64_fp_insn){
        .d = v & 31,
        .n = v >> 5 & 31,
        .m = v >> 10 & 31,
        .size = v >> 15 & 3,
        .count = v >> 17 & 15,
        .op = v >> 21 & 0xff,
        .imm = v >> 29 & 0xff,
        .index = v >> 37 & 15,
        .by_index = v >> 41 & 1,
    };
}

// The operations of the helpers fp_two (Vn) and fp_three (Vn, Vm).
enum a64_fp_operation {
    A64_FP_FMULX,
    A64_FP_FRECPS,
    A64_FP_FRSQRTS,
    A64_FP_FRECPE,
    A64_FP_FRSQRTE,
    A64_FP_FRECPX,
    A64_FP_URECPE,
    A64_FP_URSQRTE,
    A64_FP_FRINT32, // imm: enum vm_fp_round, or VM_IR_FP_DYNAMIC
    A64_FP_FRINT64,
    A64_FP_FCVTZS, // imm: fraction bits; integers as wide as the format
    A64_FP_FCVTZU,
    A64_FP_SCVTF,
    A64_FP_UCVTF,
};

// Bits of `op` of helpers that narrow, widen or multiply.
enum {
    A64_FP_FROM_HIGH = 1, // operands from the high half of Vn, and of Vm unless by_index
    A64_FP_TO_HIGH = 2,   // the result to the high half of Vd, whose low one stays
    A64_FP_SUBTRACT = 4,
};

// The bits of a format.
static inline unsigned a64_fp_width(unsigned size)
{
    return size >= A64_FP_BFLOAT ? 16 : size == A64_FP_DOUBLE ? 64 : 32;
}

// Lane i of a vector of lanes of `bits` bits.
static inline uint64_t a64_fp_lane(vm_u128 v, unsigned bits, unsigned i)
{
    unsigned at = i * bits;
    return (at < 64 ? v.lo >> at : v.hi >> (at - 64)) & vm_mask(bits);
}

static inline void a64_fp_set_lane(vm_u128 *v, unsigned bits, unsigned i, uint64_t x)
{
    unsigned at = i * bits;
    uint64_t *half = at < 64 ? &v->lo : &v->hi;
    *half = vm_set_bits(*half, at & 63, bits, x);
}

// The parts of a format.
static inline unsigned a64_fp_fraction_bits(unsigned size)
{
    return size == A64_FP_HALF ? 10 : size == A64_FP_DOUBLE ? 52 : 23;
}

static inline uint64_t a64_fp_sign_bit(unsigned size)
{
    return (uint64_t)1 << (a64_fp_width(size) - 1);
}

static inline uint64_t a64_fp_infinity(unsigned size)
{
    unsigned fraction = a64_fp_fraction_bits(size);
    return vm_mask(a64_fp_width(size) - 1 - fraction) << fraction;
}

static inline bool a64_fp_is_nan(unsigned size, uint64_t v)
{
    return (v & ~a64_fp_sign_bit(size)) > a64_fp_infinity(size);
}

// 2^e, a normal number of the format.
static inline uint64_t a64_fp_power(unsigned size, int e)
{
    unsigned fraction = a64_fp_fraction_bits(size), width = a64_fp_width(size);
    int bias = (1 << (width - 2 - fraction)) - 1;
    return (uint64_t)(bias + e) << fraction;
}

// The number without sign.
static inline uint64_t a64_fp_magnitude(unsigned size, uint64_t v)
{
    return v & ~a64_fp_sign_bit(size);
}

// The constant that eight bits stand for (VFPExpandImm).
uint64_t a64_fp_constant(unsigned size, unsigned imm8);

// The result of an operation on one NaN (FPProcessNaN): with its exception, if any.
uint64_t a64_fp_one_nan(unsigned size, uint64_t v, struct vm_fp_env *env);

// A subnormal operand turned to zero, with its exception, as FPCR says (FPUnpack).
uint64_t a64_fp_flush(unsigned size, uint64_t v, struct vm_fp_env *env);

// The default NaN, and the exception of an invalid operation.
uint64_t a64_fp_invalid(unsigned size, struct vm_fp_env *env);

// The operations: help_fp_estimate.c, help_fp_convert.c.
uint64_t a64_fp_reciprocal(unsigned size, uint64_t v, struct vm_fp_env *env);
uint64_t a64_fp_root_reciprocal(unsigned size, uint64_t v, struct vm_fp_env *env);
uint64_t a64_fp_exponent_reciprocal(unsigned size, uint64_t v, struct vm_fp_env *env);
uint32_t a64_int_reciprocal(uint32_t v);
uint32_t a64_int_root_reciprocal(uint32_t v);
uint64_t a64_fp_to_fixed(unsigned size, uint64_t v, unsigned fraction, unsigned bits,
                         bool is_signed, struct vm_fp_env *env);
uint64_t a64_fp_of_fixed(uint64_t v, unsigned fraction, unsigned bits, bool is_signed,
                         struct vm_fp_env *env); // to half precision
uint64_t a64_fp_round_to(unsigned size, uint64_t v, unsigned bits, struct vm_fp_env *env);

#endif
