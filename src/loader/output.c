// SPDX-License-Identifier: MIT
//
// The growing buffer of the decompressors.
#include <vm/base/memory.h>

#include "decompress.h"

enum {
    SMALLEST = 64 << 10,
    PLAUSIBLE_RATIO = 64, // a size that the file claims is believed up to this many times its own
    ALIGNMENT = 16,
};

static vm_status resize(struct vm_loader_output *out, uint64_t capacity, const char *kind,
                        struct vm_error *e)
{
    if (capacity > out->limit && out->limit < UINT64_MAX)
        capacity = out->limit + 1;
    uint8_t *p = capacity > SIZE_MAX
                     ? NULL
                     : out->allocator->alloc(out->allocator->context, (size_t)capacity, ALIGNMENT);
    if (!p)
        return vm_error_set(e, VM_ERR_HOST, "no memory to unpack %s data (%llu MiB)", kind,
                            (unsigned long long)(capacity >> 20));
    if (out->size > 0)
        vm_copy(p, out->data, out->size);
    vm_loader_output_release(out);
    out->data = p;
    out->capacity = (size_t)capacity;
    return VM_OK;
}

vm_status vm_loader_output_grow(struct vm_loader_output *out, const char *kind, struct vm_error *e)
{
    if (out->size > out->limit)
        return vm_error_set(e, VM_ERR_FILE,
                            "%s data unpacks to more than the %llu KiB allowed here; "
                            "give a smaller file or more memory",
                            kind, (unsigned long long)(out->limit >> 10));
    if (out->size < out->capacity)
        return VM_OK;
    return resize(out, (uint64_t)out->capacity * 2, kind, e);
}

vm_status vm_loader_output_start(struct vm_loader_output *out, uint64_t packed, uint64_t expected,
                                 const char *kind, struct vm_error *e)
{
    uint64_t plausible = packed < UINT64_MAX / PLAUSIBLE_RATIO ? packed * PLAUSIBLE_RATIO : packed;
    uint64_t first = expected < plausible ? expected + 1 : plausible;
    return resize(out, first > SMALLEST ? first : SMALLEST, kind, e);
}

void vm_loader_output_release(struct vm_loader_output *out)
{
    if (out->data)
        out->allocator->release(out->allocator->context, out->data, out->capacity);
    out->data = NULL;
    out->capacity = 0;
}
