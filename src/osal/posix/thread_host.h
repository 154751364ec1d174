// SPDX-License-Identifier: MIT
//
// What POSIX does not say about threads, one implementation per host.
#ifndef VM_OSAL_POSIX_THREAD_HOST_H
#define VM_OSAL_POSIX_THREAD_HOST_H

#include <pthread.h>

// Names the calling thread; a name that is too long is cut.
void vm_osal_thread_name_self(const char *name);

// Lets `thread` run on `cpu` only; 0, or an errno value.
int vm_osal_thread_set_cpu(pthread_t thread, unsigned cpu);

#endif
