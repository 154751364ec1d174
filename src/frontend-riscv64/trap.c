// SPDX-License-Identifier: MIT
//
// Taking exceptions and interrupts, and returning from them (volume II, Machine Status Registers:
// Privilege and Global Interrupt-Enable Stack; Machine Trap Delegation; Machine and Supervisor
// Interrupt Registers; Trap-Return Instructions).
//
// vcpu->mode and the TLB contexts are right again when any of these returns.
#include "system.h"

// --- what pends ---

uint64_t rv_pending(struct vm_vcpu *v)
{
    const struct vm_riscv64_state *s = rv_state(v);
    uint64_t lines = atomic_load_explicit(&v->irq_lines, memory_order_acquire);
    // Without STCE the signal of stimecmp does not reach STIP.
    if (!(s->menvcfg & RV_ENVCFG_STCE) && rv_has(rv_config_of(v), RV_EXT_SSTC))
        lines &= ~RV_IP(VM_RISCV64_STI);
    // SEIP is the controller's signal alone while mvien separates software's bit from it.
    return lines | (s->mip & ~(s->mvien & RV_IP(VM_RISCV64_SEI)));
}

// The interrupts that S-mode has from mvien and not from mideleg.
static uint64_t virtual_bits(const struct vm_riscv64_state *s)
{
    return s->mvien & ~s->mideleg;
}

// Of mvip, bit 9 is in mip.
uint64_t rv_supervisor_pending(const struct vm_riscv64_state *s, uint64_t pending)
{
    uint64_t mvip = s->mvip | (s->mip & RV_IP(VM_RISCV64_SEI));
    return (pending & s->mideleg) | (mvip & virtual_bits(s));
}

uint64_t rv_supervisor_enabled(const struct vm_riscv64_state *s)
{
    return (s->mie & s->mideleg) | (s->sie & virtual_bits(s));
}

uint64_t rv_machine_interrupts(struct vm_vcpu *v)
{
    const struct vm_riscv64_state *s = rv_state(v);
    return rv_pending(v) & s->mie & ~s->mideleg;
}

uint64_t rv_supervisor_interrupts(struct vm_vcpu *v)
{
    const struct vm_riscv64_state *s = rv_state(v);
    return rv_supervisor_pending(s, rv_pending(v)) & rv_supervisor_enabled(s);
}

// The interrupts that trap now: those of M-mode if there are any, else those of S-mode.
static uint64_t takeable(struct vm_vcpu *v, bool *to_machine)
{
    struct vm_riscv64_state *s = rv_state(v);
    uint64_t pending = rv_pending(v);
    if (VM_LIKELY(!(pending & s->mie) && !virtual_bits(s)))
        return 0;
    uint64_t for_machine = pending & s->mie & ~s->mideleg;
    *to_machine = for_machine && (s->privilege < VM_RISCV64_M || s->mstatus & RV_MSTATUS_MIE);
    uint64_t for_supervisor = rv_supervisor_pending(s, pending) & rv_supervisor_enabled(s);
    if (for_supervisor)
        s->sie_wakes = RV_MSTATUS_SIE;
    if (*to_machine)
        return for_machine;
    bool supervisor = s->privilege < VM_RISCV64_S ||
                      (s->privilege == VM_RISCV64_S && s->mstatus & RV_MSTATUS_SIE);
    return supervisor ? for_supervisor : 0;
}

// Here sie_wakes is cleared. The run loop's looks only set it; when they come is the engine's
// affair, so it is a hint (VM_REG_HINT).
void rv_check_interrupts(struct vm_vcpu *v)
{
    bool to_machine;
    rv_state(v)->sie_wakes = 0;
    if (takeable(v, &to_machine))
        atomic_fetch_or(&v->request, VM_REQUEST_IRQ);
}

// WFI goes on for what pends and is enabled at any level, whatever mstatus says (Wait for
// Interrupt; AIA, WFI instruction).
bool rv_has_work(struct vm_vcpu *v)
{
    return rv_machine_interrupts(v) || rv_supervisor_interrupts(v);
}

// --- entering a trap ---

static uint64_t vector(uint64_t tvec, uint64_t cause)
{
    uint64_t base = tvec & ~RV_TVEC_MODE;
    bool vectored = (tvec & RV_TVEC_MODE) == RV_TVEC_VECTOR && cause & RV_CAUSE_IRQ;
    return vectored ? base + 4 * (cause & ~RV_CAUSE_IRQ) : base;
}

static void enter_supervisor_trap(struct vm_riscv64_state *s, uint64_t cause, uint64_t value)
{
    uint64_t status = s->mstatus & ~(RV_MSTATUS_SPP | RV_MSTATUS_SPIE | RV_MSTATUS_SIE);
    status |= s->privilege == VM_RISCV64_S ? RV_MSTATUS_SPP : 0;
    status |= s->mstatus & RV_MSTATUS_SIE ? RV_MSTATUS_SPIE : 0;
    s->mstatus = status;
    s->scause = cause;
    s->stval = value;
    s->sepc = s->pc;
    s->privilege = VM_RISCV64_S;
    s->pc = vector(s->stvec, cause);
}

static void enter_machine_trap(struct vm_riscv64_state *s, uint64_t cause, uint64_t value)
{
    uint64_t status = s->mstatus & ~(RV_MSTATUS_MPP | RV_MSTATUS_MPIE | RV_MSTATUS_MIE);
    status |= s->privilege << RV_MSTATUS_MPP_SHIFT;
    status |= s->mstatus & RV_MSTATUS_MIE ? RV_MSTATUS_MPIE : 0;
    s->mstatus = status;
    s->mcause = cause;
    s->mtval = value;
    s->mepc = s->pc;
    s->privilege = VM_RISCV64_M;
    s->pc = vector(s->mtvec, cause);
}

static void enter(struct vm_vcpu *v, bool to_machine, uint64_t cause, uint64_t value)
{
    if (to_machine)
        enter_machine_trap(rv_state(v), cause, value);
    else
        enter_supervisor_trap(rv_state(v), cause, value);
    rv_sync(v);
}

// The 16-bit parcel of code at `pc`; false if it cannot be fetched (any more).
static bool fetch_parcel(struct vm_vcpu *v, uint64_t pc, uint32_t *parcel)
{
    struct vm_tlb_code_entry page;
    if (!vm_vcpu_fetch_page(v, vm_gva_of(pc), &page))
        return false;
    *parcel = (uint32_t)vm_ram_load((const void *)(uintptr_t)(pc + page.addend), 2);
    return true;
}

// The bits of the illegal instruction at the PC for tval, 0 if they cannot be had.
static uint64_t instruction_bits(struct vm_vcpu *v)
{
    uint64_t pc = rv_state(v)->pc;
    uint32_t low, high = 0;
    bool found = fetch_parcel(v, pc, &low);
    if (found && (low & 3) == 3)
        found = fetch_parcel(v, pc + 2, &high);
    v->exception.pending = false;
    return found ? low | high << 16 : 0;
}

// An environment call that the machine's built-in firmware answers: not a trap, the PC moves on.
static bool call_firmware(struct vm_vcpu *v, uint64_t cause)
{
    const struct vm_firmware *firmware = &v->machine->firmware;
    if (cause != RV_CAUSE_ECALL_S || !firmware->call)
        return false;
    rv_state(v)->pc += 4;
    firmware->call(v, firmware->context);
    return true;
}

bool rv_take_exception(struct vm_vcpu *v)
{
    uint64_t cause = v->exception.cause, value = v->exception.value;
    v->exception.pending = false;
    if (call_firmware(v, cause))
        return false;
    if (cause == RV_CAUSE_ILLEGAL && value == 0)
        value = instruction_bits(v);
    const struct vm_riscv64_state *s = rv_state(v);
    bool delegated = s->privilege <= VM_RISCV64_S && s->medeleg >> (cause & 63) & 1;
    enter(v, !delegated, cause, value);
    return true;
}

// Multiple simultaneous interrupts are handled in a fixed order.
unsigned rv_first_interrupt(uint64_t interrupts)
{
    static const uint8_t order[] = {VM_RISCV64_MEI, VM_RISCV64_MSI, VM_RISCV64_MTI,
                                    VM_RISCV64_SEI, VM_RISCV64_SSI, VM_RISCV64_STI};
    for (size_t i = 0; i < VM_ARRAY_SIZE(order); i++) {
        if (interrupts >> order[i] & 1)
            return order[i];
    }
    return RV_IRQ_LCOFI;
}

bool rv_take_interrupt(struct vm_vcpu *v)
{
    bool to_machine;
    uint64_t interrupts = takeable(v, &to_machine);
    if (VM_LIKELY(!interrupts))
        return false;
    unsigned first = rv_first_interrupt(interrupts);
    VM_TRACE(&v->machine->trace, VM_TRACE_IRQ, "vcpu %u: interrupt %u at %#lx", v->index, first,
             rv_state(v)->pc);
    enter(v, to_machine, RV_CAUSE_IRQ | first, 0);
    return true;
}

// --- leaving one ---

static uint64_t leave(struct vm_vcpu *v, unsigned privilege, uint64_t status, uint64_t epc)
{
    struct vm_riscv64_state *s = rv_state(v);
    if (privilege < VM_RISCV64_M)
        status &= ~RV_MSTATUS_MPRV;
    s->mstatus = status;
    s->privilege = privilege;
    v->reservation.host = NULL;
    rv_sync(v);
    rv_check_interrupts(v);
    return epc;
}

uint64_t rv_leave_machine(struct vm_vcpu *v)
{
    const struct vm_riscv64_state *s = rv_state(v);
    uint64_t status = s->mstatus & ~(RV_MSTATUS_MPP | RV_MSTATUS_MIE);
    status |= s->mstatus & RV_MSTATUS_MPIE ? RV_MSTATUS_MIE : 0;
    return leave(v, (s->mstatus & RV_MSTATUS_MPP) >> RV_MSTATUS_MPP_SHIFT, status | RV_MSTATUS_MPIE,
                 s->mepc);
}

uint64_t rv_leave_supervisor(struct vm_vcpu *v)
{
    const struct vm_riscv64_state *s = rv_state(v);
    uint64_t status = s->mstatus & ~(RV_MSTATUS_SPP | RV_MSTATUS_SIE);
    status |= s->mstatus & RV_MSTATUS_SPIE ? RV_MSTATUS_SIE : 0;
    return leave(v, s->mstatus & RV_MSTATUS_SPP ? VM_RISCV64_S : VM_RISCV64_U,
                 status | RV_MSTATUS_SPIE, s->sepc);
}
