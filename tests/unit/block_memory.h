// SPDX-License-Identifier: MIT
//
// A container in memory for tests of disk formats: completes requests at once or later in random
// order, fails on demand, and records what was written and synced, so that a power cut at any point
// can be played back. With `scribbles`, what is
// discarded may get contents that nobody wrote: a host's block device can do that.
#ifndef TESTS_UNIT_BLOCK_MEMORY_H
#define TESTS_UNIT_BLOCK_MEMORY_H

#include <stdio.h>

#include <vm/device/backend/block.h>

enum { BLOCK_MEMORY_LIMIT = 64 << 20 };

struct block_record {
    bool is_sync; // what was done before it lasts from here on
    uint64_t offset, size;
    uint8_t *data;
    bool done;
    size_t durable_at; // record that makes it last; SIZE_MAX: none did
};

struct block_memory {
    struct vm_block block;
    uint8_t *data;
    uint64_t room;
    // Requests in flight, when `later`.
    bool later;
    uint64_t seed;
    struct vm_block_request *queue[4096];
    size_t record_of[4096];
    unsigned count;
    // What happened.
    bool recording;
    struct block_record *records;
    size_t record_count, record_room;
    unsigned fail_after; // writes and syncs until they fail; 0: never
    bool closed;
    bool scribbles;
    unsigned overlaps; // writes that came while another one to the same bytes was in flight
};

// An empty container, or one with the contents of a file.
struct block_memory *block_memory_create(void);
struct block_memory *block_memory_load(const char *path);
// A copy of the contents only.
struct block_memory *block_memory_copy(const void *data, uint64_t size);
void block_memory_destroy(struct block_memory *m);
void block_memory_save(const struct block_memory *m, const char *path);

// What the container holds when the power goes after `at` records: what lasts for sure, and of the
// rest a random choice of 512-byte sectors. Its size may tell of writes that are not there.
struct block_memory *block_memory_cut(const struct block_memory *m, size_t at, uint64_t *seed);

uint64_t block_random(uint64_t *seed);

#endif
