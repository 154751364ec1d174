// SPDX-License-Identifier: MIT
//
// core: several vCPU threads at once. Flushes that vCPUs ask of one another, code that one writes
// while another translates it, atomics, I/O tasks. Clean under the thread sanitizer.
//
// TRINE_SMP_MS in the environment: how long each test runs (300 ms).
#include "core_rig.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <vm/core/io.h>
#include <vm/ir/ir.h>

enum { PAGE = VM_PAGE_SIZE };

struct smp {
    struct rig rig;
    _Atomic uint64_t mapped; // gpa of the page at gva 0
    _Atomic bool over;
    _Atomic uint64_t wrong;      // first thing seen that must not be
    _Atomic uint64_t written[2]; // the last value whose store to the line has completed
    _Atomic uint64_t turns[RIG_VCPUS];
    enum vm_engine_exit (*part[RIG_VCPUS])(struct smp *s, struct vm_vcpu *v);
    bool (*enough)(const struct smp *s); // NULL: a while is enough
};

static struct smp *smp_of(const struct vm_vcpu *v)
{
    return VM_CONTAINER_OF(rig_of(v), struct smp, rig);
}

// --- a guest and an engine without state of their own ---

static bool walk(struct vm_vcpu *v, vm_gva gva, enum vm_access access, unsigned index,
                 struct vm_translation *out)
{
    uint64_t page = gva.v & ~(uint64_t)VM_PAGE_MASK;
    (void)index;
    (void)access;
    uint64_t gpa = page ? RIG_RAM + (page & 0x7fff) : atomic_load(&smp_of(v)->mapped);
    *out = (struct vm_translation){vm_gpa_of(gpa), 7, VM_PAGE_SHIFT, 0, VM_PAGE_MASK};
    return true;
}

static void access_failed(struct vm_vcpu *v, vm_gva gva, enum vm_access access,
                          enum vm_access_error error)
{
    (void)error;
    vm_vcpu_raise(v, access, gva.v);
}

static bool take_exception(struct vm_vcpu *v)
{
    atomic_store(&smp_of(v)->wrong, v->exception.value + 1);
    return true;
}

static bool no(struct vm_vcpu *v)
{
    (void)v;
    return false;
}

static const struct vm_guest_ops guest = {.name = "smp",
                                          .regfile = &rig_regfile,
                                          .walk = walk,
                                          .access_failed = access_failed,
                                          .take_exception = take_exception,
                                          .take_interrupt = no,
                                          .has_work = no};

static vm_status engine_create(struct vm_vcpu *v, struct vm_error *e)
{
    (void)e;
    v->engine = &rig_of(v)->engine;
    return VM_OK;
}

static void nothing(struct vm_vcpu *v)
{
    (void)v;
}

static enum vm_engine_exit engine_run(struct vm_vcpu *v)
{
    struct smp *s = smp_of(v);
    while (!atomic_load_explicit(&v->request, memory_order_relaxed)) {
        enum vm_engine_exit exit = s->part[v->index](s, v);
        if (exit != VM_ENGINE_RESYNC)
            return exit;
        atomic_fetch_add_explicit(&s->turns[v->index], 1, memory_order_relaxed);
    }
    return VM_ENGINE_REQUEST;
}

static const struct vm_engine_ops engine = {
    .name = "smp",
    .create = engine_create,
    .destroy = nothing,
    .run = engine_run,
    .sync_code = nothing,
    .flush = nothing,
};

// --- running ---

static void *thread(void *argument)
{
    struct vm_vcpu *v = argument;
    while (vm_vcpu_run(v) != VM_RUN_STOPPED)
        sched_yield();
    return NULL;
}

static void sleep_ms(unsigned ms)
{
    const struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

static unsigned duration(void)
{
    const char *text = getenv("TRINE_SMP_MS");
    return text ? (unsigned)strtoul(text, NULL, 0) : 300;
}

// On a loaded host a while may be too short for anything to happen: then it goes on, up to a
// minute.
static void let_run(const struct smp *s)
{
    sleep_ms(duration());
    for (unsigned i = 0; i < 600 && s->enough && !s->enough(s); i++)
        sleep_ms(100);
}

// Runs a thread for each vCPU for a while; the test fails if anything wrong was seen.
static void run_all(struct smp *s, unsigned vcpus)
{
    pthread_t threads[RIG_VCPUS];
    for (unsigned i = 0; i < vcpus; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, thread, s->rig.v[i]), 0);
    let_run(s);
    atomic_store(&s->over, true);
    vm_machine_stop(&s->rig.machine, VM_STOP_PAUSE, 0, NULL);
    for (unsigned i = 0; i < vcpus; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < vcpus; i++)
        assert_true(atomic_load(&s->turns[i]) > 0);
    if (atomic_load(&s->wrong))
        fail_msg("seen: %#llx", (unsigned long long)atomic_load(&s->wrong));
}

static struct smp *create(unsigned vcpus)
{
    struct smp *s = calloc(1, sizeof *s);
    rig_init(&s->rig, vcpus, &guest, &engine);
    atomic_store(&s->mapped, RIG_RAM);
    return s;
}

static void destroy(struct smp *s)
{
    rig_destroy(&s->rig);
    free(s);
}

// --- flushes ---

#define POISON 0xdeadu

static uint64_t *word_of(struct smp *s, uint64_t gpa)
{
    return (uint64_t *)(void *)(s->rig.ram + (gpa - RIG_RAM));
}

// Moves page 0 to other RAM, has everybody forget the old mapping, and spoils the old RAM.
static enum vm_engine_exit remap(struct smp *s, struct vm_vcpu *v)
{
    uint64_t old = atomic_load(&s->mapped);
    uint64_t next = RIG_RAM + (old - RIG_RAM + PAGE) % (4 * PAGE);
    vm_ram_store(word_of(s, next), 8, 1);
    atomic_store(&s->mapped, next);
    const struct vm_work work = {VM_WORK_FLUSH_PAGE, 0, 0, 0};
    for (unsigned i = 0; i < s->rig.machine.vcpu_count; i++)
        vm_vcpu_post_work(v, s->rig.machine.vcpus[i], &work);
    vm_ram_store(word_of(s, old), 8, POISON);
    return VM_ENGINE_RESYNC;
}

static enum vm_engine_exit look(struct smp *s, struct vm_vcpu *v)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 20; i++) {
        if (!rig_load(v, 0, 8, &value))
            return VM_ENGINE_EXCEPTION;
        if (value == POISON)
            atomic_store(&s->wrong, POISON);
    }
    return VM_ENGINE_RESYNC;
}

// Comes and goes: work is posted to it while it is outside, too.
static enum vm_engine_exit look_and_leave(struct smp *s, struct vm_vcpu *v)
{
    look(s, v);
    atomic_fetch_add(&s->turns[v->index], 1);
    return VM_ENGINE_LIMIT;
}

static void a_flush_is_over_when_post_returns(void **state)
{
    (void)state;
    struct smp *s = create(3);
    *word_of(s, RIG_RAM) = 1;
    s->part[0] = remap;
    s->part[1] = look;
    s->part[2] = look_and_leave;
    run_all(s, 3);
    destroy(s);
}

static enum vm_engine_exit post_to_all(struct smp *s, struct vm_vcpu *v)
{
    static const enum vm_work_kind kinds[] = {VM_WORK_FLUSH_TLB, VM_WORK_FLUSH_PAGE,
                                              VM_WORK_FLUSH_ASID, VM_WORK_SYNC_CODE};
    uint64_t turn = atomic_load(&s->turns[v->index]);
    const struct vm_work work = {.kind = kinds[turn % 4], .first = turn << 12, .last = turn << 12};
    uint64_t value;
    rig_load(v, turn % 8 * PAGE, 8, &value);
    for (unsigned i = 0; i < s->rig.machine.vcpu_count; i++)
        vm_vcpu_post_work(v, s->rig.machine.vcpus[i], &work);
    return VM_ENGINE_RESYNC;
}

static void all_may_post_to_all(void **state)
{
    (void)state;
    struct smp *s = create(4);
    for (unsigned i = 0; i < 4; i++)
        s->part[i] = post_to_all;
    run_all(s, 4);
    uint64_t sent = 0, done = 0;
    for (unsigned i = 0; i < 4; i++) {
        sent += s->rig.v[i]->stats.work_sent;
        done += s->rig.v[i]->stats.work_done;
    }
    assert_true(sent > 0 && done > 0);
    destroy(s);
}

// --- code that changes under its translators ---

enum { CODE = 0x5000 }; // gva; two lines of one page

static enum vm_engine_exit write_code(struct smp *s, struct vm_vcpu *v)
{
    // Seldom the second line, so that the page mostly has a mark when the first is translated.
    uint64_t turn = atomic_load_explicit(&s->turns[v->index], memory_order_relaxed);
    unsigned line = turn % 32 == 0;
    uint64_t next = atomic_load_explicit(&s->written[line], memory_order_relaxed) + 1;
    if (!rig_store(v, CODE + 64 * line, 8, next))
        return VM_ENGINE_EXCEPTION;
    atomic_store_explicit(&s->written[line], next, memory_order_release);
    return VM_ENGINE_RESYNC;
}

static uint32_t version(const struct smp *s)
{
    return atomic_load(&s->rig.ram_region->track[CODE / PAGE].code_version);
}

// "Translates" the line as vm_translate_block does, then watches whether every later store to it
// that has completed shows in the page's version.
static enum vm_engine_exit translate_line(struct smp *s, struct vm_vcpu *v, unsigned line)
{
    uint64_t offset = CODE + 64 * line;
    uint32_t before = version(s);
    vm_vcpu_watch_code(v, s->rig.ram_region, offset, offset + 7);
    uint64_t value = vm_ram_load(s->rig.ram + offset, 8);
    if (version(s) != before)
        return VM_ENGINE_RESYNC;
    for (unsigned i = 0; i < 50; i++) {
        uint64_t written = atomic_load_explicit(&s->written[line], memory_order_acquire);
        if (written > value && version(s) == before) {
            atomic_store(&s->wrong, written);
            break;
        }
        if (version(s) != before)
            break;
    }
    return VM_ENGINE_RESYNC;
}

static enum vm_engine_exit translate_first(struct smp *s, struct vm_vcpu *v)
{
    return translate_line(s, v, 0);
}

static enum vm_engine_exit translate_second(struct smp *s, struct vm_vcpu *v)
{
    return translate_line(s, v, 1);
}

static bool often_noticed(const struct smp *s)
{
    return version(s) > 10;
}

static void code_that_is_written_is_noticed(void **state)
{
    (void)state;
    struct smp *s = create(3);
    s->part[0] = write_code;
    s->part[1] = translate_first;
    s->part[2] = translate_second;
    s->enough = often_noticed;
    run_all(s, 3);
    assert_true(often_noticed(s));
    assert_int_equal(vm_ram_load(s->rig.ram + CODE, 8), atomic_load(&s->written[0]));
    destroy(s);
}

// --- atomics ---

static enum vm_engine_exit add_up(struct smp *s, struct vm_vcpu *v)
{
    static const uint32_t size = 3;
    const uint32_t add = size | VM_IR_RMW_ADD << VM_IR_MEM_RMW_SHIFT;
    const vm_gva sum = vm_gva_of(0x1000), pair = vm_gva_of(0x1010);
    uint64_t old, failed = 1;
    vm_u128 seen;
    (void)s;
    bool fine = vm_vcpu_rmw(v, sum, add, 1, &old);
    while (fine && failed) {
        fine = vm_vcpu_load_reserved(v, sum, size, &seen) &&
               vm_vcpu_store_conditional(v, sum, size, (vm_u128){seen.lo + 1, 0}, &failed);
    }
    // 128 bits: both halves move together.
    vm_u128 expected = {0, 0}, got = {1, 0};
    while (fine && (got.lo != expected.lo || got.hi != expected.hi)) {
        expected = got;
        if (expected.lo != expected.hi)
            expected.lo = expected.hi = 0;
        fine = vm_vcpu_cas(v, pair, 4, expected, (vm_u128){expected.lo + 1, expected.hi + 1}, &got);
        if (got.lo != got.hi)
            atomic_store(&smp_of(v)->wrong, got.lo);
    }
    return fine ? VM_ENGINE_RESYNC : VM_ENGINE_EXCEPTION;
}

static void atomics_lose_nothing(void **state)
{
    (void)state;
    struct smp *s = create(4);
    for (unsigned i = 0; i < 4; i++)
        s->part[i] = add_up;
    run_all(s, 4);
    uint64_t turns = 0;
    for (unsigned i = 0; i < 4; i++)
        turns += atomic_load(&s->turns[i]);
    assert_int_equal(*word_of(s, RIG_RAM + 0x1000), 2 * turns);
    assert_int_equal(*word_of(s, RIG_RAM + 0x1010), turns);
    assert_int_equal(*word_of(s, RIG_RAM + 0x1018), turns);
    destroy(s);
}

// --- I/O tasks ---

struct io {
    struct vm_io io;
    struct vm_io_task tasks[3];
    _Atomic uint64_t posted[3], seen[3];
    _Atomic bool woken, over;
};

struct job {
    struct io *io;
    unsigned number;
};

static void wake(void *context)
{
    atomic_store(&((struct io *)context)->woken, true);
}

static void run_job(void *context)
{
    struct job *j = context;
    atomic_store(&j->io->seen[j->number], atomic_load(&j->io->posted[j->number]));
}

static void *drain(void *argument)
{
    struct io *io = argument;
    bool over;
    do {
        over = atomic_load(&io->over);
        if (atomic_exchange(&io->woken, false))
            vm_io_run(&io->io);
        else
            sched_yield();
    } while (!over);
    return NULL;
}

static void *post(void *argument)
{
    struct job *j = argument;
    for (unsigned i = 0; i < 100000; i++) {
        atomic_fetch_add(&j->io->posted[j->number], 1);
        vm_io_schedule(&j->io->io, &j->io->tasks[j->number]);
        if (i % 3 == 0) // one that several schedule
            vm_io_schedule(&j->io->io, &j->io->tasks[2]);
    }
    return NULL;
}

static void no_task_is_lost(void **state)
{
    (void)state;
    static struct io io;
    struct job jobs[3];
    pthread_t drainer, posters[2];
    io.io.wake = wake;
    io.io.context = &io;
    for (unsigned i = 0; i < 3; i++) {
        jobs[i] = (struct job){&io, i};
        io.tasks[i] = (struct vm_io_task){.run = run_job, .context = &jobs[i]};
    }
    pthread_create(&drainer, NULL, drain, &io);
    for (unsigned i = 0; i < 2; i++)
        pthread_create(&posters[i], NULL, post, &jobs[i]);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(posters[i], NULL);
    atomic_store(&io.over, true);
    pthread_join(drainer, NULL);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(atomic_load(&io.seen[i]), atomic_load(&io.posted[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flush_is_over_when_post_returns),
        cmocka_unit_test(all_may_post_to_all),
        cmocka_unit_test(code_that_is_written_is_noticed),
        cmocka_unit_test(atomics_lose_nothing),
        cmocka_unit_test(no_task_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
