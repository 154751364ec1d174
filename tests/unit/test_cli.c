// SPDX-License-Identifier: MIT
//
// cli: values, "did you mean", options and configuration texts. What the program does with them is
// tested from outside (tests/cli).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "config.h"
#include "nearest.h"
#include "options.h"
#include "values.h"

static void sizes_have_suffixes_and_limits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t size;
    } right[] = {
        {"0", 0},
        {"4096", 4096},
        {"3k", 3 << 10},
        {"512M", 512 << 20},
        {"1g", 1 << 30},
        {"7T", UINT64_C(7) << 40},
        {"18446744073709551615", UINT64_MAX},
        {"16777215T", UINT64_C(16777215) << 40},
    };
    static const char *const wrong[] = {"",
                                        "K",
                                        "1KK",
                                        "1P",
                                        " 1",
                                        "1 ",
                                        "-1",
                                        "+1",
                                        "0x1",
                                        "1.5G",
                                        "1m1",
                                        "1@",
                                        "18446744073709551616",
                                        "16777216T",
                                        "1_"};
    uint64_t size;
    struct vm_error e;
    for (size_t i = 0; i < VM_ARRAY_SIZE(right); i++) {
        assert_int_equal(cli_parse_size(right[i].text, &size, &e), VM_OK);
        assert_true(size == right[i].size);
    }
    for (size_t i = 0; i < VM_ARRAY_SIZE(wrong); i++)
        assert_int_equal(cli_parse_size(wrong[i], &size, &e), VM_ERR_USAGE);
}

static void seconds_have_fractions(void **state)
{
    (void)state;
    uint64_t ns;
    assert_int_equal(cli_parse_seconds("1", &ns, NULL), VM_OK);
    assert_true(ns == 1000000000);
    assert_int_equal(cli_parse_seconds("0.25", &ns, NULL), VM_OK);
    assert_true(ns == 250000000);
    assert_int_equal(cli_parse_seconds("2.0000000019", &ns, NULL), VM_OK);
    assert_true(ns == 2000000001);
    assert_int_equal(cli_parse_seconds("1000000000", &ns, NULL), VM_OK);
    assert_true(ns == UINT64_C(1000000000000000000));
    assert_int_equal(cli_parse_seconds("1000000001", &ns, NULL), VM_ERR_USAGE);
    assert_int_equal(cli_parse_seconds("0.0", &ns, NULL), VM_ERR_USAGE);
    assert_int_equal(cli_parse_seconds("1.2.3", &ns, NULL), VM_ERR_USAGE);
    assert_int_equal(cli_parse_seconds("1.1234567890x", &ns, NULL), VM_ERR_USAGE);
}

static void addresses_are_decimal_or_hexadecimal(void **state)
{
    (void)state;
    uint64_t a;
    assert_int_equal(cli_parse_address("0xfFfFffff80000000", &a, NULL), VM_OK);
    assert_true(a == 0xffffffff80000000);
    assert_int_equal(cli_parse_address("4096", &a, NULL), VM_OK);
    assert_true(a == 4096);
    assert_int_equal(cli_parse_address("0x10000000000000000", &a, NULL), VM_ERR_USAGE);
    assert_int_equal(cli_parse_address("0x", &a, NULL), VM_ERR_USAGE);
    assert_int_equal(cli_parse_address("f0", &a, NULL), VM_ERR_USAGE);
}

static void vcpus_are_pinned_by_lists(void **state)
{
    (void)state;
    unsigned count, pin[8];
    bool pinned;
    assert_int_equal(cli_parse_vcpus("8", 8, &count, pin, &pinned, NULL), VM_OK);
    assert_true(count == 8 && !pinned);
    assert_int_equal(cli_parse_vcpus("5,pin=3-5,0,7-7", 8, &count, pin, &pinned, NULL), VM_OK);
    const unsigned expected[] = {3, 4, 5, 0, 7};
    assert_true(count == 5 && pinned);
    assert_memory_equal(pin, expected, sizeof expected);
    assert_int_equal(cli_parse_vcpus("9", 8, &count, pin, &pinned, NULL), VM_ERR_USAGE);
    assert_int_equal(cli_parse_vcpus("2,pin=0-65536", 8, &count, pin, &pinned, NULL), VM_ERR_USAGE);
    assert_int_equal(cli_parse_vcpus("2,pin=0-", 8, &count, pin, &pinned, NULL), VM_ERR_USAGE);
    assert_int_equal(cli_parse_vcpus("2,pin=,0", 8, &count, pin, &pinned, NULL), VM_ERR_USAGE);
}

static void distance_counts_edits(void **state)
{
    (void)state;
    assert_int_equal(vm_edit_distance("memory", "memory"), 0);
    assert_int_equal(vm_edit_distance("memroy", "memory"), 1);
    assert_int_equal(vm_edit_distance("", "smp"), 3);
    assert_int_equal(vm_edit_distance("smp", ""), 3);
    assert_int_equal(vm_edit_distance("SMP", "smp"), 0);
    assert_int_equal(vm_edit_distance("kitten", "sitting"), 3);
    char a[200], b[200];
    memset(a, 'a', sizeof a - 1);
    memset(b, 'b', sizeof b - 1);
    a[sizeof a - 1] = b[sizeof b - 1] = 0;
    assert_int_equal(vm_edit_distance(a, b), 48); // no more is looked at
}

static void nothing_far_away_is_near(void **state)
{
    (void)state;
    char hint[64];
    struct vm_nearest n = vm_nearest_to("gdb");
    vm_nearest_consider(&n, "dtb");
    vm_nearest_consider(&n, "smp");
    vm_nearest_hint(&n, "--", "look around", hint, sizeof hint);
    assert_string_equal(hint, "; look around");
    vm_nearest_consider(&n, "gdbx");
    vm_nearest_hint(&n, "--", "look around", hint, sizeof hint);
    assert_string_equal(hint, "; did you mean --gdbx?");
}

static void the_last_of_several_options_counts(void **state)
{
    (void)state;
    char *argv[] = {"--smp", "2", "OUT", "--memory=4M", "--smp=3", "--", "--x", NULL};
    struct cli_options o;
    struct vm_error e;
    assert_int_equal(cli_options_parse(&o, CLI_RUN, argv, 2, &e), VM_OK);
    assert_int_equal(o.vcpus, 3);
    assert_true(o.memory == 4 << 20);
    assert_int_equal(o.argument_count, 2);
    assert_string_equal(o.arguments[0], "OUT");
    assert_string_equal(o.arguments[1], "--x");
    cli_options_release(&o);
}

static vm_status apply(struct cli_options *o, const char *text, struct vm_error *e)
{
    return cli_config_apply(o, CLI_RUN, "test", text, strlen(text), e);
}

static void configuration_sets_what_options_set(void **state)
{
    (void)state;
    struct cli_options o;
    struct vm_error e;
    if (!cli_has_json()) {
        print_message("SKIP: this build has no JSON\n");
        skip();
    }
    cli_options_init(&o);
    assert_int_equal(apply(&o,
                           " {\"kernel\": \"a \\u00e4\", \"smp\": 4, \"memory\": 1048576,\n"
                           "\"timeout\": 0.5, \"guest\": \"auto\", \"append\": \"\"} \n",
                           &e),
                     VM_OK);
    assert_string_equal(o.kernel, "a \xc3\xa4");
    assert_string_equal(o.append, "");
    assert_true(o.vcpus == 4 && o.memory == 1 << 20 && o.timeout == 500000000 && !o.guest);
    assert_int_equal(apply(&o, "{\"smp\": 4, \"memry\": 1}", &e), VM_ERR_USAGE);
    assert_non_null(strstr(e.text, "did you mean memory?"));
    assert_int_equal(apply(&o, "{\"smp\": 4} x", &e), VM_ERR_FILE);
    assert_int_equal(apply(&o, "", &e), VM_ERR_FILE);
    cli_options_release(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_have_suffixes_and_limits),
        cmocka_unit_test(seconds_have_fractions),
        cmocka_unit_test(addresses_are_decimal_or_hexadecimal),
        cmocka_unit_test(vcpus_are_pinned_by_lists),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(nothing_far_away_is_near),
        cmocka_unit_test(the_last_of_several_options_counts),
        cmocka_unit_test(configuration_sets_what_options_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
