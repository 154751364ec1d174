// SPDX-License-Identifier: MIT
//
// The vector rows, run where this host has what they need: the two forms of a row, SSE and VEX,
// must give the same, which they would not with each other's opcodes or operands; and none may
// raise SIGILL, which one would if its row's NEED were wrong. A few are checked against C.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "x64_run.h"

#include <cmocka.h>

// What the code reads and writes: 32 bytes each, for ymm registers.
struct data {
    _Alignas(32) uint8_t a[32], b[32], legacy[32], vex[32];
};

enum { IMMEDIATE = 1 }; // of rows that have one

static void fill(struct data *d)
{
    uint64_t random = 1;
    for (unsigned i = 0; i < 2 * 32; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        (i < 32 ? d->a : d->b)[i % 32] = (uint8_t)(random >> 33);
    }
    memset(d->legacy, 0, 2 * 32);
}

// Each run: a in xmm1, b in xmm2 (rdi is the data); the legacy form changes xmm1, the VEX form
// makes xmm3 of them.
static void load(struct x64_run *r)
{
    x64_movdqu_rm(&r->code, X64_XMM1, x64_at(X64_RDI, offsetof(struct data, a)));
    x64_movdqu_rm(&r->code, X64_XMM2, x64_at(X64_RDI, offsetof(struct data, b)));
}

static void begin(struct x64_run *r)
{
    x64_run_start(r);
    load(r);
}

// Between the legacy form and the VEX form.
static void middle(struct x64_run *r)
{
    x64_movdqu_mr(&r->code, x64_at(X64_RDI, offsetof(struct data, legacy)), X64_XMM1);
    load(r);
}

static void end(struct x64_run *r, const char *name)
{
    struct data d;
    fill(&d);
    x64_movdqu_mr(&r->code, x64_at(X64_RDI, offsetof(struct data, vex)), X64_XMM3);
    x64_run_call(r, (uintptr_t)&d, 0);
    if (memcmp(d.legacy, d.vex, 16) != 0)
        fail_msg("%s: the two forms differ", name);
}

// The call for 256 bits does not fault.
static void run_wide(struct x64_run *r)
{
    struct data d;
    fill(&d);
    if (X64_HAS(r, AVX)) // leave no upper halves behind
        x64_vzeroupper(&r->code);
    x64_run_call(r, (uintptr_t)&d, 0);
}

#define X1 X64_XMM1
#define X2 X64_XMM2
#define X3 X64_XMM3

// Both forms of a row: `legacy` and `vex` are its calls, `wide` the one for 256 bits.
#define BOTH(name, need, legacy, vex)          \
    if (X64_HAS(r, need) && X64_HAS(r, AVX)) { \
        begin(r);                              \
        legacy;                                \
        middle(r);                             \
        vex;                                   \
        end(r, #name);                         \
    }
#define WIDE(need, call)    \
    if (X64_HAS(r, need)) { \
        begin(r);           \
        call;               \
        run_wide(r);        \
    }
#define CODE &r->code

static void three_operands(void **state)
{
    struct x64_run *r = *state;
#define X64_V3(name, pp, map, opcode, need, wide)                                                 \
    BOTH(name, need, x64_##name##_rr(CODE, X1, X2), x64_v##name##_rrr(CODE, X64_128, X3, X1, X2)) \
    WIDE(wide, x64_v##name##_rrr(CODE, X64_256, X3, X1, X2))
#define X64_V3C(name, pp, map, opcode, need, wide) X64_V3(name, pp, map, opcode, need, wide)
#define X64_V3I(name, pp, map, opcode, need, wide)                 \
    BOTH(name, need, x64_##name##_rri(CODE, X1, X2, IMMEDIATE),    \
         x64_v##name##_rrri(CODE, X64_128, X3, X1, X2, IMMEDIATE)) \
    WIDE(wide, x64_v##name##_rrri(CODE, X64_256, X3, X1, X2, IMMEDIATE))
#define X64_S3(name, pp, map, opcode, need) \
    BOTH(name, need, x64_##name##_rr(CODE, X1, X2), x64_v##name##_rrr(CODE, X3, X1, X2))
#define X64_S3R(name, pp, map, opcode, need) X64_S3(name, pp, map, opcode, need)
#define X64_S3M(name, pp, map, opcode, need)                         \
    BOTH(name, need, x64_##name##_rm(CODE, X1, x64_at(X64_RDI, 32)), \
         x64_v##name##_rrm(CODE, X3, X1, x64_at(X64_RDI, 32)))
#define X64_S3I(name, pp, map, opcode, need)                    \
    BOTH(name, need, x64_##name##_rri(CODE, X1, X2, IMMEDIATE), \
         x64_v##name##_rrri(CODE, X3, X1, X2, IMMEDIATE))
#define X64_SHIFT_I(name, opcode, digit, need, wide)                                            \
    BOTH(name, need, x64_##name##_ri(CODE, X1, 3), x64_v##name##_rri(CODE, X64_128, X3, X1, 3)) \
    WIDE(wide, x64_v##name##_rri(CODE, X64_256, X3, X1, 3))
#include "x64.def"
}

// Those that only set flags leave xmm1 as it was in both forms.
static void two_operands(void **state)
{
    struct x64_run *r = *state;
#define X64_V2(name, pp, map, opcode, need, wide)                                \
    BOTH(name, need, (x64_##name##_rr(CODE, X1, X2)),                            \
         (x64_movaps_rr(CODE, X3, X1), x64_v##name##_rr(CODE, X64_128, X3, X2))) \
    WIDE(wide, x64_v##name##_rr(CODE, X64_256, X3, X2))
#define X64_V2W(name, pp, map, opcode, need, wide) X64_V2(name, pp, map, opcode, need, wide)
#define X64_V2N(name, pp, map, opcode, need, wide) X64_V2(name, pp, map, opcode, need, wide)
#define X64_V2M(name, pp, map, opcode, need, wide)                   \
    BOTH(name, need, x64_##name##_rm(CODE, X1, x64_at(X64_RDI, 32)), \
         x64_v##name##_rm(CODE, X64_128, X3, x64_at(X64_RDI, 32)))   \
    WIDE(wide, x64_v##name##_rm(CODE, X64_256, X3, x64_at(X64_RDI, 32)))
#define X64_V2I(name, pp, map, opcode, need, wide)              \
    BOTH(name, need, x64_##name##_rri(CODE, X1, X2, IMMEDIATE), \
         x64_v##name##_rri(CODE, X64_128, X3, X2, IMMEDIATE))   \
    WIDE(wide, x64_v##name##_rri(CODE, X64_256, X3, X2, IMMEDIATE))
#define X64_S2(name, pp, map, opcode, need)         \
    BOTH(name, need, x64_##name##_rr(CODE, X1, X2), \
         (x64_movaps_rr(CODE, X3, X1), x64_v##name##_rr(CODE, X3, X2)))
#define X64_S2M(name, pp, map, opcode, need)                         \
    BOTH(name, need, x64_##name##_rm(CODE, X1, x64_at(X64_RDI, 32)), \
         x64_v##name##_rm(CODE, X3, x64_at(X64_RDI, 32)))
// The string comparisons take lengths in rax and rdx, and give an index or xmm0.
#define X64_S2I(name, pp, map, opcode, need)                                                   \
    BOTH(name, need,                                                                           \
         (x64_imm(CODE, X64_RAX, 9), x64_imm(CODE, X64_RDX, 7), x64_imm(CODE, X64_RCX, 0),     \
          x64_##name##_rri(CODE, X1, X2, 0x48), x64_movd_xr(CODE, X64_32, X64_XMM4, X64_RCX),  \
          x64_paddd_rr(CODE, X1, X64_XMM4)),                                                   \
         (x64_movaps_rr(CODE, X3, X1), x64_imm(CODE, X64_RCX, 0),                              \
          x64_v##name##_rri(CODE, X3, X2, 0x48), x64_movd_xr(CODE, X64_32, X64_XMM4, X64_RCX), \
          x64_paddd_rr(CODE, X3, X64_XMM4)))
#include "x64.def"
}

static void stores(void **state)
{
    struct x64_run *r = *state;
#define TO x64_at(X64_RDI, offsetof(struct data, a))
#define X64_VST(name, pp, map, opcode, need, wide)                                 \
    BOTH(name, need, (x64_##name##_mr(CODE, TO, X2), x64_movdqu_rm(CODE, X1, TO)), \
         (x64_v##name##_mr(CODE, X64_128, TO, X2), x64_movdqu_rm(CODE, X3, TO)))   \
    WIDE(wide, x64_v##name##_mr(CODE, X64_256, TO, X2))
#define X64_SST(name, pp, map, opcode, need)                                       \
    BOTH(name, need, (x64_##name##_mr(CODE, TO, X2), x64_movdqu_rm(CODE, X1, TO)), \
         (x64_v##name##_mr(CODE, TO, X2), x64_movdqu_rm(CODE, X3, TO)))
#include "x64.def"
}

static void general_registers(void **state)
{
    struct x64_run *r = *state;
#define SHOW(x) x64_movd_xr(CODE, X64_64, x, X64_RAX)
#define X64_MASK(name, pp, map, opcode, wide)                        \
    BOTH(name, BASE, (x64_##name##_rr(CODE, X64_RAX, X2), SHOW(X1)), \
         (x64_v##name##_rr(CODE, X64_128, X64_RAX, X2), SHOW(X3)))   \
    WIDE(wide, x64_v##name##_rr(CODE, X64_256, X64_RAX, X2))
#define X64_CVT_X(name, pp, opcode)                                \
    BOTH(name, BASE, (x64_##name##_rr(CODE, X64_64, X1, X64_RDI)), \
         (x64_v##name##_rrr(CODE, X64_64, X3, X1, X64_RDI)))
#define X64_CVT_G(name, pp, opcode)                                          \
    BOTH(name, BASE, (x64_##name##_rr(CODE, X64_64, X64_RAX, X2), SHOW(X1)), \
         (x64_v##name##_rr(CODE, X64_64, X64_RAX, X2), SHOW(X3)))
#define X64_INSERT(name, map, opcode, wide, need)            \
    BOTH(name, need, x64_##name##_rri(CODE, X1, X64_RDI, 1), \
         x64_v##name##_rrri(CODE, X3, X1, X64_RDI, 1))
#define X64_EXTRACT_R(name, map, opcode, wide, need)                     \
    BOTH(name, need, (x64_##name##_rri(CODE, X64_RAX, X2, 1), SHOW(X1)), \
         (x64_v##name##_rri(CODE, X64_RAX, X2, 1), SHOW(X3)))
#define X64_PICK(name, map, opcode, wide, need) X64_EXTRACT_R(name, map, opcode, wide, need)
#include "x64.def"
}

// Rows with one form: they run.
static void one_form(void **state)
{
    struct x64_run *r = *state;
#define MEM                                  x64_at(X64_RDI, 32)
#define X64_X2(name, pp, map, opcode, need)  WIDE(need, x64_##name##_rr(CODE, X1, X2))
#define X64_X2Z(name, pp, map, opcode, need) WIDE(need, x64_##name##_rr(CODE, X1, X2))
#define X64_X2I(name, pp, map, opcode, need) WIDE(need, x64_##name##_rri(CODE, X1, X2, 1))
#define X64_A3(name, pp, map, opcode, w, lengths, need, wide) \
    WIDE(wide, x64_##name##_rrr(CODE, X64_256, X3, X1, X2))
#define X64_A3S(name, pp, map, opcode, w, need) WIDE(need, x64_##name##_rrr(CODE, X3, X1, X2))
#define X64_A3I(name, map, opcode, w, lengths, need, wide) \
    WIDE(wide, x64_##name##_rrri(CODE, X64_256, X3, X1, X2, 1))
#define X64_A4(name, opcode, need, wide) \
    WIDE(wide, x64_##name##_rrrr(CODE, X64_256, X3, X1, X2, X1))
#define X64_A2(name, opcode, lengths, need, wide) WIDE(wide, x64_##name##_rr(CODE, X64_256, X3, X2))
#define X64_A2W(name, opcode, lengths, need, wide) \
    WIDE(wide, x64_##name##_rr(CODE, X64_256, X3, X2))
#define X64_A2M(name, opcode, lengths, need, wide) \
    WIDE(wide, x64_##name##_rm(CODE, X64_256, X3, MEM))
#define X64_A2I(name, opcode, w, lengths, need, wide) \
    WIDE(wide, x64_##name##_rri(CODE, X64_256, X3, X2, 1))
#define X64_AIN(name, opcode, need)  WIDE(need, x64_##name##_rrri(CODE, X3, X1, X2, 1))
#define X64_AOUT(name, opcode, need) WIDE(need, x64_##name##_rri(CODE, X3, X2, 1))
#define X64_AST(name, opcode, need)  WIDE(need, x64_##name##_rri(CODE, X64_256, X3, X2, 0))
#define X64_AMASK(name, load, store, wide, need)             \
    WIDE(need, x64_##name##_rrm(CODE, X64_256, X3, X1, MEM)) \
    WIDE(need, x64_##name##_mrr(CODE, X64_256, MEM, X1, X2))
#include "x64.def"
}

// vfmadd231sd is dst + a * b, and the operation as a value does what its function does.
static void against_c(void **state)
{
    struct x64_run *r = *state;
    double cell[3] = {1.5, 2.25, -8};
    x64_run_start(r);
    x64_movsd_rm(&r->code, X1, x64_at(X64_RDI, 0));
    x64_sse_rm(&r->code, x64_OP_mulsd, X1, x64_at(X64_RDI, 8));
    x64_sse_rm(&r->code, x64_OP_addsd, X1, x64_at(X64_RDI, 16));
    x64_movsd_mr(&r->code, x64_at(X64_RDI, 0), X1);
    x64_run_call(r, (uintptr_t)cell, 0);
    assert_true(cell[0] == 1.5 * 2.25 - 8);
    if (!X64_HAS(r, FMA))
        return;
    x64_run_start(r);
    x64_vmovsd_rm(&r->code, X1, x64_at(X64_RDI, 0));
    x64_vmovsd_rm(&r->code, X2, x64_at(X64_RDI, 8));
    x64_vfmadd231sd_rrm(&r->code, X1, X2, x64_at(X64_RDI, 16));
    x64_vmovsd_mr(&r->code, x64_at(X64_RDI, 0), X1);
    x64_run_call(r, (uintptr_t)cell, 0);
    assert_true(cell[0] == 1.5 * 2.25 - 8 + 2.25 * -8);
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
        cmocka_unit_test(three_operands), cmocka_unit_test(two_operands),
        cmocka_unit_test(stores),         cmocka_unit_test(general_registers),
        cmocka_unit_test(one_form),       cmocka_unit_test(against_c),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
