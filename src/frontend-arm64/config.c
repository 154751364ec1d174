// SPDX-License-Identifier: MIT
//
// The configuration of the PEs: which features they have, from the text of --cpu.
//
//     cpu = name {"," ("+" | "-") feature}
//     name = "max" | a row of `models`
//
// "+x" brings along what x depends on, "-x" takes along what depends on x; a text that asks for
// both sides of such a pair is refused.
#include <vm/base/format.h>
#include <vm/base/memory.h>

#include "system.h"

enum { NAME_MAX_LENGTH = 31 };
#define BIT(e) ((uint64_t)1 << A64_EXT_##e)

static const struct {
    const char *name;
    bool in_max;
} features[A64_EXT_COUNT] = {
#define A64_EXT(id, name, on, text) {name, on},
#include "extensions.def"
};
_Static_assert((int)A64_EXT_COUNT <= 64, "a bit each");

// What a feature depends on (the manual, A2 "Armv8-A Architecture Extensions").
static const struct {
    uint8_t feature;
    uint64_t needs;
} dependencies[] = {
    {A64_EXT_FP, BIT(ASIMD)},         {A64_EXT_ASIMD, BIT(FP)},
    {A64_EXT_RDM, BIT(ASIMD)},        {A64_EXT_DOTPROD, BIT(ASIMD)},
    {A64_EXT_FP16, BIT(FP)},          {A64_EXT_FHM, BIT(FP16)},
    {A64_EXT_JSCVT, BIT(FP)},         {A64_EXT_FCMA, BIT(ASIMD)},
    {A64_EXT_FRINTTS, BIT(FP)},       {A64_EXT_I8MM, BIT(ASIMD)},
    {A64_EXT_BF16, BIT(ASIMD)},       {A64_EXT_AES, BIT(ASIMD)},
    {A64_EXT_PMULL, BIT(AES)},        {A64_EXT_SHA1, BIT(ASIMD) | BIT(SHA256)},
    {A64_EXT_SHA256, BIT(SHA1)},      {A64_EXT_SHA512, BIT(SHA256) | BIT(SHA3)},
    {A64_EXT_SHA3, BIT(SHA512)},      {A64_EXT_SM3, BIT(ASIMD) | BIT(SM4)},
    {A64_EXT_SM4, BIT(SM3)},          {A64_EXT_LSE2, BIT(LSE)},
    {A64_EXT_LRCPC2, BIT(LRCPC)},     {A64_EXT_FLAGM2, BIT(FLAGM)},
    {A64_EXT_DPB2, BIT(DPB)},         {A64_EXT_UAO, BIT(PAN)},
    {A64_EXT_TLBIRANGE, BIT(TLBIOS)}, {A64_EXT_LPA2, BIT(LPA) | BIT(LVA)},
    {A64_EXT_E0PD, BIT(CSV3)},
};

// What software cannot do without.
#define REQUIRED BIT(BASE)

#define ARMV8_0                                                                          \
    (BIT(BASE) | BIT(FP) | BIT(ASIMD) | BIT(CRC32) | BIT(AES) | BIT(PMULL) | BIT(SHA1) | \
     BIT(SHA256) | BIT(PMUV3))
#define ARMV8_2                                                                                 \
    (ARMV8_0 | BIT(LSE) | BIT(RDM) | BIT(PAN) | BIT(UAO) | BIT(DPB) | BIT(HPDS) | BIT(HAFDBS) | \
     BIT(FP16) | BIT(DOTPROD) | BIT(LRCPC) | BIT(SSBS) | BIT(CSV2) | BIT(CSV3))

static const struct {
    const char *name;
    uint64_t features, midr;
    uint8_t pa_bits;
} models[] = {
    {"cortex-a53", ARMV8_0, 0x410fd034, 40}, {"cortex-a57", ARMV8_0, 0x411fd070, 44},
    {"cortex-a72", ARMV8_0, 0x410fd083, 44}, {"cortex-a55", ARMV8_2, 0x412fd050, 40},
    {"cortex-a76", ARMV8_2, 0x414fd0b1, 40}, {"neoverse-n1", ARMV8_2, 0x414fd0c1, 48},
};

// "max" is nobody's: implementer 0 is software's, and the architecture is in the ID registers.
enum { MIDR_OF_MAX = 0x000f0010 };

// A piece of the text.
struct word {
    const char *text;
    size_t length;
};

struct parse {
    const char *cpu; // the whole text, for messages
    struct vm_error *e;
    uint64_t on;
    uint64_t wanted;  // by "+", with what they need
    uint64_t refused; // by "-"
    uint64_t midr;
    uint8_t pa_bits; // 0: as the features say
};

static bool same(struct word w, const char *name)
{
    return vm_text_length(name) == w.length && vm_compare(w.text, name, w.length) == 0;
}

// --- the nearest known name ---

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

// How many characters must be added, removed or changed; `w` is at most NAME_MAX_LENGTH long.
static unsigned distance(struct word w, const char *name)
{
    unsigned row[NAME_MAX_LENGTH + 1];
    for (unsigned i = 0; i <= w.length; i++)
        row[i] = i;
    for (unsigned j = 0; name[j]; j++) {
        unsigned diagonal = row[0];
        row[0] = j + 1;
        for (unsigned i = 0; i < w.length; i++) {
            unsigned change = diagonal + (w.text[i] != name[j]);
            diagonal = row[i + 1];
            row[i + 1] = min3(change, row[i] + 1, diagonal + 1);
        }
    }
    return row[w.length];
}

static vm_status unknown_feature(const struct parse *p, struct word w)
{
    unsigned best = UINT32_MAX;
    const char *nearest = "";
    if (w.length > NAME_MAX_LENGTH)
        w.length = NAME_MAX_LENGTH;
    for (size_t i = 0; i < A64_EXT_COUNT; i++) {
        unsigned d = distance(w, features[i].name);
        if (d < best) {
            best = d;
            nearest = features[i].name;
        }
    }
    return vm_error_set(p->e, VM_ERR_USAGE,
                        "CPU \"%s\": there is no feature \"%.*s\"; the nearest is \"%s\"", p->cpu,
                        (int)w.length, w.text, nearest);
}

// --- sets of features ---

// The set and all that it depends on.
static uint64_t with_needs(uint64_t set)
{
    uint64_t before;
    do {
        before = set;
        for (size_t i = 0; i < VM_ARRAY_SIZE(dependencies); i++) {
            if (set >> dependencies[i].feature & 1)
                set |= dependencies[i].needs;
        }
    } while (set != before);
    return set;
}

// The set and all that depends on any of it, out of `on`.
static uint64_t with_dependents(uint64_t set, uint64_t on)
{
    uint64_t result = set;
    for (unsigned x = 0; x < A64_EXT_COUNT; x++) {
        if (on >> x & 1 && with_needs((uint64_t)1 << x) & set)
            result |= (uint64_t)1 << x;
    }
    return result;
}

static const char *first_name(uint64_t set)
{
    return features[vm_ctz64(set)].name;
}

static uint64_t find(struct word w)
{
    for (unsigned i = 0; i < A64_EXT_COUNT; i++) {
        if (same(w, features[i].name))
            return (uint64_t)1 << i;
    }
    return 0;
}

static vm_status turn_on(struct parse *p, struct word name, uint64_t set)
{
    uint64_t all = with_needs(set);
    if (all & p->refused)
        return vm_error_set(p->e, VM_ERR_USAGE,
                            "CPU \"%s\": \"+%.*s\" needs %s, which is turned off", p->cpu,
                            (int)name.length, name.text, first_name(all & p->refused));
    p->wanted |= all;
    p->on = with_needs(p->on | all);
    return VM_OK;
}

static vm_status turn_off(struct parse *p, struct word name, uint64_t set)
{
    uint64_t all = with_dependents(set, p->on);
    if (all & REQUIRED)
        return vm_error_set(p->e, VM_ERR_USAGE, "CPU \"%s\": %s cannot be turned off", p->cpu,
                            first_name(all & REQUIRED));
    uint64_t clash = all & p->wanted;
    if (clash)
        return vm_error_set(
            p->e, VM_ERR_USAGE, "CPU \"%s\": \"-%.*s\" turns off %s, which is asked for", p->cpu,
            (int)name.length, name.text, first_name(clash & ~set ? clash & ~set : clash));
    p->refused |= set;
    p->on &= ~all;
    return VM_OK;
}

// --- the text ---

// Takes what is before the next comma off the text.
static struct word next_word(const char **text)
{
    struct word w = {*text, 0};
    while (w.text[w.length] && w.text[w.length] != ',')
        w.length++;
    *text += w.length + (w.text[w.length] == ',');
    return w;
}

static vm_status parse_option(struct parse *p, struct word w)
{
    bool add = w.text[0] == '+';
    if (w.length < 2 || (!add && w.text[0] != '-'))
        return vm_error_set(p->e, VM_ERR_USAGE,
                            "CPU \"%s\": \"%.*s\" should be +feature or -feature", p->cpu,
                            (int)w.length, w.text);
    struct word name = {w.text + 1, w.length - 1};
    uint64_t set = find(name);
    if (!set)
        return unknown_feature(p, name);
    return add ? turn_on(p, name, set) : turn_off(p, name, set);
}

static vm_status parse_name(struct parse *p, const char **text)
{
    struct word name = next_word(text);
    if (same(name, "max")) {
        p->midr = MIDR_OF_MAX;
        for (unsigned i = 0; i < A64_EXT_COUNT; i++)
            p->on |= (uint64_t)features[i].in_max << i;
        return VM_OK;
    }
    for (size_t i = 0; i < VM_ARRAY_SIZE(models); i++) {
        if (!same(name, models[i].name))
            continue;
        p->on = models[i].features;
        p->midr = models[i].midr;
        p->pa_bits = models[i].pa_bits;
        return VM_OK;
    }
    return vm_error_set(p->e, VM_ERR_USAGE,
                        "CPU \"%s\": there is no CPU \"%.*s\"; try \"max\", \"cortex-a72\" or "
                        "\"neoverse-n1\"",
                        p->cpu, (int)name.length, name.text);
}

static vm_status parse_cpu(struct parse *p)
{
    const char *text = p->cpu;
    vm_status status = parse_name(p, &text);
    while (status == VM_OK && *text)
        status = parse_option(p, next_word(&text));
    return status;
}

static uint8_t pa_bits(const struct parse *p)
{
    if (p->on & (BIT(LPA) | BIT(LPA2)))
        return 52;
    return p->pa_bits ? p->pa_bits : 48;
}

vm_status a64_configure(const char *cpu, const struct vm_allocator *allocator, void **config,
                        struct vm_error *e)
{
    struct parse p = {.cpu = cpu ? cpu : "max", .e = e};
    vm_status status = parse_cpu(&p);
    if (status != VM_OK)
        return status;
    struct a64_config *c =
        allocator->alloc(allocator->context, sizeof *c, _Alignof(struct a64_config));
    if (!c)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the CPU configuration");
    *c = (struct a64_config){.extensions = p.on, .midr = p.midr, .pa_bits = pa_bits(&p)};
    *config = c;
    return VM_OK;
}

void a64_unconfigure(void *config, const struct vm_allocator *allocator)
{
    allocator->release(allocator->context, config, sizeof(struct a64_config));
}
