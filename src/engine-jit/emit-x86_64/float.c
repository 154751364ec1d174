// SPDX-License-Identifier: MIT
//
// FP arithmetic on the host's FPU, as exact as softfloat: what the host computes in another way
// goes to C, in the cold section where only the operands tell. ../float.c has the scheme of flags,
// rounding and NaNs.
#include "emit.h"

#include <stddef.h>
#include <vm/ir/eval.h>
#include <vm/osal/cpu.h>

// --- which ops ---

static bool is_float_type(enum vm_type t)
{
    return t == VM_F32 || t == VM_F64;
}

static unsigned rounding_of(const struct vm_ir_op *o)
{
    return o->attr >> VM_IR_FP_ROUND_SHIFT & 7;
}

static unsigned nan_rule(uint32_t fp_attr)
{
    return fp_attr >> VM_IR_FP_NAN_SHIFT & 3;
}

bool emit_has_host_rules(uint32_t fp_attr)
{
    return !(fp_attr & (VM_IR_FP_NAN_ENV | VM_IR_FP_NO_FLAGS)) &&
           nan_rule(fp_attr) != VM_FP_NAN_X86;
}

bool emit_is_tiny_before(uint32_t fp_attr)
{
    return vm_ir_fp_tininess_before(nan_rule(fp_attr));
}

// Whether a NaN that is not what the rule says may stay for a while (nan.c). With ARM's rules each
// result is looked at at once.
static bool may_pend(const struct vm_ir_op *o)
{
    return nan_rule(o->attr) == VM_FP_NAN_CANONICAL;
}

static bool has_host_rounding(const struct vm_ir_op *o)
{
    return rounding_of(o) <= VM_FP_RUP || rounding_of(o) == VM_IR_FP_DYNAMIC;
}

static bool has_instructions(const struct emit *e, const struct vm_ir_op *o)
{
    switch (o->code) {
    case VM_IR_fma: return has_feature(e, VM_CPU_X86_64_FMA) && has_feature(e, VM_CPU_X86_64_AVX);
    case VM_IR_fmin:
    case VM_IR_fmax: return (o->attr >> VM_IR_FP_RULE_SHIFT & 3) != VM_FP_X86;
    case VM_IR_fround: return has_feature(e, VM_CPU_X86_64_SSE4_1);
    case VM_IR_ftos:
    case VM_IR_ftou:
        return rounding_of(o) == VM_IR_FP_DYNAMIC || rounding_of(o) == VM_FP_RTZ ||
               has_feature(e, VM_CPU_X86_64_SSE4_1);
    case VM_IR_ftom: return false;
    default: return true;
    }
}

bool emit_is_host_float(const struct emit *e, const struct vm_ir_op *o)
{
    if (!(vm_ir_op_traits[o->code].effects & VM_IR_E_FPENV) || e->jit->soft_float)
        return false;
    if (vm_ir_is_vector_op(o->code))
        return emit_is_host_vector_float(e, o);
    enum vm_type t = (enum vm_type)o->type, from = vm_ir_value_type(e->r, o->args[0]);
    bool to_int = o->code == VM_IR_ftos || o->code == VM_IR_ftou || o->code == VM_IR_ftom;
    bool from_int = o->code == VM_IR_stof || o->code == VM_IR_utof;
    return (to_int || is_float_type(t)) && (from_int || is_float_type(from)) &&
           emit_has_host_rules(o->attr) && has_host_rounding(o) && has_instructions(e, o);
}

static bool is_flags(const struct emit *e, uint64_t entry)
{
    const struct vm_regfile *r = e->r->regfile;
    return r->registers[entry].offset == r->fp_env + offsetof(struct vm_fp_env, flags) &&
           r->registers[entry].type == VM_I8;
}

// Whether an op is on what the FPU has of the guest's while it is live.
static bool is_on_live(const struct emit *e, const struct vm_ir_op *o)
{
    return (o->code == VM_IR_get || o->code == VM_IR_put) &&
           (e->fixed_xmm[o->imm] != NO_REG || (is_flags(e, o->imm) && !e->jit->soft_float));
}

bool emit_has_floats(const struct emit *e, uint16_t block)
{
    const struct vm_ir_block *b = &e->r->blocks[block];
    for (uint32_t i = b->first, n = i + b->count; i < n; i++) {
        if (is_on_live(e, &e->r->ops[i]) || emit_is_host_float(e, &e->r->ops[i]))
            return true;
    }
    return false;
}

// --- MXCSR ---

static struct x64_mem at_live(const struct emit *e)
{
    return at_state(e, &e->jit->frame->fp.live);
}

void emit_float_entry(struct emit *e)
{
    uint32_t i = e->r->blocks[0].first;
    while (e->r->ops[i].code != VM_IR_insn && i + 1 < e->r->op_count)
        i++;
    x64_cmp_mi(&e->code, X64_8, at_live(e), 0);
    struct cold *cold = emit_cold(e, COLD_FP_BEGIN, x64_jcc32(&e->code, X64_E));
    cold->word = jit_exit_word(JIT_EXIT_ROUNDING, e->r->ops[i].imm, 0);
    cold->back = e->code.at;
    e->float_live = true;
}

void emit_go_live(struct emit *e)
{
    if (e->float_live)
        return;
    x64_cmp_mi(&e->code, X64_8, at_live(e), 0);
    struct cold *cold = emit_cold(e, COLD_FP_RESUME, x64_jcc32(&e->code, X64_E));
    cold->back = e->code.at;
    e->float_live = true;
}

void emit_end_live(struct emit *e)
{
    x64_call_to(&e->code, e->jit->thunks.fp_end);
    e->float_live = false;
}

bool emit_is_live_flags(const struct emit *e, const struct vm_ir_op *o)
{
    return e->float_live && is_flags(e, o->imm);
}

static struct x64_mem at_environment(const struct emit *e, size_t offset)
{
    return at_state(e, (const char *)e->jit->vcpu->state + e->r->regfile->fp_env + offset);
}

void emit_get_flags(struct emit *e, vm_ir_value v)
{
    struct x64_code *c = &e->code;
    struct x64_mem scratch = at_state(e, &e->jit->frame->fp.scratch);
    enum x64_reg flags = emit_temp(e), other = emit_temp(e);
    x64_stmxcsr_m(c, scratch);
    x64_mov_rm(c, X64_32, flags, scratch);
    x64_and_ri(c, X64_32, flags, 63); // the six flags
    x64_lea_rm(c, X64_64, other, x64_here(c, e->jit->thunks.fp_flags));
    x64_movzx8_rm(c, X64_32, flags, x64_at_index(other, flags, 0, 0));
    x64_movzx8_rm(c, X64_32, other, at_environment(e, offsetof(struct vm_fp_env, flags)));
    x64_or_rr(c, X64_32, flags, other);
    emit_define(e, v, flags);
}

// The guest's rounding mode without a flag. Nothing changes the mode while the FPU is live.
void emit_drop_flags(struct emit *e)
{
    struct x64_code *c = &e->code;
    e->locked = 0;
    enum x64_reg mode = emit_temp(e), words = emit_temp(e);
    x64_movzx8_rm(c, X64_32, mode, at_environment(e, offsetof(struct vm_fp_env, round)));
    x64_lea_rm(c, X64_64, words, x64_here(c, e->jit->thunks.fp_control));
    x64_ldmxcsr_m(c, x64_at_index(words, mode, 2, 0));
}

static bool swaps_rounding(const struct emit *e, const struct vm_ir_op *o)
{
    enum vm_type from = vm_ir_value_type(e->r, o->args[0]);
    bool exact =
        (o->code == VM_IR_fcvt && from == VM_F32) ||
        ((o->code == VM_IR_stof || o->code == VM_IR_utof) && from == VM_I32 && o->type == VM_F64);
    return !exact && rounding_of(o) != VM_IR_FP_DYNAMIC;
}

// The flags so far stay in the frame.
void emit_begin_rounding(struct emit *e, const struct vm_ir_op *o)
{
    struct jit_float *f = &e->jit->frame->fp;
    if (!swaps_rounding(e, o))
        return;
    x64_stmxcsr_m(&e->code, at_state(e, &f->guest));
    x64_ldmxcsr_m(&e->code, x64_here(&e->code, e->jit->thunks.fp_control + 4 * rounding_of(o)));
}

void emit_end_rounding(struct emit *e, const struct vm_ir_op *o)
{
    struct jit_float *f = &e->jit->frame->fp;
    if (!swaps_rounding(e, o))
        return;
    enum x64_reg t = emit_temp(e);
    x64_stmxcsr_m(&e->code, at_state(e, &f->scratch));
    x64_mov_rm(&e->code, X64_32, t, at_state(e, &f->scratch));
    x64_and_ri(&e->code, X64_32, t, 63); // the six flags
    x64_or_mr(&e->code, X64_32, at_state(e, &f->guest), t);
    x64_ldmxcsr_m(&e->code, at_state(e, &f->guest));
}

// --- ways aside ---

struct cold *emit_evaluate_aside(struct emit *e, const struct vm_ir_op *o, uint8_t *from,
                                 const struct operand *args)
{
    struct cold *cold = emit_cold(e, COLD_EVALUATE, from);
    unsigned n = vm_ir_op_args(e->r, o);
    cold->word = o->attr | vm_ir_float_word(o, vm_ir_value_type(e->r, o->args[0]));
    for (unsigned i = 0; i < VM_ARRAY_SIZE(cold->args); i++)
        cold->args[i] = i < n ? args[i] : (struct operand){.kind = IMMEDIATE};
    cold->back = e->code.at;
    return cold;
}

// rax is on the stack.
static void pass(struct emit *e, unsigned i, const struct operand *a)
{
    struct x64_mem to = at_state(e, &e->jit->frame->args[i]);
    switch (a->kind) {
    case IN_XMM: emit_xmm_store(e, VM_F64, to, a->xmm); break;
    case IN_REGISTER: x64_mov_mr(&e->code, X64_64, to, a->reg); break;
    case IN_MEMORY:
        x64_mov_rm(&e->code, X64_64, X64_RAX, a->mem);
        x64_mov_mr(&e->code, X64_64, to, X64_RAX);
        break;
    case IMMEDIATE: break;
    }
}

static void cold_vector(struct emit *e, const struct cold *c)
{
    for (unsigned i = 0; i < VM_ARRAY_SIZE(c->args); i++) {
        if (c->args[i].kind == IN_XMM)
            emit_xmm_store(e, VM_V128, at_state(e, e->jit->frame->pair[i]), c->args[i].xmm);
    }
    x64_push_r(&e->code, X64_RAX);
    x64_imm(&e->code, X64_RAX, c->word);
    x64_call_to(&e->code, e->jit->thunks.fp_vector);
    x64_pop_r(&e->code, X64_RAX);
    emit_xmm_load(e, VM_V128, (enum x64_xmm)c->xmm, at_state(e, e->jit->frame->pair[3]));
    x64_jmp_to(&e->code, c->back);
}

static void cold_nans(struct emit *e, const struct jit_nans *nans)
{
    x64_imm(&e->code, X64_RAX, (uintptr_t)nans);
    x64_call_to(&e->code, e->jit->thunks.fp_nans);
}

// Registers before memory: that takes rax, which may be one of them.
static void cold_evaluate(struct emit *e, const struct cold *c)
{
    for (unsigned i = 0; i < VM_ARRAY_SIZE(c->args); i++) {
        if (c->args[i].kind != IN_MEMORY)
            pass(e, i, &c->args[i]);
    }
    for (unsigned i = 0; i < VM_ARRAY_SIZE(c->args); i++) {
        if (c->args[i].kind == IN_MEMORY)
            pass(e, i, &c->args[i]);
    }
    x64_imm(&e->code, X64_RAX, c->word);
    x64_call_to(&e->code, e->jit->thunks.fp_evaluate);
    if (c->nans)
        cold_nans(e, c->nans);
}

void emit_cold_float(struct emit *e, const struct cold *c)
{
    struct x64_mem result = at_state(e, &e->jit->frame->result[0]);
    if (c->kind == COLD_FP_BEGIN || c->kind == COLD_FP_RESUME) {
        bool begin = c->kind == COLD_FP_BEGIN;
        if (begin)
            x64_imm(&e->code, X64_RAX, c->word);
        x64_call_to(&e->code, begin ? e->jit->thunks.fp_begin : e->jit->thunks.fp_resume);
        x64_jmp_to(&e->code, c->back);
        return;
    }
    if (c->kind == COLD_VECTOR) {
        cold_vector(e, c);
        return;
    }
    if (c->kind == COLD_EVALUATE && c->what == VM_IR_fclass)
        emit_cold_class(e, c);
    x64_push_r(&e->code, X64_RAX);
    if (c->kind == COLD_NANS) {
        cold_nans(e, c->nans);
    } else if (c->kind == COLD_UNBOX) {
        x64_imm(&e->code, X64_RAX, 0xffffffff7fc00000);
        emit_xmm_from(e, X64_64, (enum x64_xmm)c->xmm, X64_RAX);
    } else {
        cold_evaluate(e, c);
    }
    x64_pop_r(&e->code, X64_RAX);
    if (c->kind == COLD_EVALUATE && c->xmm != JIT_NO_XMM)
        emit_xmm_load(e, VM_F64, (enum x64_xmm)c->xmm, result);
    else if (c->kind == COLD_EVALUATE)
        x64_mov_rm(&e->code, X64_64, c->result, result);
    x64_jmp_to(&e->code, c->back);
}

// --- arithmetic ---

void emit_finish_float(struct emit *e, vm_ir_value v, enum x64_xmm xmm, enum vm_type t)
{
    if (has_fixed_home(e, v)) {
        emit_hold_xmm(e, v, xmm);
        emit_pend(e, v, t);
        emit_define_xmm(e, v, xmm);
        return;
    }
    emit_define_xmm(e, v, xmm);
    emit_pend(e, v, t);
}

// Goes aside where the result in `to` is a NaN, or where `tiny` the least normal number, which
// tininess may have been told of only before rounding. Operands are still in place.
void emit_check_float(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_xmm to,
                      bool tiny, const struct operand *args)
{
    bool f32 = o->type == VM_F32;
    enum x64_op compare = f32 ? x64_OP_ucomiss : x64_OP_ucomisd;
    struct operand result = in_xmm(to);
    uint8_t *aside;
    if (tiny) { // equal, or unordered
        enum x64_xmm size = emit_xmm_temp(e);
        emit_xmm_mask(e, x64_OP_andps, size, to, f32 ? MASK_ALL_REST_32 : MASK_ALL_REST_64);
        emit_xmm_compare_mask(e, compare, size, f32 ? MASK_ALL_LEAST_32 : MASK_ALL_LEAST_64);
        aside = x64_jcc32(&e->code, X64_E);
    } else {
        emit_xmm_two(e, compare, to, &result);
        aside = x64_jcc32(&e->code, X64_P);
    }
    emit_evaluate_aside(e, o, aside, args)->xmm = (uint8_t)to;
    emit_define_xmm(e, v, to);
}

// Sums that are tiny are exact; so are roots, which never are.
static bool may_be_tiny(const struct vm_ir_op *o)
{
    return o->code == VM_IR_fmul || o->code == VM_IR_fdiv || o->code == VM_IR_fma ||
           (o->code == VM_IR_fcvt && o->type == VM_F32);
}

static void checked_two(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_op op)
{
    emit_go_live(e);
    const struct operand args[3] = {in_xmm(emit_in_xmm(e, o->args[0])),
                                    in_xmm(emit_in_xmm(e, o->args[1]))};
    enum x64_xmm to = emit_xmm_temp(e);
    emit_begin_rounding(e, o);
    emit_xmm_three(e, op, to, args[0].xmm, &args[1]);
    emit_end_rounding(e, o);
    emit_check_float(e, v, o, to, may_be_tiny(o), args);
}

static void checked_unary(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_op op)
{
    emit_go_live(e);
    const struct operand args[3] = {in_xmm(emit_in_xmm(e, o->args[0]))};
    enum x64_xmm to = emit_xmm_temp(e);
    emit_begin_rounding(e, o);
    if (has_feature(e, VM_CPU_X86_64_AVX))
        emit_xmm_three(e, op, to, args[0].xmm, &args[0]);
    else
        emit_xmm_two(e, op, to, &args[0]);
    emit_end_rounding(e, o);
    emit_check_float(e, v, o, to, may_be_tiny(o), args);
}

// One that is in an xmm register, and boxed there if possible: then the result is.
static bool is_better_first(const struct emit *e, vm_ir_value a, vm_ir_value b)
{
    uint8_t x = emit_xmm_of(e, e->plan->root[a]), y = emit_xmm_of(e, e->plan->root[b]);
    if (x == NO_REG || y == NO_REG)
        return x != NO_REG;
    return (e->xmm_boxed >> x & 1) > (e->xmm_boxed >> y & 1);
}

uint32_t emit_keep_second(struct emit *e, enum x64_xmm a, const struct operand *b)
{
    if (b->kind != IN_XMM || b->xmm == a || has_feature(e, VM_CPU_X86_64_AVX))
        return 0;
    e->xmm_locked |= (uint16_t)(1u << b->xmm);
    return 1u << b->xmm;
}

static void two_operands(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_op f32,
                         enum x64_op f64, bool commutes)
{
    if (!emit_is_host_float(e, o)) {
        emit_evaluate(e, v, o);
        return;
    }
    if (!may_pend(o)) {
        checked_two(e, v, o, o->type == VM_F32 ? f32 : f64);
        return;
    }
    bool swap = commutes && is_better_first(e, o->args[1], o->args[0]);
    emit_go_live(e);
    enum x64_xmm a = emit_in_xmm(e, o->args[swap ? 1 : 0]);
    struct operand b = emit_float_operand(e, o->args[swap ? 0 : 1]);
    emit_xmm_release(e, o);
    bool boxed = e->xmm_boxed >> a & 1;
    enum x64_xmm to = emit_xmm_result(e, v, emit_keep_second(e, a, &b));
    emit_begin_rounding(e, o);
    e->xmm_boxed |= (uint16_t)(boxed << to); // what is above comes from the first operand
    emit_xmm_three(e, o->type == VM_F32 ? f32 : f64, to, a, &b);
    emit_end_rounding(e, o);
    emit_finish_float(e, v, to, (enum vm_type)o->type);
}

#define TWO_OPERANDS(name, f32, f64, commutes)                                   \
    void emit_op_##name(struct emit *e, vm_ir_value v, const struct vm_ir_op *o) \
    {                                                                            \
        two_operands(e, v, o, f32, f64, commutes);                               \
    }
TWO_OPERANDS(fadd, x64_OP_addss, x64_OP_addsd, true)
TWO_OPERANDS(fsub, x64_OP_subss, x64_OP_subsd, false)
TWO_OPERANDS(fmul, x64_OP_mulss, x64_OP_mulsd, true)
TWO_OPERANDS(fdiv, x64_OP_divss, x64_OP_divsd, false)

void emit_float_unary(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_op op)
{
    if (!emit_is_host_float(e, o)) {
        emit_evaluate(e, v, o);
        return;
    }
    if (!may_pend(o)) {
        checked_unary(e, v, o, op);
        return;
    }
    emit_go_live(e);
    struct operand x = in_xmm(emit_in_xmm(e, o->args[0]));
    emit_xmm_release(e, o);
    enum x64_xmm to = emit_xmm_result(e, v, 0);
    emit_begin_rounding(e, o);
    if (has_feature(e, VM_CPU_X86_64_AVX))
        emit_xmm_three(e, op, to, x.xmm, &x);
    else
        emit_xmm_two(e, op, to, &x);
    emit_end_rounding(e, o);
    emit_finish_float(e, v, to, (enum vm_type)o->type);
}

void emit_op_fsqrt(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    emit_float_unary(e, v, o, o->type == VM_F32 ? x64_OP_sqrtss : x64_OP_sqrtsd);
}

// --- fma ---

static enum x64_op fused_op(const struct vm_ir_op *o)
{
    static const enum x64_op ops[2][4] = {
        {x64_OP_vfmadd231ss, x64_OP_vfnmadd231ss, x64_OP_vfmsub231ss, x64_OP_vfnmsub231ss},
        {x64_OP_vfmadd231sd, x64_OP_vfnmadd231sd, x64_OP_vfmsub231sd, x64_OP_vfnmsub231sd},
    };
    unsigned signs =
        (o->attr & VM_IR_FP_NEG_PRODUCT ? 1 : 0) + (o->attr & VM_IR_FP_NEG_ADDEND ? 2 : 0);
    return ops[o->type == VM_F64][signs];
}

// The addend in a register of its own, which the result takes: c's, if nothing else needs that; or
// the result's home, unless that is a factor.
static enum x64_xmm own_addend(struct emit *e, vm_ir_value v, const struct vm_ir_op *o,
                               uint32_t factors)
{
    vm_ir_value c = e->plan->root[o->args[2]];
    enum x64_xmm from = emit_in_xmm(e, c);
    bool is_home = emit_xmm_home(e, c) != NO_REG;
    if (!is_home && e->plan->last_use[c] <= e->at && !(factors >> from & 1))
        return from;
    enum x64_xmm to = emit_xmm_result(e, v, factors);
    emit_xmm_move(e, to, from);
    return to;
}

static void checked_fma(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    emit_go_live(e);
    const struct operand args[3] = {in_xmm(emit_in_xmm(e, o->args[0])),
                                    in_xmm(emit_in_xmm(e, o->args[1])),
                                    in_xmm(emit_in_xmm(e, o->args[2]))};
    enum x64_xmm to = emit_xmm_temp(e);
    emit_xmm_move(e, to, args[2].xmm);
    emit_begin_rounding(e, o);
    emit_xmm_three(e, fused_op(o), to, args[0].xmm, &args[1]);
    emit_end_rounding(e, o);
    emit_check_float(e, v, o, to, true, args);
}

// A NaN may be that of infinity times zero plus a quiet NaN, which is invalid, but not to x86. C
// sees that from the factors, whatever NaN is added.
void emit_op_fma(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    if (!emit_is_host_float(e, o)) {
        emit_evaluate(e, v, o);
        return;
    }
    if (!may_pend(o)) {
        checked_fma(e, v, o);
        return;
    }
    emit_go_live(e);
    enum x64_xmm a = emit_in_xmm(e, o->args[0]);
    struct operand b = emit_float_operand(e, o->args[1]);
    uint32_t factors = 1u << a | (b.kind == IN_XMM ? 1u << b.xmm : 0);
    enum x64_xmm to = own_addend(e, v, o, factors);
    e->xmm_boxed &= (uint16_t) ~(1u << to); // C does not box it
    struct operand result = in_xmm(to);
    emit_begin_rounding(e, o);
    emit_xmm_three(e, fused_op(o), to, a, &b);
    emit_end_rounding(e, o);
    emit_xmm_two(e, o->type == VM_F32 ? x64_OP_ucomiss : x64_OP_ucomisd, to, &result);
    uint8_t *aside = x64_jcc32(&e->code, X64_P);
    const struct operand args[3] = {in_xmm(a), b, result};
    struct cold *cold = emit_evaluate_aside(e, o, aside, args);
    cold->xmm = (uint8_t)to;
    emit_hold_xmm(e, v, to);
    cold->nans = emit_take_operands(e, o);
    emit_define_xmm(e, v, to);
}
