// SPDX-License-Identifier: MIT
//
// The state of one lowering, shared by lower.c (where values live) and lower_ops.c (what each op
// becomes). Tables are indexed by op number.
#ifndef INTERPRETER_LOWER_H
#define INTERPRETER_LOWER_H

#include "interpreter.h"

enum { VM_IR_MAX_PARAMS = 64 };

// A block target to be filled into an operation's imm when all blocks have their place.
struct fixup {
    uint16_t code, block;
    uint8_t shift;
};

struct lowering {
    struct interpreter *in;
    const struct vm_ir_region *r;
    uint16_t *loc;         // of a root value: the slot's byte offset
    uint16_t *root;        // the value whose slot it shares
    uint16_t *last_use;    // of a root: the last op that uses it
    uint16_t *uses;        // of a root: how many
    uint16_t *effect;      // of a put or call: the op at which it takes effect
    uint16_t *block_of;    // the block an op is in
    uint16_t *const_block; // the block in which a constant's slot is filled
    uint16_t *next_write;  // by register-file entry, while a block is swept backwards
    uint16_t *block_code;  // by block: its first operation
    uint16_t *ways_in;     // by block: how many edges lead to it
    uint16_t *begun;       // by block: instructions that its one way in has not counted yet
    bool *escapes;         // of a root: used in another block
    bool *fused;           // of a put: nothing to emit
    bool *taken_in;        // of a pure op: part of the one that uses it

    struct code *code;
    uint32_t count, capacity;
    struct mark *marks;
    uint32_t mark_count;
    struct fixup *fixups;
    uint32_t fixup_count, fixup_capacity;
    uint32_t link_count;
    unsigned scratch, scratch_end; // byte offsets of free scratch
    uint16_t block;                // being lowered
    uint32_t retired;              // instructions not counted yet, with the current one
    struct code overflow;
    bool failed; // a limit was hit: no block comes of it
};

// Appends an operation.
struct code *lower_emit(struct lowering *l, enum bytecode op, unsigned d, unsigned a, unsigned b,
                        uint64_t imm);
// A fresh slot; where an operand lies (filling a constant's slot); where a result goes.
uint16_t lower_temp(struct lowering *l, unsigned bytes);
uint16_t lower_operand(struct lowering *l, vm_ir_value v);
uint16_t lower_result(struct lowering *l, vm_ir_value v);
void lower_move(struct lowering *l, uint16_t to, uint16_t from, unsigned bytes);
// Whether v is a constant under its own name, and its value as it lies in a slot.
bool lower_is_const(const struct lowering *l, vm_ir_value v);
uint64_t lower_constant(const struct lowering *l, vm_ir_value v);
// Assigns a jump's arguments (from index `extra` of the region's list) to the target's parameters.
void lower_edge(struct lowering *l, uint16_t target, uint32_t extra);
// The last operation's imm gets the place of `block` at `shift`.
void lower_fixup(struct lowering *l, uint16_t block, unsigned shift);

// lower_uses.c: fills the tables about uses, roots and blocks.
void lower_find_uses(struct lowering *l);

// lower_ops.c: emits what op v becomes.
void lower_op(struct lowering *l, vm_ir_value v);

// lower_flow.c: the same for terminators.
typedef void lower_fn(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o);
lower_fn lower_jump, lower_branch, lower_goto, lower_goto_ind, lower_raise, lower_exit;
// When all blocks have their place.
void lower_join_exits(struct lowering *l);

#endif
