// SPDX-License-Identifier: MIT
// The functions that the rows of x64_avx.def make: instructions with VEX only. Suffixes and lengths
// as in x64_vector.h.
#ifndef VM_ENGINE_JIT_X64_AVX_H
#define VM_ENGINE_JIT_X64_AVX_H

#include "x64_vector.h"

// x64_vpsllvd_rrr(code, length, dst, a, b), x64_vpsllvd_rrm.

#define X64_A3(name, pp, map, opcode, w, lengths, need, wide)                               \
    static inline void x64_##name##_rrr(struct x64_code *code, enum x64_length length,      \
                                        enum x64_xmm dst, enum x64_xmm a, enum x64_xmm b)   \
    {                                                                                       \
        x64_avx_rrr(code, (enum x64_op)X64_WORD(pp, map, opcode, w, 0), length, dst, a, b); \
    }                                                                                       \
    static inline void x64_##name##_rrm(struct x64_code *code, enum x64_length length,      \
                                        enum x64_xmm dst, enum x64_xmm a, struct x64_mem b) \
    {                                                                                       \
        x64_avx_rrm(code, (enum x64_op)X64_WORD(pp, map, opcode, w, 0), length, dst, a, b); \
    }

// x64_vfmadd231sd_rrr(code, dst, a, b), x64_vfmadd231sd_rrm.

#define X64_A3S(name, pp, map, opcode, w, need)                                                  \
    static inline void x64_##name##_rrr(struct x64_code *code, enum x64_xmm dst, enum x64_xmm a, \
                                        enum x64_xmm b)                                          \
    {                                                                                            \
        x64_avx_rrr(code, (enum x64_op)X64_WORD(pp, map, opcode, w, 0), X64_128, dst, a, b);     \
    }                                                                                            \
    static inline void x64_##name##_rrm(struct x64_code *code, enum x64_xmm dst, enum x64_xmm a, \
                                        struct x64_mem b)                                        \
    {                                                                                            \
        x64_avx_rrm(code, (enum x64_op)X64_WORD(pp, map, opcode, w, 0), X64_128, dst, a, b);     \
    }

#define X64_A3I(name, map, opcode, w, lengths, need, wide)                                        \
    static inline void x64_##name##_rrri(struct x64_code *code, enum x64_length length,           \
                                         enum x64_xmm dst, enum x64_xmm a, enum x64_xmm b,        \
                                         uint8_t imm)                                             \
    {                                                                                             \
        x64_avx_rrri(code, (enum x64_op)X64_WORD(66, map, opcode, w, 0), length, dst, a, b, imm); \
    }                                                                                             \
    static inline void x64_##name##_rrmi(struct x64_code *code, enum x64_length length,           \
                                         enum x64_xmm dst, enum x64_xmm a, struct x64_mem b,      \
                                         uint8_t imm)                                             \
    {                                                                                             \
        x64_avx_rrmi(code, (enum x64_op)X64_WORD(66, map, opcode, w, 0), length, dst, a, b, imm); \
    }

// x64_vblendvps_rrrr(code, length, dst, a, b, mask), x64_vblendvps_rrmr.

#define X64_A4(name, opcode, need, wide)                                                     \
    static inline void x64_##name##_rrrr(struct x64_code *code, enum x64_length length,      \
                                         enum x64_xmm dst, enum x64_xmm a, enum x64_xmm b,   \
                                         enum x64_xmm mask)                                  \
    {                                                                                        \
        x64_vex_r(code, X64_WORD(66, 0F3A, opcode, 0, 0), X64_32, length, dst, a, b, 1,      \
                  (unsigned)mask << 4);                                                      \
    }                                                                                        \
    static inline void x64_##name##_rrmr(struct x64_code *code, enum x64_length length,      \
                                         enum x64_xmm dst, enum x64_xmm a, struct x64_mem b, \
                                         enum x64_xmm mask)                                  \
    {                                                                                        \
        x64_vex_m(code, X64_WORD(66, 0F3A, opcode, 0, 0), X64_32, length, dst, a, b, 1,      \
                  (unsigned)mask << 4);                                                      \
    }

// x64_vbroadcastss_rr(code, length, dst, src), x64_vbroadcastss_rm.

#define X64_A2(name, opcode, lengths, need, wide)                                          \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_length length,      \
                                       enum x64_xmm dst, enum x64_xmm src)                 \
    {                                                                                      \
        x64_avx_rr(code, (enum x64_op)X64_WORD(66, 0F38, opcode, 0, 0), length, dst, src); \
    }                                                                                      \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_length length,      \
                                       enum x64_xmm dst, struct x64_mem src)               \
    {                                                                                      \
        x64_avx_rm(code, (enum x64_op)X64_WORD(66, 0F38, opcode, 0, 0), length, dst, src); \
    }

#define X64_A2W(name, opcode, lengths, need, wide)                                         \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_length length,      \
                                       enum x64_xmm dst, enum x64_xmm src)                 \
    {                                                                                      \
        x64_avx_rr(code, (enum x64_op)X64_WORD(66, 0F38, opcode, 0, 0), length, dst, src); \
    }                                                                                      \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_length length,      \
                                       enum x64_xmm dst, struct x64_mem src)               \
    {                                                                                      \
        x64_avx_rm(code, (enum x64_op)X64_WORD(66, 0F38, opcode, 0, 0), length, dst, src); \
    }

#define X64_A2M(name, opcode, lengths, need, wide)                                         \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_length length,      \
                                       enum x64_xmm dst, struct x64_mem src)               \
    {                                                                                      \
        x64_avx_rm(code, (enum x64_op)X64_WORD(66, 0F38, opcode, 0, 0), length, dst, src); \
    }

#define X64_A2I(name, opcode, w, lengths, need, wide)                                            \
    static inline void x64_##name##_rri(struct x64_code *code, enum x64_length length,           \
                                        enum x64_xmm dst, enum x64_xmm src, uint8_t imm)         \
    {                                                                                            \
        x64_avx_rri(code, (enum x64_op)X64_WORD(66, 0F3A, opcode, w, 0), length, dst, src, imm); \
    }                                                                                            \
    static inline void x64_##name##_rmi(struct x64_code *code, enum x64_length length,           \
                                        enum x64_xmm dst, struct x64_mem src, uint8_t imm)       \
    {                                                                                            \
        x64_avx_rmi(code, (enum x64_op)X64_WORD(66, 0F3A, opcode, w, 0), length, dst, src, imm); \
    }

// x64_vinserti128_rrri(code, dst, a, b, half), x64_vinserti128_rrmi; x64_vextracti128_rri(code,
// dst, src, half), x64_vextracti128_mri.

#define X64_AIN(name, opcode, need)                                                               \
    static inline void x64_##name##_rrri(struct x64_code *code, enum x64_xmm dst, enum x64_xmm a, \
                                         enum x64_xmm b, uint8_t half)                            \
    {                                                                                             \
        x64_vex_r(code, X64_WORD(66, 0F3A, opcode, 0, 0), X64_32, X64_256, dst, a, b, 1, half);   \
    }                                                                                             \
    static inline void x64_##name##_rrmi(struct x64_code *code, enum x64_xmm dst, enum x64_xmm a, \
                                         struct x64_mem b, uint8_t half)                          \
    {                                                                                             \
        x64_vex_m(code, X64_WORD(66, 0F3A, opcode, 0, 0), X64_32, X64_256, dst, a, b, 1, half);   \
    }

#define X64_AOUT(name, opcode, need)                                                               \
    static inline void x64_##name##_rri(struct x64_code *code, enum x64_xmm dst, enum x64_xmm src, \
                                        uint8_t half)                                              \
    {                                                                                              \
        x64_vex_r(code, X64_WORD(66, 0F3A, opcode, 0, 0), X64_32, X64_256, src, 0, dst, 1, half);  \
    }                                                                                              \
    static inline void x64_##name##_mri(struct x64_code *code, struct x64_mem dst,                 \
                                        enum x64_xmm src, uint8_t half)                            \
    {                                                                                              \
        x64_vex_m(code, X64_WORD(66, 0F3A, opcode, 0, 0), X64_32, X64_256, src, 0, dst, 1, half);  \
    }

// x64_vcvtps2ph_rri(code, length, dst, src, rounding), x64_vcvtps2ph_mri: the length is the
// source's.

#define X64_AST(name, opcode, need)                                                             \
    static inline void x64_##name##_rri(struct x64_code *code, enum x64_length length,          \
                                        enum x64_xmm dst, enum x64_xmm src, uint8_t imm)        \
    {                                                                                           \
        x64_vex_r(code, X64_WORD(66, 0F3A, opcode, 0, 0), X64_32, length, src, 0, dst, 1, imm); \
    }                                                                                           \
    static inline void x64_##name##_mri(struct x64_code *code, enum x64_length length,          \
                                        struct x64_mem dst, enum x64_xmm src, uint8_t imm)      \
    {                                                                                           \
        x64_vex_m(code, X64_WORD(66, 0F3A, opcode, 0, 0), X64_32, length, src, 0, dst, 1, imm); \
    }

// x64_vpmaskmovd_rrm(code, length, dst, mask, mem), x64_vpmaskmovd_mrr(code, length, mem, mask,
// src).

#define X64_AMASK(name, load, store, wide, need)                                                   \
    static inline void x64_##name##_rrm(struct x64_code *code, enum x64_length length,             \
                                        enum x64_xmm dst, enum x64_xmm mask, struct x64_mem src)   \
    {                                                                                              \
        x64_vex_m(code, X64_WORD(66, 0F38, load, wide, 0), X64_32, length, dst, mask, src, 0, 0);  \
    }                                                                                              \
    static inline void x64_##name##_mrr(struct x64_code *code, enum x64_length length,             \
                                        struct x64_mem dst, enum x64_xmm mask, enum x64_xmm src)   \
    {                                                                                              \
        x64_vex_m(code, X64_WORD(66, 0F38, store, wide, 0), X64_32, length, src, mask, dst, 0, 0); \
    }

#include "x64.def"

#endif
