// SPDX-License-Identifier: MIT
//
// What the files that make random regions share (ir_random.h): the region that is being made, with
// the values that there are so far, and choices.
#ifndef TESTS_UNIT_IR_RANDOM_GEN_H
#define TESTS_UNIT_IR_RANDOM_GEN_H

#include "ir_random.h"

enum { MAX_BLOCKS = 8, MAX_VALUES = 2000, MAX_PARAMS = 3, MAX_OPS = 30 };

// What a value is good for: the types, and truth values among the i64.
enum { TRUTH = VM_TYPE_COUNT, KINDS };

struct toy_value {
    vm_ir_value v;
    uint8_t kind, block;
};

struct toy_edges {
    unsigned count, to[2];
};

struct toy_gen {
    uint64_t random;
    struct vm_ir_builder b;
    unsigned blocks, block;
    struct toy_edges edges[MAX_BLOCKS];
    unsigned dominators[MAX_BLOCKS]; // by block: a set of blocks
    unsigned params[MAX_BLOCKS];
    uint8_t param_kind[MAX_BLOCKS][MAX_PARAMS];
    struct toy_value values[MAX_VALUES];
    unsigned value_count;
};

// --- ir_random_gen.c ---

uint64_t toy_next(uint64_t *state);
// Below n.
unsigned toy_pick(struct toy_gen *g, unsigned n);
// A number that ops may treat in a way of its own, or any.
uint64_t toy_interesting(uint64_t *random);
// One of the types in a set.
enum vm_type toy_type_in(struct toy_gen *g, unsigned set);
// Notes a value for later use; returns it.
vm_ir_value toy_keep(struct toy_gen *g, vm_ir_value v, unsigned kind);
// A value of the kind that may be used here: mostly one that is there.
vm_ir_value toy_any(struct toy_gen *g, unsigned kind);
vm_ir_value toy_address(struct toy_gen *g);
bool toy_dominates(const struct toy_gen *g, unsigned a, unsigned b);

// --- ir_random_attr.c ---

uint32_t toy_float_attr(struct toy_gen *g, unsigned code);
// The attribute word of an op with a suffix type, as the verifier takes it.
uint32_t toy_attr_of(struct toy_gen *g, unsigned code, enum vm_type t);

// --- ir_random_chain.c: sequences that passes and folding rules look for ---

void toy_integer_chain(struct toy_gen *g);
void toy_flag_chain(struct toy_gen *g);
// FP arithmetic between accesses to the FP environment's entries.
void toy_float_chain(struct toy_gen *g);
// Makes a value visible: by an entry or by a call that is logged.
void toy_observe(struct toy_gen *g, vm_ir_value v, unsigned kind);

#endif
