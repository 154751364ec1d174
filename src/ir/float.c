// SPDX-License-Identifier: MIT
//
// Floating-point ops on softfloat. The environment that an op computes in is made from the guest's
// and the op's attributes; its flags go back, sticky.
#include <vm/ir/eval.h>

struct fp_op {
    uint32_t attr;
    enum vm_ir_code code;
    enum vm_type type, source;
};

static enum vm_fp_minmax minmax_rule(const struct fp_op *o)
{
    return (enum vm_fp_minmax)(o->attr >> VM_IR_FP_RULE_SHIFT & 3);
}

static enum vm_fp_int_rule int_rule(const struct fp_op *o)
{
    return (enum vm_fp_int_rule)(o->attr >> VM_IR_FP_RULE_SHIFT & 3);
}

// The ops whose operands all have the suffix format, for one format.
#define FORMAT(X, T, SIGN)                                                                        \
    static uint64_t X##_op(const struct fp_op *o, uint64_t x, uint64_t y, uint64_t z,             \
                           struct vm_fp_env *env)                                                 \
    {                                                                                             \
        T a = (T)x, b = (T)y, c = (T)z;                                                           \
        bool signaling = o->attr & VM_IR_FP_SIGNALING;                                            \
        switch (o->code) {                                                                        \
        case VM_IR_fadd: return vm_##X##_add(a, b, env);                                          \
        case VM_IR_fsub: return vm_##X##_sub(a, b, env);                                          \
        case VM_IR_fmul: return vm_##X##_mul(a, b, env);                                          \
        case VM_IR_fdiv: return vm_##X##_div(a, b, env);                                          \
        case VM_IR_fsqrt: return vm_##X##_sqrt(a, env);                                           \
        case VM_IR_fma:                                                                           \
            if (o->attr & VM_IR_FP_NEG_PRODUCT)                                                   \
                a ^= (T)(SIGN);                                                                   \
            if (o->attr & VM_IR_FP_NEG_ADDEND)                                                    \
                c ^= (T)(SIGN);                                                                   \
            return vm_##X##_fma(a, b, c, env);                                                    \
        case VM_IR_fmin: return vm_##X##_min(a, b, env, minmax_rule(o));                          \
        case VM_IR_fmax: return vm_##X##_max(a, b, env, minmax_rule(o));                          \
        case VM_IR_feq:                                                                           \
            return signaling ? vm_##X##_eq_signaling(a, b, env) : vm_##X##_eq(a, b, env);         \
        case VM_IR_flt: return signaling ? vm_##X##_lt(a, b, env) : vm_##X##_lt_quiet(a, b, env); \
        case VM_IR_fle: return signaling ? vm_##X##_le(a, b, env) : vm_##X##_le_quiet(a, b, env); \
        case VM_IR_fround: return vm_##X##_round_to_integral(a, env, o->attr & VM_IR_FP_EXACT);   \
        default: return 0;                                                                        \
        }                                                                                         \
    }                                                                                             \
    static uint64_t X##_to_int(const struct fp_op *o, uint64_t x, struct vm_fp_env *env)          \
    {                                                                                             \
        enum vm_fp_int_rule rule = int_rule(o);                                                   \
        if (o->code == VM_IR_ftos && o->type == VM_I32)                                           \
            return (uint64_t)(int64_t)vm_##X##_to_i32((T)x, env, rule);                           \
        if (o->code == VM_IR_ftos)                                                                \
            return (uint64_t)vm_##X##_to_i64((T)x, env, rule);                                    \
        if (o->type == VM_I32)                                                                    \
            return (uint64_t)(int64_t)(int32_t)vm_##X##_to_u32((T)x, env, rule);                  \
        return vm_##X##_to_u64((T)x, env, rule);                                                  \
    }                                                                                             \
    static uint64_t X##_from_int(const struct fp_op *o, uint64_t x, struct vm_fp_env *env)        \
    {                                                                                             \
        if (o->code == VM_IR_stof)                                                                \
            return o->source == VM_I32 ? vm_##X##_from_i32((int32_t)x, env)                       \
                                       : vm_##X##_from_i64((int64_t)x, env);                      \
        return o->source == VM_I32 ? vm_##X##_from_u32((uint32_t)x, env)                          \
                                   : vm_##X##_from_u64(x, env);                                   \
    }

FORMAT(f16, uint16_t, 1u << 15)
FORMAT(f32, uint32_t, 1u << 31)
FORMAT(f64, uint64_t, 1ull << 63)

static uint64_t convert(const struct fp_op *o, uint64_t x, struct vm_fp_env *env)
{
    if (o->source == VM_F16)
        return o->type == VM_F32 ? vm_f16_to_f32((uint16_t)x, env)
                                 : vm_f16_to_f64((uint16_t)x, env);
    if (o->source == VM_F32)
        return o->type == VM_F16 ? vm_f32_to_f16((uint32_t)x, env)
                                 : vm_f32_to_f64((uint32_t)x, env);
    return o->type == VM_F16 ? vm_f64_to_f16(x, env) : vm_f64_to_f32(x, env);
}

static uint64_t compute(const struct fp_op *o, uint64_t a, uint64_t b, uint64_t c,
                        struct vm_fp_env *env)
{
    switch (o->code) {
    case VM_IR_fcvt: return convert(o, a, env);
    case VM_IR_ftom: return (uint64_t)(int64_t)vm_f64_to_i32_modular(a, env);
    case VM_IR_ftos:
    case VM_IR_ftou:
        return o->source == VM_F16   ? f16_to_int(o, a, env)
               : o->source == VM_F32 ? f32_to_int(o, a, env)
                                     : f64_to_int(o, a, env);
    case VM_IR_stof:
    case VM_IR_utof:
        return o->type == VM_F16   ? f16_from_int(o, a, env)
               : o->type == VM_F32 ? f32_from_int(o, a, env)
                                   : f64_from_int(o, a, env);
    default: break;
    }
    return o->source == VM_F16   ? f16_op(o, a, b, c, env)
           : o->source == VM_F32 ? f32_op(o, a, b, c, env)
                                 : f64_op(o, a, b, c, env);
}

static struct fp_op op_of(uint64_t what)
{
    return (struct fp_op){(uint32_t)(what & 0xffff), (enum vm_ir_code)(what >> 32 & 0xffff),
                          (enum vm_type)(what >> 48 & 0xff), (enum vm_type)(what >> 56)};
}

// What an op with these attributes computes in, without flags.
static struct vm_fp_env begin(uint32_t attr, const struct vm_fp_env *guest)
{
    struct vm_fp_env env = {.round = guest->round};
    unsigned round = attr >> VM_IR_FP_ROUND_SHIFT & 7, nan = attr >> VM_IR_FP_NAN_SHIFT & 3;
    if (attr & VM_IR_FP_NAN_ENV) {
        env = *guest;
    } else {
        env.nan = (uint8_t)nan;
        env.tininess_before = vm_ir_fp_tininess_before(nan);
    }
    if (round != VM_IR_FP_DYNAMIC)
        env.round = (uint8_t)round;
    env.flags = 0;
    return env;
}

static void end(uint32_t attr, const struct vm_fp_env *env, struct vm_fp_env *guest)
{
    if (!(attr & VM_IR_FP_NO_FLAGS))
        guest->flags |= env->flags;
}

uint64_t vm_ir_eval_float(uint64_t what, uint64_t a, uint64_t b, uint64_t c,
                          struct vm_fp_env *guest)
{
    const struct fp_op o = op_of(what);
    struct vm_fp_env env = begin(o.attr, guest);
    uint64_t result = compute(&o, a, b, c, &env);
    end(o.attr, &env, guest);
    return result;
}

uint64_t vm_ir_eval_f16_to_int(uint64_t what, uint16_t a, struct vm_fp_env *guest)
{
    const struct fp_op o = op_of(what);
    struct vm_fp_env env = begin(o.attr, guest);
    uint64_t result = o.code == VM_IR_ftos ? (uint16_t)vm_f16_to_i16(a, &env, int_rule(&o))
                                           : vm_f16_to_u16(a, &env, int_rule(&o));
    end(o.attr, &env, guest);
    return result;
}
