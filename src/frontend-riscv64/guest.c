// SPDX-License-Identifier: MIT
//
// The frontend's guest_ops, the state of a hart after reset and at the entry of supervisor
// software, and the execution mode and translation contexts that follow from the state.
#include <vm/base/memory.h>

#include "system.h"

// --- mode and contexts ---

enum { NO_ASID = UINT32_MAX };

// What identifies the translations of an MMU index: all that rv_walk looks at except PMP, whose
// changes flush.
static struct vm_tlb_key key_of(const struct vm_riscv64_state *s, unsigned index)
{
    enum { ENVCFG_SHIFT = 8 };
    if ((index & RV_MODE_PRIVILEGE) == VM_RISCV64_M ||
        s->satp >> RV_SATP_MODE_SHIFT == RV_SATP_BARE)
        return (struct vm_tlb_key){index & RV_MODE_PRIVILEGE, 0, NO_ASID};
    uint64_t walks = (s->menvcfg & (RV_ENVCFG_ADUE | RV_ENVCFG_PBMTE)) >> 61 << ENVCFG_SHIFT;
    uint64_t mode = s->satp >> RV_SATP_MODE_SHIFT;
    return (struct vm_tlb_key){
        .key = index | mode << 4 | walks,
        .regime = (uint32_t)(mode << 4 | walks),
        .space = vm_bits(s->satp, 0, RV_SATP_PPN_BITS),
        .asid = (uint16_t)(s->satp >> RV_SATP_ASID_SHIFT),
    };
}

// The MMU index of loads and stores: MPRV substitutes MPP for the privilege; SUM is the
// supervisor's.
static unsigned data_index(const struct vm_riscv64_state *s)
{
    uint64_t privilege = s->privilege, status = s->mstatus;
    if (VM_UNLIKELY(status & RV_MSTATUS_MPRV))
        privilege = (status & RV_MSTATUS_MPP) >> RV_MSTATUS_MPP_SHIFT;
    unsigned index = (unsigned)privilege;
    if (status & RV_MSTATUS_MXR)
        index |= RV_MMU_MXR;
    if (status & RV_MSTATUS_SUM && privilege == VM_RISCV64_S)
        index |= RV_MMU_SUM;
    return index;
}

void rv_sync(struct vm_vcpu *v)
{
    const struct vm_riscv64_state *s = rv_state(v);
    uint32_t mode = (uint32_t)s->privilege;
    if (mode == VM_RISCV64_U) {
        if (!(s->mstatus & RV_MSTATUS_FS))
            mode |= RV_MODE_FS_OFF;
        if (s->frm > VM_FP_RMM)
            mode |= RV_MODE_BAD_FRM;
    }
    v->mode = mode;
    v->mmu_index = data_index(s);
    struct vm_tlb_key data = key_of(s, v->mmu_index);
    struct vm_tlb_key code = key_of(s, (unsigned)s->privilege);
    vm_tlb_select_data(&v->tlb, &data);
    vm_tlb_select_code(&v->tlb, &code);
}

// --- values from outside ---

static uint64_t legal_privilege(uint64_t privilege)
{
    return privilege == VM_RISCV64_S || privilege == VM_RISCV64_M ? privilege : VM_RISCV64_U;
}

static uint64_t legal_status(const struct rv_config *config, uint64_t status)
{
    uint64_t mpp = legal_privilege((status & RV_MSTATUS_MPP) >> RV_MSTATUS_MPP_SHIFT);
    uint64_t kept = RV_MSTATUS_WRITABLE & ~RV_MSTATUS_MPP;
    if (!rv_has(config, RV_EXT_F))
        kept &= ~RV_MSTATUS_FS;
    return (status & kept) | mpp << RV_MSTATUS_MPP_SHIFT | RV_MSTATUS_UXL_64 | RV_MSTATUS_SXL_64;
}

static uint64_t legal_satp(const struct rv_config *config, uint64_t satp)
{
    uint64_t mode = satp >> RV_SATP_MODE_SHIFT;
    return mode >= RV_SATP_SV39 && mode <= config->satp_modes ? satp : 0;
}

// What a debugger wrote may be nothing that a CSR instruction could have left there, and the rest
// of the frontend relies on that. x0 and what is constant keep their values.
static void legalise(struct vm_vcpu *v)
{
    enum { FFLAGS = 0x1f, FRM = 7 };
    struct vm_riscv64_state *s = rv_state(v);
    const struct rv_config *config = rv_config_of(v);
    uint64_t pc_bits = rv_has(config, RV_EXT_ZCA) ? ~(uint64_t)1 : ~(uint64_t)3;
    s->x[0] = 0;
    s->misa = rv_misa(config);
    s->mhartid = v->index;
    s->pc &= pc_bits;
    s->mepc &= pc_bits;
    s->sepc &= pc_bits;
    s->fp.flags &= FFLAGS;
    s->frm &= FRM;
    s->fs_dirty = s->fs_dirty ? RV_MSTATUS_FS : 0;
    s->fp.round = s->frm <= VM_FP_RMM ? (uint8_t)s->frm : VM_FP_RNE;
    s->privilege = legal_privilege(s->privilege);
    s->mstatus = legal_status(config, s->mstatus);
    s->satp = legal_satp(config, s->satp);
    s->mie &= RV_IP_M | RV_IP_S | RV_IP_LCOFI;
    s->mip &= RV_IP(VM_RISCV64_SEI) | RV_IP(VM_RISCV64_STI) | RV_IP_LCOFI;
    s->mtvec &= ~(RV_TVEC_MODE & ~RV_TVEC_VECTOR);
    s->stvec &= ~(RV_TVEC_MODE & ~RV_TVEC_VECTOR);
    s->medeleg &= rv_medeleg_mask(config);
    s->mideleg &= rv_mideleg_mask(config);
    s->menvcfg &= rv_menvcfg_mask(config);
    s->mvien &= rv_mvien_mask(config);
    s->mvip &= RV_IP(VM_RISCV64_SSI);
    s->sie &= RV_IP(VM_RISCV64_SSI) | RV_IP(VM_RISCV64_SEI);
    s->miselect &= RV_ISELECT;
    s->siselect &= RV_ISELECT;
    for (unsigned i = 0; i < VM_RISCV64_PMP_ENTRIES; i++)
        s->pmpaddr[i] &= vm_mask(54);
}

// After anything may have been written: what is derived from the registers too.
static void sync_all(struct vm_vcpu *v)
{
    legalise(v);
    rv_pmp_update(rv_state(v));
    vm_tlb_flush_all(&v->tlb);
    rv_update_stimer(v);
    rv_sync(v);
    rv_check_interrupts(v);
}

static void links(struct vm_vcpu *v, struct vm_links *out)
{
    struct vm_riscv64_imsic *imsic = &rv_state(v)->derived.imsic;
    *out =
        (struct vm_links){.registers = {&imsic->machine, &imsic->supervisor}, .register_count = 2};
}

// --- reset (volume II, Reset) ---

// Everything but stimecmp, which the thread of the timers may be looking at: a hart is also reset
// when it stops or starts while others run.
static void clear(struct vm_riscv64_state *s)
{
    enum { STIMECMP = offsetof(struct vm_riscv64_state, stimecmp) };
    enum { BEHIND = STIMECMP + sizeof s->stimecmp };
    vm_zero(s, STIMECMP);
    vm_zero((char *)s + BEHIND, offsetof(struct vm_riscv64_state, derived) - BEHIND);
    __atomic_store_n(&s->stimecmp, UINT64_MAX, __ATOMIC_SEQ_CST);
}

void rv_reset(struct vm_vcpu *v, uint64_t entry)
{
    struct vm_riscv64_state *s = rv_state(v);
    const struct rv_config *config = rv_config_of(v);
    if (!rv_add_stimer(v)) {
        vm_machine_stop(v->machine, VM_STOP_CRASH, 0, "out of memory for a hart's timer");
        return;
    }
    clear(s);
    s->pc = entry;
    s->privilege = VM_RISCV64_M;
    s->mstatus = RV_MSTATUS_UXL_64 | RV_MSTATUS_SXL_64;
    s->misa = rv_misa(config);
    s->mhartid = v->index;
    s->cycle_offset = s->instret_offset = 0 - v->icount;
    v->exception.pending = false;
    v->reservation.host = NULL;
    vm_vcpu_set_irq(v, VM_RISCV64_SSI, false); // is mip.SSIP
    sync_all(v);
}

// Delegates everything and grants what firmware would: one PMP entry over all memory, the
// counters, stimecmp, and the features of menvcfg, mseccfg and mstateen0.
void vm_riscv64_enter_supervisor(struct vm_vcpu *v, uint64_t entry, uint64_t opaque)
{
    struct vm_riscv64_state *s = rv_state(v);
    const struct rv_config *config = rv_config_of(v);
    rv_reset(v, entry);
    s->privilege = VM_RISCV64_S;
    s->x[10] = s->mhartid;
    s->x[11] = opaque;
    s->medeleg = rv_medeleg_mask(config);
    s->mideleg = rv_mideleg_mask(config);
    s->mcounteren = s->scounteren = rv_has(config, RV_EXT_ZICNTR) ? 0x7 : 0;
    s->mcounteren |= rv_has(config, RV_EXT_ZIHPM) ? 0xfffffff8 : 0;
    s->menvcfg = rv_menvcfg_mask(config) & ~RV_ENVCFG_FIOM;
    s->mseccfg = rv_has(config, RV_EXT_ZKR) ? RV_MSECCFG_SSEED : 0;
    s->mstateen0 = rv_has(config, RV_EXT_SMSTATEEN) ? rv_mstateen0_mask(v) : 0;
    s->pmpaddr[0] = vm_mask(54);
    s->pmpcfg[0] = RV_PMP_NAPOT << RV_PMP_A_SHIFT | RV_PMP_R | RV_PMP_W | RV_PMP_X;
    sync_all(v);
}

const struct vm_guest_ops vm_riscv64_guest_ops = {
    .name = "riscv64",
    .regfile = &rv_regfile,
    .helpers = rv_helpers,
    .helper_count = RV_HELPER_COUNT,
    .max_insn = 4,
    .insn_align = 2,
    .configure = rv_configure,
    .unconfigure = rv_unconfigure,
    .reset = rv_reset,
    .sync = sync_all,
    .translate = rv_translate_insn,
    .walk = rv_walk,
    .access_failed = rv_access_failed,
    .take_exception = rv_take_exception,
    .take_interrupt = rv_take_interrupt,
    .has_work = rv_has_work,
    .links = links,
    .disassemble = rv_disassemble,
};
