// SPDX-License-Identifier: MIT
//
// A 9P2000.L client for tests, on a directory of the host that is made for it and removed again,
// behind virtio-9p on a rig. Calls return 0 or the error number of an Rlerror.
#ifndef TESTS_VIRTIO_P9_CLIENT_H
#define TESTS_VIRTIO_P9_CLIENT_H

#include "driver.h"

#include <vm/device/backend/share.h>

enum { P9_NOFID = 0xffffffff, P9_ROOT = 1, P9_MSIZE = 32 << 10, P9_HEADER = 7 };

struct p9_client {
    struct virtio_rig rig;
    struct virtio_ring ring;
    char base[64];   // a directory of the test's own
    char shared[80]; // what is shared, in it
    uint8_t out[VIRTIO_REQUEST_MAX], in[VIRTIO_REQUEST_MAX];
    uint32_t size;  // of the message that is being made
    uint32_t reply; // bytes of the last reply
    uint32_t at;    // of them, taken
    uint16_t tag;
};

struct p9_options {
    const struct virtio_bus *bus;
    const struct virtio_mode *mode;
    bool read_only;
    unsigned descriptors; // 0: 64
    bool threaded;        // the device has a thread of the rig
};

// A machine with a share; no session yet. With p9_begin also version, and the root as P9_ROOT.
void p9_plug(struct p9_client *c, const struct p9_options *o);
void p9_begin(struct p9_client *c, const struct p9_options *o);
void p9_end(struct p9_client *c);
// The path of something in the test's directory; good until the fourth call after it.
const char *p9_path(struct p9_client *c, const char *name);

// A message: its type, then numbers of 1, 2, 4 or 8 bytes (as letters "bhwl" say), texts "s", and
// "d", bytes of which the length comes first as a size_t. Then the reply is there.
int p9_call(struct p9_client *c, unsigned type, const char *format, ...);
// From the reply; a test fails where there is nothing.
uint64_t p9_take(struct p9_client *c, unsigned bytes);
void p9_take_text(struct p9_client *c, char *to, size_t room);
struct p9_qid {
    uint8_t type;
    uint32_t version;
    uint64_t path;
};
struct p9_qid p9_take_qid(struct p9_client *c);

int p9_version(struct p9_client *c, uint32_t msize, const char *version);
int p9_attach(struct p9_client *c, uint32_t fid);
int p9_walk(struct p9_client *c, uint32_t fid, uint32_t to, const char *name); // NULL: a second fid
int p9_clunk(struct p9_client *c, uint32_t fid);
int p9_open(struct p9_client *c, uint32_t fid, uint32_t flags);
int p9_create(struct p9_client *c, uint32_t fid, const char *name, uint32_t flags, uint32_t mode);
int p9_read(struct p9_client *c, uint32_t fid, uint64_t offset, void *to, uint32_t *size);
int p9_write(struct p9_client *c, uint32_t fid, uint64_t offset, const void *from, uint32_t size);
struct p9_attr {
    uint64_t valid;
    struct p9_qid qid;
    uint32_t mode, uid, gid;
    uint64_t links, rdev, size, blocks, mtime, mtime_ns, btime;
};
int p9_getattr(struct p9_client *c, uint32_t fid, struct p9_attr *a);

// Types of messages.
enum {
    P9_STATFS = 8,
    P9_LOPEN = 12,
    P9_LCREATE = 14,
    P9_SYMLINK = 16,
    P9_MKNOD = 18,
    P9_RENAME = 20,
    P9_READLINK = 22,
    P9_GETATTR = 24,
    P9_SETATTR = 26,
    P9_XATTRWALK = 30,
    P9_XATTRCREATE = 32,
    P9_READDIR = 40,
    P9_FSYNC = 50,
    P9_LOCK = 52,
    P9_GETLOCK = 54,
    P9_LINK = 70,
    P9_MKDIR = 72,
    P9_RENAMEAT = 74,
    P9_UNLINKAT = 76,
    P9_VERSION = 100,
    P9_AUTH = 102,
    P9_ATTACH = 104,
    P9_FLUSH = 108,
    P9_WALK = 110,
    P9_READ = 116,
    P9_WRITE = 118,
    P9_CLUNK = 120,
    P9_REMOVE = 122,
};

#endif
