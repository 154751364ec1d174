// SPDX-License-Identifier: MIT
//
// Files that the guest has open: lopen, lcreate, read, write, fsync, locks. Data goes between guest
// RAM and the host's file without a copy here.
#include "share_server.h"

enum { NAME_IT_YOURSELF = 0 }; // iounit: the client takes what a message holds

static bool writes(uint32_t flags)
{
    return (flags & SHARE_O_ACCESS) != SHARE_O_RDONLY || flags & SHARE_O_TRUNC;
}

// Opens the fid's object. Only files and directories: anything else the guest opens by itself, and
// at the host it may do things when it is opened.
static int open_fid(struct share *s, struct share_fid *f, uint32_t flags)
{
    bool is_dir = f->node->format == SHARE_S_IFDIR;
    int handle, file;
    if (f->kind != SHARE_FID_PATH)
        return SHARE_EBADF;
    if (writes(flags) && (is_dir || s->read_only))
        return is_dir ? SHARE_EISDIR : SHARE_EROFS;
    if (!is_dir && f->node->format != SHARE_S_IFREG)
        return SHARE_ENXIO;
    if (!is_dir && flags & SHARE_O_DIRECTORY)
        return SHARE_ENOTDIR;
    int e = share_take_descriptor(s);
    if (e != 0)
        return e;
    e = share_node_handle(s, f->node, &handle);
    if (e == 0)
        e = share_host_open_file(s->host, handle, flags | (is_dir ? SHARE_O_DIRECTORY : 0), &file);
    if (e != 0) {
        s->descriptors--;
        return e;
    }
    f->file = file;
    f->kind = is_dir ? SHARE_FID_DIRECTORY : SHARE_FID_FILE;
    return 0;
}

static int answer_open(struct share *s, struct share_call *c, const struct share_fid *f)
{
    struct share_stat stat;
    int e = share_host_stat(f->file, &stat);
    if (e != 0)
        return e;
    share_put_qid(s, &c->out, &stat);
    share_put(&c->out, NAME_IT_YOURSELF, 4);
    return 0;
}

int share_lopen(struct share *s, struct share_call *c)
{
    struct share_fid *f;
    int e = share_take_fid(s, &c->in, &f);
    uint32_t flags = (uint32_t)share_take(&c->in, 4);
    if (c->in.failed)
        return SHARE_EINVAL;
    if (e == 0)
        e = open_fid(s, f, flags);
    return e == 0 ? answer_open(s, c, f) : e;
}

// --- lcreate ---

// The directory's fid becomes the file's.
static int become(struct share *s, struct share_fid *f, const char *name, uint32_t flags, int file)
{
    struct share_stat stat, opened;
    struct share_node *node;
    int e = share_find_node(s, f->node, name, &node, &stat);
    if (e != 0)
        return e;
    // Of a file that was there the name decides, of a new one what we have made.
    if (file >= 0)
        e = share_host_stat(file, &opened);
    if (e == 0 && file >= 0 && (opened.device != stat.device || opened.inode != stat.inode))
        e = SHARE_ESTALE;
    if (e != 0) {
        share_release_node(s, node);
        return e;
    }
    struct share_node *dir = f->node;
    f->node = node;
    f->file = file;
    f->kind = file >= 0 ? SHARE_FID_FILE : SHARE_FID_PATH;
    if (file < 0)
        e = node->format == SHARE_S_IFDIR ? SHARE_EISDIR : open_fid(s, f, flags);
    if (e != 0)
        f->node = dir;
    share_release_node(s, e != 0 ? node : dir);
    return e;
}

static int create(struct share *s, struct share_fid *f, const char *name, uint32_t flags,
                  uint32_t mode)
{
    int dir, file = -1;
    int e = share_take_descriptor(s);
    if (e != 0)
        return e;
    e = share_fid_changes(s, f, &dir);
    if (e == 0)
        e = share_host_create(dir, name, flags, mode & (SHARE_PERMISSIONS | SHARE_S_ISVTX), &file);
    if (e != 0)
        s->descriptors--;
    if (e == SHARE_EEXIST && !(flags & SHARE_O_EXCL))
        return become(s, f, name, flags, -1);
    if (e == 0 && (e = become(s, f, name, flags, file)) != 0)
        share_close_descriptor(s, file);
    return e;
}

int share_lcreate(struct share *s, struct share_call *c)
{
    struct share_fid *f;
    char name[SHARE_NAME_MAX + 1];
    int e = share_take_fid(s, &c->in, &f), bad = share_take_name(&c->in, name);
    uint32_t flags = (uint32_t)share_take(&c->in, 4), mode = (uint32_t)share_take(&c->in, 4);
    share_take(&c->in, 4); // group: of the directory or of this process
    if (c->in.failed || bad != 0)
        return c->in.failed ? SHARE_EINVAL : bad;
    if (e == 0 && f->kind != SHARE_FID_PATH)
        e = SHARE_EBADF;
    if (e == 0 && f->node->format != SHARE_S_IFDIR)
        e = SHARE_ENOTDIR;
    if (e == 0)
        e = create(s, f, name, flags, mode);
    return e == 0 ? answer_open(s, c, f) : e;
}

// --- data ---

static int take_data_fid(struct share *s, struct share_call *c, struct share_fid **f,
                         uint64_t *offset, uint32_t *count)
{
    int e = share_take_fid(s, &c->in, f);
    *offset = share_take(&c->in, 8);
    *count = (uint32_t)share_take(&c->in, 4);
    return c->in.failed ? SHARE_EINVAL : e;
}

int share_read(struct share *s, struct share_call *c)
{
    const struct vm_share_message *m = c->message;
    struct share_fid *f;
    uint64_t offset;
    uint32_t count;
    size_t done = 0;
    int e = take_data_fid(s, c, &f, &offset, &count);
    if (e != 0)
        return e;
    count = count < c->room ? count : c->room;
    if (f->kind == SHARE_FID_XATTR)
        return share_read_xattr(f, offset, c, count);
    if (f->kind != SHARE_FID_FILE)
        return f->kind == SHARE_FID_DIRECTORY ? SHARE_EISDIR : SHARE_EBADF;
    unsigned n = vm_iov_slice(m->in, m->in_count, SHARE_DATA_REPLY, count, s->iov);
    e = n ? share_host_read(f->file, s->iov, n, offset, &done) : 0;
    share_put(&c->out, done, 4);
    c->data_size = (uint32_t)done;
    return e;
}

int share_write(struct share *s, struct share_call *c)
{
    const struct vm_share_message *m = c->message;
    struct share_fid *f;
    uint64_t offset;
    uint32_t count;
    size_t done = 0;
    int e = take_data_fid(s, c, &f, &offset, &count);
    if (e != 0)
        return e;
    if (c->size - SHARE_WRITE_HEADER < count)
        return SHARE_EINVAL;
    if (f->kind == SHARE_FID_NEW_XATTR)
        return share_write_xattr(f, offset, c, count);
    if (f->kind != SHARE_FID_FILE)
        return SHARE_EBADF;
    unsigned n = vm_iov_slice(m->out, m->out_count, SHARE_WRITE_HEADER, count, s->iov);
    e = n ? share_host_write(f->file, s->iov, n, offset, &done) : 0;
    share_put(&c->out, done, 4);
    return e;
}

static bool is_open(const struct share_fid *f)
{
    return f->kind == SHARE_FID_FILE || f->kind == SHARE_FID_DIRECTORY;
}

int share_fsync(struct share *s, struct share_call *c)
{
    struct share_fid *f;
    int e = share_take_fid(s, &c->in, &f);
    // Some clients leave the last number out.
    bool data_only = c->in.at < c->in.end && share_take(&c->in, 4);
    if (c->in.failed || e != 0)
        return c->in.failed ? SHARE_EINVAL : e;
    return is_open(f) ? share_host_sync(f->file, data_only) : SHARE_EBADF;
}

// --- locks ---

enum { LOCK_SUCCESS = 0, LOCK_BLOCKED = 1 };

static bool is_lock(const struct share_lock *l)
{
    return l->type <= SHARE_LOCK_NONE && l->start <= INT64_MAX && l->length <= INT64_MAX - l->start;
}

// The guest's kernel has settled what its own programs want of each other; this is about the
// host's. A client that may wait asks again.
int share_lock(struct share *s, struct share_call *c)
{
    struct share_fid *f;
    bool granted;
    int e = share_take_fid(s, &c->in, &f);
    struct share_lock l = {.type = (uint8_t)share_take(&c->in, 1)};
    share_take(&c->in, 4);
    l.start = share_take(&c->in, 8);
    l.length = share_take(&c->in, 8);
    share_take(&c->in, 4);
    share_take_text(&c->in);
    if (c->in.failed || !is_lock(&l))
        return SHARE_EINVAL;
    if (e == 0 && f->kind != SHARE_FID_FILE)
        e = SHARE_EBADF;
    if (e == 0)
        e = share_host_lock(f->file, &l, &granted);
    if (e == 0)
        share_put(&c->out, granted ? LOCK_SUCCESS : LOCK_BLOCKED, 1);
    return e;
}

int share_getlock(struct share *s, struct share_call *c)
{
    struct share_fid *f;
    int e = share_take_fid(s, &c->in, &f);
    struct share_lock l = {.type = (uint8_t)share_take(&c->in, 1)};
    l.start = share_take(&c->in, 8);
    l.length = share_take(&c->in, 8);
    l.owner = (uint32_t)share_take(&c->in, 4);
    struct share_text client = share_take_text(&c->in);
    if (c->in.failed || !is_lock(&l) || l.type == SHARE_LOCK_NONE)
        return SHARE_EINVAL;
    if (e == 0 && f->kind != SHARE_FID_FILE)
        e = SHARE_EBADF;
    if (e == 0)
        e = share_host_find_lock(f->file, &l);
    if (e != 0)
        return e;
    share_put(&c->out, l.type, 1);
    share_put(&c->out, l.start, 8);
    share_put(&c->out, l.length, 8);
    share_put(&c->out, l.owner, 4);
    share_put_text(&c->out, client.bytes, client.length);
    return 0;
}
