// SPDX-License-Identifier: MIT
//
// What the semantic functions of floating point share. Formats are IR types: VM_F16, VM_F32,
// VM_F64.
//
// An f register's 64 bits hold a narrower value NaN-boxed (volume I, "NaN Boxing of Narrower
// Values"). Whatever writes an f register or may set an exception flag makes mstatus.FS dirty.
#ifndef RV_SEM_FP_H
#define RV_SEM_FP_H

#include "sem.h"
#include "system.h"

// The check that comes before every instruction of F, D, Zfh and Zfa (translate.c makes it, by the
// row's class) and every access to fcsr: false, with illegal-instruction raised, if mstatus.FS is
// known to be off or, with `dynamic`, frm to hold a reserved mode.
bool rv_fp_begin(struct rv_translate *t, bool dynamic);

static inline bool rv_fp_is_dynamic(const struct rv_args *a)
{
    return a->rm == VM_IR_FP_DYNAMIC;
}

// The attribute word of an FP op with the instruction's rounding mode. The rest of it, all zero, is
// RISC-V's: canonical NaNs, fmin and fmax of IEEE 754-2019's minimumNumber, saturating conversions.
static inline uint32_t rv_fp_attr(const struct rv_args *a)
{
    return (uint32_t)a->rm << VM_IR_FP_ROUND_SHIFT;
}

static inline vm_ir_value rv_f_raw(struct rv_translate *t, unsigned n)
{
    return vm_ir_get(t->b, (uint16_t)(RV_REG_F + n));
}

// The value of register n in a format.
static inline vm_ir_value rv_f(struct rv_translate *t, enum vm_type format, unsigned n)
{
    vm_ir_value raw = rv_f_raw(t, n);
    return format == VM_F64 ? vm_ir_bitsf(t->b, VM_F64, raw) : vm_ir_unbox(t->b, format, raw);
}

static inline void rv_fp_dirty(struct rv_translate *t)
{
    vm_ir_put(t->b, RV_REG_FS_DIRTY, rv_imm(t, RV_MSTATUS_FS));
}

static inline void rv_set_f(struct rv_translate *t, enum vm_type format, unsigned n, vm_ir_value v)
{
    vm_ir_value raw = format == VM_F64 ? vm_ir_fbits(t->b, VM_F64, v) : vm_ir_box(t->b, format, v);
    vm_ir_put(t->b, (uint16_t)(RV_REG_F + n), raw);
    rv_fp_dirty(t);
}

// The result of an op that may set flags, in an x register.
static inline void rv_set_x_flags(struct rv_translate *t, unsigned n, vm_ir_value v)
{
    rv_set_x(t, n, v);
    rv_fp_dirty(t);
}

// The integer type as wide as a format.
static inline enum vm_type rv_fp_bits_type(enum vm_type format)
{
    return format == VM_F16 ? VM_I16 : format == VM_F32 ? VM_I32 : VM_I64;
}

// Defines rv_sem_<name>_h, _s and _d by calling function(t, a, format, extra).
#define RV_FP_FORMATS(name, function, extra) \
    RV_SEMANTIC(name##_h)                    \
    {                                        \
        function(t, a, VM_F16, extra);       \
    }                                        \
    RV_SEMANTIC(name##_s)                    \
    {                                        \
        function(t, a, VM_F32, extra);       \
    }                                        \
    RV_SEMANTIC(name##_d)                    \
    {                                        \
        function(t, a, VM_F64, extra);       \
    }

#endif
