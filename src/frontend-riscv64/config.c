// SPDX-License-Identifier: MIT
//
// The configuration of the harts: which extensions they have, from the text of --cpu, and how the
// device tree names them.
//
//     cpu = name {"," ("+" | "-") extension}
//     name = "max" | an ISA string such as "rv64gc_zba_zbb"
//
// "+x" brings along what x depends on, "-x" takes along what depends on x; a text that asks for
// both sides of such a pair is refused. sv39, sv48 and sv57 choose the largest paging mode.
#include <vm/base/format.h>
#include <vm/base/memory.h>

#include "system.h"

enum { NAME_MAX_LENGTH = 31 };
#define BIT(e) ((uint64_t)1 << RV_EXT_##e)

static const struct {
    const char *name;
    bool in_max;
} extensions[RV_EXT_COUNT] = {
#define RV_EXT(id, name, on, text) {name, on},
#include "extensions.def"
};

// Names for several extensions.
static const struct {
    const char *name;
    uint64_t extensions;
} groups[] = {
    {"g", BIT(I) | BIT(M) | BIT(A) | BIT(F) | BIT(D) | BIT(ZICSR) | BIT(ZIFENCEI)},
    {"b", BIT(ZBA) | BIT(ZBB) | BIT(ZBS)},
};

// What an extension depends on (each in its own chapter).
static const struct {
    uint8_t extension;
    uint64_t needs;
} dependencies[] = {
    {RV_EXT_F, BIT(ZICSR)},
    {RV_EXT_D, BIT(F)},
    {RV_EXT_C, BIT(ZCA)},
    {RV_EXT_ZCB, BIT(ZCA)},
    {RV_EXT_ZCD, BIT(ZCA) | BIT(D)},
    {RV_EXT_ZCMOP, BIT(ZCA)},
    {RV_EXT_ZFHMIN, BIT(F)},
    {RV_EXT_ZFH, BIT(ZFHMIN)},
    {RV_EXT_ZFA, BIT(F)},
    {RV_EXT_ZACAS, BIT(A)},
    {RV_EXT_ZAWRS, BIT(A)},
    {RV_EXT_ZICNTR, BIT(ZICSR)},
    {RV_EXT_ZIHPM, BIT(ZICSR)},
    {RV_EXT_ZKR, BIT(ZICSR)},
    {RV_EXT_SSCOFPMF, BIT(ZIHPM)},
    // A hart with both levels has the CSRs of both.
    {RV_EXT_SSAIA, BIT(SMAIA) | BIT(ZICSR)},
    {RV_EXT_SMAIA, BIT(SSAIA) | BIT(ZICSR)},
};

// What privileged software cannot do without.
#define REQUIRED (BIT(I) | BIT(ZICSR))

static const struct {
    const char *name;
    uint8_t satp_mode;
} paging[] = {{"sv39", 8}, {"sv48", 9}, {"sv57", 10}};

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
    uint8_t satp_mode;
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

static void consider(struct word w, const char *name, unsigned *best, const char **nearest)
{
    unsigned d = distance(w, name);
    if (d < *best) {
        *best = d;
        *nearest = name;
    }
}

static vm_status unknown_extension(const struct parse *p, struct word w)
{
    unsigned best = UINT32_MAX;
    const char *nearest = "";
    if (w.length > NAME_MAX_LENGTH)
        w.length = NAME_MAX_LENGTH;
    for (size_t i = 0; i < RV_EXT_COUNT; i++)
        consider(w, extensions[i].name, &best, &nearest);
    for (size_t i = 0; i < VM_ARRAY_SIZE(groups); i++)
        consider(w, groups[i].name, &best, &nearest);
    for (size_t i = 0; i < VM_ARRAY_SIZE(paging); i++)
        consider(w, paging[i].name, &best, &nearest);
    return vm_error_set(p->e, VM_ERR_USAGE,
                        "CPU \"%s\": there is no extension \"%.*s\"; the nearest is \"%s\"", p->cpu,
                        (int)w.length, w.text, nearest);
}

// --- sets of extensions ---

// The set and all that it depends on.
static uint64_t with_needs(uint64_t set)
{
    uint64_t before;
    do {
        before = set;
        for (size_t i = 0; i < VM_ARRAY_SIZE(dependencies); i++) {
            if (set >> dependencies[i].extension & 1)
                set |= dependencies[i].needs;
        }
        if (set & BIT(C) && set & BIT(D)) // C with D is Zca and Zcd
            set |= BIT(ZCD);
    } while (set != before);
    return set;
}

// The set and all that depends on any of it, out of `on`.
static uint64_t with_dependents(uint64_t set, uint64_t on)
{
    uint64_t result = set;
    for (unsigned x = 0; x < RV_EXT_COUNT; x++) {
        if (on >> x & 1 && with_needs((uint64_t)1 << x) & set)
            result |= (uint64_t)1 << x;
    }
    if (set & BIT(ZCD) && on & BIT(D))
        result |= on & BIT(C);
    return result;
}

static const char *first_name(uint64_t set)
{
    return extensions[vm_ctz64(set)].name;
}

// The extensions that a word names; 0 for none.
static uint64_t find(struct word w)
{
    for (unsigned i = 0; i < RV_EXT_COUNT; i++) {
        if (same(w, extensions[i].name))
            return (uint64_t)1 << i;
    }
    for (size_t i = 0; i < VM_ARRAY_SIZE(groups); i++) {
        if (same(w, groups[i].name))
            return groups[i].extensions;
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
    if (set & BIT(C)) // the compressed instructions are Zca's: without C they go, unless asked for
        all |= with_dependents(BIT(ZCA) | BIT(ZCD), p->on) & ~p->wanted;
    if (all & REQUIRED)
        return vm_error_set(p->e, VM_ERR_USAGE,
                            "CPU \"%s\": %s cannot be turned off: privileged software needs it",
                            p->cpu, first_name(all & REQUIRED));
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

// Takes what is before the next separator off the text.
static struct word next_word(const char **text, char separator)
{
    struct word w = {*text, 0};
    while (w.text[w.length] && w.text[w.length] != separator && w.text[w.length] != ',')
        w.length++;
    *text += w.length + (w.text[w.length] == separator);
    return w;
}

static vm_status parse_option(struct parse *p, struct word w)
{
    bool add = w.text[0] == '+';
    if (w.length < 2 || (!add && w.text[0] != '-'))
        return vm_error_set(p->e, VM_ERR_USAGE,
                            "CPU \"%s\": \"%.*s\" should be +extension or -extension", p->cpu,
                            (int)w.length, w.text);
    struct word name = {w.text + 1, w.length - 1};
    for (size_t i = 0; i < VM_ARRAY_SIZE(paging); i++) {
        if (!same(name, paging[i].name))
            continue;
        if (!add && i == 0)
            return vm_error_set(
                p->e, VM_ERR_USAGE,
                "CPU \"%s\": sv39 is the least paging mode; it cannot be turned off", p->cpu);
        p->satp_mode = paging[add ? i : i - 1].satp_mode;
        return VM_OK;
    }
    uint64_t set = find(name);
    if (!set)
        return unknown_extension(p, name);
    return add ? turn_on(p, name, set) : turn_off(p, name, set);
}

// An ISA string's "rv64" is past: single letters, then names after underscores. G stands for the
// counters too, as it did when it was ratified; software that asks for rv64gc expects them.
static vm_status parse_isa(struct parse *p, const char **text)
{
    struct word letters = next_word(text, '_');
    for (size_t i = 0; i < letters.length; i++) {
        struct word letter = {letters.text + i, 1};
        uint64_t set = find(letter);
        if (!set)
            return unknown_extension(p, letter);
        p->on |= set | (*letter.text == 'g' ? BIT(ZICNTR) | BIT(ZIHPM) : 0);
    }
    while (**text && **text != ',') {
        struct word name = next_word(text, '_');
        uint64_t set = find(name);
        if (!set)
            return unknown_extension(p, name);
        p->on |= set;
    }
    p->on = with_needs(p->on | REQUIRED);
    return VM_OK;
}

static vm_status parse_name(struct parse *p, const char **text)
{
    const char *start = *text;
    struct word name = next_word(text, ',');
    if (same(name, "max")) {
        for (unsigned i = 0; i < RV_EXT_COUNT; i++)
            p->on |= (uint64_t)extensions[i].in_max << i;
        return VM_OK;
    }
    if (name.length > 4 && vm_compare(name.text, "rv64", 4) == 0) {
        *text = start + 4;
        vm_status status = parse_isa(p, text);
        *text += **text == ',';
        return status;
    }
    return vm_error_set(
        p->e, VM_ERR_USAGE,
        "CPU \"%s\": there is no CPU \"%.*s\"; try \"max\", or an ISA string such as "
        "\"rv64gc_zba\"",
        p->cpu, (int)name.length, name.text);
}

static vm_status parse_cpu(struct parse *p)
{
    const char *text = p->cpu;
    vm_status status = parse_name(p, &text);
    while (status == VM_OK && *text)
        status = parse_option(p, next_word(&text, ','));
    return status;
}

// --- names for the device tree ---

// Appends a zero-terminated text at `at` if it fits, and returns its end.
static size_t append(char *to, size_t size, size_t at, const char *text)
{
    return at < size ? at + vm_format(to + at, size - at, "%s", text) : at;
}

// Canonical order is that of extensions.def (volume I, ISA Extension Naming Conventions).
static void describe(struct rv_config *c)
{
    size_t at = append(c->isa_string, sizeof c->isa_string, 0, "rv64");
    size_t list = 0;
    for (unsigned i = 0; i < RV_EXT_COUNT; i++) {
        if (!rv_has(c, (enum rv_ext)i))
            continue;
        const char *name = extensions[i].name;
        if (name[1])
            at = append(c->isa_string, sizeof c->isa_string, at, "_");
        at = append(c->isa_string, sizeof c->isa_string, at, name);
        list = append(c->isa_extensions, sizeof c->isa_extensions, list, name) + 1;
    }
    c->isa_extensions_size = list;
}

const char *vm_riscv64_isa_string(const void *config)
{
    return ((const struct rv_config *)config)->isa_string;
}

const char *vm_riscv64_isa_extensions(const void *config, size_t *size)
{
    const struct rv_config *c = config;
    *size = c->isa_extensions_size;
    return c->isa_extensions;
}

const char *vm_riscv64_mmu_type(const void *config)
{
    static const char *const types[] = {"riscv,sv39", "riscv,sv48", "riscv,sv57"};
    return types[((const struct rv_config *)config)->satp_modes - paging[0].satp_mode];
}

vm_status rv_configure(const char *cpu, const struct vm_allocator *allocator, void **config,
                       struct vm_error *e)
{
    struct parse p = {.cpu = cpu ? cpu : "max", .e = e, .satp_mode = paging[2].satp_mode};
    vm_status status = parse_cpu(&p);
    if (status != VM_OK)
        return status;
    struct rv_config *c =
        allocator->alloc(allocator->context, sizeof *c, _Alignof(struct rv_config));
    if (!c)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the CPU configuration");
    vm_zero(c, sizeof *c);
    c->extensions = p.on;
    c->refused = p.refused;
    c->satp_modes = p.satp_mode;
    describe(c);
    *config = c;
    return VM_OK;
}

vm_status rv_add_aia(void *config, struct vm_error *e)
{
    struct rv_config *c = config;
    if (c->refused & (BIT(SMAIA) | BIT(SSAIA)))
        return vm_error_set(e, VM_ERR_USAGE,
                            "a machine with IMSICs needs smaia and ssaia, which --cpu turns off");
    c->extensions |= BIT(SMAIA) | BIT(SSAIA);
    describe(c);
    return VM_OK;
}

void rv_unconfigure(void *config, const struct vm_allocator *allocator)
{
    allocator->release(allocator->context, config, sizeof(struct rv_config));
}
