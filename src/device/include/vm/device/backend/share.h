// SPDX-License-Identifier: MIT
//
// Directories of the host behind virtio-9p: who answers the guest's 9P messages. Everything here is
// called on the device's I/O thread, which waits for the host's file system: a share has a thread
// of its own.
#ifndef VM_DEVICE_BACKEND_SHARE_H
#define VM_DEVICE_BACKEND_SHARE_H

#include <vm/base/error.h>
#include <vm/device/virtio/virtio.h>

// A message of the driver, and the room for its reply; both in guest RAM.
struct vm_share_message {
    const struct vm_iovec *out, *in;
    unsigned out_count, in_count;
    uint64_t out_size, in_size; // bytes
};

struct vm_share;

struct vm_share_ops {
    const char *type;
    // Answers the message; returns the bytes of the reply, 0 if the message has no whole header or
    // there is no room for an error.
    uint32_t (*serve)(struct vm_share *s, const struct vm_share_message *m);
    void (*reset)(struct vm_share *s); // the guest begins anew: its open files are closed
    void (*close)(struct vm_share *s); // with the I/O thread stopped; frees the share
};

// Embedded in the share's own struct.
struct vm_share {
    const struct vm_share_ops *ops;
};

enum {
    VM_SHARE_MSIZE = 512 << 10,      // bytes of a message at most
    VM_SHARE_MIN_DESCRIPTORS = 16,   // of the host
    VM_SHARE_FIDS = 1 << 18,         // that a guest may have, each a name that it knows
    VM_SHARE_XATTR_MEMORY = 4 << 20, // bytes of extended attributes on their way
};

struct vm_share_config {
    const char *directory;
    bool read_only;
    unsigned descriptors; // of the host that it may hold; what it can do without is closed before
};

// Shares a directory by 9P2000.L. No name that the guest gives, and nothing that happens in the
// directory meanwhile, leads out of it. docs/virtio.md has the rules for owners and modes.
// VM_ERR_FILE: it is no directory, or may not be read; VM_ERR_HOST: the host cannot do this.
vm_status vm_share_open(const struct vm_share_config *options, struct vm_share **share,
                        struct vm_error *e);

// How many descriptors each of so many shares may have, if something is to be left for the rest of
// this process.
unsigned vm_share_descriptors(size_t shares);

#endif
