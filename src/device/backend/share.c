// SPDX-License-Identifier: MIT
//
// The 9P2000.L server (vm/device/backend/share.h): its life, frames of messages, the session.
// Requests are answered one after the other, so a flush always finds that the request which it
// means has been answered.
#include "share_server.h"

#include "heap.h"

// --- numbers and texts of messages ---

uint64_t share_take(struct share_reader *r, unsigned bytes)
{
    uint64_t v = 0;
    if ((size_t)(r->end - r->at) < bytes) {
        r->failed = true;
        r->at = r->end;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)r->at[i] << (8 * i);
    r->at += bytes;
    return v;
}

struct share_text share_take_text(struct share_reader *r)
{
    struct share_text t = {.length = (uint16_t)share_take(r, 2)};
    if ((size_t)(r->end - r->at) < t.length) {
        r->failed = true;
        t.length = 0;
    }
    t.bytes = (const char *)r->at;
    r->at += t.length;
    return t;
}

static bool holds(struct share_text t, char c)
{
    for (unsigned i = 0; i < t.length; i++) {
        if (t.bytes[i] == c)
            return true;
    }
    return false;
}

static bool equals(struct share_text t, const char *s)
{
    size_t n = vm_text_length(s);
    return t.length == n && vm_compare(t.bytes, s, n) == 0;
}

static int take_terminated(struct share_text t, char *to, size_t room)
{
    if (t.length >= room)
        return SHARE_ENAMETOOLONG;
    if (t.length == 0)
        return SHARE_ENOENT;
    if (holds(t, 0))
        return SHARE_EINVAL;
    vm_copy(to, t.bytes, t.length);
    to[t.length] = 0;
    return 0;
}

int share_take_name(struct share_reader *r, char name[SHARE_NAME_MAX + 1])
{
    struct share_text t = share_take_text(r);
    if (r->failed || holds(t, '/') || equals(t, ".") || equals(t, ".."))
        return SHARE_EINVAL;
    return take_terminated(t, name, SHARE_NAME_MAX + 1);
}

int share_take_path(struct share_reader *r, char path[SHARE_PATH_MAX])
{
    struct share_text t = share_take_text(r);
    return r->failed ? SHARE_EINVAL : take_terminated(t, path, SHARE_PATH_MAX);
}

void share_put(struct share_writer *w, uint64_t v, unsigned bytes)
{
    if ((size_t)(w->end - w->at) < bytes)
        return;
    for (unsigned i = 0; i < bytes; i++)
        *w->at++ = (uint8_t)(v >> (8 * i));
}

void share_put_text(struct share_writer *w, const char *bytes, size_t length)
{
    if ((size_t)(w->end - w->at) < length + 2)
        return;
    share_put(w, length, 2);
    vm_copy(w->at, bytes, length);
    w->at += length;
}

// --- the session ---

static void end_session(struct share *s)
{
    share_drop_all_fids(s);
    s->has_session = false;
}

static int version(struct share *s, struct share_call *c)
{
    static const char known[] = "9P2000.L", unknown[] = "unknown";
    uint32_t msize = (uint32_t)share_take(&c->in, 4);
    struct share_text t = share_take_text(&c->in);
    if (c->in.failed)
        return SHARE_EINVAL;
    if (msize < SHARE_MIN_MSIZE)
        return SHARE_EMSGSIZE;
    end_session(s);
    s->msize = msize < VM_SHARE_MSIZE ? msize : VM_SHARE_MSIZE;
    s->has_session = equals(t, known);
    share_put(&c->out, s->msize, 4);
    share_put_text(&c->out, s->has_session ? known : unknown,
                   s->has_session ? sizeof known - 1 : sizeof unknown - 1);
    return 0;
}

// Every user of the guest is this process's user at the host; there is nothing to authenticate.
static int attach(struct share *s, struct share_call *c)
{
    uint32_t id = (uint32_t)share_take(&c->in, 4), auth = (uint32_t)share_take(&c->in, 4);
    share_take_text(&c->in);
    struct share_text tree = share_take_text(&c->in);
    if (c->in.failed || auth != UINT32_MAX)
        return SHARE_EINVAL;
    if (tree.length != 0 && !equals(tree, "/"))
        return SHARE_ENOENT;
    int handle;
    struct share_stat stat;
    struct share_fid *f;
    int e = share_node_handle(s, s->root, &handle);
    if (e == 0)
        e = share_host_stat(handle, &stat);
    if (e != 0)
        return e;
    share_hold_node(s->root);
    e = share_add_fid(s, id, s->root, &f);
    if (e == 0)
        share_put_qid(s, &c->out, &stat);
    return e;
}

static int flush(struct share *s, struct share_call *c)
{
    (void)s;
    share_take(&c->in, 2);
    return c->in.failed ? SHARE_EINVAL : 0;
}

// --- frames ---

enum { T_VERSION = 100, T_WRITE = 118, R_ERROR = 7 };

typedef int handler(struct share *s, struct share_call *c);

// By type; the reply's type is the next.
static handler *const handlers[] = {
    [8] = share_statfs,      [12] = share_lopen,       [14] = share_lcreate,
    [16] = share_symlink,    [18] = share_mknod,       [20] = share_rename,
    [22] = share_readlink,   [24] = share_getattr,     [26] = share_setattr,
    [30] = share_xattrwalk,  [32] = share_xattrcreate, [40] = share_readdir,
    [50] = share_fsync,      [52] = share_lock,        [54] = share_getlock,
    [70] = share_link,       [72] = share_mkdir,       [74] = share_renameat,
    [76] = share_unlinkat,   [T_VERSION] = version,    [104] = attach,
    [108] = flush,           [110] = share_walk,       [116] = share_read,
    [T_WRITE] = share_write, [120] = share_clunk,      [122] = share_remove,
};

static int judge(const struct share *s, uint8_t type, uint32_t size)
{
    if (type >= VM_ARRAY_SIZE(handlers) || !handlers[type])
        return SHARE_EOPNOTSUPP;
    if (type != T_VERSION && !s->has_session)
        return SHARE_EPROTO;
    if (type == T_WRITE ? size > s->msize : size > SHARE_REQUEST)
        return SHARE_EMSGSIZE;
    return 0;
}

static int answer(struct share *s, uint8_t type, struct share_call *c)
{
    int e = judge(s, type, c->size);
    if (e != 0)
        return e;
    const struct vm_share_message *m = c->message;
    size_t n = vm_iov_read(m->out, m->out_count, 0, s->request,
                           c->size < SHARE_REQUEST ? c->size : SHARE_REQUEST);
    c->in = (struct share_reader){s->request + SHARE_HEADER, s->request + n, false};
    return handlers[type](s, c);
}

static uint32_t serve(struct vm_share *share, const struct vm_share_message *m)
{
    struct share *s = (struct share *)share;
    uint8_t header[SHARE_HEADER];
    if (m->in_size < SHARE_ERROR_REPLY ||
        vm_iov_read(m->out, m->out_count, 0, header, sizeof header) < sizeof header)
        return 0;
    uint32_t size = vm_load_le32(header);
    if (size < SHARE_HEADER || size > m->out_size)
        return 0;
    uint64_t room = m->in_size < s->msize ? m->in_size : s->msize;
    struct share_call c = {
        .message = m,
        .out = {s->reply + SHARE_HEADER, s->reply + SHARE_REPLY},
        .size = size,
        .room = (uint32_t)room - SHARE_DATA_REPLY,
    };
    uint8_t type = header[4];
    int e = answer(s, type, &c);
    if (e == 0 && (uint64_t)(c.out.at - s->reply) > room)
        e = SHARE_EMSGSIZE;
    if (e != 0) {
        c.out.at = s->reply + SHARE_HEADER;
        c.data_size = 0;
        share_put(&c.out, (uint64_t)e, 4);
    }
    uint32_t flat = (uint32_t)(c.out.at - s->reply);
    vm_store_le32(s->reply, flat + c.data_size);
    s->reply[4] = e != 0 ? R_ERROR : (uint8_t)(type + 1);
    vm_copy(s->reply + 5, header + 5, 2);
    vm_iov_write(m->in, m->in_count, 0, s->reply, flat);
    return flat + c.data_size;
}

// --- life ---

static void reset(struct vm_share *share)
{
    end_session((struct share *)share);
}

static void close_share(struct vm_share *share)
{
    struct share *s = (struct share *)share;
    end_session(s);
    share_end_root(s);
    share_host_end(s->host);
    vm_heap_release(s, sizeof *s);
}

static const struct vm_share_ops ops = {"9p", serve, reset, close_share};

vm_status vm_share_open(const struct vm_share_config *o, struct vm_share **share,
                        struct vm_error *e)
{
    int root;
    if (o->descriptors < VM_SHARE_MIN_DESCRIPTORS)
        return vm_error_set(e, VM_ERR_HOST,
                            "%u open files are too few to share %s; it needs %d (ulimit -n)",
                            o->descriptors, o->directory, VM_SHARE_MIN_DESCRIPTORS);
    struct share *s = vm_heap_zalloc(sizeof *s);
    if (!s)
        return vm_error_set(e, VM_ERR_HOST, "out of memory to share %s", o->directory);
    s->share.ops = &ops;
    s->read_only = o->read_only;
    s->max_descriptors = o->descriptors;
    s->msize = SHARE_MIN_MSIZE;
    vm_status status = share_host_open(o->directory, &s->host, &root, e);
    if (status == VM_OK && share_make_root(s, root) != 0) {
        share_host_close(root);
        share_host_end(s->host);
        status = vm_error_set(e, VM_ERR_HOST, "out of memory to share %s", o->directory);
    }
    if (status != VM_OK) {
        vm_heap_release(s, sizeof *s);
        return status;
    }
    *share = &s->share;
    return VM_OK;
}
