// SPDX-License-Identifier: MIT
//
// See nearest.h.
#include "nearest.h"

#include "text.h"

int cli_refuse(const char *what, const char *word, const char *const *names, const char *instead)
{
    struct vm_nearest nearest = vm_nearest_to(word);
    struct vm_error e;
    char hint[128];
    for (; *names; names++)
        vm_nearest_consider(&nearest, *names);
    vm_nearest_hint(&nearest, "", instead, hint, sizeof hint);
    vm_error_set(&e, VM_ERR_USAGE, "unknown %s \"%.100s\"%s", what, word, hint);
    return cli_fail(&e);
}
