// SPDX-License-Identifier: MIT
//
// Local simplification of one op before it is appended: constants, identities, canonical forms.
// Private to the module.
//
// A rule looks at the op and at those that define its operands (which are folded already, since
// they were built by the same builder). It does not recurse: it answers with a value that exists,
// with VM_IR_NONE (append the op as it stands now), or with VM_IR_AGAIN when it has rewritten the
// op into another that may fold further. A rule makes no new op but constants.
#ifndef VM_IR_FOLD_H
#define VM_IR_FOLD_H

#include <vm/base/bits.h>
#include <vm/ir/builder.h>

enum { VM_IR_AGAIN = 0xfffe };

// Folds *op, which may be rewritten even when the answer is VM_IR_NONE.
vm_ir_value vm_ir_fold(struct vm_ir_builder *b, struct vm_ir_op *op);

// The rules of a chapter; each takes the ops that its name says.
vm_ir_value vm_ir_fold_arith(struct vm_ir_builder *b, struct vm_ir_op *op);
vm_ir_value vm_ir_fold_shift(struct vm_ir_builder *b, struct vm_ir_op *op);
vm_ir_value vm_ir_fold_compare(struct vm_ir_builder *b, struct vm_ir_op *op);
vm_ir_value vm_ir_fold_truths(struct vm_ir_builder *b, struct vm_ir_op *op); // and, or of two
vm_ir_value vm_ir_fold_select(struct vm_ir_builder *b, struct vm_ir_op *op);
vm_ir_value vm_ir_fold_width(struct vm_ir_builder *b, struct vm_ir_op *op);
vm_ir_value vm_ir_fold_field(struct vm_ir_builder *b, struct vm_ir_op *op);
vm_ir_value vm_ir_fold_flags(struct vm_ir_builder *b, struct vm_ir_op *op);
vm_ir_value vm_ir_fold_vget(struct vm_ir_builder *b, struct vm_ir_op *op);
vm_ir_value vm_ir_fold_vand(const struct vm_ir_op *op);
vm_ir_value vm_ir_fold_vaesmc(struct vm_ir_builder *b, struct vm_ir_op *op); // vaesimc too

// Whether v is 0 or 1 because of the op that makes it.
bool vm_ir_is_truth(const struct vm_ir_region *r, vm_ir_value v);

// Whether the op's two operands may change places.
bool vm_ir_is_commutative(unsigned code);

// The code of the comparison that holds when that of `op` does not; *swap: with operands swapped.
// False when op is no integer comparison.
bool vm_ir_inverse(const struct vm_ir_op *op, unsigned *code, bool *swap);

static inline bool vm_ir_fold_const(const struct vm_ir_builder *b, vm_ir_value v, uint64_t *out)
{
    const struct vm_ir_op *op = &b->region->ops[v];
    if (op->code != VM_IR_const)
        return false;
    *out = op->imm;
    return true;
}

static inline unsigned vm_ir_fold_bits(const struct vm_ir_op *op)
{
    return vm_ir_type_bits((enum vm_type)op->type);
}

static inline vm_ir_value vm_ir_fold_to_const(struct vm_ir_builder *b, const struct vm_ir_op *op,
                                              uint64_t bits)
{
    return vm_ir_const(b, (enum vm_type)op->type, bits);
}

// The op becomes `code` on a and c, with its type; fold again.
static inline vm_ir_value vm_ir_fold_into(struct vm_ir_op *op, unsigned code, vm_ir_value a,
                                          vm_ir_value c)
{
    op->code = (uint16_t)code;
    op->args[0] = a;
    op->args[1] = c;
    op->args[2] = VM_IR_NONE;
    op->attr = 0;
    return VM_IR_AGAIN;
}

static inline vm_ir_value vm_ir_fold_into_extract(struct vm_ir_op *op, vm_ir_value v, unsigned pos,
                                                  unsigned len, bool sign)
{
    vm_ir_fold_into(op, VM_IR_extract, v, VM_IR_NONE);
    op->attr = VM_IR_FIELD(pos, len) | (sign ? VM_IR_FIELD_SIGNED : 0);
    return VM_IR_AGAIN;
}

#endif
