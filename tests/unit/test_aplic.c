// SPDX-License-Identifier: MIT
//
// The APLIC by its registers: delegation, source modes, pending and enable bits, and both ways of
// delivery. test_aplic_random.c does all of it at random.
#include "aplic_bed.h"

static const uint32_t modes[] = {DETACHED, EDGE1, EDGE0, LEVEL1, LEVEL0};

// --- domaincfg, access sizes ---

static void domaincfg_says_what_the_domain_is(void **state)
{
    (void)state;
    for (int message = 0; message < 2; message++) {
        struct aplic_bed b;
        aplic_bed_init(&b, message, true);
        uint32_t fixed = 0x80000000u | (message ? 4 : 0);
        for (int d = 0; d < 2; d++) {
            assert_int_equal(aplic_get(&b, d, DOMAINCFG), fixed);
            aplic_put(&b, d, DOMAINCFG, UINT32_MAX);
            assert_int_equal(aplic_get(&b, d, DOMAINCFG), fixed | 0x100);
            aplic_put(&b, d, DOMAINCFG, 0);
            assert_int_equal(aplic_get(&b, d, DOMAINCFG), fixed);
        }
        aplic_bed_end(&b);
    }
}

static void only_words_are_accessed(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, false, true);
    for (unsigned size = 1; size <= 8; size *= 2) {
        assert_int_equal(mmio_reads(&b.machine, APLIC_M, size), size == 4);
        assert_int_equal(mmio_writes(&b.machine, APLIC_M, size, 0), size == 4);
    }
    assert_null(vm_aplic_source(&b.device[M], 0).set);
    assert_null(vm_aplic_source(&b.device[M], VM_APLIC_SOURCES + 1).set);
    aplic_bed_end(&b);
}

// Whatever is written everywhere, what does not exist stays zero.
static void what_does_not_exist_is_zero(void **state)
{
    (void)state;
    for (int message = 0; message < 2; message++) {
        struct aplic_bed b;
        aplic_bed_init(&b, message, true);
        for (uint32_t at = 0; at < VM_APLIC_SIZE; at += 4) {
            if (at < MMSIADDRCFG || at > SMSIADDRCFGH)
                aplic_put(&b, S, at, UINT32_MAX); // nothing is delegated
        }
        for (uint32_t at = 4; at < VM_APLIC_SIZE; at += 4) {
            bool idc = !message && at >= IDC && at < IDC + 32 * HARTS && at % 32 < 0x0c;
            bool genmsi = message && at == GENMSI;
            if (!idc && !genmsi)
                assert_int_equal(aplic_get(&b, S, at), 0);
        }
        aplic_put(&b, M, SOURCECFG(97), LEVEL1);
        assert_int_equal(aplic_get(&b, M, SOURCECFG(97)), 0);
        aplic_put(&b, M, SOURCECFG(1023), LEVEL1);
        assert_int_equal(aplic_get(&b, M, SOURCECFG(1023)), 0);
        aplic_bed_end(&b);
    }
}

// --- sourcecfg ---

static void source_modes_are_held_and_reserved_ones_are_not(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, true, true);
    for (uint32_t source = 1; source <= VM_APLIC_SOURCES; source += 19) {
        for (uint32_t mode = 0; mode < 8; mode++) {
            aplic_put(&b, M, SOURCECFG(source), DETACHED);
            aplic_put(&b, M, SOURCECFG(source), 0xfffffbf8u | mode);
            assert_int_equal(aplic_get(&b, M, SOURCECFG(source)),
                             mode == 2 || mode == 3 ? 0 : mode);
        }
    }
    aplic_bed_end(&b);
}

static void sources_are_delegated_and_taken_back(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, false, true);
    aplic_put(&b, S, SOURCECFG(7), EDGE1); // not its own yet
    assert_int_equal(aplic_get(&b, S, SOURCECFG(7)), 0);
    aplic_put(&b, M, SOURCECFG(7), EDGE1);
    aplic_put(&b, M, SETIENUM, 7);
    aplic_put(&b, M, SETIPNUM, 7);
    aplic_put(&b, M, SOURCECFG(7), DELEGATE | 0x3ff); // there is child 0 only
    assert_int_equal(aplic_get(&b, M, SOURCECFG(7)), DELEGATE);
    assert_int_equal(aplic_get(&b, M, SETIP(0)) | aplic_get(&b, M, SETIE(0)), 0);
    assert_int_equal(aplic_get(&b, M, TARGET(7)), 0);
    assert_int_equal(aplic_get(&b, S, SOURCECFG(7)), 0);
    aplic_put(&b, S, SOURCECFG(7), EDGE0);
    aplic_put(&b, S, SETIENUM, 7);
    aplic_put(&b, S, SETIPNUM, 7);
    assert_int_equal(aplic_get(&b, S, SETIP(0)), 1 << 7);
    aplic_put(&b, M, SOURCECFG(7), DELEGATE); // as it is
    assert_int_equal(aplic_get(&b, S, SOURCECFG(7)), EDGE0);
    assert_int_equal(aplic_get(&b, S, SETIP(0)), 1 << 7);
    assert_int_equal(aplic_get(&b, M, SETIP(0)) | aplic_get(&b, M, SETIE(0)), 0);
    aplic_put(&b, S, SOURCECFG(7), DELEGATE | EDGE1); // a leaf cannot
    assert_int_equal(aplic_get(&b, S, SOURCECFG(7)), 0);
    aplic_put(&b, S, SOURCECFG(7), LEVEL1);
    aplic_put(&b, M, SOURCECFG(7), LEVEL0);
    assert_int_equal(aplic_get(&b, S, SOURCECFG(7)), 0);
    assert_int_equal(aplic_get(&b, S, SETIE(0)), 0);
    assert_int_equal(aplic_get(&b, M, SOURCECFG(7)), LEVEL0);
    aplic_bed_end(&b);
}

static void a_source_that_leaves_takes_its_interrupt_along(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, false, true);
    aplic_put(&b, M, SOURCECFG(9), DELEGATE);
    aplic_open(&b, S, 0);
    aplic_put(&b, S, SOURCECFG(9), LEVEL1);
    aplic_put(&b, S, SETIENUM, 9);
    aplic_drive(&b, 9, true);
    assert_true(b.wire[S][0].level);
    aplic_put(&b, M, SOURCECFG(9), 0);
    assert_false(b.wire[S][0].level);
    aplic_bed_end(&b);
}

static void without_machine_level_all_is_delegated(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, true, false);
    for (uint32_t source = 1; source <= VM_APLIC_SOURCES; source++) {
        aplic_put(&b, S, SOURCECFG(source), EDGE1);
        assert_int_equal(aplic_get(&b, S, SOURCECFG(source)), EDGE1);
    }
    aplic_put(&b, S, DOMAINCFG, 0x100);
    aplic_put(&b, S, TARGET(96), 2 << 18 | 0x55);
    aplic_put(&b, S, SETIENUM, 96);
    aplic_drive(&b, 96, true);
    assert_int_equal(b.messages, 1);
    assert_int_equal(b.address, IMSIC_S + 0x2000);
    assert_int_equal(b.data, 0x55);
    aplic_bed_end(&b);
}

// --- pending bits (Precise effects on interrupt-pending bits) ---

static bool sets(struct aplic_bed *b, uint32_t source)
{
    aplic_put(b, M, SETIPNUM, source);
    return aplic_pends(b, M, source);
}

static bool clears(struct aplic_bed *b, uint32_t source)
{
    aplic_put(b, M, CLRIPNUM, source);
    return !aplic_pends(b, M, source);
}

static bool input(struct aplic_bed *b, uint32_t source)
{
    return aplic_get(b, M, IN_CLRIP(source / 32)) >> source % 32 & 1;
}

static void levels_pend_directly_as_their_input_is(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, false, true);
    for (int inverted = 0; inverted < 2; inverted++) {
        aplic_drive(&b, 40, inverted);
        aplic_put(&b, M, SOURCECFG(40), inverted ? LEVEL0 : LEVEL1);
        assert_false(input(&b, 40) || aplic_pends(&b, M, 40));
        assert_false(sets(&b, 40));
        aplic_drive(&b, 40, !inverted);
        assert_true(input(&b, 40) && aplic_pends(&b, M, 40));
        assert_false(clears(&b, 40));
        aplic_drive(&b, 40, inverted);
        assert_false(input(&b, 40) || aplic_pends(&b, M, 40));
    }
    aplic_bed_end(&b);
}

static void levels_pend_by_message_from_their_edge_on(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, true, true);
    for (int inverted = 0; inverted < 2; inverted++) {
        aplic_drive(&b, 40, inverted);
        aplic_put(&b, M, SOURCECFG(40), inverted ? LEVEL0 : LEVEL1);
        assert_false(sets(&b, 40)); // not while the input is low
        aplic_drive(&b, 40, !inverted);
        assert_true(aplic_pends(&b, M, 40));
        assert_true(clears(&b, 40));
        aplic_drive(&b, 40, !inverted); // no edge
        assert_false(aplic_pends(&b, M, 40));
        assert_true(sets(&b, 40)); // still asserted
        aplic_drive(&b, 40, inverted);
        assert_false(aplic_pends(&b, M, 40));
    }
    aplic_bed_end(&b);
}

static void edges_pend_until_they_are_taken(void **state)
{
    (void)state;
    for (int message = 0; message < 2; message++) {
        struct aplic_bed b;
        aplic_bed_init(&b, message, true);
        for (int inverted = 0; inverted < 2; inverted++) {
            aplic_put(&b, M, SOURCECFG(40), 0);
            aplic_drive(&b, 40, inverted);
            aplic_put(&b, M, SOURCECFG(40), inverted ? EDGE0 : EDGE1);
            assert_false(aplic_pends(&b, M, 40));
            aplic_drive(&b, 40, !inverted);
            assert_true(input(&b, 40) && aplic_pends(&b, M, 40));
            aplic_drive(&b, 40, inverted);
            assert_true(!input(&b, 40) && aplic_pends(&b, M, 40));
            assert_true(clears(&b, 40));
            assert_true(sets(&b, 40));
            assert_true(clears(&b, 40));
        }
        aplic_bed_end(&b);
    }
}

static void a_detached_source_has_no_input(void **state)
{
    (void)state;
    for (int message = 0; message < 2; message++) {
        struct aplic_bed b;
        aplic_bed_init(&b, message, true);
        aplic_put(&b, M, SOURCECFG(40), DETACHED);
        aplic_drive(&b, 40, true);
        assert_false(input(&b, 40) || aplic_pends(&b, M, 40));
        assert_true(sets(&b, 40));
        aplic_drive(&b, 40, false);
        assert_true(aplic_pends(&b, M, 40));
        assert_true(clears(&b, 40));
        aplic_bed_end(&b);
    }
}

static void an_inactive_source_is_all_zeros(void **state)
{
    (void)state;
    for (size_t i = 0; i < VM_ARRAY_SIZE(modes); i++) {
        struct aplic_bed b;
        aplic_bed_init(&b, false, true);
        aplic_drive(&b, 40, true);
        assert_false(sets(&b, 40) || input(&b, 40));
        aplic_put(&b, M, SOURCECFG(40), modes[i]);
        assert_int_equal(aplic_get(&b, M, TARGET(40)) & 0xff, 1); // never priority 0
        aplic_put(&b, M, TARGET(40), 1 << 18 | 9);
        aplic_put(&b, M, SETIENUM, 40);
        sets(&b, 40);
        aplic_put(&b, M, SOURCECFG(40), 0);
        assert_int_equal(aplic_get(&b, M, TARGET(40)), 0);
        assert_int_equal(aplic_get(&b, M, SETIE(1)) | aplic_get(&b, M, SETIP(1)), 0);
        aplic_put(&b, M, TARGET(40), 9);
        aplic_put(&b, M, SETIENUM, 40);
        assert_int_equal(aplic_get(&b, M, TARGET(40)) | aplic_get(&b, M, SETIE(1)), 0);
        aplic_bed_end(&b);
    }
}

// A level that is there when its source is configured is not lost.
static void a_level_is_seen_at_configuration(void **state)
{
    (void)state;
    for (int message = 0; message < 2; message++) {
        struct aplic_bed b;
        aplic_bed_init(&b, message, true);
        aplic_drive(&b, 40, true);
        aplic_put(&b, M, SOURCECFG(40), LEVEL1);
        assert_true(aplic_pends(&b, M, 40));
        aplic_put(&b, M, SOURCECFG(40), LEVEL0);
        assert_false(aplic_pends(&b, M, 40));
        aplic_put(&b, M, SOURCECFG(40), EDGE1);
        assert_false(aplic_pends(&b, M, 40));
        aplic_bed_end(&b);
    }
}

static void bits_are_set_and_cleared_by_word_and_by_number(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, false, true);
    static const uint32_t sources[] = {1, 31, 32, 64, 96};
    static const uint32_t words[] = {1u << 31 | 2, 1, 1, 1};
    for (size_t i = 0; i < VM_ARRAY_SIZE(sources); i++)
        aplic_put(&b, M, SOURCECFG(sources[i]), DETACHED);
    for (uint32_t w = 0; w < 32; w++) {
        uint32_t want = w < 4 ? words[w] : 0;
        aplic_put(&b, M, SETIP(w), UINT32_MAX);
        aplic_put(&b, M, SETIE(w), UINT32_MAX);
        assert_int_equal(aplic_get(&b, M, SETIP(w)), want);
        assert_int_equal(aplic_get(&b, M, SETIE(w)), want);
        assert_int_equal(aplic_get(&b, M, CLRIE(w)), 0);
        aplic_put(&b, M, IN_CLRIP(w), 1);
        aplic_put(&b, M, CLRIE(w), 2);
        assert_int_equal(aplic_get(&b, M, SETIP(w)), want & ~1u);
        assert_int_equal(aplic_get(&b, M, SETIE(w)), want & ~2u);
    }
    static const uint32_t none[] = {0, 2, 97, 1024, UINT32_MAX};
    for (size_t i = 0; i < VM_ARRAY_SIZE(none); i++) {
        aplic_put(&b, M, SETIPNUM, none[i]);
        aplic_put(&b, M, CLRIPNUM, none[i]);
        aplic_put(&b, M, SETIENUM, none[i]);
        aplic_put(&b, M, CLRIENUM, none[i]);
    }
    assert_int_equal(aplic_get(&b, M, SETIP(0)), words[0]);
    assert_int_equal(aplic_get(&b, M, SETIE(1)), 1);
    aplic_put(&b, M, SETIPNUM_LE, 96);
    aplic_put(&b, M, SETIPNUM_BE, 0x20000000);
    assert_true(aplic_pends(&b, M, 96) && aplic_pends(&b, M, 32));
    aplic_put(&b, M, SETIENUM, 96);
    aplic_put(&b, M, CLRIENUM, 32);
    assert_int_equal(aplic_get(&b, M, SETIE(3)), 1);
    assert_int_equal(aplic_get(&b, M, SETIE(1)), 0);
    static const uint32_t write_only[] = {SETIPNUM, CLRIPNUM,    SETIENUM,
                                          CLRIENUM, SETIPNUM_LE, SETIPNUM_BE};
    for (size_t i = 0; i < VM_ARRAY_SIZE(write_only); i++)
        assert_int_equal(aplic_get(&b, M, write_only[i]), 0);
    aplic_bed_end(&b);
}

// --- direct delivery ---

static void start_source(struct aplic_bed *b, uint32_t source, uint32_t mode, uint32_t hart,
                         uint32_t priority)
{
    aplic_put(b, M, SOURCECFG(source), mode);
    aplic_put(b, M, TARGET(source), hart << 18 | priority);
    aplic_put(b, M, SETIENUM, source);
}

static void targets_hold_hart_and_priority(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, false, true);
    aplic_put(&b, M, SOURCECFG(5), DETACHED);
    aplic_put(&b, M, TARGET(5), UINT32_MAX);
    assert_int_equal(aplic_get(&b, M, TARGET(5)), 0xfffc00ff);
    aplic_put(&b, M, TARGET(5), 1 << 18 | 0x100);
    assert_int_equal(aplic_get(&b, M, TARGET(5)), 1 << 18 | 1);
    aplic_put(&b, M, SETIPNUM, 5);
    aplic_put(&b, M, SETIENUM, 5);
    aplic_put(&b, M, TARGET(5), 0x3fffu << 18 | 1); // nobody
    for (uint32_t hart = 0; hart < HARTS; hart++)
        assert_int_equal(aplic_get(&b, M, TOPI(hart)), 0);
    assert_int_equal(aplic_get(&b, M, GENMSI), 0);
    aplic_put(&b, M, GENMSI, 5);
    assert_int_equal(aplic_get(&b, M, GENMSI), 0);
    aplic_bed_end(&b);
}

static void the_wire_needs_both_enables(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, false, true);
    start_source(&b, 5, LEVEL1, 1, 3);
    aplic_drive(&b, 5, true);
    assert_false(b.wire[M][1].level);
    assert_int_equal(aplic_get(&b, M, TOPI(1)), 5 << 16 | 3);
    aplic_put(&b, M, DOMAINCFG, 0x100);
    assert_false(b.wire[M][1].level);
    aplic_put(&b, M, IDELIVERY(1), UINT32_MAX);
    assert_int_equal(aplic_get(&b, M, IDELIVERY(1)), 1);
    assert_true(b.wire[M][1].level);
    aplic_put(&b, M, IDELIVERY(1), 0);
    assert_false(b.wire[M][1].level);
    aplic_put(&b, M, IDELIVERY(1), 1);
    aplic_put(&b, M, CLRIENUM, 5);
    assert_false(b.wire[M][1].level);
    aplic_put(&b, M, SETIENUM, 5);
    aplic_put(&b, M, TARGET(5), 2 << 18 | 3);
    assert_false(b.wire[M][1].level || b.wire[M][2].level);
    aplic_put(&b, M, IDELIVERY(2), 1);
    assert_true(b.wire[M][2].level);
    aplic_drive(&b, 5, false);
    assert_false(b.wire[M][2].level);
    assert_int_equal(b.wire[M][0].rises + b.wire[S][2].rises, 0);
    aplic_bed_end(&b);
}

static void claims_come_by_priority_then_number(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, false, true);
    aplic_open(&b, M, 0);
    static const uint32_t order[][2] = {{96, 1}, {3, 7}, {40, 7}, {2, 200}, {1, 255}};
    for (size_t i = 0; i < VM_ARRAY_SIZE(order); i++) {
        start_source(&b, order[i][0], EDGE1, 0, order[i][1]);
        aplic_put(&b, M, SETIPNUM, order[i][0]);
    }
    for (size_t i = 0; i < VM_ARRAY_SIZE(order); i++) {
        uint32_t want = order[i][0] << 16 | order[i][1];
        assert_true(b.wire[M][0].level);
        aplic_put(&b, M, CLAIMI(0), 0); // ignored, as are those of topi
        aplic_put(&b, M, TOPI(0), 0);
        assert_int_equal(aplic_get(&b, M, TOPI(0)), want);
        assert_int_equal(aplic_get(&b, M, CLAIMI(0)), want);
        assert_false(aplic_pends(&b, M, order[i][0]));
    }
    assert_false(b.wire[M][0].level);
    assert_int_equal(aplic_get(&b, M, CLAIMI(0)), 0);
    aplic_bed_end(&b);
}

static void a_claim_does_not_take_a_level(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, false, true);
    aplic_open(&b, M, 0);
    start_source(&b, 8, LEVEL0, 0, 1);
    assert_int_equal(aplic_get(&b, M, CLAIMI(0)), 8 << 16 | 1);
    assert_true(b.wire[M][0].level);
    aplic_drive(&b, 8, true);
    assert_false(b.wire[M][0].level);
    aplic_bed_end(&b);
}

static void the_threshold_masks_its_priority_and_worse(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, false, true);
    aplic_open(&b, M, 0);
    start_source(&b, 8, DETACHED, 0, 100);
    aplic_put(&b, M, SETIPNUM, 8);
    aplic_put(&b, M, ITHRESHOLD(0), 100);
    assert_false(b.wire[M][0].level);
    assert_int_equal(aplic_get(&b, M, TOPI(0)) | aplic_get(&b, M, CLAIMI(0)), 0);
    aplic_put(&b, M, ITHRESHOLD(0), 101);
    assert_true(b.wire[M][0].level);
    aplic_put(&b, M, ITHRESHOLD(0), 1);
    assert_false(b.wire[M][0].level);
    aplic_put(&b, M, ITHRESHOLD(0), 0x100); // eight bits: none
    assert_int_equal(aplic_get(&b, M, ITHRESHOLD(0)), 0);
    assert_true(b.wire[M][0].level);
    aplic_put(&b, M, TARGET(8), 255);
    aplic_put(&b, M, ITHRESHOLD(0), 255);
    assert_false(b.wire[M][0].level);
    aplic_put(&b, M, ITHRESHOLD(0), 0);
    assert_true(b.wire[M][0].level);
    aplic_bed_end(&b);
}

static void forced_interrupts_are_spurious(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, false, true);
    aplic_put(&b, M, IFORCE(2), UINT32_MAX);
    assert_int_equal(aplic_get(&b, M, IFORCE(2)), 1);
    assert_false(b.wire[M][2].level);
    aplic_open(&b, M, 2);
    assert_true(b.wire[M][2].level);
    start_source(&b, 3, DETACHED, 2, 4);
    aplic_put(&b, M, SETIPNUM, 3);
    assert_int_equal(aplic_get(&b, M, CLAIMI(2)), 3 << 16 | 4);
    assert_int_equal(aplic_get(&b, M, IFORCE(2)), 1);
    assert_int_equal(aplic_get(&b, M, TOPI(2)), 0);
    assert_true(b.wire[M][2].level);
    assert_int_equal(aplic_get(&b, M, CLAIMI(2)), 0);
    assert_int_equal(aplic_get(&b, M, IFORCE(2)), 0);
    assert_false(b.wire[M][2].level);
    aplic_bed_end(&b);
}

// --- delivery by message ---

static void messages_go_out_when_all_is_enabled(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, true, true);
    start_source(&b, 10, LEVEL1, 1, 0x123);
    aplic_drive(&b, 10, true);
    assert_int_equal(b.messages, 0);
    aplic_put(&b, M, DOMAINCFG, 0x100);
    assert_int_equal(b.messages, 1);
    assert_int_equal(b.address, IMSIC_M + 0x1000);
    assert_int_equal(b.data, 0x123);
    assert_false(aplic_pends(&b, M, 10));
    aplic_put(&b, M, SETIPNUM, 10); // as a handler does: the level is still there
    assert_int_equal(b.messages, 2);
    aplic_drive(&b, 10, false);
    aplic_put(&b, M, SETIPNUM, 10);
    assert_int_equal(b.messages, 2);
    aplic_put(&b, M, CLRIENUM, 10);
    aplic_drive(&b, 10, true);
    assert_int_equal(b.messages, 2);
    assert_true(aplic_pends(&b, M, 10));
    aplic_put(&b, M, SETIE(0), 1 << 10);
    assert_int_equal(b.messages, 3);
    assert_int_equal(b.wire[M][1].rises, 0);
    aplic_bed_end(&b);
}

static void targets_hold_hart_and_identity(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, true, true);
    aplic_put(&b, M, SOURCECFG(5), DETACHED);
    assert_int_equal(aplic_get(&b, M, TARGET(5)), 0);
    aplic_put(&b, M, TARGET(5), UINT32_MAX); // no guest index
    assert_int_equal(aplic_get(&b, M, TARGET(5)), 0xfffc07ff);
    aplic_bed_end(&b);
}

static void extempore_messages_need_no_enable(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, true, true);
    aplic_put(&b, M, GENMSI, 2 << 18 | 0x3f000 | 77);
    assert_int_equal(aplic_get(&b, M, GENMSI), 2 << 18 | 77); // not busy any more
    assert_int_equal(b.address, IMSIC_M + 0x2000);
    assert_int_equal(b.data, 77);
    aplic_put(&b, S, GENMSI, 1 << 18 | 78);
    assert_int_equal(b.address, IMSIC_S + 0x1000);
    assert_int_equal(b.messages, 2);
    aplic_bed_end(&b);
}

static void addresses_are_computed_from_their_fields(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, true, true);
    assert_int_equal(aplic_get(&b, M, MMSIADDRCFG), IMSIC_M >> 12);
    assert_int_equal(aplic_get(&b, M, MMSIADDRCFGH), 2 << 12); // three harts need two bits
    assert_int_equal(aplic_get(&b, M, SMSIADDRCFG), IMSIC_S >> 12);
    assert_int_equal(aplic_get(&b, M, SMSIADDRCFGH), 0);
    // HHXS 3, LHXS 2, HHXW 2, LHXW 4, base PPN 0xabc'00010000.
    aplic_put(&b, M, MMSIADDRCFG, 0x00010000);
    aplic_put(&b, M, MMSIADDRCFGH, 3 << 24 | 2 << 20 | 2 << 16 | 4 << 12 | 0xabc);
    aplic_put(&b, M, SMSIADDRCFG, 0x80000000);
    aplic_put(&b, M, SMSIADDRCFGH, UINT32_MAX & ~(6u << 20)); // LHXS 1
    assert_int_equal(aplic_get(&b, M, SMSIADDRCFGH), 0x00100fff);
    // Hart index 0b1110101: the group is 0b11 of the upper bits, the member 0b0101.
    aplic_put(&b, M, GENMSI, 0x75u << 18 | 1);
    assert_true(b.address == (0xabc00010000 | 3ull << 15 | 5ull << 2) << 12);
    aplic_put(&b, S, GENMSI, 0x75u << 18 | 1);
    assert_true(b.address == (0xfff80000000 | 3ull << 15 | 5ull << 1) << 12);
    aplic_bed_end(&b);
}

static void addresses_can_be_locked_and_are_the_roots(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, true, true);
    static const uint32_t registers[] = {MMSIADDRCFG, MMSIADDRCFGH, SMSIADDRCFG, SMSIADDRCFGH};
    for (int i = 0; i < 4; i++) {
        aplic_put(&b, S, registers[i], 0x1234);
        assert_int_equal(aplic_get(&b, S, registers[i]), 0);
        aplic_put(&b, M, registers[i], 0);
    }
    aplic_put(&b, M, MMSIADDRCFGH, UINT32_MAX);
    assert_int_equal(aplic_get(&b, M, MMSIADDRCFGH), 0x9f77ffff);
    for (int i = 0; i < 4; i++)
        aplic_put(&b, M, registers[i], 0x1234);
    assert_int_equal(aplic_get(&b, M, MMSIADDRCFGH), 0x9f77ffff);
    assert_int_equal(aplic_get(&b, M, MMSIADDRCFG) | aplic_get(&b, M, SMSIADDRCFG), 0);
    aplic_reset(&b); // only this unlocks
    assert_int_equal(aplic_get(&b, M, MMSIADDRCFG), IMSIC_M >> 12);
    aplic_bed_end(&b);
    aplic_bed_init(&b, false, true); // without messages there are none
    for (int i = 0; i < 4; i++) {
        aplic_put(&b, M, registers[i], UINT32_MAX);
        assert_int_equal(aplic_get(&b, M, registers[i]), 0);
    }
    aplic_bed_end(&b);
}

// --- life ---

static void reset_keeps_levels_only(void **state)
{
    (void)state;
    struct aplic_bed b;
    aplic_bed_init(&b, false, true);
    aplic_open(&b, M, 0);
    start_source(&b, 8, LEVEL1, 0, 1);
    aplic_put(&b, M, SOURCECFG(9), DELEGATE);
    aplic_put(&b, M, ITHRESHOLD(0), 50);
    aplic_drive(&b, 8, true);
    assert_true(b.wire[M][0].level);
    aplic_reset(&b);
    assert_false(b.wire[M][0].level);
    for (uint32_t at = 4; at < VM_APLIC_SIZE; at += 4)
        assert_int_equal(aplic_get(&b, M, at) | aplic_get(&b, S, at), 0);
    assert_int_equal(aplic_get(&b, M, DOMAINCFG), 0x80000000u);
    aplic_put(&b, M, SOURCECFG(8), LEVEL1);
    assert_true(aplic_pends(&b, M, 8));
    aplic_bed_end(&b);
}

static void creation_survives_every_failure(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct aplic_bed b;
        assert_int_equal(aplic_bed_try(&b, n, HARTS), VM_ERR_HOST);
    }
    struct aplic_bed b;
    assert_int_equal(aplic_bed_try(&b, 100, 0), VM_ERR_USAGE);
    assert_int_equal(aplic_bed_try(&b, 100, VM_MAX_VCPUS + 1), VM_ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domaincfg_says_what_the_domain_is),
        cmocka_unit_test(only_words_are_accessed),
        cmocka_unit_test(what_does_not_exist_is_zero),
        cmocka_unit_test(source_modes_are_held_and_reserved_ones_are_not),
        cmocka_unit_test(sources_are_delegated_and_taken_back),
        cmocka_unit_test(a_source_that_leaves_takes_its_interrupt_along),
        cmocka_unit_test(without_machine_level_all_is_delegated),
        cmocka_unit_test(levels_pend_directly_as_their_input_is),
        cmocka_unit_test(levels_pend_by_message_from_their_edge_on),
        cmocka_unit_test(edges_pend_until_they_are_taken),
        cmocka_unit_test(a_detached_source_has_no_input),
        cmocka_unit_test(an_inactive_source_is_all_zeros),
        cmocka_unit_test(a_level_is_seen_at_configuration),
        cmocka_unit_test(bits_are_set_and_cleared_by_word_and_by_number),
        cmocka_unit_test(targets_hold_hart_and_priority),
        cmocka_unit_test(the_wire_needs_both_enables),
        cmocka_unit_test(claims_come_by_priority_then_number),
        cmocka_unit_test(a_claim_does_not_take_a_level),
        cmocka_unit_test(the_threshold_masks_its_priority_and_worse),
        cmocka_unit_test(forced_interrupts_are_spurious),
        cmocka_unit_test(messages_go_out_when_all_is_enabled),
        cmocka_unit_test(targets_hold_hart_and_identity),
        cmocka_unit_test(extempore_messages_need_no_enable),
        cmocka_unit_test(addresses_are_computed_from_their_fields),
        cmocka_unit_test(addresses_can_be_locked_and_are_the_roots),
        cmocka_unit_test(reset_keeps_levels_only),
        cmocka_unit_test(creation_survives_every_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
