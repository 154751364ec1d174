// SPDX-License-Identifier: MIT
//
// The machine-level CSRs that are more than a field (volume II, Machine-Level CSRs).
//
// mip's SSIP is the interrupt line SSI itself (vcpu->irq_lines), which other harts and devices
// raise and a CSR write clears; SEIP and STIP are the OR of their line and a bit in mip.
#include "system.h"

// --- misa: constant ---

uint64_t rv_misa(const struct rv_config *c)
{
    static const struct {
        enum rv_ext extension;
        char letter;
    } letters[] = {{RV_EXT_A, 'A'}, {RV_EXT_C, 'C'}, {RV_EXT_D, 'D'},
                   {RV_EXT_F, 'F'}, {RV_EXT_I, 'I'}, {RV_EXT_M, 'M'}};
    uint64_t misa = (uint64_t)2 << 62 | 1u << ('S' - 'A') | 1u << ('U' - 'A'); // MXL: 64 bits
    for (size_t i = 0; i < VM_ARRAY_SIZE(letters); i++) {
        if (rv_has(c, letters[i].extension))
            misa |= 1u << (letters[i].letter - 'A');
    }
    if (rv_has(c, RV_EXT_ZBA) && rv_has(c, RV_EXT_ZBB) && rv_has(c, RV_EXT_ZBS))
        misa |= 1u << ('B' - 'A');
    return misa;
}

// --- mstatus ---

// SD says whether any of FS, VS and XS is Dirty; here there is only FS.
uint64_t rv_read_mstatus(const struct rv_csr_access *a)
{
    uint64_t value = rv_merge_fs(a->s);
    return (value & RV_MSTATUS_FS) == RV_MSTATUS_FS ? value | RV_MSTATUS_SD : value;
}

void rv_write_mstatus(const struct rv_csr_access *a, uint64_t value)
{
    uint64_t old = rv_merge_fs(a->s);
    uint64_t writable = RV_MSTATUS_WRITABLE;
    if ((value & RV_MSTATUS_MPP) == (uint64_t)2 << RV_MSTATUS_MPP_SHIFT) // reserved: not taken
        writable &= ~RV_MSTATUS_MPP;
    if (!rv_has(a->config, RV_EXT_F))
        writable &= ~RV_MSTATUS_FS;
    a->s->mstatus = (old & ~writable) | (value & writable);
    rv_sync(a->v);
    rv_check_interrupts(a->v);
}

// --- delegation ---

// Every exception that S- or U-mode can raise, so not the machine's own environment call; a
// misaligned fetch only with IALIGN=32.
uint64_t rv_medeleg_mask(const struct rv_config *c)
{
    uint64_t misaligned = rv_has(c, RV_EXT_ZCA) ? 0 : 1u << RV_CAUSE_FETCH_MISALIGNED;
    return misaligned | 1u << RV_CAUSE_FETCH_ACCESS | 1u << RV_CAUSE_ILLEGAL |
           1u << RV_CAUSE_BREAKPOINT | 1u << RV_CAUSE_LOAD_MISALIGNED | 1u << RV_CAUSE_LOAD_ACCESS |
           1u << RV_CAUSE_STORE_MISALIGNED | 1u << RV_CAUSE_STORE_ACCESS | 1u << RV_CAUSE_ECALL_U |
           1u << RV_CAUSE_ECALL_S | 1u << RV_CAUSE_FETCH_PAGE | 1u << RV_CAUSE_LOAD_PAGE |
           1u << RV_CAUSE_STORE_PAGE;
}

static uint64_t counter_overflow(const struct rv_config *c)
{
    return rv_has(c, RV_EXT_SSCOFPMF) ? RV_IP_LCOFI : 0;
}

uint64_t rv_mideleg_mask(const struct rv_config *c)
{
    return RV_IP_S | counter_overflow(c);
}

void rv_write_medeleg(const struct rv_csr_access *a, uint64_t value)
{
    rv_put_field(a, value, rv_medeleg_mask(a->config));
}

void rv_write_mideleg(const struct rv_csr_access *a, uint64_t value)
{
    rv_put_field(a, value, rv_mideleg_mask(a->config));
    rv_check_interrupts(a->v);
}

// --- mie, mip ---

void rv_write_mie(const struct rv_csr_access *a, uint64_t value)
{
    uint64_t writable = RV_IP_M | RV_IP_S | counter_overflow(a->config);
    a->s->mie = value & writable;
    rv_check_interrupts(a->v);
}

uint64_t rv_read_mip(const struct rv_csr_access *a)
{
    return rv_pending(a->v);
}

// A read shows lines that a write must not make permanent: only the bits that the instruction names
// change.
void rv_write_mip(const struct rv_csr_access *a, uint64_t value)
{
    uint64_t ssi = RV_IP(VM_RISCV64_SSI);
    uint64_t soft = counter_overflow(a->config);
    if (!(a->s->mvien & RV_IP(VM_RISCV64_SEI))) // else software's bit is mvip's alone
        soft |= RV_IP(VM_RISCV64_SEI);
    if (!(a->s->menvcfg & RV_ENVCFG_STCE)) // else STIP follows stimecmp
        soft |= RV_IP(VM_RISCV64_STI);
    soft &= a->mask;
    a->s->mip = (a->s->mip & ~soft) | (value & soft);
    if (a->mask & ssi)
        vm_vcpu_set_irq(a->v, VM_RISCV64_SSI, (value & ssi) != 0);
    rv_check_interrupts(a->v);
}

// --- menvcfg, senvcfg ---

static uint64_t cbo_mask(const struct rv_config *c)
{
    return (rv_has(c, RV_EXT_ZICBOM) ? RV_ENVCFG_CBIE | RV_ENVCFG_CBCFE : 0) |
           (rv_has(c, RV_EXT_ZICBOZ) ? RV_ENVCFG_CBZE : 0);
}

uint64_t rv_menvcfg_mask(const struct rv_config *c)
{
    return RV_ENVCFG_FIOM | cbo_mask(c) | (rv_has(c, RV_EXT_SVADU) ? RV_ENVCFG_ADUE : 0) |
           (rv_has(c, RV_EXT_SVPBMT) ? RV_ENVCFG_PBMTE : 0) |
           (rv_has(c, RV_EXT_SSTC) ? RV_ENVCFG_STCE : 0);
}

// CBIE 2 is reserved: the field keeps its value.
static void write_envcfg(const struct rv_csr_access *a, uint64_t value, uint64_t writable)
{
    if ((value & RV_ENVCFG_CBIE) == (uint64_t)2 << 4)
        writable &= ~RV_ENVCFG_CBIE;
    rv_put_field(a, value, writable);
}

void rv_write_senvcfg(const struct rv_csr_access *a, uint64_t value)
{
    write_envcfg(a, value, RV_ENVCFG_FIOM | cbo_mask(a->config));
}

void rv_write_menvcfg(const struct rv_csr_access *a, uint64_t value)
{
    uint64_t old = a->s->menvcfg;
    write_envcfg(a, value, rv_menvcfg_mask(a->config));
    if ((old ^ a->s->menvcfg) & RV_ENVCFG_STCE) {
        // From now on STIP is stimecmp's signal alone, or else software's bit, which starts at 0.
        a->s->mip &= ~RV_IP(VM_RISCV64_STI);
        rv_update_stimer(a->v);
    }
    rv_sync(a->v);
    rv_check_interrupts(a->v);
}
