// SPDX-License-Identifier: MIT
//
// Clocks of the host, in nanoseconds. Safe from any thread.
#ifndef VM_OSAL_CLOCK_H
#define VM_OSAL_CLOCK_H

#include <vm/base/types.h>

// A deadline that never comes.
#define VM_OSAL_FOREVER UINT64_MAX

// Time since an arbitrary start; never goes backwards, is not set by anyone. All deadlines of this
// module are on this clock.
uint64_t vm_osal_clock_monotonic(void);

// Time since 1970-01-01 00:00:00 UTC; jumps when the host's clock is set.
uint64_t vm_osal_clock_realtime(void);

// Processor time that all threads of this process have used.
uint64_t vm_osal_clock_process(void);

// Processor time that the calling thread has used.
uint64_t vm_osal_clock_thread(void);

// Returns not before the monotonic clock has reached `deadline_ns`; at once when that is past.
void vm_osal_sleep_until(uint64_t deadline_ns);

#endif
