// SPDX-License-Identifier: MIT
//
// What the host's CPU has beyond its instruction set's base, as far as the OS lets programs use it.
// Every instruction set has its own list; a mask's bits are those of the host's list.
#ifndef VM_OSAL_CPU_H
#define VM_OSAL_CPU_H

#include <vm/base/types.h>

// X(enumerator, name): Intel SDM volume 1, chapter 5; volume 2, CPUID. The base has SSE2.
#define VM_OSAL_CPU_X86_64(X)            \
    X(SSE3, "sse3")                      \
    X(SSSE3, "ssse3")                    \
    X(SSE4_1, "sse4.1")                  \
    X(SSE4_2, "sse4.2")                  \
    X(POPCNT, "popcnt")                  \
    X(AVX, "avx")                        \
    X(AVX2, "avx2")                      \
    X(FMA, "fma")                        \
    X(BMI1, "bmi1")                      \
    X(BMI2, "bmi2")                      \
    X(LZCNT, "lzcnt")                    \
    X(F16C, "f16c")                      \
    X(PCLMUL, "pclmul")                  \
    X(AES, "aes")                        \
    X(SHA, "sha")                        \
    X(MOVBE, "movbe")                    \
    X(CMPXCHG16B, "cmpxchg16b")          \
    X(LAHF, "lahf") /* in 64-bit mode */ \
    X(AVX512F, "avx512f")                \
    X(AVX512BW, "avx512bw")              \
    X(AVX512VL, "avx512vl")              \
    X(AVX512DQ, "avx512dq")              \
    X(ERMS, "erms")                      \
    X(FSRM, "fsrm")                      \
    X(INVARIANT_TSC, "invariant-tsc")

// Arm Architecture Reference Manual, A2 (FEAT_ names). The base has Advanced SIMD.
#define VM_OSAL_CPU_ARM64(X) \
    X(LSE, "lse")            \
    X(LSE2, "lse2")          \
    X(RCPC, "rcpc")          \
    X(AES, "aes")            \
    X(PMULL, "pmull")        \
    X(SHA1, "sha1")          \
    X(SHA256, "sha256")      \
    X(CRC32, "crc32")        \
    X(FP16, "fp16")          \
    X(FLAGM, "flagm")        \
    X(SVE, "sve")

// Bit numbers, then the bits: VM_CPU_X86_64_AVX2, VM_CPU_ARM64_LSE ...
enum vm_osal_cpu_x86_64_number {
#define VM_OSAL_CPU_NUMBER(feature, name) VM_CPU_X86_64_##feature##_NUMBER,
    VM_OSAL_CPU_X86_64(VM_OSAL_CPU_NUMBER)
#undef VM_OSAL_CPU_NUMBER
};
enum vm_osal_cpu_x86_64 {
#define VM_OSAL_CPU_BIT(feature, name) \
    VM_CPU_X86_64_##feature = 1 << VM_CPU_X86_64_##feature##_NUMBER,
    VM_OSAL_CPU_X86_64(VM_OSAL_CPU_BIT)
#undef VM_OSAL_CPU_BIT
};
enum vm_osal_cpu_arm64_number {
#define VM_OSAL_CPU_NUMBER(feature, name) VM_CPU_ARM64_##feature##_NUMBER,
    VM_OSAL_CPU_ARM64(VM_OSAL_CPU_NUMBER)
#undef VM_OSAL_CPU_NUMBER
};
enum vm_osal_cpu_arm64 {
#define VM_OSAL_CPU_BIT(feature, name) \
    VM_CPU_ARM64_##feature = 1 << VM_CPU_ARM64_##feature##_NUMBER,
    VM_OSAL_CPU_ARM64(VM_OSAL_CPU_BIT)
#undef VM_OSAL_CPU_BIT
};

// The host's features; 0 on hosts whose list is empty. Asks the CPU each time (about a microsecond;
// tens under a hypervisor), so callers keep the answer. Any thread.
uint32_t vm_osal_cpu_features(void);

// Levels of vector instructions that a user may keep a program to: the name of one by number, NULL
// behind the last; and the bits of the host's list that lie above it (0 for an unknown name). "off"
// is the first: nothing but the instruction set's base, scalar extensions neither.
const char *vm_osal_cpu_level(unsigned number);
uint32_t vm_osal_cpu_above(const char *level);

// The name of a bit (its number) of the host's list, or NULL behind the last.
const char *vm_osal_cpu_feature_name(unsigned number);

#endif
