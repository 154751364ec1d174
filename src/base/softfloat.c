// SPDX-License-Identifier: MIT
//
// The rare paths of softfloat, for every format: NaNs, overflow, results below the normal range.
#include "softfloat_core.h"

static uint64_t default_nan(struct fp_format f, const struct vm_fp_env *env)
{
    return fp_inf(f, env->nan == VM_FP_NAN_X86) | fp_quiet_bit(f);
}

uint64_t vm_fp_invalid(struct fp_format f, struct vm_fp_env *env)
{
    fp_raise(env, VM_FP_NV);
    return default_nan(f, env);
}

// RISC-V "F", NaN generation and propagation; ARM FPProcessNaNs; SDM volume 1, table 4-7.
uint64_t vm_fp_nan_result(struct fp_format f, struct vm_fp_env *env, const uint64_t *v, unsigned n)
{
    const uint64_t *first = NULL, *first_snan = NULL;
    for (unsigned i = n; i-- > 0;) {
        if (fp_is_nan(f, v[i]))
            first = &v[i];
        if (fp_is_snan(f, v[i]))
            first_snan = &v[i];
    }
    if (first_snan)
        fp_raise(env, VM_FP_NV);
    switch (env->nan) {
    case VM_FP_NAN_ARM: return *(first_snan ? first_snan : first) | fp_quiet_bit(f);
    case VM_FP_NAN_X86: return *first | fp_quiet_bit(f);
    default: return default_nan(f, env);
    }
}

// IEEE 754-2019, 7.4: infinity, or the largest number where rounding leads away from infinity.
uint64_t vm_fp_overflow(struct fp_format f, struct vm_fp_env *env, bool sign)
{
    bool to_inf = env->round == VM_FP_RNE || env->round == VM_FP_RMM ||
                  env->round == (sign ? VM_FP_RDN : VM_FP_RUP);
    fp_raise(env, VM_FP_OF | VM_FP_NX);
    return fp_inf(f, sign) - !to_inf;
}

// Tiny after rounding: rounded as if the exponent had no lower limit, p stays below the normals.
static bool stays_tiny(struct fp_format f, const struct vm_fp_env *env, struct fp_parts p)
{
    if (p.exp + fp_bias(f) < 0)
        return true;
    struct fp_rounded r = fp_round_shift(p.frac, 63 - f.frac_bits, env->round, p.sign);
    return r.v >> (f.frac_bits + 1) == 0;
}

// p is below the smallest normal number. IEEE 754-2019, 7.5; ARM FPRound; SDM volume 1, 4.9.1.5
// and 10.2.3.3.
uint64_t vm_fp_pack_tiny(struct fp_format f, struct vm_fp_env *env, struct fp_parts p, bool flush)
{
    uint8_t rule = fp_output_rule(f, env);
    if (flush && rule == VM_FP_OUTPUT_FLUSH) {
        fp_raise(env, VM_FP_UF);
        return fp_zero(f, p.sign);
    }
    bool tiny = env->tininess_before || stays_tiny(f, env, p);
    if (flush && tiny && rule == VM_FP_OUTPUT_X86) {
        fp_raise(env, VM_FP_UF | VM_FP_NX);
        return fp_zero(f, p.sign);
    }
    uint32_t n = (uint32_t)(64 - f.frac_bits - fp_bias(f) - p.exp);
    struct fp_rounded r = fp_round_shift(p.frac, n, env->round, p.sign);
    if (r.inexact)
        fp_raise(env, tiny ? VM_FP_NX | VM_FP_UF : VM_FP_NX);
    return r.v | fp_zero(f, p.sign); // v may be the smallest normal: the carry is its exponent
}
