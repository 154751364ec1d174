// SPDX-License-Identifier: MIT
//
// Address translation instructions, AT (the manual, C5.4), and what they leave in PAR_EL1 (D19.2
// "PAR_EL1").
#include "system.h"

#define PAR_F    A64_BIT(0)
#define PAR_NS   A64_BIT(9)
#define PAR_RES1 A64_BIT(11)

static uint64_t found(const struct a64_walk *w)
{
    enum { OUTER_SHAREABLE = 2, NON_CACHEABLE = 0x44 };
    // Device memory, and what no cache may hold, is outer shareable whatever the table says.
    bool device = (w->attributes & 0xf0) == 0 || w->attributes == NON_CACHEABLE;
    uint64_t share = device ? OUTER_SHAREABLE : w->shareability;
    return (uint64_t)w->attributes << 56 | (w->pa & vm_mask(52) & ~(uint64_t)VM_PAGE_MASK) |
           PAR_RES1 | PAR_NS | share << 7;
}

// [address, kind]. External aborts on the walk are taken as exceptions.
uint64_t a64_help_at(void *vcpu, uint64_t address, uint64_t kind, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    struct vm_arm64_state *s = a64_state(v);
    struct a64_walk w = {.v = v,
                         .va = address,
                         .access = kind & A64_AT_WRITE ? VM_ACCESS_WRITE : VM_ACCESS_READ,
                         .el0 = kind & A64_AT_EL0,
                         .pan = kind & A64_AT_PAN && s->pan,
                         .probe = true};
    (void)c;
    (void)d;
    if (a64_translate_address(&w))
        s->par_el1 = found(&w);
    else if (w.on_walk)
        vm_vcpu_raise(v, A64_ESR(A64_EC_DATA_ABORT, w.fsc | A64_ISS_CM | A64_ISS_WNR), address);
    else
        s->par_el1 = PAR_F | PAR_RES1 | (uint64_t)w.fsc << 1;
    return 0;
}
