// SPDX-License-Identifier: MIT
//
// Threads by pthread. The creator owns the handle until it joins.
#include <vm/osal/thread.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thread_host.h"

struct vm_osal_thread {
    pthread_t id;
    void (*entry)(void *argument);
    void *argument;
    char name[32];
};

static void *run(void *p)
{
    struct vm_osal_thread *t = p;
    vm_osal_thread_name_self(t->name);
    t->entry(t->argument);
    return NULL;
}

// Everything but what a thread brings upon itself and what profilers send.
static void asynchronous_signals(sigset_t *set)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT, SIGPROF};
    sigfillset(set);
    for (size_t i = 0; i < VM_ARRAY_SIZE(own); i++)
        sigdelset(set, own[i]);
}

vm_status vm_osal_thread_create(const char *name, void (*entry)(void *argument), void *argument,
                                struct vm_osal_thread **thread, struct vm_error *e)
{
    struct vm_osal_thread *t = malloc(sizeof *t);
    if (!t)
        return vm_error_set(e, VM_ERR_HOST, "no memory for thread %s", name);
    t->entry = entry;
    t->argument = argument;
    snprintf(t->name, sizeof t->name, "%s", name);
    sigset_t block, before; // a new thread inherits the mask of its creator
    asynchronous_signals(&block);
    pthread_sigmask(SIG_BLOCK, &block, &before);
    int cause = pthread_create(&t->id, NULL, run, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (cause != 0) {
        free(t);
        return vm_error_set(e, VM_ERR_HOST,
                            "cannot start thread %s: %s; use fewer vCPUs, or raise the limit "
                            "(ulimit -u)",
                            name, strerror(cause));
    }
    *thread = t;
    return VM_OK;
}

void vm_osal_thread_join(struct vm_osal_thread *thread)
{
    if (!thread)
        return;
    pthread_join(thread->id, NULL);
    free(thread);
}

vm_status vm_osal_thread_pin(struct vm_osal_thread *thread, unsigned cpu, struct vm_error *e)
{
    int cause = vm_osal_thread_set_cpu(thread->id, cpu);
    if (cause != 0)
        return vm_error_set(e, VM_ERR_HOST,
                            "cannot pin thread %s to host CPU %u: %s; this process may use %u CPUs",
                            thread->name, cpu, strerror(cause), vm_osal_cpu_count());
    return VM_OK;
}

void vm_osal_thread_yield(void)
{
    sched_yield();
}
