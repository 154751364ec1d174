// SPDX-License-Identifier: MIT
//
// Opening disk images (vm/device/backend/image.h). All files of an image share one context of
// asynchronous I/O, whose completions the loop delivers.
#include <vm/base/format.h>
#include <vm/device/backend/image.h>

#include "chain.h"
#include "heap.h"

struct vm_image {
    struct vm_osal_aio *aio;
    struct vm_loop *loop;
    struct vm_loop_watch watch;
    bool watching;
    struct vm_block *block;
};

static void ready(void *context, unsigned events)
{
    (void)events;
    vm_osal_aio_complete(((struct vm_image *)context)->aio);
}

static vm_status watch(struct vm_image *image, struct vm_loop *loop, struct vm_error *e)
{
    if (!loop)
        return VM_OK;
    image->loop = loop;
    image->watch = (struct vm_loop_watch){vm_osal_aio_stream(image->aio), ready, image};
    vm_status s = vm_loop_watch(loop, &image->watch, VM_OSAL_POLL_INPUT, e);
    image->watching = s == VM_OK;
    return s;
}

vm_status vm_image_open(const struct vm_image_options *o, struct vm_image **out, struct vm_error *e)
{
    struct vm_image *image = vm_heap_zalloc(sizeof *image);
    if (!image)
        return vm_error_set(e, VM_ERR_HOST, "no memory for the disk %s", o->path);
    vm_status s = vm_osal_aio_create(VM_OSAL_AIO_BEST, &image->aio, e);
    if (s == VM_OK && o->loop && vm_loop_is_confined(o->loop))
        s = vm_osal_aio_confine(image->aio, e);
    if (s == VM_OK)
        s = vm_chain_open(image->aio, o->path, o->format, o->read_only || o->snapshot,
                          &image->block, e);
    if (s == VM_OK && o->snapshot && !o->read_only)
        s = vm_chain_overlay(image->aio, &image->block, e);
    if (s == VM_OK)
        s = watch(image, o->loop, e);
    if (s != VM_OK) {
        vm_image_close(image);
        return s;
    }
    *out = image;
    return VM_OK;
}

struct vm_block *vm_image_block(struct vm_image *image)
{
    return image->block;
}

void vm_image_close(struct vm_image *image)
{
    if (!image)
        return;
    if (image->block)
        image->block->ops->close(image->block);
    if (image->watching)
        vm_loop_unwatch(image->loop, &image->watch);
    vm_osal_aio_destroy(image->aio);
    vm_heap_release(image, sizeof *image);
}
