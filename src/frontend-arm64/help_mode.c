// SPDX-License-Identifier: MIT
//
// Helpers that concern the execution mode.
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
