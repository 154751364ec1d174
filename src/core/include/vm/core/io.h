// SPDX-License-Identifier: MIT
//
// I/O threads as devices see them: a place where tasks run one after the other, away from the vCPU
// threads. The queue is lock-free for those who schedule; whoever embeds it (libvm's event loop, a
// freestanding embedder's main loop) drains it on one thread.
#ifndef VM_CORE_IO_H
#define VM_CORE_IO_H

#include <stdatomic.h>
#include <vm/base/types.h>

// Embedded in its owner, zeroed, `run` and `context` set. Scheduled again while it waits, it runs
// once; scheduled while it runs, it runs once more.
struct vm_io_task {
    void (*run)(void *context);
    void *context;
    _Atomic bool queued;
    struct vm_io_task *next;
};

struct vm_io {
    _Atomic(struct vm_io_task *) head;
    void (*wake)(void *context); // has the thread call vm_io_run; any thread; must not block
    void *context;
};

// Has `task` run on the I/O thread soon. Any thread; never blocks.
void vm_io_schedule(struct vm_io *io, struct vm_io_task *task);

// Runs what is queued, in the order in which it was scheduled; on the I/O thread. True if anything
// ran.
bool vm_io_run(struct vm_io *io);

#endif
