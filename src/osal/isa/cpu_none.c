// SPDX-License-Identifier: MIT
//
// A host instruction set without a list of features.
#include <vm/osal/cpu.h>

#include <stddef.h>

uint32_t vm_osal_cpu_features(void)
{
    return 0;
}

const char *vm_osal_cpu_feature_name(unsigned number)
{
    (void)number;
    return NULL;
}
