// SPDX-License-Identifier: MIT
//
// A host instruction set without a list of features.
#include <vm/osal/cpu.h>

#include <stddef.h>
#include <string.h>

uint32_t vm_osal_cpu_features(void)
{
    return 0;
}

const char *vm_osal_cpu_feature_name(unsigned number)
{
    (void)number;
    return NULL;
}

const char *vm_osal_cpu_level(unsigned number)
{
    return number == 0 ? "off" : NULL;
}

uint32_t vm_osal_cpu_above(const char *level)
{
    return level && strcmp(level, "off") == 0 ? UINT32_MAX : 0;
}
