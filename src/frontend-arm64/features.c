// SPDX-License-Identifier: MIT
//
// What boards and firmware ask about the PEs' features.
#include <vm/base/memory.h>

#include "frontend.h"

static const char *const names[A64_EXT_COUNT] = {
#define A64_EXT(id, name, on, text) [A64_EXT_##id] = name,
#include "extensions.def"
};

bool vm_arm64_has(const void *config, const char *feature)
{
    for (unsigned i = 0; i < A64_EXT_COUNT; i++) {
        if (vm_text_equal(names[i], feature))
            return a64_has(config, i);
    }
    return false;
}
