// SPDX-License-Identifier: MIT
//
// The state of emitting one block for x86-64, and where things are in the host's registers:
//
//   rbp             the state struct + 128, so that its first 256 bytes have short displacements
//   r14             the current data context of the TLB
//   rbx rsi rdi r8-r13 r15  the guest's most used registers (struct vm_regfile's `hot`)
//   rax rcx rdx     values of the block; nothing at its boundaries
//   rsp             16-byte aligned
//   xmm15, xmm14 ...  the guest's most used float or vector registers (`hot_float`) while the FPU
//   is
//                   live
//   xmm0 ...        float and v128 values of the block; nothing at its boundaries
//
// A value of at most 64 bits is in a register of either kind, in its home (plan.h), in a slot of
// the frame, or in several of them at once; so is a v128, but for registers of the first kind; an
// i128 or v256 is in a slot. i32 and narrower ones have
// unspecified upper bits everywhere.
#ifndef EMIT_X86_64_H
#define EMIT_X86_64_H

#include "../jit.h"
#include "../loop.h"
#include "x64.h"

enum {
    STATE_BIAS = 128,
    FIXED_COUNT = 10,
    NO_REG = 0xff,
    MAX_PARAMS = 64,
    XMM_COUNT = 16,
    FIXED_XMM_MAX = 10,
    MAX_NANS = 24,
};

#define REG_STATE X64_RBP
#define REG_TLB   X64_R14

// The host registers that hold guest registers, in the order in which `hot` fills them: those that
// calls preserve first.
extern const uint8_t x64_fixed[FIXED_COUNT];
// Fills the jit's `fixed`.
void emit_fix_registers(struct jit *j);

// Constants of 16 bytes: what is boxed above an f32; sign bits, and all but those; of vectors the
// low half of each lane, what makes indexes above 15 negative bytes, and orders of bytes.
enum float_mask {
    MASK_BOX,
    MASK_SIGN_64,
    MASK_REST_64,
    MASK_SIGN_32,
    MASK_REST_32,
    MASK_LOW_8_OF_16,
    MASK_LOW_16_OF_32,
    MASK_BEYOND_15,
    MASK_REVERSE_8_IN_16,
    MASK_REVERSE_8_IN_32,
    MASK_REVERSE_8_IN_64,
    MASK_REVERSE_16_IN_32,
    MASK_REVERSE_16_IN_64,
    MASK_LOW_4_OF_8,
    MASK_SIGN_8,
    MASK_REST_8,
    MASK_ONES_IN_4, // by a number of four bits: its ones; its bits in reverse order, also << 4
    MASK_REVERSED_4,
    MASK_REVERSED_4_HIGH,
    MASK_ZEROS_IN_LOW,  // leading zeros of a byte by its lower half, with the upper one's four
    MASK_ZEROS_IN_HIGH, // the same by its upper half
    MASK_POWERS_OF_2,   // 1 << n, where that is a byte; 256 >> n
    MASK_POWERS_DOWN,
    MASK_SHA1_C, // the constants of SHA-1's rounds by function
    MASK_SHA1_P,
    MASK_SHA1_M,
    MASK_ALL_REST_32, // in each lane
    MASK_ALL_REST_64,
    MASK_ALL_LEAST_32, // the least normal number
    MASK_ALL_LEAST_64,
    MASK_ALL_SIGN_32,
    MASK_ZERO,
    MASK_COUNT,
};

enum operand_kind { IN_REGISTER, IN_MEMORY, IMMEDIATE, IN_XMM };

// As small as what is returned in registers.
struct operand {
    enum operand_kind kind : 8;
    enum x64_reg reg : 8;
    enum x64_xmm xmm : 8;
    union {
        struct x64_mem mem;
        int64_t imm; // of 32 bits
    };
};

enum cold_kind {
    COLD_LOAD,
    COLD_STORE,
    COLD_ATOMIC,
    COLD_FAULT,
    COLD_REQUEST,
    COLD_WAY,
    COLD_STACK,
    COLD_FP_BEGIN,
    COLD_FP_RESUME,
    COLD_NANS,
    COLD_EVALUATE,
    COLD_VECTOR,
    COLD_UNBOX,
    COLD_FLAGS,
};

// A plain access after its check, with the addend in rdx.
struct access {
    struct x64_mem place;
    uint8_t *miss; // the jump that is taken on a miss
    enum x64_reg base;
    int32_t disp; // from the base, 0 unless in a span
    bool in_span;
};

// Code that is rarely run, written behind the rest of the block.
struct cold {
    enum cold_kind kind;
    uint8_t *from;        // the displacement that leads there
    uint8_t *back;        // where it goes on
    enum x64_reg address; // of an access; one in a span is at address + disp
    int32_t disp;
    bool in_span;
    bool wide;           // an access: its value has 128 bits
    uint32_t what;       // of an atomic, of an fclass: the op's code
    enum x64_reg result; // of a load or evaluation, unless it is an xmm register
    uint8_t xmm;         // this one, or JIT_NO_XMM
    bool keeps_float;    // an access: xmm registers and MXCSR are in use
    uint32_t attr;
    uint64_t word;               // the exit word of a fault or request; what to evaluate
    unsigned way;                // to whose stub the jump leads
    const struct jit_nans *nans; // NULL: none
    // From here on only what the kind has is filled.
    struct operand value, value2; // of a store, of an atomic
    struct operand args[3];       // of an evaluation; none: an immediate
};

// A float value whose NaN may not be the canonical one (float.c).
struct pending {
    vm_ir_value root;
    vm_ir_value box;   // the value that boxes it, or NONE
    vm_ir_value cover; // a pending value that is a NaN if this one is, or NONE
    uint16_t entry;    // the register-file entry that has it, or NONE
    uint8_t type;
};

struct emit {
    struct x64_code code;
    uint8_t *start;
    struct jit *jit;
    const struct vm_ir_region *r;
    const struct jit_plan *plan;
    uint32_t mode;                    // of the guest
    struct vm_arena *scratch, *arena; // of this translation; of the block

    const uint8_t *fixed;        // by register-file entry: its host register, or NO_REG
    const uint8_t *fixed_xmm;    // the same for xmm registers
    uint8_t *reg_of;             // by root: the temporary that has it, or NO_REG
    uint16_t *slot_of;           // by root: offset of its slot in the frame's, plus 1; 0: none
    vm_ir_value temps[16];       // by host register: the root that it has, or NONE
    uint16_t locked;             // host registers that the current op has taken
    const struct jit_span *span; // whose addend is in rdx, or NULL
    bool span_locked;            // it stays there during the current op
    uint16_t *span_slot;         // by span: the slot of its addend plus 1; 0: none
    uint8_t *xmm_of;             // the same for xmm registers
    vm_ir_value xmms[XMM_COUNT];
    bool xmm_held; // one of them may have a value
    uint16_t xmm_locked;
    uint16_t xmm_boxed; // those whose f32 is known to be boxed
    uint8_t ahead_xmm;  // has the value `ahead` already, which is still to be defined; or NO_REG
    vm_ir_value ahead;
    vm_ir_value sha[2]; // the state of SHA-256, a to d and e to h, which as the host has it (a, b,
    uint8_t sha_xmm[2]; // e, f and c, d, g, h) is in these as well; or NO_REG
    unsigned xmm_temps; // how many there are that have no register of the guest's
    bool uses_float;    // has ops for the host's FPU, or on what an xmm register has
    bool block_floats;  // the same of the current IR block
    bool float_live;    // the FPU is known to be live
    unsigned pending_count;
    unsigned slots; // bytes of the frame's that are in use
    uint32_t at;    // the op that is being emitted

    const struct jit_loop *loop;     // what the block is, or NULL
    struct x64_label loop_out;       // where its first copy leaves
    bool in_loop;                    // the second one is being written
    uint8_t window_reg[JIT_WINDOWS]; // of a window's addend, or NO_REG
    uint16_t window_slot[JIT_WINDOWS];

    struct x64_label *labels; // by IR block
    int16_t *begun;           // by IR block: instructions that its one way in has not counted yet
    bool *done;               // by IR block: emitted as part of the branch to it
    uint16_t ir_block;
    int32_t retired; // instructions begun since the last count, with the current one
    uint64_t offset; // of the current instruction from the page base

    struct cold *cold;
    unsigned cold_count, cold_capacity;
    struct jit_way *ways; // until they are with the block
    unsigned way_count, way_capacity;
    unsigned live_entry; // of struct jit_block
    bool failed;         // a limit was hit
    // From here on only what is in use is filled.
    struct pending pending[MAX_NANS];
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
// The same; to another temporary if one is free. Flags stay as they are.
void emit_move_out(struct emit *e, enum x64_reg reg);
// All temporaries: before what clobbers them.
void emit_claim_all(struct emit *e);
// Where an operand is: an immediate of 32 bits if it is such a constant, else a register or memory.
struct operand emit_operand(struct emit *e, vm_ir_value v);
// The same, never an immediate; in a register whatever it takes.
enum x64_reg emit_in_register(struct emit *e, vm_ir_value v);
// Into that register.
void emit_load_value(struct emit *e, enum x64_reg to, vm_ir_value v);
// An operand into that register, unless it is there; flags stay as they are.
void emit_bring(struct emit *e, enum x64_width w, enum x64_reg to, const struct operand *a);
// The register to compute v into: its home's, or a temporary. If that register is one of `busy` (a
// mask of host registers), a temporary.
enum x64_reg emit_result(struct emit *e, vm_ir_value v, uint32_t busy);
// v has been computed into reg.
void emit_define(struct emit *e, vm_ir_value v, enum x64_reg reg);
// The slot of a value, for wide ones and those that other blocks use.
struct x64_mem emit_slot(struct emit *e, vm_ir_value v);
// A further slot of the frame.
struct x64_mem emit_new_slot(struct emit *e, unsigned bytes);
// The same in two steps: a slot's number, which is not 0, and where it is.
uint16_t emit_new_slot_number(struct emit *e, unsigned bytes);
struct x64_mem emit_slot_at(const struct emit *e, uint16_t number);
// Has everything that is in temporaries elsewhere too; flags stay as they are.
void emit_spill_temps(struct emit *e);
// Whether the value is in memory, or can be made anew.
bool emit_is_in_memory(const struct emit *e, vm_ir_value root);
// A constant as the host has it in a register, and whether v is one.
bool emit_is_const(const struct emit *e, vm_ir_value v, uint64_t *value);
uint32_t emit_busy(const struct operand *o);
// Forgets what temporaries have, at a block's start.
void emit_forget_temps(struct emit *e);
// Copies whole words, at least one, from memory to memory through a register.
void emit_copy(struct emit *e, enum x64_reg through, struct x64_mem to, struct x64_mem from,
               unsigned bytes);
// Stores an operand at a place in memory; rax is free to be used where it takes a register.
void emit_store_operand(struct emit *e, enum x64_width w, struct x64_mem to, vm_ir_value v);

// --- xmm.c: values in xmm registers, computed in VEX form where the host has AVX ---

// One that holds nothing that is needed; locked until the op ends.
enum x64_xmm emit_xmm_temp(struct emit *e);
// Brings a float value into one; locks it.
enum x64_xmm emit_in_xmm(struct emit *e, vm_ir_value v);
// A value of 64 or 32 bits into that one.
void emit_load_xmm(struct emit *e, enum x64_xmm to, vm_ir_value v);
// Where a float operand is: an xmm register, or memory if it is used no more.
struct operand emit_float_operand(struct emit *e, vm_ir_value v);
// Unlocks the registers of operands that are used no more.
void emit_xmm_release(struct emit *e, const struct vm_ir_op *o);
// A given temporary, emptied and locked; what it has is in another then.
void emit_claim_one_xmm(struct emit *e, enum x64_xmm xmm);
// The register to compute v into: its home's, or a temporary if that is one of `busy`.
enum x64_xmm emit_xmm_result(struct emit *e, vm_ir_value v, uint32_t busy);
// That register has v, unless v has a home in another; v has been computed into it.
void emit_hold_xmm(struct emit *e, vm_ir_value v, enum x64_xmm xmm);
void emit_define_xmm(struct emit *e, vm_ir_value v, enum x64_xmm xmm);
// What is only in xmm registers goes to slots too. Before calls of C, which destroy them.
void emit_spill_xmm(struct emit *e);
void emit_claim_xmm(struct emit *e);
void emit_forget_xmm(struct emit *e);
// Whether one holds a value that this or a later op needs.
bool emit_xmm_in_use(const struct emit *e);

// The type is VM_F32, VM_F64 or VM_V128.
void emit_xmm_load(struct emit *e, enum vm_type t, enum x64_xmm to, struct x64_mem from);
void emit_xmm_store(struct emit *e, enum vm_type t, struct x64_mem to, enum x64_xmm from);
void emit_xmm_move(struct emit *e, enum x64_xmm to, enum x64_xmm from);
void emit_xmm_from(struct emit *e, enum x64_width w, enum x64_xmm to, enum x64_reg from);
void emit_xmm_to(struct emit *e, enum x64_width w, enum x64_reg to, enum x64_xmm from);
void emit_xmm_zero(struct emit *e, enum x64_xmm to);
// Ops of two operands (ucomisd, and to = OP from where to's old value is of no interest), and of
// three: without AVX `to` must not be b's register.
void emit_xmm_two(struct emit *e, enum x64_op op, enum x64_xmm to, const struct operand *from);
void emit_xmm_three(struct emit *e, enum x64_op op, enum x64_xmm to, enum x64_xmm a,
                    const struct operand *b);

// The same with one of the constants. (Its displacement depends on where the instruction lies.)
void emit_xmm_mask(struct emit *e, enum x64_op op, enum x64_xmm to, enum x64_xmm a,
                   enum float_mask mask);
void emit_xmm_compare_mask(struct emit *e, enum x64_op op, enum x64_xmm a, enum float_mask mask);

static inline struct operand in_xmm(enum x64_xmm xmm)
{
    return (struct operand){.kind = IN_XMM, .xmm = xmm};
}

// The xmm register that v's home is in, or NO_REG.
static inline uint8_t emit_xmm_home(const struct emit *e, vm_ir_value root)
{
    uint16_t home = e->plan->home[root];
    return home != VM_IR_NONE ? e->fixed_xmm[home] : NO_REG;
}

// The xmm register that has it, its home or another, or NO_REG.
static inline uint8_t emit_xmm_of(const struct emit *e, vm_ir_value root)
{
    uint8_t home = emit_xmm_home(e, root);
    return home != NO_REG ? home : e->xmm_of[root];
}

// --- flags_later.c ---

// The entry whose flags are made later; NONE: the guest has no flags.
uint16_t emit_flags_entry(const struct vm_regfile *r);
// Of v, flags of which only the put into that entry is a use: leaves what they are made from, and
// is true. b, or the constant if it is NONE, is what addf subtracts (`complement`).
bool emit_flags_later(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, bool complement,
                      vm_ir_value b, uint64_t constant);
// Whether that can be, and doing it, of a comparison wherever its operands are still there.
bool emit_may_leave_flags(const struct emit *e, vm_ir_value v);
void emit_leave_flags(struct emit *e, vm_ir_value v);
unsigned emit_flags_kind(const struct emit *e, vm_ir_value v, bool complement);
// An entry has been written otherwise; it is to be read: what is to be done if it is that one.
void emit_flags_written(struct emit *e, uint64_t entry);
void emit_make_flags(struct emit *e, uint64_t entry);
void emit_cold_flags(struct emit *e, const struct cold *c);
// In a thunk: has the state the flags.
void emit_flags_to_state(struct x64_code *c, const struct jit *j);
void emit_flags_thunk(struct x64_code *c, struct jit *j);

// --- nan.c: pending NaNs ---

// v, an FP op's result in an xmm register, is a NaN if an operand is: it is pending from now on.
// Where its home is a host register, out of C's reach, it is settled, and defined after that.
void emit_pend(struct emit *e, vm_ir_value v, enum vm_type t);
// Before an op: settles what it makes visible.
void emit_settle_for(struct emit *e, vm_ir_value v, const struct vm_ir_op *o);
void emit_settle_value(struct emit *e, vm_ir_value v);
void emit_settle_all(struct emit *e);
// An op's operands, for the way aside of one that finds out whether they are NaNs; they are no
// longer pending. NULL: none is.
const struct jit_nans *emit_take_operands(struct emit *e, const struct vm_ir_op *o);
// The entry gets another value.
void emit_entry_written(struct emit *e, uint16_t entry);
// Before `box`, which boxes v, is made in the given entry.
void emit_pending_box(struct emit *e, vm_ir_value v, vm_ir_value box, uint16_t entry);
// All that are pending now, for C; NULL: none.
const struct jit_nans *emit_pending_list(struct emit *e);

static inline bool has_fixed_home(const struct emit *e, vm_ir_value root)
{
    uint16_t home = e->plan->home[root];
    return home != VM_IR_NONE && e->fixed[home] != NO_REG;
}

// --- float.c ---

// Whether an op's attributes ask for what the host's FPU does, or shows in its result that it did
// not: NaN rules but x86's own, no flushing, flags; a rounding mode that it has.
bool emit_has_host_rules(uint32_t fp_attr);
// Whether tininess is to be told before rounding, which the host does after.
bool emit_is_tiny_before(uint32_t fp_attr);
// The same as emit_is_host_float for a vector op (vector_float.c).
bool emit_is_host_vector_float(const struct emit *e, const struct vm_ir_op *o);
// Whether the op becomes the host's instructions.
bool emit_is_host_float(const struct emit *e, const struct vm_ir_op *o);
// Whether the IR block has such ops, or some on what an xmm register has.
bool emit_has_floats(const struct emit *e, uint16_t block);
// Of an op with ARM's NaN rules, computed into `to`: goes aside for what the host does in another
// way, and defines v. `args` are its operands, in registers that it has left alone.
void emit_check_float(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_xmm to,
                      bool tiny, const struct operand *args);
// At a block's entry.
void emit_float_entry(struct emit *e);
// Without AVX the result must not be in the second operand's register, unless both are the same:
// keeps it; the registers that emit_xmm_result must not take.
uint32_t emit_keep_second(struct emit *e, enum x64_xmm a, const struct operand *b);
// Sees to it that MXCSR is the guest's.
void emit_go_live(struct emit *e);
// Before a call of C that may use floating point, or look at its flags.
void emit_end_live(struct emit *e);
// Whether a get or put is of the guest's FP flags while MXCSR has some of them; then v is all of
// them, and after a put MXCSR has none.
bool emit_is_live_flags(const struct emit *e, const struct vm_ir_op *o);
void emit_get_flags(struct emit *e, vm_ir_value v);
void emit_drop_flags(struct emit *e);
// A jump to the cold section, where C computes the op: its operands are where `args` says then.
struct cold *emit_evaluate_aside(struct emit *e, const struct vm_ir_op *o, uint8_t *from,
                                 const struct operand *args);
// Computes an and, or, xor of which an FP op reads the result; false if not in xmm registers.
bool emit_float_logic(struct emit *e, vm_ir_value v, const struct vm_ir_op *o);
// Around an instruction that rounds as a static mode says, if the op has one.
void emit_begin_rounding(struct emit *e, const struct vm_ir_op *o);
void emit_end_rounding(struct emit *e, const struct vm_ir_op *o);
// v is made from the one operand by one instruction that rounds.
void emit_float_unary(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, enum x64_op op);
// v is in xmm, its NaN to be made canonical before it is seen.
void emit_finish_float(struct emit *e, vm_ir_value v, enum x64_xmm xmm, enum vm_type t);
void emit_cold_float(struct emit *e, const struct cold *c);
// An fclass that is not of a normal number: returns behind what is done if it is one of zero.
void emit_cold_class(struct emit *e, const struct cold *c);

// --- thunks_float.c ---

struct x64_mem emit_at_jit_state(const struct jit *j, const void *field);
void emit_float_tables(struct x64_code *c, struct jit *j); // ahead of all others
void emit_float_thunks(struct x64_code *c, struct jit *j);
// Merges the guest's flags and gives MXCSR back to the host, if it is the guest's. Uses r10, r11.
void emit_end_float(struct x64_code *c, const struct jit *j);
// Around a call of C that leaves MXCSR as it is: the guest's float registers to the state and back,
// if they are in xmm registers.
void emit_move_live(struct x64_code *c, const struct jit *j, bool to_state);
// How many of the guest's float registers are in xmm registers while the FPU is live: the first of
// `hot_float`, from xmm15 downwards.
unsigned emit_fixed_xmm_count(const struct vm_regfile *r);

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

// --- span.c ---

// Whether a plain access shares its check with others.
bool emit_is_in_span(const struct emit *e, vm_ir_value v);
// Before the operands of such an access: has rdx keep the addend through it, unless it is the
// first.
void emit_open_span(struct emit *e, vm_ir_value v);
// Where such an access is, once its other operand is in place.
struct access emit_span_place(struct emit *e, vm_ir_value v, const struct vm_ir_op *o);
// Takes rdx from the span that has it.
void emit_spill_span(struct emit *e);

// --- pointer_code.c ---

// A call of a helper that makes or checks the code of a pointer. False: it is none such.
bool emit_pointer_code(struct emit *e, vm_ir_value v, const struct vm_ir_op *o);
// The thunks for it; those for calls are there.
void emit_pointer_code_thunks(struct x64_code *c, struct jit *j);

// --- memory.c, atomic.c ---

// The check against the first-level TLB of `size` bytes at `address`, which is not rcx or rdx:
// leaves the addend in rdx, and returns the place of the jump that is taken on a miss. Destroys
// rcx.
uint8_t *emit_check(struct x64_code *c, const struct jit *j, enum x64_reg address, unsigned size,
                    size_t array);
// To a register from memory, extended as `sign` says.
void emit_load_extended(struct x64_code *c, enum x64_reg to, struct x64_mem from, unsigned log2,
                        bool sign);
// The address in a register: the base itself, or rax. All temporaries are free then.
enum x64_reg emit_address(struct emit *e, const struct vm_ir_op *o);
// Before an access that always goes through C: nothing stays in xmm registers, which it destroys,
// and it may fault.
void emit_before_c(struct emit *e);
// What an access keeps while it goes through C aside.
void emit_keep_float(struct emit *e, struct cold *cold);
// Where an operand stays while the temporaries are used for a check: a host register of the
// guest's, memory, or an immediate.
struct operand emit_settled(struct emit *e, vm_ir_value v);
// The entry's offset in rcx and its tag xor the address in rdx; `array` is read or write.
void emit_look_up(struct x64_code *c, const struct jit *j, enum x64_reg address, size_t array);
// Then the addend in rdx.
void emit_addend(struct x64_code *c, size_t array);
// What C has to be told of an access: address, attributes, and the exit word of a fault, here the
// current instruction's. What it has read comes back in rax.
void emit_pass_access_word(struct emit *e, enum x64_reg address, uint32_t attr, uint64_t word);
void emit_pass_access(struct emit *e, enum x64_reg address, uint32_t attr);
emit_fn emit_atomic_in_c;

static inline struct x64_mem at_frame_result(const struct emit *e)
{
    return at_state(e, &e->jit->frame->result[0]);
}

// --- loop.c ---

// The second copy of the block, which is a loop.
void emit_loop(struct emit *e);
// Loads and stores of it.
emit_fn emit_loop_load, emit_loop_store;
// Whether a load goes to an xmm register: FP ops read it.
bool emit_is_float_load(const struct emit *e, vm_ir_value v, const struct vm_ir_op *o);

// --- emit.c ---

void emit_op(struct emit *e, vm_ir_value v);

// --- flow.c, return.c ---

// Leaves when a request is pending, to go on at the offset.
void emit_poll(struct emit *e, uint64_t offset);
// Leaves for an offset that is in reach, with a poll if a loop may close there.
void emit_leave_polled(struct emit *e, uint64_t offset);
// Of a branch: the host's flags are set; returns the condition under which it is taken.
enum x64_cc emit_branch_condition(struct emit *e, const struct vm_ir_op *o);

// Adds the instructions that were begun to icount.
void emit_count_retired(struct emit *e);
struct jit_way *emit_new_way(struct emit *e, uint64_t offset);
// The place of a way's jump.
void emit_way_jump(const struct emit *e, struct jit_way *way, const uint8_t *place);
// Compares the code mapping's generation with that of the link; goes to the way's stub if it is
// another. While the way is not linked the guard holds 0, which no generation is.
void emit_guard(struct emit *e, struct jit_way *way);
// The page base becomes that of the way's target; rax is lost.
void emit_move_page(struct emit *e, const struct jit_way *way);
// A goto or goto_ind that is a call; the latter's target is in rax.
void emit_call_way(struct emit *e, const struct vm_ir_op *o);
void emit_call_indirect(struct emit *e, const struct vm_ir_op *o);
void emit_cold_stack(struct emit *e, const struct cold *c);

// Of a comparison or a cond: the host's flags are set; returns the condition under which it holds.
enum x64_cc emit_compare(struct emit *e, vm_ir_value compare);
// The same of a cond (flags.c).
enum x64_cc emit_condition(struct emit *e, vm_ir_value cond);
// Sets the host's flags as an and does, without its result.
void emit_test(struct emit *e, const struct vm_ir_op *o);
// Calls C to compute an op.
emit_fn emit_evaluate;
emit_fn emit_evaluate_vector;
// A jump for the cold section, and the entry to fill.
struct cold *emit_cold(struct emit *e, enum cold_kind kind, uint8_t *from);
// The exit word of a fault at the current instruction.
uint64_t emit_fault_word(struct emit *e);
// What is cold, and the stubs of the ways, whose block is known by now.
void emit_cold_section(struct emit *e, struct jit_block *b);

#define VM_IR_OP(name, types, signature, effects, text) emit_fn emit_op_##name;
#include <vm/ir/ops.def>

#endif
