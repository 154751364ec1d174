// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "p9_client.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vm/device/virtio/p9.h>

// --- life ---

static void make_directories(struct p9_client *c)
{
    snprintf(c->base, sizeof c->base, "/tmp/trine-9p-XXXXXX");
    assert_non_null(mkdtemp(c->base));
    snprintf(c->shared, sizeof c->shared, "%s/shared", c->base);
    assert_int_equal(mkdir(c->shared, 0755), 0);
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *f)
{
    (void)s;
    (void)type;
    (void)f;
    return remove(path);
}

void p9_plug(struct p9_client *c, const struct p9_options *o)
{
    memset(c, 0, sizeof *c);
    make_directories(c);
    const struct vm_share_config share = {c->shared, o->read_only,
                                          o->descriptors ? o->descriptors : 64};
    struct vm_virtio_p9_config config = {.tag = "host"};
    struct vm_virtio *v;
    assert_int_equal(vm_share_open(&share, &config.share, NULL), VM_OK);
    virtio_rig_init(&c->rig, 4 << 20);
    assert_int_equal(vm_virtio_p9_create(&c->rig.machine, &c->rig.io, "share0", &config, &v, NULL),
                     VM_OK);
    virtio_rig_plug(&c->rig, o->bus ? o->bus : virtio_buses[0], v);
    if (o->threaded)
        virtio_rig_thread(&c->rig);
    const struct virtio_mode *mode = o->mode ? o->mode : &virtio_modes[0];
    virtio_start(&c->rig, VIRTIO_ALL & ~mode->without);
    virtio_ring_init(&c->rig, &c->ring, 0, 0);
    c->ring.indirect = mode->indirect;
    virtio_go(&c->rig);
}

void p9_begin(struct p9_client *c, const struct p9_options *o)
{
    p9_plug(c, o);
    assert_int_equal(p9_version(c, P9_MSIZE, "9P2000.L"), 0);
    assert_int_equal(p9_attach(c, P9_ROOT), 0);
}

void p9_end(struct p9_client *c)
{
    virtio_rig_end(&c->rig);
    nftw(c->base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *p9_path(struct p9_client *c, const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *to = paths[next++ % 4];
    snprintf(to, sizeof paths[0], "%s/%s", c->base, name);
    return to;
}

// --- messages ---

static void put(struct p9_client *c, uint64_t v, unsigned bytes)
{
    assert_true(c->size + bytes <= sizeof c->out);
    for (unsigned i = 0; i < bytes; i++)
        c->out[c->size++] = (uint8_t)(v >> (8 * i));
}

static void put_bytes(struct p9_client *c, const void *from, size_t size)
{
    assert_true(c->size + size <= sizeof c->out);
    memcpy(c->out + c->size, from, size);
    c->size += (uint32_t)size;
}

static void put_fields(struct p9_client *c, const char *format, va_list args)
{
    for (; *format; format++) {
        switch (*format) {
        case 'b': put(c, va_arg(args, unsigned), 1); break;
        case 'h': put(c, va_arg(args, unsigned), 2); break;
        case 'w': put(c, va_arg(args, unsigned), 4); break;
        case 'l': put(c, va_arg(args, uint64_t), 8); break;
        case 's': {
            const char *s = va_arg(args, const char *);
            put(c, strlen(s), 2);
            put_bytes(c, s, strlen(s));
            break;
        }
        case 'd': {
            size_t n = va_arg(args, size_t);
            put_bytes(c, va_arg(args, const void *), n);
            break;
        }
        default: fail_msg("no such field: %c", *format);
        }
    }
}

int p9_call(struct p9_client *c, unsigned type, const char *format, ...)
{
    va_list args;
    c->tag++;
    c->size = 4;
    put(c, type, 1);
    put(c, c->tag, 2);
    va_start(args, format);
    put_fields(c, format, args);
    va_end(args);
    uint32_t size = c->size;
    c->size = 0;
    put(c, size, 4);
    c->size = size;
    c->reply = virtio_request(&c->ring, c->out, size, c->in, P9_MSIZE);
    c->at = 0;
    assert_true(c->reply >= P9_HEADER);
    assert_int_equal(p9_take(c, 4), c->reply);
    unsigned answer = (unsigned)p9_take(c, 1);
    assert_int_equal(p9_take(c, 2), c->tag);
    if (answer == 7) {
        int e = (int)p9_take(c, 4);
        assert_int_not_equal(e, 0);
        return e;
    }
    assert_int_equal(answer, type + 1);
    return 0;
}

uint64_t p9_take(struct p9_client *c, unsigned bytes)
{
    uint64_t v = 0;
    assert_true(c->at + bytes <= c->reply);
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)c->in[c->at++] << (8 * i);
    return v;
}

void p9_take_text(struct p9_client *c, char *to, size_t room)
{
    size_t n = (size_t)p9_take(c, 2);
    assert_true(n < room && c->at + n <= c->reply);
    memcpy(to, c->in + c->at, n);
    to[n] = 0;
    c->at += (uint32_t)n;
}

struct p9_qid p9_take_qid(struct p9_client *c)
{
    struct p9_qid q;
    q.type = (uint8_t)p9_take(c, 1);
    q.version = (uint32_t)p9_take(c, 4);
    q.path = p9_take(c, 8);
    return q;
}

// --- the usual ones ---

int p9_version(struct p9_client *c, uint32_t msize, const char *version)
{
    return p9_call(c, P9_VERSION, "ws", msize, version);
}

int p9_attach(struct p9_client *c, uint32_t fid)
{
    return p9_call(c, P9_ATTACH, "wwssw", fid, P9_NOFID, "user", "", 0);
}

int p9_walk(struct p9_client *c, uint32_t fid, uint32_t to, const char *name)
{
    return name ? p9_call(c, P9_WALK, "wwhs", fid, to, 1, name)
                : p9_call(c, P9_WALK, "wwh", fid, to, 0);
}

int p9_clunk(struct p9_client *c, uint32_t fid)
{
    return p9_call(c, P9_CLUNK, "w", fid);
}

int p9_open(struct p9_client *c, uint32_t fid, uint32_t flags)
{
    return p9_call(c, P9_LOPEN, "ww", fid, flags);
}

int p9_create(struct p9_client *c, uint32_t fid, const char *name, uint32_t flags, uint32_t mode)
{
    return p9_call(c, P9_LCREATE, "wswww", fid, name, flags, mode, 0);
}

int p9_read(struct p9_client *c, uint32_t fid, uint64_t offset, void *to, uint32_t *size)
{
    int e = p9_call(c, P9_READ, "wlw", fid, offset, *size);
    if (e != 0)
        return e;
    uint32_t n = (uint32_t)p9_take(c, 4);
    assert_true(n <= *size);
    assert_int_equal(c->reply, c->at + n);
    memcpy(to, c->in + c->at, n);
    *size = n;
    return 0;
}

int p9_write(struct p9_client *c, uint32_t fid, uint64_t offset, const void *from, uint32_t size)
{
    int e = p9_call(c, P9_WRITE, "wlwd", fid, offset, size, (size_t)size, from);
    if (e == 0)
        assert_int_equal(p9_take(c, 4), size);
    return e;
}

int p9_getattr(struct p9_client *c, uint32_t fid, struct p9_attr *a)
{
    int e = p9_call(c, P9_GETATTR, "wl", fid, UINT64_C(0x3fff));
    if (e != 0)
        return e;
    a->valid = p9_take(c, 8);
    a->qid = p9_take_qid(c);
    a->mode = (uint32_t)p9_take(c, 4);
    a->uid = (uint32_t)p9_take(c, 4);
    a->gid = (uint32_t)p9_take(c, 4);
    a->links = p9_take(c, 8);
    a->rdev = p9_take(c, 8);
    a->size = p9_take(c, 8);
    p9_take(c, 8);
    a->blocks = p9_take(c, 8);
    p9_take(c, 8);
    p9_take(c, 8);
    a->mtime = p9_take(c, 8);
    a->mtime_ns = p9_take(c, 8);
    p9_take(c, 8);
    p9_take(c, 8);
    a->btime = p9_take(c, 8);
    p9_take(c, 8);
    p9_take(c, 8);
    p9_take(c, 8);
    assert_int_equal(c->at, c->reply);
    return 0;
}
