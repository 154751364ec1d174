// SPDX-License-Identifier: MIT
//
// IEEE 754 binary16, binary32, binary64 and bfloat16 arithmetic on integers only: the oracle of
// every engine's floating point, and the interpreter's own. Results and exception flags are exact
// for RISC-V, ARM64 and x86-64 (SSE/AVX); what differs between them is in struct vm_fp_env.
//
// Values travel as bit patterns: f16 and bf16 as uint16_t, f32 as uint32_t, f64 as uint64_t.
// No function fails, allocates or keeps state; flags are OR-ed into env->flags and never cleared.
// A struct vm_fp_env belongs to one vCPU and is not locked.
//
// Manuals: RISC-V unprivileged ISA, chapters "F", "D", "Zfh", "Zfa", "BF16"; ARM ARM (DDI 0487)
// J1.1 shared/functions/float and A1.5; Intel SDM volume 1, 4.8.3, 4.9, 11.5 and 14.5.
#ifndef VM_BASE_SOFTFLOAT_H
#define VM_BASE_SOFTFLOAT_H

#include <vm/base/types.h>

// Rounding; 0 to 4 are RISC-V's frm encodings. VM_FP_ODD: truncate, then set the last bit if
// anything was lost (ARM FCVTXN); it never overflows to infinity.
enum vm_fp_round {
    VM_FP_RNE = 0, // to nearest, ties to even
    VM_FP_RTZ = 1, // towards zero
    VM_FP_RDN = 2, // towards -infinity
    VM_FP_RUP = 3, // towards +infinity
    VM_FP_RMM = 4, // to nearest, ties away from zero
    VM_FP_ODD = 5,
};

// Exception flags; the first five are RISC-V's fflags.
enum vm_fp_flag {
    VM_FP_NX = 1,  // inexact
    VM_FP_UF = 2,  // underflow: tiny and inexact, or flushed
    VM_FP_OF = 4,  // overflow
    VM_FP_DZ = 8,  // division by zero
    VM_FP_NV = 16, // invalid
    VM_FP_ID = 32, // subnormal input (ARM IDC, x86 DE); see enum vm_fp_input: never for RISC-V
};

// What a NaN result is. An operation with a signalling operand raises NV under every rule.
//
// The order of operands in vm_fX_fma(a, b, c), that is a*b+c, is c, a, b for ARM and a, b, c for
// x86. Infinity times zero plus a quiet NaN: NV is raised by CANONICAL, DEFAULT and ARM, and the
// result is the default NaN; x86 raises nothing and returns the addend. Signs: negate a or c by
// flipping the operand's sign bit before the call. That is exact for RISC-V (no NaN sign survives)
// and for ARM (FMSUB negates NaNs too); an x86 caller must leave an operand that is a NaN as it is.
enum vm_fp_nan {
    VM_FP_NAN_CANONICAL, // RISC-V: always the canonical NaN: positive, quiet, payload 0
    VM_FP_NAN_DEFAULT,   // ARM FPCR.DN=1: always the default NaN, the same pattern
    VM_FP_NAN_ARM,       // ARM FPCR.DN=0: first signalling operand, else first quiet one, quieted
    VM_FP_NAN_X86,       // SSE: first operand that is a NaN, quieted; the default NaN is negative
};

// env->flush_input, flush_input_f16: what happens to a subnormal operand. Conversions never apply
// it to an f16 source (ARM FPUnpackCV, x86 VCVTPH2PS).
enum vm_fp_input {
    VM_FP_INPUT_KEEP = 0,   // used as it is, no flag: RISC-V; ARM without FZ
    VM_FP_INPUT_FLUSH = 1,  // becomes zero of its sign and raises ID: ARM FPCR.FZ, for f32 and f64
    VM_FP_INPUT_SILENT = 2, // becomes zero, no flag: x86 DAZ; ARM FPCR.FZ16, for f16
    VM_FP_INPUT_FLAG = 3,   // used as it is and raises ID where x86 raises DE: x86 without DAZ
};

// env->flush_output, flush_output_f16: what happens to a result that is tiny and not zero.
// Conversions never apply it to an f16 result (ARM FPRoundCV, x86 VCVTPS2PH).
enum vm_fp_output {
    VM_FP_OUTPUT_KEEP = 0,  // rounded to a subnormal
    VM_FP_OUTPUT_FLUSH = 1, // tiny before rounding: zero of its sign, UF only: ARM FZ, FZ16
    VM_FP_OUTPUT_X86 = 2,   // tiny after rounding: zero of its sign, UF and NX: x86 FTZ
};

// Part of guest state. All zero is RISC-V with RNE. round: an enum vm_fp_round; a caller with
// static rounding makes a copy and ORs the copy's flags back.
struct vm_fp_env {
    uint8_t round;
    uint8_t flags; // enum vm_fp_flag, accumulated
    uint8_t nan;   // enum vm_fp_nan
    uint8_t
        tininess_before;  // 0: tininess is detected after rounding (RISC-V, x86); 1: before (ARM)
    uint8_t flush_output; // enum vm_fp_output
    uint8_t flush_input;  // enum vm_fp_input
    // The same for arithmetic on f16, in place of the two above: ARM FPCR.FZ16 beside FZ.
    uint8_t flush_output_f16;
    uint8_t flush_input_f16;
};
_Static_assert(sizeof(struct vm_fp_env) == 8, "vm_fp_env is part of guest state");

// Minimum and maximum. Where both are zero, -0 is below +0, except for X86.
enum vm_fp_minmax {
    VM_FP_NUMBER_2019,    // RISC-V FMIN, FMAX: the operand that is a number; sNaN raises NV
    VM_FP_PROPAGATE_2019, // RISC-V FMINM, FMAXM; ARM FMIN, FMAX: a NaN operand gives NaN
    VM_FP_NUMBER_2008,    // ARM FMINNM, FMAXNM: a quiet NaN loses to a number, sNaN gives NaN
    VM_FP_X86,            // MINSS, MAXSS: b if either is NaN (NV, b unchanged) or both are zero
};

// Result of a conversion to integer that is a NaN or does not fit once rounded; all raise NV
// (alone, without NX).
enum vm_fp_int_rule {
    VM_FP_INT_RISCV, // saturates; NaN gives the largest number
    VM_FP_INT_ARM,   // saturates; NaN gives 0
    VM_FP_INT_X86,   // integer indefinite: the most negative number; unsigned: all ones (AVX-512)
};

enum vm_fp_relation { VM_FP_LESS, VM_FP_EQUAL, VM_FP_GREATER, VM_FP_UNORDERED };

// The bits of vm_fX_classify, exactly one of which is set: RISC-V FCLASS.
enum vm_fp_class {
    VM_FP_CLASS_NEG_INF = 1 << 0,
    VM_FP_CLASS_NEG_NORMAL = 1 << 1,
    VM_FP_CLASS_NEG_SUBNORMAL = 1 << 2,
    VM_FP_CLASS_NEG_ZERO = 1 << 3,
    VM_FP_CLASS_POS_ZERO = 1 << 4,
    VM_FP_CLASS_POS_SUBNORMAL = 1 << 5,
    VM_FP_CLASS_POS_NORMAL = 1 << 6,
    VM_FP_CLASS_POS_INF = 1 << 7,
    VM_FP_CLASS_SNAN = 1 << 8,
    VM_FP_CLASS_QNAN = 1 << 9,
};

// For X in f16, f32, f64 with its bit pattern type T:
//
//   add, sub, mul, div, sqrt   rounded once by env->round
//   fma(a, b, c)               a*b+c, rounded once
//   min, max                   by an enum vm_fp_minmax
//   eq, lt, le                 false if unordered; eq raises NV for sNaN only, lt and le for any
//   NaN eq_signaling               as eq, NV for any NaN lt_quiet, le_quiet         as lt, le, NV
//   for sNaN only compare                    the relation; `signaling`: NV for any NaN, else for
//   sNaN only classify                   an enum vm_fp_class; reads no environment
//   round_to_integral          to an integer in the same format by env->round; `exact`: raises NX
//                              when the value changes (FROUNDNX, FRINTX, ROUNDSD without bit 3)
//   to_i32 ... to_u64          rounded by env->round; NV or NX
//   from_i32 ... from_u64      rounded by env->round; zero gives +0
#define VM_FP_DECLARE(X, T)                                                                \
    T vm_##X##_add(T a, T b, struct vm_fp_env *env);                                       \
    T vm_##X##_sub(T a, T b, struct vm_fp_env *env);                                       \
    T vm_##X##_mul(T a, T b, struct vm_fp_env *env);                                       \
    T vm_##X##_div(T a, T b, struct vm_fp_env *env);                                       \
    T vm_##X##_sqrt(T a, struct vm_fp_env *env);                                           \
    T vm_##X##_fma(T a, T b, T c, struct vm_fp_env *env);                                  \
    T vm_##X##_min(T a, T b, struct vm_fp_env *env, enum vm_fp_minmax kind);               \
    T vm_##X##_max(T a, T b, struct vm_fp_env *env, enum vm_fp_minmax kind);               \
    bool vm_##X##_eq(T a, T b, struct vm_fp_env *env);                                     \
    bool vm_##X##_lt(T a, T b, struct vm_fp_env *env);                                     \
    bool vm_##X##_le(T a, T b, struct vm_fp_env *env);                                     \
    bool vm_##X##_eq_signaling(T a, T b, struct vm_fp_env *env);                           \
    bool vm_##X##_lt_quiet(T a, T b, struct vm_fp_env *env);                               \
    bool vm_##X##_le_quiet(T a, T b, struct vm_fp_env *env);                               \
    enum vm_fp_relation vm_##X##_compare(T a, T b, struct vm_fp_env *env, bool signaling); \
    uint32_t vm_##X##_classify(T a);                                                       \
    T vm_##X##_round_to_integral(T a, struct vm_fp_env *env, bool exact);                  \
    int32_t vm_##X##_to_i32(T a, struct vm_fp_env *env, enum vm_fp_int_rule rule);         \
    uint32_t vm_##X##_to_u32(T a, struct vm_fp_env *env, enum vm_fp_int_rule rule);        \
    int64_t vm_##X##_to_i64(T a, struct vm_fp_env *env, enum vm_fp_int_rule rule);         \
    uint64_t vm_##X##_to_u64(T a, struct vm_fp_env *env, enum vm_fp_int_rule rule);        \
    T vm_##X##_from_i32(int32_t v, struct vm_fp_env *env);                                 \
    T vm_##X##_from_u32(uint32_t v, struct vm_fp_env *env);                                \
    T vm_##X##_from_i64(int64_t v, struct vm_fp_env *env);                                 \
    T vm_##X##_from_u64(uint64_t v, struct vm_fp_env *env)

VM_FP_DECLARE(f16, uint16_t);
VM_FP_DECLARE(f32, uint32_t);
VM_FP_DECLARE(f64, uint64_t);

// To integers of 16 bits (ARM FCVTZS on half-precision vectors).
int16_t vm_f16_to_i16(uint16_t a, struct vm_fp_env *env, enum vm_fp_int_rule rule);
uint16_t vm_f16_to_u16(uint16_t a, struct vm_fp_env *env, enum vm_fp_int_rule rule);

// Conversions between formats. A NaN keeps its sign and the high bits of its payload where the NaN
// rule propagates (ARM FPConvertNaN, SDM table 4-7).
uint32_t vm_f16_to_f32(uint16_t a, struct vm_fp_env *env);
uint64_t vm_f16_to_f64(uint16_t a, struct vm_fp_env *env);
uint16_t vm_f32_to_f16(uint32_t a, struct vm_fp_env *env);
uint64_t vm_f32_to_f64(uint32_t a, struct vm_fp_env *env);
uint16_t vm_f64_to_f16(uint64_t a, struct vm_fp_env *env);
uint32_t vm_f64_to_f32(uint64_t a, struct vm_fp_env *env);
uint32_t vm_bf16_to_f32(uint16_t a, struct vm_fp_env *env);
uint16_t vm_f32_to_bf16(uint32_t a, struct vm_fp_env *env);

// The low 32 bits of a truncated towards zero (env->round is not read); 0 for NaN and infinity.
// NV if the truncated value is no int32_t, else NX if anything was cut off. RISC-V Zfa FCVTMOD.W.D;
// ARM FJCVTZS, whose Z flag is "neither NV nor NX was raised, and a is not -0".
int32_t vm_f64_to_i32_modular(uint64_t a, struct vm_fp_env *env);

#endif
