// SPDX-License-Identifier: MIT
//
// The test finisher of SiFive platforms ("sifive,test0", "sifive,test1"): one register through
// which the guest powers the machine off, fails with a code, or resets it.
#ifndef VM_DEVICE_SYSCON_H
#define VM_DEVICE_SYSCON_H

#include <vm/device/site.h>

enum {
    VM_SYSCON_SIZE = 0x1000,
    VM_SYSCON_FAIL = 0x3333, // the exit code in bits 16 to 31
    VM_SYSCON_POWEROFF = 0x5555,
    VM_SYSCON_RESET = 0x7777,
};

// `phandle` is the node's own, for syscon-poweroff and syscon-reboot nodes.
vm_status vm_syscon_create(struct vm_machine *m, vm_gpa base, uint32_t phandle,
                           struct vm_device *out, struct vm_error *e);

#endif
