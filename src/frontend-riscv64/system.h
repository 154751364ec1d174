// SPDX-License-Identifier: MIT
//
// What the files of the frontend's system half share: fields of the CSRs, and the functions by
// which CSR writes, traps, page walks and PMP act on one another. Section names are those of the
// privileged architecture (volume II).
#ifndef RV_SYSTEM_H
#define RV_SYSTEM_H

#include "frontend.h"

// mstatus and sstatus (Machine Status Registers; Supervisor Status Register).
#define RV_MSTATUS_SIE       ((uint64_t)1 << 1)
#define RV_MSTATUS_MIE       ((uint64_t)1 << 3)
#define RV_MSTATUS_SPIE      ((uint64_t)1 << 5)
#define RV_MSTATUS_MPIE      ((uint64_t)1 << 7)
#define RV_MSTATUS_SPP       ((uint64_t)1 << 8)
#define RV_MSTATUS_MPP_SHIFT 11
#define RV_MSTATUS_MPP       ((uint64_t)3 << RV_MSTATUS_MPP_SHIFT)
#define RV_MSTATUS_FS        ((uint64_t)3 << 13)
#define RV_MSTATUS_MPRV      ((uint64_t)1 << 17)
#define RV_MSTATUS_SUM       ((uint64_t)1 << 18)
#define RV_MSTATUS_MXR       ((uint64_t)1 << 19)
#define RV_MSTATUS_TVM       ((uint64_t)1 << 20)
#define RV_MSTATUS_TW        ((uint64_t)1 << 21)
#define RV_MSTATUS_TSR       ((uint64_t)1 << 22)
#define RV_MSTATUS_UXL_64    ((uint64_t)2 << 32)
#define RV_MSTATUS_SXL_64    ((uint64_t)2 << 34)
#define RV_MSTATUS_SD        ((uint64_t)1 << 63)
#define RV_SSTATUS_WRITABLE                                                               \
    (RV_MSTATUS_SIE | RV_MSTATUS_SPIE | RV_MSTATUS_SPP | RV_MSTATUS_FS | RV_MSTATUS_SUM | \
     RV_MSTATUS_MXR)
#define RV_SSTATUS_VISIBLE (RV_SSTATUS_WRITABLE | RV_MSTATUS_UXL_64 | RV_MSTATUS_SD)
#define RV_MSTATUS_WRITABLE                                                                 \
    (RV_MSTATUS_SIE | RV_MSTATUS_MIE | RV_MSTATUS_SPIE | RV_MSTATUS_MPIE | RV_MSTATUS_SPP | \
     RV_MSTATUS_MPP | RV_MSTATUS_FS | RV_MSTATUS_MPRV | RV_MSTATUS_SUM | RV_MSTATUS_MXR |   \
     RV_MSTATUS_TVM | RV_MSTATUS_TW | RV_MSTATUS_TSR)

// Interrupts: bits of mip, mie, mideleg and their views.
#define RV_IP(line) ((uint64_t)1 << (line))
enum { RV_IRQ_LCOFI = 13 }; // the frontend's own: no device drives it
#define RV_IP_LCOFI    RV_IP(RV_IRQ_LCOFI)
#define RV_IP_S        (RV_IP(VM_RISCV64_SSI) | RV_IP(VM_RISCV64_STI) | RV_IP(VM_RISCV64_SEI))
#define RV_IP_M        (RV_IP(VM_RISCV64_MSI) | RV_IP(VM_RISCV64_MTI) | RV_IP(VM_RISCV64_MEI))
#define RV_CAUSE_IRQ   ((uint64_t)1 << 63)
#define RV_TVEC_MODE   ((uint64_t)3)
#define RV_TVEC_VECTOR ((uint64_t)1)

// menvcfg and senvcfg (Machine, Supervisor Environment Configuration Register).
#define RV_ENVCFG_FIOM  ((uint64_t)1 << 0)
#define RV_ENVCFG_CBIE  ((uint64_t)3 << 4)
#define RV_ENVCFG_CBCFE ((uint64_t)1 << 6)
#define RV_ENVCFG_CBZE  ((uint64_t)1 << 7)
#define RV_ENVCFG_ADUE  ((uint64_t)1 << 61)
#define RV_ENVCFG_PBMTE ((uint64_t)1 << 62)
#define RV_ENVCFG_STCE  ((uint64_t)1 << 63)

// mseccfg (Machine Security Configuration Register), mstateen0 (Smstateen).
#define RV_MSECCFG_USEED  ((uint64_t)1 << 8)
#define RV_MSECCFG_SSEED  ((uint64_t)1 << 9)
#define RV_STATEEN_IMSIC  ((uint64_t)1 << 58)
#define RV_STATEEN_AIA    ((uint64_t)1 << 59)
#define RV_STATEEN_CSRIND ((uint64_t)1 << 60)
#define RV_STATEEN_ENVCFG ((uint64_t)1 << 62)
#define RV_STATEEN_SE0    ((uint64_t)1 << 63)

// The values that miselect and siselect hold (AIA, Machine- and Supervisor-level CSRs).
#define RV_ISELECT ((uint64_t)0x1ff)

// satp (Supervisor Address Translation and Protection Register).
#define RV_SATP_PPN_BITS   44
#define RV_SATP_ASID_SHIFT 44
#define RV_SATP_MODE_SHIFT 60
enum { RV_SATP_BARE = 0, RV_SATP_SV39 = 8, RV_SATP_SV48 = 9, RV_SATP_SV57 = 10 };

// Counters by their bit in mcounteren, scounteren and mcountinhibit.
enum { RV_COUNTER_CY = 0, RV_COUNTER_TM = 1, RV_COUNTER_IR = 2 };

// pmpcfg (Physical Memory Protection CSRs): the byte of one entry.
enum {
    RV_PMP_R = 1,
    RV_PMP_W = 2,
    RV_PMP_X = 4,
    RV_PMP_A_SHIFT = 3,
    RV_PMP_L = 0x80,
};
enum rv_pmp_mode { RV_PMP_OFF, RV_PMP_TOR, RV_PMP_NA4, RV_PMP_NAPOT };

// Makes mstatus.FS Dirty if FP state was written since, and returns mstatus without SD.
static inline uint64_t rv_merge_fs(struct vm_riscv64_state *s)
{
    if (s->fs_dirty) {
        s->mstatus |= RV_MSTATUS_FS;
        s->fs_dirty = 0;
    }
    return s->mstatus;
}

// Raises illegal-instruction for the current instruction. The tval 0 stands for its bits, which
// rv_take_exception supplies.
static inline void rv_raise_illegal(struct vm_vcpu *v)
{
    vm_vcpu_raise(v, RV_CAUSE_ILLEGAL, 0);
}

// --- csr.c ---

// One access to a CSR by an instruction.
struct rv_csr_access {
    struct vm_vcpu *v;
    struct vm_riscv64_state *s;
    const struct rv_config *config;
    const struct rv_csr *row;
    unsigned number; // in a row of several registers, which one
    bool read, write;
    uint64_t mask;   // the bits that the write names: all but for CSRRS and CSRRC
    uint64_t bits;   // what it has for them
    uint64_t icount; // instructions retired before this one
};

// Conditions beyond the privilege and the write permission in the address; false: illegal.
typedef bool rv_csr_check(const struct rv_csr_access *a);
typedef uint64_t rv_csr_read(const struct rv_csr_access *a);
// Takes the whole new value; bits outside a->mask are as read.
typedef void rv_csr_write(const struct rv_csr_access *a, uint64_t value);

// A row of csrs.def: `count` registers at consecutive addresses.
struct rv_csr {
    const char *name; // of the first
    uint16_t address;
    uint8_t count;
    uint8_t extension; // enum rv_ext
    rv_csr_check *check;
    rv_csr_read *read;
    rv_csr_write *write;
    uint16_t field;    // offset in the state, for rv_read_field and rv_write_field
    uint64_t writable; // mask, for rv_write_field
    const char *manual;
};

// The row that holds an address, or NULL.
const struct rv_csr *rv_csr_find(unsigned address);

// Writes the bits of `writable` to the row's field.
void rv_put_field(const struct rv_csr_access *a, uint64_t value, uint64_t writable);

// What csrs.def names: rv_check_<name>, rv_read_<name>, rv_write_<name>.
rv_csr_check rv_check_any, rv_check_fp, rv_check_seed, rv_check_counter, rv_check_stimecmp,
    rv_check_satp, rv_check_senvcfg, rv_check_sstateen, rv_check_siselect, rv_check_ireg,
    rv_check_topei, rv_check_stopi;
rv_csr_read rv_read_field, rv_read_zero, rv_read_fflags, rv_read_fcsr, rv_read_seed, rv_read_cycle,
    rv_read_time, rv_read_instret, rv_read_sstatus, rv_read_sie, rv_read_sip, rv_read_mstatus,
    rv_read_mip, rv_read_mvip, rv_read_ireg, rv_read_topei, rv_read_mtopi, rv_read_stopi;
rv_csr_write rv_write_field, rv_write_ignore, rv_write_fflags, rv_write_frm, rv_write_fcsr,
    rv_write_sstatus, rv_write_sie, rv_write_sip, rv_write_tvec, rv_write_epc, rv_write_senvcfg,
    rv_write_counteren, rv_write_stimecmp, rv_write_satp, rv_write_mstatus, rv_write_medeleg,
    rv_write_mideleg, rv_write_mie, rv_write_mip, rv_write_menvcfg, rv_write_mcountinhibit,
    rv_write_cycle, rv_write_instret, rv_write_pmpcfg, rv_write_pmpaddr, rv_write_mstateen0,
    rv_write_mvien, rv_write_mvip, rv_write_ireg, rv_write_topei;

// The values that medeleg, mideleg, menvcfg and mvien can take, by the extensions.
uint64_t rv_medeleg_mask(const struct rv_config *c);
uint64_t rv_mideleg_mask(const struct rv_config *c);
uint64_t rv_menvcfg_mask(const struct rv_config *c);
uint64_t rv_mvien_mask(const struct rv_config *c);
uint64_t rv_misa(const struct rv_config *c);

// --- trap.c ---

// Interrupts that pend: mip as a CSR read shows it.
uint64_t rv_pending(struct vm_vcpu *v);

// Of these, sip as a CSR read shows it; and sie.
uint64_t rv_supervisor_pending(const struct vm_riscv64_state *s, uint64_t pending);
uint64_t rv_supervisor_enabled(const struct vm_riscv64_state *s);

// Those that pend and are enabled for a level, whether or not its privilege mode lets them trap;
// and the one of a set that comes first.
uint64_t rv_machine_interrupts(struct vm_vcpu *v);
uint64_t rv_supervisor_interrupts(struct vm_vcpu *v);
unsigned rv_first_interrupt(uint64_t interrupts);

// Has the run loop look for an interrupt if one can be taken now; after a write to anything that
// masks or raises one.
void rv_check_interrupts(struct vm_vcpu *v);

// MRET and SRET once they are known to be legal: the new PC.
uint64_t rv_leave_machine(struct vm_vcpu *v);
uint64_t rv_leave_supervisor(struct vm_vcpu *v);

// --- counters.c ---

// Drives the STI line from stimecmp, and arms the timer, after a change of stimecmp or
// menvcfg.STCE.
void rv_update_stimer(struct vm_vcpu *v);
// Registers the hart's timer, once. False: memory is out.
bool rv_add_stimer(struct vm_vcpu *v);

// --- pmp.c ---

// The part of a page around one address in which one PMP decision holds.
struct rv_pmp_span {
    uint64_t first, last; // physical addresses of its first and last byte
    uint8_t allowed;      // VM_ACCESS_* that PMP grants there
};
// Finds the span around `gpa`, within its 4 KiB page, for an access of the given privilege.
struct rv_pmp_span rv_pmp_find(const struct vm_riscv64_state *s, uint64_t gpa, unsigned privilege);
// Recomputes the ranges of the entries from pmpcfg and pmpaddr.
void rv_pmp_update(struct vm_riscv64_state *s);

// --- config.c ---

vm_status rv_configure(const char *cpu, const struct vm_allocator *allocator, void **config,
                       struct vm_error *e);
void rv_unconfigure(void *config, const struct vm_allocator *allocator);
// Turns Smaia and Ssaia on.
vm_status rv_add_aia(void *config, struct vm_error *e);

// --- csr_aia.c ---

// The bits of mstateen0 that a hart has.
uint64_t rv_mstateen0_mask(struct vm_vcpu *v);

static inline bool rv_has_imsic(const struct vm_riscv64_state *s)
{
    return s->derived.imsic.supervisor.ops != NULL;
}

// --- functions of the table rv_helpers (helpers.c) ---

vm_ir_helper_fn rv_help_csr_read, rv_help_csr_write, rv_help_csr_swap, rv_help_csr_set,
    rv_help_csr_clear, rv_help_status, rv_help_sfence_vma, rv_help_fence_i, rv_help_cbo_zero,
    rv_help_cbo_manage;

#endif
