// SPDX-License-Identifier: MIT
//
// Hart State Management extension (chapter 9).
#include <vm/frontend-riscv64/frontend.h>

#include "riscv64.h"

enum { HART_START, HART_STOP, HART_GET_STATUS, HART_SUSPEND };

// Suspend types, 32 bits wide (table 9).
enum {
    RETENTIVE_DEFAULT = 0,
    NON_RETENTIVE_DEFAULT = 0x80000000u,
};

#define MSTATUS_SIE ((uint64_t)1 << 1) // volume II, Machine Status Registers

void sbi_stop_hart(struct sbi_hart *hart)
{
    sbi_reset_timer(hart);
    vm_vcpu_set_irq(hart->vcpu, VM_RISCV64_SSI, false);
    vm_riscv64_enter_supervisor(hart->vcpu, RISCV64_ROM_BASE + RISCV64_ROM_STOPPED, 0);
    atomic_store(&hart->vcpu->parked, true);
    hart->state = SBI_HART_STOPPED;
}

// After a change of system registers: makes the rest of the hart follow.
static void sync(struct sbi_hart *hart)
{
    hart->vcpu->guest->sync(hart->vcpu);
    sbi_update_timer(hart); // without Sstc, sync takes the line for its own
}

static struct sbi_result start(struct sbi_call *c)
{
    uint64_t id = c->arg[0], address = c->arg[1];
    if (id >= c->sbi->harts)
        return sbi_fail(SBI_ERR_INVALID_PARAM);
    if (!virt_is_start_address(&c->board->virt, address))
        return sbi_fail(SBI_ERR_INVALID_ADDRESS);
    struct sbi_hart *target = &c->sbi->hart[id];
    sbi_lock(c->sbi);
    bool stopped = target->state == SBI_HART_STOPPED;
    if (stopped) {
        target->state = SBI_HART_START_PENDING;
        target->entry = address;
        target->opaque = c->arg[2];
        atomic_store(&target->vcpu->parked, false);
    }
    sbi_unlock(c->sbi);
    if (!stopped)
        return sbi_fail(SBI_ERR_ALREADY_AVAILABLE);
    vm_vcpu_request(target->vcpu, VM_REQUEST_IRQ);
    return sbi_ok(0);
}

static struct sbi_result stop(struct sbi_call *c)
{
    sbi_lock(c->sbi);
    sbi_stop_hart(c->hart);
    sbi_unlock(c->sbi);
    c->leaves = true;
    return sbi_ok(0);
}

static struct sbi_result get_status(struct sbi_call *c)
{
    uint64_t id = c->arg[0];
    if (id >= c->sbi->harts)
        return sbi_fail(SBI_ERR_INVALID_PARAM);
    sbi_lock(c->sbi);
    enum sbi_hart_state state = c->sbi->hart[id].state;
    sbi_unlock(c->sbi);
    return sbi_ok(state);
}

// Sends the hart into the ROM's wait. Its wait ends as that of any WFI does: when an interrupt that
// sie enables pends, which is not taken there.
static void wait_in_rom(struct sbi_hart *hart)
{
    struct vm_riscv64_state *s = hart->vcpu->state;
    hart->pc = s->pc;
    hart->satp = s->satp;
    hart->interrupts = s->mstatus & MSTATUS_SIE;
    s->pc = RISCV64_ROM_BASE + RISCV64_ROM_SUSPENDED;
    s->satp = 0;
    s->mstatus &= ~MSTATUS_SIE;
    sync(hart);
}

static struct sbi_result suspend(struct sbi_call *c)
{
    uint32_t type = (uint32_t)c->arg[0];
    if (type != RETENTIVE_DEFAULT && type != NON_RETENTIVE_DEFAULT)
        return sbi_fail(SBI_ERR_INVALID_PARAM);
    bool retentive = type == RETENTIVE_DEFAULT;
    if (!retentive && !virt_is_start_address(&c->board->virt, c->arg[1]))
        return sbi_fail(SBI_ERR_INVALID_ADDRESS);
    wait_in_rom(c->hart);
    sbi_lock(c->sbi);
    c->hart->state = SBI_HART_SUSPENDED;
    c->hart->retentive = retentive;
    c->hart->entry = c->arg[1];
    c->hart->opaque = c->arg[2];
    sbi_unlock(c->sbi);
    c->leaves = true;
    return sbi_ok(0);
}

// After a retentive suspension the call returns, with all else as it was (section 9.4).
static void resume(struct sbi_hart *hart)
{
    struct vm_riscv64_state *s = hart->vcpu->state;
    s->x[10] = SBI_SUCCESS;
    s->x[11] = 0;
    s->pc = hart->pc;
    s->satp = hart->satp;
    if (hart->interrupts)
        s->mstatus |= MSTATUS_SIE;
    sync(hart);
}

void sbi_continue(struct sbi_call *c)
{
    struct sbi_hart *hart = c->hart;
    sbi_lock(c->sbi);
    enum sbi_hart_state was = hart->state;
    hart->state = SBI_HART_STARTED;
    uint64_t entry = hart->entry, opaque = hart->opaque;
    sbi_unlock(c->sbi);
    if (was == SBI_HART_STARTED)
        return;
    if (was == SBI_HART_SUSPENDED && hart->retentive)
        resume(hart);
    else
        vm_riscv64_enter_supervisor(hart->vcpu, entry, opaque);
    c->leaves = true;
    VM_TRACE(&c->board->virt.machine->trace, VM_TRACE_FIRMWARE, "vcpu %u: hsm: goes on at %#llx",
             hart->vcpu->index, (unsigned long long)vm_vcpu_pc(hart->vcpu));
}

struct sbi_result sbi_hsm(struct sbi_call *c)
{
    switch (c->function) {
    case HART_START: return start(c);
    case HART_STOP: return stop(c);
    case HART_GET_STATUS: return get_status(c);
    case HART_SUSPEND: return suspend(c);
    default: return sbi_fail(SBI_ERR_NOT_SUPPORTED);
    }
}
