// SPDX-License-Identifier: MIT
//
// Building a region, op by op. The builder does the cheap half of tier 1's optimisation as it goes:
// it folds constants and identities, gives for a `get` the value that this block got or put last,
// and drops a `put` of the value that the entry has. What it returns may be an older value.
//
// When memory or an index limit runs out, region->overflow is set and every later call returns a
// harmless value: the caller checks once, at the end.
#ifndef VM_IR_BUILDER_H
#define VM_IR_BUILDER_H

#include <vm/ir/ir.h>

struct vm_ir_builder {
    struct vm_ir_region *region;
    uint16_t block;         // the block that is being filled
    bool terminated;        // it has its terminator
    bool marked;            // it has an insn marker
    bool no_fold;           // keep ops as written (tests of passes)
    uint32_t insn;          // the op index of the current insn marker
    uint64_t insn_off;      // its offset from the page base
    vm_ir_value consts[16]; // recent const ops, by a hash of their bits
    vm_ir_value *known;     // by register-file entry: its value at this point of the block, or NONE
};

// An empty region in `arena`, with block 0 started.
void vm_ir_builder_init(struct vm_ir_builder *b, struct vm_ir_region *r, struct vm_arena *arena,
                        const struct vm_regfile *regfile, const struct vm_ir_helper *helpers,
                        uint16_t helper_count);

// A new block's number; it is filled after vm_ir_start_block. Blocks are filled one at a time, in
// any order but each once, after the previous one has its terminator.
uint16_t vm_ir_new_block(struct vm_ir_builder *b);
void vm_ir_start_block(struct vm_ir_builder *b, uint16_t block);
vm_ir_value vm_ir_param(struct vm_ir_builder *b, enum vm_type type);

// Appends an op as it is, unfolded. The building functions below all end here.
vm_ir_value vm_ir_append(struct vm_ir_builder *b, const struct vm_ir_op *op);

// Folds if allowed, else appends.
vm_ir_value vm_ir_emit(struct vm_ir_builder *b, enum vm_ir_code code, enum vm_type type,
                       uint32_t attr, uint64_t imm, vm_ir_value a, vm_ir_value c, vm_ir_value d);

// vm_ir_add(b, VM_I64, x, y) and so on, one function per row of ops.def.
#define VM_IR_OP(name, types, signature, effects, text)
#define VM_IR_UNARY(name, types, signature, effects, text)                             \
    static inline vm_ir_value vm_ir_##name(struct vm_ir_builder *b, enum vm_type type, \
                                           vm_ir_value x)                              \
    {                                                                                  \
        return vm_ir_emit(b, VM_IR_##name, type, 0, 0, x, VM_IR_NONE, VM_IR_NONE);     \
    }
#define VM_IR_BINARY(name, types, signature, effects, text)                            \
    static inline vm_ir_value vm_ir_##name(struct vm_ir_builder *b, enum vm_type type, \
                                           vm_ir_value x, vm_ir_value y)               \
    {                                                                                  \
        return vm_ir_emit(b, VM_IR_##name, type, 0, 0, x, y, VM_IR_NONE);              \
    }
#define VM_IR_TERNARY(name, types, signature, effects, text)                            \
    static inline vm_ir_value vm_ir_##name(struct vm_ir_builder *b, enum vm_type type,  \
                                           vm_ir_value x, vm_ir_value y, vm_ir_value z) \
    {                                                                                   \
        return vm_ir_emit(b, VM_IR_##name, type, 0, 0, x, y, z);                        \
    }
#define VM_IR_FP1(name, types, signature, effects, text)                               \
    static inline vm_ir_value vm_ir_##name(struct vm_ir_builder *b, enum vm_type type, \
                                           uint32_t attr, vm_ir_value x)               \
    {                                                                                  \
        return vm_ir_emit(b, VM_IR_##name, type, attr, 0, x, VM_IR_NONE, VM_IR_NONE);  \
    }
#define VM_IR_FP2(name, types, signature, effects, text)                                \
    static inline vm_ir_value vm_ir_##name(struct vm_ir_builder *b, enum vm_type type,  \
                                           uint32_t attr, vm_ir_value x, vm_ir_value y) \
    {                                                                                   \
        return vm_ir_emit(b, VM_IR_##name, type, attr, 0, x, y, VM_IR_NONE);            \
    }
#define VM_IR_FP3(name, types, signature, effects, text)                                \
    static inline vm_ir_value vm_ir_##name(struct vm_ir_builder *b, enum vm_type type,  \
                                           uint32_t attr, vm_ir_value x, vm_ir_value y, \
                                           vm_ir_value z)                               \
    {                                                                                   \
        return vm_ir_emit(b, VM_IR_##name, type, attr, 0, x, y, z);                     \
    }
#define VM_IR_CUSTOM(name, types, signature, effects, text)
#include <vm/ir/ops.def>

// addf, subf and logicf (`code`; operands that it has not: VM_IR_NONE) of which only the flags in
// `wanted` are of interest, the others being clear: ARM's VM_IR_FLAGS_NZCV. Engines make fewer
// flags with less.
static inline vm_ir_value vm_ir_some_flags(struct vm_ir_builder *b, enum vm_ir_code code,
                                           enum vm_type type, uint32_t wanted, vm_ir_value x,
                                           vm_ir_value y, vm_ir_value carry)
{
    return vm_ir_emit(b, code, type, wanted, 0, x, y, carry);
}

// A guest instruction of `length` bytes starts `offset` bytes from the page base of the entry PC.
// When an instruction goes on in another block and may fault there, that block needs a marker with
// length 0; the builder adds it before the first fault point (unless no_fold), for the instruction
// that was marked last.
void vm_ir_insn(struct vm_ir_builder *b, uint64_t offset, uint32_t length);

vm_ir_value vm_ir_const(struct vm_ir_builder *b, enum vm_type type, uint64_t bits);
vm_ir_value vm_ir_get(struct vm_ir_builder *b, uint16_t reg);
void vm_ir_put(struct vm_ir_builder *b, uint16_t reg, vm_ir_value v);
vm_ir_value vm_ir_pcrel(struct vm_ir_builder *b, uint64_t offset);
vm_ir_value vm_ir_icount(struct vm_ir_builder *b);
vm_ir_value vm_ir_extract(struct vm_ir_builder *b, enum vm_type type, vm_ir_value v, unsigned pos,
                          unsigned len, bool sign);
vm_ir_value vm_ir_deposit(struct vm_ir_builder *b, enum vm_type type, vm_ir_value into,
                          vm_ir_value from, unsigned pos, unsigned len);
vm_ir_value vm_ir_mergef(struct vm_ir_builder *b, vm_ir_value old, vm_ir_value new, uint32_t mask);
vm_ir_value vm_ir_cond(struct vm_ir_builder *b, vm_ir_value flags, uint32_t cond);

// Memory: `attr` from VM_IR_MEM; the address is `address` + disp.
vm_ir_value vm_ir_load(struct vm_ir_builder *b, enum vm_type type, uint32_t attr,
                       vm_ir_value address, int64_t disp);
void vm_ir_store(struct vm_ir_builder *b, enum vm_type type, uint32_t attr, vm_ir_value address,
                 int64_t disp, vm_ir_value v);
vm_ir_value vm_ir_lr(struct vm_ir_builder *b, enum vm_type type, uint32_t attr,
                     vm_ir_value address);
vm_ir_value vm_ir_sc(struct vm_ir_builder *b, enum vm_type type, uint32_t attr, vm_ir_value address,
                     vm_ir_value v);
vm_ir_value vm_ir_cas(struct vm_ir_builder *b, enum vm_type type, uint32_t attr,
                      vm_ir_value address, vm_ir_value expected, vm_ir_value desired);
vm_ir_value vm_ir_rmw(struct vm_ir_builder *b, enum vm_type type, uint32_t attr, enum vm_ir_rmw op,
                      vm_ir_value address, vm_ir_value v);
void vm_ir_fence(struct vm_ir_builder *b, uint32_t iorw);

// Calls helper number `helper` of the region's table; VM_IR_NONE for arguments that it has not.
vm_ir_value vm_ir_call(struct vm_ir_builder *b, uint16_t helper, vm_ir_value a, vm_ir_value c,
                       vm_ir_value d, vm_ir_value e);

// Terminators.
void vm_ir_jump(struct vm_ir_builder *b, uint16_t target, const vm_ir_value *args, unsigned count);
void vm_ir_branch(struct vm_ir_builder *b, vm_ir_value cond, uint16_t then_block,
                  const vm_ir_value *then_args, unsigned then_count, uint16_t else_block,
                  const vm_ir_value *else_args, unsigned else_count);
void vm_ir_goto(struct vm_ir_builder *b, uint64_t offset);
// A goto that is a call and returns to page base + ret. A hint: left out where ret is beyond
// VM_IR_GOTO_MAX_RET.
void vm_ir_goto_call(struct vm_ir_builder *b, uint64_t offset, uint64_t ret);
// `ret` is for hints that push.
void vm_ir_goto_ind(struct vm_ir_builder *b, vm_ir_value pc, enum vm_ir_hint hint, uint64_t ret);
void vm_ir_raise(struct vm_ir_builder *b, uint64_t cause, vm_ir_value value);
void vm_ir_exit(struct vm_ir_builder *b, enum vm_ir_exit reason, uint64_t next_offset);

#endif
