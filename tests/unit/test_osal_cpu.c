// SPDX-License-Identifier: MIT
//
// The host's CPU features: against what the kernel says in /proc/cpuinfo.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vm/osal/cpu.h>

// The kernel's names where they are not ours (Linux arch/x86 and arch/arm64, /proc/cpuinfo).
static const char *const RENAMED[][2] = {
    {"sse3", "pni"},        {"sse4.1", "sse4_1"},
    {"sse4.2", "sse4_2"},   {"lzcnt", "abm"},
    {"sha", "sha_ni"},      {"lahf", "lahf_lm"},
    {"cmpxchg16b", "cx16"}, {"pclmul", "pclmulqdq"},
    {"lse", "atomics"},     {"lse2", "uscat"},
    {"rcpc", "lrcpc"},      {"sha256", "sha2"},
    {"fp16", "fphp"},       {"invariant-tsc", "nonstop_tsc"},
};

static const char *kernel_name(const char *name)
{
    for (size_t i = 0; i < sizeof RENAMED / sizeof *RENAMED; i++)
        if (strcmp(RENAMED[i][0], name) == 0)
            return RENAMED[i][1];
    return name;
}

// The flags of the first CPU, with a blank before and behind each, or NULL.
static char *kernel_flags(void)
{
    FILE *info = fopen("/proc/cpuinfo", "r");
    if (!info)
        return NULL;
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, info) > 0) {
        if (strncmp(line, "flags", 5) == 0 || strncmp(line, "Features", 8) == 0) {
            fclose(info);
            line[strcspn(line, "\n")] = ' ';
            return line;
        }
    }
    free(line);
    fclose(info);
    return NULL;
}

static void agrees_with_the_kernel(void **state)
{
    (void)state;
    char *flags = kernel_flags();
    if (!flags || !vm_osal_cpu_feature_name(0)) {
        print_message("nothing to compare: no flags in /proc/cpuinfo, or an empty list\n");
        free(flags);
        skip();
    }
    uint32_t features = vm_osal_cpu_features();
    for (unsigned i = 0; vm_osal_cpu_feature_name(i); i++) {
        char word[32];
        snprintf(word, sizeof word, " %s ", kernel_name(vm_osal_cpu_feature_name(i)));
        bool expected = strstr(flags, word);
        if (expected != (features >> i & 1))
            fail_msg("%s: the kernel says %d", vm_osal_cpu_feature_name(i), expected);
    }
    free(flags);
}

static void names(void **state)
{
    (void)state;
    unsigned count = 0;
    while (vm_osal_cpu_feature_name(count))
        count++;
    assert_true(count <= 31);
    assert_null(vm_osal_cpu_feature_name(count + 1));
    assert_null(vm_osal_cpu_feature_name(UINT32_MAX));
    assert_int_equal(vm_osal_cpu_features() >> count, 0);
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(vm_osal_cpu_feature_name(i), vm_osal_cpu_feature_name(k));
    assert_int_equal(vm_osal_cpu_features(), vm_osal_cpu_features());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_kernel),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
