// SPDX-License-Identifier: MIT
//
// Host memory: shareable objects for guest RAM, plain address space, and the allocator that the
// freestanding core is given. Sizes and offsets are bytes. Every function may be called from any
// thread; who maps a range also unmaps it.
#ifndef VM_OSAL_MEMORY_H
#define VM_OSAL_MEMORY_H

#include <vm/base/arena.h>
#include <vm/base/error.h>

// What may be done with a mapped page; bits.
enum {
    VM_OSAL_MEMORY_NONE = 0,
    VM_OSAL_MEMORY_READ = 1,
    VM_OSAL_MEMORY_WRITE = 2,
};

// Memory that can be mapped several times: each mapping sees what the others write.
struct vm_osal_shared_memory;

// The page size of the host, a power of two.
size_t vm_osal_page_size(void);

// RAM of the host in bytes (without swap); 0 when the host does not tell.
uint64_t vm_osal_host_memory(void);

// Makes an object of `size` bytes (rounded up to whole pages), all zero. `name` is for the host's
// own listings only. Pages that nobody touches cost nothing, so an object may be larger than the
// host's RAM. The caller owns *memory and closes it; mappings outlive the close. VM_ERR_HOST when
// the host cannot give an object of this size.
vm_status vm_osal_shared_memory_create(const char *name, uint64_t size,
                                       struct vm_osal_shared_memory **memory, struct vm_error *e);

// Bytes of the object, whole pages.
uint64_t vm_osal_shared_memory_size(const struct vm_osal_shared_memory *memory);

// Maps [offset, offset+size) with the given protection at an address of the host's choice, in
// *address. Offset is a multiple of the page size, and the range lies within the object
// (VM_ERR_HOST otherwise). Ended by vm_osal_memory_release with the same size.
vm_status vm_osal_shared_memory_map(const struct vm_osal_shared_memory *memory, uint64_t offset,
                                    uint64_t size, unsigned protection, void **address,
                                    struct vm_error *e);

// Closes the object; NULL is allowed.
void vm_osal_shared_memory_close(struct vm_osal_shared_memory *memory);

// Reserves address space without memory behind it: any access faults until it is committed.
// Ended by vm_osal_memory_release.
vm_status vm_osal_memory_reserve(uint64_t size, void **address, struct vm_error *e);

// Gives pages of a reserved range: zero at first, readable and writable. `address` is a multiple
// of the page size; committing twice keeps the contents.
vm_status vm_osal_memory_commit(void *address, uint64_t size, struct vm_error *e);

// Changes what may be done with whole pages of a mapped or committed range.
vm_status vm_osal_memory_protect(void *address, uint64_t size, unsigned protection,
                                 struct vm_error *e);

// Gives a mapped or reserved range back, whole, as it was made. NULL is allowed.
void vm_osal_memory_release(void *address, uint64_t size);

// The C library's heap as a vm_allocator; lives as long as the process, safe from any thread.
const struct vm_allocator *vm_osal_allocator(void);

#endif
