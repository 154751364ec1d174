// SPDX-License-Identifier: MIT
#include <vm/ir/eval.h>

#include <vm/base/bits.h>

static uint64_t mulh(unsigned code, unsigned bits, uint64_t a, uint64_t b)
{
    if (bits == 32) {
        uint64_t left = code == VM_IR_mulhu ? a : vm_sign_extend(a, 32);
        uint64_t right = code == VM_IR_mulhs ? vm_sign_extend(b, 32) : b;
        return left * right >> 32;
    }
    switch (code) {
    case VM_IR_mulhu: return vm_mul_u64(a, b).hi;
    case VM_IR_mulhs: return vm_mulh_s64(a, b);
    default: return vm_mulh_su64(a, b);
    }
}

static uint64_t divide(unsigned code, unsigned bits, uint64_t a, uint64_t b)
{
    bool remainder = code == VM_IR_remu || code == VM_IR_rems;
    if (!b)
        return remainder ? a : UINT64_MAX;
    if (code == VM_IR_divu)
        return a / b;
    if (code == VM_IR_remu)
        return a % b;
    int64_t x = (int64_t)vm_sign_extend(a, bits), y = (int64_t)vm_sign_extend(b, bits);
    if (y == -1)
        return remainder ? 0 : 0 - a;
    return (uint64_t)(remainder ? x % y : x / y);
}

static uint64_t minmax(unsigned code, unsigned bits, uint64_t a, uint64_t b)
{
    bool less = code == VM_IR_umin || code == VM_IR_umax
                    ? a < b
                    : (int64_t)vm_sign_extend(a, bits) < (int64_t)vm_sign_extend(b, bits);
    bool min = code == VM_IR_smin || code == VM_IR_umin;
    return less == min ? a : b;
}

static uint64_t shift(unsigned code, unsigned bits, uint64_t a, uint64_t b)
{
    unsigned n = (unsigned)(b & (bits - 1));
    switch (code) {
    case VM_IR_shl: return a << n;
    case VM_IR_shr: return a >> n;
    case VM_IR_sar: return (uint64_t)((int64_t)vm_sign_extend(a, bits) >> n);
    default: return n ? a >> n | a << (bits - n) : a;
    }
}

static uint64_t compare(unsigned code, unsigned bits, uint64_t a, uint64_t b)
{
    int64_t x = (int64_t)vm_sign_extend(a, bits), y = (int64_t)vm_sign_extend(b, bits);
    switch (code) {
    case VM_IR_eq: return a == b;
    case VM_IR_ne: return a != b;
    case VM_IR_lts: return x < y;
    case VM_IR_les: return x <= y;
    case VM_IR_ltu: return a < b;
    default: return a <= b;
    }
}

static bool eval_binary(unsigned code, unsigned bits, uint64_t a, uint64_t b, uint64_t *out)
{
    switch (code) {
    case VM_IR_add: *out = a + b; return true;
    case VM_IR_sub: *out = a - b; return true;
    case VM_IR_mul: *out = a * b; return true;
    case VM_IR_and: *out = a & b; return true;
    case VM_IR_or: *out = a | b; return true;
    case VM_IR_xor: *out = a ^ b; return true;
    case VM_IR_mulhu:
    case VM_IR_mulhs:
    case VM_IR_mulhsu: *out = mulh(code, bits, a, b); return true;
    case VM_IR_divu:
    case VM_IR_divs:
    case VM_IR_remu:
    case VM_IR_rems: *out = divide(code, bits, a, b); return true;
    case VM_IR_shl:
    case VM_IR_shr:
    case VM_IR_sar:
    case VM_IR_rotr: *out = shift(code, bits, a, b); return true;
    case VM_IR_smin:
    case VM_IR_smax:
    case VM_IR_umin:
    case VM_IR_umax: *out = minmax(code, bits, a, b); return true;
    case VM_IR_clmul: *out = vm_clmul64(a, b).lo; return true;
    case VM_IR_clmulh: *out = vm_clmul64(a, b).hi; return true;
    case VM_IR_eq:
    case VM_IR_ne:
    case VM_IR_lts:
    case VM_IR_les:
    case VM_IR_ltu:
    case VM_IR_leu: *out = compare(code, bits, a, b); return true;
    default: return false;
    }
}

static uint64_t or_bytes(uint64_t v)
{
    v |= v >> 4 & 0x0f0f0f0f0f0f0f0fu;
    v |= v >> 2 & 0x0303030303030303u;
    v |= v >> 1 & 0x0101010101010101u;
    return (v & 0x0101010101010101u) * 0xff;
}

static uint64_t unbox(unsigned bits, uint64_t a)
{
    if ((a | vm_mask(bits)) == UINT64_MAX)
        return a;
    return bits == 16 ? 0x7e00 : 0x7fc00000;
}

// `from` is the width of the operand, `bits` that of the suffix.
static bool eval_unary(unsigned code, unsigned bits, unsigned from, uint64_t a, uint64_t *out)
{
    switch (code) {
    case VM_IR_clz: *out = vm_clz64(a) - (64 - bits); return true;
    case VM_IR_ctz: *out = a ? vm_ctz64(a) : bits; return true;
    case VM_IR_popcnt: *out = vm_popcount64(a); return true;
    case VM_IR_bswap: *out = __builtin_bswap64(a) >> (64 - bits); return true;
    case VM_IR_brev8: *out = vm_reverse_bits_in_bytes(a); return true;
    case VM_IR_orcb: *out = or_bytes(a); return true;
    case VM_IR_sext: *out = vm_sign_extend(a, from); return true;
    case VM_IR_zext:
    case VM_IR_trunc:
    case VM_IR_fbits:
    case VM_IR_bitsf: *out = a; return true;
    case VM_IR_box: *out = a | ~vm_mask(bits); return true;
    case VM_IR_unbox: *out = bits == 64 ? a : unbox(bits, a); return true;
    default: return false;
    }
}

static bool eval_field(const struct vm_ir_op *op, uint64_t a, uint64_t b, uint64_t *out)
{
    unsigned pos = VM_IR_FIELD_POS(op->attr), len = VM_IR_FIELD_LEN(op->attr);
    if (op->code == VM_IR_deposit) {
        *out = vm_set_bits(a, pos, len, b);
        return true;
    }
    if (op->code != VM_IR_extract)
        return false;
    *out = vm_bits(a, pos, len);
    if (op->attr & VM_IR_FIELD_SIGNED)
        *out = vm_sign_extend(*out, len);
    return true;
}

bool vm_ir_eval_op(const struct vm_ir_op *op, enum vm_type from_type, const uint64_t v[3],
                   uint64_t *out)
{
    unsigned bits = vm_ir_type_bits((enum vm_type)op->type), from = vm_ir_type_bits(from_type);
    bool known = true;
    if (op->code == VM_IR_select)
        *out = v[0] ? v[1] : v[2];
    else
        known = eval_field(op, v[0], v[1], out) || eval_binary(op->code, bits, v[0], v[1], out) ||
                eval_unary(op->code, bits, from, v[0], out);
    if (known && vm_ir_op_infos[op->code].signature[0] == 't')
        *out &= vm_mask(bits);
    return known;
}

bool vm_ir_eval(const struct vm_ir_region *r, const struct vm_ir_op *op, uint64_t *out)
{
    const struct vm_ir_op_info *info = &vm_ir_op_infos[op->code];
    uint64_t v[3] = {0};
    if (info->effects || !info->args || info->args > 3 ||
        vm_ir_type_bits((enum vm_type)op->type) > 64)
        return false;
    for (unsigned i = 0; i < info->args; i++) {
        if (!vm_ir_is_const(r, op->args[i]))
            return false;
        v[i] = r->ops[op->args[i]].imm;
    }
    return vm_ir_eval_op(op, (enum vm_type)r->ops[op->args[0]].type, v, out);
}

static uint32_t flag_if(bool condition, uint32_t flag)
{
    return condition ? flag : 0;
}

static uint32_t result_flags(unsigned bits, uint64_t result)
{
    return flag_if(result >> (bits - 1) & 1, VM_IR_FLAG_S) | flag_if(!result, VM_IR_FLAG_Z) |
           flag_if(!(vm_popcount64(result & 0xff) & 1), VM_IR_FLAG_P);
}

uint32_t vm_ir_eval_flags(unsigned code, unsigned bits, uint64_t a, uint64_t b, uint64_t carry)
{
    uint64_t mask = vm_mask(bits), result;
    bool c, v;
    a &= mask;
    b &= mask;
    if (code == VM_IR_logicf)
        return result_flags(bits, a);
    if (code == VM_IR_addf) {
        result = (a + b + carry) & mask;
        c = carry ? result <= a : result < a;
        v = (~(a ^ b) & (a ^ result)) >> (bits - 1) & 1;
    } else {
        result = (a - b - carry) & mask;
        c = carry ? a <= b : a < b;
        v = ((a ^ b) & (a ^ result)) >> (bits - 1) & 1;
    }
    return result_flags(bits, result) | flag_if(c, VM_IR_FLAG_C) | flag_if(v, VM_IR_FLAG_V) |
           flag_if((a ^ b ^ result) >> 4 & 1, VM_IR_FLAG_A);
}

bool vm_ir_eval_cond(uint32_t flags, uint32_t cond)
{
    bool z = flags & VM_IR_FLAG_Z, less = !(flags & VM_IR_FLAG_S) != !(flags & VM_IR_FLAG_V);
    bool holds;
    switch (cond & ~(uint32_t)VM_IR_COND_NOT) {
    case VM_IR_COND_SV: holds = less; break;
    case VM_IR_COND_ZSV: holds = z || less; break;
    default: holds = flags & vm_ir_cond_flags(cond); break;
    }
    return holds != !!(cond & VM_IR_COND_NOT);
}

uint32_t vm_ir_cond_flags(uint32_t cond)
{
    switch (cond & ~(uint32_t)VM_IR_COND_NOT) {
    case VM_IR_COND_Z: return VM_IR_FLAG_Z;
    case VM_IR_COND_C: return VM_IR_FLAG_C;
    case VM_IR_COND_S: return VM_IR_FLAG_S;
    case VM_IR_COND_V: return VM_IR_FLAG_V;
    case VM_IR_COND_P: return VM_IR_FLAG_P;
    case VM_IR_COND_CZ: return VM_IR_FLAG_C | VM_IR_FLAG_Z;
    case VM_IR_COND_SV: return VM_IR_FLAG_S | VM_IR_FLAG_V;
    default: return VM_IR_FLAG_Z | VM_IR_FLAG_S | VM_IR_FLAG_V;
    }
}
