// SPDX-License-Identifier: MIT
//
// Nodes of the 9P server. A guest may know far more names than this process may have descriptors:
// handles that have not been used for longest are closed, and opened anew through their directory
// when they are needed. Then it must be the same object; if the host has put another in its place,
// the guest's is stale.
#include "share_server.h"

#include "heap.h"

// --- descriptors ---

enum { RESERVE = 8 }; // for handles, whatever is open

static void leave_queue(struct share *s, struct share_node *n)
{
    if (!n->is_queued)
        return;
    *(n->older ? &n->older->newer : &s->oldest) = n->newer;
    *(n->newer ? &n->newer->older : &s->newest) = n->older;
    n->newer = n->older = NULL;
    n->is_queued = false;
}

// The root's handle is always open, and that of a node whose name is gone cannot be opened again.
static void enter_queue(struct share *s, struct share_node *n)
{
    leave_queue(s, n);
    if (!n->parent || n->pins || n->handle < 0)
        return;
    n->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = n;
    s->newest = n;
    n->is_queued = true;
}

void share_close_descriptor(struct share *s, int fd)
{
    share_host_close(fd);
    s->descriptors--;
}

static void close_handle(struct share *s, struct share_node *n)
{
    leave_queue(s, n);
    if (n->handle >= 0)
        share_close_descriptor(s, n->handle);
    n->handle = -1;
}

static int take_below(struct share *s, unsigned limit)
{
    while (s->descriptors >= limit && s->oldest)
        close_handle(s, s->oldest);
    if (s->descriptors >= limit)
        return SHARE_ENFILE;
    s->descriptors++;
    return 0;
}

int share_take_descriptor(struct share *s)
{
    return take_below(s, s->max_descriptors - RESERVE);
}

static int take_for_handle(struct share *s)
{
    return take_below(s, s->max_descriptors);
}

// --- the table ---

static struct share_node **bucket_of(struct share *s, const struct share_node *dir,
                                     const char *name)
{
    uint64_t h = (uintptr_t)dir * UINT64_C(0x9e3779b97f4a7c15);
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
    return &s->node_buckets[(h >> 20) % SHARE_BUCKETS];
}

static struct share_node *look_up(struct share *s, const struct share_node *dir, const char *name)
{
    struct share_node *n = *bucket_of(s, dir, name);
    while (n && (n->parent != dir || !vm_text_equal(n->name, name)))
        n = n->next;
    return n;
}

static void leave_table(struct share *s, struct share_node *n)
{
    struct share_node **p = bucket_of(s, n->parent, n->name);
    while (*p != n)
        p = &(*p)->next;
    *p = n->next;
}

static void enter_table(struct share *s, struct share_node *n)
{
    struct share_node **bucket = bucket_of(s, n->parent, n->name);
    n->next = *bucket;
    *bucket = n;
}

// --- life ---

static bool set_name(struct share_node *n, const char *name)
{
    size_t room = vm_text_length(name) + 1;
    char *copy = vm_heap_alloc(room);
    if (!copy)
        return false;
    vm_copy(copy, name, room);
    vm_heap_release(n->name, n->name_room);
    n->name = copy;
    n->name_room = (uint16_t)room;
    return true;
}

void share_hold_node(struct share_node *n)
{
    n->references++;
}

// A loop, since directories may be nested to any depth.
void share_release_node(struct share *s, struct share_node *n)
{
    while (n && --n->references == 0) {
        struct share_node *parent = n->parent;
        if (parent)
            leave_table(s, n);
        close_handle(s, n);
        vm_heap_release(n->name, n->name_room);
        vm_heap_release(n, sizeof *n);
        n = parent;
    }
}

// No name leads to it any more; what it has open stays, since nothing would lead back.
static void lose_name(struct share *s, struct share_node *n)
{
    struct share_node *parent = n->parent;
    leave_table(s, n);
    leave_queue(s, n);
    n->parent = NULL;
    n->is_gone = true;
    share_release_node(s, parent);
}

static struct share_node *make_node(int handle, const struct share_stat *stat, const char *name)
{
    struct share_node *n = vm_heap_zalloc(sizeof *n);
    if (n && !set_name(n, name)) {
        vm_heap_release(n, sizeof *n);
        n = NULL;
    }
    if (!n)
        return NULL;
    n->handle = handle;
    n->references = 1;
    n->device = stat->device;
    n->inode = stat->inode;
    n->format = stat->mode & SHARE_S_IFMT;
    return n;
}

int share_make_root(struct share *s, int handle)
{
    struct share_stat stat;
    int e = share_host_stat(handle, &stat);
    if (e != 0)
        return e;
    s->root = make_node(handle, &stat, "/");
    s->descriptors++;
    s->devices[s->device_count++] = stat.device;
    return s->root ? 0 : SHARE_ENOMEM;
}

void share_end_root(struct share *s)
{
    share_release_node(s, s->root);
}

// --- handles ---

static bool is_same(const struct share_node *n, const struct share_stat *stat)
{
    return n->device == stat->device && n->inode == stat->inode &&
           n->format == (stat->mode & SHARE_S_IFMT);
}

// Its directory's handle is open.
static int open_anew(struct share *s, struct share_node *n)
{
    struct share_stat stat;
    int handle;
    share_pin(s, n->parent);
    int e = take_for_handle(s);
    share_unpin(s, n->parent);
    if (e != 0)
        return e;
    e = share_host_find(n->parent->handle, n->name, &handle);
    if (e != 0) {
        s->descriptors--;
        return e == SHARE_ENOENT ? SHARE_ESTALE : e;
    }
    e = share_host_stat(handle, &stat);
    if (e == 0 && !is_same(n, &stat))
        e = SHARE_ESTALE;
    if (e != 0) {
        share_close_descriptor(s, handle);
        return e;
    }
    n->handle = handle;
    return 0;
}

int share_node_handle(struct share *s, struct share_node *n, int *handle)
{
    struct share_node *top = n;
    for (; top->handle < 0; top = top->parent) {
        if (!top->parent)
            return SHARE_ESTALE;
        top->parent->below = top;
    }
    while (top != n) {
        top = top->below;
        int e = open_anew(s, top);
        if (e != 0)
            return e;
        enter_queue(s, top);
    }
    enter_queue(s, n);
    *handle = n->handle;
    return 0;
}

void share_pin(struct share *s, struct share_node *n)
{
    n->pins++;
    leave_queue(s, n);
}

void share_unpin(struct share *s, struct share_node *n)
{
    if (--n->pins == 0)
        enter_queue(s, n);
}

// --- names ---

// `handle` is of that name: the node that is known by it, or a new one, takes it.
static int adopt(struct share *s, struct share_node *dir, const char *name, int handle,
                 const struct share_stat *stat, struct share_node **out)
{
    struct share_node *n = look_up(s, dir, name);
    if (n && is_same(n, stat)) {
        if (n->handle >= 0)
            share_close_descriptor(s, handle);
        else
            n->handle = handle;
        share_hold_node(n);
        enter_queue(s, n);
        *out = n;
        return 0;
    }
    if (n)
        lose_name(s, n);
    n = make_node(handle, stat, name);
    if (!n) {
        share_close_descriptor(s, handle);
        return SHARE_ENOMEM;
    }
    n->parent = dir;
    share_hold_node(dir);
    enter_table(s, n);
    enter_queue(s, n);
    *out = n;
    return 0;
}

int share_find_node(struct share *s, struct share_node *dir, const char *name,
                    struct share_node **out, struct share_stat *stat)
{
    int at, handle;
    int e = share_node_handle(s, dir, &at);
    if (e != 0)
        return e;
    share_pin(s, dir);
    e = take_for_handle(s);
    share_unpin(s, dir);
    if (e != 0)
        return e;
    e = share_host_find(at, name, &handle);
    if (e != 0) {
        s->descriptors--;
        return e;
    }
    e = share_host_stat(handle, stat);
    if (e == 0)
        return adopt(s, dir, name, handle, stat, out);
    share_close_descriptor(s, handle);
    return e;
}

void share_forget_name(struct share *s, struct share_node *dir, const char *name)
{
    struct share_node *n = look_up(s, dir, name);
    if (n)
        lose_name(s, n);
}

static bool is_above(const struct share_node *n, const struct share_node *below)
{
    while (below && below != n)
        below = below->parent;
    return below == n;
}

// The host may have moved directories as well, so what we know may say that a directory moves into
// itself; then its name is gone for us.
void share_move_name(struct share *s, struct share_node *dir, const char *name,
                     struct share_node *new_dir, const char *new_name)
{
    struct share_node *n = look_up(s, dir, name), *other = look_up(s, new_dir, new_name);
    if (n == other)
        return;
    if (other)
        lose_name(s, other);
    if (!n)
        return;
    if (new_dir->is_gone || is_above(n, new_dir)) {
        lose_name(s, n);
        return;
    }
    leave_table(s, n);
    bool named = set_name(n, new_name);
    share_hold_node(new_dir);
    n->parent = new_dir;
    enter_table(s, n);
    share_release_node(s, dir);
    if (!named)
        lose_name(s, n);
}
