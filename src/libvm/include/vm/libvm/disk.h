// SPDX-License-Identifier: MIT
//
// Disk images: which of them a machine has as disks, and images as files, outside of any machine:
// make, describe, check, convert. These functions wait for the host; errors name the file, what is
// wrong and the fix (VM_ERR_FILE, VM_ERR_USAGE for options, VM_ERR_HOST). Independent calls may run
// in parallel.
#ifndef VM_LIBVM_DISK_H
#define VM_LIBVM_DISK_H

#include <vm/base/error.h>
#include <vm/base/types.h>

enum vm_disk_format {
    VM_DISK_AUTO, // of an image that is there: qcow2 if it begins like one, else raw
    VM_DISK_RAW,
    VM_DISK_QCOW2,
};

// --- disks of a machine ---

enum {
    VM_DISK_OPTION_PATH = 4096, // bytes of a path, and of
    VM_DISK_OPTION_SERIAL = 21, // a serial number, with the terminating zero
    VM_DISK_OPTION_QUEUES = 16,
};

struct vm_disk_options {
    char path[VM_DISK_OPTION_PATH];
    enum vm_disk_format format;
    bool read_only;                     // for the guest as well
    bool snapshot;                      // what the guest writes is gone in the end
    char serial[VM_DISK_OPTION_SERIAL]; // "": none
    unsigned queues;                    // up to VM_DISK_OPTION_QUEUES; 0: one per vCPU up to that
};

// Reads the text form, which is the command line's:
//
//   FILE[,format=raw|qcow2][,readonly][,snapshot][,serial=TEXT][,queues=N]
//
// A comma of the file's name is written twice. VM_ERR_USAGE says what is wrong with it, and what it
// should be; *out is undefined then. The file is looked at when the machine is made.
vm_status vm_disk_options_parse(const char *text, struct vm_disk_options *out, struct vm_error *e);

// --- images as files ---

struct vm_disk_create {
    const char *path;           // no file yet
    enum vm_disk_format format; // RAW or QCOW2
    uint64_t size;              // bytes, a multiple of 512; 0 with a backing file: as large as that
    uint64_t cluster_size;      // qcow2: bytes, a power of two from 512 to 2 MiB; 0: 64 KiB
    unsigned version;           // qcow2: 2 or 3; 0: 3
    // qcow2: a file in the directory of `path` or below, with the name as the image is to have it;
    // NULL: none.
    const char *backing;
    enum vm_disk_format backing_format;
};

// On failure no file is left.
vm_status vm_disk_create(const struct vm_disk_create *options, struct vm_error *e);

struct vm_disk_info {
    enum vm_disk_format format;
    uint64_t size, file_size; // bytes of the disk, of the file
    // qcow2 only.
    unsigned version;
    uint64_t cluster_size;
    unsigned snapshots; // internal ones
    bool zstd;          // compressed clusters are zstd, otherwise zlib
    bool dirty, corrupt, lazy_refcounts;
    char backing[1024];      // "": none
    char backing_format[16]; // "": the image does not say
};

vm_status vm_disk_describe(const char *path, enum vm_disk_format format, struct vm_disk_info *info,
                           struct vm_error *e);

struct vm_disk_findings {
    uint64_t corruptions, leaks;           // leaks in clusters
    uint64_t repaired;                     // refcounts set right
    uint64_t total, allocated, compressed; // clusters of the disk
    uint64_t end;                          // bytes of the file in use
    char first[160];                       // the first corruption, in words
};

// VM_OK if the image could be checked, whatever was found; a raw one cannot. `repair` sets
// refcounts right, which ends leaks.
vm_status vm_disk_check(const char *path, enum vm_disk_format format, bool repair,
                        struct vm_disk_findings *findings, struct vm_error *e);

// Copies the disk of `from`, with what it is based on, into a new image made as `to` says (its
// size does not count). Zeros take no room. On failure no file is left.
vm_status vm_disk_convert(const char *from, enum vm_disk_format format,
                          const struct vm_disk_create *to, struct vm_error *e);

#endif
