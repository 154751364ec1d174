// SPDX-License-Identifier: MIT
#include "words.h"

#include <vm/base/softfloat.h>

#define ORDER(n)    7u << VM_IR_MEM_ORDER_SHIFT, (uint32_t)(n) << VM_IR_MEM_ORDER_SHIFT
#define INDEX(n)    7u << VM_IR_MEM_INDEX_SHIFT, (uint32_t)(n) << VM_IR_MEM_INDEX_SHIFT
#define RMW(n)      15u << VM_IR_MEM_RMW_SHIFT, (uint32_t)(n) << VM_IR_MEM_RMW_SHIFT
#define ROUND(n)    7u << VM_IR_FP_ROUND_SHIFT, (uint32_t)(n) << VM_IR_FP_ROUND_SHIFT
#define NAN_RULE(n) 3u << VM_IR_FP_NAN_SHIFT, (uint32_t)(n) << VM_IR_FP_NAN_SHIFT
#define RULE(n)     3u << VM_IR_FP_RULE_SHIFT, (uint32_t)(n) << VM_IR_FP_RULE_SHIFT
#define LANE(n)     15u << VM_IR_VEC_LANE_SHIFT, (uint32_t)(n) << VM_IR_VEC_LANE_SHIFT
#define EXTENT(n)   3u << VM_IR_VEC_EXTENT_SHIFT, (uint32_t)(n) << VM_IR_VEC_EXTENT_SHIFT
#define BIT(n)      (n), (n)

static const struct vm_ir_word memory_words[] = {
    {"b", 7, 0},
    {"h", 7, 1},
    {"w", 7, 2},
    {"d", 7, 3},
    {"q", 7, 4},
    {"o", 7, 5},
    {"signed", BIT(VM_IR_MEM_SIGNED)},
    {"big", BIT(VM_IR_MEM_BIG_ENDIAN)},
    {"natural", 3u << VM_IR_MEM_ALIGN_SHIFT, VM_IR_ALIGN_NATURAL << VM_IR_MEM_ALIGN_SHIFT},
    {"within16", 3u << VM_IR_MEM_ALIGN_SHIFT, VM_IR_ALIGN_WITHIN_16 << VM_IR_MEM_ALIGN_SHIFT},
    {"acquire", ORDER(VM_IR_ACQUIRE)},
    {"release", ORDER(VM_IR_RELEASE)},
    {"acq_rel", ORDER(VM_IR_ACQ_REL)},
    {"seq_cst", ORDER(VM_IR_SEQ_CST)},
    {"mmu1", INDEX(1)},
    {"mmu2", INDEX(2)},
    {"mmu3", INDEX(3)},
    {"mmu4", INDEX(4)},
    {"mmu5", INDEX(5)},
    {"mmu6", INDEX(6)},
    {"mmu7", INDEX(7)},
    {0},
};

static const struct vm_ir_word rmw_words[] = {
    {"swap", RMW(VM_IR_RMW_SWAP)}, {"add", RMW(VM_IR_RMW_ADD)},
    {"and", RMW(VM_IR_RMW_AND)},   {"or", RMW(VM_IR_RMW_OR)},
    {"xor", RMW(VM_IR_RMW_XOR)},   {"smin", RMW(VM_IR_RMW_SMIN)},
    {"smax", RMW(VM_IR_RMW_SMAX)}, {"umin", RMW(VM_IR_RMW_UMIN)},
    {"umax", RMW(VM_IR_RMW_UMAX)}, {0},
};

static const struct vm_ir_word field_words[] = {{"signed", BIT(VM_IR_FIELD_SIGNED)}, {0}};

static const struct vm_ir_word flag_words[] = {
    {"c", BIT(VM_IR_FLAG_C)},
    {"p", BIT(VM_IR_FLAG_P)},
    {"a", BIT(VM_IR_FLAG_A)},
    {"z", BIT(VM_IR_FLAG_Z)},
    {"s", BIT(VM_IR_FLAG_S)},
    {"v", BIT(VM_IR_FLAG_V)},
    {0},
};

static const struct vm_ir_word fp_words[] = {
    {"rtz", ROUND(VM_FP_RTZ)},
    {"rdn", ROUND(VM_FP_RDN)},
    {"rup", ROUND(VM_FP_RUP)},
    {"rmm", ROUND(VM_FP_RMM)},
    {"odd", ROUND(VM_FP_ODD)},
    {"dynamic", ROUND(VM_IR_FP_DYNAMIC)},
    {"nan_default", NAN_RULE(VM_FP_NAN_DEFAULT)},
    {"nan_arm", NAN_RULE(VM_FP_NAN_ARM)},
    {"nan_x86", NAN_RULE(VM_FP_NAN_X86)},
    {"env", BIT(VM_IR_FP_NAN_ENV)},
    {"no_flags", BIT(VM_IR_FP_NO_FLAGS)},
    {0},
};

static const struct vm_ir_word minmax_words[] = {
    {"propagate", RULE(VM_FP_PROPAGATE_2019)},
    {"number2008", RULE(VM_FP_NUMBER_2008)},
    {"x86", RULE(VM_FP_X86)},
    {0},
};

static const struct vm_ir_word range_words[] = {
    {"arm", RULE(VM_FP_INT_ARM)},
    {"x86", RULE(VM_FP_INT_X86)},
    {0},
};

static const struct vm_ir_word compare_words[] = {{"signaling", BIT(VM_IR_FP_SIGNALING)}, {0}};
static const struct vm_ir_word round_words[] = {{"exact", BIT(VM_IR_FP_EXACT)}, {0}};
static const struct vm_ir_word fma_words[] = {
    {"neg_product", BIT(VM_IR_FP_NEG_PRODUCT)},
    {"neg_addend", BIT(VM_IR_FP_NEG_ADDEND)},
    {0},
};

static const struct vm_ir_word vector_words[] = {
    {"i8", LANE(VM_I8)},
    {"i16", LANE(VM_I16)},
    {"i32", LANE(VM_I32)},
    {"i64", LANE(VM_I64)},
    {"f16", LANE(VM_F16)},
    {"f32", LANE(VM_F32)},
    {"f64", LANE(VM_F64)},
    {"half", EXTENT(VM_IR_HALF)},
    {"lane0", EXTENT(VM_IR_LANE0)},
    {"high", BIT(VM_IR_VEC_HIGH)},
    {"signed", BIT(VM_IR_VEC_SIGNED)},
    {0},
};

const char *const vm_ir_cond_names[VM_IR_COND_NAMES] = {"z", "c", "s", "v", "p", "cz", "sv", "zsv"};
const char *const vm_ir_hint_names[VM_IR_HINT_NAMES] = {"other", "call", "return", "swap",
                                                        "resync"};
const char *const vm_ir_exit_names[VM_IR_EXIT_NAMES] = {"resync", "wait", "pause"};

static const struct vm_ir_word *own_words(unsigned code)
{
    switch (code) {
    case VM_IR_rmw: return rmw_words;
    case VM_IR_fmin:
    case VM_IR_fmax:
    case VM_IR_vfmin:
    case VM_IR_vfmax: return minmax_words;
    case VM_IR_ftos:
    case VM_IR_ftou:
    case VM_IR_vftos:
    case VM_IR_vftou: return range_words;
    case VM_IR_feq:
    case VM_IR_flt:
    case VM_IR_fle:
    case VM_IR_vfceq:
    case VM_IR_vfcgt:
    case VM_IR_vfcge: return compare_words;
    case VM_IR_fround:
    case VM_IR_vfround: return round_words;
    case VM_IR_fma:
    case VM_IR_vfma: return fma_words;
    case VM_IR_extract: return field_words;
    case VM_IR_addf:
    case VM_IR_subf:
    case VM_IR_logicf:
    case VM_IR_mergef: return flag_words;
    default: return NULL;
    }
}

const struct vm_ir_word *vm_ir_words_of(unsigned code, unsigned index, unsigned *shift)
{
    const struct vm_ir_word *lists[3], *own = own_words(code);
    unsigned count = 0;
    bool is_vector = vm_ir_is_vector_op(code);
    if (is_vector)
        lists[count++] = vector_words;
    if (own)
        lists[count++] = own;
    if (vm_ir_form_of(code) == VM_IR_FORM_MEMORY)
        lists[count++] = memory_words;
    else if (vm_ir_op_infos[code].effects & VM_IR_E_FPENV)
        lists[count++] = fp_words;
    *shift = is_vector && index ? VM_IR_VEC_FP_SHIFT : 0;
    return index < count ? lists[index] : NULL;
}

uint32_t vm_ir_words_required(unsigned code)
{
    if (vm_ir_is_vector_op(code))
        return 15u << VM_IR_VEC_LANE_SHIFT;
    if (vm_ir_form_of(code) != VM_IR_FORM_MEMORY)
        return 0;
    return 7u | (code == VM_IR_rmw ? 15u << VM_IR_MEM_RMW_SHIFT : 0);
}

bool vm_ir_takes_immediate(unsigned code)
{
    switch (code) {
    case VM_IR_vget:
    case VM_IR_vset:
    case VM_IR_vdup:
    case VM_IR_vshl:
    case VM_IR_vshrs:
    case VM_IR_vshru:
    case VM_IR_vrshrs:
    case VM_IR_vrshru:
    case VM_IR_vrev:
    case VM_IR_vext:
    case VM_IR_vaese:
    case VM_IR_vaesd:
    case VM_IR_vsha1: return true;
    default: return false;
    }
}

enum vm_ir_form vm_ir_form_of(unsigned code)
{
    switch (code) {
    case VM_IR_insn: return VM_IR_FORM_INSN;
    case VM_IR_const:
    case VM_IR_param:
    case VM_IR_pcrel: return VM_IR_FORM_IMM;
    case VM_IR_get:
    case VM_IR_put: return VM_IR_FORM_ENTRY;
    case VM_IR_extract:
    case VM_IR_deposit: return VM_IR_FORM_FIELD;
    case VM_IR_cond: return VM_IR_FORM_COND;
    case VM_IR_load:
    case VM_IR_store:
    case VM_IR_lr:
    case VM_IR_sc:
    case VM_IR_cas:
    case VM_IR_rmw: return VM_IR_FORM_MEMORY;
    case VM_IR_fence: return VM_IR_FORM_FENCE;
    case VM_IR_call: return VM_IR_FORM_CALL;
    case VM_IR_jump: return VM_IR_FORM_JUMP;
    case VM_IR_branch: return VM_IR_FORM_BRANCH;
    case VM_IR_goto: return VM_IR_FORM_GOTO;
    case VM_IR_goto_ind: return VM_IR_FORM_HINT;
    case VM_IR_raise: return VM_IR_FORM_RAISE;
    case VM_IR_exit: return VM_IR_FORM_EXIT;
    default: return vm_ir_takes_immediate(code) ? VM_IR_FORM_LANE : VM_IR_FORM_PLAIN;
    }
}

enum vm_type vm_ir_only_type(unsigned code)
{
    unsigned types = vm_ir_op_infos[code].types;
    if (types & (types - 1))
        return VM_TYPE_COUNT;
    return (enum vm_type)__builtin_ctz(types);
}
