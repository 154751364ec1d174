// SPDX-License-Identifier: MIT
//
// mem: the soft TLBs. Random fills, flushes and context switches against a table of what is mapped:
// whatever a look-up finds must be mapped just so; and the rules of replacement one by one.
#include "tlb_rig.h"

// --- empty entries ---

static void empty_entries_match_nothing(void **state)
{
    struct rig *r = *state;
    static const enum vm_access accesses[] = {VM_ACCESS_READ, VM_ACCESS_WRITE, VM_ACCESS_EXECUTE};
    uint64_t random = test_seed("empty entries", 1);
    for (unsigned i = 0; i < VM_TLB_ENTRIES; i++) {
        const uint64_t page = (uint64_t)i << VM_PAGE_SHIFT;
        const uint64_t bases[] = {
            page, page - (VM_TLB_ENTRIES << VM_PAGE_SHIFT), // the first and the last of the slot
            (test_random(&random) << (VM_PAGE_SHIFT + VM_TLB_BITS)) | page,
            (uint64_t)INT64_MIN | page};
        for (size_t b = 0; b < VM_ARRAY_SIZE(bases); b++) {
            for (unsigned offset = 0; offset < PAGE;
                 offset += offset < 32 || offset > PAGE - 40 ? 1 : 509) {
                for (unsigned a = 0; a < 3; a++) {
                    for (unsigned size = 1; size <= 32; size *= 2)
                        assert_null(level1(&r->tlb, bases[b] + offset, accesses[a], size));
                }
            }
        }
    }
}

static void entries_cover_their_page_and_no_more(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    static const uint64_t pages[] = {0,
                                     0x1000,
                                     0x1ff000,
                                     (uint64_t)INT64_MIN,
                                     INT64_MAX & ~(uint64_t)VM_PAGE_MASK,
                                     UINT64_MAX - 0xfff};
    for (size_t i = 0; i < VM_ARRAY_SIZE(pages); i++) {
        uint64_t p = pages[i];
        fill(t, p + 0x123, VM_ACCESS_READ, RAM_BASE + PAGE * i, VM_ACCESS_READ);
        const uint8_t *host = r->ram + PAGE * i;
        for (unsigned size = 1; size <= 32; size *= 2) {
            assert_ptr_equal(level1(t, p, VM_ACCESS_READ, size), host);
            assert_ptr_equal(level1(t, p + PAGE - size, VM_ACCESS_READ, size), host + PAGE - size);
            if (size > 1)
                assert_null(level1(t, p + PAGE - size + 1, VM_ACCESS_READ, size));
            assert_null(level1(t, p + PAGE, VM_ACCESS_READ, size));
            assert_null(level1(t, p - 1, VM_ACCESS_READ, size));
            assert_null(level1(t, p ^ 1ull << 63, VM_ACCESS_READ, size));
            assert_null(level1(t, p, VM_ACCESS_WRITE, size));
        }
        vm_tlb_flush_all(t);
    }
}

// --- what is cached where ---

static void writability_is_cached_for_plain_ram_only(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    const uint8_t all = VM_ACCESS_READ | VM_ACCESS_WRITE | VM_ACCESS_EXECUTE;
    struct vm_page_track *track = r->ram_region->track;
    fill(t, 0x1000, VM_ACCESS_WRITE, RAM_BASE, all);
    assert_ptr_equal(level1(t, 0x1000, VM_ACCESS_WRITE, 8), r->ram);
    assert_true(atomic_load(&track[0].dirty));
    // A page with translated code.
    atomic_store(&track[1].code_lines, 1);
    fill(t, 0x2000, VM_ACCESS_WRITE, RAM_BASE + PAGE, all);
    assert_null(level1(t, 0x2000, VM_ACCESS_WRITE, 8));
    assert_false(atomic_load(&track[1].dirty));
    fill(t, 0x2000, VM_ACCESS_READ, RAM_BASE + PAGE, all);
    assert_ptr_equal(level1(t, 0x2000, VM_ACCESS_READ, 8), r->ram + PAGE);
    // ROM and devices.
    fill(t, 0x3000, VM_ACCESS_WRITE, ROM_BASE, all);
    assert_null(level1(t, 0x3000, VM_ACCESS_WRITE, 1));
    fill(t, 0x3000, VM_ACCESS_EXECUTE, ROM_BASE, all);
    assert_ptr_equal(level1(t, 0x3000, VM_ACCESS_EXECUTE, 1), r->rom);
    for (unsigned a = VM_ACCESS_READ; a <= VM_ACCESS_EXECUTE; a *= 2) {
        uint64_t page;
        fill(t, 0x4000, (enum vm_access)a, MMIO_BASE, all);
        assert_null(level1(t, 0x4000, (enum vm_access)a, 1));
        assert_true(level2(t, 0x4abc, (enum vm_access)a, &page));
        assert_int_equal(page, MMIO_BASE);
        fill(t, 0x5000, (enum vm_access)a, 0x123000, all); // nothing is there
        assert_null(level1(t, 0x5000, (enum vm_access)a, 1));
    }
    check_used_lists(t);
}

static void clean_pages_are_not_writable_while_dirt_is_tracked(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    vm_space_track_dirty(&r->space, true);
    fill(t, 0x1000, VM_ACCESS_WRITE, RAM_BASE, VM_ACCESS_READ | VM_ACCESS_WRITE);
    assert_null(level1(t, 0x1000, VM_ACCESS_WRITE, 1));
    assert_false(atomic_load(&r->ram_region->track[0].dirty));
    vm_region_note_write(&r->space, r->ram_region, 5, 1);
    fill(t, 0x1000, VM_ACCESS_WRITE, RAM_BASE, VM_ACCESS_READ | VM_ACCESS_WRITE);
    assert_non_null(level1(t, 0x1000, VM_ACCESS_WRITE, 1));
    vm_space_track_dirty(&r->space, false);
    fill(t, 0x2000, VM_ACCESS_WRITE, RAM_BASE + PAGE, VM_ACCESS_READ | VM_ACCESS_WRITE);
    assert_non_null(level1(t, 0x2000, VM_ACCESS_WRITE, 1));
}

static void second_level_keeps_permissions(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    uint64_t page;
    fill(t, 0x1000, VM_ACCESS_READ, RAM_BASE, VM_ACCESS_READ);
    assert_true(level2(t, 0x1008, VM_ACCESS_READ, &page));
    assert_int_equal(page, RAM_BASE);
    assert_false(level2(t, 0x1008, VM_ACCESS_WRITE, &page));
    assert_false(level2(t, 0x1008, VM_ACCESS_EXECUTE, &page));
    fill(t, 0x1000, VM_ACCESS_WRITE, RAM_BASE, VM_ACCESS_READ | VM_ACCESS_WRITE);
    assert_true(level2(t, 0x1008, VM_ACCESS_WRITE, &page));
    // What must not be remembered is not.
    const struct vm_translation fine = {vm_gpa_of(RAM_BASE), VM_ACCESS_READ, 12, 0, 15};
    vm_tlb_fill(t, t->data, vm_gva_of(0x9000), VM_ACCESS_READ, &fine);
    assert_false(level2(t, 0x9000, VM_ACCESS_READ, &page));
    assert_null(level1(t, 0x9000, VM_ACCESS_READ, 1));
}

// The pages of one second-level set: those whose number folds to the same value.
static uint64_t page_of_set(unsigned set, unsigned n)
{
    uint64_t high = (uint64_t)n << 9;
    uint64_t low = (set ^ high >> 9 ^ high >> 18) & (VM_TLB2_SETS - 1);
    return (high | low) << VM_PAGE_SHIFT;
}

static void second_level_replaces_the_least_recently_used(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    uint64_t page;
    for (unsigned n = 0; n < VM_TLB2_WAYS; n++)
        fill(t, page_of_set(5, n), VM_ACCESS_READ, RAM_BASE + n * PAGE, VM_ACCESS_READ);
    // Use all but the third, the oldest last.
    static const unsigned order[] = {7, 5, 3, 6, 4, 1, 0};
    for (size_t i = 0; i < VM_ARRAY_SIZE(order); i++)
        assert_true(level2(t, page_of_set(5, order[i]), VM_ACCESS_READ, &page));
    fill(t, page_of_set(5, 8), VM_ACCESS_READ, RAM_BASE, VM_ACCESS_READ);
    assert_false(level2(t, page_of_set(5, 2), VM_ACCESS_READ, &page));
    for (size_t i = 0; i < VM_ARRAY_SIZE(order); i++) {
        fill(t, page_of_set(5, 9 + (unsigned)i), VM_ACCESS_READ, RAM_BASE, VM_ACCESS_READ);
        struct vm_tlb2_entry *e = t->level2->entries;
        unsigned left = 0;
        for (unsigned k = 0; k < VM_TLB2_SETS * VM_TLB2_WAYS; k++)
            left += e[k].allowed && e[k].vpage == page_of_set(5, order[i]) >> VM_PAGE_SHIFT;
        assert_int_equal(left, 0);
    }
}

static void pages_of_one_slot_stay(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    static const enum vm_access accesses[] = {VM_ACCESS_READ, VM_ACCESS_WRITE};
    for (unsigned bit = VM_PAGE_SHIFT + VM_TLB_BITS; bit < 64; bit++) {
        uint64_t a = 0x5000, b = a ^ UINT64_C(1) << bit;
        for (unsigned i = 0; i < 2; i++) {
            fill(t, a, accesses[i], RAM_BASE, VM_ACCESS_READ | VM_ACCESS_WRITE);
            fill(t, b, accesses[i], RAM_BASE + PAGE, VM_ACCESS_READ | VM_ACCESS_WRITE);
            assert_ptr_equal(level1(t, a, accesses[i], 8), r->ram);
            assert_ptr_equal(level1(t, b, accesses[i], 8), r->ram + PAGE);
            assert_null(aside_gives(t, b, accesses[i], 8));
            assert_null(aside_gives(t, a + PAGE, accesses[i], 1));
            assert_null(aside_gives(t, a + PAGE - 7, accesses[i], 8));
        }
        vm_tlb_protect_page(t, r->ram);
        assert_null(level1(t, a, VM_ACCESS_WRITE, 1));
        assert_non_null(level1(t, a, VM_ACCESS_READ, 1));
        flush_page(t, vm_gva_of(a));
        assert_null(level1(t, a, VM_ACCESS_READ, 1));
        if (bit < 56) // pages that differ in the top byte go together
            assert_non_null(level1(t, b, VM_ACCESS_READ, 1));
        vm_tlb_flush_all(t);
    }
}

// --- contexts ---

static void contexts_keep_their_entries(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    for (unsigned k = 0; k < VM_TLB_CONTEXTS; k++) {
        select_both(t, 100 + k, k);
        fill(t, 0x1000, VM_ACCESS_READ, RAM_BASE + k * PAGE, VM_ACCESS_READ);
    }
    uint64_t switches = t->stats.context_switches;
    for (unsigned k = VM_TLB_CONTEXTS; k-- > 0;) {
        select_both(t, 100 + k, k);
        assert_ptr_equal(level1(t, 0x1000, VM_ACCESS_READ, 1), r->ram + k * PAGE);
    }
    assert_int_equal(t->stats.context_switches, switches);
}

static void contexts_are_told_apart_by_all_of_the_key(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    static const struct vm_tlb_key keys[] = {{7, 8, 9}, {6, 8, 9}, {7, 9, 9}, {7, 8, 8}};
    uint64_t page;
    vm_tlb_select_data(t, &keys[0]);
    fill(t, 0x1000, VM_ACCESS_READ, RAM_BASE, VM_ACCESS_READ);
    for (size_t i = 1; i < VM_ARRAY_SIZE(keys); i++) {
        vm_tlb_select_data(t, &keys[i]);
        assert_null(level1(t, 0x1000, VM_ACCESS_READ, 1));
        assert_false(level2(t, 0x1000, VM_ACCESS_READ, &page));
    }
    vm_tlb_select_data(t, &keys[0]);
    assert_non_null(level1(t, 0x1000, VM_ACCESS_READ, 1));
}

static void the_least_recently_used_context_goes(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    for (unsigned k = 0; k < VM_TLB_CONTEXTS; k++) {
        select_both(t, k + 1, 0);
        fill(t, 0x1000, VM_ACCESS_READ, RAM_BASE, VM_ACCESS_READ);
    }
    for (unsigned k = 0; k < VM_TLB_CONTEXTS; k++) {
        if (k != 5)
            select_both(t, k + 1, 0);
    }
    uint64_t generation = t->code->code_generation;
    select_both(t, 1000, 0);
    assert_true(t->code->code_generation > generation);
    assert_null(level1(t, 0x1000, VM_ACCESS_READ, 1));
    unsigned left = 0;
    for (unsigned k = 0; k < VM_TLB_CONTEXTS; k++)
        left += t->contexts[k].key.key == 6;
    assert_int_equal(left, 0);
    check_used_lists(t);
    // What is current for data does not go when code moves on, and the other way round.
    const struct vm_tlb_key data = {.key = 1000};
    vm_tlb_select_data(t, &data);
    const struct vm_tlb_context *current = t->data;
    for (unsigned k = 0; k < 3 * VM_TLB_CONTEXTS; k++) {
        const struct vm_tlb_key code = {.key = 2000 + k};
        vm_tlb_select_code(t, &code);
        assert_ptr_equal(t->data, current);
        assert_int_equal(t->data->key.key, 1000);
        assert_ptr_not_equal(t->code, t->data);
    }
}

// --- flushes one by one ---

static void generations_change_with_code_mappings(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    const uint8_t all = VM_ACCESS_READ | VM_ACCESS_EXECUTE;
    const uint64_t same_slot = 0x1000 + ((uint64_t)VM_TLB_ENTRIES << VM_PAGE_SHIFT);
    select_both(t, 1, 7);
    fill(t, 0x1000, VM_ACCESS_EXECUTE, RAM_BASE, all);
    uint64_t g = t->code->code_generation;
    fill(t, 0x2000, VM_ACCESS_READ, RAM_BASE, all);
    flush_page(t, vm_gva_of(0x2000)); // no code came from there
    assert_int_equal(t->code->code_generation, g);
    flush_page_asid(t, vm_gva_of(0x1000), 8);
    assert_int_equal(t->code->code_generation, g);
    // The entry is gone, but blocks that it led to may be linked.
    fill(t, same_slot, VM_ACCESS_EXECUTE, RAM_BASE, all);
    flush_page(t, vm_gva_of(0x1000));
    assert_true(t->code->code_generation > g);
    g = t->code->code_generation;
    flush_page_asid(t, vm_gva_of(same_slot), 7);
    assert_true(t->code->code_generation > g);
    assert_null(level1(t, same_slot, VM_ACCESS_EXECUTE, 1));
    g = t->code->code_generation;
    vm_tlb_flush_asid(t, 7);
    assert_true(t->code->code_generation > g);
    g = t->code->code_generation;
    vm_tlb_flush_all(t);
    assert_true(t->code->code_generation > g);
    // No two contexts ever share one.
    for (unsigned i = 0; i < VM_TLB_CONTEXTS; i++) {
        for (unsigned k = i + 1; k < VM_TLB_CONTEXTS; k++)
            assert_int_not_equal(t->contexts[i].code_generation, t->contexts[k].code_generation);
    }
}

// --- numbers ---

static void no_generation_has_a_low_half_of_zero(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    t->generations = UINT32_MAX - 1;
    for (unsigned i = 0; i < 3; i++) {
        vm_tlb_flush_all(t);
        for (unsigned k = 0; k < VM_TLB_CONTEXTS; k++)
            assert_true((uint32_t)t->contexts[k].code_generation != 0);
    }
}

// Fills a piece of a page of 2^shift bytes for reading; it must come out with that size.
static void fill_and_check(struct vm_tlb *t, uint64_t gva, unsigned shift)
{
    struct vm_translation tr = {.shift = 0};
    fill_piece(t, gva, VM_ACCESS_READ, RAM_BASE, VM_ACCESS_READ, shift);
    assert_true(vm_tlb_find(t, t->data, vm_gva_of(gva), VM_ACCESS_READ, &tr));
    assert_int_equal(tr.shift, shift);
}

static bool is_known(struct vm_tlb *t, uint64_t gva)
{
    uint64_t page;
    bool first = level1(t, gva, VM_ACCESS_READ, 1), second = level2(t, gva, VM_ACCESS_READ, &page);
    assert_true(second || !first);
    return second;
}

// A flush of any address of a large page takes all of its pieces and nothing else: not those of
// other large pages, of small pages beside it, or of other spaces.
static void a_large_page_goes_as_a_whole(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    static const uint8_t shifts[] = {14, 16, 21, 30, 39, 48};
    for (unsigned i = 0; i < VM_ARRAY_SIZE(shifts) * 4; i++) {
        unsigned shift = shifts[i / 4];
        bool one_space = i & 1, at_end = i & 2;
        const uint64_t base = UINT64_C(0x55) << 56, end = base + (UINT64_C(1) << shift);
        const uint64_t piece[] = {base, base + PAGE, base + (end - base) / 2, end - PAGE};
        const uint64_t other[] = {base - PAGE, end, end + 2 * PAGE, 0x5000};
        vm_tlb_flush_all(t);
        for (unsigned space = 1; space <= 2; space++) {
            select_both(t, space, space);
            for (unsigned k = 0; k < 4; k++) {
                fill_and_check(t, piece[k], shift);
                fill_and_check(t, other[k], k == 3 ? VM_PAGE_SHIFT : shift);
            }
        }
        uint64_t flushes = t->stats.flushes;
        vm_gva gva = vm_gva_of(at_end ? end - 1 : base + PAGE + 123);
        if (one_space)
            flush_page_asid(t, gva, 2);
        else
            flush_page(t, gva);
        check_used_lists(t);
        assert_int_equal(t->stats.flushes, flushes);
        for (unsigned space = 1; space <= 2; space++) {
            select_both(t, space, space);
            for (unsigned k = 0; k < 4; k++) {
                // In the other space the second level forgets more than it must.
                if (!one_space || space == 2)
                    assert_false(is_known(t, piece[k]));
                else if (k == 1)
                    assert_non_null(level1(t, piece[k], VM_ACCESS_READ, 1));
                assert_true(is_known(t, other[k]));
            }
        }
        select_both(t, 2, 2);
        fill_and_check(t, piece[0], shift); // it can come back, and go again
        flush_page(t, vm_gva_of(piece[3]));
        assert_false(is_known(t, piece[0]));
    }
}

static void links_end_with_the_large_page_under_them(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    const uint8_t all = VM_ACCESS_READ | VM_ACCESS_EXECUTE;
    static const uint8_t shifts[] = {16, 21, 30};
    for (size_t i = 0; i < VM_ARRAY_SIZE(shifts); i++) {
        select_both(t, 1, 1);
        fill_piece(t, 0x80003000, VM_ACCESS_EXECUTE, RAM_BASE, all, shifts[i]);
        uint64_t g = t->code->code_generation;
        flush_page(t, vm_gva_of(0xc0000000));
        assert_int_equal(t->code->code_generation, g);
        flush_page_asid(t, vm_gva_of(0x80001000), 2);
        assert_int_equal(t->code->code_generation, g);
        flush_page_asid(t, vm_gva_of(0x80001000), 1);
        assert_true(t->code->code_generation > g);
        assert_null(level1(t, 0x80003000, VM_ACCESS_EXECUTE, 1));
    }
}

static void ranges_are_flushed(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    for (unsigned one_space = 0; one_space < 2; one_space++) {
        for (uint64_t pages = 1; pages <= 500; pages += 23) {
            select_both(t, 1, 1);
            for (uint64_t k = 0; k < 512; k++)
                fill(t, k * PAGE, VM_ACCESS_READ, RAM_BASE, VM_ACCESS_READ);
            fill_piece(t, 0x200000, VM_ACCESS_READ, RAM_BASE, VM_ACCESS_READ, 21);
            fill_piece(t, 0x400000, VM_ACCESS_READ, RAM_BASE, VM_ACCESS_READ, 21);
            fill_piece(t, 0x600000, VM_ACCESS_READ, RAM_BASE, VM_ACCESS_READ, 21);
            vm_gva first = vm_gva_of(0x3ff800 - pages * PAGE), last = vm_gva_of(0x400000);
            if (one_space)
                vm_tlb_flush_pages_asid(t, first, last, 1, false);
            else
                vm_tlb_flush_pages(t, first, last);
            assert_false(is_known(t, 0x200000));
            assert_false(is_known(t, 0x400000));
            assert_true(is_known(t, 0x600000) &&
                        is_known(t, 0x1ff000 - (pages > 253 ? 0x100000 : 0)));
            check_used_lists(t);
        }
    }
}

// What was filled before the numbers of flushes began anew does not count as filled after it.
static void numbers_of_flushes_run_out(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    for (unsigned before = 0; before < 4; before++) {
        t->level2->flush = UINT32_MAX - before;
        select_both(t, 1, 1);
        for (unsigned i = 0; i < 4; i++) {
            fill(t, 0x1000, VM_ACCESS_READ, RAM_BASE, VM_ACCESS_READ);
            fill_piece(t, 0x200000, VM_ACCESS_READ, RAM_BASE, VM_ACCESS_READ, 21);
            if (i & 1)
                flush_page(t, vm_gva_of(0x203000));
            else
                vm_tlb_flush_asid(t, 1);
            assert_false(is_known(t, 0x200000));
            if (!(i & 1))
                assert_false(is_known(t, 0x1000));
            check_used_lists(t);
        }
        assert_true(t->level2->flush < 10);
    }
}

static void protecting_takes_every_write_entry(void **state)
{
    struct rig *r = *state;
    struct vm_tlb *t = &r->tlb;
    const uint8_t all = VM_ACCESS_READ | VM_ACCESS_WRITE;
    static const uint64_t aliases[] = {0x1000, 0x5000, 0xffffffffffff1000u, 0x7000};
    for (unsigned k = 0; k < 4; k++) {
        select_both(t, k, k);
        for (size_t i = 0; i < VM_ARRAY_SIZE(aliases); i++) {
            fill(t, aliases[i], VM_ACCESS_WRITE, RAM_BASE + 3 * PAGE, all);
            fill(t, aliases[i], VM_ACCESS_READ, RAM_BASE + 3 * PAGE, all);
        }
        fill(t, 0x9000, VM_ACCESS_WRITE, RAM_BASE + 4 * PAGE, all);
    }
    vm_tlb_protect_page(t, r->ram + 3 * PAGE);
    check_used_lists(t);
    for (unsigned k = 0; k < 4; k++) {
        select_both(t, k, k);
        for (size_t i = 0; i < VM_ARRAY_SIZE(aliases); i++) {
            assert_null(level1(t, aliases[i], VM_ACCESS_WRITE, 1));
            assert_non_null(level1(t, aliases[i], VM_ACCESS_READ, 1));
        }
        assert_non_null(level1(t, 0x9000, VM_ACCESS_WRITE, 1));
    }
}

static void memory_runs_out_cleanly(void **state)
{
    struct rig *r = *state;
    struct vm_tlb t;
    for (unsigned n = 0; n < 2; n++) {
        uint64_t live = atomic_load(&r->host.live_bytes);
        atomic_store(&r->host.fail_after, n);
        assert_int_equal(vm_tlb_init(&t, &r->space, &r->host.host.allocator, NULL), VM_ERR_HOST);
        assert_int_equal(atomic_load(&r->host.live_bytes), live);
    }
}

// --- random operations against a table ---

enum { KEYS = 20, ASIDS = 5, PAGES = 64, LARGE_SHIFT = 30 };

struct model {
    uint8_t ram_page[KEYS][PAGES]; // what each is mapped to until it is flushed
    uint8_t known[KEYS][PAGES];    // accesses that were filled since
    bool code[RAM_PAGES];
    unsigned data, fetch; // current keys
    uint64_t random;
};

static uint64_t gva_of_page(unsigned page)
{
    // Few slots and sets, so that pages meet; some at both ends of the address space.
    static const uint64_t bases[] = {0x3000, (uint64_t)INT64_MIN + 0x3000, UINT64_MAX - 0xfff,
                                     0x10000003000};
    return bases[page % 4] + ((uint64_t)(page / 4 % 8) << 21) + ((uint64_t)(page / 32) << 12);
}

// Half of them belong to large pages, of which all within one lie on one base and none of the
// others.
static bool is_large(unsigned page)
{
    return page % 4 >= 2;
}

static uint32_t asid_of(unsigned key)
{
    return key % ASIDS;
}

static void choose_keys(struct vm_tlb *t, struct model *m, unsigned data, unsigned fetch)
{
    const struct vm_tlb_key d = {data, data ^ 5, asid_of(data)};
    const struct vm_tlb_key f = {fetch, fetch ^ 5, asid_of(fetch)};
    vm_tlb_select_data(t, &d);
    vm_tlb_select_code(t, &f);
    m->data = data;
    m->fetch = fetch;
}

// After a flush the tables may say something else.
static void remap(struct model *m, unsigned key, unsigned page)
{
    m->known[key][page] = 0;
    m->ram_page[key][page] = (uint8_t)(test_random(&m->random) >> 20) % RAM_PAGES;
}

static void model_flush(struct model *m, int page, int asid)
{
    for (unsigned k = 0; k < KEYS; k++) {
        for (unsigned p = 0; p < PAGES; p++) {
            bool flushed = page < 0 || p == (unsigned)page ||
                           (is_large(p) && gva_of_page(p) >> LARGE_SHIFT ==
                                               gva_of_page((unsigned)page) >> LARGE_SHIFT);
            if (flushed && (asid < 0 || asid_of(k) == (unsigned)asid))
                remap(m, k, p);
        }
    }
}

static void check_look_up(struct rig *r, struct model *m, unsigned page, enum vm_access access)
{
    struct vm_tlb *t = &r->tlb;
    unsigned key = access == VM_ACCESS_EXECUTE ? m->fetch : m->data;
    unsigned offset = (unsigned)test_random(&m->random) % PAGE;
    uint64_t gva = gva_of_page(page) + offset, found;
    const uint8_t *want = r->ram + m->ram_page[key][page] * PAGE;
    const uint8_t *got = level1(t, gva, access, 1);
    if (got) {
        assert_true(m->known[key][page] & access);
        assert_ptr_equal(got, want + offset);
        if (access == VM_ACCESS_WRITE)
            assert_false(m->code[m->ram_page[key][page]]);
    }
    if (level2(t, gva, access, &found)) {
        assert_true(m->known[key][page] & access);
        assert_int_equal(found, RAM_BASE + m->ram_page[key][page] * PAGE);
        bool cached = access != VM_ACCESS_WRITE || !m->code[m->ram_page[key][page]];
        assert_int_equal(level1(t, gva, access, 1) != NULL, cached);
    }
}

static void random_fill(struct rig *r, struct model *m, unsigned page, enum vm_access access)
{
    unsigned key = access == VM_ACCESS_EXECUTE ? m->fetch : m->data;
    uint8_t allowed = (uint8_t)(access | (test_random(&m->random) >> 30 & 7));
    fill_piece(&r->tlb, gva_of_page(page), access, RAM_BASE + m->ram_page[key][page] * PAGE,
               allowed, is_large(page) ? LARGE_SHIFT : VM_PAGE_SHIFT);
    m->known[key][page] |= allowed;
    check_look_up(r, m, page, access);
}

static void toggle_code(struct rig *r, struct model *m, unsigned page)
{
    m->code[page] = !m->code[page];
    atomic_store(&r->ram_region->track[page].code_lines, m->code[page]);
    if (m->code[page])
        vm_tlb_protect_page(&r->tlb, r->ram + page * PAGE);
}

static void random_step(struct rig *r, struct model *m)
{
    static const enum vm_access accesses[] = {VM_ACCESS_READ, VM_ACCESS_WRITE, VM_ACCESS_EXECUTE};
    struct vm_tlb *t = &r->tlb;
    uint64_t x = test_random(&m->random);
    unsigned page = (unsigned)(x >> 8) % PAGES, asid = (unsigned)(x >> 16) % ASIDS;
    enum vm_access access = accesses[(x >> 24) % 3];
    switch ((x >> 32) % 64) {
    case 0:
        vm_tlb_flush_all(t);
        model_flush(m, -1, -1);
        break;
    case 1:
        vm_tlb_flush_asid(t, asid);
        model_flush(m, -1, (int)asid);
        break;
    case 2:
    case 3:
        flush_page(t, vm_gva_of(gva_of_page(page) + (x >> 40 & VM_PAGE_MASK)));
        model_flush(m, (int)page, -1);
        break;
    case 4:
    case 5:
        flush_page_asid(t, vm_gva_of(gva_of_page(page)), asid);
        model_flush(m, (int)page, (int)asid);
        break;
    case 6: toggle_code(r, m, page % RAM_PAGES); break;
    case 7:
    case 8:
    case 9: choose_keys(t, m, (unsigned)(x >> 40) % KEYS, m->fetch); break;
    case 10:
    case 11: choose_keys(t, m, m->data, (unsigned)(x >> 40) % KEYS); break;
    default:
        if (x >> 50 & 1)
            random_fill(r, m, page, access);
        else
            check_look_up(r, m, page, access);
    }
}

static void random_operations(void **state)
{
    struct rig *r = *state;
    static struct model m;
    m.random = test_seed("TLB", 1);
    choose_keys(&r->tlb, &m, 0, 1);
    model_flush(&m, -1, -1);
    vm_tlb_flush_all(&r->tlb);
    for (unsigned i = 0; i < 300000; i++) {
        random_step(r, &m);
        if (i % 1000 == 0)
            check_used_lists(&r->tlb);
        if (i % 50000 == 25000)
            r->tlb.level2->flush = UINT32_MAX - 20;
    }
    assert_true(r->tlb.stats.l2_hits > 10000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(empty_entries_match_nothing),
        TEST(entries_cover_their_page_and_no_more),
        TEST(writability_is_cached_for_plain_ram_only),
        TEST(clean_pages_are_not_writable_while_dirt_is_tracked),
        TEST(second_level_keeps_permissions),
        TEST(second_level_replaces_the_least_recently_used),
        TEST(pages_of_one_slot_stay),
        TEST(contexts_keep_their_entries),
        TEST(contexts_are_told_apart_by_all_of_the_key),
        TEST(the_least_recently_used_context_goes),
        TEST(generations_change_with_code_mappings),
        TEST(no_generation_has_a_low_half_of_zero),
        TEST(a_large_page_goes_as_a_whole),
        TEST(links_end_with_the_large_page_under_them),
        TEST(ranges_are_flushed),
        TEST(numbers_of_flushes_run_out),
        TEST(protecting_takes_every_write_entry),
        TEST(memory_runs_out_cleanly),
        TEST(random_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
