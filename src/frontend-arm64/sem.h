// SPDX-License-Identifier: MIT
//
// What the semantic functions share: register access and the words of an instruction as IR values.
//
// Rules of every a64_sem_<name>: operands are read before anything is written; an op that can fault
// comes before the instruction's first put; a terminator sets t->ends. The order of the ops must
// not depend on the compiler: no two arguments of one call append ops.
#ifndef A64_SEM_H
#define A64_SEM_H

#include "frontend.h"
#include "isa.h"

#define A64_SEMANTIC(name) void a64_sem_##name(struct a64_translate *t, const struct a64_args *a)

static inline unsigned a64_el(const struct a64_translate *t)
{
    return t->mode & A64_MODE_EL;
}

// The type of a general register by sf.
static inline enum vm_type a64_word(unsigned sf)
{
    return sf ? VM_I64 : VM_I32;
}

static inline vm_ir_value a64_imm(struct a64_translate *t, uint64_t v)
{
    return vm_ir_const(t->b, VM_I64, v);
}

// Xn; register 31 is zero.
static inline vm_ir_value a64_x(struct a64_translate *t, unsigned n)
{
    return n == 31 ? a64_imm(t, 0) : vm_ir_get(t->b, (uint16_t)(A64_REG_X + n));
}

// Xn or SP.
static inline vm_ir_value a64_x_sp(struct a64_translate *t, unsigned n)
{
    return vm_ir_get(t->b, (uint16_t)(n == 31 ? A64_REG_SP : A64_REG_X + n));
}

static inline void a64_set_x(struct a64_translate *t, unsigned n, vm_ir_value v)
{
    if (n != 31)
        vm_ir_put(t->b, (uint16_t)(A64_REG_X + n), v);
}

// Writes SP (sem_address.c): every write goes this way.
void a64_set_sp(struct a64_translate *t, vm_ir_value v);

static inline void a64_set_x_sp(struct a64_translate *t, unsigned n, vm_ir_value v)
{
    if (n == 31)
        a64_set_sp(t, v);
    else
        vm_ir_put(t->b, (uint16_t)(A64_REG_X + n), v);
}

// Wn or Xn by type, as a value of that type.
static inline vm_ir_value a64_r(struct a64_translate *t, enum vm_type type, unsigned n)
{
    vm_ir_value v = a64_x(t, n);
    return type == VM_I64 ? v : vm_ir_trunc(t->b, type, v);
}

// A write of Wn clears the upper half of Xn.
static inline void a64_set_r(struct a64_translate *t, enum vm_type type, unsigned n, vm_ir_value v)
{
    if (n != 31)
        a64_set_x(t, n, type == VM_I64 ? v : vm_ir_zext(t->b, VM_I64, v));
}

static inline vm_ir_value a64_op1(struct a64_translate *t, enum vm_ir_code code, enum vm_type type,
                                  vm_ir_value x)
{
    return vm_ir_emit(t->b, code, type, 0, 0, x, VM_IR_NONE, VM_IR_NONE);
}

static inline vm_ir_value a64_op2(struct a64_translate *t, enum vm_ir_code code, enum vm_type type,
                                  vm_ir_value x, vm_ir_value y)
{
    return vm_ir_emit(t->b, code, type, 0, 0, x, y, VM_IR_NONE);
}

static inline vm_ir_value a64_call(struct a64_translate *t, enum a64_helper helper, vm_ir_value a,
                                   vm_ir_value b, vm_ir_value c, vm_ir_value d)
{
    return vm_ir_call(t->b, (uint16_t)helper, a, b, c, d);
}

// Where the instruction after the current one is, relative to the page base.
static inline uint64_t a64_next(const struct a64_translate *t)
{
    return t->offset + 4;
}

// Leaves for the next instruction through the run loop.
static inline void a64_exit(struct a64_translate *t, enum vm_ir_exit reason)
{
    vm_ir_exit(t->b, reason, a64_next(t));
    t->ends = true;
}

// --- conditions and addresses (sem_flags.c, sem_address.c) ---

// Whether condition `cond` (the manual, C1.2.4) holds, as a truth value; AL and NV: a const 1.
vm_ir_value a64_condition(struct a64_translate *t, unsigned cond);

// Flags of type VM_FLAGS: of x + y + carry, of x + y or x - y in Arm's sense, and N and Z of x with
// C and V clear. `type` is VM_I32 or VM_I64.
vm_ir_value a64_addf(struct a64_translate *t, enum vm_type type, vm_ir_value x, vm_ir_value y,
                     vm_ir_value carry);
vm_ir_value a64_sum_flags(struct a64_translate *t, enum vm_type type, vm_ir_value x, vm_ir_value y,
                          bool subtract);
vm_ir_value a64_logicf(struct a64_translate *t, enum vm_type type, vm_ir_value x);

static inline void a64_set_nzcv(struct a64_translate *t, vm_ir_value flags)
{
    vm_ir_put(t->b, A64_REG_NZCV, flags);
}

// After an instruction that set t->checks_sp: goes on in a new block, or leaves if the mode may
// have changed.
void a64_check_sp(struct a64_translate *t);

// Rm extended by `option` (the manual, "ExtendReg") and shifted left, as a value of `type`.
vm_ir_value a64_extended(struct a64_translate *t, enum vm_type type, unsigned n, unsigned option,
                         unsigned amount);

// The base of a load or store: Xn, or SP after its alignment check (the manual, D1 "SP alignment
// checking").
vm_ir_value a64_base(struct a64_translate *t, unsigned n);

// The attribute word of an ordinary access of 1 << size_log2 bytes in the current mode.
uint32_t a64_mem(const struct a64_translate *t, unsigned size_log2, uint32_t flags);

// --- pointer authentication (sem_pauth.c) ---

enum a64_key { A64_KEY_IA, A64_KEY_IB, A64_KEY_DA, A64_KEY_DB };

// The manual's Auth of a pointer; the pointer itself while that key is off in this mode.
vm_ir_value a64_authenticate(struct a64_translate *t, enum a64_key key, vm_ir_value pointer,
                             vm_ir_value modifier);

// --- vectors and floats ---

static inline vm_ir_value a64_v(struct a64_translate *t, unsigned n)
{
    return vm_ir_get(t->b, (uint16_t)(A64_REG_V + n));
}

static inline void a64_set_v(struct a64_translate *t, unsigned n, vm_ir_value v)
{
    vm_ir_put(t->b, (uint16_t)(A64_REG_V + n), v);
}

// The NaN and flush rules of FP ops in the current mode, for the attribute word of scalar FP ops
// (vector ops: VM_IR_VFP of it). The rounding mode is FPCR's.
static inline uint32_t a64_fp_attr(const struct a64_translate *t)
{
    uint32_t rounding = (uint32_t)VM_IR_FP_DYNAMIC << VM_IR_FP_ROUND_SHIFT;
    if (t->mode & A64_MODE_FP_ENV)
        return rounding | VM_IR_FP_NAN_ENV;
    uint32_t nan = t->mode & A64_MODE_FP_DN ? VM_FP_NAN_DEFAULT : VM_FP_NAN_ARM;
    return rounding | nan << VM_IR_FP_NAN_SHIFT;
}

#endif
