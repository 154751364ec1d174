// SPDX-License-Identifier: MIT
//
// qcow2 disks on a container in memory: random requests against a model, with completions in random
// order; failures of the container; and power cuts, after which the image must check clean and have
// all that was flushed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "block_memory.h"
#include "qcow2.h"

enum { SECTOR = 512, MAX_SECTORS = 40960, BATCH = 12, MAX_RUN = 160 };

// What the guest wrote to a sector over time. A discard leaves what was there, or zeros.
struct version {
    uint32_t value;  // 0: zeros
    bool is_discard; // or failed: what was there before may be there still
    size_t begun;    // records there were when it was submitted
    size_t settled;  // records after which it lasts; SIZE_MAX: none
};
struct history {
    struct version *list;
    unsigned count;
};

struct disk {
    struct block_memory *memory;
    struct vm_block *block;
    struct vm_qcow2_header header;
    uint64_t sectors;
    struct history history[MAX_SECTORS];
    uint32_t next_value;
    uint64_t seed;
};

struct batch {
    struct vm_block_request requests[BATCH];
    struct vm_iovec iov[BATCH][3];
    uint8_t *data[BATCH];
    unsigned count, done;
};

static void stamp(uint8_t *sector, uint64_t number, uint32_t value)
{
    for (unsigned i = 0; i < SECTOR / 8; i++) {
        uint64_t v = value ? number << 32 | value : 0;
        memcpy(sector + i * 8, &v, 8);
    }
}

// The value of a sector; UINT32_MAX if it is no one's.
static uint32_t unstamp(const uint8_t *sector, uint64_t number)
{
    uint64_t first, v;
    memcpy(&first, sector, 8);
    for (unsigned i = 1; i < SECTOR / 8; i++) {
        memcpy(&v, sector + i * 8, 8);
        if (v != first)
            return UINT32_MAX;
    }
    return first == 0 ? 0 : first >> 32 == number ? (uint32_t)first : UINT32_MAX;
}

static void add_version(struct history *h, struct version v)
{
    h->list = realloc(h->list, (h->count + 1) * sizeof v);
    h->list[h->count++] = v;
}

static void disk_open(struct disk *d, struct vm_block *backing)
{
    struct vm_error e = {0};
    enum { SMALL_CACHE = 6 }; // tables; then they have to make room for each other
    if (vm_qcow2_read_header(&d->memory->block, "test", &d->header, &e) != VM_OK ||
        vm_qcow2_open(&d->memory->block, backing, &d->header, "test", false, &d->block, &e) !=
            VM_OK)
        fail_msg("%s", e.text);
    if (d->seed % 2)
        VM_CONTAINER_OF(d->block, struct vm_qcow2, block)->table_capacity = SMALL_CACHE;
}

static struct disk *disk_create(unsigned cluster_bits, unsigned version, uint64_t sectors,
                                struct vm_block *backing, uint64_t seed)
{
    struct disk *d = calloc(1, sizeof *d);
    const struct vm_qcow2_create options = {
        .size = sectors * SECTOR, .cluster_bits = cluster_bits, .version = version};
    d->memory = block_memory_create();
    d->memory->recording = true;
    d->memory->seed = d->seed = seed * 2654435761u + 2;
    d->sectors = sectors;
    for (uint64_t i = 0; i < sectors; i++)
        add_version(&d->history[i], (struct version){.settled = 0});
    assert_int_equal(vm_qcow2_create(&d->memory->block, &options, NULL), VM_OK);
    disk_open(d, backing);
    d->memory->later = true;
    return d;
}

static void disk_destroy(struct disk *d)
{
    if (d->block)
        d->block->ops->close(d->block);
    for (uint64_t i = 0; i < d->sectors; i++)
        free(d->history[i].list);
    block_memory_destroy(d->memory);
    free(d);
}

static void request_done(struct vm_block_request *r)
{
    ((struct batch *)r->owner)->done++;
}

static bool is_taken(const struct batch *b, uint64_t offset, uint64_t size)
{
    for (unsigned i = 0; i < b->count; i++) {
        const struct vm_block_request *r = &b->requests[i];
        if (offset < r->offset + r->size && r->offset < offset + size)
            return true;
    }
    return false;
}

// Changes what the model says, and the data of a write.
static void foresee(struct disk *d, struct vm_block_request *r, uint8_t *data)
{
    if (r->op == VM_BLOCK_READ || r->op == VM_BLOCK_FLUSH)
        return;
    uint32_t value = r->op == VM_BLOCK_WRITE ? ++d->next_value : 0;
    for (uint64_t i = 0; i < r->size / SECTOR; i++) {
        uint64_t sector = r->offset / SECTOR + i;
        add_version(&d->history[sector], (struct version){value, r->op == VM_BLOCK_DISCARD,
                                                          d->memory->record_count, SIZE_MAX});
        if (r->op == VM_BLOCK_WRITE)
            stamp(data + i * SECTOR, sector, value);
    }
}

static void add_request(struct disk *d, struct batch *b)
{
    static const enum vm_block_op ops[] = {VM_BLOCK_WRITE,  VM_BLOCK_WRITE, VM_BLOCK_WRITE,
                                           VM_BLOCK_READ,   VM_BLOCK_READ,  VM_BLOCK_WRITE_ZEROES,
                                           VM_BLOCK_DISCARD};
    uint64_t r = block_random(&d->seed);
    uint64_t size = 1 + (r >> 8) % (r & 1 ? 8 : MAX_RUN), sector = (r >> 20) % d->sectors;
    if (sector + size > d->sectors)
        size = d->sectors - sector;
    if (is_taken(b, sector * SECTOR, size * SECTOR))
        return;
    struct vm_block_request *q = &b->requests[b->count];
    uint8_t *data = malloc(size * SECTOR);
    // Three iovecs; borders within sectors.
    size_t total = (size_t)size * SECTOR, first = 100, second = total / 2;
    struct vm_iovec *iov = b->iov[b->count];
    iov[0] = (struct vm_iovec){data, first};
    iov[1] = (struct vm_iovec){data + first, second - first};
    iov[2] = (struct vm_iovec){data + second, total - second};
    *q = (struct vm_block_request){
        .op = ops[(r >> 50) % VM_ARRAY_SIZE(ops)],
        .offset = sector * SECTOR,
        .size = total,
        .iov = iov,
        .iov_count = 3,
        .unmap = r >> 60 & 1,
        .done = request_done,
        .owner = b,
    };
    b->data[b->count++] = data;
    foresee(d, q, data);
}

static bool may_be(const struct history *h, unsigned oldest, unsigned end, uint32_t value)
{
    for (unsigned i = oldest + 1; i-- > 0;) {
        if (h->list[i].value == value)
            return true;
        if (!h->list[i].is_discard)
            break;
    }
    for (unsigned i = oldest + 1; i < end; i++) {
        if (h->list[i].value == value)
            return true;
    }
    return false;
}

static void check_now(struct disk *d, uint64_t offset, const uint8_t *data, uint64_t size)
{
    for (uint64_t i = 0; i < size / SECTOR; i++) {
        uint64_t sector = offset / SECTOR + i;
        const struct history *h = &d->history[sector];
        uint32_t value = unstamp(data + i * SECTOR, sector);
        if (!may_be(h, h->count - 1, h->count, value))
            fail_msg("sector %llu has %x, not %x", (unsigned long long)sector, value,
                     h->list[h->count - 1].value);
    }
}

static void doubt(struct disk *d, const struct vm_block_request *r)
{
    for (uint64_t i = 0; i < r->size / SECTOR; i++) {
        struct history *h = &d->history[r->offset / SECTOR + i];
        h->list[h->count - 1].is_discard = true;
    }
}

static void finish_batch(struct disk *d, struct batch *b, bool must)
{
    while (b->done < b->count)
        d->block->ops->wait(d->block);
    for (unsigned i = 0; i < b->count; i++) {
        const struct vm_block_request *r = &b->requests[i];
        if (must)
            assert_int_equal(r->status, VM_BLOCK_OK);
        if (r->status != VM_BLOCK_OK && r->op != VM_BLOCK_READ)
            doubt(d, r);
        if (r->op == VM_BLOCK_READ && r->status == VM_BLOCK_OK)
            check_now(d, r->offset, b->data[i], r->size);
        free(b->data[i]);
    }
}

static void run_batch(struct disk *d, bool must)
{
    struct batch b = {0};
    struct vm_block_request *list[BATCH];
    unsigned want = 1 + block_random(&d->seed) % BATCH;
    for (unsigned i = 0; i < want; i++)
        add_request(d, &b);
    for (unsigned i = 0; i < b.count; i++)
        list[i] = &b.requests[i];
    d->block->ops->submit(d->block, list, b.count);
    finish_batch(d, &b, must);
}

static enum vm_block_status flush(struct disk *d)
{
    enum vm_block_status s = vm_block_run(d->block, VM_BLOCK_FLUSH, 0, NULL, 0);
    for (uint64_t i = 0; s == VM_BLOCK_OK && i < d->sectors; i++) {
        struct history *h = &d->history[i];
        for (unsigned j = h->count; j-- > 0 && h->list[j].settled == SIZE_MAX;)
            h->list[j].settled = d->memory->record_count;
    }
    return s;
}

static void check_all(struct disk *d)
{
    uint8_t *data = malloc(d->sectors * SECTOR);
    assert_int_equal(vm_block_run(d->block, VM_BLOCK_READ, 0, data, d->sectors * SECTOR),
                     VM_BLOCK_OK);
    check_now(d, 0, data, d->sectors * SECTOR);
    free(data);
}

static void check_image(struct block_memory *m, const char *when, bool leaks_allowed)
{
    struct vm_qcow2_header h;
    struct vm_qcow2_check found;
    struct vm_error e = {0};
    if (vm_qcow2_read_header(&m->block, when, &h, &e) != VM_OK ||
        vm_qcow2_check(&m->block, &h, false, &found, &e) != VM_OK)
        fail_msg("%s: %s", when, e.text);
    if (found.corruptions)
        fail_msg("%s: %llu corruptions, first %s", when, (unsigned long long)found.corruptions,
                 found.first);
    if (!leaks_allowed)
        assert_int_equal(found.leaks, 0);
}

// --- tests ---

static const struct {
    unsigned cluster_bits, version;
    uint64_t sectors;
} shapes[] = {{9, 3, 4096},  {9, 2, 1024},  {10, 3, 2048}, {12, 3, 4096},
              {12, 2, 4096}, {16, 3, 4096}, {16, 2, 2048}, {21, 3, 8192}};

static void test_random_requests(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VM_ARRAY_SIZE(shapes); i++) {
        struct disk *d =
            disk_create(shapes[i].cluster_bits, shapes[i].version, shapes[i].sectors, NULL, i + 1);
        d->memory->recording = false;
        for (unsigned n = 0; n < 200; n++) {
            run_batch(d, true);
            if (block_random(&d->seed) % 16 == 0)
                assert_int_equal(flush(d), VM_BLOCK_OK);
            if (n % 64 == 63) {
                check_all(d);
                d->block->ops->close(d->block);
                check_image(d->memory, "closed", false);
                d->memory->later = false;
                disk_open(d, NULL);
                d->memory->later = true;
            }
        }
        check_all(d);
        disk_destroy(d);
    }
}

// The disk under the overlay is shorter, and of stamps itself.
static void test_backing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VM_ARRAY_SIZE(shapes); i++) {
        struct block_memory *below = block_memory_create();
        uint64_t there = shapes[i].sectors / 2 + 3;
        uint8_t *data = malloc(there * SECTOR);
        for (uint64_t s = 0; s < there; s++)
            stamp(data + s * SECTOR, s, 0x70000000);
        vm_block_run(&below->block, VM_BLOCK_WRITE, 0, data, there * SECTOR);
        struct disk *d = disk_create(shapes[i].cluster_bits, shapes[i].version, shapes[i].sectors,
                                     &below->block, i + 100);
        for (uint64_t s = 0; s < there; s++)
            d->history[s].list[0].value = 0x70000000;
        below->later = true;
        d->memory->recording = false;
        for (unsigned n = 0; n < 100; n++)
            run_batch(d, true);
        check_all(d);
        disk_destroy(d);
        assert_true(below->closed);
        assert_memory_equal(below->data, data, there * SECTOR);
        block_memory_destroy(below);
        free(data);
    }
}

// What qemu-img thinks of it, where there is one: clean, or leaks only (its exit status 3).
static void ask_qemu(struct block_memory *m)
{
    char path[] = "/tmp/vm-cut-XXXXXX", command[100];
    close(mkstemp(path));
    block_memory_save(m, path);
    snprintf(command, sizeof command, "qemu-img check -q -f qcow2 %s >/dev/null 2>&1", path);
    int status = system(command);
    unlink(path);
    status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (status != 127 && status != 0 && status != 3)
        fail_msg("qemu-img check says %d", status);
}

static void check_cut(struct disk *d, size_t at)
{
    struct block_memory *cut = block_memory_cut(d->memory, at, &d->seed);
    check_image(cut, "cut", true);
    if (block_random(&d->seed) % 16 == 0)
        ask_qemu(cut);
    struct vm_qcow2_header h;
    struct vm_block *block;
    assert_int_equal(vm_qcow2_read_header(&cut->block, "cut", &h, NULL), VM_OK);
    assert_int_equal(vm_qcow2_open(&cut->block, NULL, &h, "cut", false, &block, NULL), VM_OK);
    uint8_t *data = malloc(d->sectors * SECTOR);
    assert_int_equal(vm_block_run(block, VM_BLOCK_READ, 0, data, d->sectors * SECTOR), VM_BLOCK_OK);
    for (uint64_t i = 0; i < d->sectors; i++) {
        const struct history *l = &d->history[i];
        unsigned oldest = 0, end = 0;
        while (end < l->count && l->list[end].begun <= at)
            end++;
        for (unsigned j = 0; j < end; j++) {
            if (l->list[j].settled <= at)
                oldest = j;
        }
        if (!may_be(l, oldest, end, unstamp(data + i * SECTOR, i)))
            fail_msg("cut at %zu: sector %llu lost what was flushed", at, (unsigned long long)i);
    }
    free(data);
    block->ops->close(block);
    block_memory_destroy(cut);
}

static void test_power_cut(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VM_ARRAY_SIZE(shapes); i++) {
        if (shapes[i].cluster_bits == 21)
            continue; // as 16, but slow
        for (unsigned round = 0; round < 3; round++) {
            struct disk *d = disk_create(shapes[i].cluster_bits, shapes[i].version,
                                         shapes[i].sectors / 4, NULL, i * 16 + round + 7);
            size_t made = d->memory->record_count;
            for (unsigned n = 0; n < 24; n++) {
                run_batch(d, true);
                if (block_random(&d->seed) % 3 == 0)
                    assert_int_equal(flush(d), VM_BLOCK_OK);
            }
            d->block->ops->close(d->block);
            d->block = NULL;
            for (size_t at = made; at <= d->memory->record_count; at++) {
                if (at == d->memory->record_count || d->memory->records[at].is_sync ||
                    block_random(&d->seed) % 16 == 0)
                    check_cut(d, at);
            }
            disk_destroy(d);
        }
    }
}

// Small clusters and much data: the refcount table has to grow, more than once.
static void test_growth(void **state)
{
    (void)state;
    const uint64_t piece = 1 << 20;
    struct disk *d = disk_create(9, 3, MAX_SECTORS, NULL, 77);
    uint64_t table = d->header.refcount_offset;
    size_t made = d->memory->record_count;
    uint8_t *data = malloc(piece);
    for (uint64_t at = 0; at < d->sectors * SECTOR; at += piece) {
        struct vm_block_request r = {.op = VM_BLOCK_WRITE, .offset = at, .size = piece};
        foresee(d, &r, data);
        assert_int_equal(vm_block_run(d->block, VM_BLOCK_WRITE, at, data, piece), VM_BLOCK_OK);
        if (at % (piece * 4) == 0)
            assert_int_equal(flush(d), VM_BLOCK_OK);
    }
    free(data);
    check_all(d);
    d->block->ops->close(d->block);
    d->block = NULL;
    check_image(d->memory, "grown", false);
    assert_int_equal(vm_qcow2_read_header(&d->memory->block, "grown", &d->header, NULL), VM_OK);
    assert_int_not_equal(d->header.refcount_offset, table);
    for (unsigned i = 0; i < 12; i++)
        check_cut(d, made + block_random(&d->seed) % (d->memory->record_count - made));
    // The cuts that matter most: around the header's change.
    for (size_t i = made; i < d->memory->record_count; i++) {
        if (d->memory->records[i].size == 12) {
            check_cut(d, i);
            check_cut(d, i + 1);
        }
    }
    disk_destroy(d);
}

// The container fails: requests may fail, but nothing hangs, and the image stays consistent.
static void test_failures(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 60; n++) {
        struct disk *d = disk_create(12, 3, 2048, NULL, n + 50);
        d->memory->recording = false;
        run_batch(d, true);
        d->memory->fail_after = n;
        for (unsigned i = 0; i < 12; i++) {
            run_batch(d, false);
            flush(d);
        }
        d->memory->fail_after = 0;
        d->block->ops->close(d->block);
        d->block = NULL;
        check_image(d->memory, "after failures", true);
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
    struct disk *d = disk_create(16, 3, 2048, NULL, 1);
    uint8_t sector[SECTOR] = {1};
    assert_int_equal(vm_block_run(d->block, VM_BLOCK_WRITE, 0, sector, SECTOR), VM_BLOCK_OK);
    d->block->ops->close(d->block);
    uint64_t l1 = d->header.l1_offset;
    uint64_t l2 = vm_qcow2_load64(d->memory->data + l1) & QCOW2_OFFSET_MASK;
    vm_qcow2_store64(d->memory->data + l2, QCOW2_COPIED | l1); // the L1 table as data
    d->memory->later = false;
    disk_open(d, NULL);
    assert_int_equal(vm_block_run(d->block, VM_BLOCK_WRITE, 0, sector, SECTOR), VM_BLOCK_IO_ERROR);
    assert_int_equal(vm_block_run(d->block, VM_BLOCK_WRITE, 1 << 19, sector, SECTOR),
                     VM_BLOCK_IO_ERROR);
    d->block->ops->close(d->block);
    struct vm_error e = {0};
    assert_int_equal(vm_qcow2_read_header(&d->memory->block, "x", &d->header, NULL), VM_OK);
    assert_true(d->header.incompatible & QCOW2_INCOMPATIBLE_CORRUPT);
    assert_int_equal(vm_qcow2_open(&d->memory->block, NULL, &d->header, "x", false, &d->block, &e),
                     VM_ERR_FILE);
    assert_non_null(strstr(e.text, "marked corrupt"));
    assert_int_equal(vm_qcow2_open(&d->memory->block, NULL, &d->header, "x", true, &d->block, NULL),
                     VM_OK);
    assert_int_equal(vm_block_run(d->block, VM_BLOCK_READ, 1 << 19, sector, SECTOR), VM_BLOCK_OK);
    assert_int_equal(vm_block_run(d->block, VM_BLOCK_WRITE, 1 << 19, sector, SECTOR),
                     VM_BLOCK_IO_ERROR);
    disk_destroy(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_requests), cmocka_unit_test(test_backing),
        cmocka_unit_test(test_power_cut),       cmocka_unit_test(test_growth),
        cmocka_unit_test(test_failures),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
