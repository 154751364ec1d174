// SPDX-License-Identifier: MIT
//
// What the files of the 9P2000.L server share (diod's protocol.md and Linux include/net/9p describe
// the messages).
//
//     share.c        life, frames and errors, the session: version, attach, flush
//     share_fid.c    fids: what the guest calls what it has in hand
//     share_node.c   nodes: the objects of the host that fids stand for
//     share_walk.c   walk, clunk, remove
//     share_open.c   lopen, lcreate, read, write, fsync, locks
//     share_list.c   readdir
//     share_attr.c   getattr, setattr, statfs, readlink
//     share_name.c   mkdir, mknod, symlink, link, rename, unlink
//     share_xattr.c  extended attributes
//
// All of it belongs to the I/O thread. Functions that return an int return 0 or an error number of
// Linux, which goes to the guest.
#ifndef VM_DEVICE_BACKEND_SHARE_SERVER_H
#define VM_DEVICE_BACKEND_SHARE_SERVER_H

#include "share_host.h"

#include <vm/base/memory.h>

enum {
    SHARE_HEADER = 7,        // bytes: size, type, tag
    SHARE_ERROR_REPLY = 11,  // header, error number
    SHARE_DATA_REPLY = 11,   // header, count; of read and readdir
    SHARE_WRITE_HEADER = 23, // header, fid, offset, count
    SHARE_MIN_MSIZE = 4096,
    SHARE_REQUEST = 8192,             // what a request without data has at most
    SHARE_REPLY = SHARE_REQUEST + 64, // a reply without data: a request's text and some numbers
    SHARE_LIST = 64 << 10,            // of a directory, in one reply
    SHARE_BUCKETS = 1 << 14,
    SHARE_WALK_MAX = 16, // names in one walk
};

// --- messages ---

struct share_reader {
    const uint8_t *at, *end;
    bool failed; // something was missing; it reads as zeros
};

struct share_text {
    const char *bytes; // not terminated
    uint16_t length;
};

struct share_writer {
    uint8_t *at, *end;
};

uint64_t share_take(struct share_reader *r, unsigned bytes); // a number
struct share_text share_take_text(struct share_reader *r);
// A name of something in a directory; refuses what is no single name.
int share_take_name(struct share_reader *r, char name[SHARE_NAME_MAX + 1]);
// Any text without a zero byte.
int share_take_path(struct share_reader *r, char path[SHARE_PATH_MAX]);

void share_put(struct share_writer *w, uint64_t v, unsigned bytes);
void share_put_text(struct share_writer *w, const char *bytes, size_t length);

// --- nodes ---

// An object of the host. Nodes of one directory have different names, and all fids of a name share
// one, so that a renamed object is renamed for all.
struct share_node {
    struct share_node *parent;        // a reference; NULL: the root, or gone
    struct share_node *next;          // in the bucket
    struct share_node *newer, *older; // of those whose handle may be closed
    struct share_node *below;         // on the way down to one that is opened anew
    uint32_t references, pins;        // pinned: its handle stays open
    bool is_gone;                     // no name leads to it that we know of
    bool is_queued;                   // in newer/older
    int handle;                       // -1: not open
    uint32_t format;                  // bits of SHARE_S_IFMT
    uint64_t device, inode;
    uint16_t name_room;
    char *name;
};

// --- fids ---

enum share_fid_kind {
    SHARE_FID_PATH, // not open
    SHARE_FID_FILE,
    SHARE_FID_DIRECTORY,
    SHARE_FID_XATTR, // read: its value; written: the value so far
    SHARE_FID_NEW_XATTR,
};

struct share_xattr {
    uint8_t *value;
    uint32_t size, room; // room: bytes of memory; size: of the value
    uint32_t flags;
    char name[SHARE_NAME_MAX + 1];
};

struct share_fid {
    struct share_fid *next;
    uint32_t id;
    enum share_fid_kind kind;
    struct share_node *node;
    int file;                  // of FILE and DIRECTORY
    struct share_xattr *xattr; // of the others
};

// --- the server ---

struct share {
    struct vm_share share;
    struct share_host *host;
    struct share_node *root;
    bool read_only;
    bool has_session;
    uint32_t msize;
    unsigned fids, descriptors, max_descriptors;
    uint32_t xattr_memory;
    struct share_node *oldest, *newest; // by use; their handles may be closed
    uint64_t devices[256];              // file systems met, by their number in qids
    unsigned device_count;
    uint8_t request[SHARE_REQUEST];
    uint8_t reply[SHARE_REPLY];
    uint64_t list[SHARE_LIST / sizeof(uint64_t)]; // entries of the host
    uint8_t listed[SHARE_LIST];                   // for the guest
    struct vm_iovec iov[VM_VIRTQ_MAX_SEGMENTS];   // data of a request
    struct share_node *node_buckets[SHARE_BUCKETS];
    struct share_fid *fid_buckets[SHARE_BUCKETS];
};

// A request on its way.
struct share_call {
    const struct vm_share_message *message;
    struct share_reader in;
    struct share_writer out;
    uint32_t size;      // of the request
    uint32_t room;      // for the reply's data, after SHARE_DATA_REPLY
    uint32_t data_size; // of what read and readdir have put into the reply already
};

// share_fid.c
struct share_fid *share_find_fid(struct share *s, uint64_t id);
// Takes the node's reference over, on failure too.
int share_add_fid(struct share *s, uint32_t id, struct share_node *node, struct share_fid **out);
// The fid is closed and forgotten.
void share_drop_fid(struct share *s, struct share_fid *f);
void share_drop_all_fids(struct share *s);
// Closes what is open; the fid is a PATH then.
void share_close_fid(struct share *s, struct share_fid *f);
// The fid in the message; fails if there is no such.
int share_take_fid(struct share *s, struct share_reader *r, struct share_fid **out);
// A handle of its object, good until the next one is asked for.
int share_fid_handle(struct share *s, struct share_fid *f, int *handle);
// The same for a directory that is going to be changed: also refuses on a read-only share.
int share_fid_changes(struct share *s, struct share_fid *f, int *handle);

// share_node.c
int share_make_root(struct share *s, int handle);
void share_end_root(struct share *s);
void share_hold_node(struct share_node *n);
void share_release_node(struct share *s, struct share_node *n);
// Gives a handle, good until the next one is asked for, or as long as the node is pinned.
int share_node_handle(struct share *s, struct share_node *n, int *handle);
void share_pin(struct share *s, struct share_node *n);
void share_unpin(struct share *s, struct share_node *n);
// The object of that name, with a reference for the caller.
int share_find_node(struct share *s, struct share_node *dir, const char *name,
                    struct share_node **out, struct share_stat *stat);
// The name has been removed, or another object has it; has been moved.
void share_forget_name(struct share *s, struct share_node *dir, const char *name);
void share_move_name(struct share *s, struct share_node *dir, const char *name,
                     struct share_node *new_dir, const char *new_name);
// Room for one more descriptor of the host, or an error; every one that is closed is told.
int share_take_descriptor(struct share *s);
void share_close_descriptor(struct share *s, int fd);

// share_attr.c
void share_put_qid(struct share *s, struct share_writer *w, const struct share_stat *stat);
uint64_t share_qid_path(struct share *s, uint64_t device, uint64_t inode);

// share_xattr.c: data of a fid, and its end. Commits what was written.
int share_read_xattr(struct share_fid *f, uint64_t offset, struct share_call *c, uint32_t count);
int share_write_xattr(struct share_fid *f, uint64_t offset, struct share_call *c, uint32_t count);
int share_end_xattr(struct share *s, struct share_fid *f);
void share_release_xattr(struct share *s, struct share_fid *f);

// Messages; each reads c->in and writes c->out.
int share_statfs(struct share *s, struct share_call *c);
int share_lopen(struct share *s, struct share_call *c);
int share_lcreate(struct share *s, struct share_call *c);
int share_symlink(struct share *s, struct share_call *c);
int share_mknod(struct share *s, struct share_call *c);
int share_rename(struct share *s, struct share_call *c);
int share_readlink(struct share *s, struct share_call *c);
int share_getattr(struct share *s, struct share_call *c);
int share_setattr(struct share *s, struct share_call *c);
int share_xattrwalk(struct share *s, struct share_call *c);
int share_xattrcreate(struct share *s, struct share_call *c);
int share_readdir(struct share *s, struct share_call *c);
int share_fsync(struct share *s, struct share_call *c);
int share_lock(struct share *s, struct share_call *c);
int share_getlock(struct share *s, struct share_call *c);
int share_link(struct share *s, struct share_call *c);
int share_mkdir(struct share *s, struct share_call *c);
int share_renameat(struct share *s, struct share_call *c);
int share_unlinkat(struct share *s, struct share_call *c);
int share_walk(struct share *s, struct share_call *c);
int share_read(struct share *s, struct share_call *c);
int share_write(struct share *s, struct share_call *c);
int share_clunk(struct share *s, struct share_call *c);
int share_remove(struct share *s, struct share_call *c);

#endif
