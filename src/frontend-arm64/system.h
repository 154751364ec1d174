// SPDX-License-Identifier: MIT
//
// What the files of the frontend's system half share: fields of the system registers, and the
// functions by which register writes, exceptions and page walks act on one another. Section names
// are those of the manual.
#ifndef A64_SYSTEM_H
#define A64_SYSTEM_H

#include "frontend.h"

#define A64_BIT(n) ((uint64_t)1 << (n))

// SCTLR_EL1.
#define A64_SCTLR_M     A64_BIT(0)
#define A64_SCTLR_A     A64_BIT(1)
#define A64_SCTLR_C     A64_BIT(2)
#define A64_SCTLR_SA    A64_BIT(3)
#define A64_SCTLR_SA0   A64_BIT(4)
#define A64_SCTLR_NAA   A64_BIT(6)
#define A64_SCTLR_UMA   A64_BIT(9)
#define A64_SCTLR_I     A64_BIT(12)
#define A64_SCTLR_ENDB  A64_BIT(13)
#define A64_SCTLR_DZE   A64_BIT(14)
#define A64_SCTLR_UCT   A64_BIT(15)
#define A64_SCTLR_NTWI  A64_BIT(16)
#define A64_SCTLR_NTWE  A64_BIT(18)
#define A64_SCTLR_WXN   A64_BIT(19)
#define A64_SCTLR_SPAN  A64_BIT(23)
#define A64_SCTLR_UCI   A64_BIT(26)
#define A64_SCTLR_ENDA  A64_BIT(27)
#define A64_SCTLR_ENIB  A64_BIT(30)
#define A64_SCTLR_ENIA  A64_BIT(31)
#define A64_SCTLR_MSCEN A64_BIT(33)
#define A64_SCTLR_BT0   A64_BIT(35)
#define A64_SCTLR_BT1   A64_BIT(36)
#define A64_SCTLR_DSSBS A64_BIT(44)

// TCR_EL1. Of fields that exist for both halves: those of TTBR0; TTBR1's are elsewhere.
#define A64_TCR_EPD0     A64_BIT(7)
#define A64_TCR_A1       A64_BIT(22)
#define A64_TCR_EPD1     A64_BIT(23)
#define A64_TCR_IPS_POS  32
#define A64_TCR_AS       A64_BIT(36)
#define A64_TCR_TBI0     A64_BIT(37)
#define A64_TCR_HA       A64_BIT(39)
#define A64_TCR_HD       A64_BIT(40)
#define A64_TCR_HPD0     A64_BIT(41)
#define A64_TCR_TBID0    A64_BIT(51)
#define A64_TCR_E0PD0    A64_BIT(55)
#define A64_TCR_DS       A64_BIT(59)
#define A64_TTBR_ASID    ((uint64_t)0xffff << 48)
#define A64_TTBR_CNP     A64_BIT(0)
#define A64_TTBR_ADDRESS (~(A64_TTBR_ASID | A64_TTBR_CNP))

// SPSR_EL1 and PSTATE (C5.2 "SPSR_EL1").
#define A64_SPSR_DIT       A64_BIT(24)
#define A64_SPSR_UAO       A64_BIT(23)
#define A64_SPSR_PAN       A64_BIT(22)
#define A64_SPSR_SS        A64_BIT(21)
#define A64_SPSR_IL        A64_BIT(20)
#define A64_SPSR_SSBS      A64_BIT(12)
#define A64_SPSR_BTYPE_POS 10
#define A64_SPSR_M         0x1f // AArch32, exception level, 0, SP
#define A64_SPSR_AARCH32   0x10
#define A64_DAIF_D         A64_BIT(9)
#define A64_DAIF_A         A64_BIT(8)
#define A64_DAIF_I         A64_BIT(7)
#define A64_DAIF_F         A64_BIT(6)
#define A64_DAIF           (A64_DAIF_D | A64_DAIF_A | A64_DAIF_I | A64_DAIF_F)

// Bits of state.stale.
enum { A64_STALE_CONTEXT = 1, A64_STALE_CODE = 2 };

// Parts of the syndrome of aborts (ESR_EL1, "ISS encoding for an exception from a Data Abort").
enum {
    A64_ISS_WNR = 1 << 6,
    A64_ISS_CM = 1 << 8,
    A64_FSC_ADDRESS_SIZE = 0x00, // of level 0; levels 1 to 3 are added
    A64_FSC_TRANSLATION = 0x04,
    A64_FSC_ACCESS_FLAG = 0x08,
    A64_FSC_PERMISSION = 0x0c,
    A64_FSC_EXTERNAL = 0x10,
    A64_FSC_EXTERNAL_WALK = 0x14,
    A64_FSC_ALIGNMENT = 0x21,
    A64_FSC_ADDRESS_SIZE_MINUS1 = 0x29,
    A64_FSC_TRANSLATION_MINUS1 = 0x2b,
    A64_FSC_EXTERNAL_MINUS1 = 0x13,
    A64_FSC_DEBUG = 0x22,
};

// The class of a syndrome.
static inline enum a64_ec a64_ec_of(uint64_t esr)
{
    return (enum a64_ec)(esr >> 26 & 0x3f);
}

// vcpu->mmu_index: the current context; A64_MMU_UNPRIV is not among the values.
enum { A64_INDEX = 8, A64_INDEX_EL1 = 1, A64_INDEX_PAN = 2 };

// --- context.c ---

// What TCR_EL1 says of the half of the address space that holds `va`.
struct a64_half {
    bool upper;
    bool tags;    // the top byte is ignored (for fetches: unless TBID)
    uint8_t size; // log2 of the bytes; what TnSZ says, legal or not
};
struct a64_half a64_half_of(const struct vm_arm64_state *s, uint64_t va, bool fetch);

// The address without its tag, where that is ignored.
uint64_t a64_strip_tag(const struct vm_arm64_state *s, uint64_t va, bool fetch);

// Whether debug exceptions are enabled from exception level `el` (D2 "Debug exception enables").
bool a64_debug_enabled(const struct vm_arm64_state *s, uint64_t el, uint64_t daif);

// The stack pointer of the current level becomes sp_el's, or the other way round.
void a64_bank_sp(struct vm_arm64_state *s);
void a64_unbank_sp(struct vm_arm64_state *s);

// --- exception.c ---

// NZCV as SPSR and the NZCV register have it, bits 31 to 28.
uint64_t a64_nzcv(const struct vm_arm64_state *s);
void a64_set_nzcv_bits(struct vm_arm64_state *s, uint64_t bits);

bool a64_take_exception(struct vm_vcpu *v);
bool a64_take_interrupt(struct vm_vcpu *v);

// The interrupts that pend, as the bits of DAIF that mask them and of ISR_EL1.
uint64_t a64_pending(struct vm_vcpu *v);

// Has the run loop look for an interrupt if one can be taken now.
void a64_check_interrupts(struct vm_vcpu *v);

// --- walk.c ---

enum a64_fault { A64_WALK_OK, A64_WALK_FAULT };

struct a64_walk {
    struct vm_vcpu *v;
    uint64_t va;
    enum vm_access access;
    bool el0;   // with the permissions of EL0
    bool pan;   // and PSTATE.PAN
    bool probe; // an address translation instruction: leaves dirty state alone

    // Out.
    uint8_t fsc; // of a fault
    bool on_walk;
    struct vm_translation found;
    uint64_t pa;
    uint8_t attributes; // of MAIR_EL1
    uint8_t shareability;
};
// Translates w->va. False: w->fsc says why not.
bool a64_translate_address(struct a64_walk *w);

bool a64_walk(struct vm_vcpu *v, vm_gva gva, enum vm_access access, unsigned index,
              struct vm_translation *out);
void a64_access_failed(struct vm_vcpu *v, vm_gva gva, enum vm_access access,
                       enum vm_access_error error);

// --- sysreg.c ---

// One access to a system register by MRS or MSR that could not be lowered to IR.
struct a64_sysreg;
struct a64_access {
    struct vm_vcpu *v;
    struct vm_arm64_state *s;
    const struct a64_config *config;
    const struct a64_sysreg *row;
    unsigned n;      // of several registers in a row, which one
    uint16_t number; // A64_SYS
    bool write;
    uint64_t icount; // instructions retired before this one
};

// Whether EL0 may make the access. False: it traps to EL1.
typedef bool a64_sysreg_check(const struct a64_access *a);
typedef uint64_t a64_sysreg_read(const struct a64_access *a);
typedef void a64_sysreg_write(const struct a64_access *a, uint64_t value);

enum a64_rights { A64_NO, A64_R, A64_W, A64_RW };

// What has to follow a write.
enum a64_follow {
    A64_GO_ON,   // nothing: what it changes is looked at at run time
    A64_CONTEXT, // the next context synchronization event makes it count
    A64_NEXT,    // the block ends, so that requests are seen
    A64_RESYNC,  // everything is looked up anew
};

// A row of sysregs.def: `count` registers whose numbers are `step` apart.
struct a64_sysreg {
    const char *name;
    uint16_t number, count, step;
    uint8_t extension;       // enum a64_ext
    uint8_t el0, el1;        // enum a64_rights
    a64_sysreg_check *check; // for EL0, NULL: always
    a64_sysreg_read *read;   // NULL: the field in the state
    a64_sysreg_write *write; // NULL: the field
    uint16_t field;          // offset in the state
    uint8_t follow;          // enum a64_follow
    uint64_t writable;       // bits of the field
};

// The row for a number that the configuration has, or NULL.
const struct a64_sysreg *a64_find_sysreg(const struct a64_config *c, uint16_t number);
const struct a64_sysreg *a64_sysreg_row(unsigned index);
unsigned a64_sysreg_index(const struct a64_sysreg *row);

// The bits of a field row that can be written in this configuration, and those that are always 1.
uint64_t a64_writable(const struct a64_config *c, const struct a64_sysreg *row);
uint64_t a64_res1(const struct a64_config *c, const struct a64_sysreg *row);

// The ID registers (idregs.c): op0 3, op1 0, CRn 0, CRm 1 to 7; what is reserved there is 0.
uint64_t a64_id_register(const struct a64_config *c, uint16_t number);

// The offset in the state of a field row's register with that number.
unsigned a64_sysreg_offset(const struct a64_sysreg *row, uint16_t number);
// Writes the bits of a field row that are writable.
void a64_put_field(const struct a64_access *a, uint64_t value);

// What sysregs.def names.
a64_sysreg_read a64_read_zero, a64_read_midr, a64_read_ctr, a64_read_clidr, a64_read_ccsidr,
    a64_read_dczid, a64_read_isr, a64_read_cntfrq, a64_read_cntpct, a64_read_cnt_ctl,
    a64_read_cnt_cval, a64_read_tval, a64_read_oslsr, a64_read_dbgclaimset, a64_read_dbgclaimclr,
    a64_read_dbgauthstatus, a64_read_pmcr, a64_read_pmcntenset, a64_read_pmintenset,
    a64_read_pmovsset, a64_read_pmceid0, a64_read_pmccntr, a64_read_pmevcntr, a64_read_pmevtyper,
    a64_read_pmxevcntr, a64_read_pmxevtyper, a64_read_pmccfiltr, a64_read_gic;
a64_sysreg_write a64_write_ignore, a64_write_cnt_ctl, a64_write_cnt_cval, a64_write_tval,
    a64_write_mdscr, a64_write_debug, a64_write_oslar, a64_write_osdlr, a64_write_dbgclaimset,
    a64_write_dbgclaimclr, a64_write_pmcr, a64_write_pmcntenset, a64_write_pmcntenclr,
    a64_write_pmintenset, a64_write_pmintenclr, a64_write_pmovsset, a64_write_pmovsclr,
    a64_write_pmswinc, a64_write_pmccntr, a64_write_pmevcntr, a64_write_pmevtyper,
    a64_write_pmxevcntr, a64_write_pmxevtyper, a64_write_pmccfiltr, a64_write_gic;
a64_sysreg_check a64_check_uct, a64_check_counter, a64_check_timer, a64_check_tdcc, a64_check_pmu,
    a64_check_pmu_cycle, a64_check_pmu_event, a64_check_pmu_software;

// The syndrome of a trap of an MRS, MSR or SYS (sem_system.c).
uint32_t a64_trap_iss(const struct a64_translate *t);

// --- kinds of the helpers for maintenance (cache.c, at.c) ---

enum { A64_IC_ALL, A64_IC_ALL_PES, A64_IC_ADDRESS };
enum { A64_DC_CLEAN, A64_DC_INVALIDATE, A64_DC_SET_WAY };
enum { A64_AT_WRITE = 1, A64_AT_EL0 = 2, A64_AT_PAN = 4 };

// --- help_wait.c ---

bool a64_has_work(struct vm_vcpu *v);

// --- timer.c ---

// When the system counter reaches a value, by the host's clock; VM_TIMER_NEVER: not in its range.
uint64_t a64_time_of(uint64_t value);
// Whether the event stream has had an event since it was asked last; when the next one comes.
bool a64_stream_event(struct vm_vcpu *v, uint64_t *next);

// Registers the PE's timers, once. False: memory is out.
bool a64_add_timers(struct vm_vcpu *v);
// Drives the lines of the timers, and arms them, after a change of their registers.
void a64_update_timers(struct vm_vcpu *v);

// --- debug.c ---

// Breakpoints that can match CONTEXTIDR_EL1: the last ones.
enum { A64_CONTEXT_BREAKPOINTS = 2 };

// Whether breakpoints or watchpoints are enabled and may match at the current level.
bool a64_has_breakpoints(const struct vm_arm64_state *s);
bool a64_has_watchpoints(const struct vm_arm64_state *s);
// The exception after an instruction under software step.
void a64_raise_step(struct vm_vcpu *v);
// A translation of `va` that leaves out what is watched. False: `va` itself is, and the exception
// is raised.
bool a64_limit_by_watchpoints(const struct a64_walk *w, struct vm_translation *t);
// Whether bytes behind `va`, in its page, are watched for the access.
bool a64_watchpoint_behind(struct vm_vcpu *v, uint64_t va, enum vm_access access, bool el0);

// --- pmu.c ---

bool a64_add_pmu_timer(struct vm_vcpu *v);
// Before and after anything that starts or stops counters, with the instructions retired by then.
void a64_pmu_pause(struct vm_vcpu *v, uint64_t icount);
void a64_pmu_resume(struct vm_vcpu *v, uint64_t icount);
// Looks for overflows where one may have come.
void a64_pmu_look(struct vm_vcpu *v);
// A64_MODE_COUNT if instructions have to be counted.
uint32_t a64_pmu_mode(const struct vm_arm64_state *s);

// --- config.c ---

vm_status a64_configure(const char *cpu, const struct vm_allocator *allocator, void **config,
                        struct vm_error *e);
void a64_unconfigure(void *config, const struct vm_allocator *allocator);

void a64_reset(struct vm_vcpu *v, uint64_t entry); // guest.c

#endif
