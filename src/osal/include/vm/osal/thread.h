// SPDX-License-Identifier: MIT
//
// Threads, mutexes and conditions as opaque handles. Whoever creates one destroys it.
#ifndef VM_OSAL_THREAD_H
#define VM_OSAL_THREAD_H

#include <vm/base/error.h>

struct vm_osal_thread;
struct vm_osal_mutex;
struct vm_osal_condition;

// Starts `entry(argument)` on a thread of its own, which takes no asynchronous signals (they go to
// the threads that the host started). `name` shows in the host's tools, cut to what they hold.
// The caller joins *thread.
vm_status vm_osal_thread_create(const char *name, void (*entry)(void *argument), void *argument,
                                struct vm_osal_thread **thread, struct vm_error *e);

// Waits until the thread has ended and frees the handle; NULL is allowed.
void vm_osal_thread_join(struct vm_osal_thread *thread);

// Lets the thread run on host CPU `cpu` (counted from 0) only. VM_ERR_HOST when the host has no
// such CPU, does not give it to this process, or cannot pin.
vm_status vm_osal_thread_pin(struct vm_osal_thread *thread, unsigned cpu, struct vm_error *e);

// Offers the CPU to another thread.
void vm_osal_thread_yield(void);

// The number by which the host knows this process.
uint32_t vm_osal_process_id(void);

// CPUs that this process may run on, at least 1.
unsigned vm_osal_cpu_count(void);

// A mutex that is not recursive: only the thread that locked it unlocks it.
vm_status vm_osal_mutex_create(struct vm_osal_mutex **mutex, struct vm_error *e);
void vm_osal_mutex_destroy(struct vm_osal_mutex *mutex); // unlocked; NULL is allowed
void vm_osal_mutex_lock(struct vm_osal_mutex *mutex);
void vm_osal_mutex_unlock(struct vm_osal_mutex *mutex);

// A condition. The waits unlock the mutex, which the caller holds, while they wait and return with
// it locked; they may return without a signal, so the caller tests its predicate in a loop.
vm_status vm_osal_condition_create(struct vm_osal_condition **condition, struct vm_error *e);
void vm_osal_condition_destroy(struct vm_osal_condition *condition); // no waiters; NULL is allowed
void vm_osal_condition_wait(struct vm_osal_condition *condition, struct vm_osal_mutex *mutex);

// As above, until the monotonic clock reaches `deadline_ns` (VM_OSAL_FOREVER: no deadline); false
// when that was the reason of the return.
bool vm_osal_condition_wait_until(struct vm_osal_condition *condition, struct vm_osal_mutex *mutex,
                                  uint64_t deadline_ns);

// Wakes at least one waiter; all of them. The mutex need not be held.
void vm_osal_condition_signal(struct vm_osal_condition *condition);
void vm_osal_condition_broadcast(struct vm_osal_condition *condition);

#endif
