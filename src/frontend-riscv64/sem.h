// SPDX-License-Identifier: MIT
//
// What the semantic functions share: register access and the words of an instruction as IR values.
//
// Rules of every rv_sem_<name>: operands are read before anything is written; an op that can fault
// comes before the instruction's first put; a terminator sets t->ends. The order of the ops must
// not depend on the compiler: no two arguments of one call append ops.
#ifndef RV_SEM_H
#define RV_SEM_H

#include "frontend.h"
#include "isa.h"

#define RV_SEMANTIC(name) void rv_sem_##name(struct rv_translate *t, const struct rv_args *a)

static inline unsigned rv_privilege(const struct rv_translate *t)
{
    return t->mode & RV_MODE_PRIVILEGE;
}

static inline vm_ir_value rv_imm(struct rv_translate *t, uint64_t v)
{
    return vm_ir_const(t->b, VM_I64, v);
}

// x0 reads as 0.
static inline vm_ir_value rv_x(struct rv_translate *t, unsigned n)
{
    return n ? vm_ir_get(t->b, (uint16_t)(RV_REG_X + n)) : rv_imm(t, 0);
}

// A write to x0 is dropped.
static inline void rv_set_x(struct rv_translate *t, unsigned n, vm_ir_value v)
{
    if (n)
        vm_ir_put(t->b, (uint16_t)(RV_REG_X + n), v);
}

static inline vm_ir_value rv_op1(struct rv_translate *t, enum vm_ir_code code, vm_ir_value x)
{
    return vm_ir_emit(t->b, code, VM_I64, 0, 0, x, VM_IR_NONE, VM_IR_NONE);
}

static inline vm_ir_value rv_op2(struct rv_translate *t, enum vm_ir_code code, vm_ir_value x,
                                 vm_ir_value y)
{
    return vm_ir_emit(t->b, code, VM_I64, 0, 0, x, y, VM_IR_NONE);
}

// With a constant as second operand.
static inline vm_ir_value rv_op2i(struct rv_translate *t, enum vm_ir_code code, vm_ir_value x,
                                  uint64_t n)
{
    return rv_op2(t, code, x, rv_imm(t, n));
}

// The low 32 bits of a 64-bit value, extended.
static inline vm_ir_value rv_sext_word(struct rv_translate *t, vm_ir_value v)
{
    return vm_ir_extract(t->b, VM_I64, v, 0, 32, true);
}

static inline vm_ir_value rv_zext_word(struct rv_translate *t, vm_ir_value v)
{
    return vm_ir_extract(t->b, VM_I64, v, 0, 32, false);
}

// An op on the low words of two values, its result sign-extended. Sums, differences, products and
// left shifts by constants need none: their low word comes out of the 64-bit op too.
static inline vm_ir_value rv_word_op2(struct rv_translate *t, enum vm_ir_code code, vm_ir_value x,
                                      vm_ir_value y)
{
    x = vm_ir_trunc(t->b, VM_I32, x);
    y = vm_ir_trunc(t->b, VM_I32, y);
    return vm_ir_sext(t->b, VM_I64, vm_ir_emit(t->b, code, VM_I32, 0, 0, x, y, VM_IR_NONE));
}

static inline vm_ir_value rv_call(struct rv_translate *t, enum rv_helper helper, vm_ir_value a,
                                  vm_ir_value b, vm_ir_value c)
{
    return vm_ir_call(t->b, (uint16_t)helper, a, b, c, VM_IR_NONE);
}

// Where the instruction after the current one is, relative to the page base.
static inline uint64_t rv_next(const struct rv_translate *t)
{
    return t->offset + t->length;
}

// Leaves for the next instruction through the run loop.
static inline void rv_exit(struct rv_translate *t, enum vm_ir_exit reason)
{
    vm_ir_exit(t->b, reason, rv_next(t));
    t->ends = true;
}

// Definitions of semantic functions that only write rd: x[rd] = value, an expression of x (rs1), of
// y (rs2), or of n (the immediate or the shift amount). With rd=x0 they are hints: nothing.
#define RV_COMPUTE(name, operands, value) \
    RV_SEMANTIC(name)                     \
    {                                     \
        if (!a->rd)                       \
            return;                       \
        operands;                         \
        rv_set_x(t, a->rd, value);        \
    }
#define RV_UNARY(name, value) RV_COMPUTE(name, vm_ir_value x = rv_x(t, a->rs1), value)
#define RV_BINARY(name, value) \
    RV_COMPUTE(name, vm_ir_value x = rv_x(t, a->rs1); vm_ir_value y = rv_x(t, a->rs2), value)
#define RV_IMMEDIATE(name, value) \
    RV_COMPUTE(name, vm_ir_value x = rv_x(t, a->rs1); uint64_t n = (uint64_t)a->imm, value)
#define RV_SHIFT(name, value) \
    RV_COMPUTE(name, vm_ir_value x = rv_x(t, a->rs1); unsigned n = a->shamt, value)

#endif
