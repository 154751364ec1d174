// SPDX-License-Identifier: MIT
//
// Power cuts under qcow2 disks. While random requests run, several in flight, the container records
// every write with its data and every sync. Then the power goes at every sync, just before and just
// after it, and at some points between: the file gets what was synced, and of the later writes a
// random choice, torn at sectors. That image must check clean but for leaks, by the program's own
// check and for a sample by qemu-img's; every flushed write must be there; and it must be fit for
// further use.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qcow2_rig.h"

enum { STEPS = 50, ROUNDS = 2, SUBSETS = 3, ONE_IN = 24, QEMU_ONE_IN = 64, BELOW = 0x70000000 };

static const struct qcow2_shape shapes[] = {
    {9, 3, 4, 1024},  {9, 2, 4, 256},   {10, 3, 4, 512},  {12, 3, 4, 1024}, {12, 2, 4, 1024},
    {16, 3, 4, 1024}, {16, 2, 4, 1024}, {9, 3, 0, 1024},  {9, 3, 6, 1024},  {10, 3, 1, 512},
    {9, 3, 2, 1024},  {10, 3, 3, 1024}, {12, 3, 5, 1024}, {16, 3, 0, 1024},
};

static bool has_qemu(void)
{
    return system("qemu-img --version >/dev/null 2>&1") == 0;
}

static char *save(struct block_memory *m)
{
    char *path = strdup("/tmp/vm-cut-XXXXXX");
    close(mkstemp(path));
    block_memory_save(m, path);
    return path;
}

static int run_qemu(const char *format, const char *path)
{
    char command[300];
    snprintf(command, sizeof command, format, path);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// What qemu-img thinks of it, where there is one: clean, or leaks only.
static void ask_qemu(struct disk *d, struct block_memory *m, size_t at)
{
    enum { LEAKS = 3, NO_SUCH_PROGRAM = 127 };
    char *path = save(m);
    int status = run_qemu("qemu-img check -q -f qcow2 %s >/dev/null 2>&1", path);
    unlink(path);
    free(path);
    if (status != NO_SUCH_PROGRAM && status != 0 && status != LEAKS)
        disk_fail(d, "cut at %zu: qemu-img check says %d", at, status);
}

// The image goes on being written, which what the cut has left must not spoil.
static void use_again(struct disk *d, struct block_memory *m, struct vm_block *backing, size_t at)
{
    struct vm_block *block = qcow2_rig_open(m, backing, at);
    uint8_t data[8 * SECTOR] = {0};
    for (unsigned i = 0; i < 24; i++) {
        uint64_t count = 1 + block_random(&d->random) % 8;
        uint64_t sector = block_random(&d->random) % (d->sectors - count);
        enum vm_block_op op = i % 3 == 2 ? VM_BLOCK_DISCARD : VM_BLOCK_WRITE;
        if (vm_block_run(block, op, sector * SECTOR, data, count * SECTOR) != VM_BLOCK_OK)
            disk_fail(d, "cut at %zu: the disk cannot be written afterwards", at);
    }
    block->ops->close(block);
    qcow2_rig_check(d, m, "written after a cut", true);
}

static void check_cut(struct disk *d, struct vm_block *backing, size_t at)
{
    struct block_memory *cut = block_memory_cut(d->memory, at, &d->random);
    qcow2_rig_check(d, cut, "cut", true);
    if (block_random(&d->random) % QEMU_ONE_IN == 0)
        ask_qemu(d, cut, at);
    struct vm_block *block = qcow2_rig_open(cut, backing, 0);
    disk_check_cut(d, at, block);
    block->ops->close(block);
    if (block_random(&d->random) % 4 == 0)
        use_again(d, cut, backing, at);
    block_memory_destroy(cut);
}

static size_t check_cuts(struct disk *d, struct vm_block *backing, size_t from)
{
    const struct block_memory *m = d->memory;
    size_t cuts = 0;
    for (size_t at = from; at <= m->record_count; at++) {
        bool before = at == m->record_count || m->records[at].is_sync;
        bool after = at > from && m->records[at - 1].is_sync;
        if (!before && !after && block_random(&d->random) % ONE_IN)
            continue;
        for (unsigned i = 0; i < SUBSETS; i++, cuts++)
            check_cut(d, backing, at);
    }
    return cuts;
}

// --- the cases ---

static void cut_shape(const struct qcow2_shape *shape, uint64_t below, uint64_t seed)
{
    struct block_memory *backing = below ? qcow2_rig_backing(below, BELOW) : NULL;
    struct vm_block *block = backing ? &backing->block : NULL;
    char name[80];
    snprintf(name, sizeof name, "2^%u byte clusters, version %u, 2^%u bit refcounts%s",
             shape->cluster_bits, shape->version, shape->refcount_order,
             below ? ", on a backing disk" : "");
    struct disk *d = qcow2_rig_disk(shape, block, name, seed);
    qcow2_rig_on_backing(d, below, BELOW);
    size_t made = d->memory->record_count;
    if (backing)
        backing->later = true;
    disk_work(d, STEPS, true);
    disk_close(d);
    if (d->memory->overlaps)
        disk_fail(d, "%u writes to bytes with another write in flight", d->memory->overlaps);
    if (check_cuts(d, block, made) < 10)
        disk_fail(d, "hardly a cut");
    disk_destroy(d);
    if (backing)
        block_memory_destroy(backing);
}

static void test_cuts(void **state)
{
    (void)state;
    for (uint64_t r = 0; r < ROUNDS * disk_scale(); r++) {
        for (unsigned i = 0; i < VM_ARRAY_SIZE(shapes); i++)
            cut_shape(&shapes[i], 0, disk_first_seed() + r);
    }
}

static void test_overlay_cuts(void **state)
{
    (void)state;
    for (uint64_t r = 0; r < ROUNDS * disk_scale(); r++) {
        for (unsigned i = 0; i < VM_ARRAY_SIZE(shapes); i++)
            cut_shape(&shapes[i], shapes[i].sectors / 2 + 3, disk_first_seed() + r);
    }
}

// Small clusters and much data: the refcount table has to grow, more than once.
static void test_growth_cuts(void **state)
{
    (void)state;
    enum { PIECE = 2048, HEADER_CHANGE = 12 };
    static const struct qcow2_shape shape = {9, 3, 4, DISK_MAX_SECTORS};
    struct disk *d = qcow2_rig_disk(&shape, NULL, "growth", disk_first_seed());
    size_t made = d->memory->record_count, moves = 0;
    for (uint64_t at = 0; at < d->sectors; at += PIECE) {
        disk_write(d, at, PIECE);
        if (at % (PIECE * 4) == 0)
            disk_flush(d);
    }
    disk_check_all(d);
    disk_close(d);
    qcow2_rig_check(d, d->memory, "grown", false);
    for (unsigned i = 0; i < 10 * disk_scale(); i++)
        check_cut(d, NULL, made + block_random(&d->random) % (d->memory->record_count - made));
    // The cuts that matter most: around the header's change, until that lasts.
    for (size_t i = made; i < d->memory->record_count; i++) {
        if (d->memory->records[i].size != HEADER_CHANGE)
            continue;
        check_cut(d, NULL, i);
        for (moves++; i < d->memory->record_count && !d->memory->records[i].is_sync; i++) {
            for (unsigned n = 0; n < SUBSETS; n++)
                check_cut(d, NULL, i + 1);
        }
    }
    assert_true(moves > 0);
    disk_destroy(d);
}

// An image with compressed, plain and zero clusters and an internal snapshot, made by qemu-img:
// clusters have several references, tables are copied before they change.
static struct block_memory *shared_image(const struct qcow2_shape *shape)
{
    enum { PLAIN = 256 }; // sectors
    struct block_memory *content = qcow2_rig_backing(shape->sectors, BELOW);
    char *path = save(content);
    const char *made = "P=%s; qemu-img convert -c -f raw -O qcow2 -o cluster_size=4096 $P $P.q &&"
                       " qemu-io -f qcow2 -c 'write -q -z 8k 16k' -c 'write -q -z 128k 64k' $P.q"
                       " >/dev/null && mv $P.q $P";
    assert_int_equal(run_qemu(made, path), 0);
    struct block_memory *m = block_memory_load(path);
    struct vm_block *block = qcow2_rig_open(m, NULL, 0);
    uint64_t from = (shape->sectors - PLAIN) * SECTOR;
    vm_block_run(block, VM_BLOCK_WRITE, from, content->data + from, PLAIN * SECTOR);
    block->ops->close(block);
    block_memory_save(m, path);
    block_memory_destroy(m);
    block_memory_destroy(content);
    assert_int_equal(run_qemu("qemu-img snapshot -c one %s", path), 0);
    m = block_memory_load(path);
    unlink(path);
    free(path);
    return m;
}

static uint32_t value_at_first(uint64_t sector)
{
    bool is_zero = (sector >= 16 && sector < 48) || (sector >= 256 && sector < 384);
    return is_zero ? 0 : BELOW;
}

// What the snapshot shows has not changed.
static void check_snapshot(struct disk *d, struct block_memory *m)
{
    char *path = save(m), raw[80];
    snprintf(raw, sizeof raw, "%s.raw", path);
    if (run_qemu("P=%s; qemu-img convert -f qcow2 -O raw -l one $P $P.raw", path) != 0)
        disk_fail(d, "qemu-img cannot read the snapshot");
    struct block_memory *shows = block_memory_load(raw);
    for (uint64_t s = 0; s < d->sectors; s++) {
        if (disk_unstamp(shows->data + s * SECTOR, s) != value_at_first(s))
            disk_fail(d, "sector %llu of the snapshot has changed", (unsigned long long)s);
    }
    block_memory_destroy(shows);
    unlink(raw);
    unlink(path);
    free(path);
}

static void test_shared_clusters(void **state)
{
    (void)state;
    static const struct qcow2_shape shape = {12, 3, 4, 2048};
    if (!has_qemu()) {
        print_message("skipped: no qemu-img to make an image with a snapshot\n");
        skip();
    }
    struct block_memory *first = shared_image(&shape);
    for (uint64_t r = 0; r < ROUNDS * disk_scale(); r++) {
        uint64_t seed = disk_first_seed() + r;
        struct block_memory *m = block_memory_create();
        m->recording = true;
        vm_block_run(&m->block, VM_BLOCK_WRITE, 0, first->data, first->block.size);
        vm_block_run(&m->block, VM_BLOCK_FLUSH, 0, NULL, 0);
        size_t made = m->record_count;
        struct disk *d = disk_create(qcow2_rig_open(m, NULL, seed), m, "snapshot", seed);
        for (uint64_t s = 0; s < d->sectors; s++)
            d->history[s].list[0].value = value_at_first(s);
        m->later = m->scribbles = true;
        disk_work(d, STEPS, true);
        disk_close(d);
        check_snapshot(d, m);
        check_cuts(d, NULL, made);
        disk_destroy(d);
    }
    block_memory_destroy(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_overlay_cuts),
        cmocka_unit_test(test_growth_cuts),
        cmocka_unit_test(test_shared_clusters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
