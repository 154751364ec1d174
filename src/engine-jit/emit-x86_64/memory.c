// SPDX-License-Identifier: MIT
//
// Loads, stores and fences. The check against the first-level TLB is inline; what misses it, and
// what is not plain (byte order, MMU indexes above 1) goes through C.
//
// A v128 is one move of the host's: single-copy atomic where it is aligned, as CPUs that have AVX
// guarantee.
//
// A check, the address in A:
//
//     rorx rcx, A, 8; and ecx, 0x1ff0        the entry's offset
//     mov rdx, [r14+rcx+array]; xor rdx, A   below a page if the tag matches,
//     cmp rdx, 4096 - size; ja cold          and by how much it does not cross
//     mov rdx, [r14+rcx+array+8]             host address = A + addend
//
// With MMU index 1 the other context's address is added to rcx, and takes r14's place.
#include "emit.h"

#include <stddef.h>
#include <vm/osal/cpu.h>

enum {
    ENTRY_SHIFT = 4,
    INDEX_MASK = (VM_TLB_ENTRIES - 1) << ENTRY_SHIFT,
};

enum x64_reg emit_address(struct emit *e, const struct vm_ir_op *o)
{
    int64_t disp = (int64_t)o->imm;
    uint64_t constant;
    if (emit_is_const(e, o->args[0], &constant)) {
        emit_claim_all(e);
        x64_imm(&e->code, X64_RAX, constant + o->imm);
        return X64_RAX;
    }
    struct operand a = emit_operand(e, o->args[0]);
    if (a.kind == IN_REGISTER && emit_is_temporary(a.reg))
        emit_detach(e, a.reg);
    emit_claim_all(e);
    if (a.kind == IN_REGISTER && !emit_is_temporary(a.reg) && disp == 0)
        return a.reg;
    if (a.kind == IN_REGISTER && disp == (int32_t)disp) {
        if (a.reg != X64_RAX || disp)
            x64_lea_rm(&e->code, X64_64, X64_RAX, x64_at(a.reg, (int32_t)disp));
        return X64_RAX;
    }
    if (a.kind == IN_REGISTER && a.reg != X64_RAX)
        x64_mov_rr(&e->code, X64_64, X64_RAX, a.reg);
    else if (a.kind == IN_MEMORY)
        x64_mov_rm(&e->code, X64_64, X64_RAX, a.mem);
    if (disp != (int32_t)disp) {
        x64_imm(&e->code, X64_RDX, (uint64_t)disp);
        x64_add_rr(&e->code, X64_64, X64_RAX, X64_RDX);
    } else if (disp) {
        x64_add_ri(&e->code, X64_64, X64_RAX, (int32_t)disp);
    }
    return X64_RAX;
}

// The offset of the entry for an address, in rcx.
static void emit_offset(struct x64_code *c, const struct jit *j, enum x64_reg address)
{
    if (j->cpu_features & VM_CPU_X86_64_BMI2) {
        x64_rorx_rri(c, X64_64, X64_RCX, address, VM_PAGE_SHIFT - ENTRY_SHIFT);
    } else {
        x64_mov_rr(c, X64_64, X64_RCX, address);
        x64_shr_ri(c, X64_64, X64_RCX, VM_PAGE_SHIFT - ENTRY_SHIFT);
    }
    x64_and_ri(c, X64_32, X64_RCX, INDEX_MASK);
}

void emit_look_up(struct x64_code *c, const struct jit *j, enum x64_reg address, size_t array)
{
    emit_offset(c, j, address);
    x64_mov_rm(c, X64_64, X64_RDX, x64_at_index(REG_TLB, X64_RCX, 0, (int32_t)array));
    x64_xor_rr(c, X64_64, X64_RDX, address);
}

void emit_addend(struct x64_code *c, size_t array)
{
    x64_mov_rm(c, X64_64, X64_RDX, x64_at_index(REG_TLB, X64_RCX, 0, (int32_t)array + 8));
}

uint8_t *emit_check(struct x64_code *c, const struct jit *j, enum x64_reg address, unsigned size,
                    size_t array)
{
    emit_look_up(c, j, address, array);
    x64_cmp_ri(c, X64_64, X64_RDX, (int32_t)(VM_PAGE_SIZE - size));
    uint8_t *miss = x64_jcc32(c, X64_A);
    emit_addend(c, array);
    return miss;
}

// The same in the context of MMU index 1.
static uint8_t *check_other(struct emit *e, enum x64_reg address, unsigned size, size_t array)
{
    struct x64_code *c = &e->code;
    emit_offset(c, e->jit, address);
    x64_add_rm(c, X64_64, X64_RCX, at_state(e, &e->jit->vcpu->tlb.other));
    x64_mov_rm(c, X64_64, X64_RDX, x64_at(X64_RCX, (int32_t)array));
    x64_xor_rr(c, X64_64, X64_RDX, address);
    x64_cmp_ri(c, X64_64, X64_RDX, (int32_t)(VM_PAGE_SIZE - size));
    uint8_t *miss = x64_jcc32(c, X64_A);
    x64_mov_rm(c, X64_64, X64_RDX, x64_at(X64_RCX, (int32_t)array + 8));
    return miss;
}

// The same for an access that must be aligned: what is not, misses.
static uint8_t *check_aligned(struct emit *e, enum x64_reg address, unsigned size, size_t array)
{
    emit_look_up(&e->code, e->jit, address, array);
    x64_test_ri(&e->code, X64_64, X64_RDX, ~(int32_t)VM_PAGE_MASK | (int32_t)(size - 1));
    uint8_t *miss = x64_jcc32(&e->code, X64_NE);
    emit_addend(&e->code, array);
    return miss;
}

void emit_load_extended(struct x64_code *c, enum x64_reg to, struct x64_mem from, unsigned log2,
                        bool sign)
{
    switch (log2) {
    case 0: sign ? x64_movsx8_rm(c, X64_64, to, from) : x64_movzx8_rm(c, X64_32, to, from); break;
    case 1: sign ? x64_movsx16_rm(c, X64_64, to, from) : x64_movzx16_rm(c, X64_32, to, from); break;
    case 2: sign ? x64_movsx32_rm(c, X64_64, to, from) : x64_mov_rm(c, X64_32, to, from); break;
    default: x64_mov_rm(c, X64_64, to, from); break;
    }
}

void emit_pass_access_word(struct emit *e, enum x64_reg address, uint32_t attr, uint64_t word)
{
    if (address != X64_RAX)
        x64_mov_rr(&e->code, X64_64, X64_RAX, address);
    x64_imm(&e->code, X64_RCX, attr);
    x64_imm(&e->code, X64_RDX, word);
}

void emit_before_c(struct emit *e)
{
    emit_settle_all(e);
    emit_claim_xmm(e);
    e->float_live = false;
}

void emit_keep_float(struct emit *e, struct cold *cold)
{
    cold->keeps_float = e->float_live || e->pending_count || emit_xmm_in_use(e);
    cold->nans = emit_pending_list(e);
}

void emit_pass_access(struct emit *e, enum x64_reg address, uint32_t attr)
{
    emit_pass_access_word(e, address, attr, emit_fault_word(e));
}

// A load through C whose result may have 128 bits.
static void load_through_c(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    enum x64_reg address = emit_address(e, o);
    emit_before_c(e);
    emit_pass_access(e, address, o->attr);
    x64_call_to(&e->code, e->jit->thunks.load);
    if (o->type == VM_V128) {
        enum x64_xmm to = emit_xmm_temp(e);
        emit_xmm_load(e, VM_V128, to, at_state(e, e->jit->frame->pair[3]));
        emit_define_xmm(e, v, to);
        return;
    }
    if (o->type == VM_I128) {
        emit_copy(e, X64_RAX, emit_slot(e, v), at_state(e, e->jit->frame->pair[3]), 16);
        return;
    }
    emit_define(e, v, X64_RAX);
}

bool emit_is_float_load(const struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    unsigned log2 = vm_ir_mem_size_log2(o->attr);
    return (e->plan->marks[v] & JIT_FLOAT || emit_xmm_home(e, v) != NO_REG) &&
           ((o->type == VM_I64 && log2 == 3) || (o->type == VM_I32 && log2 == 2));
}

// Where a plain access is, once its other operand is in place. All temporaries are free then but
// rdx, and rax if it has the address.
static struct access find_place(struct emit *e, vm_ir_value v, const struct vm_ir_op *o,
                                size_t array)
{
    if (emit_is_in_span(e, v))
        return emit_span_place(e, v, o);
    enum x64_reg address = emit_address(e, o);
    unsigned size = 1u << vm_ir_mem_size_log2(o->attr);
    uint8_t *miss = vm_ir_mem_index(o->attr) ? check_other(e, address, size, array)
                    : vm_ir_mem_align(o->attr) == VM_IR_ALIGN_ANY
                        ? emit_check(&e->code, e->jit, address, size, array)
                        : check_aligned(e, address, size, array);
    return (struct access){
        .place = x64_at_index(X64_RDX, address, 0, 0), .miss = miss, .base = address};
}

static struct cold *go_aside(struct emit *e, enum cold_kind kind, const struct vm_ir_op *o,
                             const struct access *a)
{
    struct cold *cold = emit_cold(e, kind, a->miss);
    emit_keep_float(e, cold);
    cold->back = e->code.at;
    cold->address = a->base;
    cold->disp = a->disp;
    cold->in_span = a->in_span;
    cold->attr = o->attr;
    cold->word = emit_fault_word(e);
    return cold;
}

static void load_float(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    enum x64_xmm to = emit_xmm_result(e, v, 0);
    struct access a = find_place(e, v, o, offsetof(struct vm_tlb_context, read));
    emit_xmm_load(e, o->type == VM_I64 ? VM_F64 : VM_F32, to, a.place);
    go_aside(e, COLD_LOAD, o, &a)->xmm = (uint8_t)to;
    emit_define_xmm(e, v, to);
}

// A narrower one leaves zeros above. What goes aside has the whole v128 from C.
static void load_vector(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    unsigned log2 = vm_ir_mem_size_log2(o->attr);
    enum x64_xmm to = emit_xmm_result(e, v, 0);
    struct access a = find_place(e, v, o, offsetof(struct vm_tlb_context, read));
    if (log2 >= 2) {
        emit_xmm_load(e, log2 == 4 ? VM_V128 : log2 == 3 ? VM_F64 : VM_F32, to, a.place);
    } else {
        emit_load_extended(&e->code, X64_RCX, a.place, log2, false);
        emit_xmm_from(e, X64_32, to, X64_RCX);
    }
    struct cold *cold = go_aside(e, COLD_LOAD, o, &a);
    cold->xmm = (uint8_t)to;
    cold->wide = true;
    emit_define_xmm(e, v, to);
}

static void load_integer(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    struct access a = find_place(e, v, o, offsetof(struct vm_tlb_context, read));
    enum x64_reg to = X64_RAX;
    uint16_t home = e->plan->home[v];
    if (home != VM_IR_NONE && e->fixed[home] != NO_REG)
        to = (enum x64_reg)e->fixed[home];
    emit_load_extended(&e->code, to, a.place, vm_ir_mem_size_log2(o->attr),
                       o->attr & VM_IR_MEM_SIGNED);
    go_aside(e, COLD_LOAD, o, &a)->result = to;
    emit_define(e, v, to);
}

void emit_op_load(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    if (e->in_loop) {
        emit_loop_load(e, v, o);
        return;
    }
    if ((!jit_is_plain(o) && !jit_is_plain_other(o)) || o->type == VM_I128) {
        load_through_c(e, v, o);
        return;
    }
    if (emit_is_in_span(e, v))
        emit_open_span(e, v);
    if (o->type == VM_V128)
        load_vector(e, v, o);
    else if (emit_is_float_load(e, v, o))
        load_float(e, v, o);
    else
        load_integer(e, v, o);
}

static void store_value(struct emit *e, enum x64_width w, struct x64_mem to,
                        const struct operand *value)
{
    if (value->kind == IMMEDIATE)
        x64_mov_mi(&e->code, w, to, (int32_t)value->imm);
    else if (value->kind == IN_XMM)
        emit_xmm_store(e, w == X64_32 ? VM_F32 : VM_F64, to, value->xmm);
    else
        x64_mov_mr(&e->code, w, to, value->reg);
}

struct operand emit_settled(struct emit *e, vm_ir_value v)
{
    uint64_t value;
    emit_claim_all(e);
    if (emit_is_const(e, v, &value) && (int64_t)value != (int32_t)value) {
        vm_ir_value root = e->plan->root[v];
        x64_imm(&e->code, X64_RCX, value);
        struct x64_mem slot = emit_slot(e, root);
        x64_mov_mr(&e->code, X64_64, slot, X64_RCX);
        return (struct operand){.kind = IN_MEMORY, .mem = slot};
    }
    return emit_operand(e, v);
}

// The same for a store, or an xmm register.
static struct operand stored_value(struct emit *e, vm_ir_value v, unsigned log2)
{
    uint8_t xmm = emit_xmm_of(e, e->plan->root[v]);
    if (xmm == NO_REG || log2 < X64_32)
        return emit_settled(e, v);
    emit_claim_all(e);
    e->xmm_locked |= (uint16_t)(1u << xmm);
    return in_xmm((enum x64_xmm)xmm);
}

static void store_through_c(struct emit *e, const struct vm_ir_op *o)
{
    if (o->type == VM_V128) {
        bool wide = vm_ir_mem_size_log2(o->attr) >= 4;
        const struct jit_frame *f = e->jit->frame;
        emit_xmm_store(e, wide ? VM_V128 : VM_F64,
                       wide ? at_state(e, f->pair[0]) : at_state(e, &f->args[0]),
                       emit_in_xmm(e, o->args[1]));
    } else if (vm_ir_mem_size_log2(o->attr) >= 4) {
        struct x64_mem slot = emit_slot(e, o->args[1]);
        emit_copy(e, emit_temp(e), at_state(e, e->jit->frame->pair[0]), slot, 16);
    } else {
        emit_store_operand(e, X64_64, at_state(e, &e->jit->frame->args[0]), jit_stored(e->plan, o));
    }
    enum x64_reg address = emit_address(e, o);
    emit_before_c(e);
    emit_pass_access(e, address, o->attr);
    x64_call_to(&e->code, e->jit->thunks.store);
}

static void store_vector(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    unsigned log2 = vm_ir_mem_size_log2(o->attr);
    enum x64_xmm from = emit_in_xmm(e, o->args[1]);
    struct access a = find_place(e, v, o, offsetof(struct vm_tlb_context, write));
    if (log2 >= 2) {
        emit_xmm_store(e, log2 == 4 ? VM_V128 : log2 == 3 ? VM_F64 : VM_F32, a.place, from);
    } else {
        emit_xmm_to(e, X64_32, X64_RCX, from);
        x64_mov_mr(&e->code, (enum x64_width)log2, a.place, X64_RCX);
    }
    struct cold *cold = go_aside(e, COLD_STORE, o, &a);
    cold->value = in_xmm(from);
    cold->wide = log2 == 4;
}

void emit_op_store(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    unsigned log2 = vm_ir_mem_size_log2(o->attr);
    if (e->in_loop) {
        emit_loop_store(e, v, o);
        return;
    }
    if (!jit_is_plain(o) && !jit_is_plain_other(o)) {
        store_through_c(e, o);
        return;
    }
    if (emit_is_in_span(e, v))
        emit_open_span(e, v);
    if (o->type == VM_V128) {
        store_vector(e, v, o);
        return;
    }
    struct operand value = stored_value(e, jit_stored(e->plan, o), log2), from = value;
    struct access a = find_place(e, v, o, offsetof(struct vm_tlb_context, write));
    if (value.kind == IN_MEMORY) {
        x64_mov_rm(&e->code, log2 == 3 ? X64_64 : X64_32, X64_RCX, value.mem);
        from = (struct operand){.kind = IN_REGISTER, .reg = X64_RCX};
    }
    store_value(e, (enum x64_width)log2, a.place, &from);
    go_aside(e, COLD_STORE, o, &a)->value = value;
}

// Only what orders a write before a read needs a fence of the host.
void emit_op_fence(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    enum { READ = 1 << 1 | 1 << 3, WRITE = 1 << 0 | 1 << 2 }; // I and R, O and W
    (void)v;
    if (o->attr >> 4 & WRITE && o->attr & READ)
        x64_mfence(&e->code);
}
