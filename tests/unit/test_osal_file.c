// SPDX-License-Identifier: MIT
//
// osal: files, read whole and by position.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vm/osal/file.h>
#include <vm/osal/thread.h>

struct place {
    char directory[64];
    char path[96];
};

static int make_place(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    strcpy(p->directory, "/tmp/vm-test-XXXXXX");
    if (!mkdtemp(p->directory))
        return -1;
    snprintf(p->path, sizeof p->path, "%s/file", p->directory);
    *state = p;
    return 0;
}

static int remove_place(void **state)
{
    struct place *p = *state;
    unlink(p->path);
    int r = rmdir(p->directory);
    free(p);
    return r;
}

static void fill(const char *path, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (size_t i = 0; i < size; i++)
        fputc((int)(i * 7 & 0xff), f);
    assert_int_equal(fclose(f), 0);
}

static void check_fill(const struct vm_osal_file_contents *c, size_t size)
{
    assert_int_equal(c->size, size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(((const uint8_t *)c->data)[i], i * 7 & 0xff);
}

static void reads_whole_files(void **state)
{
    struct place *p = *state;
    const size_t sizes[] = {1, 4095, 4096, 65536, 200001};
    for (size_t i = 0; i < VM_ARRAY_SIZE(sizes); i++) {
        fill(p->path, sizes[i]);
        struct vm_osal_file_contents c;
        struct vm_error e;
        assert_int_equal(vm_osal_file_read_all(p->path, sizes[i], &c, &e), VM_OK);
        check_fill(&c, sizes[i]);
        vm_osal_file_contents_release(&c);
        assert_null(c.data);
        vm_osal_file_contents_release(&c);
        assert_int_equal(vm_osal_file_read_all(p->path, sizes[i] - 1, &c, &e), VM_ERR_FILE);
    }
}

static void contents_are_recalled(void **state)
{
    struct place *p = *state;
    struct vm_osal_file_contents c;
    struct vm_error e;
    fill(p->path, 5000);
    assert_int_equal(vm_osal_file_read_all(p->path, 70000, &c, &e), VM_OK);
    assert_int_equal(vm_osal_file_contents_recall(&c, 1, &e), VM_OK); // nothing was let go
    check_fill(&c, 5000);
    vm_osal_file_contents_let_go(&c);
    assert_null(c.data);
    fill(p->path, 70000);
    assert_int_equal(vm_osal_file_contents_recall(&c, 69999, &e), VM_ERR_FILE);
    assert_null(c.data);
    assert_int_equal(vm_osal_file_contents_recall(&c, 70000, &e), VM_OK);
    check_fill(&c, 70000);
    vm_osal_file_contents_let_go(&c);
    fill(p->path, 0);
    assert_int_equal(vm_osal_file_contents_recall(&c, 70000, &e), VM_ERR_FILE);
    assert_non_null(strstr(e.text, p->path));
    vm_osal_file_contents_release(&c);
}

static void expect_refusal(const char *path, const char *text)
{
    struct vm_osal_file_contents c;
    struct vm_error e;
    assert_int_equal(vm_osal_file_read_all(path, 1 << 20, &c, &e), VM_ERR_FILE);
    assert_non_null(strstr(e.text, text));
    assert_non_null(strstr(e.text, path));
    assert_int_equal(vm_osal_file_read_all(path, 1 << 20, &c, NULL), VM_ERR_FILE);
}

static void says_why_it_cannot_read(void **state)
{
    struct place *p = *state;
    expect_refusal(p->path, "No such file");
    expect_refusal(p->directory, "Is a directory");
    expect_refusal("/dev/zero", "device");
    expect_refusal("", "check the path");
    fill(p->path, 0);
    expect_refusal(p->path, "empty");
    expect_refusal("/proc/self/mem", "Input/output error");
    fill(p->path, (1 << 20) + 1);
    expect_refusal(p->path, "more than the 1024 KiB");
}

static void reads_files_that_hide_their_size(void **state)
{
    (void)state;
    struct vm_osal_file_contents c;
    struct vm_error e;
    assert_int_equal(vm_osal_file_read_all("/proc/self/status", 1 << 20, &c, &e), VM_OK);
    assert_memory_equal(c.data, "Name:", 5);
    vm_osal_file_contents_release(&c);
}

struct feed {
    int fd;
    size_t size;
};

static void feed_pipe(void *argument)
{
    struct feed *f = argument;
    for (size_t i = 0; i < f->size; i++) {
        uint8_t b = (uint8_t)(i * 7);
        if (write(f->fd, &b, 1) != 1)
            break;
    }
    close(f->fd);
}

static void reads_pipes(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 100000};
    for (size_t i = 0; i < VM_ARRAY_SIZE(sizes); i++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        char path[32];
        snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
        struct feed f = {ends[1], sizes[i]};
        struct vm_osal_thread *t;
        assert_int_equal(vm_osal_thread_create("feed", feed_pipe, &f, &t, NULL), VM_OK);
        struct vm_osal_file_contents c;
        struct vm_error e;
        // The copy of the descriptor that this process holds closes when the feeder has ended.
        assert_int_equal(vm_osal_file_read_all(path, 1 << 20, &c, &e), VM_OK);
        vm_osal_thread_join(t);
        check_fill(&c, sizes[i]);
        vm_osal_file_contents_let_go(&c); // stays: it cannot be read again
        assert_int_equal(vm_osal_file_contents_recall(&c, 1 << 20, &e), VM_OK);
        check_fill(&c, sizes[i]);
        vm_osal_file_contents_release(&c);
        close(ends[0]);
    }
}

static void endless_pipes_end_at_the_limit(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    char much[4096] = {1};
    assert_int_equal(write(ends[1], much, sizeof much), sizeof much);
    struct vm_osal_file_contents c;
    struct vm_error e;
    assert_int_equal(vm_osal_file_read_all(path, 4095, &c, &e), VM_ERR_FILE);
    close(ends[0]);
    close(ends[1]);
}

static void writes_and_reads_by_position(void **state)
{
    struct place *p = *state;
    struct vm_osal_file *f;
    struct vm_error e;
    char text[16] = {0};
    size_t n;
    uint64_t size;
    assert_int_equal(vm_osal_file_open(p->path, VM_OSAL_FILE_CREATE, &f, &e), VM_OK);
    assert_int_equal(vm_osal_file_write(f, 100000, "tail", 4, &e), VM_OK);
    assert_int_equal(vm_osal_file_write(f, 0, "head", 4, &e), VM_OK);
    assert_int_equal(vm_osal_file_size(f, &size, &e), VM_OK);
    assert_int_equal(size, 100004);
    assert_int_equal(vm_osal_file_sync(f, &e), VM_OK);
    vm_osal_file_close(f);
    assert_int_equal(vm_osal_file_open(p->path, VM_OSAL_FILE_READ, &f, &e), VM_OK);
    assert_int_equal(vm_osal_file_read(f, 99998, text, sizeof text, &n, &e), VM_OK);
    assert_int_equal(n, 6);
    assert_memory_equal(text, "\0\0tail", 6);
    assert_int_equal(vm_osal_file_read(f, 200000, text, sizeof text, &n, &e), VM_OK);
    assert_int_equal(n, 0);
    assert_int_equal(vm_osal_file_read(f, UINT64_MAX - 3, text, 10, &n, &e), VM_ERR_FILE);
    assert_int_equal(vm_osal_file_write(f, 0, "x", 1, &e), VM_ERR_FILE); // read only
    assert_non_null(strstr(e.text, p->path));
    vm_osal_file_close(f);
    assert_int_equal(vm_osal_file_open(p->path, VM_OSAL_FILE_READ_WRITE, &f, &e), VM_OK);
    assert_int_equal(vm_osal_file_write(f, INT64_MAX - 1, "xyz", 3, &e), VM_ERR_FILE);
    assert_int_equal(vm_osal_file_write(f, 1, "E", 1, &e), VM_OK);
    assert_int_equal(vm_osal_file_read(f, 0, text, 4, &n, &e), VM_OK);
    assert_memory_equal(text, "hEad", 4);
    vm_osal_file_close(f);
    assert_int_equal(vm_osal_file_open(p->path, VM_OSAL_FILE_CREATE, &f, &e), VM_OK);
    assert_int_equal(vm_osal_file_size(f, &size, &e), VM_OK);
    assert_int_equal(size, 0);
    vm_osal_file_close(f);
    vm_osal_file_close(NULL);
}

static void says_why_it_cannot_open(void **state)
{
    struct place *p = *state;
    struct vm_osal_file *f;
    struct vm_error e;
    uint64_t size;
    assert_int_equal(vm_osal_file_open(p->path, VM_OSAL_FILE_READ, &f, &e), VM_ERR_FILE);
    assert_non_null(strstr(e.text, "No such file"));
    assert_int_equal(vm_osal_file_open(p->directory, VM_OSAL_FILE_CREATE, &f, &e), VM_ERR_FILE);
    assert_non_null(strstr(e.text, "directory"));
    assert_int_equal(mkfifo(p->path, 0600), 0);
    assert_int_equal(vm_osal_file_open(p->path, VM_OSAL_FILE_READ_WRITE, &f, &e), VM_OK);
    assert_int_equal(vm_osal_file_size(f, &size, &e), VM_ERR_FILE);
    assert_int_equal(vm_osal_file_sync(f, &e), VM_ERR_FILE);
    vm_osal_file_close(f);
}

int main(void)
{
#define WITH_PLACE(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        WITH_PLACE(reads_whole_files),
        WITH_PLACE(contents_are_recalled),
        WITH_PLACE(says_why_it_cannot_read),
        cmocka_unit_test(reads_files_that_hide_their_size),
        cmocka_unit_test(reads_pipes),
        cmocka_unit_test(endless_pipes_end_at_the_limit),
        WITH_PLACE(writes_and_reads_by_position),
        WITH_PLACE(says_why_it_cannot_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
