// SPDX-License-Identifier: MIT
//
// ARM64 address translation: tables built at random, in every granule and size, against the
// reference walker.
#include <stdio.h>
#include <string.h>

#include "arm64_reference.h"
#include "arm64_rig.h"

enum { CASES = 60000, ACCESSES = 6 };

struct random_case {
    struct arm64_rig *r;
    uint64_t random; // state of the generator
    uint64_t va;
    struct ref_pe pe;
};

static uint64_t below(struct random_case *c, uint64_t n)
{
    return test_random(&c->random) % n;
}

static bool one_in(struct random_case *c, uint64_t n)
{
    return below(c, n) == 0;
}

static uint64_t *memory_at(void *context, uint64_t pa, bool *rom)
{
    struct random_case *c = context;
    *rom = pa - RIG_ROM < RIG_ROM_SIZE;
    return arm_rig_memory(c->r, pa);
}

// --- registers ---

static unsigned shift_of(const struct random_case *c)
{
    static const unsigned tg0[] = {12, 16, 14, 12}, tg1[] = {12, 14, 12, 16};
    uint64_t tcr = c->pe.tcr;
    return c->va >> 55 & 1 ? tg1[tcr >> 30 & 3] : tg0[tcr >> 14 & 3];
}

static uint64_t size_field(struct random_case *c)
{
    switch (below(c, 8)) {
    case 0: return below(c, 64);
    case 1: return 12 + below(c, 5);
    case 2: return 39;
    case 3: return 25 + below(c, 24);
    default: return 16 + below(c, 10);
    }
}

static void choose_tcr(struct random_case *c)
{
    uint64_t tcr = size_field(c) | size_field(c) << 16;
    tcr |= below(c, 4) << 14 | below(c, 4) << 30; // granules
    tcr |= below(c, 4) << 12 | below(c, 4) << 28; // shareability
    tcr |= (one_in(c, 4) ? below(c, 8) : 5 + below(c, 2)) << 32;
    tcr |= below(c, 4) << 37 | below(c, 4) << 39 | below(c, 4) << 41 | below(c, 4) << 51;
    if (one_in(c, 8))
        tcr |= below(c, 4) << 55;
    if (one_in(c, 16))
        tcr |= below(c, 2) << 7 | below(c, 2) << 23;
    tcr |= below(c, 2) << 59;
    c->r->s->tcr[1] = 0;
    arm_rig_write(c->r, A64_SYS(3, 0, 2, 0, 2), tcr);
    c->pe.tcr = c->r->s->tcr[1];
}

// Somewhere for a table: mostly RAM.
static uint64_t table_address(struct random_case *c)
{
    uint64_t align = (uint64_t)1 << shift_of(c);
    switch (below(c, 24)) {
    case 0: return RIG_ROM;
    case 1: return RIG_HIGH + below(c, RIG_HIGH_SIZE / align) * align;
    case 2:
        if (one_in(c, 2))
            return below(c, 2) ? RIG_MMIO & ~(align - 1)
                               : (test_random(&c->random) >> 12) & ~(align - 1);
        return RIG_RAM;
    default: return RIG_RAM + below(c, RIG_RAM_SIZE / align) * align;
    }
}

static uint64_t with_address(const struct random_case *c, uint64_t address)
{
    bool ds = shift_of(c) != 16 && c->pe.tcr >> 59 & 1;
    if (ds)
        return (address & ((UINT64_C(1) << 50) - 1)) | (address >> 50 & 3) << 8;
    uint64_t low = address & ((UINT64_C(1) << 48) - 1);
    return shift_of(c) == 16 ? low | (address >> 48 & 15) << 12 : low;
}

// The bits above 47 are in the low ones, the ASID in the high ones.
static uint64_t in_ttbr(uint64_t address)
{
    return (address & ((UINT64_C(1) << 48) - 1)) | (address >> 48 & 15) << 2 |
           (uint64_t)(address & 0x1000 ? 1 : 0) << 48;
}

// An address of the half that bit 55 says, canonical mostly.
static void choose_va(struct random_case *c)
{
    bool upper = one_in(c, 2);
    uint64_t size = 64 - (c->pe.tcr >> (upper ? 16 : 0) & 63);
    uint64_t va = test_random(&c->random);
    if (size < 64 && !one_in(c, 32))
        va = upper ? va | UINT64_MAX << size : va & ~(UINT64_MAX << size);
    va = upper ? va | UINT64_C(1) << 55 : va & ~(UINT64_C(1) << 55);
    if (one_in(c, 4))
        va ^= below(c, 256) << 56;
    c->va = va;
}

// --- tables ---

static uint64_t random_leaf(struct random_case *c, uint64_t kind)
{
    uint64_t align = (uint64_t)1 << shift_of(c);
    uint64_t where = one_in(c, 8) ? (test_random(&c->random) >> (8 + below(c, 12))) & ~(align - 1)
                                  : table_address(c);
    uint64_t d = with_address(c, where & ~(align - 1));
    d |= kind | below(c, 8) << 2 | below(c, 4) << 6; // attributes, AP
    d |= (uint64_t)!one_in(c, 6) << 10 | below(c, 2) << 11;
    d |= below(c, 2) << 50 | below(c, 2) << 51 | (one_in(c, 3) ? below(c, 4) << 53 : 0);
    if (shift_of(c) == 16 || !(c->pe.tcr >> 59 & 1))
        d |= below(c, 4) << 8;
    return d;
}

static uint64_t random_table(struct random_case *c)
{
    uint64_t d = with_address(c, table_address(c)) | 3;
    return one_in(c, 4) ? d | below(c, 16) << 59 : d;
}

static uint64_t random_descriptor(struct random_case *c)
{
    switch (below(c, 16)) {
    case 0: return test_random(&c->random) & ~UINT64_C(1);
    case 1: return random_leaf(c, 1);
    case 2: return random_leaf(c, 3);
    default: return random_table(c);
    }
}

// Fills in the descriptors that a walk for c->va meets, so that most go on to the last level.
static void build(struct random_case *c)
{
    unsigned size = shift_of(c);
    bool upper = c->va >> 55 & 1;
    unsigned in = 64 - (unsigned)(c->pe.tcr >> (upper ? 16 : 0) & 63);
    uint64_t table = table_address(c);
    c->pe.ttbr[upper] = in_ttbr(table);
    c->r->s->ttbr0[1] = c->pe.ttbr[0];
    c->r->s->ttbr1[1] = c->pe.ttbr[1];
    if (in > 52 || in < 16)
        return;
    // Every index that a walk may use, level by level from the last one up: the first table's are
    // those of the level where the address ends.
    unsigned stride = size - 3;
    int levels = 0;
    while (size + stride * (unsigned)levels < in)
        levels++;
    for (int n = levels - 1; n >= 0; n--) {
        unsigned low = size + stride * (unsigned)n;
        unsigned width = low + stride < in ? stride : in - low;
        if (n == levels - 1) // the table is aligned to its size
            table &= ~((UINT64_C(8) << width) - 1);
        uint64_t index = c->va >> low & ((UINT64_C(1) << width) - 1);
        uint64_t *at = arm_rig_memory(c->r, table + 8 * index);
        if (!at)
            return;
        uint64_t d = n == 0 && !one_in(c, 8) ? random_leaf(c, 3) : random_descriptor(c);
        if (n > 0 && one_in(c, 10))
            d = random_leaf(c, 1);
        *at = d;
        if ((d & 3) != 3)
            return;
        table = d & ((UINT64_C(1) << 48) - 1) & ~((UINT64_C(1) << size) - 1);
        if (!arm_rig_memory(c->r, table))
            return;
    }
}

// --- comparison ---

static void compare(struct random_case *c, const struct ref_access *a, unsigned *counts)
{
    struct ref_result want;
    struct a64_walk w = {.v = c->r->v,
                         .va = a->va,
                         .access = a->fetch   ? VM_ACCESS_EXECUTE
                                   : a->write ? VM_ACCESS_WRITE
                                              : VM_ACCESS_READ,
                         .el0 = a->el0,
                         .pan = a->pan};
    ref_walk(&c->pe, a, &want);
    bool found = a64_translate_address(&w);
    int fsc = found ? -1 : w.fsc;
    if (fsc != want.fsc)
        fail_msg("va %#lx tcr %#lx ttbr %#lx %#lx write %d fetch %d el0 %d: %#x, not %#x",
                 (unsigned long)a->va, (unsigned long)c->pe.tcr, (unsigned long)c->pe.ttbr[0],
                 (unsigned long)c->pe.ttbr[1], a->write, a->fetch, a->el0, fsc, want.fsc);
    counts[fsc + 1]++;
    if (!found)
        return;
    assert_int_equal(w.pa, want.pa);
    assert_int_equal(w.found.page.v, want.pa & ~UINT64_C(0xfff));
    assert_true(w.found.allowed & w.access);
    assert_int_equal(w.attributes, want.attributes);
    assert_int_equal(w.shareability, want.shareability);
    assert_int_equal(w.found.global, want.global);
    assert_int_equal(w.found.shift, want.shift);
    assert_int_equal(w.found.attributes & VM_PAGE_ALIGNED ? 1 : 0, (want.attributes & 0xf0) == 0);
    assert_int_equal(w.found.attributes & A64_PAGE_GUARDED, want.guarded);
    assert_int_equal(*want.descriptor, want.after);
}

// Whether what a walk allows without another one is what other walks would.
static void check_allowed(struct random_case *c, const struct ref_access *a)
{
    struct a64_walk w = {
        .v = c->r->v, .va = a->va, .access = VM_ACCESS_READ, .el0 = a->el0, .pan = a->pan};
    struct ref_access other = *a;
    struct ref_result want;
    if (!a64_translate_address(&w))
        return;
    other.write = true;
    other.fetch = false;
    ref_walk(&c->pe, &other, &want);
    if (w.found.allowed & VM_ACCESS_WRITE)
        assert_int_equal(want.fsc, -1);
    else if (want.fsc < 0)
        assert_int_not_equal(want.after, *want.descriptor);
}

static void choose_rights(struct random_case *c, struct ref_access *a)
{
    a->write = one_in(c, 2);
    a->fetch = !a->write && one_in(c, 2);
    a->el0 = one_in(c, 2);
    a->pan = !a->el0 && one_in(c, 2);
}

static void set_up(struct random_case *c, const struct a64_config *config)
{
    c->pe = (struct ref_pe){
        .lva = a64_has(config, A64_EXT_LVA),
        .lpa = a64_has(config, A64_EXT_LPA),
        .lpa2 = a64_has(config, A64_EXT_LPA2),
        .ttst = a64_has(config, A64_EXT_TTST),
        .hafdbs = a64_has(config, A64_EXT_HAFDBS),
        .hpds = a64_has(config, A64_EXT_HPDS),
        .e0pd = a64_has(config, A64_EXT_E0PD),
        .bti = a64_has(config, A64_EXT_BTI),
        .pa_bits = config->pa_bits,
        .memory = memory_at,
        .context = c,
    };
}

static void one_case(struct random_case *c, unsigned *counts)
{
    struct vm_arm64_state *s = c->r->s;
    struct ref_access a = {0};
    choose_tcr(c);
    choose_va(c);
    c->pe.wxn = one_in(c, 6);
    c->pe.mair = s->mair[1] =
        test_random(&c->random) & (one_in(c, 2) ? UINT64_MAX : 0x00ff00ff00ff0fff);
    s->sctlr[1] = A64_SCTLR_M | (c->pe.wxn ? A64_SCTLR_WXN : 0);
    build(c);
    a.va = c->va;
    for (unsigned i = 0; i < ACCESSES; i++) {
        choose_rights(c, &a);
        compare(c, &a, counts);
        check_allowed(c, &a);
    }
}

static void walk_like_the_reference(const char *cpu)
{
    struct arm64_rig r;
    unsigned counts[64] = {0};
    arm_rig_start(&r, cpu, 1);
    struct random_case c = {.r = &r, .random = test_seed("arm64-mmu", 1)};
    set_up(&c, a64_config_of(r.v));
    for (unsigned i = 0; i < CASES; i++)
        one_case(&c, counts);
    printf("%s: found %u", cpu, counts[0]);
    for (unsigned i = 1; i < 64; i++) {
        if (counts[i])
            printf(", %#x %u", i - 1, counts[i]);
    }
    printf("\n");
    assert_true(counts[0] > CASES / 10);
    assert_true(counts[1 + 0x07] > CASES / 100 && counts[1 + 0x0f] > CASES / 100);
    arm_rig_stop(&r);
}

static void walks_max(void **state)
{
    (void)state;
    walk_like_the_reference("max");
}

static void walks_without_lpa2(void **state)
{
    (void)state;
    walk_like_the_reference("max,-lpa2");
}

static void walks_48_bits(void **state)
{
    (void)state;
    walk_like_the_reference("max,-lpa2,-lpa,-lva");
}

static void walks_armv8_0(void **state)
{
    (void)state;
    walk_like_the_reference("cortex-a72");
}

static void walks_without_hardware_flags(void **state)
{
    (void)state;
    walk_like_the_reference("max,-hafdbs,-hpds,-e0pd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_max),
        cmocka_unit_test(walks_without_lpa2),
        cmocka_unit_test(walks_48_bits),
        cmocka_unit_test(walks_armv8_0),
        cmocka_unit_test(walks_without_hardware_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
