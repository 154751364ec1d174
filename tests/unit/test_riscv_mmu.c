// SPDX-License-Identifier: MIT
//
// RISC-V address translation: page tables built at random against the reference walker.
#include <stdio.h>
#include <string.h>

#include "riscv_reference.h"
#include "riscv_rig.h"
#include "system.h"

enum { CASES = 120000, TABLES = 64 };

struct random_case {
    struct riscv_rig *r;
    uint64_t random; // state of the generator
    uint64_t va;
    struct ref_hart hart;
};

static uint64_t below(struct random_case *c, uint64_t n)
{
    return test_random(&c->random) % n;
}

static bool one_in(struct random_case *c, uint64_t n)
{
    return below(c, n) == 0;
}

static enum ref_kind kind_of(void *memory, uint64_t address)
{
    if (address - RIG_MMIO < RIG_MMIO_SIZE)
        return REF_DEVICE;
    if (address - RIG_ROM < RIG_ROM_SIZE)
        return REF_ROM;
    return rig_memory(memory, address) ? REF_RAM : REF_NOTHING;
}

static uint64_t read_pte(void *memory, uint64_t address)
{
    return *rig_memory(memory, address);
}

// A page for a table: mostly RAM, also high RAM and ROM, sometimes no memory at all.
static uint64_t table_page(struct random_case *c)
{
    uint64_t n = below(c, TABLES);
    switch (below(c, 100)) {
    case 0: return RIG_MMIO;
    case 1: return 0x40000000 + n * 4096;
    case 2: return (below(c, 1ull << 44)) * 4096;
    case 3:
    case 4: return RIG_ROM + n % (RIG_ROM_SIZE / 4096) * 4096;
    case 5:
    case 6:
    case 7: return RIG_HIGH + n * 4096;
    default: return RIG_RAM + n * 4096;
    }
}

// Noise in the bits that a walk must refuse or ignore.
static uint64_t noise(struct random_case *c, uint64_t pte)
{
    if (one_in(c, 12))
        pte ^= 1ull << (54 + below(c, 10)); // reserved, PBMT, N
    if (one_in(c, 24))
        pte ^= 1ull << below(c, 10);
    return pte;
}

static uint64_t pointer_pte(struct random_case *c, uint64_t page)
{
    uint64_t rsw_global = below(c, 8) << 8 | below(c, 2) << 5;
    uint64_t pte = page >> 12 << 10 | rsw_global | 1;
    return one_in(c, 4) ? noise(c, pte) : pte;
}

static uint64_t leaf_pte(struct random_case *c, int level)
{
    static const uint8_t rwx[] = {1, 3, 4, 5, 7, 7, 7, 3, 1, 2, 6};
    uint64_t ppn = below(c, 1ull << 44);
    if (one_in(c, 2))
        ppn = (RIG_RAM >> 12) + below(c, RIG_RAM_SIZE >> 12);
    if (!one_in(c, 8))
        ppn = ppn >> (9 * level) << (9 * level);
    uint64_t napot = 0;
    if (one_in(c, 8)) {
        napot = 1ull << 63;
        ppn = one_in(c, 4) ? ppn : (ppn & ~0xfull) | 8;
    }
    uint64_t pbmt = one_in(c, 8) ? below(c, 4) << 61 : 0;
    uint64_t ad = one_in(c, 2) ? 3 : below(c, 4);
    uint64_t pte = napot | pbmt | ppn << 10 | ad << 6 | below(c, 8) << 8 | below(c, 2) << 5 |
                   below(c, 2) << 4 | (uint64_t)rwx[below(c, sizeof rwx)] << 1 | !one_in(c, 16);
    return noise(c, pte);
}

static void store_pte(struct random_case *c, uint64_t address, uint64_t pte)
{
    uint64_t *p = rig_memory(c->r, address);
    if (p)
        *p = pte;
}

static void build_tables(struct random_case *c)
{
    unsigned mode = c->hart.satp >> 60;
    uint64_t page = (c->hart.satp & ((1ull << 44) - 1)) << 12;
    int levels = mode == 0 ? 0 : (int)mode - 5;
    for (int level = levels - 1; level >= 0; level--) {
        uint64_t at = page + (c->va >> (12 + 9 * level) & 511) * 8;
        bool leaf = level == 0 || one_in(c, 4);
        page = table_page(c);
        store_pte(c, at, leaf ? leaf_pte(c, level) : pointer_pte(c, page));
        if (leaf)
            break;
    }
}

static void random_address(struct random_case *c)
{
    c->va = test_random(&c->random);
    unsigned mode = c->hart.satp >> 60;
    int bits = mode ? 9 * (int)mode - 33 : 56;
    if (!one_in(c, 20)) // else hardly ever canonical
        c->va = (uint64_t)((int64_t)(c->va << (64 - bits)) >> (64 - bits));
    if (one_in(c, 8))
        c->va = one_in(c, 2) ? RIG_RAM + below(c, RIG_RAM_SIZE) : ~0ull << (bits - 1);
}

// Usually one entry over everything, sometimes a few at random about the tables.
static void random_pmp(struct random_case *c)
{
    struct ref_hart *h = &c->hart;
    memset(h->pmpcfg, 0, sizeof h->pmpcfg);
    memset(h->pmpaddr, 0, sizeof h->pmpaddr);
    h->pmpaddr[15] = (1ull << 54) - 1;
    h->pmpcfg[15] = 0x1f;
    for (uint64_t n = one_in(c, 4) ? 1 + below(c, 4) : 0; n > 0; n--) {
        uint64_t i = below(c, 15);
        static const uint8_t rights[] = {0, 1, 3, 4, 5, 7};
        uint64_t words = RIG_RAM / 4 + below(c, TABLES * 1024);
        h->pmpaddr[i] = words | ((1ull << below(c, 14)) - 1);
        h->pmpcfg[i] = (uint8_t)(rights[below(c, sizeof rights)] | below(c, 4) << 3 |
                                 (one_in(c, 3) ? 0x80 : 0));
    }
    for (int i = 0; i < 16; i++) {
        c->r->s->pmpaddr[i] = h->pmpaddr[i];
        c->r->s->pmpcfg[i / 8] = vm_set_bits(c->r->s->pmpcfg[i / 8], i % 8 * 8, 8, h->pmpcfg[i]);
    }
    rv_pmp_update(c->r->s);
}

// The hart's state and the reference's view of it. The privilege may come from MPRV.
static void random_hart(struct random_case *c, enum ref_access access, unsigned max_mode)
{
    const struct rv_config *config = c->r->machine.config;
    struct vm_riscv64_state *s = c->r->s;
    struct ref_hart *h = &c->hart;
    static const uint8_t privileges[] = {0, 0, 0, 0, 1, 1, 1, 1, 3};
    unsigned privilege = privileges[below(c, sizeof privileges)];
    uint64_t mode = one_in(c, 30) ? 0 : 8 + below(c, max_mode - 7);
    h->satp = mode << 60 | below(c, 1 << 16) << 44 | (table_page(c) >> 12);
    h->sum = one_in(c, 2);
    h->mxr = one_in(c, 2);
    uint64_t envcfg = below(c, 4) << 61;
    h->napot = rv_has(config, RV_EXT_SVNAPOT);
    h->pbmt = rv_has(config, RV_EXT_SVPBMT) && envcfg & E_PBMTE;
    h->hardware_ad =
        rv_has(config, RV_EXT_SVADU) ? (envcfg & E_ADUE) != 0 : !rv_has(config, RV_EXT_SVADE);
    s->satp = h->satp;
    s->menvcfg = envcfg & rv_menvcfg_mask(config);
    s->mstatus = M_UXL | M_SXL | (h->sum ? M_SUM : 0) | (h->mxr ? M_MXR : 0);
    s->privilege = privilege;
    h->privilege = privilege;
    if (privilege == 3 && !one_in(c, 4)) {
        static const uint8_t others[] = {0, 1, 3};
        unsigned previous = others[below(c, sizeof others)];
        s->mstatus |= M_MPRV | mpp(previous);
        if (access != REF_EXECUTE)
            h->privilege = previous;
    }
    rv_sync(c->r->v);
}

static const char *describe(const struct random_case *c, enum ref_access access)
{
    static char text[200];
    snprintf(text, sizeof text,
             "va %#lx access %d privilege %u sum %d mxr %d satp %#lx menvcfg %#lx", c->va, access,
             c->hart.privilege, c->hart.sum, c->hart.mxr, c->hart.satp, c->r->s->menvcfg);
    return text;
}

// What a successful walk promises for later accesses: that none needs a walk with effects.
static void check_promises(struct random_case *c, enum ref_access access,
                           const struct vm_translation *t)
{
    struct ref_hart h = c->hart;
    if (access == REF_EXECUTE) // a code context, which SUM and MXR do not touch
        h.sum = h.mxr = false;
    for (enum ref_access other = REF_READ; other <= REF_EXECUTE; other++) {
        struct ref_result want = ref_walk(&h, c->va, other);
        bool promised = t->allowed & 1u << other;
        if (promised != (want.cause < 0 && !want.pte_written))
            fail_msg("%s: allowed %#x, reference for %d: cause %d write %d", describe(c, access),
                     t->allowed, other, want.cause, want.pte_written);
    }
    // The promise is for the whole page unless the translation is not to be kept.
    uint64_t page = t->page.v;
    int entry = ref_pmp_entry(&h, page | (c->va & 4095));
    bool whole = true;
    for (uint64_t byte = page; byte < page + 4096; byte += 4)
        whole &= ref_pmp_entry(&h, byte) == entry;
    assert_int_equal(vm_translation_is_whole(t), whole);
}

static void run_case(struct random_case *c, unsigned max_mode, unsigned counts[16])
{
    enum ref_access access = (enum ref_access)below(c, 3);
    struct vm_vcpu *v = c->r->v;
    struct vm_translation t = {0};
    random_hart(c, access, max_mode);
    random_address(c);
    random_pmp(c);
    build_tables(c);
    struct ref_result want = ref_walk(&c->hart, c->va, access);
    uint64_t *pte = want.pte_written ? rig_memory(c->r, want.pte_address) : NULL;
    uint64_t old = pte ? *pte : 0;

    v->exception.pending = false;
    // A fetch gets the data's index: the walk must not be misled by MPRV.
    bool found =
        v->guest->walk(v, vm_gva_of(c->va), (enum vm_access)(1u << access), v->mmu_index, &t);
    int cause = found ? -1 : (int)v->exception.cause;
    counts[cause + 1]++;
    if (cause != want.cause || found == v->exception.pending)
        fail_msg("%s: cause %d, reference %d", describe(c, access), cause, want.cause);
    if (!found)
        assert_int_equal(v->exception.value, c->va);
    if (pte && *pte != want.pte)
        fail_msg("%s: PTE %#lx (was %#lx), reference %#lx", describe(c, access), *pte, old,
                 want.pte);
    if (!found)
        return;
    if (t.page.v != (want.address & ~4095ull))
        fail_msg("%s: page %#lx, reference %#lx", describe(c, access), t.page.v, want.address);
    check_promises(c, access, &t);
}

static void walk_like_the_reference(const char *cpu, unsigned max_mode)
{
    struct riscv_rig r;
    unsigned counts[17] = {0};
    rig_start(&r, cpu);
    struct random_case c = {.r = &r,
                            .random = test_seed(cpu, 0x1234567),
                            .hart = {.kind = kind_of, .read = read_pte, .memory = &r}};
    for (unsigned i = 0; i < CASES; i++)
        run_case(&c, max_mode, counts);
    printf("  found %u; page faults: fetch %u load %u store %u; access faults: %u %u %u\n",
           counts[0], counts[13], counts[14], counts[16], counts[2], counts[6], counts[8]);
    for (unsigned cause = 0; cause < 17; cause++) {
        bool reachable = cause == 0 || cause == 2 || cause == 6 || cause == 8 || cause == 13 ||
                         cause == 14 || cause == 16;
        if (reachable)
            assert_true(counts[cause] > CASES / 1000);
        else
            assert_int_equal(counts[cause], 0);
    }
    rig_stop(&r);
}

static void walks_max(void **state)
{
    (void)state;
    walk_like_the_reference("max", 10);
}

static void walks_without_svadu(void **state)
{
    (void)state;
    walk_like_the_reference("max,-svadu,+svade", 10);
}

static void walks_with_hardware_ad_only(void **state)
{
    (void)state;
    walk_like_the_reference("max,-svadu,-svade", 10);
}

static void walks_without_svnapot(void **state)
{
    (void)state;
    walk_like_the_reference("max,-svnapot", 10);
}

static void walks_without_svpbmt(void **state)
{
    (void)state;
    walk_like_the_reference("max,-svpbmt,+svade", 10);
}

static void walks_sv39(void **state)
{
    (void)state;
    walk_like_the_reference("rv64gc,-sv48", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_max),
        cmocka_unit_test(walks_without_svadu),
        cmocka_unit_test(walks_with_hardware_ad_only),
        cmocka_unit_test(walks_without_svnapot),
        cmocka_unit_test(walks_without_svpbmt),
        cmocka_unit_test(walks_sv39),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
