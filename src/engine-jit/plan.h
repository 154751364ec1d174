// SPDX-License-Identifier: MIT
//
// What the emitter knows of a region before it writes the first instruction: who uses which value,
// which ops are part of another, and which values live in a register-file entry:
//
// - A `get` is no instruction where its uses can read the entry itself.
// - A `put` is none where the op that makes the value can write the entry: nothing between the two
//   may fault, leave or look at the entry.
//
// - Plain accesses at constant distances from one base, in one block and close together, are a
//   span: one look at the TLB answers for all of them.
//
// Tables are indexed by op number.
#ifndef ENGINE_JIT_PLAN_H
#define ENGINE_JIT_PLAN_H

#include <vm/ir/ir.h>

struct jit_span {
    vm_ir_value base; // a root
    int32_t low;      // offset of its first byte from the base
    uint16_t bytes;
    uint16_t first, last; // ops
    uint16_t members;
    bool writes; // some do, and what may be written may be read
};

struct jit_loop;

struct jit_plan {
    const struct vm_ir_region *r;
    const struct jit_loop *loop; // what the region is, or NULL (loop.h)
    uint16_t *root;              // the value that this one is another name for, or itself
    uint16_t *last_use;          // of a root: the last op that uses it
    uint16_t *uses;              // of a root: how many
    uint16_t *effect;            // of a put or call: the op at which it takes effect
    uint16_t *home;              // of a root: the register-file entry that it lives in, or NONE
    uint16_t *ways_in;           // by block: how many edges lead to it
    uint16_t *span_of;           // of a load or store: number of its span, or NONE
    struct jit_span *spans;
    uint16_t span_count;
    uint8_t *marks; // JIT_* bits
    bool has_float; // some op may have to do with floats
};

enum {
    JIT_ESCAPES = 1 << 0,  // of a root: used in another block
    JIT_FUSED = 1 << 1,    // of a put: the op that makes the value writes the entry
    JIT_TAKEN_IN = 1 << 2, // of a pure op: part of the one that uses it
    JIT_FLOAT = 1 << 3,    // of a root: an FP op reads it as a float, maybe with another sign
    JIT_SILENT = 1 << 4,   // nothing to emit, and nothing else to do for it
    JIT_BITS = 1 << 5,     // of a root: something else reads it
};

// Fills the plan from `arena`; false when memory is out.
bool jit_plan_region(struct jit_plan *p, const struct vm_ir_region *r, struct vm_arena *arena);

static inline bool jit_is_const(const struct jit_plan *p, vm_ir_value v)
{
    return p->r->ops[p->root[v]].code == VM_IR_const;
}

// The value that a store writes: what is boxed, where the store is no wider.
static inline vm_ir_value jit_stored(const struct jit_plan *p, const struct vm_ir_op *store)
{
    const struct vm_ir_op *o = &p->r->ops[p->root[store->args[1]]];
    bool narrow = vm_ir_mem_size_log2(store->attr) <= 2;
    return o->code == VM_IR_box && o->type == VM_F32 && narrow ? o->args[0] : store->args[1];
}

// Whether a load or store does no more than the host's: of at most 64 bits, or of a v128. It may
// ask for alignment, which is checked with its page.
static inline bool jit_is_plain(const struct vm_ir_op *o)
{
    const uint32_t plain =
        7 | VM_IR_MEM_SIGNED | 7u << VM_IR_MEM_ORDER_SHIFT | 3u << VM_IR_MEM_ALIGN_SHIFT;
    return (o->attr & ~plain) == 0 &&
           vm_ir_mem_size_log2(o->attr) <= (o->type == VM_V128 ? 4 : 3) &&
           vm_ir_mem_order(o->attr) != VM_IR_SEQ_CST;
}

// The same, without alignment, in the context of MMU index 1.
static inline bool jit_is_plain_other(const struct vm_ir_op *o)
{
    struct vm_ir_op current = *o;
    current.attr &= ~(7u << VM_IR_MEM_INDEX_SHIFT);
    return vm_ir_mem_index(o->attr) == 1 && vm_ir_mem_align(o->attr) == VM_IR_ALIGN_ANY &&
           o->type <= VM_I64 && jit_is_plain(&current);
}

static inline bool jit_is_taken_in(const struct jit_plan *p, vm_ir_value v)
{
    return p->marks[v] & JIT_TAKEN_IN;
}

#endif
