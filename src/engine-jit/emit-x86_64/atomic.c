// SPDX-License-Identifier: MIT
//
// Atomics on the host's locked instructions, which are sequentially consistent. The location must
// be naturally aligned RAM: the check against the write TLB looks at the low bits of the address
// too. Everything else goes through C.
#include "emit.h"

#include <stddef.h>

// Whether the access is one of 4 or 8 bytes in the current context.
static bool is_inline(const struct vm_ir_op *o)
{
    const uint32_t known = 7 | VM_IR_MEM_SIGNED | 3u << VM_IR_MEM_ALIGN_SHIFT |
                           7u << VM_IR_MEM_ORDER_SHIFT | 15u << VM_IR_MEM_RMW_SHIFT;
    unsigned log2 = vm_ir_mem_size_log2(o->attr);
    return (o->attr & ~known) == 0 && (log2 == 2 || log2 == 3) && o->type != VM_I128;
}

static enum x64_width width(const struct vm_ir_op *o)
{
    return (enum x64_width)vm_ir_mem_size_log2(o->attr);
}

// The host address in rdx; what misses goes to the returned cold piece.
static struct cold *check(struct emit *e, const struct vm_ir_op *o, enum x64_reg address,
                          size_t array)
{
    int32_t low_bits = (1 << vm_ir_mem_size_log2(o->attr)) - 1;
    emit_look_up(&e->code, e->jit, address, array);
    x64_test_ri(&e->code, X64_64, X64_RDX, ~(int32_t)VM_PAGE_MASK | low_bits);
    struct cold *cold = emit_cold(e, COLD_ATOMIC, x64_jcc32(&e->code, X64_NE));
    emit_keep_float(e, cold);
    emit_addend(&e->code, array);
    x64_add_rr(&e->code, X64_64, X64_RDX, address);
    cold->address = address;
    cold->attr = o->attr;
    cold->what = o->code;
    cold->result = X64_RAX;
    cold->word = emit_fault_word(e);
    return cold;
}

// What was read is in rax: extended, it is the op's value, here and behind the cold piece.
static void define_old(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, struct cold *cold)
{
    if (width(o) == X64_32 && o->attr & VM_IR_MEM_SIGNED)
        x64_movsx32_rr(&e->code, X64_64, X64_RAX, X64_RAX);
    cold->back = e->code.at;
    emit_define(e, v, X64_RAX);
}

static const struct x64_mem at_host = {X64_RDX, X64_NONE, 0, 0};

// rcx = rax OP operand, for the ops that need a loop around a compare-exchange.
static void combine(struct emit *e, const struct vm_ir_op *o, const struct operand *value)
{
    enum x64_width w = width(o);
    struct x64_code *c = &e->code;
    emit_bring(e, X64_64, X64_RCX, value);
    switch (vm_ir_mem_rmw(o->attr)) {
    case VM_IR_RMW_AND: x64_and_rr(c, w, X64_RCX, X64_RAX); return;
    case VM_IR_RMW_OR: x64_or_rr(c, w, X64_RCX, X64_RAX); return;
    case VM_IR_RMW_XOR: x64_xor_rr(c, w, X64_RCX, X64_RAX); return;
    default: break;
    }
    static const uint8_t keep[] = {
        [VM_IR_RMW_SMIN] = X64_L,
        [VM_IR_RMW_SMAX] = X64_G,
        [VM_IR_RMW_UMIN] = X64_B,
        [VM_IR_RMW_UMAX] = X64_A,
    };
    x64_cmp_rr(c, w, X64_RAX, X64_RCX);
    x64_cmov_rr(c, (enum x64_cc)keep[vm_ir_mem_rmw(o->attr)], w, X64_RCX, X64_RAX);
}

static bool is_shared(const struct emit *e)
{
    return e->jit->vcpu->machine->vcpu_count > 1;
}

// Compares rax with memory and stores rcx.
static void compare_exchange(struct emit *e, enum x64_width w)
{
    if (is_shared(e))
        x64_lock_cmpxchg_mr(&e->code, w, at_host, X64_RCX);
    else
        x64_cmpxchg_mr(&e->code, w, at_host, X64_RCX);
}

static void exchange_loop(struct emit *e, const struct vm_ir_op *o, const struct operand *value)
{
    struct x64_label again = {0};
    x64_mov_rm(&e->code, width(o), X64_RAX, at_host);
    x64_bind(&e->code, &again);
    combine(e, o, value);
    compare_exchange(e, width(o));
    x64_jcc_label(&e->code, X64_NE, &again);
}

// An op whose old value nobody wants is one instruction.
static bool update_only(struct emit *e, const struct vm_ir_op *o, const struct operand *value)
{
    static const int8_t alus[] = {
        [VM_IR_RMW_SWAP] = -1,       [VM_IR_RMW_ADD] = X64_ALU_add, [VM_IR_RMW_AND] = X64_ALU_and,
        [VM_IR_RMW_OR] = X64_ALU_or, [VM_IR_RMW_XOR] = X64_ALU_xor,
    };
    unsigned op = vm_ir_mem_rmw(o->attr);
    if (op >= VM_ARRAY_SIZE(alus) || alus[op] < 0)
        return false;
    enum x64_alu alu = (enum x64_alu)alus[op];
    if (value->kind == IMMEDIATE) {
        is_shared(e) ? x64_lock_alu_mi(&e->code, alu, width(o), at_host, (int32_t)value->imm)
                     : x64_alu_mi(&e->code, alu, width(o), at_host, (int32_t)value->imm);
        return true;
    }
    emit_bring(e, X64_64, X64_RCX, value);
    is_shared(e) ? x64_lock_alu_mr(&e->code, alu, width(o), at_host, X64_RCX)
                 : x64_alu_mr(&e->code, alu, width(o), at_host, X64_RCX);
    return true;
}

// The old value in rax, the new one in memory.
static void fetch_op(struct emit *e, const struct vm_ir_op *o, const struct operand *value)
{
    struct x64_code *c = &e->code;
    unsigned op = vm_ir_mem_rmw(o->attr);
    if (op == VM_IR_RMW_SWAP && is_shared(e)) {
        emit_bring(e, X64_64, X64_RAX, value);
        x64_xchg_mr(c, width(o), at_host, X64_RAX);
    } else if (op == VM_IR_RMW_SWAP) {
        emit_bring(e, X64_64, X64_RCX, value);
        x64_mov_rm(c, width(o), X64_RAX, at_host);
        x64_mov_mr(c, width(o), at_host, X64_RCX);
    } else if (op == VM_IR_RMW_ADD) {
        emit_bring(e, X64_64, X64_RAX, value);
        is_shared(e) ? x64_lock_xadd_mr(c, width(o), at_host, X64_RAX)
                     : x64_xadd_mr(c, width(o), at_host, X64_RAX);
    } else {
        exchange_loop(e, o, value);
    }
}

void emit_op_rmw(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    if (!is_inline(o)) {
        emit_atomic_in_c(e, v, o);
        return;
    }
    struct operand value = emit_settled(e, o->args[1]);
    struct cold *cold = check(e, o, emit_address(e, o), offsetof(struct vm_tlb_context, write));
    cold->value = value;
    if (e->plan->uses[v] == 0 && update_only(e, o, &value)) {
        cold->back = e->code.at;
        return;
    }
    fetch_op(e, o, &value);
    define_old(e, v, o, cold);
}

void emit_op_cas(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    if (!is_inline(o)) {
        emit_atomic_in_c(e, v, o);
        return;
    }
    struct operand expected = emit_settled(e, o->args[1]), desired = emit_settled(e, o->args[2]);
    struct cold *cold = check(e, o, emit_address(e, o), offsetof(struct vm_tlb_context, write));
    cold->value = expected;
    cold->value2 = desired;
    emit_bring(e, X64_64, X64_RAX, &expected);
    emit_bring(e, X64_64, X64_RCX, &desired);
    compare_exchange(e, width(o));
    if (width(o) == X64_32) // where it was equal rax is as before, with what is above the word
        x64_mov_rr(&e->code, X64_32, X64_RAX, X64_RAX);
    define_old(e, v, o, cold);
}

// The reservation: host address, size and value.
void emit_op_lr(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    struct vm_reservation *r = &e->jit->vcpu->reservation;
    if (!is_inline(o)) {
        emit_atomic_in_c(e, v, o);
        return;
    }
    struct cold *cold = check(e, o, emit_address(e, o), offsetof(struct vm_tlb_context, read));
    x64_mov_rm(&e->code, width(o), X64_RAX, at_host);
    x64_mov_mr(&e->code, X64_64, at_state(e, &r->host), X64_RDX);
    x64_mov_mr(&e->code, X64_64, at_state(e, &r->value.lo), X64_RAX);
    x64_mov_mi(&e->code, X64_8, at_state(e, &r->size), 1 << vm_ir_mem_size_log2(o->attr));
    define_old(e, v, o, cold);
}

void emit_op_sc(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    struct vm_reservation *r = &e->jit->vcpu->reservation;
    struct x64_code *c = &e->code;
    struct x64_label failed = {0};
    if (!is_inline(o)) {
        emit_atomic_in_c(e, v, o);
        return;
    }
    struct operand value = emit_settled(e, o->args[1]);
    struct cold *cold = check(e, o, emit_address(e, o), offsetof(struct vm_tlb_context, write));
    cold->value = value;
    x64_mov_rm(c, X64_64, X64_RAX, at_state(e, &r->value.lo));
    x64_mov_rm(c, X64_64, X64_RCX, at_state(e, &r->host));
    x64_mov_mi(c, X64_64, at_state(e, &r->host), 0);
    x64_cmp_rr(c, X64_64, X64_RCX, X64_RDX);
    x64_jcc_label(c, X64_NE, &failed);
    x64_cmp_mi(c, X64_8, at_state(e, &r->size), 1 << vm_ir_mem_size_log2(o->attr));
    x64_jcc_label(c, X64_NE, &failed);
    emit_bring(e, X64_64, X64_RCX, &value);
    compare_exchange(e, width(o));
    x64_bind(c, &failed);
    x64_setcc_r(c, X64_NE, X64_RAX);
    x64_movzx8_rr(c, X64_32, X64_RAX, X64_RAX);
    cold->back = c->at;
    emit_define(e, v, X64_RAX);
}

// --- through C ---

static void pass_operand(struct emit *e, unsigned i, vm_ir_value v, bool wide)
{
    if (!wide) {
        emit_store_operand(e, X64_64, at_state(e, &e->jit->frame->args[i]), v);
        return;
    }
    enum x64_reg reg = emit_temp(e);
    emit_copy(e, reg, at_state(e, e->jit->frame->pair[i]), emit_slot(e, v), 16);
}

void emit_atomic_in_c(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    bool wide = vm_ir_mem_size_log2(o->attr) >= 4;
    unsigned operands = vm_ir_op_args(e->r, o) - 1;
    for (unsigned i = 0; i < operands; i++) {
        pass_operand(e, i, o->args[i + 1], wide);
        e->locked = 0;
    }
    enum x64_reg address = emit_address(e, o);
    x64_mov_mi(&e->code, X64_64, at_state(e, &e->jit->frame->args[3]), o->code | wide << 16);
    emit_before_c(e);
    emit_pass_access(e, address, o->attr);
    x64_call_to(&e->code, e->jit->thunks.atomic);
    if (o->type == VM_I128 && o->code != VM_IR_sc) {
        emit_copy(e, X64_RAX, emit_slot(e, v), at_state(e, e->jit->frame->pair[3]), 16);
        return;
    }
    emit_define(e, v, X64_RAX);
}
