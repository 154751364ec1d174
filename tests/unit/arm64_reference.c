// SPDX-License-Identifier: MIT
#include "arm64_reference.h"

#include <stddef.h>

// The bits of the input address that each level resolves (D8 "Translation granules"), by granule.
struct level {
    int level;
    unsigned high, low;
    bool block, block52; // blocks, or only with 52-bit addresses
};

static const struct level levels4[] = {{-1, 51, 48, false, false},
                                       {0, 47, 39, false, true},
                                       {1, 38, 30, true, true},
                                       {2, 29, 21, true, true},
                                       {3, 20, 12, false, false}};
static const struct level levels16[] = {{0, 51, 47, false, false},
                                        {1, 46, 36, false, true},
                                        {2, 35, 25, true, true},
                                        {3, 24, 14, false, false}};
static const struct level levels64[] = {
    {1, 51, 42, false, true}, {2, 41, 29, true, true}, {3, 28, 16, false, false}};

static uint64_t bits(uint64_t v, unsigned high, unsigned low)
{
    unsigned n = high - low + 1;
    return v >> low & (n == 64 ? UINT64_MAX : ((uint64_t)1 << n) - 1);
}

static bool bit(uint64_t v, unsigned n)
{
    return v >> n & 1;
}

enum kind { ADDRESS_SIZE, TRANSLATION, ACCESS_FLAG, PERMISSION, EXTERNAL };

static int fault(struct ref_result *out, enum kind kind, int level)
{
    static const int normal[] = {0x00, 0x04, 0x08, 0x0c, 0x14};
    static const int below0[] = {0x29, 0x2b, -1, -1, 0x13};
    out->fsc = level < 0 ? below0[kind] : normal[kind] + level;
    return out->fsc;
}

struct geometry {
    const struct level *levels;
    unsigned granule; // KiB
    unsigned in, out;
    bool ds, wide;
};

static unsigned granule_of(uint64_t tcr, bool upper)
{
    static const unsigned tg0[] = {4, 64, 16, 4}, tg1[] = {4, 16, 4, 64};
    return upper ? tg1[bits(tcr, 31, 30)] : tg0[bits(tcr, 15, 14)];
}

static bool geometry(const struct ref_pe *pe, bool upper, struct geometry *g)
{
    static const unsigned ips[] = {32, 36, 40, 42, 44, 48, 52, 52};
    uint64_t tcr = pe->tcr;
    unsigned tsz = (unsigned)(upper ? bits(tcr, 21, 16) : bits(tcr, 5, 0));
    g->granule = granule_of(tcr, upper);
    g->levels = g->granule == 4 ? levels4 : g->granule == 16 ? levels16 : levels64;
    g->ds = g->granule != 64 && pe->lpa2 && bit(tcr, 59);
    g->wide = g->granule == 64 ? pe->lpa : g->ds;
    unsigned least = 16;
    if (g->granule == 64 ? pe->lva : g->ds)
        least = 12;
    unsigned most = 39;
    if (pe->ttst)
        most = g->granule == 64 ? 47 : 48;
    if (tsz < least || tsz > most)
        return false;
    g->in = 64 - tsz;
    g->out = ips[bits(tcr, 34, 32)];
    if (g->out > pe->pa_bits)
        g->out = pe->pa_bits;
    if (!g->wide && g->out > 48)
        g->out = 48;
    return true;
}

// The output address of a descriptor, from bit `low` on.
static uint64_t output(const struct geometry *g, uint64_t d, unsigned low)
{
    uint64_t high = 0;
    unsigned top = 47;
    if (g->granule == 64 && g->wide)
        high = bits(d, 15, 12) << 48;
    if (g->ds) {
        top = 49;
        high = bits(d, 9, 8) << 50;
    }
    return high | bits(d, top, low) << low;
}

// AP[2:1] after what the tables above say: who may do what (D8 "Data access permissions").
struct rights {
    bool el1_read, el1_write, el0_read, el0_write;
};

static struct rights data_rights(unsigned ap, unsigned aptable)
{
    static const struct rights table[] = {{true, true, false, false},
                                          {true, true, true, true},
                                          {true, false, false, false},
                                          {true, false, true, false}};
    struct rights r = table[ap];
    if (aptable & 1)
        r.el0_read = r.el0_write = false;
    if (aptable & 2)
        r.el1_write = r.el0_write = false;
    return r;
}

static bool allowed(const struct ref_pe *pe, const struct ref_access *a, struct rights r, bool uxn,
                    bool pxn)
{
    if (a->fetch && a->el0)
        return !uxn && !(pe->wxn && r.el0_write);
    if (a->fetch)
        return !pxn && !r.el0_write && !(pe->wxn && r.el1_write);
    if (a->el0)
        return a->write ? r.el0_write : r.el0_read;
    if (a->pan && r.el0_read)
        return false;
    return a->write ? r.el1_write : r.el1_read;
}

static void leaf(const struct ref_pe *pe, const struct ref_access *a, const struct geometry *g,
                 const struct level *l, uint64_t *where, bool rom, unsigned tables,
                 struct ref_result *out)
{
    uint64_t d = *where;
    bool managed = pe->hafdbs && bit(pe->tcr, 39) && bit(pe->tcr, 40) && bit(d, 51);
    bool flag_by_hardware = pe->hafdbs && bit(pe->tcr, 39);
    unsigned ap = (unsigned)bits(d, 7, 6);
    if (!bit(d, 10) && !flag_by_hardware) {
        fault(out, ACCESS_FLAG, l->level);
        return;
    }
    struct rights r = data_rights(managed ? ap & 1 : ap, tables & 3);
    if (!allowed(pe, a, r, bit(d, 54) || tables & 4, bit(d, 53) || tables & 8)) {
        fault(out, PERMISSION, l->level);
        return;
    }
    uint64_t after = d | (uint64_t)1 << 10;
    if (a->write && managed)
        after &= ~((uint64_t)1 << 7);
    if (after != d && rom) {
        fault(out, EXTERNAL, l->level);
        return;
    }
    bool upper = bit(a->va, 55);
    out->fsc = -1;
    out->descriptor = where;
    out->after = after;
    out->pa = output(g, d, l->low) | bits(a->va, l->low - 1, 0);
    out->shift = l->low;
    out->attributes = (uint8_t)(pe->mair >> 8 * bits(d, 4, 2));
    out->shareability = (uint8_t)(!g->ds  ? bits(d, 9, 8)
                                  : upper ? bits(pe->tcr, 29, 28)
                                          : bits(pe->tcr, 13, 12));
    out->global = !bit(d, 11);
    out->guarded = pe->bti && bit(d, 50);
}

static void walk(const struct ref_pe *pe, const struct ref_access *a, const struct geometry *g,
                 struct ref_result *out)
{
    bool upper = bit(a->va, 55);
    const struct level *l = g->levels;
    while (g->in - 1 < l->low)
        l++;
    // The first table: as many entries as the address has left, at an address aligned to its size.
    unsigned top = g->in - 1, align = top - l->low + 4;
    uint64_t ttbr = pe->ttbr[upper], table = bits(ttbr, 47, align) << align;
    if (g->wide && bits(pe->tcr, 34, 32) >= 6) {
        if (align < 6)
            align = 6;
        table = bits(ttbr, 47, align) << align | bits(ttbr, 5, 2) << 48;
    }
    unsigned tables = 0;
    if (table >> g->out) {
        fault(out, ADDRESS_SIZE, 0);
        return;
    }
    for (;; top = l->low - 1, l++) {
        bool rom = false;
        uint64_t *where = pe->memory(pe->context, table + 8 * bits(a->va, top, l->low), &rom);
        if (!where) {
            fault(out, EXTERNAL, l->level);
            return;
        }
        uint64_t d = *where;
        bool block = (d & 3) == 1, page = (d & 3) == 3 && l->level == 3;
        bool may = l->block || (l->block52 && g->wide);
        if (!(d & 1) || (block && !may)) {
            fault(out, TRANSLATION, l->level);
            return;
        }
        unsigned low = block || page ? l->low : g->granule == 4 ? 12 : g->granule == 16 ? 14 : 16;
        if (output(g, d, low) >> g->out) {
            fault(out, ADDRESS_SIZE, l->level);
            return;
        }
        if (block || page) {
            leaf(pe, a, g, l, where, rom, tables, out);
            return;
        }
        if (!(pe->hpds && bit(pe->tcr, upper ? 42 : 41)))
            tables |= (unsigned)bits(d, 62, 61) | (bit(d, 60) ? 4 : 0) | (bit(d, 59) ? 8 : 0);
        table = output(g, d, low);
    }
}

void ref_walk(const struct ref_pe *pe, const struct ref_access *a, struct ref_result *out)
{
    struct geometry g;
    bool upper = bit(a->va, 55);
    bool tbi = bit(pe->tcr, upper ? 38 : 37) && !(a->fetch && bit(pe->tcr, upper ? 52 : 51));
    *out = (struct ref_result){.fsc = -1};
    bool ok = geometry(pe, upper, &g);
    if (ok) {
        uint64_t above = bits(a->va, tbi ? 55 : 63, g.in);
        ok = above == (upper ? bits(UINT64_MAX, tbi ? 55 : 63, g.in) : 0);
    }
    bool off =
        bit(pe->tcr, upper ? 23 : 7) || (a->el0 && pe->e0pd && bit(pe->tcr, upper ? 56 : 55));
    if (!ok || off)
        fault(out, TRANSLATION, 0);
    else
        walk(pe, a, &g, out);
}
