// SPDX-License-Identifier: MIT
//
// From IR to byte code. Most of the work is deciding where values live:
//
// - A `get` of a 64-bit entry is no operation: its uses read the entry itself, unless the entry is
//   written between the get and a use.
// - A `put` of a value that an operation makes is no operation either: the operation writes the
//   entry, if nothing between it and the put can fault, leave, or look at the entry, and no use of
//   the value comes after the entry's next write. The put then takes effect at the operation.
// Aliases, and ops that become a part of the one that uses them, are in lower_uses.c.
#include "lower.h"

#include <vm/base/bits.h>
#include <vm/base/memory.h>

enum {
    NONE = VM_IR_NONE,
    FUSE_WINDOW = 24, // how far before a put its value may be made
    SCRATCH_LIMIT = VM_VCPU_SCRATCH - 64,
};

static const struct vm_ir_op *op_at(const struct lowering *l, vm_ir_value v)
{
    return &l->r->ops[v];
}

// --- which puts and gets cost nothing ---

static const struct vm_register *entry_of(const struct lowering *l, uint64_t reg)
{
    return &l->r->regfile->registers[reg];
}

static bool is_whole_slot(const struct vm_register *e)
{
    return e->type == VM_I64 || e->type == VM_F64 || e->type == VM_FLAGS;
}

// Whether the op makes its value with a byte-code operation that has one destination slot.
static bool makes_value(const struct lowering *l, vm_ir_value v)
{
    const struct vm_ir_op *o = op_at(l, v);
    switch (o->code) {
    case VM_IR_const:
    case VM_IR_param:
    case VM_IR_get:
    case VM_IR_nop: return false;
    default: break;
    }
    enum vm_type t = vm_ir_value_type(l->r, v);
    return t != VM_VOID && vm_ir_type_bytes(t) <= 8 && !l->taken_in[v];
}

static bool blocks_fusion(const struct vm_ir_op *o, uint64_t reg)
{
    const unsigned barrier = VM_IR_E_FAULT | VM_IR_E_CALL | VM_IR_E_TERM;
    if (vm_ir_op_infos[o->code].effects & barrier)
        return true;
    return (o->code == VM_IR_get || o->code == VM_IR_put) && o->imm == reg;
}

static bool can_fuse(const struct lowering *l, uint32_t put, uint16_t next)
{
    const struct vm_ir_op *o = &l->r->ops[put];
    vm_ir_value v = l->root[o->args[0]];
    if (!is_whole_slot(entry_of(l, o->imm)) || !makes_value(l, v) || l->escapes[v] ||
        l->block_of[v] != l->block_of[put] || l->loc[v] != NONE || put - v > FUSE_WINDOW)
        return false;
    for (uint32_t i = v + 1u; i < put; i++) {
        if (blocks_fusion(&l->r->ops[i], o->imm))
            return false;
    }
    return next == NONE || l->last_use[v] <= l->effect[next];
}

static void note_call_writes(struct lowering *l, const struct vm_ir_op *o, uint32_t at)
{
    const struct vm_ir_helper *h = &l->r->helpers[o->imm];
    l->effect[at] = (uint16_t)at;
    const unsigned many = VM_IR_HELPER_WRITES_ALL | VM_IR_HELPER_WRITES_VECTORS;
    const struct vm_regfile *f = l->r->regfile;
    for (uint16_t reg = 0; h->effects & many && reg < f->count; reg++)
        if (vm_ir_helper_writes(f, h, reg))
            l->next_write[reg] = (uint16_t)at;
    for (const uint16_t *w = h->writes; w && *w != NONE; w++)
        l->next_write[*w] = (uint16_t)at;
}

static void place_put(struct lowering *l, uint32_t at)
{
    const struct vm_ir_op *o = &l->r->ops[at];
    uint16_t next = l->next_write[o->imm];
    l->effect[at] = (uint16_t)at;
    if (can_fuse(l, at, next)) {
        vm_ir_value v = l->root[o->args[0]];
        l->loc[v] = entry_of(l, o->imm)->offset;
        l->effect[at] = v;
        l->fused[at] = true;
    }
    l->next_write[o->imm] = (uint16_t)at;
}

static void place_get(struct lowering *l, uint32_t at)
{
    const struct vm_register *e = entry_of(l, l->r->ops[at].imm);
    uint16_t next = l->next_write[l->r->ops[at].imm];
    if (is_whole_slot(e) && !l->escapes[at] && (next == NONE || l->last_use[at] <= l->effect[next]))
        l->loc[at] = e->offset;
}

static void place_block(struct lowering *l, const struct vm_ir_block *b)
{
    for (uint16_t reg = 0; reg < l->r->regfile->count; reg++)
        l->next_write[reg] = NONE;
    for (uint32_t i = b->first + b->count; i-- > b->first;) {
        const struct vm_ir_op *o = &l->r->ops[i];
        if (o->code == VM_IR_put)
            place_put(l, i);
        else if (o->code == VM_IR_get)
            place_get(l, i);
        else if (o->code == VM_IR_call)
            note_call_writes(l, o, i);
    }
}

// --- emission ---

struct code *lower_emit(struct lowering *l, enum bytecode op, unsigned d, unsigned a, unsigned b,
                        uint64_t imm)
{
    if (l->count == l->capacity) {
        l->failed = true;
        return &l->overflow;
    }
    struct code *c = &l->code[l->count++];
    *c = (struct code){(uint16_t)op, (uint16_t)d, (uint16_t)a, (uint16_t)b, imm};
    return c;
}

uint16_t lower_temp(struct lowering *l, unsigned bytes)
{
    unsigned align = bytes < 8 ? 8 : bytes;
    unsigned at = (l->scratch + align - 1) & ~(align - 1);
    if (at + align > l->scratch_end) {
        l->failed = true;
        return (uint16_t)l->scratch_end;
    }
    l->scratch = at + align;
    return (uint16_t)at;
}

uint64_t lower_constant(const struct lowering *l, vm_ir_value v)
{
    const struct vm_ir_op *o = op_at(l, v);
    return o->type == VM_I32 ? vm_sign_extend(o->imm, 32) : o->imm;
}

bool lower_is_const(const struct lowering *l, vm_ir_value v)
{
    return l->root[v] == v && vm_ir_is_const(l->r, v);
}

uint16_t lower_operand(struct lowering *l, vm_ir_value v)
{
    vm_ir_value root = l->root[v];
    if (!vm_ir_is_const(l->r, root))
        return lower_result(l, root);
    // A constant's slot is filled in the block that uses it: there it dominates.
    if (l->loc[root] == NONE || l->const_block[root] != l->block) {
        if (l->loc[root] == NONE)
            l->loc[root] = lower_temp(l, 8);
        l->const_block[root] = l->block;
        lower_emit(l, BC_move_imm, l->loc[root], 0, 0, lower_constant(l, root));
    }
    return l->loc[root];
}

uint16_t lower_result(struct lowering *l, vm_ir_value v)
{
    if (l->loc[v] == NONE)
        l->loc[v] = lower_temp(l, vm_ir_type_bytes(vm_ir_value_type(l->r, v)));
    return l->loc[v];
}

void lower_move(struct lowering *l, uint16_t to, uint16_t from, unsigned bytes)
{
    if (to == from)
        return;
    if (bytes <= 8)
        lower_emit(l, BC_move, to, from, 0, 0);
    else
        lower_emit(l, BC_move_wide, to, from, 0, bytes);
}

static unsigned slot_bytes(const struct lowering *l, vm_ir_value v)
{
    return vm_ir_type_bytes(vm_ir_value_type(l->r, v));
}

// The parallel assignment of a jump's arguments to its target's parameters: through temporaries
// where there is more than one, since a parameter may be another's argument.
void lower_edge(struct lowering *l, uint16_t target, uint32_t extra)
{
    const struct vm_ir_block *b = &l->r->blocks[target];
    uint16_t through[VM_IR_MAX_PARAMS];
    if (b->params > VM_IR_MAX_PARAMS) {
        l->failed = true;
        return;
    }
    for (unsigned i = 0; i < b->params; i++) {
        vm_ir_value arg = l->r->extra[extra + i];
        through[i] = lower_operand(l, arg);
        if (b->params > 1) {
            uint16_t t = lower_temp(l, slot_bytes(l, arg));
            lower_move(l, t, through[i], slot_bytes(l, arg));
            through[i] = t;
        }
    }
    for (unsigned i = 0; i < b->params; i++) {
        vm_ir_value param = (vm_ir_value)(b->first + i);
        lower_move(l, lower_result(l, param), through[i], slot_bytes(l, param));
    }
}

static void lower_block(struct lowering *l, uint16_t index)
{
    const struct vm_ir_block *b = &l->r->blocks[index];
    l->block = index;
    l->retired = l->begun[index];
    l->block_code[index] = (uint16_t)l->count;
    for (uint32_t i = b->first, n = i + b->count; i < n && !l->failed; i++)
        lower_op(l, (vm_ir_value)i);
}

static void patch_targets(struct lowering *l)
{
    for (uint32_t i = 0; i < l->fixup_count; i++) {
        struct code *c = &l->code[l->fixups[i].code];
        unsigned shift = l->fixups[i].shift;
        c->imm |= (uint64_t)l->block_code[l->fixups[i].block] << shift;
    }
}

void lower_fixup(struct lowering *l, uint16_t block, unsigned shift)
{
    if (l->fixup_count == l->fixup_capacity) {
        l->failed = true;
        return;
    }
    l->fixups[l->fixup_count++] =
        (struct fixup){.code = (uint16_t)(l->count - 1), .block = block, .shift = (uint8_t)shift};
}

static uint32_t count_markers(const struct vm_ir_region *r)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->op_count; i++)
        n += r->ops[i].code == VM_IR_insn;
    return n;
}

static bool allocate(struct lowering *l)
{
    const struct vm_ir_region *r = l->r;
    struct vm_arena *a = &l->in->scratch;
    uint32_t n = r->op_count;
    // One allocation for all tables; 16-bit ones first.
    size_t words = (size_t)n * 7 + r->regfile->count + 3 * (size_t)r->block_count;
    uint16_t *w = vm_arena_alloc(a, words * sizeof *w + (size_t)n * 3, 8);
    // At most: an op's constants (4), an atomic's address and the operation itself, or of a branch
    // two constants, itself, two polls and two jumps; for an argument of an edge its constant and
    // two moves.
    l->capacity = n * 7 + r->extra_count * 3;
    if (l->capacity > UINT16_MAX) // positions have 16 bits
        l->capacity = UINT16_MAX;
    l->fixup_capacity = r->block_count * 2;
    l->code = vm_arena_alloc(a, l->capacity * sizeof *l->code, 16);
    l->marks = vm_arena_alloc(a, (count_markers(r) + 1) * sizeof *l->marks, 8);
    l->fixups = vm_arena_alloc(a, (l->fixup_capacity + 1) * sizeof *l->fixups, 8);
    if (!w || !l->code || !l->marks || !l->fixups)
        return false;
    for (size_t i = 0; i < words; i++)
        w[i] = NONE;
    l->loc = w;
    l->root = w + n;
    l->last_use = w + 2 * n;
    l->uses = w + 3 * n;
    l->effect = w + 4 * n;
    l->block_of = w + 5 * n;
    l->const_block = w + 6 * n;
    l->next_write = w + 7 * n;
    l->block_code = l->next_write + r->regfile->count;
    l->ways_in = l->block_code + r->block_count;
    l->begun = l->ways_in + r->block_count;
    vm_zero(l->begun, r->block_count * sizeof *w);
    uint8_t *bytes = (uint8_t *)(l->begun + r->block_count);
    vm_zero(bytes, (size_t)n * 3);
    vm_zero(l->uses, n * sizeof *w);
    vm_zero(l->last_use, n * sizeof *w);
    l->escapes = (bool *)bytes;
    l->fused = (bool *)bytes + n;
    l->taken_in = (bool *)bytes + 2 * (size_t)n;
    l->scratch = (r->regfile->state_size + 31u) & ~31u;
    l->scratch_end = l->scratch + SCRATCH_LIMIT;
    return true;
}

static struct block *finish(struct lowering *l, struct vm_arena *a)
{
    struct block *b = vm_arena_alloc(a, sizeof *b + l->count * sizeof *b->code, 16);
    struct link *links = vm_arena_alloc(a, (l->link_count + 1) * sizeof *links, 8);
    struct mark *marks = vm_arena_alloc(a, (l->mark_count + 1) * sizeof *marks, 8);
    if (!b || !links || !marks)
        return NULL;
    *b = (struct block){
        .common = {.links = &links->common, .link_count = (uint16_t)l->link_count},
        .links = links,
        .marks = marks,
        .mark_count = (uint16_t)l->mark_count,
        .code_count = (uint16_t)l->count,
    };
    vm_zero(links, (l->link_count + 1) * sizeof *links);
    vm_zero(marks, sizeof *marks);
    vm_copy(marks, l->marks, l->mark_count * sizeof *marks);
    vm_copy(b->code, l->code, l->count * sizeof *b->code);
    return b;
}

struct block *interp_lower(struct interpreter *in, const struct vm_ir_region *r,
                           struct vm_arena *arena)
{
    struct lowering l = {.in = in, .r = r};
    if (!allocate(&l))
        return NULL;
    lower_find_uses(&l);
    for (uint32_t b = 0; b < r->block_count; b++)
        place_block(&l, &r->blocks[b]);
    for (uint16_t b = 0; b < r->block_count && !l.failed; b++)
        lower_block(&l, b);
    if (l.failed)
        return NULL;
    patch_targets(&l);
    lower_join_exits(&l);
    return finish(&l, arena);
}
