// SPDX-License-Identifier: MIT
//
// Cache-block operations (volume I, chapter "Cache-Block Management"): permission by envcfg, then
// address translation, both in the helpers. Prefetches are nop (sem_integer.c).
#include "sem.h"

enum { INVALIDATE, CLEAN, FLUSH };

static void manage(struct rv_translate *t, const struct rv_args *a, uint64_t kind)
{
    vm_ir_value address = rv_x(t, a->rs1);
    rv_call(t, RV_CBO_MANAGE, address, rv_imm(t, kind), VM_IR_NONE);
}

RV_SEMANTIC(cbo_inval)
{
    manage(t, a, INVALIDATE);
}

RV_SEMANTIC(cbo_clean)
{
    manage(t, a, CLEAN);
}

RV_SEMANTIC(cbo_flush)
{
    manage(t, a, FLUSH);
}

RV_SEMANTIC(cbo_zero)
{
    rv_call(t, RV_CBO_ZERO, rv_x(t, a->rs1), VM_IR_NONE, VM_IR_NONE);
}
