// SPDX-License-Identifier: MIT
//
// Loads, stores and fences (volume I, chapters "RV32I" and "RV64I"). Misaligned accesses work. A
// load to x0 still reads memory and may fault.
#include "sem.h"

static void load(struct rv_translate *t, const struct rv_args *a, uint32_t size_log2, uint32_t sign)
{
    uint32_t attr = VM_IR_MEM(size_log2, sign, VM_IR_RELAXED);
    rv_set_x(t, a->rd, vm_ir_load(t->b, VM_I64, attr, rv_x(t, a->rs1), a->imm));
}

static void store(struct rv_translate *t, const struct rv_args *a, uint32_t size_log2)
{
    uint32_t attr = VM_IR_MEM(size_log2, 0, VM_IR_RELAXED);
    vm_ir_value address = rv_x(t, a->rs1);
    vm_ir_store(t->b, VM_I64, attr, address, a->imm, rv_x(t, a->rs2));
}

RV_SEMANTIC(lb)
{
    load(t, a, 0, VM_IR_MEM_SIGNED);
}

RV_SEMANTIC(lbu)
{
    load(t, a, 0, 0);
}

RV_SEMANTIC(lh)
{
    load(t, a, 1, VM_IR_MEM_SIGNED);
}

RV_SEMANTIC(lhu)
{
    load(t, a, 1, 0);
}

RV_SEMANTIC(lw)
{
    load(t, a, 2, VM_IR_MEM_SIGNED);
}

RV_SEMANTIC(lwu)
{
    load(t, a, 2, 0);
}

RV_SEMANTIC(ld)
{
    load(t, a, 3, 0);
}

RV_SEMANTIC(sb)
{
    store(t, a, 0);
}

RV_SEMANTIC(sh)
{
    store(t, a, 1);
}

RV_SEMANTIC(sw)
{
    store(t, a, 2);
}

RV_SEMANTIC(sd)
{
    store(t, a, 3);
}

// An empty predecessor or successor set orders nothing: a hint.
RV_SEMANTIC(fence)
{
    if (a->pred & 15 && a->succ & 15)
        vm_ir_fence(t->b, (a->pred & 15u) << 4 | (a->succ & 15u));
}

RV_SEMANTIC(pause)
{
    (void)a;
    rv_exit(t, VM_IR_EXIT_PAUSE);
}
