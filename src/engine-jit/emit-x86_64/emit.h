// SPDX-License-Identifier: MIT
//
// The state of emitting one block for x86-64, and where things are in the host's registers:
//
//   rbp             the state struct + 128, so that its first 256 bytes have short displacements
//   r14             the current data context of the TLB
//   rbx rsi rdi r8-r13 r15  the guest's most used registers (struct vm_regfile's `hot`)
//   rax rcx rdx     values of the block; nothing at its boundaries
//   rsp             16-byte aligned
//
// A value of at most 64 bits is in a register, in its home (plan.h), in a slot of the frame, or in
// several of them at once; a wider one is in a slot. i32 and narrower ones have unspecified upper
// bits everywhere.
#ifndef EMIT_X86_64_H
#define EMIT_X86_64_H

#include "../jit.h"
#include "x64.h"

enum {
    STATE_BIAS = 128,
    FIXED_COUNT = 10,
    NO_REG = 0xff,
    MAX_PARAMS = 64,
};

#define REG_STATE X64_RBP
#define REG_TLB   X64_R14

// The host registers that hold guest registers, in the order in which `hot` fills them: those that
// calls preserve first.
extern const uint8_t x64_fixed[FIXED_COUNT];

enum operand_kind { IN_REGISTER, IN_MEMORY, IMMEDIATE };

struct operand {
    enum operand_kind kind;
    enum x64_reg reg;
    struct x64_mem mem;
    int64_t imm;
};

enum cold_kind {
    COLD_LOAD,
    COLD_STORE,
    COLD_ATOMIC,
    COLD_FAULT,
    COLD_REQUEST,
    COLD_WAY,
    COLD_STACK
};

// Code that is rarely run, written behind the rest of the block.
struct cold {
    enum cold_kind kind;
    uint8_t *from; // the displacement that leads there
    uint8_t *back; // where it goes on
    enum x64_reg address;
    struct operand value, value2; // of a store, of an atomic
    uint32_t what;                // of an atomic: the op's code
    enum x64_reg result;          // of a load
    uint32_t attr;
    uint64_t word; // the exit word of a fault or request
    unsigned way;
};

struct emit {
    struct x64_code code;
    uint8_t *start;
    struct jit *jit;
    const struct vm_ir_region *r;
    const struct jit_plan *plan;
    struct jit_block *block;
    struct vm_arena *scratch;

    uint8_t *fixed;        // by register-file entry: its host register, or NO_REG
    uint8_t *reg_of;       // by root: the temporary that has it, or NO_REG
    uint16_t *slot_of;     // by root: offset of its slot in the frame's, plus 1; 0: none
    vm_ir_value temps[16]; // by host register: the root that it has, or NONE
    uint16_t locked;       // host registers that the current op has taken
    unsigned slots;        // bytes of the frame's that are in use
    uint32_t at;           // the op that is being emitted

    struct x64_label *labels; // by IR block
    int16_t *begun;           // by IR block: instructions that its one way in has not counted yet
    bool *done;               // by IR block: emitted as part of the branch to it
    uint16_t ir_block;
    int32_t retired; // instructions begun since the last count, with the current one
    uint64_t offset; // of the current instruction from the page base

    struct cold *cold;
    unsigned cold_count, cold_capacity;
    struct cold overflow;
    unsigned way_count, way_capacity;
    bool failed; // a limit was hit
};

// --- places in memory ---

static inline struct x64_mem at_state(const struct emit *e, const void *field)
{
    const char *base = (const char *)e->jit->vcpu->state + STATE_BIAS;
    return x64_at(REG_STATE, (int32_t)((const char *)field - base));
}

static inline struct x64_mem at_entry(const struct emit *e, uint64_t entry)
{
    return x64_at(REG_STATE, (int32_t)e->r->regfile->registers[entry].offset - STATE_BIAS);
}

static inline struct x64_mem at_offset(struct x64_mem m, int32_t bytes)
{
    m.disp += bytes;
    return m;
}

static inline bool emit_is_temporary(enum x64_reg reg)
{
    return reg == X64_RAX || reg == X64_RCX || reg == X64_RDX;
}

static inline bool has_feature(const struct emit *e, uint32_t feature)
{
    return (e->jit->cpu_features & feature) != 0;
}

// --- values.c: where values are ---

// A temporary that holds nothing that is needed; locked until the op ends.
enum x64_reg emit_temp(struct emit *e);
// A given temporary, emptied and locked.
void emit_claim(struct emit *e, enum x64_reg reg);
// The last time in this op that it is read as an operand's register: what is needed later goes to
// its slot.
void emit_detach(struct emit *e, enum x64_reg reg);
// All temporaries: before what clobbers them.
void emit_claim_all(struct emit *e);
// Where an operand is: an immediate of 32 bits if it is such a constant, else a register or memory.
struct operand emit_operand(struct emit *e, vm_ir_value v);
// The same, never an immediate; in a register whatever it takes.
enum x64_reg emit_in_register(struct emit *e, vm_ir_value v);
// Into that register.
void emit_load_value(struct emit *e, enum x64_reg to, vm_ir_value v);
// The register to compute v into: its home's, or a temporary. If that register is one of `busy` (a
// mask of host registers), a temporary.
enum x64_reg emit_result(struct emit *e, vm_ir_value v, uint32_t busy);
// v has been computed into reg.
void emit_define(struct emit *e, vm_ir_value v, enum x64_reg reg);
// The slot of a value, for wide ones and those that other blocks use.
struct x64_mem emit_slot(struct emit *e, vm_ir_value v);
// A further slot of the frame.
struct x64_mem emit_new_slot(struct emit *e, unsigned bytes);
// Has everything that is in temporaries elsewhere too; flags stay as they are.
void emit_spill_temps(struct emit *e);
// A constant as the host has it in a register, and whether v is one.
bool emit_is_const(const struct emit *e, vm_ir_value v, uint64_t *value);
uint32_t emit_busy(const struct operand *o);
// Forgets what temporaries have, at a block's start.
void emit_forget_temps(struct emit *e);
// Stores an operand at a place in memory; rax is free to be used where it takes a register.
void emit_store_operand(struct emit *e, enum x64_width w, struct x64_mem to, vm_ir_value v);

static inline enum x64_width width_of(enum vm_type t)
{
    switch (vm_ir_type_bytes(t)) {
    case 1: return X64_8;
    case 2: return X64_16;
    case 4: return X64_32;
    default: return X64_64;
    }
}

// The width at which values of a type are computed: narrow ones in 32 bits.
static inline enum x64_width compute_width(enum vm_type t)
{
    return vm_ir_type_bytes(t) == 8 ? X64_64 : X64_32;
}

// --- what each op becomes ---

typedef void emit_fn(struct emit *e, vm_ir_value v, const struct vm_ir_op *o);

// --- memory.c, atomic.c ---

// Whether an access needs nothing but size, sign and the host's own ordering.
bool emit_is_plain(const struct vm_ir_op *o);
// The address in a register: the base itself, or rax. All temporaries are free then.
enum x64_reg emit_address(struct emit *e, const struct vm_ir_op *o);
// Where an operand stays while the temporaries are used for a check: a host register of the
// guest's, memory, or an immediate.
struct operand emit_settled(struct emit *e, vm_ir_value v);
// The entry's offset in rcx and its tag xor the address in rdx; `array` is read or write.
void emit_look_up(struct emit *e, enum x64_reg address, size_t array);
// Then the addend in rdx.
void emit_addend(struct emit *e, size_t array);
// What C has to be told of an access: address, attributes, and the exit word of a fault, here the
// current instruction's.
void emit_pass_access_word(struct emit *e, enum x64_reg address, uint32_t attr, uint64_t word);
void emit_pass_access(struct emit *e, enum x64_reg address, uint32_t attr);
emit_fn emit_atomic_in_c;

static inline struct x64_mem at_frame_result(const struct emit *e)
{
    return at_state(e, &e->jit->frame->result[0]);
}

// --- flow.c, return.c ---

// Adds the instructions that were begun to icount.
void emit_count_retired(struct emit *e);
struct jit_way *emit_new_way(struct emit *e, uint64_t offset);
unsigned emit_way_number(const struct emit *e, const struct jit_way *way);
// Compares the code mapping's generation with that of the link; goes to the way's stub if it is
// another. While the way is not linked the guard holds 0, which no generation is.
void emit_guard(struct emit *e, struct jit_way *way, enum x64_reg reg);
// The page base becomes that of the way's target; rax is lost.
void emit_move_page(struct emit *e, const struct jit_way *way);
// A goto or goto_ind that is a call; the latter's target is in rax.
void emit_call_way(struct emit *e, const struct vm_ir_op *o);
void emit_call_indirect(struct emit *e, const struct vm_ir_op *o);
void emit_cold_stack(struct emit *e, const struct cold *c);

// The flags are set by comparing; returns the condition under which it holds.
enum x64_cc emit_compare(struct emit *e, vm_ir_value compare);
// Calls C to compute an op.
emit_fn emit_evaluate;
// A jump for the cold section, and the entry to fill.
struct cold *emit_cold(struct emit *e, enum cold_kind kind, uint8_t *from);
// The exit word of a fault at the current instruction.
uint64_t emit_fault_word(const struct emit *e);
void emit_cold_section(struct emit *e);

#define VM_IR_OP(name, types, signature, effects, text) emit_fn emit_op_##name;
#include <vm/ir/ops.def>

#endif
