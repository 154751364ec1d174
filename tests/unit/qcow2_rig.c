// SPDX-License-Identifier: MIT
//
// qcow2 disks on containers in memory (qcow2_rig.h).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "qcow2_rig.h"

enum { MADE_ORDER = 4 }; // that vm_qcow2_create makes

// Gives an image that has one refcount block counts of another width.
static void change_width(struct block_memory *m, unsigned order)
{
    struct vm_qcow2_header h;
    assert_int_equal(vm_qcow2_read_header(&m->block, "made", &h, NULL), VM_OK);
    uint8_t *block = m->data + vm_qcow2_load64(m->data + h.refcount_offset);
    uint64_t size = UINT64_C(1) << h.cluster_bits, used = m->block.size >> h.cluster_bits;
    uint8_t *wide = calloc(1, size);
    assert_true(used <= size * 8 >> order);
    assert_int_equal(vm_qcow2_load64(m->data + h.refcount_offset + 8), 0);
    for (uint64_t i = 0; i < used; i++)
        vm_qcow2_set_refcount(wide, order, i, vm_qcow2_refcount(block, MADE_ORDER, i));
    memcpy(block, wide, size);
    free(wide);
    vm_qcow2_store32(m->data + QCOW2_AT_REFCOUNT_ORDER, order);
}

struct block_memory *qcow2_rig_image(const struct qcow2_shape *shape)
{
    const struct vm_qcow2_create options = {.size = shape->sectors * SECTOR,
                                            .cluster_bits = shape->cluster_bits,
                                            .version = shape->version};
    struct block_memory *m = block_memory_create();
    assert_int_equal(vm_qcow2_create(&m->block, &options, NULL), VM_OK);
    if (shape->refcount_order != MADE_ORDER)
        change_width(m, shape->refcount_order);
    return m;
}

struct vm_block *qcow2_rig_open(struct block_memory *m, struct vm_block *backing, uint64_t seed)
{
    enum { SMALL_CACHE = 6 }; // tables
    struct vm_qcow2_header h;
    struct vm_block *block = NULL;
    struct vm_error e = {0};
    if (vm_qcow2_read_header(&m->block, "test", &h, &e) != VM_OK ||
        vm_qcow2_open(&m->block, backing, &h, "test", false, &block, &e) != VM_OK)
        fail_msg("%s", e.text);
    if (seed % 2)
        VM_CONTAINER_OF(block, struct vm_qcow2, block)->table_capacity = SMALL_CACHE;
    return block;
}

struct disk *qcow2_rig_disk(const struct qcow2_shape *shape, struct vm_block *backing,
                            const char *name, uint64_t seed)
{
    struct block_memory *m = qcow2_rig_image(shape);
    // The image as it was made is on the medium.
    uint8_t *made = malloc(m->block.size);
    uint64_t size = m->block.size;
    memcpy(made, m->data, size);
    m->recording = true;
    assert_int_equal(vm_block_run(&m->block, VM_BLOCK_WRITE, 0, made, size), VM_BLOCK_OK);
    assert_int_equal(vm_block_run(&m->block, VM_BLOCK_FLUSH, 0, NULL, 0), VM_BLOCK_OK);
    free(made);
    struct disk *d = disk_create(qcow2_rig_open(m, backing, seed), m, name, seed);
    m->later = m->scribbles = true;
    return d;
}

void qcow2_rig_check(struct disk *d, struct block_memory *m, const char *when, bool leaks_allowed)
{
    struct vm_qcow2_header h;
    struct vm_qcow2_check found;
    struct vm_error e = {0};
    if (vm_qcow2_read_header(&m->block, when, &h, &e) != VM_OK ||
        vm_qcow2_check(&m->block, &h, false, &found, &e) != VM_OK)
        disk_fail(d, "%s: %s", when, e.text);
    if (found.corruptions)
        disk_fail(d, "%s: %llu corruptions, first %s", when, (unsigned long long)found.corruptions,
                  found.first);
    if (!leaks_allowed && found.leaks)
        disk_fail(d, "%s: %llu clusters leak", when, (unsigned long long)found.leaks);
}

struct block_memory *qcow2_rig_backing(uint64_t sectors, uint32_t value)
{
    struct block_memory *below = block_memory_create();
    uint8_t *data = malloc(sectors * SECTOR);
    for (uint64_t s = 0; s < sectors; s++)
        disk_stamp(data + s * SECTOR, s, value);
    vm_block_run(&below->block, VM_BLOCK_WRITE, 0, data, sectors * SECTOR);
    free(data);
    return below;
}

void qcow2_rig_on_backing(struct disk *d, uint64_t sectors, uint32_t value)
{
    for (uint64_t s = 0; s < sectors; s++)
        d->history[s].list[0].value = value;
}
