// SPDX-License-Identifier: MIT
//
// User networking in a build without libslirp (vm/device/backend/slirp.h).
#include <vm/device/backend/slirp.h>

bool vm_slirp_built(void)
{
    return false;
}

vm_status vm_slirp_open(struct vm_loop *loop, const struct vm_slirp_forward *forwards,
                        unsigned count, struct vm_net **out, struct vm_error *e)
{
    (void)loop;
    (void)forwards;
    (void)count;
    (void)out;
    return vm_error_set(e, VM_ERR_HOST,
                        "user networking is not in this build: install libslirp-dev and build "
                        "again, or use tap=NAME");
}
