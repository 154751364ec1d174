// SPDX-License-Identifier: MIT
//
// What each micro-op becomes; terminators are in lower_flow.c. The table at the end is generated
// from ops.def: an op without a function does not compile.
#include <vm/base/bits.h>
#include <vm/ir/eval.h>

#include "lower.h"

static unsigned width_bits(enum vm_type t)
{
    return vm_ir_type_bits(t);
}

// --- arithmetic ---

// The operation of a family for a type: i8 i16 i32 i64, each followed by its immediate form.
static enum bytecode of_arith(enum bytecode first, enum vm_type t, bool imm)
{
    return (enum bytecode)(first + 2 * (t - VM_I8) + imm);
}

static enum bytecode of_word(enum bytecode first, enum vm_type t, bool imm)
{
    return (enum bytecode)(first + 2 * (t - VM_I32) + imm);
}

static void two_operands(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o,
                         enum bytecode (*pick)(enum bytecode, enum vm_type, bool),
                         enum bytecode first)
{
    bool imm = lower_is_const(l, o->args[1]);
    uint16_t a = lower_operand(l, o->args[0]);
    uint16_t b = imm ? 0 : lower_operand(l, o->args[1]);
    lower_emit(l, pick(first, (enum vm_type)o->type, imm), lower_result(l, v), a, b,
               imm ? lower_constant(l, o->args[1]) : 0);
}

#define BC(name)
#define BC_ARITH(op, expr)                                                              \
    static void lower_##op(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o) \
    {                                                                                   \
        two_operands(l, v, o, of_arith, BC_##op##_8);                                   \
    }
#define BC_WORD(op, expr)                                                               \
    static void lower_##op(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o) \
    {                                                                                   \
        two_operands(l, v, o, of_word, BC_##op##_32);                                   \
    }
#define BC_UNARY(op, expr)                                                              \
    static void lower_##op(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o) \
    {                                                                                   \
        enum bytecode c = o->type == VM_I32 ? BC_##op##_32 : BC_##op##_64;              \
        uint16_t a = lower_operand(l, o->args[0]);                                      \
        lower_emit(l, c, lower_result(l, v), a, 0, 0);                                  \
    }
#define BC_COMPARE(op, expr)                                                            \
    static void lower_##op(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o) \
    {                                                                                   \
        two_operands(l, v, o, of_arith, BC_##op##_8);                                   \
    }
#include "bytecode.def"

static void simple(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o, enum bytecode c)
{
    unsigned args = vm_ir_op_args(l->r, o);
    uint16_t a = args > 0 ? lower_operand(l, o->args[0]) : 0;
    uint16_t b = args > 1 ? lower_operand(l, o->args[1]) : 0;
    uint64_t third = args > 2 ? lower_operand(l, o->args[2]) : 0;
    lower_emit(l, c, lower_result(l, v), a, b, third);
}

#define SIMPLE(op, code)                                                                \
    static void lower_##op(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o) \
    {                                                                                   \
        simple(l, v, o, code);                                                          \
    }
SIMPLE(clmul, BC_clmul)
SIMPLE(clmulh, BC_clmulh)
SIMPLE(brev8, BC_brev8)
SIMPLE(orcb, BC_orcb)
SIMPLE(select, BC_select)
SIMPLE(pair, BC_pair)

// Ops on the representation of a float: imm is the format.
#define BY_FORMAT(op)                                                                   \
    static void lower_##op(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o) \
    {                                                                                   \
        uint16_t a = lower_operand(l, o->args[0]);                                      \
        lower_emit(l, BC_##op, lower_result(l, v), a, 0, o->type);                      \
    }
BY_FORMAT(fclass)
BY_FORMAT(box)
BY_FORMAT(unbox)

// --- names for what is there already ---

static void lower_nothing(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    (void)l;
    (void)v;
    (void)o;
}
#define lower_nop   lower_nothing
#define lower_const lower_nothing

static void lower_alias(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    if (l->root[v] == v) // its operand is lowered later: it cannot share the slot
        lower_move(l, lower_result(l, v), lower_operand(l, o->args[0]), 8);
}
#define lower_trunc    lower_alias
#define lower_fbits    lower_alias
#define lower_bitsf    lower_alias
#define lower_lo       lower_alias
#define lower_flagbits lower_alias

static void lower_param(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    (void)o;
    lower_result(l, v);
}

static void lower_hi(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    unsigned a = lower_operand(l, o->args[0]) + 8u;
    lower_move(l, lower_result(l, v), (uint16_t)a, 8);
}

static void lower_bitflags(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    uint16_t a = lower_operand(l, o->args[0]);
    lower_emit(l, BC_flags_mask, lower_result(l, v), a, 0, 0);
}

// --- guest state ---

// A marker without a length goes on with an instruction that is counted already.
static void lower_insn(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    (void)v;
    if (o->attr)
        l->retired++;
    l->marks[l->mark_count++] =
        (struct mark){(uint16_t)l->count, (int16_t)(l->retired - 1), (uint32_t)o->imm};
}

static void lower_get(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    const struct vm_register *e = &l->r->regfile->registers[o->imm];
    if (l->loc[v] == e->offset || l->uses[v] == 0)
        return; // its uses read the entry itself
    uint16_t d = lower_result(l, v);
    switch (vm_ir_type_bytes((enum vm_type)e->type)) {
    case 1: lower_emit(l, BC_load_entry8, d, e->offset, 0, 0); break;
    case 2: lower_emit(l, BC_load_entry16, d, e->offset, 0, 0); break;
    case 4: lower_emit(l, BC_load_entry32, d, e->offset, 0, 0); break;
    default: lower_move(l, d, e->offset, vm_ir_type_bytes((enum vm_type)e->type)); break;
    }
}

static void lower_put(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    const struct vm_register *e = &l->r->regfile->registers[o->imm];
    unsigned bytes = vm_ir_type_bytes((enum vm_type)e->type);
    if (l->fused[v])
        return;
    if (bytes == 8 && lower_is_const(l, o->args[0])) {
        lower_emit(l, BC_move_imm, e->offset, 0, 0, lower_constant(l, o->args[0]));
        return;
    }
    uint16_t a = lower_operand(l, o->args[0]);
    switch (bytes) {
    case 1: lower_emit(l, BC_store_entry8, e->offset, a, 0, 0); break;
    case 2: lower_emit(l, BC_store_entry16, e->offset, a, 0, 0); break;
    case 4: lower_emit(l, BC_store_entry32, e->offset, a, 0, 0); break;
    default: lower_move(l, e->offset, a, bytes); break;
    }
}

static void lower_pcrel(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    lower_emit(l, BC_pcrel, lower_result(l, v), 0, 0, o->imm);
}

static void lower_icount(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    (void)o;
    lower_emit(l, BC_icount, lower_result(l, v), 0, 0, (uint64_t)l->retired - 1);
}

// --- width ---

static void extend(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o, enum bytecode first)
{
    if (l->root[v] != v)
        return;
    enum vm_type from = vm_ir_value_type(l->r, o->args[0]);
    uint16_t a = lower_operand(l, o->args[0]);
    lower_emit(l, (enum bytecode)(first + (from - VM_I8)), lower_result(l, v), a, 0, 0);
}

static void lower_sext(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    extend(l, v, o, BC_sext8);
}

static void lower_zext(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    extend(l, v, o, BC_zext8);
}

// The sign-extended low word of an operation that was taken in: the operation on words.
static void lower_word(struct lowering *l, vm_ir_value v, const struct vm_ir_op *whole)
{
    static const uint16_t families[VM_IR_CODE_COUNT] = {
        [VM_IR_add] = BC_add_8, [VM_IR_sub] = BC_sub_8, [VM_IR_mul] = BC_mul_8,
        [VM_IR_and] = BC_and_8, [VM_IR_or] = BC_or_8,   [VM_IR_xor] = BC_xor_8,
        [VM_IR_shl] = BC_shl_8,
    };
    struct vm_ir_op word = *whole;
    word.type = VM_I32;
    two_operands(l, v, &word, of_arith, (enum bytecode)families[whole->code]);
}

static void lower_extract(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    if (l->taken_in[o->args[0]]) {
        lower_word(l, v, &l->r->ops[o->args[0]]);
        return;
    }
    enum bytecode c = o->attr & VM_IR_FIELD_SIGNED ? BC_extract_s : BC_extract_u;
    uint16_t a = lower_operand(l, o->args[0]);
    lower_emit(l, c, lower_result(l, v), a, 0, o->attr);
}

static void lower_deposit(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    uint16_t a = lower_operand(l, o->args[0]), b = lower_operand(l, o->args[1]);
    lower_emit(l, BC_deposit, lower_result(l, v), a, b, o->attr);
}

// --- flags: the third operand in imm's low 32 bits, the width from 32 on, from 48 on the flags
// that are wanted ---

static uint64_t flag_word(const struct vm_ir_op *o)
{
    return (uint64_t)width_bits((enum vm_type)o->type) << 32 | (uint64_t)vm_ir_wanted_flags(o->attr)
                                                                   << 48;
}

static void flag_op(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o, enum bytecode c)
{
    uint16_t a = lower_operand(l, o->args[0]), b = lower_operand(l, o->args[1]);
    uint64_t third = lower_operand(l, o->args[2]);
    lower_emit(l, c, lower_result(l, v), a, b, third | flag_word(o));
}

static void lower_addf(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    flag_op(l, v, o, BC_flags_add);
}

static void lower_subf(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    flag_op(l, v, o, BC_flags_sub);
}

static void lower_logicf(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    uint16_t a = lower_operand(l, o->args[0]);
    lower_emit(l, BC_flags_logic, lower_result(l, v), a, 0, flag_word(o));
}

static void lower_mergef(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    uint16_t a = lower_operand(l, o->args[0]), b = lower_operand(l, o->args[1]);
    lower_emit(l, BC_flags_merge, lower_result(l, v), a, b, o->attr);
}

static void lower_cond(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    uint16_t a = lower_operand(l, o->args[0]);
    lower_emit(l, BC_cond, lower_result(l, v), a, 0, o->attr);
}

// --- memory ---

// Whether an access needs nothing but size and sign.
static bool is_plain(uint32_t attr)
{
    const uint32_t plain = 7 | VM_IR_MEM_SIGNED;
    return (attr & ~plain) == 0;
}

static void lower_load(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    static const enum bytecode fast[2][4] = {{BC_load_u8, BC_load_u16, BC_load_u32, BC_load_64},
                                             {BC_load_s8, BC_load_s16, BC_load_s32, BC_load_64}};
    unsigned size = vm_ir_mem_size_log2(o->attr);
    bool sign = (o->attr & VM_IR_MEM_SIGNED) || (o->type == VM_I32 && size == 2);
    uint16_t a = lower_operand(l, o->args[0]);
    uint16_t d = lower_result(l, v);
    if (o->type == VM_I128 || o->type == VM_V128)
        lower_emit(l, BC_load_128, d, a, o->attr, o->imm);
    else if (is_plain(o->attr))
        lower_emit(l, fast[sign][size], d, a, 0, o->imm);
    else
        lower_emit(l, BC_load_any, d, a, o->attr | (sign ? VM_IR_MEM_SIGNED : 0), o->imm);
}

static void lower_store(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    static const enum bytecode fast[4] = {BC_store_8, BC_store_16, BC_store_32, BC_store_64};
    unsigned size = vm_ir_mem_size_log2(o->attr);
    (void)v;
    uint16_t a = lower_operand(l, o->args[0]), b = lower_operand(l, o->args[1]);
    if (size >= 4)
        lower_emit(l, BC_store_128, o->attr, a, b, o->imm);
    else if (is_plain(o->attr))
        lower_emit(l, fast[size], 0, a, b, o->imm);
    else
        lower_emit(l, BC_store_any, o->attr, a, b, o->imm);
}

// The address of an atomic op in one slot.
static uint16_t atomic_address(struct lowering *l, const struct vm_ir_op *o)
{
    uint16_t a = lower_operand(l, o->args[0]);
    if (o->imm == 0)
        return a;
    uint16_t t = lower_temp(l, 8);
    lower_emit(l, BC_add_64i, t, a, 0, o->imm);
    return t;
}

static void lower_lr(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    uint16_t a = atomic_address(l, o);
    lower_emit(l, BC_lr, lower_result(l, v), a, o->type == VM_I128, o->attr);
}

static void lower_sc(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    uint16_t a = atomic_address(l, o), b = lower_operand(l, o->args[1]);
    lower_emit(l, BC_sc, lower_result(l, v), a, b, o->attr);
}

static void lower_cas(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    uint16_t a = atomic_address(l, o), b = lower_operand(l, o->args[1]);
    uint64_t desired = lower_operand(l, o->args[2]);
    uint64_t wide = o->type == VM_I128;
    lower_emit(l, BC_cas, lower_result(l, v), a, b, o->attr | desired << 32 | wide << 48);
}

static void lower_rmw(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    uint16_t a = atomic_address(l, o), b = lower_operand(l, o->args[1]);
    lower_emit(l, BC_rmw, lower_result(l, v), a, b, o->attr);
}

// Only what orders a write before a read needs a full fence of the host.
static void lower_fence(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    enum { READ = 1 << 1 | 1 << 3, WRITE = 1 << 0 | 1 << 2 }; // I and R, O and W
    (void)v;
    bool full = o->attr >> 4 & WRITE && o->attr & READ;
    lower_emit(l, full ? BC_fence : BC_fence_light, 0, 0, 0, 0);
}

// --- floating point ---

static void lower_fp(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    unsigned args = vm_ir_op_args(l->r, o);
    uint16_t a = lower_operand(l, o->args[0]);
    uint16_t b = args > 1 ? lower_operand(l, o->args[1]) : 0;
    uint64_t c = args > 2 ? lower_operand(l, o->args[2]) : 0;
    uint64_t source = vm_ir_value_type(l->r, o->args[0]);
    uint64_t what = (o->attr & 0xffff) | c << 16 | (uint64_t)o->code << 32 |
                    (uint64_t)o->type << 48 | source << 56;
    lower_emit(l, BC_fp, lower_result(l, v), a, b, what);
}
#define lower_fadd   lower_fp
#define lower_fsub   lower_fp
#define lower_fmul   lower_fp
#define lower_fdiv   lower_fp
#define lower_fsqrt  lower_fp
#define lower_fma    lower_fp
#define lower_fmin   lower_fp
#define lower_fmax   lower_fp
#define lower_feq    lower_fp
#define lower_flt    lower_fp
#define lower_fle    lower_fp
#define lower_fround lower_fp
#define lower_fcvt   lower_fp
#define lower_ftos   lower_fp
#define lower_ftou   lower_fp
#define lower_ftom   lower_fp
#define lower_stof   lower_fp
#define lower_utof   lower_fp

// --- vectors ---

static void lower_vector(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    unsigned args = vm_ir_op_args(l->r, o);
    uint16_t a = lower_operand(l, o->args[0]);
    uint16_t b = args > 1 ? lower_operand(l, o->args[1]) : a;
    uint64_t c = args > 2 ? lower_operand(l, o->args[2]) : a;
    enum bytecode code = o->code == VM_IR_vget ? BC_vector_get : BC_vector;
    lower_emit(l, code, lower_result(l, v), a, b, o->attr | (uint64_t)o->code << 32 | c << 48);
}
#define lower_vget       lower_vector
#define lower_vset       lower_vector
#define lower_vsplat     lower_vector
#define lower_vlow       lower_vector
#define lower_vpair      lower_vector
#define lower_vdup       lower_vector
#define lower_vand       lower_vector
#define lower_vor        lower_vector
#define lower_vxor       lower_vector
#define lower_vandn      lower_vector
#define lower_vnot       lower_vector
#define lower_vsel       lower_vector
#define lower_vadd       lower_vector
#define lower_vsub       lower_vector
#define lower_vmul       lower_vector
#define lower_vsmin      lower_vector
#define lower_vsmax      lower_vector
#define lower_vumin      lower_vector
#define lower_vumax      lower_vector
#define lower_vsabd      lower_vector
#define lower_vuabd      lower_vector
#define lower_vneg       lower_vector
#define lower_vabs       lower_vector
#define lower_vceq       lower_vector
#define lower_vcgts      lower_vector
#define lower_vcges      lower_vector
#define lower_vcgtu      lower_vector
#define lower_vcgeu      lower_vector
#define lower_vshl       lower_vector
#define lower_vshrs      lower_vector
#define lower_vshru      lower_vector
#define lower_vrshrs     lower_vector
#define lower_vrshru     lower_vector
#define lower_vsshl      lower_vector
#define lower_vushl      lower_vector
#define lower_vsrshl     lower_vector
#define lower_vurshl     lower_vector
#define lower_vshadd     lower_vector
#define lower_vuhadd     lower_vector
#define lower_vshsub     lower_vector
#define lower_vuhsub     lower_vector
#define lower_vsrhadd    lower_vector
#define lower_vurhadd    lower_vector
#define lower_vsqadd     lower_vector
#define lower_vuqadd     lower_vector
#define lower_vsqsub     lower_vector
#define lower_vuqsub     lower_vector
#define lower_vsqdmulh   lower_vector
#define lower_vsqrdmulh  lower_vector
#define lower_vclz       lower_vector
#define lower_vcls       lower_vector
#define lower_vcnt       lower_vector
#define lower_vrbit      lower_vector
#define lower_vrev       lower_vector
#define lower_vzip1      lower_vector
#define lower_vzip2      lower_vector
#define lower_vuzp1      lower_vector
#define lower_vuzp2      lower_vector
#define lower_vtrn1      lower_vector
#define lower_vtrn2      lower_vector
#define lower_vext       lower_vector
#define lower_vtbl       lower_vector
#define lower_vwidens    lower_vector
#define lower_vwidenu    lower_vector
#define lower_vmulls     lower_vector
#define lower_vmullu     lower_vector
#define lower_vpmul      lower_vector
#define lower_vpmull     lower_vector
#define lower_vnarrow    lower_vector
#define lower_vsqnarrow  lower_vector
#define lower_vuqnarrow  lower_vector
#define lower_vsqnarrowu lower_vector
#define lower_vsdot      lower_vector
#define lower_vudot      lower_vector
#define lower_vusdot     lower_vector
#define lower_vaese      lower_vector
#define lower_vaesd      lower_vector
#define lower_vaesmc     lower_vector
#define lower_vaesimc    lower_vector
#define lower_vsha1      lower_vector
#define lower_vsha1su1   lower_vector
#define lower_vsha256h   lower_vector
#define lower_vsha256h2  lower_vector
#define lower_vsha256su0 lower_vector
#define lower_vsha256su1 lower_vector
#define lower_vfadd      lower_vector
#define lower_vfsub      lower_vector
#define lower_vfmul      lower_vector
#define lower_vfdiv      lower_vector
#define lower_vfsqrt     lower_vector
#define lower_vfma       lower_vector
#define lower_vfmin      lower_vector
#define lower_vfmax      lower_vector
#define lower_vfceq      lower_vector
#define lower_vfcgt      lower_vector
#define lower_vfcge      lower_vector
#define lower_vfround    lower_vector
#define lower_vfwiden    lower_vector
#define lower_vfnarrow   lower_vector
#define lower_vftos      lower_vector
#define lower_vftou      lower_vector
#define lower_vstof      lower_vector
#define lower_vutof      lower_vector

// --- calls ---

// imm: helper 0-7, third and fourth argument's slots 16-31 and 32-47, the instruction's offset from
// the page base 48-61.
static void lower_call(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    const struct vm_ir_helper *h = &l->r->helpers[o->imm];
    uint16_t slot[4] = {0};
    for (unsigned i = 0; i < h->args; i++)
        slot[i] = lower_operand(l, o->args[i]);
    uint16_t d = h->result == VM_VOID ? lower_temp(l, 8) : lower_result(l, v);
    uint64_t offset = l->mark_count ? l->marks[l->mark_count - 1].offset : 0;
    lower_emit(l, BC_call, d, slot[0], slot[1],
               (o->imm & 0xff) | (uint64_t)slot[2] << 16 | (uint64_t)slot[3] << 32 |
                   (offset & 0x3fff) << 48);
}

void lower_op(struct lowering *l, vm_ir_value v)
{
    static lower_fn *const table[VM_IR_CODE_COUNT] = {
#define VM_IR_OP(name, types, signature, effects, text) [VM_IR_##name] = lower_##name,
#include <vm/ir/ops.def>
    };
    const struct vm_ir_op *o = &l->r->ops[v];
    if (!l->taken_in[v])
        table[o->code](l, v, o);
}
