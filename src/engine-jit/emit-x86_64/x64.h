// SPDX-License-Identifier: MIT
// The x86-64 encoder: one inline function for each instruction and form of operands, made from the
// rows of x64.def. Nothing is looked up at run time: with constant arguments most of an encoding
// folds away.
//
//     struct x64_code code = {write_view, write_view + size, false};
//     x64_add_rr(&code, X64_64, X64_RAX, X64_RCX);              add rax, rcx
//     x64_mov_rm(&code, X64_32, X64_RDX, x64_at(X64_RBP, 16));  mov edx, [rbp+16]
//     x64_cmp_ri(&code, X64_8, X64_RSI, 7);                     cmp sil, 7
//     uint8_t *out = x64_jcc32(&code, X64_NE);                  jne ... (later: x64_patch32)
//     x64_vpaddd_rrm(&code, X64_256, X64_XMM1, X64_XMM2, mem);  vpaddd ymm1, ymm2, [mem]
//
// Names are x64_MNEMONIC_OPERANDS, destination first: r a register, m memory, i an immediate. Where
// the manual has several widths the width comes first, where it has vector lengths the length does.
// The parts: x64_encode.h (types, memory operands), x64_integer.h and x64_move.h (general
// registers), x64_jump.h (jumps, labels), x64_vector.h (SSE and its AVX forms), x64_avx.h (VEX
// only). The rows say what their instructions need of the CPU (vm/osal/cpu.h): the caller sees to
// it.
//
// No function allocates, locks or fails but by `overflow` (struct x64_code).
#ifndef VM_ENGINE_JIT_X64_H
#define VM_ENGINE_JIT_X64_H

#include "x64_avx.h"
#include "x64_encode.h"
#include "x64_integer.h"
#include "x64_jump.h"
#include "x64_move.h"
#include "x64_vector.h"

#endif
