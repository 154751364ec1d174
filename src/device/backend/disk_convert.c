// SPDX-License-Identifier: MIT
//
// Copying a disk from one image into another (vm/device/backend/disk.h).
#include <vm/device/backend/disk.h>

#include <vm/osal/file.h>

#include "heap.h"

enum { CHUNK = 2 << 20, PIECE = 4 << 10 };

static bool is_zero(const uint8_t *data, size_t size)
{
    // The first bytes are zeros, and each byte equals one before it.
    size_t head = size < 16 ? size : 16;
    for (size_t i = 0; i < head; i++) {
        if (data[i])
            return false;
    }
    return vm_compare(data, data + head, size - head) == 0;
}

// Writes what is not zeros of a chunk, in runs of pieces.
static enum vm_block_status write_chunk(struct vm_block *to, uint64_t at, uint8_t *data,
                                        size_t size)
{
    enum vm_block_status s = VM_BLOCK_OK;
    for (size_t i = 0; i < size && s == VM_BLOCK_OK;) {
        size_t begin = i;
        while (i < size && !is_zero(data + i, size - i < PIECE ? size - i : PIECE))
            i += size - i < PIECE ? size - i : PIECE;
        if (i > begin)
            s = vm_block_run(to, VM_BLOCK_WRITE, at + begin, data + begin, i - begin);
        if (i < size)
            i += size - i < PIECE ? size - i : PIECE;
    }
    return s;
}

static vm_status copy(struct vm_block *from, struct vm_block *to, const char *from_path,
                      const char *to_path, struct vm_error *e)
{
    uint8_t *data = vm_heap_alloc(CHUNK);
    if (!data)
        return vm_error_set(e, VM_ERR_HOST, "no memory to convert %s", from_path);
    enum vm_block_status in = VM_BLOCK_OK, out = VM_BLOCK_OK;
    for (uint64_t at = 0; at < from->size && in == VM_BLOCK_OK && out == VM_BLOCK_OK;) {
        uint64_t rest = from->size - at;
        size_t n = rest < CHUNK ? (size_t)rest : CHUNK;
        in = vm_block_run(from, VM_BLOCK_READ, at, data, n);
        if (in == VM_BLOCK_OK)
            out = write_chunk(to, at, data, n);
        at += n;
    }
    if (in == VM_BLOCK_OK && out == VM_BLOCK_OK)
        out = vm_block_run(to, VM_BLOCK_FLUSH, 0, NULL, 0);
    vm_heap_release(data, CHUNK);
    if (in != VM_BLOCK_OK)
        return vm_error_set(e, VM_ERR_FILE, "cannot read %s: %s", from_path,
                            vm_block_status_text(in));
    if (out != VM_BLOCK_OK)
        return vm_error_set(e, VM_ERR_FILE, "cannot write %s: %s", to_path,
                            vm_block_status_text(out));
    return VM_OK;
}

vm_status vm_image_convert(const char *path, enum vm_disk_image_format format,
                           const struct vm_image_create *to, struct vm_error *e)
{
    struct vm_image *source = NULL, *target = NULL;
    struct vm_image_create create = *to;
    vm_status s = vm_image_open(
        &(struct vm_image_options){.path = path, .format = format, .read_only = true}, &source, e);
    if (s != VM_OK)
        return s;
    create.size = vm_image_block(source)->size;
    s = vm_image_create(&create, e);
    if (s != VM_OK) {
        vm_image_close(source);
        return s;
    }
    s = vm_image_open(&(struct vm_image_options){.path = to->path, .format = to->format}, &target,
                      e);
    if (s == VM_OK)
        s = copy(vm_image_block(source), vm_image_block(target), path, to->path, e);
    vm_image_close(target);
    vm_image_close(source);
    if (s != VM_OK)
        vm_osal_file_remove(to->path);
    return s;
}
