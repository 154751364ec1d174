// SPDX-License-Identifier: MIT
//
// What the interpreter's files share: the byte code, blocks and the block cache.
//
// A block's byte code addresses the guest's register file and the engine's scratch behind it with
// one kind of operand, a byte offset from the state struct: `add x5, x6, x7` is one operation.
// Every cache belongs to one vCPU and its thread, so nothing here locks.
//
// How values lie in their slots: i64 as they are; i32 sign-extended when an operation made them,
// with unspecified upper bits when they are the low half of something (trunc); narrower ones and
// floats with unspecified upper bits.
#ifndef INTERPRETER_H
#define INTERPRETER_H

#include <vm/base/softfloat.h>
#include <vm/core/block.h>
#include <vm/engine-interpreter/interpreter.h>

enum bytecode {
#define BC(name) BC_##name,
#define BC_ARITH(op, expr)                                                               \
    BC_##op##_8, BC_##op##_8i, BC_##op##_16, BC_##op##_16i, BC_##op##_32, BC_##op##_32i, \
        BC_##op##_64, BC_##op##_64i,
#define BC_WORD(op, expr)  BC_##op##_32, BC_##op##_32i, BC_##op##_64, BC_##op##_64i,
#define BC_UNARY(op, expr) BC_##op##_32, BC_##op##_64,
#define BC_COMPARE(op, expr)                                                                       \
    BC_##op##_8, BC_##op##_8i, BC_##op##_16, BC_##op##_16i, BC_##op##_32, BC_##op##_32i,           \
        BC_##op##_64, BC_##op##_64i, BC_b##op##_32, BC_b##op##_32i, BC_b##op##_64, BC_b##op##_64i, \
        BC_bn##op##_32, BC_bn##op##_32i, BC_bn##op##_64, BC_bn##op##_64i, BC_xb##op##_32,          \
        BC_xb##op##_32i, BC_xb##op##_64, BC_xb##op##_64i, BC_xbn##op##_32, BC_xbn##op##_32i,       \
        BC_xbn##op##_64, BC_xbn##op##_64i,
#include "bytecode.def"
    BC_COUNT,
};

struct code {
    uint16_t op;      // enum bytecode
    uint16_t d, a, b; // byte offsets from the state struct, or as the operation says
    uint64_t imm;
};

// Where the guest instructions' code begins, for exact state at faults.
struct mark {
    uint16_t code;   // index of the first operation
    int16_t retired; // instructions before it in its IR block; -1: its own was counted before that
    uint32_t offset; // from the page base
};

// A direct exit. A far one holds while the code mapping has the generation.
struct link {
    struct vm_link common;
    uint64_t generation;
};

struct block {
    struct vm_block common;
    struct link *links; // common.links
    struct mark *marks;
    uint16_t mark_count, code_count;
    uint32_t most_insns; // that it can retire; UINT32_MAX where it loops
    struct code code[];
};

static inline struct block *block_of(struct vm_block *b)
{
    return (struct block *)(void *)b;
}

struct jump_entry {
    uint64_t pc, generation;
    struct block *block;
    uint32_t mode;
};

enum {
    JUMP_BITS = 13,
    CACHE_LIMIT = 96 << 20, // bytes of blocks after which the cache starts afresh, if nobody says
    BLOCK_INSNS = 48,
};

struct interpreter {
    struct vm_vcpu *vcpu;
    struct vm_arena blocks;  // blocks, links, marks
    struct vm_arena scratch; // IR and lowering of one block; and the block, if it is not kept
    struct vm_block_cache cache;
    uint64_t cache_limit; // bytes
    struct jump_entry jumps[1 << JUMP_BITS];
    struct vm_engine_stats stats;
};

static inline struct interpreter *interp_of(const struct vm_vcpu *v)
{
    return v->engine_data;
}

// lower.c: byte code for a region, in `arena`; NULL when memory or a limit ran out.
struct block *interp_lower(struct interpreter *in, const struct vm_ir_region *r,
                           struct vm_arena *arena);

// cache.c: the block at the vCPU's PC, translated if need be. NULL: *exit says why.
struct block *interp_find(struct interpreter *in, enum vm_engine_exit *exit);
void interp_cache_flush(struct interpreter *in);
// Of struct vm_block_cache.
void interp_gone(void *context, struct vm_block *b, uint64_t pc);
// The instruction at the PC in a block of its own, which is not kept: single steps, and pages whose
// protection is finer than a page.
struct block *interp_single(struct interpreter *in, enum vm_engine_exit *exit);

static inline unsigned interp_jump_slot(uint64_t pc)
{
    return (pc >> 1 ^ pc >> (JUMP_BITS + 1)) & ((1 << JUMP_BITS) - 1);
}

// Whether the entry leads to the block at `pc`.
static inline bool interp_jump_is_for(const struct jump_entry *e, uint64_t pc,
                                      const struct vm_vcpu *v)
{
    return e->pc == pc && e->generation == v->tlb.code->code_generation && e->mode == v->mode;
}

// execute.c: runs from `block` on until something needs the run loop. With `single`, stops after
// the block.
enum vm_engine_exit interp_execute(struct vm_vcpu *v, struct block *block, bool single);

#endif
