// SPDX-License-Identifier: MIT
//
// Conversions between float formats and integers, rounding to an integral value, and RISC-V's
// NaN-boxing.
//
// Integers that do not fit go to C. The host raises invalid for them, as every guest does; nothing
// else may have been raised by then, so ranges that it does not know are checked first.
#include "emit.h"

#include <vm/osal/cpu.h>

static unsigned rounding_of(const struct vm_ir_op *o)
{
    return o->attr >> VM_IR_FP_ROUND_SHIFT & 7;
}

static enum x64_op by_format(enum vm_type t, enum x64_op f32, enum x64_op f64)
{
    return t == VM_F32 ? f32 : f64;
}

// --- between formats ---

void emit_op_fcvt(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    emit_float_unary(e, v, o, by_format((enum vm_type)o->type, x64_OP_cvtsd2ss, x64_OP_cvtss2sd));
}

// --- to an integral value ---

enum { ROUND_BY_MXCSR = 4, ROUND_QUIETLY = 8 };

// ROUNDSD's immediate (Intel SDM volume 2).
static uint8_t round_control(const struct vm_ir_op *o)
{
    static const uint8_t control[] = {
        [VM_FP_RNE] = 0, [VM_FP_RTZ] = 3, [VM_FP_RDN] = 1, [VM_FP_RUP] = 2};
    unsigned rounding = rounding_of(o);
    return rounding == VM_IR_FP_DYNAMIC ? ROUND_BY_MXCSR : control[rounding];
}

static void round_to(struct emit *e, enum vm_type t, enum x64_xmm to, enum x64_xmm x, uint8_t imm)
{
    enum x64_op op = by_format(t, x64_OP_roundss, x64_OP_roundsd);
    if (has_feature(e, VM_CPU_X86_64_AVX))
        x64_avx_rrri(&e->code, op, X64_128, to, x, x, imm);
    else
        x64_sse_rri(&e->code, op, to, x, imm);
}

void emit_op_fround(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    if (!emit_is_host_float(e, o)) {
        emit_evaluate(e, v, o);
        return;
    }
    uint8_t quietly = o->attr & VM_IR_FP_EXACT ? 0 : ROUND_QUIETLY;
    emit_go_live(e);
    enum x64_xmm x = emit_in_xmm(e, o->args[0]);
    if (emit_is_tiny_before(o->attr)) { // ARM's rules
        const struct operand args[3] = {in_xmm(x)};
        enum x64_xmm rounded = emit_xmm_temp(e);
        round_to(e, (enum vm_type)o->type, rounded, x, round_control(o) | quietly);
        emit_check_float(e, v, o, rounded, false, args);
        return;
    }
    emit_xmm_release(e, o);
    enum x64_xmm to = emit_xmm_result(e, v, 0);
    round_to(e, (enum vm_type)o->type, to, x, round_control(o) | quietly);
    emit_finish_float(e, v, to, (enum vm_type)o->type);
}

// --- from an integer ---

static void from_integer(struct emit *e, const struct vm_ir_op *o, enum x64_width w,
                         enum x64_reg from, enum x64_xmm to)
{
    struct x64_code *c = &e->code;
    emit_begin_rounding(e, o);
    emit_xmm_zero(e, to);
    if (has_feature(e, VM_CPU_X86_64_AVX))
        o->type == VM_F32 ? x64_vcvtsi2ss_rrr(c, w, to, to, from)
                          : x64_vcvtsi2sd_rrr(c, w, to, to, from);
    else
        o->type == VM_F32 ? x64_cvtsi2ss_rr(c, w, to, from) : x64_cvtsi2sd_rr(c, w, to, from);
    emit_end_rounding(e, o);
}

void emit_op_stof(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    if (!emit_is_host_float(e, o)) {
        emit_evaluate(e, v, o);
        return;
    }
    emit_go_live(e);
    enum x64_reg from = emit_in_register(e, o->args[0]);
    enum x64_xmm to = emit_xmm_result(e, v, 0);
    from_integer(e, o, compute_width(vm_ir_value_type(e->r, o->args[0])), from, to);
    emit_define_xmm(e, v, to);
}

// 32 bits are 64 with zeros above; of 64 those with the upper bit set go to C.
void emit_op_utof(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    if (!emit_is_host_float(e, o)) {
        emit_evaluate(e, v, o);
        return;
    }
    bool narrow = vm_ir_value_type(e->r, o->args[0]) == VM_I32;
    emit_go_live(e);
    enum x64_xmm to = emit_xmm_result(e, v, 0);
    enum x64_reg from = narrow ? emit_temp(e) : emit_in_register(e, o->args[0]);
    uint8_t *aside = NULL;
    if (narrow) {
        emit_load_value(e, from, o->args[0]);
        x64_mov_rr(&e->code, X64_32, from, from);
        from_integer(e, o, X64_64, from, to);
    } else {
        if (rounding_of(o) != VM_IR_FP_DYNAMIC)
            (void)emit_temp(e); // emptied before the jump: the end of rounding takes it
        e->locked = (uint16_t)(1u << from);
        x64_test_rr(&e->code, X64_64, from, from);
        aside = x64_jcc32(&e->code, X64_S);
        from_integer(e, o, X64_64, from, to);
        struct operand arg = {.kind = IN_REGISTER, .reg = from};
        emit_evaluate_aside(e, o, aside, &arg)->xmm = (uint8_t)to;
    }
    emit_define_xmm(e, v, to);
}

// --- to an integer ---

static void to_integer(struct emit *e, enum vm_type t, enum x64_width w, enum x64_reg to,
                       enum x64_xmm x, bool truncate)
{
    struct x64_code *c = &e->code;
    bool avx = has_feature(e, VM_CPU_X86_64_AVX);
    if (truncate && t == VM_F32)
        avx ? x64_vcvttss2si_rr(c, w, to, x) : x64_cvttss2si_rr(c, w, to, x);
    else if (truncate)
        avx ? x64_vcvttsd2si_rr(c, w, to, x) : x64_cvttsd2si_rr(c, w, to, x);
    else if (t == VM_F32)
        avx ? x64_vcvtss2si_rr(c, w, to, x) : x64_cvtss2si_rr(c, w, to, x);
    else
        avx ? x64_vcvtsd2si_rr(c, w, to, x) : x64_cvtsd2si_rr(c, w, to, x);
}

// What a conversion to integer works with.
struct conversion {
    enum vm_type from;
    enum x64_width width;
    enum x64_xmm x, rounded; // rounded: only where the mode is static
    enum x64_reg to, temp;
    bool is_static, truncate;
};

static struct conversion begin(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    struct conversion c = {.from = vm_ir_value_type(e->r, o->args[0])};
    unsigned rounding = rounding_of(o);
    emit_go_live(e);
    c.truncate = rounding == VM_FP_RTZ;
    c.is_static = !c.truncate && rounding != VM_IR_FP_DYNAMIC;
    c.x = emit_in_xmm(e, o->args[0]);
    c.rounded = c.is_static ? emit_xmm_temp(e) : c.x;
    c.width = o->type == VM_I64 || o->code == VM_IR_ftou ? X64_64 : X64_32;
    c.to = emit_result(e, v, 0);
    c.temp = emit_temp(e);
    return c;
}

// By a static mode: rounded without a flag, so that a number which does not fit raises nothing but
// invalid; what truncation of the operand raises then is right.
static void convert(struct emit *e, const struct vm_ir_op *o, const struct conversion *c)
{
    if (c->is_static)
        round_to(e, c->from, c->rounded, c->x, round_control(o) | ROUND_QUIETLY);
    to_integer(e, c->from, c->width, c->to, c->rounded, c->truncate || c->is_static);
}

static void end(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, const struct conversion *c,
                uint8_t *aside)
{
    struct operand arg = in_xmm(c->x);
    if (c->is_static)
        to_integer(e, c->from, c->width, c->temp, c->x, true);
    emit_evaluate_aside(e, o, aside, &arg)->result = c->to;
    emit_define(e, v, c->to);
}

// The host's answer to a number that does not fit is the least integer, from which 1 overflows.
void emit_op_ftos(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    if (!emit_is_host_float(e, o)) {
        emit_evaluate(e, v, o);
        return;
    }
    struct conversion c = begin(e, v, o);
    convert(e, o, &c);
    x64_cmp_ri(&e->code, c.width, c.to, 1);
    end(e, v, o, &c, x64_jcc32(&e->code, X64_O));
}

// Numbers from 0 on that surely fit, told by sign and exponent: those below 2^63, and for 32 bits
// below 2^31, or 2^32 if they are truncated.
void emit_op_ftou(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    if (!emit_is_host_float(e, o)) {
        emit_evaluate(e, v, o);
        return;
    }
    struct conversion c = begin(e, v, o);
    bool f32 = c.from == VM_F32;
    int32_t bits = o->type == VM_I64 ? 63 : c.truncate ? 32 : 31;
    enum x64_width w = f32 ? X64_32 : X64_64;
    emit_xmm_to(e, w, c.temp, c.x);
    x64_shr_ri(&e->code, w, c.temp, f32 ? 23 : 52);
    x64_cmp_ri(&e->code, X64_32, c.temp, bits + (f32 ? 127 : 1023));
    uint8_t *aside = x64_jcc32(&e->code, X64_AE);
    convert(e, o, &c);
    end(e, v, o, &c, aside);
}

// --- NaN-boxing ---

static void box_in_register(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    emit_settle_value(e, o->args[0]);
    enum x64_reg to = emit_temp(e), ones = emit_temp(e);
    emit_load_value(e, to, o->args[0]);
    x64_mov_rr(&e->code, X64_32, to, to);
    x64_imm(&e->code, ones, ~(uint64_t)UINT32_MAX);
    x64_or_rr(&e->code, X64_64, to, ones);
    emit_define(e, v, to);
}

// Into its home.
static void box_in_xmm(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    enum x64_xmm to = (enum x64_xmm)emit_xmm_home(e, v);
    emit_pending_box(e, o->args[0], v, e->plan->home[v]);
    enum x64_xmm from = emit_in_xmm(e, o->args[0]);
    if (e->xmm_boxed >> from & 1)
        emit_xmm_move(e, to, from);
    else
        emit_xmm_mask(e, x64_OP_orps, to, from, MASK_BOX);
}

void emit_op_box(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    uint16_t home = e->plan->home[v];
    if (o->type != VM_F32) {
        emit_settle_value(e, o->args[0]);
        emit_evaluate(e, v, o);
        return;
    }
    if (home == VM_IR_NONE && e->plan->uses[v] == 0)
        return;
    if (emit_xmm_home(e, v) != NO_REG) {
        box_in_xmm(e, v, o);
        return;
    }
    if (home == VM_IR_NONE || e->fixed[home] != NO_REG) {
        box_in_register(e, v, o);
        return;
    }
    emit_pending_box(e, o->args[0], v, home);
    emit_store_operand(e, X64_32, at_entry(e, home), o->args[0]);
    x64_mov_mi(&e->code, X64_32, at_offset(at_entry(e, home), 4), -1);
}

void emit_op_unbox(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    if (o->type != VM_F32) {
        emit_evaluate(e, v, o);
        return;
    }
    enum x64_xmm to = emit_xmm_temp(e);
    uint8_t home = emit_xmm_of(e, e->plan->root[o->args[0]]);
    struct operand from = {.kind = IN_XMM};
    if (home == NO_REG)
        from = emit_operand(e, o->args[0]);
    if (from.kind == IN_MEMORY) {
        emit_xmm_load(e, VM_F64, to, from.mem);
        x64_cmp_mi(&e->code, X64_32, at_offset(from.mem, 4), -1);
    } else {
        enum x64_reg t = emit_temp(e);
        emit_load_value(e, t, o->args[0]);
        if (home == NO_REG)
            emit_xmm_from(e, X64_64, to, t);
        else
            emit_xmm_move(e, to, (enum x64_xmm)home);
        x64_sar_ri(&e->code, X64_64, t, 32);
        x64_cmp_ri(&e->code, X64_64, t, -1);
    }
    struct cold *cold = emit_cold(e, COLD_UNBOX, x64_jcc32(&e->code, X64_NE));
    cold->xmm = (uint8_t)to;
    cold->back = e->code.at;
    e->xmm_boxed |= (uint16_t)(1u << to);
    emit_define_xmm(e, v, to);
}
