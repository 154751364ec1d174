// SPDX-License-Identifier: MIT
//
// The frontend's guest_ops, and the state of a PE after reset and at the entry of an operating
// system.
#include "fpcr.h"
#include "system.h"

#include <vm/base/memory.h>

// --- values from outside ---

static void legalise_row(struct vm_arm64_state *s, const struct a64_config *c, uint16_t number)
{
    const struct a64_sysreg *row = a64_find_sysreg(c, number);
    uint64_t *field = (uint64_t *)(void *)((char *)s + row->field);
    *field = (*field & a64_writable(c, row)) | a64_res1(c, row);
}

// What a debugger wrote may be nothing that an instruction could have left there, and the rest of
// the frontend relies on that.
static void legalise(struct vm_vcpu *v)
{
    static const uint16_t rows[] = {A64_SYS(3, 0, 1, 0, 0), A64_SYS(3, 0, 1, 0, 2),
                                    A64_SYS(3, 0, 2, 0, 2), A64_SYS(3, 0, 4, 0, 0),
                                    A64_SYS(3, 0, 12, 0, 0)};
    struct vm_arm64_state *s = a64_state(v);
    const struct a64_config *c = a64_config_of(v);
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++)
        legalise_row(s, c, rows[i]);
    s->el = s->el ? 1 : 0;
    s->spsel &= 1;
    s->daif &= A64_DAIF;
    s->pan &= a64_has(c, A64_EXT_PAN);
    s->uao &= a64_has(c, A64_EXT_UAO);
    s->dit &= a64_has(c, A64_EXT_DIT);
    s->ssbs &= a64_has(c, A64_EXT_SSBS);
    s->ss &= 1;
    s->il &= 1;
    if (__atomic_load_n(&s->event, __ATOMIC_RELAXED) > 1) // else another PE's SEV may be lost
        __atomic_store_n(&s->event, 1, __ATOMIC_RELAXED);
    uint8_t flags = s->fp.flags;
    a64_write_fpcr(v, s->fpcr);
    s->fp.flags = flags;
    s->cnt_ctl[VM_ARM64_TIMER_PHYSICAL] &= 3;
    s->cnt_ctl[VM_ARM64_TIMER_VIRTUAL] &= 3;
}

// After anything may have been written: what is derived from the registers too.
static void sync_all(struct vm_vcpu *v)
{
    legalise(v);
    a64_state(v)->stale |= A64_STALE_CONTEXT;
    vm_tlb_flush_all(&v->tlb);
    a64_update_timers(v);
    a64_pmu_look(v);
    a64_sync(v);
    a64_check_interrupts(v);
}

// --- reset (D1 "Reset") ---

// Aff0 has up to 16 PEs, as many as a target list of the GIC.
static uint64_t mpidr_of(uint32_t index)
{
    return A64_BIT(31) | (index & 15) | (uint64_t)(index >> 4) << 8;
}

// Everything but the timers' registers, which the thread of the timers may be looking at: a PE is
// also reset when it stops or starts while others run.
static void clear(struct vm_arm64_state *s)
{
    enum { TIMERS = offsetof(struct vm_arm64_state, cnt_ctl) };
    enum { BEHIND = TIMERS + sizeof s->cnt_ctl + sizeof s->cnt_cval };
    vm_zero(s, TIMERS);
    vm_zero((char *)s + BEHIND, offsetof(struct vm_arm64_state, derived) - BEHIND);
    for (unsigned i = 0; i < VM_ARM64_TIMERS; i++) {
        __atomic_store_n(&s->cnt_ctl[i], 0, __ATOMIC_SEQ_CST);
        __atomic_store_n(&s->cnt_cval[i], 0, __ATOMIC_SEQ_CST);
    }
}

void a64_reset(struct vm_vcpu *v, uint64_t entry)
{
    const uint64_t oslk = A64_BIT(1);
    struct vm_arm64_state *s = a64_state(v);
    if (!a64_add_timers(v) || !a64_add_pmu_timer(v)) {
        vm_machine_stop(v->machine, VM_STOP_CRASH, 0, "out of memory for a PE's timers");
        return;
    }
    clear(s);
    s->pc = entry;
    s->el = 1;
    s->spsel = 1;
    s->daif = A64_DAIF;
    s->mpidr_el1 = mpidr_of(v->index);
    s->oslsr_el1 = oslk;
    a64_write_fpcr(v, 0);
    a64_set_next_btype(v, v->icount, 0);
    v->exception.pending = false;
    v->reservation.host = NULL;
    a64_pmu_resume(v, v->icount);
    sync_all(v);
}

void vm_arm64_enter_kernel(struct vm_vcpu *v, uint64_t entry, uint64_t argument)
{
    a64_reset(v, entry);
    a64_state(v)->x[0] = argument;
}

void vm_arm64_connect(struct vm_vcpu *v, const struct vm_arm64_wiring *wiring)
{
    struct a64_config *c = v->machine->config;
    a64_state(v)->derived.wiring = *wiring;
    c->has_gic = c->has_gic || wiring->gic.ops;
}

static void links(struct vm_vcpu *v, struct vm_links *out)
{
    struct vm_arm64_wiring *w = &a64_state(v)->derived.wiring;
    *out = (struct vm_links){
        .registers = {&w->gic},
        .register_count = 1,
        .wires = {&w->timer[VM_ARM64_TIMER_PHYSICAL], &w->timer[VM_ARM64_TIMER_VIRTUAL], &w->pmu},
        .wire_count = VM_ARM64_TIMERS + 1,
    };
}

uint64_t vm_arm64_affinity(const struct vm_vcpu *v)
{
    const uint64_t fields = (uint64_t)0xff << 32 | 0xffffff;
    return mpidr_of(v->index) & fields;
}

const struct vm_guest_ops vm_arm64_guest_ops = {
    .name = "arm64",
    .regfile = &a64_regfile,
    .helpers = a64_helpers,
    .helper_count = A64_HELPER_COUNT,
    .max_insn = 4,
    .insn_align = 4,
    .configure = a64_configure,
    .unconfigure = a64_unconfigure,
    .reset = a64_reset,
    .sync = sync_all,
    .translate = a64_translate_insn,
    .walk = a64_walk,
    .access_failed = a64_access_failed,
    .take_exception = a64_take_exception,
    .take_interrupt = a64_take_interrupt,
    .has_work = a64_has_work,
    .look = a64_pmu_look,
    .links = links,
    .disassemble = a64_disassemble,
};
