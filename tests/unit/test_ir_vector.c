// SPDX-License-Identifier: MIT
//
// ir: what vector ops compute. Every op with every lane, extent, half and immediate that the
// verifier takes, on operands of edge values, against plain C on unlimited integers
// (ir_eval_vector.c); results written down; and what the verifier refuses.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <vm/ir/eval.h>

#include "ir_eval_vector.h"
#include "ir_random.h"

enum { OPERANDS = 14 };

static uint64_t random_state = 1;

static uint64_t random64(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    return z ^ z >> 31;
}

static bool is_float(unsigned code)
{
    return vm_ir_op_infos[code].effects & VM_IR_E_FPENV;
}

// A lane at the edge of something.
static uint64_t edge(unsigned bits, bool floats)
{
    static const uint64_t f16[] = {0,      0x8000, 0x3c00, 0x0400, 0x0001, 0x03ff, 0x7bff, 0x7c00,
                                   0xfc00, 0x7c01, 0x7e12, 0xfe00, 0x3800, 0x4248, 0xf801, 0x77ff};
    static const uint64_t f32[] = {0,          0x80000000, 0x3f800000, 0x00800000,
                                   0x00000001, 0x007fffff, 0x7f7fffff, 0x7f800000,
                                   0xff800000, 0x7f800001, 0x7fc01234, 0xffc00000,
                                   0x3f000000, 0x40490fdb, 0x4f000000, 0xcf000001};
    static const uint64_t f64[] = {0,
                                   0x8000000000000000,
                                   0x3ff0000000000000,
                                   0x0010000000000000,
                                   1,
                                   0x000fffffffffffff,
                                   0x7fefffffffffffff,
                                   0x7ff0000000000000,
                                   0xfff0000000000000,
                                   0x7ff0000000000001,
                                   0x7ff8000000001234,
                                   0xfff8000000000000,
                                   0x43e0000000000000,
                                   0x36a0000000000001,
                                   0x380fffffe0000001,
                                   0xc3e0000000000001};
    const uint64_t most = bits == 64 ? INT64_MAX : ((uint64_t)1 << (bits - 1)) - 1;
    const uint64_t integers[] = {0, 1, 2, most, most + 1, most + 2, UINT64_MAX, UINT64_MAX - 1};
    uint64_t r = random64();
    if (r % 4 == 0)
        return random64();
    if (!floats)
        return r % 4 == 1 ? r >> 8 & 0xff : integers[(r >> 8) % VM_ARRAY_SIZE(integers)];
    unsigned i = r >> 8 & 15;
    return bits == 16 ? f16[i] : bits == 32 ? f32[i] : f64[i];
}

static unsigned __int128 operand(unsigned bits, bool floats)
{
    unsigned __int128 v = 0;
    for (unsigned i = 0; i < 128 / bits; i++) {
        uint64_t lane = edge(bits, floats);
        v |= (unsigned __int128)(bits == 64 ? lane : lane & (((uint64_t)1 << bits) - 1))
             << bits * i;
    }
    return v;
}

static vm_u128 halves(unsigned __int128 v)
{
    return (vm_u128){(uint64_t)v, (uint64_t)(v >> 64)};
}

static struct vm_fp_env random_env(void)
{
    uint64_t r = random64();
    return (struct vm_fp_env){.round = (uint8_t)(r % 5),
                              .flags = (uint8_t)(r >> 8 & 0x20),
                              .nan = (uint8_t)(r >> 16 & 3),
                              .tininess_before = r >> 18 & 1,
                              .flush_output = (uint8_t)((r >> 20) % 3),
                              .flush_input = (uint8_t)(r >> 30 & 3),
                              .flush_output_f16 = (uint8_t)((r >> 32) % 3),
                              .flush_input_f16 = (uint8_t)(r >> 40 & 3)};
}

static void compare(const struct vm_ir_op *op, unsigned bits)
{
    bool floats = is_float(op->code);
    unsigned __int128 v[3];
    vm_u128 w[3];
    // What narrows has lanes of twice the width; half of the operands are of those.
    for (unsigned i = 0; i < 3; i++) {
        unsigned of = bits < 64 && random64() & 1 ? 2 * bits : bits;
        v[i] = operand(floats && of < 16 ? 16 : of, floats && op->code < VM_IR_vstof);
        w[i] = halves(v[i]);
    }
    struct vm_fp_env env = random_env(), other = env;
    vm_u128 got = vm_ir_eval_vector(op->code, op->attr, w, &env);
    vm_u128 want = halves(toy_vector(op, v, &other));
    if (got.lo != want.lo || got.hi != want.hi || memcmp(&env, &other, sizeof env) != 0)
        fail_msg("%s {0x%x} %016llx%016llx, %016llx%016llx, %016llx%016llx: %016llx%016llx flags "
                 "%#x, not %016llx%016llx flags %#x",
                 vm_ir_op_infos[op->code].name, op->attr, (unsigned long long)w[0].hi,
                 (unsigned long long)w[0].lo, (unsigned long long)w[1].hi,
                 (unsigned long long)w[1].lo, (unsigned long long)w[2].hi,
                 (unsigned long long)w[2].lo, (unsigned long long)got.hi,
                 (unsigned long long)got.lo, env.flags, (unsigned long long)want.hi,
                 (unsigned long long)want.lo, other.flags);
}

// The op in a region, for the verifier.
static bool is_accepted(const struct vm_ir_op *op)
{
    struct vm_ir_builder b;
    struct vm_ir_region r;
    struct vm_ir_op copy = *op;
    const char *letters = vm_ir_op_infos[op->code].signature + 2;
    vm_ir_builder_init(&b, &r, toy_arena(), &toy_regfile, toy_helpers, TOY_HELPERS);
    b.no_fold = true;
    vm_ir_insn(&b, 0, 4);
    for (unsigned i = 0; i < 4; i++)
        copy.args[i] = i >= vm_ir_op_infos[op->code].args ? (vm_ir_value)VM_IR_NONE
                       : letters[i] == 't'                ? vm_ir_get(&b, TOY_V)
                                                          : vm_ir_get(&b, TOY_X);
    vm_ir_append(&b, &copy);
    vm_ir_goto(&b, 4);
    bool accepted = vm_ir_verify(&r, NULL);
    toy_arena_drop();
    return accepted;
}

static uint32_t random_fp_attr(unsigned code)
{
    static const uint8_t rounds[] = {0, 1, 2, 3, 4, 5, VM_IR_FP_DYNAMIC, VM_IR_FP_DYNAMIC};
    uint64_t r = random64();
    uint32_t attr = rounds[r & 7] | (uint32_t)(r >> 8 & 15) << VM_IR_FP_NAN_SHIFT;
    switch (code) {
    case VM_IR_vfma: return attr | (uint32_t)(r >> 16 & 3) * VM_IR_FP_NEG_PRODUCT;
    case VM_IR_vfmin:
    case VM_IR_vfmax: return attr | (uint32_t)(r >> 16 & 3) << VM_IR_FP_RULE_SHIFT;
    case VM_IR_vftos:
    case VM_IR_vftou: return attr | (uint32_t)((r >> 16) % 3) << VM_IR_FP_RULE_SHIFT;
    case VM_IR_vfceq:
    case VM_IR_vfcgt:
    case VM_IR_vfcge: return attr | (uint32_t)(r >> 16 & 1) * VM_IR_FP_SIGNALING;
    case VM_IR_vfround: return attr | (uint32_t)(r >> 16 & 1) * VM_IR_FP_EXACT;
    default: return attr;
    }
}

// All immediates of one lane and extent; those that the verifier refuses are left out.
static unsigned compare_immediates(struct vm_ir_op op, unsigned bits)
{
    unsigned accepted = 0;
    uint32_t attr = op.attr;
    for (unsigned imm = 0; imm <= 65; imm++) {
        op.attr = attr | VM_IR_VIMM(imm);
        if (!is_accepted(&op))
            continue;
        accepted++;
        for (unsigned i = 0; i < OPERANDS; i++) {
            uint32_t fp = is_float(op.code) ? VM_IR_VFP(random_fp_attr(op.code)) : 0;
            op.attr = attr | VM_IR_VIMM(imm) | fp;
            compare(&op, bits);
        }
    }
    return accepted;
}

static void every_op_with_every_attribute(void **state)
{
    (void)state;
    static const uint8_t lanes[] = {VM_I8, VM_I16, VM_I32, VM_I64, VM_F16, VM_F32, VM_F64};
    for (unsigned code = VM_IR_vget; code <= VM_IR_vutof; code++) {
        for (unsigned i = 0; i < VM_ARRAY_SIZE(lanes); i++) {
            for (unsigned low = 0; low < 16; low++) {
                unsigned extent = low & 3, bits = vm_ir_type_bits((enum vm_type)lanes[i]);
                struct vm_ir_op op = {.code = (uint16_t)code,
                                      .type = VM_V128,
                                      .attr = lanes[i] | low << VM_IR_VEC_EXTENT_SHIFT};
                bool right_kind = (lanes[i] >= VM_F16) == is_float(code);
                bool fits = extent < 3 && right_kind && toy_lanes_fit(code, lanes[i], extent);
                unsigned accepted = compare_immediates(op, bits);
                // HIGH and SIGNED have their own ops; what has neither must be accepted.
                if (!fits && accepted)
                    fail_msg("%s {0x%x} is accepted", vm_ir_op_infos[code].name, op.attr);
                if (fits && low < 3 && !accepted)
                    fail_msg("%s {0x%x} is refused", vm_ir_op_infos[code].name, op.attr);
            }
        }
    }
}

// --- results written down ---

struct row {
    unsigned code;
    uint32_t attr;
    vm_u128 v[3], want;
    uint8_t flags;
};

#define W(lane)        VM_IR_LANES(VM_##lane, VM_IR_WHOLE)
#define H(lane)        VM_IR_LANES(VM_##lane, VM_IR_HALF)
#define L(lane)        VM_IR_LANES(VM_##lane, VM_IR_LANE0)
#define FP(lane, attr) (W(lane) | VM_IR_VFP(attr))
#define ARM            (VM_FP_NAN_ARM << VM_IR_FP_NAN_SHIFT)

static const struct row rows[] = {
    {VM_IR_vget, W(I8) | VM_IR_VIMM(15), {{0, 0x8000000000000000}}, {0x80, 0}, 0},
    {VM_IR_vget,
     W(I8) | VM_IR_VIMM(15) | VM_IR_VEC_SIGNED,
     {{0, 0x8000000000000000}},
     {0xffffffffffffff80, 0},
     0},
    {VM_IR_vset, W(I16) | VM_IR_VIMM(4), {{1, 2}, {0x12345678, 9}}, {1, 0x5678}, 0},
    {VM_IR_vsplat, H(I8), {{0x1a5}}, {0xa5a5a5a5a5a5a5a5, 0}, 0},
    {VM_IR_vlow, W(I32), {{0x1122334455667788}}, {0x55667788, 0}, 0},
    {VM_IR_vpair, W(I64), {{1, 5}, {2, 6}}, {1, 2}, 0},
    {VM_IR_vdup, W(I32) | VM_IR_VIMM(3), {{0, 0x7000000000}}, {0x7000000070, 0x7000000070}, 0},
    {VM_IR_vandn, W(I64), {{0xff, 0xf0}, {0x0f, 0xff}}, {0xf0, 0}, 0},
    {VM_IR_vsel, H(I64), {{0xff00, 1}, {0x1111, 1}, {0x2222, 1}}, {0x1122, 0}, 0},
    {VM_IR_vadd, W(I8), {{0xff01, 0x80}, {0x0102, 0x80}}, {0x0003, 0}, 0},
    {VM_IR_vsub, L(I16), {{0x10000, 5}, {1, 5}}, {0xffff, 0}, 0},
    {VM_IR_vsabd, L(I8), {{0x7f}, {0x80}}, {0xff, 0}, 0},
    {VM_IR_vabs, L(I8), {{0x80}}, {0x80, 0}, 0},
    {VM_IR_vcgts, L(I64), {{0}, {UINT64_MAX}}, {UINT64_MAX, 0}, 0},
    {VM_IR_vcgtu, L(I64), {{0}, {UINT64_MAX}}, {0, 0}, 0},
    {VM_IR_vshrs, L(I8) | VM_IR_VIMM(8), {{0x80}}, {0xff, 0}, 0},
    {VM_IR_vshru, L(I8) | VM_IR_VIMM(8), {{0x80}}, {0, 0}, 0},
    {VM_IR_vrshrs, L(I8) | VM_IR_VIMM(8), {{0x80}}, {0, 0}, 0},
    {VM_IR_vrshru, L(I64) | VM_IR_VIMM(64), {{UINT64_MAX}}, {1, 0}, 0},
    {VM_IR_vrshru, L(I8) | VM_IR_VIMM(1), {{0xff}}, {0x80, 0}, 0},
    {VM_IR_vsshl, L(I16), {{0x8000}, {0xfff1}}, {0xffff, 0}, 0},
    {VM_IR_vurshl, L(I16), {{0xffff}, {0xf0}}, {1, 0}, 0},
    {VM_IR_vushl, L(I32), {{1}, {0x1f}}, {0x80000000, 0}, 0},
    {VM_IR_vshadd, L(I8), {{0x80}, {0x81}}, {0x80, 0}, 0},
    {VM_IR_vsrhadd, L(I8), {{0x7f}, {0x7e}}, {0x7f, 0}, 0},
    {VM_IR_vuhsub, L(I8), {{0}, {1}}, {0xff, 0}, 0},
    {VM_IR_vsqadd, L(I64), {{INT64_MAX}, {1}}, {INT64_MAX, 0}, 0},
    {VM_IR_vsqsub, L(I64), {{0x8000000000000000}, {1}}, {0x8000000000000000, 0}, 0},
    {VM_IR_vuqadd, L(I64), {{UINT64_MAX}, {1}}, {UINT64_MAX, 0}, 0},
    {VM_IR_vuqsub, L(I16), {{1}, {2}}, {0, 0}, 0},
    {VM_IR_vsqdmulh, L(I16), {{0x8000}, {0x8000}}, {0x7fff, 0}, 0},
    {VM_IR_vsqrdmulh, L(I32), {{0x40000000}, {1}}, {1, 0}, 0},
    {VM_IR_vcls, L(I32), {{0xffff0000}}, {15, 0}, 0},
    {VM_IR_vrev, H(I16) | VM_IR_VIMM(3), {{0x0001000200030004}}, {0x0004000300020001, 0}, 0},
    {VM_IR_vzip1, H(I16), {{0x0004000300020001}, {0x0008000700060005}}, {0x0006000200050001, 0}, 0},
    {VM_IR_vuzp2, H(I16), {{0x0004000300020001}, {0x0008000700060005}}, {0x0008000600040002, 0}, 0},
    {VM_IR_vtrn2, H(I16), {{0x0004000300020001}, {0x0008000700060005}}, {0x0008000400060002, 0}, 0},
    {VM_IR_vext,
     H(I8) | VM_IR_VIMM(6),
     {{0x8877665544332211}, {0xffeeddccbbaa}},
     {0xffeeddccbbaa8877, 0},
     0},
    {VM_IR_vtbl, H(I8), {{0x0706050403020100, 0xaf}, {0x00ff100807}}, {0xaf07, 0}, 0},
    {VM_IR_vwidens, W(I8) | VM_IR_VEC_HIGH, {{0, 0x80ff}}, {0x0000ff80ffff, 0}, 0},
    {VM_IR_vmullu,
     W(I32),
     {{UINT64_MAX}, {UINT64_MAX}},
     {0xfffffffe00000001, 0xfffffffe00000001},
     0},
    {VM_IR_vpmull, W(I64), {{3}, {0x8000000000000000}}, {0x8000000000000000, 1}, 0},
    {VM_IR_vsqnarrow, W(I8), {{0x8000007f00807fff}}, {0x807f7f7f, 0}, 0},
    {VM_IR_vsqnarrowu, L(I8), {{0xffff8000}}, {0, 0}, 0},
    {VM_IR_vuqnarrow, W(I32), {{0x100000000, 5}}, {0x5ffffffff, 0}, 0},
    {VM_IR_vsdot, L(I32), {{0x80808080}, {0x80808080}, {1}}, {0x10001, 0}, 0},
    {VM_IR_vusdot, L(I32), {{0xff}, {0xff}, {0}}, {0xffffff01, 0}, 0},
    // FIPS 197: figure 7; 5.1.3.
    {VM_IR_vaese, W(I8), {{0}}, {0x6363636363636363, 0x6363636363636363}, 0},
    {VM_IR_vaese, W(I8), {{0x530000000000, 0}}, {0x636363636363ed63, 0x6363636363636363}, 0},
    {VM_IR_vaesd, W(I8), {{0x636363636363ed63, 0x6363636363636363}}, {0x530000000000, 0}, 0},
    {VM_IR_vaesmc, W(I8), {{0x455313db, 1}}, {0xbca14d8e, 0x03010102}, 0},
    {VM_IR_vaesimc, W(I8), {{0xbca14d8e, 0x03010102}}, {0x455313db, 1}, 0},
    // FIPS 180-4: the first four rounds for the message "abc".
    {VM_IR_vsha256h,
     W(I32),
     {{0xbb67ae856a09e667, 0xa54ff53a3c6ef372},
      {0x9b05688c510e527f, 0x5be0cd191f83d9ab},
      {0x71374491a3ec9318, 0xe9b5dba5b5c0fbcf}},
     {0xc8c347a7d550f666, 0x5d6aebcd5a6ad9ad},
     0},
    {VM_IR_vsha256h2,
     W(I32),
     {{0x9b05688c510e527f, 0x5be0cd191f83d9ab},
      {0xbb67ae856a09e667, 0xa54ff53a3c6ef372},
      {0x71374491a3ec9318, 0xe9b5dba5b5c0fbcf}},
     {0xf92939eb24e00850, 0xfa2a462278ce7989},
     0},
    {VM_IR_vfadd,
     FP(F32, ARM),
     {{0x7f8000013f800000}, {0xffc000013f800000}},
     {0x7fc0000140000000, 0},
     VM_FP_NV},
    {VM_IR_vfadd, L(F32), {{0x7f8000013f800000}, {0xffc000013f800000}}, {0x40000000, 0}, 0},
    {VM_IR_vfcgt,
     FP(F64, 0),
     {{0x4000000000000000, 0}, {0x3ff0000000000000, 0}},
     {UINT64_MAX, 0},
     0},
    {VM_IR_vfma,
     L(F64) | VM_IR_VFP(VM_IR_FP_NEG_PRODUCT),
     {{0x4000000000000000}, {0x4000000000000000}, {0x3ff0000000000000}},
     {0xc008000000000000, 0},
     0},
    {VM_IR_vfwiden, FP(F16, 0) | VM_IR_VEC_HIGH, {{0, 0x3c00}}, {0x3f800000, 0}, 0},
    {VM_IR_vfnarrow,
     L(F32) | VM_IR_VFP(VM_FP_ODD),
     {{0x3ff0000000000001}},
     {0x3f800001, 0},
     VM_FP_NX},
    {VM_IR_vftos,
     L(F16) | VM_IR_VFP(VM_FP_INT_ARM << VM_IR_FP_RULE_SHIFT),
     {{0x7bff}},
     {0x7fff, 0},
     VM_FP_NV},
    {VM_IR_vstof, L(F16), {{0xffff}}, {0xbc00, 0}, 0},
};

static void results_written_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        const struct row *r = &rows[i];
        struct vm_fp_env env = {0};
        vm_u128 got = vm_ir_eval_vector(r->code, r->attr, r->v, &env);
        if (got.lo != r->want.lo || got.hi != r->want.hi || env.flags != r->flags)
            fail_msg("row %zu, %s: %016llx%016llx flags %#x", i, vm_ir_op_infos[r->code].name,
                     (unsigned long long)got.hi, (unsigned long long)got.lo, env.flags);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_with_every_attribute),
        cmocka_unit_test(results_written_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
