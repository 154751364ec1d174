// SPDX-License-Identifier: MIT
//
// The threads of a hosted machine: one per vCPU, one for timers; and vm_run, which sets them going,
// waits for a reason to stop, and carries resets out.
#include <vm/base/format.h>
#include <vm/osal/clock.h>
#include <vm/osal/sandbox.h>

#include "hosted.h"

// --- waiting vCPUs ---

void hosted_wake(struct vm *vm, uint32_t vcpu)
{
    struct hosted_vcpu *h = &vm->vcpus[vcpu];
    // The waker has made its change visible before it looks here; the waiter sets `waiting` before
    // it looks for changes. One of them sees the other.
    if (!h->mutex || !atomic_load(&h->waiting))
        return;
    vm_osal_mutex_lock(h->mutex);
    bool first = !h->kicked;
    h->kicked = true;
    vm_osal_mutex_unlock(h->mutex);
    // Not before: the waiter would wake only to wait for the mutex.
    if (first)
        vm_osal_condition_signal(h->wake);
}

static void wait_for_work(struct hosted_vcpu *h)
{
    vm_osal_mutex_lock(h->mutex);
    atomic_store(&h->waiting, true);
    while (!h->kicked && !vm_vcpu_must_run(h->vcpu))
        vm_osal_condition_wait_until(h->wake, h->mutex, h->vcpu->wait_until);
    atomic_store(&h->waiting, false);
    h->kicked = false;
    vm_osal_mutex_unlock(h->mutex);
}

// --- vCPU threads ---

static void record_event(struct vm *vm, unsigned vcpu, enum vm_exit_reason reason)
{
    vm_osal_mutex_lock(vm->control);
    if (!vm->has_event) {
        vm->has_event = true;
        vm->event = (struct vm_result){.reason = reason, .vcpu = vcpu};
    }
    vm_osal_mutex_unlock(vm->control);
    vm_machine_stop(&vm->machine, VM_STOP_PAUSE, 0, NULL);
}

// Runs until the machine stops.
static void run_until_stop(struct hosted_vcpu *h)
{
    struct vm *vm = h->vm;
    for (;;) {
        switch (vm_vcpu_run(h->vcpu)) {
        case VM_RUN_WAITING: wait_for_work(h); break;
        case VM_RUN_LIMIT: break;
        case VM_RUN_BREAKPOINT: record_event(vm, h->vcpu->index, VM_EXIT_BREAKPOINT); return;
        case VM_RUN_FAILED:
            vm_machine_stop(&vm->machine, VM_STOP_CRASH, 0, "the host is out of memory");
            return;
        case VM_RUN_STOPPED: return;
        }
    }
}

// Runs once in each turn that vm_run gives, unless the turn is over before it gets there.
static void vcpu_thread(void *argument)
{
    struct hosted_vcpu *h = argument;
    struct vm *vm = h->vm;
    uint64_t last_turn = 0;
    vm_osal_mutex_lock(vm->control);
    for (;;) {
        while (!(vm->running && vm->turn != last_turn) && !vm->quitting)
            vm_osal_condition_wait(vm->state_changed, vm->control);
        if (vm->quitting)
            break;
        last_turn = vm->turn;
        vm->active++;
        vm_osal_mutex_unlock(vm->control);
        run_until_stop(h);
        vm_osal_mutex_lock(vm->control);
        vm->active--;
        vm->running = false; // whatever stopped one stops them all
        vm_osal_condition_broadcast(vm->state_changed);
    }
    vm_osal_mutex_unlock(vm->control);
}

// --- timers ---

void hosted_timers_changed(struct vm *vm)
{
    vm_osal_mutex_lock(vm->timer_mutex);
    vm->timer_changed = true;
    vm_osal_condition_signal(vm->timer_wake);
    vm_osal_mutex_unlock(vm->timer_mutex);
}

static void timer_thread(void *argument)
{
    struct vm *vm = argument;
    for (;;) {
        vm_osal_mutex_lock(vm->timer_mutex);
        vm->timer_changed = false;
        bool quit = vm->quitting;
        vm_osal_mutex_unlock(vm->timer_mutex);
        if (quit)
            return;
        vm_osal_mutex_lock(vm->timer_drain);
        uint64_t next = vm_timers_run(&vm->machine.timers, vm_osal_clock_monotonic());
        vm_osal_mutex_unlock(vm->timer_drain);
        vm_osal_mutex_lock(vm->timer_mutex);
        if (!vm->timer_changed && !vm->quitting)
            vm_osal_condition_wait_until(vm->timer_wake, vm->timer_mutex, next);
        vm_osal_mutex_unlock(vm->timer_mutex);
    }
}

// --- start and end ---

vm_status hosted_create_locks(struct vm *vm, struct vm_error *e)
{
    vm_status status = vm_osal_mutex_create(&vm->control, e);
    if (status == VM_OK)
        status = vm_osal_condition_create(&vm->state_changed, e);
    if (status == VM_OK)
        status = vm_osal_mutex_create(&vm->timer_mutex, e);
    if (status == VM_OK)
        status = vm_osal_mutex_create(&vm->timer_drain, e);
    if (status == VM_OK)
        status = vm_osal_condition_create(&vm->timer_wake, e);
    for (unsigned i = 0; status == VM_OK && i < vm->options.vcpus; i++) {
        status = vm_osal_mutex_create(&vm->vcpus[i].mutex, e);
        if (status == VM_OK)
            status = vm_osal_condition_create(&vm->vcpus[i].wake, e);
    }
    return status;
}

void hosted_destroy_locks(struct vm *vm)
{
    for (unsigned i = 0; i < vm->options.vcpus; i++) {
        vm_osal_condition_destroy(vm->vcpus[i].wake);
        vm_osal_mutex_destroy(vm->vcpus[i].mutex);
    }
    vm_osal_condition_destroy(vm->timer_wake);
    vm_osal_mutex_destroy(vm->timer_drain);
    vm_osal_mutex_destroy(vm->timer_mutex);
    vm_osal_condition_destroy(vm->state_changed);
    vm_osal_mutex_destroy(vm->control);
}

vm_status hosted_start_threads(struct vm *vm, struct vm_error *e)
{
    if (vm->threads_started)
        return VM_OK;
    vm->threads_started = true;
    vm->quitting = false;
    vm->turn = 0;
    const bool sandbox = vm->options.sandbox;
    vm_status status = vm_osal_sandbox_thread_create("timers", sandbox ? VM_OSAL_SANDBOX_TIMER : 0,
                                                     timer_thread, vm, &vm->timer_thread, e);
    for (unsigned i = 0; status == VM_OK && i < vm->options.vcpus; i++) {
        struct hosted_vcpu *h = &vm->vcpus[i];
        char name[16];
        vm_format(name, sizeof name, "vcpu%u", i);
        status = vm_osal_sandbox_thread_create(name, sandbox ? VM_OSAL_SANDBOX_VCPU : 0,
                                               vcpu_thread, h, &h->thread, e);
        if (status == VM_OK && vm->options.pin)
            status = vm_osal_thread_pin(h->thread, vm->options.pin[i], e);
    }
    if (status != VM_OK)
        hosted_stop_threads(vm);
    return status;
}

void hosted_stop_threads(struct vm *vm)
{
    if (!vm->threads_started)
        return;
    vm_osal_mutex_lock(vm->control);
    vm_osal_mutex_lock(vm->timer_mutex);
    vm->quitting = true;
    vm_osal_condition_signal(vm->timer_wake);
    vm_osal_mutex_unlock(vm->timer_mutex);
    vm_osal_condition_broadcast(vm->state_changed);
    vm_osal_mutex_unlock(vm->control);
    for (unsigned i = 0; i < vm->options.vcpus; i++) {
        if (vm->vcpus[i].thread)
            vm_osal_thread_join(vm->vcpus[i].thread);
        vm->vcpus[i].thread = NULL;
    }
    if (vm->timer_thread)
        vm_osal_thread_join(vm->timer_thread);
    vm->timer_thread = NULL;
    vm->threads_started = false;
}

// --- running ---

// Forgets why the machine stopped last, but not a pause that vm_run has yet to report: it may have
// come too early, or met something that was more urgent.
static void resume(struct vm *vm)
{
    vm_machine_resume(&vm->machine);
    if (atomic_load(&vm->pause_wanted))
        vm_machine_stop(&vm->machine, VM_STOP_PAUSE, 0, NULL);
}

// Sets the vCPUs going and returns when all of them are back. False: the deadline passed first.
static bool run_once(struct vm *vm, uint64_t deadline)
{
    bool in_time = true;
    vm_osal_mutex_lock(vm->control);
    resume(vm);
    vm->has_event = false;
    vm->running = true;
    vm->turn++;
    vm_osal_condition_broadcast(vm->state_changed);
    while (vm->running && in_time) {
        if (deadline == VM_FOREVER)
            vm_osal_condition_wait(vm->state_changed, vm->control);
        else
            in_time = vm_osal_condition_wait_until(vm->state_changed, vm->control, deadline) ||
                      vm_osal_clock_monotonic() < deadline;
    }
    if (vm->running) {
        vm_osal_mutex_unlock(vm->control);
        vm_machine_stop(&vm->machine, VM_STOP_PAUSE, 0, NULL);
        vm_osal_mutex_lock(vm->control);
    }
    vm->running = false;
    while (vm->active > 0)
        vm_osal_condition_wait(vm->state_changed, vm->control);
    vm_osal_mutex_unlock(vm->control);
    return in_time;
}

static vm_status reset_board(struct vm *vm, struct vm_error *e)
{
    hosted_settle_flash(vm);
    vm_osal_mutex_lock(vm->timer_drain);
    vm_status status = hosted_load(vm, e);
    vm_osal_mutex_unlock(vm->timer_drain);
    return status;
}

// What the stop means to the embedder; false: a reset, go on.
static bool describe_stop(struct vm *vm, bool in_time, struct vm_result *result)
{
    struct vm_machine *m = &vm->machine;
    m->host->lock(m->host->context, m->lock); // other threads may stop the machine even now
    enum vm_stop stop = atomic_load(&m->stop);
    *result = (struct vm_result){.code = m->stop_code};
    vm_format(result->text, sizeof result->text, "%s", m->stop_text);
    m->host->unlock(m->host->context, m->lock);
    switch (stop) {
    case VM_STOP_RESET: return false;
    case VM_STOP_POWEROFF: result->reason = VM_EXIT_POWEROFF; break;
    case VM_STOP_CRASH: result->reason = VM_EXIT_CRASHED; break;
    case VM_STOP_NONE:
    case VM_STOP_PAUSE:
        if (vm->has_event)
            *result = vm->event;
        else if (in_time || atomic_load(&vm->pause_wanted))
            result->reason = VM_EXIT_PAUSED;
        else
            result->reason = VM_EXIT_TIMEOUT;
        if (result->reason == VM_EXIT_PAUSED)
            atomic_store(&vm->pause_wanted, false);
        break;
    }
    return true;
}

static void tell_embedder(struct vm *vm, const struct vm_result *result)
{
    const struct vm_options *o = &vm->options;
    if (result->reason == VM_EXIT_CRASHED && o->on_fault)
        o->on_fault(o->context, result->text);
    bool over = result->reason == VM_EXIT_CRASHED || result->reason == VM_EXIT_POWEROFF;
    if (over && o->on_exit)
        o->on_exit(o->context, result);
}

vm_status vm_run(struct vm *vm, uint64_t deadline, struct vm_result *result, struct vm_error *e)
{
    uint64_t start = vm_osal_clock_monotonic();
    vm_status status = hosted_start_threads(vm, e);
    while (status == VM_OK) {
        bool in_time = run_once(vm, deadline);
        if (describe_stop(vm, in_time, result))
            break;
        status = reset_board(vm, e);
    }
    vm->run_ns += vm_osal_clock_monotonic() - start;
    if (status == VM_OK)
        tell_embedder(vm, result);
    return status;
}

vm_status vm_step(struct vm *vm, unsigned vcpu, uint64_t count, struct vm_result *result,
                  struct vm_error *e)
{
    if (vcpu >= vm->options.vcpus)
        return vm_error_set(e, VM_ERR_USAGE, "there is no vCPU %u", vcpu);
    struct vm_vcpu *v = vm->vcpus[vcpu].vcpu;
    vm_status status = hosted_start_threads(vm, e); // the timers'; the vCPUs' stand still
    if (status != VM_OK)
        return status;
    vm->has_event = false;
    vm_machine_resume(&vm->machine);
    v->insn_limit = count < UINT64_MAX - v->icount ? v->icount + count : UINT64_MAX - 1;
    enum vm_run_result r = vm_vcpu_run(v);
    v->insn_limit = UINT64_MAX;
    *result = (struct vm_result){.vcpu = vcpu};
    switch (r) {
    case VM_RUN_LIMIT: result->reason = VM_EXIT_STEPPED; break;
    case VM_RUN_WAITING: result->reason = VM_EXIT_WAITING; break;
    case VM_RUN_BREAKPOINT: result->reason = VM_EXIT_BREAKPOINT; break;
    case VM_RUN_FAILED: return vm_error_set(e, VM_ERR_HOST, "the host is out of memory");
    case VM_RUN_STOPPED:
        if (!describe_stop(vm, true, result)) {
            *result = (struct vm_result){.vcpu = vcpu, .reason = VM_EXIT_STEPPED};
            return reset_board(vm, e);
        }
        tell_embedder(vm, result);
        break;
    }
    return VM_OK;
}

void vm_pause(struct vm *vm)
{
    atomic_store(&vm->pause_wanted, true);
    vm_machine_stop(&vm->machine, VM_STOP_PAUSE, 0, NULL);
}
