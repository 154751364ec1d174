// SPDX-License-Identifier: MIT
//
// Power cuts under raw disks: what the disk asks of the host's files goes to a container in memory
// that records it (the linker puts the functions below in the place of the osal's). A flush must
// reach the file, after the writes that were done before it, and be answered after the file's sync.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include <vm/osal/file.h>

#include "disk_model.h"
#include "raw.h"

enum { STEPS = 60, ROUNDS = 4, SUBSETS = 3, SECTORS = 1024, MAX_IOV = 8 };

struct vm_osal_aio {
    struct block_memory *memory;
};

struct carried {
    struct vm_block_request request;
    struct vm_iovec iov[MAX_IOV];
    struct vm_osal_aio_request *from;
};

void __wrap_vm_osal_aio_submit(struct vm_osal_aio *aio, struct vm_osal_aio_request **requests,
                               unsigned count);
void __wrap_vm_osal_aio_wait(struct vm_osal_aio *aio);

static void carried_done(struct vm_block_request *r)
{
    struct carried *c = r->owner;
    struct vm_osal_aio_request *a = c->from;
    a->result = r->status == VM_BLOCK_OK ? VM_OSAL_AIO_OK : VM_OSAL_AIO_FAILED;
    free(c);
    a->done(a);
}

void __wrap_vm_osal_aio_submit(struct vm_osal_aio *aio, struct vm_osal_aio_request **requests,
                               unsigned count)
{
    static const enum vm_block_op ops[] = {
        [VM_OSAL_AIO_READ] = VM_BLOCK_READ,         [VM_OSAL_AIO_WRITE] = VM_BLOCK_WRITE,
        [VM_OSAL_AIO_SYNC] = VM_BLOCK_FLUSH,        [VM_OSAL_AIO_DISCARD] = VM_BLOCK_DISCARD,
        [VM_OSAL_AIO_ZERO] = VM_BLOCK_WRITE_ZEROES,
    };
    for (unsigned i = 0; i < count; i++) {
        struct vm_osal_aio_request *a = requests[i];
        struct carried *c = calloc(1, sizeof *c);
        struct vm_block_request *r = &c->request;
        assert_true(a->iov_count <= MAX_IOV);
        for (unsigned j = 0; j < a->iov_count; j++)
            c->iov[j] = (struct vm_iovec){a->iov[j].base, a->iov[j].size};
        *r = (struct vm_block_request){.op = ops[a->op],
                                       .offset = a->offset,
                                       .size = a->size,
                                       .iov = c->iov,
                                       .iov_count = a->iov_count,
                                       .done = carried_done,
                                       .owner = c};
        c->from = a;
        aio->memory->block.ops->submit(&aio->memory->block, &r, 1);
    }
}

void __wrap_vm_osal_aio_wait(struct vm_osal_aio *aio)
{
    aio->memory->block.ops->wait(&aio->memory->block);
}

static struct vm_block *open_raw(struct vm_osal_aio *aio, enum vm_raw_use use)
{
    struct vm_osal_file *file;
    struct vm_block *block;
    assert_int_equal(vm_osal_file_temporary(NULL, &file, NULL), VM_OK);
    // Its size is all that the disk reads of it.
    assert_int_equal(vm_osal_file_write(file, SECTORS * SECTOR - 1, "", 1, NULL), VM_OK);
    assert_int_equal(vm_raw_open(file, aio, use, false, &block, NULL), VM_OK);
    return block;
}

static void run(enum vm_raw_use use, const char *name, uint64_t seed)
{
    struct vm_osal_aio aio = {block_memory_create()};
    struct block_memory *m = aio.memory;
    m->recording = true;
    vm_block_run(&m->block, VM_BLOCK_WRITE_ZEROES, 0, NULL, SECTORS * SECTOR);
    vm_block_run(&m->block, VM_BLOCK_FLUSH, 0, NULL, 0);
    m->later = true;
    size_t made = m->record_count, syncs = 0;
    struct disk *d = disk_create(open_raw(&aio, use), m, name, seed);
    disk_work(d, STEPS, true);
    disk_check_all(d);
    disk_close(d);
    for (size_t at = made; at <= m->record_count; at++) {
        syncs += at < m->record_count && m->records[at].is_sync;
        for (unsigned i = 0; i < SUBSETS; i++) {
            struct block_memory *cut = block_memory_cut(m, at, &d->random);
            disk_check_cut(d, at, &cut->block);
            block_memory_destroy(cut);
        }
    }
    assert_true(syncs > 0);
    disk_destroy(d);
}

static void test_cuts(void **state)
{
    (void)state;
    for (uint64_t r = 0; r < ROUNDS * disk_scale(); r++) {
        run(VM_RAW_DISK, "raw", disk_first_seed() + r);
        run(VM_RAW_PROBED, "probed raw", disk_first_seed() + r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cuts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
