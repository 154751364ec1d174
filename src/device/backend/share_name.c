// SPDX-License-Identifier: MIT
//
// Names in directories: made, moved, removed.
#include "share_server.h"

// A directory of the guest's and a name in it; the handle is pinned until done.
struct place {
    struct share_node *dir;
    int handle;
    char name[SHARE_NAME_MAX + 1];
};

static int open_place(struct share *s, struct share_fid *f, struct place *p)
{
    if (s->read_only)
        return SHARE_EROFS;
    if (f->node->format != SHARE_S_IFDIR)
        return SHARE_ENOTDIR;
    int e = share_node_handle(s, f->node, &p->handle);
    if (e != 0)
        return e;
    p->dir = f->node;
    share_pin(s, p->dir);
    return 0;
}

static void close_place(struct share *s, struct place *p)
{
    share_unpin(s, p->dir);
}

// What most messages begin with: a directory and a name. `e` is of the fid, `bad` of the name.
struct taken {
    struct share_fid *f;
    int e, bad;
};

static struct taken take_place(struct share *s, struct share_reader *r, struct place *p)
{
    struct taken t;
    t.e = share_take_fid(s, r, &t.f);
    t.bad = share_take_name(r, p->name);
    return t;
}

static int judge(const struct share_reader *r, const struct taken *t)
{
    return r->failed ? SHARE_EINVAL : t->e != 0 ? t->e : t->bad;
}

static int answer_qid(struct share *s, struct share_call *c, const struct place *p)
{
    struct share_stat stat;
    int e = share_host_stat_name(p->handle, p->name, &stat);
    if (e == 0)
        share_put_qid(s, &c->out, &stat);
    return e;
}

// --- new objects ---

int share_mkdir(struct share *s, struct share_call *c)
{
    struct place p;
    struct taken t = take_place(s, &c->in, &p);
    uint32_t mode = (uint32_t)share_take(&c->in, 4);
    share_take(&c->in, 4); // group
    int e = judge(&c->in, &t);
    if (e == 0)
        e = open_place(s, t.f, &p);
    if (e != 0)
        return e;
    e = share_host_mkdir(s->host, p.handle, p.name, mode & (SHARE_PERMISSIONS | SHARE_S_ISVTX));
    if (e == 0)
        e = answer_qid(s, c, &p);
    close_place(s, &p);
    return e;
}

// Devices are the host's business.
static int judge_mode(uint32_t mode)
{
    switch (mode & SHARE_S_IFMT) {
    case 0:
    case SHARE_S_IFREG:
    case SHARE_S_IFIFO:
    case SHARE_S_IFSOCK: return 0;
    default: return SHARE_EPERM;
    }
}

int share_mknod(struct share *s, struct share_call *c)
{
    struct place p;
    struct taken t = take_place(s, &c->in, &p);
    uint32_t mode = (uint32_t)share_take(&c->in, 4), format = mode & SHARE_S_IFMT;
    share_take(&c->in, 8); // device numbers
    share_take(&c->in, 4); // group
    int e = judge(&c->in, &t);
    if (e == 0)
        e = judge_mode(mode);
    if (e == 0)
        e = open_place(s, t.f, &p);
    if (e != 0)
        return e;
    mode &= SHARE_PERMISSIONS | SHARE_S_ISVTX;
    e = share_host_mknod(s->host, p.handle, p.name, mode | (format ? format : SHARE_S_IFREG));
    if (e == 0)
        e = answer_qid(s, c, &p);
    close_place(s, &p);
    return e;
}

// The target is the guest's; nothing here ever follows it.
int share_symlink(struct share *s, struct share_call *c)
{
    struct place p;
    char target[SHARE_PATH_MAX];
    struct taken t = take_place(s, &c->in, &p);
    int bad = share_take_path(&c->in, target);
    share_take(&c->in, 4); // group
    int e = judge(&c->in, &t);
    if (e == 0)
        e = bad != 0 ? bad : open_place(s, t.f, &p);
    if (e != 0)
        return e;
    e = share_host_symlink(p.handle, p.name, target);
    if (e == 0)
        e = answer_qid(s, c, &p);
    close_place(s, &p);
    return e;
}

int share_link(struct share *s, struct share_call *c)
{
    struct place p;
    struct share_fid *object;
    struct taken t = {0};
    int handle;
    t.e = share_take_fid(s, &c->in, &t.f);
    int bad = share_take_fid(s, &c->in, &object);
    t.bad = share_take_name(&c->in, p.name);
    int e = judge(&c->in, &t);
    if (e == 0 && bad == 0 && object->node->format == SHARE_S_IFDIR)
        bad = SHARE_EPERM;
    if (e == 0)
        e = bad != 0 ? bad : open_place(s, t.f, &p);
    if (e != 0)
        return e;
    e = share_fid_handle(s, object, &handle);
    if (e == 0)
        e = share_host_link(s->host, handle, p.handle, p.name);
    close_place(s, &p);
    return e;
}

// --- names that move and go ---

static int move(struct share *s, const struct place *from, const struct place *to)
{
    int e = share_host_rename(from->handle, from->name, to->handle, to->name);
    if (e == 0)
        share_move_name(s, from->dir, from->name, to->dir, to->name);
    return e;
}

int share_renameat(struct share *s, struct share_call *c)
{
    struct place from, to;
    struct taken a = take_place(s, &c->in, &from), b = take_place(s, &c->in, &to);
    int e = judge(&c->in, &a);
    if (e == 0)
        e = judge(&c->in, &b);
    if (e == 0)
        e = open_place(s, a.f, &from);
    if (e != 0)
        return e;
    e = open_place(s, b.f, &to);
    if (e == 0) {
        e = move(s, &from, &to);
        close_place(s, &to);
    }
    close_place(s, &from);
    return e;
}

// The directory that a fid's object has its name in.
static int open_parent(struct share *s, const struct share_fid *f, struct place *p)
{
    struct share_node *dir = f->node->parent;
    if (!dir)
        return f->node == s->root ? SHARE_EBUSY : SHARE_ENOENT;
    int e = share_node_handle(s, dir, &p->handle);
    if (e != 0)
        return e;
    p->dir = dir;
    share_pin(s, dir);
    share_hold_node(dir); // the object may leave it
    vm_copy(p->name, f->node->name, vm_text_length(f->node->name) + 1);
    return 0;
}

int share_rename(struct share *s, struct share_call *c)
{
    struct place from, to;
    struct share_fid *f;
    int bad = share_take_fid(s, &c->in, &f);
    struct taken b = take_place(s, &c->in, &to);
    int e = judge(&c->in, &b);
    if (e == 0)
        e = bad != 0 ? bad : open_place(s, b.f, &to);
    if (e != 0)
        return e;
    e = open_parent(s, f, &from);
    if (e == 0) {
        e = move(s, &from, &to);
        close_place(s, &from);
        share_release_node(s, from.dir);
    }
    close_place(s, &to);
    return e;
}

int share_unlinkat(struct share *s, struct share_call *c)
{
    enum { REMOVE_DIRECTORY = 0x200 };
    struct place p;
    struct taken t = take_place(s, &c->in, &p);
    uint32_t flags = (uint32_t)share_take(&c->in, 4);
    int e = judge(&c->in, &t);
    if (e == 0 && flags & ~(uint32_t)REMOVE_DIRECTORY)
        e = SHARE_EINVAL;
    if (e == 0)
        e = open_place(s, t.f, &p);
    if (e != 0)
        return e;
    e = share_host_unlink(p.handle, p.name, flags & REMOVE_DIRECTORY);
    if (e == 0)
        share_forget_name(s, p.dir, p.name);
    close_place(s, &p);
    return e;
}
