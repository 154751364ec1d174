// SPDX-License-Identifier: MIT
//
// What the core needs from whoever embeds it: memory, clocks, locks, randomness and a way to wake a
// waiting vCPU. libvm fills the table from the osal; a freestanding embedder writes its own.
#ifndef VM_CORE_HOST_H
#define VM_CORE_HOST_H

#include <vm/base/arena.h>
#include <vm/base/types.h>

struct vm_host_lock; // the embedder's

struct vm_host {
    struct vm_allocator allocator;
    void *context; // first argument of every function below

    uint64_t (*clock)(void *context);     // monotonic, ns
    uint64_t (*real_time)(void *context); // ns since 1970-01-01 UTC
    // CPU time that the calling thread has used, ns, for statistics; NULL: none, `clock` will do.
    uint64_t (*thread_time)(void *context);
    void (*random)(void *context, void *to, size_t size);

    // Mutual exclusion for short sections; create returns NULL when memory is out.
    struct vm_host_lock *(*lock_create)(void *context);
    void (*lock_destroy)(void *context, struct vm_host_lock *lock);
    void (*lock)(void *context, struct vm_host_lock *lock);
    void (*unlock)(void *context, struct vm_host_lock *lock);

    void (*wake)(void *context, uint32_t vcpu); // ends that vCPU's wait; harmless if it runs
    void (*yield)(void *context);               // lets another thread run
    void (*timers_changed)(void *context);      // the earliest deadline of the timer queue moved
    void (*log)(void *context, const char *line);
    // An engine has made `size` bytes of code, executed at `code`; NULL: nobody wants to know.
    // Called on vCPU threads.
    void (*code_made)(void *context, const void *code, size_t size, const char *name);
};

#endif
