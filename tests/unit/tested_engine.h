// SPDX-License-Identifier: MIT
//
// What tests of engines need of the one that they are linked with (test_regions.c and others).
#ifndef TESTS_UNIT_TESTED_ENGINE_H
#define TESTS_UNIT_TESTED_ENGINE_H

#include "core_rig.h"

#include <vm/ir/ir.h>

struct tested_engine {
    const struct vm_engine_ops *ops;
    unsigned variants;                        // ways in which it may be set up
    const uint16_t *(*hot)(unsigned variant); // of the register file
    void (*set_up)(struct vm_vcpu *v, unsigned variant);
    // The engine's code for a region that is entered at TOY_PAGE_BASE, good until the next call;
    // NULL if it is refused.
    void *(*make)(struct vm_vcpu *v, const struct vm_ir_region *r);
    // Runs it until it is left.
    enum vm_engine_exit (*run)(struct vm_vcpu *v, void *made);
    bool polls_late; // requests are not looked for at every way out
};

extern const struct tested_engine tested_engine;

#endif
