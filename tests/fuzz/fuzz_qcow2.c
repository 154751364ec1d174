// SPDX-License-Identifier: MIT
//
// Fuzz target: a hostile qcow2 image, opened, read, written, flushed, zeroed and checked. Whatever
// is in it: nothing outside its own memory is touched, every request ends, and what is opened is
// closed. The image's backing file is played by a small disk of the target.
#include <stdlib.h>
#include <string.h>

#include "block_memory.h"
#include "qcow2.h"
#include "standalone.h"

enum { PIECE = 6000 / 512 * 512, BATCH = 4, ROUNDS = 6, SMALL_CACHE = 80 };

// What must hold, also in a build without assertions.
static void must(bool holds)
{
    if (!holds)
        abort();
}

static void count_done(struct vm_block_request *r)
{
    ++*(unsigned *)r->owner;
}

// Several requests at once, spread over the disk, of kinds that follow from the round.
static void use(struct vm_block *block, unsigned round, uint64_t *seed)
{
    static uint8_t data[BATCH][PIECE];
    static const enum vm_block_op ops[] = {VM_BLOCK_READ,    VM_BLOCK_WRITE, VM_BLOCK_WRITE_ZEROES,
                                           VM_BLOCK_DISCARD, VM_BLOCK_READ,  VM_BLOCK_FLUSH};
    struct vm_block_request requests[BATCH], *list[BATCH];
    struct vm_iovec iov[BATCH];
    unsigned done = 0;
    for (unsigned i = 0; i < BATCH; i++) {
        uint64_t size = block->size < PIECE ? block->size : PIECE;
        uint64_t at = block->size > size ? block_random(seed) % (block->size - size) : 0;
        if (i < 2) // the begin and the end, where the tables are most likely to be
            at = i == 0 ? 0 : block->size - size;
        iov[i] = (struct vm_iovec){data[i], size};
        requests[i] = (struct vm_block_request){.op = ops[(i + round) % VM_ARRAY_SIZE(ops)],
                                                .offset = at & ~(uint64_t)511,
                                                .size = size,
                                                .iov = &iov[i],
                                                .iov_count = 1,
                                                .unmap = round & 1,
                                                .done = count_done,
                                                .owner = &done};
        list[i] = &requests[i];
    }
    block->ops->submit(block, list, BATCH);
    for (unsigned turns = 0; done < BATCH; turns++) {
        must(turns < 1 << 20);
        block->ops->wait(block);
    }
}

static void run(const uint8_t *data, size_t size, bool read_only)
{
    struct block_memory *m = block_memory_copy(data, size);
    struct block_memory *below = block_memory_create();
    struct vm_qcow2_header h;
    struct vm_error e = {.text = ""};
    struct vm_block *block;
    uint64_t seed = size + 1;
    m->block.read_only = read_only;
    below->block.size = 0;
    if (vm_qcow2_read_header(&m->block, "image", &h, &e) != VM_OK) {
        must(e.text[0] && !strchr(e.text, '\n'));
    } else {
        struct vm_qcow2_check found;
        vm_qcow2_check(&m->block, &h, false, &found, NULL);
        if (vm_qcow2_open(&m->block, h.backing[0] ? &below->block : NULL, &h, "image", read_only,
                          &block, &e) == VM_OK) {
            m->later = true;
            if (size & 1)
                VM_CONTAINER_OF(block, struct vm_qcow2, block)->table_capacity = SMALL_CACHE;
            for (unsigned i = 0; i < ROUNDS; i++)
                use(block, i, &seed);
            block->ops->close(block);
        }
        must(m->closed);
    }
    must(m->count == 0 && (!read_only || (m->block.size == size && !memcmp(m->data, data, size))));
    block_memory_destroy(below);
    block_memory_destroy(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    run(data, size, true);
    run(data, size, false);
    return 0;
}
