// SPDX-License-Identifier: MIT
//
// Folding of vector ops: a lane of what was put together from scalars is the scalar, so that scalar
// arithmetic in vector registers goes from one instruction to the next without them; a copy by and
// or or is what it copies; a round of AES in two ops becomes one.
#include "fold.h"

// The low `bits` bits of an i64, extended.
static vm_ir_value low_part(struct vm_ir_op *op, vm_ir_value v, unsigned bits, bool sign)
{
    op->type = VM_I64;
    return bits == 64 ? v : vm_ir_fold_into_extract(op, v, 0, bits, sign);
}

vm_ir_value vm_ir_fold_vget(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    const struct vm_ir_op *from = &b->region->ops[op->args[0]];
    unsigned bits = vm_ir_type_bits(vm_ir_vec_lane(op->attr)), lane = vm_ir_vec_imm(op->attr);
    unsigned width = vm_ir_type_bits(vm_ir_vec_lane(from->attr));
    bool sign = op->attr & VM_IR_VEC_SIGNED;
    switch (from->code) {
    case VM_IR_vlow:
        if (lane == 0 && bits <= width)
            return low_part(op, from->args[0], bits, sign);
        if (lane * bits >= width)
            return vm_ir_const(b, VM_I64, 0);
        return VM_IR_NONE;
    case VM_IR_vpair:
        if (lane * bits % 64 == 0)
            return low_part(op, from->args[lane * bits / 64], bits, sign);
        return VM_IR_NONE;
    case VM_IR_vset:
        if (bits == width && lane == vm_ir_vec_imm(from->attr))
            return low_part(op, from->args[1], bits, sign);
        if (bits == width) {
            op->args[0] = from->args[0];
            return VM_IR_AGAIN;
        }
        return VM_IR_NONE;
    case VM_IR_vsplat:
        if (bits == width && vm_ir_vec_extent(from->attr) == VM_IR_WHOLE)
            return low_part(op, from->args[0], bits, sign);
        return VM_IR_NONE;
    default: return VM_IR_NONE;
    }
}

vm_ir_value vm_ir_fold_vand(const struct vm_ir_op *op)
{
    bool whole = vm_ir_vec_extent(op->attr) == VM_IR_WHOLE;
    return whole && op->args[0] == op->args[1] ? op->args[0] : VM_IR_NONE;
}

vm_ir_value vm_ir_fold_vaesmc(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    const struct vm_ir_op *from = &b->region->ops[op->args[0]];
    unsigned round = op->code == VM_IR_vaesmc ? VM_IR_vaese : VM_IR_vaesd;
    if (from->code != round || vm_ir_vec_imm(from->attr))
        return VM_IR_NONE;
    op->code = (uint16_t)round;
    op->attr |= VM_IR_VIMM(1);
    op->args[0] = from->args[0];
    return VM_IR_AGAIN;
}
