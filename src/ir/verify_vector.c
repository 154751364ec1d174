// SPDX-License-Identifier: MIT
//
// The verifier's rules for the attribute word of vector ops: which lanes, extents and immediates
// each may have.
#include "verify.h"
#include "words.h"

#define LANES_INT    (VM_TYPES_INT)
#define LANES_NARROW (VM_TYPE_BIT(VM_I8) | VM_TYPE_BIT(VM_I16) | VM_TYPE_BIT(VM_I32))
#define LANES_BYTE   VM_TYPE_BIT(VM_I8)

enum {
    WHOLE = 1 << VM_IR_WHOLE,
    HALF = 1 << VM_IR_HALF,
    LANE0 = 1 << VM_IR_LANE0,
    ANY = WHOLE | HALF | LANE0,
};

struct rule {
    uint32_t lanes; // a set of types
    uint8_t extents;
    uint32_t flags; // bits of attr that it may have
};

static struct rule rule_of(unsigned code)
{
    switch (code) {
    case VM_IR_vget: return (struct rule){LANES_INT, WHOLE, VM_IR_VEC_SIGNED};
    case VM_IR_vset:
    case VM_IR_vlow: return (struct rule){LANES_INT, WHOLE, 0};
    case VM_IR_vpair: return (struct rule){VM_TYPES_I64, WHOLE, 0};
    case VM_IR_vsqdmulh:
    case VM_IR_vsqrdmulh: return (struct rule){VM_TYPE_BIT(VM_I16) | VM_TYPE_BIT(VM_I32), ANY, 0};
    case VM_IR_vcnt:
    case VM_IR_vrbit:
    case VM_IR_vpmul: return (struct rule){LANES_BYTE, ANY, 0};
    case VM_IR_vrev: return (struct rule){LANES_NARROW, WHOLE | HALF, 0};
    case VM_IR_vzip1:
    case VM_IR_vzip2:
    case VM_IR_vuzp1:
    case VM_IR_vuzp2:
    case VM_IR_vtrn1:
    case VM_IR_vtrn2: return (struct rule){LANES_INT, WHOLE | HALF, 0};
    case VM_IR_vext:
    case VM_IR_vtbl: return (struct rule){LANES_BYTE, WHOLE | HALF, 0};
    case VM_IR_vwidens:
    case VM_IR_vwidenu:
    case VM_IR_vmulls:
    case VM_IR_vmullu: return (struct rule){LANES_NARROW, WHOLE, VM_IR_VEC_HIGH};
    case VM_IR_vpmull: return (struct rule){LANES_BYTE | VM_TYPES_I64, WHOLE, VM_IR_VEC_HIGH};
    case VM_IR_vnarrow:
    case VM_IR_vsqnarrow:
    case VM_IR_vuqnarrow:
    case VM_IR_vsqnarrowu: return (struct rule){LANES_NARROW, WHOLE | LANE0, 0};
    case VM_IR_vsdot:
    case VM_IR_vudot:
    case VM_IR_vusdot: return (struct rule){VM_TYPES_I32, ANY, 0};
    case VM_IR_vaese:
    case VM_IR_vaesd:
    case VM_IR_vaesmc:
    case VM_IR_vaesimc: return (struct rule){LANES_BYTE, WHOLE, 0};
    case VM_IR_vsha1:
    case VM_IR_vsha1su1:
    case VM_IR_vsha256h:
    case VM_IR_vsha256h2:
    case VM_IR_vsha256su0:
    case VM_IR_vsha256su1: return (struct rule){VM_TYPES_I32, WHOLE, 0};
    case VM_IR_vfwiden:
        return (struct rule){VM_TYPE_BIT(VM_F16) | VM_TYPE_BIT(VM_F32), WHOLE, VM_IR_VEC_HIGH};
    case VM_IR_vfnarrow:
        return (struct rule){VM_TYPE_BIT(VM_F16) | VM_TYPE_BIT(VM_F32), WHOLE | LANE0, 0};
    default: break;
    }
    bool is_float = vm_ir_op_infos[code].effects & VM_IR_E_FPENV;
    return (struct rule){is_float ? VM_TYPES_FLOAT : LANES_INT, ANY, 0};
}

// The immediate's range, for a lane of that many bits.
static void imm_range(const struct vm_ir_op *op, unsigned bits, unsigned *least, unsigned *most)
{
    *least = 0;
    switch (op->code) {
    case VM_IR_vget:
    case VM_IR_vset:
    case VM_IR_vdup: *most = 128 / bits - 1; break;
    case VM_IR_vrshrs:
    case VM_IR_vrshru: *least = 1; VM_FALLTHROUGH;
    case VM_IR_vshl:
    case VM_IR_vshrs:
    case VM_IR_vshru: *most = bits; break;
    case VM_IR_vrev:
        *least = (unsigned)__builtin_ctz(bits / 8) + 1;
        *most = 3;
        break;
    case VM_IR_vext: *most = vm_ir_vec_extent(op->attr) == VM_IR_HALF ? 7 : 15; break;
    case VM_IR_vaese:
    case VM_IR_vaesd: *most = 1; break;
    case VM_IR_vsha1: *most = 2; break;
    default: *most = 0; break;
    }
}

static bool has_fewer_than_two_lanes(const struct vm_ir_op *op, unsigned bits)
{
    return op->code >= VM_IR_vzip1 && op->code <= VM_IR_vtrn2 && bits == 64 &&
           vm_ir_vec_extent(op->attr) == VM_IR_HALF;
}

bool vm_ir_check_vector(struct vm_ir_check *k, const struct vm_ir_op *op)
{
    const struct rule rule = rule_of(op->code);
    enum vm_type lane = vm_ir_vec_lane(op->attr);
    unsigned bits = vm_ir_type_bits(lane), imm = vm_ir_vec_imm(op->attr), least, most;
    bool is_float = vm_ir_op_infos[op->code].effects & VM_IR_E_FPENV;
    uint32_t known = 15u << VM_IR_VEC_LANE_SHIFT | 3u << VM_IR_VEC_EXTENT_SHIFT | rule.flags |
                     VM_IR_VIMM(0xff) | (is_float ? VM_IR_VFP((1u << VM_IR_FP_ATTR_BITS) - 1) : 0);
    if (lane >= VM_TYPE_COUNT || !(VM_TYPE_BIT(lane) & rule.lanes))
        return vm_ir_check_fail(k, "cannot have lanes of type %s",
                                lane < VM_TYPE_COUNT ? vm_ir_type_names[lane] : "?");
    if (!(1u << vm_ir_vec_extent(op->attr) & rule.extents) || has_fewer_than_two_lanes(op, bits))
        return vm_ir_check_fail(k, "extent %u is not for it", (unsigned)vm_ir_vec_extent(op->attr));
    if (op->attr & ~known)
        return vm_ir_check_fail(k, "attr 0x%x has bits without a meaning", op->attr);
    imm_range(op, bits, &least, &most);
    if (imm < least || imm > most)
        return vm_ir_check_fail(k, "immediate %u is not between %u and %u", imm, least, most);
    return true;
}
