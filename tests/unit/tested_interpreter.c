// SPDX-License-Identifier: MIT
#include "tested_engine.h"

#include <vm/engine-interpreter/interpreter.h>

#include "interpreter.h"
#include "ir_eval.h"

static const uint16_t *hot(unsigned variant)
{
    (void)variant;
    return NULL;
}

static void set_up(struct vm_vcpu *v, unsigned variant)
{
    (void)v, (void)variant;
}

static void *make(struct vm_vcpu *v, const struct vm_ir_region *r)
{
    struct interpreter *in = interp_of(v);
    vm_arena_reset(&in->scratch);
    return interp_lower(in, r, &in->scratch);
}

static enum vm_engine_exit run(struct vm_vcpu *v, void *made)
{
    return interp_execute(v, made, true);
}

const struct tested_engine tested_engine = {&vm_interpreter_ops, 1, hot, set_up, make, run, false};
