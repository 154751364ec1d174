// SPDX-License-Identifier: MIT
//
// Floating-point computation, comparison and classification in every format (volume I, chapters
// "F", "D", "Zfh", and Zfa's minimum, maximum, rounding and quiet comparison).
#include "sem_fp.h"

// Whether this block has made the check already. Nothing that changes FS or frm is followed by more
// of the same block, and only the helper itself can stand between two checks.
static bool checked_before(const struct vm_ir_builder *b, bool dynamic)
{
    const struct vm_ir_region *r = b->region;
    uint32_t first = r->overflow ? r->op_count : r->blocks[b->block].first;
    for (uint32_t i = r->op_count; i-- > first;) {
        const struct vm_ir_op *op = &r->ops[i];
        if (op->code != VM_IR_call)
            continue;
        if (op->imm != RV_FP_CHECK)
            return false;
        if (!dynamic || (vm_ir_is_const(r, op->args[0]) && r->ops[op->args[0]].imm))
            return true;
    }
    return false;
}

bool rv_fp_begin(struct rv_translate *t, bool dynamic)
{
    if (rv_privilege(t) == VM_RISCV64_U) {
        if (!(t->mode & RV_MODE_FS_OFF) && !(dynamic && t->mode & RV_MODE_BAD_FRM))
            return true;
        rv_illegal(t);
        return false;
    }
    if (!checked_before(t->b, dynamic))
        rv_call(t, RV_FP_CHECK, rv_imm(t, dynamic), VM_IR_NONE, VM_IR_NONE);
    return true;
}

static void binary(struct rv_translate *t, const struct rv_args *a, enum vm_type format,
                   enum vm_ir_code code)
{
    vm_ir_value x = rv_f(t, format, a->rs1);
    vm_ir_value y = rv_f(t, format, a->rs2);
    vm_ir_value r = vm_ir_emit(t->b, code, format, rv_fp_attr(a), 0, x, y, VM_IR_NONE);
    rv_set_f(t, format, a->rd, r);
}

RV_FP_FORMATS(fadd, binary, VM_IR_fadd)
RV_FP_FORMATS(fsub, binary, VM_IR_fsub)
RV_FP_FORMATS(fmul, binary, VM_IR_fmul)
RV_FP_FORMATS(fdiv, binary, VM_IR_fdiv)

static void unary(struct rv_translate *t, const struct rv_args *a, enum vm_type format,
                  enum vm_ir_code code, uint32_t attr)
{
    vm_ir_value x = rv_f(t, format, a->rs1);
    attr |= rv_fp_attr(a);
    vm_ir_value r = vm_ir_emit(t->b, code, format, attr, 0, x, VM_IR_NONE, VM_IR_NONE);
    rv_set_f(t, format, a->rd, r);
}

static void square_root(struct rv_translate *t, const struct rv_args *a, enum vm_type format,
                        uint32_t attr)
{
    unary(t, a, format, VM_IR_fsqrt, attr);
}

static void round_to_integer(struct rv_translate *t, const struct rv_args *a, enum vm_type format,
                             uint32_t attr)
{
    unary(t, a, format, VM_IR_fround, attr);
}

RV_FP_FORMATS(fsqrt, square_root, 0)
RV_FP_FORMATS(fround, round_to_integer, 0)
RV_FP_FORMATS(froundnx, round_to_integer, VM_IR_FP_EXACT)

// FNMADD is -(x * y) - z, FNMSUB -(x * y) + z.
static void fused(struct rv_translate *t, const struct rv_args *a, enum vm_type format,
                  uint32_t signs)
{
    vm_ir_value x = rv_f(t, format, a->rs1);
    vm_ir_value y = rv_f(t, format, a->rs2);
    vm_ir_value z = rv_f(t, format, a->rs3);
    rv_set_f(t, format, a->rd, vm_ir_fma(t->b, format, rv_fp_attr(a) | signs, x, y, z));
}

RV_FP_FORMATS(fmadd, fused, 0)
RV_FP_FORMATS(fmsub, fused, VM_IR_FP_NEG_ADDEND)
RV_FP_FORMATS(fnmsub, fused, VM_IR_FP_NEG_PRODUCT)
RV_FP_FORMATS(fnmadd, fused, VM_IR_FP_NEG_PRODUCT | VM_IR_FP_NEG_ADDEND)

static void extremum(struct rv_translate *t, const struct rv_args *a, enum vm_type format,
                     enum vm_ir_code code, enum vm_fp_minmax rule)
{
    vm_ir_value x = rv_f(t, format, a->rs1);
    vm_ir_value y = rv_f(t, format, a->rs2);
    uint32_t attr = (uint32_t)rule << VM_IR_FP_RULE_SHIFT;
    rv_set_f(t, format, a->rd, vm_ir_emit(t->b, code, format, attr, 0, x, y, VM_IR_NONE));
}

static void minimum(struct rv_translate *t, const struct rv_args *a, enum vm_type format,
                    enum vm_fp_minmax rule)
{
    extremum(t, a, format, VM_IR_fmin, rule);
}

static void maximum(struct rv_translate *t, const struct rv_args *a, enum vm_type format,
                    enum vm_fp_minmax rule)
{
    extremum(t, a, format, VM_IR_fmax, rule);
}

RV_FP_FORMATS(fmin, minimum, VM_FP_NUMBER_2019)
RV_FP_FORMATS(fmax, maximum, VM_FP_NUMBER_2019)
RV_FP_FORMATS(fminm, minimum, VM_FP_PROPAGATE_2019)
RV_FP_FORMATS(fmaxm, maximum, VM_FP_PROPAGATE_2019)

static void compare(struct rv_translate *t, const struct rv_args *a, enum vm_type format,
                    enum vm_ir_code code, uint32_t attr)
{
    vm_ir_value x = rv_f(t, format, a->rs1);
    vm_ir_value y = rv_f(t, format, a->rs2);
    rv_set_x_flags(t, a->rd, vm_ir_emit(t->b, code, format, attr, 0, x, y, VM_IR_NONE));
}

static void equal(struct rv_translate *t, const struct rv_args *a, enum vm_type format,
                  uint32_t attr)
{
    compare(t, a, format, VM_IR_feq, attr);
}

static void less(struct rv_translate *t, const struct rv_args *a, enum vm_type format,
                 uint32_t attr)
{
    compare(t, a, format, VM_IR_flt, attr);
}

static void less_or_equal(struct rv_translate *t, const struct rv_args *a, enum vm_type format,
                          uint32_t attr)
{
    compare(t, a, format, VM_IR_fle, attr);
}

RV_FP_FORMATS(feq, equal, 0)
RV_FP_FORMATS(flt, less, VM_IR_FP_SIGNALING)
RV_FP_FORMATS(fle, less_or_equal, VM_IR_FP_SIGNALING)
RV_FP_FORMATS(fltq, less, 0)
RV_FP_FORMATS(fleq, less_or_equal, 0)

static void classify(struct rv_translate *t, const struct rv_args *a, enum vm_type format)
{
    if (a->rd)
        rv_set_x(t, a->rd, vm_ir_fclass(t->b, format, rv_f(t, format, a->rs1)));
}

RV_SEMANTIC(fclass_h)
{
    classify(t, a, VM_F16);
}

RV_SEMANTIC(fclass_s)
{
    classify(t, a, VM_F32);
}

RV_SEMANTIC(fclass_d)
{
    classify(t, a, VM_F64);
}
