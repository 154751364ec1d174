// SPDX-License-Identifier: MIT
//
// The softfloat functions that convert between formats, and the modular conversion to int32_t.
#include "softfloat_convert.h"

uint32_t vm_f16_to_f32(uint16_t a, struct vm_fp_env *env)
{
    return (uint32_t)fp_convert(FP_F32, FP_F16, a, env, false, true);
}

uint64_t vm_f16_to_f64(uint16_t a, struct vm_fp_env *env)
{
    return fp_convert(FP_F64, FP_F16, a, env, false, true);
}

uint16_t vm_f32_to_f16(uint32_t a, struct vm_fp_env *env)
{
    return (uint16_t)fp_convert(FP_F16, FP_F32, a, env, true, false);
}

uint64_t vm_f32_to_f64(uint32_t a, struct vm_fp_env *env)
{
    return fp_convert(FP_F64, FP_F32, a, env, true, true);
}

uint16_t vm_f64_to_f16(uint64_t a, struct vm_fp_env *env)
{
    return (uint16_t)fp_convert(FP_F16, FP_F64, a, env, true, false);
}

uint32_t vm_f64_to_f32(uint64_t a, struct vm_fp_env *env)
{
    return (uint32_t)fp_convert(FP_F32, FP_F64, a, env, true, true);
}

uint32_t vm_bf16_to_f32(uint16_t a, struct vm_fp_env *env)
{
    return (uint32_t)fp_convert(FP_F32, FP_BF16, a, env, true, true);
}

uint16_t vm_f32_to_bf16(uint32_t a, struct vm_fp_env *env)
{
    return (uint16_t)fp_convert(FP_BF16, FP_F32, a, env, true, true);
}

// RISC-V "Zfa" FCVTMOD.W.D; ARM FPToFixedJS.
int32_t vm_f64_to_i32_modular(uint64_t a, struct vm_fp_env *env)
{
    struct fp_parts p = fp_unpack(FP_F64, a, env, true);
    if (p.kind & (FP_NAN | FP_INF)) {
        fp_raise(env, VM_FP_NV);
        return 0;
    }
    if (p.exp > 63) {
        fp_raise(env, VM_FP_NV);
        uint64_t low = p.exp < 63 + 64 ? p.frac << (p.exp - 63) : 0;
        return (int32_t)(uint32_t)(p.sign ? -low : low);
    }
    struct fp_rounded r = fp_integer(p, VM_FP_RTZ);
    if (r.v > fp_int_limit(32, true, p.sign))
        fp_raise(env, VM_FP_NV);
    else if (r.inexact)
        fp_raise(env, VM_FP_NX);
    return (int32_t)(uint32_t)(p.sign ? -r.v : r.v);
}
