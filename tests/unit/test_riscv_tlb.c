// SPDX-License-Identifier: MIT
//
// RISC-V address translation through the TLB: what fences and changes of context must make visible,
// and A/D updates against another hart's stores.
#include <pthread.h>

#include "riscv_rig.h"

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

// Nor does a fence for a large page touch what is outside of it, small pages and large.
static void fences_of_large_pages_are_no_larger(void **state)
{
    (void)state;
    struct riscv_rig r;
    start_supervisor(&r);
    stamp_pages(&r);
    const uint64_t large = 0x400000, small = 0x10000;
    map(&r, ROOT, large, 1, pte_of(RIG_RAM, ALL));
    map(&r, ROOT, large + (2 << 20), 1, pte_of(RIG_RAM, ALL));
    map(&r, ROOT, small, 0, pte_of(RIG_RAM + (1 << 20), ALL));
    rig_write(&r, CSR_SATP, satp_of(ROOT, 1));
    sfence(&r, 0, 0, 0);
    assert_int_equal(load(&r, large + (1 << 20)), 256);
    assert_int_equal(load(&r, large + (3 << 20)), 256);
    assert_int_equal(load(&r, small), 256);
    uint64_t flushes = r.v->tlb.stats.flushes, walks = r.v->tlb.stats.walks;
    sfence(&r, large, 0, 1);
    assert_int_equal(load(&r, large + (3 << 20)), 256);
    assert_int_equal(load(&r, small), 256);
    assert_int_equal(r.v->tlb.stats.walks, walks);
    assert_int_equal(load(&r, large + (1 << 20)), 256);
    assert_int_equal(r.v->tlb.stats.walks, walks + 1);
    assert_int_equal(r.v->tlb.stats.flushes, flushes);
    rig_stop(&r);
}

// A fence for small pages must not cost the others their translations.
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
        uint64_t walks = r.v->tlb.stats.walks;
        assert_int_equal(load(&r, 0x10000), 257); // the other space keeps its translations
        assert_int_equal(r.v->tlb.stats.walks, walks);
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
        rig_write(&r, CSR_SSTATUS, 0);
        assert_int_equal(load(&r, 0x10000), -RV_CAUSE_LOAD_PAGE);
        assert_int_equal(load(&r, 0x11000), -RV_CAUSE_LOAD_PAGE);
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
        cmocka_unit_test(fences_reach_large_pages),
        cmocka_unit_test(fences_of_large_pages_are_no_larger),
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
