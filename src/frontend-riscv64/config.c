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
#include <vm/core/cpu_text.h>

#include "system.h"

#define BIT(e) ((uint64_t)1 << RV_EXT_##e)

static const struct vm_cpu_feature known[RV_EXT_COUNT] = {
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
static const struct vm_cpu_dependency dependencies[] = {
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

// C with D is Zca and Zcd.
static uint64_t implied(uint64_t set)
{
    return set & BIT(C) && set & BIT(D) ? BIT(ZCD) : 0;
}

static const struct vm_cpu_features extensions = {
    .noun = "extension",
    .list = known,
    .dependencies = dependencies,
    .count = RV_EXT_COUNT,
    .dependency_count = VM_ARRAY_SIZE(dependencies),
    .required = REQUIRED,
    .implied = implied,
};

static const struct {
    const char *name;
    uint8_t satp_mode;
} paging[] = {{"sv39", 8}, {"sv48", 9}, {"sv57", 10}};

struct parse {
    struct vm_cpu_choice choice;
    uint8_t satp_mode;
};

static vm_status unknown_extension(const struct parse *p, struct vm_cpu_word w)
{
    struct vm_cpu_nearest nearest = {0};
    for (size_t i = 0; i < VM_ARRAY_SIZE(groups); i++)
        vm_cpu_consider(&nearest, w, groups[i].name);
    for (size_t i = 0; i < VM_ARRAY_SIZE(paging); i++)
        vm_cpu_consider(&nearest, w, paging[i].name);
    return vm_cpu_unknown(&p->choice, w, nearest);
}

// The extensions that a word names; 0 for none.
static uint64_t find(struct vm_cpu_word w)
{
    for (size_t i = 0; i < VM_ARRAY_SIZE(groups); i++) {
        if (vm_cpu_word_is(w, groups[i].name))
            return groups[i].extensions;
    }
    return vm_cpu_find(&extensions, w);
}

static uint64_t with_dependents(uint64_t set, uint64_t on)
{
    uint64_t result = vm_cpu_with_dependents(&extensions, set, on);
    return set & BIT(ZCD) && on & BIT(D) ? result | (on & BIT(C)) : result;
}

static vm_status turn_off(struct vm_cpu_choice *c, struct vm_cpu_word name, uint64_t set)
{
    uint64_t all = with_dependents(set, c->on);
    if (set & BIT(C)) // the compressed instructions are Zca's: without C they go, unless asked for
        all |= with_dependents(BIT(ZCA) | BIT(ZCD), c->on) & ~c->wanted;
    return vm_cpu_turn_off(c, name, set, all);
}

// --- the text ---

static vm_status choose_paging(struct parse *p, size_t i, bool add)
{
    if (!add && i == 0)
        return vm_error_set(p->choice.e, VM_ERR_USAGE,
                            "CPU \"%s\": sv39 is the least paging mode; it cannot be turned off",
                            p->choice.cpu);
    p->satp_mode = paging[add ? i : i - 1].satp_mode;
    return VM_OK;
}

static vm_status parse_option(struct parse *p, struct vm_cpu_word name)
{
    bool add;
    vm_status status = vm_cpu_take_sign(&p->choice, &name, &add);
    if (status != VM_OK)
        return status;
    for (size_t i = 0; i < VM_ARRAY_SIZE(paging); i++) {
        if (vm_cpu_word_is(name, paging[i].name))
            return choose_paging(p, i, add);
    }
    uint64_t set = find(name);
    if (!set)
        return unknown_extension(p, name);
    return add ? vm_cpu_turn_on(&p->choice, name, set) : turn_off(&p->choice, name, set);
}

// An ISA string's "rv64" is past: single letters, then names after underscores. G stands for the
// counters too, as it did when it was ratified; software that asks for rv64gc expects them.
static vm_status parse_isa(struct parse *p, const char **text)
{
    struct vm_cpu_word letters = vm_cpu_next_word(text, '_');
    for (size_t i = 0; i < letters.length; i++) {
        struct vm_cpu_word letter = {letters.text + i, 1};
        uint64_t set = find(letter);
        if (!set)
            return unknown_extension(p, letter);
        p->choice.on |= set | (*letter.text == 'g' ? BIT(ZICNTR) | BIT(ZIHPM) : 0);
    }
    while (**text && **text != ',') {
        struct vm_cpu_word name = vm_cpu_next_word(text, '_');
        uint64_t set = find(name);
        if (!set)
            return unknown_extension(p, name);
        p->choice.on |= set;
    }
    p->choice.on = vm_cpu_with_needs(&extensions, p->choice.on | REQUIRED);
    return VM_OK;
}

static vm_status parse_name(struct parse *p, const char **text)
{
    const char *start = *text;
    struct vm_cpu_word name = vm_cpu_next_word(text, ',');
    if (vm_cpu_word_is(name, "max")) {
        p->choice.on = vm_cpu_max(&extensions);
        return VM_OK;
    }
    if (name.length > 4 && vm_compare(name.text, "rv64", 4) == 0) {
        *text = start + 4;
        vm_status status = parse_isa(p, text);
        *text += **text == ',';
        return status;
    }
    return vm_error_set(
        p->choice.e, VM_ERR_USAGE,
        "CPU \"%s\": there is no CPU \"%.*s\"; try \"max\", or an ISA string such as "
        "\"rv64gc_zba\"",
        p->choice.cpu, (int)name.length, name.text);
}

static vm_status parse_cpu(struct parse *p)
{
    const char *text = p->choice.cpu;
    vm_status status = parse_name(p, &text);
    while (status == VM_OK && *text)
        status = parse_option(p, vm_cpu_next_word(&text, ','));
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
        const char *name = known[i].name;
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
    struct parse p = {.choice = {.features = &extensions, .cpu = cpu ? cpu : "max", .e = e},
                      .satp_mode = paging[2].satp_mode};
    vm_status status = parse_cpu(&p);
    if (status != VM_OK)
        return status;
    struct rv_config *c =
        allocator->alloc(allocator->context, sizeof *c, _Alignof(struct rv_config));
    if (!c)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the CPU configuration");
    vm_zero(c, sizeof *c);
    c->extensions = p.choice.on;
    c->refused = p.choice.refused;
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
