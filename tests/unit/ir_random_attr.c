// SPDX-License-Identifier: MIT
//
// Random attribute words of ops.
#include "ir_random_gen.h"

bool toy_lanes_fit(unsigned code, unsigned lane, unsigned extent)
{
    unsigned bytes = vm_ir_type_bytes((enum vm_type)lane);
    bool whole = extent == VM_IR_WHOLE, one = extent == VM_IR_LANE0;
    switch (code) {
    case VM_IR_vget:
    case VM_IR_vset:
    case VM_IR_vlow: return whole;
    case VM_IR_vpair: return whole && bytes == 8;
    case VM_IR_vsqdmulh:
    case VM_IR_vsqrdmulh: return bytes == 2 || bytes == 4;
    case VM_IR_vcnt:
    case VM_IR_vrbit:
    case VM_IR_vpmul: return bytes == 1;
    case VM_IR_vrev: return bytes < 8 && !one;
    case VM_IR_vzip1:
    case VM_IR_vzip2:
    case VM_IR_vuzp1:
    case VM_IR_vuzp2:
    case VM_IR_vtrn1:
    case VM_IR_vtrn2: return whole || (!one && bytes < 8);
    case VM_IR_vext:
    case VM_IR_vtbl: return bytes == 1 && !one;
    case VM_IR_vpmull: return whole && (bytes == 1 || bytes == 8);
    case VM_IR_vwidens:
    case VM_IR_vwidenu:
    case VM_IR_vmulls:
    case VM_IR_vmullu:
    case VM_IR_vfwiden: return whole && bytes < 8;
    case VM_IR_vnarrow:
    case VM_IR_vsqnarrow:
    case VM_IR_vuqnarrow:
    case VM_IR_vsqnarrowu:
    case VM_IR_vfnarrow: return bytes < 8 && (whole || one);
    case VM_IR_vsdot:
    case VM_IR_vudot:
    case VM_IR_vusdot: return bytes == 4;
    case VM_IR_vaese:
    case VM_IR_vaesd:
    case VM_IR_vaesmc:
    case VM_IR_vaesimc: return whole && bytes == 1;
    case VM_IR_vsha1:
    case VM_IR_vsha1su1:
    case VM_IR_vsha256h:
    case VM_IR_vsha256h2:
    case VM_IR_vsha256su0:
    case VM_IR_vsha256su1: return whole && bytes == 4;
    default: return true;
    }
}

static uint32_t memory_attr(struct toy_gen *g, unsigned code, enum vm_type t)
{
    unsigned log2 = 0, most = 0;
    while (1u << most < vm_ir_type_bytes(t))
        most++;
    log2 = toy_pick(g, most + 1);
    bool reads = code != VM_IR_store && code != VM_IR_sc;
    uint32_t attr = log2;
    if (reads && t != VM_V128 && log2 < most && toy_pick(g, 2))
        attr |= VM_IR_MEM_SIGNED;
    if (!toy_pick(g, 4))
        attr |= VM_IR_MEM_BIG_ENDIAN;
    if (!toy_pick(g, 8))
        attr |= VM_IR_ALIGN_NATURAL << VM_IR_MEM_ALIGN_SHIFT;
    if (!toy_pick(g, 4))
        attr |= VM_IR_SEQ_CST << VM_IR_MEM_ORDER_SHIFT;
    if (code == VM_IR_rmw)
        attr |= toy_pick(g, 9) << VM_IR_MEM_RMW_SHIFT;
    return attr;
}

uint32_t toy_float_attr(struct toy_gen *g, unsigned code)
{
    static const uint8_t rounds[] = {0, 1, 2, 3, 4, 5, VM_IR_FP_DYNAMIC, VM_IR_FP_DYNAMIC};
    uint32_t attr = rounds[toy_pick(g, 8)] | toy_pick(g, 4) << VM_IR_FP_NAN_SHIFT;
    if (!toy_pick(g, 3))
        attr |= VM_IR_FP_NO_FLAGS;
    if (!toy_pick(g, 5))
        attr |= VM_IR_FP_NAN_ENV;
    if (code == VM_IR_fma)
        attr |= toy_pick(g, 4) * VM_IR_FP_NEG_PRODUCT;
    return attr;
}

static const uint16_t with_lane_number[] = {VM_IR_vget, VM_IR_vset, VM_IR_vdup};

static uint32_t vector_imm(struct toy_gen *g, unsigned code, unsigned bytes, unsigned extent)
{
    for (unsigned i = 0; i < VM_ARRAY_SIZE(with_lane_number); i++)
        if (code == with_lane_number[i])
            return toy_pick(g, 16 / bytes);
    switch (code) {
    case VM_IR_vshl:
    case VM_IR_vshrs:
    case VM_IR_vshru: return toy_pick(g, 3) ? toy_pick(g, 8 * bytes) : toy_pick(g, 2) * 8 * bytes;
    case VM_IR_vrshrs:
    case VM_IR_vrshru: return 1 + toy_pick(g, 8 * bytes);
    case VM_IR_vrev:
        for (;;) {
            unsigned imm = 1 + toy_pick(g, 3);
            if (1u << imm > bytes)
                return imm;
        }
    case VM_IR_vext: return toy_pick(g, extent == VM_IR_HALF ? 8 : 16);
    case VM_IR_vaese:
    case VM_IR_vaesd: return toy_pick(g, 2);
    case VM_IR_vsha1: return toy_pick(g, 3);
    default: return 0;
    }
}

static uint32_t with_choices(struct toy_gen *g, unsigned code, uint32_t attr)
{
    switch (code) {
    case VM_IR_vfma: return attr | VM_IR_VFP(toy_pick(g, 4) * VM_IR_FP_NEG_PRODUCT);
    case VM_IR_vfmin:
    case VM_IR_vfmax: return attr | VM_IR_VFP(toy_pick(g, 4) << VM_IR_FP_RULE_SHIFT);
    case VM_IR_vftos:
    case VM_IR_vftou: return attr | VM_IR_VFP(toy_pick(g, 3) << VM_IR_FP_RULE_SHIFT);
    case VM_IR_vfceq:
    case VM_IR_vfcgt:
    case VM_IR_vfcge: return attr | VM_IR_VFP(toy_pick(g, 2) * VM_IR_FP_SIGNALING);
    case VM_IR_vfround: return attr | VM_IR_VFP(toy_pick(g, 2) * VM_IR_FP_EXACT);
    default: return attr;
    }
}

// What the verifier takes of random lanes, extents and halves.
static uint32_t vector_attr(struct toy_gen *g, unsigned code)
{
    bool is_float = vm_ir_op_infos[code].effects & VM_IR_E_FPENV;
    for (;;) {
        unsigned lane = is_float ? VM_F16 + toy_pick(g, 3) : VM_I8 + toy_pick(g, 4),
                 extent = toy_pick(g, 3);
        uint32_t attr = VM_IR_LANES(lane, extent);
        attr |= toy_pick(g, 2) * VM_IR_VEC_HIGH;
        attr |= code == VM_IR_vget ? toy_pick(g, 2) * VM_IR_VEC_SIGNED : 0;
        bool halves = code >= VM_IR_vwidens && code <= VM_IR_vpmull && code != VM_IR_vpmul;
        if (!halves && code != VM_IR_vfwiden)
            attr &= ~(uint32_t)VM_IR_VEC_HIGH;
        if (!toy_lanes_fit(code, lane, extent))
            continue;
        if (is_float)
            attr |= VM_IR_VFP(toy_float_attr(g, 0));
        return with_choices(g, code, attr) |
               VM_IR_VIMM(vector_imm(g, code, vm_ir_type_bytes((enum vm_type)lane), extent));
    }
}

uint32_t toy_attr_of(struct toy_gen *g, unsigned code, enum vm_type t)
{
    unsigned effects = vm_ir_op_infos[code].effects, pos;
    if (code == VM_IR_fence)
        return toy_pick(g, 256);
    if (effects & (VM_IR_E_LOAD | VM_IR_E_STORE))
        return memory_attr(g, code, t);
    if (vm_ir_is_vector_op(code))
        return vector_attr(g, code);
    if (effects & VM_IR_E_FPENV)
        return toy_float_attr(g, code);
    switch (code) {
    case VM_IR_extract:
    case VM_IR_deposit:
        pos = toy_pick(g, 3) ? toy_pick(g, vm_ir_type_bits(t)) : 0;
        if (toy_pick(g, 2))
            pos &= ~7u;
        return VM_IR_FIELD(pos, 1 + toy_pick(g, vm_ir_type_bits(t) - pos)) |
               (code == VM_IR_extract && toy_pick(g, 2) ? VM_IR_FIELD_SIGNED : 0);
    case VM_IR_mergef: return toy_pick(g, 4096) & 0x8d5;
    case VM_IR_addf:
    case VM_IR_subf:
    case VM_IR_logicf:
        return toy_pick(g, 3) ? VM_IR_FLAGS_NZCV * toy_pick(g, 2) : toy_pick(g, 4096) & 0x8d5;
    case VM_IR_cond: return toy_pick(g, 16);
    default: return 0;
    }
}
