// SPDX-License-Identifier: MIT
//
// Lanes to and from scalars, and lanes in another order.
#include "vector.h"

enum { ABOVE_LANE_0 = 0xe }; // what INSERTPS makes 0

// --- scalars ---

static bool is_in_memory_only(const struct vec *k, vm_ir_value root)
{
    return emit_xmm_of(k->e, root) == NO_REG &&
           (k->e->plan->home[root] != VM_IR_NONE || k->e->slot_of[root]);
}

// Where a lane of the first operand lies in memory; what is not there yet is stored.
static struct x64_mem lane_in_memory(struct vec *k)
{
    struct emit *e = k->e;
    vm_ir_value root = e->plan->root[k->o->args[0]];
    struct x64_mem from;
    if (e->plan->home[root] != VM_IR_NONE && emit_xmm_home(e, root) == NO_REG) {
        from = at_entry(e, e->plan->home[root]);
    } else {
        bool stored = e->slot_of[root] != 0;
        from = emit_slot(e, root);
        if (!stored)
            emit_xmm_store(e, VM_V128, from, vec_arg(k, 0));
    }
    return at_offset(from, (int32_t)(k->imm * k->bits / 8));
}

// A lane that FP ops read: in an xmm register, zero-extended unless only they do.
static bool get_float(struct vec *k)
{
    struct emit *e = k->e;
    vm_ir_value root = e->plan->root[k->o->args[0]];
    bool extend = k->bits == 32 && e->plan->marks[k->v] & JIT_BITS;
    bool low = k->imm == 0 && (!extend || vec_has(k, VM_CPU_X86_64_SSE4_1));
    if (k->log2 < 2 || k->o->attr & VM_IR_VEC_SIGNED || !(e->plan->marks[k->v] & JIT_FLOAT))
        return false;
    if (!low || is_in_memory_only(k, root)) {
        struct x64_mem from = lane_in_memory(k);
        enum x64_xmm to = emit_xmm_temp(e);
        emit_xmm_load(e, k->bits == 64 ? VM_F64 : VM_F32, to, from);
        emit_define_xmm(e, k->v, to);
        return true;
    }
    uint8_t home = emit_xmm_home(e, root);
    if (home != NO_REG && !extend && !(e->plan->marks[k->v] & JIT_ESCAPES)) {
        e->xmm_of[k->v] = home; // which the vector keeps as long as the lane is used
        return true;
    }
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k);
    if (extend)
        vec_3i(k, x64_OP_insertps, to, a, a, ABOVE_LANE_0);
    else
        emit_xmm_move(e, to, a);
    emit_define_xmm(e, k->v, to);
    return true;
}

static bool get_low(struct vec *k)
{
    struct emit *e = k->e;
    enum x64_xmm a = vec_arg(k, 0);
    enum x64_reg to = emit_result(e, k->v, 0);
    emit_xmm_to(e, k->bits == 64 ? X64_64 : X64_32, to, a);
    if (k->bits == 32 && k->o->attr & VM_IR_VEC_SIGNED)
        x64_movsx32_rr(&e->code, X64_64, to, to);
    emit_define(e, k->v, to);
    return true;
}

bool vec_get(struct vec *k)
{
    struct emit *e = k->e;
    if (get_float(k))
        return true;
    bool in_xmm = !is_in_memory_only(k, e->plan->root[k->o->args[0]]);
    if (in_xmm && k->imm == 0 && k->bits >= 32)
        return get_low(k);
    struct x64_mem from = lane_in_memory(k);
    enum x64_reg to = emit_result(e, k->v, 0);
    emit_load_extended(&e->code, to, from, k->log2, k->o->attr & VM_IR_VEC_SIGNED);
    emit_define(e, k->v, to);
    return true;
}

static void insert(struct vec *k, enum x64_xmm to, enum x64_xmm a, enum x64_reg reg)
{
    struct x64_code *c = &k->e->code;
    const uint8_t lane = (uint8_t)k->imm;
    if (has_feature(k->e, VM_CPU_X86_64_AVX)) {
        switch (k->log2) {
        case 0: x64_vpinsrb_rrri(c, to, a, reg, lane); return;
        case 1: x64_vpinsrw_rrri(c, to, a, reg, lane); return;
        case 2: x64_vpinsrd_rrri(c, to, a, reg, lane); return;
        default: x64_vpinsrq_rrri(c, to, a, reg, lane); return;
        }
    }
    emit_xmm_move(k->e, to, a);
    switch (k->log2) {
    case 0: x64_pinsrb_rri(c, to, reg, lane); return;
    case 1: x64_pinsrw_rri(c, to, reg, lane); return;
    case 2: x64_pinsrd_rri(c, to, reg, lane); return;
    default: x64_pinsrq_rri(c, to, reg, lane); return;
    }
}

bool vec_set(struct vec *k)
{
    if (k->log2 != 1 && !vec_has(k, VM_CPU_X86_64_SSE4_1))
        return false;
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k);
    insert(k, to, a, emit_in_register(k->e, k->o->args[1]));
    return vec_done_whole(k, to);
}

// The low bits of operand i in lane 0; what is above them is unspecified but for zeros above the
// low 64 bits where `clean`, and then above the lane as well.
static void low_lane(struct vec *k, unsigned i, enum x64_xmm to, bool clean)
{
    struct emit *e = k->e;
    vm_ir_value v = k->o->args[i];
    if (jit_is_taken_in(e->plan, v)) // an extension of what the lane needs
        v = e->r->ops[v].args[0];
    vm_ir_value root = e->plan->root[v];
    uint64_t constant;
    if (emit_is_const(e, v, &constant) && constant == 0) {
        emit_xmm_zero(e, to);
        return;
    }
    uint8_t xmm = emit_xmm_of(e, root);
    if (xmm != NO_REG && e->reg_of[root] == NO_REG && k->log2 == 3) {
        vec_low_half(k, to, (enum x64_xmm)xmm);
        return;
    }
    if (xmm != NO_REG && e->reg_of[root] == NO_REG && k->log2 == 2) {
        if (clean && has_feature(e, VM_CPU_X86_64_SSE4_1)) {
            vec_3i(k, x64_OP_insertps, to, (enum x64_xmm)xmm, (enum x64_xmm)xmm, ABOVE_LANE_0);
            return;
        }
        if (!clean) {
            emit_xmm_move(e, to, (enum x64_xmm)xmm);
            return;
        }
    }
    enum x64_reg from = emit_in_register(e, v);
    if (clean && k->log2 < 2) {
        enum x64_reg narrow = emit_temp(e);
        k->log2 == 0 ? x64_movzx8_rr(&e->code, X64_32, narrow, from)
                     : x64_movzx16_rr(&e->code, X64_32, narrow, from);
        from = narrow;
    }
    emit_xmm_from(e, k->log2 == 3 ? X64_64 : X64_32, to, from);
}

bool vec_low(struct vec *k)
{
    enum x64_xmm to = emit_xmm_result(k->e, k->v, 0);
    low_lane(k, 0, to, true);
    return vec_done_whole(k, to);
}

bool vec_pair(struct vec *k)
{
    enum x64_xmm to = vec_temp(k), high = vec_temp(k);
    low_lane(k, 0, to, true);
    low_lane(k, 1, high, true);
    vec_3(k, x64_OP_punpcklqdq, to, to, high);
    return vec_done_whole(k, to);
}

bool vec_splat(struct vec *k)
{
    enum x64_xmm to = vec_temp(k);
    bool one = k->extent == VM_IR_LANE0;
    low_lane(k, 0, to, one);
    if (one)
        return vec_done_whole(k, to);
    vec_broadcast(k, k->log2, to, to);
    return vec_done(k, to);
}

bool vec_dup(struct vec *k)
{
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k);
    unsigned byte = k->imm << k->log2;
    if (k->log2 == 2) {
        vec_2i(k, x64_OP_pshufd, to, a, (uint8_t)(k->imm * 0x55));
        return vec_done(k, to);
    }
    if (byte) {
        vec_bytes_down(k, to, a, byte);
        a = to;
    }
    vec_broadcast(k, k->log2, to, a);
    return vec_done(k, to);
}

// --- two vectors ---

static enum x64_op unpack(unsigned log2, bool high)
{
    static const enum x64_op ops[2][4] = {
        {x64_OP_punpcklbw, x64_OP_punpcklwd, x64_OP_punpckldq, x64_OP_punpcklqdq},
        {x64_OP_punpckhbw, x64_OP_punpckhwd, x64_OP_punpckhdq, x64_OP_punpckhqdq},
    };
    return ops[high][log2];
}

// Of halves the low unpacking has the first in its low half, the second in its high one.
bool vec_zip(struct vec *k)
{
    bool second = k->o->code == VM_IR_vzip2, half = k->extent == VM_IR_HALF;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k);
    vec_3(k, unpack(k->log2, second && !half), to, a, b);
    if (!(half && second))
        return vec_done(k, to);
    vec_bytes_down(k, to, to, 8);
    return vec_done_whole(k, to);
}

// The even or odd lanes of a, then of b; of halves the same of b:a, in the low half.
static void pick_lanes(struct vec *k, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b, bool odd)
{
    if (k->log2 == 3) {
        vec_3(k, unpack(3, odd), to, a, b);
        return;
    }
    if (k->log2 == 2) {
        vec_3i(k, x64_OP_shufps, to, a, b, odd ? 0xdd : 0x88);
        return;
    }
    const unsigned wide = 2 * k->bits;
    const enum float_mask mask = k->log2 == 0 ? MASK_LOW_8_OF_16 : MASK_LOW_16_OF_32;
    enum x64_xmm other = vec_temp(k);
    if (odd) {
        vec_shift(k, VEC_SRL, wide, other, b, k->bits);
        vec_shift(k, VEC_SRL, wide, to, a, k->bits);
    } else {
        vec_mask(k, x64_OP_pand, other, b, mask);
        vec_mask(k, x64_OP_pand, to, a, mask);
    }
    vec_3(k, k->log2 == 0 ? x64_OP_packuswb : x64_OP_packusdw, to, to, other);
}

bool vec_unzip(struct vec *k)
{
    bool odd = k->o->code == VM_IR_vuzp2;
    if (k->log2 == 1 && !vec_has(k, VM_CPU_X86_64_SSE4_1))
        return false;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k);
    if (k->extent == VM_IR_HALF) {
        enum x64_xmm both = vec_temp(k);
        vec_3(k, x64_OP_punpcklqdq, both, a, b);
        a = b = both;
    }
    pick_lanes(k, to, a, b, odd);
    return vec_done(k, to);
}

// Lanes of a and b side by side: of one the even ones in place, of the other the odd ones.
bool vec_transpose(struct vec *k)
{
    bool odd = k->o->code == VM_IR_vtrn2;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), other = vec_temp(k);
    const unsigned wide = 2 * k->bits;
    if (k->log2 == 3) {
        vec_3(k, unpack(3, odd), to, a, b);
    } else if (k->log2 == 2) {
        vec_2i(k, x64_OP_pshufd, other, b, odd ? 0x0d : 0x08);
        vec_2i(k, x64_OP_pshufd, to, a, odd ? 0x0d : 0x08);
        vec_3(k, x64_OP_punpckldq, to, to, other);
    } else {
        // The lower lane of each pair from a, the upper one from b.
        const enum float_mask mask = k->log2 == 0 ? MASK_LOW_8_OF_16 : MASK_LOW_16_OF_32;
        if (odd) {
            vec_shift(k, VEC_SRL, wide, to, a, k->bits);
            vec_shift(k, VEC_SRL, wide, other, b, k->bits);
            vec_shift(k, VEC_SLL, wide, other, other, k->bits);
        } else {
            vec_mask(k, x64_OP_pand, to, a, mask);
            vec_shift(k, VEC_SLL, wide, other, b, k->bits);
        }
        vec_3(k, x64_OP_por, to, to, other);
    }
    return vec_done(k, to);
}

bool vec_extract(struct vec *k)
{
    bool half = k->extent == VM_IR_HALF;
    if (!half && !vec_has(k, VM_CPU_X86_64_SSSE3))
        return false;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k);
    if (half) {
        vec_3(k, x64_OP_punpcklqdq, to, a, b);
        vec_bytes_down(k, to, to, k->imm);
    } else {
        vec_3i(k, x64_OP_palignr, to, b, a, (uint8_t)k->imm);
    }
    return vec_done(k, to);
}

// The host looks at the index's low four bits, and gives 0 where it is negative.
bool vec_look_up(struct vec *k)
{
    if (!vec_has(k, VM_CPU_X86_64_SSSE3))
        return false;
    enum x64_xmm table = vec_arg(k, 0), index = vec_arg(k, 1), to = vec_temp(k), at = vec_temp(k);
    vec_mask(k, x64_OP_paddusb, at, index, MASK_BEYOND_15);
    vec_3(k, x64_OP_pshufb, to, table, at);
    return vec_done(k, to);
}

bool vec_reverse(struct vec *k)
{
    static const enum float_mask orders[2][4] = {
        {0, MASK_REVERSE_8_IN_16, MASK_REVERSE_8_IN_32, MASK_REVERSE_8_IN_64},
        {0, 0, MASK_REVERSE_16_IN_32, MASK_REVERSE_16_IN_64},
    };
    if (k->log2 < 2 && !vec_has(k, VM_CPU_X86_64_SSSE3))
        return false;
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k);
    if (k->log2 == 2)
        vec_2i(k, x64_OP_pshufd, to, a, 0xb1);
    else
        vec_mask(k, x64_OP_pshufb, to, a, orders[k->log2][k->imm]);
    return vec_done(k, to);
}
