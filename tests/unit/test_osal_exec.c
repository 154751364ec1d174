// SPDX-License-Identifier: MIT
//
// Executable memory: what each view allows, that code written through one runs through the other,
// and what is said when the host refuses.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vm/osal/exec.h>
#include <vm/osal/memory.h>

enum { GIB = 1 << 30 };

// A function that returns its argument plus one.
#if defined(__x86_64__)
static const uint8_t CODE[] = {0x8d, 0x47, 0x01, 0xc3}; // lea eax, [rdi+1]; ret
#elif defined(__aarch64__)
static const uint8_t CODE[] = {0x00, 0x04, 0x00, 0x11, 0xc0, 0x03, 0x5f, 0xd6};
#elif defined(__riscv)
static const uint8_t CODE[] = {0x05, 0x25, 0x82, 0x80}; // c.addiw a0, 1; c.jr ra
#endif

static void run_code(const struct vm_osal_exec *exec, uint64_t offset)
{
    memcpy(exec->write + offset, CODE, sizeof CODE);
    vm_osal_exec_flush(exec, offset, sizeof CODE);
    int (*add_one)(int);
    const uint8_t *at = exec->execute + offset;
    memcpy(&add_one, &at, sizeof add_one);
    assert_int_equal(add_one(41), 42);
    assert_memory_equal(at, CODE, sizeof CODE);
}

static void runs(void **state)
{
    (void)state;
    size_t page = vm_osal_page_size();
    struct vm_osal_exec exec;
    assert_int_equal(vm_osal_exec_create(3 * page + 1, &exec, NULL), VM_OK);
    assert_int_equal(exec.size, 4 * page);
    assert_ptr_not_equal(exec.write, exec.execute);
    for (uint64_t i = 0; i < exec.size; i++)
        assert_int_equal(exec.execute[i], 0);
    run_code(&exec, 0);
    run_code(&exec, page - 2); // over a page boundary
    run_code(&exec, exec.size - sizeof CODE);
    vm_osal_exec_destroy(&exec);
    assert_null(exec.write);
    assert_null(exec.execute);
    vm_osal_exec_destroy(&exec);
}

// The line of /proc/self/maps that an address is in: its permissions.
static void permissions(const void *address, char out[5])
{
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    char line[512];
    strcpy(out, "none");
    while (fgets(line, sizeof line, maps)) {
        unsigned long first, end;
        char flags[5];
        assert_int_equal(sscanf(line, "%lx-%lx %4s", &first, &end, flags), 3);
        if ((uintptr_t)address >= first && (uintptr_t)address < end)
            strcpy(out, flags);
    }
    fclose(maps);
}

static void no_view_is_writable_and_executable(void **state)
{
    (void)state;
    struct vm_osal_exec exec;
    char flags[5];
    assert_int_equal(vm_osal_exec_create(1 << 20, &exec, NULL), VM_OK);
    permissions(exec.write, flags);
    assert_string_equal(flags, "rw-s");
    permissions(exec.execute, flags);
    assert_string_equal(flags, "r-xs");
    vm_osal_exec_destroy(&exec);
}

static int last_descriptor(void)
{
    int fd = open("/dev/null", O_RDONLY);
    close(fd);
    return fd;
}

static void leaves_nothing(void **state)
{
    (void)state;
    int before = last_descriptor();
    for (int i = 0; i < 100; i++) {
        struct vm_osal_exec exec;
        assert_int_equal(vm_osal_exec_create_near(16u << 20, CODE, GIB, &exec, NULL), VM_OK);
        const uint8_t *write = exec.write, *execute = exec.execute;
        vm_osal_exec_destroy(&exec);
        char flags[5];
        permissions(write, flags);
        assert_string_equal(flags, "none");
        permissions(execute, flags);
        assert_string_equal(flags, "none");
    }
    assert_int_equal(last_descriptor(), before);
}

static void reaches(void **state)
{
    (void)state;
    const struct vm_osal_exec exec = {NULL, (const uint8_t *)0x10000, 0x1000};
    assert_true(vm_osal_exec_reaches(&exec, (void *)0x10000, 0x1000));
    assert_false(vm_osal_exec_reaches(&exec, (void *)0x10000, 0xfff));
    assert_true(vm_osal_exec_reaches(&exec, (void *)0x11000, 0x1000));
    assert_false(vm_osal_exec_reaches(&exec, (void *)0x11001, 0x1000));
    assert_true(vm_osal_exec_reaches(&exec, (void *)0xf000, 0x2000));
    assert_false(vm_osal_exec_reaches(&exec, (void *)0xefff, 0x2000));
    assert_true(vm_osal_exec_reaches(&exec, (void *)0x10800, 0x800));
    assert_false(vm_osal_exec_reaches(&exec, (void *)0x10800, 0x7ff));
    assert_true(vm_osal_exec_reaches(&exec, NULL, 0x11000));
}

static void near_this_program(void **state)
{
    (void)state;
    const uint64_t reach = 2ull * GIB - 4096;
    for (unsigned shift = 12; shift <= 28; shift += 4) {
        struct vm_osal_exec exec;
        assert_int_equal(vm_osal_exec_create_near(1ull << shift, CODE, reach, &exec, NULL), VM_OK);
        assert_true(vm_osal_exec_reaches(&exec, CODE, reach));
        run_code(&exec, exec.size - sizeof CODE);
        vm_osal_exec_destroy(&exec);
    }
}

static void out_of_reach_it_lies_elsewhere(void **state)
{
    (void)state;
    struct vm_osal_exec exec;
    // The bottom of the address space is nobody's, and the view is larger than the reach.
    assert_int_equal(vm_osal_exec_create_near(1 << 20, (void *)4096, 1 << 16, &exec, NULL), VM_OK);
    assert_false(vm_osal_exec_reaches(&exec, (void *)4096, 1 << 16));
    run_code(&exec, 0);
    vm_osal_exec_destroy(&exec);
    assert_int_equal(
        vm_osal_exec_create_near(1 << 20, (void *)(UINTPTR_MAX - 4096), GIB, &exec, NULL), VM_OK);
    run_code(&exec, 0);
    vm_osal_exec_destroy(&exec);
}

// --- refusals: in a child, which is then sent what its kernel forbids ---

static void in_child(void (*child)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        child();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

// In the child: ends it with a status that names the line where the expectation failed.
#define EXPECT(condition) ((condition) ? (void)0 : _exit(__LINE__ & 0xff ? __LINE__ & 0xff : 1))

// Lets every system call through but `call`, or only its uses that ask for PROT_EXEC.
static void forbid(long call, bool only_exec, int cause)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, only_exec ? PROT_EXEC : 0xffffffff, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)cause),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    if (!only_exec) // whatever the arguments are
        filter[3] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, 0, 0, 0);
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    EXPECT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0);
}

static void expect_refusal(const char *what, const char *why)
{
    struct vm_osal_exec exec;
    struct vm_error e = {0};
    EXPECT(vm_osal_exec_create(1 << 20, &exec, &e) == VM_ERR_HOST);
    EXPECT(!exec.write && !exec.execute && exec.size == 0);
    EXPECT(strstr(e.text, "no executable memory"));
    EXPECT(strstr(e.text, what));
    EXPECT(strstr(e.text, why));
    EXPECT(vm_osal_exec_create(1 << 20, &exec, NULL) == VM_ERR_HOST);
}

static void child_without_memfd(void)
{
    forbid(SYS_memfd_create, false, EACCES);
    expect_refusal("make an object", "memfd_noexec");
}

static void child_without_exec(void)
{
    forbid(SYS_mmap, true, EPERM);
    expect_refusal("map for execution", "seccomp");
}

static void child_without_address_space(void)
{
    struct rlimit limit = {1 << 16, 1 << 16};
    EXPECT(setrlimit(RLIMIT_AS, &limit) == 0);
    expect_refusal("map for writing", "ulimit -v");
}

// A kernel that does not know MFD_EXEC: any flag above it is unknown to this one, so a filter
// stands in for it.
static void child_with_old_kernel(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x10, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    EXPECT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0);
    struct vm_osal_exec exec;
    EXPECT(vm_osal_exec_create(1 << 20, &exec, NULL) == VM_OK);
    vm_osal_exec_destroy(&exec);
}

// A process that may never make memory executable that was writable can still have two views.
static void child_with_mdwe(void)
{
    enum { SET_MDWE = 65, REFUSE_EXEC_GAIN = 1 }; // since Linux 6.3
    if (prctl(SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0) != 0)
        return;
    struct vm_osal_exec exec;
    EXPECT(vm_osal_exec_create(1 << 20, &exec, NULL) == VM_OK);
    vm_osal_exec_destroy(&exec);
}

static void refusals(void **state)
{
    (void)state;
    in_child(child_without_memfd);
    in_child(child_without_exec);
    in_child(child_without_address_space);
    in_child(child_with_old_kernel);
    in_child(child_with_mdwe);
}

static void sizes(void **state)
{
    (void)state;
    struct vm_osal_exec exec;
    assert_int_equal(vm_osal_exec_create(0, &exec, NULL), VM_ERR_HOST);
    assert_int_equal(vm_osal_exec_create(UINT64_MAX, &exec, NULL), VM_ERR_HOST);
    assert_int_equal(vm_osal_exec_create(1ull << 62, &exec, NULL), VM_ERR_HOST);
    assert_null(exec.write);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs),
        cmocka_unit_test(no_view_is_writable_and_executable),
        cmocka_unit_test(leaves_nothing),
        cmocka_unit_test(reaches),
        cmocka_unit_test(near_this_program),
        cmocka_unit_test(out_of_reach_it_lies_elsewhere),
        cmocka_unit_test(refusals),
        cmocka_unit_test(sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
