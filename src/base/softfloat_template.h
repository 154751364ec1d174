// SPDX-License-Identifier: MIT
//
// The public functions of one format. The includer defines FP_X (f16, f32 or f64), FP_T (its bit
// pattern's type) and FP_FORMAT (its struct fp_format) and includes this file once.
#include "softfloat_arith.h"
#include "softfloat_compare.h"
#include "softfloat_convert.h"
#include "softfloat_fma.h"

#define FP_PASTE(x, name)  vm_##x##_##name
#define FP_EXPAND(x, name) FP_PASTE(x, name)
#define FP_FUNCTION(name)  FP_EXPAND(FP_X, name)

FP_T FP_FUNCTION(add)(FP_T a, FP_T b, struct vm_fp_env *env)
{
    return (FP_T)fp_add(FP_FORMAT, a, b, env, false);
}

FP_T FP_FUNCTION(sub)(FP_T a, FP_T b, struct vm_fp_env *env)
{
    return (FP_T)fp_add(FP_FORMAT, a, b, env, true);
}

FP_T FP_FUNCTION(mul)(FP_T a, FP_T b, struct vm_fp_env *env)
{
    return (FP_T)fp_mul(FP_FORMAT, a, b, env);
}

FP_T FP_FUNCTION(div)(FP_T a, FP_T b, struct vm_fp_env *env)
{
    return (FP_T)fp_div(FP_FORMAT, a, b, env);
}

FP_T FP_FUNCTION(sqrt)(FP_T a, struct vm_fp_env *env)
{
    return (FP_T)fp_sqrt(FP_FORMAT, a, env);
}

FP_T FP_FUNCTION(fma)(FP_T a, FP_T b, FP_T c, struct vm_fp_env *env)
{
    return (FP_T)fp_fma(FP_FORMAT, a, b, c, env);
}

FP_T FP_FUNCTION(min)(FP_T a, FP_T b, struct vm_fp_env *env, enum vm_fp_minmax kind)
{
    return (FP_T)fp_minmax(FP_FORMAT, a, b, env, kind, false);
}

FP_T FP_FUNCTION(max)(FP_T a, FP_T b, struct vm_fp_env *env, enum vm_fp_minmax kind)
{
    return (FP_T)fp_minmax(FP_FORMAT, a, b, env, kind, true);
}

bool FP_FUNCTION(eq)(FP_T a, FP_T b, struct vm_fp_env *env)
{
    return fp_compare(FP_FORMAT, a, b, env, false) == VM_FP_EQUAL;
}

bool FP_FUNCTION(lt)(FP_T a, FP_T b, struct vm_fp_env *env)
{
    return fp_compare(FP_FORMAT, a, b, env, true) == VM_FP_LESS;
}

bool FP_FUNCTION(le)(FP_T a, FP_T b, struct vm_fp_env *env)
{
    return fp_compare(FP_FORMAT, a, b, env, true) <= VM_FP_EQUAL;
}

bool FP_FUNCTION(eq_signaling)(FP_T a, FP_T b, struct vm_fp_env *env)
{
    return fp_compare(FP_FORMAT, a, b, env, true) == VM_FP_EQUAL;
}

bool FP_FUNCTION(lt_quiet)(FP_T a, FP_T b, struct vm_fp_env *env)
{
    return fp_compare(FP_FORMAT, a, b, env, false) == VM_FP_LESS;
}

bool FP_FUNCTION(le_quiet)(FP_T a, FP_T b, struct vm_fp_env *env)
{
    return fp_compare(FP_FORMAT, a, b, env, false) <= VM_FP_EQUAL;
}

enum vm_fp_relation FP_FUNCTION(compare)(FP_T a, FP_T b, struct vm_fp_env *env, bool signaling)
{
    return fp_compare(FP_FORMAT, a, b, env, signaling);
}

uint32_t FP_FUNCTION(classify)(FP_T a)
{
    return fp_classify(FP_FORMAT, a);
}

FP_T FP_FUNCTION(round_to_integral)(FP_T a, struct vm_fp_env *env, bool exact)
{
    return (FP_T)fp_round_to_integral(FP_FORMAT, a, env, exact);
}

int32_t FP_FUNCTION(to_i32)(FP_T a, struct vm_fp_env *env, enum vm_fp_int_rule rule)
{
    return (int32_t)fp_to_int(FP_FORMAT, a, env, rule, 32, true);
}

uint32_t FP_FUNCTION(to_u32)(FP_T a, struct vm_fp_env *env, enum vm_fp_int_rule rule)
{
    return (uint32_t)fp_to_int(FP_FORMAT, a, env, rule, 32, false);
}

int64_t FP_FUNCTION(to_i64)(FP_T a, struct vm_fp_env *env, enum vm_fp_int_rule rule)
{
    return (int64_t)fp_to_int(FP_FORMAT, a, env, rule, 64, true);
}

uint64_t FP_FUNCTION(to_u64)(FP_T a, struct vm_fp_env *env, enum vm_fp_int_rule rule)
{
    return fp_to_int(FP_FORMAT, a, env, rule, 64, false);
}

FP_T FP_FUNCTION(from_i32)(int32_t v, struct vm_fp_env *env)
{
    return (FP_T)fp_from_signed(FP_FORMAT, v, env);
}

FP_T FP_FUNCTION(from_u32)(uint32_t v, struct vm_fp_env *env)
{
    return (FP_T)fp_from_int(FP_FORMAT, v, false, env);
}

FP_T FP_FUNCTION(from_i64)(int64_t v, struct vm_fp_env *env)
{
    return (FP_T)fp_from_signed(FP_FORMAT, v, env);
}

FP_T FP_FUNCTION(from_u64)(uint64_t v, struct vm_fp_env *env)
{
    return (FP_T)fp_from_int(FP_FORMAT, v, false, env);
}
