// SPDX-License-Identifier: MIT
//
// Loads and stores of SIMD and floating-point registers (the manual, C4.1 "Loads and Stores").
// Arguments: size is log2 of the bytes. What a load does not fill is 0.
#include "sem.h"

enum { LOAD = 1, POST = 1, WRITES = 1 }; // bits of opc and of op; POST a value of op

static vm_ir_value load(struct a64_translate *t, const struct a64_args *a, vm_ir_value address,
                        int64_t offset)
{
    return vm_ir_load(t->b, VM_V128, a64_mem(t, a->size, 0), address, offset);
}

static void store(struct a64_translate *t, const struct a64_args *a, vm_ir_value address,
                  int64_t offset, unsigned n)
{
    vm_ir_value v = a64_v(t, n);
    vm_ir_store(t->b, VM_V128, a64_mem(t, a->size, 0), address, offset, v);
}

// After everything that may fault.
static void write_back(struct a64_translate *t, const struct a64_args *a, vm_ir_value base)
{
    if (a->op & WRITES)
        a64_set_x_sp(t, a->rn, vm_ir_add(t->b, VM_I64, base, a64_imm(t, (uint64_t)a->imm)));
}

static int64_t offset_of(const struct a64_args *a)
{
    return a->op == POST ? 0 : a->imm;
}

A64_SEMANTIC(load_store_fp)
{
    vm_ir_value base = a64_base(t, a->rn);
    if (a->opc & LOAD) {
        vm_ir_value v = load(t, a, base, offset_of(a));
        write_back(t, a, base);
        a64_set_v(t, a->rd, v);
    } else {
        store(t, a, base, offset_of(a), a->rd);
        write_back(t, a, base);
    }
}

A64_SEMANTIC(load_store_fp_register)
{
    vm_ir_value base = a64_base(t, a->rn);
    vm_ir_value index = a64_extended(t, VM_I64, a->rm, a->option, a->s ? a->size : 0);
    vm_ir_value address = vm_ir_add(t->b, VM_I64, base, index);
    if (a->opc & LOAD)
        a64_set_v(t, a->rd, load(t, a, address, 0));
    else
        store(t, a, address, 0, a->rd);
}

A64_SEMANTIC(load_literal_fp)
{
    vm_ir_value address = vm_ir_pcrel(t->b, t->offset + (uint64_t)a->imm);
    a64_set_v(t, a->rd, load(t, a, address, 0));
}

A64_SEMANTIC(load_pair_fp)
{
    vm_ir_value base = a64_base(t, a->rn);
    vm_ir_value first = load(t, a, base, offset_of(a));
    vm_ir_value second = load(t, a, base, offset_of(a) + (1 << a->size));
    write_back(t, a, base);
    a64_set_v(t, a->rd, first);
    a64_set_v(t, a->ra, second);
}

A64_SEMANTIC(store_pair_fp)
{
    vm_ir_value base = a64_base(t, a->rn);
    store(t, a, base, offset_of(a), a->rd);
    store(t, a, base, offset_of(a) + (1 << a->size), a->ra);
    write_back(t, a, base);
}
