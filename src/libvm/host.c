// SPDX-License-Identifier: MIT
//
// The core's host services on the osal.
#include <vm/base/memory.h>
#include <vm/osal/clock.h>
#include <vm/osal/entropy.h>

#include "hosted.h"
#include "perfmap.h"

static uint64_t host_clock(void *context)
{
    const struct vm *vm = context;
    return vm->fixed_clock ? vm->fixed_clock : vm_osal_clock_monotonic();
}

static uint64_t host_thread_time(void *context)
{
    (void)context;
    return vm_osal_clock_thread();
}

static uint64_t host_real_time(void *context)
{
    (void)context;
    return vm_osal_clock_realtime();
}

static void host_random(void *context, void *to, size_t size)
{
    struct vm *vm = context;
    struct vm_error e;
    // vm_create has tried the source; should it fail later, the guest gets zeros and the log says
    // so.
    if (vm_osal_entropy_fill(to, size, &e) != VM_OK) {
        vm_zero(to, size);
        if (vm->options.log)
            vm->options.log(vm->options.context, e.text);
    }
}

static struct vm_host_lock *host_lock_create(void *context)
{
    struct vm_osal_mutex *mutex;
    (void)context;
    return vm_osal_mutex_create(&mutex, NULL) == VM_OK ? (struct vm_host_lock *)mutex : NULL;
}

static void host_lock_destroy(void *context, struct vm_host_lock *lock)
{
    (void)context;
    vm_osal_mutex_destroy((struct vm_osal_mutex *)lock);
}

static void host_lock(void *context, struct vm_host_lock *lock)
{
    (void)context;
    vm_osal_mutex_lock((struct vm_osal_mutex *)lock);
}

static void host_unlock(void *context, struct vm_host_lock *lock)
{
    (void)context;
    vm_osal_mutex_unlock((struct vm_osal_mutex *)lock);
}

static void host_wake(void *context, uint32_t vcpu)
{
    hosted_wake(context, vcpu);
}

static void host_yield(void *context)
{
    (void)context;
    vm_osal_thread_yield();
}

static void host_timers_changed(void *context)
{
    hosted_timers_changed(context);
}

static void host_log(void *context, const char *line)
{
    struct vm *vm = context;
    if (vm->options.log)
        vm->options.log(vm->options.context, line);
}

static void host_code_made(void *context, const void *code, size_t size, const char *name)
{
    const struct vm *vm = context;
    hosted_perfmap_add(vm->perfmap, code, size, name);
}

void hosted_fill_host(struct vm *vm)
{
    vm->host = (struct vm_host){
        .allocator = *vm_osal_allocator(),
        .context = vm,
        .clock = host_clock,
        .real_time = host_real_time,
        .thread_time = host_thread_time,
        .random = host_random,
        .lock_create = host_lock_create,
        .lock_destroy = host_lock_destroy,
        .lock = host_lock,
        .unlock = host_unlock,
        .wake = host_wake,
        .yield = host_yield,
        .timers_changed = host_timers_changed,
        .log = host_log,
        .code_made = vm->perfmap ? host_code_made : NULL,
    };
}
