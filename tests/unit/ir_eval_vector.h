// SPDX-License-Identifier: MIT
//
// What vector and float ops compute, written from docs/ir.md for plainness: integers of unlimited
// width that are cut at the end, floats on softfloat. Shares no code with the IR module.
#ifndef TESTS_UNIT_IR_EVAL_VECTOR_H
#define TESTS_UNIT_IR_EVAL_VECTOR_H

#include <vm/ir/ir.h>

// A scalar FP op or fclass on the bits of its operands, the first of which is of type `from`. An
// ftos or ftou may have the type i16.
uint64_t toy_float(const struct vm_ir_op *op, enum vm_type from, const uint64_t args[3],
                   struct vm_fp_env *env);

// A vector op; i64 operands and results are in the low half.
unsigned __int128 toy_vector(const struct vm_ir_op *op, const unsigned __int128 args[3],
                             struct vm_fp_env *env);

// Those of AES and SHA (ir_eval_crypto.c).
unsigned __int128 toy_crypto(unsigned code, unsigned imm, const unsigned __int128 v[3]);

#endif
