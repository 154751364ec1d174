// SPDX-License-Identifier: MIT
//
// Which passes run for which budget, in which order.
#include <vm/ir/passes.h>
#include <vm/ir/verify.h>

struct pass {
    const char *name;
    void (*run)(struct vm_ir_region *r);
};

static const struct pass tier1_passes[] = {{"tier1", vm_ir_pass_tier1}};

// state before cse and signext, which see more once values do not go through entries; fold again
// for what forwarding has brought together; state again for the puts that forwarding has bared.
static const struct pass region_passes[] = {
    {"fold", vm_ir_pass_fold},       {"copy", vm_ir_pass_copy},   {"state", vm_ir_pass_state},
    {"fold", vm_ir_pass_fold},       {"cse", vm_ir_pass_cse},     {"flags", vm_ir_pass_flags},
    {"signext", vm_ir_pass_signext}, {"copy", vm_ir_pass_copy},   {"dce", vm_ir_pass_dce},
    {"fold", vm_ir_pass_fold},       {"state", vm_ir_pass_state}, {"dce", vm_ir_pass_dce},
    {"compact", vm_ir_pass_compact},
};

static bool check(struct vm_ir_region *r, const char *before, const char *name, struct vm_error *e)
{
    if (vm_ir_verify(r, e))
        return true;
    r->overflow = true;
    if (e)
        vm_error_prefix(e, e->status, "%s IR pass %s", before, name);
    return false;
}

static bool run(struct vm_ir_region *r, const struct pass *passes, size_t count, bool verify,
                struct vm_error *e)
{
    if (verify && !check(r, "before", passes[0].name, e))
        return false;
    for (size_t i = 0; i < count; i++) {
        passes[i].run(r);
        if (verify && !check(r, "after", passes[i].name, e))
            return false;
    }
    return true;
}

bool vm_ir_optimize(struct vm_ir_region *r, enum vm_ir_budget budget, bool verify_between,
                    struct vm_error *e)
{
    if (budget == VM_IR_TIER1)
        return run(r, tier1_passes, VM_ARRAY_SIZE(tier1_passes), verify_between, e);
    return run(r, region_passes, VM_ARRAY_SIZE(region_passes), verify_between, e);
}
