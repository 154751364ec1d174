// SPDX-License-Identifier: MIT
//
// core: machines, vCPUs, the run loop, interrupt lines, work that vCPUs do for one another, I/O
// tasks. What needs several threads is in test_core_smp.c, accesses are in test_core_access.c.
#include "core_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vm/core/io.h>

static int set_up(void **state)
{
    struct rig *r = malloc(sizeof *r);
    rig_init(r, 2, NULL, NULL);
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    rig_destroy(*state);
    free(*state);
    return 0;
}

// --- machine ---

static void the_strongest_stop_stays(void **state)
{
    struct rig *r = *state;
    struct vm_machine *m = &r->machine;
    vm_machine_stop(m, VM_STOP_PAUSE, 1, NULL);
    assert_int_equal(atomic_load(&m->stop), VM_STOP_PAUSE);
    vm_machine_stop(m, VM_STOP_POWEROFF, 7, "bye");
    vm_machine_stop(m, VM_STOP_RESET, 8, "no");
    vm_machine_stop(m, VM_STOP_POWEROFF, 9, "no");
    assert_int_equal(atomic_load(&m->stop), VM_STOP_POWEROFF);
    assert_int_equal(m->stop_code, 7);
    assert_string_equal(m->stop_text, "bye");
    char longer[1000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    vm_machine_stop(m, VM_STOP_CRASH, 0, longer);
    assert_int_equal(strlen(m->stop_text), sizeof m->stop_text - 1);
    for (unsigned i = 0; i < 2; i++)
        assert_true(atomic_load(&r->v[i]->request) & VM_REQUEST_STOP);
    assert_int_equal(atomic_load(&r->host.wakes), 10);
    vm_machine_resume(m);
    assert_int_equal(atomic_load(&m->stop), VM_STOP_NONE);
    assert_string_equal(m->stop_text, "");
}

static void breakpoints_are_a_set(void **state)
{
    struct rig *r = *state;
    struct vm_machine *m = &r->machine;
    struct vm_error e;
    assert_false(vm_machine_is_breakpoint(m, 0x1000));
    for (uint64_t i = 0; i < VM_MAX_BREAKPOINTS; i++)
        assert_int_equal(vm_machine_add_breakpoint(m, 0x1000 + 4 * i, &e), VM_OK);
    assert_true(atomic_load(&r->v[1]->request) & VM_REQUEST_FLUSH);
    assert_int_equal(vm_machine_add_breakpoint(m, 0x1004, &e), VM_ERR_USAGE);
    assert_string_equal(e.text, "there is a breakpoint at 0x1004 already");
    assert_int_equal(vm_machine_add_breakpoint(m, 0x5000, &e), VM_ERR_USAGE);
    assert_string_equal(e.text, "all 64 breakpoints are in use");
    assert_int_equal(vm_machine_remove_breakpoint(m, 0x5000, &e), VM_ERR_USAGE);
    assert_string_equal(e.text, "there is no breakpoint at 0x5000");
    // In an order that moves entries about.
    for (uint64_t i = 0; i < VM_MAX_BREAKPOINTS; i += 2) {
        assert_int_equal(vm_machine_remove_breakpoint(m, 0x1000 + 4 * i, &e), VM_OK);
        for (uint64_t k = 0; k < VM_MAX_BREAKPOINTS; k++)
            assert_int_equal(vm_machine_is_breakpoint(m, 0x1000 + 4 * k), k % 2 || k > i);
    }
}

static void memory_runs_out_cleanly(void **state)
{
    (void)state;
    static const struct vm_guest_ops guest = {.regfile = &rig_regfile};
    struct test_host host;
    struct vm_machine m;
    struct vm_error e;
    unsigned machines = 0, vcpus = 0;
    for (unsigned n = 0; n < 20; n++) {
        struct vm_vcpu *v;
        test_host_init(&host);
        atomic_store(&host.fail_after, n);
        vm_status status = vm_machine_init(&m, &host.host, &guest, NULL, &e);
        if (status == VM_OK) {
            machines++;
            status = vm_vcpu_create(&m, 0, &v, &e);
            if (status == VM_OK) {
                vcpus++;
                vm_vcpu_destroy(v);
            }
            vm_machine_destroy(&m);
        }
        if (status != VM_OK)
            assert_int_equal(status, VM_ERR_HOST);
        test_host_check_released(&host);
    }
    assert_true(machines > vcpus && vcpus > 0 && machines < 20);
}

// --- registers and lines ---

static void registers_have_their_width(void **state)
{
    struct rig *r = *state;
    struct vm_vcpu *v = r->v[0];
    const struct rig_state *s = v->state;
    for (uint16_t i = 0; i < RIG_REGISTERS; i++)
        vm_vcpu_set(v, i, 0x1122334455667788u + i);
    assert_int_equal(s->pc, 0x1122334455667788u);
    assert_int_equal(s->w, 0x5566778a);
    assert_int_equal(s->h, 0x778b);
    assert_int_equal(s->b, 0x8c);
    assert_int_equal(vm_vcpu_get(v, RIG_A), 0x1122334455667789u);
    assert_int_equal(vm_vcpu_get(v, RIG_W), 0x5566778a);
    assert_int_equal(vm_vcpu_get(v, RIG_B), 0x8c);
    vm_vcpu_set_pc(v, 3);
    assert_int_equal(vm_vcpu_pc(v), 3);
    assert_int_equal(s->w, 0x5566778a);
}

static void a_line_that_rises_wakes(void **state)
{
    struct rig *r = *state;
    struct vm_vcpu *v = r->v[1];
    assert_false(vm_vcpu_must_run(v));
    vm_vcpu_set_irq(v, 63, true);
    assert_int_equal(atomic_load(&v->irq_lines), (uint64_t)1 << 63);
    assert_int_equal(atomic_load(&v->request), VM_REQUEST_IRQ);
    assert_int_equal(atomic_load(&r->host.wakes), 1);
    assert_true(vm_vcpu_must_run(v));
    vm_vcpu_set_irq(v, 63, true);
    assert_int_equal(atomic_load(&r->host.wakes), 1);
    vm_vcpu_set_irq(v, 0, true);
    assert_int_equal(atomic_load(&r->host.wakes), 2);
    vm_vcpu_set_irq(v, 63, false);
    assert_int_equal(atomic_load(&v->irq_lines), 1);
    assert_int_equal(atomic_load(&r->host.wakes), 2);
}

static void parked_vcpus_wait_for_requests_only(void **state)
{
    struct rig *r = *state;
    struct vm_vcpu *v = r->v[0];
    atomic_store(&v->parked, true);
    r->work = true;
    assert_false(vm_vcpu_must_run(v));
    assert_int_equal(vm_vcpu_run(v), VM_RUN_WAITING);
    assert_int_equal(r->runs, 0);
    vm_machine_stop(&r->machine, VM_STOP_PAUSE, 0, NULL);
    assert_true(vm_vcpu_must_run(v));
    assert_int_equal(vm_vcpu_run(v), VM_RUN_STOPPED);
}

// --- the run loop ---

static enum vm_engine_exit script(struct vm_vcpu *v)
{
    struct rig *r = rig_of(v);
    static const enum vm_engine_exit exits[] = {
        VM_ENGINE_REQUEST, VM_ENGINE_RESYNC, VM_ENGINE_EXCEPTION, VM_ENGINE_PAUSE, VM_ENGINE_WAIT};
    switch (r->runs) {
    case 1: r->interrupt = true; break;
    case 3: vm_vcpu_raise(v, 1, 2); break;
    case 5: r->work = true; break; // the wait is over at once
    case 6: r->work = false; return VM_ENGINE_WAIT;
    case 7: return VM_ENGINE_LIMIT;
    case 8: return VM_ENGINE_BREAKPOINT;
    case 9: return VM_ENGINE_FAILED;
    default: break;
    }
    return exits[r->runs - 1];
}

static void run_loop_serves_each_exit(void **state)
{
    struct rig *r = *state;
    struct vm_vcpu *v = r->v[0];
    r->run = script;
    assert_int_equal(vm_vcpu_run(v), VM_RUN_WAITING);
    assert_int_equal(r->runs, 6);
    assert_int_equal(r->interrupts, 1);
    assert_int_equal(v->stats.interrupts, 1);
    assert_int_equal(r->exceptions, 1);
    assert_int_equal(v->stats.exceptions, 1);
    assert_false(v->exception.pending);
    assert_int_equal(v->stats.waits, 1);
    assert_int_equal(vm_vcpu_run(v), VM_RUN_LIMIT);
    assert_int_equal(vm_vcpu_run(v), VM_RUN_BREAKPOINT);
    assert_int_equal(vm_vcpu_run(v), VM_RUN_FAILED);
    assert_int_equal(v->stats.exits[VM_ENGINE_WAIT], 2);
    assert_false(atomic_load(&v->in_guest));
}

static enum vm_engine_exit fault_for_ever(struct vm_vcpu *v)
{
    vm_vcpu_raise(v, 5, 0);
    return VM_ENGINE_EXCEPTION;
}

static void endless_exceptions_are_a_crash(void **state)
{
    struct rig *r = *state;
    r->run = fault_for_ever;
    assert_int_equal(vm_vcpu_run(r->v[0]), VM_RUN_STOPPED);
    assert_int_equal(atomic_load(&r->machine.stop), VM_STOP_CRASH);
    assert_string_equal(r->machine.stop_text, "exceptions repeat without an instruction executed");
}

static enum vm_engine_exit call_firmware(struct vm_vcpu *v)
{
    return rig_of(v)->runs == 1500000 ? VM_ENGINE_LIMIT : fault_for_ever(v);
}

static void answered_calls_are_not_exceptions(void **state)
{
    struct rig *r = *state;
    r->run = call_firmware;
    r->answers = true;
    assert_int_equal(vm_vcpu_run(r->v[0]), VM_RUN_LIMIT);
}

static enum vm_engine_exit fault_and_retire(struct vm_vcpu *v)
{
    if (rig_of(v)->runs == 1500000)
        return VM_ENGINE_LIMIT;
    v->icount += rig_of(v)->runs % 100 == 0;
    return fault_for_ever(v);
}

static void exceptions_with_progress_are_not(void **state)
{
    struct rig *r = *state;
    r->run = fault_and_retire;
    assert_int_equal(vm_vcpu_run(r->v[0]), VM_RUN_LIMIT);
}

static enum vm_engine_exit stop_others(struct vm_vcpu *v)
{
    vm_machine_stop(v->machine, VM_STOP_POWEROFF, 3, NULL);
    return VM_ENGINE_REQUEST;
}

static void a_stop_ends_every_run(void **state)
{
    struct rig *r = *state;
    r->run = stop_others;
    assert_int_equal(vm_vcpu_run(r->v[0]), VM_RUN_STOPPED);
    assert_int_equal(r->runs, 1);
    assert_int_equal(vm_vcpu_run(r->v[1]), VM_RUN_STOPPED);
    assert_int_equal(vm_vcpu_run(r->v[0]), VM_RUN_STOPPED);
    assert_int_equal(r->runs, 1);
    vm_machine_resume(&r->machine);
    assert_int_equal(vm_vcpu_run(r->v[1]), VM_RUN_STOPPED);
    assert_int_equal(r->runs, 2);
}

static enum vm_engine_exit reach_limit(struct vm_vcpu *v)
{
    (void)v;
    return VM_ENGINE_LIMIT;
}

static void breakpoint_changes_flush_translations(void **state)
{
    struct rig *r = *state;
    r->run = reach_limit;
    vm_machine_add_breakpoint(&r->machine, 4, NULL);
    assert_int_equal(vm_vcpu_run(r->v[0]), VM_RUN_LIMIT);
    assert_int_equal(r->flushes, 1);
    assert_int_equal(vm_vcpu_run(r->v[0]), VM_RUN_LIMIT);
    assert_int_equal(r->flushes, 1);
}

// --- work ---

static void fill_tlb(struct rig *r, struct vm_vcpu *v)
{
    const struct vm_tlb_key key = {.key = 1, .asid = 9};
    uint64_t value;
    r->mapping_count = 0;
    vm_tlb_select_data(&v->tlb, &key);
    vm_tlb_select_code(&v->tlb, &key);
    for (uint64_t i = 0; i < 4; i++) {
        rig_map(r, 0x1000 * i, RIG_RAM + 0x1000 * i, VM_ACCESS_READ | VM_ACCESS_WRITE);
        assert_true(rig_load(v, 0x1000 * i, 8, &value));
        assert_true(rig_store(v, 0x1000 * i, 8, i));
    }
}

// Which of the pages 0 to 3 are in the first level for reading (bits 0-3) and writing (4-7).
static unsigned cached(const struct vm_vcpu *v)
{
    unsigned mask = 0;
    for (unsigned i = 0; i < 4; i++) {
        mask |= (unsigned)vm_tlb_hit(v->tlb.data->read[i].tag, 0x1000u * i, 1) << i;
        mask |= (unsigned)vm_tlb_hit(v->tlb.data->write[i].tag, 0x1000u * i, 1) << (4 + i);
    }
    return mask;
}

static void work_is_done(void **state)
{
    struct rig *r = *state;
    struct vm_vcpu *v = r->v[0];
    const struct {
        struct vm_work work;
        unsigned left;
    } rows[] = {
        {{VM_WORK_FLUSH_TLB, 0, 0, 0}, 0x00},
        {{VM_WORK_FLUSH_PAGE, 0x1abc, 0x2001, 0}, 0x99},
        {{VM_WORK_FLUSH_PAGE, 0x1000, 0x1fff, 0}, 0xdd},
        {{VM_WORK_FLUSH_PAGE, 0, UINT64_MAX, 0}, 0x00},
        {{VM_WORK_FLUSH_PAGE, UINT64_MAX, UINT64_MAX, 0}, 0xff},
        {{VM_WORK_FLUSH_PAGE, 0x3000, 0x1000, 0}, 0x00}, // round the end: too many for one by one
        {{VM_WORK_FLUSH_ASID, 0, 0, 9}, 0x00},
        {{VM_WORK_FLUSH_ASID, 0, 0, 8}, 0xff},
        {{VM_WORK_FLUSH_PAGE_ASID, 0x1000, 0x2000, 9}, 0x99},
        {{VM_WORK_FLUSH_PAGE_ASID, 0x1000, 0x2000, 8}, 0xff},
        {{VM_WORK_FLUSH_PAGE_ASID, 0, 1 << 24, 9}, 0x00},
        {{VM_WORK_FLUSH_PAGE_ASID, 0, 1 << 24, 8}, 0xff},
        {{VM_WORK_PROTECT, (uint64_t)(uintptr_t)(r->ram + 0x2000), 0, 0}, 0xbf},
        {{VM_WORK_SYNC_CODE, 0, 0, 0}, 0xff},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        vm_tlb_flush_all(&v->tlb);
        fill_tlb(r, v);
        assert_int_equal(cached(v), 0xff);
        vm_vcpu_do_work(v, &rows[i].work);
        if (cached(v) != rows[i].left)
            fail_msg("row %zu leaves %#x", i, cached(v));
    }
    assert_int_equal(r->syncs, 1);
}

static void work_posted_outside_waits_for_the_run(void **state)
{
    struct rig *r = *state;
    struct vm_vcpu *v = r->v[0];
    r->run = reach_limit;
    fill_tlb(r, v);
    const struct vm_work page = {VM_WORK_FLUSH_PAGE, 0x1000, 0x1000, 0};
    vm_vcpu_post_work(r->v[1], v, &page); // does not wait: nobody is inside
    assert_int_equal(cached(v), 0xff);
    assert_true(vm_vcpu_must_run(v));
    assert_int_equal(vm_vcpu_run(v), VM_RUN_LIMIT);
    assert_int_equal(cached(v), 0xdd);
    assert_int_equal(r->v[1]->stats.work_sent, 1);
    assert_int_equal(v->stats.work_done, 1);
    // To oneself: at once.
    vm_vcpu_post_work(v, v, &(struct vm_work){.kind = VM_WORK_FLUSH_TLB});
    assert_int_equal(cached(v), 0);
}

static void too_much_work_becomes_a_full_flush(void **state)
{
    struct rig *r = *state;
    struct vm_vcpu *v = r->v[0];
    r->run = reach_limit;
    for (unsigned n = VM_WORK_SLOTS; n <= VM_WORK_SLOTS + 3; n++) {
        fill_tlb(r, v);
        r->syncs = 0;
        for (unsigned i = 0; i < n; i++) {
            const struct vm_work none = {VM_WORK_FLUSH_ASID, 0, 0, 100};
            vm_vcpu_post_work(r->v[1], v, &none);
        }
        assert_int_equal(vm_vcpu_run(v), VM_RUN_LIMIT);
        assert_int_equal(cached(v), n > VM_WORK_SLOTS ? 0 : 0xff);
        assert_int_equal(r->syncs, n > VM_WORK_SLOTS);
    }
}

// --- I/O tasks ---

struct task {
    struct vm_io_task task;
    struct vm_io *io;
    unsigned runs, order, again;
    unsigned *clock;
    unsigned *wakes;
};

static void run_task(void *context)
{
    struct task *t = context;
    t->runs++;
    t->order = ++*t->clock;
    if (t->again && t->again--)
        vm_io_schedule(t->io, &t->task);
}

static void count_wake(void *context)
{
    ++*(unsigned *)context;
}

static void tasks_run_in_order_and_once(void **state)
{
    (void)state;
    unsigned clock = 0, wakes = 0;
    struct vm_io io = {.wake = count_wake, .context = &wakes};
    struct task tasks[5] = {0};
    for (unsigned i = 0; i < 5; i++) {
        tasks[i].task = (struct vm_io_task){.run = run_task, .context = &tasks[i]};
        tasks[i].io = &io;
        tasks[i].clock = &clock;
    }
    assert_false(vm_io_run(&io));
    for (unsigned i = 0; i < 5; i++)
        vm_io_schedule(&io, &tasks[i].task);
    vm_io_schedule(&io, &tasks[0].task); // waits already
    assert_int_equal(wakes, 1);
    tasks[2].again = 1;
    assert_true(vm_io_run(&io));
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(tasks[i].order, i + 1);
    assert_int_equal(wakes, 2);
    assert_true(vm_io_run(&io));
    assert_int_equal(tasks[2].runs, 2);
    assert_int_equal(tasks[0].runs, 1);
    assert_false(vm_io_run(&io));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_strongest_stop_stays),
        TEST(breakpoints_are_a_set),
        cmocka_unit_test(memory_runs_out_cleanly),
        TEST(registers_have_their_width),
        TEST(a_line_that_rises_wakes),
        TEST(parked_vcpus_wait_for_requests_only),
        TEST(run_loop_serves_each_exit),
        TEST(endless_exceptions_are_a_crash),
        TEST(answered_calls_are_not_exceptions),
        TEST(exceptions_with_progress_are_not),
        TEST(a_stop_ends_every_run),
        TEST(breakpoint_changes_flush_translations),
        TEST(work_is_done),
        TEST(work_posted_outside_waits_for_the_run),
        TEST(too_much_work_becomes_a_full_flush),
        cmocka_unit_test(tasks_run_in_order_and_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
