// SPDX-License-Identifier: MIT
//
// Threads that begin in the sandbox. The creator waits until the new thread is in it, or has
// failed to get there.
#include <vm/osal/sandbox.h>

struct start {
    unsigned work;
    void (*entry)(void *argument);
    void *argument;
    struct vm_osal_mutex *mutex;
    struct vm_osal_condition *settled;
    bool is_settled;
    vm_status status;
    struct vm_error error;
};

static void run(void *argument)
{
    struct start *s = argument;
    void (*entry)(void *) = s->entry;
    void *own = s->argument;
    vm_status status = vm_osal_sandbox_enter(s->work, &s->error);
    vm_osal_mutex_lock(s->mutex);
    s->status = status;
    s->is_settled = true;
    vm_osal_condition_signal(s->settled);
    vm_osal_mutex_unlock(s->mutex); // from here on `s` is the creator's
    if (status == VM_OK)
        entry(own);
}

static vm_status start(struct start *s, const char *name, struct vm_osal_thread **thread,
                       struct vm_error *e)
{
    vm_status status = vm_osal_mutex_create(&s->mutex, e);
    if (status == VM_OK)
        status = vm_osal_condition_create(&s->settled, e);
    if (status == VM_OK)
        status = vm_osal_thread_create(name, run, s, thread, e);
    if (status != VM_OK)
        return status;
    vm_osal_mutex_lock(s->mutex);
    while (!s->is_settled)
        vm_osal_condition_wait(s->settled, s->mutex);
    vm_osal_mutex_unlock(s->mutex);
    if (s->status == VM_OK)
        return VM_OK;
    vm_osal_thread_join(*thread);
    *thread = NULL;
    return vm_error_set(e, s->status, "cannot start thread %s: %s", name, s->error.text);
}

vm_status vm_osal_sandbox_thread_create(const char *name, unsigned work,
                                        void (*entry)(void *argument), void *argument,
                                        struct vm_osal_thread **thread, struct vm_error *e)
{
    if (!work)
        return vm_osal_thread_create(name, entry, argument, thread, e);
    struct start s = {.work = work, .entry = entry, .argument = argument};
    vm_status status = start(&s, name, thread, e);
    vm_osal_condition_destroy(s.settled);
    vm_osal_mutex_destroy(s.mutex);
    return status;
}
