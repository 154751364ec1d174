// SPDX-License-Identifier: MIT
//
// What must not be: a guest that gets out of its share, has the host open what does things when it
// is opened, or brings the device down with messages that are none.
#define _GNU_SOURCE
#include "p9_client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static struct p9_client client; // large
static const struct p9_options plain = {0};
static const char secret[] = "SECRET-OF-THE-HOST";

static void put_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

// A directory beside the share, that nothing may read or change.
static void make_outside(struct p9_client *c)
{
    mkdir(p9_path(c, "outside"), 0755);
    put_file(p9_path(c, "outside/file"), secret);
}

static void check_outside(struct p9_client *c)
{
    char text[64] = "";
    struct stat s;
    int fd = open(p9_path(c, "outside/file"), O_RDONLY);
    assert_int_equal(read(fd, text, sizeof text), strlen(secret));
    assert_string_equal(text, secret);
    close(fd);
    assert_int_equal(stat(p9_path(c, "outside/file"), &s), 0);
    assert_int_equal(s.st_nlink, 1);
    assert_int_equal(s.st_mode & 07777, 0644);
    assert_int_equal(stat(p9_path(c, "outside"), &s), 0);
    assert_int_equal(s.st_nlink, 2);
    assert_int_equal(rmdir(p9_path(c, "outside")), -1);
}

// --- names ---

// Every message that has a name, with this one.
static void expect_refused(struct p9_client *c, const char *name, int e)
{
    assert_int_equal(p9_walk(c, P9_ROOT, 50, name), e);
    assert_int_equal(p9_walk(c, P9_ROOT, 51, NULL), 0);
    assert_int_equal(p9_create(c, 51, name, O_RDWR, 0600), e);
    assert_int_equal(p9_call(c, P9_MKDIR, "wsww", P9_ROOT, name, 0755, 0), e);
    assert_int_equal(p9_call(c, P9_MKNOD, "wswwww", P9_ROOT, name, S_IFREG, 0, 0, 0), e);
    assert_int_equal(p9_call(c, P9_SYMLINK, "wssw", P9_ROOT, name, "t", 0), e);
    assert_int_equal(p9_call(c, P9_LINK, "wws", P9_ROOT, 2, name), e);
    assert_int_equal(p9_call(c, P9_UNLINKAT, "wsw", P9_ROOT, name, 0), e);
    assert_int_equal(p9_call(c, P9_UNLINKAT, "wsw", P9_ROOT, name, 0x200), e);
    assert_int_equal(p9_call(c, P9_RENAMEAT, "wsws", P9_ROOT, name, P9_ROOT, "x"), e);
    assert_int_equal(p9_call(c, P9_RENAMEAT, "wsws", P9_ROOT, "file", P9_ROOT, name), e);
    assert_int_equal(p9_call(c, P9_RENAME, "wws", 2, P9_ROOT, name), e);
    assert_int_equal(p9_clunk(c, 51), 0);
}

static void refuses_names_that_lead_away(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    static char longest[300];
    p9_begin(c, &plain);
    make_outside(c);
    put_file(p9_path(c, "shared/file"), "x");
    assert_int_equal(p9_walk(c, P9_ROOT, 2, "file"), 0);
    static const char *const bad[] = {".",    "..",  "/",     "../outside",
                                      "/etc", "a/b", "file/", "./file"};
    for (unsigned i = 0; i < VM_ARRAY_SIZE(bad); i++)
        expect_refused(c, bad[i], EINVAL);
    expect_refused(c, "", ENOENT);
    memset(longest, 'x', 256);
    expect_refused(c, longest, ENAMETOOLONG);
    // A zero byte within.
    assert_int_equal(p9_call(c, P9_WALK, "wwhhd", P9_ROOT, 50, 1, 4, (size_t)4, "fi\0e"), EINVAL);
    assert_int_equal(p9_call(c, P9_SYMLINK, "wshdw", P9_ROOT, "l", 4, (size_t)4, "fi\0e", 0),
                     EINVAL);
    assert_int_equal(p9_call(c, P9_WALK, "wwhsss", P9_ROOT, 50, 3, "..", "outside", "file"),
                     EINVAL);
    mkdir(p9_path(c, "shared/dir"), 0755);
    assert_int_equal(p9_call(c, P9_WALK, "wwhsss", P9_ROOT, 50, 3, "dir", "..", ".."), 0);
    assert_int_equal(p9_take(c, 2), 1);
    check_outside(c);
    p9_end(c);
}

// --- symbolic links ---

static void never_follows_symlinks(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    struct p9_attr a;
    char text[64];
    uint32_t n = sizeof text;
    p9_begin(c, &plain);
    make_outside(c);
    symlink("../outside", p9_path(c, "shared/dir"));
    symlink("../outside/file", p9_path(c, "shared/link"));
    symlink("/proc/self/root", p9_path(c, "shared/magic"));
    static const char *const links[] = {"dir", "link", "magic"};
    for (unsigned i = 0; i < VM_ARRAY_SIZE(links); i++) {
        assert_int_equal(p9_walk(c, P9_ROOT, 2, links[i]), 0);
        assert_int_equal(p9_take(c, 2), 1);
        assert_int_equal(p9_take_qid(c).type, 2);
        assert_int_equal(p9_getattr(c, 2, &a), 0);
        assert_true(S_ISLNK(a.mode));
        assert_int_equal(p9_walk(c, 2, 3, "file"), ENOTDIR);
        assert_int_equal(p9_open(c, 2, O_RDONLY), ENXIO);
        assert_int_equal(p9_create(c, 2, "new", O_RDWR, 0600), ENOTDIR);
        assert_int_equal(p9_read(c, 2, 0, text, &n), EBADF);
        assert_int_equal(p9_call(c, P9_MKDIR, "wsww", 2, "new", 0755, 0), ENOTDIR);
        assert_int_equal(p9_call(c, P9_UNLINKAT, "wsw", 2, "file", 0), ENOTDIR);
        assert_int_equal(p9_call(c, P9_RENAMEAT, "wsws", 2, "file", P9_ROOT, "x"), ENOTDIR);
        assert_int_equal(p9_call(c, P9_LINK, "wws", 2, P9_ROOT, "x"), EPERM);
        assert_int_equal(p9_clunk(c, 2), 0);
    }
    // Create through a link: neither its target nor the target's place.
    assert_int_equal(p9_walk(c, P9_ROOT, 2, NULL), 0);
    assert_int_equal(p9_create(c, 2, "link", O_RDWR | O_TRUNC, 0600), ENXIO);
    symlink("../outside/new", p9_path(c, "shared/dangling"));
    assert_int_equal(p9_create(c, 2, "dangling", O_RDWR, 0600), ENXIO);
    // A hard link of the link is one to the link.
    assert_int_equal(p9_walk(c, P9_ROOT, 3, "link"), 0);
    assert_int_equal(p9_call(c, P9_LINK, "wws", P9_ROOT, 3, "hard"), 0);
    check_outside(c);
    p9_end(c);
}

// --- races ---

// A second process swaps a directory and a link to the outside for each other, without end.
static pid_t start_swapping(struct p9_client *c)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL); // should the test fail
    const char *a = p9_path(c, "shared/spot"), *b = p9_path(c, "shared/other");
    for (;;)
        syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

static void attack_once(struct p9_client *c, unsigned round)
{
    char text[64] = "", name[32];
    uint32_t n = sizeof text;
    snprintf(name, sizeof name, "new%u", round);
    if (p9_walk(c, P9_ROOT, 2, "spot") != 0)
        return;
    if (p9_walk(c, 2, 3, "file") == 0) {
        if (p9_open(c, 3, O_RDWR) == 0 && p9_read(c, 3, 0, text, &n) == 0) {
            assert_int_equal(n, 6);
            assert_memory_equal(text, "inside", 6);
        }
        p9_clunk(c, 3);
    }
    p9_call(c, P9_MKDIR, "wsww", 2, name, 0755, 0);
    p9_call(c, P9_UNLINKAT, "wsw", 2, name, 0x200);
    p9_call(c, P9_SYMLINK, "wssw", 2, "file", "x", 0);
    if (p9_create(c, 2, "made", O_RDWR, 0600) == 0)
        p9_write(c, 2, 0, "made", 4);
    p9_clunk(c, 2);
    p9_call(c, P9_UNLINKAT, "wsw", P9_ROOT, "made", 0);
}

static void survives_swapped_directories(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    p9_begin(c, &(struct p9_options){.descriptors = VM_SHARE_MIN_DESCRIPTORS});
    make_outside(c);
    mkdir(p9_path(c, "shared/spot"), 0755);
    put_file(p9_path(c, "shared/spot/file"), "inside");
    symlink("../outside", p9_path(c, "shared/other"));
    pid_t swapper = start_swapping(c);
    assert_true(swapper > 0);
    for (unsigned round = 0; round < 3000; round++)
        attack_once(c, round);
    kill(swapper, SIGKILL);
    waitpid(swapper, NULL, 0);
    check_outside(c);
    p9_end(c);
}

// The same with a file and a link to a file outside: opened, cut, given another mode.
static void survives_swapped_files(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    char text[64];
    p9_begin(c, &plain);
    make_outside(c);
    put_file(p9_path(c, "shared/spot"), "inside");
    symlink("../outside/file", p9_path(c, "shared/other"));
    pid_t swapper = start_swapping(c);
    assert_true(swapper > 0);
    for (unsigned round = 0; round < 3000; round++) {
        uint32_t n = sizeof text;
        if (p9_walk(c, P9_ROOT, 2, "spot") != 0)
            continue;
        p9_call(c, P9_SETATTR, "wwwwwlllll", 2, 1 | 8, 0600, 0, 0, UINT64_C(6), UINT64_C(0),
                UINT64_C(0), UINT64_C(0), UINT64_C(0));
        if (p9_open(c, 2, O_RDWR) == 0 && p9_read(c, 2, 0, text, &n) == 0)
            assert_memory_equal(text, "inside", 6);
        p9_clunk(c, 2);
        p9_walk(c, P9_ROOT, 2, NULL);
        if (p9_create(c, 2, "spot", O_RDWR, 0600) == 0)
            p9_write(c, 2, 0, "inside", 6);
        p9_clunk(c, 2);
    }
    kill(swapper, SIGKILL);
    waitpid(swapper, NULL, 0);
    check_outside(c);
    p9_end(c);
}

// --- what is no file ---

static void opens_no_devices_or_fifos(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    struct p9_attr a;
    p9_begin(c, &plain);
    assert_int_equal(mkfifo(p9_path(c, "shared/fifo"), 0666), 0);
    assert_int_equal(p9_walk(c, P9_ROOT, 2, "fifo"), 0);
    assert_int_equal(p9_open(c, 2, O_RDONLY), ENXIO); // at once: nobody writes
    assert_int_equal(p9_open(c, 2, O_RDWR), ENXIO);
    assert_int_equal(p9_walk(c, P9_ROOT, 3, NULL), 0);
    assert_int_equal(p9_create(c, 3, "fifo", O_RDWR, 0600), ENXIO);
    if (geteuid() == 0 && mknod(p9_path(c, "shared/null"), S_IFCHR | 0666, makedev(1, 3)) == 0) {
        assert_int_equal(p9_walk(c, P9_ROOT, 4, "null"), 0);
        assert_int_equal(p9_open(c, 4, O_RDWR), ENXIO);
        assert_int_equal(p9_getattr(c, 4, &a), 0);
        assert_int_equal(a.rdev, 1 << 8 | 3);
    }
    p9_end(c);
}

// --- messages that are none ---

static uint32_t send_raw(struct p9_client *c, const void *bytes, uint32_t size, uint32_t room)
{
    uint16_t id;
    uint32_t written = 0;
    uint64_t out = virtio_rig_alloc(&c->rig, size + room, 8);
    virtio_rig_write(&c->rig, out, bytes, size);
    const struct virtio_buffer b[] = {{out, size}, {out + size, room}};
    assert_true(virtio_add(&c->ring, b, size != 0, room != 0) >= 0 || size == 0);
    virtio_kick(&c->ring);
    virtio_rig_run(&c->rig);
    if (!virtio_take_used(&c->ring, &id, &written))
        return 0;
    virtio_rig_read(&c->rig, out + size, c->in, written);
    return written;
}

static void breaks_at_frames_that_are_none(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    static const struct {
        uint8_t bytes[8];
        uint32_t size, room;
    } bad[] = {
        {{6, 0, 0, 0, 108, 1}, 6, 100},    // no whole header
        {{6, 0, 0, 0, 108, 1, 0}, 7, 100}, // a size below a header's
        {{8, 0, 0, 0, 108, 1, 0}, 7, 100}, // more than there is
        {{255, 255, 255, 255, 108, 1, 0}, 7, 100},
        {{7, 0, 0, 0, 108, 1, 0}, 7, 10}, // no room for an error
        {{7, 0, 0, 0, 108, 1, 0}, 7, 0},
    };
    for (unsigned i = 0; i < VM_ARRAY_SIZE(bad); i++) {
        p9_begin(c, &plain);
        assert_int_equal(send_raw(c, bad[i].bytes, bad[i].size, bad[i].room), 0);
        assert_true(virtio_is_broken(&c->rig));
        // A new life begins with a new session.
        virtio_start(&c->rig, VIRTIO_ALL);
        virtio_ring_init(&c->rig, &c->ring, 0, 0);
        virtio_go(&c->rig);
        assert_int_equal(p9_version(c, P9_MSIZE, "9P2000.L"), 0);
        assert_int_equal(p9_attach(c, P9_ROOT), 0);
        p9_end(c);
    }
}

// Every type with nothing behind the header, with texts that are longer than the message, and with
// random fields: an answer in any case.
static void answers_everything_else(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    static uint8_t noise[600];
    srand(1);
    p9_begin(c, &plain);
    make_outside(c);
    for (unsigned type = 0; type < 256; type++) {
        assert_true(p9_call(c, type, "") != 0);
        for (unsigned round = 0; round < 20; round++) {
            for (unsigned i = 0; i < sizeof noise; i++)
                noise[i] = (uint8_t)(rand() % 8 ? rand() % 4 : rand());
            p9_call(c, type, "wd", P9_ROOT + rand() % 2, (size_t)(rand() % 600), noise);
        }
        assert_int_equal(p9_version(c, P9_MSIZE, "9P2000.L"), 0);
        assert_int_equal(p9_attach(c, P9_ROOT), 0);
    }
    assert_int_equal(p9_call(c, P9_WALK, "wwh", P9_ROOT, 2, 17), EINVAL);
    assert_int_equal(p9_call(c, P9_WALK, "wwhh", P9_ROOT, 2, 1, 65535), EINVAL);
    assert_int_equal(p9_call(c, P9_WRITE, "wlwd", P9_ROOT, UINT64_C(0), 100, (size_t)5, "12345"),
                     EINVAL);
    static char big[9000];
    assert_int_equal(p9_call(c, P9_MKDIR, "wd", P9_ROOT, sizeof big, big), EMSGSIZE);
    assert_false(virtio_is_broken(&c->rig));
    check_outside(c);
    p9_end(c);
}

// A reply that does not fit becomes an error, which always does.
static void keeps_replies_within_their_room(void **state)
{
    (void)state;
    struct p9_client *c = &client;
    static const uint8_t getattr[19] = {19, 0, 0, 0, P9_GETATTR, 9, 0, P9_ROOT};
    p9_begin(c, &plain);
    for (uint32_t room = 11; room < 165; room++) {
        uint32_t n = send_raw(c, getattr, sizeof getattr, room);
        assert_int_equal(n, room < 160 ? 11 : 160);
        assert_int_equal(c->in[4], room < 160 ? 7 : P9_GETATTR + 1);
    }
    put_file(p9_path(c, "shared/file"), "0123456789");
    assert_int_equal(p9_walk(c, P9_ROOT, 2, "file"), 0);
    assert_int_equal(p9_open(c, 2, O_RDONLY), 0);
    static const uint8_t read[23] = {23, 0, 0, 0, P9_READ, 9, 0, 2, 0, 0,
                                     0,  0, 0, 0, 0,       0, 0, 0, 0, 100};
    for (uint32_t room = 11; room < 30; room++) {
        uint32_t n = send_raw(c, read, sizeof read, room);
        assert_int_equal(n, room < 21 ? room : 21);
    }
    p9_end(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_names_that_lead_away),
        cmocka_unit_test(never_follows_symlinks),
        cmocka_unit_test(survives_swapped_directories),
        cmocka_unit_test(survives_swapped_files),
        cmocka_unit_test(opens_no_devices_or_fifos),
        cmocka_unit_test(breaks_at_frames_that_are_none),
        cmocka_unit_test(answers_everything_else),
        cmocka_unit_test(keeps_replies_within_their_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
