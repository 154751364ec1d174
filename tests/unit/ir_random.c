// SPDX-License-Identifier: MIT
#include "ir_random.h"

#include <string.h>

enum { MAX_BLOCKS = 8, MAX_VALUES = 2000, MAX_PARAMS = 3, MAX_OPS = 30 };

// What a value is good for: the types, and truth values among the i64.
enum { TRUTH = VM_TYPE_COUNT, KINDS };

struct value {
    vm_ir_value v;
    uint8_t kind, block;
};

struct edges {
    unsigned count, to[2];
};

struct gen {
    uint64_t random;
    struct vm_ir_builder b;
    unsigned blocks, block;
    struct edges edges[MAX_BLOCKS];
    unsigned dominators[MAX_BLOCKS]; // by block: a set of blocks
    unsigned params[MAX_BLOCKS];
    uint8_t param_kind[MAX_BLOCKS][MAX_PARAMS];
    struct value values[MAX_VALUES];
    unsigned value_count;
};

static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static unsigned pick(struct gen *g, unsigned n)
{
    return (unsigned)(next(&g->random) % n);
}

static uint64_t interesting(uint64_t *random)
{
    static const uint64_t special[] = {
        0,
        1,
        2,
        7,
        8,
        0x10,
        0x1f,
        0x20,
        0x3f,
        0x40,
        0x7f,
        0x80,
        0xff,
        0x100,
        0x7fff,
        0x8000,
        0xffff,
        0x7fffffff,
        0x80000000u,
        0xffffffffu,
        0x100000000u,
        INT64_MAX,
        (uint64_t)INT64_MIN,
        UINT64_MAX,
        UINT64_MAX - 1,
        0xffffffff80000000u,
        0xffffffff00000000u,
        0xffffffff7fc00000u,
        // Floats: one, the least normals, an infinity, NaNs; of several formats side by side.
        0x3ff0000000000000u,
        0x0010000000000000u,
        0x3f80000000800000u,
        0xbf80000040490fdbu,
        0x7f800000ff800001u,
        0x7ff0000000000000u,
        0xfff0000000000001u,
        0x7ff8000000001234u,
        0x7fc12345ffc00000u,
        0x3c0004007c007e01u,
        0x83ff0001fc017bffu,
    };
    uint64_t r = next(random);
    if (r % 4)
        return special[(r >> 8) % VM_ARRAY_SIZE(special)] + (r >> 3) % 3 - 1;
    return next(random) >> (r >> 8) % 64;
}

static vm_ir_value keep(struct gen *g, vm_ir_value v, unsigned kind)
{
    if (g->value_count < MAX_VALUES)
        g->values[g->value_count++] = (struct value){v, (uint8_t)kind, (uint8_t)g->block};
    return v;
}

static bool dominates(const struct gen *g, unsigned a, unsigned b)
{
    return g->dominators[b] >> a & 1;
}

static vm_ir_value fresh(struct gen *g, unsigned kind)
{
    if (kind == TRUTH)
        return keep(g, vm_ir_const(&g->b, VM_I64, pick(g, 2)), TRUTH);
    bool constant = VM_TYPE_BIT(kind) & VM_TYPES_SCALAR && pick(g, 3);
    uint64_t bits = interesting(&g->random);
    unsigned from = pick(g, TOY_COUNT);
    if (constant)
        return keep(g, vm_ir_const(&g->b, (enum vm_type)kind, bits), kind);
    while (toy_regfile.registers[from % TOY_COUNT].type != kind)
        from++;
    return keep(g, vm_ir_get(&g->b, (uint16_t)(from % TOY_COUNT)), kind);
}

// A value of the kind that may be used here: mostly one that is there.
static vm_ir_value any(struct gen *g, unsigned kind)
{
    unsigned tries = pick(g, 8) ? 40 : 0;
    while (tries-- && g->value_count) {
        // Newer values more often, so that chains form.
        unsigned back = pick(g, pick(g, 2) ? g->value_count : 1 + g->value_count / 4);
        const struct value *v = &g->values[g->value_count - 1 - back];
        bool fits = v->kind == kind || (kind == VM_I64 && v->kind == TRUTH);
        if (fits && dominates(g, v->block, g->block))
            return v->v;
    }
    return fresh(g, kind);
}

static vm_ir_value address(struct gen *g)
{
    vm_ir_value x = any(g, VM_I64);
    if (!pick(g, 12))
        return x;
    x = vm_ir_and(&g->b, VM_I64, x, vm_ir_const(&g->b, VM_I64, 0xfc0));
    if (pick(g, 2))
        x = vm_ir_add(&g->b, VM_I64, x, vm_ir_const(&g->b, VM_I64, pick(g, 64)));
    return keep(g, x, VM_I64);
}

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

static enum vm_type type_in(struct gen *g, unsigned set)
{
    unsigned t;
    do
        t = pick(g, VM_TYPE_COUNT);
    while (!(set & VM_TYPE_BIT(t)));
    return (enum vm_type)t;
}

static unsigned bits(enum vm_type t)
{
    return vm_ir_type_bits(t);
}

// The kind of operand that a letter asks for with the suffix t.
static unsigned operand_kind(struct gen *g, char letter, enum vm_type t)
{
    unsigned set = 0;
    switch (letter) {
    case 't': return t;
    case 'b': return TRUTH;
    case 'q': return VM_I128;
    case 'f': return VM_FLAGS;
    case 'i': return t == VM_F16 ? VM_I16 : t == VM_F32 ? VM_I32 : VM_I64;
    case 'N': return pick(g, 2) ? VM_I32 : VM_I64;
    case 'n':
    case 'x':
        for (unsigned s = VM_I8; s <= VM_I64; s++)
            if (letter == 'n' ? bits((enum vm_type)s) < bits(t) : bits((enum vm_type)s) > bits(t))
                set |= VM_TYPE_BIT(s);
        return set ? type_in(g, set) : VM_VOID;
    case 'F': {
        enum vm_type f = type_in(g, VM_TYPES_FLOAT);
        return f == t ? (f == VM_F64 ? VM_F32 : VM_F64) : f;
    }
    default: return VM_I64;
    }
}

static uint32_t memory_attr(struct gen *g, unsigned code, enum vm_type t)
{
    unsigned log2 = 0, most = 0;
    while (1u << most < vm_ir_type_bytes(t))
        most++;
    log2 = pick(g, most + 1);
    bool reads = code != VM_IR_store && code != VM_IR_sc;
    uint32_t attr = log2;
    if (reads && t != VM_V128 && log2 < most && pick(g, 2))
        attr |= VM_IR_MEM_SIGNED;
    if (!pick(g, 4))
        attr |= VM_IR_MEM_BIG_ENDIAN;
    if (!pick(g, 8))
        attr |= VM_IR_ALIGN_NATURAL << VM_IR_MEM_ALIGN_SHIFT;
    if (!pick(g, 4))
        attr |= VM_IR_SEQ_CST << VM_IR_MEM_ORDER_SHIFT;
    if (code == VM_IR_rmw)
        attr |= pick(g, 9) << VM_IR_MEM_RMW_SHIFT;
    return attr;
}

static uint32_t float_attr(struct gen *g, unsigned code)
{
    static const uint8_t rounds[] = {0, 1, 2, 3, 4, 5, VM_IR_FP_DYNAMIC, VM_IR_FP_DYNAMIC};
    uint32_t attr = rounds[pick(g, 8)] | pick(g, 4) << VM_IR_FP_NAN_SHIFT;
    if (!pick(g, 3))
        attr |= VM_IR_FP_NO_FLAGS;
    if (!pick(g, 5))
        attr |= VM_IR_FP_NAN_ENV;
    if (code == VM_IR_fma)
        attr |= pick(g, 4) * VM_IR_FP_NEG_PRODUCT;
    return attr;
}

static const uint16_t with_lane_number[] = {VM_IR_vget, VM_IR_vset, VM_IR_vdup};

static uint32_t vector_imm(struct gen *g, unsigned code, unsigned bytes, unsigned extent)
{
    for (unsigned i = 0; i < VM_ARRAY_SIZE(with_lane_number); i++)
        if (code == with_lane_number[i])
            return pick(g, 16 / bytes);
    switch (code) {
    case VM_IR_vshl:
    case VM_IR_vshrs:
    case VM_IR_vshru: return pick(g, 3) ? pick(g, 8 * bytes) : pick(g, 2) * 8 * bytes;
    case VM_IR_vrshrs:
    case VM_IR_vrshru: return 1 + pick(g, 8 * bytes);
    case VM_IR_vrev:
        for (;;) {
            unsigned imm = 1 + pick(g, 3);
            if (1u << imm > bytes)
                return imm;
        }
    case VM_IR_vext: return pick(g, extent == VM_IR_HALF ? 8 : 16);
    case VM_IR_vaese:
    case VM_IR_vaesd: return pick(g, 2);
    case VM_IR_vsha1: return pick(g, 3);
    default: return 0;
    }
}

static uint32_t with_choices(struct gen *g, unsigned code, uint32_t attr)
{
    switch (code) {
    case VM_IR_vfma: return attr | VM_IR_VFP(pick(g, 4) * VM_IR_FP_NEG_PRODUCT);
    case VM_IR_vfmin:
    case VM_IR_vfmax: return attr | VM_IR_VFP(pick(g, 4) << VM_IR_FP_RULE_SHIFT);
    case VM_IR_vftos:
    case VM_IR_vftou: return attr | VM_IR_VFP(pick(g, 3) << VM_IR_FP_RULE_SHIFT);
    case VM_IR_vfceq:
    case VM_IR_vfcgt:
    case VM_IR_vfcge: return attr | VM_IR_VFP(pick(g, 2) * VM_IR_FP_SIGNALING);
    case VM_IR_vfround: return attr | VM_IR_VFP(pick(g, 2) * VM_IR_FP_EXACT);
    default: return attr;
    }
}

// What the verifier takes of random lanes, extents and halves.
static uint32_t vector_attr(struct gen *g, unsigned code)
{
    bool is_float = vm_ir_op_infos[code].effects & VM_IR_E_FPENV;
    for (;;) {
        unsigned lane = is_float ? VM_F16 + pick(g, 3) : VM_I8 + pick(g, 4), extent = pick(g, 3);
        uint32_t attr = VM_IR_LANES(lane, extent);
        attr |= pick(g, 2) * VM_IR_VEC_HIGH;
        attr |= code == VM_IR_vget ? pick(g, 2) * VM_IR_VEC_SIGNED : 0;
        bool halves = code >= VM_IR_vwidens && code <= VM_IR_vpmull && code != VM_IR_vpmul;
        if (!halves && code != VM_IR_vfwiden)
            attr &= ~(uint32_t)VM_IR_VEC_HIGH;
        if (!toy_lanes_fit(code, lane, extent))
            continue;
        if (is_float)
            attr |= VM_IR_VFP(float_attr(g, 0));
        return with_choices(g, code, attr) |
               VM_IR_VIMM(vector_imm(g, code, vm_ir_type_bytes((enum vm_type)lane), extent));
    }
}

static uint32_t attr_of(struct gen *g, unsigned code, enum vm_type t)
{
    unsigned effects = vm_ir_op_infos[code].effects, pos;
    if (code == VM_IR_fence)
        return pick(g, 256);
    if (effects & (VM_IR_E_LOAD | VM_IR_E_STORE))
        return memory_attr(g, code, t);
    if (vm_ir_is_vector_op(code))
        return vector_attr(g, code);
    if (effects & VM_IR_E_FPENV)
        return float_attr(g, code);
    switch (code) {
    case VM_IR_extract:
    case VM_IR_deposit:
        pos = pick(g, 3) ? pick(g, bits(t)) : 0;
        if (pick(g, 2))
            pos &= ~7u;
        return VM_IR_FIELD(pos, 1 + pick(g, bits(t) - pos)) |
               (code == VM_IR_extract && pick(g, 2) ? VM_IR_FIELD_SIGNED : 0);
    case VM_IR_mergef: return pick(g, 4096) & 0x8d5;
    case VM_IR_addf:
    case VM_IR_subf:
    case VM_IR_logicf: return pick(g, 3) ? VM_IR_FLAGS_NZCV * pick(g, 2) : pick(g, 4096) & 0x8d5;
    case VM_IR_cond: return pick(g, 16);
    default: return 0;
    }
}

static unsigned result_kind(unsigned code, enum vm_type t)
{
    switch (vm_ir_op_infos[code].signature[0]) {
    case 't': return t;
    case 'b': return TRUTH;
    case 'f': return VM_FLAGS;
    case 'l': return VM_I64;
    case 'i': return t == VM_F16 ? VM_I16 : t == VM_F32 ? VM_I32 : VM_I64;
    default: return VM_VOID;
    }
}

static void random_op(struct gen *g, unsigned code, enum vm_type t)
{
    const struct vm_ir_op_info *info = &vm_ir_op_infos[code];
    vm_ir_value args[3] = {VM_IR_NONE, VM_IR_NONE, VM_IR_NONE};
    uint64_t disp = 0;
    for (unsigned i = 0; i < info->args; i++) {
        char letter = info->signature[2 + i];
        unsigned kind = code == VM_IR_ftom ? VM_F64 : operand_kind(g, letter, t);
        if (kind == VM_VOID)
            return; // nothing is narrower than i8 or wider than i64
        args[i] = letter == 'p' ? address(g) : any(g, kind);
        disp = letter == 'p' ? pick(g, 32) : disp;
    }
    uint32_t attr = attr_of(g, code, t);
    unsigned kind = result_kind(code, t);
    vm_ir_value v =
        vm_ir_emit(&g->b, (enum vm_ir_code)code, t, attr, disp, args[0], args[1], args[2]);
    if (kind != VM_VOID)
        keep(g, v, kind);
}

static void random_call(struct gen *g)
{
    uint16_t helper = (uint16_t)pick(g, TOY_HELPERS);
    vm_ir_value args[4] = {VM_IR_NONE, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE};
    for (unsigned i = 0; i < toy_helpers[helper].args; i++)
        args[i] = any(g, VM_I64);
    vm_ir_value v = vm_ir_call(&g->b, helper, args[0], args[1], args[2], args[3]);
    if (toy_helpers[helper].result == VM_I64)
        keep(g, v, VM_I64);
}

static void random_put(struct gen *g)
{
    // Few entries, so that puts meet.
    uint16_t reg = (uint16_t)(pick(g, 3) ? pick(g, 4) : pick(g, TOY_COUNT));
    vm_ir_put(&g->b, reg, any(g, toy_regfile.registers[reg].type));
}

static void random_get(struct gen *g)
{
    uint16_t reg = (uint16_t)(pick(g, 3) ? pick(g, 4) : pick(g, TOY_COUNT));
    keep(g, vm_ir_get(&g->b, reg), toy_regfile.registers[reg].type);
}

// Makes a value visible: by an entry or by a call that is logged.
static void observe(struct gen *g, vm_ir_value v, unsigned kind)
{
    if (kind == VM_FLAGS && pick(g, 2)) {
        vm_ir_put(&g->b, TOY_FL + pick(g, 2), v);
        return;
    }
    if (kind == VM_FLAGS)
        v = vm_ir_flagbits(&g->b, VM_FLAGS, v);
    else if (kind < VM_I64)
        v = pick(g, 2) ? vm_ir_zext(&g->b, VM_I64, v) : vm_ir_sext(&g->b, VM_I64, v);
    if (pick(g, 3))
        vm_ir_put(&g->b, (uint16_t)pick(g, 8), v);
    else
        vm_ir_call(&g->b, TOY_WRITE, v, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
}

static vm_ir_value chain_const(struct gen *g, enum vm_type t)
{
    uint64_t x = interesting(&g->random);
    unsigned n = bits(t);
    switch (pick(g, 4)) {
    case 0: x = pick(g, n); break;
    case 1: x = ((uint64_t)1 << pick(g, n)) - 1; break;
    case 2: x = ~(uint64_t)0 << pick(g, n); break;
    default: break;
    }
    return vm_ir_const(&g->b, t, x);
}

// One op on v that passes and folding rules look for; *t becomes the result's type.
static vm_ir_value chain_link(struct gen *g, vm_ir_value v, enum vm_type *t)
{
    static const uint16_t codes[] = {VM_IR_add, VM_IR_sub, VM_IR_and, VM_IR_or,   VM_IR_xor,
                                     VM_IR_shl, VM_IR_shr, VM_IR_sar, VM_IR_rotr, VM_IR_shl,
                                     VM_IR_shr, VM_IR_sar, VM_IR_and, VM_IR_add,  VM_IR_mul};
    enum vm_type from = *t;
    unsigned choice = pick(g, 12), n = bits(from), pos = pick(g, 2) ? pick(g, n) : 0;
    unsigned code = codes[pick(g, VM_ARRAY_SIZE(codes))], len = 1 + pick(g, n - pos);
    switch (choice) {
    case 0:
    case 1:
        *t = (enum vm_type)(VM_I8 + pick(g, 4));
        if (bits(*t) < n)
            return vm_ir_trunc(&g->b, *t, v);
        if (bits(*t) == n)
            return v;
        return choice ? vm_ir_sext(&g->b, *t, v) : vm_ir_zext(&g->b, *t, v);
    case 2:
    case 3: return vm_ir_extract(&g->b, from, v, pos, len, choice == 2);
    case 4: {
        vm_ir_value other = any(g, from);
        return pick(g, 2) ? vm_ir_deposit(&g->b, from, v, other, pos, len)
                          : vm_ir_deposit(&g->b, from, other, v, pos, len);
    }
    case 5: {
        vm_ir_value other = any(g, from);
        return vm_ir_emit(&g->b, (enum vm_ir_code)code, from, 0, 0, v, other, VM_IR_NONE);
    }
    default: {
        vm_ir_value c = chain_const(g, from);
        return vm_ir_emit(&g->b, (enum vm_ir_code)code, from, 0, 0, v, c, VM_IR_NONE);
    }
    }
}

static void integer_chain(struct gen *g)
{
    enum vm_type t = (enum vm_type)(VM_I8 + pick(g, 4));
    vm_ir_value v = any(g, t);
    for (unsigned n = 2 + pick(g, 4); n; n--) {
        v = chain_link(g, v, &t);
        keep(g, v, t);
    }
    if (!pick(g, 3)) {
        unsigned code = VM_IR_eq + pick(g, 6);
        vm_ir_value c = pick(g, 3) ? chain_const(g, t) : any(g, t);
        v = pick(g, 3) ? vm_ir_emit(&g->b, (enum vm_ir_code)code, t, 0, 0, v, c, VM_IR_NONE)
                       : vm_ir_emit(&g->b, (enum vm_ir_code)code, t, 0, 0, c, v, VM_IR_NONE);
        t = VM_I64;
        keep(g, v, TRUTH);
    }
    if (!pick(g, 3))
        vm_ir_store(&g->b, t, pick(g, t), address(g), 0, v);
    else
        observe(g, v, t);
}

static vm_ir_value flag_source(struct gen *g)
{
    enum vm_type t = (enum vm_type)(VM_I8 + pick(g, 4));
    vm_ir_value x = any(g, t), y = any(g, t);
    vm_ir_value c = pick(g, 2) ? vm_ir_const(&g->b, VM_I64, 0) : any(g, TRUTH);
    switch (pick(g, 5)) {
    case 0: return vm_ir_addf(&g->b, t, x, y, c);
    case 4: // as ARM subtracts
        y = vm_ir_xor(&g->b, t, y, vm_ir_const(&g->b, t, UINT64_MAX));
        return vm_ir_addf(&g->b, t, x, y, vm_ir_const(&g->b, VM_I64, 1));
    case 1: return vm_ir_logicf(&g->b, t, x);
    case 2: return any(g, VM_FLAGS);
    default: return vm_ir_subf(&g->b, t, x, y, c);
    }
}

static void flag_chain(struct gen *g)
{
    vm_ir_value v = keep(g, flag_source(g), VM_FLAGS);
    for (unsigned n = pick(g, 4); n; n--) {
        vm_ir_value other = flag_source(g);
        uint32_t mask = pick(g, 2) ? pick(g, 4096) & 0x8d5 : pick(g, 2) ? 0x40 : 0x8d4;
        v = keep(g,
                 pick(g, 2) ? vm_ir_mergef(&g->b, v, other, mask)
                            : vm_ir_mergef(&g->b, other, v, mask),
                 VM_FLAGS);
    }
    if (!pick(g, 3)) {
        observe(g, v, VM_FLAGS);
        return;
    }
    vm_ir_value c = keep(g, vm_ir_cond(&g->b, v, pick(g, 16)), TRUTH);
    if (pick(g, 2)) {
        vm_ir_value d = keep(g, vm_ir_cond(&g->b, v, pick(g, 16)), TRUTH);
        c = keep(g, pick(g, 2) ? vm_ir_and(&g->b, VM_I64, c, d) : vm_ir_or(&g->b, VM_I64, c, d),
                 TRUTH);
    }
    observe(g, c, VM_I64);
}

// FP arithmetic between accesses to the FP environment's entries.
static void float_chain(struct gen *g)
{
    vm_ir_value x = any(g, VM_F64), y = any(g, VM_F64);
    for (unsigned n = 2 + pick(g, 3); n; n--) {
        uint16_t reg = TOY_FROUND + pick(g, 2);
        switch (pick(g, 4)) {
        case 0: vm_ir_put(&g->b, reg, any(g, VM_I8)); break;
        case 1: observe(g, keep(g, vm_ir_get(&g->b, reg), VM_I8), VM_I8); break;
        default:
            x = keep(g, vm_ir_fadd(&g->b, VM_F64, float_attr(g, VM_IR_fadd), x, y), VM_F64);
            observe(g, vm_ir_fbits(&g->b, VM_F64, x), VM_I64);
            x = pick(g, 2) ? x : y;
            break;
        }
    }
}

static void random_step(struct gen *g)
{
    unsigned choice = pick(g, 120), code;
    if (choice >= 112)
        flag_chain(g);
    else if (choice >= 110)
        float_chain(g);
    else if (choice >= 100)
        integer_chain(g);
    else if (choice < 14)
        random_put(g);
    else if (choice < 22)
        random_get(g);
    else if (choice < 25)
        random_call(g);
    else if (choice < 27)
        keep(g, vm_ir_pcrel(&g->b, interesting(&g->random)), VM_I64);
    else if (choice < 28)
        keep(g, vm_ir_icount(&g->b), VM_I64);
    else {
        do
            code = pick(g, VM_IR_CODE_COUNT);
        while (code <= VM_IR_icount || code >= VM_IR_call ||
               (code >= VM_IR_load && code <= VM_IR_rmw && pick(g, 3)));
        random_op(g, code, type_in(g, vm_ir_op_infos[code].types));
    }
}

static unsigned arguments(struct gen *g, unsigned target, vm_ir_value *args)
{
    for (unsigned i = 0; i < g->params[target]; i++)
        args[i] = any(g, g->param_kind[target][i]);
    return g->params[target];
}

static void leave(struct gen *g)
{
    uint64_t offset = pick(g, 4096);
    switch (pick(g, 5)) {
    case 0: vm_ir_raise(&g->b, pick(g, 16), any(g, VM_I64)); break;
    case 1: vm_ir_exit(&g->b, (enum vm_ir_exit)pick(g, VM_IR_EXIT_PAUSE + 1), offset); break;
    case 2:
        vm_ir_goto_ind(&g->b, any(g, VM_I64), (enum vm_ir_hint)pick(g, VM_IR_HINT_RESYNC + 1),
                       offset);
        break;
    case 3: vm_ir_goto_call(&g->b, offset, pick(g, 8192)); break;
    default: vm_ir_goto(&g->b, offset); break;
    }
}

static void terminate(struct gen *g)
{
    const struct edges *e = &g->edges[g->block];
    vm_ir_value args[2][MAX_PARAMS];
    unsigned count[2];
    if (!e->count) {
        leave(g);
        return;
    }
    for (unsigned i = 0; i < g->value_count && i < 6; i++) {
        const struct value *v = &g->values[g->value_count - 1 - pick(g, 6) % g->value_count];
        if (dominates(g, v->block, g->block) && v->kind == VM_FLAGS)
            observe(g, v->v, VM_FLAGS);
    }
    for (unsigned i = 0; i < e->count; i++)
        count[i] = arguments(g, e->to[i], args[i]);
    if (e->count == 1)
        vm_ir_jump(&g->b, (uint16_t)e->to[0], args[0], count[0]);
    else
        vm_ir_branch(&g->b, any(g, TRUTH), (uint16_t)e->to[0], args[0], count[0],
                     (uint16_t)e->to[1], args[1], count[1]);
}

// By block: itself, and what dominates all that reaches it. Of a block that is not reached, all.
static void find_dominators(struct gen *g)
{
    bool changed = true;
    for (unsigned i = 0; i < g->blocks; i++)
        g->dominators[i] = i ? ~0u : 1;
    while (changed) {
        changed = false;
        for (unsigned i = 0; i < g->blocks; i++) {
            const struct edges *e = &g->edges[i];
            for (unsigned t = 0; t < e->count; t++) {
                unsigned *to = &g->dominators[e->to[t]];
                unsigned fewer = *to & (g->dominators[i] | 1u << e->to[t]);
                changed |= fewer != *to;
                *to = fewer;
            }
        }
    }
    // What is not reached uses no other block's values: those may come later.
    for (unsigned i = 0; i < g->blocks; i++)
        if (g->dominators[i] == ~0u)
            g->dominators[i] = 1u << i;
}

// Edges mostly to the next block, some anywhere: also into the middle of loops.
static void plan(struct gen *g)
{
    g->blocks = 1 + pick(g, MAX_BLOCKS);
    for (unsigned i = 0; i < g->blocks; i++) {
        struct edges *e = &g->edges[i];
        bool last = i + 1 == g->blocks;
        e->count = last ? pick(g, 4) == 0 : pick(g, 8) ? 1 + pick(g, 2) : 0;
        for (unsigned t = 0; t < e->count; t++) {
            bool back = last || (e->count == 2 && t == 0 && !pick(g, 3));
            e->to[t] = back         ? pick(g, i + 1)
                       : pick(g, 2) ? i + 1
                                    : i + 1 + pick(g, g->blocks - i - 1);
        }
        g->params[i] = i ? pick(g, MAX_PARAMS + 1) : 0;
        for (unsigned p = 0; p < g->params[i]; p++)
            g->param_kind[i][p] = (uint8_t)type_in(g, VM_TYPES_ALL);
    }
    find_dominators(g);
}

static void fill(struct gen *g, unsigned block)
{
    unsigned ops = pick(g, MAX_OPS);
    g->block = block;
    if (block)
        vm_ir_start_block(&g->b, (uint16_t)block);
    for (unsigned i = 0; i < g->params[block]; i++)
        keep(g, vm_ir_param(&g->b, (enum vm_type)g->param_kind[block][i]), g->param_kind[block][i]);
    if (!g->edges[block].count && !pick(g, 3)) { // as the two ways of a branch instruction are
        vm_ir_insn(&g->b, pick(g, 4096), 0);
        vm_ir_goto(&g->b, pick(g, 4096));
        return;
    }
    vm_ir_insn(&g->b, pick(g, 4096), pick(g, 3) * 2);
    for (unsigned i = 0; i < ops; i++) {
        if (!pick(g, 6))
            vm_ir_insn(&g->b, pick(g, 4096), 4);
        random_step(g);
    }
    terminate(g);
}

struct vm_ir_region *toy_random_region(uint64_t seed, bool fold)
{
    struct vm_ir_region *r = vm_arena_alloc(toy_arena(), sizeof *r, 16);
    struct gen g = {.random = seed};
    vm_ir_builder_init(&g.b, r, toy_arena(), &toy_regfile, toy_helpers, TOY_HELPERS);
    g.b.no_fold = !fold;
    plan(&g);
    for (unsigned i = 1; i < g.blocks; i++)
        vm_ir_new_block(&g.b);
    for (unsigned i = 0; i < g.blocks; i++)
        fill(&g, i);
    return r;
}

// Puts a value of any type into an entry of that type.
static void show(struct gen *g, vm_ir_value v, unsigned kind)
{
    unsigned reg = pick(g, TOY_COUNT);
    enum vm_type t = kind == TRUTH ? VM_I64 : (enum vm_type)kind;
    while (toy_regfile.registers[reg % TOY_COUNT].type != t || reg % TOY_COUNT == TOY_PC)
        reg++;
    vm_ir_put(&g->b, (uint16_t)(reg % TOY_COUNT), v);
}

struct vm_ir_region *toy_random_row(uint64_t seed, enum vm_ir_code code, enum vm_type t)
{
    struct vm_ir_region *r = vm_arena_alloc(toy_arena(), sizeof *r, 16);
    struct gen g = {.random = seed, .blocks = 1, .dominators = {1}};
    vm_ir_builder_init(&g.b, r, toy_arena(), &toy_regfile, toy_helpers, TOY_HELPERS);
    g.b.no_fold = true;
    vm_ir_insn(&g.b, 0, 4);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned n = pick(&g, 3); n; n--)
            integer_chain(&g);
        vm_ir_insn(&g.b, 4 + 4 * i, 4);
        random_op(&g, code, t);
        const struct value *last = g.value_count ? &g.values[g.value_count - 1] : NULL;
        if (last && result_kind(code, t) == last->kind)
            show(&g, last->v, last->kind);
    }
    vm_ir_goto(&g.b, 0x10);
    return r;
}

void toy_random_machine(uint64_t seed, struct toy_machine *m)
{
    memset(m, 0, sizeof *m);
    for (size_t i = 0; i + 8 <= sizeof m->state; i += 8) {
        uint64_t x = interesting(&seed);
        memcpy((char *)&m->state + i, &x, 8);
    }
    m->state.fl &= 0x8d5;
    m->state.gl &= 0x8d5;
    for (size_t i = 0; i < sizeof m->memory; i++)
        m->memory[i] = (uint8_t)next(&seed);
}
