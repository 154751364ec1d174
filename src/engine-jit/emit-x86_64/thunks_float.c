// SPDX-License-Identifier: MIT
//
// The shared code of floating point: MXCSR to and from the guest (float.c), and the calls of C
// aside of a block's way, which leave every register as it is.
#include "emit.h"

#include <stddef.h>
#include <vm/base/memory.h>

struct x64_mem emit_at_jit_state(const struct jit *j, const void *field)
{
    return x64_at(REG_STATE,
                  (int32_t)((const char *)field - ((const char *)j->vcpu->state + STATE_BIAS)));
}

static struct x64_mem at_environment(const struct jit *j, size_t offset)
{
    const char *state = j->vcpu->state;
    return emit_at_jit_state(j, state + j->vcpu->guest->regfile->fp_env + offset);
}

// Intel SDM volume 1, 10.2.3: the flags' places, rounding control, all exceptions masked.
enum { IE = 1, ZE = 4, OE = 8, UE = 16, PE = 32, FLAG_SETS = 64, MASKED = 0x1f80, RC_SHIFT = 13 };

static uint8_t flags_of(unsigned set)
{
    return (uint8_t)((set & IE ? VM_FP_NV : 0) | (set & ZE ? VM_FP_DZ : 0) |
                     (set & OE ? VM_FP_OF : 0) | (set & UE ? VM_FP_UF : 0) |
                     (set & PE ? VM_FP_NX : 0));
}

void emit_float_tables(struct x64_code *c, struct jit *j)
{
    static const uint8_t rounding_control[] = {
        [VM_FP_RNE] = 0, [VM_FP_RTZ] = 3, [VM_FP_RDN] = 1, [VM_FP_RUP] = 2};
    static const uint64_t masks[MASK_COUNT][2] = {
        [MASK_BOX] = {~(uint64_t)UINT32_MAX},
        [MASK_SIGN_64] = {(uint64_t)1 << 63},
        [MASK_REST_64] = {INT64_MAX},
        [MASK_SIGN_32] = {(uint64_t)1 << 31},
        [MASK_REST_32] = {INT32_MAX},
        [MASK_LOW_8_OF_16] = {0x00ff00ff00ff00ff, 0x00ff00ff00ff00ff},
        [MASK_LOW_16_OF_32] = {0x0000ffff0000ffff, 0x0000ffff0000ffff},
        [MASK_BEYOND_15] = {0x7070707070707070, 0x7070707070707070},
        [MASK_REVERSE_8_IN_16] = {0x0607040502030001, 0x0e0f0c0d0a0b0809},
        [MASK_REVERSE_8_IN_32] = {0x0405060700010203, 0x0c0d0e0f08090a0b},
        [MASK_REVERSE_8_IN_64] = {0x0001020304050607, 0x08090a0b0c0d0e0f},
        [MASK_REVERSE_16_IN_32] = {0x0504070601000302, 0x0d0c0f0e09080b0a},
        [MASK_LOW_4_OF_8] = {0x0f0f0f0f0f0f0f0f, 0x0f0f0f0f0f0f0f0f},
        [MASK_SIGN_8] = {0x8080808080808080, 0x8080808080808080},
        [MASK_REST_8] = {0x7f7f7f7f7f7f7f7f, 0x7f7f7f7f7f7f7f7f},
        [MASK_ONES_IN_4] = {0x0302020102010100, 0x0403030203020201},
        [MASK_REVERSED_4] = {0x0e060a020c040800, 0x0f070b030d050901},
        [MASK_REVERSED_4_HIGH] = {0xe060a020c0408000, 0xf070b030d0509010},
        [MASK_ZEROS_IN_LOW] = {0x0505050506060708, 0x0404040404040404},
        [MASK_ZEROS_IN_HIGH] = {0x0101010102020308, 0},
        [MASK_POWERS_OF_2] = {0x8040201008040201, 0},
        [MASK_POWERS_DOWN] = {0x0204081020408000, 1},
        [MASK_SHA1_C] = {0x5a8279995a827999, 0x5a8279995a827999},
        [MASK_SHA1_P] = {0x6ed9eba16ed9eba1, 0x6ed9eba16ed9eba1},
        [MASK_SHA1_M] = {0x8f1bbcdc8f1bbcdc, 0x8f1bbcdc8f1bbcdc},
        [MASK_ALL_REST_32] = {0x7fffffff7fffffff, 0x7fffffff7fffffff},
        [MASK_ALL_REST_64] = {INT64_MAX, INT64_MAX},
        [MASK_ALL_LEAST_32] = {0x0080000000800000, 0x0080000000800000},
        [MASK_ALL_LEAST_64] = {0x0010000000000000, 0x0010000000000000},
        [MASK_ALL_SIGN_32] = {0x8000000080000000, 0x8000000080000000},
        [MASK_REVERSE_16_IN_64] = {0x0100030205040706, 0x09080b0a0d0c0f0e},
    };
    const size_t words = sizeof(uint32_t) * VM_ARRAY_SIZE(rounding_control);
    if ((size_t)(c->end - c->at) < sizeof masks + words + FLAG_SETS) {
        c->overflow = true;
        return;
    }
    // The cache begins here, so this is aligned.
    j->thunks.fp_masks = c->at;
    vm_copy(c->at, masks, sizeof masks);
    c->at += sizeof masks;
    j->thunks.fp_control = c->at;
    j->thunks.fp_flags = c->at + words;
    for (unsigned i = 0; i < VM_ARRAY_SIZE(rounding_control); i++)
        ((uint32_t *)(void *)c->at)[i] = MASKED | (uint32_t)rounding_control[i] << RC_SHIFT;
    for (unsigned i = 0; i < FLAG_SETS; i++)
        j->thunks.fp_flags[i] = flags_of(i);
    c->at += words + FLAG_SETS;
}

unsigned emit_fixed_xmm_count(const struct vm_regfile *r)
{
    unsigned n = 0;
    while (n < FIXED_XMM_MAX && r->hot_float && r->hot_float[n] != VM_IR_NONE)
        n++;
    return n;
}

static void move_fixed_xmm(struct x64_code *c, const struct jit *j, bool to_state)
{
    const struct vm_regfile *r = j->vcpu->guest->regfile;
    for (unsigned i = 0, n = emit_fixed_xmm_count(r); i < n; i++) {
        const struct vm_register *entry = &r->registers[r->hot_float[i]];
        struct x64_mem place = emit_at_jit_state(j, (const char *)j->vcpu->state + entry->offset);
        enum x64_xmm xmm = (enum x64_xmm)(XMM_COUNT - 1 - i);
        if (entry->type == VM_V128)
            to_state ? x64_movups_mr(c, place, xmm) : x64_movups_rm(c, xmm, place);
        else
            to_state ? x64_movsd_mr(c, place, xmm) : x64_movsd_rm(c, xmm, place);
    }
}

void emit_move_live(struct x64_code *c, const struct jit *j, bool to_state)
{
    struct x64_label not_live = {0};
    x64_cmp_mi(c, X64_8, emit_at_jit_state(j, &j->frame->fp.live), 0);
    x64_jcc_label(c, X64_E, &not_live);
    move_fixed_xmm(c, j, to_state);
    x64_bind(c, &not_live);
}

void emit_end_float(struct x64_code *c, const struct jit *j)
{
    struct jit_float *f = &j->frame->fp;
    struct x64_label not_live = {0};
    x64_cmp_mi(c, X64_8, emit_at_jit_state(j, &f->live), 0);
    x64_jcc_label(c, X64_E, &not_live);
    x64_mov_mi(c, X64_8, emit_at_jit_state(j, &f->live), 0);
    move_fixed_xmm(c, j, true);
    x64_stmxcsr_m(c, emit_at_jit_state(j, &f->guest));
    x64_ldmxcsr_m(c, emit_at_jit_state(j, &f->host));
    x64_mov_rm(c, X64_32, X64_R10, emit_at_jit_state(j, &f->guest));
    x64_and_ri(c, X64_32, X64_R10, FLAG_SETS - 1);
    x64_lea_rm(c, X64_64, X64_R11, x64_here(c, j->thunks.fp_flags));
    x64_movzx8_rm(c, X64_32, X64_R10, x64_at_index(X64_R11, X64_R10, 0, 0));
    x64_or_mr(c, X64_8, at_environment(j, offsetof(struct vm_fp_env, flags)), X64_R10);
    x64_bind(c, &not_live);
}

static void move_xmm(struct x64_code *c, const struct jit *j, bool to_frame)
{
    for (unsigned i = 0; i < VM_ARRAY_SIZE(j->frame->fp.xmm); i++) {
        struct x64_mem place = emit_at_jit_state(j, &j->frame->fp.xmm[i]);
        if (to_frame)
            x64_movups_mr(c, place, (enum x64_xmm)i);
        else
            x64_movups_rm(c, (enum x64_xmm)i, place);
    }
}

// rcx: the rounding mode, of those that the host has. Uses rdx.
static void go_live(struct x64_code *c, const struct jit *j)
{
    struct jit_float *f = &j->frame->fp;
    x64_stmxcsr_m(c, emit_at_jit_state(j, &f->host));
    x64_lea_rm(c, X64_64, X64_RDX, x64_here(c, j->thunks.fp_control));
    x64_ldmxcsr_m(c, x64_at_index(X64_RDX, X64_RCX, 2, 0));
    x64_mov_mi(c, X64_8, emit_at_jit_state(j, &f->live), 1);
    move_fixed_xmm(c, j, false);
}

static void load_rounding(struct x64_code *c, const struct jit *j)
{
    x64_movzx8_rm(c, X64_32, X64_RCX, at_environment(j, offsetof(struct vm_fp_env, round)));
}

// At a block's entry. eax: the exit word for a rounding mode that the host lacks.
static void emit_begin(struct x64_code *c, struct jit *j)
{
    struct x64_label lacking = {0};
    j->thunks.fp_begin = c->at;
    load_rounding(c, j);
    x64_cmp_ri(c, X64_32, X64_RCX, VM_FP_RUP);
    x64_jcc_label(c, X64_A, &lacking);
    go_live(c, j);
    x64_ret(c);
    x64_bind(c, &lacking);
    x64_add_ri(c, X64_64, X64_RSP, 8); // the block's return address
    x64_jmp_to(c, j->thunks.leave);
}

// Further down in a block, which nothing has gone on with that changes the mode.
static void emit_resume(struct x64_code *c, struct jit *j)
{
    j->thunks.fp_resume = c->at;
    x64_push_r(c, X64_RCX);
    x64_push_r(c, X64_RDX);
    load_rounding(c, j);
    x64_and_ri(c, X64_32, X64_RCX, VM_FP_RUP);
    go_live(c, j);
    x64_pop_r(c, X64_RDX);
    x64_pop_r(c, X64_RCX);
    x64_ret(c);
}

// Where a block reads or writes the environment itself.
static void emit_end(struct x64_code *c, struct jit *j)
{
    j->thunks.fp_end = c->at;
    x64_push_r(c, X64_R10);
    x64_push_r(c, X64_R11);
    emit_end_float(c, j);
    x64_pop_r(c, X64_R11);
    x64_pop_r(c, X64_R10);
    x64_ret(c);
}

// Around an access that goes through C, or may. rcx: struct jit_nans, or 0.
static void emit_save(struct x64_code *c, struct jit *j)
{
    j->thunks.fp_save = c->at;
    x64_mov_mr(c, X64_64, emit_at_jit_state(j, &j->frame->fp.nans), X64_RCX);
    x64_movzx8_rm(c, X64_32, X64_RCX, emit_at_jit_state(j, &j->frame->fp.live));
    x64_mov_mr(c, X64_8, emit_at_jit_state(j, &j->frame->fp.was_live), X64_RCX);
    move_xmm(c, j, true);
    x64_ret(c);
    struct x64_label done = {0};
    j->thunks.fp_restore = c->at;
    move_xmm(c, j, false);
    x64_mov_mi(c, X64_64, emit_at_jit_state(j, &j->frame->fp.nans), 0);
    x64_cmp_mi(c, X64_8, emit_at_jit_state(j, &j->frame->fp.live), 0);
    x64_jcc_label(c, X64_NE, &done); // C has not been called
    x64_cmp_mi(c, X64_8, emit_at_jit_state(j, &j->frame->fp.was_live), 0);
    x64_jcc_to(c, X64_NE, j->thunks.fp_resume);
    x64_bind(c, &done);
    x64_ret(c);
}

// Those below are called with rax pushed, so the stack is aligned after two more.
static void begin_aside(struct x64_code *c, const struct jit *j)
{
    x64_push_r(c, X64_RCX);
    x64_push_r(c, X64_RDX);
    move_xmm(c, j, true);
}

static void end_aside(struct x64_code *c, const struct jit *j)
{
    move_xmm(c, j, false);
    x64_pop_r(c, X64_RDX);
    x64_pop_r(c, X64_RCX);
    x64_ret(c);
}

// rax: struct jit_nans.
static void emit_nans(struct x64_code *c, struct jit *j)
{
    j->thunks.fp_nans = c->at;
    x64_mov_mr(c, X64_64, emit_at_jit_state(j, &j->frame->fp.nans), X64_RAX);
    begin_aside(c, j);
    x64_imm(c, X64_RAX, (uintptr_t)jit_help_nans);
    x64_call_to(c, j->thunks.call);
    end_aside(c, j);
}

// rax: what to compute; operands in the frame, the result in frame.result.
static void emit_evaluation_aside(struct x64_code *c, struct jit *j)
{
    j->thunks.fp_evaluate = c->at;
    begin_aside(c, j);
    x64_mov_rr(c, X64_64, X64_RCX, X64_RAX);
    x64_call_to(c, j->thunks.evaluate);
    x64_mov_mr(c, X64_64, emit_at_jit_state(j, &j->frame->result[0]), X64_RAX);
    end_aside(c, j);
}

// The same of a vector op: operands and result in the frame's pairs.
static void emit_vector_aside(struct x64_code *c, struct jit *j)
{
    j->thunks.fp_vector = c->at;
    begin_aside(c, j);
    x64_mov_rr(c, X64_64, X64_RCX, X64_RAX);
    x64_call_to(c, j->thunks.vector);
    end_aside(c, j);
}

void emit_float_thunks(struct x64_code *c, struct jit *j)
{
    emit_begin(c, j);
    emit_resume(c, j);
    emit_end(c, j);
    emit_save(c, j);
    emit_nans(c, j);
    emit_evaluation_aside(c, j);
    emit_vector_aside(c, j);
}
