// SPDX-License-Identifier: MIT
//
// The sandbox: for each thread's work and each of a list of host calls, a process of its own enters
// it and makes the call. What is allowed must pass, what is refused must fail, and everything else
// must end the process, with a line that names thread and call, before the call has done anything.
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <vm/osal/aio.h>
#include <vm/osal/sandbox.h>
#include <vm/osal/signal.h>

enum {
    VCPU = VM_OSAL_SANDBOX_VCPU,
    TIMER = VM_OSAL_SANDBOX_TIMER,
    DEVICE = VM_OSAL_SANDBOX_DEVICE,
    DISK = VM_OSAL_SANDBOX_DISK,
    NET = VM_OSAL_SANDBOX_NET,
    TAP = VM_OSAL_SANDBOX_TAP,
    SHARE = VM_OSAL_SANDBOX_SHARE,
    CONSOLE = VM_OSAL_SANDBOX_CONSOLE,
    VSOCK = VM_OSAL_SANDBOX_VSOCK,
    MAIN = VM_OSAL_SANDBOX_MAIN,
    LOOPS = DEVICE | DISK | NET | TAP | SHARE | CONSOLE | VSOCK,
    ALL = VCPU | TIMER | LOOPS | MAIN,
    KILLED = -SIGSYS,
    PASSED = 0,
    REFUSED = 10, // by the child: the call failed
};

static const struct {
    unsigned work;
    const char *name;
} works[] = {
    {VCPU, "vCPU"}, {TIMER, "timer"}, {DEVICE, "device"},   {DISK, "disk"},   {NET, "network"},
    {TAP, "tap"},   {SHARE, "share"}, {CONSOLE, "console"}, {VSOCK, "vsock"}, {MAIN, "main"},
};

// --- the calls; each is 0 if the host carried it out, -1 with errno if not ---

static int use_heap(void)
{
    enum { BLOCKS = 400 };
    static void *blocks[BLOCKS];
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < BLOCKS; i++)
            blocks[i] = malloc(round == 1 ? i * 4096 : i * 64 + 1);
        for (size_t i = 0; i < BLOCKS; i++)
            free(blocks[i]);
    }
    return 0;
}

static int write_something(void)
{
    return write(STDOUT_FILENO, "", 0) == 0 ? 0 : -1;
}

static int look_at_terminal(void)
{
    struct termios *none = NULL;
    return ioctl(-1, TCGETS, none);
}

static int read_nothing(void)
{
    char c;
    return read(-1, &c, 1) < 0 ? -1 : 0;
}

static int wait_for_epoll(void)
{
    struct epoll_event e;
    return epoll_wait(-1, &e, 1, 0);
}

static int make_executable(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? -1
               : 0;
}

static int become_executable(void)
{
    return mprotect(NULL, 4096, PROT_READ | PROT_EXEC);
}

static int open_to_read(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

static int open_to_write(void)
{
    return open("/dev/null", O_WRONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

static int make_directory(void)
{
    return mkdirat(AT_FDCWD, "/proc/none", 0700);
}

static int stat_path(void)
{
    struct stat s;
    return stat("/", &s);
}

static int internet_socket(void)
{
    return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0 ? -1 : 0;
}

static int unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ? -1 : 0;
}

static int accept_one(void)
{
    return accept4(-1, NULL, NULL, SOCK_CLOEXEC);
}

static int connect_one(void)
{
    return connect(-1, NULL, 0);
}

static int transfer(void)
{
    return preadv(-1, NULL, 0, 0) < 0 ? -1 : 0;
}

static int sync_file(void)
{
    return fdatasync(-1);
}

static int use_ring(void)
{
    return (int)syscall(__NR_io_uring_enter, -1, 0, 0, 0, NULL, 0);
}

static int make_ring(void)
{
    return (int)syscall(__NR_io_uring_setup, 0, NULL);
}

static int set_offload(void)
{
    return ioctl(-1, TUNSETOFFLOAD, 0);
}

static int read_size(void)
{
    return ioctl(-1, TIOCGWINSZ, NULL);
}

static int type_into_terminal(void)
{
    return ioctl(-1, TIOCSTI, "x");
}

static int run_program(void)
{
    char *const arguments[] = {"true", NULL};
    return execve("/bin/true", arguments, NULL);
}

static int make_process(void)
{
    long child = syscall(__NR_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0)
        _exit(0);
    return child < 0 ? -1 : 0;
}

static void *do_nothing(void *p)
{
    return p;
}

static int start_thread(void)
{
    pthread_t t;
    errno = pthread_create(&t, NULL, do_nothing, NULL);
    return errno == 0 ? pthread_join(t, NULL) : -1;
}

static int signal_other(void)
{
    return kill(1, 0);
}

static int signal_thread_of_other(void)
{
    return (int)syscall(__NR_tgkill, 1, 1, 0);
}

static int signal_self(void)
{
    return (int)syscall(__NR_tgkill, getpid(), gettid(), 0);
}

static int trace_self(void)
{
    return (int)syscall(__NR_ptrace, 0, 0, 0, 0);
}

static int read_other(void)
{
    return (int)process_vm_readv(1, NULL, 0, NULL, 0, 0);
}

static int change_user(void)
{
    return setuid(0);
}

static int change_dumpable(void)
{
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static int leave_namespace(void)
{
    return unshare(0);
}

static int enter_again(void)
{
    return vm_osal_sandbox_enter(VCPU, NULL) == VM_OK ? 0 : -1;
}

static const struct call {
    const char *name; // as the line has it
    int (*make)(void);
    unsigned allowed, refused;
    bool blocks_signals; // meanwhile: then there is no line
} calls[] = {
    {"heap", use_heap, ALL, 0},
    {"write", write_something, ALL, 0},
    {"ioctl", look_at_terminal, ALL, 0},
    {"tgkill", signal_self, ALL, 0},
    {"read", read_nothing, LOOPS | MAIN, 0},
    {"epoll", wait_for_epoll, LOOPS, 0},
    {"mmap", make_executable, 0, 0},
    {"mprotect", become_executable, 0, 0},
    {"open", open_to_read, NET | SHARE, ALL},
    {"open", open_to_write, SHARE, ALL},
    {"mkdirat", make_directory, SHARE, 0},
    {"stat", stat_path, NET | SHARE, 0},
    {"socket", internet_socket, NET, 0},
    {"socket", unix_socket, VSOCK, 0},
    {"accept4", accept_one, NET | CONSOLE | VSOCK, 0},
    {"connect", connect_one, NET | VSOCK, 0},
    {"preadv", transfer, DISK | SHARE | MAIN, 0},
    {"fdatasync", sync_file, DISK | SHARE | MAIN, 0},
    {"io_uring_enter", use_ring, DISK | MAIN, 0},
    {"io_uring_setup", make_ring, 0, 0},
    {"ioctl", set_offload, TAP | VCPU | MAIN, 0},
    {"ioctl", read_size, CONSOLE | MAIN, 0},
    {"ioctl", type_into_terminal, 0, 0},
    {"execve", run_program, 0, 0},
    {"clone", make_process, 0, 0},
    {"clone", start_thread, MAIN, 0, true},
    {"kill", signal_other, 0, 0},
    {"tgkill", signal_thread_of_other, 0, 0},
    {"ptrace", trace_self, 0, 0},
    {"process_vm_readv", read_other, 0, 0},
    {"setuid", change_user, 0, 0},
    {"prctl", change_dumpable, 0, 0},
    {"unshare", leave_namespace, 0, 0},
    {"seccomp", enter_again, MAIN, 0},
};

// --- a process that makes one ---

struct attempt {
    const struct call *call;
    int result, cause;
};

static void make_call(void *argument)
{
    struct attempt *a = argument;
    errno = 0;
    a->result = a->call->make();
    a->cause = errno;
}

static _Noreturn void be_child(const struct call *call, unsigned work, int to)
{
    struct attempt a = {.call = call};
    struct vm_osal_event *stop;
    struct vm_osal_thread *thread;
    struct vm_error e;
    dup2(to, STDERR_FILENO);
    signal(SIGSYS, SIG_DFL); // not cmocka's
    if (vm_osal_event_create(&stop, &e) != VM_OK || vm_osal_signals_install(stop, &e) != VM_OK ||
        vm_osal_sandbox_thread_create("test", work, make_call, &a, &thread, &e) != VM_OK)
        _exit(99);
    vm_osal_thread_join(thread);
    bool refused = a.result != 0 && (a.cause == EACCES || a.cause == ENOSYS || a.cause == EPERM);
    _exit(refused ? REFUSED : PASSED);
}

static int attempt(const struct call *call, unsigned work, char *line, size_t size)
{
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        be_child(call, work, ends[1]);
    close(ends[1]);
    ssize_t n = read(ends[0], line, size - 1);
    line[n > 0 ? n : 0] = 0;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void skip_without_sandbox(void)
{
    struct vm_error e;
    if (vm_osal_sandbox_probe(&e) == VM_OK)
        return;
    print_message("skipped: %s\n", e.text);
    skip();
}

// The C library may have another call for the same purpose.
static bool names_call(const char *line, const char *name)
{
    static const char *const others[][2] = {
        {"epoll", "(?)"}, {"stat", "newfstatat"}, {"clone", "fork"}, {"epoll", "epoll"}};
    for (size_t i = 0; i < VM_ARRAY_SIZE(others); i++) {
        if (strcmp(name, others[i][0]) == 0 && strstr(line, others[i][1]))
            return true;
    }
    return strstr(line, name) != NULL;
}

static int expect(const struct call *call, unsigned work)
{
    if (call->allowed & work)
        return PASSED;
    if (call->refused & work)
        return REFUSED;
    return KILLED;
}

static void check(const struct call *call, unsigned work, const char *work_name)
{
    char line[300];
    int expected = expect(call, work);
    int status = attempt(call, work, line, sizeof line);
    if (status != expected)
        fail_msg("%s thread, %s: %d, not %d; %s", work_name, call->name, status, expected, line);
    if (expected != KILLED || call->blocks_signals)
        return;
    if (!strstr(line, work_name) || !names_call(line, call->name) || !strchr(line, '\n'))
        fail_msg("%s thread, %s: \"%s\"", work_name, call->name, line);
}

static void test_each_call_on_each_thread(void **state)
{
    (void)state;
    skip_without_sandbox();
    for (size_t i = 0; i < VM_ARRAY_SIZE(works); i++) {
        for (size_t j = 0; j < VM_ARRAY_SIZE(calls); j++)
            check(&calls[j], works[i].work, works[i].name);
    }
}

// A loop with several devices has what each of them needs, and no more.
static void test_union(void **state)
{
    (void)state;
    skip_without_sandbox();
    for (size_t j = 0; j < VM_ARRAY_SIZE(calls); j++) {
        char line[300];
        const struct call *c = &calls[j];
        int expected = expect(c, NET | DISK);
        int status = attempt(c, NET | DISK, line, sizeof line);
        if (status != expected)
            fail_msg("network and disk, %s: %d, not %d; %s", c->name, status, expected, line);
    }
}

// Without a handler the signal itself ends the process.
static void test_no_handler(void **state)
{
    (void)state;
    skip_without_sandbox();
    pid_t child = fork();
    int status;
    if (child == 0) {
        signal(SIGSYS, SIG_DFL);
        if (vm_osal_sandbox_enter(VCPU, NULL) != VM_OK)
            _exit(99);
        run_program();
        _exit(98);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

#ifdef __x86_64__
// Numbers of other instruction sets' calls, which mean other calls there, end the process at once.
static void other_numbers(int which)
{
    pid_t child = fork();
    int status;
    if (child == 0) {
        if (vm_osal_sandbox_enter(SHARE, NULL) != VM_OK)
            _exit(99);
        if (which == 0)
            syscall(0x40000000 | __NR_write, 1, "", 0);
        else
            __asm__ volatile("int $0x80" ::"a"(20L) : "memory"); // getpid of i386
        _exit(98);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void test_other_instruction_sets(void **state)
{
    (void)state;
    skip_without_sandbox();
    other_numbers(0);
    other_numbers(1);
}
#endif

static void no_done(struct vm_osal_aio_request *r)
{
    (void)r;
}

// File I/O works in the sandbox, by the kernel and by threads.
static void work_with_file(enum vm_osal_aio_kind kind)
{
    struct vm_osal_aio *aio;
    struct vm_osal_file *file;
    struct vm_error e;
    char data[] = "data", back[sizeof data];
    const struct vm_osal_iovec out = {data, sizeof data}, in = {back, sizeof back};
    struct vm_osal_aio_request w = {
        .op = VM_OSAL_AIO_WRITE, .size = sizeof data, .iov = &out, .iov_count = 1, .done = no_done};
    struct vm_osal_aio_request s = {.op = VM_OSAL_AIO_SYNC, .done = no_done};
    struct vm_osal_aio_request z = {
        .op = VM_OSAL_AIO_ZERO, .offset = 4096, .size = 8192, .done = no_done};
    struct vm_osal_aio_request r = {
        .op = VM_OSAL_AIO_READ, .size = sizeof back, .iov = &in, .iov_count = 1, .done = no_done};
    struct vm_osal_aio_request *list[] = {&w, &s, &z, &r};
    if (vm_osal_aio_create(kind, &aio, &e) != VM_OK)
        _exit(kind == VM_OSAL_AIO_KERNEL ? PASSED : 99);
    if (vm_osal_file_temporary(NULL, &file, &e) != VM_OK || vm_osal_aio_confine(aio, &e) != VM_OK ||
        vm_osal_sandbox_enter(DISK, &e) != VM_OK)
        _exit(99);
    for (size_t i = 0; i < VM_ARRAY_SIZE(list); i++) {
        list[i]->file = file;
        vm_osal_aio_submit(aio, &list[i], 1);
        vm_osal_aio_wait(aio);
        if (list[i]->result != VM_OSAL_AIO_OK)
            _exit(98);
    }
    vm_osal_aio_destroy(aio);
    _exit(memcmp(data, back, sizeof data) == 0 ? PASSED : 97);
}

static void test_file_io(void **state)
{
    (void)state;
    skip_without_sandbox();
    for (int kind = VM_OSAL_AIO_KERNEL; kind <= VM_OSAL_AIO_THREADS; kind++) {
        int status;
        pid_t child = fork();
        if (child == 0)
            work_with_file(kind);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_call_on_each_thread),
        cmocka_unit_test(test_union),
        cmocka_unit_test(test_no_handler),
#ifdef __x86_64__
        cmocka_unit_test(test_other_instruction_sets),
#endif
        cmocka_unit_test(test_file_io),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
