// SPDX-License-Identifier: MIT
//
// fflags, frm and fcsr (volume I, chapter "F", Floating-Point Control and Status Register), and the
// entropy source's seed (chapter "Cryptography Extensions", The seed CSR).
#include "system.h"

enum { FFLAGS_MASK = 0x1f, FRM_SHIFT = 5, FRM_MASK = 7 };

// Any access to FP state is illegal while mstatus.FS is Off (Extension Context Status).
bool rv_check_fp(const struct rv_csr_access *a)
{
    return (a->s->mstatus & RV_MSTATUS_FS) != 0;
}

uint64_t rv_read_fflags(const struct rv_csr_access *a)
{
    return a->s->fp.flags & FFLAGS_MASK;
}

uint64_t rv_read_fcsr(const struct rv_csr_access *a)
{
    return a->s->frm << FRM_SHIFT | rv_read_fflags(a);
}

void rv_write_fflags(const struct rv_csr_access *a, uint64_t value)
{
    a->s->fp.flags = value & FFLAGS_MASK;
    a->s->mstatus |= RV_MSTATUS_FS;
}

void rv_write_frm(const struct rv_csr_access *a, uint64_t value)
{
    struct vm_riscv64_state *s = a->s;
    s->frm = value & FRM_MASK;
    s->fp.round = s->frm <= VM_FP_RMM ? (uint8_t)s->frm : VM_FP_RNE;
    s->mstatus |= RV_MSTATUS_FS;
    rv_sync(a->v);
}

void rv_write_fcsr(const struct rv_csr_access *a, uint64_t value)
{
    rv_write_fflags(a, value);
    rv_write_frm(a, value >> FRM_SHIFT);
}

// Access Control to seed: by mseccfg.SSEED and USEED below M-mode; an instruction that only reads
// is illegal everywhere.
bool rv_check_seed(const struct rv_csr_access *a)
{
    if (!a->write)
        return false;
    switch (a->s->privilege) {
    case VM_RISCV64_M: return true;
    case VM_RISCV64_S: return (a->s->mseccfg & RV_MSECCFG_SSEED) != 0;
    default: return (a->s->mseccfg & RV_MSECCFG_USEED) != 0;
    }
}

// Always ES16: 16 fresh bits.
uint64_t rv_read_seed(const struct rv_csr_access *a)
{
    enum { ES16 = 2, OPST_SHIFT = 30 };
    const struct vm_host *host = a->v->machine->host;
    uint16_t entropy;
    host->random(host->context, &entropy, sizeof entropy);
    return (uint64_t)ES16 << OPST_SHIFT | entropy;
}
