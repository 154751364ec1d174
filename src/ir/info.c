// SPDX-License-Identifier: MIT
//
// What ops.def says about an op, as a table and as the questions that everybody asks of it.
#include <vm/ir/ir.h>

#include <vm/base/memory.h>

const struct vm_ir_op_info vm_ir_op_infos[VM_IR_CODE_COUNT] = {
#define VM_IR_OP(name, types, signature, effects, text) \
    [VM_IR_##name] = {#name, signature, types, effects, sizeof(signature) - 3, text},
#include <vm/ir/ops.def>
};

const char *const vm_ir_type_names[VM_TYPE_COUNT] = {
    [VM_VOID] = "void", [VM_I8] = "i8",     [VM_I16] = "i16",   [VM_I32] = "i32",
    [VM_I64] = "i64",   [VM_I128] = "i128", [VM_F16] = "f16",   [VM_F32] = "f32",
    [VM_F64] = "f64",   [VM_V128] = "v128", [VM_V256] = "v256", [VM_FLAGS] = "flags",
};

#define ARGS(name, signature)                              \
    (VM_IR_##name == VM_IR_call     ? VM_IR_ARGS_OF_HELPER \
     : VM_IR_##name == VM_IR_jump   ? 0                    \
     : VM_IR_##name == VM_IR_branch ? 1                    \
                                    : sizeof(signature) - 3)
const struct vm_ir_op_trait vm_ir_op_traits[VM_IR_CODE_COUNT] = {
#define VM_IR_OP(name, types, signature, effects, text) \
    [VM_IR_##name] = {effects, ARGS(name, signature), (signature)[0]},
#include <vm/ir/ops.def>
};

const uint8_t vm_ir_type_sizes[VM_TYPE_COUNT] = {
    [VM_VOID] = 0, [VM_I8] = 1,  [VM_I16] = 2, [VM_I32] = 4,   [VM_I64] = 8,   [VM_I128] = 16,
    [VM_F16] = 2,  [VM_F32] = 4, [VM_F64] = 8, [VM_V128] = 16, [VM_V256] = 32, [VM_FLAGS] = 8,
};

enum vm_type vm_ir_result_type(const struct vm_ir_region *r, const struct vm_ir_op *op)
{
    switch (vm_ir_op_traits[op->code].result) {
    case 't': return (enum vm_type)op->type;
    case 'b':
    case 'l': return VM_I64;
    case 'f': return VM_FLAGS;
    case 'i': return op->type == VM_F16 ? VM_I16 : op->type == VM_F32 ? VM_I32 : VM_I64;
    case '*': return op->imm < r->helper_count ? r->helpers[op->imm].result : VM_VOID;
    default: return VM_VOID;
    }
}

vm_ir_value *vm_ir_target_args(const struct vm_ir_region *r, const struct vm_ir_op *term,
                               unsigned which, unsigned *count)
{
    unsigned first = term->attr & 0xffff;
    *count = which ? term->attr >> 16 : first;
    return *count ? r->extra + term->args[3] + (which ? first : 0) : NULL;
}

const vm_ir_value *vm_ir_given_args(const struct vm_ir_region *r, unsigned block, unsigned *count)
{
    const struct vm_ir_block *b = &r->blocks[block];
    *count = 0;
    if (b->count == 0)
        return NULL;
    const struct vm_ir_op *last = &r->ops[b->first + b->count - 1];
    if (last->code == VM_IR_jump || last->code == VM_IR_branch)
        *count = (last->attr & 0xffff) + (last->attr >> 16);
    return *count ? r->extra + last->args[3] : NULL;
}

void vm_ir_find_blocks(const struct vm_ir_region *r, uint16_t *block_of)
{
    vm_fill(block_of, 0xff, r->op_count * sizeof *block_of);
    for (unsigned b = 0; b < r->block_count; b++) {
        uint16_t *of = block_of + r->blocks[b].first;
        for (unsigned i = 0, n = r->blocks[b].count; i < n; i++)
            of[i] = (uint16_t)b;
    }
}

void vm_ir_count_ways_in(const struct vm_ir_region *r, uint16_t *ways_in)
{
    vm_zero(ways_in, r->block_count * sizeof *ways_in);
    ways_in[0] = 1;
    for (unsigned b = 0; b < r->block_count; b++) {
        const struct vm_ir_block *block = &r->blocks[b];
        uint16_t targets[2];
        unsigned n = 0;
        if (block->count > 0)
            n = vm_ir_successors(&r->ops[block->first + block->count - 1u], targets);
        for (unsigned t = 0; t < n; t++)
            ways_in[targets[t]]++;
    }
}

const struct vm_ir_op *vm_ir_first_marker(const struct vm_ir_region *r, unsigned block)
{
    const struct vm_ir_block *b = &r->blocks[block];
    for (unsigned i = 0; i < b->count; i++) {
        const struct vm_ir_op *o = &r->ops[b->first + i];
        if (o->code == VM_IR_insn)
            return o;
    }
    return NULL;
}

static unsigned helper_effects(const struct vm_ir_region *r, const struct vm_ir_op *op)
{
    return op->imm < r->helper_count ? r->helpers[op->imm].effects : VM_IR_HELPER_FAULTS;
}

static bool is_listed(const uint16_t *list, uint16_t entry)
{
    for (; list && *list != VM_IR_NONE; list++) {
        if (*list == entry)
            return true;
    }
    return false;
}

bool vm_ir_helper_writes(const struct vm_regfile *f, const struct vm_ir_helper *h, uint16_t entry)
{
    return h->effects & VM_IR_HELPER_WRITES_ALL || is_listed(h->writes, entry) ||
           (h->effects & VM_IR_HELPER_WRITES_VECTORS && vm_ir_is_vector_entry(f, entry));
}

bool vm_ir_helper_reads(const struct vm_regfile *f, const struct vm_ir_helper *h, uint16_t entry)
{
    return h->effects & VM_IR_HELPER_READS_ALL || is_listed(h->reads, entry) ||
           (h->effects & VM_IR_HELPER_READS_VECTORS && vm_ir_is_vector_entry(f, entry));
}

bool vm_ir_op_may_fault(const struct vm_ir_region *r, const struct vm_ir_op *op)
{
    if (op->code == VM_IR_call)
        return helper_effects(r, op) & VM_IR_HELPER_FAULTS;
    return vm_ir_op_traits[op->code].effects & VM_IR_E_FAULT;
}

bool vm_ir_op_is_pure(const struct vm_ir_region *r, const struct vm_ir_op *op)
{
    unsigned effects = vm_ir_op_traits[op->code].effects;
    if (effects & VM_IR_E_CALL)
        return (helper_effects(r, op) & (VM_IR_HELPER_PURE | VM_IR_HELPER_FAULTS)) ==
               VM_IR_HELPER_PURE;
    if (effects & VM_IR_E_FPENV)
        return vm_ir_fp_attr(op) & VM_IR_FP_NO_FLAGS;
    return !(effects & ~VM_IR_E_READ_STATE) || op->code == VM_IR_icount;
}
