// SPDX-License-Identifier: MIT
//
// Helpers of system instructions: checks before they execute, PSTATE, waits and events, random
// numbers.
#include "fpcr.h"
#include "system.h"

// [bits of SCTLR_EL1, syndrome]: EL0 may go on if all of them are set.
uint64_t a64_help_require(void *vcpu, uint64_t bits, uint64_t esr, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    (void)c;
    (void)d;
    if ((a64_state(v)->sctlr[1] & bits) != bits)
        vm_vcpu_raise(v, esr, 0);
    return 0;
}

// After a write of DAIF that lets something in: an interrupt that pends, a debug exception.
uint64_t a64_help_look(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    a64_sync(vcpu);
    a64_check_interrupts(vcpu);
    return 0;
}

// [PSTATE.SP]
uint64_t a64_help_spsel(void *vcpu, uint64_t value, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    struct vm_arm64_state *s = a64_state(v);
    (void)b;
    (void)c;
    (void)d;
    a64_bank_sp(s);
    s->spsel = value;
    a64_unbank_sp(s);
    a64_sync(v);
    return 0;
}

uint64_t a64_help_fpsr_read(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return a64_read_fpsr(vcpu);
}

// [value]
uint64_t a64_help_fpsr_write(void *vcpu, uint64_t value, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b;
    (void)c;
    (void)d;
    a64_write_fpsr(vcpu, value);
    return 0;
}

// [value]. Most writes leave the execution mode as it is: whether it has changed.
uint64_t a64_help_fpcr_write(void *vcpu, uint64_t value, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    uint32_t before = v->mode;
    (void)b;
    (void)c;
    (void)d;
    a64_write_fpcr(v, value);
    uint32_t bits = A64_MODE_FP_DN | A64_MODE_FP_ENV;
    v->mode = (v->mode & ~bits) | a64_fpcr_mode(a64_state(v)->fpcr);
    return v->mode != before;
}

// --- waits (D1 "Wait for Interrupt", "Wait for Event") ---

// A wait at EL0 that would suspend traps unless SCTLR_EL1 lets it. True: it traps.
static bool traps(struct vm_vcpu *v, uint64_t bit, uint64_t esr)
{
    const struct vm_arm64_state *s = a64_state(v);
    if (s->el > 0 || s->sctlr[1] & bit)
        return false;
    vm_vcpu_raise(v, esr, 0);
    return true;
}

// [syndrome]
uint64_t a64_help_wfi(void *vcpu, uint64_t esr, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b;
    (void)c;
    (void)d;
    if (!a64_has_work(vcpu))
        traps(vcpu, A64_SCTLR_NTWI, esr);
    return 0;
}

static bool take_event(struct vm_vcpu *v)
{
    return __atomic_exchange_n(&a64_state(v)->event, 0, __ATOMIC_ACQ_REL) != 0;
}

// [syndrome] -> whether to pause
uint64_t a64_help_wfe(void *vcpu, uint64_t esr, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b;
    (void)c;
    (void)d;
    return !take_event(vcpu) && !traps(vcpu, A64_SCTLR_NTWE, esr);
}

static bool is_over(const struct vm_vcpu *v, uint64_t time)
{
    return vm_arm64_counter(v->machine) >= time;
}

// [syndrome, counter value at which the wait ends] -> whether to pause
uint64_t a64_help_wfet(void *vcpu, uint64_t esr, uint64_t time, uint64_t c, uint64_t d)
{
    (void)c;
    (void)d;
    return !take_event(vcpu) && !is_over(vcpu, time) && !traps(vcpu, A64_SCTLR_NTWE, esr);
}

// [syndrome, counter value at which the wait ends] -> whether to pause
uint64_t a64_help_wfit(void *vcpu, uint64_t esr, uint64_t time, uint64_t c, uint64_t d)
{
    (void)c;
    (void)d;
    return !a64_has_work(vcpu) && !is_over(vcpu, time) && !traps(vcpu, A64_SCTLR_NTWI, esr);
}

// SEV: sets the event register of every PE.
uint64_t a64_help_sev(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    const struct vm_machine *m = ((struct vm_vcpu *)vcpu)->machine;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    for (uint32_t i = 0; i < m->vcpu_count; i++)
        __atomic_store_n(&a64_state(m->vcpus[i])->event, 1, __ATOMIC_RELEASE);
    return 0;
}

// --- RNDR ---

uint64_t a64_help_random(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    const struct vm_host *host = ((struct vm_vcpu *)vcpu)->machine->host;
    uint64_t value;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    host->random(host->context, &value, sizeof value);
    return value;
}
