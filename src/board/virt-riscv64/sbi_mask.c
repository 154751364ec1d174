// SPDX-License-Identifier: MIT
//
// Hart masks of SBI calls (section 3.1).
#include <vm/base/bits.h>

#include "sbi.h"

bool sbi_hart_mask(const struct sbi *sbi, uint64_t mask, uint64_t base, uint64_t *harts)
{
    uint64_t all = vm_mask(sbi->harts);
    if (base == UINT64_MAX) { // the mask is ignored
        *harts = all;
        return true;
    }
    *harts = 0;
    if (mask == 0)
        return base < sbi->harts;
    if (base >= sbi->harts || vm_clz64(mask) < base)
        return false;
    *harts = mask << base;
    return (*harts & ~all) == 0;
}
