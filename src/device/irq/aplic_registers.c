// SPDX-License-Identifier: MIT
//
// The registers of an APLIC's interrupt domain (vm/device/aplic.h), by their names and in the order
// of the manual's "Memory-mapped control region for an interrupt domain". Sources that a domain
// does not have, and registers that do not exist, read as zero; writes to them are lost. All
// registers are little-endian, but for the one that is not meant to be.
#include "aplic.h"

#include <vm/base/bits.h>

enum {
    DOMAINCFG = 0x0000,
    SOURCECFG = 0x0000, // of source 0, which does not exist
    SOURCECFG_END = 0x1000,
    MMSIADDRCFG = 0x1bc0,
    MMSIADDRCFGH = 0x1bc4,
    SMSIADDRCFG = 0x1bc8,
    SMSIADDRCFGH = 0x1bcc,
    SETIP = 0x1c00,
    SETIPNUM = 0x1cdc,
    IN_CLRIP = 0x1d00,
    CLRIPNUM = 0x1ddc,
    SETIE = 0x1e00,
    SETIENUM = 0x1edc,
    CLRIE = 0x1f00,
    CLRIENUM = 0x1fdc,
    SETIPNUM_LE = 0x2000,
    SETIPNUM_BE = 0x2004,
    GENMSI = 0x3000,
    TARGET = 0x3000, // of source 0
    TARGET_END = 0x4000,
    IDC = 0x4000,
    IDC_SIZE = 32,
    ARRAY_SIZE = 0x80, // of setip, in_clrip, setie and clrie
};

enum {
    DOMAINCFG_DM = 1 << 2,
    DOMAINCFG_IE = 1 << 8,
    SOURCECFG_D = 1 << 10,
    SOURCECFG_SM = 7,
};
#define DOMAINCFG_FIXED UINT32_C(0x80000000)

enum { IDELIVERY = 0x00, IFORCE = 0x04, ITHRESHOLD = 0x08, TOPI = 0x18, CLAIMI = 0x1c };

// Fields; the others of mmsiaddrcfgh and smsiaddrcfgh are reserved.
#define MMSIADDRCFGH_FIELDS UINT32_C(0x9f77ffff)
#define SMSIADDRCFGH_FIELDS UINT32_C(0x00700fff)
#define TARGET_HART         (~(((uint32_t)1 << APLIC_HART_SHIFT) - 1))

static bool is_machine(const struct aplic_domain *d)
{
    return aplic_domain_number(d) == APLIC_MACHINE;
}

// --- sourcecfg ---

static uint32_t read_sourcecfg(const struct aplic_domain *d, uint32_t source)
{
    if (source == 0 || source > VM_APLIC_SOURCES)
        return 0;
    const struct aplic_source *s = &d->aplic->source[source];
    if (s->domain == aplic_domain_number(d))
        return s->mode;
    return is_machine(d) ? SOURCECFG_D : 0; // there is only child 0
}

static enum aplic_mode legal_mode(uint32_t mode)
{
    return mode == APLIC_DETACHED || mode >= APLIC_EDGE1 ? (enum aplic_mode)mode : APLIC_INACTIVE;
}

static void write_sourcecfg(struct aplic_domain *d, uint32_t source, uint32_t value)
{
    struct aplic *a = d->aplic;
    if (source == 0 || source > VM_APLIC_SOURCES)
        return;
    bool delegated = a->source[source].domain == APLIC_SUPERVISOR;
    enum aplic_mode mode = legal_mode(value & SOURCECFG_SM);
    if (value & SOURCECFG_D)
        mode = APLIC_INACTIVE;
    if (is_machine(d) && value & SOURCECFG_D) {
        if (!delegated)
            aplic_configure(a, source, APLIC_SUPERVISOR, APLIC_INACTIVE);
    } else if (is_machine(d) || delegated) {
        aplic_configure(a, source, aplic_domain_number(d), mode);
    }
    // A source that leaves the child takes its interrupt along.
    for (unsigned n = 0; n < APLIC_DOMAINS; n++)
        aplic_deliver(&a->domain[n]);
}

// --- the addresses of messages: of the root only ---

static uint32_t *address_register(struct aplic_domain *d, uint32_t offset)
{
    struct aplic *a = d->aplic;
    if (!is_machine(d) || !aplic_by_message(a))
        return NULL;
    switch (offset) {
    case MMSIADDRCFG: return &a->msi_low[APLIC_MACHINE];
    case MMSIADDRCFGH: return &a->msi_high[APLIC_MACHINE];
    case SMSIADDRCFG: return &a->msi_low[APLIC_SUPERVISOR];
    case SMSIADDRCFGH: return &a->msi_high[APLIC_SUPERVISOR];
    default: return NULL;
    }
}

static void write_address(struct aplic_domain *d, uint32_t offset, uint32_t value)
{
    uint32_t *reg = address_register(d, offset);
    if (!reg || d->aplic->msi_high[APLIC_MACHINE] & APLIC_MSI_LOCKED)
        return;
    if (offset == MMSIADDRCFGH)
        value &= MMSIADDRCFGH_FIELDS;
    if (offset == SMSIADDRCFGH)
        value &= SMSIADDRCFGH_FIELDS;
    *reg = value;
}

// --- pending and enable bits ---

static void set_pending(struct aplic_domain *d, uint32_t source)
{
    aplic_try_set(d->aplic, source);
}

static void clear_pending(struct aplic_domain *d, uint32_t source)
{
    aplic_try_clear(d->aplic, source);
}

static void set_enabled(struct aplic_domain *d, uint32_t source)
{
    aplic_put_bit(d->aplic->enabled, source, true);
}

static void clear_enabled(struct aplic_domain *d, uint32_t source)
{
    aplic_put_bit(d->aplic->enabled, source, false);
}

typedef void action(struct aplic_domain *d, uint32_t source);

static void act_on_one(struct aplic_domain *d, uint32_t source, action *act)
{
    if (aplic_is_active(d, source)) {
        act(d, source);
        aplic_deliver(d);
    }
}

static void act_on_word(struct aplic_domain *d, uint32_t word, uint32_t bits, action *act)
{
    for (; bits; bits &= bits - 1) {
        uint32_t source = 32 * word + vm_ctz32(bits);
        if (aplic_is_active(d, source))
            act(d, source);
    }
    aplic_deliver(d);
}

// The bits that `get` gives for the domain's active sources among the 32 of a word.
static uint32_t word_of(const struct aplic_domain *d, uint32_t word,
                        bool (*get)(const struct aplic *a, uint32_t source))
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < 32; i++) {
        if (aplic_is_active(d, 32 * word + i) && get(d->aplic, 32 * word + i))
            bits |= (uint32_t)1 << i;
    }
    return bits;
}

static bool is_pending(const struct aplic *a, uint32_t source)
{
    return aplic_get_bit(a->pending, source);
}

static bool is_enabled(const struct aplic *a, uint32_t source)
{
    return aplic_get_bit(a->enabled, source);
}

static uint32_t read_bits(const struct aplic_domain *d, uint32_t offset)
{
    uint32_t word = offset % ARRAY_SIZE / 4;
    switch (offset - offset % ARRAY_SIZE) {
    case SETIP: return word_of(d, word, is_pending);
    case IN_CLRIP: return word_of(d, word, aplic_input);
    case SETIE: return word_of(d, word, is_enabled);
    default: return 0;
    }
}

static void write_bits(struct aplic_domain *d, uint32_t offset, uint32_t value)
{
    uint32_t word = offset % ARRAY_SIZE / 4;
    switch (offset - offset % ARRAY_SIZE) {
    case SETIP: act_on_word(d, word, value, set_pending); return;
    case IN_CLRIP: act_on_word(d, word, value, clear_pending); return;
    case SETIE: act_on_word(d, word, value, set_enabled); return;
    case CLRIE: act_on_word(d, word, value, clear_enabled); return;
    default: break;
    }
    switch (offset) {
    case SETIPNUM:
    case SETIPNUM_LE: act_on_one(d, value, set_pending); break;
    case SETIPNUM_BE: act_on_one(d, __builtin_bswap32(value), set_pending); break;
    case CLRIPNUM: act_on_one(d, value, clear_pending); break;
    case SETIENUM: act_on_one(d, value, set_enabled); break;
    case CLRIENUM: act_on_one(d, value, clear_enabled); break;
    default: break;
    }
}

// --- genmsi and target ---

// The message is on its way when the write ends, so Busy is never seen.
static void write_genmsi(struct aplic_domain *d, uint32_t value)
{
    if (!aplic_by_message(d->aplic))
        return;
    d->genmsi = value & (TARGET_HART | APLIC_IDENTITY);
    aplic_send(d, d->genmsi >> APLIC_HART_SHIFT, d->genmsi & APLIC_IDENTITY);
}

static void write_target(struct aplic_domain *d, uint32_t source, uint32_t value)
{
    if (!aplic_is_active(d, source))
        return;
    if (aplic_by_message(d->aplic)) {
        value &= TARGET_HART | APLIC_IDENTITY; // there are no guest files
    } else {
        value &= TARGET_HART | APLIC_PRIORITY;
        if (!(value & APLIC_PRIORITY))
            value |= 1;
    }
    d->aplic->source[source].target = value;
    aplic_deliver(d);
}

// --- interrupt delivery control ---

static bool has_idc(const struct aplic_domain *d, uint32_t offset)
{
    return !aplic_by_message(d->aplic) && (offset - IDC) / IDC_SIZE < d->aplic->harts;
}

static uint32_t claim(struct aplic_domain *d, uint32_t hart)
{
    uint32_t top = aplic_top(d, hart);
    if (top)
        aplic_try_clear(d->aplic, top >> 16);
    else
        d->idc[hart].forced = false;
    aplic_deliver(d);
    return top;
}

static uint32_t read_idc(struct aplic_domain *d, uint32_t offset)
{
    uint32_t hart = (offset - IDC) / IDC_SIZE;
    if (!has_idc(d, offset))
        return 0;
    switch (offset % IDC_SIZE) {
    case IDELIVERY: return d->idc[hart].delivers;
    case IFORCE: return d->idc[hart].forced;
    case ITHRESHOLD: return d->idc[hart].threshold;
    case TOPI: return aplic_top(d, hart);
    case CLAIMI: return claim(d, hart);
    default: return 0;
    }
}

static void write_idc(struct aplic_domain *d, uint32_t offset, uint32_t value)
{
    if (!has_idc(d, offset))
        return;
    struct aplic_idc *idc = &d->idc[(offset - IDC) / IDC_SIZE];
    switch (offset % IDC_SIZE) {
    case IDELIVERY: idc->delivers = value & 1; break;
    case IFORCE: idc->forced = value & 1; break;
    case ITHRESHOLD: idc->threshold = value & APLIC_PRIORITY; break;
    default: return;
    }
    aplic_deliver(d);
}

// --- all ---

uint32_t aplic_read_register(struct aplic_domain *d, uint32_t offset)
{
    if (offset == DOMAINCFG)
        return DOMAINCFG_FIXED | (d->enabled ? DOMAINCFG_IE : 0) |
               (aplic_by_message(d->aplic) ? DOMAINCFG_DM : 0);
    if (offset < SOURCECFG_END)
        return read_sourcecfg(d, (offset - SOURCECFG) / 4);
    if (offset < SETIP) {
        const uint32_t *reg = address_register(d, offset);
        return reg ? *reg : 0;
    }
    if (offset < GENMSI)
        return read_bits(d, offset);
    if (offset == GENMSI)
        return d->genmsi;
    if (offset < TARGET_END) {
        uint32_t source = (offset - TARGET) / 4;
        return aplic_is_active(d, source) ? d->aplic->source[source].target : 0;
    }
    return read_idc(d, offset);
}

void aplic_write_register(struct aplic_domain *d, uint32_t offset, uint32_t value)
{
    if (offset == DOMAINCFG) {
        d->enabled = value & DOMAINCFG_IE;
        aplic_deliver(d);
    } else if (offset < SOURCECFG_END) {
        write_sourcecfg(d, (offset - SOURCECFG) / 4, value);
    } else if (offset < SETIP) {
        write_address(d, offset, value);
    } else if (offset < GENMSI) {
        write_bits(d, offset, value);
    } else if (offset == GENMSI) {
        write_genmsi(d, value);
    } else if (offset < TARGET_END) {
        write_target(d, (offset - TARGET) / 4, value);
    } else {
        write_idc(d, offset, value);
    }
}
