// SPDX-License-Identifier: MIT
//
// A directory of the host that the guest mounts (virtio-9p). The text form is the command line's:
//
//   DIR:TAG     DIR:TAG:ro
//
// DIR may have colons of its own, a tag none.
#ifndef VM_LIBVM_SHARE_H
#define VM_LIBVM_SHARE_H

#include <vm/base/error.h>
#include <vm/base/types.h>

enum {
    VM_SHARE_OPTION_PATH = 4096, // bytes, with the terminating zero; and of
    VM_SHARE_OPTION_TAG = 65,    // the tag
};

struct vm_share_options {
    char directory[VM_SHARE_OPTION_PATH];
    char tag[VM_SHARE_OPTION_TAG]; // by which the guest finds it
    bool read_only;
};

// Reads the text form. VM_ERR_USAGE says what is wrong with it, and what it should be; *out is
// undefined then. Whether there is such a directory shows when the machine is made.
vm_status vm_share_options_parse(const char *text, struct vm_share_options *out,
                                 struct vm_error *e);

#endif
