// SPDX-License-Identifier: MIT
//
// Seccomp filters (seccomp(2)), made here from the rules: one library less, and nothing but a list
// of comparisons is needed. A filter checks the instruction set first, since numbers mean other
// calls under another one, then compares the call with each rule in turn. Since Linux 5.11 the
// kernel remembers which calls pass without a look at arguments, so those cost nothing.
//
// Which work the thread had comes back with the signal in si_errno (SECCOMP_RET_DATA), so that the
// handler needs no state.
#include <vm/osal/sandbox.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <vm/base/format.h>

#include "../posix/sandbox_report.h"
#include "sandbox_calls.h"
#include "sandbox_rules.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#else
#error "the sandbox needs the AUDIT_ARCH_* of this host (linux/audit.h)"
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum {
    X32_CALLS = 0x40000000, // x86-64: calls of another ABI have this bit
    RULE_SIZE = 6,          // instructions, at most
    FRAME_SIZE = 8,
};

struct program {
    struct sock_filter *code;
    unsigned length;
};

// --- making a filter ---

static void emit(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
    p->code[p->length++] = (struct sock_filter){code, yes, no, k};
}

static void emit_load(struct program *p, size_t offset)
{
    emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void emit_end(struct program *p, uint32_t action)
{
    emit(p, BPF_RET | BPF_K, action, 0, 0);
}

static void emit_head(struct program *p)
{
    emit_load(p, offsetof(struct seccomp_data, arch));
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    emit_end(p, SECCOMP_RET_KILL_PROCESS);
    emit_load(p, offsetof(struct seccomp_data, nr));
    emit(p, BPF_JMP | BPF_JGE | BPF_K, X32_CALLS, 0, 1);
    emit_end(p, SECCOMP_RET_KILL_PROCESS);
}

// Expects the call's number in the accumulator and leaves it there.
static void emit_rule(struct program *p, const struct vm_osal_sandbox_rule *r)
{
    const uint32_t action = r->error ? SECCOMP_RET_ERRNO | r->error : SECCOMP_RET_ALLOW;
    const uint32_t value = r->own_process ? (uint32_t)getpid() : r->value;
    if (r->argument == VM_OSAL_NO_ARGUMENT) {
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->call, 0, 1);
        emit_end(p, action);
        return;
    }
    // The argument's low half comes first: all hosts are little-endian.
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->call, 0, RULE_SIZE - 1);
    emit_load(p, offsetof(struct seccomp_data, args) + r->argument * sizeof(uint64_t));
    emit(p, BPF_ALU | BPF_AND | BPF_K, r->mask, 0, 0);
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    emit_end(p, action);
    emit_load(p, offsetof(struct seccomp_data, nr));
}

static bool make_filter(struct program *p, unsigned work)
{
    size_t most = vm_osal_sandbox_rule_count * RULE_SIZE + FRAME_SIZE;
    *p = (struct program){.code = malloc(most * sizeof p->code[0])};
    if (!p->code)
        return false;
    emit_head(p);
    for (size_t i = 0; i < vm_osal_sandbox_rule_count; i++) {
        const struct vm_osal_sandbox_rule *r = &vm_osal_sandbox_rules[i];
        if (r->work & work && r->call >= 0)
            emit_rule(p, r);
    }
    emit_end(p, SECCOMP_RET_TRAP | (work & SECCOMP_RET_DATA));
    return true;
}

// --- using it ---

vm_status vm_osal_sandbox_probe(struct vm_error *e)
{
    const uint32_t action = SECCOMP_RET_TRAP;
    if (SANITIZED)
        return vm_error_set(e, VM_ERR_HOST,
                            "this build has a sanitizer, which needs more of the host");
    if (syscall(__NR_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0)
        return vm_error_set(e, VM_ERR_HOST,
                            "the host grants no seccomp filters (%s); its kernel needs "
                            "CONFIG_SECCOMP_FILTER",
                            strerror(errno));
    return VM_OK;
}

vm_status vm_osal_sandbox_enter(unsigned work, struct vm_error *e)
{
    struct program p;
    vm_status status = vm_osal_sandbox_probe(e);
    if (status != VM_OK)
        return status;
    if (!make_filter(&p, work))
        return vm_error_set(e, VM_ERR_HOST, "no memory for the sandbox");
    const struct sock_fprog program = {(unsigned short)p.length, p.code};
    // Without new privileges for programs that it starts, a thread may confine itself.
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
        status = vm_error_set(e, VM_ERR_HOST, "the host refuses the sandbox: %s", strerror(errno));
    free(p.code);
    return status;
}

// --- what is told ---

static const char *work_name(unsigned work)
{
    static const struct {
        unsigned work;
        const char *name;
    } kinds[] = {
        {VM_OSAL_SANDBOX_MAIN, "main"},       {VM_OSAL_SANDBOX_VCPU, "vCPU"},
        {VM_OSAL_SANDBOX_TIMER, "timer"},     {VM_OSAL_SANDBOX_SHARE, "share"},
        {VM_OSAL_SANDBOX_NET, "network"},     {VM_OSAL_SANDBOX_TAP, "tap"},
        {VM_OSAL_SANDBOX_VSOCK, "vsock"},     {VM_OSAL_SANDBOX_DISK, "disk"},
        {VM_OSAL_SANDBOX_CONSOLE, "console"}, {VM_OSAL_SANDBOX_DEVICE, "device"},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(kinds); i++) {
        if (work & kinds[i].work)
            return kinds[i].name;
    }
    return "unknown";
}

void vm_osal_sandbox_report(const siginfo_t *info)
{
    enum { BY_SECCOMP = 1 }; // SYS_SECCOMP
    char line[160];
    if (info->si_code != BY_SECCOMP)
        return;
    size_t n = vm_format(line, sizeof line,
                         "%s: the sandbox has stopped the %s thread at the system call %d "
                         "(%s); please report it, and use --sandbox off until then\n",
                         program_invocation_short_name, work_name((unsigned)info->si_errno),
                         info->si_syscall, vm_osal_sandbox_call_name(info->si_syscall));
    if (n >= sizeof line)
        n = sizeof line - 1;
    ssize_t written = write(STDERR_FILENO, line, n);
    (void)written; // there is nowhere else to say it
}
