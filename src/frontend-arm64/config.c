// SPDX-License-Identifier: MIT
//
// The configuration of the PEs: which features they have, from the text of --cpu.
//
//     cpu = name {"," ("+" | "-") feature}
//     name = "max" | a row of `models`
//
// "+x" brings along what x depends on, "-x" takes along what depends on x; a text that asks for
// both sides of such a pair is refused.
#include <vm/core/cpu_text.h>

#include "system.h"

#define BIT(e) ((uint64_t)1 << A64_EXT_##e)

static const struct vm_cpu_feature known[A64_EXT_COUNT] = {
#define A64_EXT(id, name, on, text) {name, on},
#include "extensions.def"
};
_Static_assert((int)A64_EXT_COUNT <= 64, "a bit each");

// What a feature depends on (the manual, A2 "Armv8-A Architecture Extensions").
static const struct vm_cpu_dependency dependencies[] = {
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

static const struct vm_cpu_features features = {
    .noun = "feature",
    .list = known,
    .dependencies = dependencies,
    .count = A64_EXT_COUNT,
    .dependency_count = VM_ARRAY_SIZE(dependencies),
    .required = BIT(BASE),
};

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

struct parse {
    struct vm_cpu_choice choice;
    uint64_t midr;
    uint8_t pa_bits; // 0: as the features say
};

static vm_status parse_option(struct vm_cpu_choice *c, struct vm_cpu_word name)
{
    bool add;
    vm_status status = vm_cpu_take_sign(c, &name, &add);
    if (status != VM_OK)
        return status;
    uint64_t set = vm_cpu_find(&features, name);
    if (!set)
        return vm_cpu_unknown(c, name, (struct vm_cpu_nearest){0});
    return add ? vm_cpu_turn_on(c, name, set)
               : vm_cpu_turn_off(c, name, set, vm_cpu_with_dependents(&features, set, c->on));
}

static vm_status parse_name(struct parse *p, const char **text)
{
    struct vm_cpu_word name = vm_cpu_next_word(text, ',');
    if (vm_cpu_word_is(name, "max")) {
        p->midr = MIDR_OF_MAX;
        p->choice.on = vm_cpu_max(&features);
        return VM_OK;
    }
    for (size_t i = 0; i < VM_ARRAY_SIZE(models); i++) {
        if (!vm_cpu_word_is(name, models[i].name))
            continue;
        p->choice.on = models[i].features;
        p->midr = models[i].midr;
        p->pa_bits = models[i].pa_bits;
        return VM_OK;
    }
    return vm_error_set(p->choice.e, VM_ERR_USAGE,
                        "CPU \"%s\": there is no CPU \"%.*s\"; try \"max\", \"cortex-a72\" or "
                        "\"neoverse-n1\"",
                        p->choice.cpu, (int)name.length, name.text);
}

static vm_status parse_cpu(struct parse *p)
{
    const char *text = p->choice.cpu;
    vm_status status = parse_name(p, &text);
    while (status == VM_OK && *text)
        status = parse_option(&p->choice, vm_cpu_next_word(&text, ','));
    return status;
}

static uint8_t pa_bits(const struct parse *p)
{
    if (p->choice.on & (BIT(LPA) | BIT(LPA2)))
        return 52;
    return p->pa_bits ? p->pa_bits : 48;
}

vm_status a64_configure(const char *cpu, const struct vm_allocator *allocator, void **config,
                        struct vm_error *e)
{
    struct parse p = {.choice = {.features = &features, .cpu = cpu ? cpu : "max", .e = e}};
    vm_status status = parse_cpu(&p);
    if (status != VM_OK)
        return status;
    struct a64_config *c =
        allocator->alloc(allocator->context, sizeof *c, _Alignof(struct a64_config));
    if (!c)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the CPU configuration");
    *c = (struct a64_config){.extensions = p.choice.on, .midr = p.midr, .pa_bits = pa_bits(&p)};
    *config = c;
    return VM_OK;
}

void a64_unconfigure(void *config, const struct vm_allocator *allocator)
{
    allocator->release(allocator->context, config, sizeof(struct a64_config));
}
