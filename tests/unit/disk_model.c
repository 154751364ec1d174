// SPDX-License-Identifier: MIT
//
// Disks beside their model (disk_model.h).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "disk_model.h"

enum { MAX_RUN = 160, SHORT_RUN = 8, FIRST_SEED = 1 };

uint64_t disk_first_seed(void)
{
    const char *text = getenv("TRINE_SEED");
    return text ? strtoull(text, NULL, 0) : FIRST_SEED;
}

unsigned disk_scale(void)
{
    const char *text = getenv("TRINE_TEST_SCALE");
    long n = text ? strtol(text, NULL, 10) : 1;
    return n > 1 ? (unsigned)n : 1;
}

void disk_fail(const struct disk *d, const char *format, ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fail_msg("%s, TRINE_SEED=%llu: %s", d->name, (unsigned long long)d->seed, text);
    abort(); // fail_msg does not return, but does not say so
}

void disk_stamp(uint8_t *sector, uint64_t number, uint32_t value)
{
    for (unsigned i = 0; i < SECTOR / 8; i++) {
        uint64_t v = value ? number << 32 | value : 0;
        memcpy(sector + i * 8, &v, 8);
    }
}

uint32_t disk_unstamp(const uint8_t *sector, uint64_t number)
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

static struct version *last_version(struct disk *d, uint64_t sector)
{
    struct history *h = &d->history[sector];
    return &h->list[h->count - 1];
}

struct disk *disk_create(struct vm_block *block, struct block_memory *memory, const char *name,
                         uint64_t seed)
{
    struct disk *d = calloc(1, sizeof *d);
    d->block = block;
    d->memory = memory;
    d->name = name;
    d->seed = seed;
    d->random = memory->seed = seed * 2654435761u + 2;
    d->sectors = block->size / SECTOR;
    for (uint64_t i = 0; i < d->sectors; i++)
        add_version(&d->history[i], (struct version){.settled = 0});
    return d;
}

void disk_close(struct disk *d)
{
    if (d->block)
        d->block->ops->close(d->block);
    d->block = NULL;
}

void disk_destroy(struct disk *d)
{
    disk_close(d);
    for (uint64_t i = 0; i < d->sectors; i++)
        free(d->history[i].list);
    block_memory_destroy(d->memory);
    free(d);
}

// --- what sectors may hold ---

// One of the versions [oldest, end), or what those that settle nothing may have left.
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
        uint32_t value = disk_unstamp(data + i * SECTOR, sector);
        if (!may_be(h, h->count - 1, h->count, value))
            disk_fail(d, "sector %llu has %x, not %x", (unsigned long long)sector, value,
                      h->list[h->count - 1].value);
    }
}

static uint8_t *read_all(struct disk *d, struct vm_block *block)
{
    uint8_t *data = malloc(d->sectors * SECTOR);
    if (vm_block_run(block, VM_BLOCK_READ, 0, data, d->sectors * SECTOR) != VM_BLOCK_OK)
        disk_fail(d, "the disk cannot be read");
    return data;
}

void disk_check_all(struct disk *d)
{
    uint8_t *data = read_all(d, d->block);
    check_now(d, 0, data, d->sectors * SECTOR);
    free(data);
}

void disk_check_cut(struct disk *d, size_t at, struct vm_block *block)
{
    uint8_t *data = read_all(d, block);
    for (uint64_t i = 0; i < d->sectors; i++) {
        const struct history *h = &d->history[i];
        unsigned oldest = 0, end = 0;
        while (end < h->count && h->list[end].begun <= at)
            end++;
        for (unsigned j = 0; j < end; j++) {
            if (h->list[j].settled <= at)
                oldest = j;
        }
        uint32_t value = disk_unstamp(data + i * SECTOR, i);
        if (!may_be(h, oldest, end, value))
            disk_fail(d, "cut at %zu: sector %llu has %x, but %x was flushed", at,
                      (unsigned long long)i, value, h->list[oldest].value);
    }
    free(data);
}

// --- requests ---

static void settle(struct disk *d, uint64_t until)
{
    for (uint64_t i = 0; i < d->sectors; i++) {
        struct history *h = &d->history[i];
        for (unsigned j = h->count; j-- > 0 && h->list[j].settled == SIZE_MAX;) {
            if (h->list[j].ended <= until)
                h->list[j].settled = d->memory->record_count;
        }
    }
}

static void write_ended(struct disk *d, const struct vm_block_request *r)
{
    for (uint64_t i = 0; i < r->size / SECTOR; i++) {
        struct version *v = last_version(d, r->offset / SECTOR + i);
        v->ended = d->events;
        v->is_discard |= r->status != VM_BLOCK_OK;
    }
}

static void request_done(struct vm_block_request *r)
{
    struct disk_slot *slot = r->owner;
    struct disk *d = slot->disk;
    d->events++;
    d->in_flight--;
    slot->busy = false;
    if (r->status != VM_BLOCK_OK && !d->may_fail)
        disk_fail(d, "a request fails: %s", vm_block_status_text(r->status));
    if (r->op == VM_BLOCK_READ && r->status == VM_BLOCK_OK)
        check_now(d, r->offset, slot->data, r->size);
    else if (r->op == VM_BLOCK_FLUSH && r->status == VM_BLOCK_OK)
        settle(d, slot->begun);
    else if (r->op != VM_BLOCK_READ && r->op != VM_BLOCK_FLUSH)
        write_ended(d, r);
    free(slot->data);
    slot->data = NULL;
}

static bool is_taken(const struct disk *d, uint64_t offset, uint64_t size)
{
    for (unsigned i = 0; i < DISK_SLOTS; i++) {
        const struct vm_block_request *r = &d->slots[i].request;
        if (d->slots[i].busy && r->op != VM_BLOCK_FLUSH && offset < r->offset + r->size &&
            r->offset < offset + size)
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
        add_version(&d->history[sector],
                    (struct version){value, r->op == VM_BLOCK_DISCARD, d->memory->record_count,
                                     UINT64_MAX, SIZE_MAX});
        if (r->op == VM_BLOCK_WRITE)
            disk_stamp(data + i * SECTOR, sector, value);
    }
}

// A request in a free slot, its data in three iovecs with borders within sectors.
static struct vm_block_request *take_slot(struct disk *d, enum vm_block_op op, uint64_t sector,
                                          uint64_t count)
{
    struct disk_slot *slot = d->slots;
    while (slot < d->slots + DISK_SLOTS && slot->busy)
        slot++;
    if (slot == d->slots + DISK_SLOTS || (count && is_taken(d, sector * SECTOR, count * SECTOR)))
        return NULL;
    size_t total = (size_t)count * SECTOR, first = 100, second = total / 2;
    slot->data = malloc(total + 1);
    slot->iov[0] = (struct vm_iovec){slot->data, first};
    slot->iov[1] = (struct vm_iovec){slot->data + first, second - first};
    slot->iov[2] = (struct vm_iovec){slot->data + second, total - second};
    slot->request = (struct vm_block_request){
        .op = op,
        .offset = sector * SECTOR,
        .size = total,
        .iov = slot->iov,
        .iov_count = count ? 3 : 0,
        .done = request_done,
        .owner = slot,
    };
    slot->busy = true;
    slot->disk = d;
    slot->begun = d->events;
    d->in_flight++;
    foresee(d, &slot->request, slot->data);
    return &slot->request;
}

static struct vm_block_request *random_request(struct disk *d, bool flushes)
{
    static const enum vm_block_op ops[] = {VM_BLOCK_WRITE,  VM_BLOCK_WRITE, VM_BLOCK_WRITE,
                                           VM_BLOCK_READ,   VM_BLOCK_READ,  VM_BLOCK_WRITE_ZEROES,
                                           VM_BLOCK_DISCARD};
    uint64_t r = block_random(&d->random);
    uint64_t longest = d->sectors / 8 < MAX_RUN ? d->sectors / 8 : MAX_RUN;
    uint64_t size = 1 + (r >> 8) % (r & 3 ? SHORT_RUN : longest), sector = (r >> 20) % d->sectors;
    if (flushes && r >> 56 < 16)
        return take_slot(d, VM_BLOCK_FLUSH, 0, 0);
    if (sector + size > d->sectors)
        size = d->sectors - sector;
    struct vm_block_request *q = take_slot(d, ops[(r >> 50) % VM_ARRAY_SIZE(ops)], sector, size);
    if (q)
        q->unmap = r >> 60 & 1;
    return q;
}

void disk_submit(struct disk *d, unsigned count, bool flushes)
{
    struct vm_block_request *list[DISK_SLOTS];
    unsigned n = 0;
    for (unsigned i = 0; i < count && n < DISK_SLOTS; i++) {
        struct vm_block_request *r = random_request(d, flushes);
        if (r)
            list[n++] = r;
    }
    d->block->ops->submit(d->block, list, n);
}

void disk_wait(struct disk *d, unsigned left)
{
    while (d->in_flight > left)
        d->block->ops->wait(d->block);
}

void disk_work(struct disk *d, unsigned steps, bool flushes)
{
    for (unsigned i = 0; i < steps; i++) {
        disk_submit(d, 1 + block_random(&d->random) % (DISK_SLOTS - 4), flushes);
        disk_wait(d, (unsigned)(block_random(&d->random) % DISK_SLOTS));
    }
    disk_wait(d, 0);
}

static enum vm_block_status run(struct disk *d, enum vm_block_op op, uint64_t sector,
                                uint64_t count)
{
    struct vm_block_request *r = take_slot(d, op, sector, count);
    d->block->ops->submit(d->block, &r, 1);
    disk_wait(d, 0);
    return r->status;
}

enum vm_block_status disk_flush(struct disk *d)
{
    return run(d, VM_BLOCK_FLUSH, 0, 0);
}

void disk_write(struct disk *d, uint64_t sector, uint64_t count)
{
    run(d, VM_BLOCK_WRITE, sector, count);
}
