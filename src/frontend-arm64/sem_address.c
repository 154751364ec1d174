// SPDX-License-Identifier: MIT
//
// Addresses and attributes of memory accesses, and the alignment of SP.
//
// An access whose base is SP raises if SP is not a multiple of 16 (the manual, D1 "SP alignment
// checking"). That SP is misaligned is a bit of the execution mode, so that accesses need no test
// while it is not set. What writes SP sees to it that the bit stays right: where it does not know
// the new SP to be aligned, the instruction is followed by a test, and leaves for the run loop if
// the mode may have changed.
#include "sem.h"

enum { SP_ALIGN = 16 };

static bool is_aligned_const(const struct vm_ir_region *r, vm_ir_value v)
{
    return vm_ir_is_const(r, v) && r->ops[v].imm % SP_ALIGN == 0;
}

// Whether v is a multiple of 16 wherever SP is.
static bool is_aligned(const struct vm_ir_region *r, vm_ir_value v)
{
    const struct vm_ir_op *op = &r->ops[v];
    while (op->code == VM_IR_add && is_aligned_const(r, op->args[1]))
        op = &r->ops[op->args[0]];
    if (op->code == VM_IR_and)
        return is_aligned_const(r, op->args[1]);
    return op->code == VM_IR_get ? op->imm == A64_REG_SP : is_aligned_const(r, v);
}

void a64_set_sp(struct a64_translate *t, vm_ir_value v)
{
    bool misaligned = t->mode & A64_MODE_SP_MISALIGNED;
    if (!t->b->region->overflow && (misaligned || !is_aligned(t->b->region, v)))
        t->checks_sp = true;
    vm_ir_put(t->b, A64_REG_SP, v);
}

void a64_check_sp(struct a64_translate *t)
{
    uint16_t changed = vm_ir_new_block(t->b);
    uint16_t same = vm_ir_new_block(t->b);
    vm_ir_value sp = vm_ir_get(t->b, A64_REG_SP);
    vm_ir_value low = vm_ir_and(t->b, VM_I64, sp, a64_imm(t, SP_ALIGN - 1));
    enum vm_ir_code differs = t->mode & A64_MODE_SP_MISALIGNED ? VM_IR_eq : VM_IR_ne;
    vm_ir_value test = a64_op2(t, differs, VM_I64, low, a64_imm(t, 0));
    vm_ir_branch(t->b, test, changed, NULL, 0, same, NULL, 0);
    vm_ir_start_block(t->b, changed);
    a64_call(t, A64_HELP_sync, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
    vm_ir_exit(t->b, VM_IR_EXIT_RESYNC, a64_next(t));
    vm_ir_start_block(t->b, same);
}

static void require_aligned(struct a64_translate *t, vm_ir_value sp)
{
    uint16_t misaligned = vm_ir_new_block(t->b);
    uint16_t aligned = vm_ir_new_block(t->b);
    vm_ir_value low = vm_ir_and(t->b, VM_I64, sp, a64_imm(t, SP_ALIGN - 1));
    vm_ir_value bad = vm_ir_ne(t->b, VM_I64, low, a64_imm(t, 0));
    vm_ir_branch(t->b, bad, misaligned, NULL, 0, aligned, NULL, 0);
    vm_ir_start_block(t->b, misaligned);
    vm_ir_raise(t->b, A64_ESR(A64_EC_SP_ALIGN, 0), sp);
    vm_ir_start_block(t->b, aligned);
}

vm_ir_value a64_extended(struct a64_translate *t, enum vm_type type, unsigned n, unsigned option,
                         unsigned amount)
{
    enum { SIGNED = 4 };
    unsigned width = 8u << (option & 3);
    vm_ir_value v = a64_x(t, n);
    if (width < vm_ir_type_bits(type))
        v = vm_ir_extract(t->b, VM_I64, v, 0, width, option & SIGNED);
    if (type == VM_I32)
        v = vm_ir_trunc(t->b, VM_I32, v);
    return amount ? vm_ir_shl(t->b, type, v, vm_ir_const(t->b, type, amount)) : v;
}

vm_ir_value a64_base(struct a64_translate *t, unsigned n)
{
    vm_ir_value base = a64_x_sp(t, n);
    if (n == 31 && t->mode & A64_MODE_SP_MISALIGNED)
        require_aligned(t, base);
    return base;
}

uint32_t a64_mem(const struct a64_translate *t, unsigned size_log2, uint32_t flags)
{
    if (t->mode & A64_MODE_ALIGN)
        flags |= (uint32_t)VM_IR_ALIGN_NATURAL << VM_IR_MEM_ALIGN_SHIFT;
    return VM_IR_MEM(size_log2, flags, VM_IR_RELAXED);
}
