// SPDX-License-Identifier: MIT
//
// Helpers of system instructions: checks before they execute, PSTATE, random numbers.
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
