// SPDX-License-Identifier: MIT
//
// What the 9P server needs of the host's file system: all its file system calls are behind this
// page. Functions return 0 or an error number of Linux (enum share_error).
//
// An object is held by a handle that reads and writes nothing but names exactly that object,
// whatever becomes of its name. A new handle is made out of a directory's by one name, which the
// server has checked to be a single one, and the last symbolic link is not followed: so handles
// stay below the root's.
#ifndef VM_DEVICE_BACKEND_SHARE_HOST_H
#define VM_DEVICE_BACKEND_SHARE_HOST_H

#include "share_linux_abi.h"

#include <vm/device/backend/share.h>

struct share_host; // what all calls on handles need

struct share_time {
    uint64_t seconds, nanoseconds;
};

struct share_stat {
    uint64_t device, inode;
    uint32_t mode, uid, gid;
    uint64_t links, represented_device; // the latter as Linux encodes it
    uint64_t size, block_size, blocks;  // blocks of 512 bytes
    struct share_time accessed, modified, changed, born;
    bool has_born;
};

vm_status share_host_open(const char *directory, struct share_host **h, int *root,
                          struct vm_error *e);
void share_host_end(struct share_host *h); // NULL is allowed
void share_host_close(int fd);             // a handle or an open file; -1 is allowed

// --- handles ---

int share_host_find(int dir, const char *name, int *handle);
int share_host_stat(int handle, struct share_stat *out); // open files as well, here and below
int share_host_stat_name(int dir, const char *name, struct share_stat *out);
int share_host_readlink(int handle, char *to, size_t room, size_t *size);

struct share_space {
    uint64_t block_size, blocks, free, available, files, free_files, id, name_length;
};
int share_host_space(int handle, struct share_space *out);

// Of a regular file or a directory; the caller has looked.
int share_host_open_file(struct share_host *h, int handle, uint32_t flags, int *file);
// A new regular file; SHARE_EEXIST if the name is taken, by whatever.
int share_host_create(int dir, const char *name, uint32_t flags, uint32_t mode, int *file);

int share_host_mkdir(struct share_host *h, int dir, const char *name, uint32_t mode);
int share_host_mknod(struct share_host *h, int dir, const char *name, uint32_t mode);
int share_host_symlink(int dir, const char *name, const char *target);
int share_host_link(struct share_host *h, int handle, int dir, const char *name);
int share_host_rename(int from, const char *name, int to, const char *new_name);
int share_host_unlink(int dir, const char *name, bool is_dir);

int share_host_set_mode(struct share_host *h, int handle, uint32_t mode);
int share_host_set_owner(int handle, uint32_t uid, uint32_t gid); // UINT32_MAX: stays
// What is not set stays; without a time given, it is now.
struct share_new_times {
    bool set_accessed, set_modified;     // to what is here
    bool touch_accessed, touch_modified; // to now
    struct share_time accessed, modified;
};
int share_host_set_times(struct share_host *h, int handle, const struct share_new_times *t);

// Extended attributes. With room 0 only the size is told.
int share_host_get_xattr(int handle, const char *name, void *to, size_t room, size_t *size);
int share_host_list_xattrs(int handle, void *to, size_t room, size_t *size);
int share_host_set_xattr(int handle, const char *name, const void *value, size_t size,
                         uint32_t flags);
int share_host_remove_xattr(int handle, const char *name);

// --- open files ---

int share_host_read(int file, const struct vm_iovec *iov, unsigned count, uint64_t offset,
                    size_t *done);
int share_host_write(int file, const struct vm_iovec *iov, unsigned count, uint64_t offset,
                     size_t *done);
int share_host_set_size(int file, uint64_t size);
int share_host_sync(int file, bool data_only);

struct share_entry {
    uint64_t inode, next; // `next` is where the entry behind it begins
    uint8_t type;
    const char *name;
};
// Reads entries from `offset` on into `buffer`; *size is 0 at the end. Then next_entry takes them
// one by one from *at.
int share_host_list(int directory, uint64_t offset, void *buffer, size_t room, size_t *size);
void share_host_next_entry(const void *buffer, size_t *at, struct share_entry *out);

enum share_lock_type { SHARE_LOCK_READ = 0, SHARE_LOCK_WRITE = 1, SHARE_LOCK_NONE = 2 };
struct share_lock {
    uint8_t type;
    uint64_t start, length; // length 0: to the end
    uint32_t owner;         // of a lock that was found
};
// *granted is false if somebody has a lock that forbids it; never waits.
int share_host_lock(int file, const struct share_lock *l, bool *granted);
// Replaces *l by a lock that forbids it, or by type SHARE_LOCK_NONE.
int share_host_find_lock(int file, struct share_lock *l);

#endif
