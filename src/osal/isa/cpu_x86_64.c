// SPDX-License-Identifier: MIT
//
// Features of an x86-64 host by CPUID and XGETBV (Intel SDM volume 2, CPUID; volume 1, 13.2 and
// 14.3; AMD APM volume 3, appendix E).
#include <vm/osal/cpu.h>

#include <cpuid.h>
#include <stddef.h>
#include <string.h>

enum cpuid_register { EAX, EBX, ECX, EDX };

// What the OS must save for a feature to be usable: bits of XCR0.
enum {
    XCR0_AVX = 0x06,    // XMM and the upper halves of YMM
    XCR0_AVX512 = 0xe6, // and opmask, and ZMM
};

struct cpuid_bit {
    uint32_t leaf; // subleaf 0
    uint8_t reg, bit;
    uint8_t xcr0; // 0: no more than the base
};

static const struct cpuid_bit BITS[] = {
    [VM_CPU_X86_64_SSE3_NUMBER] = {1, ECX, 0, 0},
    [VM_CPU_X86_64_SSSE3_NUMBER] = {1, ECX, 9, 0},
    [VM_CPU_X86_64_SSE4_1_NUMBER] = {1, ECX, 19, 0},
    [VM_CPU_X86_64_SSE4_2_NUMBER] = {1, ECX, 20, 0},
    [VM_CPU_X86_64_POPCNT_NUMBER] = {1, ECX, 23, 0},
    [VM_CPU_X86_64_AVX_NUMBER] = {1, ECX, 28, XCR0_AVX},
    [VM_CPU_X86_64_AVX2_NUMBER] = {7, EBX, 5, XCR0_AVX},
    [VM_CPU_X86_64_FMA_NUMBER] = {1, ECX, 12, XCR0_AVX},
    [VM_CPU_X86_64_BMI1_NUMBER] = {7, EBX, 3, 0},
    [VM_CPU_X86_64_BMI2_NUMBER] = {7, EBX, 8, 0},
    [VM_CPU_X86_64_LZCNT_NUMBER] = {0x80000001, ECX, 5, 0},
    [VM_CPU_X86_64_F16C_NUMBER] = {1, ECX, 29, XCR0_AVX},
    [VM_CPU_X86_64_PCLMUL_NUMBER] = {1, ECX, 1, 0},
    [VM_CPU_X86_64_AES_NUMBER] = {1, ECX, 25, 0},
    [VM_CPU_X86_64_SHA_NUMBER] = {7, EBX, 29, 0},
    [VM_CPU_X86_64_MOVBE_NUMBER] = {1, ECX, 22, 0},
    [VM_CPU_X86_64_CMPXCHG16B_NUMBER] = {1, ECX, 13, 0},
    [VM_CPU_X86_64_LAHF_NUMBER] = {0x80000001, ECX, 0, 0},
    [VM_CPU_X86_64_AVX512F_NUMBER] = {7, EBX, 16, XCR0_AVX512},
    [VM_CPU_X86_64_AVX512BW_NUMBER] = {7, EBX, 30, XCR0_AVX512},
    [VM_CPU_X86_64_AVX512VL_NUMBER] = {7, EBX, 31, XCR0_AVX512},
    [VM_CPU_X86_64_AVX512DQ_NUMBER] = {7, EBX, 17, XCR0_AVX512},
    [VM_CPU_X86_64_ERMS_NUMBER] = {7, EBX, 9, 0},
    [VM_CPU_X86_64_FSRM_NUMBER] = {7, EDX, 4, 0},
    [VM_CPU_X86_64_INVARIANT_TSC_NUMBER] = {0x80000007, EDX, 8, 0},
};

static const char *const NAMES[] = {
#define NAME(feature, name) name,
    VM_OSAL_CPU_X86_64(NAME)
#undef NAME
};

// XCR0, or 0 where the OS has not enabled XSAVE.
static uint64_t enabled_state(void)
{
    uint32_t eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE))
        return 0;
    __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
    return (uint64_t)edx << 32 | eax;
}

uint32_t vm_osal_cpu_features(void)
{
    uint64_t xcr0 = enabled_state();
    uint32_t features = 0, leaf = 0, reg[4] = {0};
    for (size_t i = 0; i < sizeof BITS / sizeof *BITS; i++) {
        const struct cpuid_bit *b = &BITS[i];
        if (b->leaf != leaf) { // CPUID is slow under a hypervisor: not again for the same leaf
            leaf = b->leaf;
            if (!__get_cpuid_count(leaf, 0, &reg[EAX], &reg[EBX], &reg[ECX], &reg[EDX]))
                reg[EBX] = reg[ECX] = reg[EDX] = 0;
        }
        if (reg[b->reg] >> b->bit & 1 && (xcr0 & b->xcr0) == b->xcr0)
            features |= 1u << i;
    }
    return features;
}

const char *vm_osal_cpu_feature_name(unsigned number)
{
    return number < sizeof NAMES / sizeof *NAMES ? NAMES[number] : NULL;
}

#define BIT(name) VM_CPU_X86_64_##name
enum {
    ABOVE_AVX2 = BIT(AVX512F) | BIT(AVX512BW) | BIT(AVX512VL) | BIT(AVX512DQ),
    ABOVE_SSE2 = ABOVE_AVX2 | BIT(AVX2) | BIT(AVX) | BIT(FMA) | BIT(F16C) | BIT(SSE4_2) |
                 BIT(SSE4_1) | BIT(SSSE3) | BIT(SSE3) | BIT(PCLMUL) | BIT(AES) | BIT(SHA),
};

static const struct {
    const char *name;
    uint32_t above;
} LEVELS[] = {{"off", UINT32_MAX}, {"sse2", ABOVE_SSE2}, {"avx2", ABOVE_AVX2}, {"avx512", 0}};

const char *vm_osal_cpu_level(unsigned number)
{
    return number < sizeof LEVELS / sizeof *LEVELS ? LEVELS[number].name : NULL;
}

uint32_t vm_osal_cpu_above(const char *level)
{
    for (size_t i = 0; level && i < sizeof LEVELS / sizeof *LEVELS; i++) {
        if (strcmp(LEVELS[i].name, level) == 0)
            return LEVELS[i].above;
    }
    return 0;
}
