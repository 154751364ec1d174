// SPDX-License-Identifier: MIT
//
// The verifier's rules for one op: suffix type, operands by the signature, attr and imm.
#include "verify.h"
#include "words.h"
#include <vm/ir/eval.h>

#include <vm/base/bits.h>
#include <vm/base/softfloat.h>

enum { MAX_INSN_LENGTH = 255, ATTR_FIELD_BITS = 17, ATTR_MEM_BITS = 17 };

static const char *type_name(enum vm_type t)
{
    return t < VM_TYPE_COUNT ? vm_ir_type_names[t] : "?";
}

static bool is_in(enum vm_type t, unsigned set)
{
    return VM_TYPE_BIT(t) & set;
}

// Whether an operand of type `t` is what `letter` of a signature asks for.
static bool operand_matches(char letter, enum vm_type suffix, enum vm_type t)
{
    unsigned bits = vm_ir_type_bits(t), wanted = vm_ir_type_bits(suffix);
    switch (letter) {
    case 't': return t == suffix;
    case 'b':
    case 'l':
    case 'p': return t == VM_I64;
    case 'q': return t == VM_I128;
    case 'f': return t == VM_FLAGS;
    case 'n': return is_in(t, VM_TYPES_INT) && bits < wanted;
    case 'x': return is_in(t, VM_TYPES_INT) && bits > wanted;
    case 'F': return is_in(t, VM_TYPES_FLOAT) && t != suffix;
    case 'N': return is_in(t, VM_TYPES_WORD);
    case 'i': return is_in(t, VM_TYPES_INT) && bits == wanted;
    default: return false;
    }
}

static const char *letter_text(char letter, enum vm_type suffix)
{
    switch (letter) {
    case 't': return type_name(suffix);
    case 'q': return "i128";
    case 'f': return "flags";
    case 'n': return "a narrower integer";
    case 'x': return "a wider integer";
    case 'F': return "another float type";
    case 'N': return "i32 or i64";
    case 'i': return "the integer as wide as the suffix";
    default: return "i64";
    }
}

static bool check_operand(struct vm_ir_check *k, const struct vm_ir_op *op, unsigned i, char letter)
{
    const struct vm_ir_region *r = k->region;
    vm_ir_value v = op->args[i];
    if (v >= r->op_count || k->block_of[v] == VM_IR_NONE)
        return vm_ir_check_fail(k, "operand %u is no value of this region", i + 1);
    enum vm_type t = vm_ir_value_type(r, v);
    if (t == VM_VOID)
        return vm_ir_check_fail(k, "operand %u is %%%u, which defines no value", i + 1, v);
    if (!operand_matches(letter, (enum vm_type)op->type, t))
        return vm_ir_check_fail(k, "operand %u is of type %s, not %s", i + 1, type_name(t),
                                letter_text(letter, (enum vm_type)op->type));
    if (letter == 'b' && vm_ir_is_const(r, v) && r->ops[v].imm > 1)
        return vm_ir_check_fail(k, "operand %u is a truth value, 0 or 1", i + 1);
    return true;
}

static bool check_operands(struct vm_ir_check *k, const struct vm_ir_op *op)
{
    const char *letters = vm_ir_op_infos[op->code].signature + 2;
    unsigned count = vm_ir_op_args(k->region, op);
    bool has_extra = (op->code == VM_IR_jump || op->code == VM_IR_branch) && op->attr;
    for (unsigned i = 0; i < count; i++)
        if (!check_operand(k, op, i, op->code == VM_IR_call ? 'l' : letters[i]))
            return false;
    for (unsigned i = count; i < (has_extra ? 3 : 4); i++)
        if (op->args[i] != VM_IR_NONE)
            return vm_ir_check_fail(k, "has more than %u operands", count);
    return true;
}

static bool check_entry(struct vm_ir_check *k, const struct vm_ir_op *op)
{
    const struct vm_regfile *f = k->region->regfile;
    if (op->imm >= f->count)
        return vm_ir_check_fail(k, "there is no register-file entry %llu",
                                (unsigned long long)op->imm);
    if (op->type != f->registers[op->imm].type)
        return vm_ir_check_fail(k, "%s is of type %s", f->registers[op->imm].name,
                                type_name((enum vm_type)f->registers[op->imm].type));
    return true;
}

static bool check_field(struct vm_ir_check *k, const struct vm_ir_op *op)
{
    unsigned pos = VM_IR_FIELD_POS(op->attr), len = VM_IR_FIELD_LEN(op->attr);
    bool sign = op->attr & VM_IR_FIELD_SIGNED;
    if (!len || pos + len > vm_ir_type_bits((enum vm_type)op->type))
        return vm_ir_check_fail(k, "field %u, %u is not within the type", pos, len);
    if (op->attr >> ATTR_FIELD_BITS || (sign && op->code == VM_IR_deposit))
        return vm_ir_check_fail(k, "attr 0x%x has bits without a meaning", op->attr);
    return true;
}

static bool check_order(struct vm_ir_check *k, const struct vm_ir_op *op)
{
    enum vm_ir_order order = vm_ir_mem_order(op->attr);
    bool wrong = op->code == VM_IR_load    ? order == VM_IR_RELEASE || order == VM_IR_ACQ_REL
                 : op->code == VM_IR_store ? order == VM_IR_ACQUIRE || order == VM_IR_ACQ_REL
                                           : false;
    if (order > VM_IR_SEQ_CST || wrong)
        return vm_ir_check_fail(k, "ordering %u is not for it", (unsigned)order);
    return true;
}

static bool check_memory(struct vm_ir_check *k, const struct vm_ir_op *op)
{
    unsigned bytes = 1u << vm_ir_mem_size_log2(op->attr);
    unsigned width = vm_ir_type_bytes((enum vm_type)op->type);
    bool reads = op->code != VM_IR_store && op->code != VM_IR_sc;
    enum vm_ir_rmw rmw = vm_ir_mem_rmw(op->attr);
    if (bytes > width)
        return vm_ir_check_fail(k, "size %u is larger than the type", bytes);
    if (op->attr & VM_IR_MEM_SIGNED && (!reads || bytes == width || op->type == VM_V128))
        return vm_ir_check_fail(k, "signed is for reading less than the type");
    if (vm_ir_mem_align(op->attr) > VM_IR_ALIGN_WITHIN_16)
        return vm_ir_check_fail(k, "unknown alignment rule");
    if (op->code == VM_IR_rmw ? rmw > VM_IR_RMW_UMAX : rmw)
        return vm_ir_check_fail(k, "wrong read-modify-write operation");
    if (op->attr >> ATTR_MEM_BITS)
        return vm_ir_check_fail(k, "attr 0x%x has bits without a meaning", op->attr);
    return check_order(k, op);
}

// The bits of attr that an FP op may have beside rounding, NaN and flag rule.
static uint32_t fp_extras(unsigned code)
{
    switch (code) {
    case VM_IR_fmin:
    case VM_IR_fmax:
    case VM_IR_ftos:
    case VM_IR_ftou:
    case VM_IR_vfmin:
    case VM_IR_vfmax:
    case VM_IR_vftos:
    case VM_IR_vftou: return 3u << VM_IR_FP_RULE_SHIFT;
    case VM_IR_feq:
    case VM_IR_flt:
    case VM_IR_fle:
    case VM_IR_vfceq:
    case VM_IR_vfcgt:
    case VM_IR_vfcge: return VM_IR_FP_SIGNALING;
    case VM_IR_fround:
    case VM_IR_vfround: return VM_IR_FP_EXACT;
    case VM_IR_fma:
    case VM_IR_vfma: return VM_IR_FP_NEG_PRODUCT | VM_IR_FP_NEG_ADDEND;
    default: return 0;
    }
}

static bool is_to_int(unsigned code)
{
    return code == VM_IR_ftos || code == VM_IR_ftou || code == VM_IR_vftos || code == VM_IR_vftou;
}

static bool check_float(struct vm_ir_check *k, const struct vm_ir_op *op)
{
    uint32_t common = 7u << VM_IR_FP_ROUND_SHIFT | 3u << VM_IR_FP_NAN_SHIFT | VM_IR_FP_NAN_ENV |
                      VM_IR_FP_NO_FLAGS;
    uint32_t attr = vm_ir_is_vector_op(op->code) ? vm_ir_fp_attr(op) : op->attr;
    uint32_t round = attr >> VM_IR_FP_ROUND_SHIFT & 7, rule = attr >> VM_IR_FP_RULE_SHIFT & 3;
    if (attr & ~(common | fp_extras(op->code)))
        return vm_ir_check_fail(k, "attr 0x%x has bits without a meaning", op->attr);
    if (round > VM_FP_ODD && round != VM_IR_FP_DYNAMIC)
        return vm_ir_check_fail(k, "unknown rounding mode %u", round);
    if (is_to_int(op->code) && rule > VM_FP_INT_X86)
        return vm_ir_check_fail(k, "unknown range rule %u", rule);
    if (op->code == VM_IR_ftom && vm_ir_value_type(k->region, op->args[0]) != VM_F64)
        return vm_ir_check_fail(k, "operand 1 is not f64");
    return true;
}

static bool check_helper(struct vm_ir_check *k, const struct vm_ir_op *op)
{
    if (op->imm >= k->region->helper_count)
        return vm_ir_check_fail(k, "there is no helper %llu", (unsigned long long)op->imm);
    const struct vm_ir_helper *h = &k->region->helpers[op->imm];
    if (h->args > 4 || (h->result != VM_I64 && h->result != VM_VOID))
        return vm_ir_check_fail(k, "helper %s is declared wrongly", h->name);
    return true;
}

static bool at_most(struct vm_ir_check *k, uint32_t attr, uint32_t limit)
{
    return attr <= limit || vm_ir_check_fail(k, "attr 0x%x is out of range", attr);
}

static bool check_goto(struct vm_ir_check *k, const struct vm_ir_op *op)
{
    return vm_ir_hint_of(op) == VM_IR_HINT_CALL || at_most(k, op->attr, 0);
}

static bool check_attr(struct vm_ir_check *k, const struct vm_ir_op *op)
{
    unsigned effects = vm_ir_op_infos[op->code].effects;
    if (effects & (VM_IR_E_LOAD | VM_IR_E_STORE) && op->code != VM_IR_fence)
        return check_memory(k, op);
    if (effects & VM_IR_E_FPENV && !check_float(k, op))
        return false;
    if (vm_ir_is_vector_op(op->code))
        return vm_ir_check_vector(k, op);
    if (effects & VM_IR_E_FPENV)
        return true;
    switch (op->code) {
    case VM_IR_insn: return at_most(k, op->attr, MAX_INSN_LENGTH);
    case VM_IR_extract:
    case VM_IR_deposit: return check_field(k, op);
    case VM_IR_cond: return at_most(k, op->attr, 15);
    case VM_IR_fence: return at_most(k, op->attr, 0xff);
    case VM_IR_goto: return check_goto(k, op);
    case VM_IR_goto_ind: return at_most(k, op->attr, VM_IR_HINT_RESYNC);
    case VM_IR_exit: return at_most(k, op->attr, VM_IR_EXIT_PAUSE);
    case VM_IR_addf:
    case VM_IR_subf:
    case VM_IR_logicf:
    case VM_IR_mergef: return at_most(k, op->attr & ~(uint32_t)VM_IR_FLAGS_ALL, 0);
    case VM_IR_jump:
    case VM_IR_branch: return true;
    default: return at_most(k, op->attr, 0);
    }
}

static bool uses_imm(const struct vm_ir_op *op)
{
    switch (op->code) {
    case VM_IR_insn:
    case VM_IR_const:
    case VM_IR_param:
    case VM_IR_pcrel:
    case VM_IR_call:
    case VM_IR_jump:
    case VM_IR_branch:
    case VM_IR_goto:
    case VM_IR_raise:
    case VM_IR_exit: return true;
    case VM_IR_goto_ind: return vm_ir_hint_pushes(vm_ir_hint_of(op));
    default: return vm_ir_form_of(op->code) == VM_IR_FORM_MEMORY;
    }
}

static bool check_imm(struct vm_ir_check *k, const struct vm_ir_op *op)
{
    unsigned bits = vm_ir_type_bits((enum vm_type)op->type);
    if (op->code == VM_IR_get || op->code == VM_IR_put)
        return check_entry(k, op);
    if (op->imm && !uses_imm(op))
        return vm_ir_check_fail(k, "imm 0x%llx has no meaning", (unsigned long long)op->imm);
    if (op->code == VM_IR_const && op->imm & ~vm_mask(bits))
        return vm_ir_check_fail(k, "0x%llx does not fit the type", (unsigned long long)op->imm);
    return true;
}

bool vm_ir_check_op(struct vm_ir_check *k, const struct vm_ir_op *op)
{
    if (op->type >= VM_TYPE_COUNT || !is_in((enum vm_type)op->type, vm_ir_op_infos[op->code].types))
        return vm_ir_check_fail(k, "cannot be of type %s", type_name((enum vm_type)op->type));
    if (op->code == VM_IR_call && !check_helper(k, op))
        return false;
    return check_operands(k, op) && check_attr(k, op) && check_imm(k, op);
}
