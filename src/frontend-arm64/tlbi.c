// SPDX-License-Identifier: MIT
//
// TLBI (the manual, D8 "TLB maintenance"; C5.5). All have taken effect on every PE that they are
// for before the next instruction; DSB has nothing to wait for. A flush may take away more than
// what was asked for: levels are not looked at.
#include "system.h"

enum { OUTER = 1, RANGE_INNER = 2, INNER = 3, RANGE_OUTER = 5, RANGE = 6, LOCAL = 7 };
enum { ALL = 0, BY_ASID = 2, ANY_ASID = 2 }; // the last a bit of those of addresses

static void flush(struct vm_vcpu *v, const struct vm_work *work, bool everywhere)
{
    struct vm_machine *m = v->machine;
    VM_TRACE(&m->trace, VM_TRACE_MMU, "vcpu %u: tlbi kind %u %#lx to %#lx asid %u", v->index,
             work->kind, work->first, work->last, work->asid);
    if (!everywhere) {
        vm_vcpu_do_work(v, work);
        return;
    }
    for (uint32_t i = 0; i < m->vcpu_count; i++)
        vm_vcpu_post_work(v, m->vcpus[i], work);
}

static uint32_t asid_of(const struct vm_arm64_state *s, uint64_t operand)
{
    return (uint32_t)(s->tcr[1] & A64_TCR_AS ? operand >> 48 : operand >> 48 & 0xff);
}

// The addresses of a TLBI of one page: bits 55 to 12 in 43 to 0.
static void set_page(struct vm_work *work, uint64_t operand)
{
    enum { VA_BITS = 44 };
    work->first = vm_sign_extend(operand, VA_BITS) << VM_PAGE_SHIFT;
    work->last = work->first + VM_PAGE_MASK;
}

// Those of a range: BaseADDR, NUM, SCALE and TG. False: TG is reserved, there is nothing to do.
static bool set_range(struct vm_work *work, const struct vm_arm64_state *s, uint64_t operand)
{
    enum { BASE_BITS = 37, NUM_POS = 39, SCALE_POS = 44, TG_POS = 46 };
    static const uint8_t granules[] = {0, 12, 14, 16};
    unsigned granule = granules[operand >> TG_POS & 3];
    if (!granule)
        return false;
    unsigned unit = s->tcr[1] & A64_TCR_DS ? 16 : granule;
    uint64_t pages = (vm_bits(operand, NUM_POS, 5) + 1) << (5 * vm_bits(operand, SCALE_POS, 2) + 1);
    work->first = vm_sign_extend(operand, BASE_BITS) << unit;
    uint64_t last = work->first + (pages << granule) - 1;
    work->last = last < work->first ? UINT64_MAX : last;
    return true;
}

// [operand, CRm << 3 | op2]
uint64_t a64_help_tlbi(void *vcpu, uint64_t operand, uint64_t what, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    struct vm_arm64_state *s = a64_state(v);
    unsigned scope = (unsigned)what >> 3, op2 = what & 7;
    bool everywhere = scope != LOCAL && scope != RANGE;
    struct vm_work work = {
        .kind = op2 & ANY_ASID ? VM_WORK_FLUSH_PAGE : VM_WORK_FLUSH_PAGE_BOTH,
        .asid = asid_of(s, operand),
    };
    (void)c;
    (void)d;
    s->stale |= A64_STALE_CODE;
    if (op2 == ALL) {
        work.kind = VM_WORK_FLUSH_TLB;
    } else if (op2 == BY_ASID) {
        work.kind = VM_WORK_FLUSH_ASID;
    } else if (scope == RANGE_INNER || scope == RANGE_OUTER || scope == RANGE) {
        if (!set_range(&work, s, operand))
            return 0;
    } else {
        set_page(&work, operand);
    }
    flush(v, &work, everywhere);
    return 0;
}
