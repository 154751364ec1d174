// SPDX-License-Identifier: MIT
//
// Clocks by clock_gettime.
#include <vm/osal/clock.h>

#include <errno.h>
#include <time.h>

enum { NS_PER_S = 1000000000 };

static uint64_t read_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t vm_osal_clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t vm_osal_clock_realtime(void)
{
    return read_clock(CLOCK_REALTIME);
}

uint64_t vm_osal_clock_process(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t vm_osal_clock_thread(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void vm_osal_sleep_until(uint64_t deadline_ns)
{
    struct timespec t = {.tv_sec = (time_t)(deadline_ns / NS_PER_S),
                         .tv_nsec = (long)(deadline_ns % NS_PER_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        continue;
}
