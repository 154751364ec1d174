// SPDX-License-Identifier: MIT
//
// Files to blocks: the formats of an image and of those that it is based on.
#ifndef VM_DEVICE_BACKEND_CHAIN_H
#define VM_DEVICE_BACKEND_CHAIN_H

#include <vm/device/backend/image.h>
#include <vm/osal/aio.h>

#include "qcow2.h"

// Opens and locks the image at `path` and all below it.
vm_status vm_chain_open(struct vm_osal_aio *aio, const char *path, enum vm_disk_image_format format,
                        bool read_only, struct vm_block **block, struct vm_error *e);

// Puts a temporary overlay on *block; on failure *block is closed and NULL.
vm_status vm_chain_overlay(struct vm_osal_aio *aio, struct vm_block **block, struct vm_error *e);

// One file without what it is based on, opened and locked: its container, and if it is qcow2, its
// header. *format becomes what it is.
vm_status vm_chain_open_file(struct vm_osal_aio *aio, const char *path,
                             enum vm_disk_image_format *format, bool read_only,
                             struct vm_block **container, struct vm_qcow2_header *header,
                             struct vm_error *e);

// The absolute path of the backing file `name` of the image at `path`, of vm_heap, of length + 1
// bytes; VM_ERR_FILE where it is not allowed or not there.
vm_status vm_chain_backing_path(const char *path, const char *name, char **resolved,
                                struct vm_error *e);

// Of the name of a format in a header; VM_ERR_FILE if it is none of ours.
vm_status vm_chain_format(const char *path, const char *name, enum vm_disk_image_format *format,
                          struct vm_error *e);

#endif
