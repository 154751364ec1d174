// SPDX-License-Identifier: MIT
//
// Fids of the 9P server: a table by number.
#include "share_server.h"

#include "heap.h"

static struct share_fid **bucket_of(struct share *s, uint64_t id)
{
    return &s->fid_buckets[id % SHARE_BUCKETS]; // clients count them up
}

struct share_fid *share_find_fid(struct share *s, uint64_t id)
{
    struct share_fid *f = *bucket_of(s, id);
    while (f && f->id != id)
        f = f->next;
    return f;
}

int share_take_fid(struct share *s, struct share_reader *r, struct share_fid **out)
{
    uint64_t id = share_take(r, 4);
    *out = r->failed ? NULL : share_find_fid(s, id);
    return *out ? 0 : r->failed ? SHARE_EINVAL : SHARE_EBADF;
}

int share_add_fid(struct share *s, uint32_t id, struct share_node *node, struct share_fid **out)
{
    int e = id == UINT32_MAX || share_find_fid(s, id) ? SHARE_EBADF
            : s->fids >= VM_SHARE_FIDS                ? SHARE_ENFILE
                                                      : 0;
    struct share_fid *f = e == 0 ? vm_heap_alloc(sizeof *f) : NULL;
    if (!f) {
        share_release_node(s, node);
        return e != 0 ? e : SHARE_ENOMEM;
    }
    struct share_fid **bucket = bucket_of(s, id);
    *f = (struct share_fid){.next = *bucket, .id = id, .node = node, .file = -1};
    *bucket = f;
    s->fids++;
    *out = f;
    return 0;
}

void share_close_fid(struct share *s, struct share_fid *f)
{
    if (f->file >= 0)
        share_close_descriptor(s, f->file);
    f->file = -1;
    share_release_xattr(s, f);
    f->kind = SHARE_FID_PATH;
}

void share_drop_fid(struct share *s, struct share_fid *f)
{
    struct share_fid **p = bucket_of(s, f->id);
    while (*p != f)
        p = &(*p)->next;
    *p = f->next;
    s->fids--;
    share_close_fid(s, f);
    share_release_node(s, f->node);
    vm_heap_release(f, sizeof *f);
}

void share_drop_all_fids(struct share *s)
{
    for (unsigned i = 0; i < SHARE_BUCKETS; i++) {
        while (s->fid_buckets[i])
            share_drop_fid(s, s->fid_buckets[i]);
    }
}

// An open file stands for itself: its name may be gone.
int share_fid_handle(struct share *s, struct share_fid *f, int *handle)
{
    if (f->file < 0)
        return share_node_handle(s, f->node, handle);
    *handle = f->file;
    return 0;
}

int share_fid_changes(struct share *s, struct share_fid *f, int *handle)
{
    return s->read_only ? SHARE_EROFS : share_fid_handle(s, f, handle);
}
