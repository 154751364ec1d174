// SPDX-License-Identifier: MIT
//
// The debugger in the guest of debug.py, as its init: steps a child by ptrace, and sets hardware
// breakpoints and watchpoints on it. Prints "debug: passed" or "debug: failed" and a name for each
// case, "debug: end", and switches the machine off.
#include <asm/ptrace.h>
#include <elf.h>
#include <linux/reboot.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEPS = 1 + 5 * 3 + 6, BYTES = 64, TRAP_HARDWARE = 4 };

uint8_t data[BYTES] __attribute__((aligned(BYTES)));

// What the child executes. Each label is a place that the debugger knows.
void child_work(void *data);
extern const char child_loop[], child_system_call[], child_load[], child_store[], child_byte[],
    child_pair[], child_atomic[], child_end[];

__asm__(".text\n"
        ".globl child_work, child_loop, child_system_call, child_load, child_store\n"
        ".globl child_byte, child_pair, child_atomic, child_end\n"
        ".balign 16\n"
        "child_work:\n"
        "    mov x9, #5\n"
        "child_loop:\n"
        "    add x10, x10, x9\n"
        "    subs x9, x9, #1\n"
        "    b.ne child_loop\n"
        "    mov x11, x0\n"
        "    mov x8, #172\n" // getpid
        "child_system_call:\n"
        "    svc #0\n"
        "    nop\n"
        "    bl 1f\n"
        "child_load:\n"
        "    ldr x12, [x11, #16]\n"
        "child_store:\n"
        "    str x12, [x11, #24]\n"
        "child_byte:\n"
        "    strb w12, [x11, #35]\n"
        "child_pair:\n"
        "    stp x12, x12, [x11, #40]\n"
        "child_atomic:\n"
        "2:  ldaxr x13, [x11]\n"
        "    add x13, x13, #1\n"
        "    stlxr w14, x13, [x11]\n"
        "    cbnz w14, 2b\n"
        "child_end:\n"
        "    b child_end\n"
        "1:  ret\n");

static void child(void)
{
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    // The kernel writes what is watched, too.
    int ends[2];
    if (pipe(ends) == 0 && write(ends[1], "0123456789abcdef", 16) == 16 &&
        read(ends[0], data + 16, 16) == 16)
        child_work(data);
    _exit(1);
}

// --- the child's state ---

static bool get_set(pid_t pid, bool set, int kind, void *value, size_t size)
{
    struct iovec v = {value, size};
    return ptrace(set ? PTRACE_SETREGSET : PTRACE_GETREGSET, pid, (void *)(intptr_t)kind, &v) == 0;
}

static uint64_t pc_of(pid_t pid)
{
    struct user_pt_regs r = {0};
    get_set(pid, false, NT_PRSTATUS, &r, sizeof r);
    return r.pc;
}

static bool set_debug(pid_t pid, int kind, const void *address, uint32_t control)
{
    struct user_hwdebug_state s;
    memset(&s, 0, sizeof s);
    s.dbg_regs[0].addr = (uintptr_t)address;
    s.dbg_regs[0].ctrl = control;
    size_t one = offsetof(struct user_hwdebug_state, dbg_regs) + sizeof s.dbg_regs[0];
    return get_set(pid, true, kind, &s, one);
}

// Lets the child go on; whether it stops by SIGTRAP.
static bool go(pid_t pid, int request)
{
    int status;
    if (ptrace(request, pid, NULL, NULL) || waitpid(pid, &status, 0) != pid)
        return false;
    if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP)
        return true;
    printf("debug: the child has status %#x at %#lx\n", status, (unsigned long)pc_of(pid));
    return false;
}

static bool stopped_at(pid_t pid, const void *pc, const void *address)
{
    siginfo_t i;
    if (ptrace(PTRACE_GETSIGINFO, pid, NULL, &i) || i.si_signo != SIGTRAP ||
        i.si_code != TRAP_HARDWARE || i.si_addr != address || pc_of(pid) != (uintptr_t)pc) {
        printf("debug: code %d address %p pc %#lx\n", i.si_code, i.si_addr,
               (unsigned long)pc_of(pid));
        return false;
    }
    return true;
}

// --- cases ---

enum { FOR_EL0 = 2 << 1, ENABLED = 1, LOADS = 1 << 3, STORES = 2 << 3 };

static bool breaks(pid_t pid, const void *where)
{
    return set_debug(pid, NT_ARM_HW_BREAK, where, 0xf << 5 | FOR_EL0 | ENABLED) &&
           go(pid, PTRACE_CONT) && stopped_at(pid, where, where) &&
           set_debug(pid, NT_ARM_HW_BREAK, NULL, 0);
}

static bool is_watched(pid_t pid, unsigned offset, unsigned bytes, uint32_t kind, const void *pc)
{
    const uint8_t *address = data + (offset & ~7u);
    uint32_t select = ((1u << bytes) - 1) << (offset & 7);
    return set_debug(pid, NT_ARM_HW_WATCH, address, select << 5 | kind | FOR_EL0 | ENABLED) &&
           go(pid, PTRACE_CONT) && stopped_at(pid, pc, data + offset) &&
           set_debug(pid, NT_ARM_HW_WATCH, NULL, 0);
}

static bool has_registers(pid_t pid)
{
    struct user_hwdebug_state b, w;
    bool read = get_set(pid, false, NT_ARM_HW_BREAK, &b, sizeof b) &&
                get_set(pid, false, NT_ARM_HW_WATCH, &w, sizeof w);
    return read && (b.dbg_info & 0xff) >= 2 && (w.dbg_info & 0xff) >= 2;
}

// From the function's start to behind its call, an instruction at a time.
static bool steps(pid_t pid)
{
    unsigned steps = 0;
    uint64_t before = pc_of(pid), pc = before;
    while (pc != (uintptr_t)child_load && steps < 1000) {
        if (!go(pid, PTRACE_SINGLESTEP))
            return false;
        pc = pc_of(pid);
        steps += pc != before; // the kernel reports the end of a system call twice
        before = pc;
    }
    printf("debug: %u steps\n", steps);
    return steps == STEPS;
}

static bool continues_to_the_end(pid_t pid)
{
    uint64_t count = 0;
    bool done = breaks(pid, child_end);
    for (unsigned i = 0; i < 8; i++)
        count |= (uint64_t)(ptrace(PTRACE_PEEKDATA, pid, data, NULL) >> 8 * i & 0xff) << 8 * i;
    return done && count == 1;
}

static void report(bool passed, const char *name)
{
    printf("debug: %s %s\n", passed ? "passed" : "failed", name);
}

int main(void)
{
    int status;
    setvbuf(stdout, NULL, _IOLBF, 0);
    pid_t pid = fork();
    if (pid == 0)
        child();
    waitpid(pid, &status, 0);
    report(has_registers(pid), "registers");
    report(breaks(pid, (const void *)child_work), "breakpoint");
    report(steps(pid), "steps");
    report(is_watched(pid, 16, 8, LOADS, child_load), "watchpoint on a load");
    report(is_watched(pid, 24, 8, STORES, child_store), "watchpoint on a store");
    report(is_watched(pid, 35, 1, LOADS | STORES, child_byte), "watchpoint on a byte");
    report(go(pid, PTRACE_SINGLESTEP) && pc_of(pid) == (uintptr_t)child_pair, "step over it");
    report(is_watched(pid, 48, 4, STORES, child_pair), "watchpoint within a pair");
    report(breaks(pid, child_atomic), "breakpoint again");
    report(continues_to_the_end(pid), "exclusive loop");
    kill(pid, SIGKILL);
    printf("debug: end\n");
    sync();
    reboot(LINUX_REBOOT_CMD_POWER_OFF);
    return 0;
}
