// SPDX-License-Identifier: MIT
//
// The encodings whose host code is compared with golden files: one of each row of a guest's tables,
// and uses that are made often and cost something else.
#ifndef WORDS_H
#define WORDS_H

#include <vm/core/guest.h>

#include "isa_pattern.h"

struct idiom {
    const char *name, *group;
    uint32_t word;
    unsigned privilege;
};

struct words_guest {
    const struct vm_guest_ops *ops;
    uint64_t ram; // where the test has memory
    uint32_t nop;
    const struct idiom *idioms;
    unsigned idiom_count;
    // Resets the vCPU for code at `pc` with that privilege, everything allowed and on.
    void (*reset)(struct vm_vcpu *v, uint64_t pc, unsigned privilege);
    // A row's encoding: the first registers of every kind, no ordering beyond what the row has.
    uint32_t (*encode)(const struct pattern *p, const void *config);
    // The privilege at which it is used.
    unsigned (*privilege)(const struct pattern *p);
};

// The guest of this program.
extern const struct words_guest words_guest;

uint64_t words_get(const struct vm_vcpu *v, const char *name);
void words_set(struct vm_vcpu *v, const char *name, uint64_t value);

#endif
