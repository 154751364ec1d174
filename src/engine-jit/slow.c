// SPDX-License-Identifier: MIT
//
// What generated code leaves to C: accesses that miss the first-level TLB, atomics, and ops for
// which the host has no instruction.
#include <vm/base/bits.h>
#include <vm/ir/eval.h>

#include "jit.h"

static vm_u128 pair_of(const struct jit_frame *f, unsigned i)
{
    return (vm_u128){f->pair[i][0], f->pair[i][1]};
}

// What was read, extended to 128 bits.
static void set_pair(struct jit_frame *f, uint32_t attr, vm_u128 value)
{
    value = vm_ir_extend_wide(value, attr);
    f->pair[3][0] = value.lo;
    f->pair[3][1] = value.hi;
}

// The result goes to result[0], extended as attr says, or to pair[3].
JIT_ABI bool jit_slow_load(struct vm_vcpu *v, uint64_t gva, uint32_t attr)
{
    struct jit_frame *f = jit_of(v)->frame;
    vm_u128 value = {0, 0};
    bool wide = vm_ir_mem_size_log2(attr) >= 4;
    jit_float_settle(jit_of(v));
    bool done = wide ? vm_vcpu_load128(v, vm_gva_of(gva), attr, &value)
                     : vm_vcpu_load(v, vm_gva_of(gva), attr, &value.lo);
    if (!done)
        return false;
    f->result[0] = vm_ir_extend_loaded(value.lo, wide ? 0 : attr);
    set_pair(f, attr, value);
    return true;
}

JIT_ABI bool jit_slow_store(struct vm_vcpu *v, uint64_t gva, uint32_t attr)
{
    const struct jit_frame *f = jit_of(v)->frame;
    jit_float_settle(jit_of(v));
    if (vm_ir_mem_size_log2(attr) >= 4)
        return vm_vcpu_store128(v, vm_gva_of(gva), attr, pair_of(f, 0));
    return vm_vcpu_store(v, vm_gva_of(gva), attr, f->args[0]);
}

static vm_u128 operand(const struct jit_frame *f, unsigned i, bool wide)
{
    return wide ? pair_of(f, i) : (vm_u128){f->args[i], 0};
}

JIT_ABI bool jit_slow_atomic(struct vm_vcpu *v, uint64_t address, uint32_t attr, uint32_t what)
{
    const bool wide = what >> 16;
    struct jit_frame *f = jit_of(v)->frame;
    vm_gva gva = vm_gva_of(address);
    vm_u128 old = {0, 0};
    bool done;
    jit_float_settle(jit_of(v));
    switch (what & 0xffff) {
    case VM_IR_lr: done = vm_vcpu_load_reserved(v, gva, attr, &old); break;
    case VM_IR_sc:
        return vm_vcpu_store_conditional(v, gva, attr, operand(f, 0, wide), &f->result[0]);
    case VM_IR_cas:
        done = vm_vcpu_cas(v, gva, attr, operand(f, 0, wide), operand(f, 1, wide), &old);
        break;
    default: done = vm_vcpu_rmw(v, gva, attr, f->args[0], &old.lo); break;
    }
    if (!done)
        return false;
    set_pair(f, attr, old);
    f->result[0] = vm_ir_extend_loaded(old.lo, attr);
    return true;
}

JIT_ABI uint64_t jit_slow_exception(struct vm_vcpu *v, uint64_t word)
{
    struct jit *j = jit_of(v);
    jit_float_settle(j);
    if (jit_exit_kind(word) == JIT_EXIT_RAISE)
        vm_vcpu_raise(v, j->frame->args[1], j->frame->args[0]);
    vm_vcpu_set_pc(v, j->frame->page_base + jit_exit_offset(word));
    v->icount += (uint64_t)jit_exit_number(word);
    if (j->single || !atomic_load_explicit(&v->in_guest, memory_order_relaxed))
        return JIT_EXIT_EXCEPTION;
    return vm_vcpu_take_exception(v) ? JIT_GO_ON : JIT_EXIT_RESYNC;
}

JIT_ABI uint64_t jit_slow_call(struct vm_vcpu *v, vm_ir_helper_fn *helper)
{
    const uint64_t *args = jit_of(v)->frame->args;
    return helper(v, args[0], args[1], args[2], args[3]);
}

static bool is_float(enum vm_ir_code code)
{
    return vm_ir_op_infos[code].effects & VM_IR_E_FPENV;
}

static struct vm_fp_env *environment(struct vm_vcpu *v)
{
    return (struct vm_fp_env *)(void *)((char *)v->state + v->guest->regfile->fp_env);
}

// The operands' bits above their types are unspecified.
static void mask_operands(struct vm_ir_op *op, enum vm_type source, uint64_t args[3])
{
    const struct vm_ir_op_info *info = &vm_ir_op_infos[op->code];
    const char *letters = info->signature + 2;
    for (unsigned i = 0; i < info->args && i < 3; i++) {
        enum vm_type t = letters[i] == 't' ? (enum vm_type)op->type : i == 0 ? source : VM_I64;
        args[i] &= vm_mask(vm_ir_type_bits(t));
    }
}

JIT_ABI uint64_t jit_slow_evaluate(struct vm_vcpu *v, uint64_t what)
{
    struct jit_frame *f = jit_of(v)->frame;
    struct vm_ir_op op = {.code = (uint16_t)(what >> 32), .type = (uint8_t)(what >> 48)};
    enum vm_type source = (enum vm_type)(what >> 56);
    uint64_t args[3] = {f->args[0], f->args[1], f->args[2]}, out = 0;
    unsigned bits = vm_ir_type_bits((enum vm_type)op.type);
    op.attr = (uint32_t)what;
    switch (op.code) {
    case VM_IR_addf:
    case VM_IR_subf:
    case VM_IR_logicf:
        return vm_ir_wanted_flags(op.attr) &
               vm_ir_eval_flags(op.code, bits, args[0], args[1], args[2]);
    case VM_IR_cond: return vm_ir_eval_cond((uint32_t)args[0], op.attr);
    case VM_IR_fclass:
        return op.type == VM_F16   ? vm_f16_classify((uint16_t)args[0])
               : op.type == VM_F32 ? vm_f32_classify((uint32_t)args[0])
                                   : vm_f64_classify(args[0]);
    default: break;
    }
    if (is_float((enum vm_ir_code)op.code))
        return vm_ir_eval_float(what, args[0], args[1], args[2], environment(v));
    mask_operands(&op, source, args);
    vm_ir_eval_op(&op, source, args, &out);
    return out;
}

JIT_ABI uint64_t jit_slow_vector(struct vm_vcpu *v, uint64_t what)
{
    struct jit_frame *f = jit_of(v)->frame;
    const vm_u128 args[3] = {pair_of(f, 0), pair_of(f, 1), pair_of(f, 2)};
    vm_u128 out = vm_ir_eval_vector(what >> 32 & 0xffff, (uint32_t)what, args, environment(v));
    f->pair[3][0] = out.lo;
    f->pair[3][1] = out.hi;
    return out.lo;
}
