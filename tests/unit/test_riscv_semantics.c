// SPDX-License-Identifier: MIT
//
// Semantics of the RISC-V frontend as IR: the text of a few lowerings, and for every row of the
// tables, with random fields in every execution mode, that the IR is well-formed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <vm/base/error.h>
#include <vm/frontend-riscv64/frontend.h>
#include <vm/ir/text.h>

#include "lowering.h"

// Execution modes (frontend.h): the privilege, and for U-mode FS off and a reserved frm.
enum { U = 0, S = 1, M = 3, FS_OFF = 4, BAD_FRM = 8 };
static const uint32_t modes[] = {U, S, M, U | FS_OFF, U | BAD_FRM, U | FS_OFF | BAD_FRM};
static const struct lowering_guest guest = {&vm_riscv64_guest_ops, modes, VM_ARRAY_SIZE(modes)};

static void *configure(const char *cpu)
{
    return lowering_configure(&guest, cpu);
}

static void unconfigure(void *config)
{
    lowering_unconfigure(&guest, config);
}

// --- golden texts ---

struct golden {
    const char *what, *assembly;
    uint32_t words[4]; // until 0
    uint32_t mode;
    const char *text;
};

static const struct golden goldens[] = {
#include "riscv_semantics_golden.h"
};

static void lowers_as_written(void **state)
{
    (void)state;
    static char text[8192];
    bool same = true;
    void *config = configure(NULL);
    for (size_t i = 0; i < VM_ARRAY_SIZE(goldens); i++) {
        const struct golden *g = &goldens[i];
        struct lowering l;
        lowering_begin(&l, &guest, config, g->mode);
        for (unsigned n = 0; n < VM_ARRAY_SIZE(g->words) && g->words[n]; n++)
            lowering_add(&l, g->words[n]);
        lowering_finish(&l);
        vm_ir_print(&l.region, text, sizeof text);
        if (strcmp(text, g->text) != 0) {
            same = false;
            print_error("%s: %s lowers to\n%sinstead of\n%s", g->what, g->assembly, text, g->text);
        }
        lowering_end(&l);
    }
    unconfigure(config);
    assert_true(same);
}

// --- everything is well-formed ---

static void every_row_is_well_formed(void **state)
{
    (void)state;
    struct random r = {1};
    void *config = configure(NULL);
    lowering_check_rows(&guest, config, &r);
    unconfigure(config);
}

// Without C, jumps can be misaligned and need more blocks.
static void every_row_is_well_formed_without_c(void **state)
{
    (void)state;
    struct random r = {2};
    void *config = configure("max,-zca");
    lowering_check_rows(&guest, config, &r);
    unconfigure(config);
}

static void blocks_are_well_formed(void **state)
{
    (void)state;
    struct random r = {3};
    void *config = configure(NULL);
    lowering_check_blocks(&guest, config, &r);
    unconfigure(config);
}

// --- single facts ---

static unsigned count_ops(const struct vm_ir_region *r, enum vm_ir_code code, uint64_t imm)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < r->op_count; i++)
        n += r->ops[i].code == code && r->ops[i].imm == imm;
    return n;
}

// The check of FS is made once in a block of a privileged mode.
static void checks_fp_once(void **state)
{
    (void)state;
    struct lowering l;
    void *config = configure(NULL);
    lowering_begin(&l, &guest, config, S);
    lowering_add(&l, 0x0005b007); // fld ft0,0(a1)
    lowering_add(&l, 0x0085b087); // fld ft1,8(a1)
    lowering_add(&l, 0x02108053); // fadd.d ft0,ft1,ft1,rne
    lowering_finish(&l);
    unsigned calls = 0;
    for (uint32_t i = 0; i < l.region.op_count; i++)
        calls += l.region.ops[i].code == VM_IR_call;
    assert_int_equal(calls, 1);
    lowering_end(&l);
    unconfigure(config);
}

// A misaligned jump raises before it writes its link.
static void misaligned_jump_writes_no_link(void **state)
{
    (void)state;
    enum { FETCH_MISALIGNED = 0 };
    struct lowering l;
    void *config = configure("max,-zca");
    lowering_begin(&l, &guest, config, U);
    lowering_add(&l, 0x006000ef); // jal ra,.+6
    lowering_finish(&l);
    assert_int_equal(count_ops(&l.region, VM_IR_raise, FETCH_MISALIGNED), 1);
    assert_int_equal(count_ops(&l.region, VM_IR_put, 1), 0);
    lowering_end(&l);
    unconfigure(config);
}

// Without F there is no fflags: the helper raises.
static void fflags_needs_f(void **state)
{
    (void)state;
    enum { READ_FFLAGS = 0x00102573 };
    static const char *const cpus[] = {"max", "max,-f"};
    for (unsigned i = 0; i < VM_ARRAY_SIZE(cpus); i++) {
        struct lowering l;
        void *config = configure(cpus[i]);
        unsigned calls = 0;
        lowering_begin(&l, &guest, config, U);
        lowering_add(&l, READ_FFLAGS);
        lowering_finish(&l);
        for (uint32_t n = 0; n < l.region.op_count; n++)
            calls += l.region.ops[n].code == VM_IR_call;
        assert_int_equal(calls, i);
        lowering_end(&l);
        unconfigure(config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lowers_as_written),
        cmocka_unit_test(every_row_is_well_formed),
        cmocka_unit_test(every_row_is_well_formed_without_c),
        cmocka_unit_test(blocks_are_well_formed),
        cmocka_unit_test(checks_fp_once),
        cmocka_unit_test(misaligned_jump_writes_no_link),
        cmocka_unit_test(fflags_needs_f),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
