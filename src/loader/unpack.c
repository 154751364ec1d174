// SPDX-License-Identifier: MIT
//
// vm_loader_unpack: takes off one compression after the other; at most two layers are in memory.
#include <vm/base/memory.h>

#include "payload.h"

static const struct vm_loader_decompressor *by_name(const char *name)
{
    if (vm_text_equal(name, "gzip"))
        return &vm_loader_gzip;
    if (vm_text_equal(name, "zstd") || vm_text_equal(name, "zstd22"))
        return &vm_loader_zstd;
    return NULL;
}

static vm_status zboot_payload(struct vm_loader_view v, bool cut, struct vm_loader_payload *out,
                               struct vm_error *e)
{
    struct vm_loader_zboot_header h = vm_loader_zboot_header(v);
    out->by = by_name(h.compression);
    if (!out->by)
        return vm_error_set(e, VM_ERR_FILE,
                            "EFI zboot kernel is packed with %s, but only gzip and zstd can be "
                            "unpacked; give the plain Image",
                            h.compression[0] ? h.compression : "an unnamed compression");
    if (h.offset > v.size || (!cut && h.size > v.size - h.offset))
        return vm_error_set(e, VM_ERR_FILE,
                            "EFI zboot kernel has its payload beyond the end of the file: it is "
                            "truncated; get it again");
    size_t there = v.size - h.offset;
    out->packed = (struct vm_loader_view){v.data + h.offset, h.size < there ? h.size : there};
    return VM_OK;
}

vm_status vm_loader_payload(struct vm_loader_view v, enum vm_image_format format, bool cut,
                            struct vm_loader_payload *out, struct vm_error *e)
{
    out->packed = v;
    out->by = format == VM_IMAGE_GZIP ? &vm_loader_gzip : &vm_loader_zstd;
    return format == VM_IMAGE_EFI_ZBOOT ? zboot_payload(v, cut, out, e) : VM_OK;
}

bool vm_loader_unpacks(enum vm_image_format format)
{
    return (format == VM_IMAGE_GZIP && vm_loader_gzip.present) ||
           (format == VM_IMAGE_ZSTD && vm_loader_zstd.present);
}

static void keep(struct vm_unpacked *out, const struct vm_loader_output *layer)
{
    vm_loader_unpacked_release(out);
    out->data = out->owned = layer->data;
    out->size = layer->size;
    out->owned_size = layer->capacity;
}

vm_status vm_loader_unpack(const void *data, size_t size, uint64_t limit,
                           const struct vm_allocator *allocator, struct vm_unpacked *out,
                           struct vm_error *e)
{
    *out = (struct vm_unpacked){.data = data, .size = size, .allocator = allocator};
    for (unsigned layers = 0;; layers++) {
        struct vm_loader_view v = {out->data, out->size};
        enum vm_image_format format = vm_loader_classify(v);
        if (!vm_loader_is_packed(format))
            return VM_OK;
        struct vm_loader_payload p;
        struct vm_loader_output layer = {.limit = limit, .allocator = allocator};
        vm_status s =
            layers < VM_LOADER_MAX_LAYERS
                ? vm_loader_payload(v, format, false, &p, e)
                : vm_error_set(e, VM_ERR_FILE, "packed more than %d times; unpack the file first",
                               (int)VM_LOADER_MAX_LAYERS);
        if (s == VM_OK)
            s = p.by->unpack(p.packed.data, p.packed.size, &layer, e);
        if (s != VM_OK) {
            vm_loader_output_release(&layer);
            vm_loader_unpacked_release(out);
            return s;
        }
        keep(out, &layer);
    }
}

void vm_loader_unpacked_release(struct vm_unpacked *unpacked)
{
    if (unpacked->owned)
        unpacked->allocator->release(unpacked->allocator->context, unpacked->owned,
                                     unpacked->owned_size);
    unpacked->owned = NULL;
    unpacked->data = NULL;
    unpacked->size = unpacked->owned_size = 0;
}
