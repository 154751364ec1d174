// SPDX-License-Identifier: MIT
//
// Translates one instruction: decode, insn marker, the checks that its class needs, its semantic
// function. The loop over the instructions of a block is the core's.
//
// A translation depends on the bytes, the configuration and the execution-mode bits, on nothing
// else of the vCPU.
#include "isa.h"
#include "sem_fp.h"

#include <vm/base/memory.h>

void rv_illegal(struct rv_translate *t)
{
    vm_ir_raise(t->b, RV_CAUSE_ILLEGAL, vm_ir_const(t->b, VM_I64, t->word));
    t->ends = true;
}

// vCPUs of one machine translate at the same time.
static void count(const struct rv_config *c, const struct rv_row *row)
{
    if (c->coverage)
        __atomic_fetch_add(&c->coverage[row->index], 1, __ATOMIC_RELAXED);
}

static void lower(struct rv_translate *t)
{
    struct rv_args a;
    const struct rv_row *row = rv_decode(t->config, t->word, &a);
    if (!row) {
        rv_illegal(t);
        return;
    }
    count(t->config, row);
    if (row->class == RV_CLASS_FP && !rv_fp_begin(t, rv_fp_is_dynamic(&a)))
        return;
    row->semantic(t, &a);
}

void rv_translate_insn(struct vm_translate *out)
{
    uint32_t word = vm_load_le16(out->bytes);
    bool wide = (word & 3) == 3;
    if (wide && out->available < 4) {
        out->more = true;
        return;
    }
    struct rv_translate t = {
        .b = out->builder,
        .config = out->config,
        .offset = out->offset,
        .length = wide ? 4 : 2,
        .word = wide ? vm_load_le32(out->bytes) : word,
        .mode = out->mode,
    };
    vm_ir_insn(t.b, t.offset, t.length);
    lower(&t);
    out->length = t.length;
    out->ends = t.ends;
}
