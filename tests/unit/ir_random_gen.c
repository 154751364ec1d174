// SPDX-License-Identifier: MIT
//
// Random choices, and the values of a random region.
#include "ir_random_gen.h"

uint64_t toy_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

unsigned toy_pick(struct toy_gen *g, unsigned n)
{
    return (unsigned)(toy_next(&g->random) % n);
}

uint64_t toy_interesting(uint64_t *random)
{
    static const uint64_t special[] = {
        0,
        1,
        2,
        7,
        8,
        0x10,
        0x1f,
        0x20,
        0x3f,
        0x40,
        0x7f,
        0x80,
        0xff,
        0x100,
        0x7fff,
        0x8000,
        0xffff,
        0x7fffffff,
        0x80000000u,
        0xffffffffu,
        0x100000000u,
        INT64_MAX,
        (uint64_t)INT64_MIN,
        UINT64_MAX,
        UINT64_MAX - 1,
        0xffffffff80000000u,
        0xffffffff00000000u,
        0xffffffff7fc00000u,
        // Floats: one, the least normals, an infinity, NaNs; of several formats side by side.
        0x3ff0000000000000u,
        0x0010000000000000u,
        0x3f80000000800000u,
        0xbf80000040490fdbu,
        0x7f800000ff800001u,
        0x7ff0000000000000u,
        0xfff0000000000001u,
        0x7ff8000000001234u,
        0x7fc12345ffc00000u,
        0x3c0004007c007e01u,
        0x83ff0001fc017bffu,
    };
    uint64_t r = toy_next(random);
    if (r % 4)
        return special[(r >> 8) % VM_ARRAY_SIZE(special)] + (r >> 3) % 3 - 1;
    return toy_next(random) >> (r >> 8) % 64;
}

vm_ir_value toy_keep(struct toy_gen *g, vm_ir_value v, unsigned kind)
{
    if (g->value_count < MAX_VALUES)
        g->values[g->value_count++] = (struct toy_value){v, (uint8_t)kind, (uint8_t)g->block};
    return v;
}

bool toy_dominates(const struct toy_gen *g, unsigned a, unsigned b)
{
    return g->dominators[b] >> a & 1;
}

static vm_ir_value fresh(struct toy_gen *g, unsigned kind)
{
    if (kind == TRUTH)
        return toy_keep(g, vm_ir_const(&g->b, VM_I64, toy_pick(g, 2)), TRUTH);
    bool constant = VM_TYPE_BIT(kind) & VM_TYPES_SCALAR && toy_pick(g, 3);
    uint64_t bits = toy_interesting(&g->random);
    unsigned from = toy_pick(g, TOY_COUNT);
    if (constant)
        return toy_keep(g, vm_ir_const(&g->b, (enum vm_type)kind, bits), kind);
    while (toy_regfile.registers[from % TOY_COUNT].type != kind)
        from++;
    return toy_keep(g, vm_ir_get(&g->b, (uint16_t)(from % TOY_COUNT)), kind);
}

vm_ir_value toy_any(struct toy_gen *g, unsigned kind)
{
    unsigned tries = toy_pick(g, 8) ? 40 : 0;
    while (tries-- && g->value_count) {
        // Newer values more often, so that chains form.
        unsigned back = toy_pick(g, toy_pick(g, 2) ? g->value_count : 1 + g->value_count / 4);
        const struct toy_value *v = &g->values[g->value_count - 1 - back];
        bool fits = v->kind == kind || (kind == VM_I64 && v->kind == TRUTH);
        if (fits && toy_dominates(g, v->block, g->block))
            return v->v;
    }
    return fresh(g, kind);
}

vm_ir_value toy_address(struct toy_gen *g)
{
    vm_ir_value x = toy_any(g, VM_I64);
    if (!toy_pick(g, 12))
        return x;
    x = vm_ir_and(&g->b, VM_I64, x, vm_ir_const(&g->b, VM_I64, 0xfc0));
    if (toy_pick(g, 2))
        x = vm_ir_add(&g->b, VM_I64, x, vm_ir_const(&g->b, VM_I64, toy_pick(g, 64)));
    return toy_keep(g, x, VM_I64);
}

enum vm_type toy_type_in(struct toy_gen *g, unsigned set)
{
    unsigned t;
    do
        t = toy_pick(g, VM_TYPE_COUNT);
    while (!(set & VM_TYPE_BIT(t)));
    return (enum vm_type)t;
}
