// SPDX-License-Identifier: MIT
//
// Condition flags that are made later, if at all. Most comparisons end a block: a branch tests
// their operands, and what is put into the flags' entry is overwritten before anybody looks. So a
// put of a comparison's flags leaves in the frame the operands, and a word that says what was done
// to them (enum); the entry is made from these where somebody looks: at a get, in a call of C that
// may, and in what leaves generated code. The word is 0 while the entry is right.
#include "emit.h"

#include <vm/base/bits.h>
#include <vm/ir/eval.h>
#include <vm/osal/cpu.h>

enum {
    SUBTRACTED = 1 << 0, // a - b; C is the complement of the borrow
    ADDED = 1 << 1,      // a + b
    TESTED = 1 << 2,     // a & b; C and V are clear
    WORDS = 1 << 3,      // of 32 bits
    IMMEDIATE_B = 1 << 4,
    B_SHIFT = 8, // where b lies then, as a signed number
    B_BITS = 24,
};

static const uint32_t all = VM_IR_FLAG_S | VM_IR_FLAG_Z | VM_IR_FLAG_C | VM_IR_FLAG_V;

uint16_t emit_flags_entry(const struct vm_regfile *r)
{
    for (uint16_t i = 0; i < r->count; i++) {
        if (r->registers[i].type == VM_FLAGS)
            return i;
    }
    return VM_IR_NONE;
}

static struct x64_mem at_word(const struct emit *e)
{
    return at_state(e, &e->jit->frame->flags.word);
}

// --- in a block ---

static bool has_flags_entry(const struct emit *e)
{
    return e->jit->flags_entry != VM_IR_NONE;
}

void emit_flags_written(struct emit *e, uint64_t entry)
{
    if (has_flags_entry(e) && entry == e->jit->flags_entry)
        x64_mov_mi(&e->code, X64_32, at_word(e), 0);
}

void emit_make_flags(struct emit *e, uint64_t entry)
{
    if (!has_flags_entry(e) || entry != e->jit->flags_entry)
        return;
    x64_cmp_mi(&e->code, X64_32, at_word(e), 0);
    struct cold *cold = emit_cold(e, COLD_FLAGS, x64_jcc32(&e->code, X64_NE));
    cold->back = e->code.at;
}

void emit_cold_flags(struct emit *e, const struct cold *c)
{
    x64_call_to(&e->code, e->jit->thunks.flags);
    x64_jmp_to(&e->code, c->back);
}

// What kind of comparison it is; 0: none whose flags can be made later.
static unsigned kind_of(const struct emit *e, const struct vm_ir_op *o, bool complement)
{
    const uint32_t clear = VM_IR_FLAG_C | VM_IR_FLAG_V;
    uint32_t wanted = vm_ir_wanted_flags(o->attr);
    uint64_t carry;
    if (o->code == VM_IR_logicf) // C, V and A are clear anyhow
        return (wanted & (all | VM_IR_FLAG_P) & ~clear) == (all & ~clear) ? TESTED : 0;
    if (o->code != VM_IR_addf || wanted != all || !emit_is_const(e, o->args[2], &carry) ||
        carry != complement)
        return 0;
    return complement ? SUBTRACTED : ADDED;
}

unsigned emit_flags_kind(const struct emit *e, vm_ir_value v, bool complement)
{
    if (!has_flags_entry(e) || e->plan->home[v] != e->jit->flags_entry || e->plan->uses[v] != 1 ||
        e->plan->marks[v] & JIT_ESCAPES || !has_feature(e, VM_CPU_X86_64_LAHF))
        return 0;
    return kind_of(e, &e->r->ops[v], complement);
}

static void keep_operand(struct emit *e, uint64_t *place, vm_ir_value v)
{
    emit_store_operand(e, X64_64, at_state(e, place), v);
    e->locked = 0;
}

// b, in the word where it has room.
static uint32_t keep_b(struct emit *e, vm_ir_value b, uint64_t constant)
{
    uint64_t *place = &e->jit->frame->flags.b;
    if (b == VM_IR_NONE && constant == vm_sign_extend(constant, B_BITS))
        return IMMEDIATE_B | (uint32_t)constant << B_SHIFT;
    if (b == VM_IR_NONE)
        x64_mov_mi(&e->code, X64_64, at_state(e, place), (int32_t)constant);
    else
        keep_operand(e, place, b);
    return 0;
}

bool emit_flags_later(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, bool complement,
                      vm_ir_value b, uint64_t constant)
{
    unsigned kind = emit_flags_kind(e, v, complement);
    if (!kind)
        return false;
    vm_ir_value a = o->args[0];
    if (kind == TESTED && jit_is_taken_in(e->plan, a)) {
        const struct vm_ir_op *and = &e->r->ops[a];
        a = and->args[0];
        b = and->args[1];
        if (emit_is_const(e, b, &constant) && constant == vm_sign_extend(constant, 32))
            b = VM_IR_NONE;
    } else if (kind == TESTED) {
        b = VM_IR_NONE;
        constant = ~(uint64_t)0;
    } else if (kind == ADDED) {
        b = o->args[1];
        if (emit_is_const(e, b, &constant) && constant == vm_sign_extend(constant, 32))
            b = VM_IR_NONE;
    }
    keep_operand(e, &e->jit->frame->flags.a, a);
    uint32_t word = kind | keep_b(e, b, constant) | (o->type == VM_I64 ? 0 : WORDS);
    x64_mov_mi(&e->code, X64_32, at_word(e), (int32_t)word);
    return true;
}

// --- the thunk ---

static void load_operands(struct x64_code *c, const struct jit *j)
{
    struct x64_label in_memory = {0}, whole = {0};
    x64_mov_rm(c, X64_32, X64_RAX, emit_at_jit_state(j, &j->frame->flags.word));
    x64_mov_rm(c, X64_64, X64_RCX, emit_at_jit_state(j, &j->frame->flags.a));
    x64_mov_rm(c, X64_64, X64_RDX, emit_at_jit_state(j, &j->frame->flags.b));
    x64_test_ri(c, X64_32, X64_RAX, IMMEDIATE_B);
    x64_jcc_label(c, X64_E, &in_memory);
    x64_movsx32_rr(c, X64_64, X64_RDX, X64_RAX);
    x64_sar_ri(c, X64_64, X64_RDX, B_SHIFT);
    x64_bind(c, &in_memory);
    // Words at the upper end have the flags of words.
    x64_test_ri(c, X64_32, X64_RAX, WORDS);
    x64_jcc_label(c, X64_E, &whole);
    x64_shl_ri(c, X64_64, X64_RCX, 32);
    x64_shl_ri(c, X64_64, X64_RDX, 32);
    x64_bind(c, &whole);
}

static void set_host_flags(struct x64_code *c)
{
    struct x64_label added = {0}, tested = {0}, done = {0};
    x64_test_ri(c, X64_32, X64_RAX, ADDED);
    x64_jcc_label(c, X64_NE, &added);
    x64_test_ri(c, X64_32, X64_RAX, TESTED);
    x64_jcc_label(c, X64_NE, &tested);
    x64_cmp_rr(c, X64_64, X64_RCX, X64_RDX);
    x64_cmc(c);
    x64_jmp_label(c, &done);
    x64_bind(c, &added);
    x64_add_rr(c, X64_64, X64_RCX, X64_RDX);
    x64_jmp_label(c, &done);
    x64_bind(c, &tested);
    x64_test_rr(c, X64_64, X64_RCX, X64_RDX);
    x64_bind(c, &done);
}

void emit_flags_thunk(struct x64_code *c, struct jit *j)
{
    const struct vm_register *registers = j->vcpu->guest->regfile->registers;
    if (j->flags_entry == VM_IR_NONE)
        return;
    j->thunks.flags = c->at;
    x64_push_r(c, X64_RAX);
    x64_push_r(c, X64_RCX);
    x64_push_r(c, X64_RDX);
    load_operands(c, j);
    set_host_flags(c);
    x64_setcc_r(c, X64_O, X64_RAX);
    x64_lahf(c);
    x64_shl_ri(c, X64_8, X64_RAX, 3);
    x64_ror_ri(c, X64_16, X64_RAX, 8);
    x64_and_ri(c, X64_32, X64_RAX, (int32_t)all);
    const char *state = j->vcpu->state;
    x64_mov_mr(c, X64_64, emit_at_jit_state(j, state + registers[j->flags_entry].offset), X64_RAX);
    x64_mov_mi(c, X64_32, emit_at_jit_state(j, &j->frame->flags.word), 0);
    x64_pop_r(c, X64_RDX);
    x64_pop_r(c, X64_RCX);
    x64_pop_r(c, X64_RAX);
    x64_ret(c);
}

void emit_flags_to_state(struct x64_code *c, const struct jit *j)
{
    struct x64_label right = {0};
    if (j->flags_entry == VM_IR_NONE)
        return;
    x64_cmp_mi(c, X64_32, emit_at_jit_state(j, &j->frame->flags.word), 0);
    x64_jcc_label(c, X64_E, &right);
    x64_call_to(c, j->thunks.flags);
    x64_bind(c, &right);
}
