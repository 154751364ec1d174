// SPDX-License-Identifier: MIT
//
// Waits: when they end, and those that end when reserved memory is written (A64's WFE behind a
// load-exclusive, RISC-V's WRS).
//
// A reservation is compared, not watched, so nobody tells a vCPU that it is lost. Such a wait ends
// by itself, so that the guest looks again: at first when other threads have run, for locks are
// held for short; then after sleeps that grow. Guests expect waits to end for no reason.
#include "internal.h"

#include <vm/base/bits.h>

enum {
    SPIN_NS = 50000,      // that long nobody sleeps,
    SHORTEST_NS = 50000,  // and then for this long at first,
    LONGEST_NS = 1000000, // and for this long in the end.
    NEAR = 64,            // instructions between the looks of one wait, at most
};

static bool is_due(const struct vm_vcpu *v)
{
    const struct vm_host *host = v->machine->host;
    return v->wait_until != VM_TIMER_NEVER && host->clock(host->context) >= v->wait_until;
}

bool vm_vcpu_wait_is_over(struct vm_vcpu *v)
{
    return v->guest->has_work(v) || is_due(v);
}

bool vm_vcpu_reservation_holds(const struct vm_vcpu *v)
{
    const struct vm_reservation *r = &v->reservation;
    const uint8_t *host = r->host;
    if (!host)
        return false;
    if (r->size > 8)
        return vm_ram_load(host, 8) == r->value.lo && vm_ram_load(host + 8, 8) == r->value.hi;
    return ((vm_ram_load(host, r->size) ^ r->value.lo) & vm_mask(8u * r->size)) == 0;
}

bool vm_vcpu_wait_while_reserved(struct vm_vcpu *v, uint64_t icount, uint64_t until)
{
    const struct vm_host *host = v->machine->host;
    struct vm_stall *s = &v->stall;
    uint64_t now = host->clock(host->context);
    bool goes_on = s->host == v->reservation.host && icount - s->icount <= NEAR;
    if (!goes_on)
        *s = (struct vm_stall){v->reservation.host, icount, now, SHORTEST_NS};
    s->icount = icount;
    // Where there is no other vCPU nobody is quick to write: a device, if anyone.
    bool alone = v->machine->vcpu_count <= 1;
    if (!alone && now - s->since < SPIN_NS) {
        host->yield(host->context);
        return false;
    }
    uint64_t sleep = alone ? LONGEST_NS : s->sleep;
    v->wait_until = until > now && until - now < sleep ? until : now + sleep;
    s->sleep = sleep < LONGEST_NS / 2 ? 2 * sleep : LONGEST_NS;
    return true;
}
