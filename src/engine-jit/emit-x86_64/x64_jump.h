// SPDX-License-Identifier: MIT
// Jumps, calls, their targets, and labels.
//
// A forward jump returns its place: where its displacement stands. x64_patch32 gives it a target
// later. Without room a place is NULL, which the patching functions ignore, so that a caller need
// only look at `overflow` once in the end. Places and targets are addresses of the writable view;
// since what is written is their distance, the code runs anywhere.
#ifndef VM_ENGINE_JIT_X64_JUMP_H
#define VM_ENGINE_JIT_X64_JUMP_H

#include "x64_move.h"

// --- displacements ---

// Writes a raw displacement: that of a target in another mapping, counted from the executable
// address of place + 4.
static inline void x64_patch32_raw(uint8_t *place, int32_t distance)
{
    if (place)
        memcpy(place, &distance, sizeof distance);
}

static inline void x64_patch32(uint8_t *place, const uint8_t *target)
{
    if (place)
        x64_patch32_raw(place, (int32_t)(target - (place + 4)));
}

// The same in code that other threads may be running: `place` is aligned (x64_align_place), and
// they see the old target or the new one (Intel SDM volume 3, 8.1.3 allows this for aligned data of
// one cache line that is no more than the displacement of a jump).
static inline void x64_patch32_live(uint8_t *place, const uint8_t *target)
{
    int32_t distance = (int32_t)(target - (place + 4));
    __atomic_store_n((int32_t *)(void *)place, distance, __ATOMIC_RELEASE);
}

// Whether the distance fits into 8 bits; if not, nothing is written.
static inline bool x64_patch8(uint8_t *place, const uint8_t *target)
{
    if (!place)
        return true;
    ptrdiff_t distance = target - (place + 1);
    if (distance != (int8_t)distance)
        return false;
    *place = (uint8_t)distance;
    return true;
}

// --- forward jumps ---

static inline uint8_t *x64_put_jump(struct x64_code *code, unsigned word, unsigned size)
{
    uint8_t *p = x64_begin(code);
    if (!p)
        return NULL;
    p = x64_put_opcode(p, word);
    code->at = x64_put(p, size, 0);
    return p;
}

static inline uint8_t *x64_jmp32(struct x64_code *code)
{
    return x64_put_jump(code, 0xe9, 4);
}

static inline uint8_t *x64_jmp8(struct x64_code *code)
{
    return x64_put_jump(code, 0xeb, 1);
}

static inline uint8_t *x64_jcc32(struct x64_code *code, enum x64_cc cc)
{
    return x64_put_jump(code, X64_WORD(NP, 0F, 0x80 | cc, 0, 0), 4);
}

static inline uint8_t *x64_jcc8(struct x64_code *code, enum x64_cc cc)
{
    return x64_put_jump(code, 0x70 | cc, 1);
}

static inline uint8_t *x64_call32(struct x64_code *code)
{
    return x64_put_jump(code, 0xe8, 4);
}

// Nops until the displacement that stands `ahead` bytes further (1 in a jmp or call, 2 in a jcc) is
// aligned for x64_patch32_live. The two views agree in an address's low bits.
static inline void x64_align_place(struct x64_code *code, unsigned ahead)
{
    x64_nop(code, (0u - (unsigned)((uintptr_t)code->at + ahead)) & 3);
}

// --- jumps to a known place; the shortest form ---

static inline void x64_jmp_to(struct x64_code *code, const uint8_t *target)
{
    ptrdiff_t distance = target - (code->at + 2);
    if (distance == (int8_t)distance)
        x64_patch8(x64_jmp8(code), target);
    else
        x64_patch32(x64_jmp32(code), target);
}

static inline void x64_jcc_to(struct x64_code *code, enum x64_cc cc, const uint8_t *target)
{
    ptrdiff_t distance = target - (code->at + 2);
    if (distance == (int8_t)distance)
        x64_patch8(x64_jcc8(code, cc), target);
    else
        x64_patch32(x64_jcc32(code, cc), target);
}

static inline void x64_call_to(struct x64_code *code, const uint8_t *target)
{
    x64_patch32(x64_call32(code), target);
}

// --- indirect: 64-bit targets ---

static inline void x64_jmp_r(struct x64_code *code, enum x64_reg target)
{
    x64_legacy_r(code, 0xff, X64_32, 4, target, false, 0, 0);
}

static inline void x64_jmp_m(struct x64_code *code, struct x64_mem target)
{
    x64_legacy_m(code, 0xff, X64_32, 4, target, false, 0, 0);
}

static inline void x64_call_r(struct x64_code *code, enum x64_reg target)
{
    x64_legacy_r(code, 0xff, X64_32, 2, target, false, 0, 0);
}

static inline void x64_call_m(struct x64_code *code, struct x64_mem target)
{
    x64_legacy_m(code, 0xff, X64_32, 2, target, false, 0, 0);
}

// Returns and drops `bytes` more of the stack.
static inline void x64_ret_i(struct x64_code *code, uint16_t bytes)
{
    uint8_t *p = x64_begin(code);
    if (!p)
        return;
    *p++ = 0xc2;
    code->at = x64_put(p, 2, bytes);
}

// --- labels ---

// Where jumps go that may be written before their target. Starts as {0}. Until it is bound, the
// displacements of its jumps are a chain: each holds the distance back to the one before, or 0.
struct x64_label {
    uint8_t *target; // once bound
    uint8_t *last;   // the place of the latest jump before that
};

static inline void x64_label_use(struct x64_label *label, uint8_t *place)
{
    if (!place)
        return;
    x64_patch32_raw(place, label->last ? (int32_t)(place - label->last) : 0);
    label->last = place;
}

static inline void x64_jmp_label(struct x64_code *code, struct x64_label *label)
{
    if (label->target)
        x64_jmp_to(code, label->target);
    else
        x64_label_use(label, x64_jmp32(code));
}

static inline void x64_jcc_label(struct x64_code *code, enum x64_cc cc, struct x64_label *label)
{
    if (label->target)
        x64_jcc_to(code, cc, label->target);
    else
        x64_label_use(label, x64_jcc32(code, cc));
}

// The label is here: patches the jumps that were written before.
static inline void x64_bind(const struct x64_code *code, struct x64_label *label)
{
    uint8_t *place = label->last;
    while (place) {
        int32_t back;
        memcpy(&back, place, sizeof back);
        x64_patch32(place, code->at);
        place = back ? place - back : NULL;
    }
    label->last = NULL;
    label->target = code->at;
}

#endif
