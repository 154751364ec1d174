// SPDX-License-Identifier: MIT
//
// Floating-point loads, stores, moves, sign injection and constants (volume I, chapters "F", "D",
// "Zfh", "Zfa"). They transfer bits: no exception flag is set and no NaN is made canonical, but a
// sign injection reads an operand that is not NaN-boxed as the canonical NaN.
#include "sem_fp.h"

#include <vm/base/softfloat.h>

static unsigned size_log2_of(enum vm_type format)
{
    return format == VM_F16 ? 1 : format == VM_F32 ? 2 : 3;
}

static void load(struct rv_translate *t, const struct rv_args *a, enum vm_type format)
{
    enum vm_type bits = rv_fp_bits_type(format);
    uint32_t attr = VM_IR_MEM(size_log2_of(format), 0, VM_IR_RELAXED);
    vm_ir_value v = vm_ir_load(t->b, bits, attr, rv_x(t, a->rs1), a->imm);
    rv_set_f(t, format, a->rd, vm_ir_bitsf(t->b, format, v));
}

static void store(struct rv_translate *t, const struct rv_args *a, enum vm_type format)
{
    uint32_t attr = VM_IR_MEM(size_log2_of(format), 0, VM_IR_RELAXED);
    vm_ir_value address = rv_x(t, a->rs1);
    vm_ir_store(t->b, VM_I64, attr, address, a->imm, rv_f_raw(t, a->rs2));
}

RV_SEMANTIC(flh)
{
    load(t, a, VM_F16);
}

RV_SEMANTIC(flw)
{
    load(t, a, VM_F32);
}

RV_SEMANTIC(fld)
{
    load(t, a, VM_F64);
}

RV_SEMANTIC(fsh)
{
    store(t, a, VM_F16);
}

RV_SEMANTIC(fsw)
{
    store(t, a, VM_F32);
}

RV_SEMANTIC(fsd)
{
    store(t, a, VM_F64);
}

// The low bits of an f register, sign-extended, whether it is boxed or not.
static void move_to_x(struct rv_translate *t, const struct rv_args *a, enum vm_type format)
{
    if (!a->rd)
        return;
    unsigned bits = vm_ir_type_bits(format);
    rv_set_x(t, a->rd, vm_ir_extract(t->b, VM_I64, rv_f_raw(t, a->rs1), 0, bits, true));
}

static void move_from_x(struct rv_translate *t, const struct rv_args *a, enum vm_type format)
{
    vm_ir_value v = rv_x(t, a->rs1);
    if (format != VM_F64)
        v = vm_ir_trunc(t->b, rv_fp_bits_type(format), v);
    rv_set_f(t, format, a->rd, vm_ir_bitsf(t->b, format, v));
}

RV_SEMANTIC(fmv_x_h)
{
    move_to_x(t, a, VM_F16);
}

RV_SEMANTIC(fmv_x_w)
{
    move_to_x(t, a, VM_F32);
}

RV_SEMANTIC(fmv_x_d)
{
    move_to_x(t, a, VM_F64);
}

RV_SEMANTIC(fmv_h_x)
{
    move_from_x(t, a, VM_F16);
}

RV_SEMANTIC(fmv_w_x)
{
    move_from_x(t, a, VM_F32);
}

RV_SEMANTIC(fmv_d_x)
{
    move_from_x(t, a, VM_F64);
}

// --- Sign injection ---

enum sign { SIGN_OF_Y, SIGN_NOT_OF_Y, SIGN_OF_BOTH };

struct bits {
    struct rv_translate *t;
    enum vm_type type;
    uint64_t sign; // its sign bit
};

static vm_ir_value with_sign(const struct bits *b, enum vm_ir_code code, vm_ir_value x)
{
    vm_ir_value sign = vm_ir_const(b->t->b, b->type, b->sign);
    return vm_ir_emit(b->t->b, code, b->type, 0, 0, x, sign, VM_IR_NONE);
}

static vm_ir_value without_sign(const struct bits *b, vm_ir_value x)
{
    return vm_ir_and(b->t->b, b->type, x, vm_ir_const(b->t->b, b->type, ~b->sign));
}

// Both operands are the same register: FMV, FNEG, FABS.
static vm_ir_value inject_own(const struct bits *b, vm_ir_value x, enum sign kind)
{
    if (kind == SIGN_OF_Y)
        return x;
    return kind == SIGN_NOT_OF_Y ? with_sign(b, VM_IR_xor, x) : without_sign(b, x);
}

static vm_ir_value inject(const struct bits *b, vm_ir_value x, vm_ir_value y, enum sign kind)
{
    vm_ir_value sign = with_sign(b, VM_IR_and, y);
    if (kind == SIGN_OF_BOTH)
        return vm_ir_xor(b->t->b, b->type, x, sign);
    if (kind == SIGN_NOT_OF_Y)
        sign = with_sign(b, VM_IR_xor, sign);
    return vm_ir_or(b->t->b, b->type, without_sign(b, x), sign);
}

static void inject_sign(struct rv_translate *t, const struct rv_args *a, enum vm_type format,
                        enum sign kind)
{
    struct bits b = {t, rv_fp_bits_type(format), (uint64_t)1 << (vm_ir_type_bits(format) - 1)};
    vm_ir_value x = vm_ir_fbits(t->b, format, rv_f(t, format, a->rs1)), r;
    if (a->rs1 == a->rs2)
        r = inject_own(&b, x, kind);
    else
        r = inject(&b, x, vm_ir_fbits(t->b, format, rv_f(t, format, a->rs2)), kind);
    rv_set_f(t, format, a->rd, vm_ir_bitsf(t->b, format, r));
}

RV_FP_FORMATS(fsgnj, inject_sign, SIGN_OF_Y)
RV_FP_FORMATS(fsgnjn, inject_sign, SIGN_NOT_OF_Y)
RV_FP_FORMATS(fsgnjx, inject_sign, SIGN_OF_BOTH)

// --- FLI ---

enum { FLI_MIN_NORMAL = 1 };

// Bits 63 to 48 of the constants as binary64, where all others are 0; entry 1 is special.
static const uint16_t fli_table[32] = {
    0xbff0, 0,      0x3ef0, 0x3f00, 0x3f70, 0x3f80, 0x3fb0, 0x3fc0, // -1, min, 2^-16 ... 0.125
    0x3fd0, 0x3fd4, 0x3fd8, 0x3fdc, 0x3fe0, 0x3fe4, 0x3fe8, 0x3fec, // 0.25 ... 0.875
    0x3ff0, 0x3ff4, 0x3ff8, 0x3ffc, 0x4000, 0x4004, 0x4008, 0x4010, // 1 ... 4
    0x4020, 0x4030, 0x4060, 0x4070, 0x40e0, 0x40f0, 0x7ff0, 0x7ff8, // 8 ... 2^16, inf, NaN
};

// All are exact in every format, but for 2^16, which is infinity in binary16.
static uint64_t fli_bits(enum vm_type format, unsigned index)
{
    struct vm_fp_env env = {.round = VM_FP_RNE};
    uint64_t wide = (uint64_t)fli_table[index] << 48;
    bool min_normal = index == FLI_MIN_NORMAL;
    switch (format) {
    case VM_F16: return min_normal ? 0x0400 : vm_f64_to_f16(wide, &env);
    case VM_F32: return min_normal ? 0x00800000 : vm_f64_to_f32(wide, &env);
    default: return min_normal ? (uint64_t)1 << 52 : wide;
    }
}

static void load_immediate(struct rv_translate *t, const struct rv_args *a, enum vm_type format)
{
    uint64_t bits = fli_bits(format, (unsigned)a->imm & 31);
    rv_set_f(t, format, a->rd, vm_ir_const(t->b, format, bits));
}

RV_SEMANTIC(fli_h)
{
    load_immediate(t, a, VM_F16);
}

RV_SEMANTIC(fli_s)
{
    load_immediate(t, a, VM_F32);
}

RV_SEMANTIC(fli_d)
{
    load_immediate(t, a, VM_F64);
}
