// SPDX-License-Identifier: MIT
//
// virtio-9p and its server on real directories: what each message does, seen from both sides.
#define _GNU_SOURCE
#include "p9_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <vm/device/virtio/p9.h>

static struct p9_client client; // large
static const struct p9_options plain = {0};

static void put_file(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

static void expect_file(const char *path, const void *bytes, size_t size)
{
    char *found = malloc(size + 1);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, found, size + 1), size);
    assert_memory_equal(found, bytes, size);
    close(fd);
    free(found);
}

static mode_t mode_of(const char *path)
{
    struct stat s;
    assert_int_equal(lstat(path, &s), 0);
    return s.st_mode;
}

// --- over all transports ---

static void use_a_share(struct p9_client *c)
{
    uint8_t bytes[20000], back[20000];
    uint32_t n = sizeof back;
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    for (unsigned pieces = 1; pieces < 6; pieces++) {
        c->ring.pieces = pieces;
        assert_int_equal(p9_walk(c, P9_ROOT, 2, NULL), 0);
        assert_int_equal(p9_create(c, 2, "file", O_RDWR | O_TRUNC, 0644), 0);
        assert_int_equal(p9_write(c, 2, 0, bytes, 20000), 0);
        assert_int_equal(p9_write(c, 2, 5, "other", 5), 0);
        n = sizeof back;
        assert_int_equal(p9_read(c, 2, 0, back, &n), 0);
        assert_int_equal(n, sizeof back);
        memcpy(bytes + 5, "other", 5);
        assert_memory_equal(back, bytes, sizeof bytes);
        n = 100;
        assert_int_equal(p9_read(c, 2, 19990, back, &n), 0);
        assert_int_equal(n, 10);
        n = 100;
        assert_int_equal(p9_read(c, 2, 30000, back, &n), 0);
        assert_int_equal(n, 0);
        expect_file(p9_path(c, "shared/file"), bytes, sizeof bytes);
        assert_int_equal(p9_clunk(c, 2), 0);
    }
    c->ring.pieces = 1;
}

static void works_everywhere(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    for (unsigned b = 0; b < virtio_bus_count; b++) {
        for (unsigned m = 0; m < virtio_mode_count; m++) {
            p9_begin(c, &(struct p9_options){virtio_buses[b], &virtio_modes[m]});
            assert_int_equal(c->rig.bus->device_id(&c->rig), 9);
            char tag[7] = "";
            c->rig.bus->read_config(&c->rig, 0, tag, 6);
            assert_memory_equal(tag, "\4\0host", 6);
            use_a_share(c);
            p9_end(c);
        }
    }
}

// The driver resets while requests are under way.
static void works_on_a_thread(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    for (unsigned m = 0; m < virtio_mode_count; m++) {
        p9_begin(c, &(struct p9_options){.mode = &virtio_modes[m], .threaded = true});
        for (unsigned round = 0; round < 10; round++) {
            use_a_share(c);
            memset(c->out, 0, P9_HEADER);
            c->out[0] = P9_HEADER;
            c->out[4] = P9_CLUNK;
            const uint64_t at = virtio_rig_alloc(&c->rig, 64, 8);
            const struct virtio_buffer b[] = {{at, P9_HEADER}, {at + 32, 32}};
            virtio_rig_write(&c->rig, at, c->out, P9_HEADER);
            for (unsigned i = 0; i < 20; i++)
                assert_true(virtio_add(&c->ring, b, 1, 1) >= 0);
            virtio_kick(&c->ring);
            virtio_start(&c->rig, VIRTIO_ALL & ~virtio_modes[m].without);
            virtio_ring_init(&c->rig, &c->ring, 0, 0);
            virtio_go(&c->rig);
            assert_int_equal(p9_version(c, P9_MSIZE, "9P2000.L"), 0);
            assert_int_equal(p9_attach(c, P9_ROOT), 0);
        }
        p9_end(c);
    }
}

// Several messages in the ring at once are answered in their order, each with its tag.
static void answers_several_tags(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    enum { COUNT = 40, ROOM = 256 };
    p9_begin(c, &plain);
    uint64_t at = virtio_rig_alloc(&c->rig, COUNT * 2 * ROOM, 8);
    for (unsigned i = 0; i < COUNT; i++) {
        uint8_t m[19] = {19, 0, 0, 0, P9_GETATTR, (uint8_t)i, 1, P9_ROOT};
        uint64_t out = at + 2 * ROOM * i;
        virtio_rig_write(&c->rig, out, m, sizeof m);
        const struct virtio_buffer b[] = {{out, sizeof m}, {out + ROOM, ROOM}};
        assert_true(virtio_add(&c->ring, b, 1, 1) >= 0);
    }
    virtio_kick(&c->ring);
    for (unsigned i = 0; i < COUNT; i++) {
        uint16_t id;
        uint32_t written;
        uint8_t reply[P9_HEADER];
        virtio_wait_used(&c->ring, &id, &written);
        assert_int_equal(written, 160);
        virtio_rig_read(&c->rig, at + 2 * ROOM * i + ROOM, reply, sizeof reply);
        assert_int_equal(reply[4], P9_GETATTR + 1);
        assert_int_equal(reply[5], i);
        assert_int_equal(reply[6], 1);
    }
    p9_end(c);
}

// --- the session ---

static void negotiates(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    char version[20];
    p9_plug(c, &plain);
    assert_int_equal(p9_attach(c, P9_ROOT), EPROTO);
    assert_int_equal(p9_version(c, 4095, "9P2000.L"), EMSGSIZE);
    assert_int_equal(p9_version(c, 8192, "9P2000.u"), 0);
    assert_int_equal(p9_take(c, 4), 8192);
    p9_take_text(c, version, sizeof version);
    assert_string_equal(version, "unknown");
    assert_int_equal(p9_attach(c, P9_ROOT), EPROTO);
    assert_int_equal(p9_version(c, 8 << 20, "9P2000.L"), 0);
    assert_int_equal(p9_take(c, 4), VM_SHARE_MSIZE);
    p9_take_text(c, version, sizeof version);
    assert_string_equal(version, "9P2000.L");
    assert_int_equal(p9_call(c, P9_ATTACH, "wwssw", 5, 6, "u", "", 0), EINVAL);
    assert_int_equal(p9_call(c, P9_ATTACH, "wwssw", 5, P9_NOFID, "u", "/etc", 0), ENOENT);
    assert_int_equal(p9_call(c, P9_AUTH, "wssw", 5, "u", "", 0), EOPNOTSUPP);
    assert_int_equal(p9_attach(c, P9_ROOT), 0);
    assert_int_equal(p9_take_qid(c).type, 0x80);
    assert_int_equal(p9_attach(c, P9_ROOT), EBADF);
    assert_int_equal(p9_call(c, P9_FLUSH, "h", 77), 0);
    // A new session has no fids.
    assert_int_equal(p9_version(c, P9_MSIZE, "9P2000.L"), 0);
    struct p9_attr a;
    assert_int_equal(p9_getattr(c, P9_ROOT, &a), EBADF);
    // Neither has one after a reset of the device.
    assert_int_equal(p9_attach(c, P9_ROOT), 0);
    virtio_start(&c->rig, VIRTIO_ALL);
    virtio_ring_init(&c->rig, &c->ring, 0, 0);
    virtio_go(&c->rig);
    assert_int_equal(p9_getattr(c, P9_ROOT, &a), EPROTO);
    p9_end(c);
}

// Reads and replies keep to the message size, whatever room the buffers have.
static void keeps_to_the_message_size(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    static uint8_t bytes[16384];
    p9_plug(c, &plain);
    assert_int_equal(p9_version(c, 4096, "9P2000.L"), 0);
    assert_int_equal(p9_attach(c, P9_ROOT), 0);
    put_file(p9_path(c, "shared/file"), bytes, sizeof bytes);
    assert_int_equal(p9_walk(c, P9_ROOT, 2, "file"), 0);
    assert_int_equal(p9_open(c, 2, O_RDWR), 0);
    uint32_t n = sizeof bytes;
    assert_int_equal(p9_read(c, 2, 0, bytes, &n), 0);
    assert_int_equal(n, 4096 - 11);
    assert_int_equal(p9_write(c, 2, 0, bytes, 4096 - 23), 0);
    assert_int_equal(p9_write(c, 2, 0, bytes, 4096 - 22), EMSGSIZE);
    p9_end(c);
}

// --- walking ---

static void walks(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    struct p9_attr a, b;
    p9_begin(c, &plain);
    mkdir(p9_path(c, "shared/a"), 0755);
    mkdir(p9_path(c, "shared/a/b"), 0755);
    put_file(p9_path(c, "shared/a/b/c"), "abc", 3);
    assert_int_equal(p9_call(c, P9_WALK, "wwhsss", P9_ROOT, 2, 3, "a", "b", "c"), 0);
    assert_int_equal(p9_take(c, 2), 3);
    assert_int_equal(p9_take_qid(c).type, 0x80);
    assert_int_equal(p9_take_qid(c).type, 0x80);
    struct p9_qid q = p9_take_qid(c);
    assert_int_equal(q.type, 0);
    assert_int_not_equal(q.version, 0);
    assert_int_equal(p9_getattr(c, 2, &a), 0);
    assert_int_equal(a.size, 3);
    assert_true(a.qid.path == q.path);
    // As far as it goes: no fid then.
    assert_int_equal(p9_call(c, P9_WALK, "wwhsss", P9_ROOT, 3, 3, "a", "x", "c"), 0);
    assert_int_equal(p9_take(c, 2), 1);
    assert_int_equal(p9_getattr(c, 3, &b), EBADF);
    assert_int_equal(p9_call(c, P9_WALK, "wwhss", 2, 3, 2, "x", "y"), ENOTDIR);
    assert_int_equal(p9_walk(c, P9_ROOT, 3, "missing"), ENOENT);
    // The fid itself moves, or stays.
    assert_int_equal(p9_walk(c, P9_ROOT, 3, "a"), 0);
    assert_int_equal(p9_call(c, P9_WALK, "wwhss", 3, 3, 2, "b", "x"), 0);
    assert_int_equal(p9_getattr(c, 3, &a), 0);
    assert_int_equal(p9_walk(c, 3, 3, "b"), 0);
    assert_int_equal(p9_getattr(c, 3, &b), 0);
    assert_true(a.qid.path != b.qid.path);
    assert_int_equal(p9_walk(c, 3, 2, NULL), EBADF); // taken
    assert_int_equal(p9_walk(c, 77, 78, NULL), EBADF);
    assert_int_equal(p9_walk(c, 3, P9_NOFID, NULL), EBADF);
    assert_int_equal(p9_clunk(c, 3), 0);
    assert_int_equal(p9_clunk(c, 3), EBADF);
    p9_end(c);
}

// --- opening and creating ---

static void opens_and_creates(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    uint32_t n = 10;
    char bytes[10];
    p9_begin(c, &plain);
    put_file(p9_path(c, "shared/old"), "contents", 8);
    mode_t umask_before = umask(077);
    assert_int_equal(p9_walk(c, P9_ROOT, 2, NULL), 0);
    assert_int_equal(p9_create(c, 2, "new", O_WRONLY | O_CREAT | O_EXCL, 06664), 0);
    umask(umask_before);
    assert_int_equal(mode_of(p9_path(c, "shared/new")), S_IFREG | 0664); // no set-ID bits
    assert_int_equal(p9_read(c, 2, 0, bytes, &n), EBADF);                // of the host: for writing
    assert_int_equal(p9_open(c, 2, O_RDONLY), EBADF);
    assert_int_equal(p9_walk(c, P9_ROOT, 3, NULL), 0);
    assert_int_equal(p9_create(c, 3, "new", O_WRONLY | O_EXCL, 0644), EEXIST);
    assert_int_equal(p9_create(c, 3, "old", O_RDWR | O_CREAT, 0600), 0); // opens it
    n = 10;
    assert_int_equal(p9_read(c, 3, 0, bytes, &n), 0);
    assert_int_equal(n, 8);
    assert_int_equal(mode_of(p9_path(c, "shared/old")), S_IFREG | 0644);
    assert_int_equal(p9_create(c, 3, "x", O_RDWR, 0600), EBADF); // no longer a directory's
    assert_int_equal(p9_walk(c, P9_ROOT, 4, "old"), 0);
    assert_int_equal(p9_create(c, 4, "x", O_RDWR, 0600), ENOTDIR);
    assert_int_equal(p9_open(c, 4, O_RDONLY | O_DIRECTORY), ENOTDIR);
    assert_int_equal(p9_open(c, 4, O_RDWR | O_TRUNC | O_APPEND | 040000 | O_SYNC), 0);
    expect_file(p9_path(c, "shared/old"), "", 0);
    // The guest says where, also in a file for appending.
    assert_int_equal(p9_write(c, 4, 0, "1234", 4), 0);
    assert_int_equal(p9_write(c, 4, 2, "xy", 2), 0);
    expect_file(p9_path(c, "shared/old"), "12xy", 4);
    assert_int_equal(p9_call(c, P9_FSYNC, "ww", 4, 0), 0);
    assert_int_equal(p9_call(c, P9_FSYNC, "ww", 4, 1), 0);
    assert_int_equal(p9_call(c, P9_FSYNC, "ww", P9_ROOT, 1), EBADF);
    assert_int_equal(p9_walk(c, P9_ROOT, 5, NULL), 0);
    assert_int_equal(p9_open(c, 5, O_RDWR), EISDIR);
    assert_int_equal(p9_open(c, 5, O_RDONLY), 0);
    n = 10;
    assert_int_equal(p9_read(c, 5, 0, bytes, &n), EISDIR);
    assert_int_equal(p9_read(c, P9_ROOT, 0, bytes, &n), EBADF);
    p9_end(c);
}

// A file without a name lives on for who has it open.
static void keeps_open_files(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    struct p9_attr a;
    char bytes[10];
    uint32_t n = 10;
    p9_begin(c, &plain);
    assert_int_equal(p9_walk(c, P9_ROOT, 2, NULL), 0);
    assert_int_equal(p9_create(c, 2, "file", O_RDWR, 0600), 0);
    assert_int_equal(p9_write(c, 2, 0, "123456", 6), 0);
    assert_int_equal(p9_call(c, P9_UNLINKAT, "wsw", P9_ROOT, "file", 0), 0);
    assert_int_equal(access(p9_path(c, "shared/file"), F_OK), -1);
    assert_int_equal(p9_getattr(c, 2, &a), 0);
    assert_int_equal(a.links, 0);
    assert_int_equal(p9_call(c, P9_SETATTR, "wwwwwlllll", 2, 8, 0, 0, 0, UINT64_C(3), UINT64_C(0),
                             UINT64_C(0), UINT64_C(0), UINT64_C(0)),
                     0);
    assert_int_equal(p9_read(c, 2, 0, bytes, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(p9_call(c, P9_REMOVE, "w", 2), ENOENT); // it ends nevertheless
    assert_int_equal(p9_getattr(c, 2, &a), EBADF);
    p9_end(c);
}

// --- directories ---

static unsigned list(struct p9_client *c, uint32_t fid, uint32_t count, char names[][32],
                     uint64_t *dot_dot)
{
    unsigned found = 0;
    uint64_t offset = 0;
    for (;;) {
        assert_int_equal(p9_call(c, P9_READDIR, "wlw", fid, offset, count), 0);
        uint32_t size = (uint32_t)p9_take(c, 4);
        assert_true(size <= count);
        assert_int_equal(c->at + size, c->reply);
        if (size == 0)
            return found;
        while (c->at < c->reply) {
            struct p9_qid q = p9_take_qid(c);
            offset = p9_take(c, 8);
            unsigned type = (unsigned)p9_take(c, 1);
            p9_take_text(c, names[found], 32);
            assert_int_equal(q.type, type == 4 ? 0x80 : type == 10 ? 2 : 0);
            if (strcmp(names[found], "..") == 0)
                *dot_dot = q.path;
            found++;
        }
    }
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void lists_directories(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    enum { COUNT = 1500 };
    static char names[COUNT + 4][32];
    struct p9_attr root;
    uint64_t up = 0;
    p9_begin(c, &plain);
    for (unsigned i = 0; i < COUNT; i++) {
        char name[40];
        snprintf(name, sizeof name, "shared/%04u-%0*u", i, 1 + (int)(i % 20), i);
        put_file(p9_path(c, name), "", 0);
    }
    symlink("nowhere", p9_path(c, "shared/zlink"));
    mkdir(p9_path(c, "shared/zzdir"), 0700);
    assert_int_equal(p9_walk(c, P9_ROOT, 2, NULL), 0);
    assert_int_equal(p9_call(c, P9_READDIR, "wlw", 2, UINT64_C(0), 4096), EBADF);
    assert_int_equal(p9_open(c, 2, O_RDONLY), 0);
    for (uint32_t room = 100; room < P9_MSIZE; room = room * 3 + 1) {
        assert_int_equal(list(c, 2, room, names, &up), COUNT + 4);
        qsort(names, COUNT + 4, sizeof names[0], compare);
        assert_string_equal(names[0], ".");
        for (unsigned i = 0; i < COUNT; i++)
            assert_int_equal(atoi(names[i + 2]), i);
        assert_string_equal(names[COUNT + 2], "zlink");
    }
    // Above the share is nothing.
    assert_int_equal(p9_getattr(c, P9_ROOT, &root), 0);
    assert_true(up == root.qid.path);
    assert_int_equal(p9_call(c, P9_READDIR, "wlw", 2, UINT64_C(0), 20), EINVAL);
    assert_int_equal(p9_call(c, P9_READDIR, "wlw", 2, UINT64_MAX, 4096), EINVAL);
    p9_end(c);
}

static void makes_and_removes(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    char text[64];
    p9_begin(c, &plain);
    mode_t umask_before = umask(077);
    assert_int_equal(p9_call(c, P9_MKDIR, "wsww", P9_ROOT, "dir", 01775, 0), 0);
    assert_int_equal(p9_take_qid(c).type, 0x80);
    assert_int_equal(mode_of(p9_path(c, "shared/dir")), S_IFDIR | 01775);
    assert_int_equal(p9_call(c, P9_MKDIR, "wsww", P9_ROOT, "dir", 0755, 0), EEXIST);
    assert_int_equal(p9_call(c, P9_MKNOD, "wswwww", P9_ROOT, "fifo", S_IFIFO | 0622, 0, 0, 0), 0);
    assert_int_equal(mode_of(p9_path(c, "shared/fifo")), S_IFIFO | 0622);
    assert_int_equal(p9_call(c, P9_MKNOD, "wswwww", P9_ROOT, "sock", S_IFSOCK | 0666, 0, 0, 0), 0);
    assert_int_equal(mode_of(p9_path(c, "shared/sock")), S_IFSOCK | 0666);
    assert_int_equal(p9_call(c, P9_MKNOD, "wswwww", P9_ROOT, "reg", 04644, 0, 0, 0), 0);
    assert_int_equal(mode_of(p9_path(c, "shared/reg")), S_IFREG | 0644);
    umask(umask_before);
    assert_int_equal(p9_call(c, P9_MKNOD, "wswwww", P9_ROOT, "c", S_IFCHR | 0666, 1, 3, 0), EPERM);
    assert_int_equal(p9_call(c, P9_MKNOD, "wswwww", P9_ROOT, "b", S_IFBLK | 0666, 1, 3, 0), EPERM);
    assert_int_equal(access(p9_path(c, "shared/c"), F_OK), -1);
    // Links of both kinds.
    assert_int_equal(p9_call(c, P9_SYMLINK, "wssw", P9_ROOT, "link", "../../etc/passwd", 0), 0);
    assert_int_equal(p9_take_qid(c).type, 2);
    assert_int_equal(readlink(p9_path(c, "shared/link"), text, sizeof text), 16);
    assert_int_equal(p9_walk(c, P9_ROOT, 2, "link"), 0);
    assert_int_equal(p9_call(c, P9_READLINK, "w", 2), 0);
    p9_take_text(c, text, sizeof text);
    assert_string_equal(text, "../../etc/passwd");
    assert_int_equal(p9_call(c, P9_READLINK, "w", P9_ROOT), EINVAL);
    assert_int_equal(p9_walk(c, P9_ROOT, 3, "reg"), 0);
    assert_int_equal(p9_call(c, P9_LINK, "wws", P9_ROOT, 3, "second"), 0);
    assert_int_equal(p9_call(c, P9_LINK, "wws", P9_ROOT, 3, "second"), EEXIST);
    assert_int_equal(p9_call(c, P9_LINK, "wws", P9_ROOT, 2, "link2"), 0); // of the link itself
    assert_true(S_ISLNK(mode_of(p9_path(c, "shared/link2"))));
    assert_int_equal(p9_call(c, P9_LINK, "wws", P9_ROOT, P9_ROOT, "loop"), EPERM);
    struct p9_attr a;
    assert_int_equal(p9_getattr(c, 3, &a), 0);
    assert_int_equal(a.links, 2);
    // And away.
    assert_int_equal(p9_call(c, P9_UNLINKAT, "wsw", P9_ROOT, "dir", 0), EISDIR);
    assert_int_equal(p9_call(c, P9_UNLINKAT, "wsw", P9_ROOT, "dir", 0x200), 0);
    assert_int_equal(p9_call(c, P9_UNLINKAT, "wsw", P9_ROOT, "fifo", 0x200), ENOTDIR);
    assert_int_equal(p9_call(c, P9_UNLINKAT, "wsw", P9_ROOT, "fifo", 0x1000), EINVAL);
    assert_int_equal(p9_call(c, P9_UNLINKAT, "wsw", P9_ROOT, "fifo", 0), 0);
    assert_int_equal(p9_call(c, P9_REMOVE, "w", 3), 0);
    assert_int_equal(access(p9_path(c, "shared/reg"), F_OK), -1);
    assert_int_equal(access(p9_path(c, "shared/second"), F_OK), 0);
    assert_int_equal(p9_walk(c, P9_ROOT, 4, NULL), 0);
    assert_int_equal(p9_call(c, P9_REMOVE, "w", 4), EBUSY);
    p9_end(c);
}

// A fid follows its object, whoever moves it and however.
static void renames(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    struct p9_attr a;
    p9_begin(c, &(struct p9_options){.descriptors = VM_SHARE_MIN_DESCRIPTORS});
    mkdir(p9_path(c, "shared/a"), 0755);
    mkdir(p9_path(c, "shared/a/b"), 0755);
    mkdir(p9_path(c, "shared/z"), 0755);
    put_file(p9_path(c, "shared/a/b/c"), "abc", 3);
    put_file(p9_path(c, "shared/old"), "o", 1);
    assert_int_equal(p9_walk(c, P9_ROOT, 2, "a"), 0);
    assert_int_equal(p9_walk(c, 2, 3, "b"), 0);
    assert_int_equal(p9_walk(c, 3, 4, "c"), 0);
    assert_int_equal(p9_walk(c, P9_ROOT, 5, "z"), 0);
    assert_int_equal(p9_walk(c, P9_ROOT, 6, "old"), 0);
    // renameat, of a directory that others are below of; their handles are gone by then.
    for (unsigned i = 100; i < 130; i++) {
        char name[32];
        snprintf(name, sizeof name, "shared/%u", i);
        put_file(p9_path(c, name), "", 0);
        assert_int_equal(p9_walk(c, P9_ROOT, i, name + 7), 0);
    }
    assert_int_equal(p9_call(c, P9_RENAMEAT, "wsws", 2, "b", 5, "y"), 0);
    assert_int_equal(access(p9_path(c, "shared/z/y/c"), F_OK), 0);
    assert_int_equal(p9_getattr(c, 4, &a), 0);
    assert_int_equal(a.size, 3);
    // rename by fid, over another
    assert_int_equal(p9_call(c, P9_RENAME, "wws", 4, P9_ROOT, "old"), 0);
    expect_file(p9_path(c, "shared/old"), "abc", 3);
    assert_int_equal(p9_getattr(c, 4, &a), 0);
    assert_int_equal(a.size, 3);
    assert_int_equal(p9_call(c, P9_RENAME, "wws", 4, 3, "back"), 0);
    assert_int_equal(access(p9_path(c, "shared/z/y/back"), F_OK), 0);
    assert_int_equal(p9_call(c, P9_REMOVE, "w", 4), 0);
    assert_int_equal(access(p9_path(c, "shared/z/y/back"), F_OK), -1);
    // Into itself; the root; where nothing is.
    assert_int_equal(p9_call(c, P9_RENAMEAT, "wsws", P9_ROOT, "z", 3, "in"), EINVAL);
    assert_int_equal(p9_call(c, P9_RENAME, "wws", P9_ROOT, 3, "in"), EBUSY);
    assert_int_equal(p9_call(c, P9_RENAMEAT, "wsws", P9_ROOT, "none", 3, "in"), ENOENT);
    assert_int_equal(p9_call(c, P9_RENAMEAT, "wsws", 6, "x", 3, "in"), ENOTDIR);
    p9_end(c);
}

// What the host moves meanwhile: known directories turn around, and end up one in the other.
static void survives_directories_that_turn_around(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    struct p9_attr a;
    p9_begin(c, &plain);
    mkdir(p9_path(c, "shared/a"), 0755);
    mkdir(p9_path(c, "shared/a/b"), 0755);
    assert_int_equal(p9_walk(c, P9_ROOT, 2, "a"), 0);
    assert_int_equal(p9_walk(c, 2, 3, "b"), 0);
    assert_int_equal(rename(p9_path(c, "shared/a/b"), p9_path(c, "shared/b")), 0);
    assert_int_equal(p9_call(c, P9_RENAMEAT, "wsws", P9_ROOT, "a", 3, "a"), 0);
    assert_int_equal(access(p9_path(c, "shared/b/a"), F_OK), 0);
    for (unsigned i = 100; i < 200; i++) { // handles are closed
        char name[32];
        snprintf(name, sizeof name, "shared/%u", i);
        put_file(p9_path(c, name), "", 0);
        assert_int_equal(p9_walk(c, P9_ROOT, i, name + 7), 0);
    }
    int e = p9_getattr(c, 2, &a);
    assert_true(e == 0 || e == ESTALE);
    e = p9_getattr(c, 3, &a);
    assert_true(e == 0 || e == ESTALE);
    p9_end(c);
}

// --- attributes ---

static int setattr(struct p9_client *c, uint32_t fid, uint32_t valid, uint32_t mode, uint32_t uid,
                   uint64_t size, uint64_t mtime)
{
    return p9_call(c, P9_SETATTR, "wwwwwlllll", fid, valid, mode, uid, uid, size, mtime,
                   UINT64_C(7), mtime, UINT64_C(8));
}

static void sets_attributes(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    struct p9_attr a;
    struct stat s;
    p9_begin(c, &plain);
    put_file(p9_path(c, "shared/file"), "123456", 6);
    assert_int_equal(p9_walk(c, P9_ROOT, 2, "file"), 0);
    assert_int_equal(setattr(c, 2, 1, 06751, 0, 0, 0), 0);
    assert_int_equal(mode_of(p9_path(c, "shared/file")), S_IFREG | 0751);
    assert_int_equal(setattr(c, 2, 8, 0, 0, 3, 0), 0);
    expect_file(p9_path(c, "shared/file"), "123", 3);
    assert_int_equal(setattr(c, 2, 0x10 | 0x20 | 0x80 | 0x100, 0, 0, 0, 1000), 0);
    assert_int_equal(lstat(p9_path(c, "shared/file"), &s), 0);
    assert_int_equal(s.st_mtim.tv_sec, 1000);
    assert_int_equal(s.st_atim.tv_nsec, 7);
    assert_int_equal(s.st_mtim.tv_nsec, 8);
    assert_int_equal(setattr(c, 2, 0x20, 0, 0, 0, 1000), 0); // now
    assert_int_equal(p9_getattr(c, 2, &a), 0);
    assert_true(a.mtime > 1000 && a.valid >= 0x7ff);
    assert_int_equal(a.uid, geteuid());
    // The owner: what the host allows, and no error where it does not.
    assert_int_equal(setattr(c, 2, 2 | 4, 0, 12345, 0, 0), 0);
    assert_int_equal(p9_getattr(c, 2, &a), 0);
    assert_int_equal(a.uid, geteuid() == 0 ? 12345 : geteuid());
    // Of links, the links' own.
    put_file(p9_path(c, "outside"), "x", 1);
    symlink("../outside", p9_path(c, "shared/link"));
    assert_int_equal(p9_walk(c, P9_ROOT, 3, "link"), 0);
    assert_int_equal(setattr(c, 3, 1, 0777, 0, 0, 0), EOPNOTSUPP);
    assert_int_equal(setattr(c, 3, 8, 0, 0, 0, 0), EINVAL);
    assert_int_equal(setattr(c, 3, 0x20 | 0x100, 0, 0, 0, 2000), 0);
    assert_int_equal(lstat(p9_path(c, "shared/link"), &s), 0);
    assert_int_equal(s.st_mtim.tv_sec, 2000);
    assert_int_equal(lstat(p9_path(c, "outside"), &s), 0);
    assert_true(s.st_mtim.tv_sec > 2000 && s.st_size == 1);
    assert_int_equal(setattr(c, P9_ROOT, 8, 0, 0, 0, 0), EISDIR);
    assert_int_equal(setattr(c, P9_ROOT, 1, 02755, 0, 0, 0), 0);
    assert_int_equal(mode_of(c->shared), S_IFDIR | 02755);
    p9_end(c);
}

static void tells_the_space(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    struct statvfs host;
    p9_begin(c, &plain);
    assert_int_equal(statvfs(c->shared, &host), 0);
    assert_int_equal(p9_call(c, P9_STATFS, "w", P9_ROOT), 0);
    assert_int_equal(p9_take(c, 4), 0x01021997);
    assert_int_equal(p9_take(c, 4), host.f_bsize);
    assert_int_equal(p9_take(c, 8), host.f_blocks);
    assert_int_equal(c->reply, P9_HEADER + 60);
    assert_int_equal(p9_call(c, P9_STATFS, "w", 77), EBADF);
    p9_end(c);
}

static bool has_xattrs(struct p9_client *c)
{
    return setxattr(c->shared, "user.probe", "1", 1, 0) == 0;
}

static void carries_extended_attributes(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    char value[64] = "";
    uint32_t n = sizeof value;
    p9_begin(c, &plain);
    if (!has_xattrs(c)) {
        p9_end(c);
        skip();
    }
    put_file(p9_path(c, "shared/file"), "", 0);
    assert_int_equal(p9_walk(c, P9_ROOT, 2, "file"), 0);
    assert_int_equal(p9_walk(c, 2, 3, NULL), 0);
    assert_int_equal(p9_call(c, P9_XATTRCREATE, "wslw", 3, "user.test", UINT64_C(5), 0), 0);
    assert_int_equal(p9_write(c, 3, 0, "val", 3), 0);
    assert_int_equal(p9_write(c, 3, 0, "val", 3), ENOSPC); // not where it goes on
    assert_int_equal(p9_write(c, 3, 3, "ue+", 3), ENOSPC);
    assert_int_equal(p9_write(c, 3, 3, "ue", 2), 0);
    assert_int_equal(p9_clunk(c, 3), 0);
    assert_int_equal(getxattr(p9_path(c, "shared/file"), "user.test", value, sizeof value), 5);
    assert_memory_equal(value, "value", 5);
    // A value and the list.
    assert_int_equal(p9_call(c, P9_XATTRWALK, "wws", 2, 4, "user.test"), 0);
    assert_int_equal(p9_take(c, 8), 5);
    memset(value, 0, sizeof value);
    assert_int_equal(p9_read(c, 4, 0, value, &n), 0);
    assert_int_equal(n, 5);
    assert_memory_equal(value, "value", 5);
    assert_int_equal(p9_clunk(c, 4), 0);
    if (geteuid() == 0)
        assert_int_equal(setxattr(p9_path(c, "shared/file"), "trusted.x", "1", 1, 0), 0);
    assert_int_equal(p9_call(c, P9_XATTRWALK, "wws", 2, 4, ""), 0);
    assert_int_equal(p9_take(c, 8), sizeof "user.test");
    n = sizeof value;
    assert_int_equal(p9_read(c, 4, 0, value, &n), 0);
    assert_int_equal(n, sizeof "user.test");
    assert_memory_equal(value, "user.test", sizeof "user.test");
    // What is not there, not the guest's, not complete, too large.
    assert_int_equal(p9_call(c, P9_XATTRWALK, "wws", 2, 5, "user.none"), ENODATA);
    assert_int_equal(p9_call(c, P9_XATTRWALK, "wws", 2, 5, "trusted.x"), EOPNOTSUPP);
    assert_int_equal(p9_walk(c, 2, 6, NULL), 0);
    assert_int_equal(p9_call(c, P9_XATTRCREATE, "wslw", 6, "security.capability", UINT64_C(20), 0),
                     EOPNOTSUPP);
    assert_int_equal(p9_call(c, P9_XATTRCREATE, "wslw", 6, "user.big", UINT64_C(70000), 0), ENOSPC);
    assert_int_equal(p9_call(c, P9_XATTRCREATE, "wslw", 6, "user.x", UINT64_C(4), 0), 0);
    assert_int_equal(p9_clunk(c, 6), EINVAL);
    // Nothing at all removes it.
    assert_int_equal(p9_walk(c, 2, 6, NULL), 0);
    assert_int_equal(p9_call(c, P9_XATTRCREATE, "wslw", 6, "user.test", UINT64_C(0), 2), 0);
    assert_int_equal(p9_clunk(c, 6), 0);
    assert_int_equal(getxattr(p9_path(c, "shared/file"), "user.test", value, sizeof value), -1);
    p9_end(c);
}

static void bounds_what_attributes_take(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    p9_begin(c, &plain);
    unsigned limit = VM_SHARE_XATTR_MEMORY / 65536;
    for (unsigned i = 0; i <= limit; i++) {
        assert_int_equal(p9_walk(c, P9_ROOT, 2 + i, NULL), 0);
        assert_int_equal(p9_call(c, P9_XATTRCREATE, "wslw", 2 + i, "user.x", UINT64_C(65536), 0),
                         i < limit ? 0 : ENOMEM);
    }
    p9_clunk(c, 2);
    assert_int_equal(p9_call(c, P9_XATTRCREATE, "wslw", 2 + limit, "user.x", UINT64_C(65536), 0),
                     0);
    p9_end(c);
}

// --- locks ---

static void locks(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    char text[32];
    p9_begin(c, &plain);
    put_file(p9_path(c, "shared/file"), "123456", 6);
    assert_int_equal(p9_walk(c, P9_ROOT, 2, "file"), 0);
    assert_int_equal(p9_call(c, P9_LOCK, "wbwllws", 2, 1, 0, UINT64_C(0), UINT64_C(4), 9, "me"),
                     EBADF);
    assert_int_equal(p9_open(c, 2, O_RDWR), 0);
    assert_int_equal(p9_call(c, P9_LOCK, "wbwllws", 2, 1, 0, UINT64_C(0), UINT64_C(4), 9, "me"), 0);
    assert_int_equal(p9_take(c, 1), 0);
    int fd = open(p9_path(c, "shared/file"), O_RDWR);
    struct flock mine = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 2};
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &mine), -1);
    mine.l_start = 4;
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &mine), 0);
    assert_int_equal(p9_call(c, P9_LOCK, "wbwllws", 2, 1, 1, UINT64_C(0), UINT64_C(0), 9, "me"), 0);
    assert_int_equal(p9_take(c, 1), 1); // blocked
    assert_int_equal(p9_call(c, P9_GETLOCK, "wbllws", 2, 0, UINT64_C(0), UINT64_C(0), 9, "me"), 0);
    assert_int_equal(p9_take(c, 1), 1);
    assert_int_equal(p9_take(c, 8), 4);
    assert_int_equal(p9_take(c, 8), 2);
    p9_take(c, 4);
    p9_take_text(c, text, sizeof text);
    assert_string_equal(text, "me");
    assert_int_equal(p9_call(c, P9_LOCK, "wbwllws", 2, 2, 0, UINT64_C(0), UINT64_C(4), 9, "me"), 0);
    mine.l_start = 0;
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &mine), 0);
    assert_int_equal(p9_call(c, P9_LOCK, "wbwllws", 2, 3, 0, UINT64_C(0), UINT64_C(4), 9, "me"),
                     EINVAL);
    assert_int_equal(p9_call(c, P9_LOCK, "wbwllws", 2, 1, 0, UINT64_MAX, UINT64_C(4), 9, "me"),
                     EINVAL);
    assert_int_equal(p9_call(c, P9_GETLOCK, "wbllws", 2, 1, UINT64_C(100), UINT64_C(0), 9, "me"),
                     0);
    assert_int_equal(p9_take(c, 1), 2); // nobody
    close(fd);
    p9_end(c);
}

// --- limits ---

static void refuses_changes_when_read_only(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    char bytes[4];
    uint32_t n = 4;
    p9_begin(c, &(struct p9_options){.read_only = true});
    put_file(p9_path(c, "shared/file"), "1234", 4);
    assert_int_equal(p9_walk(c, P9_ROOT, 2, "file"), 0);
    assert_int_equal(p9_walk(c, P9_ROOT, 3, NULL), 0);
    assert_int_equal(p9_open(c, 2, O_RDWR), EROFS);
    assert_int_equal(p9_open(c, 2, O_RDONLY | O_TRUNC), EROFS);
    assert_int_equal(p9_create(c, 3, "new", O_RDWR, 0600), EROFS);
    assert_int_equal(p9_call(c, P9_MKDIR, "wsww", P9_ROOT, "dir", 0755, 0), EROFS);
    assert_int_equal(p9_call(c, P9_MKNOD, "wswwww", P9_ROOT, "f", S_IFIFO, 0, 0, 0), EROFS);
    assert_int_equal(p9_call(c, P9_SYMLINK, "wssw", P9_ROOT, "l", "t", 0), EROFS);
    assert_int_equal(p9_call(c, P9_LINK, "wws", P9_ROOT, 2, "l"), EROFS);
    assert_int_equal(p9_call(c, P9_RENAMEAT, "wsws", P9_ROOT, "file", P9_ROOT, "f"), EROFS);
    assert_int_equal(p9_call(c, P9_RENAME, "wws", 2, P9_ROOT, "f"), EROFS);
    assert_int_equal(p9_call(c, P9_UNLINKAT, "wsw", P9_ROOT, "file", 0), EROFS);
    assert_int_equal(p9_call(c, P9_XATTRCREATE, "wslw", 3, "user.x", UINT64_C(1), 0), EROFS);
    assert_int_equal(setattr(c, 2, 1, 0777, 0, 0, 0), EROFS);
    assert_int_equal(p9_open(c, 2, O_RDONLY), 0);
    assert_int_equal(p9_read(c, 2, 0, bytes, &n), 0);
    assert_int_equal(p9_write(c, 2, 0, "x", 1), EBADF);
    assert_int_equal(p9_walk(c, P9_ROOT, 4, "file"), 0);
    assert_int_equal(p9_call(c, P9_REMOVE, "w", 4), EROFS);
    expect_file(p9_path(c, "shared/file"), "1234", 4);
    p9_end(c);
}

static unsigned open_descriptors(void)
{
    unsigned n = 0;
    for (int fd = 0; fd < 512; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

// Far more names than descriptors; open files have a limit, too.
static void keeps_within_its_descriptors(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    enum { NAMES = 300 };
    struct p9_attr a;
    p9_begin(c, &(struct p9_options){.descriptors = 20});
    unsigned before = open_descriptors();
    for (unsigned i = 0; i < NAMES; i++) {
        char name[32];
        snprintf(name, sizeof name, "shared/d%u", i / 10);
        mkdir(p9_path(c, name), 0755);
        snprintf(name, sizeof name, "shared/d%u/%u", i / 10, i);
        put_file(p9_path(c, name), name, i % 10);
        snprintf(name, sizeof name, "d%u", i / 10);
        char leaf[16];
        snprintf(leaf, sizeof leaf, "%u", i);
        assert_int_equal(p9_call(c, P9_WALK, "wwhss", P9_ROOT, 1000 + i, 2, name, leaf), 0);
        assert_int_equal(p9_take(c, 2), 2);
    }
    assert_true(open_descriptors() <= before + 20);
    for (unsigned i = 0; i < NAMES; i++) {
        unsigned n = i * 7 % NAMES;
        assert_int_equal(p9_getattr(c, 1000 + n, &a), 0);
        assert_int_equal(a.size, n % 10);
    }
    unsigned opened = 0;
    while (p9_open(c, 1000 + opened, O_RDONLY) == 0)
        opened++;
    assert_in_range(opened, 8, 20);
    assert_int_equal(p9_open(c, 1000 + opened, O_RDONLY), ENFILE);
    assert_int_equal(p9_getattr(c, 1200, &a), 0); // the names still work
    assert_int_equal(p9_clunk(c, 1000), 0);
    assert_int_equal(p9_open(c, 1000 + opened, O_RDONLY), 0);
    // Another object of the same name is not the guest's.
    unlink(p9_path(c, "shared/d29/295"));
    mkdir(p9_path(c, "shared/d29/295"), 0755);
    for (unsigned i = 200; i < 280; i++)
        assert_int_equal(p9_getattr(c, 1000 + i, &a), 0);
    assert_int_equal(p9_getattr(c, 1295, &a), ESTALE);
    assert_int_equal(p9_version(c, P9_MSIZE, "9P2000.L"), 0);
    assert_true(open_descriptors() <= before);
    p9_end(c);
}

static void bounds_the_fids(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    p9_begin(c, &plain);
    for (uint32_t i = 2; i <= VM_SHARE_FIDS; i++)
        assert_int_equal(p9_walk(c, P9_ROOT, i, NULL), 0);
    assert_int_equal(p9_walk(c, P9_ROOT, VM_SHARE_FIDS + 1, NULL), ENFILE);
    assert_int_equal(p9_clunk(c, 2), 0);
    assert_int_equal(p9_walk(c, P9_ROOT, VM_SHARE_FIDS + 1, NULL), 0);
    p9_end(c);
}

static void refuses_what_cannot_be_shared(void **state)
{
    (void)state;
    struct virtio_rig rig;
    struct vm_error e;
    struct vm_share *share;
    struct vm_virtio *v = NULL;
    assert_int_equal(vm_share_open(&(struct vm_share_config){"/nowhere", false, 64}, &share, &e),
                     VM_ERR_FILE);
    assert_int_equal(vm_share_open(&(struct vm_share_config){"/etc/passwd", false, 64}, &share, &e),
                     VM_ERR_FILE);
    assert_int_equal(vm_share_open(&(struct vm_share_config){"/tmp", false, 5}, &share, &e),
                     VM_ERR_HOST);
    assert_int_equal(vm_share_open(&(struct vm_share_config){"/tmp", true, 64}, &share, &e), VM_OK);
    static char tag[VM_VIRTIO_P9_TAG + 2];
    memset(tag, 'x', VM_VIRTIO_P9_TAG + 1);
    struct vm_virtio_p9_config config = {.share = share, .tag = ""};
    virtio_rig_init(&rig, 4 << 20);
    assert_int_equal(vm_virtio_p9_create(&rig.machine, &rig.io, "s", &config, &v, &e),
                     VM_ERR_USAGE);
    config.tag = tag;
    assert_int_equal(vm_virtio_p9_create(&rig.machine, &rig.io, "s", &config, &v, &e),
                     VM_ERR_USAGE);
    config.tag = "x";
    for (unsigned n = 0; n < 3; n++) {
        rig.host.base.fail_after = n;
        assert_int_equal(vm_virtio_p9_create(&rig.machine, &rig.io, "s", &config, &v, &e),
                         VM_ERR_HOST);
    }
    rig.host.base.fail_after = UINT64_MAX;
    virtio_rig_end(&rig);
    share->ops->close(share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(works_everywhere),
        cmocka_unit_test(works_on_a_thread),
        cmocka_unit_test(answers_several_tags),
        cmocka_unit_test(negotiates),
        cmocka_unit_test(keeps_to_the_message_size),
        cmocka_unit_test(walks),
        cmocka_unit_test(opens_and_creates),
        cmocka_unit_test(keeps_open_files),
        cmocka_unit_test(lists_directories),
        cmocka_unit_test(makes_and_removes),
        cmocka_unit_test(renames),
        cmocka_unit_test(survives_directories_that_turn_around),
        cmocka_unit_test(sets_attributes),
        cmocka_unit_test(tells_the_space),
        cmocka_unit_test(carries_extended_attributes),
        cmocka_unit_test(bounds_what_attributes_take),
        cmocka_unit_test(locks),
        cmocka_unit_test(refuses_changes_when_read_only),
        cmocka_unit_test(keeps_within_its_descriptors),
        cmocka_unit_test(bounds_the_fids),
        cmocka_unit_test(refuses_what_cannot_be_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
