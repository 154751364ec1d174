// SPDX-License-Identifier: MIT
//
// engine-interpreter: the promises of lower.c's opening comment. That its code does what the IR
// says, test_regions.c checks.
#include "tested_engine.h"

#include <string.h>

#include <vm/engine-interpreter/interpreter.h>

#include "interpreter.h"
#include "ir_support.h"

static struct rig rig;

static int set_up(void **state)
{
    static const struct vm_guest_ops guest = {.name = "toy",
                                              .regfile = &toy_regfile,
                                              .helpers = toy_helpers,
                                              .helper_count = TOY_HELPERS};
    (void)state;
    rig_init(&rig, 1, &guest, tested_engine.ops);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_destroy(&rig);
    toy_arena_drop();
    return 0;
}

// How many operations the one block of a region becomes.
static unsigned operations(const char *text)
{
    const struct block *b = tested_engine.make(rig.v[0], toy_parse_blocks(text, strlen(text)));
    assert_non_null(b);
    return b->code_count;
}

static void cheap_things_cost_nothing(void **state)
{
    (void)state;
    // A get is no operation, and neither is the put of what an operation makes.
    assert_int_equal(operations("b0:\n insn 0 4\n %a = get.i64 x1\n %b = get.i64 x2\n"
                                "%c = add.i64 %a, %b\n put x3, %c\n goto 4"),
                     2);
    // RISC-V's addw is one operation on words, whichever way a frontend writes it.
    assert_int_equal(operations("b0:\n insn 0 4\n %a = get.i64 x1\n %b = get.i64 x2\n"
                                "%s = add.i64 %a, %b\n %w = extract.i64 %s, 0, 32 {signed}\n"
                                "put x1, %w\n goto 4"),
                     2);
    assert_int_equal(operations("b0:\n insn 0 4\n %a = get.i64 x1\n %t = trunc.i32 %a\n"
                                "%k = const.i32 5\n %c = add.i32 %t, %k\n %d = sext.i64 %c\n"
                                "put x1, %d\n goto 4"),
                     2);
    // A comparison is part of the branch, and a constant of the comparison.
    assert_int_equal(operations("b0:\n insn 0 4\n %a = get.i64 x1\n %k = const.i64 7\n"
                                "%c = lts.i64 %a, %k\n branch %c, b1, b2\n"
                                "b1:\n goto 4\nb2:\n goto 8"),
                     3);
    // A load with a displacement.
    assert_int_equal(operations("b0:\n insn 0 4\n %a = get.i64 x1\n"
                                "%c = load.i64 %a + 0x10 {w, signed}\n put x1, %c\n goto 4"),
                     2);
    toy_arena_drop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cheap_things_cost_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
