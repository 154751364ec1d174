// SPDX-License-Identifier: MIT
//
// Work on disk images outside of a machine: make, describe, check, convert. Everything waits for
// the host; errors name the file, what is wrong and the fix.
#ifndef VM_DEVICE_BACKEND_DISK_H
#define VM_DEVICE_BACKEND_DISK_H

#include <vm/device/backend/image.h>

enum { VM_IMAGE_NAME_SIZE = 1024, VM_IMAGE_FINDING_SIZE = 160 };

struct vm_image_create {
    const char *path; // of a file that does not exist yet
    enum vm_disk_image_format format;
    uint64_t size;         // bytes, a multiple of 512; 0 with a backing file: as large as that
    uint32_t cluster_size; // qcow2: bytes, a power of two from 512 to 2 MiB; 0: 64 KiB
    unsigned version;      // qcow2: 2 or 3; 0: 3
    const char *backing;   // qcow2: what the image's header is to say; NULL: none
    enum vm_disk_image_format backing_format;
};

// On failure no file is left.
vm_status vm_image_create(const struct vm_image_create *options, struct vm_error *e);

struct vm_disk_image_info {
    enum vm_disk_image_format format;
    uint64_t size;      // bytes of the disk
    uint64_t file_size; // bytes of the file
    // qcow2 only.
    unsigned version;
    uint32_t cluster_size, snapshots;
    bool zstd; // compressed clusters are zstd, otherwise zlib
    bool dirty, corrupt, lazy_refcounts;
    char backing[VM_IMAGE_NAME_SIZE]; // "" if none
    char backing_format[16];          // "" if the image does not say
};

vm_status vm_image_describe(const char *path, enum vm_disk_image_format format,
                            struct vm_disk_image_info *info, struct vm_error *e);

struct vm_image_findings {
    uint64_t corruptions, leaks;           // leaks in clusters
    uint64_t repaired;                     // refcounts set right
    uint64_t total, allocated, compressed; // clusters of the disk
    uint64_t end;                          // bytes of the file in use
    char first[VM_IMAGE_FINDING_SIZE];     // the first corruption
};

// VM_OK if the image could be checked, whatever was found. `repair` sets refcounts right, leaks
// among them. VM_ERR_FILE for a raw image, which has nothing to check.
vm_status vm_image_check(const char *path, enum vm_disk_image_format format, bool repair,
                         struct vm_image_findings *findings, struct vm_error *e);

// Copies the disk of `from` into a new image made by `to` (its size is ignored); zeros are left
// out. On failure no file is left.
vm_status vm_image_convert(const char *from, enum vm_disk_image_format format,
                           const struct vm_image_create *to, struct vm_error *e);

#endif
