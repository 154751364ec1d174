// SPDX-License-Identifier: MIT
//
// qcow2 images, versions 2 and 3 (QEMU's docs/interop/qcow2.txt): what the files of the format
// share.
//
// Everything runs on the block's one thread and nothing blocks but open, close and check. A request
// is carried out piece by piece (a piece: neighbouring clusters of one kind) from what is in
// memory. Where a table is missing, a load is started and the request parked; it is taken up again
// at the same piece when that which it awaits has happened. So no step has to be undone, and only a
// step that has all it needs changes anything.
//
// A parked request holds the L2 table that it has, so that those which need two tables cannot take
// them from each other for ever.
//
// Order of writes, so that a power cut leaves a consistent image: changes of tables stay in memory
// (cached tables, L1, refcount table) until a commit, which a flush or a full cache asks for:
//   A  refcount blocks and new L2 tables (nothing on the medium refers to what they add) - sync,
//      which also makes the guest's data last;
//   B  the refcount table, or the header where that has moved - sync;
//   C  existing L2 tables and the L1 table - sync;
// and clusters that lost their reference are free only after C. So a reference never lasts without
// its refcount and its target; what a cut can leave are refcounts without references: leaks.
#ifndef VM_DEVICE_BACKEND_QCOW2_H
#define VM_DEVICE_BACKEND_QCOW2_H

#include <vm/device/backend/block.h>

#include "heap.h"

// --- the format ---

#define QCOW2_MAGIC         UINT32_C(0x514649fb)
#define QCOW2_OFFSET_MASK   UINT64_C(0x00fffffffffffe00) // L1, L2 entries
#define QCOW2_COPIED        (UINT64_C(1) << 63)          // the refcount is one: write in place
#define QCOW2_COMPRESSED    (UINT64_C(1) << 62)
#define QCOW2_READS_AS_ZERO UINT64_C(1)

enum {
    QCOW2_INCOMPATIBLE_DIRTY = 1 << 0,
    QCOW2_INCOMPATIBLE_CORRUPT = 1 << 1,
    QCOW2_INCOMPATIBLE_DATA_FILE = 1 << 2,
    QCOW2_INCOMPATIBLE_COMPRESSION = 1 << 3,
    QCOW2_INCOMPATIBLE_EXTENDED_L2 = 1 << 4,
    QCOW2_AUTOCLEAR_BITMAPS = 1 << 0,
    QCOW2_COMPRESSION_ZLIB = 0,
    QCOW2_COMPRESSION_ZSTD = 1,
    QCOW2_EXTENSION_END = 0,
    QCOW2_MIN_CLUSTER_BITS = 9,
    QCOW2_MAX_CLUSTER_BITS = 21,
    QCOW2_V2_HEADER = 72,
    QCOW2_V3_HEADER = 104,
    QCOW2_MAX_NAME = 1023,
    QCOW2_MAX_L1 = 32 << 20,            // bytes
    QCOW2_MAX_REFCOUNT_TABLE = 8 << 20, // bytes
    QCOW2_MAX_SNAPSHOTS = 65536,
};
#define QCOW2_EXTENSION_BACKING_FORMAT UINT32_C(0xe2792aca)
#define QCOW2_EXTENSION_DATA_FILE      UINT32_C(0x44415441)

// Byte offsets in the header.
enum {
    QCOW2_AT_MAGIC = 0,
    QCOW2_AT_VERSION = 4,
    QCOW2_AT_BACKING_OFFSET = 8,
    QCOW2_AT_BACKING_SIZE = 16,
    QCOW2_AT_CLUSTER_BITS = 20,
    QCOW2_AT_SIZE = 24,
    QCOW2_AT_CRYPT = 32,
    QCOW2_AT_L1_SIZE = 36,
    QCOW2_AT_L1_OFFSET = 40,
    QCOW2_AT_REFCOUNT_OFFSET = 48,
    QCOW2_AT_REFCOUNT_CLUSTERS = 56,
    QCOW2_AT_SNAPSHOTS = 60,
    QCOW2_AT_SNAPSHOTS_OFFSET = 64,
    QCOW2_AT_INCOMPATIBLE = 72,
    QCOW2_AT_COMPATIBLE = 80,
    QCOW2_AT_AUTOCLEAR = 88,
    QCOW2_AT_REFCOUNT_ORDER = 96,
    QCOW2_AT_HEADER_LENGTH = 100,
    QCOW2_AT_COMPRESSION = 104,
};

struct vm_qcow2_header {
    uint32_t version;
    uint64_t size;
    unsigned cluster_bits;
    uint64_t l1_offset;
    uint32_t l1_size; // entries
    uint64_t refcount_offset;
    uint32_t refcount_clusters;
    unsigned refcount_order;
    uint32_t snapshots;
    uint64_t snapshots_offset;
    uint64_t incompatible, compatible, autoclear;
    unsigned compression;
    char backing[QCOW2_MAX_NAME + 1]; // "" if none
    char backing_format[16];          // "" if the image does not say
};

static inline uint64_t vm_qcow2_load64(const void *p)
{
    return (uint64_t)vm_load_be32(p) << 32 | vm_load_be32((const uint8_t *)p + 4);
}

static inline void vm_qcow2_store32(void *p, uint32_t v)
{
    vm_store_le32(p, __builtin_bswap32(v));
}

static inline void vm_qcow2_store64(void *p, uint64_t v)
{
    vm_store_le64(p, __builtin_bswap64(v));
}

// --- state ---

struct vm_qcow2;

enum vm_qcow2_got {
    QCOW2_READY,
    QCOW2_WAIT,   // what for is in q->awaits
    QCOW2_FAILED, // why is in q->why
};

enum vm_qcow2_kind { QCOW2_L2, QCOW2_REFCOUNTS };

// A cached table of one cluster. A pinned, dirty, loading or committing one stays.
struct vm_qcow2_table {
    uint64_t offset; // in the file
    enum vm_qcow2_kind kind;
    uint8_t *data;
    bool loading, dirty;
    bool fresh; // nothing that lasts refers to it yet
    unsigned pins;
    struct vm_qcow2_table *bucket_next, *newer, *older;
};

// What a commit's write takes to the file.
enum vm_qcow2_part {
    QCOW2_PART_TABLE,
    QCOW2_PART_L1,
    QCOW2_PART_REFCOUNT_TABLE,
    QCOW2_PART_HEADER
};

// A request to the file or the backing disk.
struct vm_qcow2_io {
    struct vm_block_request request;
    struct vm_qcow2 *q;
    struct vm_block *target;
    struct vm_qcow2_io *next;          // of the outbox
    struct vm_qcow2_io *next_in_phase; // of a commit
    void (*done)(struct vm_qcow2_io *io);
    void *owner;
    enum vm_qcow2_part part; // of a commit, with the sectors of an L1 or refcount table
    uint64_t first, count;
    uint64_t entry;  // of an L2 table: what is being unpacked
    uint8_t *bounce; // own memory
    size_t bounce_size;
    unsigned room;
    struct vm_iovec iov[];
};

// Guest clusters that are getting host clusters. The L2 entries change when the data is written.
struct vm_qcow2_allocation {
    struct vm_qcow2 *q;
    struct vm_qcow2_allocation *next;
    struct vm_block_request *parent;
    struct vm_qcow2_table *l2; // pinned
    uint64_t cluster, count;   // of the guest
    uint64_t host;
    bool reused;            // the host clusters were the guest's before
    uint64_t start, length; // what the parent writes: bytes of the disk
    uint64_t parent_offset; // where that begins in the parent
    uint64_t head, tail;    // bytes to be filled in before and behind
    uint8_t *bounce;        // head, then tail
    unsigned reads;         // of these, in flight
    struct vm_block_request fill[2];
    struct vm_iovec fill_iov[2];
    enum vm_block_status status;
};

// A block request's state, in its `backend`.
struct vm_qcow2_state {
    struct vm_block_request *next;          // ready or parked or flushes
    struct vm_block_request *older, *newer; // of all that are active
    const void *awaits;
    struct vm_qcow2_table *held; // pinned while it waits for another one
    uint64_t sequence;
    uint64_t position; // bytes whose pieces have been started
    unsigned pending;  // pieces in flight
    bool queued;       // ready or parked
};

// Clusters that lost their reference, freed when that lasts and nobody reads them any more.
struct vm_qcow2_free {
    uint64_t offset, clusters;
    uint64_t sequence; // of the last request that may have seen them
    bool whole;        // one reference, lost: the host may have the space back
};

struct vm_qcow2_frees {
    struct vm_qcow2_free *list;
    size_t count, room;
};

struct vm_qcow2_commit {
    bool running, wanted, failed;
    unsigned phase, pending;
    struct vm_qcow2_io *phases[3]; // written or to be written
    struct vm_block_request *flushes;
};

struct vm_qcow2 {
    struct vm_block block;
    struct vm_block *file, *backing;
    struct vm_qcow2_header header;
    uint64_t cluster_size;
    unsigned l2_bits;        // log2 of entries of an L2 table
    unsigned refcounts_bits; // log2 of entries of a refcount block

    uint64_t *l1;
    uint8_t *l1_dirty; // a byte a sector of 64 entries
    uint64_t *refcount_table;
    uint8_t *refcount_dirty;
    uint64_t refcount_table_size; // entries
    bool refcount_moved;          // the header has yet to tell

    struct vm_qcow2_table **buckets, *newest, *oldest;
    unsigned table_count, table_capacity, bucket_mask, dirty_count;
    struct vm_qcow2_table *piece_l2; // the L2 table of the present piece
    unsigned held;                   // tables that parked requests hold

    struct vm_block_request *ready, **ready_end, *parked, *oldest_request, *newest_request;
    struct vm_block_request *flushes; // for the next commit
    struct vm_qcow2_io *outbox, **outbox_end;
    unsigned depth, file_pending, backing_pending;
    bool waited_for_file; // the last time that both were pending
    uint64_t sequence;
    const void *awaits;
    enum vm_block_status why;

    struct vm_qcow2_allocation *allocations;
    uint64_t hint_block;   // offset of the refcount block that was last allocated from
    uint64_t free_hint;    // host cluster: none below it is free
    uint64_t pristine_end; // bytes of the file beyond which nothing was ever written
    size_t bounced;        // bytes of bounce buffers
    struct vm_qcow2_commit commit;
    struct vm_qcow2_frees lost, committing, freeing; // before, during, after their commit
    const void *freeing_awaits;
    bool freeing_busy; // one is being given back to the host

    uint64_t unpacked_entry; // L2 entry of the compressed cluster in `unpacked`; 0: none
    uint8_t *unpacked;

    bool corrupt; // found so while running: no more writes
    bool broken;  // the host lost writes: no more promises
};

// --- qcow2_header.c ---

// Reads and checks the header of `file`; `name` is for error lines.
vm_status vm_qcow2_read_header(struct vm_block *file, const char *name, struct vm_qcow2_header *h,
                               struct vm_error *e);
bool vm_qcow2_has_magic(const uint8_t first[4]);

// --- qcow2_open.c ---

// Takes over `file` and `backing` (NULL: the image has none), on failure too; `h` has been read
// from file. A dirty image that is to be written is repaired.
vm_status vm_qcow2_open(struct vm_block *file, struct vm_block *backing,
                        const struct vm_qcow2_header *h, const char *name, bool read_only,
                        struct vm_block **block, struct vm_error *e);

// --- qcow2_create.c ---

struct vm_qcow2_create {
    uint64_t size; // bytes
    unsigned cluster_bits;
    unsigned version;
    const char *backing, *backing_format; // NULL: none
};

// Writes an empty image to the empty `file`.
vm_status vm_qcow2_create(struct vm_block *file, const struct vm_qcow2_create *options,
                          struct vm_error *e);

// --- qcow2_check.c ---

struct vm_qcow2_check {
    uint64_t corruptions, leaks;    // found; leaks in clusters
    uint64_t repaired;              // refcounts set right
    uint64_t allocated, compressed; // guest clusters
    uint64_t total;                 // guest clusters of the disk
    uint64_t end;                   // bytes of the file in use
    char first[160];                // the first corruption, in words
};

// Compares references and refcounts of the image in `file`, and if `repair`, sets the refcounts
// right. VM_OK if it could be checked, whatever was found.
vm_status vm_qcow2_check(struct vm_block *file, const struct vm_qcow2_header *h, bool repair,
                         struct vm_qcow2_check *result, struct vm_error *e);

// --- qcow2_queue.c: requests, parking, I/O ---

static inline struct vm_qcow2_state *vm_qcow2_state(struct vm_block_request *r)
{
    return (void *)r->backend;
}

// Brackets everything that comes from outside: the outermost leave runs what is ready.
void vm_qcow2_enter(struct vm_qcow2 *q);
void vm_qcow2_leave(struct vm_qcow2 *q);
void vm_qcow2_start(struct vm_qcow2 *q, struct vm_block_request *r);
// Those parked on `object` are ready again; with a status other than OK they fail.
void vm_qcow2_wake(struct vm_qcow2 *q, const void *object, enum vm_block_status status);
// One piece of `r` has ended.
void vm_qcow2_piece_done(struct vm_qcow2 *q, struct vm_block_request *r,
                         enum vm_block_status status);
void vm_qcow2_finish(struct vm_qcow2 *q, struct vm_block_request *r);

// A request with room for `iov` iovecs and a bounce buffer; NULL when memory is out.
struct vm_qcow2_io *vm_qcow2_io_new(struct vm_qcow2 *q, struct vm_block *target,
                                    enum vm_block_op op, unsigned iov, size_t bounce);
void vm_qcow2_io_free(struct vm_qcow2_io *io);
void vm_qcow2_io_send(struct vm_qcow2_io *io);

// Whether `size` bytes of bounce buffers may be had now; else the answer is QCOW2_WAIT.
enum vm_qcow2_got vm_qcow2_bounce(struct vm_qcow2 *q, size_t size);
void vm_qcow2_unbounce(struct vm_qcow2 *q, size_t size);

enum vm_qcow2_got vm_qcow2_fail(struct vm_qcow2 *q, enum vm_block_status why);
// The image contradicts itself: nothing more is written to it.
enum vm_qcow2_got vm_qcow2_mark_corrupt(struct vm_qcow2 *q);

// --- qcow2_cache.c ---

enum vm_qcow2_got vm_qcow2_table_get(struct vm_qcow2 *q, enum vm_qcow2_kind kind, uint64_t offset,
                                     struct vm_qcow2_table **table);
// Makes room for `count` more tables.
enum vm_qcow2_got vm_qcow2_table_room(struct vm_qcow2 *q, unsigned count);
// A table of zeros at `offset`, dirty and fresh; room has been made. NULL when memory is out.
struct vm_qcow2_table *vm_qcow2_table_new(struct vm_qcow2 *q, enum vm_qcow2_kind kind,
                                          uint64_t offset);
void vm_qcow2_table_dirty(struct vm_qcow2 *q, struct vm_qcow2_table *t);
void vm_qcow2_table_unpin(struct vm_qcow2 *q, struct vm_qcow2_table *t);
bool vm_qcow2_cache_create(struct vm_qcow2 *q);
void vm_qcow2_cache_destroy(struct vm_qcow2 *q);

// --- qcow2_map.c ---

enum vm_qcow2_cluster {
    QCOW2_UNALLOCATED,
    QCOW2_ZERO,      // no host cluster
    QCOW2_ZERO_KEPT, // with one
    QCOW2_NORMAL,
    QCOW2_PACKED, // compressed
    QCOW2_INVALID,
};

enum vm_qcow2_cluster vm_qcow2_classify(const struct vm_qcow2 *q, uint64_t entry);
// Whether [offset, offset+size) of the file overlaps the header, the L1 or the refcount table.
bool vm_qcow2_is_protected(const struct vm_qcow2 *q, uint64_t offset, uint64_t size);
// The L2 table of a byte of the disk, NULL if there is none; with `write`, one that may be written.
enum vm_qcow2_got vm_qcow2_l2(struct vm_qcow2 *q, uint64_t at, bool write,
                              struct vm_qcow2_table **l2);
uint64_t vm_qcow2_l2_index(const struct vm_qcow2 *q, uint64_t at);
static inline uint64_t vm_qcow2_entry(const struct vm_qcow2_table *l2, uint64_t index)
{
    return l2 ? vm_qcow2_load64(l2->data + index * 8) : 0;
}
// Where a compressed cluster lies: its first byte and the most that it has.
void vm_qcow2_packed_range(const struct vm_qcow2_header *h, uint64_t entry, uint64_t *offset,
                           uint64_t *size);

// --- qcow2_read.c, qcow2_write.c, qcow2_zero.c: one piece each ---

enum vm_qcow2_got vm_qcow2_read(struct vm_qcow2 *q, struct vm_block_request *r);
// At most `limit` bytes.
enum vm_qcow2_got vm_qcow2_write(struct vm_qcow2 *q, struct vm_block_request *r, uint64_t limit);
enum vm_qcow2_got vm_qcow2_zero(struct vm_qcow2 *q, struct vm_block_request *r);
// The allocation under way for a guest cluster, or NULL.
struct vm_qcow2_allocation *vm_qcow2_allocating(struct vm_qcow2 *q, uint64_t cluster);
// The iovecs that [skip, skip+size) of a list covers, in `to` if not NULL; returns their number.
unsigned vm_qcow2_slice(const struct vm_iovec *iov, unsigned count, uint64_t skip, uint64_t size,
                        struct vm_iovec *to);

// --- qcow2_compressed.c ---

// Unpacks `size` bytes into one cluster at `to`; false if they are no such cluster.
bool vm_qcow2_unpack(unsigned compression, const uint8_t *data, size_t size, uint8_t *to,
                     size_t cluster_size);
// Whether this build can.
bool vm_qcow2_can_unpack(unsigned compression);

// --- qcow2_refcount.c ---

uint64_t vm_qcow2_refcount(const uint8_t *block, unsigned order, uint64_t index);
void vm_qcow2_set_refcount(uint8_t *block, unsigned order, uint64_t index, uint64_t value);
// Between 1 and `want` neighbouring clusters of the file, in *offset and *count.
enum vm_qcow2_got vm_qcow2_allocate(struct vm_qcow2 *q, uint64_t want, uint64_t *offset,
                                    uint64_t *count);

// --- qcow2_free.c ---

// What an L2 entry referred to has lost that reference.
void vm_qcow2_lose_entry(struct vm_qcow2 *q, uint64_t entry);
void vm_qcow2_lose(struct vm_qcow2 *q, uint64_t offset, uint64_t clusters, bool whole);
// Frees what can be freed now.
void vm_qcow2_free_lost(struct vm_qcow2 *q);
void vm_qcow2_frees_move(struct vm_qcow2_frees *from, struct vm_qcow2_frees *to);
void vm_qcow2_frees_destroy(struct vm_qcow2_frees *f);

// --- qcow2_commit.c ---

bool vm_qcow2_is_dirty(const struct vm_qcow2 *q);
// Starts a commit, or has one follow on that which runs.
void vm_qcow2_want_commit(struct vm_qcow2 *q);

#endif
