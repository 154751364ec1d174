// SPDX-License-Identifier: MIT
// Instructions on general registers whose forms no row shares: mov and constants, test, lea, imul
// with an immediate, rorx, bswap, movbe, crc32, setcc, cmovcc, push, pop, movd, nop.
#ifndef VM_ENGINE_JIT_X64_MOVE_H
#define VM_ENGINE_JIT_X64_MOVE_H

#include "x64_integer.h"

// --- mov ---

static inline void x64_mov_rr(struct x64_code *code, enum x64_width w, enum x64_reg dst,
                              enum x64_reg src)
{
    bool byte_rex = x64_is_byte_rex(w, dst) || x64_is_byte_rex(w, src);
    x64_legacy_r(code, x64_sized(0x88, w), w, src, dst, byte_rex, 0, 0);
}

static inline void x64_mov_rm(struct x64_code *code, enum x64_width w, enum x64_reg dst,
                              struct x64_mem src)
{
    x64_legacy_m(code, x64_sized(0x8a, w), w, dst, src, x64_is_byte_rex(w, dst), 0, 0);
}

static inline void x64_mov_mr(struct x64_code *code, enum x64_width w, struct x64_mem dst,
                              enum x64_reg src)
{
    x64_legacy_m(code, x64_sized(0x88, w), w, src, dst, x64_is_byte_rex(w, src), 0, 0);
}

static inline void x64_mov_mi(struct x64_code *code, enum x64_width w, struct x64_mem dst,
                              int32_t imm)
{
    x64_legacy_m(code, x64_sized(0xc6, w), w, 0, dst, false, x64_imm_size(w), (uint32_t)imm);
}

// One of the forms B0+r and B8+r, whose register is in the opcode.
static inline uint8_t *x64_put_mov_opcode(uint8_t *p, enum x64_width w, enum x64_reg dst)
{
    unsigned opcode = (w == X64_8 ? 0xb0u : 0xb8u) | (dst & 7u);
    return x64_put_head(p, opcode, w, 0, 0, dst, x64_is_byte_rex(w, dst));
}

// A constant of the width, flags unchanged; with X64_64 it is sign-extended. x64_imm is shorter.
static inline void x64_mov_ri(struct x64_code *code, enum x64_width w, enum x64_reg dst,
                              int32_t imm)
{
    if (w == X64_64) {
        x64_legacy_r(code, 0xc7, w, 0, dst, false, 4, (uint32_t)imm);
        return;
    }
    uint8_t *p = x64_begin(code);
    if (p)
        code->at = x64_put(x64_put_mov_opcode(p, w, dst), x64_imm_size(w), (uint32_t)imm);
}

// All 64 bits of a register from 64 bits in the code; returns the place of the constant, which can
// be changed later, or NULL without room.
static inline uint8_t *x64_movabs(struct x64_code *code, enum x64_reg dst, uint64_t imm)
{
    uint8_t *p = x64_begin(code);
    if (!p)
        return NULL;
    p = x64_put_mov_opcode(p, X64_64, dst);
    memcpy(p, &imm, sizeof imm);
    code->at = p + sizeof imm;
    return p;
}

// All 64 bits of a register, in the shortest form that leaves the flags alone.
static inline void x64_imm_keep_flags(struct x64_code *code, enum x64_reg dst, uint64_t imm)
{
    if (imm == (uint32_t)imm)
        x64_mov_ri(code, X64_32, dst, (int32_t)imm);
    else if (imm == (uint64_t)(int32_t)imm)
        x64_mov_ri(code, X64_64, dst, (int32_t)imm);
    else
        x64_movabs(code, dst, imm);
}

// The same, and zero by xor, which changes the flags.
static inline void x64_imm(struct x64_code *code, enum x64_reg dst, uint64_t imm)
{
    if (imm == 0)
        x64_xor_rr(code, X64_32, dst, dst);
    else
        x64_imm_keep_flags(code, dst, imm);
}

// --- test, lea, imul, rorx ---

static inline void x64_test_rr(struct x64_code *code, enum x64_width w, enum x64_reg a,
                               enum x64_reg b)
{
    bool byte_rex = x64_is_byte_rex(w, a) || x64_is_byte_rex(w, b);
    x64_legacy_r(code, x64_sized(0x84, w), w, b, a, byte_rex, 0, 0);
}

static inline void x64_test_mr(struct x64_code *code, enum x64_width w, struct x64_mem a,
                               enum x64_reg b)
{
    x64_legacy_m(code, x64_sized(0x84, w), w, b, a, x64_is_byte_rex(w, b), 0, 0);
}

static inline void x64_test_ri(struct x64_code *code, enum x64_width w, enum x64_reg a, int32_t imm)
{
    if (a != X64_RAX) {
        x64_legacy_r(code, x64_sized(0xf6, w), w, 0, a, x64_is_byte_rex(w, a), x64_imm_size(w),
                     (uint32_t)imm);
        return;
    }
    uint8_t *p = x64_begin(code);
    if (!p)
        return;
    p = x64_put_head(p, x64_sized(0xa8, w), w, 0, 0, 0, false);
    code->at = x64_put(p, x64_imm_size(w), (uint32_t)imm);
}

static inline void x64_test_mi(struct x64_code *code, enum x64_width w, struct x64_mem a,
                               int32_t imm)
{
    x64_legacy_m(code, x64_sized(0xf6, w), w, 0, a, false, x64_imm_size(w), (uint32_t)imm);
}

// 16 to 64 bits.
static inline void x64_lea_rm(struct x64_code *code, enum x64_width w, enum x64_reg dst,
                              struct x64_mem src)
{
    x64_legacy_m(code, 0x8d, w, dst, src, false, 0, 0);
}

// dst = src * imm; 16 to 64 bits.
static inline void x64_imul_rri(struct x64_code *code, enum x64_width w, enum x64_reg dst,
                                enum x64_reg src, int32_t imm)
{
    imm = x64_imm_of(w, imm);
    bool is_short = x64_is_imm8(imm);
    x64_legacy_r(code, is_short ? 0x6b : 0x69, w, dst, src, false, is_short ? 1 : x64_imm_size(w),
                 (uint32_t)imm);
}

static inline void x64_imul_rmi(struct x64_code *code, enum x64_width w, enum x64_reg dst,
                                struct x64_mem src, int32_t imm)
{
    imm = x64_imm_of(w, imm);
    bool is_short = x64_is_imm8(imm);
    x64_legacy_m(code, is_short ? 0x6b : 0x69, w, dst, src, false, is_short ? 1 : x64_imm_size(w),
                 (uint32_t)imm);
}

// dst = src rotated right by count, flags unchanged; 32 or 64 bits. Needs BMI2.
static inline void x64_rorx_rri(struct x64_code *code, enum x64_width w, enum x64_reg dst,
                                enum x64_reg src, uint8_t count)
{
    x64_vex_r(code, X64_WORD(F2, 0F3A, 0xf0, 0, 0), w, X64_128, dst, 0, src, 1, count);
}

static inline void x64_rorx_rmi(struct x64_code *code, enum x64_width w, enum x64_reg dst,
                                struct x64_mem src, uint8_t count)
{
    x64_vex_m(code, X64_WORD(F2, 0F3A, 0xf0, 0, 0), w, X64_128, dst, 0, src, 1, count);
}

// --- bytes ---

// 32 or 64 bits.
static inline void x64_bswap_r(struct x64_code *code, enum x64_width w, enum x64_reg reg)
{
    uint8_t *p = x64_begin(code);
    if (p)
        code->at = x64_put_head(p, X64_WORD(NP, 0F, 0xc8 | (reg & 7u), 0, 0), w, 0, 0, reg, false);
}

// 16 to 64 bits. Needs MOVBE.
static inline void x64_movbe_rm(struct x64_code *code, enum x64_width w, enum x64_reg dst,
                                struct x64_mem src)
{
    x64_legacy_m(code, X64_WORD(NP, 0F38, 0xf0, 0, 0), w, dst, src, false, 0, 0);
}

static inline void x64_movbe_mr(struct x64_code *code, enum x64_width w, struct x64_mem dst,
                                enum x64_reg src)
{
    x64_legacy_m(code, X64_WORD(NP, 0F38, 0xf1, 0, 0), w, src, dst, false, 0, 0);
}

// CRC-32C of `src`, whose width is given, into the low half of `dst`. Needs SSE4_2.
static inline void x64_crc32_rr(struct x64_code *code, enum x64_width w, enum x64_reg dst,
                                enum x64_reg src)
{
    x64_legacy_r(code, x64_sized(X64_WORD(F2, 0F38, 0xf0, 0, 0), w), w, dst, src,
                 x64_is_byte_rex(w, src), 0, 0);
}

static inline void x64_crc32_rm(struct x64_code *code, enum x64_width w, enum x64_reg dst,
                                struct x64_mem src)
{
    x64_legacy_m(code, x64_sized(X64_WORD(F2, 0F38, 0xf0, 0, 0), w), w, dst, src, false, 0, 0);
}

// --- by condition ---

// One byte, 0 or 1.
static inline void x64_setcc_r(struct x64_code *code, enum x64_cc cc, enum x64_reg dst)
{
    x64_legacy_r(code, X64_WORD(NP, 0F, 0x90 | cc, 0, 0), X64_8, 0, dst,
                 x64_is_byte_rex(X64_8, dst), 0, 0);
}

static inline void x64_setcc_m(struct x64_code *code, enum x64_cc cc, struct x64_mem dst)
{
    x64_legacy_m(code, X64_WORD(NP, 0F, 0x90 | cc, 0, 0), X64_8, 0, dst, false, 0, 0);
}

// 16 to 64 bits; with X64_32 the upper half of `dst` becomes zero whatever the condition.
static inline void x64_cmov_rr(struct x64_code *code, enum x64_cc cc, enum x64_width w,
                               enum x64_reg dst, enum x64_reg src)
{
    x64_legacy_r(code, X64_WORD(NP, 0F, 0x40 | cc, 0, 0), w, dst, src, false, 0, 0);
}

static inline void x64_cmov_rm(struct x64_code *code, enum x64_cc cc, enum x64_width w,
                               enum x64_reg dst, struct x64_mem src)
{
    x64_legacy_m(code, X64_WORD(NP, 0F, 0x40 | cc, 0, 0), w, dst, src, false, 0, 0);
}

// --- stack: always 64 bits ---

static inline void x64_push_r(struct x64_code *code, enum x64_reg reg)
{
    uint8_t *p = x64_begin(code);
    if (p)
        code->at = x64_put_head(p, 0x50 | (reg & 7u), X64_32, 0, 0, reg, false);
}

static inline void x64_pop_r(struct x64_code *code, enum x64_reg reg)
{
    uint8_t *p = x64_begin(code);
    if (p)
        code->at = x64_put_head(p, 0x58 | (reg & 7u), X64_32, 0, 0, reg, false);
}

static inline void x64_push_m(struct x64_code *code, struct x64_mem mem)
{
    x64_legacy_m(code, 0xff, X64_32, 6, mem, false, 0, 0);
}

static inline void x64_pop_m(struct x64_code *code, struct x64_mem mem)
{
    x64_legacy_m(code, 0x8f, X64_32, 0, mem, false, 0, 0);
}

static inline void x64_push_i(struct x64_code *code, int32_t imm)
{
    uint8_t *p = x64_begin(code);
    if (!p)
        return;
    *p++ = x64_is_imm8(imm) ? 0x6a : 0x68;
    code->at = x64_put(p, x64_is_imm8(imm) ? 1 : 4, (uint32_t)imm);
}

// --- movd and movq: to a vector register, whose other bits become zero (xr, xm), and from one (rx,
// mx); 32 or 64 bits ---

// 64 bits of memory have shorter forms, without REX.W.
static inline unsigned x64_movd_load(enum x64_width w)
{
    return w == X64_64 ? X64_WORD(F3, 0F, 0x7e, 0, 0) : X64_WORD(66, 0F, 0x6e, 0, 0);
}

static inline unsigned x64_movd_store(enum x64_width w)
{
    return w == X64_64 ? X64_WORD(66, 0F, 0xd6, 0, 0) : X64_WORD(66, 0F, 0x7e, 0, 0);
}

static inline void x64_movd_xr(struct x64_code *code, enum x64_width w, enum x64_xmm dst,
                               enum x64_reg src)
{
    x64_legacy_r(code, X64_WORD(66, 0F, 0x6e, 0, 0), w, dst, src, false, 0, 0);
}

static inline void x64_movd_xm(struct x64_code *code, enum x64_width w, enum x64_xmm dst,
                               struct x64_mem src)
{
    x64_legacy_m(code, x64_movd_load(w), X64_32, dst, src, false, 0, 0);
}

static inline void x64_movd_rx(struct x64_code *code, enum x64_width w, enum x64_reg dst,
                               enum x64_xmm src)
{
    x64_legacy_r(code, X64_WORD(66, 0F, 0x7e, 0, 0), w, src, dst, false, 0, 0);
}

static inline void x64_movd_mx(struct x64_code *code, enum x64_width w, struct x64_mem dst,
                               enum x64_xmm src)
{
    x64_legacy_m(code, x64_movd_store(w), X64_32, src, dst, false, 0, 0);
}

static inline void x64_vmovd_xr(struct x64_code *code, enum x64_width w, enum x64_xmm dst,
                                enum x64_reg src)
{
    x64_vex_r(code, X64_WORD(66, 0F, 0x6e, 0, 0), w, X64_128, dst, 0, src, 0, 0);
}

static inline void x64_vmovd_xm(struct x64_code *code, enum x64_width w, enum x64_xmm dst,
                                struct x64_mem src)
{
    x64_vex_m(code, x64_movd_load(w), X64_32, X64_128, dst, 0, src, 0, 0);
}

static inline void x64_vmovd_rx(struct x64_code *code, enum x64_width w, enum x64_reg dst,
                                enum x64_xmm src)
{
    x64_vex_r(code, X64_WORD(66, 0F, 0x7e, 0, 0), w, X64_128, src, 0, dst, 0, 0);
}

static inline void x64_vmovd_mx(struct x64_code *code, enum x64_width w, struct x64_mem dst,
                                enum x64_xmm src)
{
    x64_vex_m(code, x64_movd_store(w), X64_32, X64_128, src, 0, dst, 0, 0);
}

// --- nop ---

// `size` bytes that do nothing, in the forms of the manual's table (NOP, recommended multi-byte
// sequences), nine bytes at a time.
static inline void x64_nop(struct x64_code *code, unsigned size)
{
    static const uint8_t forms[9][9] = {
        {0x90},
        {0x66, 0x90},
        {0x0f, 0x1f, 0x00},
        {0x0f, 0x1f, 0x40, 0x00},
        {0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
        {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    };
    while (size) {
        unsigned n = size < 9 ? size : 9;
        uint8_t *p = x64_begin(code);
        if (!p)
            return;
        memcpy(p, forms[n - 1], n);
        code->at = p + n;
        size -= n;
    }
}

#endif
