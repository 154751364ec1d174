// SPDX-License-Identifier: MIT
//
// osal: what a console thread needs. Streams and events on pipes, the terminal on a
// pseudo-terminal, and signals in children that die of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <vm/osal/clock.h>
#include <vm/osal/signal.h>
#include <vm/osal/stream.h>
#include <vm/osal/terminal.h>
#include <vm/osal/thread.h>

enum { MS = 1000000 };

static vm_osal_stream stream_of(int fd)
{
    return (vm_osal_stream){fd};
}

static uint64_t in_ms(unsigned ms)
{
    return vm_osal_clock_monotonic() + (uint64_t)ms * MS;
}

static void set_event(void *argument)
{
    vm_osal_sleep_until(in_ms(5));
    vm_osal_event_set(argument);
}

static void event_wakes_and_stays(void **state)
{
    (void)state;
    struct vm_osal_event *v;
    assert_int_equal(vm_osal_event_create(&v, NULL), VM_OK);
    assert_false(vm_osal_event_is_set(v));
    uint64_t deadline = in_ms(3);
    assert_int_equal(vm_osal_wait_input(vm_osal_stream_none(), v, deadline), 0);
    assert_true(vm_osal_clock_monotonic() >= deadline);
    struct vm_osal_thread *t;
    assert_int_equal(vm_osal_thread_create("set", set_event, v, &t, NULL), VM_OK);
    assert_int_equal(vm_osal_wait_input(vm_osal_stream_none(), v, VM_OSAL_FOREVER),
                     VM_OSAL_WAIT_EVENT);
    vm_osal_thread_join(t);
    for (unsigned i = 0; i < 100000; i++) // more than a pipe holds
        vm_osal_event_set(v);
    assert_true(vm_osal_event_is_set(v));
    vm_osal_event_clear(v);
    assert_false(vm_osal_event_is_set(v));
    vm_osal_event_clear(v);
    vm_osal_event_destroy(v);
    vm_osal_event_destroy(NULL);
}

static void reads_what_is_there(void **state)
{
    (void)state;
    int ends[2];
    char text[8];
    size_t n;
    assert_int_equal(pipe(ends), 0);
    vm_osal_stream in = stream_of(ends[0]);
    struct vm_osal_event *v;
    assert_int_equal(vm_osal_event_create(&v, NULL), VM_OK);
    assert_int_equal(vm_osal_wait_input(in, v, 0), 0);
    assert_int_equal(write(ends[1], "hello", 5), 5);
    assert_int_equal(vm_osal_wait_input(in, NULL, VM_OSAL_FOREVER), VM_OSAL_WAIT_INPUT);
    vm_osal_event_set(v);
    assert_int_equal(vm_osal_wait_input(in, v, VM_OSAL_FOREVER),
                     VM_OSAL_WAIT_INPUT | VM_OSAL_WAIT_EVENT);
    assert_int_equal(vm_osal_read(in, text, sizeof text, &n), VM_OSAL_READ_BYTES);
    assert_int_equal(n, 5);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(vm_osal_read(in, text, sizeof text, &n), VM_OSAL_READ_NOTHING);
    close(ends[1]);
    assert_int_equal(vm_osal_wait_input(in, NULL, VM_OSAL_FOREVER), VM_OSAL_WAIT_INPUT);
    assert_int_equal(vm_osal_read(in, text, sizeof text, &n), VM_OSAL_READ_END);
    close(ends[0]);
    // A closed descriptor is at its end.
    assert_int_equal(vm_osal_wait_input(in, NULL, VM_OSAL_FOREVER), VM_OSAL_WAIT_INPUT);
    assert_int_equal(vm_osal_read(in, text, sizeof text, &n), VM_OSAL_READ_END);
    assert_int_equal(n, 0);
    vm_osal_event_destroy(v);
}

enum { MUCH = 300000 };

struct drain {
    int fd;
    size_t count;
    bool right;
};

static void drain_slowly(void *argument)
{
    struct drain *d = argument;
    uint8_t some[5000];
    ssize_t n;
    d->right = true;
    while ((n = read(d->fd, some, sizeof some)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            d->right &= some[i] == (uint8_t)((d->count + (size_t)i) * 13);
        d->count += (size_t)n;
        vm_osal_thread_yield();
    }
}

static void write_much(int flags)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, flags), 0);
    uint8_t *data = malloc(MUCH);
    for (size_t i = 0; i < MUCH; i++)
        data[i] = (uint8_t)(i * 13);
    struct drain d = {.fd = ends[0]};
    struct vm_osal_thread *t;
    size_t count;
    struct vm_error e;
    assert_int_equal(vm_osal_thread_create("drain", drain_slowly, &d, &t, NULL), VM_OK);
    assert_int_equal(vm_osal_write_all(stream_of(ends[1]), data, MUCH, NULL, &count, &e), VM_OK);
    close(ends[1]);
    vm_osal_thread_join(t);
    assert_int_equal(count, MUCH);
    assert_int_equal(d.count, MUCH);
    assert_true(d.right);
    close(ends[0]);
    free(data);
}

static void writes_everything(void **state)
{
    (void)state;
    write_much(0);
    write_much(O_NONBLOCK);
}

static void writing_can_be_stopped(void **state)
{
    (void)state;
    int ends[2];
    static const uint8_t data[MUCH];
    size_t count;
    struct vm_error e;
    struct vm_osal_event *v;
    struct vm_osal_thread *t;
    assert_int_equal(vm_osal_event_create(&v, NULL), VM_OK);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(vm_osal_thread_create("set", set_event, v, &t, NULL), VM_OK);
    assert_int_equal(vm_osal_write_all(stream_of(ends[1]), data, MUCH, v, &count, &e), VM_OK);
    assert_true(count < MUCH);
    vm_osal_thread_join(t);
    close(ends[0]);
    vm_osal_event_clear(v);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(vm_osal_write_all(stream_of(ends[1]), data, 1, v, &count, &e), VM_ERR_FILE);
    assert_non_null(strstr(e.text, "Broken pipe"));
    close(ends[1]);
    assert_int_equal(vm_osal_write_all(stream_of(ends[1]), data, 1, v, NULL, &e), VM_ERR_FILE);
    vm_osal_event_destroy(v);
}

struct terminal {
    int master, slave;
    struct termios before;
};

static void open_terminal(struct terminal *t)
{
    struct winsize size = {.ws_row = 30, .ws_col = 100};
    assert_int_equal(openpty(&t->master, &t->slave, NULL, NULL, &size), 0);
    assert_int_equal(tcgetattr(t->slave, &t->before), 0);
    assert_true(t->before.c_lflag & ICANON);
}

static bool is_raw(const struct terminal *t)
{
    struct termios now;
    assert_int_equal(tcgetattr(t->slave, &now), 0);
    return !(now.c_lflag & (ICANON | ECHO | ISIG)) && !(now.c_iflag & (ICRNL | IXON));
}

static void check_restored(const struct terminal *t)
{
    struct termios now;
    assert_int_equal(tcgetattr(t->slave, &now), 0);
    assert_int_equal(now.c_lflag, t->before.c_lflag);
    assert_int_equal(now.c_iflag, t->before.c_iflag);
    assert_int_equal(now.c_oflag, t->before.c_oflag);
    assert_int_equal(now.c_cflag, t->before.c_cflag);
}

static void close_terminal(struct terminal *t)
{
    close(t->master);
    close(t->slave);
}

static void terminal_becomes_raw_and_back(void **state)
{
    (void)state;
    struct terminal t;
    struct vm_error e;
    unsigned columns, rows;
    char c;
    size_t n;
    open_terminal(&t);
    vm_osal_stream s = stream_of(t.slave);
    assert_true(vm_osal_is_terminal(s));
    assert_true(vm_osal_terminal_size(s, &columns, &rows));
    assert_int_equal(columns, 100);
    assert_int_equal(rows, 30);
    vm_osal_terminal_restore(); // nothing to restore yet
    assert_int_equal(vm_osal_terminal_raw(s, &e), VM_OK);
    assert_true(is_raw(&t));
    assert_int_equal(vm_osal_terminal_raw(s, &e), VM_OK); // does not save the raw state
    assert_int_equal(write(t.master, "\3", 1), 1);        // Ctrl-C is a byte
    assert_int_equal(vm_osal_wait_input(s, NULL, in_ms(5000)), VM_OSAL_WAIT_INPUT);
    assert_int_equal(vm_osal_read(s, &c, 1, &n), VM_OSAL_READ_BYTES);
    assert_int_equal(c, 3);
    vm_osal_terminal_restore();
    check_restored(&t);
    assert_int_equal(vm_osal_terminal_raw(s, &e), VM_OK);
    assert_true(is_raw(&t));
    vm_osal_terminal_restore();
    check_restored(&t);
    close_terminal(&t);
}

static void pipes_are_no_terminals(void **state)
{
    (void)state;
    int ends[2];
    struct vm_error e;
    unsigned columns, rows;
    assert_int_equal(pipe(ends), 0);
    assert_false(vm_osal_is_terminal(stream_of(ends[0])));
    assert_int_equal(vm_osal_terminal_raw(stream_of(ends[0]), &e), VM_OK);
    assert_false(vm_osal_terminal_size(stream_of(ends[0]), &columns, &rows));
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(vm_osal_terminal_raw(stream_of(ends[0]), &e), VM_OK); // closed
    assert_int_equal(vm_osal_stdin().v, 0);
    assert_int_equal(vm_osal_stdout().v, 1);
    assert_int_equal(vm_osal_stderr().v, 2);
}

// Runs in a child, with the terminal raw and the handlers installed. Sanitizers report a fatal
// signal and exit with a status of their own, so their handlers are taken off first.
static void child(const struct terminal *t, void (*act)(struct vm_osal_event *stop))
{
    const int fatal[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTRAP};
    const struct rlimit no_core = {0, 0};
    struct vm_osal_event *stop;
    setrlimit(RLIMIT_CORE, &no_core);
    for (size_t i = 0; i < VM_ARRAY_SIZE(fatal); i++)
        signal(fatal[i], SIG_DFL);
    if (vm_osal_event_create(&stop, NULL) != VM_OK ||
        vm_osal_signals_install(stop, NULL) != VM_OK ||
        vm_osal_terminal_raw(stream_of(t->slave), NULL) != VM_OK || !is_raw(t))
        _exit(99);
    act(stop);
    _exit(98);
}

// The wait status of a child that does `act`; the terminal is as before when it has ended.
static int run_child(void (*act)(struct vm_osal_event *stop))
{
    struct terminal t;
    open_terminal(&t);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(&t, act);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    check_restored(&t);
    close_terminal(&t);
    return status;
}

static void stop_in_order(struct vm_osal_event *stop)
{
    raise(SIGTERM);
    bool set = vm_osal_wait_input(vm_osal_stream_none(), stop, in_ms(5000)) == VM_OSAL_WAIT_EVENT;
    _exit(set && vm_osal_stop_signal() == SIGTERM ? 17 : 1);
}

static void stop_twice(struct vm_osal_event *stop)
{
    (void)stop;
    raise(SIGINT);
    raise(SIGINT);
}

static void abort_now(struct vm_osal_event *stop)
{
    (void)stop;
    abort();
}

static void bus_error(struct vm_osal_event *stop)
{
    (void)stop;
    raise(SIGBUS);
}

static void fault(struct vm_osal_event *stop)
{
    (void)stop;
    __builtin_trap();
}

static void be_killed_from_outside(struct vm_osal_event *stop)
{
    (void)stop;
    kill(getpid(), SIGSEGV);
}

static void end_by_user_signal(struct vm_osal_event *stop)
{
    (void)stop;
    kill(getpid(), SIGUSR1);
}

static void exit_in_order(struct vm_osal_event *stop)
{
    (void)stop;
    exit(0);
}

static void write_to_nobody(struct vm_osal_event *stop)
{
    int ends[2];
    if (pipe(ends) == 0 && close(ends[0]) == 0 &&
        vm_osal_write_all(stream_of(ends[1]), "x", 1, stop, NULL, NULL) == VM_ERR_FILE)
        exit(5);
}

static void uninstall_and_end(struct vm_osal_event *stop)
{
    vm_osal_terminal_restore();
    vm_osal_signals_uninstall();
    vm_osal_event_destroy(stop);
    raise(SIGTERM);
}

static void assert_killed_by(int number, void (*act)(struct vm_osal_event *stop))
{
    int status = run_child(act);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), number);
}

static void terminal_survives_every_end(void **state)
{
    (void)state;
    int status = run_child(stop_in_order);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 17);
    assert_killed_by(SIGINT, stop_twice);
    assert_killed_by(SIGABRT, abort_now);
    assert_killed_by(SIGBUS, bus_error);
    status = run_child(fault); // SIGILL or SIGTRAP, as the host's trap instruction has it
    assert_true(WIFSIGNALED(status));
    assert_killed_by(SIGSEGV, be_killed_from_outside);
    assert_killed_by(SIGUSR1, end_by_user_signal);
    assert_killed_by(SIGTERM, uninstall_and_end);
    assert_int_equal(run_child(exit_in_order), 0);
    status = run_child(write_to_nobody);
    assert_int_equal(WEXITSTATUS(status), 5);
}

static void ignored_signals_stay_ignored(void **state)
{
    (void)state;
    struct vm_osal_event *stop;
    assert_int_equal(vm_osal_event_create(&stop, NULL), VM_OK);
    signal(SIGHUP, SIG_IGN);
    assert_int_equal(vm_osal_signals_install(stop, NULL), VM_OK);
    raise(SIGHUP);
    assert_int_equal(vm_osal_stop_signal(), 0);
    raise(SIGQUIT);
    assert_int_equal(vm_osal_stop_signal(), SIGQUIT);
    assert_true(vm_osal_event_is_set(stop));
    vm_osal_signals_uninstall();
    signal(SIGHUP, SIG_DFL);
    vm_osal_event_destroy(stop);
}

// In a child that leads a session on the terminal: its own child in another process group is in the
// background, so it must neither be stopped by the terminal nor change it.
static void be_in_the_background(const struct terminal *t)
{
    struct vm_error e;
    size_t n;
    char c;
    if (setpgid(0, 0) < 0)
        _exit(1);
    vm_osal_stream s = stream_of(t->slave);
    if (vm_osal_terminal_raw(s, &e) != VM_OK || is_raw(t))
        _exit(2);
    if (vm_osal_wait_input(s, NULL, in_ms(20)) != 0) // input is there, but not for this job
        _exit(3);
    signal(SIGTTIN, SIG_IGN);
    _exit(vm_osal_read(s, &c, 1, &n) == VM_OSAL_READ_NOTHING ? 42 : 4);
}

static void lead_session(const struct terminal *t)
{
    if (setsid() < 0 || ioctl(t->slave, TIOCSCTTY, 0) < 0)
        _exit(90);
    if (write(t->master, "x\n", 2) != 2)
        _exit(91);
    pid_t pid = fork();
    if (pid == 0)
        be_in_the_background(t);
    int status;
    if (pid < 0 || waitpid(pid, &status, WUNTRACED) != pid || !WIFEXITED(status))
        _exit(92);
    if (WEXITSTATUS(status) != 42)
        _exit(WEXITSTATUS(status));
    // The leader itself is in the foreground.
    vm_osal_stream s = stream_of(t->slave);
    bool input = vm_osal_wait_input(s, NULL, in_ms(5000)) == VM_OSAL_WAIT_INPUT;
    bool raw = vm_osal_terminal_raw(s, NULL) == VM_OK && is_raw(t);
    vm_osal_terminal_restore();
    _exit(input && raw && !is_raw(t) ? 42 : 93);
}

static void background_leaves_the_terminal_alone(void **state)
{
    (void)state;
    struct terminal t;
    open_terminal(&t);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        lead_session(&t);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
    close_terminal(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_wakes_and_stays),
        cmocka_unit_test(reads_what_is_there),
        cmocka_unit_test(writes_everything),
        cmocka_unit_test(writing_can_be_stopped),
        cmocka_unit_test(terminal_becomes_raw_and_back),
        cmocka_unit_test(pipes_are_no_terminals),
        cmocka_unit_test(terminal_survives_every_end),
        cmocka_unit_test(ignored_signals_stay_ignored),
        cmocka_unit_test(background_leaves_the_terminal_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
