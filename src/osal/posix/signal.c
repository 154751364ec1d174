// SPDX-License-Identifier: MIT
//
// Signals that end the process, with the terminal restored first. Handlers call only
// async-signal-safe functions and touch only the atomics of the process state and what does not
// change while they are installed.
#include <vm/osal/signal.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#include <vm/osal/terminal.h>

#include "process_state.h"
#include "sandbox_report.h"

enum kind {
    IGNORED, // the call that causes it fails instead
    STOP,    // asks for an orderly end
    FATAL,   // ends the process
};

static const struct {
    int number;
    enum kind kind;
} handled[] = {
    {SIGPIPE, IGNORED}, {SIGINT, STOP},   {SIGTERM, STOP},  {SIGHUP, STOP},     {SIGQUIT, STOP},
    {SIGSEGV, FATAL},   {SIGBUS, FATAL},  {SIGILL, FATAL},  {SIGFPE, FATAL},    {SIGABRT, FATAL},
    {SIGTRAP, FATAL},   {SIGSYS, FATAL},  {SIGALRM, FATAL}, {SIGVTALRM, FATAL}, {SIGUSR1, FATAL},
    {SIGUSR2, FATAL},   {SIGXCPU, FATAL}, {SIGXFSZ, FATAL},
};

_Static_assert(VM_ARRAY_SIZE(handled) <= VM_OSAL_MAX_HANDLED, "before[] has a place for each");

static void put_back(int number)
{
    for (size_t i = 0; i < VM_ARRAY_SIZE(handled); i++) {
        if (handled[i].number == number)
            sigaction(number, &vm_osal_process_state()->before[i], NULL);
    }
}

static void on_stop(int number)
{
    int saved = errno;
    struct vm_osal_process_state *state = vm_osal_process_state();
    vm_osal_terminal_restore();
    int none = 0;
    if (atomic_compare_exchange_strong(&state->stop_signal, &none, number)) {
        vm_osal_event_set(state->stop);
    } else {
        put_back(number);
        raise(number); // comes when this handler returns
    }
    errno = saved;
}

// True when the instruction that raised the signal runs again when the handler returns.
static bool recurs(int number, const siginfo_t *info)
{
    return info->si_code > 0 &&
           (number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE);
}

// Whoever handled the signal before (a sanitizer, or the host's core dump) sees it as it was.
static void on_fatal(int number, siginfo_t *info, void *context)
{
    (void)context;
    vm_osal_terminal_restore();
    if (number == SIGSYS)
        vm_osal_sandbox_report(info);
    put_back(number);
    if (!recurs(number, info))
        raise(number);
}

static int install(int number, enum kind kind, struct sigaction *before)
{
    struct sigaction a;
    memset(&a, 0, sizeof a);
    sigemptyset(&a.sa_mask);
    a.sa_flags = SA_RESTART;
    switch (kind) {
    case IGNORED: a.sa_handler = SIG_IGN; break;
    case STOP: a.sa_handler = on_stop; break;
    case FATAL:
        a.sa_sigaction = on_fatal;
        a.sa_flags |= SA_SIGINFO | SA_ONSTACK;
        break;
    }
    if (sigaction(number, NULL, before) < 0)
        return errno;
    // What the starter told us to ignore (nohup, a shell's background job) stays ignored.
    if (!(before->sa_flags & SA_SIGINFO) && before->sa_handler == SIG_IGN)
        return 0;
    return sigaction(number, &a, NULL) < 0 ? errno : 0;
}

vm_status vm_osal_signals_install(struct vm_osal_event *stop, struct vm_error *e)
{
    struct vm_osal_process_state *state = vm_osal_process_state();
    state->stop = stop;
    atomic_store(&state->stop_signal, 0);
    for (size_t i = 0; i < VM_ARRAY_SIZE(handled); i++) {
        int cause = install(handled[i].number, handled[i].kind, &state->before[i]);
        if (cause == 0)
            continue;
        while (i-- > 0)
            sigaction(handled[i].number, &state->before[i], NULL);
        return vm_error_set(e, VM_ERR_HOST, "cannot handle the host's signals: %s",
                            strerror(cause));
    }
    return VM_OK;
}

void vm_osal_signals_uninstall(void)
{
    for (size_t i = 0; i < VM_ARRAY_SIZE(handled); i++)
        put_back(handled[i].number);
}

int vm_osal_stop_signal(void)
{
    return atomic_load(&vm_osal_process_state()->stop_signal);
}
