// SPDX-License-Identifier: MIT
//
// Pointer authentication and branch target identification on an engine. The codes are an algorithm
// of our own; where they lie, what a pointer becomes that fails, and which branch may go where is
// the manual's (D8 "Pointer authentication", "Branch target identification").
#include "arm64_program.h"

enum key { IA, IB, DA, DB, KEYS };

#define A_PAC(key, rd, rn)  (0xdac10000u | (uint32_t)(key) << 10 | (rn) << 5 | (rd))
#define A_AUT(key, rd, rn)  A_PAC((key) + 4u, rd, rn)
#define A_PACZ(key, rd)     (0xdac123e0u | (uint32_t)(key) << 10 | (rd))
#define A_AUTZ(key, rd)     A_PACZ((key) + 4u, rd)
#define A_XPACI(rd)         (0xdac143e0u | (rd))
#define A_XPACD(rd)         (0xdac147e0u | (rd))
#define A_PACGA(rd, rn, rm) (0x9ac03000u | (uint32_t)(rm) << 16 | (rn) << 5 | (rd))
#define A_LDRAA(rt, rn)     (0xf8200400u | (rn) << 5 | (rt))
#define A_LDRAB(rt, rn)     (0xf8a00400u | (rn) << 5 | (rt))
#define A_PACIASP           0xd503233fu
#define A_PACIBSP           0xd503237fu
#define A_AUTIASP           0xd50323bfu
#define A_RETAA             0xd65f0bffu
#define A_RETAB             0xd65f0fffu
#define A_PACIA1716         0xd503211fu
#define A_AUTIA1716         0xd503219fu
#define A_XPACLRI           0xd50320ffu
#define TBID0               ((uint64_t)1 << 51)
#define KEYS_ON             (A64_SCTLR_ENIA | A64_SCTLR_ENIB | A64_SCTLR_ENDA | A64_SCTLR_ENDB)

static void start(struct program *p, uint64_t sctlr)
{
    program_start(p, "max");
    program_map(p);
    struct vm_arm64_state *s = p->s;
    s->apia_lo = 0x0123456789abcdef;
    s->apia_hi = 0xfedcba9876543210;
    s->apib_lo = 0x1111111122222222;
    s->apib_hi = 0x3333333344444444;
    s->apda_lo = 0x84be85ce9804e94b;
    s->apda_hi = 0xec2802d4e0a488e9;
    s->apdb_lo = 1;
    s->apdb_hi = 0;
    s->apga_lo = 77;
    s->apga_hi = 78;
    s->sctlr[1] |= sctlr;
    p->rig.v->guest->sync(p->rig.v);
}

static void run(struct program *p)
{
    assert_int_equal(program_run(p, 1, CODE), SAME);
    assert_int_equal(p->s->esr[1], ESR(0x15, 0));
}

// --- where codes lie: addresses of 39 bits, TBI in the lower range ---

struct range {
    uint64_t pointer, code; // the bits of the code
    uint64_t poison[2];     // what differs in a pointer that failed, of keys A and B
};

static const struct range lower = {UINT64_C(0xa500004000123458),
                                   UINT64_C(0x007fff8000000000),
                                   {UINT64_C(1) << 53, UINT64_C(2) << 53}};
static const struct range lower_whole = {
    UINT64_C(0x4000123458), UINT64_C(0xff7fff8000000000), {UINT64_C(1) << 61, UINT64_C(2) << 61}};
static const struct range upper = {UINT64_C(0xffffffc000123458),
                                   UINT64_C(0xff7fff8000000000),
                                   {UINT64_C(3) << 61, UINT64_C(3) << 61}};

// A pointer that failed has 01 or 10 in two bits of the extension, which are all like bit 55 else.
static uint64_t poisoned(const struct range *r, uint64_t pointer, enum key key)
{
    bool b = key == IB || key == DB;
    if (r != &upper)
        return pointer | r->poison[b];
    return (pointer & ~r->poison[0]) | (b ? UINT64_C(2) : UINT64_C(1)) << 61;
}

static void check_key(struct program *p, const struct range *r, enum key key, uint64_t modifier)
{
    struct vm_arm64_state *s = p->s;
    s->x[0] = s->x[2] = s->x[4] = r->pointer;
    s->x[1] = modifier;
    s->x[3] = modifier ^ 0x10;
    WORDS(p, CODE, A_PAC((unsigned)key, 0u, 1u), 0xaa0003e5, // MOV X5, X0
          A_AUT((unsigned)key, 0u, 1u), A_PAC((unsigned)key, 2u, 1u), A_AUT((unsigned)key, 2u, 3u),
          A_PAC((unsigned)key, 4u, 1u), A_AUT(key ^ 1u, 4u, 1u), A_SVC(0));
    p->rig.v->engine->sync_code(p->rig.v);
    p->rig.v->engine->flush(p->rig.v);
    run(p);
    assert_int_equal(s->x[0], r->pointer);
    assert_int_equal((s->x[5] ^ r->pointer) & ~r->code, 0);
    assert_true((s->x[5] ^ r->pointer) != 0);
    assert_int_equal(s->x[2], poisoned(r, r->pointer, key));
    assert_int_equal(s->x[4], poisoned(r, r->pointer, key ^ 1));
}

static void pointers_come_back(void **state)
{
    static const uint64_t modifiers[] = {0, 1, UINT64_MAX, 0x123456789};
    struct program p;
    (void)state;
    start(&p, KEYS_ON);
    for (unsigned key = IA; key < KEYS; key++) {
        for (size_t i = 0; i < VM_ARRAY_SIZE(modifiers); i++) {
            check_key(&p, &lower, key, modifiers[i]);
            check_key(&p, &upper, key, modifiers[i]);
        }
    }
    // TBID: the top byte of an instruction's address is part of it, that of data is not.
    p.s->tcr[1] |= TBID0;
    check_key(&p, &lower_whole, IA, 5);
    check_key(&p, &lower_whole, IB, 5);
    check_key(&p, &lower, DA, 5);
    check_key(&p, &lower, DB, 5);
    program_stop(&p);
}

static void codes_depend_on_key_and_modifier(void **state)
{
    struct program p;
    (void)state;
    start(&p, KEYS_ON);
    for (unsigned i = 0; i < 8; i++)
        p.s->x[i] = upper.pointer;
    p.s->x[8] = 1;
    p.s->x[9] = 2;
    WORDS(&p, CODE, A_PAC(IA, 0u, 8u), A_PAC(IB, 1u, 8u), A_PAC(DA, 2u, 8u), A_PAC(DB, 3u, 8u),
          A_PAC(IA, 4u, 9u), A_PAC(IA, 5u, 31u), A_PACZ(IA, 6u), A_PACZ(DA, 7u), A_SVC(0));
    p.s->sp = p.s->sp_el[1] = 0x5550;
    run(&p);
    for (unsigned i = 0; i < 8; i++)
        for (unsigned k = 0; k < i; k++)
            assert_true(p.s->x[i] != p.s->x[k]);
    // Without modifier it is that of 0.
    p.s->x[0] = p.s->x[6];
    p.s->x[1] = 0;
    p.s->x[2] = p.s->x[7];
    WORDS(&p, CODE + 0x100, A_AUT(IA, 0u, 1u), A_AUTZ(DA, 2u), A_SVC(0));
    assert_int_equal(program_run(&p, 1, CODE + 0x100), SAME);
    assert_int_equal(p.s->x[0], upper.pointer);
    assert_int_equal(p.s->x[2], upper.pointer);
    program_stop(&p);
}

static void what_is_no_address_fails(void **state)
{
    struct program p;
    (void)state;
    start(&p, KEYS_ON);
    p.s->x[0] = lower.pointer | UINT64_C(1) << 45;
    p.s->x[2] = lower.pointer | UINT64_C(1) << 45;
    WORDS(&p, CODE, A_PAC(IA, 0u, 1u), A_AUT(IA, 0u, 1u), A_XPACI(2u), A_SVC(0));
    run(&p);
    assert_int_equal(p.s->x[0], lower.pointer | lower.poison[0]);
    assert_int_equal(p.s->x[2], lower.pointer);
    program_stop(&p);
}

static void codes_are_stripped(void **state)
{
    struct program p;
    (void)state;
    start(&p, KEYS_ON);
    p.s->x[0] = p.s->x[1] = lower.pointer | UINT64_C(0x5a5a) << 39;
    p.s->x[2] = UINT64_C(0x12b4567000123458); // bit 55 is set
    p.s->x[30] = lower.pointer | UINT64_C(0x1234) << 39;
    WORDS(&p, CODE, A_XPACI(0u), A_XPACD(1u), A_XPACI(2u), A_XPACLRI, A_SVC(0));
    run(&p);
    assert_int_equal(p.s->x[0], lower.pointer);
    assert_int_equal(p.s->x[1], lower.pointer);
    assert_int_equal(p.s->x[2], UINT64_C(0xfffffff000123458));
    assert_int_equal(p.s->x[30], lower.pointer);
    program_stop(&p);
}

static void generic_codes(void **state)
{
    struct program p;
    (void)state;
    start(&p, 0); // no bit of SCTLR switches them off
    p.s->x[1] = 1;
    p.s->x[2] = 2;
    WORDS(&p, CODE, A_PACGA(3u, 1u, 2u), A_PACGA(4u, 2u, 1u), A_PACGA(5u, 1u, 31u), A_SVC(0));
    p.s->sp = p.s->sp_el[1] = 16;
    run(&p);
    for (unsigned i = 3; i < 6; i++) {
        assert_int_equal(p.s->x[i] & UINT32_MAX, 0);
        assert_true(p.s->x[i] != 0);
    }
    assert_true(p.s->x[3] != p.s->x[4] && p.s->x[3] != p.s->x[5]);
    uint64_t before = p.s->x[3];
    p.s->apga_hi++;
    run(&p);
    assert_true(p.s->x[3] != before);
    program_stop(&p);
}

static void keys_that_are_off_do_nothing(void **state)
{
    static const uint64_t bits[] = {A64_SCTLR_ENIA, A64_SCTLR_ENIB, A64_SCTLR_ENDA, A64_SCTLR_ENDB};
    (void)state;
    for (unsigned off = 0; off < KEYS; off++) {
        struct program p;
        start(&p, KEYS_ON & ~bits[off]);
        for (unsigned key = 0; key < KEYS; key++)
            p.s->x[key] = upper.pointer;
        p.s->x[5] = lower.pointer | UINT64_C(1) << 45;
        WORDS(&p, CODE, A_PAC(IA, 0u, 8u), A_PAC(IB, 1u, 8u), A_PAC(DA, 2u, 8u), A_PAC(DB, 3u, 8u),
              A_AUT(off, 5u, 8u), A_SVC(0));
        run(&p);
        for (unsigned key = 0; key < KEYS; key++)
            assert_int_equal(p.s->x[key] == upper.pointer, key == off);
        assert_int_equal(p.s->x[5], lower.pointer | UINT64_C(1) << 45);
        program_stop(&p);
    }
}

// --- hints, branches and loads ---

static void hints(void **state)
{
    struct program p;
    (void)state;
    start(&p, KEYS_ON);
    p.s->x[17] = p.s->x[30] = upper.pointer;
    p.s->x[16] = 99;
    WORDS(&p, CODE, A_PACIA1716, 0xaa1103e0, A_AUTIA1716, A_PACIASP, 0xaa1e03e1, A_AUTIASP,
          A_PACIASP, A_ADD(31u, 31u, 16u), A_AUTIASP, A_SVC(0));
    p.s->sp = p.s->sp_el[1] = 0x7000;
    run(&p);
    assert_true(p.s->x[0] != upper.pointer && p.s->x[1] != upper.pointer);
    assert_int_equal(p.s->x[17], upper.pointer);
    assert_int_equal(p.s->x[30], poisoned(&upper, upper.pointer, IA)); // another SP
    program_stop(&p);
}

static void returns_authenticate(void **state)
{
    enum { TARGET = CODE + 0x200, IABT_SAME = 0x21, TRANSLATION0 = 4 };
    struct program p;
    (void)state;
    start(&p, KEYS_ON);
    WORDS(&p, TARGET, A_SVC(3));
    WORDS(&p, CODE, A_PACIASP, A_RETAA);
    WORDS(&p, CODE + 0x40, A_PACIBSP, A_RETAB);
    WORDS(&p, CODE + 0x80, A_PACIBSP, A_RETAA);
    WORDS(&p, CODE + 0xc0, A_RETAB);
    p.s->x[30] = TARGET;
    CHECK_EXCEPTION(&p, SAME, 1, CODE, ESR(0x15, 3), TARGET + 4);
    p.s->x[30] = TARGET;
    CHECK_EXCEPTION(&p, SAME, 1, CODE + 0x40, ESR(0x15, 3), TARGET + 4);
    p.s->x[30] = TARGET;
    const uint64_t bad_a = TARGET | lower.poison[0], bad_b = TARGET | lower.poison[1];
    CHECK_EXCEPTION(&p, SAME, 1, CODE + 0x80, ESR(IABT_SAME, TRANSLATION0), bad_a);
    assert_int_equal(p.s->far[1], bad_a);
    p.s->x[30] = TARGET; // without a code: the one of this pointer is not 0
    CHECK_EXCEPTION(&p, SAME, 1, CODE + 0xc0, ESR(IABT_SAME, TRANSLATION0), bad_b);
    program_stop(&p);
}

static void loads_authenticate(void **state)
{
    enum { DABT_SAME = 0x25, TRANSLATION0 = 4 };
    struct program p;
    (void)state;
    start(&p, KEYS_ON);
    program_put64(&p, KERNEL_DATA, 0x1234);
    WORDS(&p, CODE, A_PACZ(DA, 1u), A_LDRAA(0u, 1u), A_SVC(0));
    WORDS(&p, CODE + 0x40, A_PACZ(DA, 1u), A_LDRAB(0u, 1u), A_SVC(0));
    p.s->x[1] = KERNEL_DATA;
    run(&p);
    assert_int_equal(p.s->x[0], 0x1234);
    p.s->x[1] = KERNEL_DATA;
    CHECK_EXCEPTION(&p, SAME, 1, CODE + 0x40, ESR(DABT_SAME, TRANSLATION0), CODE + 0x44);
    assert_int_equal(p.s->far[1], KERNEL_DATA | lower.poison[1]);
    program_stop(&p);
}

// --- branch targets ---

// Where code of both kinds of pages lies, at EL1 and EL0.
enum { FROM = USER, FROM_GUARDED = USER + 0x1000, TO = USER + 0x2000, TO_GUARDED = USER + 0x3000 };

// What a branch sets BTYPE to, from an unguarded and from a guarded page. X5, X16, X17, X30 have
// the target; pointer authentication is off.
static const struct {
    uint32_t word;
    uint8_t type, guarded;
} branches[] = {
    {A_BR(5u), 1, 3},   {A_BR(16u), 1, 1}, {A_BR(17u), 1, 1},  {0xd63f00a0, 2, 2}, // BLR X5
    {0xd63f0200, 2, 2},                                                            // BLR X16
    {0xd65f00a0, 0, 0},                                                            // RET X5
    {0xd65f03c0, 0, 0}, {A_RETAA, 0, 0},   {0xd61f08bf, 1, 3},                     // BRAAZ X5
    {0xd61f0a1f, 1, 1},                                                            // BRAAZ X16
    {0xd71f0a3f, 1, 1},                                                            // BRAA X17, SP
    {0xd63f08bf, 2, 2},                                                            // BLRAAZ X5
    {0xd73f0cbf, 2, 2},                                                            // BLRAB X5, SP
};

// What may stand at a target: the BTYPEs that it takes, a bit each, with SCTLR.BT 0 and 1.
static const struct {
    uint32_t word;
    uint8_t takes, takes_bt;
} pads[] = {
    {A_NOP, 1, 1},          {0xd503241f, 1, 1},  {0xd503245f, 7, 7},     {0xd503249f, 0xb, 0xb},
    {0xd50324df, 0xf, 0xf}, {A_PACIASP, 0xf, 7}, {A_PACIBSP, 0xf, 7},    {A_BRK(0u), 0xf, 0xf},
    {A_AUTIASP, 1, 1},      {0x91000400, 1, 1},  {0xd4400000, 0xf, 0xf}, // ADD; HLT
};

static void check_branch(struct program *p, unsigned el, size_t b, size_t pad, unsigned pages)
{
    bool from_guarded = pages & 1, to_guarded = pages & 2, bt = pages & 4;
    struct vm_arm64_state *s = p->s;
    uint64_t from = (from_guarded ? FROM_GUARDED : FROM) + 16 * b;
    uint64_t to = (to_guarded ? TO_GUARDED : TO) + 16 * pad;
    unsigned type = from_guarded ? branches[b].guarded : branches[b].type;
    unsigned takes = bt ? pads[pad].takes_bt : pads[pad].takes;
    s->x[5] = s->x[16] = s->x[17] = s->x[30] = to;
    s->sctlr[1] = (s->sctlr[1] & ~(A64_SCTLR_BT0 | A64_SCTLR_BT1)) | (!bt  ? 0
                                                                      : el ? A64_SCTLR_BT1
                                                                           : A64_SCTLR_BT0);
    assert_int_equal(program_run(p, el, from), el ? SAME : LOWER);
    uint64_t esr = s->esr[1], elr = s->elr[1], wanted = ESR(0x15, 1), wanted_elr = to + 8;
    if (to_guarded && !(takes >> type & 1)) {
        wanted = ESR(0x0d, type);
        wanted_elr = to;
    } else if (pads[pad].word == A_BRK(0u)) {
        wanted = ESR(0x3c, 0);
        wanted_elr = to;
    } else if (pads[pad].word == 0xd4400000) {
        wanted = ESR(0, 0);
        wanted_elr = to;
    }
    if (esr != wanted || elr != wanted_elr)
        fail_msg("EL%u, branch %08x, pad %08x, pages %u: ESR %#lx, wanted %#lx; ELR %#lx, %#lx", el,
                 branches[b].word, pads[pad].word, pages, (unsigned long)esr, (unsigned long)wanted,
                 (unsigned long)elr, (unsigned long)wanted_elr);
    // What an exception finds at the target itself has the branch's BTYPE in SPSR.
    unsigned kept = s->spsr[1] >> 10 & 3;
    if (kept != (wanted_elr == to ? type : 0))
        fail_msg("EL%u, branch %08x, pad %08x, pages %u: SPSR.BTYPE %u, not %u", el,
                 branches[b].word, pads[pad].word, pages, kept, type);
}

static void branch_targets(void **state)
{
    struct program p;
    (void)state;
    start(&p, 0);
    for (unsigned page = 1; page < 4; page += 2)
        program_put64(&p, program_page_entry(USER + 0x1000 * page),
                      (USER + 0x1000 * page) | PAGE | EL0 | READS | GUARDED);
    for (size_t b = 0; b < VM_ARRAY_SIZE(branches); b++) {
        WORDS(&p, FROM + 16 * b, branches[b].word);
        WORDS(&p, FROM_GUARDED + 16 * b, branches[b].word);
    }
    for (size_t pad = 0; pad < VM_ARRAY_SIZE(pads); pad++) {
        WORDS(&p, TO + 16 * pad, pads[pad].word, A_SVC(1));
        WORDS(&p, TO_GUARDED + 16 * pad, pads[pad].word, A_SVC(1));
    }
    for (unsigned el = 0; el < 2; el++)
        for (unsigned pages = 0; pages < 8; pages++)
            for (size_t b = 0; b < VM_ARRAY_SIZE(branches); b++)
                for (size_t pad = 0; pad < VM_ARRAY_SIZE(pads); pad++)
                    check_branch(&p, el, b, pad, pages);
    program_stop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointers_come_back),
        cmocka_unit_test(codes_depend_on_key_and_modifier),
        cmocka_unit_test(what_is_no_address_fails),
        cmocka_unit_test(codes_are_stripped),
        cmocka_unit_test(generic_codes),
        cmocka_unit_test(keys_that_are_off_do_nothing),
        cmocka_unit_test(hints),
        cmocka_unit_test(returns_authenticate),
        cmocka_unit_test(loads_authenticate),
        cmocka_unit_test(branch_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
