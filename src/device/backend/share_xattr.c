// SPDX-License-Identifier: MIT
//
// Extended attributes. Only those of the name space "user.": the others mean something to the host
// (capabilities of programs, access lists of users that are not the guest's).
#include "share_server.h"

#include "heap.h"

static const char prefix[] = "user.";

static bool is_ours(const char *name)
{
    return vm_text_length(name) >= sizeof prefix - 1 &&
           vm_compare(name, prefix, sizeof prefix - 1) == 0;
}

static int make(struct share *s, uint32_t room, struct share_xattr **out)
{
    if (room > SHARE_XATTR_MAX)
        return SHARE_ENOSPC;
    if (s->xattr_memory + room > VM_SHARE_XATTR_MEMORY)
        return SHARE_ENOMEM;
    struct share_xattr *x = vm_heap_zalloc(sizeof *x);
    uint8_t *value = vm_heap_zalloc(room ? room : 1);
    if (!x || !value) {
        vm_heap_release(x, sizeof *x);
        vm_heap_release(value, room ? room : 1);
        return SHARE_ENOMEM;
    }
    x->value = value;
    x->room = room;
    s->xattr_memory += room;
    *out = x;
    return 0;
}

void share_release_xattr(struct share *s, struct share_fid *f)
{
    struct share_xattr *x = f->xattr;
    if (!x)
        return;
    s->xattr_memory -= x->room;
    vm_heap_release(x->value, x->room ? x->room : 1);
    vm_heap_release(x, sizeof *x);
    f->xattr = NULL;
}

// --- reading ---

// Leaves the names that are the guest's; returns their size.
static uint32_t filter(char *list, size_t size)
{
    size_t kept = 0;
    for (size_t at = 0; at < size;) {
        size_t n = vm_text_length(list + at) + 1;
        if (is_ours(list + at)) {
            for (size_t i = 0; i < n; i++)
                list[kept + i] = list[at + i];
            kept += n;
        }
        at += n;
    }
    return (uint32_t)kept;
}

// An empty name means the list of names.
static int fetch(struct share *s, int handle, const char *name, struct share_xattr **out)
{
    size_t size;
    int e = *name ? share_host_get_xattr(handle, name, NULL, 0, &size)
                  : share_host_list_xattrs(handle, NULL, 0, &size);
    if (e == 0)
        e = make(s, (uint32_t)(size < UINT32_MAX ? size : UINT32_MAX), out);
    if (e != 0 || size == 0)
        return e;
    struct share_xattr *x = *out;
    e = *name ? share_host_get_xattr(handle, name, x->value, x->room, &size)
              : share_host_list_xattrs(handle, x->value, x->room, &size);
    x->size = e != 0 ? 0 : *name ? (uint32_t)size : filter((char *)x->value, size);
    return e;
}

int share_xattrwalk(struct share *s, struct share_call *c)
{
    struct share_fid *f, *made;
    struct share_xattr *x = NULL;
    char name[SHARE_NAME_MAX + 1] = "";
    int handle, e = share_take_fid(s, &c->in, &f);
    uint32_t id = (uint32_t)share_take(&c->in, 4);
    struct share_reader ahead = c->in;
    int bad = share_take_text(&ahead).length ? share_take_name(&c->in, name) : 0;
    if (c->in.failed || ahead.failed)
        return SHARE_EINVAL;
    if (e == 0 && bad != 0)
        e = bad;
    if (e == 0 && *name && !is_ours(name))
        e = SHARE_EOPNOTSUPP;
    if (e == 0)
        e = share_fid_handle(s, f, &handle);
    if (e != 0)
        return e;
    struct share_node *node = f->node;
    share_hold_node(node);
    e = share_add_fid(s, id, node, &made);
    if (e != 0)
        return e;
    e = fetch(s, handle, name, &x);
    made->xattr = x;
    if (e != 0) {
        share_drop_fid(s, made);
        return e;
    }
    made->kind = SHARE_FID_XATTR;
    share_put(&c->out, x->size, 8);
    return 0;
}

int share_read_xattr(struct share_fid *f, uint64_t offset, struct share_call *c, uint32_t count)
{
    const struct share_xattr *x = f->xattr;
    const struct vm_share_message *m = c->message;
    uint64_t left = offset < x->size ? x->size - offset : 0;
    count = count < left ? count : (uint32_t)left;
    if (count)
        vm_iov_write(m->in, m->in_count, SHARE_DATA_REPLY, x->value + offset, count);
    share_put(&c->out, count, 4);
    c->data_size = count;
    return 0;
}

// --- writing ---

int share_xattrcreate(struct share *s, struct share_call *c)
{
    struct share_fid *f;
    char name[SHARE_NAME_MAX + 1];
    int e = share_take_fid(s, &c->in, &f), bad = share_take_name(&c->in, name);
    uint64_t size = share_take(&c->in, 8);
    uint32_t flags = (uint32_t)share_take(&c->in, 4);
    if (c->in.failed)
        return SHARE_EINVAL;
    if (e == 0)
        e = bad;
    if (e == 0)
        e = s->read_only                ? SHARE_EROFS
            : f->kind != SHARE_FID_PATH ? SHARE_EBADF
            : !is_ours(name)            ? SHARE_EOPNOTSUPP
            : size > SHARE_XATTR_MAX    ? SHARE_ENOSPC
                                        : 0;
    if (e == 0)
        e = make(s, (uint32_t)size, &f->xattr);
    if (e != 0)
        return e;
    f->kind = SHARE_FID_NEW_XATTR;
    f->xattr->flags = flags;
    vm_copy(f->xattr->name, name, sizeof name);
    return 0;
}

int share_write_xattr(struct share_fid *f, uint64_t offset, struct share_call *c, uint32_t count)
{
    struct share_xattr *x = f->xattr;
    const struct vm_share_message *m = c->message;
    if (offset != x->size || count > x->room - x->size)
        return SHARE_ENOSPC;
    vm_iov_read(m->out, m->out_count, SHARE_WRITE_HEADER, x->value + x->size, count);
    x->size += count;
    share_put(&c->out, count, 4);
    return 0;
}

// A value of no bytes removes the attribute (so does the client ask for it).
int share_end_xattr(struct share *s, struct share_fid *f)
{
    const struct share_xattr *x = f->xattr;
    int handle;
    if (f->kind != SHARE_FID_NEW_XATTR)
        return 0;
    if (x->size != x->room)
        return SHARE_EINVAL;
    int e = share_node_handle(s, f->node, &handle);
    if (e != 0)
        return e;
    return x->room ? share_host_set_xattr(handle, x->name, x->value, x->size, x->flags)
                   : share_host_remove_xattr(handle, x->name);
}
