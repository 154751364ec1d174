// SPDX-License-Identifier: MIT
//
// A disk under random requests, several in flight, beside a model of what each sector may hold:
// now, and after a power cut at any point of what its container recorded (block_memory.h). Requests
// in flight together never touch the same bytes.
//
// A failure names the case and the seed.
#ifndef TESTS_UNIT_DISK_MODEL_H
#define TESTS_UNIT_DISK_MODEL_H

#include "block_memory.h"
#include "qcow2.h"

enum { SECTOR = 512, DISK_MAX_SECTORS = 40960, DISK_SLOTS = 16 };

// What the guest wrote to a sector over time. A discard leaves what was there, or zeros.
struct version {
    uint32_t value;  // 0: zeros
    bool is_discard; // or failed: what was there before may be there still
    size_t begun;    // records there were when it was submitted
    uint64_t ended;  // event at which it was done; UINT64_MAX: it is in flight
    size_t settled;  // records after which it lasts; SIZE_MAX: none
};
struct history {
    struct version *list;
    unsigned count;
};

struct disk;

struct disk_slot {
    struct vm_block_request request;
    struct vm_iovec iov[3];
    uint8_t *data;
    uint64_t begun; // event
    bool busy;
    struct disk *disk;
};

struct disk {
    struct block_memory *memory; // its container
    struct vm_block *block;
    uint64_t sectors;
    struct history history[DISK_MAX_SECTORS];
    struct disk_slot slots[DISK_SLOTS];
    unsigned in_flight;
    uint64_t events;
    uint32_t next_value;
    uint64_t random; // state
    bool may_fail;
    const char *name; // of the case, for failures
    uint64_t seed;    // that repeats it
};

// The seed of a program's first round, TRINE_SEED if that is given, and how many times more rounds
// than usual TRINE_TEST_SCALE asks for.
uint64_t disk_first_seed(void);
unsigned disk_scale(void);

// Takes `block` and its container over; all sectors are zeros.
struct disk *disk_create(struct vm_block *block, struct block_memory *memory, const char *name,
                         uint64_t seed);
void disk_destroy(struct disk *d);
void disk_close(struct disk *d); // the block only
_Noreturn void disk_fail(const struct disk *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// What sectors hold without having been written here.
void disk_stamp(uint8_t *sector, uint64_t number, uint32_t value);
// The value of a sector; UINT32_MAX if it is no one's.
uint32_t disk_unstamp(const uint8_t *sector, uint64_t number);

// Starts up to `count` random requests together, flushes among them if `flushes`.
void disk_submit(struct disk *d, unsigned count, bool flushes);
// Waits until at most `left` requests are in flight.
void disk_wait(struct disk *d, unsigned left);
// Each of `steps` times some new requests, while others are in flight; ends with none.
void disk_work(struct disk *d, unsigned steps, bool flushes);
// A flush by itself, waited for.
enum vm_block_status disk_flush(struct disk *d);
// A write of one value to a range, waited for.
void disk_write(struct disk *d, uint64_t sector, uint64_t count);
// All sectors hold what they should.
void disk_check_all(struct disk *d);
// `block` is what a power cut after `at` records has left: what was flushed is there.
void disk_check_cut(struct disk *d, size_t at, struct vm_block *block);

#endif
