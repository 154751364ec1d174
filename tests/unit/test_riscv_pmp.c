// SPDX-License-Identifier: MIT
//
// RISC-V physical memory protection: spans against the byte-by-byte reference, the rules of the
// CSRs, and that accesses obey them.
#include <stdio.h>

#include "riscv_reference.h"
#include "riscv_rig.h"
#include "system.h"

enum { U = 0, S = 1, M = 3 };

#define ALL UINT64_MAX

static const unsigned privileges[] = {U, S, M};

static uint64_t pick(uint64_t *random, uint64_t n)
{
    return test_random(random) % n;
}

// A few entries whose edges fall into or near one page, written as a guest would.
static uint64_t random_entries(struct riscv_rig *r, struct ref_hart *h, uint64_t *random)
{
    uint64_t page = RIG_RAM + pick(random, 16) * 4096;
    uint64_t config[2] = {0, 0};
    vm_riscv64_guest_ops.reset(r->v, 0); // unlocks
    for (unsigned i = 0; i < 16; i++) {
        uint64_t address = page / 4 + pick(random, 1100) - 40;
        if (pick(random, 3) == 0)
            address = (address & ~31ull) | ((1ull << pick(random, 12)) - 1);
        if (pick(random, 12) == 0)
            address = test_random(random) >> 10;
        static const uint8_t rights[] = {0, 1, 3, 4, 5, 7};
        uint64_t c = rights[pick(random, sizeof rights)];
        if (pick(random, 3))
            c |= pick(random, 4) << 3 | (pick(random, 4) == 0) << 7;
        config[i / 8] |= c << (i % 8 * 8);
        h->pmpcfg[i] = (uint8_t)c;
        h->pmpaddr[i] = address;
        rig_write(r, CSR_PMPADDR0 + i, address);
    }
    rig_write(r, CSR_PMPCFG0, config[0]);
    rig_write(r, CSR_PMPCFG2, config[1]);
    return page;
}

static void check_span(const struct riscv_rig *r, const struct ref_hart *h, uint64_t page,
                       uint64_t at, unsigned privilege)
{
    struct rv_pmp_span span = rv_pmp_find(r->s, at, privilege);
    int entry = ref_pmp_entry(h, at);
    uint64_t first = at & ~3ull, last = at | 3;
    while (first > page && ref_pmp_entry(h, first - 4) == entry)
        first -= 4;
    while (last < page + 4095 && ref_pmp_entry(h, last + 1) == entry)
        last += 4;
    if (span.first != first || span.last != last)
        fail_msg("span %#lx-%#lx, reference %#lx-%#lx", span.first, span.last, first, last);
    for (enum ref_access a = REF_READ; a <= REF_EXECUTE; a++) {
        for (unsigned size = 1; size <= 16; size *= 2) {
            if (at % size || at + size > page + 4096)
                continue;
            bool want = ref_pmp(h, privilege, at, size, a);
            bool got = span.allowed & 1u << a && at + size - 1 <= span.last;
            if (got != want)
                fail_msg("%#lx size %u access %d privilege %u: %d", at, size, a, privilege, got);
        }
    }
}

static void spans_agree_with_the_reference(void **state)
{
    (void)state;
    struct riscv_rig r;
    struct ref_hart h = {0};
    rig_start(&r, "max");
    uint64_t random = test_seed("pmp", 21);
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t page = random_entries(&r, &h, &random);
        for (unsigned k = 0; k < 10; k++)
            check_span(&r, &h, page, page + pick(&random, 4096), privileges[pick(&random, 3)]);
        check_span(&r, &h, page, page, S);
        check_span(&r, &h, page, page + 4092, S);
    }
    rig_stop(&r);
}

static void everything_is_one_entry(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    rig_write(&r, CSR_PMPADDR0, ALL);
    rig_write(&r, CSR_PMPCFG0, 0x1f);
    assert_int_equal(rv_pmp_find(r.s, 0, U).allowed, 7);
    assert_int_equal(rv_pmp_find(r.s, (1ull << 56) - 1, U).allowed, 7);
    rig_write(&r, CSR_PMPCFG0, 0x0f); // TOR from 0 to just below the top
    assert_int_equal(rv_pmp_find(r.s, 0, U).allowed, 7);
    assert_int_equal(rv_pmp_find(r.s, (1ull << 56) - 5, U).allowed, 7);
    assert_int_equal(rv_pmp_find(r.s, (1ull << 56) - 1, U).allowed, 0);
    rig_write(&r, CSR_PMPCFG0, 0);
    assert_int_equal(rv_pmp_find(r.s, 0, S).allowed, 0); // entries exist, so nothing is allowed
    assert_int_equal(rv_pmp_find(r.s, 0, M).allowed, 7);
    rig_stop(&r);
}

// --- the registers ---

static void reserved_rights_are_not_taken(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    for (unsigned c = 0; c < 0x80; c++) {
        rig_write(&r, CSR_PMPCFG2, 0x1919191919191919);
        rig_write(&r, CSR_PMPCFG2, (uint64_t)c << 24);
        uint64_t want = (c & 3) == 2 ? 0x19 : c & 0x1f;
        assert_int_equal(rig_read(&r, CSR_PMPCFG2), want << 24);
    }
    assert_true(rig_csr_illegal(&r, RV_CSR_READ, CSR_PMPCFG0 + 1)); // RV64: even ones only
    assert_true(rig_csr_illegal(&r, RV_CSR_READ, CSR_PMPCFG0 + 4)); // 16 entries
    assert_true(rig_csr_illegal(&r, RV_CSR_READ, CSR_PMPADDR0 + 16));
    rig_stop(&r);
}

static void locked_entries_keep_their_values(void **state)
{
    (void)state;
    struct riscv_rig r;
    for (unsigned mode = 0; mode < 4; mode++) {
        rig_start(&r, "max");
        for (unsigned i = 0; i < 16; i++)
            rig_write(&r, CSR_PMPADDR0 + i, i);
        uint64_t locked = 0x81 | mode << 3;
        rig_write(&r, CSR_PMPCFG0, locked << 24 | 0x1f); // entries 3 and 0
        rig_write(&r, CSR_PMPCFG0, 0);
        assert_int_equal(rig_read(&r, CSR_PMPCFG0), locked << 24);
        for (unsigned i = 0; i < 16; i++) {
            rig_write(&r, CSR_PMPADDR0 + i, 100);
            bool kept = i == 3 || (i == 2 && mode == RV_PMP_TOR);
            assert_int_equal(rig_read(&r, CSR_PMPADDR0 + i), kept ? i : 100);
        }
        r.v->guest->reset(r.v, 0);
        rig_write(&r, CSR_PMPCFG0, 0);
        assert_int_equal(rig_read(&r, CSR_PMPCFG0), 0);
        rig_stop(&r);
    }
}

// --- accesses ---

static long load(struct riscv_rig *r, uint64_t address)
{
    uint64_t value;
    r->v->exception.pending = false;
    if (!vm_vcpu_load(r->v, vm_gva_of(address), VM_IR_MEM(2, 0, VM_IR_RELAXED), &value))
        return -(long)r->v->exception.cause;
    return (long)value;
}

static long store(struct riscv_rig *r, uint64_t address)
{
    r->v->exception.pending = false;
    if (!vm_vcpu_store(r->v, vm_gva_of(address), VM_IR_MEM(2, 0, VM_IR_RELAXED), 1))
        return -(long)r->v->exception.cause;
    return 0;
}

static long fetch(struct riscv_rig *r, uint64_t address)
{
    struct vm_tlb_code_entry page;
    r->v->exception.pending = false;
    return vm_vcpu_fetch_page(r->v, vm_gva_of(address), &page) ? 0 : -(long)r->v->exception.cause;
}

// Changes take effect at once, though translations are cached; MPRV makes them M-mode's too.
static void accesses_obey(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    for (unsigned rights = 0; rights < 8; rights++) {
        if ((rights & 3) == 2)
            continue;
        rig_set_privilege(&r, M);
        rig_write(&r, CSR_MSTATUS, 0);
        rig_write(&r, CSR_PMPADDR0, RIG_RAM >> 2 | 0x7ffff); // 4 MiB
        rig_write(&r, CSR_PMPCFG0, 0x18 | rights);
        assert_int_equal(load(&r, RIG_RAM), 0);
        rig_write(&r, CSR_MSTATUS, M_MPRV | mpp(U));
        assert_int_equal(load(&r, RIG_RAM + 8), rights & 1 ? 0 : -RV_CAUSE_LOAD_ACCESS);
        assert_int_equal(fetch(&r, RIG_RAM), 0);
        rig_set_privilege(&r, S);
        assert_int_equal(load(&r, RIG_RAM + 8), rights & 1 ? 0 : -RV_CAUSE_LOAD_ACCESS);
        assert_int_equal(store(&r, RIG_RAM + 4), rights & 2 ? 0 : -RV_CAUSE_STORE_ACCESS);
        assert_int_equal(fetch(&r, RIG_RAM), rights & 4 ? 0 : -RV_CAUSE_FETCH_ACCESS);
        assert_int_equal(load(&r, RIG_MMIO), -RV_CAUSE_LOAD_ACCESS); // no entry matches
        *(uint32_t *)(void *)(r.ram + 4) = 0;
    }
    rig_stop(&r);
}

static void locks_bind_machine_mode(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    assert_int_equal(store(&r, RIG_RAM), 0);
    assert_int_equal(load(&r, RIG_RAM), 1);
    rig_write(&r, CSR_PMPADDR0, RIG_RAM >> 2 | 0x7ffff);
    rig_write(&r, CSR_PMPCFG0, 0x99); // locked, read only
    assert_int_equal(load(&r, RIG_RAM), 1);
    assert_int_equal(store(&r, RIG_RAM), -RV_CAUSE_STORE_ACCESS);
    assert_int_equal(fetch(&r, RIG_RAM), -RV_CAUSE_FETCH_ACCESS);
    assert_int_equal(store(&r, RIG_HIGH), 0); // no entry: M-mode may
    rig_stop(&r);
}

// Entries of four bytes within a page: each access is decided by its own address.
static void a_page_can_be_cut(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    rig_write(&r, CSR_PMPADDR0, (RIG_RAM + 0x100) >> 2);
    rig_write(&r, CSR_PMPADDR0 + 1, ALL);
    rig_write(&r, CSR_PMPCFG0, 0x1f << 8 | 0x11); // NA4, read only; the rest: everything
    rig_set_privilege(&r, U);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(store(&r, RIG_RAM + 0xfc), 0);
        assert_int_equal(load(&r, RIG_RAM + 0x100), 0);
        assert_int_equal(store(&r, RIG_RAM + 0x100), -RV_CAUSE_STORE_ACCESS);
        assert_int_equal(r.v->exception.value, RIG_RAM + 0x100);
        assert_int_equal(store(&r, RIG_RAM + 0x104), 0);
        assert_int_equal(store(&r, RIG_RAM + 0x1000), 0);
    }
    rig_stop(&r);
}

// An access that an entry matches only in part fails, however small the entry.
static void entries_smaller_than_a_page_cut_accesses(void **state)
{
    (void)state;
    enum { NA4 = 2 << 3, READ = 1, WRITE = 2, LOAD_ACCESS = 5, STORE_ACCESS = 7 };
    struct riscv_rig r;
    const uint64_t word = RIG_RAM + 0x100;
    static const struct {
        int offset;
        unsigned size_log2;
        bool allowed;
    } cases[] = {{0, 2, true},  {0, 3, false}, {1, 1, true},   {2, 1, true},   {3, 0, true},
                 {3, 1, false}, {4, 2, false}, {-1, 1, false}, {-4, 3, false}, {4, 0, false}};
    rig_start(&r, NULL);
    rig_write(&r, 0x3B0, word >> 2);
    rig_write(&r, 0x3A0, NA4 | READ | WRITE);
    rig_set_privilege(&r, S);
    for (size_t i = 0; i < VM_ARRAY_SIZE(cases); i++) {
        uint64_t value;
        vm_gva gva = vm_gva_of(word + (uint64_t)(int64_t)cases[i].offset);
        r.v->exception.pending = false;
        assert_int_equal(vm_vcpu_load(r.v, gva, cases[i].size_log2, &value), cases[i].allowed);
        if (!cases[i].allowed)
            assert_int_equal(r.v->exception.cause, LOAD_ACCESS);
        r.v->exception.pending = false;
        assert_int_equal(vm_vcpu_store(r.v, gva, cases[i].size_log2, 7), cases[i].allowed);
        if (!cases[i].allowed) {
            assert_int_equal(r.v->exception.cause, STORE_ACCESS);
            assert_int_equal(r.v->exception.value, gva.v);
        }
    }
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_smaller_than_a_page_cut_accesses),
        cmocka_unit_test(spans_agree_with_the_reference),
        cmocka_unit_test(everything_is_one_entry),
        cmocka_unit_test(reserved_rights_are_not_taken),
        cmocka_unit_test(locked_entries_keep_their_values),
        cmocka_unit_test(accesses_obey),
        cmocka_unit_test(locks_bind_machine_mode),
        cmocka_unit_test(a_page_can_be_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
