// SPDX-License-Identifier: MIT
//
// Containers in memory (block_memory.h).
#include "block_memory.h"

#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512 };

uint64_t block_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static bool ensure(struct block_memory *m, uint64_t size)
{
    if (size > BLOCK_MEMORY_LIMIT)
        return false;
    if (size > m->room) {
        uint64_t room = size * 2;
        m->data = realloc(m->data, room);
        memset(m->data + m->room, 0, room - m->room);
        m->room = room;
    }
    if (size > m->block.size)
        m->block.size = size;
    return true;
}

static void put(struct block_memory *m, uint64_t offset, const void *data, uint64_t size)
{
    if (ensure(m, offset + size))
        memcpy(m->data + offset, data, size);
}

static size_t record(struct block_memory *m, struct block_record r)
{
    if (m->record_count == m->record_room) {
        m->record_room = m->record_room ? m->record_room * 2 : 256;
        m->records = realloc(m->records, m->record_room * sizeof r);
    }
    m->records[m->record_count] = r;
    return m->record_count++;
}

static void read_into(const struct block_memory *m, const struct vm_block_request *r)
{
    uint64_t at = r->offset;
    for (unsigned i = 0; i < r->iov_count; i++) {
        uint64_t size = r->iov[i].size;
        uint64_t have = at < m->block.size ? m->block.size - at : 0;
        uint64_t n = have < size ? have : size;
        if (n)
            memcpy(r->iov[i].base, m->data + at, n);
        memset((uint8_t *)r->iov[i].base + n, 0, size - n);
        at += size;
    }
}

// The bytes that a request writes, gathered.
static uint8_t *gather(const struct vm_block_request *r)
{
    uint8_t *data = calloc(1, r->size ? r->size : 1), *to = data;
    for (unsigned i = 0; r->op == VM_BLOCK_WRITE && i < r->iov_count; i++) {
        memcpy(to, r->iov[i].base, r->iov[i].size);
        to += r->iov[i].size;
    }
    return data;
}

// Bytes that a discard leaves: zeros, or what nobody wrote.
static void scribble(struct block_memory *m, uint8_t *data, uint64_t size)
{
    enum { NOBODYS = 0xa5 };
    if (m->scribbles && block_random(&m->seed) & 1)
        memset(data, NOBODYS, size);
}

static bool is_in_flight(const struct block_memory *m, const struct vm_block_request *r)
{
    for (unsigned i = 0; i < m->count; i++) {
        const struct vm_block_request *other = m->queue[i];
        if (other->op != VM_BLOCK_READ && other->op != VM_BLOCK_FLUSH &&
            other->offset < r->offset + r->size && r->offset < other->offset + other->size)
            return true;
    }
    return false;
}

static bool fails(struct block_memory *m, const struct vm_block_request *r)
{
    return r->op != VM_BLOCK_READ && m->fail_after && --m->fail_after == 0 && (m->fail_after = 1);
}

// What is done when a request arrives: a write's data is taken, and may last from then on.
static size_t arrive(struct block_memory *m, struct vm_block_request *r)
{
    r->status = VM_BLOCK_OK;
    if (fails(m, r)) {
        r->status = VM_BLOCK_IO_ERROR;
        return SIZE_MAX;
    }
    if (r->op == VM_BLOCK_READ || r->op == VM_BLOCK_FLUSH)
        return SIZE_MAX;
    if (r->op == VM_BLOCK_DISCARD && r->offset + r->size > m->block.size)
        return SIZE_MAX;
    m->overlaps += is_in_flight(m, r);
    if (!ensure(m, r->offset + r->size)) {
        r->status = VM_BLOCK_NO_SPACE;
        return SIZE_MAX;
    }
    uint8_t *data = gather(r);
    if (r->op == VM_BLOCK_DISCARD)
        scribble(m, data, r->size);
    put(m, r->offset, data, r->size);
    if (!m->recording) {
        free(data);
        return SIZE_MAX;
    }
    return record(m,
                  (struct block_record){
                      .offset = r->offset, .size = r->size, .data = data, .durable_at = SIZE_MAX});
}

static void complete(struct block_memory *m, struct vm_block_request *r, size_t number)
{
    if (r->op == VM_BLOCK_READ && r->status == VM_BLOCK_OK)
        read_into(m, r);
    if (number != SIZE_MAX)
        m->records[number].done = true;
    // A sync that is simulated as one instant, at its end: what is done by then lasts.
    if (r->op == VM_BLOCK_FLUSH && r->status == VM_BLOCK_OK && m->recording) {
        size_t sync = record(m, (struct block_record){.is_sync = true});
        for (size_t i = 0; i < sync; i++) {
            if (m->records[i].done && m->records[i].durable_at == SIZE_MAX)
                m->records[i].durable_at = sync;
        }
    }
    r->done(r);
}

static void memory_submit(struct vm_block *block, struct vm_block_request **requests,
                          unsigned count)
{
    struct block_memory *m = VM_CONTAINER_OF(block, struct block_memory, block);
    for (unsigned i = 0; i < count; i++) {
        size_t number = arrive(m, requests[i]);
        if (!m->later || m->count == VM_ARRAY_SIZE(m->queue)) {
            complete(m, requests[i], number);
            continue;
        }
        m->record_of[m->count] = number;
        m->queue[m->count++] = requests[i];
    }
}

// Nothing ends before it is waited for.
static void memory_poll(struct vm_block *block)
{
    (void)block;
}

static void memory_wait(struct vm_block *block)
{
    struct block_memory *m = VM_CONTAINER_OF(block, struct block_memory, block);
    if (m->count == 0)
        return;
    unsigned i = (unsigned)(block_random(&m->seed) % m->count);
    struct vm_block_request *r = m->queue[i];
    size_t number = m->record_of[i];
    m->queue[i] = m->queue[--m->count];
    m->record_of[i] = m->record_of[m->count];
    complete(m, r, number);
}

static void memory_close(struct vm_block *block)
{
    struct block_memory *m = VM_CONTAINER_OF(block, struct block_memory, block);
    while (m->count)
        memory_wait(block);
    m->closed = true; // the test destroys it
}

static const struct vm_block_ops memory_ops = {
    .format = "memory",
    .submit = memory_submit,
    .poll = memory_poll,
    .wait = memory_wait,
    .close = memory_close,
};

struct block_memory *block_memory_create(void)
{
    struct block_memory *m = calloc(1, sizeof *m);
    m->block = (struct vm_block){.ops = &memory_ops, .logical_block = SECTOR};
    m->seed = 1;
    return m;
}

struct block_memory *block_memory_copy(const void *data, uint64_t size)
{
    struct block_memory *m = block_memory_create();
    if (size)
        put(m, 0, data, size);
    return m;
}

struct block_memory *block_memory_load(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct block_memory *m = block_memory_create();
    if (!f)
        abort();
    static uint8_t buffer[64 << 10];
    size_t n;
    while ((n = fread(buffer, 1, sizeof buffer, f)) > 0)
        put(m, m->block.size, buffer, n);
    fclose(f);
    return m;
}

void block_memory_save(const struct block_memory *m, const char *path)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(m->data, 1, m->block.size, f) != m->block.size || fclose(f) != 0)
        abort();
}

void block_memory_destroy(struct block_memory *m)
{
    for (size_t i = 0; i < m->record_count; i++)
        free(m->records[i].data);
    free(m->records);
    free(m->data);
    free(m);
}

static void put_some_sectors(struct block_memory *m, const struct block_record *r, uint64_t *seed)
{
    unsigned choice = (unsigned)(block_random(seed) % 4);
    for (uint64_t at = 0; at < r->size;) {
        uint64_t absolute = r->offset + at, n = SECTOR - absolute % SECTOR;
        n = n < r->size - at ? n : r->size - at;
        if (choice == 1 || (choice >= 2 && block_random(seed) & 1))
            put(m, absolute, r->data + at, n);
        at += n;
    }
}

struct block_memory *block_memory_cut(const struct block_memory *m, size_t at, uint64_t *seed)
{
    struct block_memory *cut = block_memory_create();
    bool full_size = block_random(seed) & 1;
    for (size_t i = 0; i < at; i++) {
        const struct block_record *r = &m->records[i];
        if (r->is_sync)
            continue;
        if (full_size)
            ensure(cut, r->offset + r->size);
        if (r->durable_at < at)
            put(cut, r->offset, r->data, r->size);
        else
            put_some_sectors(cut, r, seed);
    }
    return cut;
}
