// SPDX-License-Identifier: MIT
//
// From IR to byte code. Most of the work is deciding where values live:
//
// - A `get` of a 64-bit entry is no operation: its uses read the entry itself, unless the entry is
//   written between the get and a use.
// - A `put` of a value that an operation makes is no operation either: the operation writes the
//   entry, if nothing between it and the put can fault, leave, or look at the entry, and no use of
//   the value comes after the entry's next write. The put then takes effect at the operation.
// - trunc, fbits, bitsf, lo, and sext of an i32 that an operation made (those lie sign-extended)
//   are other names for the same slot.
// - A comparison that only the block's branch uses is part of the branch.
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

// --- aliases and uses ---

static bool is_word_result(const struct lowering *l, vm_ir_value v)
{
    const struct vm_ir_op *o = op_at(l, v);
    if (vm_ir_value_type(l->r, v) != VM_I32)
        return false;
    switch (o->code) {
    case VM_IR_add:
    case VM_IR_sub:
    case VM_IR_mul:
    case VM_IR_mulhu:
    case VM_IR_mulhs:
    case VM_IR_mulhsu:
    case VM_IR_divu:
    case VM_IR_divs:
    case VM_IR_remu:
    case VM_IR_rems:
    case VM_IR_and:
    case VM_IR_or:
    case VM_IR_xor:
    case VM_IR_shl:
    case VM_IR_shr:
    case VM_IR_sar:
    case VM_IR_rotr:
    case VM_IR_smin:
    case VM_IR_smax:
    case VM_IR_umin:
    case VM_IR_umax:
    case VM_IR_clz:
    case VM_IR_ctz:
    case VM_IR_popcnt:
    case VM_IR_bswap:
    case VM_IR_load:
    case VM_IR_ftos:
    case VM_IR_ftou:
    case VM_IR_ftom:
    case VM_IR_const: return true;
    default: return false;
    }
}

// The value whose slot v shares: another one, or v itself. A value that is defined further down
// (its block dominates but lies behind) has no root yet.
static vm_ir_value root_of(const struct lowering *l, vm_ir_value v)
{
    const struct vm_ir_op *o = op_at(l, v);
    if (o->args[0] >= v)
        return v;
    switch (o->code) {
    case VM_IR_trunc:
    case VM_IR_fbits:
    case VM_IR_bitsf:
    case VM_IR_lo:
    case VM_IR_flagbits: return l->root[o->args[0]];
    case VM_IR_sext: {
        vm_ir_value root = l->root[o->args[0]];
        bool whole = o->type == VM_I64 && o->args[0] == root;
        return whole && is_word_result(l, root) ? root : v;
    }
    default: return v;
    }
}

static void note_use(struct lowering *l, vm_ir_value v, uint32_t at, uint16_t block)
{
    vm_ir_value root = l->root[v];
    if (l->uses[root] < UINT16_MAX)
        l->uses[root]++;
    if (at > l->last_use[root])
        l->last_use[root] = (uint16_t)at;
    if (l->block_of[root] != block)
        l->escapes[root] = true;
}

static void note_edge_uses(struct lowering *l, const struct vm_ir_op *o, uint32_t at,
                           uint16_t block)
{
    uint16_t targets[2];
    unsigned n = vm_ir_successors(o, targets);
    uint32_t extra = o->args[3];
    for (unsigned t = 0; t < n; t++) {
        for (unsigned i = 0; i < l->r->blocks[targets[t]].params; i++)
            note_use(l, l->r->extra[extra++], at, block);
    }
}

static bool is_compare(const struct vm_ir_op *o)
{
    return o->code >= VM_IR_eq && o->code <= VM_IR_leu;
}

// The comparison that a branch can take in, or NONE.
static vm_ir_value branch_compare(const struct lowering *l, const struct vm_ir_op *branch,
                                  uint16_t block)
{
    vm_ir_value v = branch->args[0];
    const struct vm_ir_op *o = op_at(l, v);
    bool fits = is_compare(o) && (o->type == VM_I64 || o->type == VM_I32);
    return fits && l->block_of[v] == block && l->uses[v] == 1 ? v : NONE;
}

static void take_compare_in(struct lowering *l, uint16_t block)
{
    const struct vm_ir_block *b = &l->r->blocks[block];
    uint32_t last = b->first + b->count - 1u;
    if (b->count == 0 || l->r->ops[last].code != VM_IR_branch)
        return;
    vm_ir_value compare = branch_compare(l, &l->r->ops[last], block);
    if (compare == NONE)
        return;
    l->in_branch[compare] = true;
    note_use(l, l->r->ops[compare].args[0], last, block);
    note_use(l, l->r->ops[compare].args[1], last, block);
}

static void find_roots(struct lowering *l)
{
    const struct vm_ir_region *r = l->r;
    for (uint16_t b = 0; b < r->block_count; b++) {
        for (uint32_t i = r->blocks[b].first, n = i + r->blocks[b].count; i < n; i++)
            l->block_of[i] = b;
    }
    for (uint32_t i = 0; i < r->op_count; i++)
        l->root[i] = root_of(l, (vm_ir_value)i);
}

static void find_uses(struct lowering *l)
{
    const struct vm_ir_region *r = l->r;
    for (uint32_t i = 0; i < r->op_count; i++) {
        const struct vm_ir_op *o = &r->ops[i];
        uint16_t b = l->block_of[i];
        if (b == NONE || o->code == VM_IR_nop)
            continue;
        unsigned args = vm_ir_op_args(r, o);
        for (unsigned a = 0; a < args; a++)
            note_use(l, o->args[a], i, b);
        if (o->code == VM_IR_jump || o->code == VM_IR_branch)
            note_edge_uses(l, o, i, b);
    }
    for (uint16_t b = 0; b < r->block_count; b++)
        take_compare_in(l, b);
}

static void count_ways_in(struct lowering *l)
{
    const struct vm_ir_region *r = l->r;
    l->ways_in[0] = 1; // the entry
    for (uint16_t b = 0; b < r->block_count; b++) {
        const struct vm_ir_block *block = &r->blocks[b];
        uint16_t targets[2];
        unsigned n = 0;
        if (block->count > 0)
            n = vm_ir_successors(&r->ops[block->first + block->count - 1u], targets);
        for (unsigned t = 0; t < n; t++) {
            if (l->ways_in[targets[t]] < UINT16_MAX)
                l->ways_in[targets[t]]++;
        }
    }
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
    return t != VM_VOID && vm_ir_type_bytes(t) <= 8 && !l->in_branch[v];
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
    if (h->effects & VM_IR_HELPER_WRITES_ALL) {
        for (uint16_t reg = 0; reg < l->r->regfile->count; reg++)
            l->next_write[reg] = (uint16_t)at;
        return;
    }
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
    vm_zero(l->ways_in, 2 * r->block_count * sizeof *w);
    uint8_t *bytes = (uint8_t *)(l->begun + r->block_count);
    vm_zero(bytes, (size_t)n * 3);
    vm_zero(l->uses, n * sizeof *w);
    vm_zero(l->last_use, n * sizeof *w);
    l->escapes = (bool *)bytes;
    l->fused = (bool *)bytes + n;
    l->in_branch = (bool *)bytes + 2 * (size_t)n;
    l->scratch = (r->regfile->state_size + 31u) & ~31u;
    l->scratch_end = l->scratch + SCRATCH_LIMIT;
    return true;
}

static struct block *finish(struct lowering *l, const struct vm_block_source *source,
                            struct vm_arena *a)
{
    struct block *b = vm_arena_alloc(a, sizeof *b + l->count * sizeof *b->code, 16);
    struct link *links = vm_arena_alloc(a, (l->link_count + 1) * sizeof *links, 8);
    struct mark *marks = vm_arena_alloc(a, (l->mark_count + 1) * sizeof *marks, 8);
    if (!b || !links || !marks)
        return NULL;
    *b = (struct block){
        .source = *source,
        .links = links,
        .marks = marks,
        .link_count = (uint16_t)l->link_count,
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
                           const struct vm_block_source *source, struct vm_arena *arena)
{
    struct lowering l = {.in = in, .r = r};
    if (!allocate(&l))
        return NULL;
    find_roots(&l);
    find_uses(&l);
    count_ways_in(&l);
    for (uint32_t b = 0; b < r->block_count; b++)
        place_block(&l, &r->blocks[b]);
    for (uint16_t b = 0; b < r->block_count && !l.failed; b++)
        lower_block(&l, b);
    if (l.failed)
        return NULL;
    patch_targets(&l);
    return finish(&l, source, arena);
}
