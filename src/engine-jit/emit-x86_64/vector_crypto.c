// SPDX-License-Identifier: MIT
//
// Vector ops of AES and SHA on the host's instructions for them (Intel SDM volume 1, chapters 5.21
// and 12.13; volume 2). Those of SHA have no VEX form, and take some states in an order of their
// own.
#include "vector.h"

// Lanes 3, 2, 1, 0.
enum { REVERSED = 0x1b };

// --- AES ---

// The host's rounds end with adding a key.
static enum x64_op round_instruction(const struct vm_ir_op *o)
{
    bool inverse = o->code == VM_IR_vaesd;
    if (vm_ir_vec_imm(o->attr))
        return inverse ? x64_OP_aesdec : x64_OP_aesenc;
    return inverse ? x64_OP_aesdeclast : x64_OP_aesenclast;
}

bool vec_aes(struct vec *k)
{
    if (!vec_has(k, VM_CPU_X86_64_AES))
        return false;
    enum x64_xmm a = vec_arg(k, 0), to = emit_xmm_result(k->e, k->v, 0);
    vec_mask(k, round_instruction(k->o), to, a, MASK_ZERO);
    return vec_done_whole(k, to);
}

bool vec_aes_with_key(struct vec *k, unsigned i)
{
    struct emit *e = k->e;
    const struct vm_ir_op *o = &e->r->ops[k->o->args[i]];
    if (!vec_has(k, VM_CPU_X86_64_AES)) {
        e->at = k->o->args[i]; // it is still to be used
        emit_evaluate_vector(e, k->o->args[i], o);
        e->at = k->v;
        e->locked = e->xmm_locked = 0;
        return false;
    }
    enum x64_xmm a = emit_in_xmm(e, o->args[0]), key = vec_arg(k, !i);
    enum x64_xmm to = vec_result(k, key);
    vec_3(k, round_instruction(o), to, a, key);
    return vec_done_whole(k, to);
}

// A round, after what undoes its other steps.
bool vec_aes_mix(struct vec *k)
{
    if (!vec_has(k, VM_CPU_X86_64_AES))
        return false;
    enum x64_xmm a = vec_arg(k, 0), to = emit_xmm_result(k->e, k->v, 0);
    vec_mask(k, x64_OP_aesdeclast, to, a, MASK_ZERO);
    vec_mask(k, x64_OP_aesenc, to, to, MASK_ZERO);
    return vec_done_whole(k, to);
}

bool vec_aes_unmix(struct vec *k)
{
    if (!vec_has(k, VM_CPU_X86_64_AES))
        return false;
    enum x64_xmm a = vec_arg(k, 0), to = emit_xmm_result(k->e, k->v, 0);
    vec_2(k, x64_OP_aesimc, to, a);
    return vec_done_whole(k, to);
}

// --- SHA-1: the host's words are in reverse order ---

// The host adds e to the first word, and the constant itself.
bool vec_sha1(struct vec *k)
{
    static const uint8_t constants[] = {MASK_SHA1_C, MASK_SHA1_P, MASK_SHA1_M};
    if (!vec_has(k, VM_CPU_X86_64_SHA))
        return false;
    enum x64_xmm abcd = vec_arg(k, 0), e = vec_arg(k, 1), words = vec_arg(k, 2);
    enum x64_xmm to = vec_temp(k), x = vec_temp(k), first = vec_temp(k);
    vec_2i(k, x64_OP_pshufd, to, abcd, REVERSED);
    vec_2i(k, x64_OP_pshufd, x, words, REVERSED);
    vec_bytes_up(k, first, e, 12);
    vec_3(k, x64_OP_paddd, x, x, first);
    vec_mask(k, x64_OP_psubd, x, x, (enum float_mask)constants[k->imm]);
    // Constant and function by number; the second and the fourth function are the same.
    x64_sha1rnds4_rri(&k->e->code, to, x, (uint8_t)k->imm);
    vec_2i(k, x64_OP_pshufd, to, to, REVERSED);
    return vec_done_whole(k, to);
}

bool vec_sha1_schedule(struct vec *k)
{
    if (!vec_has(k, VM_CPU_X86_64_SHA))
        return false;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), last = vec_temp(k);
    vec_2i(k, x64_OP_pshufd, to, a, REVERSED);
    vec_2i(k, x64_OP_pshufd, last, b, REVERSED);
    x64_sha1msg2_rr(&k->e->code, to, last);
    vec_2i(k, x64_OP_pshufd, to, to, REVERSED);
    return vec_done_whole(k, to);
}

// --- SHA-256 ---

// The op that makes the other half of the state, if it is to come in this block.
static vm_ir_value other_half(const struct vec *k)
{
    const struct vm_ir_region *r = k->e->r;
    const struct vm_ir_block *b = &r->blocks[k->e->ir_block];
    const uint16_t *root = k->e->plan->root;
    const vm_ir_value *x = k->o->args;
    for (uint32_t i = k->v + 1u; i < b->first + (uint32_t)b->count; i++) {
        const vm_ir_value *y = r->ops[i].args;
        if (r->ops[i].code == VM_IR_vsha256h2 && root[x[0]] == root[y[1]] &&
            root[x[1]] == root[y[0]] && root[x[2]] == root[y[2]])
            return (vm_ir_value)i;
    }
    return VM_IR_NONE;
}

// The host has a, b, e, f in one register and c, d, g, h in another, from the high lane on. The
// last pair of ops may have left them so; else they are made of their operands.
static void order_state(struct vec *k, vm_ir_value abcd, vm_ir_value efgh, enum x64_xmm out[2])
{
    enum { HIGH_PAIRS = 0xbb, LOW_PAIRS = 0x11 };
    struct emit *e = k->e;
    const uint16_t *root = e->plan->root;
    if (e->sha_xmm[0] != NO_REG && e->sha[0] == root[abcd] && e->sha[1] == root[efgh]) {
        out[0] = (enum x64_xmm)e->sha_xmm[0];
        out[1] = (enum x64_xmm)e->sha_xmm[1];
        e->xmm_locked |= (uint16_t)(1u << out[0] | 1u << out[1]);
        return;
    }
    enum x64_xmm high = emit_in_xmm(e, abcd), low = emit_in_xmm(e, efgh);
    out[0] = vec_temp(k);
    out[1] = vec_temp(k);
    vec_3i(k, x64_OP_shufps, out[1], low, high, HIGH_PAIRS);
    vec_3i(k, x64_OP_shufps, out[0], low, high, LOW_PAIRS);
}

// Two rounds make the next a, b, e, f of the two registers, and what a, b, e, f were becomes c, d,
// g, h. The host finds words in xmm0. As both halves of the state come of it, the second one is
// made ahead, and the registers stay as they are for the next rounds.
bool vec_sha256(struct vec *k)
{
    enum { HIGH_PAIRS = 0xbb, LOW_PAIRS = 0x11, UPPER_HALF = 0xee };
    if (!vec_has(k, VM_CPU_X86_64_SHA))
        return false;
    struct emit *e = k->e;
    bool want_low = k->o->code == VM_IR_vsha256h2;
    if (e->ahead_xmm != NO_REG && e->ahead == k->v) {
        enum x64_xmm made = (enum x64_xmm)e->ahead_xmm;
        e->ahead_xmm = NO_REG;
        return vec_done_whole(k, made);
    }
    vm_ir_value other = want_low ? (vm_ir_value)VM_IR_NONE : other_half(k);
    const vm_ir_value *x = k->o->args;
    enum x64_xmm state[2];
    emit_claim_one_xmm(e, X64_XMM0);
    order_state(k, x[want_low], x[!want_low], state);
    emit_load_xmm(e, X64_XMM0, x[2]);
    x64_sha256rnds2_rr(&e->code, state[1], state[0]);
    vec_2i(k, x64_OP_pshufd, X64_XMM0, X64_XMM0, UPPER_HALF);
    x64_sha256rnds2_rr(&e->code, state[0], state[1]);
    e->sha_xmm[0] = e->sha_xmm[1] = NO_REG;
    if (other != VM_IR_NONE) {
        enum x64_xmm low = vec_temp(k);
        vec_3i(k, x64_OP_shufps, low, state[0], state[1], LOW_PAIRS);
        e->ahead = other;
        e->ahead_xmm = (uint8_t)low;
    }
    enum x64_xmm to = emit_xmm_result(e, k->v, 0);
    vec_3i(k, x64_OP_shufps, to, state[0], state[1], want_low ? LOW_PAIRS : HIGH_PAIRS);
    vec_done_whole(k, to);
    for (unsigned i = 0; i < 2 && other != VM_IR_NONE; i++) {
        e->sha[i] = i ? other : k->v;
        e->sha_xmm[i] = (uint8_t)state[i];
    }
    return true;
}

bool vec_sha256_schedule0(struct vec *k)
{
    if (!vec_has(k, VM_CPU_X86_64_SHA))
        return false;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k);
    emit_xmm_move(k->e, to, a);
    x64_sha256msg1_rr(&k->e->code, to, b);
    return vec_done_whole(k, to);
}

bool vec_sha256_schedule1(struct vec *k)
{
    if (!vec_has(k, VM_CPU_X86_64_SHA) || !vec_has(k, VM_CPU_X86_64_SSSE3))
        return false;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), c = vec_arg(k, 2), to = vec_temp(k);
    vec_3i(k, x64_OP_palignr, to, c, b, 4);
    vec_3(k, x64_OP_paddd, to, to, a);
    x64_sha256msg2_rr(&k->e->code, to, c);
    return vec_done_whole(k, to);
}
