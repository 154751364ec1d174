// SPDX-License-Identifier: MIT
//
// Conversions between floating-point formats and integers (volume I, chapters "F", "D", "Zfh", and
// Zfa's modular conversion). Integers of 32 bits, signed or not, are sign-extended in x registers.
#include "sem_fp.h"

static void to_integer(struct rv_translate *t, const struct rv_args *a, enum vm_type format,
                       enum vm_type integer, enum vm_ir_code code)
{
    vm_ir_value x = rv_f(t, format, a->rs1);
    vm_ir_value r = vm_ir_emit(t->b, code, integer, rv_fp_attr(a), 0, x, VM_IR_NONE, VM_IR_NONE);
    if (integer == VM_I32)
        r = vm_ir_sext(t->b, VM_I64, r);
    rv_set_x_flags(t, a->rd, r);
}

static void from_integer(struct rv_translate *t, const struct rv_args *a, enum vm_type format,
                         enum vm_type integer, enum vm_ir_code code)
{
    vm_ir_value x = rv_x(t, a->rs1);
    if (integer == VM_I32)
        x = vm_ir_trunc(t->b, VM_I32, x);
    vm_ir_value r = vm_ir_emit(t->b, code, format, rv_fp_attr(a), 0, x, VM_IR_NONE, VM_IR_NONE);
    rv_set_f(t, format, a->rd, r);
}

#define INTEGER_CONVERSIONS(letter, format)             \
    RV_SEMANTIC(fcvt_w_##letter)                        \
    {                                                   \
        to_integer(t, a, format, VM_I32, VM_IR_ftos);   \
    }                                                   \
    RV_SEMANTIC(fcvt_wu_##letter)                       \
    {                                                   \
        to_integer(t, a, format, VM_I32, VM_IR_ftou);   \
    }                                                   \
    RV_SEMANTIC(fcvt_l_##letter)                        \
    {                                                   \
        to_integer(t, a, format, VM_I64, VM_IR_ftos);   \
    }                                                   \
    RV_SEMANTIC(fcvt_lu_##letter)                       \
    {                                                   \
        to_integer(t, a, format, VM_I64, VM_IR_ftou);   \
    }                                                   \
    RV_SEMANTIC(fcvt_##letter##_w)                      \
    {                                                   \
        from_integer(t, a, format, VM_I32, VM_IR_stof); \
    }                                                   \
    RV_SEMANTIC(fcvt_##letter##_wu)                     \
    {                                                   \
        from_integer(t, a, format, VM_I32, VM_IR_utof); \
    }                                                   \
    RV_SEMANTIC(fcvt_##letter##_l)                      \
    {                                                   \
        from_integer(t, a, format, VM_I64, VM_IR_stof); \
    }                                                   \
    RV_SEMANTIC(fcvt_##letter##_lu)                     \
    {                                                   \
        from_integer(t, a, format, VM_I64, VM_IR_utof); \
    }

INTEGER_CONVERSIONS(h, VM_F16)
INTEGER_CONVERSIONS(s, VM_F32)
INTEGER_CONVERSIONS(d, VM_F64)

RV_SEMANTIC(fcvtmod_w_d)
{
    to_integer(t, a, VM_F64, VM_I32, VM_IR_ftom);
}

static void between(struct rv_translate *t, const struct rv_args *a, enum vm_type to,
                    enum vm_type from)
{
    rv_set_f(t, to, a->rd, vm_ir_fcvt(t->b, to, rv_fp_attr(a), rv_f(t, from, a->rs1)));
}

RV_SEMANTIC(fcvt_h_s)
{
    between(t, a, VM_F16, VM_F32);
}

RV_SEMANTIC(fcvt_h_d)
{
    between(t, a, VM_F16, VM_F64);
}

RV_SEMANTIC(fcvt_s_h)
{
    between(t, a, VM_F32, VM_F16);
}

RV_SEMANTIC(fcvt_s_d)
{
    between(t, a, VM_F32, VM_F64);
}

RV_SEMANTIC(fcvt_d_h)
{
    between(t, a, VM_F64, VM_F16);
}

RV_SEMANTIC(fcvt_d_s)
{
    between(t, a, VM_F64, VM_F32);
}
