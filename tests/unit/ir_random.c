// SPDX-License-Identifier: MIT
#include "ir_random_gen.h"

#include <string.h>

// The kind of operand that a letter asks for with the suffix t.
static unsigned operand_kind(struct toy_gen *g, char letter, enum vm_type t)
{
    unsigned set = 0;
    switch (letter) {
    case 't': return t;
    case 'b': return TRUTH;
    case 'q': return VM_I128;
    case 'f': return VM_FLAGS;
    case 'i': return t == VM_F16 ? VM_I16 : t == VM_F32 ? VM_I32 : VM_I64;
    case 'N': return toy_pick(g, 2) ? VM_I32 : VM_I64;
    case 'n':
    case 'x':
        for (unsigned s = VM_I8; s <= VM_I64; s++)
            if (letter == 'n' ? vm_ir_type_bits((enum vm_type)s) < vm_ir_type_bits(t)
                              : vm_ir_type_bits((enum vm_type)s) > vm_ir_type_bits(t))
                set |= VM_TYPE_BIT(s);
        return set ? toy_type_in(g, set) : VM_VOID;
    case 'F': {
        enum vm_type f = toy_type_in(g, VM_TYPES_FLOAT);
        return f == t ? (f == VM_F64 ? VM_F32 : VM_F64) : f;
    }
    default: return VM_I64;
    }
}

static unsigned result_kind(unsigned code, enum vm_type t)
{
    switch (vm_ir_op_infos[code].signature[0]) {
    case 't': return t;
    case 'b': return TRUTH;
    case 'f': return VM_FLAGS;
    case 'l': return VM_I64;
    case 'i': return t == VM_F16 ? VM_I16 : t == VM_F32 ? VM_I32 : VM_I64;
    default: return VM_VOID;
    }
}

static void random_op(struct toy_gen *g, unsigned code, enum vm_type t)
{
    const struct vm_ir_op_info *info = &vm_ir_op_infos[code];
    vm_ir_value args[3] = {VM_IR_NONE, VM_IR_NONE, VM_IR_NONE};
    uint64_t disp = 0;
    for (unsigned i = 0; i < info->args; i++) {
        char letter = info->signature[2 + i];
        unsigned kind = code == VM_IR_ftom ? VM_F64 : operand_kind(g, letter, t);
        if (kind == VM_VOID)
            return; // nothing is narrower than i8 or wider than i64
        args[i] = letter == 'p' ? toy_address(g) : toy_any(g, kind);
        disp = letter == 'p' ? toy_pick(g, 32) : disp;
    }
    uint32_t attr = toy_attr_of(g, code, t);
    unsigned kind = result_kind(code, t);
    vm_ir_value v =
        vm_ir_emit(&g->b, (enum vm_ir_code)code, t, attr, disp, args[0], args[1], args[2]);
    if (kind != VM_VOID)
        toy_keep(g, v, kind);
}

static void random_call(struct toy_gen *g)
{
    uint16_t helper = (uint16_t)toy_pick(g, TOY_HELPERS);
    vm_ir_value args[4] = {VM_IR_NONE, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE};
    for (unsigned i = 0; i < toy_helpers[helper].args; i++)
        args[i] = toy_any(g, VM_I64);
    vm_ir_value v = vm_ir_call(&g->b, helper, args[0], args[1], args[2], args[3]);
    if (toy_helpers[helper].result == VM_I64)
        toy_keep(g, v, VM_I64);
}

static void random_put(struct toy_gen *g)
{
    // Few entries, so that puts meet.
    uint16_t reg = (uint16_t)(toy_pick(g, 3) ? toy_pick(g, 4) : toy_pick(g, TOY_COUNT));
    vm_ir_put(&g->b, reg, toy_any(g, toy_regfile.registers[reg].type));
}

static void random_get(struct toy_gen *g)
{
    uint16_t reg = (uint16_t)(toy_pick(g, 3) ? toy_pick(g, 4) : toy_pick(g, TOY_COUNT));
    toy_keep(g, vm_ir_get(&g->b, reg), toy_regfile.registers[reg].type);
}

static void random_step(struct toy_gen *g)
{
    unsigned choice = toy_pick(g, 120), code;
    if (choice >= 112)
        toy_flag_chain(g);
    else if (choice >= 110)
        toy_float_chain(g);
    else if (choice >= 100)
        toy_integer_chain(g);
    else if (choice < 14)
        random_put(g);
    else if (choice < 22)
        random_get(g);
    else if (choice < 25)
        random_call(g);
    else if (choice < 27)
        toy_keep(g, vm_ir_pcrel(&g->b, toy_interesting(&g->random)), VM_I64);
    else if (choice < 28)
        toy_keep(g, vm_ir_icount(&g->b), VM_I64);
    else {
        do
            code = toy_pick(g, VM_IR_CODE_COUNT);
        while (code <= VM_IR_icount || code >= VM_IR_call ||
               (code >= VM_IR_load && code <= VM_IR_rmw && toy_pick(g, 3)));
        random_op(g, code, toy_type_in(g, vm_ir_op_infos[code].types));
    }
}

static unsigned arguments(struct toy_gen *g, unsigned target, vm_ir_value *args)
{
    for (unsigned i = 0; i < g->params[target]; i++)
        args[i] = toy_any(g, g->param_kind[target][i]);
    return g->params[target];
}

static void leave(struct toy_gen *g)
{
    uint64_t offset = toy_pick(g, 4096);
    switch (toy_pick(g, 5)) {
    case 0: vm_ir_raise(&g->b, toy_pick(g, 16), toy_any(g, VM_I64)); break;
    case 1: vm_ir_exit(&g->b, (enum vm_ir_exit)toy_pick(g, VM_IR_EXIT_PAUSE + 1), offset); break;
    case 2:
        vm_ir_goto_ind(&g->b, toy_any(g, VM_I64),
                       (enum vm_ir_hint)toy_pick(g, VM_IR_HINT_RESYNC + 1), offset);
        break;
    case 3: vm_ir_goto_call(&g->b, offset, toy_pick(g, 8192)); break;
    default: vm_ir_goto(&g->b, offset); break;
    }
}

static void terminate(struct toy_gen *g)
{
    const struct toy_edges *e = &g->edges[g->block];
    vm_ir_value args[2][MAX_PARAMS];
    unsigned count[2];
    if (!e->count) {
        leave(g);
        return;
    }
    for (unsigned i = 0; i < g->value_count && i < 6; i++) {
        const struct toy_value *v =
            &g->values[g->value_count - 1 - toy_pick(g, 6) % g->value_count];
        if (toy_dominates(g, v->block, g->block) && v->kind == VM_FLAGS)
            toy_observe(g, v->v, VM_FLAGS);
    }
    for (unsigned i = 0; i < e->count; i++)
        count[i] = arguments(g, e->to[i], args[i]);
    if (e->count == 1)
        vm_ir_jump(&g->b, (uint16_t)e->to[0], args[0], count[0]);
    else
        vm_ir_branch(&g->b, toy_any(g, TRUTH), (uint16_t)e->to[0], args[0], count[0],
                     (uint16_t)e->to[1], args[1], count[1]);
}

// By block: itself, and what dominates all that reaches it. Of a block that is not reached, all.
static void find_dominators(struct toy_gen *g)
{
    bool changed = true;
    for (unsigned i = 0; i < g->blocks; i++)
        g->dominators[i] = i ? ~0u : 1;
    while (changed) {
        changed = false;
        for (unsigned i = 0; i < g->blocks; i++) {
            const struct toy_edges *e = &g->edges[i];
            for (unsigned t = 0; t < e->count; t++) {
                unsigned *to = &g->dominators[e->to[t]];
                unsigned fewer = *to & (g->dominators[i] | 1u << e->to[t]);
                changed |= fewer != *to;
                *to = fewer;
            }
        }
    }
    // What is not reached uses no other block's values: those may come later.
    for (unsigned i = 0; i < g->blocks; i++)
        if (g->dominators[i] == ~0u)
            g->dominators[i] = 1u << i;
}

// Edges mostly to the next block, some anywhere: also into the middle of loops.
static void plan(struct toy_gen *g)
{
    g->blocks = 1 + toy_pick(g, MAX_BLOCKS);
    for (unsigned i = 0; i < g->blocks; i++) {
        struct toy_edges *e = &g->edges[i];
        bool last = i + 1 == g->blocks;
        e->count = last ? toy_pick(g, 4) == 0 : toy_pick(g, 8) ? 1 + toy_pick(g, 2) : 0;
        for (unsigned t = 0; t < e->count; t++) {
            bool back = last || (e->count == 2 && t == 0 && !toy_pick(g, 3));
            e->to[t] = back             ? toy_pick(g, i + 1)
                       : toy_pick(g, 2) ? i + 1
                                        : i + 1 + toy_pick(g, g->blocks - i - 1);
        }
        g->params[i] = i ? toy_pick(g, MAX_PARAMS + 1) : 0;
        for (unsigned p = 0; p < g->params[i]; p++)
            g->param_kind[i][p] = (uint8_t)toy_type_in(g, VM_TYPES_ALL);
    }
    find_dominators(g);
}

static void fill(struct toy_gen *g, unsigned block)
{
    unsigned ops = toy_pick(g, MAX_OPS);
    g->block = block;
    if (block)
        vm_ir_start_block(&g->b, (uint16_t)block);
    for (unsigned i = 0; i < g->params[block]; i++)
        toy_keep(g, vm_ir_param(&g->b, (enum vm_type)g->param_kind[block][i]),
                 g->param_kind[block][i]);
    if (!g->edges[block].count && !toy_pick(g, 3)) { // as the two ways of a branch instruction are
        vm_ir_insn(&g->b, toy_pick(g, 4096), 0);
        vm_ir_goto(&g->b, toy_pick(g, 4096));
        return;
    }
    vm_ir_insn(&g->b, toy_pick(g, 4096), toy_pick(g, 3) * 2);
    for (unsigned i = 0; i < ops; i++) {
        if (!toy_pick(g, 6))
            vm_ir_insn(&g->b, toy_pick(g, 4096), 4);
        random_step(g);
    }
    terminate(g);
}

struct vm_ir_region *toy_random_region(uint64_t seed, bool fold)
{
    struct vm_ir_region *r = vm_arena_alloc(toy_arena(), sizeof *r, 16);
    struct toy_gen g = {.random = seed};
    vm_ir_builder_init(&g.b, r, toy_arena(), &toy_regfile, toy_helpers, TOY_HELPERS);
    g.b.no_fold = !fold;
    plan(&g);
    for (unsigned i = 1; i < g.blocks; i++)
        vm_ir_new_block(&g.b);
    for (unsigned i = 0; i < g.blocks; i++)
        fill(&g, i);
    return r;
}

// Puts a value of any type into an entry of that type.
static void show(struct toy_gen *g, vm_ir_value v, unsigned kind)
{
    unsigned reg = toy_pick(g, TOY_COUNT);
    enum vm_type t = kind == TRUTH ? VM_I64 : (enum vm_type)kind;
    while (toy_regfile.registers[reg % TOY_COUNT].type != t || reg % TOY_COUNT == TOY_PC)
        reg++;
    vm_ir_put(&g->b, (uint16_t)(reg % TOY_COUNT), v);
}

struct vm_ir_region *toy_random_row(uint64_t seed, enum vm_ir_code code, enum vm_type t)
{
    struct vm_ir_region *r = vm_arena_alloc(toy_arena(), sizeof *r, 16);
    struct toy_gen g = {.random = seed, .blocks = 1, .dominators = {1}};
    vm_ir_builder_init(&g.b, r, toy_arena(), &toy_regfile, toy_helpers, TOY_HELPERS);
    g.b.no_fold = true;
    vm_ir_insn(&g.b, 0, 4);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned n = toy_pick(&g, 3); n; n--)
            toy_integer_chain(&g);
        vm_ir_insn(&g.b, 4 + 4 * i, 4);
        random_op(&g, code, t);
        const struct toy_value *last = g.value_count ? &g.values[g.value_count - 1] : NULL;
        if (last && result_kind(code, t) == last->kind)
            show(&g, last->v, last->kind);
    }
    vm_ir_goto(&g.b, 0x10);
    return r;
}

void toy_random_machine(uint64_t seed, struct toy_machine *m)
{
    memset(m, 0, sizeof *m);
    for (size_t i = 0; i + 8 <= sizeof m->state; i += 8) {
        uint64_t x = toy_interesting(&seed);
        memcpy((char *)&m->state + i, &x, 8);
    }
    m->state.fl &= 0x8d5;
    m->state.gl &= 0x8d5;
    for (size_t i = 0; i < sizeof m->memory; i++)
        m->memory[i] = (uint8_t)toy_next(&seed);
}
