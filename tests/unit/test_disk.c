// SPDX-License-Identifier: MIT
//
// Disk images as files: what qemu-img makes is read and written by us, what we make is checked and
// read by qemu-img (package qemu-utils; skipped where it is missing); snapshot mode, locks, and the
// rules of backing files and probing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vm/device/backend/disk.h>
#include <vm/osal/memory.h>

enum { SIZE = 6 << 20, SECTOR = 512 };

struct place {
    char directory[32];
    uint8_t *data; // what source.raw holds
    uint64_t seed;
    bool has_qemu;
};

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 16;
}

static int shell(struct place *p, const char *format, ...)
{
    char command[900], text[700];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(command, sizeof command, "cd %s && { %s; } >log 2>&1", p->directory, text);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void must(struct place *p, const char *command)
{
    if (shell(p, "%s", command) != 0) {
        char show[64];
        snprintf(show, sizeof show, "cat %s/log", p->directory);
        if (system(show) != 0)
            print_message("no log\n");
        fail_msg("%s failed", command);
    }
}

static const char *path_of(struct place *p, const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", p->directory, name);
    return path;
}

static void write_file(struct place *p, const char *name, const uint8_t *data, size_t size)
{
    FILE *f = fopen(path_of(p, name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static void expect_file(struct place *p, const char *name, const uint8_t *data, size_t size)
{
    uint8_t *have = malloc(size + 1);
    FILE *f = fopen(path_of(p, name), "rb");
    assert_non_null(f);
    assert_int_equal(fread(have, 1, size + 1, f), size);
    fclose(f);
    assert_memory_equal(have, data, size);
    free(have);
}

// Text that compresses, with holes.
static void fill(struct place *p)
{
    memset(p->data, 0, SIZE);
    for (size_t at = 0; at < SIZE; at += 4096) {
        if (next_random(&p->seed) % 3 == 0)
            continue;
        uint64_t v = next_random(&p->seed);
        for (size_t i = 0; i < 4096; i++)
            p->data[at + i] = (uint8_t)(i % 64 < 48 ? v : next_random(&p->seed));
    }
}

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    strcpy(p->directory, "/var/tmp/vm-disk-XXXXXX");
    if (!mkdtemp(p->directory))
        return -1;
    p->seed = 42;
    p->data = malloc(SIZE);
    fill(p);
    write_file(p, "source.raw", p->data, SIZE);
    p->has_qemu = shell(p, "qemu-img --version") == 0;
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", p->directory);
    int status = system(command);
    free(p->data);
    free(p);
    return status;
}

static void need_qemu(struct place *p)
{
    if (p->has_qemu)
        return;
    print_message("skipped: qemu-img is missing (package qemu-utils)\n");
    skip();
}

static struct vm_image *open_image(struct place *p, const char *name, struct vm_image_options o)
{
    struct vm_image *image;
    struct vm_error e = {0};
    o.path = path_of(p, name);
    if (vm_image_open(&o, &image, &e) != VM_OK)
        fail_msg("%s", e.text);
    return image;
}

static void expect_disk(struct vm_block *block, const uint8_t *data, uint64_t size)
{
    uint8_t *have = malloc(size);
    assert_int_equal(block->size, size);
    assert_int_equal(vm_block_run(block, VM_BLOCK_READ, 0, have, size), VM_BLOCK_OK);
    assert_memory_equal(have, data, size);
    // And in small pieces, which take other ways.
    for (uint64_t at = 0; at + 8192 <= size; at += size / 23 / SECTOR * SECTOR) {
        assert_int_equal(vm_block_run(block, VM_BLOCK_READ, at, have, 8192 - SECTOR), VM_BLOCK_OK);
        assert_memory_equal(have, data + at, 8192 - SECTOR);
    }
    free(have);
}

// Random changes of the disk and of p->data.
static void change(struct place *p, struct vm_block *block)
{
    static uint8_t piece[200 << 10];
    for (unsigned i = 0; i < 60; i++) {
        uint64_t n = (1 + next_random(&p->seed) % (i % 2 ? 8 : 400)) * SECTOR;
        uint64_t at = next_random(&p->seed) % ((SIZE - n) / SECTOR) * SECTOR;
        bool zero = i % 5 == 4;
        for (size_t j = 0; j < n; j++)
            piece[j] = zero ? 0 : (uint8_t)(next_random(&p->seed) >> 8);
        assert_int_equal(
            vm_block_run(block, zero ? VM_BLOCK_WRITE_ZEROES : VM_BLOCK_WRITE, at, piece, n),
            VM_BLOCK_OK);
        memcpy(p->data + at, piece, n);
        if (i % 20 == 0)
            assert_int_equal(vm_block_run(block, VM_BLOCK_FLUSH, 0, NULL, 0), VM_BLOCK_OK);
    }
}

static void expect_clean(struct place *p, const char *name)
{
    struct vm_image_findings f;
    struct vm_error e = {0};
    if (vm_image_check(path_of(p, name), VM_DISK_IMAGE_QCOW2, false, &f, &e) != VM_OK)
        fail_msg("%s", e.text);
    if (f.corruptions || f.leaks)
        fail_msg("%llu corruptions, %llu leaks, %s", (unsigned long long)f.corruptions,
                 (unsigned long long)f.leaks, f.first);
}

// --- tests ---

static void test_images_of_qemu(void **state)
{
    struct place *p = *state;
    need_qemu(p);
    static const char *const options[] = {
        "-o compat=1.1",
        "-o compat=0.10",
        "-o compat=1.1,cluster_size=512",
        "-o compat=0.10,cluster_size=4k",
        "-o compat=1.1,cluster_size=2M",
        "-o compat=1.1,refcount_bits=1",
        "-o compat=1.1,refcount_bits=8",
        "-o compat=1.1,refcount_bits=64",
        "-o compat=1.1,lazy_refcounts=on",
        "-o compat=1.1,preallocation=metadata",
        "-c -o compat=1.1",
        "-c -o compat=0.10,cluster_size=16k",
        "-c -o compat=1.1,compression_type=zstd",
        "-c -o compat=1.1,compression_type=zstd,cluster_size=2M",
        "-c -o compat=1.1,cluster_size=512",
    };
    for (unsigned i = 0; i < VM_ARRAY_SIZE(options); i++) {
        char command[300];
        write_file(p, "source.raw", p->data, SIZE);
        snprintf(command, sizeof command, "qemu-img convert -f raw -O qcow2 %s source.raw a.qcow2",
                 options[i]);
        must(p, command);
        struct vm_image *image = open_image(p, "a.qcow2", (struct vm_image_options){0});
        expect_disk(vm_image_block(image), p->data, SIZE);
        change(p, vm_image_block(image));
        expect_disk(vm_image_block(image), p->data, SIZE);
        vm_image_close(image);
        must(p, "qemu-img check a.qcow2");
        expect_clean(p, "a.qcow2");
        must(p, "qemu-img convert -O raw a.qcow2 b.raw");
        expect_file(p, "b.raw", p->data, SIZE);
    }
}

static void test_chains_of_qemu(void **state)
{
    struct place *p = *state;
    need_qemu(p);
    must(p, "qemu-img create -f qcow2 -b source.raw -F raw one.qcow2 &&"
            "qemu-img create -f qcow2 -o compat=0.10,cluster_size=4k -b one.qcow2 -F qcow2 two &&"
            "qemu-io -f qcow2 -c 'write -P 7 1M 100k' -c 'write -z 3M 1M' one.qcow2 &&"
            "qemu-io -f qcow2 -c 'write -P 9 1100k 5k' two && qemu-img resize two 8M");
    uint8_t *data = calloc(1, 8 << 20);
    memcpy(data, p->data, SIZE);
    memset(data + (1 << 20), 7, 100 << 10);
    memset(data + (3 << 20), 0, 1 << 20);
    memset(data + (1100 << 10), 9, 5 << 10);
    struct vm_image *image = open_image(p, "two", (struct vm_image_options){0});
    expect_disk(vm_image_block(image), data, 8 << 20);
    memset(data + (2 << 20) + 512, 11, 512);
    uint8_t sector[SECTOR];
    memset(sector, 11, SECTOR);
    assert_int_equal(
        vm_block_run(vm_image_block(image), VM_BLOCK_WRITE, (2 << 20) + 512, sector, SECTOR),
        VM_BLOCK_OK);
    vm_image_close(image);
    must(p, "qemu-img check two && qemu-img convert -O raw two two.raw");
    expect_file(p, "two.raw", data, 8 << 20);
    expect_file(p, "source.raw", p->data, SIZE);
    free(data);
}

// An internal snapshot stays as it was while the disk is written.
static void test_internal_snapshot(void **state)
{
    struct place *p = *state;
    need_qemu(p);
    must(p, "qemu-img convert -O qcow2 source.raw s.qcow2 && qemu-img snapshot -c first s.qcow2");
    uint8_t *before = malloc(SIZE);
    memcpy(before, p->data, SIZE);
    struct vm_image *image = open_image(p, "s.qcow2", (struct vm_image_options){0});
    change(p, vm_image_block(image));
    vm_image_close(image);
    must(p, "qemu-img check s.qcow2 && qemu-img convert -O raw s.qcow2 now.raw &&"
            "qemu-img convert -l first -O raw s.qcow2 first.raw");
    expect_clean(p, "s.qcow2");
    expect_file(p, "now.raw", p->data, SIZE);
    expect_file(p, "first.raw", before, SIZE);
    free(before);
}

// An image whose writer was killed with refcounts behind: repaired when it is to be written.
static void test_dirty(void **state)
{
    struct place *p = *state;
    need_qemu(p);
    must(p, "qemu-img create -f qcow2 -o lazy_refcounts=on d.qcow2 6M");
    shell(p, "qemu-io -f qcow2 -c 'write -P 5 1M 300k' -c flush -c abort d.qcow2");
    struct vm_disk_image_info info;
    assert_int_equal(vm_image_describe(path_of(p, "d.qcow2"), VM_DISK_IMAGE_PROBE, &info, NULL),
                     VM_OK);
    assert_true(info.dirty && info.lazy_refcounts);
    struct vm_image *image = open_image(p, "d.qcow2", (struct vm_image_options){0});
    uint8_t byte[SECTOR];
    assert_int_equal(vm_block_run(vm_image_block(image), VM_BLOCK_READ, 1 << 20, byte, SECTOR),
                     VM_BLOCK_OK);
    assert_int_equal(byte[77], 5);
    vm_image_close(image);
    assert_int_equal(vm_image_describe(path_of(p, "d.qcow2"), VM_DISK_IMAGE_PROBE, &info, NULL),
                     VM_OK);
    assert_false(info.dirty);
    must(p, "qemu-img check d.qcow2");
}

static void test_images_for_qemu(void **state)
{
    struct place *p = *state;
    need_qemu(p);
    static const struct vm_image_create shapes[] = {
        {.format = VM_DISK_IMAGE_QCOW2},
        {.format = VM_DISK_IMAGE_QCOW2, .version = 2},
        {.format = VM_DISK_IMAGE_QCOW2, .cluster_size = 512},
        {.format = VM_DISK_IMAGE_QCOW2, .cluster_size = 2 << 20},
    };
    for (unsigned i = 0; i < VM_ARRAY_SIZE(shapes); i++) {
        struct vm_image_create c = shapes[i];
        char path[128], source[128];
        strcpy(path, path_of(p, "mine.qcow2"));
        strcpy(source, path_of(p, "source.raw"));
        struct vm_error e = {0};
        c.path = path;
        unlink(path);
        if (vm_image_convert(source, VM_DISK_IMAGE_RAW, &c, &e) != VM_OK)
            fail_msg("%s", e.text);
        must(p, "qemu-img check mine.qcow2 && qemu-img compare -f raw -F qcow2 source.raw "
                "mine.qcow2");
        assert_int_equal(vm_image_convert(source, VM_DISK_IMAGE_RAW, &c, &e), VM_ERR_FILE);
        assert_non_null(strstr(e.text, "remove it"));
    }
    struct vm_image_create over = {
        .path = path_of(p, "over.qcow2"), .format = VM_DISK_IMAGE_QCOW2, .backing = "mine.qcow2"};
    assert_int_equal(vm_image_create(&over, NULL), VM_OK);
    must(p, "qemu-img check over.qcow2 && qemu-img compare -f raw -F qcow2 source.raw over.qcow2 &&"
            "qemu-img info over.qcow2 | grep 'backing file format: qcow2'");
    must(p, "qemu-img create -f qcow2 big.qcow2 100G");
    struct vm_image_create big = {.path = path_of(p, "huge.qcow2"), .size = UINT64_C(8) << 40};
    assert_int_equal(vm_image_create(&big, NULL), VM_OK);
    must(p, "qemu-img check huge.qcow2");
}

static void test_snapshot_mode(void **state)
{
    struct place *p = *state;
    uint8_t *before = malloc(SIZE);
    memcpy(before, p->data, SIZE);
    struct vm_image *image = open_image(
        p, "source.raw", (struct vm_image_options){.format = VM_DISK_IMAGE_RAW, .snapshot = true});
    expect_disk(vm_image_block(image), p->data, SIZE);
    change(p, vm_image_block(image));
    expect_disk(vm_image_block(image), p->data, SIZE);
    vm_image_close(image);
    expect_file(p, "source.raw", before, SIZE);
    free(before);
}

static void test_raw(void **state)
{
    struct place *p = *state;
    write_file(p, "odd.raw", p->data, SIZE - 100); // rounded up, the rest zeros
    memset(p->data + SIZE - 100, 0, 100);
    struct vm_image *image =
        open_image(p, "odd.raw", (struct vm_image_options){.format = VM_DISK_IMAGE_RAW});
    expect_disk(vm_image_block(image), p->data, SIZE);
    change(p, vm_image_block(image));
    struct vm_block *b = vm_image_block(image);
    assert_int_equal(vm_block_run(b, VM_BLOCK_DISCARD, 1 << 20, NULL, 1 << 20), VM_BLOCK_OK);
    vm_block_run(b, VM_BLOCK_READ, 1 << 20, p->data + (1 << 20), 1 << 20);
    expect_disk(b, p->data, SIZE);
    struct vm_image *second;
    struct vm_image_options o = {.path = path_of(p, "odd.raw"), .format = VM_DISK_IMAGE_RAW};
    struct vm_error e = {0};
    assert_int_equal(vm_image_open(&o, &second, &e), VM_ERR_FILE);
    assert_non_null(strstr(e.text, "in use by another machine"));
    o.read_only = true;
    assert_int_equal(vm_image_open(&o, &second, &e), VM_ERR_FILE);
    vm_image_close(image);
    assert_int_equal(vm_image_open(&o, &image, &e), VM_OK);
    assert_int_equal(vm_image_open(&o, &second, &e), VM_OK);
    assert_int_equal(vm_block_run(vm_image_block(second), VM_BLOCK_WRITE, 0, p->data, SECTOR),
                     VM_BLOCK_IO_ERROR);
    vm_image_close(second);
    vm_image_close(image);
}

// A disk that was found to be raw cannot be turned into a qcow2 image from inside.
static void test_probing(void **state)
{
    struct place *p = *state;
    static const uint8_t magic[SECTOR] = {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3};
    struct vm_image *image = open_image(p, "source.raw", (struct vm_image_options){0});
    struct vm_block *b = vm_image_block(image);
    assert_string_equal(b->ops->format, "raw");
    assert_int_equal(vm_block_run(b, VM_BLOCK_WRITE, 0, (void *)magic, SECTOR), VM_BLOCK_IO_ERROR);
    assert_int_equal(vm_block_run(b, VM_BLOCK_WRITE, SECTOR, (void *)magic, SECTOR), VM_BLOCK_OK);
    memset(p->data, 3, 4 * SECTOR);
    assert_int_equal(vm_block_run(b, VM_BLOCK_WRITE, 0, p->data, 4 * SECTOR), VM_BLOCK_OK);
    expect_disk(b, p->data, SIZE);
    vm_image_close(image);
    image = open_image(p, "source.raw", (struct vm_image_options){.format = VM_DISK_IMAGE_RAW});
    assert_int_equal(vm_block_run(vm_image_block(image), VM_BLOCK_WRITE, 0, (void *)magic, SECTOR),
                     VM_BLOCK_OK);
    vm_image_close(image);
}

static void expect_refusal(struct place *p, const char *backing, const char *says)
{
    struct vm_image_create c = {.format = VM_DISK_IMAGE_QCOW2, .size = 1 << 20, .backing = backing};
    struct vm_error e = {0};
    char path[128];
    strcpy(path, path_of(p, "refused.qcow2"));
    c.path = path;
    assert_int_equal(vm_image_create(&c, &e), VM_ERR_FILE);
    if (!strstr(e.text, says))
        fail_msg("\"%s\" does not say \"%s\"", e.text, says);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void test_backing_rules(void **state)
{
    struct place *p = *state;
    must(p, "ln -s /etc/passwd link && mkdir sub && cp source.raw sub/x.raw");
    expect_refusal(p, "/etc/passwd", "not in its directory");
    expect_refusal(p, "../../../etc/passwd", "not in its directory");
    expect_refusal(p, "link", "not in its directory");
    expect_refusal(p, "nbd:localhost:10809", "no plain file");
    expect_refusal(p, "json:{}", "no plain file");
    expect_refusal(p, "missing", "missing");
    struct vm_image_create c = {.format = VM_DISK_IMAGE_QCOW2, .backing = "sub/x.raw"};
    char path[128], name[16] = "sub/x.raw";
    struct vm_error e = {0};
    for (unsigned i = 0; i < VM_IMAGE_MAX_DEPTH; i++) {
        char file[16];
        snprintf(file, sizeof file, "chain%u", i);
        strcpy(path, path_of(p, file));
        c.path = path;
        c.backing = name;
        vm_status s = vm_image_create(&c, &e);
        assert_int_equal(s, VM_OK);
        strcpy(name, file);
    }
    struct vm_image_options o = {.path = path};
    struct vm_image *image;
    assert_int_equal(vm_image_open(&o, &image, &e), VM_ERR_FILE);
    assert_non_null(strstr(e.text, "longer than"));
    image = open_image(p, "chain14", (struct vm_image_options){0});
    expect_disk(vm_image_block(image), p->data, SIZE);
    vm_image_close(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_images_of_qemu, setup, teardown),
        cmocka_unit_test_setup_teardown(test_chains_of_qemu, setup, teardown),
        cmocka_unit_test_setup_teardown(test_internal_snapshot, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dirty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images_for_qemu, setup, teardown),
        cmocka_unit_test_setup_teardown(test_snapshot_mode, setup, teardown),
        cmocka_unit_test_setup_teardown(test_raw, setup, teardown),
        cmocka_unit_test_setup_teardown(test_probing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_backing_rules, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
