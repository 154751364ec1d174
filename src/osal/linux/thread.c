// SPDX-License-Identifier: MIT
//
// Thread names and CPU affinity on Linux.
#include "../posix/thread_host.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include <vm/osal/thread.h>

enum { NAME_SIZE = 16 }; // pthread_setname_np(3): longer names are refused

void vm_osal_thread_name_self(const char *name)
{
    char cut[NAME_SIZE];
    snprintf(cut, sizeof cut, "%s", name);
    pthread_setname_np(pthread_self(), cut);
}

int vm_osal_thread_set_cpu(pthread_t thread, unsigned cpu)
{
    if (cpu >= CPU_SETSIZE)
        return EINVAL;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return pthread_setaffinity_np(thread, sizeof set, &set);
}

uint32_t vm_osal_process_id(void)
{
    return (uint32_t)getpid();
}

unsigned vm_osal_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
    // More CPUs than the set holds.
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}
