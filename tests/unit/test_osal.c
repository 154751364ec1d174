// SPDX-License-Identifier: MIT
//
// osal: memory, threads, locks, clocks, random bytes.
#define _GNU_SOURCE // CPU affinity
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include <vm/osal/clock.h>
#include <vm/osal/entropy.h>
#include <vm/osal/memory.h>
#include <vm/osal/thread.h>

enum { MS = 1000000, PATIENCE_S = 20 };

#define READ_WRITE (VM_OSAL_MEMORY_READ | VM_OSAL_MEMORY_WRITE)

static void shared_memory_has_several_views(void **state)
{
    (void)state;
    struct vm_osal_shared_memory *m;
    struct vm_error e;
    uint64_t page = vm_osal_page_size();
    assert_int_equal(page & (page - 1), 0);
    assert_int_equal(vm_osal_shared_memory_create("test", 3 * page - 1, &m, &e), VM_OK);
    assert_int_equal(vm_osal_shared_memory_size(m), 3 * page);
    void *whole, *part, *view;
    assert_int_equal(vm_osal_shared_memory_map(m, 0, 3 * page, READ_WRITE, &whole, &e), VM_OK);
    assert_int_equal(vm_osal_shared_memory_map(m, page, page, READ_WRITE, &part, &e), VM_OK);
    assert_int_equal(vm_osal_shared_memory_map(m, 0, page, VM_OSAL_MEMORY_READ, &view, &e), VM_OK);
    vm_osal_shared_memory_close(m); // mappings outlive it
    assert_int_equal(((char *)whole)[page], 0);
    ((char *)whole)[page] = 42;
    assert_int_equal(*(char *)part, 42);
    *(char *)whole = 43;
    assert_int_equal(*(char *)view, 43);
    vm_osal_memory_release(whole, 3 * page);
    vm_osal_memory_release(part, page);
    vm_osal_memory_release(view, page);
}

static void shared_memory_costs_nothing_untouched(void **state)
{
    (void)state;
    struct vm_osal_shared_memory *m;
    struct vm_error e;
    uint64_t size = vm_osal_host_memory() * 4 + ((uint64_t)1 << 32);
    void *p;
    assert_int_equal(vm_osal_shared_memory_create("large", size, &m, &e), VM_OK);
    assert_int_equal(vm_osal_shared_memory_map(m, 0, size, READ_WRITE, &p, &e), VM_OK);
    ((char *)p)[size - 1] = 1;
    vm_osal_memory_release(p, size);
    vm_osal_shared_memory_close(m);
}

static void shared_memory_refuses_what_cannot_be(void **state)
{
    (void)state;
    struct vm_osal_shared_memory *m;
    struct vm_error e;
    uint64_t page = vm_osal_page_size();
    void *p;
    assert_int_equal(vm_osal_shared_memory_create("none", 0, &m, &e), VM_ERR_HOST);
    assert_int_equal(vm_osal_shared_memory_create("endless", UINT64_MAX, &m, &e), VM_ERR_HOST);
    assert_non_null(strstr(e.text, "ask for less"));
    uint64_t huge = (uint64_t)1 << 58; // an object, but no address space has room for it
    if (vm_osal_shared_memory_create("huge", huge, &m, &e) == VM_OK) {
        assert_int_equal(vm_osal_shared_memory_map(m, 0, huge, READ_WRITE, &p, &e), VM_ERR_HOST);
        vm_osal_shared_memory_close(m);
    }
    assert_non_null(strstr(e.text, "ask for less"));
    assert_int_equal(vm_osal_shared_memory_create("small", page, &m, &e), VM_OK);
    assert_int_equal(vm_osal_shared_memory_map(m, 0, 2 * page, READ_WRITE, &p, &e), VM_ERR_HOST);
    assert_int_equal(vm_osal_shared_memory_map(m, 1, page - 1, READ_WRITE, &p, &e), VM_ERR_HOST);
    assert_int_equal(vm_osal_shared_memory_map(m, page, 1, READ_WRITE, &p, &e), VM_ERR_HOST);
    assert_int_equal(vm_osal_shared_memory_map(m, 0, UINT64_MAX, READ_WRITE, &p, NULL),
                     VM_ERR_HOST);
    vm_osal_shared_memory_close(m);
    vm_osal_shared_memory_close(NULL);
}

static void reserved_memory_is_committed_by_pages(void **state)
{
    (void)state;
    struct vm_error e;
    uint64_t page = vm_osal_page_size(), size = (uint64_t)1 << 32;
    void *p;
    assert_int_equal(vm_osal_memory_reserve(size, &p, &e), VM_OK);
    char *middle = (char *)p + size / 2;
    assert_int_equal(vm_osal_memory_commit(middle, 2 * page, &e), VM_OK);
    assert_int_equal(middle[page], 0);
    middle[page] = 7;
    assert_int_equal(vm_osal_memory_commit(middle, 2 * page, &e), VM_OK);
    assert_int_equal(middle[page], 7);
    assert_int_equal(vm_osal_memory_protect(middle, page, VM_OSAL_MEMORY_READ, &e), VM_OK);
    assert_int_equal(middle[0], 0);
    assert_int_equal(vm_osal_memory_protect(middle, page, VM_OSAL_MEMORY_NONE, &e), VM_OK);
    assert_int_equal(vm_osal_memory_protect(middle + 1, page, READ_WRITE, &e), VM_ERR_HOST);
    vm_osal_memory_release(p, size);
    vm_osal_memory_release(NULL, size);
    assert_int_equal(vm_osal_memory_reserve((uint64_t)1 << 60, &p, &e), VM_ERR_HOST);
}

static void allocator_aligns(void **state)
{
    (void)state;
    const struct vm_allocator *a = vm_osal_allocator();
    for (size_t align = 1; align <= 4096; align *= 2) {
        for (size_t size = 0; size < 300; size += 37) {
            char *p = a->alloc(a->context, size, align);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % align, 0);
            memset(p, 1, size);
            a->release(a->context, p, size);
            p = vm_alloc_zeroed(a, size, align);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % align, 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(p[i], 0);
            a->release(a->context, p, size);
        }
    }
}

struct counter {
    struct vm_osal_mutex *mutex;
    struct vm_osal_condition *condition;
    unsigned value;
    unsigned turn; // of the ping-pong
    bool signals_blocked;
    char name[16];
};

static void counter_init(struct counter *c)
{
    *c = (struct counter){0};
    assert_int_equal(vm_osal_mutex_create(&c->mutex, NULL), VM_OK);
    assert_int_equal(vm_osal_condition_create(&c->condition, NULL), VM_OK);
}

static void counter_destroy(struct counter *c)
{
    vm_osal_condition_destroy(c->condition);
    vm_osal_mutex_destroy(c->mutex);
}

enum { THREADS = 4, ROUNDS = 20000 };

static void count_up(void *argument)
{
    struct counter *c = argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        vm_osal_mutex_lock(c->mutex);
        c->value++;
        vm_osal_mutex_unlock(c->mutex);
        if (i % 1024 == 0)
            vm_osal_thread_yield();
    }
}

static void mutex_excludes(void **state)
{
    (void)state;
    struct counter c;
    counter_init(&c);
    struct vm_osal_thread *t[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(vm_osal_thread_create("count", count_up, &c, &t[i], NULL), VM_OK);
    for (unsigned i = 0; i < THREADS; i++)
        vm_osal_thread_join(t[i]);
    vm_osal_thread_join(NULL);
    assert_int_equal(c.value, THREADS * ROUNDS);
    counter_destroy(&c);
}

static uint64_t patience(void)
{
    return vm_osal_clock_monotonic() + PATIENCE_S * 1000ull * MS;
}

// Takes the turns `own`, 1 - own, own ... with another thread; counts its own.
static void take_turns(struct counter *c, unsigned own)
{
    for (unsigned i = 0; i < 1000; i++) {
        vm_osal_mutex_lock(c->mutex);
        bool in_time = true;
        while (c->turn != own && in_time)
            in_time = vm_osal_condition_wait_until(c->condition, c->mutex, patience());
        c->turn = 1 - own;
        c->value += in_time;
        vm_osal_mutex_unlock(c->mutex);
        vm_osal_condition_broadcast(c->condition);
    }
}

static void take_other_turns(void *argument)
{
    take_turns(argument, 1);
}

static void condition_wakes(void **state)
{
    (void)state;
    struct counter c;
    counter_init(&c);
    struct vm_osal_thread *t;
    assert_int_equal(vm_osal_thread_create("turns", take_other_turns, &c, &t, NULL), VM_OK);
    take_turns(&c, 0);
    vm_osal_thread_join(t);
    assert_int_equal(c.value, 2000);
    counter_destroy(&c);
}

static void set_turn(void *argument)
{
    struct counter *c = argument;
    vm_osal_mutex_lock(c->mutex);
    c->turn = 1;
    vm_osal_condition_signal(c->condition);
    vm_osal_mutex_unlock(c->mutex);
}

static void condition_waits_without_a_deadline(void **state)
{
    (void)state;
    struct counter c;
    counter_init(&c);
    struct vm_osal_thread *t;
    vm_osal_mutex_lock(c.mutex);
    assert_int_equal(vm_osal_thread_create("set", set_turn, &c, &t, NULL), VM_OK);
    while (c.turn == 0)
        assert_true(vm_osal_condition_wait_until(c.condition, c.mutex, VM_OSAL_FOREVER));
    vm_osal_mutex_unlock(c.mutex);
    vm_osal_thread_join(t);
    counter_destroy(&c);
}

static void condition_keeps_its_deadline(void **state)
{
    (void)state;
    struct counter c;
    counter_init(&c);
    uint64_t deadline = vm_osal_clock_monotonic() + 5 * MS;
    vm_osal_mutex_lock(c.mutex);
    while (vm_osal_condition_wait_until(c.condition, c.mutex, deadline))
        assert_true(vm_osal_clock_monotonic() < deadline);
    assert_true(vm_osal_clock_monotonic() >= deadline);
    assert_false(vm_osal_condition_wait_until(c.condition, c.mutex, 0)); // long past
    vm_osal_mutex_unlock(c.mutex);
    counter_destroy(&c);
}

static void look_at_self(void *argument)
{
    struct counter *c = argument;
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    c->signals_blocked = sigismember(&set, SIGTERM) && !sigismember(&set, SIGSEGV);
    prctl(PR_GET_NAME, c->name);
}

static void thread_has_name_and_no_signals(void **state)
{
    (void)state;
    struct counter c = {0};
    struct vm_osal_thread *t;
    assert_int_equal(
        vm_osal_thread_create("a name that is too long for it", look_at_self, &c, &t, NULL), VM_OK);
    vm_osal_thread_join(t);
    assert_string_equal(c.name, "a name that is ");
    assert_true(c.signals_blocked);
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    assert_false(sigismember(&set, SIGTERM));
}

static void wait_for_turn(void *argument)
{
    struct counter *c = argument;
    vm_osal_mutex_lock(c->mutex);
    bool in_time = true;
    while (c->turn == 0 && in_time)
        in_time = vm_osal_condition_wait_until(c->condition, c->mutex, patience());
    c->value = (unsigned)sched_getcpu();
    vm_osal_mutex_unlock(c->mutex);
}

static void thread_is_pinned(void **state)
{
    (void)state;
    cpu_set_t allowed;
    assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    unsigned last = 0;
    for (unsigned i = 0; i < CPU_SETSIZE; i++)
        last = CPU_ISSET(i, &allowed) ? i : last;
    assert_int_equal(vm_osal_cpu_count(), CPU_COUNT(&allowed));
    struct counter c;
    counter_init(&c);
    struct vm_osal_thread *t;
    struct vm_error e;
    assert_int_equal(vm_osal_thread_create("pinned", wait_for_turn, &c, &t, NULL), VM_OK);
    assert_int_equal(vm_osal_thread_pin(t, CPU_SETSIZE - 1, &e), VM_ERR_HOST);
    assert_int_equal(vm_osal_thread_pin(t, UINT32_MAX, &e), VM_ERR_HOST);
    assert_non_null(strstr(e.text, "4294967295"));
    assert_int_equal(vm_osal_thread_pin(t, last, &e), VM_OK);
    set_turn(&c);
    vm_osal_thread_join(t);
    assert_int_equal(c.value, last);
    counter_destroy(&c);
}

static void clocks_run(void **state)
{
    (void)state;
    uint64_t start = vm_osal_clock_monotonic(), used = vm_osal_clock_process();
    uint64_t mine = vm_osal_clock_thread();
    vm_osal_sleep_until(start + 3 * MS);
    assert_true(vm_osal_clock_monotonic() >= start + 3 * MS);
    vm_osal_sleep_until(start); // past
    uint64_t real = vm_osal_clock_realtime();
    assert_true(real > 1600000000ull * 1000 * MS); // later than 2020
    for (volatile unsigned i = 0; i < 1000000; i++)
        continue;
    assert_true(vm_osal_clock_process() > used);
    assert_true(vm_osal_clock_thread() > mine);
    assert_true(vm_osal_clock_thread() <= vm_osal_clock_process());
}

static void entropy_differs(void **state)
{
    (void)state;
    uint8_t a[1000], b[1000];
    assert_int_equal(vm_osal_entropy_fill(a, sizeof a, NULL), VM_OK);
    assert_int_equal(vm_osal_entropy_fill(b, sizeof b, NULL), VM_OK);
    assert_int_equal(vm_osal_entropy_fill(b, 0, NULL), VM_OK);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, a + 500, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_memory_has_several_views),
        cmocka_unit_test(shared_memory_costs_nothing_untouched),
        cmocka_unit_test(shared_memory_refuses_what_cannot_be),
        cmocka_unit_test(reserved_memory_is_committed_by_pages),
        cmocka_unit_test(allocator_aligns),
        cmocka_unit_test(mutex_excludes),
        cmocka_unit_test(condition_wakes),
        cmocka_unit_test(condition_waits_without_a_deadline),
        cmocka_unit_test(condition_keeps_its_deadline),
        cmocka_unit_test(thread_has_name_and_no_signals),
        cmocka_unit_test(thread_is_pinned),
        cmocka_unit_test(clocks_run),
        cmocka_unit_test(entropy_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
