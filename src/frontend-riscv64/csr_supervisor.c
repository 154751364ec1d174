// SPDX-License-Identifier: MIT
//
// The supervisor-level CSRs that are more than a field (volume II, Supervisor CSRs).
#include "system.h"

// --- sstatus: a view of mstatus ---

uint64_t rv_read_sstatus(const struct rv_csr_access *a)
{
    return rv_read_mstatus(a) & RV_SSTATUS_VISIBLE;
}

void rv_write_sstatus(const struct rv_csr_access *a, uint64_t value)
{
    uint64_t rest = rv_read_mstatus(a) & ~RV_SSTATUS_WRITABLE;
    rv_write_mstatus(a, rest | (value & RV_SSTATUS_WRITABLE));
}

// --- sie and sip: what mideleg lets through of mie and mip, else mvien of bits of their own ---

uint64_t rv_read_sie(const struct rv_csr_access *a)
{
    return rv_supervisor_enabled(a->s);
}

void rv_write_sie(const struct rv_csr_access *a, uint64_t value)
{
    uint64_t own = a->s->mvien & ~a->s->mideleg;
    a->s->sie = (a->s->sie & ~own) | (value & own);
    rv_write_mie(a, (a->s->mie & ~a->s->mideleg) | (value & a->s->mideleg));
}

uint64_t rv_read_sip(const struct rv_csr_access *a)
{
    return rv_supervisor_pending(a->s, rv_pending(a->v));
}

// SSIP and LCOFIP are writable here, the others read-only. SSIP is mip's, or else mvip's.
void rv_write_sip(const struct rv_csr_access *a, uint64_t value)
{
    const uint64_t ssi = RV_IP(VM_RISCV64_SSI);
    struct rv_csr_access part = *a;
    part.mask = a->mask & a->s->mvien & ~a->s->mideleg & ssi;
    if (part.mask)
        rv_write_mvip(&part, value);
    part.mask = a->mask & a->s->mideleg & (ssi | RV_IP_LCOFI);
    rv_write_mip(&part, value);
}

// --- trap set-up and handling, also for the machine-level registers of the same form ---

// MODE 2 and 3 are reserved: the bit that makes them so is not kept.
void rv_write_tvec(const struct rv_csr_access *a, uint64_t value)
{
    rv_put_field(a, value, ~(RV_TVEC_MODE & ~RV_TVEC_VECTOR));
}

// Bit 0 is always zero; with IALIGN=32 so is bit 1.
void rv_write_epc(const struct rv_csr_access *a, uint64_t value)
{
    rv_put_field(a, value, rv_has(a->config, RV_EXT_ZCA) ? ~(uint64_t)1 : ~(uint64_t)3);
}

void rv_write_counteren(const struct rv_csr_access *a, uint64_t value)
{
    uint64_t base = rv_has(a->config, RV_EXT_ZICNTR) ? 0x7 : 0;
    uint64_t hpm = rv_has(a->config, RV_EXT_ZIHPM) ? 0xfffffff8 : 0;
    rv_put_field(a, value, base | hpm);
}

// --- stimecmp: STCE must be set and, as for time, the counter enabled ---

bool rv_check_stimecmp(const struct rv_csr_access *a)
{
    if (a->s->privilege == VM_RISCV64_M)
        return true;
    return a->s->menvcfg & RV_ENVCFG_STCE && a->s->mcounteren >> RV_COUNTER_TM & 1;
}

// --- satp: illegal in S-mode while TVM is set; an unsupported MODE leaves it as it was ---

bool rv_check_satp(const struct rv_csr_access *a)
{
    return a->s->privilege == VM_RISCV64_M || !(a->s->mstatus & RV_MSTATUS_TVM);
}

void rv_write_satp(const struct rv_csr_access *a, uint64_t value)
{
    uint64_t mode = value >> RV_SATP_MODE_SHIFT;
    if (mode != RV_SATP_BARE && (mode < RV_SATP_SV39 || mode > a->config->satp_modes))
        return;
    a->s->satp = value;
    rv_sync(a->v);
}

// --- senvcfg, sstateen: behind mstateen0 ---

bool rv_check_senvcfg(const struct rv_csr_access *a)
{
    return a->s->privilege == VM_RISCV64_M || !rv_has(a->config, RV_EXT_SMSTATEEN) ||
           a->s->mstateen0 & RV_STATEEN_ENVCFG;
}

// Nothing that an sstateen register controls exists here, so they read as zero; those without a
// writable bit 63 in their mstateen stay closed to S-mode.
bool rv_check_sstateen(const struct rv_csr_access *a)
{
    return a->s->privilege == VM_RISCV64_M || (a->number == 0 && a->s->mstateen0 & RV_STATEEN_SE0);
}
