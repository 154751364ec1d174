// SPDX-License-Identifier: MIT
//
// Readdir: entries of the host's directory, as many as the guest has room for.
#include "share_server.h"

enum { ENTRY = 24, QID_DIR = 0x80, QID_LINK = 0x02 }; // bytes of an entry without its name

static uint8_t type_of_mode(uint32_t mode)
{
    return (uint8_t)((mode & SHARE_S_IFMT) >> 12);
}

// Some file systems do not say what an entry is; then we look. At the top ".." is the share itself:
// what is above it is none of the guest's business.
static void complete(struct share *s, const struct share_fid *f, struct share_entry *d)
{
    struct share_stat stat;
    if (vm_text_equal(d->name, "..")) {
        if (f->node == s->root)
            d->inode = s->root->inode;
    } else if (d->type == SHARE_DT_UNKNOWN && share_host_stat_name(f->file, d->name, &stat) == 0) {
        d->type = type_of_mode(stat.mode);
    }
}

// False if there is no more room.
static bool put_entry(struct share *s, struct share_writer *w, const struct share_fid *f,
                      const struct share_entry *d)
{
    size_t length = vm_text_length(d->name);
    if (ENTRY + length > (size_t)(w->end - w->at))
        return false;
    bool dir = d->type == type_of_mode(SHARE_S_IFDIR),
         link = d->type == type_of_mode(SHARE_S_IFLNK);
    share_put(w, dir ? QID_DIR : link ? QID_LINK : 0, 1);
    share_put(w, 1, 4); // version: nobody looks at it here
    share_put(w, share_qid_path(s, f->node->device, d->inode), 8);
    share_put(w, d->next, 8);
    share_put(w, d->type, 1);
    share_put_text(w, d->name, length);
    return true;
}

static int list(struct share *s, const struct share_fid *f, uint64_t offset, uint32_t count,
                uint32_t *size)
{
    struct share_writer w = {s->listed, s->listed + count};
    bool room = true;
    while (room) {
        size_t n, at = 0;
        int e = share_host_list(f->file, offset, s->list, sizeof s->list, &n);
        if (e != 0)
            return e;
        if (n == 0)
            break;
        while (room && at < n) {
            struct share_entry d;
            share_host_next_entry(s->list, &at, &d);
            complete(s, f, &d);
            room = put_entry(s, &w, f, &d);
            if (room)
                offset = d.next;
            else if (w.at == s->listed)
                return SHARE_EINVAL; // no room for a single entry, which would look like the end
        }
    }
    *size = (uint32_t)(w.at - s->listed);
    return 0;
}

int share_readdir(struct share *s, struct share_call *c)
{
    const struct vm_share_message *m = c->message;
    struct share_fid *f;
    uint32_t size;
    int e = share_take_fid(s, &c->in, &f);
    uint64_t offset = share_take(&c->in, 8);
    uint32_t count = (uint32_t)share_take(&c->in, 4);
    if (c->in.failed)
        return SHARE_EINVAL;
    if (e == 0 && f->kind != SHARE_FID_DIRECTORY)
        e = SHARE_EBADF;
    count = count < c->room ? count : c->room;
    count = count < SHARE_LIST ? count : SHARE_LIST;
    if (e == 0)
        e = list(s, f, offset, count, &size);
    if (e != 0)
        return e;
    vm_iov_write(m->in, m->in_count, SHARE_DATA_REPLY, s->listed, size);
    share_put(&c->out, size, 4);
    c->data_size = size;
    return 0;
}
