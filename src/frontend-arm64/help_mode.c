// SPDX-License-Identifier: MIT
//
// Small helpers: the execution mode, the local exclusive monitor.
#include "frontend.h"

uint64_t a64_help_sync(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    a64_sync(vcpu);
    return 0;
}

uint64_t a64_help_clrex(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    v->reservation.host = NULL;
    return 0;
}
