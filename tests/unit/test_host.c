// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "test_host.h"

struct vm_host_lock {
    pthread_mutex_t mutex;
};

// Whether one more allocation may succeed.
static bool may_allocate(struct test_host *h)
{
    uint64_t left = atomic_load(&h->fail_after);
    while (left != UINT64_MAX && left != 0) {
        if (atomic_compare_exchange_weak(&h->fail_after, &left, left - 1))
            return true;
    }
    return left != 0;
}

static void *host_alloc(void *context, size_t size, size_t align)
{
    struct test_host *h = context;
    if (!may_allocate(h))
        return NULL;
    if (align < sizeof(void *))
        align = sizeof(void *);
    void *p = aligned_alloc(align, (size + align - 1) / align * align);
    if (p)
        atomic_fetch_add(&h->live_bytes, size);
    return p;
}

static void host_release(void *context, void *p, size_t size)
{
    struct test_host *h = context;
    atomic_fetch_sub(&h->live_bytes, size);
    free(p);
}

static uint64_t ns_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t host_clock(void *context)
{
    struct test_host *h = context;
    return h->real_clock ? ns_of(CLOCK_MONOTONIC) : atomic_load(&h->now);
}

static uint64_t host_real_time(void *context)
{
    (void)context;
    return ns_of(CLOCK_REALTIME);
}

static void host_random(void *context, void *to, size_t size)
{
    struct test_host *h = context;
    uint8_t *bytes = to;
    for (size_t i = 0; i < size; i++) {
        uint64_t state = atomic_fetch_add(&h->seed, 0x9e3779b97f4a7c15u) | 1;
        bytes[i] = (uint8_t)(test_random(&state) >> 32);
    }
}

static struct vm_host_lock *host_lock_create(void *context)
{
    struct test_host *h = context;
    struct vm_host_lock *lock = may_allocate(h) ? malloc(sizeof *lock) : NULL;
    if (!lock)
        return NULL;
    pthread_mutex_init(&lock->mutex, NULL);
    atomic_fetch_add(&h->live_locks, 1);
    return lock;
}

static void host_lock_destroy(void *context, struct vm_host_lock *lock)
{
    struct test_host *h = context;
    pthread_mutex_destroy(&lock->mutex);
    atomic_fetch_sub(&h->live_locks, 1);
    free(lock);
}

static void host_lock(void *context, struct vm_host_lock *lock)
{
    (void)context;
    pthread_mutex_lock(&lock->mutex);
}

static void host_unlock(void *context, struct vm_host_lock *lock)
{
    (void)context;
    pthread_mutex_unlock(&lock->mutex);
}

static void host_wake(void *context, uint32_t vcpu)
{
    struct test_host *h = context;
    (void)vcpu;
    atomic_fetch_add(&h->wakes, 1);
}

static void host_yield(void *context)
{
    (void)context;
    sched_yield();
}

static void host_timers_changed(void *context)
{
    struct test_host *h = context;
    atomic_fetch_add(&h->timer_moves, 1);
}

static void host_log(void *context, const char *line)
{
    const struct test_host *h = context;
    if (h->verbose)
        printf("%s\n", line);
}

void test_host_init(struct test_host *h)
{
    *h = (struct test_host){
        .host = {.allocator = {host_alloc, host_release, h},
                 .context = h,
                 .clock = host_clock,
                 .real_time = host_real_time,
                 .random = host_random,
                 .lock_create = host_lock_create,
                 .lock_destroy = host_lock_destroy,
                 .lock = host_lock,
                 .unlock = host_unlock,
                 .wake = host_wake,
                 .yield = host_yield,
                 .timers_changed = host_timers_changed,
                 .log = host_log},
        .seed = 1,
        .fail_after = UINT64_MAX,
    };
}

void test_host_check_released(const struct test_host *h)
{
    assert_int_equal(atomic_load(&h->live_bytes), 0);
    assert_int_equal(atomic_load(&h->live_locks), 0);
}

uint64_t test_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x * 0x2545f4914f6cdd1du;
}

uint64_t test_seed(const char *test, uint64_t otherwise)
{
    const char *text = getenv("TRINE_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : otherwise;
    if (seed == 0)
        seed = 1;
    printf("%s: TRINE_SEED=%#llx\n", test, (unsigned long long)seed);
    return seed;
}
