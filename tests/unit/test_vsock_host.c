// SPDX-License-Identifier: MIT
//
// The host's side of virtio-vsock over Unix sockets: real sockets at one end, a made-up device at
// the other, its loop's thread between them.
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <vm/device/backend/vsock_host.h>

enum { PATIENCE = 5000, LOTS = 4 << 20 };

// The device: takes one connection at a time and echoes what comes from it.
struct fixture {
    struct vm_loop *loop;
    struct vm_vsock *host;
    char dir[40], path[64];
    struct vm_vsock_end *end;
    _Atomic unsigned requests, connects, ends;
    _Atomic uint32_t wanted; // the guest's port
    _Atomic bool refuses;
    uint8_t kept[4096];
    size_t kept_size;
    bool ended;
    // Commands for the loop's thread.
    struct vm_io_task connect_task, close_task;
    uint32_t port;
    _Atomic bool done;
};

static void finish(struct fixture *f)
{
    f->host->ops->close(f->host, f->end);
    f->end = NULL;
    f->ends++;
}

static void pump(struct fixture *f)
{
    const struct vm_vsock_ops *ops = f->host->ops;
    for (;;) {
        bool gone = false;
        if (f->kept_size) {
            const struct vm_iovec out = {f->kept, f->kept_size};
            size_t n = ops->send(f->host, f->end, &out, 1, &gone);
            memmove(f->kept, f->kept + n, f->kept_size - n);
            f->kept_size -= n;
        }
        if (gone) {
            finish(f);
            return;
        }
        if (f->kept_size)
            return; // writable goes on
        const struct vm_iovec in[] = {{f->kept, 100}, {f->kept + 100, sizeof f->kept - 100}};
        f->kept_size = ops->receive(f->host, f->end, in, 2, &f->ended);
        if (f->ended) {
            ops->end_output(f->host, f->end);
            finish(f);
            return;
        }
        if (!f->kept_size)
            return; // readable goes on
    }
}

static bool request(void *device, struct vm_vsock_end *end, uint32_t guest_port)
{
    struct fixture *f = device;
    f->wanted = guest_port;
    f->requests++;
    if (f->refuses || f->end)
        return false;
    end->connection = f;
    f->end = end;
    f->host->ops->accepted(f->host, end, 1234567);
    return true;
}

static void moved(void *connection)
{
    pump(connection);
}

static void connect_now(void *context)
{
    struct fixture *f = context;
    f->end = f->host->ops->connect(f->host, f->port, f);
    f->connects += f->end != NULL;
    f->done = true;
}

static void close_now(void *context)
{
    struct fixture *f = context;
    if (f->end)
        finish(f);
    f->done = true;
}

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    strcpy(f->dir, "/tmp/trine-vsock-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/sock", f->dir);
    assert_int_equal(vm_loop_create("test", &f->loop, NULL), VM_OK);
    assert_int_equal(vm_vsock_open(f->path, f->loop, &f->host, NULL), VM_OK);
    f->host->receiver = (struct vm_vsock_receiver){request, moved, moved, f};
    f->connect_task.run = connect_now;
    f->close_task.run = close_now;
    f->connect_task.context = f->close_task.context = f;
    assert_int_equal(vm_loop_start(f->loop, NULL), VM_OK);
}

static void command(struct fixture *f, struct vm_io_task *task)
{
    f->done = false;
    vm_io_schedule(vm_loop_io(f->loop), task);
    for (unsigned i = 0; !f->done && i < PATIENCE; i++)
        usleep(1000);
    assert_true(f->done);
}

static void end(struct fixture *f)
{
    command(f, &f->close_task);
    vm_loop_stop(f->loop);
    f->host->ops->destroy(f->host);
    vm_loop_destroy(f->loop);
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(rmdir(f->dir), 0);
}

// --- clients ---

static struct sockaddr_un address(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    return at;
}

static int client(struct fixture *f)
{
    struct sockaddr_un at = address(f->path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static void put(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void expect(int fd, const char *text)
{
    char found[100];
    size_t n = 0, size = strlen(text);
    while (n < size) {
        struct pollfd p = {fd, POLLIN, 0};
        assert_int_equal(poll(&p, 1, PATIENCE), 1);
        ssize_t got = read(fd, found + n, size - n);
        assert_true(got > 0);
        n += (size_t)got;
    }
    assert_memory_equal(found, text, size);
}

static void expect_end(int fd)
{
    char byte;
    struct pollfd p = {fd, POLLIN, 0};
    assert_int_equal(poll(&p, 1, PATIENCE), 1);
    assert_true(read(fd, &byte, 1) <= 0);
    close(fd);
}

// --- tests ---

static void connects_clients(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    int fd = client(&f);
    put(fd, "CONNECT 52\nbehind the line");
    expect(fd, "OK 1234567\nbehind the line");
    assert_int_equal(f.wanted, 52);
    put(fd, "more");
    expect(fd, "more");
    int second = client(&f); // refused: one at a time
    put(second, "CONNECT 53\n");
    expect_end(second);
    shutdown(fd, SHUT_WR);
    expect_end(fd);
    // In pieces, as slowly as may be.
    fd = client(&f);
    for (const char *c = "CONNECT 4294967294\n"; *c; c++) {
        put(fd, (char[]){*c, 0});
        usleep(1000);
    }
    expect(fd, "OK 1234567\n");
    assert_int_equal(f.wanted, 4294967294);
    close(fd);
    end(&f);
}

static void refuses_other_greetings(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\n",
        "CONNECT \n",
        "CONNECT x\n",
        "CONNECT 5x\n",
        "connect 5\n",
        "CONNECT 4294967295\n",
        "CONNECT 99999999999999999999\n",
        "CONNECT 000000000000000000000000000000000000000000000\n",
        "GET / HTTP/1.1\r\n",
    };
    struct fixture f;
    begin(&f);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int fd = client(&f);
        put(fd, bad[i]);
        expect_end(fd);
    }
    assert_int_equal(f.requests, 0);
    int fd = client(&f);
    close(fd); // says nothing
    end(&f);
}

// Those that say nothing keep others out, but not for ever.
static void gives_up_silent_clients(void **state)
{
    (void)state;
    struct fixture f;
    int fds[20];
    begin(&f);
    for (unsigned i = 0; i < 16; i++)
        fds[i] = client(&f);
    int last = client(&f);
    put(last, "CONNECT 1\n");
    struct pollfd p = {last, POLLIN, 0};
    assert_int_equal(poll(&p, 1, 300), 0);
    assert_int_equal(poll(&p, 1, 10000), 1);
    expect(last, "OK 1234567\n");
    for (unsigned i = 0; i < 16; i++)
        expect_end(fds[i]);
    close(last);
    end(&f);
}

static int listener(const char *path)
{
    struct sockaddr_un at = address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static void connects_the_guest(void **state)
{
    (void)state;
    struct fixture f;
    char path[80];
    begin(&f);
    f.port = 80;
    command(&f, &f.connect_task);
    assert_int_equal(f.connects, 0); // nobody is there
    snprintf(path, sizeof path, "%s_80", f.path);
    int at = listener(path);
    command(&f, &f.connect_task);
    assert_int_equal(f.connects, 1);
    int fd = accept(at, NULL, NULL);
    put(fd, "hello");
    expect(fd, "hello");
    // The guest closes.
    command(&f, &f.close_task);
    expect_end(fd);
    close(at);
    unlink(path);
    end(&f);
}

// More than sockets hold, both ways at once, in pieces that suit nobody.
static void carries_a_lot(void **state)
{
    (void)state;
    struct fixture f;
    static uint8_t bytes[LOTS], found[LOTS];
    size_t sent = 0, got = 0;
    begin(&f);
    for (size_t i = 0; i < LOTS; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 4096);
    int fd = client(&f);
    put(fd, "CONNECT 7\n");
    expect(fd, "OK 1234567\n");
    while (got < LOTS) {
        struct pollfd p = {fd, (short)(POLLIN | (sent < LOTS ? POLLOUT : 0)), 0};
        assert_int_equal(poll(&p, 1, PATIENCE), 1);
        if (p.revents & POLLOUT) {
            size_t n = LOTS - sent < 7001 ? LOTS - sent : 7001;
            ssize_t done = send(fd, bytes + sent, n, MSG_DONTWAIT | MSG_NOSIGNAL);
            sent += done > 0 ? (size_t)done : 0;
        }
        if (p.revents & POLLIN) {
            ssize_t n = read(fd, found + got, LOTS - got);
            assert_true(n > 0);
            got += (size_t)n;
        }
    }
    assert_memory_equal(found, bytes, LOTS);
    close(fd);
    for (unsigned i = 0; f.ends == 0 && i < PATIENCE; i++)
        usleep(1000);
    assert_int_equal(f.ends, 1);
    end(&f);
}

static void refuses_wrong_paths(void **state)
{
    (void)state;
    struct fixture f;
    struct vm_vsock *second;
    struct vm_error e;
    char path[200];
    begin(&f);
    assert_int_equal(vm_vsock_open(f.path, f.loop, &second, &e), VM_ERR_FILE);
    assert_int_equal(vm_vsock_open("/nowhere/sock", f.loop, &second, &e), VM_ERR_FILE);
    assert_int_equal(vm_vsock_open("", f.loop, &second, &e), VM_ERR_FILE);
    memset(path, 'x', sizeof path);
    path[97] = 0; // with a port behind it, too long
    assert_int_equal(vm_vsock_open(path, f.loop, &second, &e), VM_ERR_FILE);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_clients),        cmocka_unit_test(refuses_other_greetings),
        cmocka_unit_test(gives_up_silent_clients), cmocka_unit_test(connects_the_guest),
        cmocka_unit_test(carries_a_lot),           cmocka_unit_test(refuses_wrong_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
