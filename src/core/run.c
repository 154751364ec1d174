// SPDX-License-Identifier: MIT
//
// The run loop of a vCPU: between the engine's returns it takes exceptions and interrupts, does
// what other vCPUs asked for, and says when the thread has to wait or stop. With it what engines
// ask and note about the run.
#include "internal.h"

// After this many exceptions without an instruction retired the guest can only go on faulting: its
// handler cannot be executed, and no interrupt is enabled. (What built-in firmware answers retires
// nothing either, but moves the guest on.)
enum { HOPELESS = 1000000 };

bool vm_vcpu_must_run(struct vm_vcpu *v)
{
    return atomic_load(&v->request) != 0 || atomic_load(&v->machine->stop) != VM_STOP_NONE ||
           (!atomic_load(&v->parked) && vm_vcpu_wait_is_over(v));
}

// True if the vCPU has to leave the guest.
static bool serve_requests(struct vm_vcpu *v)
{
    uint32_t bits = atomic_load(&v->request);
    if (bits & VM_REQUEST_WORK)
        vm_vcpu_drain_work(v);
    // WORK is cleared by the drain, before it looks: work posted since then has set it anew.
    atomic_fetch_and(&v->request, ~(bits & ~(uint32_t)VM_REQUEST_WORK));
    if (bits & VM_REQUEST_FLUSH)
        v->engine->flush(v);
    if (bits & VM_REQUEST_LOOK)
        v->guest->look(v);
    return atomic_load(&v->machine->stop) != VM_STOP_NONE;
}

bool vm_vcpu_take_exception(struct vm_vcpu *v)
{
    v->stats.exceptions++;
    VM_TRACE(&v->machine->trace, VM_TRACE_TRAP, "vcpu %u: exception %#lx value %#lx at %#lx",
             v->index, v->exception.cause, v->exception.value, vm_vcpu_pc(v));
    v->exception.pending = false;
    bool entered = v->guest->take_exception(v);
    if (!entered || v->exception_icount != v->icount) {
        v->exception_icount = v->icount;
        v->exception_repeats = 0;
    } else if (++v->exception_repeats == HOPELESS) {
        vm_machine_stop(v->machine, VM_STOP_CRASH, 0,
                        "exceptions repeat without an instruction executed");
    }
    return entered;
}

static enum vm_run_result run(struct vm_vcpu *v)
{
    for (;;) {
        if (atomic_load_explicit(&v->request, memory_order_acquire) && serve_requests(v))
            return VM_RUN_STOPPED;
        if (atomic_load(&v->parked))
            return VM_RUN_WAITING;
        if (v->guest->take_interrupt(v))
            v->stats.interrupts++;
        enum vm_engine_exit exit = v->engine->run(v);
        v->stats.exits[exit]++;
        switch (exit) {
        case VM_ENGINE_REQUEST:
        case VM_ENGINE_RESYNC: break;
        case VM_ENGINE_EXCEPTION: vm_vcpu_take_exception(v); break;
        case VM_ENGINE_WAIT:
            if (!vm_vcpu_wait_is_over(v)) {
                v->stats.waits++;
                return VM_RUN_WAITING;
            }
            v->wait_until = VM_TIMER_NEVER;
            break;
        case VM_ENGINE_PAUSE: v->machine->host->yield(v->machine->host->context); break;
        case VM_ENGINE_LIMIT: return VM_RUN_LIMIT;
        case VM_ENGINE_BREAKPOINT: return VM_RUN_BREAKPOINT;
        case VM_ENGINE_FAILED: return VM_RUN_FAILED;
        }
    }
}

enum vm_run_result vm_vcpu_run(struct vm_vcpu *v)
{
    v->run_icount = v->icount;
    v->run_pc = vm_vcpu_pc(v);
    v->exception_icount = v->icount;
    v->exception_repeats = 0;
    v->wait_until = VM_TIMER_NEVER;
    atomic_store(&v->in_guest, true);
    // Work that was posted while the vCPU was outside is done before its first instruction.
    vm_vcpu_drain_work(v);
    enum vm_run_result result = atomic_load(&v->machine->stop) ? VM_RUN_STOPPED : run(v);
    atomic_store(&v->in_guest, false);
    return result;
}

bool vm_vcpu_at_breakpoint(const struct vm_vcpu *v)
{
    uint64_t pc = vm_vcpu_pc(v);
    return vm_machine_is_breakpoint(v->machine, pc) &&
           !(pc == v->run_pc && v->icount == v->run_icount);
}

void vm_vcpu_note_recent(struct vm_vcpu *v, uint64_t pc)
{
    if (v->recent[(v->recent_next - 1) % VM_RECENT_BLOCKS] != pc)
        v->recent[v->recent_next++ % VM_RECENT_BLOCKS] = pc;
}
