// SPDX-License-Identifier: MIT
//
// What the JIT's files share: its code cache, blocks, and the frame through which generated code
// and C talk.
//
// A cache belongs to one vCPU and its thread, so nothing here locks: vCPUs translate and run beside
// each other, and a block that two of them run is translated twice. Its memory has two views, one
// writable, one executable; "place" is an address of the writable one.
//
// Inside generated code the most used registers of the guest are in host registers, the page base
// in the frame, and the count of retired instructions is behind by what the block has not counted
// yet. Whatever leaves generated code puts all that back first.
#ifndef ENGINE_JIT_H
#define ENGINE_JIT_H

#include <vm/core/block.h>
#include <vm/core/vcpu.h>
#include <vm/engine-jit/jit.h>
#include <vm/osal/exec.h>

#include "plan.h"

enum {
    JIT_PARTITIONS = 8,
    JIT_JUMP_BITS = 12,
    JIT_BLOCK_INSNS = 64,
    JIT_FRAME_ARGS = 4,
    JIT_GATES = 64, // a power of two
    JIT_NO_XMM = 0xff,
    JIT_FIXED_TABLES = 3,
    JIT_CACHE_BYTES = 256 << 20, // for all vCPUs, unless the embedder says otherwise
};

// A float value that an op has made and whose NaN is not canonical yet: where it is (float.c).
struct jit_nan {
    uint8_t type;   // VM_F32 or VM_F64
    uint8_t xmm;    // or JIT_NO_XMM
    uint8_t home;   // a further one, which has the entry; or JIT_NO_XMM
    uint16_t entry; // offset in the state + 1; 0: in no entry
    uint16_t slot;  // offset in the frame's slots + 1; 0: in none
};

struct jit_nans {
    unsigned count;
    struct jit_nan list[];
};

// The host's FPU. While `live`, MXCSR has the guest's rounding mode, and exceptions that the
// guest's flags lack, and xmm registers have the guest's most used float registers; otherwise MXCSR
// is the host's own, and the state has them.
struct jit_float {
    uint64_t xmm[16][2];         // while C runs aside of the block's way
    const struct jit_nans *nans; // what is to be made canonical before C goes on, or NULL
    uint32_t host, guest;        // MXCSR's values that are put aside
    uint32_t scratch;
    uint8_t live;
    uint8_t was_live; // before C was called aside of the block's way
};

// Condition flags that are still to be made (the emitter's).
struct jit_flags {
    uint64_t a, b;
    uint32_t word; // 0: the state has them
};

// Calls of the guest are calls of the host, so that the host predicts their returns: the stack has,
// from `stack` down, the guest's return address and the host's of each call under way. Leaving
// generated code forgets them; so code may be moved or thrown away only outside.
//
// In the vCPU's scratch, behind the state struct: generated code reaches it from the register that
// holds the state.
struct jit_frame {
    uint64_t page_base;            // of the guest PC: where the current block's page is mapped
    uint64_t exit_block;           // the struct jit_block of a JIT_EXIT_LINK
    uint64_t exit_way;             // and the number of its way
    uint64_t stack;                // rsp at a block's entry when no call is under way
    uint64_t stack_limit;          // calls go on from `stack` anew when rsp is below this
    uint64_t args[JIT_FRAME_ARGS]; // operands of what C does for a block
    uint64_t result[2];
    uint64_t pair[4][2]; // 128-bit operands and result
    struct jit_float fp;
    struct jit_flags flags;
    int32_t gates[JIT_GATES]; // of loops, each for several (the emitter's loop.c)
    uint8_t slots[];          // spilled values, as the block says
};

// Why generated code came back. In the word that it returns (jit_exit_word): bits 0-3; bits 4-19
// the offset of the guest PC from the page base, where it is not in the state already; bits 20-31 a
// signed number.
enum jit_exit {
    JIT_GO_ON,                 // (not at all: jit_slow_exception's answer)
    JIT_EXIT_LINK,             // a direct exit that leads nowhere yet: frame.exit_way
    JIT_EXIT_LOOKUP,           // an indirect jump to state's PC that the table does not know
    JIT_EXIT_REQUEST,          // vcpu->request; with the offset, and what to add to icount
    JIT_EXIT_INDIRECT_REQUEST, // the same with PC in the state
    JIT_EXIT_RESYNC,           // the run loop has to look; PC is in the state
    JIT_EXIT_EXCEPTION,        // an exception is recorded; PC and icount are right
    JIT_EXIT_FAULT,    // an exception is recorded; with the offset, and what to add to icount
    JIT_EXIT_RAISE,    // the same; cause in frame.args[1], value in frame.args[0]
    JIT_EXIT_ROUNDING, // a block of FP ops, in a rounding mode that the host lacks; with the offset
    JIT_EXIT_REASON,   // enum vm_ir_exit as the number; with the offset
};

enum { JIT_EXIT_MOST = (1 << 11) - 1 }; // of the number

static inline uint32_t jit_exit_word(enum jit_exit kind, uint64_t offset, int32_t number)
{
    return (uint32_t)kind | (uint32_t)(offset & 0xffff) << 4 | (uint32_t)number << 20;
}

static inline enum jit_exit jit_exit_kind(uint64_t word)
{
    return (enum jit_exit)(word & 0xf);
}

static inline uint64_t jit_exit_offset(uint64_t word)
{
    return word >> 4 & 0xffff;
}

static inline int64_t jit_exit_number(uint64_t word)
{
    return (int32_t)(uint32_t)word >> 20;
}

// A direct exit. `common.offset` is that of the guest PC from the page base, `common.number` its
// index in the block's ways, `common.flags` has the JIT_WAY_* bits. Places count from the start of
// the block's code.
struct jit_way {
    struct vm_link common;
    uint16_t place; // of the jump's displacement
    uint16_t stub;  // where it leads while it is not linked
    uint16_t guard; // of a far one: where the generation is compared
};

enum {
    JIT_WAY_NEAR = 1 << 0, // leads to an instruction that lies in the same page
    JIT_WAY_LIVE = 1 << 1, // leaves while the FPU is live
    // Behind a call: the page base is that of the target already. (The block's own is as many whole
    // pages before as the offset has.)
    JIT_WAY_LANDS = 1 << 2,
};

// common.part is its partition.
struct jit_block {
    struct vm_block common;
    uint32_t place;      // of its code in the cache
    uint16_t code_bytes; //
    uint16_t live_entry; // bytes that who comes while the FPU is live leaves out
    struct jit_way ways[];
};

enum { JIT_CODE_MOST = UINT16_MAX }; // bytes of a block

// An entry of the table by virtual address that indirect jumps look up. It holds while `generation`
// is one of vm_tlb.code_generations.
struct jit_jump {
    uint64_t pc, generation;
    const uint8_t *entry;
    uint32_t mode;
};

// Places in the code that blocks jump or call to.
struct jit_thunks {
    uint8_t *leave;    // rax: the exit word
    uint8_t *fault;    // rax: the exit word of a fault
    uint8_t *link;     // rax: the struct jit_block; on the stack the way's number
    uint8_t *indirect; // rax: the guest PC to go to
    uint8_t *flags;    // makes those of frame.flags; leaves every register as it is
    uint8_t *no_call;  // where a return goes when no call is under way; rax as for indirect
    uint8_t *load, *store, *atomic, *call, *call_all, *evaluate, *vector;
    uint8_t *pointer_code[2][4]; // pointer_code.c: by whether one is checked, and the key
    // Of plain accesses, by log2 of the size, and sign; and the same with a look at the TLB first.
    uint8_t *plain_load[4][2], *plain_store[4];
    uint8_t *span_load[4][2], *span_store[4];
    // thunks_float.c
    uint8_t *fp_control; // four words: MXCSR for enum vm_fp_round, no flag set
    uint8_t *fp_flags;   // 64 bytes: the enum vm_fp_flag of MXCSR's six flags
    uint8_t *fp_masks;   // 16 bytes for each enum float_mask
    uint8_t *fp_begin, *fp_resume, *fp_end, *fp_save, *fp_restore, *fp_nans, *fp_evaluate,
        *fp_vector;
};

// A part of the cache that is filled from the start and emptied as a whole. Code and blocks
// together take what there is from start to end: the code lies there, so the end is seldom reached.
struct jit_partition {
    uint8_t *start, *at, *end; // writable view
    struct vm_arena blocks;    // struct jit_block and what belongs to them
};

// Runs generated code from a block's entry on; returns the exit word. The build defines JIT_ABI:
// the calling convention between generated code and C.
typedef JIT_ABI uint64_t jit_enter_fn(void *state, const void *entry);

struct jit {
    struct vm_vcpu *vcpu;
    struct vm_block_cache cache;
    struct vm_arena scratch; // of one translation
    unsigned aside;          // where in the code of the block that was made last begins what is
                             // rarely run
    struct vm_osal_exec exec;
    jit_enter_fn *enter;
    struct jit_thunks thunks;
    struct jit_partition partitions[JIT_PARTITIONS + 1]; // the last for blocks that run once
    unsigned partition;                                  // being filled
    uint64_t generation_high;
    enum vm_tlb_rests rests; // what the mapping rests on of the block that was found last
    struct jit_frame *frame;
    unsigned frame_slots;  // bytes
    uint8_t *fixed;        // the emitter's: JIT_FIXED_TABLES tables by register-file entry
    uint16_t flags_entry;  // the register-file entry whose flags may be made later, or NONE
    unsigned fixed_xmm;    // how many xmm registers the guest's have
    uint32_t cpu_features; // VM_CPU_* bits that may be used
    bool soft_float;       // blocks leave floating point to C
    bool no_links;         // every block comes back to C
    bool single;           // one block is to be run
    bool jumps_used;       // the table may have entries
    struct vm_engine_stats stats;
    struct jit_jump jumps[1 << JIT_JUMP_BITS];
};

static inline struct jit *jit_of(const struct vm_vcpu *v)
{
    return v->engine_data;
}

static inline struct jit_block *jit_block_of(struct vm_block *b)
{
    return (struct jit_block *)(void *)b;
}

static inline const uint8_t *jit_executable(const struct jit *j, const uint8_t *place)
{
    return j->exec.execute + (place - j->exec.write);
}

static inline struct jit_block *jit_block_of_way(struct jit_way *way)
{
    return (struct jit_block *)(void *)(way - way->common.number) - 1;
}

// Where the block's code is written, and where it is entered.
static inline uint8_t *jit_code(const struct jit *j, const struct jit_block *b)
{
    return j->exec.write + b->place;
}

static inline const uint8_t *jit_entry(const struct jit *j, const struct jit_block *b)
{
    return j->exec.execute + b->place;
}

static inline unsigned jit_jump_slot(uint64_t pc)
{
    return (pc >> 1 ^ pc >> (JIT_JUMP_BITS + 1)) & ((1 << JIT_JUMP_BITS) - 1);
}

// --- jit.c ---

// Runs from the start of a block until something needs the run loop; with `single`, stops behind
// the block.
enum vm_engine_exit jit_run(struct jit *j, const uint8_t *entry, bool single);

// --- cache.c ---

// Empties the table of indirect jumps.
void jit_forget_jumps(struct jit *j);
// The code for an indirect jump to the vCPU's PC, if the table knows it, else NULL.
const uint8_t *jit_known(const struct jit *j);
// The block at the vCPU's PC, translated if need be; NULL: *exit says why.
struct jit_block *jit_find(struct jit *j, enum vm_engine_exit *exit);
// One that is not kept, of at most `max_insns` instructions: for single steps.
struct jit_block *jit_translate_alone(struct jit *j, uint32_t max_insns, enum vm_engine_exit *exit);
// Emits a region, which is not entered into the cache; NULL when memory or a limit is out. With
// `once` it takes no room from those that are kept, and is gone with the next such.
struct jit_block *jit_emit_region(struct jit *j, const struct vm_ir_region *r,
                                  const struct vm_block_source *source, bool once);
void jit_flush(struct jit *j);
// Bytes that a partition takes of the cache.
size_t jit_partition_bytes(const struct jit_partition *p);
// Drops all when generations begin to repeat in their low half.
void jit_guard_generations(struct jit *j);
// Has a direct exit lead to `to` from now on, if that may be.
void jit_connect(struct jit *j, struct jit_way *way, struct jit_block *to);
vm_status jit_cache_create(struct jit *j, struct vm_error *e);
void jit_cache_destroy(struct jit *j);

// --- slow.c: what generated code calls ---

// Operands and results of memory accesses are in the frame (args[0], or pair where they have 128
// bits). False: an exception is recorded.
JIT_ABI bool jit_slow_load(struct vm_vcpu *v, uint64_t gva, uint32_t attr);
JIT_ABI bool jit_slow_store(struct vm_vcpu *v, uint64_t gva, uint32_t attr);
// `what`: bits 0-15 the op's code (lr, sc, cas or rmw), bit 16 whether its operands have 128 bits.
JIT_ABI bool jit_slow_atomic(struct vm_vcpu *v, uint64_t gva, uint32_t attr, uint32_t what);
// Enters the exception that a fault's exit word tells of; the exit word to leave with, or
// JIT_GO_ON: at the state's PC.
JIT_ABI uint64_t jit_slow_exception(struct vm_vcpu *v, uint64_t word);
// Calls a helper with the frame's args.
JIT_ABI uint64_t jit_slow_call(struct vm_vcpu *v, vm_ir_helper_fn *helper);
// Computes a pure or FP op of which args[] has the operands; `what` as vm_ir_float_word has it.
JIT_ABI uint64_t jit_slow_evaluate(struct vm_vcpu *v, uint64_t what);

// The same of a vector op; `what`: its attribute word, and its code from bit 32 on. Operands in
// pair[0] to pair[2], the result in pair[3] and its low half the value.
JIT_ABI uint64_t jit_slow_vector(struct vm_vcpu *v, uint64_t what);

// --- float.c ---

// Before generated code is entered: back to the host's FPU when the rounding mode allows.
void jit_float_resume(struct jit *j);
// From now on blocks leave floating point to C, since the host lacks the rounding mode.
void jit_float_soften(struct jit *j);
// Makes the NaNs of frame.fp.nans canonical, which is then none.
void jit_float_settle(struct jit *j);
vm_ir_helper_fn jit_help_nans; // the same

// --- the emitter of this host ---

// Writes the thunks at the start of the cache, and fills thunks, enter and fixed. Returns the first
// byte after them, or NULL when there is no room.
uint8_t *jit_emit_thunks(struct jit *j, uint8_t *place, uint8_t *end);

// Writes a block at `place`, which is allocated from `arena`. NULL: it does not fit before `end`,
// or memory or a limit is out; *full tells the first.
struct jit_block *jit_emit_block(struct jit *j, const struct jit_plan *plan, uint32_t mode,
                                 uint8_t *place, uint8_t *end, struct vm_arena *arena, bool *full);

// A far link holds while the generation at `generation` (one of vm_tlb.code_generations) stays.
void jit_emit_link(struct jit *j, struct jit_way *way, const struct jit_block *to,
                   const uint64_t *generation);
void jit_emit_unlink(const struct jit *j, struct jit_way *way);

#endif
