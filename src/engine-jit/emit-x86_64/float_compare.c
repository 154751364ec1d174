// SPDX-License-Identifier: MIT
//
// Minimum, maximum, comparison and classes on the host's FPU, and sign injection.
#include "emit.h"

#include <vm/osal/cpu.h>

// --- minimum and maximum ---

// Of two zeros, and of equal values, either order gives one: the bits of both together make -0 the
// minimum, those in common make +0 the maximum. A NaN goes to C.
static void extremum(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_op f32,
                     enum x64_op f64, enum x64_op join)
{
    if (!emit_is_host_float(e, o)) {
        emit_evaluate(e, v, o);
        return;
    }
    enum x64_op op = o->type == VM_F32 ? f32 : f64;
    emit_go_live(e);
    struct operand a = in_xmm(emit_in_xmm(e, o->args[0]));
    struct operand b = in_xmm(emit_in_xmm(e, o->args[1]));
    enum x64_xmm to = emit_xmm_result(e, v, 1u << a.xmm | 1u << b.xmm), other = emit_xmm_temp(e);
    struct operand joined = in_xmm(other);
    emit_xmm_two(e, o->type == VM_F32 ? x64_OP_ucomiss : x64_OP_ucomisd, a.xmm, &b);
    uint8_t *aside = x64_jcc32(&e->code, X64_P);
    emit_xmm_three(e, op, to, a.xmm, &b);
    emit_xmm_three(e, op, other, b.xmm, &a);
    emit_xmm_three(e, join, to, to, &joined);
    const struct operand args[2] = {a, b};
    struct cold *cold = emit_evaluate_aside(e, o, aside, args);
    cold->xmm = (uint8_t)to;
    cold->nans = emit_take_operands(e, o);
    emit_define_xmm(e, v, to);
}

void emit_op_fmin(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    extremum(e, v, o, x64_OP_minss, x64_OP_minsd, x64_OP_orps);
}

void emit_op_fmax(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    extremum(e, v, o, x64_OP_maxss, x64_OP_maxsd, x64_OP_andps);
}

// --- comparison ---

// ucomis raises invalid for signalling NaNs, comis for all.
static enum x64_op compare_op(const struct vm_ir_op *o)
{
    bool signaling = o->attr & VM_IR_FP_SIGNALING;
    if (vm_ir_op_traits[o->code].effects & VM_IR_E_FPENV && o->type == VM_F32)
        return signaling ? x64_OP_comiss : x64_OP_ucomiss;
    return signaling ? x64_OP_comisd : x64_OP_ucomisd;
}

// a < b is b above a: carry, which stands for below, is set where they are unordered, and so are
// zero and parity.
static void compare(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_cc cc)
{
    if (!emit_is_host_float(e, o)) {
        emit_evaluate(e, v, o);
        return;
    }
    emit_go_live(e);
    enum x64_xmm first = emit_in_xmm(e, o->args[1]);
    struct operand second = emit_float_operand(e, o->args[0]);
    enum x64_reg to = emit_result(e, v, 0);
    enum x64_reg ordered = cc == X64_E ? emit_temp(e) : to;
    emit_xmm_two(e, compare_op(o), first, &second);
    x64_setcc_r(&e->code, cc, to);
    if (cc == X64_E) {
        x64_setcc_r(&e->code, X64_NP, ordered);
        x64_and_rr(&e->code, X64_32, to, ordered);
    }
    x64_movzx8_rr(&e->code, X64_32, to, to);
    emit_define(e, v, to);
}

void emit_op_feq(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    compare(e, v, o, X64_E);
}

void emit_op_flt(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    compare(e, v, o, X64_A);
}

void emit_op_fle(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    compare(e, v, o, X64_AE);
}

// --- sign injection: and, or, xor of bit patterns ---

static bool is_in_general(const struct emit *e, vm_ir_value v)
{
    vm_ir_value root = e->plan->root[v];
    return e->reg_of[root] != NO_REG || has_fixed_home(e, root);
}

// The mask that v is a constant of, or MASK_COUNT.
static enum float_mask mask_of(const struct emit *e, vm_ir_value v, enum vm_type t)
{
    uint64_t value;
    if (!emit_is_const(e, v, &value))
        return MASK_COUNT;
    if (t == VM_I64)
        return value == (uint64_t)1 << 63 ? MASK_SIGN_64
               : value == INT64_MAX       ? MASK_REST_64
                                          : MASK_COUNT;
    return (uint32_t)value == (uint32_t)1 << 31 ? MASK_SIGN_32
           : value == INT32_MAX                 ? MASK_REST_32
                                                : MASK_COUNT;
}

// Whether its result goes to an xmm register, and its operands come from no general one.
static bool is_float_logic(const struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    if (o->type != VM_I64 && o->type != VM_I32)
        return false;
    bool is_float = e->plan->marks[v] & JIT_FLOAT || emit_xmm_home(e, v) != NO_REG;
    return is_float && !is_in_general(e, o->args[0]) &&
           (mask_of(e, o->args[1], (enum vm_type)o->type) != MASK_COUNT ||
            !is_in_general(e, o->args[1]));
}

bool emit_float_logic(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    if (!is_float_logic(e, v, o))
        return false;
    enum x64_op op = o->code == VM_IR_and  ? x64_OP_andps
                     : o->code == VM_IR_or ? x64_OP_orps
                                           : x64_OP_xorps;
    enum float_mask mask = mask_of(e, o->args[1], (enum vm_type)o->type);
    enum x64_xmm a = emit_in_xmm(e, o->args[0]);
    if (mask != MASK_COUNT) {
        emit_xmm_release(e, o);
        enum x64_xmm to = emit_xmm_result(e, v, 0);
        emit_xmm_mask(e, op, to, a, mask);
        emit_define_xmm(e, v, to);
        return true;
    }
    struct operand b = in_xmm(emit_in_xmm(e, o->args[1]));
    emit_xmm_release(e, o);
    enum x64_xmm to = emit_xmm_result(e, v, emit_keep_second(e, a, &b));
    emit_xmm_three(e, op, to, a, &b);
    emit_define_xmm(e, v, to);
    return true;
}

// --- classes ---

// FCLASS's bits: a negative and a positive number, each normal or zero.
enum { NORMAL_MINUS = 1 << 1, ZERO_MINUS = 1 << 3, ZERO = 1 << 4, NORMAL = 1 << 6 };

// Of two classes the one that the sign tells, which is -1 or 0 in the register.
static void select_class(struct emit *e, enum x64_reg sign, int minus, int plus)
{
    x64_and_ri(&e->code, X64_32, sign, minus - plus);
    x64_add_ri(&e->code, X64_32, sign, plus);
}

// What is neither normal nor zero goes to C.
void emit_cold_class(struct emit *e, const struct cold *c)
{
    enum x64_width w = (enum x64_width)c->attr;
    struct x64_label other = {0};
    emit_xmm_to(e, w, c->result, c->args[0].xmm);
    x64_add_rr(&e->code, w, c->result, c->result);
    x64_jcc_label(&e->code, X64_NE, &other);
    x64_sbb_rr(&e->code, X64_32, c->result, c->result);
    select_class(e, c->result, ZERO_MINUS, ZERO);
    x64_jmp_to(&e->code, c->back);
    x64_bind(&e->code, &other);
}

void emit_op_fclass(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    if (o->type != VM_F32 && o->type != VM_F64) {
        emit_evaluate(e, v, o);
        return;
    }
    enum x64_width w = width_of((enum vm_type)o->type);
    unsigned exponent = o->type == VM_F32 ? 0xff : 0x7ff, fraction = o->type == VM_F32 ? 23 : 52;
    struct operand x = in_xmm(emit_in_xmm(e, o->args[0]));
    enum x64_reg to = emit_result(e, v, 0), t = emit_temp(e);
    emit_xmm_to(e, w, to, x.xmm);
    x64_mov_rr(&e->code, w, t, to);
    x64_shr_ri(&e->code, w, t, (uint8_t)fraction);
    x64_and_ri(&e->code, X64_32, t, (int32_t)exponent);
    x64_sub_ri(&e->code, X64_32, t, 1);
    x64_cmp_ri(&e->code, X64_32, t, (int32_t)exponent - 1);
    uint8_t *aside = x64_jcc32(&e->code, X64_AE);
    x64_sar_ri(&e->code, w, to, w == X64_32 ? 31 : 63);
    select_class(e, to, NORMAL_MINUS, NORMAL);
    struct cold *cold = emit_evaluate_aside(e, o, aside, &x);
    cold->what = o->code;
    cold->attr = w;
    cold->result = to;
    emit_define(e, v, to);
}
