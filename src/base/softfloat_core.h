// SPDX-License-Identifier: MIT
//
// Softfloat's core, shared by all formats: unpack a bit pattern into sign, exponent and a 64-bit
// fraction; round and pack one. Everything here is forced inline with a constant struct fp_format,
// so that each format gets its own code; what is rare and large is in softfloat.c.
//
// Invariants. The value of finite parts is (-1)^sign * frac / 2^63 * 2^exp, and bit 63 of frac is
// set. A fraction on its way to fp_round_pack may hold a sticky bit at its bottom ("jammed": bit 0
// is set if anything below it was lost); the widest format rounds at bit 11, so an arithmetic
// result with at least 62 exact bits above the sticky one is enough.
#ifndef BASE_SOFTFLOAT_CORE_H
#define BASE_SOFTFLOAT_CORE_H

#include <vm/base/bits.h>
#include <vm/base/softfloat.h>

struct fp_format {
    uint8_t exp_bits, frac_bits;
};

#define FP_F16  ((struct fp_format){5, 10})
#define FP_BF16 ((struct fp_format){8, 7})
#define FP_F32  ((struct fp_format){8, 23})
#define FP_F64  ((struct fp_format){11, 52})

// What an operand is, one bit each so that the OR over operands answers "any special ones?".
enum fp_kind {
    FP_NORMAL = 0,
    FP_SUBNORMAL = 1, // finite, with frac normalised like any other
    FP_ZERO = 2,
    FP_INF = 4,
    FP_NAN = 8, // frac and exp mean nothing
};

struct fp_parts {
    uint64_t frac;
    int32_t exp;
    bool sign;
    uint8_t kind;
};

// The biased exponent of infinities and NaNs; it is also the mask of the exponent field.
static VM_ALWAYS_INLINE int32_t fp_max_exp(struct fp_format f)
{
    return (1 << f.exp_bits) - 1;
}

static VM_ALWAYS_INLINE int32_t fp_bias(struct fp_format f)
{
    return (1 << (f.exp_bits - 1)) - 1;
}

static VM_ALWAYS_INLINE uint64_t fp_sign_bit(struct fp_format f)
{
    return (uint64_t)1 << (f.exp_bits + f.frac_bits);
}

static VM_ALWAYS_INLINE uint64_t fp_quiet_bit(struct fp_format f)
{
    return (uint64_t)1 << (f.frac_bits - 1);
}

static VM_ALWAYS_INLINE uint64_t fp_zero(struct fp_format f, bool sign)
{
    return sign ? fp_sign_bit(f) : 0;
}

static VM_ALWAYS_INLINE uint64_t fp_inf(struct fp_format f, bool sign)
{
    return fp_zero(f, sign) | (uint64_t)fp_max_exp(f) << f.frac_bits;
}

static VM_ALWAYS_INLINE bool fp_is_nan(struct fp_format f, uint64_t v)
{
    return (v & ~fp_sign_bit(f)) > fp_inf(f, false);
}

static VM_ALWAYS_INLINE bool fp_is_snan(struct fp_format f, uint64_t v)
{
    return fp_is_nan(f, v) && !(v & fp_quiet_bit(f));
}

static VM_ALWAYS_INLINE bool fp_is_subnormal(struct fp_format f, uint64_t v)
{
    return (v & ~fp_sign_bit(f)) - 1 < ((uint64_t)1 << f.frac_bits) - 1;
}

static VM_ALWAYS_INLINE void fp_raise(struct vm_fp_env *env, unsigned flags)
{
    env->flags |= (uint8_t)flags;
}

// The cold half, in softfloat.c. The first two raise NV as they must; vm_fp_nan_result takes the
// operands in the order in which the instruction names them, at least one of which is a NaN.
uint64_t vm_fp_invalid(struct fp_format f, struct vm_fp_env *env);
uint64_t vm_fp_nan_result(struct fp_format f, struct vm_fp_env *env, const uint64_t *v, unsigned n);
uint64_t vm_fp_overflow(struct fp_format f, struct vm_fp_env *env, bool sign);
uint64_t vm_fp_pack_tiny(struct fp_format f, struct vm_fp_env *env, struct fp_parts p, bool flush);

static VM_ALWAYS_INLINE uint8_t fp_input_rule(struct fp_format f, const struct vm_fp_env *env)
{
    return f.exp_bits == FP_F16.exp_bits ? env->flush_input_f16 : env->flush_input;
}

static VM_ALWAYS_INLINE uint8_t fp_output_rule(struct fp_format f, const struct vm_fp_env *env)
{
    return f.exp_bits == FP_F16.exp_bits ? env->flush_output_f16 : env->flush_output;
}

// A subnormal operand turned to zero where the environment says so.
static VM_ALWAYS_INLINE uint64_t fp_flush_input(struct fp_format f, uint64_t v,
                                                struct vm_fp_env *env)
{
    if (VM_LIKELY(!fp_is_subnormal(f, v)))
        return v;
    uint8_t rule = fp_input_rule(f, env);
    if (rule != VM_FP_INPUT_FLUSH && rule != VM_FP_INPUT_SILENT)
        return v;
    if (rule == VM_FP_INPUT_FLUSH)
        fp_raise(env, VM_FP_ID);
    return v & fp_sign_bit(f);
}

// x86 raises DE for an operation that consumes a subnormal, unless NV or DZ or a NaN operand comes
// first (SDM volume 1, 4.9.2).
static VM_ALWAYS_INLINE void fp_subnormal_used(struct fp_format f, struct vm_fp_env *env)
{
    if (fp_input_rule(f, env) == VM_FP_INPUT_FLAG)
        fp_raise(env, VM_FP_ID);
}

// `flush`: the operand is subject to the environment's flush_input.
static VM_ALWAYS_INLINE struct fp_parts fp_unpack(struct fp_format f, uint64_t v,
                                                  struct vm_fp_env *env, bool flush)
{
    if (flush)
        v = fp_flush_input(f, v, env);
    struct fp_parts p = {.sign = v & fp_sign_bit(f), .kind = FP_NORMAL};
    uint64_t frac = v & (((uint64_t)1 << f.frac_bits) - 1);
    int32_t exp = (int32_t)(v >> f.frac_bits) & fp_max_exp(f);
    p.exp = exp - fp_bias(f);
    p.frac = (frac << (63 - f.frac_bits)) | (uint64_t)1 << 63;
    if (VM_UNLIKELY(exp == 0)) {
        unsigned zeros = vm_clz64(frac);
        p.kind = frac ? FP_SUBNORMAL : FP_ZERO;
        p.frac = frac ? frac << zeros : 0;
        p.exp = 64 - fp_bias(f) - f.frac_bits - (int32_t)zeros;
    } else if (VM_UNLIKELY(exp == fp_max_exp(f))) {
        p.kind = frac ? FP_NAN : FP_INF;
    }
    return p;
}

// v shifted right by n >= 0 places, the lost bits jammed into bit 0.
static VM_ALWAYS_INLINE uint64_t fp_shift_jam(uint64_t v, uint32_t n)
{
    if (VM_UNLIKELY(n > 63))
        return v != 0;
    uint64_t r = v >> n;
    return r | (r << n != v);
}

// What to add to a number before cutting off its low n bits (1 to 63) so that the cut rounds by
// `round`; `odd` is the bit above the cut.
static VM_ALWAYS_INLINE uint64_t fp_increment(uint8_t round, bool sign, bool odd, unsigned n)
{
    uint64_t half = (uint64_t)1 << (n - 1), all = half + (half - 1);
    if (VM_LIKELY(round == VM_FP_RNE))
        return half - 1 + odd;
    switch (round) {
    case VM_FP_RDN: return sign ? all : 0;
    case VM_FP_RUP: return sign ? 0 : all;
    case VM_FP_RMM: return half;
    case VM_FP_ODD: return odd ? 0 : all;
    default: return 0;
    }
}

struct fp_rounded {
    uint64_t v;
    bool inexact;
};

// frac / 2^n rounded to an integer, n >= 1.
static VM_ALWAYS_INLINE struct fp_rounded fp_round_shift(uint64_t frac, uint32_t n, uint8_t round,
                                                         bool sign)
{
    if (n > 63) {
        frac = fp_shift_jam(frac, n - 63);
        n = 63;
    }
    uint64_t q = frac >> n, rest = frac - (q << n);
    uint64_t up = (rest + fp_increment(round, sign, q & 1, n)) >> n;
    return (struct fp_rounded){q + up, rest != 0};
}

// Rounds a finite, non-zero number to the format. `flush`: the result is subject to
// the environment's flush_output.
static VM_ALWAYS_INLINE uint64_t fp_round_pack(struct fp_format f, struct vm_fp_env *env,
                                               struct fp_parts p, bool flush)
{
    int32_t exp = p.exp + fp_bias(f);
    if (VM_UNLIKELY(exp < 1))
        return vm_fp_pack_tiny(f, env, p, flush);
    if (VM_UNLIKELY(exp >= fp_max_exp(f)))
        return vm_fp_overflow(f, env, p.sign);
    struct fp_rounded r = fp_round_shift(p.frac, 63 - f.frac_bits, env->round, p.sign);
    // The integer bit adds one to the exponent field, and a carry out of rounding one more.
    uint64_t packed = ((uint64_t)(exp - 1) << f.frac_bits) + r.v;
    if (VM_UNLIKELY(packed >= fp_inf(f, false)))
        return vm_fp_overflow(f, env, p.sign);
    fp_raise(env, r.inexact ? VM_FP_NX : 0);
    return packed | fp_zero(f, p.sign);
}

#endif
