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
#include <vm/core/translate.h>
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

struct block;

// A direct exit: the block that it was last seen to lead to. Far ones hold only while the code
// mapping's generation is the one noted.
struct link {
    struct block *target;
    uint64_t generation;
    struct link *next, **prev; // among the links that lead to the same target
};

// Where the guest instructions' code begins, for exact state at faults.
struct mark {
    uint16_t code;   // index of the first operation
    int16_t retired; // instructions before it in its IR block; -1: its own was counted before that
    uint32_t offset; // from the page base
};

struct block {
    struct vm_block_source source;
    struct block *hash_next;
    struct block *page_next; // among the blocks of the same page
    struct link *incoming;
    struct link *links;
    struct mark *marks;
    uint16_t link_count, mark_count, code_count;
    bool dropped; // or never kept: not in the cache, and nothing may link to it or from it
    struct code code[];
};

struct code_page {
    vm_gpa page;
    const struct vm_region *region;
    uint32_t version; // of the page, when none of the blocks was stale
    struct block *blocks;
    struct code_page *hash_next, *next;
};

struct jump_entry {
    uint64_t pc, generation;
    struct block *block;
    uint32_t mode;
};

enum {
    HASH_BITS = 16,
    PAGE_HASH_BITS = 10,
    JUMP_BITS = 13,
    CACHE_LIMIT = 96 << 20, // bytes of blocks after which the cache starts afresh
    BLOCK_INSNS = 48,
};

struct interpreter {
    struct vm_vcpu *vcpu;
    struct vm_arena blocks;  // blocks, links, marks
    struct vm_arena scratch; // IR and lowering of one block; and the block, if it is not kept
    struct block *hash[1 << HASH_BITS];
    struct code_page *page_hash[1 << PAGE_HASH_BITS];
    struct code_page *pages;
    struct block *cross_blocks; // those that two pages hold, by page_next
    struct jump_entry jumps[1 << JUMP_BITS];
    uint64_t code_writes; // the space's counter when sync_code last looked
    struct vm_engine_stats stats;
};

static inline struct interpreter *interp_of(const struct vm_vcpu *v)
{
    return v->engine_data;
}

// lower.c: byte code for a region, in `arena`; NULL when memory or a limit ran out.
struct block *interp_lower(struct interpreter *in, const struct vm_ir_region *r,
                           const struct vm_block_source *source, struct vm_arena *arena);

// cache.c: the block at the vCPU's PC, translated if need be. NULL: *exit says why.
struct block *interp_find(struct interpreter *in, enum vm_engine_exit *exit);
// Whether the PC is at a breakpoint, and not the one that vm_vcpu_run was called at.
bool interp_at_breakpoint(struct vm_vcpu *v);
// Notes that `link` leads to `target`.
void interp_link(struct link *link, struct block *target, uint64_t generation);
void interp_cache_flush(struct interpreter *in);
void interp_cache_sync(struct interpreter *in);
// The instruction at the PC in a block of its own, which is not kept: single steps, and pages whose
// protection is finer than a page.
struct block *interp_single(struct interpreter *in, enum vm_engine_exit *exit);

static inline unsigned interp_jump_slot(uint64_t pc)
{
    return (pc >> 1 ^ pc >> (JUMP_BITS + 1)) & ((1 << JUMP_BITS) - 1);
}

// Whether the entry leads to the block at `pc`. One that was dropped is still in memory.
static inline bool interp_jump_is_for(const struct jump_entry *e, uint64_t pc,
                                      const struct vm_vcpu *v)
{
    return e->pc == pc && e->generation == v->tlb.code->code_generation && e->mode == v->mode &&
           !e->block->dropped;
}

// execute.c: runs from `block` on until something needs the run loop. With `single`, stops after
// the block.
enum vm_engine_exit interp_execute(struct vm_vcpu *v, struct block *block, bool single);

// float.c: one FP op. `what` packs the attribute word (16 bits), op code (16 bits from 32 on),
// suffix type (8 from 48) and source type (8 from 56).
uint64_t interp_float(uint64_t what, uint64_t a, uint64_t b, uint64_t c, struct vm_fp_env *env);

// flags.c: condition flags as a bit mask of enum vm_ir_flag.
uint64_t interp_flags_add(unsigned bits, uint64_t a, uint64_t b, uint64_t carry);
uint64_t interp_flags_sub(unsigned bits, uint64_t a, uint64_t b, uint64_t borrow);
uint64_t interp_flags_logic(unsigned bits, uint64_t a);
uint64_t interp_flags_cond(uint64_t flags, uint32_t cond);

#endif
