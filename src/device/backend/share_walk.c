// SPDX-License-Identifier: MIT
//
// Walks from fid to fid, and the end of fids.
#include "share_server.h"

// Along the names as far as they go; *node ends with a reference. Fails if the first name does.
static int follow(struct share *s, struct share_call *c, unsigned names, unsigned *found,
                  struct share_node **node)
{
    int e = 0;
    for (*found = 0; *found < names; ++*found) {
        char name[SHARE_NAME_MAX + 1];
        struct share_stat stat;
        struct share_node *next;
        e = share_take_name(&c->in, name);
        if (e == 0 && (*node)->format != SHARE_S_IFDIR)
            e = SHARE_ENOTDIR;
        if (e == 0)
            e = share_find_node(s, *node, name, &next, &stat);
        if (e != 0)
            break;
        share_release_node(s, *node);
        *node = next;
        share_put_qid(s, &c->out, &stat);
    }
    return *found == 0 ? e : 0;
}

// The fid is another object from now on.
static int move_fid(struct share *s, struct share_fid *f, struct share_node *node)
{
    if (f->kind != SHARE_FID_PATH) {
        share_release_node(s, node);
        return SHARE_EBADF;
    }
    share_release_node(s, f->node);
    f->node = node;
    return 0;
}

int share_walk(struct share *s, struct share_call *c)
{
    struct share_fid *f, *made;
    int e = share_take_fid(s, &c->in, &f);
    uint32_t id = (uint32_t)share_take(&c->in, 4);
    unsigned names = (unsigned)share_take(&c->in, 2), found;
    if (c->in.failed || names > SHARE_WALK_MAX)
        return SHARE_EINVAL;
    if (e != 0)
        return e;
    if (id != f->id && share_find_fid(s, id))
        return SHARE_EBADF;
    uint8_t *count = c->out.at;
    share_put(&c->out, 0, 2);
    struct share_node *node = f->node;
    share_hold_node(node);
    e = follow(s, c, names, &found, &node);
    if (e != 0 || found < names) { // the guest keeps what it has
        share_release_node(s, node);
        vm_store_le16(count, (uint16_t)found);
        return e;
    }
    vm_store_le16(count, (uint16_t)found);
    return id == f->id ? move_fid(s, f, node) : share_add_fid(s, id, node, &made);
}

int share_clunk(struct share *s, struct share_call *c)
{
    struct share_fid *f;
    int e = share_take_fid(s, &c->in, &f);
    if (e != 0)
        return e;
    e = share_end_xattr(s, f);
    share_drop_fid(s, f);
    return e;
}

// The object by the name that the fid was walked to, if it still is that object.
static int remove_object(struct share *s, struct share_fid *f)
{
    struct share_node *n = f->node, *dir = n->parent;
    struct share_stat stat;
    int at;
    if (s->read_only)
        return SHARE_EROFS;
    if (n == s->root)
        return SHARE_EBUSY;
    if (!dir)
        return SHARE_ENOENT;
    int e = share_node_handle(s, dir, &at);
    if (e == 0)
        e = share_host_stat_name(at, n->name, &stat);
    if (e == 0 && (stat.device != n->device || stat.inode != n->inode))
        e = SHARE_ESTALE;
    if (e == 0)
        e = share_host_unlink(at, n->name, n->format == SHARE_S_IFDIR);
    if (e == 0)
        share_forget_name(s, dir, n->name);
    return e;
}

// The fid ends in any case.
int share_remove(struct share *s, struct share_call *c)
{
    struct share_fid *f;
    int e = share_take_fid(s, &c->in, &f);
    if (e != 0)
        return e;
    e = remove_object(s, f);
    share_drop_fid(s, f);
    return e;
}
