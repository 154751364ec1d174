// SPDX-License-Identifier: MIT
//
// osal: asynchronous file I/O, by every engine that the host grants, and what disk images need of
// files besides.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vm/osal/aio.h>
#include <vm/osal/memory.h>

enum { MANY = 700 };

struct place {
    char path[32];
    struct vm_osal_file *file;
    struct vm_osal_aio *aio;
};

static enum vm_osal_aio_kind kind;

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    strcpy(p->path, "/tmp/vm-aio-XXXXXX");
    close(mkstemp(p->path));
    *state = p;
    if (vm_osal_file_open(p->path, VM_OSAL_FILE_READ_WRITE, &p->file, NULL) != VM_OK)
        return -1;
    struct vm_error e;
    if (vm_osal_aio_create(kind, &p->aio, &e) != VM_OK)
        print_message("skipped: %s\n", e.text);
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    vm_osal_aio_destroy(p->aio);
    vm_osal_file_close(p->file);
    unlink(p->path);
    free(p);
    return 0;
}

static void count_done(struct vm_osal_aio_request *r)
{
    ++*(unsigned *)r->owner;
}

// Runs one request to its end by way of the stream, as a loop does.
static enum vm_osal_aio_result run(struct place *p, struct vm_osal_aio_request r)
{
    unsigned done = 0;
    r.file = p->file;
    r.done = count_done;
    r.owner = &done;
    struct vm_osal_aio_request *list = &r;
    vm_osal_aio_submit(p->aio, &list, 1);
    while (!done) {
        struct pollfd f = {.fd = (int)vm_osal_aio_stream(p->aio).v, .events = POLLIN};
        assert_int_equal(poll(&f, 1, 20000), 1);
        vm_osal_aio_complete(p->aio);
    }
    assert_int_equal(done, 1);
    return r.result;
}

static enum vm_osal_aio_result transfer(struct place *p, enum vm_osal_aio_op op, uint64_t offset,
                                        void *data, size_t size)
{
    // In two pieces, the first of an odd size.
    const struct vm_osal_iovec iov[] = {{data, size / 3},
                                        {(char *)data + size / 3, size - size / 3}};
    return run(
        p, (struct vm_osal_aio_request){.op = op, .offset = offset, .iov = iov, .iov_count = 2});
}

static bool is_all(const uint8_t *data, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] != value)
            return false;
    }
    return true;
}

static void test_transfers(void **state)
{
    struct place *p = *state;
    if (!p->aio)
        skip();
    uint8_t out[10000], in[12000];
    for (size_t i = 0; i < sizeof out; i++)
        out[i] = (uint8_t)(i * 31 + 1);
    assert_int_equal(transfer(p, VM_OSAL_AIO_WRITE, 513, out, sizeof out), VM_OSAL_AIO_OK);
    assert_int_equal(run(p, (struct vm_osal_aio_request){.op = VM_OSAL_AIO_SYNC}), VM_OSAL_AIO_OK);
    memset(in, 0xee, sizeof in);
    assert_int_equal(transfer(p, VM_OSAL_AIO_READ, 513, in, sizeof in), VM_OSAL_AIO_OK);
    assert_memory_equal(in, out, sizeof out);
    assert_true(is_all(in + sizeof out, sizeof in - sizeof out, 0)); // beyond the end
    memset(in, 0xee, sizeof in);
    assert_int_equal(transfer(p, VM_OSAL_AIO_READ, 1 << 20, in, sizeof in), VM_OSAL_AIO_OK);
    assert_true(is_all(in, sizeof in, 0));
}

static void test_refusals(void **state)
{
    struct place *p = *state;
    if (!p->aio)
        skip();
    char byte[3] = {0};
    assert_int_equal(transfer(p, VM_OSAL_AIO_WRITE, INT64_MAX, byte, 3), VM_OSAL_AIO_NO_SPACE);
    assert_int_equal(run(p, (struct vm_osal_aio_request){.op = VM_OSAL_AIO_ZERO, .offset = 7}),
                     VM_OSAL_AIO_OK);
    struct vm_osal_file *writable = p->file;
    assert_int_equal(vm_osal_file_open(p->path, VM_OSAL_FILE_READ, &p->file, NULL), VM_OK);
    assert_int_equal(transfer(p, VM_OSAL_AIO_WRITE, 0, byte, 3), VM_OSAL_AIO_FAILED);
    vm_osal_file_close(p->file);
    p->file = writable;
}

static void test_zeroes(void **state)
{
    struct place *p = *state;
    if (!p->aio)
        skip();
    enum { SIZE = 3 << 20 };
    uint8_t *data = malloc(SIZE);
    for (unsigned unmap = 0; unmap < 2; unmap++) {
        memset(data, 0x5a, SIZE);
        assert_int_equal(transfer(p, VM_OSAL_AIO_WRITE, 0, data, SIZE), VM_OSAL_AIO_OK);
        const struct vm_osal_aio_request zero = {
            .op = VM_OSAL_AIO_ZERO, .offset = 1000, .size = SIZE - 3000, .unmap = unmap};
        assert_int_equal(run(p, zero), VM_OSAL_AIO_OK);
        assert_int_equal(transfer(p, VM_OSAL_AIO_READ, 0, data, SIZE), VM_OSAL_AIO_OK);
        assert_true(is_all(data, 1000, 0x5a));
        assert_true(is_all(data + 1000, SIZE - 3000, 0));
        assert_true(is_all(data + SIZE - 2000, 2000, 0x5a));
    }
    const struct vm_osal_aio_request discard = {
        .op = VM_OSAL_AIO_DISCARD, .offset = 0, .size = SIZE};
    enum vm_osal_aio_result r = run(p, discard);
    assert_true(r == VM_OSAL_AIO_OK || r == VM_OSAL_AIO_UNSUPPORTED);
    assert_int_equal(transfer(p, VM_OSAL_AIO_READ, 0, data, SIZE), VM_OSAL_AIO_OK);
    assert_true(r != VM_OSAL_AIO_OK || is_all(data, SIZE, 0));
    free(data);
}

// More at once than the engine holds; all are done once, by waits alone.
static void test_batch(void **state)
{
    struct place *p = *state;
    if (!p->aio)
        skip();
    static struct vm_osal_aio_request requests[MANY];
    static struct vm_osal_aio_request *list[MANY];
    static struct vm_osal_iovec iov[MANY];
    static uint32_t values[MANY], back[MANY];
    unsigned done = 0;
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < MANY; i++) {
            values[i] = i * 2654435761u;
            iov[i] = (struct vm_osal_iovec){pass ? &back[i] : &values[i], 4};
            requests[i] = (struct vm_osal_aio_request){
                .op = pass ? VM_OSAL_AIO_READ : VM_OSAL_AIO_WRITE,
                .file = p->file,
                .offset = (uint64_t)i * 4096,
                .iov = &iov[i],
                .iov_count = 1,
                .done = count_done,
                .owner = &done,
            };
            list[i] = &requests[i];
        }
        vm_osal_aio_submit(p->aio, list, MANY);
        while (done < MANY * (pass + 1))
            vm_osal_aio_wait(p->aio);
        for (unsigned i = 0; i < MANY; i++)
            assert_int_equal(requests[i].result, VM_OSAL_AIO_OK);
    }
    vm_osal_aio_wait(p->aio); // nothing in flight: returns
    assert_int_equal(done, 2 * MANY);
    assert_memory_equal(values, back, sizeof values);
}

static void test_locks(void **state)
{
    struct place *p = *state;
    struct vm_osal_file *second;
    struct vm_error e;
    assert_int_equal(vm_osal_file_open(p->path, VM_OSAL_FILE_READ, &second, NULL), VM_OK);
    assert_int_equal(vm_osal_file_lock(p->file, true, NULL), VM_OK);
    assert_int_equal(vm_osal_file_lock(second, false, &e), VM_ERR_FILE);
    assert_non_null(strstr(e.text, p->path));
    assert_int_equal(vm_osal_file_lock(p->file, false, NULL), VM_OK);
    assert_int_equal(vm_osal_file_lock(second, false, NULL), VM_OK);
    assert_int_equal(vm_osal_file_lock(p->file, true, NULL), VM_ERR_FILE);
    vm_osal_file_close(second);
    assert_int_equal(vm_osal_file_lock(p->file, true, NULL), VM_OK);
}

static void test_space(void **state)
{
    struct place *p = *state;
    uint64_t data, hole, size;
    char block[4096] = {1};
    assert_int_equal(vm_osal_file_write(p->file, 1 << 20, block, sizeof block, NULL), VM_OK);
    assert_int_equal(vm_osal_file_set_size(p->file, 4 << 20, NULL), VM_OK);
    assert_int_equal(vm_osal_file_size(p->file, &size, NULL), VM_OK);
    assert_int_equal(size, 4 << 20);
    assert_int_equal(vm_osal_file_next_data(p->file, 0, &data, &hole, NULL), VM_OK);
    assert_true(data <= 1 << 20 && hole >= (1 << 20) + 4096);
    assert_int_equal(vm_osal_file_next_data(p->file, 4 << 20, &data, &hole, NULL), VM_OK);
    assert_true(data == 4 << 20 && hole == 4 << 20);

    struct vm_osal_file *temporary, *none;
    assert_int_equal(vm_osal_file_temporary("/tmp", &temporary, NULL), VM_OK);
    assert_int_equal(vm_osal_file_write(temporary, 0, block, sizeof block, NULL), VM_OK);
    vm_osal_file_close(temporary);
    assert_int_equal(vm_osal_file_temporary("/nowhere", &temporary, NULL), VM_ERR_FILE);
    assert_int_equal(vm_osal_file_open(p->path, VM_OSAL_FILE_NEW, &none, NULL), VM_ERR_FILE);

    char *resolved;
    assert_int_equal(vm_osal_path_resolve("/tmp/../tmp/.", &resolved, NULL), VM_OK);
    assert_string_equal(resolved, "/tmp");
    const struct vm_allocator *a = vm_osal_allocator();
    a->release(a->context, resolved, strlen(resolved) + 1);
    assert_int_equal(vm_osal_path_resolve("/nowhere/at/all", &resolved, NULL), VM_ERR_FILE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_transfers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_zeroes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_locks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_space, setup, teardown),
    };
    kind = VM_OSAL_AIO_KERNEL;
    int failed = cmocka_run_group_tests_name("io_uring", tests, NULL, NULL);
    kind = VM_OSAL_AIO_THREADS;
    return failed + cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
