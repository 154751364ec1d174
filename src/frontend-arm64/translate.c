// SPDX-License-Identifier: MIT
//
// Translates one instruction: decode, insn marker, the checks that its class needs, its semantic
// function. The loop over the instructions of a block is the core's.
//
// A translation depends on the bytes, the configuration and the execution-mode bits, on nothing
// else of the PE.
#include "sem.h"

#include <vm/base/memory.h>

void a64_raise(struct a64_translate *t, enum a64_ec ec, uint32_t iss)
{
    vm_ir_raise(t->b, A64_ESR(ec, iss), vm_ir_const(t->b, VM_I64, 0));
    t->ends = true;
}

// The manual, D1 "UNDEFINED instructions": no information, IL set.
void a64_undefined(struct a64_translate *t)
{
    a64_raise(t, A64_EC_UNKNOWN, 0);
}

// PEs of one machine translate at the same time.
static void count(const struct a64_config *c, const struct a64_row *row)
{
    if (c->coverage)
        __atomic_fetch_add(&c->coverage[row->index], 1, __ATOMIC_RELAXED);
}

static void lower(struct a64_translate *t)
{
    struct a64_args a;
    const struct a64_row *row = a64_decode(t->config, t->word, &a);
    if (!row) {
        a64_undefined(t);
        return;
    }
    count(t->config, row);
    row->semantic(t, &a);
}

void a64_translate_insn(struct vm_translate *out)
{
    enum { LENGTH = 4 };
    if (out->available < LENGTH) {
        out->more = true;
        return;
    }
    struct a64_translate t = {
        .b = out->builder,
        .config = out->config,
        .offset = out->offset,
        .word = vm_load_le32(out->bytes),
        .mode = out->mode,
    };
    vm_ir_insn(t.b, t.offset, LENGTH);
    lower(&t);
    if (t.checks_sp && !t.ends)
        a64_check_sp(&t);
    out->length = LENGTH;
    out->ends = t.ends;
}
