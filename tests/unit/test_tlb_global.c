// SPDX-License-Identifier: MIT
//
// mem: the soft TLBs, translations that hold in every address space, and what is linked by mappings
// of code.
#include "tlb_rig.h"

static void select_space(struct vm_tlb *t, uint64_t key, uint32_t asid, uint32_t regime)
{
    const struct vm_tlb_key k = {.key = key, .space = 100 + asid, .asid = asid, .regime = regime};
    vm_tlb_select_data(t, &k);
    vm_tlb_select_code(t, &k);
}

static void fill_global(struct vm_tlb *t, uint64_t gva, uint64_t gpa)
{
    const struct vm_translation tr = {.page = vm_gpa_of(gpa),
                                      .allowed = VM_ACCESS_READ | VM_ACCESS_EXECUTE,
                                      .shift = VM_PAGE_SHIFT,
                                      .last = VM_PAGE_MASK,
                                      .global = true};
    vm_tlb_fill(t, t->code, vm_gva_of(gva), VM_ACCESS_EXECUTE, &tr);
}

static bool fetches(struct vm_tlb *t, uint64_t gva, bool *global)
{
    struct vm_translation tr;
    bool found = vm_tlb_find(t, t->code, vm_gva_of(gva), VM_ACCESS_EXECUTE, &tr);
    *global = found && t->code->code[vm_tlb_index(gva)].global;
    return found;
}

static uint64_t generation(const struct vm_tlb *t, enum vm_tlb_rests rests)
{
    const uint64_t now[] = {t->code->code_generation, t->regime->code_generation};
    assert_int_equal(t->code_generations[VM_TLB_ON_CONTEXT], now[VM_TLB_ON_CONTEXT]);
    assert_int_equal(t->code_generations[VM_TLB_ON_REGIME], now[VM_TLB_ON_REGIME]);
    return now[rests];
}

static void global_translations_hold_in_every_space(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    bool global;
    select_space(t, 1, 7, 9);
    fill_global(t, 0x1000, RAM_BASE);
    uint64_t g = generation(t, VM_TLB_ON_REGIME);
    select_space(t, 1, 8, 9);
    assert_true(fetches(t, 0x1000, &global) && global);
    assert_int_equal(generation(t, VM_TLB_ON_REGIME), g);
    vm_tlb_flush_asid(t, 8);
    vm_tlb_flush_asid(t, 7);
    assert_true(fetches(t, 0x1000, &global) && global);
    assert_int_equal(generation(t, VM_TLB_ON_REGIME), g);
    // Another regime has its own; what is told apart by the key stays so.
    select_space(t, 2, 8, 10);
    assert_false(fetches(t, 0x1000, &global));
    assert_int_not_equal(generation(t, VM_TLB_ON_REGIME), g);
    for (uint32_t regime = 20; regime < 20 + 2 * VM_TLB_REGIMES; regime++) {
        uint64_t last = generation(t, VM_TLB_ON_REGIME);
        select_space(t, regime, 8, regime);
        assert_true(generation(t, VM_TLB_ON_REGIME) != last);
    }
}

static void global_translations_are_flushed(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    bool global;
    select_space(t, 1, 7, 9);
    fill_global(t, 0x1000, RAM_BASE);
    select_space(t, 1, 8, 9);
    uint64_t g = generation(t, VM_TLB_ON_REGIME);
    flush_page(t, vm_gva_of(0x5000));
    assert_int_equal(generation(t, VM_TLB_ON_REGIME), g);
    flush_page_asid(t, vm_gva_of(0x1000), 8);
    assert_true(fetches(t, 0x1000, &global));
    assert_int_equal(generation(t, VM_TLB_ON_REGIME), g);
    flush_page(t, vm_gva_of(0x1000));
    assert_false(fetches(t, 0x1000, &global));
    assert_true(generation(t, VM_TLB_ON_REGIME) > g);
    fill_global(t, 0x1000, RAM_BASE);
    g = generation(t, VM_TLB_ON_REGIME);
    vm_tlb_flush_all(t);
    assert_false(fetches(t, 0x1000, &global));
    assert_true(generation(t, VM_TLB_ON_REGIME) > g);
}

static void a_flush_of_a_space_may_take_what_is_global(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    static const uint64_t addresses[] = {0x1000, 0xffff800000123000};
    bool global;
    for (size_t i = 0; i < VM_ARRAY_SIZE(addresses); i++) {
        vm_gva gva = vm_gva_of(addresses[i]), other = vm_gva_of(addresses[1 - i]);
        select_space(t, 1, 7, 9);
        fill_global(t, gva.v, RAM_BASE);
        select_space(t, 1, 8, 9);
        assert_true(fetches(t, gva.v, &global));
        uint64_t g = generation(t, VM_TLB_ON_REGIME);
        vm_tlb_flush_pages_asid(t, other, other, 8, true);
        assert_true(fetches(t, gva.v, &global));
        assert_int_equal(generation(t, VM_TLB_ON_REGIME), g);
        vm_tlb_flush_pages_asid(t, gva, gva, 5, true);
        assert_false(fetches(t, gva.v, &global));
        assert_true(generation(t, VM_TLB_ON_REGIME) > g);
        select_space(t, 1, 7, 9);
        assert_false(fetches(t, gva.v, &global));
        vm_tlb_flush_all(t); // nothing global is left
    }
}

// More pages than can be noted: then all that was linked by their mappings ends.
static void many_pages_of_code_are_noted(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    enum { MORE = 3 * VM_TLB_SEEN };
    select_space(t, 1, 7, 9);
    uint64_t last[2] = {0, 0};
    unsigned changes[2] = {0, 0};
    for (unsigned i = 0; i < MORE; i++) {
        fill_global(t, (uint64_t)i * PAGE, RAM_BASE);
        for (unsigned k = 0; k < 2; k++) {
            uint64_t g = generation(t, (enum vm_tlb_rests)k);
            changes[k] += g != last[k];
            last[k] = g;
        }
        check_used_lists(t);
    }
    assert_in_range(changes[0], 2, 12);
    assert_in_range(changes[1], 2, 12);
    // What is used again is noted again.
    for (unsigned i = 0; i < MORE; i++) {
        bool global;
        vm_gva gva = vm_gva_of((uint64_t)i * PAGE);
        if (!level1(t, gva.v, VM_ACCESS_EXECUTE, 1) && !fetches(t, gva.v, &global))
            continue;
        uint64_t g = generation(t, VM_TLB_ON_REGIME), c = generation(t, VM_TLB_ON_CONTEXT);
        flush_page(t, gva);
        assert_true(generation(t, VM_TLB_ON_REGIME) > g);
        assert_true(generation(t, VM_TLB_ON_CONTEXT) > c);
    }
}

static void a_long_range_leaves_links_elsewhere(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    bool global;
    select_space(t, 1, 7, 9);
    fill_global(t, 0x1000, RAM_BASE);
    fill_global(t, 0x5000000, RAM_BASE);
    uint64_t g = generation(t, VM_TLB_ON_REGIME), c = generation(t, VM_TLB_ON_CONTEXT);
    vm_tlb_flush_pages(t, vm_gva_of(0x2000), vm_gva_of(0x4ffffff));
    assert_int_equal(generation(t, VM_TLB_ON_REGIME), g);
    assert_int_equal(generation(t, VM_TLB_ON_CONTEXT), c);
    assert_true(fetches(t, 0x1000, &global) && fetches(t, 0x5000000, &global));
    vm_tlb_flush_pages(t, vm_gva_of(0x2000), vm_gva_of(0x5000000));
    assert_true(generation(t, VM_TLB_ON_REGIME) > g);
    assert_true(generation(t, VM_TLB_ON_CONTEXT) > c);
    assert_true(fetches(t, 0x1000, &global));
    assert_false(fetches(t, 0x5000000, &global));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(global_translations_hold_in_every_space),    TEST(global_translations_are_flushed),
        TEST(a_flush_of_a_space_may_take_what_is_global), TEST(many_pages_of_code_are_noted),
        TEST(a_long_range_leaves_links_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
