// SPDX-License-Identifier: MIT
//
// Volume II: "Physical Memory Protection", "Virtual Address Translation Process", "Sv39", "Sv48",
// "Sv57", "Svnapot", "Svpbmt", "Svadu". Steps are numbered as the manual numbers them.
#include "riscv_reference.h"

// --- PMP, byte by byte ---

static bool entry_matches(const struct ref_hart *h, int i, uint64_t byte)
{
    uint64_t word = byte / 4; // what pmpaddr counts
    int mode = h->pmpcfg[i] / 8 % 4;
    if (mode == 1) {
        uint64_t bottom = i == 0 ? 0 : h->pmpaddr[i - 1];
        return bottom <= word && word < h->pmpaddr[i];
    }
    if (mode == 2)
        return word == h->pmpaddr[i];
    if (mode == 3) {
        uint64_t ignore = 1; // low address bits that do not take part: the trailing ones and a zero
        for (uint64_t a = h->pmpaddr[i]; a & 1; a /= 2)
            ignore = ignore * 2 + 1;
        return (word | ignore) == (h->pmpaddr[i] | ignore);
    }
    return false;
}

int ref_pmp_entry(const struct ref_hart *h, uint64_t address)
{
    for (int i = 0; i < 16; i++) {
        if (entry_matches(h, i, address))
            return i;
    }
    return -1;
}

bool ref_pmp(const struct ref_hart *h, unsigned privilege, uint64_t address, unsigned size,
             enum ref_access access)
{
    // "The lowest-numbered entry that matches any byte ... must match all bytes."
    int lowest = -1;
    for (int i = 15; i >= 0; i--) {
        for (unsigned b = 0; b < size; b++) {
            if (entry_matches(h, i, address + b))
                lowest = i;
        }
    }
    if (lowest < 0)
        return privilege == 3;
    for (unsigned b = 0; b < size; b++) {
        if (!entry_matches(h, lowest, address + b))
            return false;
    }
    bool lock = h->pmpcfg[lowest] >= 0x80;
    if (privilege == 3 && !lock)
        return true;
    static const uint8_t bit[] = {[REF_READ] = 1, [REF_WRITE] = 2, [REF_EXECUTE] = 4};
    return (h->pmpcfg[lowest] & bit[access]) != 0;
}

// --- the walk ---

struct pte {
    bool v, r, w, x, u, a, d, n;
    unsigned pbmt;
    uint64_t ppn, reserved;
};

static struct pte split(uint64_t p)
{
    return (struct pte){
        .v = p & 1,
        .r = p >> 1 & 1,
        .w = p >> 2 & 1,
        .x = p >> 3 & 1,
        .u = p >> 4 & 1,
        .a = p >> 6 & 1,
        .d = p >> 7 & 1,
        .ppn = p >> 10 & 0xfffffffffffull,
        .reserved = p >> 54 & 0x7f,
        .pbmt = p >> 61 & 3,
        .n = p >> 63,
    };
}

static struct ref_result page_fault(enum ref_access access)
{
    static const int cause[] = {[REF_READ] = 13, [REF_WRITE] = 15, [REF_EXECUTE] = 12};
    return (struct ref_result){.cause = cause[access]};
}

static struct ref_result access_fault(enum ref_access access)
{
    static const int cause[] = {[REF_READ] = 5, [REF_WRITE] = 7, [REF_EXECUTE] = 1};
    return (struct ref_result){.cause = cause[access]};
}

// The access itself, once its physical address is known.
static struct ref_result physical(const struct ref_hart *h, uint64_t address,
                                  enum ref_access access, struct ref_result so_far)
{
    if (!ref_pmp(h, h->privilege, address, 1, access)) {
        so_far.cause = access_fault(access).cause;
        return so_far;
    }
    so_far.cause = -1;
    so_far.address = address;
    return so_far;
}

static bool leaf_allows(const struct ref_hart *h, const struct pte *p, enum ref_access access)
{
    // 6: the U bit
    if (h->privilege == 0 && !p->u)
        return false;
    if (h->privilege == 1 && p->u && (access == REF_EXECUTE || !h->sum))
        return false;
    // 8: R, W, X
    if (access == REF_READ)
        return p->r || (h->mxr && p->x);
    return access == REF_WRITE ? p->w : p->x;
}

struct ref_result ref_walk(const struct ref_hart *h, uint64_t va, enum ref_access access)
{
    unsigned mode = h->satp >> 60;
    struct ref_result result = {0};
    if (h->privilege == 3 || mode == 0)
        return physical(h, va, access, result);
    int levels = mode == 8 ? 3 : mode == 9 ? 4 : 5;
    int bits = 12 + 9 * levels;
    int64_t extended = (int64_t)(va << (64 - bits)) >> (64 - bits);
    if ((uint64_t)extended != va)
        return page_fault(access);

    uint64_t vpn[5];
    for (int i = 0; i < levels; i++)
        vpn[i] = va >> (12 + 9 * i) & 511;
    // 1
    uint64_t a = (h->satp & 0xfffffffffffull) * 4096;
    for (int i = levels - 1;; i--) {
        // 2
        uint64_t address = a + vpn[i] * 8;
        enum ref_kind kind = h->kind(h->memory, address);
        if ((kind != REF_RAM && kind != REF_ROM) || !ref_pmp(h, 1, address, 8, REF_READ))
            return access_fault(access);
        uint64_t raw = h->read(h->memory, address);
        struct pte p = split(raw);
        // 3
        if (!p.v || (!p.r && p.w) || p.reserved)
            return page_fault(access);
        if (!p.r && !p.x) {
            // 4: a pointer
            if (p.a || p.d || p.u || p.n || p.pbmt || i == 0)
                return page_fault(access);
            a = p.ppn * 4096;
            continue;
        }
        if ((p.n && !h->napot) || (p.pbmt && !h->pbmt) || p.pbmt == 3)
            return page_fault(access);
        uint64_t ppn = p.ppn;
        if (p.n) { // Svnapot: only 64 KiB regions of 4 KiB pages
            if (i != 0 || ppn % 16 != 8)
                return page_fault(access);
            ppn = ppn - 8 + vpn[0] % 16;
        }
        // 5
        for (int k = 0; k < i; k++) {
            if (ppn >> (9 * k) & 511)
                return page_fault(access);
        }
        if (!leaf_allows(h, &p, access))
            return page_fault(access);
        // 9
        if (!p.a || (access == REF_WRITE && !p.d)) {
            if (!h->hardware_ad)
                return page_fault(access);
            if (kind != REF_RAM || !ref_pmp(h, 1, address, 8, REF_WRITE))
                return access_fault(access);
            result.pte_written = true;
            result.pte_address = address;
            result.pte = raw | 1u << 6 | (access == REF_WRITE ? 1u << 7 : 0);
        }
        // 10
        for (int k = 0; k < i; k++)
            ppn |= vpn[k] << (9 * k);
        return physical(h, ppn * 4096 + va % 4096, access, result);
    }
}
