// SPDX-License-Identifier: MIT
// The functions that the rows of x64_integer.def make (x64_move.h has the rest).
//
// Suffixes name the operands, destination first: r register, m memory, i immediate; _cl is a count
// in cl. Immediates are taken modulo the width; with X64_64 they are 32 bits, sign-extended.
#ifndef VM_ENGINE_JIT_X64_INTEGER_H
#define VM_ENGINE_JIT_X64_INTEGER_H

#include "x64_encode.h"

// Digits as values, for the functions that take the operation as an argument (x64_alu_rr ...).
enum x64_alu {
#define X64_ALU(name, digit) X64_ALU_##name = (digit),
#include "x64.def"
};
enum x64_shift {
#define X64_SHIFT(name, digit) X64_SHIFT_##name = (digit),
#include "x64.def"
};

// The opcode of a width, given that of 8 bits: one more for 16 to 64 bits.
static inline unsigned x64_sized(unsigned word, enum x64_width width)
{
    return word | (width != X64_8);
}

// The size in bytes of a full immediate.
static inline unsigned x64_imm_size(enum x64_width width)
{
    static const uint8_t sizes[4] = {1, 2, 4, 4};
    return sizes[width];
}

// The immediate as the width sees it: sign-extended to 32 bits.
static inline int32_t x64_imm_of(enum x64_width width, int32_t imm)
{
    if (width == X64_8)
        return (int8_t)imm;
    return width == X64_16 ? (int16_t)imm : imm;
}

static inline bool x64_is_imm8(int32_t imm)
{
    return imm == (int8_t)imm;
}

// --- arithmetic and logic, two operands ---

static inline void x64_alu_rr(struct x64_code *code, enum x64_alu alu, enum x64_width w,
                              enum x64_reg dst, enum x64_reg src)
{
    bool byte_rex = x64_is_byte_rex(w, dst) || x64_is_byte_rex(w, src);
    x64_legacy_r(code, x64_sized((unsigned)alu << 3, w), w, src, dst, byte_rex, 0, 0);
}

static inline void x64_alu_rm(struct x64_code *code, enum x64_alu alu, enum x64_width w,
                              enum x64_reg dst, struct x64_mem src)
{
    unsigned word = x64_sized((unsigned)alu << 3 | 2, w);
    x64_legacy_m(code, word, w, dst, src, x64_is_byte_rex(w, dst), 0, 0);
}

static inline void x64_alu_mr(struct x64_code *code, enum x64_alu alu, enum x64_width w,
                              struct x64_mem dst, enum x64_reg src)
{
    unsigned word = x64_sized((unsigned)alu << 3, w);
    x64_legacy_m(code, word, w, src, dst, x64_is_byte_rex(w, src), 0, 0);
}

// The opcode of an ALU operation with an immediate, and the immediate's size.
static inline unsigned x64_alu_imm(enum x64_width w, int32_t imm, unsigned *size)
{
    bool is_short = w != X64_8 && x64_is_imm8(imm);
    *size = is_short ? 1 : x64_imm_size(w);
    return is_short ? 0x83 : x64_sized(0x80, w);
}

static inline void x64_alu_ri(struct x64_code *code, enum x64_alu alu, enum x64_width w,
                              enum x64_reg dst, int32_t imm)
{
    unsigned size;
    imm = x64_imm_of(w, imm);
    unsigned word = x64_alu_imm(w, imm, &size);
    if (dst == X64_RAX && word != 0x83) { // the accumulator's form has no ModRM
        uint8_t *p = x64_begin(code);
        if (!p)
            return;
        p = x64_put_head(p, x64_sized((unsigned)alu << 3 | 4, w), w, 0, 0, 0, false);
        code->at = x64_put(p, size, (uint32_t)imm);
        return;
    }
    x64_legacy_r(code, word, w, alu, dst, x64_is_byte_rex(w, dst), size, (uint32_t)imm);
}

static inline void x64_alu_mi(struct x64_code *code, enum x64_alu alu, enum x64_width w,
                              struct x64_mem dst, int32_t imm)
{
    unsigned size;
    imm = x64_imm_of(w, imm);
    unsigned word = x64_alu_imm(w, imm, &size);
    x64_legacy_m(code, word, w, alu, dst, false, size, (uint32_t)imm);
}

static inline void x64_lock_alu_mr(struct x64_code *code, enum x64_alu alu, enum x64_width w,
                                   struct x64_mem dst, enum x64_reg src)
{
    unsigned word = x64_sized((unsigned)alu << 3, w);
    x64_locked_m(code, word, w, src, dst, x64_is_byte_rex(w, src), 0, 0);
}

static inline void x64_lock_alu_mi(struct x64_code *code, enum x64_alu alu, enum x64_width w,
                                   struct x64_mem dst, int32_t imm)
{
    unsigned size;
    imm = x64_imm_of(w, imm);
    unsigned word = x64_alu_imm(w, imm, &size);
    x64_locked_m(code, word, w, alu, dst, false, size, (uint32_t)imm);
}

// x64_add_rr(code, width, dst, src), x64_add_rm, x64_add_mr, x64_add_ri, x64_add_mi ...
#define X64_ALU(name, digit)                                                                      \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                       enum x64_reg src)                                          \
    {                                                                                             \
        x64_alu_rr(code, X64_ALU_##name, w, dst, src);                                            \
    }                                                                                             \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                       struct x64_mem src)                                        \
    {                                                                                             \
        x64_alu_rm(code, X64_ALU_##name, w, dst, src);                                            \
    }                                                                                             \
    static inline void x64_##name##_mr(struct x64_code *code, enum x64_width w,                   \
                                       struct x64_mem dst, enum x64_reg src)                      \
    {                                                                                             \
        x64_alu_mr(code, X64_ALU_##name, w, dst, src);                                            \
    }                                                                                             \
    static inline void x64_##name##_ri(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                       int32_t imm)                                               \
    {                                                                                             \
        x64_alu_ri(code, X64_ALU_##name, w, dst, imm);                                            \
    }                                                                                             \
    static inline void x64_##name##_mi(struct x64_code *code, enum x64_width w,                   \
                                       struct x64_mem dst, int32_t imm)                           \
    {                                                                                             \
        x64_alu_mi(code, X64_ALU_##name, w, dst, imm);                                            \
    }
#define X64_LOCK_ALU(name, digit)                                                    \
    static inline void x64_lock_##name##_mr(struct x64_code *code, enum x64_width w, \
                                            struct x64_mem dst, enum x64_reg src)    \
    {                                                                                \
        x64_lock_alu_mr(code, X64_ALU_##name, w, dst, src);                          \
    }                                                                                \
    static inline void x64_lock_##name##_mi(struct x64_code *code, enum x64_width w, \
                                            struct x64_mem dst, int32_t imm)         \
    {                                                                                \
        x64_lock_alu_mi(code, X64_ALU_##name, w, dst, imm);                          \
    }

// x64_neg_r(code, width, operand), x64_neg_m; mul, imul, div and idiv work on rdx:rax.
#define X64_UNARY(name, opcode, digit)                                                             \
    static inline void x64_##name##_r(struct x64_code *code, enum x64_width w, enum x64_reg reg)   \
    {                                                                                              \
        x64_legacy_r(code, x64_sized(opcode, w), w, digit, reg, x64_is_byte_rex(w, reg), 0, 0);    \
    }                                                                                              \
    static inline void x64_##name##_m(struct x64_code *code, enum x64_width w, struct x64_mem mem) \
    {                                                                                              \
        x64_legacy_m(code, x64_sized(opcode, w), w, digit, mem, false, 0, 0);                      \
    }
#define X64_LOCK_UNARY(name, opcode, digit)                                         \
    static inline void x64_lock_##name##_m(struct x64_code *code, enum x64_width w, \
                                           struct x64_mem mem)                      \
    {                                                                               \
        x64_locked_m(code, x64_sized(opcode, w), w, digit, mem, false, 0, 0);       \
    }

// --- shifts and bits ---

// A shift by 1 has an opcode of its own.
static inline void x64_shift_ri(struct x64_code *code, enum x64_shift shift, enum x64_width w,
                                enum x64_reg dst, uint8_t count)
{
    unsigned word = x64_sized(count == 1 ? 0xd0 : 0xc0, w);
    x64_legacy_r(code, word, w, shift, dst, x64_is_byte_rex(w, dst), count != 1, count);
}

static inline void x64_shift_mi(struct x64_code *code, enum x64_shift shift, enum x64_width w,
                                struct x64_mem dst, uint8_t count)
{
    unsigned word = x64_sized(count == 1 ? 0xd0 : 0xc0, w);
    x64_legacy_m(code, word, w, shift, dst, false, count != 1, count);
}

static inline void x64_shift_r_cl(struct x64_code *code, enum x64_shift shift, enum x64_width w,
                                  enum x64_reg dst)
{
    x64_legacy_r(code, x64_sized(0xd2, w), w, shift, dst, x64_is_byte_rex(w, dst), 0, 0);
}

static inline void x64_shift_m_cl(struct x64_code *code, enum x64_shift shift, enum x64_width w,
                                  struct x64_mem dst)
{
    x64_legacy_m(code, x64_sized(0xd2, w), w, shift, dst, false, 0, 0);
}

// x64_shl_ri(code, width, dst, count), x64_shl_mi, x64_shl_r_cl(code, width, dst), x64_shl_m_cl ...
#define X64_SHIFT(name, digit)                                                                    \
    static inline void x64_##name##_ri(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                       uint8_t count)                                             \
    {                                                                                             \
        x64_shift_ri(code, X64_SHIFT_##name, w, dst, count);                                      \
    }                                                                                             \
    static inline void x64_##name##_mi(struct x64_code *code, enum x64_width w,                   \
                                       struct x64_mem dst, uint8_t count)                         \
    {                                                                                             \
        x64_shift_mi(code, X64_SHIFT_##name, w, dst, count);                                      \
    }                                                                                             \
    static inline void x64_##name##_r_cl(struct x64_code *code, enum x64_width w,                 \
                                         enum x64_reg dst)                                        \
    {                                                                                             \
        x64_shift_r_cl(code, X64_SHIFT_##name, w, dst);                                           \
    }                                                                                             \
    static inline void x64_##name##_m_cl(struct x64_code *code, enum x64_width w,                 \
                                         struct x64_mem dst)                                      \
    {                                                                                             \
        x64_shift_m_cl(code, X64_SHIFT_##name, w, dst);                                           \
    }

// x64_shld_rri(code, width, dst, src, count), x64_shld_mri, x64_shld_rr_cl, x64_shld_mr_cl; 16 to
// 64 bits.
#define X64_SHIFT2(name, opcode)                                                                   \
    static inline void x64_##name##_rri(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                        enum x64_reg src, uint8_t count)                           \
    {                                                                                              \
        x64_legacy_r(code, X64_WORD(NP, 0F, opcode, 0, 0), w, src, dst, false, 1, count);          \
    }                                                                                              \
    static inline void x64_##name##_mri(struct x64_code *code, enum x64_width w,                   \
                                        struct x64_mem dst, enum x64_reg src, uint8_t count)       \
    {                                                                                              \
        x64_legacy_m(code, X64_WORD(NP, 0F, opcode, 0, 0), w, src, dst, false, 1, count);          \
    }                                                                                              \
    static inline void x64_##name##_rr_cl(struct x64_code *code, enum x64_width w,                 \
                                          enum x64_reg dst, enum x64_reg src)                      \
    {                                                                                              \
        x64_legacy_r(code, X64_WORD(NP, 0F, opcode | 1, 0, 0), w, src, dst, false, 0, 0);          \
    }                                                                                              \
    static inline void x64_##name##_mr_cl(struct x64_code *code, enum x64_width w,                 \
                                          struct x64_mem dst, enum x64_reg src)                    \
    {                                                                                              \
        x64_legacy_m(code, X64_WORD(NP, 0F, opcode | 1, 0, 0), w, src, dst, false, 0, 0);          \
    }

// x64_bt_rr(code, width, value, bit), x64_bt_mr, x64_bt_ri, x64_bt_mi; 16 to 64 bits. With memory
// and a register the bit number reaches beyond the operand; with an immediate it does not.
#define X64_BIT(name, digit)                                                                       \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_width w, enum x64_reg dst,  \
                                       enum x64_reg bit)                                           \
    {                                                                                              \
        x64_legacy_r(code, X64_WORD(NP, 0F, 0x83 | (digit) << 3, 0, 0), w, bit, dst, false, 0, 0); \
    }                                                                                              \
    static inline void x64_##name##_mr(struct x64_code *code, enum x64_width w,                    \
                                       struct x64_mem dst, enum x64_reg bit)                       \
    {                                                                                              \
        x64_legacy_m(code, X64_WORD(NP, 0F, 0x83 | (digit) << 3, 0, 0), w, bit, dst, false, 0, 0); \
    }                                                                                              \
    static inline void x64_##name##_ri(struct x64_code *code, enum x64_width w, enum x64_reg dst,  \
                                       uint8_t bit)                                                \
    {                                                                                              \
        x64_legacy_r(code, X64_WORD(NP, 0F, 0xba, 0, 0), w, digit, dst, false, 1, bit);            \
    }                                                                                              \
    static inline void x64_##name##_mi(struct x64_code *code, enum x64_width w,                    \
                                       struct x64_mem dst, uint8_t bit)                            \
    {                                                                                              \
        x64_legacy_m(code, X64_WORD(NP, 0F, 0xba, 0, 0), w, digit, dst, false, 1, bit);            \
    }
#define X64_LOCK_BIT(name, digit)                                                                  \
    static inline void x64_lock_##name##_mr(struct x64_code *code, enum x64_width w,               \
                                            struct x64_mem dst, enum x64_reg bit)                  \
    {                                                                                              \
        x64_locked_m(code, X64_WORD(NP, 0F, 0x83 | (digit) << 3, 0, 0), w, bit, dst, false, 0, 0); \
    }                                                                                              \
    static inline void x64_lock_##name##_mi(struct x64_code *code, enum x64_width w,               \
                                            struct x64_mem dst, uint8_t bit)                       \
    {                                                                                              \
        x64_locked_m(code, X64_WORD(NP, 0F, 0xba, 0, 0), w, digit, dst, false, 1, bit);            \
    }

// --- register from register or memory ---

// x64_imul_rr(code, width, dst, src), x64_imul_rm; 16 to 64 bits.
#define X64_LOAD(name, pp, map, opcode, need)                                                     \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                       enum x64_reg src)                                          \
    {                                                                                             \
        x64_legacy_r(code, X64_WORD(pp, map, opcode, 0, 0), w, dst, src, false, 0, 0);            \
    }                                                                                             \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                       struct x64_mem src)                                        \
    {                                                                                             \
        x64_legacy_m(code, X64_WORD(pp, map, opcode, 0, 0), w, dst, src, false, 0, 0);            \
    }

// x64_movzx8_rr(code, width, dst, src), x64_movzx8_rm: `width` is the destination's.
#define X64_EXTEND(name, mnemonic, map, opcode, source)                                           \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                       enum x64_reg src)                                          \
    {                                                                                             \
        x64_legacy_r(code, X64_WORD(NP, map, opcode, 0, 0), w, dst, src,                          \
                     x64_is_byte_rex(X64_##source, src), 0, 0);                                   \
    }                                                                                             \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                       struct x64_mem src)                                        \
    {                                                                                             \
        x64_legacy_m(code, X64_WORD(NP, map, opcode, 0, 0), w, dst, src, false, 0, 0);            \
    }

// x64_xadd_rr(code, width, dst, src), x64_xadd_mr; an xchg with memory is always atomic.
#define X64_EXCHANGE(name, map, opcode)                                                           \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                       enum x64_reg src)                                          \
    {                                                                                             \
        bool byte_rex = x64_is_byte_rex(w, dst) || x64_is_byte_rex(w, src);                       \
        x64_legacy_r(code, x64_sized(X64_WORD(NP, map, opcode, 0, 0), w), w, src, dst, byte_rex,  \
                     0, 0);                                                                       \
    }                                                                                             \
    static inline void x64_##name##_mr(struct x64_code *code, enum x64_width w,                   \
                                       struct x64_mem dst, enum x64_reg src)                      \
    {                                                                                             \
        x64_legacy_m(code, x64_sized(X64_WORD(NP, map, opcode, 0, 0), w), w, src, dst,            \
                     x64_is_byte_rex(w, src), 0, 0);                                              \
    }
#define X64_LOCK_EXCHANGE(name, map, opcode)                                           \
    static inline void x64_lock_##name##_mr(struct x64_code *code, enum x64_width w,   \
                                            struct x64_mem dst, enum x64_reg src)      \
    {                                                                                  \
        x64_locked_m(code, x64_sized(X64_WORD(NP, map, opcode, 0, 0), w), w, src, dst, \
                     x64_is_byte_rex(w, src), 0, 0);                                   \
    }

// x64_ldmxcsr_m(code, mem) ...
#define X64_MEMORY(name, size, pp, map, opcode, wide, digit, need)                               \
    static inline void x64_##name##_m(struct x64_code *code, struct x64_mem mem)                 \
    {                                                                                            \
        x64_legacy_m(code, X64_WORD(pp, map, opcode, wide, 0), X64_32, digit, mem, false, 0, 0); \
    }
#define X64_LOCK_MEMORY(name, size, pp, map, opcode, wide, digit, need)                          \
    static inline void x64_lock_##name##_m(struct x64_code *code, struct x64_mem mem)            \
    {                                                                                            \
        x64_locked_m(code, X64_WORD(pp, map, opcode, wide, 0), X64_32, digit, mem, false, 0, 0); \
    }

// --- BMI: 32 or 64 bits, three operands ---

// x64_andn_rrr(code, width, dst, a, b), x64_andn_rrm. mulx_rrr's dst is the high half, a the low
// one.
#define X64_BMI_RVM(name, pp, map, opcode, need)                                                   \
    static inline void x64_##name##_rrr(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                        enum x64_reg a, enum x64_reg b)                            \
    {                                                                                              \
        x64_vex_r(code, X64_WORD(pp, map, opcode, 0, 0), w, X64_128, dst, a, b, 0, 0);             \
    }                                                                                              \
    static inline void x64_##name##_rrm(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                        enum x64_reg a, struct x64_mem b)                          \
    {                                                                                              \
        x64_vex_m(code, X64_WORD(pp, map, opcode, 0, 0), w, X64_128, dst, a, b, 0, 0);             \
    }

// x64_shlx_rrr(code, width, dst, value, count), x64_shlx_rmr.
#define X64_BMI_RMV(name, pp, map, opcode, need)                                                   \
    static inline void x64_##name##_rrr(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                        enum x64_reg value, enum x64_reg control)                  \
    {                                                                                              \
        x64_vex_r(code, X64_WORD(pp, map, opcode, 0, 0), w, X64_128, dst, control, value, 0, 0);   \
    }                                                                                              \
    static inline void x64_##name##_rmr(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                        struct x64_mem value, enum x64_reg control)                \
    {                                                                                              \
        x64_vex_m(code, X64_WORD(pp, map, opcode, 0, 0), w, X64_128, dst, control, value, 0, 0);   \
    }

// x64_blsr_rr(code, width, dst, src), x64_blsr_rm.
#define X64_BMI_VM(name, pp, map, opcode, digit, need)                                            \
    static inline void x64_##name##_rr(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                       enum x64_reg src)                                          \
    {                                                                                             \
        x64_vex_r(code, X64_WORD(pp, map, opcode, 0, 0), w, X64_128, digit, dst, src, 0, 0);      \
    }                                                                                             \
    static inline void x64_##name##_rm(struct x64_code *code, enum x64_width w, enum x64_reg dst, \
                                       struct x64_mem src)                                        \
    {                                                                                             \
        x64_vex_m(code, X64_WORD(pp, map, opcode, 0, 0), w, X64_128, digit, dst, src, 0, 0);      \
    }

// x64_cqo(code) ...
#define X64_FIXED(name, text, length, bytes, need)       \
    static inline void x64_##name(struct x64_code *code) \
    {                                                    \
        uint8_t *p = x64_begin(code);                    \
        if (p)                                           \
            code->at = x64_put(p, length, bytes);        \
    }

#include "x64.def"

#endif
