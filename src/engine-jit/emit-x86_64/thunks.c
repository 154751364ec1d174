// SPDX-License-Identifier: MIT
//
// The code that blocks share: entry and exit, the table of indirect jumps, and the calls of C.
//
// Whatever a call of the host's ABI (System V, or Windows' x64) may destroy of the guest's
// registers goes to their entries in the state before it and comes back after it.
#include "emit.h"

#include <stddef.h>

// Generated code follows the System V ABI on every OS (JIT_ABI says so to the C compiler).
#define ARG0 X64_RDI
#define ARG1 X64_RSI
#define ARG2 X64_RDX
#define ARG3 X64_RCX
static const uint8_t preserved[] = {X64_RBX, X64_RBP, X64_R12, X64_R13, X64_R14, X64_R15};

struct thunks {
    struct x64_code code;
    struct jit *jit;
    const struct vm_regfile *regfile;
};

static struct x64_mem in_state(const struct thunks *t, const void *field)
{
    const char *base = (const char *)t->jit->vcpu->state + STATE_BIAS;
    return x64_at(REG_STATE, (int32_t)((const char *)field - base));
}

static struct x64_mem in_entry(const struct thunks *t, uint16_t entry)
{
    return x64_at(REG_STATE, (int32_t)t->regfile->registers[entry].offset - STATE_BIAS);
}

static bool is_preserved(unsigned reg)
{
    for (unsigned i = 0; i < sizeof preserved; i++) {
        if (preserved[i] == reg)
            return true;
    }
    return false;
}

// Moves the guest's registers to or from their entries: all, or those that a call may destroy.
static void move_fixed(struct thunks *t, bool to_state, bool all)
{
    const uint16_t *hot = t->regfile->hot;
    for (unsigned i = 0; i < FIXED_COUNT && hot && hot[i] != VM_IR_NONE; i++) {
        enum x64_reg reg = (enum x64_reg)x64_fixed[i];
        if (!all && is_preserved(reg))
            continue;
        if (to_state)
            x64_mov_mr(&t->code, X64_64, in_entry(t, hot[i]), reg);
        else
            x64_mov_rm(&t->code, X64_64, reg, in_entry(t, hot[i]));
    }
}

enum {
    CALLS_BYTES = 32 << 10, // of the stack for calls under way
    CALL_BYTES = 8,         // in a thunk, which the block has called
    ACCESS_BYTES = 16       // the same after a push
};

// enter(state, entry): the host's registers are kept on the stack. On top of them lies the address
// that a return without a call finds.
static void emit_enter(struct thunks *t)
{
    struct x64_code *c = &t->code;
    for (unsigned i = 0; i < sizeof preserved; i++)
        x64_push_r(c, (enum x64_reg)preserved[i]);
    x64_lea_rm(c, X64_64, REG_STATE, x64_at(ARG0, STATE_BIAS));
    x64_mov_rr(c, X64_64, X64_RDX, ARG1);
    x64_imm(c, X64_RAX, (uintptr_t)jit_executable(t->jit, t->jit->thunks.no_call));
    x64_push_r(c, X64_RAX);
    x64_mov_mr(c, X64_64, in_state(t, &t->jit->frame->stack), X64_RSP);
    x64_lea_rm(c, X64_64, X64_RAX, x64_at(X64_RSP, -CALLS_BYTES));
    x64_mov_mr(c, X64_64, in_state(t, &t->jit->frame->stack_limit), X64_RAX);
    x64_mov_rm(c, X64_64, REG_TLB, in_state(t, &t->jit->vcpu->tlb.data));
    move_fixed(t, false, true);
    x64_jmp_r(c, X64_RDX);
}

// rax: the exit word.
static void emit_leave(struct thunks *t)
{
    struct x64_code *c = &t->code;
    t->jit->thunks.leave = c->at;
    emit_flags_to_state(c, t->jit);
    move_fixed(t, true, true);
    emit_end_float(c, t->jit);
    x64_mov_rm(c, X64_64, X64_RSP, in_state(t, &t->jit->frame->stack));
    x64_add_ri(c, X64_64, X64_RSP, 8);
    for (unsigned i = sizeof preserved; i-- > 0;)
        x64_pop_r(c, (enum x64_reg)preserved[i]);
    x64_ret(c);
}

// rax: the guest PC. Puts back what the return has taken.
static void emit_no_call(struct thunks *t)
{
    struct x64_code *c = &t->code;
    t->jit->thunks.no_call = c->at;
    x64_mov_rm(c, X64_64, X64_RSP, in_state(t, &t->jit->frame->stack));
    x64_jmp_to(c, t->jit->thunks.indirect);
}

// rax: the block; on the stack the way's number.
static void emit_link(struct thunks *t)
{
    struct x64_code *c = &t->code;
    t->jit->thunks.link = c->at;
    x64_mov_mr(c, X64_64, in_state(t, &t->jit->frame->exit_block), X64_RAX);
    x64_pop_m(c, in_state(t, &t->jit->frame->exit_way));
    x64_imm(c, X64_RAX, JIT_EXIT_LINK);
    x64_jmp_to(c, t->jit->thunks.leave);
}

// rax: the guest PC. Looks it up in the table of struct jit_jump; page base and PC are put in
// place.
static void emit_indirect(struct thunks *t)
{
    struct x64_code *c = &t->code;
    struct jit *j = t->jit;
    const struct vm_register *pc = &t->regfile->registers[t->regfile->pc];
    const uint64_t *generations = j->vcpu->tlb.code_generations;
    struct x64_label request = {0}, miss = {0}, holds = {0};
    j->thunks.indirect = c->at;
    x64_mov_mr(c, X64_64, x64_at(REG_STATE, pc->offset - STATE_BIAS), X64_RAX);
    x64_cmp_mi(c, X64_32, in_state(t, (const void *)&j->vcpu->request), 0);
    x64_jcc_label(c, X64_NE, &request);
    // The slot as jit_jump_slot has it, times 32.
    x64_mov_rr(c, X64_64, X64_RCX, X64_RAX);
    x64_shr_ri(c, X64_64, X64_RCX, JIT_JUMP_BITS);
    x64_xor_rr(c, X64_64, X64_RCX, X64_RAX);
    x64_shr_ri(c, X64_64, X64_RCX, 1);
    x64_and_ri(c, X64_32, X64_RCX, (1 << JIT_JUMP_BITS) - 1);
    x64_shl_ri(c, X64_32, X64_RCX, 5);
    x64_imm(c, X64_RDX, (uintptr_t)j->jumps);
    x64_add_rr(c, X64_64, X64_RDX, X64_RCX);
    x64_cmp_rm(c, X64_64, X64_RAX, x64_at(X64_RDX, offsetof(struct jit_jump, pc)));
    x64_jcc_label(c, X64_NE, &miss);
    x64_mov_rm(c, X64_64, X64_RCX, x64_at(X64_RDX, offsetof(struct jit_jump, generation)));
    x64_cmp_rm(c, X64_64, X64_RCX, in_state(t, &generations[VM_TLB_ON_REGIME]));
    x64_jcc_label(c, X64_E, &holds);
    x64_cmp_rm(c, X64_64, X64_RCX, in_state(t, &generations[VM_TLB_ON_CONTEXT]));
    x64_jcc_label(c, X64_NE, &miss);
    x64_bind(c, &holds);
    x64_mov_rm(c, X64_32, X64_RCX, in_state(t, &j->vcpu->mode));
    x64_cmp_rm(c, X64_32, X64_RCX, x64_at(X64_RDX, offsetof(struct jit_jump, mode)));
    x64_jcc_label(c, X64_NE, &miss);
    x64_and_ri(c, X64_64, X64_RAX, ~(int32_t)VM_PAGE_MASK);
    x64_mov_mr(c, X64_64, in_state(t, &j->frame->page_base), X64_RAX);
    x64_jmp_m(c, x64_at(X64_RDX, offsetof(struct jit_jump, entry)));
    x64_bind(c, &request);
    x64_imm(c, X64_RAX, JIT_EXIT_INDIRECT_REQUEST);
    x64_jmp_to(c, j->thunks.leave);
    x64_bind(c, &miss);
    x64_imm(c, X64_RAX, JIT_EXIT_LOOKUP);
    x64_jmp_to(c, j->thunks.leave);
}

// rax: the exit word of a fault. Calls under way stay: the handler returns to who made them.
static void emit_fault(struct thunks *t)
{
    struct x64_code *c = &t->code;
    const struct vm_register *pc = &t->regfile->registers[t->regfile->pc];
    struct x64_label leave = {0};
    t->jit->thunks.fault = c->at;
    emit_flags_to_state(c, t->jit);
    move_fixed(t, true, true);
    emit_end_float(c, t->jit);
    x64_mov_rr(c, X64_64, ARG1, X64_RAX);
    x64_imm(c, ARG0, (uintptr_t)t->jit->vcpu);
    x64_imm(c, X64_RAX, (uintptr_t)jit_slow_exception);
    x64_call_r(c, X64_RAX);
    move_fixed(t, false, true);
    x64_mov_rm(c, X64_64, REG_TLB, in_state(t, &t->jit->vcpu->tlb.data));
    x64_test_rr(c, X64_64, X64_RAX, X64_RAX);
    x64_jcc_label(c, X64_NE, &leave);
    x64_mov_rm(c, X64_64, X64_RAX, x64_at(REG_STATE, pc->offset - STATE_BIAS));
    x64_jmp_to(c, t->jit->thunks.indirect);
    x64_bind(c, &leave);
    x64_jmp_to(c, t->jit->thunks.leave);
}

// --- calls of C: the block has called the thunk, so the stack is 8 bytes off ---

static void call_c(struct thunks *t, uintptr_t function)
{
    struct x64_code *c = &t->code;
    x64_sub_ri(c, X64_64, X64_RSP, CALL_BYTES);
    x64_imm(c, X64_RAX, function);
    x64_call_r(c, X64_RAX);
    x64_add_ri(c, X64_64, X64_RSP, CALL_BYTES);
}

// rax: guest address, rcx: attr, edx: the exit word of a fault (kept on the stack). Afterwards rax
// has what was read.
static uint8_t *emit_access(struct thunks *t, uintptr_t function, bool is_atomic)
{
    struct x64_code *c = &t->code;
    struct x64_label fault = {0};
    uint8_t *start = c->at;
    move_fixed(t, true, false);
    emit_end_float(c, t->jit);
    x64_push_r(c, X64_RDX);
    x64_sub_ri(c, X64_64, X64_RSP, ACCESS_BYTES);
    x64_mov_rr(c, X64_64, X64_R10, X64_RCX);
    x64_mov_rr(c, X64_64, ARG1, X64_RAX);
    x64_mov_rr(c, X64_32, ARG2, X64_R10);
    if (is_atomic)
        x64_mov_rm(c, X64_32, ARG3, in_state(t, &t->jit->frame->args[3]));
    x64_imm(c, ARG0, (uintptr_t)t->jit->vcpu);
    x64_imm(c, X64_RAX, function);
    x64_call_r(c, X64_RAX);
    x64_add_ri(c, X64_64, X64_RSP, ACCESS_BYTES);
    x64_pop_r(c, X64_RDX);
    move_fixed(t, false, false);
    x64_test_rr(c, X64_8, X64_RAX, X64_RAX);
    x64_jcc_label(c, X64_E, &fault);
    x64_mov_rm(c, X64_64, X64_RAX, in_state(t, &t->jit->frame->result[0]));
    x64_ret(c);
    x64_bind(c, &fault);
    x64_add_ri(c, X64_64, X64_RSP, 8); // the block's return address
    x64_mov_rr(c, X64_64, X64_RAX, X64_RDX);
    x64_jmp_to(c, t->jit->thunks.fault);
    return start;
}

// The access itself, its address in rax, the addend in rdx; rcx, then rdx are on the stack.
static void access_and_return(struct thunks *t, uint32_t attr, bool is_store)
{
    struct x64_code *c = &t->code;
    unsigned log2 = vm_ir_mem_size_log2(attr);
    struct x64_mem place = x64_at_index(X64_RDX, X64_RAX, 0, 0);
    if (is_store) {
        x64_mov_rm(c, X64_64, X64_RCX, x64_at(X64_RSP, 8));
        x64_mov_mr(c, (enum x64_width)log2, place, X64_RCX);
    } else {
        emit_load_extended(c, X64_RAX, place, log2, attr & VM_IR_MEM_SIGNED);
    }
    x64_add_ri(c, X64_64, X64_RSP, 16);
    x64_ret(c);
}

static void push_operands(struct thunks *t)
{
    x64_push_r(&t->code, X64_RCX);
    x64_push_r(&t->code, X64_RDX);
}

static void pop_operands(struct thunks *t)
{
    x64_pop_r(&t->code, X64_RDX);
    x64_pop_r(&t->code, X64_RCX);
}

// Looks among the entries aside (vm/mem/tlb.h).
static void look_aside(struct thunks *t, uint32_t attr, bool is_store)
{
    enum { ENTRY_SHIFT = 4 };
    struct x64_code *c = &t->code;
    int32_t array = (int32_t)(is_store ? offsetof(struct vm_tlb_context, aside[1])
                                       : offsetof(struct vm_tlb_context, aside[0]));
    push_operands(t);
    x64_mov_rr(c, X64_64, X64_RCX, X64_RAX);
    x64_shr_ri(c, X64_64, X64_RCX, VM_TLB_BITS);
    x64_xor_rr(c, X64_64, X64_RCX, X64_RAX);
    x64_shr_ri(c, X64_64, X64_RCX, VM_PAGE_SHIFT - ENTRY_SHIFT);
    x64_and_ri(c, X64_32, X64_RCX, (VM_TLB_ASIDE - 1) << ENTRY_SHIFT);
    x64_mov_rm(c, X64_64, X64_RDX, x64_at_index(REG_TLB, X64_RCX, 0, array));
    x64_xor_rr(c, X64_64, X64_RDX, X64_RAX);
    x64_cmp_ri(c, X64_64, X64_RDX, VM_PAGE_SIZE - (1 << vm_ir_mem_size_log2(attr)));
    uint8_t *miss = x64_jcc32(c, X64_A);
    x64_mov_rm(c, X64_64, X64_RDX, x64_at_index(REG_TLB, X64_RCX, 0, array + 8));
    access_and_return(t, attr, is_store);
    x64_patch32(miss, c->at);
    pop_operands(t);
}

// The same for a plain access that the inline check has missed: its size and sign are the thunk's.
// rcx: what is stored.
static uint8_t *emit_plain_access(struct thunks *t, uint32_t attr, bool is_store)
{
    struct x64_code *c = &t->code;
    uint8_t *start = c->at;
    look_aside(t, attr, is_store);
    if (is_store)
        x64_mov_mr(c, X64_64, in_state(t, &t->jit->frame->args[0]), X64_RCX);
    x64_imm(c, X64_RCX, attr);
    x64_jmp_to(c, is_store ? t->jit->thunks.store : t->jit->thunks.load);
    return start;
}

// The same with the check of memory.c ahead of what goes through C.
static uint8_t *emit_checked_access(struct thunks *t, uint32_t attr, bool is_store,
                                    const uint8_t *unchecked)
{
    struct x64_code *c = &t->code;
    unsigned log2 = vm_ir_mem_size_log2(attr);
    uint8_t *start = c->at;
    push_operands(t);
    uint8_t *miss = emit_check(c, t->jit, X64_RAX, 1u << log2,
                               is_store ? offsetof(struct vm_tlb_context, write)
                                        : offsetof(struct vm_tlb_context, read));
    access_and_return(t, attr, is_store);
    x64_patch32(miss, c->at);
    pop_operands(t);
    x64_jmp_to(c, unchecked);
    return start;
}

static void emit_plain_accesses(struct thunks *t)
{
    struct jit_thunks *to = &t->jit->thunks;
    for (unsigned log2 = 0; log2 < 4; log2++) {
        uint32_t attr = VM_IR_MEM(log2, 0, VM_IR_RELAXED);
        to->plain_store[log2] = emit_plain_access(t, attr, true);
        to->span_store[log2] = emit_checked_access(t, attr, true, to->plain_store[log2]);
        for (unsigned sign = 0; sign < 2; sign++) {
            attr |= sign ? VM_IR_MEM_SIGNED : 0;
            to->plain_load[log2][sign] = emit_plain_access(t, attr, false);
            to->span_load[log2][sign] =
                emit_checked_access(t, attr, false, to->plain_load[log2][sign]);
        }
    }
}

// rax: the helper; arguments in the frame, the result in rax. Without `all` it is one that uses no
// floating point.
static uint8_t *emit_call(struct thunks *t, bool all)
{
    struct x64_code *c = &t->code;
    uint8_t *start = c->at;
    if (all)
        emit_flags_to_state(c, t->jit);
    move_fixed(t, true, all);
    if (all)
        emit_end_float(c, t->jit);
    else
        emit_move_live(c, t->jit, true);
    x64_mov_rr(c, X64_64, ARG1, X64_RAX);
    x64_imm(c, ARG0, (uintptr_t)t->jit->vcpu);
    call_c(t, (uintptr_t)jit_slow_call);
    if (!all)
        emit_move_live(c, t->jit, false);
    move_fixed(t, false, all);
    x64_mov_rm(c, X64_64, REG_TLB, in_state(t, &t->jit->vcpu->tlb.data));
    x64_ret(c);
    return start;
}

// rcx: what; operands in the frame, the result in rax, a wide one in the frame.
static uint8_t *emit_evaluation(struct thunks *t, uintptr_t function)
{
    struct x64_code *c = &t->code;
    uint8_t *start = c->at;
    move_fixed(t, true, false);
    emit_move_live(c, t->jit, true);
    x64_mov_rr(c, X64_64, X64_R10, X64_RCX);
    x64_mov_rr(c, X64_64, ARG1, X64_R10);
    x64_imm(c, ARG0, (uintptr_t)t->jit->vcpu);
    call_c(t, function);
    emit_move_live(c, t->jit, false);
    move_fixed(t, false, false);
    x64_ret(c);
    return start;
}

uint8_t *jit_emit_thunks(struct jit *j, uint8_t *place, uint8_t *end)
{
    struct thunks t = {
        .code = {.at = place, .end = end},
        .jit = j,
        .regfile = j->vcpu->guest->regfile,
    };
    emit_fix_registers(j);
    emit_float_tables(&t.code, j);
    emit_flags_thunk(&t.code, j);
    emit_leave(&t);
    emit_link(&t);
    emit_indirect(&t);
    emit_no_call(&t);
    emit_fault(&t);
    uint8_t *enter = t.code.at;
    emit_enter(&t);
    j->thunks.load = emit_access(&t, (uintptr_t)jit_slow_load, false);
    j->thunks.store = emit_access(&t, (uintptr_t)jit_slow_store, false);
    j->thunks.atomic = emit_access(&t, (uintptr_t)jit_slow_atomic, true);
    emit_plain_accesses(&t);
    j->thunks.call = emit_call(&t, false);
    j->thunks.call_all = emit_call(&t, true);
    j->thunks.evaluate = emit_evaluation(&t, (uintptr_t)jit_slow_evaluate);
    j->thunks.vector = emit_evaluation(&t, (uintptr_t)jit_slow_vector);
    emit_pointer_code_thunks(&t.code, j);
    emit_float_thunks(&t.code, j);
    j->enter = (jit_enter_fn *)(uintptr_t)jit_executable(j, enter);
    return t.code.overflow ? NULL : (uint8_t *)(((uintptr_t)t.code.at + 63) & ~(uintptr_t)63);
}
