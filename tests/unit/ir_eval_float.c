// SPDX-License-Identifier: MIT
//
// Floating point from the words of ops.def.
#include "ir_eval_vector.h"

struct fp {
    const struct vm_ir_op *op;
    enum vm_type from; // of the first operand
    uint64_t a, b, c;
    struct vm_fp_env env;
};

#define FP_FORMAT(F, T, TYPE)                                                                \
    static uint64_t F##_arithmetic(struct fp *f)                                             \
    {                                                                                        \
        struct vm_fp_env *e = &f->env;                                                       \
        const T sign = (T)((T)1 << (8 * sizeof(T) - 1));                                     \
        const uint32_t attr = f->op->attr;                                                   \
        T a = (T)f->a, b = (T)f->b, c = (T)f->c;                                             \
        switch (f->op->code) {                                                               \
        case VM_IR_fadd: return vm_##F##_add(a, b, e);                                       \
        case VM_IR_fsub: return vm_##F##_sub(a, b, e);                                       \
        case VM_IR_fmul: return vm_##F##_mul(a, b, e);                                       \
        case VM_IR_fdiv: return vm_##F##_div(a, b, e);                                       \
        case VM_IR_fsqrt: return vm_##F##_sqrt(a, e);                                        \
        case VM_IR_fma:                                                                      \
            return vm_##F##_fma(attr & VM_IR_FP_NEG_PRODUCT ? a ^ sign : a, b,               \
                                attr & VM_IR_FP_NEG_ADDEND ? c ^ sign : c, e);               \
        case VM_IR_fmin: return vm_##F##_min(a, b, e, (enum vm_fp_minmax)(attr >> 7 & 3));   \
        case VM_IR_fmax: return vm_##F##_max(a, b, e, (enum vm_fp_minmax)(attr >> 7 & 3));   \
        case VM_IR_fround: return vm_##F##_round_to_integral(a, e, attr & VM_IR_FP_EXACT);   \
        case VM_IR_fclass: return vm_##F##_classify(a);                                      \
        default: break;                                                                      \
        }                                                                                    \
        enum vm_fp_relation r = vm_##F##_compare(a, b, e, (attr & VM_IR_FP_SIGNALING) != 0); \
        return f->op->code == VM_IR_feq   ? r == VM_FP_EQUAL                                 \
               : f->op->code == VM_IR_flt ? r == VM_FP_LESS                                  \
                                          : r == VM_FP_LESS || r == VM_FP_EQUAL;             \
    }                                                                                        \
    static uint64_t F##_to_integer(struct fp *f)                                             \
    {                                                                                        \
        enum vm_fp_int_rule rule = (enum vm_fp_int_rule)(f->op->attr >> 7 & 3);              \
        bool wide = f->op->type == VM_I64, sign = f->op->code == VM_IR_ftos;                 \
        T a = (T)f->a;                                                                       \
        if (wide)                                                                            \
            return sign ? (uint64_t)vm_##F##_to_i64(a, &f->env, rule)                        \
                        : vm_##F##_to_u64(a, &f->env, rule);                                 \
        return sign ? (uint32_t)vm_##F##_to_i32(a, &f->env, rule)                            \
                    : vm_##F##_to_u32(a, &f->env, rule);                                     \
    }                                                                                        \
    static uint64_t F##_from_integer(struct fp *f)                                           \
    {                                                                                        \
        bool wide = f->from == VM_I64, sign = f->op->code == VM_IR_stof;                     \
        if (wide)                                                                            \
            return sign ? vm_##F##_from_i64((int64_t)f->a, &f->env)                          \
                        : vm_##F##_from_u64(f->a, &f->env);                                  \
        return sign ? vm_##F##_from_i32((int32_t)f->a, &f->env)                              \
                    : vm_##F##_from_u32((uint32_t)f->a, &f->env);                            \
    }
FP_FORMAT(f16, uint16_t, VM_F16)
FP_FORMAT(f32, uint32_t, VM_F32)
FP_FORMAT(f64, uint64_t, VM_F64)

static uint64_t change_format(struct fp *f)
{
    switch (f->from * VM_TYPE_COUNT + f->op->type) {
    case VM_F16 *VM_TYPE_COUNT + VM_F32: return vm_f16_to_f32((uint16_t)f->a, &f->env);
    case VM_F16 *VM_TYPE_COUNT + VM_F64: return vm_f16_to_f64((uint16_t)f->a, &f->env);
    case VM_F32 *VM_TYPE_COUNT + VM_F16: return vm_f32_to_f16((uint32_t)f->a, &f->env);
    case VM_F32 *VM_TYPE_COUNT + VM_F64: return vm_f32_to_f64((uint32_t)f->a, &f->env);
    case VM_F64 *VM_TYPE_COUNT + VM_F16: return vm_f64_to_f16(f->a, &f->env);
    default: return vm_f64_to_f32(f->a, &f->env);
    }
}

#define BY_FORMAT(type, what) \
    ((type) == VM_F16 ? f16_##what(f) : (type) == VM_F32 ? f32_##what(f) : f64_##what(f))

static uint64_t f16_to_i16(struct fp *f)
{
    enum vm_fp_int_rule rule = (enum vm_fp_int_rule)(f->op->attr >> 7 & 3);
    return f->op->code == VM_IR_ftos ? (uint16_t)vm_f16_to_i16((uint16_t)f->a, &f->env, rule)
                                     : vm_f16_to_u16((uint16_t)f->a, &f->env, rule);
}

static uint64_t compute(struct fp *f)
{
    if (f->op->type == VM_I16)
        return f16_to_i16(f);
    switch (f->op->code) {
    case VM_IR_fcvt: return change_format(f);
    case VM_IR_ftom: return (uint32_t)vm_f64_to_i32_modular(f->a, &f->env);
    case VM_IR_ftos:
    case VM_IR_ftou: return BY_FORMAT(f->from, to_integer);
    case VM_IR_stof:
    case VM_IR_utof: return BY_FORMAT(f->op->type, from_integer);
    default: return BY_FORMAT(f->op->type, arithmetic);
    }
}

uint64_t toy_float(const struct vm_ir_op *op, enum vm_type from, const uint64_t args[3],
                   struct vm_fp_env *env)
{
    struct fp f = {op, from, args[0], args[1], args[2], *env};
    uint32_t round = op->attr & 7, nan = op->attr >> VM_IR_FP_NAN_SHIFT & 3;
    if (op->code == VM_IR_fclass)
        return compute(&f);
    if (!(op->attr & VM_IR_FP_NAN_ENV))
        f.env = (struct vm_fp_env){
            .round = env->round,
            .nan = (uint8_t)nan,
            .tininess_before = nan == VM_FP_NAN_DEFAULT || nan == VM_FP_NAN_ARM,
        };
    if (round != VM_IR_FP_DYNAMIC)
        f.env.round = (uint8_t)round;
    f.env.flags = 0;
    uint64_t result = compute(&f);
    if (!(op->attr & VM_IR_FP_NO_FLAGS))
        env->flags |= f.env.flags;
    return result;
}
