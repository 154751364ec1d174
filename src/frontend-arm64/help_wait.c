// SPDX-License-Identifier: MIT
//
// Waits and events (the manual, D1 "Wait for Interrupt mechanism and low-power state", "Wait for
// Event mechanism and Send event"; D12 "Event streams").
//
// A PE that waits sleeps until its thread is woken, and looks then whether the wait is over
// (a64_has_work). Events are: SEV, of any PE; exception returns; a lost reservation, for which
// waits end by themselves now and then (core's wait.c); the event stream; and interrupts that can
// be taken.
#include "system.h"

// --- the event register ---

static bool take_event(struct vm_vcpu *v)
{
    return __atomic_exchange_n(&a64_state(v)->event, 0, __ATOMIC_SEQ_CST) != 0;
}

// An exclusive monitor that has been cleared by another's write is an event, once.
static bool lost_reservation(struct vm_vcpu *v)
{
    if (!v->reservation.host || vm_vcpu_reservation_holds(v))
        return false;
    v->reservation.host = NULL;
    return true;
}

// SEV: sets the event register of every PE. A PE that is about to wait looks at it after it has
// said that it waits.
uint64_t a64_help_sev(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    const struct vm_machine *m = ((struct vm_vcpu *)vcpu)->machine;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    for (uint32_t i = 0; i < m->vcpu_count; i++) {
        __atomic_store_n(&a64_state(m->vcpus[i])->event, 1, __ATOMIC_SEQ_CST);
        m->host->wake(m->host->context, i);
    }
    return 0;
}

// --- what ends waits ---

// WFI goes on for an interrupt that pends, masked or not; WFE for an event, and for one that can be
// taken.
bool a64_has_work(struct vm_vcpu *v)
{
    struct vm_arm64_state *s = a64_state(v);
    if (!s->derived.waits_for_event)
        return a64_pending(v) != 0;
    return __atomic_load_n(&s->event, __ATOMIC_SEQ_CST) || a64_pending(v) & ~s->daif;
}

// A wait at EL0 that would suspend traps unless SCTLR_EL1 lets it. True: it traps.
static bool traps(struct vm_vcpu *v, uint64_t bit, uint64_t esr)
{
    const struct vm_arm64_state *s = a64_state(v);
    if (s->el > 0 || s->sctlr[1] & bit)
        return false;
    vm_vcpu_raise(v, esr, 0);
    return true;
}

static bool is_over(const struct vm_vcpu *v, uint64_t until)
{
    const struct vm_host *host = v->machine->host;
    return until != VM_TIMER_NEVER && host->clock(host->context) >= until;
}

// `until` is of the host's clock.
static bool waits_for_interrupt(struct vm_vcpu *v, uint64_t esr, uint64_t until)
{
    a64_state(v)->derived.waits_for_event = false;
    if (a64_has_work(v) || is_over(v, until) || traps(v, A64_SCTLR_NTWI, esr))
        return false;
    v->wait_until = until;
    return true;
}

static bool waits_for_event(struct vm_vcpu *v, uint64_t esr, uint64_t icount, uint64_t until)
{
    uint64_t stream = VM_TIMER_NEVER;
    a64_state(v)->derived.waits_for_event = true;
    bool streamed = a64_stream_event(v, &stream), lost = lost_reservation(v);
    if (take_event(v) || streamed || lost)
        return false;
    if (is_over(v, until) || traps(v, A64_SCTLR_NTWE, esr))
        return false;
    until = stream < until ? stream : until;
    if (v->reservation.host)
        return vm_vcpu_wait_while_reserved(v, icount, until);
    v->wait_until = until;
    return true;
}

// --- the helpers: whether to wait ---

// [syndrome]
uint64_t a64_help_wfi(void *vcpu, uint64_t esr, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b;
    (void)c;
    (void)d;
    return waits_for_interrupt(vcpu, esr, VM_TIMER_NEVER);
}

// [syndrome, counter value at which the wait ends]
uint64_t a64_help_wfit(void *vcpu, uint64_t esr, uint64_t time, uint64_t c, uint64_t d)
{
    (void)c;
    (void)d;
    return waits_for_interrupt(vcpu, esr, a64_time_of(time));
}

// [syndrome, icount]
uint64_t a64_help_wfe(void *vcpu, uint64_t esr, uint64_t icount, uint64_t c, uint64_t d)
{
    (void)c;
    (void)d;
    return waits_for_event(vcpu, esr, icount, VM_TIMER_NEVER);
}

// [syndrome, icount, counter value at which the wait ends]
uint64_t a64_help_wfet(void *vcpu, uint64_t esr, uint64_t icount, uint64_t time, uint64_t d)
{
    (void)d;
    return waits_for_event(vcpu, esr, icount, a64_time_of(time));
}
