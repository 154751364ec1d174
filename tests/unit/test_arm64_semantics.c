// SPDX-License-Identifier: MIT
//
// Semantics of the ARM64 frontend as IR: for every row of the tables, with random fields in every
// execution mode, that the IR is well-formed, and so for any word.
#include <vm/base/error.h>
#include <vm/frontend-arm64/frontend.h>

#include "frontend.h" // private: src/frontend-arm64
#include "lowering.h"

// EL0 and EL1 as programs and kernels run, each alone, and what changes single instructions.
static const uint32_t modes[] = {
    0,
    1,
    A64_MODE_FP_TRAP,
    1 | A64_MODE_FP_TRAP,
    A64_MODE_FP_DN,
    1 | A64_MODE_FP_ENV,
    A64_MODE_FP_DN | A64_MODE_FP_ENV,
    A64_MODE_ALIGN,
    1 | A64_MODE_ALIGN | A64_MODE_NAA,
    A64_MODE_SP_MISALIGNED,
    1 | A64_MODE_UNPRIV_EL0,
    A64_MODE_BTI | A64_MODE_GUARDED,
    1 | A64_MODE_BTI | A64_MODE_GUARDED,
    A64_MODE_STEP,
    1 | A64_MODE_STEP | A64_MODE_GUARDED,
    A64_MODE_DEBUG,
    1 | A64_MODE_DEBUG | A64_MODE_STEP,
    A64_MODE_PAUTH_IA | A64_MODE_PAUTH_IB,
    1 | A64_MODE_PAUTH_IA | A64_MODE_PAUTH_IB | A64_MODE_PAUTH_DA | A64_MODE_PAUTH_DB,
    A64_MODE_STEP_DONE,
    1 | A64_MODE_ILLEGAL,
    1 | A64_MODE_SP_EL0,
    A64_MODE_NO_MOPS,
    1 | A64_MODE_COUNT,
    A64_MODE_COUNT | A64_MODE_STEP | A64_MODE_GUARDED,
};
static const struct lowering_guest guest = {&vm_arm64_guest_ops, modes, VM_ARRAY_SIZE(modes)};

static const char *const cpus[] = {"max", "cortex-a72"};

static void every_row_is_well_formed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VM_ARRAY_SIZE(cpus); i++) {
        struct random r = {1 + i};
        void *config = lowering_configure(&guest, cpus[i]);
        lowering_check_rows(&guest, config, &r);
        lowering_unconfigure(&guest, config);
    }
}

static void every_word_is_well_formed(void **state)
{
    (void)state;
    enum { WORDS = 300000 };
    struct random r = {3};
    void *config = lowering_configure(&guest, NULL);
    lowering_check_words(&guest, config, &r, WORDS);
    lowering_unconfigure(&guest, config);
}

static void blocks_are_well_formed(void **state)
{
    (void)state;
    struct random r = {4};
    void *config = lowering_configure(&guest, NULL);
    lowering_check_blocks(&guest, config, &r);
    lowering_unconfigure(&guest, config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_well_formed),
        cmocka_unit_test(every_word_is_well_formed),
        cmocka_unit_test(blocks_are_well_formed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
