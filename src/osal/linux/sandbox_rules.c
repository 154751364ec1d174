// SPDX-License-Identifier: MIT
//
// The rules of the sandbox (sandbox_rules.h). Descriptors are not looked at: a thread may use all
// that the process has open, which is why nothing is left open that no thread needs.
//
// What is told apart by arguments: memory may not become executable, signals go to this process
// only, threads may be started but no processes, terminals may be set up but not typed into
// (TIOCSTI), sockets are of the internet or, for vsock, of the host's file system only.
#include "sandbox_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <vm/osal/sandbox.h>

#include "sandbox_calls.h"

enum {
    VCPU = VM_OSAL_SANDBOX_VCPU,
    TIMER = VM_OSAL_SANDBOX_TIMER,
    DISK = VM_OSAL_SANDBOX_DISK,
    NET = VM_OSAL_SANDBOX_NET,
    TAP = VM_OSAL_SANDBOX_TAP,
    SHARE = VM_OSAL_SANDBOX_SHARE,
    CONSOLE = VM_OSAL_SANDBOX_CONSOLE,
    VSOCK = VM_OSAL_SANDBOX_VSOCK,
    MAIN = VM_OSAL_SANDBOX_MAIN,
    LOOPS = VM_OSAL_SANDBOX_DEVICE | DISK | NET | TAP | SHARE | CONSOLE | VSOCK,
    ALL = VCPU | TIMER | LOOPS | MAIN,
    READS = O_ACCMODE | O_CREAT | O_TRUNC,
    THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD,
};

#define IF(call, work, argument, mask, value)              \
    {                                                      \
        __NR_##call, work, argument, false, 0, mask, value \
    }
#define ALLOW(call, work)                                      \
    {                                                          \
        __NR_##call, work, VM_OSAL_NO_ARGUMENT, false, 0, 0, 0 \
    }
#define FAIL(call, work, error)                                    \
    {                                                              \
        __NR_##call, work, VM_OSAL_NO_ARGUMENT, false, error, 0, 0 \
    }
#define OWN(call, work, argument)                           \
    {                                                       \
        __NR_##call, work, argument, true, 0, UINT32_MAX, 0 \
    }
#define CONTROL(work, what) IF(ioctl, work, 1, UINT32_MAX, what)

const struct vm_osal_sandbox_rule vm_osal_sandbox_rules[] = {
    // Waiting, time, and what is read and written most.
    ALLOW(futex, ALL),
    ALLOW(write, ALL),
    ALLOW(read, LOOPS | MAIN),
    ALLOW(epoll_wait, LOOPS),
    ALLOW(epoll_pwait, LOOPS),
    ALLOW(io_uring_enter, DISK | MAIN),
    ALLOW(epoll_ctl, LOOPS | MAIN),
    ALLOW(poll, ALL),
    ALLOW(ppoll, ALL),
    ALLOW(readv, LOOPS | MAIN),
    ALLOW(writev, ALL),
    ALLOW(clock_gettime, ALL),
    ALLOW(gettimeofday, ALL),
    ALLOW(time, ALL),
    ALLOW(clock_nanosleep, ALL),
    ALLOW(nanosleep, ALL),
    ALLOW(sched_yield, ALL),
    ALLOW(restart_syscall, ALL),
    ALLOW(getrandom, ALL),
    ALLOW(membarrier, ALL),
    ALLOW(riscv_flush_icache, ALL),

    // Memory.
    ALLOW(brk, ALL),
    ALLOW(munmap, ALL),
    ALLOW(madvise, ALL),
    ALLOW(mremap, ALL),
    IF(mmap, ALL, 2, PROT_EXEC, 0),
    IF(mprotect, ALL, 2, PROT_EXEC, 0),

    // Signals and the end, of this process.
    ALLOW(rt_sigreturn, ALL),
    ALLOW(rt_sigprocmask, ALL),
    ALLOW(rt_sigaction, ALL),
    ALLOW(sigaltstack, ALL),
    OWN(tgkill, ALL, 0),
    ALLOW(getpid, ALL),
    ALLOW(gettid, ALL),
    ALLOW(exit, ALL),
    ALLOW(exit_group, ALL),

    // Descriptors; the terminal's mode, which a fatal signal puts back on whatever thread it is.
    ALLOW(close, ALL),
    ALLOW(fstat, ALL),
    ALLOW(lseek, DISK | SHARE | MAIN),
    IF(newfstatat, ALL & ~(NET | SHARE), 3, AT_EMPTY_PATH, AT_EMPTY_PATH),
    ALLOW(fcntl, ALL),
    ALLOW(getpgrp, ALL),
    ALLOW(getpgid, ALL),
    CONTROL(ALL, TCGETS),
    CONTROL(ALL, TCSETS),
    CONTROL(ALL, TIOCGPGRP),
    ALLOW(sched_getaffinity, ALL),

    // Disks.
    ALLOW(preadv, DISK | SHARE | MAIN),
    ALLOW(pwritev, DISK | SHARE | MAIN),
    ALLOW(pread64, DISK | SHARE | MAIN),
    ALLOW(pwrite64, ALL), // traces go to their file so
    ALLOW(fdatasync, DISK | SHARE | MAIN),
    ALLOW(fsync, DISK | SHARE | MAIN),
    ALLOW(fallocate, DISK | SHARE | MAIN),
    ALLOW(ftruncate, DISK | SHARE | MAIN),

    // Networks. The resolver's configuration is read anew when it changes.
    IF(socket, NET, 0, UINT32_MAX, AF_INET),
    IF(socket, NET, 0, UINT32_MAX, AF_INET6),
    IF(socket, VSOCK, 0, UINT32_MAX, AF_UNIX),
    ALLOW(bind, NET),
    ALLOW(connect, NET | VSOCK),
    ALLOW(listen, NET),
    ALLOW(accept, NET),
    ALLOW(accept4, NET | CONSOLE | VSOCK),
    ALLOW(getsockname, NET),
    ALLOW(getpeername, NET),
    ALLOW(getsockopt, NET | VSOCK),
    ALLOW(setsockopt, NET),
    ALLOW(shutdown, NET | VSOCK | MAIN),
    ALLOW(sendto, ALL), // how channels are written
    ALLOW(recvfrom, NET | VSOCK),
    ALLOW(sendmsg, NET | VSOCK),
    ALLOW(recvmsg, NET | VSOCK),
    CONTROL(NET, FIONREAD),
    CONTROL(NET, FIONBIO),
    ALLOW(stat, NET),
    ALLOW(newfstatat, NET | SHARE),
    IF(openat, NET, 2, READS, 0),
    IF(open, NET, 1, READS, 0),
    // A vCPU that negotiates features or resets the device sets these itself.
    CONTROL(TAP | VCPU | MAIN, TUNSETOFFLOAD),
    CONTROL(TAP | VCPU | MAIN, TUNSETQUEUE),

    // Consoles.
    CONTROL(CONSOLE | MAIN, TIOCGWINSZ),
    CONTROL(CONSOLE | MAIN, TCSETSW),
    CONTROL(CONSOLE | MAIN, TCSETSF),

    // Shared directories.
    ALLOW(openat, SHARE),
    ALLOW(open, SHARE),
    ALLOW(openat2, SHARE),
    ALLOW(getdents64, SHARE),
    ALLOW(statx, SHARE),
    ALLOW(statfs, SHARE),
    ALLOW(fstatfs, SHARE),
    ALLOW(mkdirat, SHARE),
    ALLOW(mknodat, SHARE),
    ALLOW(symlinkat, SHARE),
    ALLOW(linkat, SHARE),
    ALLOW(unlinkat, SHARE | MAIN),
    ALLOW(unlink, MAIN),
    ALLOW(renameat, SHARE),
    ALLOW(renameat2, SHARE),
    ALLOW(readlinkat, SHARE),
    ALLOW(faccessat, SHARE),
    ALLOW(faccessat2, SHARE),
    ALLOW(fchmod, SHARE),
    ALLOW(fchmodat, SHARE),
    ALLOW(fchown, SHARE),
    ALLOW(fchownat, SHARE),
    ALLOW(utimensat, SHARE),
    ALLOW(flock, SHARE),
    ALLOW(getxattr, SHARE),
    ALLOW(setxattr, SHARE),
    ALLOW(listxattr, SHARE),
    ALLOW(removexattr, SHARE),

    // The start of threads.
    FAIL(clone3, MAIN, ENOSYS), // its flags lie in memory; the C library then takes clone
    IF(clone, MAIN, 0, THREAD, THREAD),
    ALLOW(set_robust_list, MAIN),
    ALLOW(rseq, MAIN),
    ALLOW(sched_setaffinity, MAIN),
    ALLOW(seccomp, MAIN),
    IF(prctl, MAIN, 0, UINT32_MAX, PR_SET_NAME),
    IF(prctl, MAIN, 0, UINT32_MAX, PR_SET_NO_NEW_PRIVS),

    // The allocator looks at the host's settings, the C library at its locale.
    FAIL(openat, ALL, EACCES),
    FAIL(open, ALL, EACCES),
    FAIL(access, ALL, EACCES),
    FAIL(readlink, ALL, EACCES),
};

const size_t vm_osal_sandbox_rule_count = VM_ARRAY_SIZE(vm_osal_sandbox_rules);

// --- names ---

#define NAME(call)         \
    {                      \
        __NR_##call, #call \
    }

static const struct {
    int call;
    const char *name;
} names[] = {
    NAME(accept),
    NAME(accept4),
    NAME(access),
    NAME(bind),
    NAME(bpf),
    NAME(chdir),
    NAME(chroot),
    NAME(clone),
    NAME(connect),
    NAME(dup),
    NAME(dup3),
    NAME(epoll_create1),
    NAME(epoll_ctl),
    NAME(eventfd2),
    NAME(execve),
    NAME(execveat),
    NAME(faccessat),
    NAME(fallocate),
    NAME(fchdir),
    NAME(fchmod),
    NAME(fchmodat),
    NAME(fchown),
    NAME(fchownat),
    NAME(fdatasync),
    NAME(flock),
    NAME(fork),
    NAME(fsync),
    NAME(ftruncate),
    NAME(getcwd),
    NAME(getdents64),
    NAME(getpeername),
    NAME(getpriority),
    NAME(getrlimit),
    NAME(getrusage),
    NAME(getsockname),
    NAME(getsockopt),
    NAME(getuid),
    NAME(getxattr),
    NAME(io_uring_enter),
    NAME(io_uring_register),
    NAME(io_uring_setup),
    NAME(ioctl),
    NAME(kill),
    NAME(linkat),
    NAME(listen),
    NAME(listxattr),
    NAME(memfd_create),
    NAME(mkdirat),
    NAME(mknodat),
    NAME(mmap),
    NAME(mount),
    NAME(mprotect),
    NAME(newfstatat),
    NAME(open_by_handle_at),
    NAME(openat2),
    NAME(pipe2),
    NAME(prctl),
    NAME(pread64),
    NAME(preadv),
    NAME(prlimit64),
    NAME(process_vm_readv),
    NAME(process_vm_writev),
    NAME(ptrace),
    NAME(pwrite64),
    NAME(pwritev),
    NAME(read),
    NAME(readlinkat),
    NAME(readv),
    NAME(recvfrom),
    NAME(recvmsg),
    NAME(removexattr),
    NAME(renameat),
    NAME(renameat2),
    NAME(rseq),
    NAME(sched_setaffinity),
    NAME(sched_setscheduler),
    NAME(seccomp),
    NAME(sendmsg),
    NAME(set_robust_list),
    NAME(setgid),
    NAME(setns),
    NAME(setsockopt),
    NAME(setuid),
    NAME(setxattr),
    NAME(shutdown),
    NAME(socket),
    NAME(socketpair),
    NAME(splice),
    NAME(stat),
    NAME(statfs),
    NAME(statx),
    NAME(symlinkat),
    NAME(sysinfo),
    NAME(tgkill),
    NAME(timerfd_create),
    NAME(timerfd_settime),
    NAME(umask),
    NAME(uname),
    NAME(unlink),
    NAME(unlinkat),
    NAME(unshare),
    NAME(userfaultfd),
    NAME(utimensat),
    NAME(vfork),
    NAME(wait4),
};

const char *vm_osal_sandbox_call_name(int call)
{
    for (size_t i = 0; i < VM_ARRAY_SIZE(names); i++) {
        if (names[i].call == call)
            return names[i].name;
    }
    return "?";
}
