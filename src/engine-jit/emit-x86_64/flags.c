// SPDX-License-Identifier: MIT
//
// Condition flags. A flags value is a mask of enum vm_ir_flag, at RFLAGS' places; what makes one
// sets the host's flags and takes them from there by lahf and seto. Narrow types go to C.
#include "emit.h"

#include <vm/base/bits.h>
#include <vm/ir/eval.h>
#include <vm/osal/cpu.h>

// --- making them ---

// What an addition adds is the complement of another value, or of a constant: a subtraction whose
// borrow is the complement of the carry. *of: the value; or NONE, and *constant.
static bool is_complement(const struct emit *e, const struct vm_ir_op *o, vm_ir_value *of,
                          uint64_t *constant)
{
    const struct vm_ir_op *b = &e->r->ops[e->plan->root[o->args[1]]];
    *of = VM_IR_NONE;
    if (o->code != VM_IR_addf)
        return false;
    if (jit_is_taken_in(e->plan, o->args[1])) {
        *of = b->args[0];
        return true;
    }
    if (!emit_is_const(e, o->args[1], constant))
        return false;
    *constant = ~*constant;
    return *constant == vm_sign_extend(*constant, 32);
}

static void alu(struct emit *e, enum x64_alu op, enum x64_width w, enum x64_reg to,
                const struct operand *b)
{
    if (b->kind == IMMEDIATE)
        x64_alu_ri(&e->code, op, w, to, (int32_t)b->imm);
    else if (b->kind == IN_MEMORY)
        x64_alu_rm(&e->code, op, w, to, b->mem);
    else
        x64_alu_rr(&e->code, op, w, to, b->reg);
}

static struct operand second_operand(struct emit *e, const struct vm_ir_op *o, bool complement,
                                     vm_ir_value of, uint64_t constant)
{
    if (!complement)
        return emit_operand(e, o->args[1]);
    if (of != VM_IR_NONE)
        return emit_operand(e, of);
    return (struct operand){.kind = IMMEDIATE, .imm = (int64_t)constant};
}

// cmp a, b without a copy of a where the host can.
static void compare(struct emit *e, const struct vm_ir_op *o, enum x64_width w,
                    const struct operand *b)
{
    struct operand a = emit_operand(e, o->args[0]);
    if (a.kind == IN_MEMORY && b->kind == IMMEDIATE) {
        x64_cmp_mi(&e->code, w, a.mem, (int32_t)b->imm);
    } else if (a.kind == IN_MEMORY && b->kind == IN_REGISTER) {
        x64_cmp_mr(&e->code, w, a.mem, b->reg);
    } else {
        enum x64_reg reg = a.kind == IN_REGISTER ? a.reg : emit_in_register(e, o->args[0]);
        alu(e, X64_ALU_cmp, w, reg, b);
    }
}

// CF = the op's third operand, or its complement.
static void carry_in(struct emit *e, vm_ir_value v, bool complement)
{
    uint64_t constant;
    if (emit_is_const(e, v, &constant)) {
        (constant != 0) != complement ? x64_stc(&e->code) : x64_clc(&e->code);
        return;
    }
    struct operand c = emit_operand(e, v);
    if (c.kind == IN_MEMORY)
        x64_bt_mi(&e->code, X64_32, c.mem, 0);
    else
        x64_bt_ri(&e->code, X64_32, c.reg, 0);
    if (complement)
        x64_cmc(&e->code);
}

// Sets the host's flags as addf or subf say; whether CF is the complement of C.
static bool set_by_sum(struct emit *e, const struct vm_ir_op *o, enum x64_width w)
{
    uint64_t constant = 0, carry;
    vm_ir_value of;
    bool complement = is_complement(e, o, &of, &constant);
    bool subtract = complement || o->code == VM_IR_subf;
    bool plain = emit_is_const(e, o->args[2], &carry) && carry == complement;
    if (plain && subtract) {
        struct operand b = second_operand(e, o, complement, of, constant);
        compare(e, o, w, &b);
        return complement;
    }
    enum x64_reg to = emit_temp(e);
    emit_load_value(e, to, o->args[0]);
    struct operand b = second_operand(e, o, complement, of, constant);
    if (!plain)
        carry_in(e, o->args[2], complement);
    if (plain)
        alu(e, X64_ALU_add, w, to, &b);
    else
        alu(e, subtract ? X64_ALU_sbb : X64_ALU_adc, w, to, &b);
    return complement;
}

void emit_test(struct emit *e, const struct vm_ir_op *o)
{
    enum x64_width w = o->type == VM_I64 ? X64_64 : X64_32;
    struct operand b = emit_operand(e, o->args[1]);
    if (b.kind == IMMEDIATE && b.imm >= 0)
        w = X64_32; // what is above is 0, as is the sign
    struct operand a = emit_operand(e, o->args[0]);
    if (a.kind == IN_MEMORY && b.kind == IMMEDIATE) {
        x64_test_mi(&e->code, w, a.mem, (int32_t)b.imm);
        return;
    }
    enum x64_reg reg = a.kind == IN_REGISTER ? a.reg : emit_in_register(e, o->args[0]);
    if (b.kind == IMMEDIATE)
        x64_test_ri(&e->code, w, reg, (int32_t)b.imm);
    else
        x64_test_rr(&e->code, w, reg,
                    b.kind == IN_REGISTER ? b.reg : emit_in_register(e, o->args[1]));
}

static void set_by_value(struct emit *e, const struct vm_ir_op *o, enum x64_width w)
{
    if (jit_is_taken_in(e->plan, o->args[0])) { // an and, of which a branch makes a test as well
        emit_test(e, &e->r->ops[o->args[0]]);
        return;
    }
    enum x64_reg a = emit_in_register(e, o->args[0]);
    x64_test_rr(&e->code, w, a, a);
}

// v = the wanted flags of the host's. ah has all but V as they are in the mask, al has V.
static void take_flags(struct emit *e, vm_ir_value v, uint32_t wanted, bool complement)
{
    struct x64_code *c = &e->code;
    const bool overflow = wanted & VM_IR_FLAG_V, others = wanted & ~(uint32_t)VM_IR_FLAG_V;
    emit_move_out(e, X64_RAX);
    emit_claim(e, X64_RAX);
    if (complement && wanted & VM_IR_FLAG_C)
        x64_cmc(c);
    if (overflow)
        x64_setcc_r(c, X64_O, X64_RAX);
    if (others)
        x64_lahf(c);
    if (overflow && others) {
        x64_shl_ri(c, X64_8, X64_RAX, 3);
        x64_ror_ri(c, X64_16, X64_RAX, 8);
    } else {
        overflow ? x64_shl_ri(c, X64_32, X64_RAX, 11) : x64_shr_ri(c, X64_32, X64_RAX, 8);
    }
    x64_and_ri(c, X64_32, X64_RAX, (int32_t)wanted);
    if (complement && wanted & VM_IR_FLAG_A) // the carry out of the nibble is turned round as well
        x64_xor_ri(c, X64_32, X64_RAX, VM_IR_FLAG_A);
    emit_define(e, v, X64_RAX);
}

// C takes the complement, or the and, as it is.
static void make_in_c(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    if (o->code == VM_IR_addf && jit_is_taken_in(e->plan, o->args[1])) {
        e->at = o->args[1]; // it is still to be used
        emit_op_xor(e, o->args[1], &e->r->ops[o->args[1]]);
        e->at = v;
        e->locked = 0;
    }
    if (o->code == VM_IR_logicf && jit_is_taken_in(e->plan, o->args[0])) {
        e->at = o->args[0];
        emit_op_and(e, o->args[0], &e->r->ops[o->args[0]]);
        e->at = v;
        e->locked = 0;
    }
    emit_evaluate(e, v, o);
}

static bool make_later(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    uint64_t constant = 0;
    vm_ir_value of;
    bool complement = is_complement(e, o, &of, &constant);
    return emit_flags_later(e, v, o, complement, of, constant);
}

bool emit_may_leave_flags(const struct emit *e, vm_ir_value v)
{
    const struct vm_ir_op *o = &e->r->ops[v];
    uint64_t constant;
    vm_ir_value of;
    return o->type >= VM_I32 && o->type <= VM_I64 &&
           emit_flags_kind(e, v, is_complement(e, o, &of, &constant));
}

void emit_leave_flags(struct emit *e, vm_ir_value v)
{
    make_later(e, v, &e->r->ops[v]);
}

static void make_flags(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    enum x64_width w = o->type == VM_I64 ? X64_64 : X64_32;
    uint32_t wanted = vm_ir_wanted_flags(o->attr);
    bool complement = false;
    if (o->type < VM_I32 || !has_feature(e, VM_CPU_X86_64_LAHF)) {
        make_in_c(e, v, o);
        return;
    }
    if (make_later(e, v, o))
        return;
    if (o->code == VM_IR_logicf) {
        set_by_value(e, o, w);
        wanted &= VM_IR_FLAG_S | VM_IR_FLAG_Z | VM_IR_FLAG_P; // the host leaves A undefined
    } else {
        complement = set_by_sum(e, o, w);
    }
    take_flags(e, v, wanted, complement);
}

#define MAKE_FLAGS(name)                                                         \
    void emit_op_##name(struct emit *e, vm_ir_value v, const struct vm_ir_op *o) \
    {                                                                            \
        make_flags(e, v, o);                                                     \
    }
MAKE_FLAGS(addf)
MAKE_FLAGS(subf)
MAKE_FLAGS(logicf)

// --- looking at them ---

// Sets the host's Z unless one of the flags in `mask`, which lie in one byte, is set.
static void test_mask(struct emit *e, vm_ir_value flags, uint32_t mask)
{
    uint64_t constant;
    bool high = mask == VM_IR_FLAG_V;
    if (emit_is_const(e, flags, &constant))
        emit_in_register(e, flags);
    struct operand f = emit_operand(e, flags);
    if (f.kind == IN_MEMORY)
        x64_test_mi(&e->code, X64_8, at_offset(f.mem, high), (int32_t)(high ? mask >> 8 : mask));
    else
        x64_test_ri(&e->code, X64_32, f.reg, (int32_t)mask);
}

// S != V, or also Z: V, shifted to S, is XORed to it; what is shifted to Z is 0.
static void test_less(struct emit *e, vm_ir_value flags, bool or_zero)
{
    enum x64_reg t = emit_temp(e);
    emit_load_value(e, t, flags);
    x64_shr_ri(&e->code, X64_32, t, 4);
    struct operand f = emit_operand(e, flags);
    alu(e, X64_ALU_xor, X64_32, t, &f);
    x64_test_ri(&e->code, X64_32, t, VM_IR_FLAG_S | (or_zero ? (int32_t)VM_IR_FLAG_Z : 0));
}

enum x64_cc emit_condition(struct emit *e, vm_ir_value cond)
{
    const struct vm_ir_op *o = &e->r->ops[cond];
    uint32_t plain = o->attr & ~(uint32_t)VM_IR_COND_NOT;
    if (plain == VM_IR_COND_SV || plain == VM_IR_COND_ZSV)
        test_less(e, o->args[0], plain == VM_IR_COND_ZSV);
    else
        test_mask(e, o->args[0], vm_ir_cond_flags(plain));
    return o->attr & VM_IR_COND_NOT ? X64_E : X64_NE;
}

// --- as bit masks ---

// The old ones outside the mask, the new ones in it.
void emit_op_mergef(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    enum x64_reg old = emit_temp(e), new = emit_temp(e);
    emit_load_value(e, old, o->args[0]);
    emit_load_value(e, new, o->args[1]);
    x64_and_ri(&e->code, X64_32, old, (int32_t)~o->attr);
    x64_and_ri(&e->code, X64_32, new, (int32_t)o->attr);
    x64_or_rr(&e->code, X64_32, old, new);
    emit_define(e, v, old);
}

void emit_op_bitflags(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    enum x64_reg reg = emit_temp(e);
    emit_load_value(e, reg, o->args[0]);
    x64_and_ri(&e->code, X64_32, reg, VM_IR_FLAGS_ALL);
    emit_define(e, v, reg);
}
