// SPDX-License-Identifier: MIT
//
// A sample of the encoder's instructions, run: constants, arithmetic, addresses, jumps, labels,
// patches, atomics and BMI, against what C says they do. That the encodings are right in all their
// forms is x64_encoder_test.py's subject.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "x64_run.h"

#include <cmocka.h>

static const uint64_t VALUES[] = {
    0,          1,         2,          0x7f,        0x80,       0xff,
    0x7fff,     0x8000,    0xffff,     0x7fffffff,  0x80000000, 0xffffffff,
    1ull << 32, INT64_MAX, 1ull << 63, -1ull << 31, UINT64_MAX, 0x123456789abcdef0,
};
#define VALUE_COUNT (sizeof VALUES / sizeof *VALUES)

// Registers that a function may use freely.
static const enum x64_reg SCRATCH[] = {X64_RAX, X64_RCX, X64_RDX, X64_RSI, X64_RDI,
                                       X64_R8,  X64_R9,  X64_R10, X64_R11};

static void constants(void **state)
{
    struct x64_run *r = *state;
    for (size_t i = 0; i < VALUE_COUNT; i++)
        for (size_t k = 0; k < sizeof SCRATCH / sizeof *SCRATCH; k++) {
            x64_run_start(r);
            x64_imm(&r->code, SCRATCH[k], VALUES[i]);
            x64_mov_rr(&r->code, X64_64, X64_RAX, SCRATCH[k]);
            assert_int_equal(x64_run_call(r, 0, 0), VALUES[i]);
            // With flags kept: the comparison's outcome is still there behind the constant.
            x64_run_start(r);
            x64_cmp_rr(&r->code, X64_64, X64_RDI, X64_RSI);
            x64_imm_keep_flags(&r->code, SCRATCH[k], VALUES[i]);
            x64_setcc_r(&r->code, X64_B, X64_RDI);
            x64_movzx8_rr(&r->code, X64_64, X64_RAX, X64_RDI);
            assert_int_equal(x64_run_call(r, 1, 2), 1);
        }
}

static uint64_t mask_of(enum x64_width w)
{
    return UINT64_MAX >> (64 - (8u << w));
}

static uint64_t alu(enum x64_alu op, uint64_t a, uint64_t b)
{
    switch (op) {
    case X64_ALU_add: return a + b;
    case X64_ALU_or: return a | b;
    case X64_ALU_adc: return a + b + 1;
    case X64_ALU_sbb: return a - b - 1;
    case X64_ALU_and: return a & b;
    case X64_ALU_sub: return a - b;
    case X64_ALU_xor: return a ^ b;
    default: return a;
    }
}

// The result of an operation of a width: what is above stays, but for 32 bits, which clear it.
static uint64_t expected(enum x64_alu op, enum x64_width w, uint64_t a, uint64_t b)
{
    uint64_t mask = mask_of(w), above = w >= X64_32 ? 0 : a & ~mask;
    if (op == X64_ALU_cmp)
        return a;
    return above | (alu(op, a, b) & mask);
}

static void arithmetic(void **state)
{
    struct x64_run *r = *state;
    for (unsigned op = 0; op < 8; op++)
        for (unsigned w = 0; w < 4; w++)
            for (size_t i = 0; i < VALUE_COUNT; i++)
                for (size_t k = 0; k < VALUE_COUNT; k++) {
                    // In sil and dil, where a forgotten REX would mean dh and bh.
                    uint64_t a = VALUES[i], b = VALUES[k];
                    x64_run_start(r);
                    x64_stc(&r->code);
                    x64_alu_rr(&r->code, op, w, X64_RDI, X64_RSI);
                    x64_mov_rr(&r->code, X64_64, X64_RAX, X64_RDI);
                    assert_int_equal(x64_run_call(r, a, b), expected(op, w, a, b));
                    x64_run_start(r);
                    x64_stc(&r->code);
                    x64_alu_ri(&r->code, op, w, X64_RDI, (int32_t)b);
                    x64_mov_rr(&r->code, X64_64, X64_RAX, X64_RDI);
                    b = (uint64_t)(int64_t)(int32_t)b;
                    assert_int_equal(x64_run_call(r, a, b), expected(op, w, a, b));
                }
}

// Bases, indices and scales, in loads and in lea.
static void addresses(void **state)
{
    struct x64_run *r = *state;
    static const uint64_t table[4] = {10, 200, 3000, 40000};
    x64_run_start(r);
    x64_mov_rm(&r->code, X64_64, X64_RAX, x64_at_index(X64_RDI, X64_RSI, 3, 0));
    x64_add_rm(&r->code, X64_64, X64_RAX, x64_at_index(X64_RDI, X64_RSI, 3, -8));
    x64_lea_rm(&r->code, X64_64, X64_RCX, x64_at_index(X64_NONE, X64_RSI, 2, 4));
    x64_add_rm(&r->code, X64_64, X64_RAX, x64_at_index(X64_RDI, X64_RCX, 1, 0));
    assert_int_equal(x64_run_call(r, (uintptr_t)table, 2), 200 + 3000 + 40000);
}

// Constants in the code, before and behind the instruction; with immediates of each size behind the
// displacement.
static void here(void **state)
{
    struct x64_run *r = *state;
    static const uint64_t pool[2] = {5, 1000};
    x64_run_start(r);
    uint8_t *over = x64_jmp8(&r->code);
    uint8_t *before = r->code.at;
    memcpy(before, pool, sizeof pool);
    r->code.at += sizeof pool;
    assert_true(x64_patch8(over, r->code.at));
    x64_mov_rm(&r->code, X64_64, X64_RAX, x64_here(&r->code, before + 8));
    x64_imul_rmi(&r->code, X64_64, X64_RCX, x64_here(&r->code, before), 7);
    x64_add_rr(&r->code, X64_64, X64_RAX, X64_RCX);
    x64_imul_rmi(&r->code, X64_64, X64_RCX, x64_here(&r->code, before), 0x10000);
    x64_add_rr(&r->code, X64_64, X64_RAX, X64_RCX);
    x64_cmp_mi(&r->code, X64_16, x64_here(&r->code, before + 8), 1000);
    x64_setcc_r(&r->code, X64_E, X64_RSI);
    x64_movzx8_rr(&r->code, X64_32, X64_RSI, X64_RSI);
    x64_add_rr(&r->code, X64_64, X64_RAX, X64_RSI);
    assert_int_equal(x64_run_call(r, 0, 0), 1000 + 35 + 5 * 0x10000 + 1);
}

// A loop with labels bound before and after their jumps, near and far.
static void labels(void **state)
{
    struct x64_run *r = *state;
    for (unsigned padding = 0; padding <= 300; padding += 100) {
        struct x64_label again = {0}, out = {0}, odd = {0};
        x64_run_start(r);
        x64_imm(&r->code, X64_RAX, 0);
        x64_bind(&r->code, &again);
        x64_test_rr(&r->code, X64_64, X64_RDI, X64_RDI);
        x64_jcc_label(&r->code, X64_E, &out);
        x64_test_ri(&r->code, X64_8, X64_RDI, 1);
        x64_jcc_label(&r->code, X64_NE, &odd);
        x64_dec_r(&r->code, X64_64, X64_RDI);
        x64_nop(&r->code, padding);
        x64_jmp_label(&r->code, &again);
        x64_bind(&r->code, &odd);
        x64_add_rr(&r->code, X64_64, X64_RAX, X64_RDI);
        x64_dec_r(&r->code, X64_64, X64_RDI);
        x64_jcc_label(&r->code, X64_E, &out);
        x64_jcc_label(&r->code, X64_NE, &again);
        x64_jmp_label(&r->code, &out);
        x64_bind(&r->code, &out);
        assert_int_equal(x64_run_call(r, 100, 0), 2500); // the odd numbers below 100
        assert_int_equal(x64_run_call(r, 0, 0), 0);
    }
}

static void patches(void **state)
{
    struct x64_run *r = *state;
    for (unsigned lead = 0; lead < 8; lead++) {
        x64_run_start(r);
        x64_nop(&r->code, lead);
        x64_align_place(&r->code, 1);
        uint8_t *place = x64_jmp32(&r->code);
        assert_int_equal((uintptr_t)place % 4, 0);
        const uint8_t *one = r->code.at;
        x64_imm(&r->code, X64_RAX, 1);
        x64_ret(&r->code);
        const uint8_t *two = r->code.at;
        x64_imm(&r->code, X64_RAX, 2);
        x64_patch32(place, one);
        assert_int_equal(x64_run_call(r, 0, 0), 1);
        x64_patch32_live(place, two);
        assert_int_equal(x64_run_call(r, 0, 0), 2);
    }
    uint8_t byte = 7;
    assert_false(x64_patch8(&byte, &byte + 129)); // 128 from its end
    assert_false(x64_patch8(&byte, &byte - 128));
    assert_int_equal(byte, 7);
    assert_true(x64_patch8(&byte, &byte + 128));
    assert_int_equal(byte, 127);
    x64_patch32(NULL, &byte); // no room for the jump: nothing to patch
    assert_true(x64_patch8(NULL, &byte));
}

static uint64_t thrice(uint64_t a)
{
    return 3 * a;
}

static void calls(void **state)
{
    struct x64_run *r = *state;
    uint64_t (*function)(uint64_t) = thrice;
    uint64_t address;
    memcpy(&address, &function, sizeof address);
    x64_run_start(r);
    uint8_t *over = x64_jmp32(&r->code);
    const uint8_t *add_one = r->code.at;
    x64_lea_rm(&r->code, X64_64, X64_RDI, x64_at(X64_RDI, 1));
    x64_ret(&r->code);
    x64_patch32(over, r->code.at);
    x64_push_r(&r->code, X64_R12); // and the stack is aligned for the call
    x64_movabs(&r->code, X64_R12, address);
    x64_call_to(&r->code, add_one);
    x64_call_r(&r->code, X64_R12);
    x64_mov_rr(&r->code, X64_64, X64_RDI, X64_RAX);
    x64_call_to(&r->code, add_one);
    x64_mov_rr(&r->code, X64_64, X64_RAX, X64_RDI);
    x64_pop_r(&r->code, X64_R12);
    assert_int_equal(x64_run_call(r, 10, 0), 34);
}

static void atomics(void **state)
{
    struct x64_run *r = *state;
    uint64_t cell = 5;
    x64_run_start(r);
    x64_imm(&r->code, X64_RAX, 37);
    x64_lock_xadd_mr(&r->code, X64_64, x64_at(X64_RDI, 0), X64_RAX);
    x64_lock_or_mi(&r->code, X64_8, x64_at(X64_RDI, 7), 0x80);
    assert_int_equal(x64_run_call(r, (uintptr_t)&cell, 0), 5);
    assert_int_equal(cell, 42 | 1ull << 63);
    if (!X64_HAS(r, CMPXCHG16B))
        return;
    _Alignas(16) uint64_t pair[2] = {1, 2};
    x64_run_start(r);
    x64_push_r(&r->code, X64_RBX);
    x64_imm(&r->code, X64_RAX, 1);
    x64_imm(&r->code, X64_RDX, 2);
    x64_imm(&r->code, X64_RBX, 3);
    x64_imm(&r->code, X64_RCX, 4);
    x64_lock_cmpxchg16b_m(&r->code, x64_at(X64_RDI, 0));
    x64_setcc_r(&r->code, X64_E, X64_RAX);
    x64_movzx8_rr(&r->code, X64_32, X64_RAX, X64_RAX);
    x64_pop_r(&r->code, X64_RBX);
    assert_int_equal(x64_run_call(r, (uintptr_t)pair, 0), 1);
    assert_int_equal(pair[0], 3);
    assert_int_equal(pair[1], 4);
}

static void bits(void **state)
{
    struct x64_run *r = *state;
    const uint64_t a = 0x00f0123456789a00, b = 12;
    // One call each; the operands are rdi and rsi, the result rax.
#define RUN(need, call, result)                          \
    if (X64_HAS(r, need)) {                              \
        x64_run_start(r);                                \
        call;                                            \
        assert_int_equal(x64_run_call(r, a, b), result); \
    }
#define CODE &r->code, X64_64, X64_RAX
    RUN(POPCNT, x64_popcnt_rr(CODE, X64_RDI), (uint64_t)__builtin_popcountll(a))
    RUN(LZCNT, x64_lzcnt_rr(CODE, X64_RDI), 8)
    RUN(BMI1, x64_tzcnt_rr(CODE, X64_RDI), 9)
    RUN(BMI1, x64_andn_rrr(CODE, X64_RDI, X64_RSI), ~a & b)
    RUN(BMI1, x64_blsi_rr(CODE, X64_RDI), a & -a)
    RUN(BMI1, x64_blsr_rr(CODE, X64_RDI), a & (a - 1))
    RUN(BMI1, x64_blsmsk_rr(CODE, X64_RDI), a ^ (a - 1))
    RUN(BMI1,
        (x64_mov_ri(&r->code, X64_32, X64_RSI, 8 << 8 | 12), x64_bextr_rrr(CODE, X64_RDI, X64_RSI)),
        a >> 12 & 0xff)
    RUN(BMI2, x64_bzhi_rrr(CODE, X64_RDI, X64_RSI), a & 0xfff)
    RUN(BMI2, x64_shlx_rrr(CODE, X64_RDI, X64_RSI), a << 12)
    RUN(BMI2, x64_shrx_rrr(CODE, X64_RDI, X64_RSI), a >> 12)
    RUN(BMI2, x64_sarx_rrr(CODE, X64_RDI, X64_RSI), a >> 12)
    RUN(BMI2, x64_rorx_rri(CODE, X64_RDI, 20), a >> 20 | a << 44)
    RUN(BMI2, x64_pext_rrr(CODE, X64_RDI, X64_RSI), a >> 2 & 3)
    RUN(BMI2, x64_pdep_rrr(CODE, X64_RDI, X64_RSI), (a & 3) << 2)
    RUN(BASE, (x64_mov_rr(CODE, X64_RDI), x64_bswap_r(CODE)), __builtin_bswap64(a))
#undef CODE
#undef RUN
}

// Without room nothing is written, and nothing later that would fit.
static void overflow(void **state)
{
    (void)state;
    uint8_t buffer[64];
    memset(buffer, 0x5a, sizeof buffer);
    struct x64_code code = {buffer, buffer + 40, false};
    x64_movabs(&code, X64_RAX, 1);
    x64_movabs(&code, X64_RAX, 2);
    assert_false(code.overflow);
    assert_ptr_equal(code.at, buffer + 20);
    x64_nop(&code, 100);
    assert_true(code.overflow);
    uint8_t *at = code.at;
    assert_true(code.end - at < (ptrdiff_t)X64_SLACK);
    struct x64_label label = {0};
    x64_ret(&code);
    x64_jcc_label(&code, X64_E, &label);
    assert_null(x64_jmp32(&code));
    assert_null(x64_movabs(&code, X64_RAX, 3));
    x64_bind(&code, &label);
    x64_jmp_label(&code, &label);
    assert_ptr_equal(code.at, at);
    for (size_t i = 40; i < sizeof buffer; i++)
        assert_int_equal(buffer[i], 0x5a);
}

static int setup(void **state)
{
    static struct x64_run run;
    x64_run_setup(&run);
    *state = &run;
    return 0;
}

static int teardown(void **state)
{
    struct x64_run *r = *state;
    vm_osal_exec_destroy(&r->exec);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants), cmocka_unit_test(arithmetic), cmocka_unit_test(addresses),
        cmocka_unit_test(here),      cmocka_unit_test(labels),     cmocka_unit_test(patches),
        cmocka_unit_test(calls),     cmocka_unit_test(atomics),    cmocka_unit_test(bits),
        cmocka_unit_test(overflow),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
