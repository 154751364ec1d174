// SPDX-License-Identifier: MIT
//
// Attributes of objects. Files carry the owner and mode that they have at the host:
//
// - What the guest makes belongs to this process's user. Another owner is asked of the host; if it
//   may not be, the owner stays and the guest is not told, or no archive could be unpacked.
// - Set-user-ID and, but for directories, set-group-ID are never set: a program of the guest's
//   would run as this process's user at the host.
#include "share_server.h"

enum {
    GETATTR_BASIC = 0x7ff,
    GETATTR_BTIME = 0x800,

    SETATTR_MODE = 1,
    SETATTR_UID = 2,
    SETATTR_GID = 4,
    SETATTR_SIZE = 8,
    SETATTR_ATIME = 0x10,
    SETATTR_MTIME = 0x20,
    SETATTR_ATIME_SET = 0x80,
    SETATTR_MTIME_SET = 0x100,

    QID_DIR = 0x80,
    QID_LINK = 0x02,
    DEVICE_SHIFT = 56,
    OTHER_DEVICES = 16,
    V9FS_MAGIC = 0x01021997,
    NANOSECONDS = 1000000000,
};

// --- qids ---

// The file systems that are met first have numbers of their own; others share some.
static uint64_t number_of(struct share *s, uint64_t device)
{
    for (unsigned i = 0; i < s->device_count; i++) {
        if (s->devices[i] == device)
            return i;
    }
    if (s->device_count == VM_ARRAY_SIZE(s->devices) - OTHER_DEVICES)
        return s->device_count + device % OTHER_DEVICES;
    s->devices[s->device_count] = device;
    return s->device_count++;
}

uint64_t share_qid_path(struct share *s, uint64_t device, uint64_t inode)
{
    return inode ^ number_of(s, device) << DEVICE_SHIFT;
}

// The version changes with the contents; 0 would mean that it says nothing.
static uint32_t version_of(const struct share_stat *stat)
{
    uint64_t v = stat->modified.seconds * NANOSECONDS + stat->modified.nanoseconds;
    v = (v ^ stat->size << 40) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(v >> 32) | 1;
}

void share_put_qid(struct share *s, struct share_writer *w, const struct share_stat *stat)
{
    uint32_t format = stat->mode & SHARE_S_IFMT;
    share_put(w, format == SHARE_S_IFDIR ? QID_DIR : format == SHARE_S_IFLNK ? QID_LINK : 0, 1);
    share_put(w, version_of(stat), 4);
    share_put(w, share_qid_path(s, stat->device, stat->inode), 8);
}

// --- reading ---

// The object of a request that has only its fid, and after it `ignored` bytes.
static int take_object(struct share *s, struct share_call *c, unsigned ignored, int *handle)
{
    struct share_fid *f;
    int e = share_take_fid(s, &c->in, &f);
    if (ignored)
        share_take(&c->in, ignored);
    if (c->in.failed)
        return SHARE_EINVAL;
    return e == 0 ? share_fid_handle(s, f, handle) : e;
}

static void put_time(struct share_writer *w, const struct share_time *t)
{
    share_put(w, t->seconds, 8);
    share_put(w, t->nanoseconds, 8);
}

int share_getattr(struct share *s, struct share_call *c)
{
    struct share_stat t;
    int handle, e = take_object(s, c, 8, &handle); // what is wanted: all of it costs one call
    if (e == 0)
        e = share_host_stat(handle, &t);
    if (e != 0)
        return e;
    struct share_writer *w = &c->out;
    share_put(w, GETATTR_BASIC | (t.has_born ? GETATTR_BTIME : 0), 8);
    share_put_qid(s, w, &t);
    share_put(w, t.mode, 4);
    share_put(w, t.uid, 4);
    share_put(w, t.gid, 4);
    share_put(w, t.links, 8);
    share_put(w, t.represented_device, 8);
    share_put(w, t.size, 8);
    share_put(w, t.block_size, 8);
    share_put(w, t.blocks, 8);
    put_time(w, &t.accessed);
    put_time(w, &t.modified);
    put_time(w, &t.changed);
    put_time(w, &t.born);
    share_put(w, 0, 8); // generation
    share_put(w, 0, 8); // data version
    return 0;
}

int share_statfs(struct share *s, struct share_call *c)
{
    struct share_space t;
    int handle, e = take_object(s, c, 0, &handle);
    if (e == 0)
        e = share_host_space(handle, &t);
    if (e != 0)
        return e;
    struct share_writer *w = &c->out;
    share_put(w, V9FS_MAGIC, 4);
    share_put(w, t.block_size, 4);
    share_put(w, t.blocks, 8);
    share_put(w, t.free, 8);
    share_put(w, t.available, 8);
    share_put(w, t.files, 8);
    share_put(w, t.free_files, 8);
    share_put(w, t.id, 8);
    share_put(w, t.name_length, 4);
    return 0;
}

int share_readlink(struct share *s, struct share_call *c)
{
    struct share_fid *f;
    char target[SHARE_PATH_MAX];
    size_t size;
    int handle, e = share_take_fid(s, &c->in, &f);
    if (e == 0 && f->node->format != SHARE_S_IFLNK)
        e = SHARE_EINVAL;
    if (e == 0)
        e = share_fid_handle(s, f, &handle);
    if (e == 0)
        e = share_host_readlink(handle, target, sizeof target, &size);
    if (e == 0)
        share_put_text(&c->out, target, size);
    return e;
}

// --- writing ---

struct change {
    uint32_t valid, mode, uid, gid;
    uint64_t size;
    struct share_time accessed, modified;
};

static struct share_time take_time(struct share_reader *r)
{
    uint64_t seconds = share_take(r, 8);
    return (struct share_time){seconds, share_take(r, 8)};
}

static int set_mode(struct share *s, const struct share_fid *f, int handle, uint32_t mode)
{
    uint32_t may = SHARE_PERMISSIONS | SHARE_S_ISVTX;
    if (f->node->format == SHARE_S_IFLNK)
        return SHARE_EOPNOTSUPP;
    if (f->node->format == SHARE_S_IFDIR)
        may |= SHARE_S_ISGID;
    return share_host_set_mode(s->host, handle, mode & may);
}

static int set_owner(int handle, const struct change *t)
{
    int e = share_host_set_owner(handle, t->valid & SETATTR_UID ? t->uid : UINT32_MAX,
                                 t->valid & SETATTR_GID ? t->gid : UINT32_MAX);
    return e == SHARE_EPERM || e == SHARE_EINVAL ? 0 : e; // the latter in user namespaces
}

static int set_times(struct share *s, int handle, const struct change *t)
{
    const struct share_new_times times = {
        .set_accessed = t->valid & SETATTR_ATIME_SET,
        .set_modified = t->valid & SETATTR_MTIME_SET,
        .touch_accessed = t->valid & SETATTR_ATIME,
        .touch_modified = t->valid & SETATTR_MTIME,
        .accessed = t->accessed,
        .modified = t->modified,
    };
    if (t->accessed.nanoseconds >= NANOSECONDS || t->modified.nanoseconds >= NANOSECONDS)
        return SHARE_EINVAL;
    return share_host_set_times(s->host, handle, &times);
}

// A file that the guest has open for reading only is cut through another way to it.
static int set_size(struct share *s, const struct share_fid *f, int handle, uint64_t size)
{
    int file;
    if (f->node->format != SHARE_S_IFREG)
        return f->node->format == SHARE_S_IFDIR ? SHARE_EISDIR : SHARE_EINVAL;
    if (f->kind == SHARE_FID_FILE && share_host_set_size(f->file, size) == 0)
        return 0;
    int e = share_host_open_file(s->host, handle, SHARE_O_WRONLY, &file);
    if (e != 0)
        return e;
    e = share_host_set_size(file, size);
    share_host_close(file);
    return e;
}

// The owner before the mode, since a new owner takes bits of the mode away.
static int apply(struct share *s, const struct share_fid *f, int handle, const struct change *t)
{
    int e = 0;
    if (t->valid & (SETATTR_UID | SETATTR_GID))
        e = set_owner(handle, t);
    if (e == 0 && t->valid & SETATTR_MODE)
        e = set_mode(s, f, handle, t->mode);
    if (e == 0 && t->valid & SETATTR_SIZE)
        e = set_size(s, f, handle, t->size);
    if (e == 0 && t->valid & (SETATTR_ATIME | SETATTR_MTIME))
        e = set_times(s, handle, t);
    return e;
}

int share_setattr(struct share *s, struct share_call *c)
{
    struct share_fid *f;
    int handle, e = share_take_fid(s, &c->in, &f);
    struct change t = {.valid = (uint32_t)share_take(&c->in, 4)};
    t.mode = (uint32_t)share_take(&c->in, 4);
    t.uid = (uint32_t)share_take(&c->in, 4);
    t.gid = (uint32_t)share_take(&c->in, 4);
    t.size = share_take(&c->in, 8);
    t.accessed = take_time(&c->in);
    t.modified = take_time(&c->in);
    if (c->in.failed)
        return SHARE_EINVAL;
    if (e == 0)
        e = share_fid_changes(s, f, &handle);
    return e == 0 ? apply(s, f, handle, &t) : e;
}
