// SPDX-License-Identifier: MIT
//
// The host's side of virtio-vsock (vm/device/backend/vsock.h) over Unix sockets: who connects to
// PATH at the host and sends "CONNECT port\n" is connected to that port of the guest, and reads
// "OK port\n" with its own port once the guest has accepted; a guest that connects to port P of the
// host is connected to the socket PATH_P. Firecracker and cloud-hypervisor do the same.
#ifndef VM_DEVICE_BACKEND_VSOCK_HOST_H
#define VM_DEVICE_BACKEND_VSOCK_HOST_H

#include <vm/device/backend/loop.h>
#include <vm/device/backend/vsock.h>

// Listens at `path`; `loop` does not run yet. VM_ERR_FILE: the path cannot be, or is taken.
vm_status vm_vsock_open(const char *path, struct vm_loop *loop, struct vm_vsock **out,
                        struct vm_error *e);

#endif
