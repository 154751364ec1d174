// SPDX-License-Identifier: MIT
//
// Tap interfaces on hosts that have none (vm/device/backend/tap.h).
#include <vm/device/backend/tap.h>

bool vm_tap_built(void)
{
    return false;
}

vm_status vm_tap_available(struct vm_error *e)
{
    return vm_error_set(e, VM_ERR_HOST, "this host has no tap interfaces");
}

vm_status vm_tap_open(struct vm_loop *loop, const char *name, unsigned pairs, struct vm_net **out,
                      struct vm_error *e)
{
    (void)loop;
    (void)pairs;
    (void)out;
    return vm_error_set(e, VM_ERR_HOST, "tap=%s: this host has no tap interfaces; use user", name);
}
