// SPDX-License-Identifier: MIT
//
// Integer arithmetic, comparison, selection and width. Narrow types are computed in 32 bits, with
// operands extended where the upper bits matter.
#include "emit.h"

#include <vm/base/bits.h>
#include <vm/osal/cpu.h>

// A narrow operand in a temporary of its own, extended to 32 bits.
static enum x64_reg extended(struct emit *e, vm_ir_value v, enum vm_type t, bool sign)
{
    enum x64_reg to = emit_temp(e);
    emit_load_value(e, to, v);
    if (t == VM_I8 && sign)
        x64_movsx8_rr(&e->code, X64_32, to, to);
    else if (t == VM_I8)
        x64_movzx8_rr(&e->code, X64_32, to, to);
    else if (sign)
        x64_movsx16_rr(&e->code, X64_32, to, to);
    else
        x64_movzx16_rr(&e->code, X64_32, to, to);
    return to;
}

static bool is_narrow(enum vm_type t)
{
    return t == VM_I8 || t == VM_I16;
}

// --- add, sub, and, or, xor, mul ---

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

static bool same_register(const struct operand *o, enum x64_reg reg)
{
    return o->kind == IN_REGISTER && o->reg == reg;
}

static void swap_operands(struct operand *a, struct operand *b)
{
    struct operand t = *a;
    *a = *b;
    *b = t;
}

// dst = a OP b at width w, the operation being commutative or not.
static void two_operands(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_alu op,
                         enum x64_width w, bool commutes)
{
    struct operand a = emit_operand(e, o->args[0]), b = emit_operand(e, o->args[1]);
    enum x64_reg to = emit_result(e, v, commutes ? 0 : emit_busy(&b));
    if (commutes && same_register(&b, to))
        swap_operands(&a, &b);
    emit_bring(e, w, to, &a);
    alu(e, op, w, to, &b);
    emit_define(e, v, to);
}

// An addition or subtraction into another register than its operands' is one LEA.
static bool add_by_lea(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_width w,
                       bool subtract)
{
    struct operand a = emit_operand(e, o->args[0]), b = emit_operand(e, o->args[1]);
    if (a.kind != IN_REGISTER || b.kind == IN_MEMORY || (subtract && b.kind != IMMEDIATE))
        return false;
    int64_t disp = b.kind == IMMEDIATE ? (subtract ? -b.imm : b.imm) : 0;
    if (disp != (int32_t)disp)
        return false;
    enum x64_reg to = emit_result(e, v, 0);
    if (same_register(&a, to) || same_register(&b, to))
        return false;
    if (b.kind == IMMEDIATE)
        x64_lea_rm(&e->code, w, to, x64_at(a.reg, (int32_t)disp));
    else
        x64_lea_rm(&e->code, w, to, x64_at_index(a.reg, b.reg, 0, 0));
    emit_define(e, v, to);
    return true;
}

static void add_or_sub(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_width w)
{
    bool subtract = o->code == VM_IR_sub;
    if (!add_by_lea(e, v, o, w, subtract))
        two_operands(e, v, o, subtract ? X64_ALU_sub : X64_ALU_add, w, !subtract);
}

static void multiply_by(struct emit *e, enum x64_width w, enum x64_reg to, const struct operand *b)
{
    if (b->kind == IN_MEMORY)
        x64_imul_rm(&e->code, w, to, b->mem);
    else if (b->kind == IN_REGISTER)
        x64_imul_rr(&e->code, w, to, b->reg);
    else
        x64_imul_rri(&e->code, w, to, to, (int32_t)b->imm);
}

static void multiply(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_width w)
{
    struct operand a = emit_operand(e, o->args[0]), b = emit_operand(e, o->args[1]);
    enum x64_reg to = emit_result(e, v, 0);
    if (a.kind == IMMEDIATE)
        swap_operands(&a, &b);
    if (b.kind == IMMEDIATE && a.kind == IN_REGISTER) {
        x64_imul_rri(&e->code, w, to, a.reg, (int32_t)b.imm);
    } else if (b.kind == IMMEDIATE && a.kind == IN_MEMORY) {
        x64_imul_rmi(&e->code, w, to, a.mem, (int32_t)b.imm);
    } else {
        if (same_register(&b, to))
            swap_operands(&a, &b);
        emit_bring(e, w, to, &a);
        multiply_by(e, w, to, &b);
    }
    emit_define(e, v, to);
}

static void logic(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_alu op,
                  enum x64_width w)
{
    if (!emit_float_logic(e, v, o))
        two_operands(e, v, o, op, w, true);
}

static void arithmetic(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_width w)
{
    switch (o->code) {
    case VM_IR_mul: multiply(e, v, o, w); break;
    case VM_IR_and: logic(e, v, o, X64_ALU_and, w); break;
    case VM_IR_or: logic(e, v, o, X64_ALU_or, w); break;
    case VM_IR_xor: logic(e, v, o, X64_ALU_xor, w); break;
    default: add_or_sub(e, v, o, w); break;
    }
}

#define ARITHMETIC(name)                                                         \
    void emit_op_##name(struct emit *e, vm_ir_value v, const struct vm_ir_op *o) \
    {                                                                            \
        arithmetic(e, v, o, compute_width((enum vm_type)o->type));               \
    }
ARITHMETIC(add)
ARITHMETIC(sub)
ARITHMETIC(mul)
ARITHMETIC(and)
ARITHMETIC(or)
ARITHMETIC(xor)

// --- shifts ---

static enum x64_shift shift_of(unsigned code)
{
    switch (code) {
    case VM_IR_shl: return X64_SHIFT_shl;
    case VM_IR_shr: return X64_SHIFT_shr;
    case VM_IR_sar: return X64_SHIFT_sar;
    default: return X64_SHIFT_ror;
    }
}

static void shift_by_constant(struct emit *e, vm_ir_value v, const struct vm_ir_op *o,
                              uint64_t count)
{
    enum x64_width w = compute_width((enum vm_type)o->type);
    unsigned n = (unsigned)count & (w == X64_64 ? 63 : 31);
    struct operand a = emit_operand(e, o->args[0]);
    enum x64_reg to = emit_result(e, v, 0);
    if (o->code == VM_IR_rotr && has_feature(e, VM_CPU_X86_64_BMI2) && a.kind == IN_REGISTER) {
        x64_rorx_rri(&e->code, w, to, a.reg, (uint8_t)n);
    } else if (o->code == VM_IR_shl && n >= 1 && n <= 3 && a.kind == IN_REGISTER && a.reg != to) {
        x64_lea_rm(&e->code, w, to, x64_at_index(X64_NONE, a.reg, n, 0));
    } else {
        emit_bring(e, w, to, &a);
        if (n)
            x64_shift_ri(&e->code, shift_of(o->code), w, to, (uint8_t)n);
    }
    emit_define(e, v, to);
}

static void shift_by_bmi2(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_width w)
{
    enum x64_reg count = emit_in_register(e, o->args[1]), a = emit_in_register(e, o->args[0]);
    enum x64_reg to = emit_result(e, v, 0);
    if (o->code == VM_IR_shl)
        x64_shlx_rrr(&e->code, w, to, a, count);
    else if (o->code == VM_IR_shr)
        x64_shrx_rrr(&e->code, w, to, a, count);
    else
        x64_sarx_rrr(&e->code, w, to, a, count);
    emit_define(e, v, to);
}

static void shift_by_cl(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_width w)
{
    emit_claim(e, X64_RCX);
    enum x64_reg to = emit_temp(e);
    emit_load_value(e, X64_RCX, o->args[1]);
    emit_load_value(e, to, o->args[0]);
    x64_shift_r_cl(&e->code, shift_of(o->code), w, to);
    emit_define(e, v, to);
}

// Counts are taken modulo the narrow width, which the host does not know.
static void shift_narrow(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    enum vm_type t = (enum vm_type)o->type;
    unsigned bits = vm_ir_type_bits(t);
    emit_claim(e, X64_RCX);
    enum x64_reg to = extended(e, o->args[0], t, o->code == VM_IR_sar);
    emit_load_value(e, X64_RCX, o->args[1]);
    x64_and_ri(&e->code, X64_32, X64_RCX, (int32_t)bits - 1);
    x64_shift_r_cl(&e->code, shift_of(o->code), o->code == VM_IR_rotr ? width_of(t) : X64_32, to);
    emit_define(e, v, to);
}

static void shift(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    uint64_t count;
    enum x64_width w = compute_width((enum vm_type)o->type);
    if (is_narrow((enum vm_type)o->type))
        shift_narrow(e, v, o);
    else if (emit_is_const(e, o->args[1], &count))
        shift_by_constant(e, v, o, count);
    else if (has_feature(e, VM_CPU_X86_64_BMI2) && o->code != VM_IR_rotr)
        shift_by_bmi2(e, v, o, w);
    else
        shift_by_cl(e, v, o, w);
}

#define SHIFT(name)                                                              \
    void emit_op_##name(struct emit *e, vm_ir_value v, const struct vm_ir_op *o) \
    {                                                                            \
        shift(e, v, o);                                                          \
    }
SHIFT(shl)
SHIFT(shr)
SHIFT(sar)
SHIFT(rotr)

// --- multiplication's high half, division ---

// rdx:rax = a * b.
static void wide_product(struct emit *e, const struct vm_ir_op *o, enum x64_width w, bool sign)
{
    emit_claim(e, X64_RAX);
    emit_claim(e, X64_RDX);
    enum x64_reg b = X64_RDX;
    uint64_t constant;
    // A constant would ask for a third temporary, and the caller may have claimed it.
    bool loads = emit_is_const(e, o->args[1], &constant);
    if (!loads) {
        struct operand operand = emit_operand(e, o->args[1]);
        loads = operand.kind != IN_REGISTER;
        b = loads ? X64_RDX : operand.reg;
    }
    if (loads)
        emit_load_value(e, X64_RDX, o->args[1]);
    emit_load_value(e, X64_RAX, o->args[0]);
    if (sign)
        x64_imul_r(&e->code, w, b);
    else
        x64_mul_r(&e->code, w, b);
}

static void high_product(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, bool sign)
{
    wide_product(e, o, compute_width((enum vm_type)o->type), sign);
    emit_define(e, v, X64_RDX);
}

void emit_op_mulhu(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    high_product(e, v, o, false);
}

void emit_op_mulhs(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    high_product(e, v, o, true);
}

// The unsigned product, less b in the high half where a is negative.
void emit_op_mulhsu(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    enum x64_width w = compute_width((enum vm_type)o->type);
    emit_claim(e, X64_RCX);
    wide_product(e, o, w, false);
    emit_load_value(e, X64_RAX, o->args[0]);
    emit_load_value(e, X64_RCX, o->args[1]);
    x64_sar_ri(&e->code, w, X64_RAX, w == X64_64 ? 63 : 31);
    x64_and_rr(&e->code, w, X64_RCX, X64_RAX);
    x64_sub_rr(&e->code, w, X64_RDX, X64_RCX);
    emit_define(e, v, X64_RDX);
}

// rcx = divisor, rax = dividend. What the host would trap at goes around the division:
//   by 0: quotient all ones, remainder the dividend
//   signed by -1: quotient the negated dividend, remainder 0 (overflow included)
static void divide(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, bool sign,
                   bool remainder)
{
    enum x64_width w = compute_width((enum vm_type)o->type);
    struct x64_label zero = {0}, minus_one = {0}, done = {0};
    enum x64_reg to = remainder ? X64_RDX : X64_RAX;
    emit_claim_all(e);
    emit_load_value(e, X64_RCX, o->args[1]);
    emit_load_value(e, X64_RAX, o->args[0]);
    x64_test_rr(&e->code, w, X64_RCX, X64_RCX);
    x64_jcc_label(&e->code, X64_E, &zero);
    if (sign) {
        x64_cmp_ri(&e->code, w, X64_RCX, -1);
        x64_jcc_label(&e->code, X64_E, &minus_one);
        if (w == X64_64)
            x64_cqo(&e->code);
        else
            x64_cdq(&e->code);
        x64_idiv_r(&e->code, w, X64_RCX);
        x64_jmp_label(&e->code, &done);
        x64_bind(&e->code, &minus_one);
        if (remainder)
            x64_xor_rr(&e->code, X64_32, X64_RDX, X64_RDX);
        else
            x64_neg_r(&e->code, w, X64_RAX);
    } else {
        x64_xor_rr(&e->code, X64_32, X64_RDX, X64_RDX);
        x64_div_r(&e->code, w, X64_RCX);
    }
    x64_jmp_label(&e->code, &done);
    x64_bind(&e->code, &zero);
    if (remainder)
        x64_mov_rr(&e->code, X64_64, X64_RDX, X64_RAX);
    else
        x64_mov_ri(&e->code, X64_64, X64_RAX, -1);
    x64_bind(&e->code, &done);
    emit_define(e, v, to);
}

void emit_op_divu(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    divide(e, v, o, false, false);
}

void emit_op_divs(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    divide(e, v, o, true, false);
}

void emit_op_remu(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    divide(e, v, o, false, true);
}

void emit_op_rems(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    divide(e, v, o, true, true);
}

// --- minimum, maximum ---

static void extremum(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_cc take_b)
{
    enum x64_width w = compute_width((enum vm_type)o->type);
    enum x64_reg b = emit_in_register(e, o->args[1]);
    struct operand a = emit_operand(e, o->args[0]);
    enum x64_reg to = emit_result(e, v, 1u << b);
    emit_bring(e, w, to, &a);
    x64_cmp_rr(&e->code, w, to, b);
    x64_cmov_rr(&e->code, take_b, w, to, b);
    emit_define(e, v, to);
}

void emit_op_smin(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    extremum(e, v, o, X64_G);
}

void emit_op_smax(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    extremum(e, v, o, X64_L);
}

void emit_op_umin(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    extremum(e, v, o, X64_A);
}

void emit_op_umax(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    extremum(e, v, o, X64_B);
}

// --- counting and reversing ---

typedef void unary_fn(struct x64_code *code, enum x64_width w, enum x64_reg to, enum x64_reg from);

static void count_bits(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, uint32_t feature,
                       unary_fn *instruction)
{
    if (!has_feature(e, feature)) {
        emit_evaluate(e, v, o);
        return;
    }
    enum x64_reg a = emit_in_register(e, o->args[0]);
    enum x64_reg to = emit_result(e, v, 0);
    instruction(&e->code, compute_width((enum vm_type)o->type), to, a);
    emit_define(e, v, to);
}

void emit_op_clz(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    count_bits(e, v, o, VM_CPU_X86_64_LZCNT, x64_lzcnt_rr);
}

void emit_op_ctz(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    count_bits(e, v, o, VM_CPU_X86_64_BMI1, x64_tzcnt_rr);
}

void emit_op_popcnt(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    count_bits(e, v, o, VM_CPU_X86_64_POPCNT, x64_popcnt_rr);
}

void emit_op_bswap(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    enum x64_width w = compute_width((enum vm_type)o->type);
    struct operand a = emit_operand(e, o->args[0]);
    enum x64_reg to = emit_result(e, v, 0);
    emit_bring(e, w, to, &a);
    x64_bswap_r(&e->code, w, to);
    emit_define(e, v, to);
}

// --- comparison and selection ---

static enum x64_cc condition_of(unsigned code)
{
    static const uint8_t table[] = {X64_E, X64_NE, X64_L, X64_LE, X64_B, X64_BE};
    return (enum x64_cc)table[code - VM_IR_eq];
}

// The condition when the operands change sides.
static enum x64_cc mirrored(enum x64_cc cc)
{
    switch (cc) {
    case X64_L: return X64_G;
    case X64_LE: return X64_GE;
    case X64_B: return X64_A;
    case X64_BE: return X64_AE;
    default: return cc;
    }
}

static enum x64_cc compare_narrow(struct emit *e, const struct vm_ir_op *o)
{
    bool sign = o->code == VM_IR_lts || o->code == VM_IR_les;
    enum x64_reg a = extended(e, o->args[0], (enum vm_type)o->type, sign);
    enum x64_reg b = extended(e, o->args[1], (enum vm_type)o->type, sign);
    x64_cmp_rr(&e->code, X64_32, a, b);
    return condition_of(o->code);
}

enum x64_cc emit_compare(struct emit *e, vm_ir_value compare)
{
    const struct vm_ir_op *o = &e->r->ops[compare];
    enum x64_width w = compute_width((enum vm_type)o->type);
    if (o->code == VM_IR_cond)
        return emit_condition(e, compare);
    enum x64_cc cc = condition_of(o->code);
    if (is_narrow((enum vm_type)o->type))
        return compare_narrow(e, o);
    if (jit_is_taken_in(e->plan, o->args[0])) { // an and, compared with 0
        emit_test(e, &e->r->ops[o->args[0]]);
        return cc;
    }
    struct operand a = emit_operand(e, o->args[0]), b = emit_operand(e, o->args[1]);
    if (a.kind == IMMEDIATE) {
        swap_operands(&a, &b);
        cc = mirrored(cc);
    }
    if (a.kind == IMMEDIATE) { // both: folding has missed it
        enum x64_reg reg = emit_temp(e);
        x64_imm(&e->code, reg, (uint64_t)a.imm);
        a = (struct operand){.kind = IN_REGISTER, .reg = reg};
    }
    if (b.kind == IMMEDIATE && b.imm == 0 && a.kind == IN_REGISTER)
        x64_test_rr(&e->code, w, a.reg, a.reg);
    else if (b.kind == IMMEDIATE && a.kind == IN_MEMORY)
        x64_cmp_mi(&e->code, w, a.mem, (int32_t)b.imm);
    else if (a.kind == IN_MEMORY && b.kind == IN_REGISTER)
        x64_cmp_mr(&e->code, w, a.mem, b.reg);
    else {
        enum x64_reg reg = a.kind == IN_REGISTER ? a.reg : emit_temp(e);
        emit_bring(e, w, reg, &a);
        alu(e, X64_ALU_cmp, w, reg, &b);
    }
    return cc;
}

static void compare(struct emit *e, vm_ir_value v)
{
    enum x64_cc cc = emit_compare(e, v);
    e->locked = 0;
    enum x64_reg to = emit_result(e, v, 0);
    x64_setcc_r(&e->code, cc, to);
    x64_movzx8_rr(&e->code, X64_32, to, to);
    emit_define(e, v, to);
}

#define COMPARE(name)                                                            \
    void emit_op_##name(struct emit *e, vm_ir_value v, const struct vm_ir_op *o) \
    {                                                                            \
        (void)o;                                                                 \
        compare(e, v);                                                           \
    }
COMPARE(eq)
COMPARE(ne)
COMPARE(lts)
COMPARE(les)
COMPARE(ltu)
COMPARE(leu)
COMPARE(cond)

void emit_op_select(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    enum x64_cc cc = X64_NE;
    vm_ir_value condition = e->plan->root[o->args[0]];
    if (jit_is_taken_in(e->plan, o->args[0])) {
        cc = emit_compare(e, o->args[0]);
    } else {
        enum x64_reg c = emit_in_register(e, condition);
        x64_test_rr(&e->code, X64_64, c, c);
    }
    // From here on nothing may change the flags.
    e->locked = 0;
    enum x64_reg yes = emit_in_register(e, o->args[1]);
    struct operand no = emit_operand(e, o->args[2]);
    enum x64_reg to = emit_result(e, v, 1u << yes);
    emit_bring(e, X64_64, to, &no);
    x64_cmov_rr(&e->code, cc, X64_64, to, yes);
    emit_define(e, v, to);
}

// --- width ---

// Sign or zero extension of the low `bits` (8, 16 or 32) of an operand.
static void extend(struct emit *e, enum x64_reg to, const struct operand *a, unsigned bits,
                   bool sign)
{
    struct x64_code *c = &e->code;
    bool memory = a->kind == IN_MEMORY;
    if (bits == 32 && sign)
        memory ? x64_movsx32_rm(c, X64_64, to, a->mem) : x64_movsx32_rr(c, X64_64, to, a->reg);
    else if (bits == 32)
        memory ? x64_mov_rm(c, X64_32, to, a->mem) : x64_mov_rr(c, X64_32, to, a->reg);
    else if (bits == 16 && sign)
        memory ? x64_movsx16_rm(c, X64_64, to, a->mem) : x64_movsx16_rr(c, X64_64, to, a->reg);
    else if (bits == 16)
        memory ? x64_movzx16_rm(c, X64_32, to, a->mem) : x64_movzx16_rr(c, X64_32, to, a->reg);
    else if (sign)
        memory ? x64_movsx8_rm(c, X64_64, to, a->mem) : x64_movsx8_rr(c, X64_64, to, a->reg);
    else
        memory ? x64_movzx8_rm(c, X64_32, to, a->mem) : x64_movzx8_rr(c, X64_32, to, a->reg);
}

static void extend_op(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, bool sign)
{
    unsigned bits = vm_ir_type_bits(vm_ir_value_type(e->r, o->args[0]));
    struct operand a = emit_operand(e, o->args[0]);
    if (a.kind == IMMEDIATE)
        a = (struct operand){.kind = IN_REGISTER, .reg = emit_in_register(e, o->args[0])};
    enum x64_reg to = emit_result(e, v, 0);
    extend(e, to, &a, bits, sign);
    emit_define(e, v, to);
}

void emit_op_sext(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    extend_op(e, v, o, true);
}

void emit_op_zext(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    extend_op(e, v, o, false);
}

// The sign-extended low word of an operation that was taken in.
static void extract_word(struct emit *e, vm_ir_value v, const struct vm_ir_op *whole)
{
    static const uint8_t table[VM_IR_CODE_COUNT] = {
        [VM_IR_add] = X64_ALU_add, [VM_IR_sub] = X64_ALU_sub, [VM_IR_and] = X64_ALU_and,
        [VM_IR_or] = X64_ALU_or,   [VM_IR_xor] = X64_ALU_xor,
    };
    struct operand a = emit_operand(e, whole->args[0]), b = emit_operand(e, whole->args[1]);
    enum x64_reg to = emit_result(e, v, emit_busy(&b));
    if (whole->code == VM_IR_add && a.kind == IN_REGISTER && b.kind == IMMEDIATE) {
        x64_lea_rm(&e->code, X64_32, to, x64_at(a.reg, (int32_t)b.imm));
    } else if (whole->code == VM_IR_add && a.kind == IN_REGISTER && b.kind == IN_REGISTER) {
        x64_lea_rm(&e->code, X64_32, to, x64_at_index(a.reg, b.reg, 0, 0));
    } else {
        emit_bring(e, X64_32, to, &a);
        if (whole->code != VM_IR_mul)
            alu(e, (enum x64_alu)table[whole->code], X64_32, to, &b);
        else
            multiply_by(e, X64_32, to, &b);
    }
    x64_movsx32_rr(&e->code, X64_64, to, to);
    emit_define(e, v, to);
}

static void extract_field(struct emit *e, enum x64_reg to, const struct operand *a, unsigned pos,
                          unsigned len, bool sign)
{
    bool whole = len == 8 || len == 16 || len == 32;
    if (pos == 0 && whole && a->kind != IMMEDIATE) {
        extend(e, to, a, len, sign);
        return;
    }
    emit_bring(e, X64_64, to, a);
    if (sign || pos + len == 64 || len > 31) {
        if (64 - pos - len)
            x64_shl_ri(&e->code, X64_64, to, (uint8_t)(64 - pos - len));
        if (sign && len < 64)
            x64_sar_ri(&e->code, X64_64, to, (uint8_t)(64 - len));
        else if (len < 64)
            x64_shr_ri(&e->code, X64_64, to, (uint8_t)(64 - len));
        return;
    }
    if (pos)
        x64_shr_ri(&e->code, X64_64, to, (uint8_t)pos);
    x64_and_ri(&e->code, X64_32, to, (int32_t)vm_mask(len));
}

void emit_op_extract(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    if (jit_is_taken_in(e->plan, o->args[0])) {
        extract_word(e, v, &e->r->ops[o->args[0]]);
        return;
    }
    struct operand a = emit_operand(e, o->args[0]);
    enum x64_reg to = emit_result(e, v, 0);
    extract_field(e, to, &a, VM_IR_FIELD_POS(o->attr), VM_IR_FIELD_LEN(o->attr),
                  o->attr & VM_IR_FIELD_SIGNED);
    emit_define(e, v, to);
}

// to = a with the field cleared, or b's low bits at their place.
void emit_op_deposit(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    unsigned pos = VM_IR_FIELD_POS(o->attr), len = VM_IR_FIELD_LEN(o->attr);
    enum x64_reg field = emit_temp(e), to = emit_temp(e), mask = emit_temp(e);
    uint64_t bits = vm_mask(len) << pos;
    emit_load_value(e, field, o->args[1]);
    if (pos)
        x64_shl_ri(&e->code, X64_64, field, (uint8_t)pos);
    x64_imm_keep_flags(&e->code, mask, bits);
    x64_and_rr(&e->code, X64_64, field, mask);
    x64_not_r(&e->code, X64_64, mask);
    emit_load_value(e, to, o->args[0]);
    x64_and_rr(&e->code, X64_64, to, mask);
    x64_or_rr(&e->code, X64_64, to, field);
    emit_define(e, v, to);
}
