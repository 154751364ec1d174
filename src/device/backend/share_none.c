// SPDX-License-Identifier: MIT
//
// Shares on hosts without a file system that the 9P server knows.
#include <vm/device/backend/share.h>

vm_status vm_share_open(const struct vm_share_config *options, struct vm_share **share,
                        struct vm_error *e)
{
    (void)share;
    return vm_error_set(e, VM_ERR_HOST, "cannot share %s: this host's build has no shares",
                        options->directory);
}

unsigned vm_share_descriptors(size_t shares)
{
    (void)shares;
    return 0;
}
