// SPDX-License-Identifier: MIT
//
// Address translation, stage 1 of the EL1&0 regime (D8 "The AArch64 Virtual Memory System
// Architecture"; the pseudocode of AArch64.S1Walk and AArch64.S1CheckPermissions). Large pages come
// out as 4 KiB translations that say how large the page is.
//
// Translation tables are ordinary RAM that other PEs write: a descriptor is read once, checked, and
// its access flag and dirty state are set by compare-exchange on what was read. A table that lies
// anywhere but in memory is an external abort.
#include "system.h"

#define DESC_VALID    A64_BIT(0)
#define DESC_TABLE    A64_BIT(1) // or a page, at level 3
#define DESC_AP_EL0   A64_BIT(6)
#define DESC_AP_RO    A64_BIT(7)
#define DESC_AF       A64_BIT(10)
#define DESC_NG       A64_BIT(11)
#define DESC_GP       A64_BIT(50)
#define DESC_DBM      A64_BIT(51)
#define DESC_PXN      A64_BIT(53)
#define DESC_UXN      A64_BIT(54)
#define DESC_PXNTABLE A64_BIT(59)
#define DESC_UXNTABLE A64_BIT(60)
#define DESC_NOT_EL0  A64_BIT(61) // APTable
#define DESC_RO_BELOW A64_BIT(62)

enum { DESC_SIZE = 8, GRANULE_4K = 12, GRANULE_16K = 14, GRANULE_64K = 16, LAST_LEVEL = 3 };

struct walk {
    struct a64_walk *w;
    const struct vm_arm64_state *s;
    const struct a64_config *config;
    bool upper;
    bool ds;          // descriptors of 52-bit addresses with small granules
    bool wide;        // the output address goes to 52 bits
    uint8_t granule;  // log2 of its bytes
    uint8_t in_bits;  // of the input address
    uint8_t out_bits; // of the output address
    int level;

    uint64_t above; // what table descriptors say of everything below: APTable, UXNTable, PXNTable

    // The last descriptor.
    uint64_t descriptor;
    uint64_t *host; // where it is
    const struct vm_region *region;
};

// --- faults ---

// Notes a fault at a level, which may be -1.
static bool fail(const struct walk *k, unsigned fsc, int level)
{
    static const uint8_t minus1[] = {
        [A64_FSC_ADDRESS_SIZE] = A64_FSC_ADDRESS_SIZE_MINUS1,
        [A64_FSC_TRANSLATION] = A64_FSC_TRANSLATION_MINUS1,
        [A64_FSC_EXTERNAL_WALK] = A64_FSC_EXTERNAL_MINUS1,
    };
    k->w->fsc = (uint8_t)(level < 0 ? minus1[fsc] : fsc + (unsigned)level);
    k->w->on_walk = fsc == A64_FSC_EXTERNAL_WALK;
    return false;
}

// --- the geometry (D8 "Translation tables and the translation process") ---

static uint8_t granule_of(uint64_t tcr, bool upper)
{
    static const uint8_t tg0[] = {GRANULE_4K, GRANULE_64K, GRANULE_16K, GRANULE_4K};
    static const uint8_t tg1[] = {GRANULE_4K, GRANULE_16K, GRANULE_4K, GRANULE_64K};
    return upper ? tg1[tcr >> 30 & 3] : tg0[tcr >> 14 & 3];
}

static uint8_t output_bits(const struct walk *k)
{
    static const uint8_t sizes[] = {32, 36, 40, 42, 44, 48, 52, 52};
    uint8_t most = k->config->pa_bits;
    uint8_t asked = sizes[vm_bits(k->s->tcr[1], A64_TCR_IPS_POS, 3)];
    if (!k->wide && most > 48)
        most = 48;
    return asked < most ? asked : most;
}

// Fills in what TCR_EL1 says of the half. False: a size that is not there.
static bool find_geometry(struct walk *k, const struct a64_half *half)
{
    const struct a64_config *c = k->config;
    bool large = k->granule == GRANULE_64K;
    k->ds = !large && a64_has(c, A64_EXT_LPA2) && k->s->tcr[1] & A64_TCR_DS;
    k->wide = k->ds || (large && a64_has(c, A64_EXT_LPA));
    k->out_bits = output_bits(k);
    k->in_bits = half->size;
    unsigned most = k->ds || (large && a64_has(c, A64_EXT_LVA)) ? 52 : 48;
    unsigned least = !a64_has(c, A64_EXT_TTST) ? 25 : large ? 17 : 16;
    return half->size <= most && half->size >= least;
}

static unsigned stride_of(const struct walk *k)
{
    return k->granule - 3u;
}

static int first_level(const struct walk *k)
{
    return 4 - (int)(1 + (k->in_bits - k->granule - 1u) / stride_of(k));
}

// Log2 of the bytes that an entry of the level maps.
static unsigned level_shift(const struct walk *k, int level)
{
    return k->granule + stride_of(k) * (unsigned)(LAST_LEVEL - level);
}

// Whether blocks exist at the level.
static bool has_blocks(const struct walk *k, int level)
{
    switch (k->granule) {
    case GRANULE_4K: return level == 2 || level == 1 || (level == 0 && k->ds);
    case GRANULE_16K: return level == 2 || (level == 1 && k->ds);
    default: return level == 2 || (level == 1 && k->wide);
    }
}

// The address of the first table. Bits 51 to 48 are in the low ones of TTBRn.
static uint64_t first_table(const struct walk *k, uint64_t ttbr)
{
    enum { IPS_52 = 6, LEAST_ALIGN = 6 };
    unsigned bits = k->in_bits - level_shift(k, first_level(k)) + 3;
    uint64_t base = ttbr & vm_mask(48);
    if (k->wide && vm_bits(k->s->tcr[1], A64_TCR_IPS_POS, 3) >= IPS_52) {
        base = (base & ~vm_mask(LEAST_ALIGN)) | vm_bits(ttbr, 2, 4) << 48;
        bits = bits < LEAST_ALIGN ? LEAST_ALIGN : bits;
    }
    return base & ~vm_mask(bits);
}

// The address in a descriptor, of which the low `bits` bits are not part.
static uint64_t address_in(const struct walk *k, uint64_t descriptor, unsigned bits)
{
    uint64_t address = descriptor & vm_mask(k->ds ? 50 : 48) & ~vm_mask(bits);
    if (k->ds)
        address |= vm_bits(descriptor, 8, 2) << 50;
    else if (k->wide)
        address |= vm_bits(descriptor, 12, 4) << 48;
    return address;
}

static bool fits(const struct walk *k, uint64_t address)
{
    return address >> k->out_bits == 0;
}

// --- the tables ---

static bool read_descriptor(struct walk *k, uint64_t pa)
{
    const struct vm_region *r = k->region;
    if (!r || pa < r->base.v || pa - r->base.v >= r->size)
        r = vm_space_find(&k->w->v->machine->space, vm_gpa_of(pa));
    if (!r || !r->host)
        return fail(k, A64_FSC_EXTERNAL_WALK, k->level);
    k->region = r;
    k->host = (uint64_t *)(void *)(r->host + (pa - r->base.v));
    k->descriptor = vm_ram_load(k->host, DESC_SIZE);
    return true;
}

static bool is_leaf(const struct walk *k)
{
    return k->level == LAST_LEVEL || !(k->descriptor & DESC_TABLE);
}

static bool is_invalid(const struct walk *k)
{
    if (!(k->descriptor & DESC_VALID))
        return true;
    bool block = !(k->descriptor & DESC_TABLE);
    return block && (k->level == LAST_LEVEL || !has_blocks(k, k->level));
}

// Goes down to the leaf.
static bool find_leaf(struct walk *k, uint64_t ttbr)
{
    const uint64_t hierarchy = DESC_PXNTABLE | DESC_UXNTABLE | DESC_NOT_EL0 | DESC_RO_BELOW;
    uint64_t va = k->w->va & vm_mask(k->in_bits);
    uint64_t table = first_table(k, ttbr);
    bool ignored = a64_has(k->config, A64_EXT_HPDS) && k->s->tcr[1] & A64_TCR_HPD0 << k->upper;
    k->above = 0;
    k->level = first_level(k);
    if (!fits(k, table))
        return fail(k, A64_FSC_ADDRESS_SIZE, 0);
    unsigned width = k->in_bits; // of what is left of the address
    for (;; k->level++) {
        unsigned shift = level_shift(k, k->level);
        if (!read_descriptor(k, table + ((va & vm_mask(width)) >> shift) * DESC_SIZE))
            return false;
        if (is_invalid(k))
            return fail(k, A64_FSC_TRANSLATION, k->level);
        bool leaf = is_leaf(k);
        uint64_t address = address_in(k, k->descriptor, leaf ? shift : k->granule);
        if (!fits(k, address))
            return fail(k, A64_FSC_ADDRESS_SIZE, k->level);
        if (leaf)
            return true;
        k->above |= ignored ? 0 : k->descriptor & hierarchy;
        table = address;
        width = shift;
    }
}

// --- permissions (D8 "Memory access control") ---

// A descriptor with the dirty bit modifier is writable, in a clean state perhaps.
static bool is_managed(const struct walk *k)
{
    const uint64_t both = A64_TCR_HA | A64_TCR_HD;
    return a64_has(k->config, A64_EXT_HAFDBS) && (k->s->tcr[1] & both) == both &&
           k->descriptor & DESC_DBM;
}

static uint8_t rights(bool read, bool write, bool execute)
{
    return (uint8_t)((read ? VM_ACCESS_READ : 0) | (write ? VM_ACCESS_WRITE : 0) |
                     (execute ? VM_ACCESS_EXECUTE : 0));
}

// What the tables let this context do.
static uint8_t permissions(const struct walk *k)
{
    uint64_t d = k->descriptor, above = k->above;
    bool writable = (!(d & DESC_AP_RO) || is_managed(k)) && !(above & DESC_RO_BELOW);
    bool user = d & DESC_AP_EL0 && !(above & DESC_NOT_EL0);
    bool wxn = k->s->sctlr[1] & A64_SCTLR_WXN;
    bool user_writable = user && writable;
    if (k->w->el0) {
        bool uxn = d & DESC_UXN || above & DESC_UXNTABLE || (wxn && user_writable);
        return rights(user, user_writable, !uxn);
    }
    bool pxn = d & DESC_PXN || above & DESC_PXNTABLE || (wxn && writable) || user_writable;
    bool open = !(k->w->pan && user);
    return rights(open, writable && open, !pxn);
}

// Sets the access flag, and for a store the dirty state. *again: the descriptor changed under the
// walk, which starts anew.
static bool update_descriptor(struct walk *k, bool *again)
{
    uint64_t want = k->descriptor | DESC_AF;
    if (k->w->access == VM_ACCESS_WRITE && !k->w->probe && is_managed(k))
        want &= ~DESC_AP_RO;
    if (want == k->descriptor)
        return true;
    if (k->region->read_only)
        return fail(k, A64_FSC_EXTERNAL_WALK, k->level);
    uint64_t seen = k->descriptor;
    *again = !__atomic_compare_exchange_n(k->host, &seen, want, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST);
    if (*again)
        return true;
    k->descriptor = want;
    uint64_t offset = (uint64_t)((uint8_t *)k->host - k->region->host);
    vm_region_note_write(&k->w->v->machine->space, k->region, offset, DESC_SIZE);
    return true;
}

// One attempt at the whole walk.
static bool attempt(struct walk *k, uint64_t ttbr, bool *again)
{
    *again = false;
    if (!find_leaf(k, ttbr))
        return false;
    bool sets_flag = a64_has(k->config, A64_EXT_HAFDBS) && k->s->tcr[1] & A64_TCR_HA;
    if (!(k->descriptor & DESC_AF) && !sets_flag)
        return fail(k, A64_FSC_ACCESS_FLAG, k->level);
    if ((permissions(k) & k->w->access) != k->w->access)
        return fail(k, A64_FSC_PERMISSION, k->level);
    return update_descriptor(k, again);
}

// --- results ---

// Memory attributes of the leaf (D8 "Memory region attributes").
static void find_attributes(struct walk *k)
{
    struct a64_walk *w = k->w;
    w->attributes = (uint8_t)(k->s->mair[1] >> 8 * vm_bits(k->descriptor, 2, 3));
    uint64_t half = k->s->tcr[1] >> (k->upper ? 28 : 12) & 3;
    w->shareability = (uint8_t)(k->ds ? half : vm_bits(k->descriptor, 8, 2));
    bool device = (w->attributes & 0xf0) == 0;
    w->found.attributes = device ? VM_PAGE_ALIGNED : 0;
    if (a64_has(k->config, A64_EXT_BTI) && k->descriptor & DESC_GP)
        w->found.attributes |= A64_PAGE_GUARDED;
}

static void finish(struct walk *k)
{
    struct a64_walk *w = k->w;
    unsigned shift = level_shift(k, k->level);
    w->pa = address_in(k, k->descriptor, shift) | (w->va & vm_mask(shift));
    uint8_t allowed = permissions(k);
    if (k->descriptor & DESC_AP_RO) // the first store walks again
        allowed &= (uint8_t)~VM_ACCESS_WRITE;
    w->found = (struct vm_translation){
        .page = vm_gpa_of(w->pa & ~(uint64_t)VM_PAGE_MASK),
        .allowed = allowed,
        .shift = (uint8_t)shift,
        .last = VM_PAGE_MASK,
        .global = !(k->descriptor & DESC_NG),
    };
    find_attributes(k);
}

// Without translation: addresses are what they are, if they are not too long.
static bool translate_flat(struct a64_walk *w, const struct a64_config *c)
{
    w->pa = a64_strip_tag(a64_state(w->v), w->va, w->access == VM_ACCESS_EXECUTE);
    if (w->pa >> c->pa_bits) {
        w->fsc = A64_FSC_ADDRESS_SIZE;
        return false;
    }
    w->attributes = 0;
    w->shareability = 2;
    w->found = (struct vm_translation){
        .page = vm_gpa_of(w->pa & ~(uint64_t)VM_PAGE_MASK),
        .allowed = VM_ACCESS_READ | VM_ACCESS_WRITE | VM_ACCESS_EXECUTE,
        .shift = VM_PAGE_SHIFT,
        .last = VM_PAGE_MASK,
        .global = true,
    };
    return true;
}

// Whether the bits above the input address are what they must be: those of the half.
static bool in_range(const struct walk *k, const struct a64_half *half)
{
    uint64_t va = half->tags ? vm_sign_extend(k->w->va, 56) : k->w->va;
    return half->upper ? va >> k->in_bits == UINT64_MAX >> k->in_bits : va >> k->in_bits == 0;
}

bool a64_translate_address(struct a64_walk *w)
{
    const struct vm_arm64_state *s = a64_state(w->v);
    const struct a64_config *c = a64_config_of(w->v);
    uint64_t tcr = s->tcr[1];
    bool again = true;
    w->on_walk = false;
    if (!(s->sctlr[1] & A64_SCTLR_M))
        return translate_flat(w, c);
    struct a64_half half = a64_half_of(s, w->va, w->access == VM_ACCESS_EXECUTE);
    struct walk k = {
        .w = w, .s = s, .config = c, .upper = half.upper, .granule = granule_of(tcr, half.upper)};
    if (!find_geometry(&k, &half) || !in_range(&k, &half))
        return fail(&k, A64_FSC_TRANSLATION, 0);
    if (tcr & (half.upper ? A64_TCR_EPD1 : A64_TCR_EPD0))
        return fail(&k, A64_FSC_TRANSLATION, 0);
    if (w->el0 && a64_has(c, A64_EXT_E0PD) && tcr & A64_TCR_E0PD0 << half.upper)
        return fail(&k, A64_FSC_TRANSLATION, 0);
    while (again) {
        if (!attempt(&k, half.upper ? s->ttbr1[1] : s->ttbr0[1], &again))
            return false;
    }
    finish(&k);
    return true;
}
