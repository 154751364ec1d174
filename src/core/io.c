// SPDX-License-Identifier: MIT
//
// The task queue of I/O threads: a stack that schedulers push on, which the thread takes whole and
// reverses.
#include <vm/core/io.h>

void vm_io_schedule(struct vm_io *io, struct vm_io_task *task)
{
    if (atomic_exchange(&task->queued, true))
        return;
    struct vm_io_task *head = atomic_load_explicit(&io->head, memory_order_relaxed);
    do
        task->next = head;
    while (!atomic_compare_exchange_weak(&io->head, &head, task));
    // The thread empties the stack before it sleeps: only the first task on it has to wake.
    if (!head)
        io->wake(io->context);
}

bool vm_io_run(struct vm_io *io)
{
    struct vm_io_task *taken = atomic_exchange(&io->head, NULL), *ordered = NULL;
    while (taken) {
        struct vm_io_task *next = taken->next;
        taken->next = ordered;
        ordered = taken;
        taken = next;
    }
    bool any = ordered != NULL;
    while (ordered) {
        struct vm_io_task *task = ordered;
        ordered = task->next;
        atomic_store(&task->queued, false); // from here on it may be scheduled anew
        task->run(task->context);
    }
    return any;
}
