// SPDX-License-Identifier: MIT
//
// What the tests of frontends' semantics share: instructions lowered to IR, and the check that
// whatever they are the IR is well-formed, before and after all passes.
#ifndef LOWERING_H
#define LOWERING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <vm/core/guest.h>
#include <vm/ir/builder.h>

#include "isa_pattern.h"
#include "random_values.h"

struct lowering_guest {
    const struct vm_guest_ops *ops;
    const uint32_t *modes; // the execution modes to try
    unsigned mode_count;
};

struct lowering {
    const struct lowering_guest *guest;
    void *config;
    struct vm_arena arena;
    struct vm_ir_region region;
    struct vm_ir_builder builder;
    uint64_t offset; // of the next instruction
    uint32_t mode;
    unsigned length; // of the last one
    bool ends;
};

void *lowering_configure(const struct lowering_guest *g, const char *cpu);
void lowering_unconfigure(const struct lowering_guest *g, void *config);

// A block: instructions are added until it ends or is finished.
void lowering_begin(struct lowering *l, const struct lowering_guest *g, void *config,
                    uint32_t mode);
void lowering_add(struct lowering *l, uint32_t word);
void lowering_finish(struct lowering *l);
void lowering_end(struct lowering *l); // releases it

// Every row with random fields in every mode, alone, and random blocks.
void lowering_check_rows(const struct lowering_guest *g, void *config, struct random *r);
void lowering_check_blocks(const struct lowering_guest *g, void *config, struct random *r);
// Random words, of rows or of none.
void lowering_check_words(const struct lowering_guest *g, void *config, struct random *r,
                          unsigned count);

#endif
