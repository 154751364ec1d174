// SPDX-License-Identifier: MIT
//
// The interpreter's loop: direct-threaded over byte code (labels as values, which gcc and clang
// both have). Generated from bytecode.def; the loop itself is one function because its labels must
// be.
//
// Exits leave the vCPU's state exact: PC is written at every exit, and at a fault it comes from the
// block's marks.
#include <vm/base/bits.h>
#include <vm/ir/eval.h>

#include "interpreter.h"

static VM_NOINLINE uint64_t helper_call(struct vm_vcpu *v, const struct code *c, char *base)
{
    const struct vm_ir_helper *h = &v->guest->helpers[c->imm & 0xff];
    uint64_t args[4] = {0};
    const uint16_t slots[4] = {c->a, c->b, (uint16_t)(c->imm >> 16), (uint16_t)(c->imm >> 32)};
    for (unsigned i = 0; i < h->args; i++)
        args[i] = *(const uint64_t *)(const void *)(base + slots[i]);
    return h->fn(v, args[0], args[1], args[2], args[3]);
}

// State at a fault of operation `c`: PC and the count of retired instructions.
static VM_NOINLINE void settle_fault(struct vm_vcpu *v, const struct block *b, const struct code *c,
                                     uint64_t page_base)
{
    uint16_t at = (uint16_t)(c - b->code);
    const struct mark *m = b->marks;
    for (unsigned i = 1; i < b->mark_count && b->marks[i].code <= at; i++)
        m = &b->marks[i];
    vm_vcpu_set_pc(v, page_base + m->offset);
    v->icount += (uint64_t)(int64_t)m->retired;
}

static vm_u128 load_pair(const char *slot)
{
    const uint64_t *p = (const uint64_t *)(const void *)slot;
    return (vm_u128){p[0], p[1]};
}

static void store_pair(char *slot, vm_u128 value)
{
    uint64_t *p = (uint64_t *)(void *)slot;
    p[0] = value.lo;
    p[1] = value.hi;
}

static VM_NOINLINE bool load_any(struct vm_vcpu *v, uint64_t address, uint32_t attr,
                                 uint64_t *value)
{
    if (!vm_vcpu_load(v, vm_gva_of(address), attr, value))
        return false;
    *value = vm_ir_extend_loaded(*value, attr);
    return true;
}

// A value of the op's size at a slot, as the wide form that atomics take.
static vm_u128 wide_operand(const char *slot, uint32_t attr)
{
    if (vm_ir_mem_size_log2(attr) < 4)
        return (vm_u128){*(const uint64_t *)(const void *)slot, 0};
    return load_pair(slot);
}

// What was read, extended to the op's type.
static void wide_result(char *slot, uint32_t attr, bool wide, vm_u128 value)
{
    value = vm_ir_extend_wide(value, attr);
    if (wide)
        store_pair(slot, value);
    else
        *(uint64_t *)(void *)slot = value.lo;
}

static VM_NOINLINE bool load_reserved(struct vm_vcpu *v, const struct code *c, char *base)
{
    vm_u128 value;
    vm_gva gva = vm_gva_of(*(const uint64_t *)(const void *)(base + c->a));
    if (!vm_vcpu_load_reserved(v, gva, (uint32_t)c->imm, &value))
        return false;
    wide_result(base + c->d, (uint32_t)c->imm, c->b, value);
    return true;
}

static VM_NOINLINE bool store_conditional(struct vm_vcpu *v, const struct code *c, char *base)
{
    uint64_t failed;
    vm_gva gva = vm_gva_of(*(const uint64_t *)(const void *)(base + c->a));
    vm_u128 value = wide_operand(base + c->b, (uint32_t)c->imm);
    if (!vm_vcpu_store_conditional(v, gva, (uint32_t)c->imm, value, &failed))
        return false;
    *(uint64_t *)(void *)(base + c->d) = failed;
    return true;
}

static VM_NOINLINE bool compare_and_swap(struct vm_vcpu *v, const struct code *c, char *base)
{
    vm_u128 old;
    uint32_t attr = (uint32_t)c->imm;
    vm_gva gva = vm_gva_of(*(const uint64_t *)(const void *)(base + c->a));
    vm_u128 expected = wide_operand(base + c->b, attr);
    vm_u128 desired = wide_operand(base + (c->imm >> 32 & 0xffff), attr);
    if (!vm_vcpu_cas(v, gva, attr, expected, desired, &old))
        return false;
    wide_result(base + c->d, attr, c->imm >> 48, old);
    return true;
}

static VM_NOINLINE bool read_modify_write(struct vm_vcpu *v, const struct code *c, char *base)
{
    uint64_t old;
    uint32_t attr = (uint32_t)c->imm;
    vm_gva gva = vm_gva_of(*(const uint64_t *)(const void *)(base + c->a));
    uint64_t operand = *(const uint64_t *)(const void *)(base + c->b);
    if (!vm_vcpu_rmw(v, gva, attr, operand, &old))
        return false;
    *(uint64_t *)(void *)(base + c->d) = vm_ir_extend_loaded(old, attr);
    return true;
}

static VM_NOINLINE bool load_128(struct vm_vcpu *v, const struct code *c, char *base)
{
    vm_gva gva = vm_gva_of(*(const uint64_t *)(const void *)(base + c->a) + c->imm);
    vm_u128 value = {0, 0};
    bool done = vm_ir_mem_size_log2(c->b) < 4 ? vm_vcpu_load(v, gva, c->b, &value.lo)
                                              : vm_vcpu_load128(v, gva, c->b, &value);
    if (done)
        wide_result(base + c->d, c->b, true, value);
    return done;
}

static VM_NOINLINE bool store_128(struct vm_vcpu *v, const struct code *c, char *base)
{
    vm_gva gva = vm_gva_of(*(const uint64_t *)(const void *)(base + c->a) + c->imm);
    return vm_vcpu_store128(v, gva, c->d, load_pair(base + c->b));
}

// imm: attribute word 0-31, code 32-47, the third operand's slot 48-63. A narrower operand has
// something else above it, which its op does not look at.
static VM_NOINLINE vm_u128 compute_vector(const struct code *c, const char *base,
                                          struct vm_fp_env *env)
{
    const vm_u128 v[3] = {load_pair(base + c->a), load_pair(base + c->b),
                          load_pair(base + (c->imm >> 48))};
    return vm_ir_eval_vector(c->imm >> 32 & 0xffff, (uint32_t)c->imm, v, env);
}

static uint64_t or_combine_bytes(uint64_t x)
{
    uint64_t low = 0x7f7f7f7f7f7f7f7fu;
    uint64_t any = (((x & low) + low) | x) & ~low; // the top bit of each byte that has one set
    return (any >> 7) * 0xff;
}

static void move_wide(char *to, const char *from, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i += 16)
        store_pair(to + i, load_pair(from + i));
}

// Has the direct exit `link` of `from` lead to `to` from now on, if that may be.
static VM_NOINLINE void connect(struct vm_vcpu *v, const struct block *from, uint64_t page_base,
                                struct link *link, struct block *to, bool near)
{
    if (!vm_block_may_link(v, &from->common, page_base, &to->common, near))
        return;
    vm_link_set(&link->common, &to->common, !near);
    link->generation = v->tlb.code->code_generation;
}

#define R(o) (*(const uint64_t *)(const void *)(base + (o)))
#define W(o) (*(uint64_t *)(void *)(base + (o)))
#define NEXT goto *labels[(++c)->op]
#define AT(pos)              \
    do {                     \
        c = (pos);           \
        goto *labels[c->op]; \
    } while (0)

// One handler: types U and S of width N, x and y from slots or the immediate.
#define VALUE_RR(label, op, UT, ST, W_, OUT, expr) \
    label : {                                      \
        typedef UT U;                              \
        typedef ST S __attribute__((unused));      \
        enum { N = W_ };                           \
        U x = (U)R(c->a), y = (U)R(c->b);          \
        W(c->d) = (uint64_t)(OUT)(expr);           \
        NEXT;                                      \
    }
#define VALUE_RI(label, op, UT, ST, W_, OUT, expr) \
    label : {                                      \
        typedef UT U;                              \
        typedef ST S __attribute__((unused));      \
        enum { N = W_ };                           \
        U x = (U)R(c->a), y = (U)c->imm;           \
        W(c->d) = (uint64_t)(OUT)(expr);           \
        NEXT;                                      \
    }
#define VALUE_R(label, op, UT, ST, W_, OUT, expr) \
    label : {                                     \
        typedef UT U;                             \
        enum { N = W_ };                          \
        U x = (U)R(c->a);                         \
        W(c->d) = (uint64_t)(OUT)(expr);          \
        NEXT;                                     \
    }
// Leaves by the near exit `ahead` operations on. (No choice of c and then one exit: what is next
// would have to wait for the choice, where now the host's branch prediction goes ahead.)
#define GO_NEAR(ahead)                                                            \
    do {                                                                          \
        c += (ahead);                                                             \
        v->icount += c->d;                                                        \
        pc = page_base + c->imm;                                                  \
        link = &block->links[c->a];                                               \
        if (VM_UNLIKELY(atomic_load_explicit(&v->request, memory_order_relaxed))) \
            goto request;                                                         \
        if (VM_UNLIKELY(!link->common.target))                                    \
            goto follow;                                                          \
        block = block_of(link->common.target);                                    \
        AT(block->code);                                                          \
    } while (0)

#define BRANCH(label, UT, ST, Y, expr)           \
    L_b##label:                                  \
    {                                            \
        typedef UT U;                            \
        typedef ST S __attribute__((unused));    \
        U x = (U)R(c->a), y = (U)(Y);            \
        if (expr)                                \
            AT(block->code + (c->imm & 0xffff)); \
        NEXT;                                    \
    }                                            \
    L_xb##label:                                 \
    {                                            \
        typedef UT U;                            \
        typedef ST S __attribute__((unused));    \
        U x = (U)R(c->a), y = (U)(Y);            \
        if (expr)                                \
            GO_NEAR(2);                          \
        GO_NEAR(1);                              \
    }
#define BRANCH_CONSTANT ((int64_t)(int32_t)(c->imm >> 16))

#define LOAD(label, T, OUT)                                                                 \
    label : {                                                                               \
        uint64_t address = R(c->a) + c->imm;                                                \
        const struct vm_tlb_entry *e = &v->tlb.data->read[vm_tlb_index(address)];           \
        if (VM_LIKELY(vm_tlb_hit(e->tag, address, sizeof(T)))) {                            \
            const void *host = (const void *)(uintptr_t)(address + e->addend);              \
            W(c->d) = (uint64_t)(OUT)(T)vm_ram_load(host, sizeof(T));                       \
            NEXT;                                                                           \
        }                                                                                   \
        uint64_t value;                                                                     \
        if (!vm_vcpu_load(v, vm_gva_of(address), VM_IR_MEM(__builtin_ctz(sizeof(T)), 0, 0), \
                          &value))                                                          \
            goto fault;                                                                     \
        W(c->d) = (uint64_t)(OUT)(T)value;                                                  \
        NEXT;                                                                               \
    }
#define STORE(label, T)                                                                      \
    label : {                                                                                \
        uint64_t address = R(c->a) + c->imm;                                                 \
        const struct vm_tlb_entry *e = &v->tlb.data->write[vm_tlb_index(address)];           \
        if (VM_LIKELY(vm_tlb_hit(e->tag, address, sizeof(T)))) {                             \
            vm_ram_store((void *)(uintptr_t)(address + e->addend), sizeof(T), R(c->b));      \
            NEXT;                                                                            \
        }                                                                                    \
        if (!vm_vcpu_store(v, vm_gva_of(address), VM_IR_MEM(__builtin_ctz(sizeof(T)), 0, 0), \
                           R(c->b)))                                                         \
            goto fault;                                                                      \
        NEXT;                                                                                \
    }

enum vm_engine_exit interp_execute(struct vm_vcpu *v, struct block *block, bool single)
{
    static const void *const labels[BC_COUNT] = {
#define BC(name) &&L_##name,
#define BC_ARITH(op, expr)                                                                     \
    &&L_##op##_8, &&L_##op##_8i, &&L_##op##_16, &&L_##op##_16i, &&L_##op##_32, &&L_##op##_32i, \
        &&L_##op##_64, &&L_##op##_64i,
#define BC_WORD(op, expr)  &&L_##op##_32, &&L_##op##_32i, &&L_##op##_64, &&L_##op##_64i,
#define BC_UNARY(op, expr) &&L_##op##_32, &&L_##op##_64,
#define BC_COMPARE(op, expr)                                                                    \
    &&L_##op##_8, &&L_##op##_8i, &&L_##op##_16, &&L_##op##_16i, &&L_##op##_32, &&L_##op##_32i,  \
        &&L_##op##_64, &&L_##op##_64i, &&L_b##op##_32, &&L_b##op##_32i, &&L_b##op##_64,         \
        &&L_b##op##_64i, &&L_bn##op##_32, &&L_bn##op##_32i, &&L_bn##op##_64, &&L_bn##op##_64i,  \
        &&L_xb##op##_32, &&L_xb##op##_32i, &&L_xb##op##_64, &&L_xb##op##_64i, &&L_xbn##op##_32, \
        &&L_xbn##op##_32i, &&L_xbn##op##_64, &&L_xbn##op##_64i,
#include "bytecode.def"
    };
    struct interpreter *in = interp_of(v);
    char *const base = v->state;
    struct vm_fp_env *const fp_env = (struct vm_fp_env *)(void *)(base + v->guest->regfile->fp_env);
    // Not the block's own: it may have been translated at another address of the same page.
    uint64_t page_base = vm_vcpu_pc(v) & ~(uint64_t)VM_PAGE_MASK;
    const struct code *c = block->code;
    uint64_t pc;
    struct link *link;
    goto *labels[c->op];

#define BC(name)
#define BC_ARITH(op, expr)                                            \
    VALUE_RR(L_##op##_8, op, uint8_t, int8_t, 8, uint64_t, expr)      \
    VALUE_RI(L_##op##_8i, op, uint8_t, int8_t, 8, uint64_t, expr)     \
    VALUE_RR(L_##op##_16, op, uint16_t, int16_t, 16, uint64_t, expr)  \
    VALUE_RI(L_##op##_16i, op, uint16_t, int16_t, 16, uint64_t, expr) \
    BC_WORD(op, expr)
#define BC_WORD(op, expr)                                            \
    VALUE_RR(L_##op##_32, op, uint32_t, int32_t, 32, int32_t, expr)  \
    VALUE_RI(L_##op##_32i, op, uint32_t, int32_t, 32, int32_t, expr) \
    VALUE_RR(L_##op##_64, op, uint64_t, int64_t, 64, uint64_t, expr) \
    VALUE_RI(L_##op##_64i, op, uint64_t, int64_t, 64, uint64_t, expr)
#define BC_UNARY(op, expr)                                         \
    VALUE_R(L_##op##_32, op, uint32_t, int32_t, 32, int32_t, expr) \
    VALUE_R(L_##op##_64, op, uint64_t, int64_t, 64, uint64_t, expr)
#define BC_COMPARE(op, expr)                                          \
    VALUE_RR(L_##op##_8, op, uint8_t, int8_t, 8, uint64_t, expr)      \
    VALUE_RI(L_##op##_8i, op, uint8_t, int8_t, 8, uint64_t, expr)     \
    VALUE_RR(L_##op##_16, op, uint16_t, int16_t, 16, uint64_t, expr)  \
    VALUE_RI(L_##op##_16i, op, uint16_t, int16_t, 16, uint64_t, expr) \
    VALUE_RR(L_##op##_32, op, uint32_t, int32_t, 32, uint64_t, expr)  \
    VALUE_RI(L_##op##_32i, op, uint32_t, int32_t, 32, uint64_t, expr) \
    VALUE_RR(L_##op##_64, op, uint64_t, int64_t, 64, uint64_t, expr)  \
    VALUE_RI(L_##op##_64i, op, uint64_t, int64_t, 64, uint64_t, expr) \
    BRANCH(op##_32, uint32_t, int32_t, R(c->b), expr)                 \
    BRANCH(op##_32i, uint32_t, int32_t, BRANCH_CONSTANT, expr)        \
    BRANCH(op##_64, uint64_t, int64_t, R(c->b), expr)                 \
    BRANCH(op##_64i, uint64_t, int64_t, BRANCH_CONSTANT, expr)        \
    BRANCH(n##op##_32, uint32_t, int32_t, R(c->b), !(expr))           \
    BRANCH(n##op##_32i, uint32_t, int32_t, BRANCH_CONSTANT, !(expr))  \
    BRANCH(n##op##_64, uint64_t, int64_t, R(c->b), !(expr))           \
    BRANCH(n##op##_64i, uint64_t, int64_t, BRANCH_CONSTANT, !(expr))
#include "bytecode.def"

L_clmul:
    W(c->d) = vm_clmul64(R(c->a), R(c->b)).lo;
    NEXT;
L_clmulh:
    W(c->d) = vm_clmul64(R(c->a), R(c->b)).hi;
    NEXT;
L_brev8:
    W(c->d) = vm_reverse_bits_in_bytes(R(c->a));
    NEXT;
L_orcb:
    W(c->d) = or_combine_bytes(R(c->a));
    NEXT;
L_move:
    W(c->d) = R(c->a);
    NEXT;
L_move_imm:
    W(c->d) = c->imm;
    NEXT;
L_move_wide:
    move_wide(base + c->d, base + c->a, c->imm);
    NEXT;
L_load_entry8:
    W(c->d) = *(const uint8_t *)(base + c->a);
    NEXT;
L_load_entry16:
    W(c->d) = *(const uint16_t *)(const void *)(base + c->a);
    NEXT;
L_load_entry32:
    W(c->d) = *(const uint32_t *)(const void *)(base + c->a);
    NEXT;
L_store_entry8:
    *(uint8_t *)(base + c->d) = (uint8_t)R(c->a);
    NEXT;
L_store_entry16:
    *(uint16_t *)(void *)(base + c->d) = (uint16_t)R(c->a);
    NEXT;
L_store_entry32:
    *(uint32_t *)(void *)(base + c->d) = (uint32_t)R(c->a);
    NEXT;
L_pcrel:
    W(c->d) = page_base + c->imm;
    NEXT;
L_icount:
    W(c->d) = v->icount + c->imm;
    NEXT;
L_select:
    W(c->d) = R(c->a) ? R(c->b) : R(c->imm);
    NEXT;
L_sext8:
    W(c->d) = (uint64_t)(int8_t)R(c->a);
    NEXT;
L_sext16:
    W(c->d) = (uint64_t)(int16_t)R(c->a);
    NEXT;
L_sext32:
    W(c->d) = (uint64_t)(int32_t)R(c->a);
    NEXT;
L_zext8:
    W(c->d) = (uint8_t)R(c->a);
    NEXT;
L_zext16:
    W(c->d) = (uint16_t)R(c->a);
    NEXT;
L_zext32:
    W(c->d) = (uint32_t)R(c->a);
    NEXT;
L_extract_u:
    W(c->d) = vm_bits(R(c->a), VM_IR_FIELD_POS(c->imm), VM_IR_FIELD_LEN(c->imm));
    NEXT;
L_extract_s:
    W(c->d) = vm_sign_extend(R(c->a) >> VM_IR_FIELD_POS(c->imm), VM_IR_FIELD_LEN(c->imm));
    NEXT;
L_deposit:
    W(c->d) = vm_set_bits(R(c->a), VM_IR_FIELD_POS(c->imm), VM_IR_FIELD_LEN(c->imm), R(c->b));
    NEXT;
L_pair:
    store_pair(base + c->d, (vm_u128){R(c->a), R(c->b)});
    NEXT;
L_flags_add:
    W(c->d) = c->imm >> 48 & vm_ir_eval_flags(VM_IR_addf, c->imm >> 32 & 0xffff, R(c->a), R(c->b),
                                              R(c->imm & 0xffff));
    NEXT;
L_flags_sub:
    W(c->d) = c->imm >> 48 & vm_ir_eval_flags(VM_IR_subf, c->imm >> 32 & 0xffff, R(c->a), R(c->b),
                                              R(c->imm & 0xffff));
    NEXT;
L_flags_logic:
    W(c->d) = c->imm >> 48 & vm_ir_eval_flags(VM_IR_logicf, c->imm >> 32 & 0xffff, R(c->a), 0, 0);
    NEXT;
L_flags_merge:
    W(c->d) = (R(c->a) & ~c->imm) | (R(c->b) & c->imm);
    NEXT;
L_flags_mask:
    W(c->d) = R(c->a) & (VM_IR_FLAG_C | VM_IR_FLAG_P | VM_IR_FLAG_A | VM_IR_FLAG_Z | VM_IR_FLAG_S |
                         VM_IR_FLAG_V);
    NEXT;
L_cond:
    W(c->d) = vm_ir_eval_cond((uint32_t)R(c->a), (uint32_t)c->imm);
    NEXT;

L_vector:
    store_pair(base + c->d, compute_vector(c, base, fp_env));
    NEXT;
L_vector_get:
    W(c->d) = compute_vector(c, base, fp_env).lo;
    NEXT;

    LOAD(L_load_u8, uint8_t, uint64_t)
    LOAD(L_load_s8, int8_t, int64_t)
    LOAD(L_load_u16, uint16_t, uint64_t)
    LOAD(L_load_s16, int16_t, int64_t)
    LOAD(L_load_u32, uint32_t, uint64_t)
    LOAD(L_load_s32, int32_t, int64_t)
    LOAD(L_load_64, uint64_t, uint64_t)
    STORE(L_store_8, uint8_t)
    STORE(L_store_16, uint16_t)
    STORE(L_store_32, uint32_t)
    STORE(L_store_64, uint64_t)

L_load_any : {
    uint64_t value;
    if (!load_any(v, R(c->a) + c->imm, c->b, &value))
        goto fault;
    W(c->d) = value;
    NEXT;
}
L_store_any:
    if (!vm_vcpu_store(v, vm_gva_of(R(c->a) + c->imm), c->d, R(c->b)))
        goto fault;
    NEXT;
L_load_128:
    if (!load_128(v, c, base))
        goto fault;
    NEXT;
L_store_128:
    if (!store_128(v, c, base))
        goto fault;
    NEXT;
L_lr:
    if (!load_reserved(v, c, base))
        goto fault;
    NEXT;
L_sc:
    if (!store_conditional(v, c, base))
        goto fault;
    NEXT;
L_cas:
    if (!compare_and_swap(v, c, base))
        goto fault;
    NEXT;
L_rmw:
    if (!read_modify_write(v, c, base))
        goto fault;
    NEXT;
L_fence:
    atomic_thread_fence(memory_order_seq_cst);
    NEXT;
L_fence_light:
    atomic_thread_fence(memory_order_acq_rel);
    NEXT;
L_fp:
    W(c->d) = vm_ir_eval_float(c->imm & ~0xffff0000ull, R(c->a), R(c->b), R(c->imm >> 16 & 0xffff),
                               fp_env);
    NEXT;
L_fclass : {
    uint64_t x = R(c->a);
    W(c->d) = c->imm == VM_F16   ? vm_f16_classify((uint16_t)x)
              : c->imm == VM_F32 ? vm_f32_classify((uint32_t)x)
                                 : vm_f64_classify(x);
    NEXT;
}
L_box:
    W(c->d) = c->imm == VM_F16   ? R(c->a) | ~(uint64_t)0xffff
              : c->imm == VM_F32 ? R(c->a) | ~(uint64_t)0xffffffff
                                 : R(c->a);
    NEXT;
L_unbox : {
    uint64_t x = R(c->a);
    W(c->d) = c->imm == VM_F16   ? (x >> 16 == 0xffffffffffffu ? (uint16_t)x : 0x7e00u)
              : c->imm == VM_F32 ? (x >> 32 == 0xffffffffu ? (uint32_t)x : 0x7fc00000u)
                                 : x;
    NEXT;
}
L_call : {
    const struct vm_ir_helper *h = &v->guest->helpers[c->imm & 0xff];
    if (h->effects & VM_IR_HELPER_READS_ALL)
        vm_vcpu_set_pc(v, page_base + (c->imm >> 48));
    uint64_t value = helper_call(v, c, base);
    if (VM_UNLIKELY(v->exception.pending))
        goto fault;
    W(c->d) = value;
    NEXT;
}
L_poll:
    if (VM_UNLIKELY(atomic_load_explicit(&v->request, memory_order_relaxed))) {
        v->icount += (uint64_t)(int16_t)c->d;
        pc = page_base + c->imm;
        goto request;
    }
    NEXT;
L_jump:
    v->icount += c->d;
    AT(block->code + c->imm);
L_branch:
    if (R(c->a))
        AT(block->code + (c->imm & 0xffff));
    NEXT;
L_branch_not:
    if (!R(c->a))
        AT(block->code + (c->imm & 0xffff));
    NEXT;

L_goto_near:
    GO_NEAR(0);
L_goto_far:
    v->icount += c->d;
    pc = page_base + c->imm;
    link = &block->links[c->a];
    if (VM_UNLIKELY(atomic_load_explicit(&v->request, memory_order_relaxed)))
        goto request;
    if (VM_UNLIKELY(!link->common.target || link->generation != v->tlb.code->code_generation))
        goto follow;
    page_base = pc & ~(uint64_t)VM_PAGE_MASK;
    block = block_of(link->common.target);
    AT(block->code);
L_goto_ind : {
    v->icount += c->d;
    pc = R(c->a);
    link = NULL;
    if (VM_UNLIKELY(c->b)) {
        vm_vcpu_set_pc(v, pc);
        return VM_ENGINE_RESYNC;
    }
    if (VM_UNLIKELY(atomic_load_explicit(&v->request, memory_order_relaxed)))
        goto request;
    const struct jump_entry *e = &in->jumps[interp_jump_slot(pc)];
    if (VM_UNLIKELY(single || !interp_jump_is_for(e, pc, v)))
        goto follow;
    page_base = pc & ~(uint64_t)VM_PAGE_MASK;
    block = e->block;
    AT(block->code);
}
L_raise:
    vm_vcpu_raise(v, c->imm, R(c->a));
    goto fault;
L_exit:
    v->icount += c->d;
    vm_vcpu_set_pc(v, page_base + c->imm);
    return vm_translate_exit((enum vm_ir_exit)c->a);

follow: // no block known for `pc`: find it, and have the link lead there
    vm_vcpu_set_pc(v, pc);
    if (single)
        return VM_ENGINE_RESYNC;
    {
        enum vm_engine_exit exit;
        struct block *from =
            block->common.dropped ? NULL : block; // one that is not kept may be gone soon
        uint64_t flushes = in->stats.cache_flushes;
        bool near = c->op == BC_goto_near; // from here on the code may be gone
        block = interp_find(in, &exit);
        if (!block)
            return exit;
        if (link && from && flushes == in->stats.cache_flushes)
            connect(v, from, page_base, link, block, near);
        page_base = pc & ~(uint64_t)VM_PAGE_MASK;
        AT(block->code);
    }
request:
    vm_vcpu_set_pc(v, pc);
    return VM_ENGINE_REQUEST;
fault:
    settle_fault(v, block, c, page_base);
    return VM_ENGINE_EXCEPTION;
}
