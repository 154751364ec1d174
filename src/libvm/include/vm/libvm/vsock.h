// SPDX-License-Identifier: MIT
//
// Sockets between the guest's programs and the host's (virtio-vsock). The text form is the command
// line's:
//
//   CID     CID,path=PATH
//
// At the host they are Unix sockets: who connects to PATH and sends "CONNECT port\n" is connected
// to that port of the guest and reads "OK port\n"; who listens at PATH_port gets the guest's
// connections to that port. Without a path it is vsock-CID.sock in the current directory.
#ifndef VM_LIBVM_VSOCK_H
#define VM_LIBVM_VSOCK_H

#include <vm/base/error.h>
#include <vm/base/types.h>

enum { VM_VSOCK_OPTION_PATH = 4096 }; // bytes, with the terminating zero

struct vm_vsock_options {
    uint32_t cid; // the guest's, at least 3
    char path[VM_VSOCK_OPTION_PATH];
};

// Reads the text form. VM_ERR_USAGE says what is wrong with it, and what it should be; *out is
// undefined then. The socket is made when the machine is.
vm_status vm_vsock_options_parse(const char *text, struct vm_vsock_options *out,
                                 struct vm_error *e);

#endif
