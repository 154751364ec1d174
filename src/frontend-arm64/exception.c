// SPDX-License-Identifier: MIT
//
// Taking exceptions and interrupts, and returning from them (D1 "Exceptions"; the pseudocode of
// AArch64.TakeException and AArch64.ExceptionReturn).
//
// vcpu->mode and the TLB contexts are right again when any of these returns.
#include "system.h"

// --- process state ---

uint64_t a64_nzcv(const struct vm_arm64_state *s)
{
    uint64_t f = s->nzcv;
    return (f & VM_IR_FLAG_S ? A64_BIT(31) : 0) | (f & VM_IR_FLAG_Z ? A64_BIT(30) : 0) |
           (f & VM_IR_FLAG_C ? A64_BIT(29) : 0) | (f & VM_IR_FLAG_V ? A64_BIT(28) : 0);
}

void a64_set_nzcv_bits(struct vm_arm64_state *s, uint64_t bits)
{
    s->nzcv = (bits & A64_BIT(31) ? VM_IR_FLAG_S : 0) | (bits & A64_BIT(30) ? VM_IR_FLAG_Z : 0) |
              (bits & A64_BIT(29) ? VM_IR_FLAG_C : 0) | (bits & A64_BIT(28) ? VM_IR_FLAG_V : 0);
}

// PSTATE as SPSR_EL1 records it.
static uint64_t pstate(const struct vm_vcpu *v)
{
    const struct vm_arm64_state *s = v->state;
    return a64_nzcv(s) | (s->dit ? A64_SPSR_DIT : 0) | (s->uao ? A64_SPSR_UAO : 0) |
           (s->pan ? A64_SPSR_PAN : 0) | (s->ss ? A64_SPSR_SS : 0) | (s->il ? A64_SPSR_IL : 0) |
           (s->ssbs ? A64_SPSR_SSBS : 0) | (uint64_t)a64_btype(v) << A64_SPSR_BTYPE_POS | s->daif |
           s->el << 2 | (s->el ? s->spsel : 0);
}

// --- interrupts ---

uint64_t a64_pending(struct vm_vcpu *v)
{
    uint64_t lines = atomic_load_explicit(&v->irq_lines, memory_order_acquire);
    return (lines >> VM_ARM64_IRQ & 1 ? A64_DAIF_I : 0) |
           (lines >> VM_ARM64_FIQ & 1 ? A64_DAIF_F : 0);
}

// Those that can be taken now. `wakes` is cleared elsewhere only: when the run loop looks is the
// engine's affair, so it is a hint.
static uint64_t takeable(struct vm_vcpu *v)
{
    struct vm_arm64_state *s = a64_state(v);
    uint64_t lines = a64_pending(v);
    if (VM_LIKELY(!lines))
        return 0;
    s->wakes = lines;
    return lines & ~s->daif;
}

void a64_check_interrupts(struct vm_vcpu *v)
{
    a64_state(v)->wakes = 0;
    if (takeable(v))
        atomic_fetch_or(&v->request, VM_REQUEST_IRQ);
}

// --- entry ---

enum { VECTOR_SYNCHRONOUS = 0, VECTOR_IRQ = 0x80, VECTOR_FIQ = 0x100 };

static uint64_t vector(const struct vm_arm64_state *s, uint64_t kind)
{
    enum { CURRENT_SP0 = 0, CURRENT_SPX = 0x200, LOWER = 0x400 };
    uint64_t from = s->el == 0 ? LOWER : s->spsel ? CURRENT_SPX : CURRENT_SP0;
    return (s->vbar[1] & ~(uint64_t)0x7ff) + from + kind;
}

// `ss` is what SPSR records of PSTATE.SS.
static void enter(struct vm_vcpu *v, uint64_t kind, uint64_t elr, bool ss)
{
    struct vm_arm64_state *s = a64_state(v);
    uint64_t pc = vector(s, kind);
    s->derived.entries++;
    if (VM_UNLIKELY(s->derived.pmu_entries))
        a64_pmu_pause(v, v->icount);
    s->ss = ss;
    s->spsr[1] = pstate(v);
    s->elr[1] = elr;
    a64_bank_sp(s);
    s->el = 1;
    s->spsel = 1;
    a64_unbank_sp(s);
    s->daif = A64_DAIF;
    s->ss = s->il = s->uao = 0;
    a64_set_next_btype(v, v->icount, 0);
    if (a64_has(a64_config_of(v), A64_EXT_PAN) && !(s->sctlr[1] & A64_SCTLR_SPAN))
        s->pan = 1;
    s->ssbs = s->sctlr[1] & A64_SCTLR_DSSBS ? 1 : 0;
    s->pc = pc;
    s->derived.stepped = s->derived.stepped_ldx = false;
    if (VM_UNLIKELY(s->derived.pmu_entries))
        a64_pmu_resume(v, v->icount);
    a64_sync(v);
}

// --- synchronous exceptions ---

// The class for an exception that is taken from the level that it is taken to.
static uint64_t at_same_level(uint64_t esr)
{
    switch (a64_ec_of(esr)) {
    case A64_EC_INSN_ABORT:
    case A64_EC_DATA_ABORT:
    case A64_EC_BREAKPOINT:
    case A64_EC_STEP:
    case A64_EC_WATCHPOINT: return esr + A64_BIT(26);
    default: return esr;
    }
}

static bool records_address(enum a64_ec ec)
{
    return ec == A64_EC_INSN_ABORT || ec == A64_EC_DATA_ABORT || ec == A64_EC_PC_ALIGN ||
           ec == A64_EC_WATCHPOINT;
}

// Calls return behind themselves.
static bool is_call(enum a64_ec ec)
{
    return ec == A64_EC_SVC || ec == A64_EC_HVC || ec == A64_EC_SMC;
}

// HVC and SMC where there is no EL2 and EL3: the machine's built-in firmware takes their place, and
// without it they are UNDEFINED. False: it has answered.
static bool call_firmware(struct vm_vcpu *v, uint64_t *esr)
{
    const struct vm_firmware *firmware = &v->machine->firmware;
    if (a64_ec_of(*esr) != A64_EC_HVC && a64_ec_of(*esr) != A64_EC_SMC)
        return true;
    if (!firmware->call) {
        *esr = A64_ESR(A64_EC_UNKNOWN, 0);
        return true;
    }
    a64_state(v)->pc += 4;
    firmware->call(v, firmware->context);
    return false;
}

bool a64_take_exception(struct vm_vcpu *v)
{
    struct vm_arm64_state *s = a64_state(v);
    uint64_t esr = v->exception.cause, address = v->exception.value;
    v->exception.pending = false;
    if (VM_UNLIKELY(esr == A64_CAUSE_TAGGED_PC)) {
        s->pc = address;
        return false;
    }
    if (VM_UNLIKELY(esr == A64_CAUSE_COUNT)) {
        a64_pmu_look(v);
        return false;
    }
    if (!call_firmware(v, &esr))
        return false;
    enum a64_ec ec = a64_ec_of(esr);
    // An instruction under software step has lost PSTATE.SS by now, which is right for calls only.
    bool again = v->mode & A64_MODE_STEP_DONE && s->derived.stepped && ec != A64_EC_STEP;
    bool ss = s->ss || (again && !is_call(ec));
    s->esr[1] = s->el == 0 ? esr : at_same_level(esr);
    if (records_address(ec))
        s->far[1] = ec == A64_EC_PC_ALIGN ? s->pc : address;
    enter(v, VECTOR_SYNCHRONOUS, is_call(ec) ? s->pc + 4 : s->pc, ss);
    return true;
}

bool a64_take_interrupt(struct vm_vcpu *v)
{
    uint64_t now = takeable(v);
    if (VM_LIKELY(!now))
        return false;
    bool fiq = now & A64_DAIF_F;
    struct vm_arm64_state *s = a64_state(v);
    VM_TRACE(&v->machine->trace, VM_TRACE_IRQ, "vcpu %u: %s at %#lx", v->index, fiq ? "FIQ" : "IRQ",
             s->pc);
    enter(v, fiq ? VECTOR_FIQ : VECTOR_IRQ, s->pc, s->ss);
    return true;
}

// --- return ---

// Whether a return to what SPSR says is illegal here (D1 "Illegal exception returns").
static bool is_illegal(const struct vm_arm64_state *s, uint64_t spsr)
{
    uint64_t el = spsr >> 2 & 3, sp = spsr & 1;
    return spsr & A64_SPSR_AARCH32 || spsr & 2 || el > s->el || (el == 0 && sp);
}

// PSTATE.SS after the return (DebugExceptionReturnSS): a step begins where debug exceptions become
// enabled.
static bool step_after(const struct vm_arm64_state *s, uint64_t spsr, bool illegal)
{
    const uint64_t ss = A64_BIT(0);
    uint64_t el = illegal ? s->el : spsr >> 2 & 3;
    return VM_UNLIKELY(s->mdscr_el1 & ss) && spsr & A64_SPSR_SS &&
           !a64_debug_enabled(s, s->el, s->daif) && a64_debug_enabled(s, el, spsr & A64_DAIF);
}

static void reinstate(struct vm_arm64_state *s, const struct a64_config *c, uint64_t spsr)
{
    a64_bank_sp(s);
    s->el = spsr >> 2 & 3;
    s->spsel = spsr & 1;
    a64_unbank_sp(s);
    s->il = spsr & A64_SPSR_IL ? 1 : 0;
    s->ssbs = spsr & A64_SPSR_SSBS && a64_has(c, A64_EXT_SSBS);
    s->uao = spsr & A64_SPSR_UAO && a64_has(c, A64_EXT_UAO);
    s->dit = spsr & A64_SPSR_DIT && a64_has(c, A64_EXT_DIT);
}

// [the address; icount] -> the new PC.
uint64_t a64_help_exception_return(void *vcpu, uint64_t elr, uint64_t icount, uint64_t c,
                                   uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    struct vm_arm64_state *s = a64_state(v);
    const struct a64_config *config = a64_config_of(v);
    uint64_t spsr = s->spsr[1];
    bool illegal = is_illegal(s, spsr);
    (void)c;
    (void)d;
    s->ss = step_after(s, spsr, illegal);
    if (VM_UNLIKELY(s->derived.pmu_entries))
        a64_pmu_pause(v, icount + 1);
    if (VM_UNLIKELY(illegal)) {
        s->il = 1;
    } else {
        reinstate(s, config, spsr);
        if (a64_has(config, A64_EXT_BTI))
            a64_set_next_btype(v, icount + 1, (unsigned)vm_bits(spsr, A64_SPSR_BTYPE_POS, 2));
    }
    a64_set_nzcv_bits(s, spsr);
    s->pan = spsr & A64_SPSR_PAN && a64_has(config, A64_EXT_PAN);
    s->daif = spsr & A64_DAIF;
    s->derived.stepped = s->derived.stepped_ldx = false;
    v->reservation.host = NULL;
    __atomic_store_n(&s->event, 1, __ATOMIC_RELAXED); // another PE's SEV may set it as well
    if (VM_UNLIKELY(s->derived.pmu_entries))
        a64_pmu_resume(v, icount + 1);
    a64_sync(v);
    a64_check_interrupts(v);
    return elr;
}
