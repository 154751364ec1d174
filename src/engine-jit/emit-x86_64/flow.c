// SPDX-License-Identifier: MIT
//
// Terminators, ways out of a block, and the cold section behind it.
//
// Retired instructions are added to icount once on each way out, ahead of a comparison where both
// of its ways leave. A request is looked for where a loop may close: a way to an earlier place of
// the page, one that leaves it, and an indirect jump.
#include "emit.h"

#include <stddef.h>
#include <vm/base/memory.h>

// --- counting and polling ---

void emit_count_retired(struct emit *e)
{
    if (e->retired)
        x64_add_mi(&e->code, X64_64, at_state(e, &e->jit->vcpu->icount), e->retired);
    e->retired = 0;
}

static uint64_t fault_word(struct emit *e, enum jit_exit kind)
{
    if (e->retired > JIT_EXIT_MOST)
        e->failed = true;
    return jit_exit_word(kind, e->offset, e->retired - 1);
}

uint64_t emit_fault_word(struct emit *e)
{
    return fault_word(e, JIT_EXIT_FAULT);
}

struct cold *emit_cold(struct emit *e, enum cold_kind kind, uint8_t *from)
{
    if (e->cold_count == e->cold_capacity) {
        e->failed = true;
        return &e->cold[e->cold_capacity];
    }
    struct cold *c = &e->cold[e->cold_count++];
    vm_zero(c, offsetof(struct cold, value));
    c->kind = kind;
    c->from = from;
    c->xmm = JIT_NO_XMM;
    return c;
}

// Leaves with the given word when a request is pending.
static void poll(struct emit *e, uint64_t word)
{
    x64_cmp_mi(&e->code, X64_32, at_state(e, (const void *)&e->jit->vcpu->request), 0);
    emit_cold(e, COLD_REQUEST, x64_jcc32(&e->code, X64_NE))->word = word;
}

// --- ways out ---

static bool is_near(const struct emit *e, uint64_t offset)
{
    return vm_translate_is_near(e->jit->vcpu->guest, offset);
}

static bool needs_poll(const struct emit *e, uint64_t offset)
{
    return !is_near(e, offset) || offset <= e->offset;
}

static bool is_in_reach(uint64_t offset)
{
    return offset == (uint64_t)(int64_t)(int32_t)offset;
}

struct jit_way *emit_new_way(struct emit *e, uint64_t offset)
{
    if (e->way_count == e->way_capacity || e->way_count > INT16_MAX) {
        e->failed = true;
        return &e->ways[0];
    }
    struct jit_way *way = &e->ways[e->way_count];
    *way = (struct jit_way){
        .common = {.flags = is_near(e, offset) ? JIT_WAY_NEAR : 0,
                   .number = (uint16_t)e->way_count,
                   .offset = (int32_t)offset},
    };
    e->way_count++;
    return way;
}

static bool leads_near(const struct jit_way *way)
{
    return way->common.flags & JIT_WAY_NEAR;
}

// Places lie within JIT_CODE_MOST bytes, or the block fails.
static uint16_t place_of(const struct emit *e, const uint8_t *at)
{
    return (uint16_t)(at - e->start);
}

void emit_way_jump(const struct emit *e, struct jit_way *way, const uint8_t *place)
{
    if (place)
        way->place = place_of(e, place);
}

static struct x64_mem at_generation(const struct jit *j, const uint64_t *generation)
{
    const char *base = (const char *)j->vcpu->state + STATE_BIAS;
    return x64_at(REG_STATE, (int32_t)((const char *)generation - base));
}

void emit_guard(struct emit *e, struct jit_way *way)
{
    struct x64_code *c = &e->code;
    x64_cmp_mi(c, X64_32, at_generation(e->jit, e->jit->vcpu->tlb.code_generations), 1 << 30);
    way->guard = place_of(e, c->at - 4);
    emit_cold(e, COLD_WAY, x64_jcc32(c, X64_NE))->way = way->common.number;
}

void emit_move_page(struct emit *e, const struct jit_way *way)
{
    int32_t page = way->common.offset & ~(int32_t)VM_PAGE_MASK;
    x64_add_mi(&e->code, X64_64, at_state(e, &e->jit->frame->page_base), page);
}

static struct jit_way *new_way_out(struct emit *e, uint64_t offset)
{
    struct jit_way *way = emit_new_way(e, offset);
    if (e->float_live)
        way->common.flags |= JIT_WAY_LIVE;
    return way;
}

static void leave(struct emit *e, uint64_t offset)
{
    struct jit_way *way = new_way_out(e, offset);
    if (!leads_near(way)) {
        emit_guard(e, way);
        emit_move_page(e, way);
    }
    emit_way_jump(e, way, x64_jmp32(&e->code));
}

// To where no way reaches.
static void leave_beyond(struct emit *e, uint64_t offset)
{
    struct x64_code *c = &e->code;
    x64_imm(c, X64_RAX, offset);
    x64_add_rm(c, X64_64, X64_RAX, at_state(e, &e->jit->frame->page_base));
    x64_jmp_to(c, e->jit->thunks.indirect);
}

// The request exit of a way: the state is that at its target.
static uint64_t request_word(uint64_t offset)
{
    return jit_exit_word(JIT_EXIT_REQUEST, offset, 0);
}

void emit_poll(struct emit *e, uint64_t offset)
{
    poll(e, request_word(offset));
}

static void poll_for(struct emit *e, uint64_t offset)
{
    if (needs_poll(e, offset) && offset == (offset & 0xffff))
        poll(e, request_word(offset));
    else if (needs_poll(e, offset)) {
        // Too far for the word: C sets the PC as if the way were not linked, and sees the request.
        x64_cmp_mi(&e->code, X64_32, at_state(e, (const void *)&e->jit->vcpu->request), 0);
        emit_cold(e, COLD_WAY, x64_jcc32(&e->code, X64_NE))->way = e->way_count;
    }
}

void emit_leave_polled(struct emit *e, uint64_t offset)
{
    poll_for(e, offset);
    leave(e, offset);
}

void emit_op_goto(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    (void)v;
    emit_count_retired(e);
    if (!is_in_reach(o->imm)) {
        leave_beyond(e, o->imm);
        return;
    }
    poll_for(e, o->imm);
    if (vm_ir_hint_pushes(vm_ir_hint_of(o)))
        emit_call_way(e, o);
    else
        leave(e, o->imm);
}

void emit_op_goto_ind(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    (void)v;
    emit_claim(e, X64_RAX);
    emit_load_value(e, X64_RAX, o->args[0]);
    emit_count_retired(e);
    switch (vm_ir_hint_of(o)) {
    case VM_IR_HINT_CALL: emit_call_indirect(e, o); return;
    case VM_IR_HINT_RETURN: x64_ret(&e->code); return;
    default: x64_jmp_to(&e->code, e->jit->thunks.indirect); return;
    }
}

void emit_op_raise(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    (void)v;
    emit_store_operand(e, X64_64, at_state(e, &e->jit->frame->args[0]), o->args[0]);
    e->locked = 0;
    emit_claim(e, X64_RAX);
    x64_imm(&e->code, X64_RAX, o->imm);
    x64_mov_mr(&e->code, X64_64, at_state(e, &e->jit->frame->args[1]), X64_RAX);
    x64_imm(&e->code, X64_RAX, fault_word(e, JIT_EXIT_RAISE));
    x64_jmp_to(&e->code, e->jit->thunks.fault);
}

// The helper that changed mode or mapping has left tlb.data in its register, and asks with a
// request for what only the run loop does: so the table, which compares both, tells how to go on.
static void resync(struct emit *e, uint64_t offset)
{
    struct x64_code *c = &e->code;
    x64_mov_rm(c, X64_64, X64_RAX, at_state(e, &e->jit->frame->page_base));
    if (offset)
        x64_add_ri(c, X64_64, X64_RAX, (int32_t)offset);
    x64_jmp_to(c, e->jit->thunks.indirect);
}

void emit_op_exit(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    (void)v;
    emit_count_retired(e);
    emit_claim(e, X64_RAX);
    if (o->attr == VM_IR_EXIT_RESYNC && o->imm == (o->imm & 0xffff)) {
        resync(e, o->imm);
        return;
    }
    x64_imm(&e->code, X64_RAX, jit_exit_word(JIT_EXIT_REASON, o->imm, (int32_t)o->attr));
    x64_jmp_to(&e->code, e->jit->thunks.leave);
}

// --- ways inside the region ---

// Where an edge closes a loop: leaves at the target's first instruction if a request is pending.
static void poll_loop(struct emit *e, uint16_t target)
{
    const struct vm_ir_op *marker = vm_ir_first_marker(e->r, target);
    if (!vm_ir_closes_loop(e->ir_block, target) || !marker)
        return;
    if (marker->attr == 0) // the instruction is counted, and begins anew
        e->retired--;
    emit_count_retired(e);
    poll(e, request_word(marker->imm));
    if (marker->attr == 0)
        e->retired++;
}

// A block with one way in goes on counting where the way began; else the way counts.
static bool takes_count_over(const struct emit *e, uint16_t target)
{
    return e->plan->ways_in[target] == 1 && target > e->ir_block;
}

static unsigned value_bytes(const struct emit *e, vm_ir_value v)
{
    return vm_ir_type_bytes(vm_ir_value_type(e->r, v));
}

static void move_value(struct emit *e, struct x64_mem to, vm_ir_value from)
{
    unsigned bytes = value_bytes(e, from);
    e->locked = 0;
    e->xmm_locked = 0;
    if (vm_ir_value_type(e->r, from) == VM_V128) {
        emit_xmm_store(e, VM_V128, to, emit_in_xmm(e, from));
        return;
    }
    if (bytes <= 8) {
        emit_store_operand(e, X64_64, to, from);
        return;
    }
    enum x64_reg reg = emit_temp(e);
    emit_copy(e, reg, to, emit_slot(e, from), bytes);
}

// The parallel assignment of arguments to parameters, which live in slots: through further slots
// where there is more than one, since a parameter may be another's argument.
static void assign_params(struct emit *e, uint16_t target, uint32_t extra)
{
    const struct vm_ir_block *b = &e->r->blocks[target];
    struct x64_mem through[MAX_PARAMS];
    if (b->params > MAX_PARAMS) {
        e->failed = true;
        return;
    }
    if (b->params == 1) {
        move_value(e, emit_slot(e, b->first), e->r->extra[extra]);
        return;
    }
    for (unsigned i = 0; i < b->params; i++) {
        vm_ir_value arg = e->r->extra[extra + i];
        through[i] = emit_new_slot(e, value_bytes(e, arg));
        move_value(e, through[i], arg);
    }
    for (unsigned i = 0; i < b->params; i++) {
        vm_ir_value param = (vm_ir_value)(b->first + i);
        struct x64_mem slot = emit_slot(e, param);
        e->locked = 0;
        emit_copy(e, emit_temp(e), slot, through[i], value_bytes(e, param));
    }
}

// The whole way to a block; it may fall through to the one that is emitted next.
static void go(struct emit *e, uint16_t target, uint32_t extra, bool may_fall)
{
    int32_t retired = e->retired;
    bool over = takes_count_over(e, target);
    if (over)
        e->begun[target] = (int16_t)retired;
    poll_loop(e, target);
    if (!over)
        emit_count_retired(e);
    assign_params(e, target, extra);
    if (!(may_fall && target == e->ir_block + 1))
        x64_jmp_label(&e->code, &e->labels[target]);
    e->retired = retired;
}

void emit_op_jump(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    (void)v;
    go(e, (uint16_t)o->imm, o->args[3], true);
}

// The goto that a block consists of, if a way reaches that far, or NULL.
static const struct vm_ir_op *sole_goto(const struct emit *e, uint16_t block)
{
    const struct vm_ir_block *b = &e->r->blocks[block];
    const struct vm_ir_op *found = NULL;
    for (unsigned i = 0; i < b->count; i++) {
        const struct vm_ir_op *o = &e->r->ops[b->first + i];
        if (o->code == VM_IR_goto)
            found = o;
        else if (o->code != VM_IR_nop && !(o->code == VM_IR_insn && o->attr == 0))
            return NULL;
    }
    return found && is_in_reach(found->imm) ? found : NULL;
}

// Whether the instruction has not done anything yet that doing it anew would do twice.
static bool may_begin_anew(const struct emit *e)
{
    const unsigned harmless = VM_IR_E_MARK | VM_IR_E_READ_STATE;
    for (uint32_t i = e->at; i-- > e->r->blocks[e->ir_block].first;) {
        const struct vm_ir_op *o = &e->r->ops[i];
        if (o->code == VM_IR_insn && o->attr)
            return true;
        if (vm_ir_op_traits[o->code].effects & ~harmless)
            return false;
    }
    return false;
}

// Whether the branch does nothing but leave on both ways, whose gotos those are.
static bool leaves_both_ways(const struct emit *e, uint16_t then_block, uint16_t else_block,
                             const struct vm_ir_op *gotos[2])
{
    return takes_count_over(e, then_block) && takes_count_over(e, else_block) &&
           (gotos[0] = sole_goto(e, then_block)) && (gotos[1] = sole_goto(e, else_block)) &&
           may_begin_anew(e);
}

enum x64_cc emit_branch_condition(struct emit *e, const struct vm_ir_op *o)
{
    if (jit_is_taken_in(e->plan, o->args[0]))
        return emit_compare(e, o->args[0]);
    enum x64_reg c = emit_in_register(e, o->args[0]);
    x64_test_rr(&e->code, X64_64, c, c);
    return X64_NE;
}

// Counts and polls ahead of the comparison, at the branch itself: it is executed anew after a
// request. Then each near way is the jump itself.
static void branch_out(struct emit *e, const struct vm_ir_op *o, uint16_t then_block,
                       uint16_t else_block, const struct vm_ir_op *const gotos[2])
{
    const struct vm_ir_op *yes = gotos[0], *no = gotos[1];
    emit_count_retired(e);
    if (needs_poll(e, yes->imm) || needs_poll(e, no->imm))
        poll(e, jit_exit_word(JIT_EXIT_REQUEST, e->offset, -1));
    enum x64_cc cc = emit_branch_condition(e, o);
    e->locked = 0;
    e->done[then_block] = e->done[else_block] = true;
    if (e->loop) {
        x64_jcc_label(&e->code, e->loop->back_if ? cc ^ 1 : cc, &e->loop_out);
        return; // the loop's gate follows
    }
    if (is_near(e, yes->imm)) {
        emit_way_jump(e, new_way_out(e, yes->imm), x64_jcc32(&e->code, cc));
        leave(e, no->imm);
        return;
    }
    struct x64_label other = {0};
    x64_jcc_label(&e->code, cc ^ 1, &other);
    leave(e, yes->imm);
    x64_bind(&e->code, &other);
    leave(e, no->imm);
}

void emit_op_branch(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    uint16_t then_block = (uint16_t)o->imm, else_block = (uint16_t)(o->imm >> 32);
    uint32_t extra = o->args[3], then_args = e->r->blocks[then_block].params;
    (void)v;
    const struct vm_ir_op *gotos[2];
    if (leaves_both_ways(e, then_block, else_block, gotos)) {
        branch_out(e, o, then_block, else_block, gotos);
        return;
    }
    enum x64_cc cc = emit_branch_condition(e, o);
    struct x64_label other = {0};
    // The temporaries of the two ways differ from here on.
    emit_spill_temps(e);
    x64_jcc_label(&e->code, cc ^ 1, &other);
    go(e, then_block, extra, false);
    emit_forget_temps(e);
    x64_bind(&e->code, &other);
    go(e, else_block, extra + then_args, true);
}

// --- the cold section ---

// What C has read, in rax.
static void cold_result(struct emit *e, const struct cold *c)
{
    if (c->wide)
        emit_xmm_load(e, VM_V128, (enum x64_xmm)c->xmm, at_state(e, e->jit->frame->pair[3]));
    else if (c->xmm != JIT_NO_XMM)
        emit_xmm_from(e, X64_64, (enum x64_xmm)c->xmm, X64_RAX);
    else if (c->result != X64_RAX)
        x64_mov_rr(&e->code, X64_64, c->result, X64_RAX);
}

static void pass_value(struct emit *e, unsigned i, const struct operand *value)
{
    struct x64_mem to = at_state(e, &e->jit->frame->args[i]);
    if (value->kind == IMMEDIATE) {
        x64_mov_mi(&e->code, X64_64, to, (int32_t)value->imm);
    } else if (value->kind == IN_MEMORY) {
        x64_mov_rm(&e->code, X64_64, X64_RCX, value->mem);
        x64_mov_mr(&e->code, X64_64, to, X64_RCX);
    } else if (value->kind == IN_XMM) {
        emit_xmm_store(e, VM_F64, to, value->xmm);
    } else {
        x64_mov_mr(&e->code, X64_64, to, value->reg);
    }
}

static void cold_address(struct emit *e, const struct cold *c)
{
    if (c->disp)
        x64_lea_rm(&e->code, X64_64, X64_RAX, x64_at(c->address, c->disp));
    else if (c->address != X64_RAX)
        x64_mov_rr(&e->code, X64_64, X64_RAX, c->address);
}

static const uint8_t *plain_thunk(const struct jit_thunks *t, const struct cold *c)
{
    unsigned log2 = vm_ir_mem_size_log2(c->attr), sign = (c->attr & VM_IR_MEM_SIGNED) != 0;
    if (c->kind == COLD_LOAD)
        return c->in_span ? t->span_load[log2][sign] : t->plain_load[log2][sign];
    return c->in_span ? t->span_store[log2] : t->plain_store[log2];
}

// What is to be stored, in rcx.
static void cold_stored(struct emit *e, const struct operand *value)
{
    if (value->kind == IN_XMM)
        emit_xmm_to(e, X64_64, X64_RCX, value->xmm);
    else
        emit_bring(e, X64_64, X64_RCX, value);
}

static void cold_plain(struct emit *e, const struct cold *c)
{
    if (c->kind == COLD_STORE)
        cold_stored(e, &c->value);
    cold_address(e, c);
    x64_imm(&e->code, X64_RDX, c->word);
    x64_call_to(&e->code, plain_thunk(&e->jit->thunks, c));
}

// Vectors, and what minds alignment: the attribute word goes along.
static void cold_particular(struct emit *e, const struct cold *c)
{
    const struct jit_thunks *t = &e->jit->thunks;
    if (c->kind == COLD_STORE && c->wide)
        emit_xmm_store(e, VM_V128, at_state(e, e->jit->frame->pair[0]), c->value.xmm);
    else if (c->kind == COLD_STORE)
        pass_value(e, 0, &c->value);
    cold_address(e, c);
    emit_pass_access_word(e, X64_RAX, c->attr, c->word);
    x64_call_to(&e->code, c->kind == COLD_STORE ? t->store : t->load);
}

static bool is_particular(const struct cold *c)
{
    const uint32_t plain = 7 | VM_IR_MEM_SIGNED | 7u << VM_IR_MEM_ORDER_SHIFT;
    return c->wide || c->attr & ~plain;
}

static void cold_atomic(struct emit *e, const struct cold *c)
{
    if (c->what != VM_IR_lr)
        pass_value(e, 0, &c->value);
    if (c->what == VM_IR_cas)
        pass_value(e, 1, &c->value2);
    x64_mov_mi(&e->code, X64_64, at_state(e, &e->jit->frame->args[3]), (int32_t)c->what);
    emit_pass_access_word(e, c->address, c->attr, c->word);
    x64_call_to(&e->code, e->jit->thunks.atomic);
}

static void cold_access(struct emit *e, const struct cold *c)
{
    const struct jit_thunks *t = &e->jit->thunks;
    if (c->keeps_float) {
        x64_imm(&e->code, X64_RCX, (uintptr_t)c->nans);
        x64_call_to(&e->code, t->fp_save);
    }
    if (c->kind == COLD_ATOMIC)
        cold_atomic(e, c);
    else if (is_particular(c))
        cold_particular(e, c);
    else
        cold_plain(e, c);
    if (c->keeps_float)
        x64_call_to(&e->code, t->fp_restore);
    if (c->kind != COLD_STORE)
        cold_result(e, c);
    if (c->in_span) // the others go aside as well
        x64_xor_rr(&e->code, X64_32, X64_RDX, X64_RDX);
    x64_jmp_to(&e->code, c->back);
}

static void put_stub(struct emit *e, struct jit_way *way)
{
    way->stub = place_of(e, e->code.at);
    x64_push_i(&e->code, way->common.number);
}

// Where ways lead while they are not linked: to what says which way of which block it was.
static void put_stubs(struct emit *e, struct jit_block *b)
{
    unsigned n = e->way_count;
    if (n == 0)
        return;
    put_stub(e, &b->ways[n - 1]);
    const uint8_t *tail = e->code.at;
    x64_imm(&e->code, X64_RAX, (uintptr_t)b);
    x64_jmp_to(&e->code, e->jit->thunks.link);
    for (unsigned i = 0; i + 1 < n; i++) {
        put_stub(e, &b->ways[i]);
        x64_jmp_to(&e->code, tail);
    }
}

static void connect_stubs(struct emit *e, struct jit_block *b)
{
    for (unsigned i = 0; i < e->cold_count; i++) {
        const struct cold *c = &e->cold[i];
        if (c->kind == COLD_WAY)
            x64_patch32(c->from, e->start + b->ways[c->way].stub);
    }
    for (unsigned i = 0; i < e->way_count; i++)
        jit_emit_unlink(e->jit, &b->ways[i]);
}

static void cold_leave(struct emit *e, uint64_t word, const uint8_t *thunk)
{
    x64_imm(&e->code, X64_RAX, word);
    x64_jmp_to(&e->code, thunk);
}

void emit_cold_section(struct emit *e, struct jit_block *b)
{
    for (unsigned i = 0; i < e->cold_count; i++) {
        const struct cold *c = &e->cold[i];
        if (c->kind != COLD_WAY)
            x64_patch32(c->from, e->code.at);
        switch (c->kind) {
        case COLD_LOAD:
        case COLD_STORE:
        case COLD_ATOMIC: cold_access(e, c); break;
        case COLD_FAULT: cold_leave(e, c->word, e->jit->thunks.fault); break;
        case COLD_REQUEST: cold_leave(e, c->word, e->jit->thunks.leave); break;
        case COLD_WAY: break; // the stubs are last
        case COLD_STACK: emit_cold_stack(e, c); break;
        case COLD_FLAGS: emit_cold_flags(e, c); break;
        default: emit_cold_float(e, c); break;
        }
    }
    put_stubs(e, b);
    if (!e->code.overflow && !e->failed)
        connect_stubs(e, b);
}

// The guard's displacement, which lies before its immediate, has 32 bits: a vCPU is larger than
// what 8 reach.
void jit_emit_link(struct jit *j, struct jit_way *way, const struct jit_block *to,
                   const uint64_t *generation)
{
    uint8_t *code = jit_code(j, jit_block_of_way(way));
    if (!leads_near(way)) {
        x64_patch32_raw(code + way->guard - 4, at_generation(j, generation).disp);
        x64_patch32_raw(code + way->guard, (int32_t)*generation);
    }
    bool live = way->common.flags & JIT_WAY_LIVE;
    x64_patch32(code + way->place, jit_code(j, to) + (live ? to->live_entry : 0));
}

void jit_emit_unlink(const struct jit *j, struct jit_way *way)
{
    uint8_t *code = jit_code(j, jit_block_of_way(way));
    if (!leads_near(way))
        x64_patch32_raw(code + way->guard, 0);
    x64_patch32(code + way->place, code + way->stub);
}
