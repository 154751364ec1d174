// SPDX-License-Identifier: MIT
//
// What the files of this frontend share. `a64_` names do not leave the module. "The manual" is the
// Arm Architecture Reference Manual for A-profile, DDI 0487.
#ifndef A64_FRONTEND_H
#define A64_FRONTEND_H

#include <vm/base/bits.h>
#include <vm/core/arch/arm64/state.h>
#include <vm/core/machine.h>
#include <vm/frontend-arm64/frontend.h>
#include <vm/ir/builder.h>

enum a64_ext {
#define A64_EXT(id, name, on, text) A64_EXT_##id,
#include "extensions.def"
    A64_EXT_COUNT,
};

// Shared by the machine's PEs; constant once the board is there.
struct a64_config {
    uint64_t extensions; // bit per enum a64_ext
    uint64_t *coverage;  // per table row, or NULL
    uint64_t midr;       // MIDR_EL1
    uint8_t pa_bits;     // physical addresses: 32 to 52
    bool has_gic;        // the board has a GIC with system registers
};

static inline bool a64_has(const struct a64_config *c, enum a64_ext e)
{
    return c->extensions >> e & 1;
}

// Execution-mode bits (vcpu->mode): all of the PE's state that a translation may depend on.
enum {
    A64_MODE_EL = 3,           // exception level
    A64_MODE_FP_TRAP = 1 << 2, // FP and SIMD instructions trap here (CPACR_EL1.FPEN)
    A64_MODE_FP_DN = 1 << 3,   // FPCR.DN: NaN results are the default NaN
    A64_MODE_FP_ENV = 1 << 4,  // FPCR has FZ, FZ16 or AHP: rules come from the FP environment
    A64_MODE_ALIGN = 1 << 5,   // SCTLR.A: alignment check of every access
    // SP is no multiple of 16, and SCTLR.SA or SA0 says that it must be where it is a base. Writes
    // of SP by translated code keep this bit right (sem_address.c).
    A64_MODE_SP_MISALIGNED = 1 << 6,
    A64_MODE_UNPRIV_EL0 = 1 << 7, // LDTR, STTR act as EL0 (EL1 without UAO); see A64_MMU_UNPRIV
    A64_MODE_BTI = 1 << 8,        // SCTLR.BT0 or BT1: PACIASP, PACIBSP refuse BTYPE 3
    A64_MODE_STEP = 1 << 9,       // software step, active-not-pending: one instruction (whose IR
                                  // begins with the helper `step`), then A64_MODE_STEP_DONE
    A64_MODE_DEBUG = 1 << 10,     // breakpoints of the guest are enabled and may match
    A64_MODE_PAUTH_IA = 1 << 11,  // SCTLR.EnIA, EnIB, EnDA, EnDB: without it the instructions of
    A64_MODE_PAUTH_IB = 1 << 12,  // that key do nothing
    A64_MODE_PAUTH_DA = 1 << 13,
    A64_MODE_PAUTH_DB = 1 << 14,
    A64_MODE_STEP_DONE = 1 << 15, // active-pending: no instruction, but the exception
    A64_MODE_ILLEGAL = 1 << 16,   // PSTATE.IL: no instruction, but the exception
    A64_MODE_SP_EL0 = 1 << 17,    // PSTATE.SP is 0 above EL0: SP is SP_EL0
    A64_MODE_NO_MOPS = 1 << 18,   // SCTLR.MSCEn is 0 at EL0: memory copies and sets are UNDEFINED
    A64_MODE_NAA = 1 << 19,       // SCTLR.nAA: ordered accesses may be misaligned anywhere
    A64_MODE_COUNT = 1 << 20,     // an overflow of counted instructions comes at state.pmu_limit
    // Of the code page, not of the PE: the translation table says that it is guarded (GP). The
    // attribute bit A64_PAGE_GUARDED of its translation.
    A64_MODE_GUARDED = 1 << 24,
};
enum { A64_PAGE_GUARDED = 1 };

// The MMU index field of memory ops: 0 the current context, 1 that of unprivileged accesses.
enum { A64_MMU_CURRENT = 0, A64_MMU_UNPRIV = 1 };

// Indexes of the register file (regfile.c).
enum a64_reg {
    A64_REG_X = 0, // x0 to x30
    A64_REG_SP = 31,
    A64_REG_PC = 32,
    A64_REG_NZCV = 33, // VM_FLAGS
    A64_REG_V = 34,    // v0 to v31, VM_V128
    A64_REG_QC = 66,   // VM_V128, class VM_REG_VECTOR
#define A64_REGISTER(id, name, field, type, class) A64_REG_##id,
    A64_REG_LAST_FIXED = A64_REG_QC,
#include "registers.def"
    A64_REG_COUNT,
};
extern const struct vm_regfile a64_regfile;

// The entry BTYPE, struct vm_arm64_state's btype: PSTATE.BTYPE in the low bits, above them how many
// instructions had retired when it was set. For an instruction that is not the next one it is 0, so
// that no instruction but a branch need write it.
enum { A64_BTYPE_BITS = 2 };

// The helpers that IR calls.
enum a64_helper {
#define A64_HELPER(id, args, result, effects, ...) A64_HELP_##id,
#include "helpers.def"
    A64_HELPER_COUNT,
};
#define A64_HELPER(id, args, result, effects, ...) \
    uint64_t a64_help_##id(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
#include "helpers.def"
extern const struct vm_ir_helper a64_helpers[];
extern const uint16_t a64_pauth_reads[]; // help_pauth.c
extern const struct vm_ir_pointer_code a64_pauth_adding, a64_pauth_checking;

// struct vm_exception of this guest: cause is the syndrome (ESR_ELx) as it will be recorded, but
// that EC is the one for an exception from a lower level where the two differ (the entry turns it
// into that of the same level); value is FAR_ELx. Exception classes: the manual, ESR_EL1.
enum a64_ec {
    A64_EC_UNKNOWN = 0x00,
    A64_EC_WFX = 0x01,
    A64_EC_FP = 0x07, // access to FP or SIMD trapped by CPACR_EL1
    A64_EC_PAC_TRAP = 0x09,
    A64_EC_BTI = 0x0d,
    A64_EC_ILLEGAL_STATE = 0x0e,
    A64_EC_SVC = 0x15,
    A64_EC_HVC = 0x16,
    A64_EC_SMC = 0x17,
    A64_EC_SYSREG = 0x18,
    A64_EC_INSN_ABORT = 0x20,
    A64_EC_PC_ALIGN = 0x22,
    A64_EC_DATA_ABORT = 0x24,
    A64_EC_SP_ALIGN = 0x26,
    A64_EC_MOPS = 0x27,
    A64_EC_FP_EXCEPTION = 0x2c,
    A64_EC_BREAKPOINT = 0x30,
    A64_EC_STEP = 0x32,
    A64_EC_WATCHPOINT = 0x34,
    A64_EC_BRK = 0x3c,
};
#define A64_ESR(ec, iss) ((uint64_t)(ec) << 26 | (uint64_t)1 << 25 | (iss))

// Causes that are none of the guest's. A branch to an address whose tag is to be ignored: the PC
// becomes the address without it (shared/functions/registers/BranchTo). And: instructions have been
// executed up to an overflow of a counter (A64_MODE_COUNT).
#define A64_CAUSE_TAGGED_PC UINT64_MAX
#define A64_CAUSE_COUNT     (UINT64_MAX - 1)

// The number of a system register or instruction as in bits 20 to 5 of MRS, MSR, SYS and SYSL: op0
// (2 bits), op1 (3), CRn (4), CRm (4), op2 (3).
#define A64_SYS(op0, op1, crn, crm, op2) \
    ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

#include "args.h"

// A semantic function's view of the instruction that it lowers.
struct a64_translate {
    struct vm_ir_builder *b;
    const struct a64_config *config;
    uint64_t offset; // from the page base of the block's entry PC
    uint32_t word;
    uint32_t mode;
    bool alone;     // as in struct vm_translate
    bool ends;      // out: appended a terminator
    bool checks_sp; // out: SP was written and may have become, or ceased to be, misaligned
};

// Semantic functions: they append IR for one instruction (the insn marker is there already), and
// set t->ends when they append a terminator.
typedef void a64_semantic(struct a64_translate *t, const struct a64_args *a);

// Decoder (generated by tools/isagen from isa/*.isa). NULL row: no such instruction.
struct a64_row {
    const char *name;
    const char *manual; // section
    a64_semantic *semantic;
    uint16_t index; // for coverage counters
    uint8_t class;  // enum a64_class
    uint16_t text;  // for a64_write_insn
};
const struct a64_row *a64_decode(const struct a64_config *c, uint32_t word, struct a64_args *a);

void a64_translate_insn(struct vm_translate *t); // translate.c
unsigned a64_disassemble(const void *config, uint64_t pc, const uint8_t *bytes, size_t available,
                         char *out, size_t size); // disassemble.c
// Ends the block with the exception of syndrome A64_ESR(ec, iss) at this instruction.
void a64_raise(struct a64_translate *t, enum a64_ec ec, uint32_t iss); // translate.c
void a64_undefined(struct a64_translate *t);                           // translate.c

// Recomputes vcpu->mode and the TLB contexts from the state.
void a64_sync(struct vm_vcpu *v);

static inline struct vm_arm64_state *a64_state(struct vm_vcpu *v)
{
    return v->state;
}

// PSTATE.BTYPE of the instruction that comes next.
static inline unsigned a64_btype(const struct vm_vcpu *v)
{
    uint64_t btype = ((const struct vm_arm64_state *)v->state)->btype;
    return btype >> A64_BTYPE_BITS == v->icount ? (unsigned)vm_bits(btype, 0, A64_BTYPE_BITS) : 0;
}

// Sets it for the instruction before which `icount` instructions have retired.
static inline void a64_set_next_btype(struct vm_vcpu *v, uint64_t icount, unsigned type)
{
    a64_state(v)->btype = icount << A64_BTYPE_BITS | type;
}

static inline const struct a64_config *a64_config_of(const struct vm_vcpu *v)
{
    return v->machine->config;
}

#endif
