// SPDX-License-Identifier: MIT
//
// ir: each pass on the cases of tests/unit/ir/PASS.txt. A case is "=== name", the blocks before,
// "---", the blocks after; names of values and blank lines do not matter.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <vm/ir/passes.h>

#include "ir_support.h"

typedef void pass(struct vm_ir_region *r);

static void region(struct vm_ir_region *r)
{
    struct vm_error e;
    if (!vm_ir_optimize(r, VM_IR_REGION, true, &e))
        fail_msg("%s", e.text);
}

static void run_passes(struct vm_ir_region *r, pass *const *passes)
{
    for (; *passes; passes++) {
        (*passes)(r);
        toy_verify(r, "after the pass");
    }
    vm_ir_pass_compact(r);
    toy_verify(r, "after compaction");
}

// Runs the case whose text, up to the next one, is given.
static void run_case(const char *text, size_t length, pass *const *passes)
{
    const char *name_end = memchr(text, '\n', length);
    const char *middle = strstr(text, "\n---\n");
    if (!name_end || !middle || middle >= text + length)
        fail_msg("case without '---': %.60s", text);
    const char *after = middle + 5;
    struct vm_ir_region *r = toy_parse_blocks(name_end + 1, (size_t)(middle - name_end - 1));
    struct vm_ir_region *want = toy_parse_blocks(after, (size_t)(text + length - after));
    toy_verify(r, "before");
    toy_verify(want, "wanted");
    run_passes(r, passes);
    vm_ir_pass_compact(want);
    if (strcmp(toy_print(r), toy_print(want)) != 0)
        fail_msg("%.*s\nwanted:\n%s\ngot:\n%s", (int)(name_end - text), text, toy_print(want),
                 toy_print(r));
}

static void run_file(const char *path, pass *const *passes)
{
    size_t length;
    const char *text = toy_read_file(path, &length), *end = text + length;
    const char *at = strstr(text, "\n=== ");
    unsigned cases = 0;
    while (at) {
        const char *next = strstr(at + 1, "\n=== ");
        run_case(at + 5, (size_t)((next ? next : end) - at - 5), passes);
        at = next;
        cases++;
    }
    assert_true(cases > 0);
}

#define FILE_TEST(name, ...)                               \
    static void test_##name(void **state)                  \
    {                                                      \
        static pass *const passes[] = {__VA_ARGS__, NULL}; \
        (void)state;                                       \
        run_file("tests/unit/ir/" #name ".txt", passes);   \
    }

FILE_TEST(fold, vm_ir_pass_fold, vm_ir_pass_dce)
FILE_TEST(copy, vm_ir_pass_copy)
FILE_TEST(cse, vm_ir_pass_cse, vm_ir_pass_dce)
FILE_TEST(state, vm_ir_pass_state)
FILE_TEST(flags, vm_ir_pass_flags, vm_ir_pass_dce)
FILE_TEST(signext, vm_ir_pass_signext, vm_ir_pass_dce)
FILE_TEST(dce, vm_ir_pass_dce)
FILE_TEST(compact, vm_ir_pass_compact)
FILE_TEST(tier1, vm_ir_pass_tier1)
FILE_TEST(region, region)

// A second run finds nothing to do: what a pass leaves is as simple as it can make it.
static void region_budget_is_stable(void **state)
{
    (void)state;
    struct vm_ir_region *r = toy_parse(toy_read_file("tests/unit/ir/every_op.txt", NULL));
    region(r);
    const char *once = toy_print(r);
    region(r);
    assert_string_equal(toy_print(r), once);
}

static void optimizer_refuses_what_is_wrong(void **state)
{
    (void)state;
    static const char text[] = "b0:\n %a = const.i64 1\n put w0, %a\n goto 0\n";
    struct vm_ir_region *r = toy_parse_blocks(text, sizeof text - 1);
    struct vm_error e;
    assert_false(vm_ir_optimize(r, VM_IR_TIER1, true, &e));
    assert_string_equal(e.text,
                        "before IR pass tier1: b0: %1 put: operand 1 is of type i64, not i32");
    assert_true(r->overflow);
}

static int drop(void **state)
{
    (void)state;
    toy_arena_drop();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_fold, drop),
        cmocka_unit_test_teardown(test_copy, drop),
        cmocka_unit_test_teardown(test_cse, drop),
        cmocka_unit_test_teardown(test_state, drop),
        cmocka_unit_test_teardown(test_flags, drop),
        cmocka_unit_test_teardown(test_signext, drop),
        cmocka_unit_test_teardown(test_dce, drop),
        cmocka_unit_test_teardown(test_compact, drop),
        cmocka_unit_test_teardown(test_tier1, drop),
        cmocka_unit_test_teardown(test_region, drop),
        cmocka_unit_test_teardown(region_budget_is_stable, drop),
        cmocka_unit_test_teardown(optimizer_refuses_what_is_wrong, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
