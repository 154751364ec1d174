// SPDX-License-Identifier: MIT
//
// The intermediate representation: regions of blocks of micro-ops (docs/ir.md).
//
// A region is a control-flow graph whose entry is block 0; a translated guest block is a region of
// one. All ops of a region lie in one array, block after block. An op defines at most one value,
// and the value's number is the op's index; each value is assigned once and used only in blocks
// that its definition dominates. Values reach other blocks directly or as block parameters.
//
// Fault points (memory ops, raise, calls declared so) need no snapshot: every put that precedes
// one in program order has been done when it faults, and none that follows. The guest PC and the
// number of retired instructions at a fault come from the nearest `insn` marker before it in its
// block; an engine keeps them in a side table by op index, which is the op's fault id. The same
// holds of an edge to a block with a number not above its own block's (vm_ir_closes_loop).
//
// A region belongs to the arena it was built in. Nothing here locks: one thread per region.
#ifndef VM_IR_IR_H
#define VM_IR_IR_H

#include <vm/base/arena.h>
#include <vm/base/regfile.h>
#include <vm/base/softfloat.h>
#include <vm/base/types.h>

typedef uint16_t vm_ir_value; // an op index; VM_IR_NONE for none
enum { VM_IR_NONE = 0xffff, VM_IR_MAX_OPS = 0xfff0, VM_IR_MAX_BLOCKS = 4096 };

enum vm_ir_code {
#define VM_IR_OP(name, types, signature, effects, text) VM_IR_##name,
#include <vm/ir/ops.def>
    VM_IR_CODE_COUNT,
};

// Sets of types for the type rules.
#define VM_TYPE_BIT(t)  (1u << (t))
#define VM_TYPES_NONE   VM_TYPE_BIT(VM_VOID)
#define VM_TYPES_I32    VM_TYPE_BIT(VM_I32)
#define VM_TYPES_I64    VM_TYPE_BIT(VM_I64)
#define VM_TYPES_I128   VM_TYPE_BIT(VM_I128)
#define VM_TYPES_WORD   (VM_TYPE_BIT(VM_I32) | VM_TYPE_BIT(VM_I64))
#define VM_TYPES_INT    (VM_TYPE_BIT(VM_I8) | VM_TYPE_BIT(VM_I16) | VM_TYPES_WORD)
#define VM_TYPES_ANYINT (VM_TYPES_INT | VM_TYPES_I128)
#define VM_TYPES_FLOAT  (VM_TYPE_BIT(VM_F16) | VM_TYPE_BIT(VM_F32) | VM_TYPE_BIT(VM_F64))
#define VM_TYPES_V128   VM_TYPE_BIT(VM_V128)
#define VM_TYPES_MEMORY (VM_TYPES_ANYINT | VM_TYPES_V128)
#define VM_TYPES_SCALAR (VM_TYPES_INT | VM_TYPES_FLOAT)
#define VM_TYPES_VECTOR (VM_TYPE_BIT(VM_V128) | VM_TYPE_BIT(VM_V256))
#define VM_TYPES_FLAGS  VM_TYPE_BIT(VM_FLAGS)
#define VM_TYPES_ALL    (VM_TYPES_ANYINT | VM_TYPES_FLOAT | VM_TYPES_VECTOR | VM_TYPES_FLAGS)

// What an op does beside computing its value.
enum {
    VM_IR_E_MARK = 1 << 0,        // keeps its place in its block
    VM_IR_E_READ_STATE = 1 << 1,  // reads a register-file entry
    VM_IR_E_WRITE_STATE = 1 << 2, // writes one
    VM_IR_E_LOAD = 1 << 3,
    VM_IR_E_STORE = 1 << 4,
    VM_IR_E_RESERVE = 1 << 5, // touches the reservation
    VM_IR_E_FAULT = 1 << 6,   // may leave the region with an exception
    VM_IR_E_FPENV = 1 << 7,   // reads rounding and adds flags unless attr says otherwise
    VM_IR_E_CALL = 1 << 8,    // as the helper declares
    VM_IR_E_TERM = 1 << 9,    // ends its block
};

struct vm_ir_op {
    uint16_t code; // enum vm_ir_code
    uint8_t type;  // enum vm_type: the suffix
    uint8_t reserved;
    vm_ir_value args[4]; // VM_IR_NONE where there is none
    uint32_t attr;       // per op, see below; 0 where it has no meaning
    uint64_t imm;        // per op; a const's has no bits above its type
};

// The attribute word of memory ops.
enum vm_ir_order {
    VM_IR_RELAXED,
    VM_IR_ACQUIRE,
    VM_IR_RELEASE,
    VM_IR_ACQ_REL,
    VM_IR_SEQ_CST,
};

enum vm_ir_align {
    VM_IR_ALIGN_ANY,       // a misaligned access works
    VM_IR_ALIGN_NATURAL,   // a misaligned access raises the guest's alignment exception
    VM_IR_ALIGN_WITHIN_16, // one that does not lie within 16 aligned bytes does
};

enum vm_ir_rmw {
    VM_IR_RMW_SWAP,
    VM_IR_RMW_ADD,
    VM_IR_RMW_AND,
    VM_IR_RMW_OR,
    VM_IR_RMW_XOR,
    VM_IR_RMW_SMIN,
    VM_IR_RMW_SMAX,
    VM_IR_RMW_UMIN,
    VM_IR_RMW_UMAX,
};

enum {
    VM_IR_MEM_SIZE_SHIFT = 0,      // 3 bits: log2 of the bytes, 0 to 5
    VM_IR_MEM_SIGNED = 1 << 3,     // sign-extend a narrower load
    VM_IR_MEM_BIG_ENDIAN = 1 << 4, //
    VM_IR_MEM_ALIGN_SHIFT = 5,     // 2 bits: enum vm_ir_align
    VM_IR_MEM_ORDER_SHIFT = 7,     // 3 bits: enum vm_ir_order
    VM_IR_MEM_INDEX_SHIFT = 10,    // 3 bits: MMU index, 0 the current data context
    VM_IR_MEM_RMW_SHIFT = 13,      // 4 bits: enum vm_ir_rmw
};

static inline unsigned vm_ir_mem_size_log2(uint32_t attr)
{
    return attr & 7;
}

static inline enum vm_ir_align vm_ir_mem_align(uint32_t attr)
{
    return (enum vm_ir_align)(attr >> VM_IR_MEM_ALIGN_SHIFT & 3);
}

static inline enum vm_ir_order vm_ir_mem_order(uint32_t attr)
{
    return (enum vm_ir_order)(attr >> VM_IR_MEM_ORDER_SHIFT & 7);
}

static inline unsigned vm_ir_mem_index(uint32_t attr)
{
    return attr >> VM_IR_MEM_INDEX_SHIFT & 7;
}

static inline enum vm_ir_rmw vm_ir_mem_rmw(uint32_t attr)
{
    return (enum vm_ir_rmw)(attr >> VM_IR_MEM_RMW_SHIFT & 15);
}

#define VM_IR_MEM(size_log2, flags, order) \
    ((uint32_t)(size_log2) | (uint32_t)(flags) | (uint32_t)(order) << VM_IR_MEM_ORDER_SHIFT)

// The attribute word of FP ops; rounding, NaN, min/max and range rules as in vm/base/softfloat.h.
enum {
    VM_IR_FP_ROUND_SHIFT = 0,       // 3 bits: enum vm_fp_round, or VM_IR_FP_DYNAMIC
    VM_IR_FP_DYNAMIC = 7,           // the rounding mode of the FP environment
    VM_IR_FP_NAN_SHIFT = 3,         // 2 bits: enum vm_fp_nan, or by the environment
    VM_IR_FP_NAN_ENV = 1 << 5,      // the NaN rule, flushing and tininess of the environment;
                                    // without it no flushing, and tininess as the NaN rule's
                                    // architecture has it (vm_ir_fp_tininess_before)
    VM_IR_FP_NO_FLAGS = 1 << 6,     // leaves the environment's flags alone
    VM_IR_FP_RULE_SHIFT = 7,        // 2 bits: enum vm_fp_minmax (fmin, fmax), enum vm_fp_int_rule
    VM_IR_FP_SIGNALING = 1 << 9,    // feq, flt, fle: a quiet NaN raises invalid
    VM_IR_FP_EXACT = 1 << 10,       // fround raises inexact
    VM_IR_FP_NEG_PRODUCT = 1 << 11, // fma
    VM_IR_FP_NEG_ADDEND = 1 << 12,  // fma
};

// Whether tininess is detected before rounding under a static NaN rule: ARM's two.
static inline bool vm_ir_fp_tininess_before(unsigned nan_rule)
{
    return nan_rule == VM_FP_NAN_DEFAULT || nan_rule == VM_FP_NAN_ARM;
}

// The attribute word of vector ops. Which fields an op has, and their ranges, is in docs/ir.md;
// one that it has not is 0.
enum vm_ir_extent {
    VM_IR_WHOLE, // all 128 bits
    VM_IR_HALF,  // the low 64
    VM_IR_LANE0, // lane 0
};

enum {
    VM_IR_VEC_LANE_SHIFT = 0,   // 4 bits: enum vm_type, VM_I8 to VM_I64 or VM_F16 to VM_F64
    VM_IR_VEC_EXTENT_SHIFT = 4, // 2 bits: enum vm_ir_extent
    VM_IR_VEC_HIGH = 1 << 6,    // widening ops read the high half of their operands
    VM_IR_VEC_SIGNED = 1 << 7,  // vget sign-extends
    VM_IR_VEC_FP_SHIFT = 8,     // 13 bits: the attribute word of FP ops
    VM_IR_VEC_IMM_SHIFT = 24,   // 8 bits: lane number, count of bits or bytes
    VM_IR_FP_ATTR_BITS = 13,
};

#define VM_IR_LANES(lane, extent) ((uint32_t)(lane) | (uint32_t)(extent) << VM_IR_VEC_EXTENT_SHIFT)
#define VM_IR_VFP(fp_attr)        ((uint32_t)(fp_attr) << VM_IR_VEC_FP_SHIFT)
#define VM_IR_VIMM(n)             ((uint32_t)(n) << VM_IR_VEC_IMM_SHIFT)

static inline bool vm_ir_is_vector_op(unsigned code)
{
    return code >= VM_IR_vget && code <= VM_IR_vutof;
}

static inline enum vm_type vm_ir_vec_lane(uint32_t attr)
{
    return (enum vm_type)(attr >> VM_IR_VEC_LANE_SHIFT & 15);
}

static inline enum vm_ir_extent vm_ir_vec_extent(uint32_t attr)
{
    return (enum vm_ir_extent)(attr >> VM_IR_VEC_EXTENT_SHIFT & 3);
}

static inline unsigned vm_ir_vec_imm(uint32_t attr)
{
    return attr >> VM_IR_VEC_IMM_SHIFT;
}

// The FP attributes of an op that has some, scalar or vector.
static inline uint32_t vm_ir_fp_attr(const struct vm_ir_op *op)
{
    uint32_t attr = vm_ir_is_vector_op(op->code) ? op->attr >> VM_IR_VEC_FP_SHIFT : op->attr;
    return attr & ((1u << VM_IR_FP_ATTR_BITS) - 1);
}

// extract and deposit: attr = pos | len << 8 | signed << 16.
// len is at least 1, pos + len at most the width of the type.
#define VM_IR_FIELD(pos, len) ((uint32_t)(pos) | (uint32_t)(len) << 8)
#define VM_IR_FIELD_SIGNED    (1u << 16)
#define VM_IR_FIELD_POS(attr) ((attr)&0xff)
#define VM_IR_FIELD_LEN(attr) ((attr) >> 8 & 0xff)

// Flags at the places that x86's RFLAGS gives them; ARM's N is S, and its C after a subtraction is
// the complement. The attribute word of addf, subf and logicf is a set of them, or 0 for all.
enum vm_ir_flag {
    VM_IR_FLAG_C = 1 << 0,
    VM_IR_FLAG_P = 1 << 2,
    VM_IR_FLAG_A = 1 << 4,
    VM_IR_FLAG_Z = 1 << 6,
    VM_IR_FLAG_S = 1 << 7,
    VM_IR_FLAG_V = 1 << 11,

    VM_IR_FLAGS_ALL =
        VM_IR_FLAG_C | VM_IR_FLAG_P | VM_IR_FLAG_A | VM_IR_FLAG_Z | VM_IR_FLAG_S | VM_IR_FLAG_V,
    VM_IR_FLAGS_NZCV = VM_IR_FLAG_C | VM_IR_FLAG_Z | VM_IR_FLAG_S | VM_IR_FLAG_V, // ARM's
};

enum vm_ir_cond {
    VM_IR_COND_Z,
    VM_IR_COND_C,
    VM_IR_COND_S,
    VM_IR_COND_V,
    VM_IR_COND_P,
    VM_IR_COND_CZ,      // C or Z: x86 below-or-equal
    VM_IR_COND_SV,      // S != V: less
    VM_IR_COND_ZSV,     // Z or S != V: less-or-equal
    VM_IR_COND_NOT = 8, // added: the complement
};

// What a goto or goto_ind is in the guest's program, for return-address prediction. The return
// address is page base + vm_ir_return_offset.
enum vm_ir_hint {
    VM_IR_HINT_OTHER,
    VM_IR_HINT_CALL,   // pushes its return address
    VM_IR_HINT_RETURN, // pops; not of a goto
    VM_IR_HINT_SWAP,   // pops, then pushes: a coroutine goes on with another; not of a goto
    VM_IR_HINT_RESYNC, // execution mode or mapping may have changed: look everything up; not of a
                       // goto
};

// A goto's attr: the hint, and the return address of a call. goto_ind has the latter in imm.
#define VM_IR_GOTO_CALL(ret) ((uint32_t)VM_IR_HINT_CALL | (uint32_t)(ret) << 8)
#define VM_IR_GOTO_MAX_RET   ((1u << 24) - 1)

enum vm_ir_exit {
    VM_IR_EXIT_RESYNC, // mode, mapping or code may have changed: look everything up
    VM_IR_EXIT_WAIT,   // wait for an interrupt (WFI, WFE, HLT)
    VM_IR_EXIT_PAUSE,  // a spin-wait hint: let another vCPU run
};

// A C function that IR may call: fn(vcpu, a, b, c, d), unused arguments 0. A helper that raises
// records the exception in the vCPU; the engine looks after every call declared
// VM_IR_HELPER_FAULTS.
typedef uint64_t vm_ir_helper_fn(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d);

enum {
    VM_IR_HELPER_FAULTS = 1 << 0,     // may raise; then it has written no state
    VM_IR_HELPER_READS_ALL = 1 << 1,  // any register-file entry
    VM_IR_HELPER_WRITES_ALL = 1 << 2, //
    VM_IR_HELPER_MEMORY = 1 << 3,     // reads or writes guest memory
    VM_IR_HELPER_PURE = 1 << 4,       // its value depends on its arguments only
    // Entries of class VM_REG_VECTOR, and those in the FP environment.
    VM_IR_HELPER_READS_VECTORS = 1 << 5,
    VM_IR_HELPER_WRITES_VECTORS = 1 << 6,
};

// What a helper does that makes (or `checks`) an authentication code of a pointer, argument 0, with
// a modifier, argument 1, and one of four keys, argument 2, so that an engine may do it without the
// call. It still calls the helper where `valid` does not hold, where the pointer's extension bits
// are not all like bit 55 (to make a code), and where the code is wrong (to check it).
//
// A key is two words lo and hi, a place what vm_ir_pointer_place has. With `original` the pointer
// with its extension bits like bit 55, and all modulo 2^64:
//
//     code = (((rotated by 32: (original ^ lo) * factor0) ^ modifier) + hi) * factor1
//
// The result is the pointer with the code's bits of the place's mask, or the original pointer.
// Numbers are offsets in the state.
struct vm_ir_pointer_code {
    bool checks;
    uint32_t valid[2];  // words, of which one is the complement of the other
    uint32_t factors;   // two words
    uint32_t keys[4];   // the words of a key
    uint32_t places[4]; // of a key: two places, that for bit 55 set behind the other
};

struct vm_ir_pointer_place {
    uint64_t mask;   // the code's bits
    uint64_t bits;   // the extension bits: those and bit 55
    uint64_t own[2]; // the helper's
};

struct vm_ir_helper {
    const char *name;
    vm_ir_helper_fn *fn;
    uint8_t args;           // 0 to 4, i64 each
    uint8_t result;         // VM_I64 or VM_VOID
    uint8_t effects;        // VM_IR_HELPER_*
    const uint16_t *reads;  // register-file indexes ended by VM_IR_NONE, or NULL for none
    const uint16_t *writes; //
    const struct vm_ir_pointer_code *pointer_code; // or NULL
};

struct vm_ir_block {
    uint16_t first, count; // ops; no op: the block is not there and nothing may target it
    uint16_t params;       // how many `param` ops it begins with
};

// The extra list holds the arguments of jump and branch: of op o, from o.args[3] on, first those of
// the first target, then those of the second; o.attr has their numbers, first | second << 16.
// jump: imm = target; branch: imm = then | else << 32.
struct vm_ir_region {
    struct vm_arena *arena;
    const struct vm_regfile *regfile;
    const struct vm_ir_helper *helpers;
    uint16_t helper_count;

    struct vm_ir_op *ops;
    struct vm_ir_block *blocks;
    vm_ir_value *extra;
    uint32_t op_count, op_capacity;
    uint32_t block_count, block_capacity;
    uint32_t extra_count, extra_capacity;

    uint32_t guest_insns; // number of insn markers that count (attr not 0)
    uint32_t guest_bytes; // sum of their lengths
    bool overflow;        // memory or a limit ran out while building: the region is unusable
};

// One row of ops.def.
struct vm_ir_op_info {
    const char *name;
    const char *signature;
    uint16_t types;   // VM_TYPES_*
    uint16_t effects; // VM_IR_E_*
    uint8_t args;     // letters after the colon of the signature
    const char *text;
};

extern const struct vm_ir_op_info vm_ir_op_infos[VM_IR_CODE_COUNT];

// What of it is asked for every op, in one word.
struct vm_ir_op_trait {
    uint16_t effects; // VM_IR_E_*
    uint8_t args;     // in args[], or VM_IR_ARGS_OF_HELPER
    char result;      // the signature's first letter
};

enum { VM_IR_ARGS_OF_HELPER = 0xff };

extern const struct vm_ir_op_trait vm_ir_op_traits[VM_IR_CODE_COUNT];
extern const uint8_t vm_ir_type_sizes[VM_TYPE_COUNT]; // bytes
extern const char *const vm_ir_type_names[VM_TYPE_COUNT];

static inline bool vm_ir_hint_pushes(enum vm_ir_hint hint)
{
    return hint == VM_IR_HINT_CALL || hint == VM_IR_HINT_SWAP;
}

// The hint of a goto or goto_ind.
static inline enum vm_ir_hint vm_ir_hint_of(const struct vm_ir_op *op)
{
    return (enum vm_ir_hint)(op->attr & 0xff);
}

// The return address, relative to the page base, of a goto or goto_ind whose hint pushes.
static inline uint64_t vm_ir_return_offset(const struct vm_ir_op *op)
{
    return op->code == VM_IR_goto ? op->attr >> 8 : op->imm;
}

// Bytes of a type (VM_FLAGS 8, VM_VOID 0), and bits of an integer or float type.
static inline unsigned vm_ir_type_bytes(enum vm_type t)
{
    return t < VM_TYPE_COUNT ? vm_ir_type_sizes[t] : 0;
}

static inline unsigned vm_ir_type_bits(enum vm_type t)
{
    return vm_ir_type_bytes(t) * 8;
}

// The type of what an op defines where the suffix does not tell.
enum vm_type vm_ir_result_type(const struct vm_ir_region *r, const struct vm_ir_op *op);

// The type of the value that op `v` defines, VM_VOID for none or for VM_IR_NONE.
static inline enum vm_type vm_ir_value_type(const struct vm_ir_region *r, vm_ir_value v)
{
    if (VM_UNLIKELY(v >= r->op_count))
        return VM_VOID;
    const struct vm_ir_op *op = &r->ops[v];
    bool told = vm_ir_op_traits[op->code].result == 't';
    return VM_LIKELY(told) ? (enum vm_type)op->type : vm_ir_result_type(r, op);
}

// The number of operands in args[] (those of jump and branch targets not counted).
static inline unsigned vm_ir_op_args(const struct vm_ir_region *r, const struct vm_ir_op *op)
{
    unsigned args = vm_ir_op_traits[op->code].args;
    if (VM_LIKELY(args != VM_IR_ARGS_OF_HELPER))
        return args;
    return op->imm < r->helper_count ? r->helpers[op->imm].args : 0;
}

// The block targets of a terminator: 0, 1 or 2, written to `targets`.
static inline unsigned vm_ir_successors(const struct vm_ir_op *term, uint16_t targets[2])
{
    targets[0] = (uint16_t)term->imm;
    targets[1] = (uint16_t)(term->imm >> 32);
    return term->code == VM_IR_branch ? 2 : term->code == VM_IR_jump ? 1 : 0;
}

// The arguments that a jump or branch gives to its target number `which`, and how many there are.
vm_ir_value *vm_ir_target_args(const struct vm_ir_region *r, const struct vm_ir_op *term,
                               unsigned which, unsigned *count);

// The arguments that a block's jump or branch gives to all its targets, those of the first target
// first, and how many they are; none where it ends otherwise.
const vm_ir_value *vm_ir_given_args(const struct vm_ir_region *r, unsigned block, unsigned *count);

// Fills in the block that each op is in, VM_IR_NONE for ops outside of all.
void vm_ir_find_blocks(const struct vm_ir_region *r, uint16_t *block_of);

// Fills in how many ways lead to each block: edges, and the entry.
void vm_ir_count_ways_in(const struct vm_ir_region *r, uint16_t *ways_in);

// The first insn marker of a block, or NULL.
const struct vm_ir_op *vm_ir_first_marker(const struct vm_ir_region *r, unsigned block);

// Whether the edge between two blocks closes a loop: there an engine may stop, for an interrupt, at
// the guest PC of the target's first insn marker. So blocks are numbered in the order in which they
// run; passes keep that order.
static inline bool vm_ir_closes_loop(unsigned from, unsigned to)
{
    return to <= from;
}

// Whether op may leave the region with an exception: every put before it must have been done.
bool vm_ir_op_may_fault(const struct vm_ir_region *r, const struct vm_ir_op *op);

static inline bool vm_ir_is_const(const struct vm_ir_region *r, vm_ir_value v)
{
    return v < r->op_count && r->ops[v].code == VM_IR_const;
}

// Whether FP ops read or change the entry without naming it: it lies in the FP environment.
static inline bool vm_ir_in_fp_env(const struct vm_regfile *f, uint64_t entry)
{
    return (unsigned)f->registers[entry].offset - f->fp_env < sizeof(struct vm_fp_env);
}

// Whether VM_IR_HELPER_READS_VECTORS and VM_IR_HELPER_WRITES_VECTORS are about the entry.
static inline bool vm_ir_is_vector_entry(const struct vm_regfile *f, uint64_t entry)
{
    return f->registers[entry].class == VM_REG_VECTOR || vm_ir_in_fp_env(f, entry);
}

// Whether a helper writes, or may read, an entry; VM_IR_HELPER_FAULTS is not looked at.
bool vm_ir_helper_writes(const struct vm_regfile *f, const struct vm_ir_helper *h, uint16_t entry);
bool vm_ir_helper_reads(const struct vm_regfile *f, const struct vm_ir_helper *h, uint16_t entry);

// Whether the op may be removed when nothing uses its value.
bool vm_ir_op_is_pure(const struct vm_ir_region *r, const struct vm_ir_op *op);

#endif
