// SPDX-License-Identifier: MIT
//
// RISC-V address translation: page tables built at random against the reference walker, and what
// the TLB may keep across fences and changes of context.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "riscv_reference.h"
#include "riscv_rig.h"
#include "system.h"

// --- random walks against the reference ---

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
    assert_int_equal(t->uncached, !whole);
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

// --- fences and contexts, through the TLB ---

enum { V = 1, R = 2, W = 4, X = 8, U = 16, G = 32, A = 64, D = 128, ALL = V | R | W | X | A | D };

#define ROOT  (RIG_RAM + 0x1000)
#define ROOT2 (RIG_RAM + 0x2000)

static uint64_t pte_of(uint64_t pa, uint64_t flags)
{
    return pa >> 12 << 10 | flags;
}

// Tables of one path from a root: the table of level n (the root's is 4) lies at root + (4-n)*16K.
static uint64_t path_table(uint64_t root, int level)
{
    return root + (uint64_t)(4 - level) * 0x4000;
}

// Maps va at the given level in an Sv57 tree.
static void map(struct riscv_rig *r, uint64_t root, uint64_t va, int level, uint64_t pte)
{
    for (int i = 4; i >= level; i--) {
        uint64_t *slot = rig_memory(r, path_table(root, i)) + (va >> (12 + 9 * i) & 511);
        *slot = i == level ? pte : pte_of(path_table(root, i - 1), V);
    }
}

static uint64_t satp_of(uint64_t root, unsigned asid)
{
    return 10ull << 60 | (uint64_t)asid << 44 | root >> 12;
}

static void start_supervisor(struct riscv_rig *r)
{
    rig_start(r, "max");
    vm_riscv64_enter_supervisor(r->v, RIG_RAM, 0);
}

// Where a load at va goes: the number that stamp_pages left there, or minus the cause.
static long load(struct riscv_rig *r, uint64_t va)
{
    uint64_t value;
    r->v->exception.pending = false;
    if (!vm_vcpu_load(r->v, vm_gva_of(va), VM_IR_MEM(3, 0, VM_IR_RELAXED), &value))
        return -(long)r->v->exception.cause;
    return (long)value;
}

// Every 4 KiB page from the second megabyte of RAM on gets its number.
static void stamp_pages(struct riscv_rig *r)
{
    for (uint64_t at = 1 << 20; at < RIG_RAM_SIZE; at += 4096)
        *(uint64_t *)(void *)(r->ram + at) = at >> 12;
}

static void sfence(struct riscv_rig *r, uint64_t va, uint64_t asid, unsigned what)
{
    rig_call(r, RV_SFENCE_VMA, va, asid, what);
    assert_false(r->v->exception.pending);
}

// The 16 PTEs of a 64 KiB page are alike.
static void map_large(struct riscv_rig *r, uint64_t va, int level, unsigned size, uint64_t pte)
{
    for (uint64_t i = 0; i < (size == 16 ? 16 : 1); i++)
        map(r, ROOT, va + i * 4096, level, pte);
}

// A fence for one address of a large page holds for all of it; `size` is its log2.
static void check_large_page(struct riscv_rig *r, int level, unsigned size, unsigned what)
{
    const uint64_t va = 0x55000000000000;
    uint64_t napot = size == 16 ? 1ull << 63 : 0;
    uint64_t low = size == 16 ? 8u << 12 : 0; // the encoding of 64 KiB
    uint64_t first = RIG_RAM + (2u << 20), second = RIG_RAM + (3u << 20);
    if (size == 21)
        second = RIG_RAM;
    uint64_t far = (1ull << size) - 4096;
    if (size > 21) { // no memory that large here: the mapping's start is what is looked at
        first = second = (uint64_t)RIG_RAM >> size << size;
        far = RIG_RAM - first + (2u << 20);
    }
    map_large(r, va, level, size, napot | pte_of(first | low, ALL));
    rig_write(r, CSR_SATP, satp_of(ROOT, 7));
    sfence(r, 0, 0, 0);
    long before = load(r, va + far);
    assert_int_equal(before, (long)((first + far - RIG_RAM) >> 12));
    load(r, va + 4096);
    map_large(r, va, level, size, size > 21 ? 0 : napot | pte_of(second | low, ALL));
    sfence(r, va + 0x2000, 7, what);
    long after = load(r, va + far);
    if (size > 21)
        assert_int_equal(after, -RV_CAUSE_LOAD_PAGE);
    else if (size == 16)
        assert_int_equal(after, (long)((second + far - RIG_RAM) >> 12));
    else
        assert_int_not_equal(after, before);
}

static void fences_reach_large_pages(void **state)
{
    (void)state;
    struct riscv_rig r;
    start_supervisor(&r);
    stamp_pages(&r);
    for (unsigned what = 1; what <= 3; what += 2) {
        check_large_page(&r, 0, 16, what);
        check_large_page(&r, 1, 21, what);
        check_large_page(&r, 2, 30, what);
        check_large_page(&r, 3, 39, what);
        check_large_page(&r, 4, 48, what);
    }
    rig_stop(&r);
}

// A fence for small pages must not cost the others their translations: flushing everything is the
// way out for large pages only.
static void fences_of_small_pages_are_small(void **state)
{
    (void)state;
    struct riscv_rig r;
    start_supervisor(&r);
    stamp_pages(&r);
    map(&r, ROOT, 0x10000, 0, pte_of(RIG_RAM + (1 << 20), ALL));
    map(&r, ROOT, 0x11000, 0, pte_of(RIG_RAM + (1 << 20) + 0x1000, ALL));
    rig_write(&r, CSR_SATP, satp_of(ROOT, 1));
    assert_int_equal(load(&r, 0x10000), 256);
    assert_int_equal(load(&r, 0x11000), 257);
    uint64_t flushes = r.v->tlb.stats.flushes;
    map(&r, ROOT, 0x10000, 0, pte_of(RIG_RAM + (1 << 20) + 0x5000, ALL));
    sfence(&r, 0x10000, 0, 1);
    assert_int_equal(r.v->tlb.stats.flushes, flushes);
    assert_int_equal(load(&r, 0x10000), 261);
    uint64_t walks = r.v->tlb.stats.walks;
    assert_int_equal(load(&r, 0x11000), 257);
    assert_int_equal(r.v->tlb.stats.walks, walks);
    rig_stop(&r);
}

static void fences_by_asid(void **state)
{
    (void)state;
    struct riscv_rig r;
    start_supervisor(&r);
    stamp_pages(&r);
    map(&r, ROOT, 0x10000, 0, pte_of(RIG_RAM + (1 << 20), ALL));
    map(&r, ROOT2, 0x10000, 0, pte_of(RIG_RAM + (1 << 20) + 0x1000, ALL));
    for (unsigned what = 2; what <= 3; what++) {
        map(&r, ROOT, 0x10000, 0, pte_of(RIG_RAM + (1 << 20), ALL));
        sfence(&r, 0, 0, 0);
        rig_write(&r, CSR_SATP, satp_of(ROOT, 1));
        assert_int_equal(load(&r, 0x10000), 256);
        rig_write(&r, CSR_SATP, satp_of(ROOT2, 2)); // another space: nothing of the first is seen
        assert_int_equal(load(&r, 0x10000), 257);
        map(&r, ROOT, 0x10000, 0, 0);
        sfence(&r, 0x10000, 1, what);
        assert_int_equal(load(&r, 0x10000), 257);
        rig_write(&r, CSR_SATP, satp_of(ROOT, 1));
        assert_int_equal(load(&r, 0x10000), -RV_CAUSE_LOAD_PAGE);
    }
    rig_stop(&r);
}

// "Changes to SUM and MXR take effect immediately", and so do those of satp and of the privilege.
static void contexts_change_at_once(void **state)
{
    (void)state;
    struct riscv_rig r;
    start_supervisor(&r);
    stamp_pages(&r);
    map(&r, ROOT, 0x10000, 0, pte_of(RIG_RAM + (1 << 20), V | R | U | A | D));
    map(&r, ROOT, 0x11000, 0, pte_of(RIG_RAM + (1 << 20) + 0x1000, V | X | A));
    rig_write(&r, CSR_SATP, satp_of(ROOT, 1));
    for (unsigned i = 0; i < 3; i++) {
        rig_write(&r, CSR_SSTATUS, M_SUM);
        assert_int_equal(load(&r, 0x10000), 256);
        assert_int_equal(load(&r, 0x11000), -RV_CAUSE_LOAD_PAGE);
        rig_write(&r, CSR_SSTATUS, M_MXR);
        assert_int_equal(load(&r, 0x10000), -RV_CAUSE_LOAD_PAGE);
        assert_int_equal(load(&r, 0x11000), 257);
        rig_set_privilege(&r, VM_RISCV64_U);
        assert_int_equal(load(&r, 0x10000), 256);
        assert_int_equal(load(&r, 0x11000), -RV_CAUSE_LOAD_PAGE);
        rig_set_privilege(&r, VM_RISCV64_S);
        rig_write(&r, CSR_SATP, 0);
        assert_int_equal(load(&r, RIG_RAM + (2 << 20)), 512);
        assert_int_equal(load(&r, 0x10000), -RV_CAUSE_LOAD_ACCESS);
        rig_write(&r, CSR_SATP, satp_of(ROOT, 1));
    }
    rig_stop(&r);
}

// MPRV makes loads and stores those of MPP, and leaves fetches alone.
static void mprv_is_for_data(void **state)
{
    (void)state;
    struct riscv_rig r;
    start_supervisor(&r);
    stamp_pages(&r);
    map(&r, ROOT, 0x10000, 0, pte_of(RIG_RAM + (1 << 20), V | R | X | U | A | D));
    rig_write(&r, CSR_SATP, satp_of(ROOT, 1));
    rig_set_privilege(&r, VM_RISCV64_M);
    struct vm_tlb_code_entry page;
    for (unsigned i = 0; i < 3; i++) {
        rig_write(&r, CSR_MSTATUS, M_MPRV | mpp(VM_RISCV64_U));
        assert_int_equal(load(&r, 0x10000), 256);
        assert_true(vm_vcpu_fetch_page(r.v, vm_gva_of(RIG_RAM), &page));
        assert_false(vm_vcpu_fetch_page(r.v, vm_gva_of(0x10000), &page));
        assert_int_equal(r.v->exception.cause, RV_CAUSE_FETCH_ACCESS);
        rig_write(&r, CSR_MSTATUS, M_MPRV | mpp(VM_RISCV64_S));
        assert_int_equal(load(&r, 0x10000), -RV_CAUSE_LOAD_PAGE);
        rig_write(&r, CSR_MSTATUS, M_MPRV | mpp(VM_RISCV64_M));
        assert_int_equal(load(&r, 0x10000), -RV_CAUSE_LOAD_ACCESS);
    }
    rig_stop(&r);
}

// The first store after loads sets D; once set, no further walk is needed.
static void first_store_sets_dirty(void **state)
{
    (void)state;
    struct riscv_rig r;
    start_supervisor(&r);
    map(&r, ROOT, 0x10000, 0, pte_of(RIG_RAM + (1 << 20), V | R | W));
    const uint64_t *pte = rig_memory(&r, path_table(ROOT, 0)) + 0x10;
    rig_write(&r, CSR_SATP, satp_of(ROOT, 1));
    uint32_t attr = VM_IR_MEM(3, 0, VM_IR_RELAXED);
    assert_int_equal(load(&r, 0x10000), 0);
    assert_int_equal(*pte & (A | D), A);
    assert_true(vm_vcpu_store(r.v, vm_gva_of(0x10000), attr, 1));
    assert_int_equal(*pte & (A | D), A | D);
    uint64_t walks = r.v->tlb.stats.walks;
    assert_true(vm_vcpu_store(r.v, vm_gva_of(0x10008), attr, 1));
    assert_int_equal(r.v->tlb.stats.walks, walks);
    rig_stop(&r);
}

// A misaligned access over two pages reports the page that failed.
static void crossing_reports_the_failing_part(void **state)
{
    (void)state;
    struct riscv_rig r;
    start_supervisor(&r);
    map(&r, ROOT, 0x10000, 0, pte_of(RIG_RAM + (1 << 20), ALL));
    rig_write(&r, CSR_SATP, satp_of(ROOT, 1));
    assert_int_equal(load(&r, 0x10ffc), -RV_CAUSE_LOAD_PAGE);
    assert_int_equal(r.v->exception.value, 0x11000);
    assert_int_equal(load(&r, 0xfffc), -RV_CAUSE_LOAD_PAGE);
    assert_int_equal(r.v->exception.value, 0xfffc);
    rig_stop(&r);
}

// --- A and D against another hart's stores ---

struct rival {
    _Atomic uint64_t *pte;
    uint64_t a, b; // PTEs without A and D that it puts in turn
    atomic_bool stop;
    uint64_t lost; // stores that the walker overwrote
};

static void *rival_thread(void *context)
{
    struct rival *rival = context;
    uint64_t mine = rival->a, next = rival->b;
    while (!atomic_load(&rival->stop)) {
        uint64_t found = atomic_exchange(rival->pte, next);
        if ((found & ~(uint64_t)(A | D)) != mine)
            rival->lost++;
        uint64_t swap = mine;
        mine = next;
        next = swap;
    }
    return NULL;
}

static void updates_do_not_overwrite_other_harts(void **state)
{
    (void)state;
    enum { WALKS = 300000 };
    struct riscv_rig r;
    struct vm_translation t;
    pthread_t thread;
    start_supervisor(&r);
    struct rival rival = {.a = pte_of(RIG_RAM + (1 << 20), V | R | W),
                          .b = pte_of(RIG_RAM + (1 << 20) + 0x1000, V | R | W)};
    map(&r, ROOT, 0x10000, 0, rival.a);
    rival.pte = (_Atomic uint64_t *)(void *)(rig_memory(&r, path_table(ROOT, 0)) + 0x10);
    rig_write(&r, CSR_SATP, satp_of(ROOT, 1));
    assert_int_equal(pthread_create(&thread, NULL, rival_thread, &rival), 0);
    for (unsigned i = 0; i < WALKS; i++)
        assert_true(rv_walk(r.v, vm_gva_of(0x10000), VM_ACCESS_WRITE, VM_RISCV64_S, &t));
    atomic_store(&rival.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(rival.lost, 0);
    rig_stop(&r);
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
        cmocka_unit_test(fences_reach_large_pages),
        cmocka_unit_test(fences_of_small_pages_are_small),
        cmocka_unit_test(fences_by_asid),
        cmocka_unit_test(contexts_change_at_once),
        cmocka_unit_test(mprv_is_for_data),
        cmocka_unit_test(first_store_sets_dirty),
        cmocka_unit_test(crossing_reports_the_failing_part),
        cmocka_unit_test(updates_do_not_overwrite_other_harts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
