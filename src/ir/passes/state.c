// SPDX-License-Identifier: MIT
//
// Redundant reads and writes of register-file entries.
//
// Forwards: at each point, the value that an entry is known to have. What a block begins with is
// what all its predecessors end with; the entry block begins with nothing known. The first round
// takes what is not computed yet (round a loop) for agreement; rounds go on until nothing changes,
// and if that takes too long, blocks begin with nothing known. A get of a known entry is that
// value; a put of the value that the entry has goes away.
//
// Backwards: at each point, the entries that may be looked at before they are written again. All
// of them are looked at by fault points, by ways out of the region, and by edges that close a loop,
// since there an engine may stop for an interrupt. A put that nothing looks at goes away.
//
// Entries inside the FP environment, which FP ops change without naming them, are left alone.
#include <vm/ir/passes.h>

#include "../cfg.h"
#include "rewrite.h"

enum { UNKNOWN = VM_IR_NONE, UNVISITED = VM_IR_NONE - 1, NO_SLOT = VM_IR_NONE, MAX_ROUNDS = 32 };

struct state {
    struct vm_ir_region *region;
    struct vm_ir_cfg cfg;
    vm_ir_value *map;  // get to the value that it has
    uint16_t *slot_of; // by entry: its slot; only entries that the region names have one
    uint32_t slots;
    vm_ir_value *out;   // by block and slot: what the entry has at the block's end
    vm_ir_value *known; // by slot: at the current point
    bool *looked_in;    // by block and slot: whether it may be looked at from the block's begin on
    bool *looked;       // by slot: from the current point on
};

static unsigned slot_of(const struct state *s, const struct vm_ir_op *op)
{
    return op->code == VM_IR_get || op->code == VM_IR_put ? s->slot_of[op->imm] : (unsigned)NO_SLOT;
}

static bool number_slots(struct state *s)
{
    const struct vm_ir_region *r = s->region;
    s->slot_of = vm_ir_scratch(r, r->regfile->count, sizeof *s->slot_of);
    if (!s->slot_of)
        return false;
    __builtin_memset(s->slot_of, 0xff, r->regfile->count * sizeof *s->slot_of);
    for (uint32_t i = 0; i < r->op_count; i++) {
        const struct vm_ir_op *op = &r->ops[i];
        if ((op->code == VM_IR_get || op->code == VM_IR_put) && s->slot_of[op->imm] == NO_SLOT &&
            !vm_ir_in_fp_env(r->regfile, op->imm))
            s->slot_of[op->imm] = (uint16_t)s->slots++;
    }
    return true;
}

static void fill(vm_ir_value *values, size_t count, vm_ir_value v)
{
    for (size_t i = 0; i < count; i++)
        values[i] = v;
}

// --- forwards ---

static void meet_predecessors(struct state *s, unsigned block)
{
    fill(s->known, s->slots, block ? UNVISITED : UNKNOWN);
    for (uint32_t p = s->cfg.pred_first[block]; block && p < s->cfg.pred_first[block + 1]; p++) {
        const vm_ir_value *out = s->out + (size_t)s->cfg.preds[p] * s->slots;
        for (uint32_t i = 0; i < s->slots; i++) {
            if (s->known[i] == UNVISITED)
                s->known[i] = out[i];
            else if (out[i] != UNVISITED && out[i] != s->known[i])
                s->known[i] = UNKNOWN;
        }
    }
}

static void forget_written(struct state *s, const struct vm_ir_helper *h)
{
    const struct vm_regfile *f = s->region->regfile;
    for (uint16_t i = 0; i < f->count; i++)
        if (s->slot_of[i] != NO_SLOT && vm_ir_helper_writes(f, h, i))
            s->known[s->slot_of[i]] = UNKNOWN;
}

// Passes op v; `rewrite`: and removes it if it is redundant.
static void step_forwards(struct state *s, vm_ir_value v, bool rewrite)
{
    struct vm_ir_op *op = &s->region->ops[v];
    unsigned slot = slot_of(s, op);
    if (op->code == VM_IR_call)
        forget_written(s, &s->region->helpers[op->imm]);
    if (slot == NO_SLOT)
        return;
    vm_ir_value had = s->known[slot];
    if (op->code == VM_IR_put) {
        s->known[slot] = s->map[op->args[0]];
        if (rewrite && had == s->known[slot])
            vm_ir_make_nop(op);
        return;
    }
    s->map[v] = had == UNKNOWN || had == UNVISITED ? v : had;
    s->known[slot] = s->map[v];
    if (rewrite && s->map[v] != v)
        vm_ir_make_nop(op);
}

static void pass_block(struct state *s, unsigned block, bool rewrite)
{
    const struct vm_ir_block *b = &s->region->blocks[block];
    for (unsigned i = 0; i < b->count; i++)
        step_forwards(s, (vm_ir_value)(b->first + i), rewrite);
}

// One round over all blocks; whether what a block ends with has changed.
static bool round_forwards(struct state *s)
{
    bool changed = false;
    for (uint32_t i = 0; i < s->cfg.count; i++) {
        vm_ir_value *out = s->out + (size_t)s->cfg.order[i] * s->slots;
        meet_predecessors(s, s->cfg.order[i]);
        pass_block(s, s->cfg.order[i], false);
        for (uint32_t k = 0; k < s->slots; k++) {
            changed |= out[k] != s->known[k];
            out[k] = s->known[k];
        }
    }
    return changed;
}

static void forward_entries(struct state *s)
{
    bool settled = false;
    fill(s->out, (size_t)s->region->block_count * s->slots, UNVISITED);
    for (unsigned i = 0; i < MAX_ROUNDS && !settled; i++)
        settled = !round_forwards(s);
    for (uint32_t i = 0; i < s->cfg.count; i++) {
        if (settled)
            meet_predecessors(s, s->cfg.order[i]);
        else
            fill(s->known, s->slots, UNKNOWN);
        pass_block(s, s->cfg.order[i], true);
    }
    vm_ir_map_apply(s->region, s->map);
}

// --- backwards ---

static void look_at_all(struct state *s)
{
    __builtin_memset(s->looked, true, s->slots * sizeof *s->looked);
}

static void look_after(struct state *s, unsigned block)
{
    uint16_t targets[2];
    unsigned n = vm_ir_successors(vm_ir_terminator(s->region, block), targets);
    __builtin_memset(s->looked, n == 0, s->slots * sizeof *s->looked);
    for (unsigned t = 0; t < n; t++) {
        if (vm_ir_closes_loop(block, targets[t]))
            look_at_all(s);
        for (uint32_t i = 0; i < s->slots; i++)
            s->looked[i] |= s->looked_in[(size_t)targets[t] * s->slots + i];
    }
}

static void step_backwards(struct state *s, struct vm_ir_op *op, bool rewrite)
{
    const struct vm_ir_helper *h = op->code == VM_IR_call ? &s->region->helpers[op->imm] : NULL;
    unsigned slot = slot_of(s, op);
    if (vm_ir_op_may_fault(s->region, op))
        look_at_all(s);
    for (uint16_t i = 0; h && i < s->region->regfile->count; i++)
        if (s->slot_of[i] != NO_SLOT && vm_ir_helper_reads(s->region->regfile, h, i))
            s->looked[s->slot_of[i]] = true;
    if (slot == NO_SLOT)
        return;
    bool needed = s->looked[slot];
    s->looked[slot] = op->code == VM_IR_get;
    if (rewrite && op->code == VM_IR_put && !needed)
        vm_ir_make_nop(op);
}

static bool round_backwards(struct state *s, bool rewrite)
{
    bool changed = false;
    for (uint32_t i = s->cfg.count; i-- > 0;) {
        unsigned block = s->cfg.order[i];
        const struct vm_ir_block *b = &s->region->blocks[block];
        bool *in = s->looked_in + (size_t)block * s->slots;
        look_after(s, block);
        for (unsigned k = b->count; k-- > 0;)
            step_backwards(s, &s->region->ops[b->first + k], rewrite);
        for (uint32_t k = 0; k < s->slots; k++) {
            changed |= in[k] != s->looked[k];
            in[k] = s->looked[k];
        }
    }
    return changed;
}

void vm_ir_pass_state(struct vm_ir_region *r)
{
    struct state s = {.region = r, .map = vm_ir_map_new(r)};
    if (!s.map || !number_slots(&s) || !s.slots || !vm_ir_cfg_build(r, &s.cfg))
        return;
    size_t all = (size_t)r->block_count * s.slots;
    s.out = vm_ir_scratch(r, all, sizeof *s.out);
    s.known = vm_ir_scratch(r, s.slots, sizeof *s.known);
    s.looked_in = vm_ir_scratch(r, all, sizeof *s.looked_in);
    s.looked = vm_ir_scratch(r, s.slots, sizeof *s.looked);
    if (!s.out || !s.known || !s.looked_in || !s.looked)
        return;
    forward_entries(&s);
    while (round_backwards(&s, false))
        continue;
    round_backwards(&s, true);
}
