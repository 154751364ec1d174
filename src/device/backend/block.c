// SPDX-License-Identifier: MIT
//
// Requests that are waited for (vm/device/backend/block.h).
#include <vm/device/backend/block.h>

static void mark_done(struct vm_block_request *request)
{
    *(bool *)request->owner = true;
}

enum vm_block_status vm_block_run(struct vm_block *block, enum vm_block_op op, uint64_t offset,
                                  void *data, uint64_t size)
{
    bool done = false;
    const struct vm_iovec iov = {data, (size_t)size};
    struct vm_block_request r = {
        .op = op, .offset = offset, .size = size, .done = mark_done, .owner = &done};
    if (op == VM_BLOCK_READ || op == VM_BLOCK_WRITE) {
        r.iov = &iov;
        r.iov_count = 1;
    }
    struct vm_block_request *list = &r;
    block->ops->submit(block, &list, 1);
    while (!done)
        block->ops->wait(block);
    return r.status;
}

const char *vm_block_status_text(enum vm_block_status status)
{
    switch (status) {
    case VM_BLOCK_OK: return "no error";
    case VM_BLOCK_IO_ERROR: return "input/output error";
    case VM_BLOCK_UNSUPPORTED: return "not supported";
    case VM_BLOCK_NO_SPACE: return "no space left";
    }
    return "unknown error";
}
