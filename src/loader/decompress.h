// SPDX-License-Identifier: MIT
//
// Decompressors, one file each. A build without the library has the file of the same name with
// "_absent", whose functions say so.
#ifndef VM_LOADER_DECOMPRESS_H
#define VM_LOADER_DECOMPRESS_H

#include <vm/base/arena.h>
#include <vm/base/error.h>

// Where unpacked bytes go: grows by the allocator, and holds at most limit + 1 bytes (the one more
// shows that there would be too many).
struct vm_loader_output {
    uint8_t *data;
    size_t size, capacity;
    uint64_t limit;
    const struct vm_allocator *allocator;
};

// Makes room for at least one more byte; `kind` names the compression in the error. VM_ERR_FILE
// when the limit is passed, VM_ERR_HOST when memory is out.
vm_status vm_loader_output_grow(struct vm_loader_output *out, const char *kind, struct vm_error *e);

// The first room: `expected` bytes if the packed size makes that plausible.
vm_status vm_loader_output_start(struct vm_loader_output *out, uint64_t packed, uint64_t expected,
                                 const char *kind, struct vm_error *e);

void vm_loader_output_release(struct vm_loader_output *out);

// A compression: `unpack` does all of it and ignores what follows the last stream; `start` gives
// the first bytes, at most `room`, and returns how many: 0 when there are none, be it for damage.
struct vm_loader_decompressor {
    vm_status (*unpack)(const uint8_t *data, size_t size, struct vm_loader_output *out,
                        struct vm_error *e);
    size_t (*start)(const uint8_t *data, size_t size, uint8_t *out, size_t room);
    bool present; // in this build
};

extern const struct vm_loader_decompressor vm_loader_gzip;
extern const struct vm_loader_decompressor vm_loader_zstd;

#endif
