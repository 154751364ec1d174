// SPDX-License-Identifier: MIT
//
// Translates one instruction: decode, insn marker, the checks that its class needs, its semantic
// function. The loop over the instructions of a block is the core's.
//
// A translation depends on the bytes, the configuration and the execution-mode bits, on nothing
// else of the PE.
#include "sem_branch.h"
#include "sem_debug.h"

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

// CV and COND as of every A64 instruction (the manual, "ISS encoding for an exception from an
// access to SVE, Advanced SIMD or floating-point functionality").
enum { FP_ISS = 1 << 24 | 0xe << 20 };

static void lower(struct a64_translate *t)
{
    struct a64_args a;
    const struct a64_row *row = a64_decode(t->config, t->word, &a);
    if (!row) {
        a64_undefined(t);
        return;
    }
    count(t->config, row);
    if (row->class == A64_CLASS_FP && t->mode & A64_MODE_FP_TRAP)
        a64_raise(t, A64_EC_FP, FP_ISS);
    else
        row->semantic(t, &a);
}

// The manual, D1 "PC alignment checking".
static void raise_misaligned(struct a64_translate *t)
{
    vm_ir_raise(t->b, A64_ESR(A64_EC_PC_ALIGN, 0), vm_ir_pcrel(t->b, t->offset));
    t->ends = true;
}

void a64_translate_insn(struct vm_translate *out)
{
    enum { LENGTH = 4 };
    bool misaligned = out->offset % LENGTH;
    if (!misaligned && out->available < LENGTH) {
        out->more = true;
        return;
    }
    struct a64_translate t = {
        .b = out->builder,
        .config = out->config,
        .offset = out->offset,
        .word = misaligned ? 0 : vm_load_le32(out->bytes),
        .mode = out->mode,
        .alone = out->alone,
    };
    bool first = t.b->region->guest_insns == 0;
    vm_ir_insn(t.b, t.offset, LENGTH);
    a64_count_insn(&t);
    if (first && t.mode & A64_MODE_GUARDED)
        a64_check_target(&t);
    if (!misaligned || t.mode & A64_MODE_STEP_DONE)
        a64_before_insn(&t);
    if (!t.ends && misaligned)
        raise_misaligned(&t);
    else if (!t.ends)
        lower(&t);
    if (t.checks_sp && !t.ends)
        a64_check_sp(&t);
    a64_after_insn(&t);
    out->length = LENGTH;
    out->ends = t.ends;
}
