// SPDX-License-Identifier: MIT
//
// qcow2 disks on a container in memory: random requests against a model, with completions in random
// order, on images of all shapes; failures of the container; refusals. Power cuts have
// test_qcow2_power_cut.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "qcow2_rig.h"

static const struct qcow2_shape shapes[] = {
    {9, 3, 4, 4096},  {9, 2, 4, 1024},  {10, 3, 4, 2048}, {12, 3, 4, 4096}, {12, 2, 4, 4096},
    {16, 3, 4, 4096}, {16, 2, 4, 2048}, {21, 3, 4, 8192}, {9, 3, 0, 2048},  {9, 3, 6, 2048},
    {10, 3, 1, 2048}, {12, 3, 2, 4096}, {12, 3, 3, 4096}, {9, 3, 5, 2048}};

static void test_random_requests(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VM_ARRAY_SIZE(shapes); i++) {
        struct disk *d = qcow2_rig_disk(&shapes[i], NULL, "random requests", i + 1);
        d->memory->recording = false;
        for (unsigned n = 0; n < 3; n++) {
            disk_work(d, 60, true);
            disk_check_all(d);
            disk_close(d);
            qcow2_rig_check(d, d->memory, "closed", false);
            d->memory->later = false;
            d->block = qcow2_rig_open(d->memory, NULL, i);
            d->memory->later = true;
        }
        disk_check_all(d);
        assert_int_equal(d->memory->overlaps, 0);
        disk_destroy(d);
    }
}

// The disk under the overlay is shorter, and of stamps itself.
static void test_backing(void **state)
{
    (void)state;
    enum { VALUE = 0x70000000 };
    for (unsigned i = 0; i < VM_ARRAY_SIZE(shapes); i++) {
        uint64_t there = shapes[i].sectors / 2 + 3;
        struct block_memory *below = qcow2_rig_backing(there, VALUE);
        struct disk *d = qcow2_rig_disk(&shapes[i], &below->block, "on a backing disk", i + 100);
        qcow2_rig_on_backing(d, there, VALUE);
        below->later = true;
        d->memory->recording = false;
        disk_work(d, 100, true);
        disk_check_all(d);
        disk_destroy(d);
        assert_true(below->closed);
        for (uint64_t s = 0; s < there; s++)
            assert_int_equal(disk_unstamp(below->data + s * SECTOR, s), VALUE);
        block_memory_destroy(below);
    }
}

// The container fails: requests may fail, but nothing hangs, and the image stays consistent.
static void test_failures(void **state)
{
    (void)state;
    static const struct qcow2_shape shape = {12, 3, 4, 2048};
    for (unsigned n = 1; n < 60; n++) {
        struct disk *d = qcow2_rig_disk(&shape, NULL, "failures", n + 50);
        d->memory->recording = false;
        disk_work(d, 1, false);
        d->memory->fail_after = n;
        d->may_fail = true;
        for (unsigned i = 0; i < 12; i++) {
            disk_work(d, 1, false);
            disk_flush(d);
        }
        d->memory->fail_after = 0;
        disk_close(d);
        qcow2_rig_check(d, d->memory, "after failures", true);
        disk_destroy(d);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        unsigned at;
        uint8_t value;
        const char *says;
    } cases[] = {
        {0, 'R', "format=raw"},        {7, 4, "version"},
        {23, 8, "cluster size"},       {23, 22, "cluster size"},
        {35, 1, "encrypted"},          {36, 1, "larger than 32 MiB"},
        {39, 0, "L1 table"},           {47, 1, "L1 table"},
        {40, 1, "L1 table"},           {55, 1, "refcount table"},
        {56, 1, "refcount table"},     {79, 4, "external data file"},
        {79, 16, "extended L2"},       {78, 1, "newer program"},
        {79, 8, "compression"},        {99, 7, "wider"},
        {103, 1, "header's length"},   {61, 2, "snapshots"},
        {24, 0x80, "larger than any"},
    };
    for (unsigned i = 0; i < VM_ARRAY_SIZE(cases); i++) {
        struct block_memory *m = block_memory_create();
        const struct vm_qcow2_create options = {.size = 1 << 20, .cluster_bits = 16, .version = 3};
        struct vm_qcow2_header h;
        struct vm_error e = {0};
        assert_int_equal(vm_qcow2_create(&m->block, &options, NULL), VM_OK);
        assert_int_equal(vm_qcow2_read_header(&m->block, "x", &h, NULL), VM_OK);
        m->data[cases[i].at] = cases[i].value;
        assert_int_equal(vm_qcow2_read_header(&m->block, "x", &h, &e), VM_ERR_FILE);
        if (!strstr(e.text, cases[i].says))
            fail_msg("\"%s\" does not say \"%s\"", e.text, cases[i].says);
        block_memory_destroy(m);
    }
}

// Marked corrupt: may be read, not written. L2 entries that lead into the tables: refused, and the
// image is marked.
static void test_corrupt(void **state)
{
    (void)state;
    static const struct qcow2_shape shape = {16, 3, 4, 2048};
    struct disk *d = qcow2_rig_disk(&shape, NULL, "corrupt", 1);
    struct vm_qcow2_header h;
    uint8_t sector[SECTOR] = {1};
    assert_int_equal(vm_block_run(d->block, VM_BLOCK_WRITE, 0, sector, SECTOR), VM_BLOCK_OK);
    disk_close(d);
    assert_int_equal(vm_qcow2_read_header(&d->memory->block, "x", &h, NULL), VM_OK);
    uint64_t l1 = h.l1_offset;
    uint64_t l2 = vm_qcow2_load64(d->memory->data + l1) & QCOW2_OFFSET_MASK;
    vm_qcow2_store64(d->memory->data + l2, QCOW2_COPIED | l1); // the L1 table as data
    d->memory->later = false;
    d->block = qcow2_rig_open(d->memory, NULL, 0);
    assert_int_equal(vm_block_run(d->block, VM_BLOCK_WRITE, 0, sector, SECTOR), VM_BLOCK_IO_ERROR);
    assert_int_equal(vm_block_run(d->block, VM_BLOCK_WRITE, 1 << 19, sector, SECTOR),
                     VM_BLOCK_IO_ERROR);
    disk_close(d);
    struct vm_error e = {0};
    assert_int_equal(vm_qcow2_read_header(&d->memory->block, "x", &h, NULL), VM_OK);
    assert_true(h.incompatible & QCOW2_INCOMPATIBLE_CORRUPT);
    assert_int_equal(vm_qcow2_open(&d->memory->block, NULL, &h, "x", false, &d->block, &e),
                     VM_ERR_FILE);
    assert_non_null(strstr(e.text, "marked corrupt"));
    assert_int_equal(vm_qcow2_open(&d->memory->block, NULL, &h, "x", true, &d->block, NULL), VM_OK);
    assert_int_equal(vm_block_run(d->block, VM_BLOCK_READ, 1 << 19, sector, SECTOR), VM_BLOCK_OK);
    assert_int_equal(vm_block_run(d->block, VM_BLOCK_WRITE, 1 << 19, sector, SECTOR),
                     VM_BLOCK_IO_ERROR);
    disk_destroy(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_requests), cmocka_unit_test(test_backing),
        cmocka_unit_test(test_failures),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
