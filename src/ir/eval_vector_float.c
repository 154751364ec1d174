// SPDX-License-Identifier: MIT
//
// Vectors of floats: each lane is the scalar op on softfloat (float.c), from lane 0 on.
#include "eval_vector.h"

#include <vm/base/bits.h>

// The scalar op of the same meaning; greater-than is less-than with its operands swapped.
static unsigned scalar_code(unsigned code)
{
    static const uint16_t codes[] = {
        [VM_IR_vfadd - VM_IR_vfadd] = VM_IR_fadd,   [VM_IR_vfsub - VM_IR_vfadd] = VM_IR_fsub,
        [VM_IR_vfmul - VM_IR_vfadd] = VM_IR_fmul,   [VM_IR_vfdiv - VM_IR_vfadd] = VM_IR_fdiv,
        [VM_IR_vfsqrt - VM_IR_vfadd] = VM_IR_fsqrt, [VM_IR_vfma - VM_IR_vfadd] = VM_IR_fma,
        [VM_IR_vfmin - VM_IR_vfadd] = VM_IR_fmin,   [VM_IR_vfmax - VM_IR_vfadd] = VM_IR_fmax,
        [VM_IR_vfceq - VM_IR_vfadd] = VM_IR_feq,    [VM_IR_vfcgt - VM_IR_vfadd] = VM_IR_flt,
        [VM_IR_vfcge - VM_IR_vfadd] = VM_IR_fle,    [VM_IR_vfround - VM_IR_vfadd] = VM_IR_fround,
        [VM_IR_vfwiden - VM_IR_vfadd] = VM_IR_fcvt, [VM_IR_vfnarrow - VM_IR_vfadd] = VM_IR_fcvt,
        [VM_IR_vftos - VM_IR_vfadd] = VM_IR_ftos,   [VM_IR_vftou - VM_IR_vfadd] = VM_IR_ftou,
        [VM_IR_vstof - VM_IR_vfadd] = VM_IR_stof,   [VM_IR_vutof - VM_IR_vfadd] = VM_IR_utof,
    };
    return codes[code - VM_IR_vfadd];
}

static enum vm_type wider(enum vm_type t)
{
    return t == VM_F16 ? VM_F32 : VM_F64;
}

// The scalar op; conversions of 16-bit integers go by i32, those to them by a rule of their own.
static struct vm_ir_op scalar_op(const struct vm_ir_lanes *o, uint32_t attr, enum vm_type *source)
{
    enum vm_type lane = vm_ir_vec_lane(attr), integer = o->bits == 64 ? VM_I64 : VM_I32;
    struct vm_ir_op op = {.code = (uint16_t)scalar_code(o->code), .type = (uint8_t)lane};
    op.attr = attr >> VM_IR_VEC_FP_SHIFT & ((1u << VM_IR_FP_ATTR_BITS) - 1);
    *source = lane;
    switch (o->code) {
    case VM_IR_vfwiden: op.type = (uint8_t)wider(lane); break;
    case VM_IR_vfnarrow: *source = wider(lane); break;
    case VM_IR_vftos:
    case VM_IR_vftou: op.type = (uint8_t)integer; break;
    case VM_IR_vstof:
    case VM_IR_vutof: *source = integer; break;
    default: break;
    }
    return op;
}

static bool is_compare(unsigned code)
{
    return code >= VM_IR_vfceq && code <= VM_IR_vfcge;
}

static uint64_t lane_of(const struct vm_ir_lanes *o, uint64_t what, const uint64_t v[3],
                        struct vm_fp_env *env)
{
    bool swap = o->code == VM_IR_vfcgt || o->code == VM_IR_vfcge;
    if (o->bits == 16 && (o->code == VM_IR_vftos || o->code == VM_IR_vftou))
        return vm_ir_eval_f16_to_int(what, (uint16_t)v[0], env);
    if (o->bits == 16 && o->code == VM_IR_vstof)
        return vm_ir_eval_float(what, vm_sign_extend(v[0], 16), 0, 0, env);
    uint64_t value = vm_ir_eval_float(what, v[swap], v[!swap], v[2], env);
    return is_compare(o->code) ? 0 - value : value;
}

vm_u128 vm_ir_eval_vector_float(const struct vm_ir_lanes *o, uint32_t attr, const vm_u128 v[3],
                                struct vm_fp_env *env)
{
    enum vm_type source;
    const struct vm_ir_op op = scalar_op(o, attr, &source);
    const bool widens = o->code == VM_IR_vfwiden, narrows = o->code == VM_IR_vfnarrow;
    unsigned from = narrows ? 2 * o->bits : o->bits, to = widens ? 2 * o->bits : o->bits;
    unsigned count = vm_ir_vec_count(o->bits, o->extent), args = vm_ir_op_infos[o->code].args;
    if ((widens || narrows) && o->extent != VM_IR_LANE0)
        count = 64 / o->bits;
    uint64_t what = vm_ir_float_word(&op, source);
    vm_u128 out = {0, 0};
    for (unsigned i = 0; i < count; i++) {
        uint64_t lanes[3] = {0};
        for (unsigned a = 0; a < args; a++)
            lanes[a] = vm_ir_vec_get(v[a], from, widens && o->high ? count + i : i);
        vm_ir_vec_or(&out, to, i, lane_of(o, what, lanes, env));
    }
    return out;
}
