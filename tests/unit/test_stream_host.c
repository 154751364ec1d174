// SPDX-License-Identifier: MIT
//
// Streams to the host, with real sockets, terminals and files at the other end and a made-up device
// at this one.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <vm/device/backend/stream_host.h>

enum { LOTS = 3 << 20, ROOM = 1 << 16, PATIENCE = 2000 };

struct fixture {
    struct vm_loop *loop;
    struct vm_host host;
    struct vm_stream *stream;
    char dir[32], path[64], what[72];
    _Atomic size_t got, room; // bytes received, and how many more may be
    uint8_t bytes[ROOM];
    _Atomic bool connected; // as of the last change
    _Atomic unsigned connections, resizes, logged;
    char log[256];
    // A command for the loop's thread.
    struct vm_io_task task;
    const uint8_t *to_send;
    _Atomic size_t sent, size;
    _Atomic bool resume, done;
};

static uint8_t lots[LOTS]; // once filled, all threads may read it

// --- the device's side ---

static size_t receive(void *device, const uint8_t *bytes, size_t size)
{
    struct fixture *f = device;
    size_t n = size < f->room ? size : (size_t)f->room;
    if (f->got + n <= sizeof f->bytes)
        memcpy(f->bytes + f->got, bytes, n);
    f->room -= n;
    f->got += n;
    return n;
}

static void writable(void *device)
{
    struct fixture *f = device;
    f->sent += f->stream->ops->send(f->stream, f->to_send + f->sent, f->size - f->sent);
}

static void connection_changed(void *device)
{
    struct fixture *f = device;
    f->connected = f->stream->connected;
    f->connections++;
}

static void resized(void *device)
{
    ((struct fixture *)device)->resizes++;
}

static void keep_line(void *context, const char *line)
{
    struct fixture *f = context;
    snprintf(f->log, sizeof f->log, "%s", line);
    f->logged++;
}

static void run_command(void *context)
{
    struct fixture *f = context;
    if (f->resume)
        f->stream->ops->resume(f->stream);
    else
        writable(f);
    f->done = true;
}

#define eventually(condition)                               \
    for (unsigned turn_ = 0; !(condition); turn_++) {       \
        if (turn_ == PATIENCE)                              \
            fail_msg("did not come to be: %s", #condition); \
        usleep(5000);                                       \
    }

static void command(struct fixture *f)
{
    f->done = false;
    vm_io_schedule(vm_loop_io(f->loop), &f->task);
    eventually(f->done);
}

static void send_bytes(struct fixture *f, const void *bytes, size_t size)
{
    f->to_send = bytes;
    f->sent = 0;
    f->size = size;
    f->resume = false;
    command(f);
}

static void resume_with(struct fixture *f, size_t room)
{
    f->room = room;
    f->resume = true;
    command(f);
}

// --- life ---

static void prepare(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->host.log = keep_line;
    f->host.context = f;
    f->room = SIZE_MAX;
    f->task.run = run_command;
    f->task.context = f;
    strcpy(f->dir, "/tmp/test-stream-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/it", f->dir);
    assert_int_equal(vm_loop_create("stream", &f->loop, NULL), VM_OK);
}

static void start(struct fixture *f, const char *what)
{
    struct vm_error e = {.text = ""};
    if (vm_stream_open(what, f->loop, &f->host, &f->stream, &e) != VM_OK)
        fail_msg("%s", e.text);
    f->stream->receiver = (struct vm_stream_receiver){
        receive, writable, connection_changed, resized, f,
    };
    assert_int_equal(vm_loop_start(f->loop, NULL), VM_OK);
}

static void begin(struct fixture *f, const char *kind)
{
    prepare(f);
    snprintf(f->what, sizeof f->what, "%s%s", kind, f->path);
    start(f, f->what);
}

static void end(struct fixture *f)
{
    vm_loop_stop(f->loop);
    if (f->stream)
        f->stream->ops->close(f->stream);
    vm_loop_destroy(f->loop);
    unlink(f->path);
    assert_int_equal(rmdir(f->dir), 0);
}

static int dial(const struct fixture *f)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", f->path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static void expect(int fd, const void *bytes, size_t size)
{
    static uint8_t got[LOTS];
    assert_true(size <= sizeof got);
    for (size_t done = 0; done < size;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 10000), 1);
        ssize_t n = read(fd, got + done, size - done);
        assert_true(n > 0);
        done += (size_t)n;
    }
    assert_memory_equal(got, bytes, size);
}

static int fill_lots(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lots; i++)
        lots[i] = (uint8_t)(i * 7 + i / 256 + i / 65536);
    return 0;
}

// --- Unix sockets ---

static void clients_come_and_go(void **state)
{
    (void)state;
    static struct fixture f;
    begin(&f, "unix:");
    struct stat what;
    assert_int_equal(stat(f.path, &what), 0);
    assert_int_equal(what.st_mode & 0777, 0600);
    send_bytes(&f, "early ", 6); // for whoever comes first
    for (unsigned i = 0; i < 3; i++) {
        int fd = dial(&f);
        eventually(f.connections == 2 * i + 1);
        assert_true(f.connected);
        if (i == 0)
            expect(fd, "early ", 6);
        assert_int_equal(write(fd, "hello", 5), 5);
        eventually(f.got == 5 * (i + 1));
        send_bytes(&f, "and you", 7);
        expect(fd, "and you", 7);
        close(fd);
        eventually(f.connections == 2 * i + 2);
        assert_false(f.connected);
    }
    assert_memory_equal(f.bytes, "hellohellohello", 15);
    end(&f);
    assert_int_equal(access(f.path, F_OK), -1);
}

static void a_second_client_waits(void **state)
{
    (void)state;
    static struct fixture f;
    begin(&f, "unix:");
    int first = dial(&f), second = dial(&f);
    assert_int_equal(write(second, "2", 1), 1);
    eventually(f.connections == 1);
    assert_int_equal(write(first, "1", 1), 1);
    eventually(f.got == 1);
    close(first);
    eventually(f.got == 2);
    assert_memory_equal(f.bytes, "12", 2);
    close(second);
    end(&f);
}

static void output_waits_for_a_slow_reader(void **state)
{
    (void)state;
    static struct fixture f;
    begin(&f, "unix:");
    send_bytes(&f, lots, LOTS);
    assert_int_equal(f.sent, VM_STREAM_BACKLOG); // without anybody there
    int fd = dial(&f);
    expect(fd, lots, LOTS);
    eventually(f.sent == LOTS);
    close(fd);
    end(&f);
}

// Also if the writer has left meanwhile.
static void input_waits_for_the_guest(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned stays = 0; stays < 2; stays++) {
        begin(&f, "unix:");
        f.room = 10;
        int fd = dial(&f);
        assert_int_equal(write(fd, lots, 20000), 20000);
        if (!stays)
            close(fd);
        eventually(f.got == 10);
        usleep(20000);
        assert_int_equal(f.got, 10);
        resume_with(&f, 5000);
        eventually(f.got == 5010);
        assert_true(f.connected);
        resume_with(&f, SIZE_MAX);
        eventually(f.got == 20000);
        assert_memory_equal(f.bytes, lots, 20000);
        if (stays)
            close(fd);
        eventually(f.connections == 2);
        assert_false(f.connected);
        end(&f);
    }
}

// `echo | nc -U`: it has said everything and still listens.
static void a_client_that_only_listens(void **state)
{
    (void)state;
    static struct fixture f;
    begin(&f, "unix:");
    int fd = dial(&f);
    assert_int_equal(write(fd, "last", 4), 4);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    eventually(f.got == 4);
    send_bytes(&f, "answer", 6);
    expect(fd, "answer", 6);
    assert_true(f.connected);
    close(fd);
    eventually(f.connections == 2);
    end(&f);
}

static void paths_of_sockets(void **state)
{
    (void)state;
    static struct fixture f;
    struct vm_error e;
    struct vm_stream *other;
    begin(&f, "unix:");
    assert_int_equal(vm_stream_open(f.what, f.loop, &f.host, &other, &e), VM_ERR_FILE);
    assert_non_null(strstr(e.text, "in use"));
    end(&f);
    prepare(&f); // one that was left behind
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", f.path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    close(fd);
    snprintf(f.what, sizeof f.what, "unix:%s", f.path);
    start(&f, f.what);
    close(dial(&f));
    end(&f);
    prepare(&f); // no socket at all
    close(open(f.path, O_CREAT | O_WRONLY, 0600));
    snprintf(f.what, sizeof f.what, "unix:%s", f.path);
    assert_int_equal(vm_stream_open(f.what, f.loop, &f.host, &other, &e), VM_ERR_FILE);
    assert_int_equal(access(f.path, F_OK), 0);
    end(&f);
}

// --- files and terminals ---

static void files_get_all(void **state)
{
    (void)state;
    static struct fixture f;
    begin(&f, "file:");
    send_bytes(&f, lots, LOTS);
    assert_int_equal(f.sent, LOTS);
    int fd = open(f.path, O_RDONLY);
    expect(fd, lots, LOTS);
    close(fd);
    end(&f);
}

static void a_full_disk_waits(void **state)
{
    (void)state;
    static struct fixture f;
    prepare(&f);
    start(&f, "file:/dev/full");
    send_bytes(&f, lots, LOTS);
    assert_int_equal(f.sent, VM_STREAM_BACKLOG);
    assert_int_equal(f.logged, 1);
    assert_non_null(strstr(f.log, "/dev/full"));
    end(&f);
}

static void a_pipe_waits_for_its_next_reader(void **state)
{
    (void)state;
    static struct fixture f;
    prepare(&f);
    assert_int_equal(mkfifo(f.path, 0600), 0);
    int fd = open(f.path, O_RDONLY | O_NONBLOCK);
    snprintf(f.what, sizeof f.what, "file:%s", f.path);
    start(&f, f.what);
    send_bytes(&f, lots, LOTS);
    assert_true(f.sent >= VM_STREAM_BACKLOG && f.sent < LOTS);
    close(fd);
    eventually(f.logged == 1);
    assert_non_null(strstr(f.log, f.path));
    fd = open(f.path, O_RDONLY | O_NONBLOCK);
    expect(fd, lots, LOTS);
    eventually(f.sent == LOTS);
    assert_int_equal(f.logged, 1);
    close(fd);
    end(&f);
}

static void pseudoterminals(void **state)
{
    (void)state;
    static struct fixture f;
    prepare(&f);
    start(&f, "pty");
    assert_int_equal(f.logged, 1);
    const char *name = strstr(f.log, "/dev/");
    assert_non_null(name);
    for (unsigned i = 0; i < 2; i++) {
        int fd = open(name, O_RDWR | O_NOCTTY);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, "ls\r\n", 4), 4);
        eventually(f.got == 4 * (i + 1));
        assert_memory_equal(f.bytes + 4 * i, "ls\r\n", 4);
        send_bytes(&f, "a\nb\r\n", 5); // as it is, no echo
        expect(fd, "a\nb\r\n", 5);
        const struct winsize size = {.ws_col = (unsigned short)(100 + i), .ws_row = 40};
        assert_int_equal(ioctl(fd, TIOCSWINSZ, &size), 0);
        eventually(f.resizes == i + 1);
        assert_int_equal(f.stream->columns, 100 + i);
        assert_int_equal(f.stream->rows, 40);
        close(fd);
    }
    assert_int_equal(f.got, 8);
    end(&f);
}

static void refuses_what_it_does_not_know(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "tty", "pty:x", "stdio", "unix", "unix:", "file:"};
    static char path[300] = "file:/tmp/";
    static struct fixture f;
    struct vm_error e;
    prepare(&f);
    for (unsigned i = 0; i < VM_ARRAY_SIZE(wrong); i++)
        assert_int_equal(vm_stream_open(wrong[i], f.loop, &f.host, &f.stream, &e), VM_ERR_USAGE);
    memset(path + 10, 'x', sizeof path - 11);
    assert_int_equal(vm_stream_open(path, f.loop, &f.host, &f.stream, &e), VM_ERR_FILE);
    assert_int_equal(vm_stream_open("file:/none/such", f.loop, &f.host, &f.stream, &e),
                     VM_ERR_FILE);
    assert_int_equal(vm_stream_open("unix:/none/such", f.loop, &f.host, &f.stream, &e),
                     VM_ERR_FILE);
    assert_null(f.stream);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_come_and_go),
        cmocka_unit_test(a_second_client_waits),
        cmocka_unit_test(output_waits_for_a_slow_reader),
        cmocka_unit_test(input_waits_for_the_guest),
        cmocka_unit_test(a_client_that_only_listens),
        cmocka_unit_test(paths_of_sockets),
        cmocka_unit_test(files_get_all),
        cmocka_unit_test(a_full_disk_waits),
        cmocka_unit_test(a_pipe_waits_for_its_next_reader),
        cmocka_unit_test(pseudoterminals),
        cmocka_unit_test(refuses_what_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, fill_lots, NULL);
}
