// SPDX-License-Identifier: MIT
//
// "Did you mean": the name that is closest to what somebody typed.
#ifndef VM_LIBVM_NEAREST_H
#define VM_LIBVM_NEAREST_H

#include <vm/base/types.h>

struct vm_nearest {
    const char *text; // what was typed
    const char *best; // the closest name so far, or NULL
    unsigned distance;
};

static inline struct vm_nearest vm_nearest_to(const char *text)
{
    return (struct vm_nearest){text, NULL, 0};
}

// Considers one more name, which must outlive *n. Of equally close ones the first counts.
void vm_nearest_consider(struct vm_nearest *n, const char *name);

// The end of a message: "; did you mean PREFIXname?", or "; INSTEAD" when nothing is close.
void vm_nearest_hint(const struct vm_nearest *n, const char *prefix, const char *instead, char *out,
                     size_t size);

// Insertions, removals, changes and swaps of neighbours that turn one into the other.
unsigned vm_edit_distance(const char *a, const char *b);

#endif
