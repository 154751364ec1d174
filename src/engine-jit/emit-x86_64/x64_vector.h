// SPDX-License-Identifier: MIT
// The functions that the rows of x64_sse.def make: for each row x64_NAME (SSE, destination op=
// source) and x64_vNAME (VEX, with a destination of its own). x64_move.h has movd and movq.
//
// Suffixes name the operands, destination first: r register, m memory, i immediate byte. Packed VEX
// forms take X64_128 or X64_256; writing an xmm register by VEX clears the upper half of its ymm.
// x64_OP_NAME is the row's opcode word, for x64_sse_rr and x64_avx_rrr below, which take the
// operation as a value.
#ifndef VM_ENGINE_JIT_X64_VECTOR_H
#define VM_ENGINE_JIT_X64_VECTOR_H

#include "x64_encode.h"

// Opcode words of the rows whose operands are vector registers.
enum x64_op {
#define X64_V3(name, pp, map, opcode, need, wide)  x64_OP_##name = X64_WORD(pp, map, opcode, 0, 0),
#define X64_V2(name, pp, map, opcode, need, wide)  x64_OP_##name = X64_WORD(pp, map, opcode, 0, 0),
#define X64_V2W(name, pp, map, opcode, need, wide) x64_OP_##name = X64_WORD(pp, map, opcode, 0, 0),
#define X64_V2N(name, pp, map, opcode, need, wide) x64_OP_##name = X64_WORD(pp, map, opcode, 0, 0),
#define X64_V3I(name, pp, map, opcode, need, wide) x64_OP_##name = X64_WORD(pp, map, opcode, 0, 0),
#define X64_V3C(name, pp, map, opcode, need, wide) x64_OP_##name = X64_WORD(pp, map, opcode, 0, 0),
#define X64_V2I(name, pp, map, opcode, need, wide) x64_OP_##name = X64_WORD(pp, map, opcode, 0, 0),
#define X64_S3(name, pp, map, opcode, need)        x64_OP_##name = X64_WORD(pp, map, opcode, 0, 0),
#define X64_S3I(name, pp, map, opcode, need)       x64_OP_##name = X64_WORD(pp, map, opcode, 0, 0),
#define X64_S2(name, pp, map, opcode, need)        x64_OP_##name = X64_WORD(pp, map, opcode, 0, 0),
#define X64_S2I(name, pp, map, opcode, need)       x64_OP_##name = X64_WORD(pp, map, opcode, 0, 0),
#define X64_A3(name, pp, map, opcode, w, lengths, need, wide) \
    x64_OP_##name = X64_WORD(pp, map, opcode, w, 0),
#define X64_A3S(name, pp, map, opcode, w, need) x64_OP_##name = X64_WORD(pp, map, opcode, w, 0),
#include "x64.def"
};

// --- the operation as a value. Which operands it has is the caller's to know. ---

static inline void x64_sse_rr(struct x64_code *code, enum x64_op op, enum x64_xmm dst,
                              enum x64_xmm src)
{
    x64_legacy_r(code, op, X64_32, dst, src, false, 0, 0);
}

static inline void x64_sse_rm(struct x64_code *code, enum x64_op op, enum x64_xmm dst,
                              struct x64_mem src)
{
    x64_legacy_m(code, op, X64_32, dst, src, false, 0, 0);
}

static inline void x64_sse_rri(struct x64_code *code, enum x64_op op, enum x64_xmm dst,
                               enum x64_xmm src, uint8_t imm)
{
    x64_legacy_r(code, op, X64_32, dst, src, false, 1, imm);
}

static inline void x64_sse_rmi(struct x64_code *code, enum x64_op op, enum x64_xmm dst,
                               struct x64_mem src, uint8_t imm)
{
    x64_legacy_m(code, op, X64_32, dst, src, false, 1, imm);
}

static inline void x64_avx_rr(struct x64_code *code, enum x64_op op, enum x64_length length,
                              enum x64_xmm dst, enum x64_xmm src)
{
    x64_vex_r(code, op, X64_32, length, dst, 0, src, 0, 0);
}

static inline void x64_avx_rm(struct x64_code *code, enum x64_op op, enum x64_length length,
                              enum x64_xmm dst, struct x64_mem src)
{
    x64_vex_m(code, op, X64_32, length, dst, 0, src, 0, 0);
}

static inline void x64_avx_rri(struct x64_code *code, enum x64_op op, enum x64_length length,
                               enum x64_xmm dst, enum x64_xmm src, uint8_t imm)
{
    x64_vex_r(code, op, X64_32, length, dst, 0, src, 1, imm);
}

static inline void x64_avx_rmi(struct x64_code *code, enum x64_op op, enum x64_length length,
                               enum x64_xmm dst, struct x64_mem src, uint8_t imm)
{
    x64_vex_m(code, op, X64_32, length, dst, 0, src, 1, imm);
}

static inline void x64_avx_rrr(struct x64_code *code, enum x64_op op, enum x64_length length,
                               enum x64_xmm dst, enum x64_xmm a, enum x64_xmm b)
{
    x64_vex_r(code, op, X64_32, length, dst, a, b, 0, 0);
}

static inline void x64_avx_rrm(struct x64_code *code, enum x64_op op, enum x64_length length,
                               enum x64_xmm dst, enum x64_xmm a, struct x64_mem b)
{
    x64_vex_m(code, op, X64_32, length, dst, a, b, 0, 0);
}

static inline void x64_avx_rrri(struct x64_code *code, enum x64_op op, enum x64_length length,
                                enum x64_xmm dst, enum x64_xmm a, enum x64_xmm b, uint8_t imm)
{
    x64_vex_r(code, op, X64_32, length, dst, a, b, 1, imm);
}

static inline void x64_avx_rrmi(struct x64_code *code, enum x64_op op, enum x64_length length,
                                enum x64_xmm dst, enum x64_xmm a, struct x64_mem b, uint8_t imm)
{
    x64_vex_m(code, op, X64_32, length, dst, a, b, 1, imm);
}

// --- rows with 128 or 256 bits ---

// x64_addps_rr(code, dst, src), x64_addps_rm, x64_vaddps_rrr(code, length, dst, a, b),
// x64_vaddps_rrm.

#define X64_V3(name, pp, map, opcode, need, wide)                                                 \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_xmm dst, enum x64_xmm src) \
    {                                                                                             \
        x64_sse_rr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }                                                                                             \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_xmm dst,                   \
                                       struct x64_mem src)                                        \
    {                                                                                             \
        x64_sse_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }                                                                                             \
    static inline void x64_v##name##_rrr(struct x64_code *code, enum x64_length length,           \
                                         enum x64_xmm dst, enum x64_xmm a, enum x64_xmm b)        \
    {                                                                                             \
        x64_avx_rrr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), length, dst, a, b);       \
    }                                                                                             \
    static inline void x64_v##name##_rrm(struct x64_code *code, enum x64_length length,           \
                                         enum x64_xmm dst, enum x64_xmm a, struct x64_mem b)      \
    {                                                                                             \
        x64_avx_rrm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), length, dst, a, b);       \
    }

#define X64_V3C(name, pp, map, opcode, need, wide)                                                \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_xmm dst, enum x64_xmm src) \
    {                                                                                             \
        x64_sse_rr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }                                                                                             \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_xmm dst,                   \
                                       struct x64_mem src)                                        \
    {                                                                                             \
        x64_sse_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }                                                                                             \
    static inline void x64_v##name##_rrr(struct x64_code *code, enum x64_length length,           \
                                         enum x64_xmm dst, enum x64_xmm a, enum x64_xmm b)        \
    {                                                                                             \
        x64_avx_rrr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), length, dst, a, b);       \
    }                                                                                             \
    static inline void x64_v##name##_rrm(struct x64_code *code, enum x64_length length,           \
                                         enum x64_xmm dst, enum x64_xmm a, struct x64_mem b)      \
    {                                                                                             \
        x64_avx_rrm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), length, dst, a, b);       \
    }

// x64_shufps_rri(code, dst, src, imm), x64_shufps_rmi, x64_vshufps_rrri, x64_vshufps_rrmi.

#define X64_V3I(name, pp, map, opcode, need, wide)                                                 \
    static inline void x64_##name##_rri(struct x64_code *code, enum x64_xmm dst, enum x64_xmm src, \
                                        uint8_t imm)                                               \
    {                                                                                              \
        x64_sse_rri(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src, imm);            \
    }                                                                                              \
    static inline void x64_##name##_rmi(struct x64_code *code, enum x64_xmm dst,                   \
                                        struct x64_mem src, uint8_t imm)                           \
    {                                                                                              \
        x64_sse_rmi(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src, imm);            \
    }                                                                                              \
    static inline void x64_v##name##_rrri(struct x64_code *code, enum x64_length length,           \
                                          enum x64_xmm dst, enum x64_xmm a, enum x64_xmm b,        \
                                          uint8_t imm)                                             \
    {                                                                                              \
        x64_avx_rrri(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), length, dst, a, b, imm);  \
    }                                                                                              \
    static inline void x64_v##name##_rrmi(struct x64_code *code, enum x64_length length,           \
                                          enum x64_xmm dst, enum x64_xmm a, struct x64_mem b,      \
                                          uint8_t imm)                                             \
    {                                                                                              \
        x64_avx_rrmi(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), length, dst, a, b, imm);  \
    }

// x64_movaps_rr(code, dst, src), x64_movaps_rm, x64_vmovaps_rr(code, length, dst, src),
// x64_vmovaps_rm.

#define X64_V2(name, pp, map, opcode, need, wide)                                                 \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_xmm dst, enum x64_xmm src) \
    {                                                                                             \
        x64_sse_rr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }                                                                                             \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_xmm dst,                   \
                                       struct x64_mem src)                                        \
    {                                                                                             \
        x64_sse_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }                                                                                             \
    static inline void x64_v##name##_rr(struct x64_code *code, enum x64_length length,            \
                                        enum x64_xmm dst, enum x64_xmm src)                       \
    {                                                                                             \
        x64_avx_rr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), length, dst, src);         \
    }                                                                                             \
    static inline void x64_v##name##_rm(struct x64_code *code, enum x64_length length,            \
                                        enum x64_xmm dst, struct x64_mem src)                     \
    {                                                                                             \
        x64_avx_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), length, dst, src);         \
    }

#define X64_V2W(name, pp, map, opcode, need, wide)                                                \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_xmm dst, enum x64_xmm src) \
    {                                                                                             \
        x64_sse_rr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }                                                                                             \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_xmm dst,                   \
                                       struct x64_mem src)                                        \
    {                                                                                             \
        x64_sse_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }                                                                                             \
    static inline void x64_v##name##_rr(struct x64_code *code, enum x64_length length,            \
                                        enum x64_xmm dst, enum x64_xmm src)                       \
    {                                                                                             \
        x64_avx_rr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), length, dst, src);         \
    }                                                                                             \
    static inline void x64_v##name##_rm(struct x64_code *code, enum x64_length length,            \
                                        enum x64_xmm dst, struct x64_mem src)                     \
    {                                                                                             \
        x64_avx_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), length, dst, src);         \
    }

#define X64_V2N(name, pp, map, opcode, need, wide)                                                \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_xmm dst, enum x64_xmm src) \
    {                                                                                             \
        x64_sse_rr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }                                                                                             \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_xmm dst,                   \
                                       struct x64_mem src)                                        \
    {                                                                                             \
        x64_sse_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }                                                                                             \
    static inline void x64_v##name##_rr(struct x64_code *code, enum x64_length length,            \
                                        enum x64_xmm dst, enum x64_xmm src)                       \
    {                                                                                             \
        x64_avx_rr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), length, dst, src);         \
    }                                                                                             \
    static inline void x64_v##name##_rm(struct x64_code *code, enum x64_length length,            \
                                        enum x64_xmm dst, struct x64_mem src)                     \
    {                                                                                             \
        x64_avx_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), length, dst, src);         \
    }

#define X64_V2M(name, pp, map, opcode, need, wide)                                        \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_xmm dst,           \
                                       struct x64_mem src)                                \
    {                                                                                     \
        x64_sse_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);         \
    }                                                                                     \
    static inline void x64_v##name##_rm(struct x64_code *code, enum x64_length length,    \
                                        enum x64_xmm dst, struct x64_mem src)             \
    {                                                                                     \
        x64_avx_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), length, dst, src); \
    }

// x64_pshufd_rri(code, dst, src, imm), x64_pshufd_rmi, x64_vpshufd_rri, x64_vpshufd_rmi.

#define X64_V2I(name, pp, map, opcode, need, wide)                                                 \
    static inline void x64_##name##_rri(struct x64_code *code, enum x64_xmm dst, enum x64_xmm src, \
                                        uint8_t imm)                                               \
    {                                                                                              \
        x64_sse_rri(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src, imm);            \
    }                                                                                              \
    static inline void x64_##name##_rmi(struct x64_code *code, enum x64_xmm dst,                   \
                                        struct x64_mem src, uint8_t imm)                           \
    {                                                                                              \
        x64_sse_rmi(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src, imm);            \
    }                                                                                              \
    static inline void x64_v##name##_rri(struct x64_code *code, enum x64_length length,            \
                                         enum x64_xmm dst, enum x64_xmm src, uint8_t imm)          \
    {                                                                                              \
        x64_avx_rri(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), length, dst, src, imm);    \
    }                                                                                              \
    static inline void x64_v##name##_rmi(struct x64_code *code, enum x64_length length,            \
                                         enum x64_xmm dst, struct x64_mem src, uint8_t imm)        \
    {                                                                                              \
        x64_avx_rmi(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), length, dst, src, imm);    \
    }

// x64_movaps_mr(code, mem, src), x64_vmovaps_mr(code, length, mem, src).

#define X64_VST(name, pp, map, opcode, need, wide)                                        \
    static inline void x64_##name##_mr(struct x64_code *code, struct x64_mem dst,         \
                                       enum x64_xmm src)                                  \
    {                                                                                     \
        x64_sse_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), src, dst);         \
    }                                                                                     \
    static inline void x64_v##name##_mr(struct x64_code *code, enum x64_length length,    \
                                        struct x64_mem dst, enum x64_xmm src)             \
    {                                                                                     \
        x64_avx_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), length, src, dst); \
    }

// x64_psrlw_ri(code, dst, count), x64_vpsrlw_rri(code, length, dst, src, count).

#define X64_SHIFT_I(name, opcode, digit, need, wide)                                             \
    static inline void x64_##name##_ri(struct x64_code *code, enum x64_xmm dst, uint8_t count)   \
    {                                                                                            \
        x64_legacy_r(code, X64_WORD(66, 0F, opcode, 0, 0), X64_32, digit, dst, false, 1, count); \
    }                                                                                            \
    static inline void x64_v##name##_rri(struct x64_code *code, enum x64_length length,          \
                                         enum x64_xmm dst, enum x64_xmm src, uint8_t count)      \
    {                                                                                            \
        x64_vex_r(code, X64_WORD(66, 0F, opcode, 0, 0), X64_32, length, digit, dst, src, 1,      \
                  count);                                                                        \
    }

// --- rows without a length ---

// x64_addsd_rr(code, dst, src), x64_addsd_rm, x64_vaddsd_rrr(code, dst, a, b), x64_vaddsd_rrm.

#define X64_S3(name, pp, map, opcode, need)                                                       \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_xmm dst, enum x64_xmm src) \
    {                                                                                             \
        x64_sse_rr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }                                                                                             \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_xmm dst,                   \
                                       struct x64_mem src)                                        \
    {                                                                                             \
        x64_sse_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }                                                                                             \
    static inline void x64_v##name##_rrr(struct x64_code *code, enum x64_xmm dst, enum x64_xmm a, \
                                         enum x64_xmm b)                                          \
    {                                                                                             \
        x64_avx_rrr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), X64_128, dst, a, b);      \
    }                                                                                             \
    static inline void x64_v##name##_rrm(struct x64_code *code, enum x64_xmm dst, enum x64_xmm a, \
                                         struct x64_mem b)                                        \
    {                                                                                             \
        x64_avx_rrm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), X64_128, dst, a, b);      \
    }

#define X64_S3R(name, pp, map, opcode, need)                                                      \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_xmm dst, enum x64_xmm src) \
    {                                                                                             \
        x64_sse_rr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }                                                                                             \
    static inline void x64_v##name##_rrr(struct x64_code *code, enum x64_xmm dst, enum x64_xmm a, \
                                         enum x64_xmm b)                                          \
    {                                                                                             \
        x64_avx_rrr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), X64_128, dst, a, b);      \
    }

#define X64_S3M(name, pp, map, opcode, need)                                                      \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_xmm dst,                   \
                                       struct x64_mem src)                                        \
    {                                                                                             \
        x64_sse_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }                                                                                             \
    static inline void x64_v##name##_rrm(struct x64_code *code, enum x64_xmm dst, enum x64_xmm a, \
                                         struct x64_mem b)                                        \
    {                                                                                             \
        x64_avx_rrm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), X64_128, dst, a, b);      \
    }

#define X64_S3I(name, pp, map, opcode, need)                                                       \
    static inline void x64_##name##_rri(struct x64_code *code, enum x64_xmm dst, enum x64_xmm src, \
                                        uint8_t imm)                                               \
    {                                                                                              \
        x64_sse_rri(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src, imm);            \
    }                                                                                              \
    static inline void x64_##name##_rmi(struct x64_code *code, enum x64_xmm dst,                   \
                                        struct x64_mem src, uint8_t imm)                           \
    {                                                                                              \
        x64_sse_rmi(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src, imm);            \
    }                                                                                              \
    static inline void x64_v##name##_rrri(struct x64_code *code, enum x64_xmm dst, enum x64_xmm a, \
                                          enum x64_xmm b, uint8_t imm)                             \
    {                                                                                              \
        x64_avx_rrri(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), X64_128, dst, a, b, imm); \
    }                                                                                              \
    static inline void x64_v##name##_rrmi(struct x64_code *code, enum x64_xmm dst, enum x64_xmm a, \
                                          struct x64_mem b, uint8_t imm)                           \
    {                                                                                              \
        x64_avx_rrmi(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), X64_128, dst, a, b, imm); \
    }

// x64_ucomisd_rr(code, a, b), x64_ucomisd_rm, x64_vucomisd_rr, x64_vucomisd_rm.

#define X64_S2(name, pp, map, opcode, need)                                                        \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_xmm dst, enum x64_xmm src)  \
    {                                                                                              \
        x64_sse_rr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                  \
    }                                                                                              \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_xmm dst,                    \
                                       struct x64_mem src)                                         \
    {                                                                                              \
        x64_sse_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                  \
    }                                                                                              \
    static inline void x64_v##name##_rr(struct x64_code *code, enum x64_xmm dst, enum x64_xmm src) \
    {                                                                                              \
        x64_avx_rr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), X64_128, dst, src);         \
    }                                                                                              \
    static inline void x64_v##name##_rm(struct x64_code *code, enum x64_xmm dst,                   \
                                        struct x64_mem src)                                        \
    {                                                                                              \
        x64_avx_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), X64_128, dst, src);         \
    }

#define X64_S2M(name, pp, map, opcode, need)                                               \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_xmm dst,            \
                                       struct x64_mem src)                                 \
    {                                                                                      \
        x64_sse_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);          \
    }                                                                                      \
    static inline void x64_v##name##_rm(struct x64_code *code, enum x64_xmm dst,           \
                                        struct x64_mem src)                                \
    {                                                                                      \
        x64_avx_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), X64_128, dst, src); \
    }

#define X64_S2I(name, pp, map, opcode, need)                                                       \
    static inline void x64_##name##_rri(struct x64_code *code, enum x64_xmm dst, enum x64_xmm src, \
                                        uint8_t imm)                                               \
    {                                                                                              \
        x64_sse_rri(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src, imm);            \
    }                                                                                              \
    static inline void x64_##name##_rmi(struct x64_code *code, enum x64_xmm dst,                   \
                                        struct x64_mem src, uint8_t imm)                           \
    {                                                                                              \
        x64_sse_rmi(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src, imm);            \
    }                                                                                              \
    static inline void x64_v##name##_rri(struct x64_code *code, enum x64_xmm dst,                  \
                                         enum x64_xmm src, uint8_t imm)                            \
    {                                                                                              \
        x64_avx_rri(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), X64_128, dst, src, imm);   \
    }                                                                                              \
    static inline void x64_v##name##_rmi(struct x64_code *code, enum x64_xmm dst,                  \
                                         struct x64_mem src, uint8_t imm)                          \
    {                                                                                              \
        x64_avx_rmi(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), X64_128, dst, src, imm);   \
    }

#define X64_SST(name, pp, map, opcode, need)                                               \
    static inline void x64_##name##_mr(struct x64_code *code, struct x64_mem dst,          \
                                       enum x64_xmm src)                                   \
    {                                                                                      \
        x64_sse_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), src, dst);          \
    }                                                                                      \
    static inline void x64_v##name##_mr(struct x64_code *code, struct x64_mem dst,         \
                                        enum x64_xmm src)                                  \
    {                                                                                      \
        x64_avx_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), X64_128, src, dst); \
    }

// SSE only: x64_sha1msg1_rr(code, dst, src), x64_sha1msg1_rm, x64_sha1rnds4_rri, x64_sha1rnds4_rmi.

#define X64_X2(name, pp, map, opcode, need)                                                       \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_xmm dst, enum x64_xmm src) \
    {                                                                                             \
        x64_sse_rr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }                                                                                             \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_xmm dst,                   \
                                       struct x64_mem src)                                        \
    {                                                                                             \
        x64_sse_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }

#define X64_X2Z(name, pp, map, opcode, need)                                                      \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_xmm dst, enum x64_xmm src) \
    {                                                                                             \
        x64_sse_rr(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }                                                                                             \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_xmm dst,                   \
                                       struct x64_mem src)                                        \
    {                                                                                             \
        x64_sse_rm(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src);                 \
    }

#define X64_X2I(name, pp, map, opcode, need)                                                       \
    static inline void x64_##name##_rri(struct x64_code *code, enum x64_xmm dst, enum x64_xmm src, \
                                        uint8_t imm)                                               \
    {                                                                                              \
        x64_sse_rri(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src, imm);            \
    }                                                                                              \
    static inline void x64_##name##_rmi(struct x64_code *code, enum x64_xmm dst,                   \
                                        struct x64_mem src, uint8_t imm)                           \
    {                                                                                              \
        x64_sse_rmi(code, (enum x64_op)X64_WORD(pp, map, opcode, 0, 0), dst, src, imm);            \
    }

// --- between vector and general registers ---

// x64_movmskps_rr(code, dst, src), x64_vmovmskps_rr(code, length, dst, src).

#define X64_MASK(name, pp, map, opcode, wide)                                                     \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_reg dst, enum x64_xmm src) \
    {                                                                                             \
        x64_legacy_r(code, X64_WORD(pp, map, opcode, 0, 0), X64_32, dst, src, false, 0, 0);       \
    }                                                                                             \
    static inline void x64_v##name##_rr(struct x64_code *code, enum x64_length length,            \
                                        enum x64_reg dst, enum x64_xmm src)                       \
    {                                                                                             \
        x64_vex_r(code, X64_WORD(pp, map, opcode, 0, 0), X64_32, length, dst, 0, src, 0, 0);      \
    }

// x64_cvtsi2sd_rr(code, width, dst, src), x64_cvtsi2sd_rm, x64_vcvtsi2sd_rrr(code, width, dst, a,
// src), x64_vcvtsi2sd_rrm: the width is the integer's. The SSE form keeps, and so waits for, dst's
// other elements.

#define X64_CVT_X(name, pp, opcode)                                                               \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_width w, enum x64_xmm dst, \
                                       enum x64_reg src)                                          \
    {                                                                                             \
        x64_legacy_r(code, X64_WORD(pp, 0F, opcode, 0, 0), w, dst, src, false, 0, 0);             \
    }                                                                                             \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_width w, enum x64_xmm dst, \
                                       struct x64_mem src)                                        \
    {                                                                                             \
        x64_legacy_m(code, X64_WORD(pp, 0F, opcode, 0, 0), w, dst, src, false, 0, 0);             \
    }                                                                                             \
    static inline void x64_v##name##_rrr(struct x64_code *code, enum x64_width w,                 \
                                         enum x64_xmm dst, enum x64_xmm a, enum x64_reg src)      \
    {                                                                                             \
        x64_vex_r(code, X64_WORD(pp, 0F, opcode, 0, 0), w, X64_128, dst, a, src, 0, 0);           \
    }                                                                                             \
    static inline void x64_v##name##_rrm(struct x64_code *code, enum x64_width w,                 \
                                         enum x64_xmm dst, enum x64_xmm a, struct x64_mem src)    \
    {                                                                                             \
        x64_vex_m(code, X64_WORD(pp, 0F, opcode, 0, 0), w, X64_128, dst, a, src, 0, 0);           \
    }

// x64_cvttsd2si_rr(code, width, dst, src), x64_cvttsd2si_rm, x64_vcvttsd2si_rr, x64_vcvttsd2si_rm.

#define X64_CVT_G(name, pp, opcode)                                                                \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_width w, enum x64_reg dst,  \
                                       enum x64_xmm src)                                           \
    {                                                                                              \
        x64_legacy_r(code, X64_WORD(pp, 0F, opcode, 0, 0), w, dst, src, false, 0, 0);              \
    }                                                                                              \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_width w, enum x64_reg dst,  \
                                       struct x64_mem src)                                         \
    {                                                                                              \
        x64_legacy_m(code, X64_WORD(pp, 0F, opcode, 0, 0), w, dst, src, false, 0, 0);              \
    }                                                                                              \
    static inline void x64_v##name##_rr(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                        enum x64_xmm src)                                          \
    {                                                                                              \
        x64_vex_r(code, X64_WORD(pp, 0F, opcode, 0, 0), w, X64_128, dst, 0, src, 0, 0);            \
    }                                                                                              \
    static inline void x64_v##name##_rm(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                        struct x64_mem src)                                        \
    {                                                                                              \
        x64_vex_m(code, X64_WORD(pp, 0F, opcode, 0, 0), w, X64_128, dst, 0, src, 0, 0);            \
    }

// x64_pinsrd_rri(code, dst, src, index), x64_pinsrd_rmi, x64_vpinsrd_rrri(code, dst, a, src,
// index), x64_vpinsrd_rrmi.

#define X64_INSERT(name, map, opcode, wide, need)                                                  \
    static inline void x64_##name##_rri(struct x64_code *code, enum x64_xmm dst, enum x64_reg src, \
                                        uint8_t index)                                             \
    {                                                                                              \
        x64_legacy_r(code, X64_WORD(66, map, opcode, wide, 0), X64_32, dst, src, false, 1, index); \
    }                                                                                              \
    static inline void x64_##name##_rmi(struct x64_code *code, enum x64_xmm dst,                   \
                                        struct x64_mem src, uint8_t index)                         \
    {                                                                                              \
        x64_legacy_m(code, X64_WORD(66, map, opcode, wide, 0), X64_32, dst, src, false, 1, index); \
    }                                                                                              \
    static inline void x64_v##name##_rrri(struct x64_code *code, enum x64_xmm dst, enum x64_xmm a, \
                                          enum x64_reg src, uint8_t index)                         \
    {                                                                                              \
        x64_vex_r(code, X64_WORD(66, map, opcode, wide, 0), X64_32, X64_128, dst, a, src, 1,       \
                  index);                                                                          \
    }                                                                                              \
    static inline void x64_v##name##_rrmi(struct x64_code *code, enum x64_xmm dst, enum x64_xmm a, \
                                          struct x64_mem src, uint8_t index)                       \
    {                                                                                              \
        x64_vex_m(code, X64_WORD(66, map, opcode, wide, 0), X64_32, X64_128, dst, a, src, 1,       \
                  index);                                                                          \
    }

// x64_pextrd_rri(code, dst, src, index), x64_pextrd_mri(code, mem, src, index) and with v.

#define X64_EXTRACT_R(name, map, opcode, wide, need)                                               \
    static inline void x64_##name##_rri(struct x64_code *code, enum x64_reg dst, enum x64_xmm src, \
                                        uint8_t index)                                             \
    {                                                                                              \
        x64_legacy_r(code, X64_WORD(66, map, opcode, wide, 0), X64_32, src, dst, false, 1, index); \
    }                                                                                              \
    static inline void x64_v##name##_rri(struct x64_code *code, enum x64_reg dst,                  \
                                         enum x64_xmm src, uint8_t index)                          \
    {                                                                                              \
        x64_vex_r(code, X64_WORD(66, map, opcode, wide, 0), X64_32, X64_128, src, 0, dst, 1,       \
                  index);                                                                          \
    }

#define X64_EXTRACT_M(name, map, opcode, wide, need)                                               \
    static inline void x64_##name##_mri(struct x64_code *code, struct x64_mem dst,                 \
                                        enum x64_xmm src, uint8_t index)                           \
    {                                                                                              \
        x64_legacy_m(code, X64_WORD(66, map, opcode, wide, 0), X64_32, src, dst, false, 1, index); \
    }                                                                                              \
    static inline void x64_v##name##_mri(struct x64_code *code, struct x64_mem dst,                \
                                         enum x64_xmm src, uint8_t index)                          \
    {                                                                                              \
        x64_vex_m(code, X64_WORD(66, map, opcode, wide, 0), X64_32, X64_128, src, 0, dst, 1,       \
                  index);                                                                          \
    }

#define X64_PICK(name, map, opcode, wide, need)                                                    \
    static inline void x64_##name##_rri(struct x64_code *code, enum x64_reg dst, enum x64_xmm src, \
                                        uint8_t index)                                             \
    {                                                                                              \
        x64_legacy_r(code, X64_WORD(66, map, opcode, wide, 0), X64_32, dst, src, false, 1, index); \
    }                                                                                              \
    static inline void x64_v##name##_rri(struct x64_code *code, enum x64_reg dst,                  \
                                         enum x64_xmm src, uint8_t index)                          \
    {                                                                                              \
        x64_vex_r(code, X64_WORD(66, map, opcode, wide, 0), X64_32, X64_128, dst, 0, src, 1,       \
                  index);                                                                          \
    }

#include "x64.def"

#endif
