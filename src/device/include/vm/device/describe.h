// SPDX-License-Identifier: MIT
//
// Writing device tree nodes (Devicetree Specification v0.4) in the order in which they appear. The
// first error is kept and everything after it does nothing, so a writer looks once, at its end.
#ifndef VM_DEVICE_DESCRIBE_H
#define VM_DEVICE_DESCRIBE_H

#include <vm/base/types.h>

struct vm_describe {
    void *fdt; // a tree that libfdt's sequential functions are building
    int error; // 0, or the first failure: libfdt's negative code, VM_DESCRIBE_NO_LIBFDT
};

enum {
    VM_DESCRIBE_NO_LIBFDT = -1000, // this build has no libfdt
    VM_DESCRIBE_FULL = -3,         // libfdt's code for a buffer that is too small
};

// One line for people.
const char *vm_describe_error_text(int error);

// Starts a tree in `size` bytes at `to`; finish closes it and gives its size in bytes, or 0.
void vm_describe_start(struct vm_describe *d, void *to, size_t size);
size_t vm_describe_finish(struct vm_describe *d);

void vm_describe_begin(struct vm_describe *d, const char *name);
void vm_describe_begin_at(struct vm_describe *d, const char *name, uint64_t unit_address);
void vm_describe_end(struct vm_describe *d);

// Properties. Cells are 32 bits in host order here, big-endian in the tree.
void vm_describe_flag(struct vm_describe *d, const char *name);
void vm_describe_text(struct vm_describe *d, const char *name, const char *text);
void vm_describe_bytes(struct vm_describe *d, const char *name, const void *data, size_t size);
void vm_describe_cell(struct vm_describe *d, const char *name, uint32_t value);
void vm_describe_cells(struct vm_describe *d, const char *name, const uint32_t *cells,
                       size_t count);
void vm_describe_u64(struct vm_describe *d, const char *name, uint64_t value);
// "reg" under a parent with two address and two size cells.
void vm_describe_reg(struct vm_describe *d, uint64_t base, uint64_t size);

#endif
