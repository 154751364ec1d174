// SPDX-License-Identifier: MIT
//
// Features of an ARM64 host by the auxiliary vector (kernel documentation, "ARM64 ELF hwcaps").
#include <vm/osal/cpu.h>

#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>

// Bit numbers of AT_HWCAP.
static const uint8_t BITS[] = {
    [VM_CPU_ARM64_LSE_NUMBER] = 8,    [VM_CPU_ARM64_LSE2_NUMBER] = 25,
    [VM_CPU_ARM64_RCPC_NUMBER] = 15,  [VM_CPU_ARM64_AES_NUMBER] = 3,
    [VM_CPU_ARM64_PMULL_NUMBER] = 4,  [VM_CPU_ARM64_SHA1_NUMBER] = 5,
    [VM_CPU_ARM64_SHA256_NUMBER] = 6, [VM_CPU_ARM64_CRC32_NUMBER] = 7,
    [VM_CPU_ARM64_FP16_NUMBER] = 9,   [VM_CPU_ARM64_FLAGM_NUMBER] = 27,
    [VM_CPU_ARM64_SVE_NUMBER] = 22,
};

static const char *const NAMES[] = {
#define NAME(feature, name) name,
    VM_OSAL_CPU_ARM64(NAME)
#undef NAME
};

uint32_t vm_osal_cpu_features(void)
{
    unsigned long hwcap = getauxval(AT_HWCAP);
    uint32_t features = 0;
    for (size_t i = 0; i < sizeof BITS / sizeof *BITS; i++)
        if (hwcap >> BITS[i] & 1)
            features |= 1u << i;
    return features;
}

const char *vm_osal_cpu_feature_name(unsigned number)
{
    return number < sizeof NAMES / sizeof *NAMES ? NAMES[number] : NULL;
}

const char *vm_osal_cpu_level(unsigned number)
{
    return number == 0 ? "off" : NULL;
}

uint32_t vm_osal_cpu_above(const char *level)
{
    return level && strcmp(level, "off") == 0 ? UINT32_MAX : 0;
}
