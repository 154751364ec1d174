// SPDX-License-Identifier: MIT
//
// Random sequences of ops.
#include "ir_random_gen.h"

void toy_observe(struct toy_gen *g, vm_ir_value v, unsigned kind)
{
    if (kind == VM_FLAGS && toy_pick(g, 2)) {
        vm_ir_put(&g->b, TOY_FL + toy_pick(g, 2), v);
        return;
    }
    if (kind == VM_FLAGS)
        v = vm_ir_flagbits(&g->b, VM_FLAGS, v);
    else if (kind < VM_I64)
        v = toy_pick(g, 2) ? vm_ir_zext(&g->b, VM_I64, v) : vm_ir_sext(&g->b, VM_I64, v);
    if (toy_pick(g, 3))
        vm_ir_put(&g->b, (uint16_t)toy_pick(g, 8), v);
    else
        vm_ir_call(&g->b, TOY_WRITE, v, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
}

static vm_ir_value chain_const(struct toy_gen *g, enum vm_type t)
{
    uint64_t x = toy_interesting(&g->random);
    unsigned n = vm_ir_type_bits(t);
    switch (toy_pick(g, 4)) {
    case 0: x = toy_pick(g, n); break;
    case 1: x = ((uint64_t)1 << toy_pick(g, n)) - 1; break;
    case 2: x = ~(uint64_t)0 << toy_pick(g, n); break;
    default: break;
    }
    return vm_ir_const(&g->b, t, x);
}

// One op on v that passes and folding rules look for; *t becomes the result's type.
static vm_ir_value chain_link(struct toy_gen *g, vm_ir_value v, enum vm_type *t)
{
    static const uint16_t codes[] = {VM_IR_add, VM_IR_sub, VM_IR_and, VM_IR_or,   VM_IR_xor,
                                     VM_IR_shl, VM_IR_shr, VM_IR_sar, VM_IR_rotr, VM_IR_shl,
                                     VM_IR_shr, VM_IR_sar, VM_IR_and, VM_IR_add,  VM_IR_mul};
    enum vm_type from = *t;
    unsigned choice = toy_pick(g, 12), n = vm_ir_type_bits(from),
             pos = toy_pick(g, 2) ? toy_pick(g, n) : 0;
    unsigned code = codes[toy_pick(g, VM_ARRAY_SIZE(codes))], len = 1 + toy_pick(g, n - pos);
    switch (choice) {
    case 0:
    case 1:
        *t = (enum vm_type)(VM_I8 + toy_pick(g, 4));
        if (vm_ir_type_bits(*t) < n)
            return vm_ir_trunc(&g->b, *t, v);
        if (vm_ir_type_bits(*t) == n)
            return v;
        return choice ? vm_ir_sext(&g->b, *t, v) : vm_ir_zext(&g->b, *t, v);
    case 2:
    case 3: return vm_ir_extract(&g->b, from, v, pos, len, choice == 2);
    case 4: {
        vm_ir_value other = toy_any(g, from);
        return toy_pick(g, 2) ? vm_ir_deposit(&g->b, from, v, other, pos, len)
                              : vm_ir_deposit(&g->b, from, other, v, pos, len);
    }
    case 5: {
        vm_ir_value other = toy_any(g, from);
        return vm_ir_emit(&g->b, (enum vm_ir_code)code, from, 0, 0, v, other, VM_IR_NONE);
    }
    default: {
        vm_ir_value c = chain_const(g, from);
        return vm_ir_emit(&g->b, (enum vm_ir_code)code, from, 0, 0, v, c, VM_IR_NONE);
    }
    }
}

void toy_integer_chain(struct toy_gen *g)
{
    enum vm_type t = (enum vm_type)(VM_I8 + toy_pick(g, 4));
    vm_ir_value v = toy_any(g, t);
    for (unsigned n = 2 + toy_pick(g, 4); n; n--) {
        v = chain_link(g, v, &t);
        toy_keep(g, v, t);
    }
    if (!toy_pick(g, 3)) {
        unsigned code = VM_IR_eq + toy_pick(g, 6);
        vm_ir_value c = toy_pick(g, 3) ? chain_const(g, t) : toy_any(g, t);
        v = toy_pick(g, 3) ? vm_ir_emit(&g->b, (enum vm_ir_code)code, t, 0, 0, v, c, VM_IR_NONE)
                           : vm_ir_emit(&g->b, (enum vm_ir_code)code, t, 0, 0, c, v, VM_IR_NONE);
        t = VM_I64;
        toy_keep(g, v, TRUTH);
    }
    if (!toy_pick(g, 3))
        vm_ir_store(&g->b, t, toy_pick(g, t), toy_address(g), 0, v);
    else
        toy_observe(g, v, t);
}

static vm_ir_value flag_source(struct toy_gen *g)
{
    enum vm_type t = (enum vm_type)(VM_I8 + toy_pick(g, 4));
    vm_ir_value x = toy_any(g, t), y = toy_pick(g, 3) ? toy_any(g, t) : chain_const(g, t);
    vm_ir_value c = toy_pick(g, 2) ? vm_ir_const(&g->b, VM_I64, 0) : toy_any(g, TRUTH);
    uint32_t wanted = toy_pick(g, 3) ? VM_IR_FLAGS_NZCV : 0;
    switch (toy_pick(g, 6)) {
    case 0: return vm_ir_some_flags(&g->b, VM_IR_addf, t, wanted, x, y, c);
    case 4: // as ARM subtracts
        y = vm_ir_xor(&g->b, t, y, vm_ir_const(&g->b, t, UINT64_MAX));
        c = vm_ir_const(&g->b, VM_I64, 1);
        return vm_ir_some_flags(&g->b, VM_IR_addf, t, wanted, x, y, c);
    case 5: x = vm_ir_and(&g->b, t, x, y); VM_FALLTHROUGH;
    case 1: return vm_ir_some_flags(&g->b, VM_IR_logicf, t, wanted, x, VM_IR_NONE, VM_IR_NONE);
    case 2: return toy_any(g, VM_FLAGS);
    default: return vm_ir_subf(&g->b, t, x, y, c);
    }
}

void toy_flag_chain(struct toy_gen *g)
{
    vm_ir_value v = toy_keep(g, flag_source(g), VM_FLAGS);
    for (unsigned n = toy_pick(g, 4); n; n--) {
        vm_ir_value other = flag_source(g);
        uint32_t mask = toy_pick(g, 2) ? toy_pick(g, 4096) & 0x8d5 : toy_pick(g, 2) ? 0x40 : 0x8d4;
        v = toy_keep(g,
                     toy_pick(g, 2) ? vm_ir_mergef(&g->b, v, other, mask)
                                    : vm_ir_mergef(&g->b, other, v, mask),
                     VM_FLAGS);
    }
    if (!toy_pick(g, 3)) {
        toy_observe(g, v, VM_FLAGS);
        return;
    }
    vm_ir_value c = toy_keep(g, vm_ir_cond(&g->b, v, toy_pick(g, 16)), TRUTH);
    if (toy_pick(g, 2)) {
        vm_ir_value d = toy_keep(g, vm_ir_cond(&g->b, v, toy_pick(g, 16)), TRUTH);
        c = toy_keep(
            g, toy_pick(g, 2) ? vm_ir_and(&g->b, VM_I64, c, d) : vm_ir_or(&g->b, VM_I64, c, d),
            TRUTH);
    }
    toy_observe(g, c, VM_I64);
}

void toy_float_chain(struct toy_gen *g)
{
    vm_ir_value x = toy_any(g, VM_F64), y = toy_any(g, VM_F64);
    for (unsigned n = 2 + toy_pick(g, 3); n; n--) {
        uint16_t reg = TOY_FROUND + toy_pick(g, 2);
        switch (toy_pick(g, 4)) {
        case 0: vm_ir_put(&g->b, reg, toy_any(g, VM_I8)); break;
        case 1: toy_observe(g, toy_keep(g, vm_ir_get(&g->b, reg), VM_I8), VM_I8); break;
        default:
            x = toy_keep(g, vm_ir_fadd(&g->b, VM_F64, toy_float_attr(g, VM_IR_fadd), x, y), VM_F64);
            toy_observe(g, vm_ir_fbits(&g->b, VM_F64, x), VM_I64);
            x = toy_pick(g, 2) ? x : y;
            break;
        }
    }
}
