// SPDX-License-Identifier: MIT
//
// What the PE says of itself: the ID registers from the configuration (D19.2, ID_AA64*), and those
// of the caches, which are there in name only.
#include "system.h"

// `value` in the field at `pos` if the feature is there.
static uint64_t with(const struct a64_config *c, enum a64_ext e, unsigned pos, uint64_t value)
{
    return a64_has(c, e) ? value << pos : 0;
}

static uint64_t pfr0(const struct a64_config *c)
{
    const uint64_t none = 0xf;
    uint64_t fp = !a64_has(c, A64_EXT_FP) ? none : a64_has(c, A64_EXT_FP16);
    uint64_t simd = !a64_has(c, A64_EXT_ASIMD) ? none : a64_has(c, A64_EXT_FP16);
    uint64_t el0_el1 = 0x11; // AArch64 alone
    return el0_el1 | fp << 16 | simd << 20 | (uint64_t)c->has_gic << 24 |
           with(c, A64_EXT_DIT, 48, 1) | with(c, A64_EXT_CSV2, 56, 1) |
           with(c, A64_EXT_CSV3, 60, 1);
}

static uint64_t pfr1(const struct a64_config *c)
{
    return with(c, A64_EXT_BTI, 0, 1) | with(c, A64_EXT_SSBS, 4, 2);
}

static uint64_t dfr0(const struct a64_config *c)
{
    const uint64_t armv8 = 6, context_aware = A64_CONTEXT_BREAKPOINTS - 1;
    return armv8 | with(c, A64_EXT_PMUV3, 8, 1) | (VM_ARM64_BREAKPOINTS - 1) << 12 |
           (VM_ARM64_WATCHPOINTS - 1) << 20 | context_aware << 28;
}

static uint64_t isar0(const struct a64_config *c)
{
    return with(c, A64_EXT_AES, 4, a64_has(c, A64_EXT_PMULL) ? 2 : 1) |
           with(c, A64_EXT_SHA1, 8, 1) |
           with(c, A64_EXT_SHA256, 12, a64_has(c, A64_EXT_SHA512) ? 2 : 1) |
           with(c, A64_EXT_CRC32, 16, 1) | with(c, A64_EXT_LSE, 20, 2) |
           with(c, A64_EXT_RDM, 28, 1) | with(c, A64_EXT_SHA3, 32, 1) |
           with(c, A64_EXT_SM3, 36, 1) | with(c, A64_EXT_SM4, 40, 1) |
           with(c, A64_EXT_DOTPROD, 44, 1) | with(c, A64_EXT_FHM, 48, 1) |
           with(c, A64_EXT_FLAGM, 52, a64_has(c, A64_EXT_FLAGM2) ? 2 : 1) |
           with(c, A64_EXT_TLBIOS, 56, a64_has(c, A64_EXT_TLBIRANGE) ? 2 : 1) |
           with(c, A64_EXT_RNG, 60, 1);
}

// Pointer authentication is by QARMA5.
static uint64_t isar1(const struct a64_config *c)
{
    return with(c, A64_EXT_DPB, 0, a64_has(c, A64_EXT_DPB2) ? 2 : 1) |
           with(c, A64_EXT_PAUTH, 4, 1) | with(c, A64_EXT_JSCVT, 12, 1) |
           with(c, A64_EXT_FCMA, 16, 1) |
           with(c, A64_EXT_LRCPC, 20, a64_has(c, A64_EXT_LRCPC2) ? 2 : 1) |
           with(c, A64_EXT_PAUTH, 24, 1) | with(c, A64_EXT_FRINTTS, 32, 1) |
           with(c, A64_EXT_SB, 36, 1) | with(c, A64_EXT_BF16, 44, 1) | with(c, A64_EXT_I8MM, 52, 1);
}

static uint64_t isar2(const struct a64_config *c)
{
    return with(c, A64_EXT_WFXT, 0, 2) | with(c, A64_EXT_MOPS, 16, 1) |
           with(c, A64_EXT_HBC, 20, 1) | with(c, A64_EXT_CSSC, 52, 1);
}

static uint64_t mmfr0(const struct a64_config *c)
{
    static const uint8_t sizes[] = {32, 36, 40, 42, 44, 48, 52};
    const uint64_t asids16 = 2;
    uint64_t range = 0;
    while (sizes[range] < c->pa_bits)
        range++;
    uint64_t wide = a64_has(c, A64_EXT_LPA2);
    uint64_t granule16 = 1 + wide, granule4 = wide;
    return range | asids16 << 4 | granule16 << 20 | granule4 << 28;
}

// ECBHB: what contains branch targets (CSV2) contains branch history, of which there is none.
static uint64_t mmfr1(const struct a64_config *c)
{
    return with(c, A64_EXT_HAFDBS, 0, 2) | with(c, A64_EXT_HPDS, 12, 1) |
           with(c, A64_EXT_PAN, 20, 2) | with(c, A64_EXT_CSV2, 60, 1);
}

static uint64_t mmfr2(const struct a64_config *c)
{
    const uint64_t cnp = 1;
    return cnp | with(c, A64_EXT_UAO, 4, 1) | with(c, A64_EXT_LVA, 16, 1) |
           with(c, A64_EXT_TTST, 28, 1) | with(c, A64_EXT_LSE2, 32, 1) |
           with(c, A64_EXT_TTL, 48, 1) | with(c, A64_EXT_E0PD, 60, 1);
}

// The registers of AArch32 (CRm 1 to 3) are 0: it is not there.
uint64_t a64_id_register(const struct a64_config *c, uint16_t number)
{
    switch (number) {
    case A64_SYS(3, 0, 0, 4, 0): return pfr0(c);
    case A64_SYS(3, 0, 0, 4, 1): return pfr1(c);
    case A64_SYS(3, 0, 0, 5, 0): return dfr0(c);
    case A64_SYS(3, 0, 0, 6, 0): return isar0(c);
    case A64_SYS(3, 0, 0, 6, 1): return isar1(c);
    case A64_SYS(3, 0, 0, 6, 2): return isar2(c);
    case A64_SYS(3, 0, 0, 7, 0): return mmfr0(c);
    case A64_SYS(3, 0, 0, 7, 1): return mmfr1(c);
    case A64_SYS(3, 0, 0, 7, 2): return mmfr2(c);
    default: return 0;
    }
}

uint64_t a64_read_midr(const struct a64_access *a)
{
    return a->config->midr;
}

// --- caches (D19.2 "CTR_EL0", "CLIDR_EL1", "CCSIDR_EL1", "DCZID_EL0") ---

// Lines of 64 bytes, virtually addressed as if physically (PIPT); data need not be cleaned for
// fetches (IDC), but what was translated must be invalidated (no DIC).
uint64_t a64_read_ctr(const struct a64_access *a)
{
    enum { LINE = 4, PIPT = 3 }; // words, log2
    const uint64_t idc = A64_BIT(28), res1 = A64_BIT(31);
    (void)a;
    return res1 | idc | LINE << 24 | LINE << 20 | LINE << 16 | PIPT << 14 | LINE;
}

// Separate first-level caches, a unified one behind them; coherent from there.
uint64_t a64_read_clidr(const struct a64_access *a)
{
    enum { SEPARATE = 3, UNIFIED = 4 };
    const uint64_t louis = 1, loc = 2, louu = 1;
    (void)a;
    return SEPARATE | UNIFIED << 3 | louis << 21 | loc << 24 | louu << 27;
}

// By CSSELR_EL1: 32 KiB and 512 KiB, 4 and 8 ways.
uint64_t a64_read_ccsidr(const struct a64_access *a)
{
    enum { LINE64 = 2, L1_SETS = 128, L1_WAYS = 4, L2_SETS = 1024, L2_WAYS = 8 };
    const uint64_t l1 = (uint64_t)(L1_SETS - 1) << 13 | (L1_WAYS - 1) << 3 | LINE64;
    const uint64_t l2 = (uint64_t)(L2_SETS - 1) << 13 | (L2_WAYS - 1) << 3 | LINE64;
    return a->s->csselr_el1 <= 1 ? l1 : a->s->csselr_el1 == 2 ? l2 : 0;
}

uint64_t a64_read_dczid(const struct a64_access *a)
{
    enum { WORDS = 4, PROHIBITED = 1 << 4 }; // 64 bytes
    return a->s->el == 0 && !(a->s->sctlr[1] & A64_SCTLR_DZE) ? WORDS | PROHIBITED : WORDS;
}
