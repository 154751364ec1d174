// SPDX-License-Identifier: MIT
//
// qcow2 disks on containers in memory, for tests beside a model (disk_model.h).
#ifndef TESTS_UNIT_QCOW2_RIG_H
#define TESTS_UNIT_QCOW2_RIG_H

#include "disk_model.h"

struct qcow2_shape {
    unsigned cluster_bits, version;
    unsigned refcount_order; // 4 in version 2
    uint64_t sectors;
};

// An empty image of this shape.
struct block_memory *qcow2_rig_image(const struct qcow2_shape *shape);
// Opens the image in a container; every other seed gets a cache of few tables, which have to make
// room for each other. `backing` may be NULL.
struct vm_block *qcow2_rig_open(struct block_memory *m, struct vm_block *backing, uint64_t seed);
// A disk on a new image, recorded.
struct disk *qcow2_rig_disk(const struct qcow2_shape *shape, struct vm_block *backing,
                            const char *name, uint64_t seed);
// The image has no corruptions, and leaks only where they are allowed.
void qcow2_rig_check(struct disk *d, struct block_memory *m, const char *when, bool leaks_allowed);
// A disk in memory whose sectors hold `value`, under an overlay, and what the model of a disk on it
// begins with.
struct block_memory *qcow2_rig_backing(uint64_t sectors, uint32_t value);
void qcow2_rig_on_backing(struct disk *d, uint64_t sectors, uint32_t value);

#endif
