// SPDX-License-Identifier: MIT
//
// core: the timer queue, against a plain list; re-arming in callbacks; arming from other threads.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

#include <vm/core/timer.h>

#include "test_host.h"

enum { TIMERS = 40 };

struct rig;
struct alarm {
    struct rig *rig;
    struct vm_timer timer;
    uint64_t want;  // the deadline that the model has
    unsigned fired; // in this run
    // What the callback does.
    struct vm_timer *arm;
    uint64_t arm_for;
};

struct rig {
    struct test_host host;
    struct vm_timers queue;
    struct alarm alarms[TIMERS];
    uint64_t last; // deadline of what fired last
    unsigned total;
};

static void note(void *context)
{
    struct alarm *a = context;
    assert_true(a->want >= a->rig->last);
    a->rig->last = a->want;
    a->want = VM_TIMER_NEVER;
    a->fired++;
    a->rig->total++;
    assert_int_equal(a->timer.deadline, VM_TIMER_NEVER);
    if (a->arm)
        vm_timer_arm(&a->rig->queue, a->arm, a->arm_for);
}

static int set_up(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    test_host_init(&r->host);
    assert_int_equal(vm_timers_init(&r->queue, &r->host.host, NULL), VM_OK);
    for (unsigned i = 0; i < TIMERS; i++) {
        struct alarm *a = &r->alarms[i];
        a->rig = r;
        a->want = VM_TIMER_NEVER;
        assert_int_equal(vm_timer_add(&r->queue, &a->timer, note, a, NULL), VM_OK);
    }
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    vm_timers_destroy(&r->queue);
    test_host_check_released(&r->host);
    free(r);
    return 0;
}

static void arm(struct rig *r, unsigned i, uint64_t deadline)
{
    r->alarms[i].want = deadline;
    vm_timer_arm(&r->queue, &r->alarms[i].timer, deadline);
}

static uint64_t earliest(const struct rig *r)
{
    uint64_t first = VM_TIMER_NEVER;
    for (unsigned i = 0; i < TIMERS; i++)
        first = r->alarms[i].want < first ? r->alarms[i].want : first;
    return first;
}

static void fires_in_order_once(void **state)
{
    struct rig *r = *state;
    uint64_t random = test_seed("timers", 1), now = 1000;
    for (unsigned round = 0; round < 20000; round++) {
        uint64_t x = test_random(&random);
        for (unsigned n = x % 8; n > 0; n--) {
            uint64_t y = test_random(&random);
            arm(r, y % TIMERS, y >> 60 ? now + (y >> 20) % 500 : VM_TIMER_NEVER);
        }
        bool due[TIMERS];
        now += (x >> 30) % 100;
        r->last = 0;
        for (unsigned i = 0; i < TIMERS; i++) {
            due[i] = r->alarms[i].want <= now;
            r->alarms[i].fired = 0;
        }
        uint64_t next = vm_timers_run(&r->queue, now);
        assert_int_equal(next, earliest(r));
        for (unsigned i = 0; i < TIMERS; i++)
            assert_int_equal(r->alarms[i].fired, due[i]);
        assert_true(earliest(r) > now);
    }
    assert_true(r->total > 10000);
}

static void tells_when_the_first_deadline_comes_nearer(void **state)
{
    struct rig *r = *state;
    static const struct {
        unsigned timer;
        uint64_t deadline;
        bool tells;
    } steps[] = {
        {0, 100, true}, {1, 200, false}, {2, 50, true},   {2, VM_TIMER_NEVER, false},
        {1, 60, true},  {1, 300, false}, {0, 10, true},   {3, VM_TIMER_NEVER, false},
        {3, 5, true},   {0, 2, true},    {3, 500, false},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(steps); i++) {
        uint64_t moves = atomic_load(&r->host.timer_moves);
        arm(r, steps[i].timer, steps[i].deadline);
        assert_int_equal(atomic_load(&r->host.timer_moves) > moves, steps[i].tells);
    }
}

static void callbacks_may_arm(void **state)
{
    struct rig *r = *state;
    struct alarm *a = r->alarms;
    // The first arms itself for later, the second one that is due at once, the third takes the
    // fourth out.
    arm(r, 0, 10);
    a[0].arm = &a[0].timer;
    a[0].arm_for = 1000;
    arm(r, 1, 20);
    a[1].arm = &a[5].timer;
    a[1].arm_for = 5;
    a[5].want = 20; // fires after the second
    arm(r, 2, 30);
    a[2].arm = &a[3].timer;
    a[2].arm_for = VM_TIMER_NEVER;
    arm(r, 3, 40);
    assert_int_equal(vm_timers_run(&r->queue, 100), 1000);
    assert_int_equal(a[0].fired, 1);
    assert_int_equal(a[1].fired, 1);
    assert_int_equal(a[5].fired, 1);
    assert_int_equal(a[2].fired, 1);
    assert_int_equal(a[3].fired, 0);
    a[0].arm = NULL;
    r->last = 0;
    a[0].want = 1000;
    assert_int_equal(vm_timers_run(&r->queue, 1000), VM_TIMER_NEVER);
    assert_int_equal(a[0].fired, 2);
}

static void adding_keeps_what_is_armed(void **state)
{
    struct rig *r = *state;
    struct alarm late = {.rig = r, .want = 15};
    arm(r, 7, 20);
    arm(r, 8, 10);
    atomic_store(&r->host.fail_after, 0);
    assert_int_equal(vm_timer_add(&r->queue, &late.timer, note, &late, NULL), VM_ERR_HOST);
    atomic_store(&r->host.fail_after, UINT64_MAX);
    assert_int_equal(vm_timer_add(&r->queue, &late.timer, note, &late, NULL), VM_OK);
    vm_timer_arm(&r->queue, &late.timer, 15);
    assert_int_equal(vm_timers_run(&r->queue, 15), 20);
    assert_int_equal(r->total, 2);
    assert_int_equal(vm_timers_run(&r->queue, 20), VM_TIMER_NEVER);
    assert_int_equal(r->total, 3);
}

// --- threads ---

struct shared {
    struct test_host host;
    struct vm_timers queue;
    struct vm_timer timers[8];
    _Atomic unsigned fired;
    _Atomic bool done;
};

static void count(void *context)
{
    struct shared *s = context;
    atomic_fetch_add(&s->fired, 1);
}

static void *drain(void *argument)
{
    struct shared *s = argument;
    while (!atomic_load(&s->done))
        vm_timers_run(&s->queue, atomic_load(&s->host.now));
    return NULL;
}

static void other_threads_may_arm(void **state)
{
    static struct shared s;
    (void)state;
    uint64_t random = test_seed("timer threads", 1);
    test_host_init(&s.host);
    assert_int_equal(vm_timers_init(&s.queue, &s.host.host, NULL), VM_OK);
    for (unsigned i = 0; i < VM_ARRAY_SIZE(s.timers); i++)
        assert_int_equal(vm_timer_add(&s.queue, &s.timers[i], count, &s, NULL), VM_OK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, drain, &s), 0);
    for (unsigned i = 0; i < 50000; i++) {
        uint64_t x = test_random(&random);
        uint64_t now = atomic_fetch_add(&s.host.now, x % 3);
        vm_timer_arm(&s.queue, &s.timers[x >> 20 & 7], now + (x >> 30) % 20);
    }
    atomic_store(&s.done, true);
    pthread_join(thread, NULL);
    vm_timers_run(&s.queue, UINT64_MAX - 1);
    assert_true(atomic_load(&s.fired) >= 8);
    assert_int_equal(vm_timers_run(&s.queue, UINT64_MAX - 1), VM_TIMER_NEVER);
    vm_timers_destroy(&s.queue);
    test_host_check_released(&s.host);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fires_in_order_once),
        TEST(tells_when_the_first_deadline_comes_nearer),
        TEST(callbacks_may_arm),
        TEST(adding_keeps_what_is_armed),
        cmocka_unit_test(other_threads_may_arm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
