// SPDX-License-Identifier: MIT
//
// Disk images as files of the host: opened by their format, with what they are based on.
//
// Backing files. The name that an image gives is relative to the image's directory, and what it
// leads to must lie in that directory or below: an image from a stranger cannot show its guest
// other files of the host. A chain has at most VM_IMAGE_MAX_DEPTH images.
//
// Formats. Without one given, a file with qcow2's magic is qcow2 and any other is raw; a disk that
// was found to be raw in this way refuses to have qcow2's magic written to its beginning, or its
// guest could turn it into an image of its own making.
//
// Locks. An image that is written is locked against every other user, one that is only read against
// writers.
#ifndef VM_DEVICE_BACKEND_IMAGE_H
#define VM_DEVICE_BACKEND_IMAGE_H

#include <vm/device/backend/block.h>
#include <vm/device/backend/loop.h>

enum { VM_IMAGE_MAX_DEPTH = 16 };

enum vm_disk_image_format { VM_DISK_IMAGE_PROBE, VM_DISK_IMAGE_RAW, VM_DISK_IMAGE_QCOW2 };

struct vm_image_options {
    const char *path;
    enum vm_disk_image_format format;
    bool read_only;
    bool snapshot; // writes go to a temporary file and are gone in the end; the image is only read
    struct vm_loop *loop; // where it runs; NULL: whoever uses it waits (vm_block_run)
};

struct vm_image;

// VM_ERR_FILE with the cause when the image cannot be used. Before the loop starts, or on its
// thread.
vm_status vm_image_open(const struct vm_image_options *options, struct vm_image **image,
                        struct vm_error *e);

struct vm_block *vm_image_block(struct vm_image *image);

// Writes what must last and closes the files. With the loop stopped, or on its thread; NULL is
// allowed.
void vm_image_close(struct vm_image *image);

#endif
