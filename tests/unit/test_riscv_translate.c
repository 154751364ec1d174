// SPDX-License-Identifier: MIT
//
// The RISC-V frontend's step from bytes to a semantic function: lengths, illegal instructions, the
// floating-point checks, coverage counters, the list of rows.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <vm/base/memory.h>
#include <vm/frontend-riscv64/frontend.h>
#include <vm/ir/builder.h>

// Execution modes as in the frontend: the privilege; in U-mode also FS off, reserved frm.
enum { U = 0, S = 1, M = 3, FS_OFF = 4, BAD_FRM = 8 };
enum { ILLEGAL = 2, OFFSET = 0x124 };

static void *host_alloc(void *context, size_t size, size_t align)
{
    (void)context;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void host_release(void *context, void *p, size_t size)
{
    (void)context;
    (void)size;
    free(p);
}

static const struct vm_allocator allocator = {host_alloc, host_release, NULL};

// One instruction's translation, and the region that it went to.
struct step {
    struct vm_arena arena;
    struct vm_ir_region region;
    struct vm_ir_builder builder;
    struct vm_translate t;
    void *config;
    uint64_t *coverage;
};

static int set_up(void **state)
{
    struct step *s = calloc(1, sizeof *s);
    struct vm_error e;
    assert_int_equal(vm_riscv64_guest_ops.configure(NULL, &allocator, &s->config, &e), VM_OK);
    s->coverage = calloc(vm_riscv64_row_count(), sizeof *s->coverage);
    vm_riscv64_set_coverage(s->config, s->coverage);
    vm_arena_init(&s->arena, &allocator, 1 << 14);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct step *s = *state;
    vm_arena_destroy(&s->arena);
    vm_riscv64_guest_ops.unconfigure(s->config, &allocator);
    free(s->coverage);
    free(s);
    return 0;
}

static void translate(struct step *s, uint32_t mode, uint32_t word, unsigned available)
{
    const struct vm_guest_ops *g = &vm_riscv64_guest_ops;
    vm_arena_reset(&s->arena);
    vm_ir_builder_init(&s->builder, &s->region, &s->arena, g->regfile, g->helpers, g->helper_count);
    uint8_t *bytes = malloc(available); // a sanitizer sees a read beyond them
    uint8_t all[4];
    vm_store_le32(all, word);
    memcpy(bytes, all, available);
    s->t = (struct vm_translate){.builder = &s->builder,
                                 .bytes = bytes,
                                 .available = available,
                                 .offset = OFFSET,
                                 .mode = mode,
                                 .config = s->config};
    g->translate(&s->t);
    free(bytes);
}

static const struct vm_ir_op *find(const struct step *s, enum vm_ir_code code)
{
    for (uint32_t i = 0; i < s->region.op_count; i++)
        if (s->region.ops[i].code == code)
            return &s->region.ops[i];
    return NULL;
}

static bool is_illegal(const struct step *s, uint64_t tval)
{
    const struct vm_ir_op *raise = find(s, VM_IR_raise);
    return raise && s->t.ends && raise->imm == ILLEGAL &&
           vm_ir_is_const(&s->region, raise->args[0]) && s->region.ops[raise->args[0]].imm == tval;
}

static uint64_t total(const struct step *s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < vm_riscv64_row_count(); i++)
        n += s->coverage[i];
    return n;
}

static void marks_the_instruction(void **state)
{
    struct step *s = *state;
    translate(s, M, 0x00150513, 4); // addi a0,a0,1
    assert_int_equal(s->t.length, 4);
    assert_false(s->t.ends || s->t.more);
    assert_int_equal(s->region.ops[0].code, VM_IR_insn);
    assert_int_equal(s->region.ops[0].imm, OFFSET);
    assert_int_equal(s->region.ops[0].attr, 4);
    translate(s, M, 0x4505, 2); // c.li a0,1
    assert_int_equal(s->t.length, 2);
    assert_int_equal(s->region.ops[0].attr, 2);
}

static void asks_for_the_rest_of_an_instruction(void **state)
{
    struct step *s = *state;
    translate(s, M, 0x00150513, 2);
    assert_true(s->t.more);
    assert_int_equal(s->region.op_count, 0);
    assert_int_equal(total(s), 0);
}

static void raises_with_the_bits_of_an_illegal_instruction(void **state)
{
    struct step *s = *state;
    translate(s, M, 0xffffffff, 4);
    assert_true(is_illegal(s, 0xffffffff));
    assert_int_equal(s->t.length, 4);
    assert_int_equal(s->region.ops[0].code, VM_IR_insn);
    translate(s, U, 0x12340000, 4); // 16 bits, and others after them
    assert_true(is_illegal(s, 0));
    assert_int_equal(s->t.length, 2);
    translate(s, U, 0xe00d, 2);
    assert_false(is_illegal(s, 0xe00d)); // c.bnez
    translate(s, S, 0x12346101, 4);      // c.addi16sp sp,0
    assert_true(is_illegal(s, 0x6101));
    assert_int_equal(total(s), 1);
}

// fld ft0,0(a1); fadd.d ft0,ft1,ft1 with rne and with the dynamic mode; c.fld fa0,0(a5)
enum { FLD = 0x0005b007, FADD_RNE = 0x02108053, FADD_DYN = 0x0210f053, C_FLD = 0x2388 };

static void refuses_floating_point_when_it_is_off(void **state)
{
    struct step *s = *state;
    static const uint32_t words[] = {FLD, FADD_RNE, FADD_DYN};
    for (unsigned i = 0; i < VM_ARRAY_SIZE(words); i++) {
        translate(s, U | FS_OFF, words[i], 4);
        assert_true(is_illegal(s, words[i]));
        translate(s, U, words[i], 4);
        assert_null(find(s, VM_IR_raise));
    }
    translate(s, U | FS_OFF, C_FLD, 2);
    assert_true(is_illegal(s, C_FLD));
}

static void refuses_dynamic_rounding_when_frm_is_reserved(void **state)
{
    struct step *s = *state;
    translate(s, U | BAD_FRM, FADD_DYN, 4);
    assert_true(is_illegal(s, FADD_DYN));
    translate(s, U | BAD_FRM, FADD_RNE, 4);
    assert_null(find(s, VM_IR_raise));
    translate(s, U | BAD_FRM, FLD, 4);
    assert_null(find(s, VM_IR_raise));
}

// The check comes before everything that the instruction does, and knows whether frm matters.
static void checks_floating_point_at_run_time_when_privileged(void **state)
{
    struct step *s = *state;
    static const struct {
        uint32_t word, dynamic;
    } cases[] = {{FLD, 0}, {FADD_RNE, 0}, {FADD_DYN, 1}};
    for (unsigned i = 0; i < VM_ARRAY_SIZE(cases); i++)
        for (uint32_t mode = S; mode <= M; mode += M - S) {
            translate(s, mode, cases[i].word, 4);
            const struct vm_ir_op *call = find(s, VM_IR_call);
            assert_non_null(call);
            assert_int_equal(s->region.ops[call->args[0]].imm, cases[i].dynamic);
            for (const struct vm_ir_op *op = s->region.ops; op < call; op++)
                assert_true(op->code == VM_IR_insn || op->code == VM_IR_const);
        }
}

static size_t row_of(const char *name)
{
    for (size_t i = 0; i < vm_riscv64_row_count(); i++)
        if (!strcmp(vm_riscv64_row_name(i), name))
            return i;
    fail_msg("no row %s", name);
    return 0;
}

static void counts_rows(void **state)
{
    struct step *s = *state;
    translate(s, M, 0x00150513, 4);
    translate(s, M, 0x00150513, 4);
    translate(s, M, 0x4505, 2);
    translate(s, M, 0x0100000f, 4);
    assert_int_equal(s->coverage[row_of("addi")], 2);
    assert_int_equal(s->coverage[row_of("c.li")], 1);
    assert_int_equal(s->coverage[row_of("pause")], 1);
    assert_int_equal(total(s), 4);
    vm_riscv64_set_coverage(s->config, NULL);
    translate(s, M, 0x4505, 2);
    assert_int_equal(total(s), 4);
}

static void names_every_row_once(void **state)
{
    (void)state;
    size_t n = vm_riscv64_row_count();
    assert_true(n > 300);
    assert_null(vm_riscv64_row_name(n));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(vm_riscv64_row_name(i), vm_riscv64_row_name(j));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(marks_the_instruction),
        TEST(asks_for_the_rest_of_an_instruction),
        TEST(raises_with_the_bits_of_an_illegal_instruction),
        TEST(refuses_floating_point_when_it_is_off),
        TEST(refuses_dynamic_rounding_when_frm_is_reserved),
        TEST(checks_floating_point_at_run_time_when_privileged),
        TEST(counts_rows),
        TEST(names_every_row_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
