// SPDX-License-Identifier: MIT
// How an x86-64 instruction is put together: prefixes, REX, VEX, opcode, ModRM, SIB, displacement
// and immediate (Intel SDM volume 2, chapter 2). The functions here are what the rows of x64.def
// are expanded with; users of the encoder include x64.h.
//
// Invariants: an instruction is only begun when X64_SLACK bytes are left, which is more than any
// instruction has, so that no step checks again. A step may write more bytes than it advances by,
// within that slack. Locking: none; a struct x64_code has one user.
#ifndef VM_ENGINE_JIT_X64_ENCODE_H
#define VM_ENGINE_JIT_X64_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// What no instruction reaches: the longest that the encoder makes has 13 bytes.
#define X64_SLACK 16u

// General registers. With X64_8, 4..7 are spl, bpl, sil and dil; ah, ch, dh and bh do not exist
// here.
enum x64_reg {
    X64_RAX,
    X64_RCX,
    X64_RDX,
    X64_RBX,
    X64_RSP,
    X64_RBP,
    X64_RSI,
    X64_RDI,
    X64_R8,
    X64_R9,
    X64_R10,
    X64_R11,
    X64_R12,
    X64_R13,
    X64_R14,
    X64_R15,
    X64_NONE = 16, // in struct x64_mem: no base, no index
    X64_RIP = 17,  // as base: the displacement counts from the instruction's end
    X64_HERE = 18, // as base: the displacement counts from the instruction's first byte
};

// Vector registers; ymm where a function is given X64_256.
enum x64_xmm {
    X64_XMM0,
    X64_XMM1,
    X64_XMM2,
    X64_XMM3,
    X64_XMM4,
    X64_XMM5,
    X64_XMM6,
    X64_XMM7,
    X64_XMM8,
    X64_XMM9,
    X64_XMM10,
    X64_XMM11,
    X64_XMM12,
    X64_XMM13,
    X64_XMM14,
    X64_XMM15,
};

// Operand widths: log2 of the bytes.
enum x64_width { X64_8, X64_16, X64_32, X64_64 };

// Vector lengths (VEX.L).
enum x64_length { X64_128, X64_256 };

// Condition codes, numbered as in opcodes; cc ^ 1 is the opposite.
enum x64_cc {
    X64_O,
    X64_NO,
    X64_B, // unsigned <, carry
    X64_AE,
    X64_E,
    X64_NE,
    X64_BE,
    X64_A,
    X64_S,
    X64_NS,
    X64_P,
    X64_NP,
    X64_L, // signed <
    X64_GE,
    X64_LE,
    X64_G,
};

// Where code goes: the writable view of the code cache. `overflow` is set by the first instruction
// that finds fewer than X64_SLACK bytes left, which is not written, nor is any that follows.
struct x64_code {
    uint8_t *at, *end;
    bool overflow;
};

// A memory operand: base + (index << scale) + disp. `base` may be X64_NONE, X64_RIP or X64_HERE;
// `index` may be X64_NONE, and cannot be X64_RSP; with X64_RIP and X64_HERE there is none.
struct x64_mem {
    uint8_t base, index, scale;
    int32_t disp;
};

static inline struct x64_mem x64_at(enum x64_reg base, int32_t disp)
{
    return (struct x64_mem){(uint8_t)base, X64_NONE, 0, disp};
}

static inline struct x64_mem x64_at_index(enum x64_reg base, enum x64_reg index, unsigned scale,
                                          int32_t disp)
{
    return (struct x64_mem){(uint8_t)base, (uint8_t)index, (uint8_t)scale, disp};
}

// What lies at `target`, a place in the view that `code` writes to, seen from the instruction that
// is written next; whatever immediate follows the displacement.
static inline struct x64_mem x64_here(const struct x64_code *code, const uint8_t *target)
{
    return (struct x64_mem){X64_HERE, X64_NONE, 0, (int32_t)(target - code->at)};
}

// An opcode word: what is constant in a row. Prefixes are numbered as VEX.pp, maps as VEX.mmmmm
// with 0 for one-byte opcodes.
enum { X64_PP_NP, X64_PP_66, X64_PP_F3, X64_PP_F2 };
enum { X64_MAP_00, X64_MAP_0F, X64_MAP_0F38, X64_MAP_0F3A };
#define X64_WORD(pp, map, opcode, w, digit) \
    ((opcode) | X64_MAP_##map << 8 | X64_PP_##pp << 10 | (w) << 12 | (digit) << 13)

static inline unsigned x64_word_digit(unsigned word)
{
    return word >> 13 & 7;
}

// --- steps ---

// Where the next instruction goes, or NULL when there is no room.
static inline uint8_t *x64_begin(struct x64_code *code)
{
    if (__builtin_expect((size_t)(code->end - code->at) < X64_SLACK, 0)) {
        code->overflow = true;
        return NULL;
    }
    return code->at;
}

// Writes the low `size` bytes of `value` (1, 2 or 4).
static inline uint8_t *x64_put(uint8_t *p, unsigned size, uint32_t value)
{
    memcpy(p, &value, sizeof value);
    return p + size;
}

static inline uint8_t *x64_put_opcode(uint8_t *p, unsigned word)
{
    unsigned map = word >> 8 & 3;
    if (map != X64_MAP_00) {
        *p++ = 0x0f;
        if (map != X64_MAP_0F)
            *p++ = map == X64_MAP_0F38 ? 0x38 : 0x3a;
    }
    *p++ = (uint8_t)word;
    return p;
}

// Prefixes, REX and opcode. `index` and `base` are the fields of a memory operand, or 0 and the
// register of ModRM.rm. `byte_rex` asks for a REX that selects spl, bpl, sil and dil.
static inline uint8_t *x64_put_head(uint8_t *p, unsigned word, enum x64_width width, unsigned reg,
                                    unsigned index, unsigned base, bool byte_rex)
{
    static const uint8_t prefixes[4] = {0, 0x66, 0xf3, 0xf2};
    unsigned pp = word >> 10 & 3;
    *p = 0x66;
    p += width == X64_16;
    *p = prefixes[pp];
    p += pp != X64_PP_NP;
    unsigned wide = (width == X64_64) | (word >> 12 & 1);
    unsigned rex = wide << 3 | (reg >> 3 & 1) << 2 | (index >> 3 & 1) << 1 | (base >> 3 & 1);
    *p = (uint8_t)(0x40 | rex);
    p += rex != 0 || byte_rex;
    return x64_put_opcode(p, word);
}

// VEX and opcode; the short form of VEX where it will do.
static inline uint8_t *x64_put_vex(uint8_t *p, unsigned word, enum x64_width width,
                                   enum x64_length length, unsigned reg, unsigned vvvv,
                                   unsigned index, unsigned base)
{
    unsigned map = word >> 8 & 3, pp = word >> 10 & 3;
    unsigned wide = (width == X64_64) | (word >> 12 & 1);
    unsigned last = (~vvvv & 15) << 3 | (unsigned)length << 2 | pp;
    unsigned r = (~reg >> 3 & 1) << 7, x = (~index >> 3 & 1) << 6, b = (~base >> 3 & 1) << 5;
    if (map == X64_MAP_0F && !wide && x && b) {
        p[0] = 0xc5;
        p[1] = (uint8_t)(r | last);
        p += 2;
    } else {
        p[0] = 0xc4;
        p[1] = (uint8_t)(r | x | b | map);
        p[2] = (uint8_t)(wide << 7 | last);
        p += 3;
    }
    *p++ = (uint8_t)word;
    return p;
}

static inline uint8_t *x64_put_rm_reg(uint8_t *p, unsigned reg, unsigned rm)
{
    *p++ = (uint8_t)(0xc0 | (reg & 7) << 3 | (rm & 7));
    return p;
}

// ModRM.mod of a displacement off a base: nothing, 8 bits or 32 bits. rbp and r13 have no form
// without one.
static inline unsigned x64_disp_mod(unsigned base, int32_t disp)
{
    if (disp == 0 && (base & 7) != X64_RBP)
        return 0;
    return disp == (int8_t)disp ? 1 : 2;
}

// A memory operand without a base register: absolute, index only, or relative to the instruction.
// `start` is the instruction's first byte and `tail` the size of the immediate behind the operand.
static inline uint8_t *x64_put_rm_baseless(uint8_t *p, unsigned reg, struct x64_mem mem,
                                           const uint8_t *start, unsigned tail)
{
    int32_t disp = mem.disp;
    if (mem.base == X64_NONE) {
        unsigned index = mem.index == X64_NONE ? X64_RSP : mem.index & 7u;
        *p++ = (uint8_t)((reg & 7) << 3 | 4);
        *p++ = (uint8_t)(mem.scale << 6 | index << 3 | 5);
        return x64_put(p, 4, (uint32_t)disp);
    }
    *p++ = (uint8_t)((reg & 7) << 3 | 5);
    if (mem.base == X64_HERE)
        disp -= (int32_t)(p + 4 + tail - start);
    return x64_put(p, 4, (uint32_t)disp);
}

// ModRM, SIB and displacement of a memory operand.
static inline uint8_t *x64_put_rm_mem(uint8_t *p, unsigned reg, struct x64_mem mem,
                                      const uint8_t *start, unsigned tail)
{
    static const uint8_t sizes[3] = {0, 1, 4};
    if (mem.base >= X64_NONE)
        return x64_put_rm_baseless(p, reg, mem, start, tail);
    unsigned mod = x64_disp_mod(mem.base, mem.disp);
    bool sib = mem.index != X64_NONE || (mem.base & 7) == X64_RSP;
    *p++ = (uint8_t)(mod << 6 | (reg & 7) << 3 | (sib ? 4u : mem.base & 7u));
    if (sib) {
        unsigned index = mem.index == X64_NONE ? X64_RSP : mem.index & 7u;
        *p++ = (uint8_t)(mem.scale << 6 | index << 3 | (mem.base & 7));
    }
    return x64_put(p, sizes[mod], (uint32_t)mem.disp);
}

// --- whole instructions; `size` and `imm` are the immediate's (0 for none) ---

static inline bool x64_is_byte_rex(enum x64_width width, unsigned reg)
{
    return width == X64_8 && reg >= X64_RSP;
}

static inline void x64_legacy_r(struct x64_code *code, unsigned word, enum x64_width width,
                                unsigned reg, unsigned rm, bool byte_rex, unsigned size,
                                uint32_t imm)
{
    uint8_t *p = x64_begin(code);
    if (!p)
        return;
    p = x64_put_head(p, word, width, reg, 0, rm, byte_rex);
    p = x64_put_rm_reg(p, reg, rm);
    code->at = size ? x64_put(p, size, imm) : p;
}

static inline void x64_legacy_m(struct x64_code *code, unsigned word, enum x64_width width,
                                unsigned reg, struct x64_mem mem, bool byte_rex, unsigned size,
                                uint32_t imm)
{
    uint8_t *p = x64_begin(code);
    if (!p)
        return;
    p = x64_put_head(p, word, width, reg, mem.index, mem.base, byte_rex);
    p = x64_put_rm_mem(p, reg, mem, code->at, size);
    code->at = size ? x64_put(p, size, imm) : p;
}

// The same behind a LOCK prefix (which counts as the instruction's first byte).
static inline void x64_locked_m(struct x64_code *code, unsigned word, enum x64_width width,
                                unsigned reg, struct x64_mem mem, bool byte_rex, unsigned size,
                                uint32_t imm)
{
    uint8_t *p = x64_begin(code);
    if (!p)
        return;
    *p++ = 0xf0;
    p = x64_put_head(p, word, width, reg, mem.index, mem.base, byte_rex);
    p = x64_put_rm_mem(p, reg, mem, code->at, size);
    code->at = size ? x64_put(p, size, imm) : p;
}

static inline void x64_vex_r(struct x64_code *code, unsigned word, enum x64_width width,
                             enum x64_length length, unsigned reg, unsigned vvvv, unsigned rm,
                             unsigned size, uint32_t imm)
{
    uint8_t *p = x64_begin(code);
    if (!p)
        return;
    p = x64_put_vex(p, word, width, length, reg, vvvv, 0, rm);
    p = x64_put_rm_reg(p, reg, rm);
    code->at = size ? x64_put(p, size, imm) : p;
}

static inline void x64_vex_m(struct x64_code *code, unsigned word, enum x64_width width,
                             enum x64_length length, unsigned reg, unsigned vvvv,
                             struct x64_mem mem, unsigned size, uint32_t imm)
{
    uint8_t *p = x64_begin(code);
    if (!p)
        return;
    p = x64_put_vex(p, word, width, length, reg, vvvv, mem.index, mem.base);
    p = x64_put_rm_mem(p, reg, mem, code->at, size);
    code->at = size ? x64_put(p, size, imm) : p;
}

#endif
