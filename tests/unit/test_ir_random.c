// SPDX-License-Identifier: MIT
//
// ir: random regions do the same before and after every pass, and as built with folding. Arguments:
// [seed [count]]; a failure prints the seed that repeats it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vm/ir/passes.h>

#include "ir_random.h"

enum { STATES = 3, LOOPS = 5 };

static uint64_t first_seed = 1, seed_count = 4000;

static void tier1(struct vm_ir_region *r)
{
    assert_true(vm_ir_optimize(r, VM_IR_TIER1, true, NULL));
}

static void region(struct vm_ir_region *r)
{
    struct vm_error e;
    if (!vm_ir_optimize(r, VM_IR_REGION, true, &e))
        fail_msg("%s", e.text);
}

static void through_text(struct vm_ir_region *r)
{
    *r = *toy_parse(toy_print(r));
}

static void nothing(struct vm_ir_region *r)
{
    (void)r;
}

static const struct {
    const char *name;
    void (*run)(struct vm_ir_region *r);
} passes[] = {
    {"nothing", nothing},        {"text", through_text},
    {"fold", vm_ir_pass_fold},   {"copy", vm_ir_pass_copy},
    {"cse", vm_ir_pass_cse},     {"state", vm_ir_pass_state},
    {"flags", vm_ir_pass_flags}, {"signext", vm_ir_pass_signext},
    {"dce", vm_ir_pass_dce},     {"compact", vm_ir_pass_compact},
    {"tier 1", tier1},           {"region", region},
};

static void compare(uint64_t seed, const char *name, const struct vm_ir_region *before,
                    const struct vm_ir_region *after)
{
    static struct toy_machine a, b;
    for (unsigned i = 0; i < STATES; i++) {
        toy_random_machine(seed * STATES + i, &a);
        b = a;
        toy_run(before, &a, LOOPS);
        toy_run(after, &b, LOOPS);
        const char *what = toy_difference(&a, &b);
        if (what)
            fail_msg("seed %llu, pass %s: %s differs\n%s\nafter:\n%s", (unsigned long long)seed,
                     name, what, toy_print(before), toy_print(after));
    }
}

static void passes_keep_meaning(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) {
        const struct vm_ir_region *plain = toy_random_region(seed, false);
        toy_verify(plain, "as generated");
        for (size_t i = 0; i < 2 * VM_ARRAY_SIZE(passes); i++) {
            struct vm_ir_region *r = toy_random_region(seed, i & 1);
            char when[100];
            toy_verify(r, "as built with folding");
            passes[i / 2].run(r);
            snprintf(when, sizeof when, "seed %llu after %s", (unsigned long long)seed,
                     passes[i / 2].name);
            toy_verify(r, when);
            compare(seed, passes[i / 2].name, plain, r);
        }
        toy_arena_drop();
    }
}

int main(int argc, char **argv)
{
    if (argc > 1)
        first_seed = strtoull(argv[1], NULL, 0);
    if (argc > 2)
        seed_count = strtoull(argv[2], NULL, 0);
    const struct CMUnitTest tests[] = {cmocka_unit_test(passes_keep_meaning)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
