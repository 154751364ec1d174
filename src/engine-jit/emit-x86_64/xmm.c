// SPDX-License-Identifier: MIT
//
// Float values in xmm registers (emit.h), and instructions on them in the form that the host has:
// VEX where it has AVX, so that the two kinds do not mix. Elements above the value's own are
// unspecified.
#include "emit.h"

#include <vm/osal/cpu.h>

enum { NONE = VM_IR_NONE };

static bool has_avx(const struct emit *e)
{
    return has_feature(e, VM_CPU_X86_64_AVX);
}

// --- instructions ---

void emit_xmm_load(struct emit *e, enum vm_type t, enum x64_xmm to, struct x64_mem from)
{
    if (t == VM_V128)
        has_avx(e) ? x64_vmovups_rm(&e->code, X64_128, to, from)
                   : x64_movups_rm(&e->code, to, from);
    else if (has_avx(e))
        t == VM_F32 ? x64_vmovss_rm(&e->code, to, from) : x64_vmovsd_rm(&e->code, to, from);
    else
        t == VM_F32 ? x64_movss_rm(&e->code, to, from) : x64_movsd_rm(&e->code, to, from);
}

void emit_xmm_store(struct emit *e, enum vm_type t, struct x64_mem to, enum x64_xmm from)
{
    if (t == VM_V128)
        has_avx(e) ? x64_vmovups_mr(&e->code, X64_128, to, from)
                   : x64_movups_mr(&e->code, to, from);
    else if (has_avx(e))
        t == VM_F32 ? x64_vmovss_mr(&e->code, to, from) : x64_vmovsd_mr(&e->code, to, from);
    else
        t == VM_F32 ? x64_movss_mr(&e->code, to, from) : x64_movsd_mr(&e->code, to, from);
}

void emit_xmm_move(struct emit *e, enum x64_xmm to, enum x64_xmm from)
{
    if (to == from)
        return;
    if (has_avx(e))
        x64_vmovaps_rr(&e->code, X64_128, to, from);
    else
        x64_movaps_rr(&e->code, to, from);
}

void emit_xmm_from(struct emit *e, enum x64_width w, enum x64_xmm to, enum x64_reg from)
{
    if (has_avx(e))
        x64_vmovd_xr(&e->code, w, to, from);
    else
        x64_movd_xr(&e->code, w, to, from);
}

void emit_xmm_to(struct emit *e, enum x64_width w, enum x64_reg to, enum x64_xmm from)
{
    if (has_avx(e))
        x64_vmovd_rx(&e->code, w, to, from);
    else
        x64_movd_rx(&e->code, w, to, from);
}

void emit_xmm_zero(struct emit *e, enum x64_xmm to)
{
    if (has_avx(e))
        x64_vxorps_rrr(&e->code, X64_128, to, to, to);
    else
        x64_xorps_rr(&e->code, to, to);
}

void emit_xmm_two(struct emit *e, enum x64_op op, enum x64_xmm to, const struct operand *from)
{
    if (has_avx(e) && from->kind == IN_MEMORY)
        x64_avx_rm(&e->code, op, X64_128, to, from->mem);
    else if (has_avx(e))
        x64_avx_rr(&e->code, op, X64_128, to, from->xmm);
    else if (from->kind == IN_MEMORY)
        x64_sse_rm(&e->code, op, to, from->mem);
    else
        x64_sse_rr(&e->code, op, to, from->xmm);
}

void emit_xmm_three(struct emit *e, enum x64_op op, enum x64_xmm to, enum x64_xmm a,
                    const struct operand *b)
{
    if (has_avx(e) && b->kind == IN_MEMORY) {
        x64_avx_rrm(&e->code, op, X64_128, to, a, b->mem);
    } else if (has_avx(e)) {
        x64_avx_rrr(&e->code, op, X64_128, to, a, b->xmm);
    } else {
        emit_xmm_move(e, to, a);
        emit_xmm_two(e, op, to, b);
    }
}

void emit_xmm_mask(struct emit *e, enum x64_op op, enum x64_xmm to, enum x64_xmm a,
                   enum float_mask mask)
{
    if (!has_avx(e)) {
        emit_xmm_move(e, to, a);
        a = to;
    }
    const uint8_t *place = e->jit->thunks.fp_masks + 16 * mask;
    struct operand b = {.kind = IN_MEMORY, .mem = x64_here(&e->code, place)};
    emit_xmm_three(e, op, to, a, &b);
}

void emit_xmm_compare_mask(struct emit *e, enum x64_op op, enum x64_xmm a, enum float_mask mask)
{
    const uint8_t *place = e->jit->thunks.fp_masks + 16 * mask;
    struct operand b = {.kind = IN_MEMORY, .mem = x64_here(&e->code, place)};
    emit_xmm_two(e, op, a, &b);
}

// --- which has what ---

static void forget(struct emit *e, unsigned xmm)
{
    if (e->xmms[xmm] != NONE)
        e->xmm_of[e->xmms[xmm]] = NO_REG;
    e->xmms[xmm] = NONE;
    if (e->ahead_xmm == xmm)
        e->ahead_xmm = NO_REG;
    if (e->sha_xmm[0] == xmm || e->sha_xmm[1] == xmm)
        e->sha_xmm[0] = e->sha_xmm[1] = NO_REG;
}

void emit_forget_xmm(struct emit *e)
{
    for (unsigned i = 0; e->xmm_held && i < XMM_COUNT; i++)
        forget(e, i);
    e->ahead_xmm = e->sha_xmm[0] = e->sha_xmm[1] = NO_REG;
    e->xmm_locked = e->xmm_boxed = 0;
    e->xmm_held = false;
}

void emit_hold_xmm(struct emit *e, vm_ir_value v, enum x64_xmm xmm)
{
    vm_ir_value root = e->plan->root[v];
    if (e->xmms[xmm] != root)
        forget(e, xmm);
    if (emit_xmm_home(e, root) != NO_REG)
        return;
    if (e->xmm_of[root] != NO_REG)
        e->xmms[e->xmm_of[root]] = NONE;
    e->xmms[xmm] = root;
    e->xmm_of[root] = (uint8_t)xmm;
    e->xmm_held = true;
}

// As what a value is kept in memory: whole words.
static enum vm_type kept_as(const struct emit *e, vm_ir_value root)
{
    return vm_ir_value_type(e->r, root) == VM_V128 ? VM_V128 : VM_F64;
}

static bool is_needed(const struct emit *e, vm_ir_value root)
{
    return root != NONE && e->plan->last_use[root] >= e->at;
}

bool emit_xmm_in_use(const struct emit *e)
{
    if (e->ahead_xmm != NO_REG || e->sha_xmm[0] != NO_REG)
        return true;
    for (unsigned i = 0; e->xmm_held && i < XMM_COUNT; i++) {
        if (is_needed(e, e->xmms[i]))
            return true;
    }
    return false;
}

static void spill(struct emit *e, unsigned xmm)
{
    if (is_needed(e, e->xmms[xmm]) && !emit_is_in_memory(e, e->xmms[xmm]))
        emit_xmm_store(e, kept_as(e, e->xmms[xmm]), emit_slot(e, e->xmms[xmm]), (enum x64_xmm)xmm);
}

void emit_spill_xmm(struct emit *e)
{
    for (unsigned i = 0; e->xmm_held && i < XMM_COUNT; i++)
        spill(e, i);
}

void emit_claim_xmm(struct emit *e)
{
    emit_spill_xmm(e);
    for (unsigned i = 0; i < XMM_COUNT; i++)
        forget(e, i);
}

// Empties one; what is needed and nowhere else goes to its slot.
static void empty(struct emit *e, unsigned xmm)
{
    vm_ir_value root = e->xmms[xmm];
    if (root != NONE && e->reg_of[root] == NO_REG)
        spill(e, xmm);
    forget(e, xmm);
}

// Those that hold no value may have what is of use all the same.
static unsigned cost_of_free(const struct emit *e, unsigned xmm)
{
    if (xmm == e->ahead_xmm)
        return 2;
    return xmm == e->sha_xmm[0] || xmm == e->sha_xmm[1];
}

// The free one, else the one that is needed last; of those that are needed no more the oldest
// value, since a pending one may be looked at again.
enum x64_xmm emit_xmm_temp(struct emit *e)
{
    unsigned best = XMM_COUNT;
    uint64_t best_rank = 0;
    for (unsigned i = 0; i < e->xmm_temps; i++) {
        vm_ir_value root = e->xmms[i];
        if (e->xmm_locked >> i & 1)
            continue;
        uint64_t rank = root == NONE         ? UINT64_MAX - cost_of_free(e, i)
                        : is_needed(e, root) ? e->plan->last_use[root]
                                             : ((uint64_t)1 << 32) - root;
        if (best == XMM_COUNT || rank > best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    if (best == XMM_COUNT) {
        e->failed = true;
        return X64_XMM0;
    }
    empty(e, best);
    e->xmm_locked |= (uint16_t)(1u << best);
    e->xmm_boxed &= (uint16_t) ~(1u << best);
    return (enum x64_xmm)best;
}

void emit_claim_one_xmm(struct emit *e, enum x64_xmm xmm)
{
    vm_ir_value root = e->xmms[xmm];
    e->xmm_locked |= (uint16_t)(1u << xmm);
    if (is_needed(e, root)) {
        enum x64_xmm other = emit_xmm_temp(e);
        emit_xmm_move(e, other, xmm);
        emit_hold_xmm(e, root, other);
        e->xmm_locked &= (uint16_t) ~(1u << other);
        if (e->xmm_boxed >> xmm & 1)
            e->xmm_boxed |= (uint16_t)(1u << other);
    }
    forget(e, xmm);
    e->xmm_boxed &= (uint16_t) ~(1u << xmm);
}

enum x64_xmm emit_xmm_result(struct emit *e, vm_ir_value v, uint32_t busy)
{
    uint8_t home = emit_xmm_home(e, e->plan->root[v]);
    return home != NO_REG && !(busy >> home & 1) ? (enum x64_xmm)home : emit_xmm_temp(e);
}

static void bring_const(struct emit *e, vm_ir_value v, enum x64_xmm to, uint64_t value)
{
    if (value == 0)
        emit_xmm_zero(e, to);
    else
        emit_xmm_from(e, X64_64, to, emit_in_register(e, v));
}

// The register has all of the root, of which v may be a part.
static enum vm_type whole_type(const struct emit *e, vm_ir_value root)
{
    unsigned bytes = vm_ir_type_bytes(vm_ir_value_type(e->r, root));
    return bytes == 16 ? VM_V128 : bytes == 8 ? VM_F64 : VM_F32;
}

void emit_load_xmm(struct emit *e, enum x64_xmm to, vm_ir_value v)
{
    vm_ir_value root = e->plan->root[v];
    uint8_t xmm = emit_xmm_of(e, root);
    uint64_t value;
    if (xmm != NO_REG) {
        emit_xmm_move(e, to, (enum x64_xmm)xmm);
    } else if (emit_is_const(e, v, &value)) {
        bring_const(e, v, to, value);
    } else {
        struct operand o = emit_operand(e, v);
        if (o.kind == IN_REGISTER)
            emit_xmm_from(e, X64_64, to, o.reg);
        else
            emit_xmm_load(e, whole_type(e, root), to, o.mem);
    }
}

enum x64_xmm emit_in_xmm(struct emit *e, vm_ir_value v)
{
    vm_ir_value root = e->plan->root[v];
    uint8_t xmm = emit_xmm_of(e, root);
    if (xmm != NO_REG) {
        e->xmm_locked |= (uint16_t)(1u << xmm);
        return (enum x64_xmm)xmm;
    }
    enum x64_xmm to = emit_xmm_temp(e);
    uint16_t locked = e->locked;
    emit_load_xmm(e, to, v);
    e->locked = locked;
    emit_hold_xmm(e, root, to);
    return to;
}

struct operand emit_float_operand(struct emit *e, vm_ir_value v)
{
    vm_ir_value root = e->plan->root[v];
    bool in_memory = emit_xmm_of(e, root) == NO_REG && e->reg_of[root] == NO_REG &&
                     e->r->ops[root].code != VM_IR_const;
    if (in_memory && e->plan->last_use[root] <= e->at) {
        struct operand o = emit_operand(e, v);
        if (o.kind == IN_MEMORY)
            return o;
    }
    return in_xmm(emit_in_xmm(e, v));
}

void emit_xmm_release(struct emit *e, const struct vm_ir_op *o)
{
    unsigned args = vm_ir_op_args(e->r, o);
    for (unsigned i = 0; i < args; i++) {
        vm_ir_value root = e->plan->root[o->args[i]];
        if (e->xmm_of[root] != NO_REG && e->plan->last_use[root] <= e->at) {
            e->xmm_locked &= (uint16_t) ~(1u << e->xmm_of[root]);
            forget(e, e->xmm_of[root]);
        }
    }
}

void emit_define_xmm(struct emit *e, vm_ir_value v, enum x64_xmm xmm)
{
    vm_ir_value root = e->plan->root[v];
    uint16_t home = e->plan->home[root];
    if (has_fixed_home(e, root)) {
        emit_entry_written(e, home);
        emit_xmm_to(e, X64_64, (enum x64_reg)e->fixed[home], xmm);
    } else if (emit_xmm_home(e, root) != NO_REG) {
        emit_entry_written(e, home);
        emit_xmm_move(e, (enum x64_xmm)emit_xmm_home(e, root), xmm);
    } else if (home != NONE) {
        emit_entry_written(e, home);
        emit_xmm_store(e, kept_as(e, root), at_entry(e, home), xmm);
    }
    if (e->plan->marks[root] & JIT_ESCAPES)
        emit_xmm_store(e, kept_as(e, root), emit_slot(e, root), xmm);
    emit_hold_xmm(e, root, xmm);
}
