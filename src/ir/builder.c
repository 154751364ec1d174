// SPDX-License-Identifier: MIT
//
// The builder: arrays that double in the arena, one op appended at a time.
//
// Invariants: after an overflow no array grows any more, and ops that find no room have the value
// 0; `known` is right for the current point of the current block, and not used with no_fold.
#include "fold.h"

#include <vm/base/bits.h>
#include <vm/base/memory.h>
#include <vm/ir/builder.h>

enum { FIRST_OPS = 128, FIRST_BLOCKS = 8, FIRST_EXTRA = 16, MAX_EXTRA = 0xfff0 };

// Makes room for one more element; *capacity stays what it was when there is none to be had.
static bool grow(struct vm_ir_region *r, void *array, uint32_t *capacity, uint32_t first,
                 uint32_t limit, size_t size)
{
    uint32_t wanted = *capacity ? *capacity * 2 : first;
    if (wanted > limit)
        wanted = limit;
    void *old;
    bool may = wanted > *capacity && !r->overflow;
    void *fresh = may ? vm_arena_alloc(r->arena, wanted * size, 8) : NULL;
    if (!fresh) {
        r->overflow = true;
        r->op_capacity = r->op_count;
        return false;
    }
    vm_copy(&old, array, sizeof old);
    if (*capacity)
        vm_copy(fresh, old, *capacity * size);
    vm_copy(array, &fresh, sizeof fresh);
    *capacity = wanted;
    return true;
}

static VM_NOINLINE bool grow_ops(struct vm_ir_region *r)
{
    return grow(r, &r->ops, &r->op_capacity, FIRST_OPS, VM_IR_MAX_OPS, sizeof *r->ops);
}

void vm_ir_builder_init(struct vm_ir_builder *b, struct vm_ir_region *r, struct vm_arena *arena,
                        const struct vm_regfile *regfile, const struct vm_ir_helper *helpers,
                        uint16_t helper_count)
{
    *r = (struct vm_ir_region){
        .arena = arena, .regfile = regfile, .helpers = helpers, .helper_count = helper_count};
    *b = (struct vm_ir_builder){.region = r};
    __builtin_memset(b->consts, 0xff, sizeof b->consts);
    b->known = vm_arena_alloc(arena, regfile->count * sizeof *b->known, 8);
    if (!b->known)
        r->overflow = true;
    if (grow_ops(r) && vm_ir_new_block(b) == 0)
        vm_ir_start_block(b, 0);
}

static void forget_all(struct vm_ir_builder *b)
{
    if (b->known)
        __builtin_memset(b->known, 0xff, b->region->regfile->count * sizeof *b->known);
}

uint16_t vm_ir_new_block(struct vm_ir_builder *b)
{
    struct vm_ir_region *r = b->region;
    if (r->block_count == r->block_capacity &&
        !grow(r, &r->blocks, &r->block_capacity, FIRST_BLOCKS, VM_IR_MAX_BLOCKS, sizeof *r->blocks))
        return 0;
    r->blocks[r->block_count] = (struct vm_ir_block){0};
    return (uint16_t)r->block_count++;
}

void vm_ir_start_block(struct vm_ir_builder *b, uint16_t block)
{
    struct vm_ir_region *r = b->region;
    if (block >= r->block_count || r->blocks[block].count) {
        r->overflow = true;
        return;
    }
    r->blocks[block].first = (uint16_t)r->op_count;
    b->block = block;
    b->terminated = b->marked = false;
    forget_all(b);
}

// Appends an op, which the caller fills: there is room for one. The common half of all that append.
static inline struct vm_ir_op *next_op(struct vm_ir_builder *b, vm_ir_value *v)
{
    struct vm_ir_region *r = b->region;
    *v = (vm_ir_value)r->op_count++;
    r->blocks[b->block].count++;
    return &r->ops[*v];
}

static inline bool has_room(const struct vm_ir_builder *b)
{
    struct vm_ir_region *r = b->region;
    return VM_LIKELY(r->op_count != r->op_capacity) || grow_ops(r);
}

static inline vm_ir_value append(struct vm_ir_builder *b, const struct vm_ir_op *op)
{
    vm_ir_value v;
    if (!has_room(b))
        return 0;
    *next_op(b, &v) = *op;
    return v;
}

static bool needs_marker(const struct vm_ir_builder *b, const struct vm_ir_op *op)
{
    return !b->no_fold && b->region->guest_insns &&
           (op->code == VM_IR_icount || vm_ir_op_may_fault(b->region, op));
}

static inline vm_ir_value append_marked(struct vm_ir_builder *b, const struct vm_ir_op *op)
{
    if (VM_UNLIKELY(!b->marked) && needs_marker(b, op))
        vm_ir_insn(b, b->insn_off, 0);
    return append(b, op);
}

vm_ir_value vm_ir_append(struct vm_ir_builder *b, const struct vm_ir_op *op)
{
    return append_marked(b, op);
}

vm_ir_value vm_ir_emit(struct vm_ir_builder *b, enum vm_ir_code code, enum vm_type type,
                       uint32_t attr, uint64_t imm, vm_ir_value a, vm_ir_value c, vm_ir_value d)
{
    struct vm_ir_op op = {.code = (uint16_t)code,
                          .type = (uint8_t)type,
                          .args = {a, c, d, VM_IR_NONE},
                          .attr = attr,
                          .imm = imm};
    if (VM_UNLIKELY(b->region->overflow))
        return 0;
    if (a != VM_IR_NONE && !b->no_fold) {
        vm_ir_value v = vm_ir_fold(b, &op);
        if (v != VM_IR_NONE)
            return v;
    }
    return append_marked(b, &op);
}

// An op of at most one operand that needs no marker.
static inline vm_ir_value emit1(struct vm_ir_builder *b, enum vm_ir_code code, enum vm_type type,
                                uint32_t attr, uint64_t imm, vm_ir_value a)
{
    vm_ir_value v;
    if (!has_room(b))
        return 0;
    *next_op(b, &v) = (struct vm_ir_op){.code = (uint16_t)code,
                                        .type = (uint8_t)type,
                                        .args = {a, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE},
                                        .attr = attr,
                                        .imm = imm};
    return v;
}

static inline vm_ir_value emit0(struct vm_ir_builder *b, enum vm_ir_code code, enum vm_type type,
                                uint32_t attr, uint64_t imm)
{
    return emit1(b, code, type, attr, imm, VM_IR_NONE);
}

void vm_ir_insn(struct vm_ir_builder *b, uint64_t offset, uint32_t length)
{
    b->marked = true;
    b->insn_off = offset;
    b->insn = emit0(b, VM_IR_insn, VM_VOID, length, offset);
    if (length)
        b->region->guest_insns++;
    b->region->guest_bytes += length;
}

vm_ir_value vm_ir_param(struct vm_ir_builder *b, enum vm_type type)
{
    struct vm_ir_region *r = b->region;
    if (r->overflow)
        return 0;
    return emit0(b, VM_IR_param, type, 0, r->blocks[b->block].params++);
}

vm_ir_value vm_ir_const(struct vm_ir_builder *b, enum vm_type type, uint64_t bits)
{
    const struct vm_ir_region *r = b->region;
    bits &= vm_mask(vm_ir_type_bits(type));
    if (b->no_fold || r->overflow)
        return emit0(b, VM_IR_const, type, 0, bits);
    uint64_t hash = (bits + type) * 0x9e3779b97f4a7c15u;
    vm_ir_value *recent = &b->consts[hash >> 60];
    if (*recent < r->blocks[b->block].first || *recent >= r->op_count ||
        r->ops[*recent].imm != bits || r->ops[*recent].type != type)
        *recent = emit0(b, VM_IR_const, type, 0, bits);
    return *recent;
}

vm_ir_value vm_ir_get(struct vm_ir_builder *b, uint16_t reg)
{
    const struct vm_regfile *f = b->region->regfile;
    if (reg >= f->count || !b->known) {
        b->region->overflow = true;
        return 0;
    }
    if (b->known[reg] != VM_IR_NONE)
        return b->known[reg];
    vm_ir_value v = emit0(b, VM_IR_get, (enum vm_type)f->registers[reg].type, 0, reg);
    if (!b->no_fold && !vm_ir_in_fp_env(f, reg))
        b->known[reg] = v;
    return v;
}

void vm_ir_put(struct vm_ir_builder *b, uint16_t reg, vm_ir_value v)
{
    const struct vm_regfile *f = b->region->regfile;
    if (reg >= f->count || !b->known) {
        b->region->overflow = true;
        return;
    }
    if (b->known[reg] == v)
        return;
    emit1(b, VM_IR_put, (enum vm_type)f->registers[reg].type, 0, reg, v);
    if (!b->no_fold && !vm_ir_in_fp_env(f, reg))
        b->known[reg] = v;
}

vm_ir_value vm_ir_pcrel(struct vm_ir_builder *b, uint64_t offset)
{
    return emit0(b, VM_IR_pcrel, VM_I64, 0, offset);
}

vm_ir_value vm_ir_icount(struct vm_ir_builder *b)
{
    return vm_ir_emit(b, VM_IR_icount, VM_I64, 0, 0, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
}

vm_ir_value vm_ir_extract(struct vm_ir_builder *b, enum vm_type type, vm_ir_value v, unsigned pos,
                          unsigned len, bool sign)
{
    uint32_t attr = VM_IR_FIELD(pos, len) | (sign ? VM_IR_FIELD_SIGNED : 0);
    return vm_ir_emit(b, VM_IR_extract, type, attr, 0, v, VM_IR_NONE, VM_IR_NONE);
}

vm_ir_value vm_ir_deposit(struct vm_ir_builder *b, enum vm_type type, vm_ir_value into,
                          vm_ir_value from, unsigned pos, unsigned len)
{
    return vm_ir_emit(b, VM_IR_deposit, type, VM_IR_FIELD(pos, len), 0, into, from, VM_IR_NONE);
}

vm_ir_value vm_ir_mergef(struct vm_ir_builder *b, vm_ir_value old, vm_ir_value new, uint32_t mask)
{
    return vm_ir_emit(b, VM_IR_mergef, VM_FLAGS, mask, 0, old, new, VM_IR_NONE);
}

vm_ir_value vm_ir_cond(struct vm_ir_builder *b, vm_ir_value flags, uint32_t cond)
{
    return vm_ir_emit(b, VM_IR_cond, VM_FLAGS, cond, 0, flags, VM_IR_NONE, VM_IR_NONE);
}

vm_ir_value vm_ir_load(struct vm_ir_builder *b, enum vm_type type, uint32_t attr,
                       vm_ir_value address, int64_t disp)
{
    return vm_ir_emit(b, VM_IR_load, type, attr, (uint64_t)disp, address, VM_IR_NONE, VM_IR_NONE);
}

void vm_ir_store(struct vm_ir_builder *b, enum vm_type type, uint32_t attr, vm_ir_value address,
                 int64_t disp, vm_ir_value v)
{
    vm_ir_emit(b, VM_IR_store, type, attr, (uint64_t)disp, address, v, VM_IR_NONE);
}

vm_ir_value vm_ir_lr(struct vm_ir_builder *b, enum vm_type type, uint32_t attr, vm_ir_value address)
{
    return vm_ir_emit(b, VM_IR_lr, type, attr, 0, address, VM_IR_NONE, VM_IR_NONE);
}

vm_ir_value vm_ir_sc(struct vm_ir_builder *b, enum vm_type type, uint32_t attr, vm_ir_value address,
                     vm_ir_value v)
{
    return vm_ir_emit(b, VM_IR_sc, type, attr, 0, address, v, VM_IR_NONE);
}

vm_ir_value vm_ir_cas(struct vm_ir_builder *b, enum vm_type type, uint32_t attr,
                      vm_ir_value address, vm_ir_value expected, vm_ir_value desired)
{
    return vm_ir_emit(b, VM_IR_cas, type, attr, 0, address, expected, desired);
}

vm_ir_value vm_ir_rmw(struct vm_ir_builder *b, enum vm_type type, uint32_t attr, enum vm_ir_rmw op,
                      vm_ir_value address, vm_ir_value v)
{
    return vm_ir_emit(b, VM_IR_rmw, type, attr | (uint32_t)op << VM_IR_MEM_RMW_SHIFT, 0, address, v,
                      VM_IR_NONE);
}

void vm_ir_fence(struct vm_ir_builder *b, uint32_t iorw)
{
    emit0(b, VM_IR_fence, VM_VOID, iorw, 0);
}

static void forget_writes(struct vm_ir_builder *b, const struct vm_ir_helper *h)
{
    const struct vm_regfile *f = b->region->regfile;
    if (h->effects & VM_IR_HELPER_WRITES_ALL)
        forget_all(b);
    for (uint16_t i = 0; h->effects & VM_IR_HELPER_WRITES_VECTORS && i < f->count && b->known; i++)
        if (vm_ir_is_vector_entry(f, i))
            b->known[i] = VM_IR_NONE;
    for (const uint16_t *w = h->writes; w && *w != VM_IR_NONE; w++)
        if (*w < f->count && b->known)
            b->known[*w] = VM_IR_NONE;
}

vm_ir_value vm_ir_call(struct vm_ir_builder *b, uint16_t helper, vm_ir_value a, vm_ir_value c,
                       vm_ir_value d, vm_ir_value e)
{
    struct vm_ir_op op = {.code = VM_IR_call, .args = {a, c, d, e}, .imm = helper};
    if (helper >= b->region->helper_count) {
        b->region->overflow = true;
        return 0;
    }
    vm_ir_value v = vm_ir_append(b, &op);
    forget_writes(b, &b->region->helpers[helper]);
    return v;
}

// Copies arguments to the extra list; the place of the first is *at, unless there are none.
static void add_extra(struct vm_ir_region *r, const vm_ir_value *args, unsigned count,
                      vm_ir_value *at)
{
    if (count && *at == VM_IR_NONE)
        *at = (vm_ir_value)r->extra_count;
    for (unsigned i = 0; i < count; i++) {
        if (r->extra_count == r->extra_capacity &&
            !grow(r, &r->extra, &r->extra_capacity, FIRST_EXTRA, MAX_EXTRA, sizeof *r->extra))
            return;
        r->extra[r->extra_count++] = args[i];
    }
}

static void terminate(struct vm_ir_builder *b, const struct vm_ir_op *op)
{
    vm_ir_append(b, op);
    b->terminated = true;
}

void vm_ir_jump(struct vm_ir_builder *b, uint16_t target, const vm_ir_value *args, unsigned count)
{
    struct vm_ir_op op = {.code = VM_IR_jump,
                          .args = {VM_IR_NONE, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE},
                          .attr = count & 0xffff,
                          .imm = target};
    add_extra(b->region, args, count & 0xffff, &op.args[3]);
    terminate(b, &op);
}

// Whether `cond` is eq(x, 0) of a truth value x, which is given in *x: a branch swaps its targets.
static bool is_negation(const struct vm_ir_region *r, vm_ir_value cond, vm_ir_value *x)
{
    const struct vm_ir_op *op = &r->ops[cond];
    if (op->code != VM_IR_eq || op->type != VM_I64 || !vm_ir_is_truth(r, op->args[0]) ||
        !vm_ir_is_const(r, op->args[1]) || r->ops[op->args[1]].imm)
        return false;
    *x = op->args[0];
    return true;
}

static bool fold_branch(struct vm_ir_builder *b, vm_ir_value cond, uint16_t then_block,
                        const vm_ir_value *then_args, unsigned then_count, uint16_t else_block,
                        const vm_ir_value *else_args, unsigned else_count)
{
    const struct vm_ir_region *r = b->region;
    vm_ir_value x;
    if (vm_ir_is_const(r, cond)) {
        bool taken = r->ops[cond].imm;
        vm_ir_jump(b, taken ? then_block : else_block, taken ? then_args : else_args,
                   taken ? then_count : else_count);
        return true;
    }
    bool same = then_block == else_block && then_count == else_count;
    for (unsigned i = 0; same && i < then_count; i++)
        same = then_args[i] == else_args[i];
    if (same) {
        vm_ir_jump(b, then_block, then_args, then_count);
        return true;
    }
    if (!is_negation(r, cond, &x))
        return false;
    vm_ir_branch(b, x, else_block, else_args, else_count, then_block, then_args, then_count);
    return true;
}

void vm_ir_branch(struct vm_ir_builder *b, vm_ir_value cond, uint16_t then_block,
                  const vm_ir_value *then_args, unsigned then_count, uint16_t else_block,
                  const vm_ir_value *else_args, unsigned else_count)
{
    then_count &= 0xffff;
    else_count &= 0xffff;
    if (!b->no_fold && !b->region->overflow &&
        fold_branch(b, cond, then_block, then_args, then_count, else_block, else_args, else_count))
        return;
    struct vm_ir_op op = {.code = VM_IR_branch,
                          .args = {cond, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE},
                          .attr = then_count | else_count << 16,
                          .imm = then_block | (uint64_t)else_block << 32};
    add_extra(b->region, then_args, then_count, &op.args[3]);
    add_extra(b->region, else_args, else_count, &op.args[3]);
    terminate(b, &op);
}

static void leave(struct vm_ir_builder *b, enum vm_ir_code code, uint32_t attr, uint64_t imm,
                  vm_ir_value a)
{
    struct vm_ir_op op = {.code = (uint16_t)code,
                          .args = {a, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE},
                          .attr = attr,
                          .imm = imm};
    terminate(b, &op);
}

void vm_ir_goto(struct vm_ir_builder *b, uint64_t offset)
{
    leave(b, VM_IR_goto, 0, offset, VM_IR_NONE);
}

void vm_ir_goto_call(struct vm_ir_builder *b, uint64_t offset, uint64_t ret)
{
    leave(b, VM_IR_goto, ret <= VM_IR_GOTO_MAX_RET ? VM_IR_GOTO_CALL(ret) : 0, offset, VM_IR_NONE);
}

void vm_ir_goto_ind(struct vm_ir_builder *b, vm_ir_value pc, enum vm_ir_hint hint, uint64_t ret)
{
    const struct vm_ir_region *r = b->region;
    bool direct = !b->no_fold && !r->overflow && r->ops[pc].code == VM_IR_pcrel;
    if (direct && hint == VM_IR_HINT_OTHER)
        vm_ir_goto(b, r->ops[pc].imm);
    else if (direct && hint == VM_IR_HINT_CALL)
        vm_ir_goto_call(b, r->ops[pc].imm, ret);
    else
        leave(b, VM_IR_goto_ind, hint, vm_ir_hint_pushes(hint) ? ret : 0, pc);
}

void vm_ir_raise(struct vm_ir_builder *b, uint64_t cause, vm_ir_value value)
{
    leave(b, VM_IR_raise, 0, cause, value);
}

void vm_ir_exit(struct vm_ir_builder *b, enum vm_ir_exit reason, uint64_t next_offset)
{
    leave(b, VM_IR_exit, reason, next_offset, VM_IR_NONE);
}
