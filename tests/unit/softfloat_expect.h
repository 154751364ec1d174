// SPDX-License-Identifier: MIT
//
// What the directed softfloat tests share: binary32 operands with names, and a check of a call's
// result and flags. Include after cmocka.h.
#ifndef TESTS_UNIT_SOFTFLOAT_EXPECT_H
#define TESTS_UNIT_SOFTFLOAT_EXPECT_H

#include <vm/base/softfloat.h>

// binary32 operands: quiet and signalling NaNs with payloads that tell them apart.
enum {
    Q1 = 0x7fc00001,
    Q2 = 0x7fc00002,
    Q3 = 0x7fc00003,
    S1 = 0x7f800011,
    S2 = 0x7f800012,
    S3 = 0x7f800013,
    S1Q = 0x7fc00011, // the same, quieted
    S2Q = 0x7fc00012,
    S3Q = 0x7fc00013,
    DEFAULT = 0x7fc00000,
    ONE = 0x3f800000,
    TWO = 0x40000000,
    HUGE = 0x7f7fffff,
    TINY = 0x00000001, // the smallest subnormal
    INF = 0x7f800000,
    ZERO = 0,
};

#define NEG(v) (0x80000000u | (uint32_t)(v))

#define CANONICAL VM_FP_NAN_CANONICAL
#define DN        VM_FP_NAN_DEFAULT
#define ARM       VM_FP_NAN_ARM
#define X86       VM_FP_NAN_X86
#define NV        VM_FP_NV

static inline struct vm_fp_env env_of(enum vm_fp_nan nan)
{
    return (struct vm_fp_env){.nan = (uint8_t)nan};
}

static inline void expect_same(int line, const char *call, uint64_t got, unsigned flags,
                               uint64_t want, unsigned want_flags)
{
    if (got != want || flags != want_flags)
        fail_msg("line %d, %s: %#llx flags %#x, wanted %#llx flags %#x", line, call,
                 (unsigned long long)got, flags, (unsigned long long)want, want_flags);
}

// CALL computes with `env`, a copy of ENV.
#define EXPECT(ENV, FLAGS, WANT, CALL)                                            \
    do {                                                                          \
        struct vm_fp_env env = (ENV);                                             \
        uint64_t result = (uint64_t)(CALL);                                       \
        expect_same(__LINE__, #CALL, result, env.flags, (uint64_t)(WANT), FLAGS); \
    } while (0)

#endif
