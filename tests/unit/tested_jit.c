// SPDX-License-Identifier: MIT
//
// Variants: with all that the host's processor offers, with none of it, and with what SSE4.2 had;
// all of the toy's
// integer registers, few, or none in registers of the host.
#include "tested_engine.h"

#include <vm/engine-jit/jit.h>
#include <vm/osal/cpu.h>

#include "ir_eval.h"
#include "jit.h"

static const uint16_t *hot(unsigned variant)
{
    static const uint16_t all[] = {TOY_X + 3, TOY_X,     TOY_X + 1, TOY_X + 7, TOY_X + 5,
                                   TOY_X + 4, TOY_X + 2, TOY_X + 6, 0xffff};
    static const uint16_t few[] = {TOY_X + 2, TOY_X + 1, 0xffff};
    const uint16_t *const choices[] = {all, few, NULL};
    return choices[variant / 3 % 3];
}

static void set_up(struct vm_vcpu *v, unsigned variant)
{
    const uint32_t old = VM_CPU_X86_64_SSE3 | VM_CPU_X86_64_SSSE3 | VM_CPU_X86_64_SSE4_1 |
                         VM_CPU_X86_64_SSE4_2 | VM_CPU_X86_64_POPCNT | VM_CPU_X86_64_LAHF;
    if (variant % 3)
        jit_of(v)->cpu_features &= variant % 3 == 1 ? 0 : old;
}

static const struct vm_ir_region *region;

static void *make(struct vm_vcpu *v, const struct vm_ir_region *r)
{
    const struct vm_block_source source = {.pc = TOY_PAGE_BASE, .gpa2 = {UINT64_MAX}};
    vm_arena_reset(&jit_of(v)->scratch);
    struct jit_block *b = jit_emit_region(jit_of(v), r, &source, false);
    if (b)
        b->common.dropped = true;
    region = r;
    return b;
}

// A block for the host's FPU leaves where it has not the rounding mode, to be made without.
static enum vm_engine_exit run(struct vm_vcpu *v, void *made)
{
    const struct jit_block *b = made;
    const struct toy_state *s = v->state;
    jit_of(v)->soft_float = s->fp.round > VM_FP_RUP;
    if (jit_of(v)->soft_float)
        b = make(v, region);
    jit_of(v)->soft_float = false;
    return jit_run(jit_of(v), jit_entry(jit_of(v), b), true);
}

const struct tested_engine tested_engine = {&vm_jit_ops, 9, hot, set_up, make, run, true};
