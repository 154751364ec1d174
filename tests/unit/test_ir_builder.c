// SPDX-License-Identifier: MIT
//
// ir: the builder: what it forwards and folds while building, markers, limits and failing memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vm/ir/passes.h>

#include "ir_random.h"

static int drop(void **state)
{
    (void)state;
    toy_arena_drop();
    return 0;
}

static struct vm_ir_builder start(struct vm_ir_region *r)
{
    struct vm_ir_builder b;
    vm_ir_builder_init(&b, r, toy_arena(), &toy_regfile, toy_helpers, TOY_HELPERS);
    return b;
}

static void check(const struct vm_ir_region *r, const char *blocks)
{
    toy_verify(r, "as built");
    assert_string_equal(toy_print(r), toy_print(toy_parse_blocks(blocks, strlen(blocks))));
}

static void forwards_entries_within_a_block(void **state)
{
    (void)state;
    struct vm_ir_region r;
    struct vm_ir_builder b = start(&r);
    vm_ir_insn(&b, 0, 4);
    vm_ir_value one = vm_ir_const(&b, VM_I64, 1);
    vm_ir_value x = vm_ir_get(&b, 1);
    assert_int_equal(vm_ir_get(&b, 1), x);
    vm_ir_put(&b, 1, x);
    vm_ir_put(&b, 2, vm_ir_add(&b, VM_I64, x, one));
    vm_ir_insn(&b, 4, 4);
    vm_ir_put(&b, 2, vm_ir_add(&b, VM_I64, vm_ir_get(&b, 2), one));
    vm_ir_goto(&b, 8);
    check(&r, "b0:\n insn 0 4\n %one = const.i64 1\n %x = get x1\n %a = add.i64 %x, %one\n"
              " put x2, %a\n insn 4 4\n %two = const.i64 2\n %b = add.i64 %x, %two\n"
              " put x2, %b\n goto 8\n");
    assert_int_equal(r.guest_insns, 2);
    assert_int_equal(r.guest_bytes, 8);
}

static void calls_and_blocks_end_what_is_known(void **state)
{
    (void)state;
    struct vm_ir_region r;
    struct vm_ir_builder b = start(&r);
    vm_ir_value x = vm_ir_get(&b, 2), y = vm_ir_get(&b, 3);
    vm_ir_call(&b, TOY_WRITE, x, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
    assert_int_not_equal(vm_ir_get(&b, 2), x);
    assert_int_equal(vm_ir_get(&b, 3), y);
    vm_ir_call(&b, TOY_ANY, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
    assert_int_not_equal(vm_ir_get(&b, 3), y);
    vm_ir_value z = vm_ir_get(&b, 3);
    uint16_t next = vm_ir_new_block(&b);
    vm_ir_jump(&b, next, NULL, 0);
    vm_ir_start_block(&b, next);
    assert_int_not_equal(vm_ir_get(&b, 3), z);
    vm_ir_goto(&b, 0);
    toy_verify(&r, "as built");
}

static void fp_environment_is_never_known(void **state)
{
    (void)state;
    struct vm_ir_region r;
    struct vm_ir_builder b = start(&r);
    vm_ir_value f = vm_ir_get(&b, TOY_FFLAGS);
    assert_int_not_equal(vm_ir_get(&b, TOY_FFLAGS), f);
    uint32_t before = r.op_count;
    vm_ir_put(&b, TOY_FFLAGS, f);
    vm_ir_put(&b, TOY_FFLAGS, f);
    assert_int_equal(r.op_count, before + 2);
}

static void further_blocks_of_an_instruction_get_a_marker(void **state)
{
    (void)state;
    struct vm_ir_region r;
    struct vm_ir_builder b = start(&r);
    vm_ir_insn(&b, 0x20, 4);
    vm_ir_value x = vm_ir_get(&b, 1);
    vm_ir_value ok = vm_ir_ltu(&b, VM_I64, x, vm_ir_get(&b, 2));
    uint16_t good = vm_ir_new_block(&b), bad = vm_ir_new_block(&b);
    vm_ir_branch(&b, ok, good, NULL, 0, bad, NULL, 0);
    vm_ir_start_block(&b, bad);
    vm_ir_raise(&b, 2, x);
    vm_ir_start_block(&b, good);
    vm_ir_put(&b, 3, x);
    vm_ir_store(&b, VM_I64, VM_IR_MEM(3, 0, VM_IR_RELAXED), x, 8, x);
    vm_ir_insn(&b, 0x24, 2);
    vm_ir_goto(&b, 0x26);
    check(&r, "b0:\n insn 0x20 4\n %x = get x1\n %y = get x2\n %c = ltu.i64 %x, %y\n"
              " branch %c, b1, b2\n"
              "b2:\n insn 0x20 0\n raise 2, %x\n"
              "b1:\n put x3, %x\n insn 0x20 0\n store.i64 %x + 8, %x {d}\n insn 0x24 2\n"
              " goto 0x26\n");
    assert_int_equal(r.guest_insns, 2);
    assert_int_equal(r.guest_bytes, 6);
}

static void branches_fold(void **state)
{
    (void)state;
    struct vm_ir_region r;
    struct vm_ir_builder b = start(&r);
    uint16_t yes = vm_ir_new_block(&b), no = vm_ir_new_block(&b);
    vm_ir_value x = vm_ir_get(&b, 1);
    vm_ir_branch(&b, vm_ir_eq(&b, VM_I64, x, x), yes, NULL, 0, no, &x, 1);
    vm_ir_start_block(&b, yes);
    vm_ir_branch(&b, vm_ir_ltu(&b, VM_I64, x, vm_ir_const(&b, VM_I64, 9)), no, &x, 1, no, &x, 1);
    vm_ir_start_block(&b, no);
    vm_ir_put(&b, 2, vm_ir_param(&b, VM_I64));
    vm_ir_goto_ind(&b, vm_ir_pcrel(&b, 0x44), VM_IR_HINT_CALL, 0x10);
    check(&r, "b0:\n %x = get x1\n %one = const.i64 1\n jump b1\n"
              "b1:\n %n = const.i64 9\n %c = ltu.i64 %x, %n\n jump b2(%x)\n"
              "b2(%p: i64):\n put x2, %p\n %pc = pcrel 0x44\n goto 0x44, call 0x10\n");
}

// Which hints an indirect jump keeps when its target turns out to be known.
static void calls_keep_their_hints(void **state)
{
    (void)state;
    static const struct {
        enum vm_ir_hint hint;
        uint64_t ret;
        const char *text;
    } rows[] = {
        {VM_IR_HINT_OTHER, 0x10, "goto 0x44"},
        {VM_IR_HINT_CALL, 0x10, "goto 0x44, call 0x10"},
        {VM_IR_HINT_CALL, VM_IR_GOTO_MAX_RET, "goto 0x44, call 0xffffff"},
        {VM_IR_HINT_CALL, VM_IR_GOTO_MAX_RET + 1, "goto 0x44"},
        {VM_IR_HINT_RETURN, 0x10, "goto_ind %pc, return"},
        {VM_IR_HINT_SWAP, 0x10, "goto_ind %pc, swap 0x10"},
        {VM_IR_HINT_RESYNC, 0x10, "goto_ind %pc, resync"},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        struct vm_ir_region r;
        struct vm_ir_builder b = start(&r);
        char text[80];
        vm_ir_goto_ind(&b, vm_ir_pcrel(&b, 0x44), rows[i].hint, rows[i].ret);
        snprintf(text, sizeof text, "b0:\n %%pc = pcrel 0x44\n %s\n", rows[i].text);
        check(&r, text);
        const struct vm_ir_op *last = &r.ops[r.op_count - 1];
        if (vm_ir_hint_pushes(vm_ir_hint_of(last)))
            assert_int_equal(vm_ir_return_offset(last), rows[i].ret);
    }
}

static void values_are_masked_to_their_type(void **state)
{
    (void)state;
    struct vm_ir_region r;
    struct vm_ir_builder b = start(&r);
    assert_int_equal(r.ops[vm_ir_const(&b, VM_I8, UINT64_MAX)].imm, 0xff);
    assert_int_equal(r.ops[vm_ir_const(&b, VM_F16, UINT64_MAX)].imm, 0xffff);
    assert_int_equal(r.ops[vm_ir_const(&b, VM_I64, UINT64_MAX)].imm, UINT64_MAX);
    // The same constant is one op; of another type it is another.
    vm_ir_value c = vm_ir_const(&b, VM_I32, 7);
    assert_int_equal(vm_ir_const(&b, VM_I32, 7), c);
    assert_int_not_equal(vm_ir_const(&b, VM_F32, 7), c);
}

// Uses every building function on what it returned; must not crash after an overflow.
static void build_much(struct vm_ir_builder *b)
{
    vm_ir_value f = vm_ir_get(b, TOY_FL), args[300] = {0};
    vm_ir_value d = vm_ir_get(b, TOY_D), q = vm_ir_get(b, TOY_Q);
    for (unsigned i = 0; i < 300; i++) {
        vm_ir_insn(b, i, 4);
        vm_ir_value x = vm_ir_get(b, (uint16_t)(i % 8));
        vm_ir_value y = vm_ir_add(b, VM_I64, x, vm_ir_const(b, VM_I64, i * 77u));
        vm_ir_put(b, 1, vm_ir_extract(b, VM_I64, y, 3, 7, true));
        vm_ir_put(b, TOY_FL, vm_ir_mergef(b, f, vm_ir_logicf(b, VM_I64, y), VM_IR_FLAG_Z));
        vm_ir_value c = vm_ir_cond(b, f, VM_IR_COND_CZ);
        y = vm_ir_select(b, VM_I64, c, y, vm_ir_load(b, VM_I64, VM_IR_MEM(3, 0, 0), y, i));
        vm_ir_rmw(b, VM_I64, VM_IR_MEM(3, 0, 0), VM_IR_RMW_ADD, y, x);
        vm_ir_cas(b, VM_I128, VM_IR_MEM(4, 0, 0), y, q, q);
        y = vm_ir_call(b, TOY_FOUR, x, y, x, vm_ir_icount(b));
        d = vm_ir_fma(b, VM_F64, 0, d, d, vm_ir_bitsf(b, VM_F64, y));
        (void)vm_ir_value_type(b->region, y);
        (void)vm_ir_is_const(b->region, y);
        args[i] = y;
        if (i % 50 == 49) {
            uint16_t next = vm_ir_new_block(b);
            vm_ir_branch(b, c, next, args, i, next, args, i);
            vm_ir_start_block(b, next);
            for (unsigned p = 0; p < i; p++)
                args[p] = vm_ir_param(b, VM_I64);
        }
    }
    vm_ir_goto_ind(b, args[299], VM_IR_HINT_RETURN, 0);
}

struct limited {
    size_t left; // allocations until there is no more memory
};

static void *limited_alloc(void *context, size_t size, size_t align)
{
    struct limited *l = context;
    return l->left && l->left-- ? aligned_alloc(align, (size + align - 1) / align * align) : NULL;
}

static void limited_release(void *context, void *p, size_t size)
{
    (void)context, (void)size;
    free(p);
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    bool finished = false;
    for (size_t allocations = 0; !finished && allocations < 200; allocations++) {
        struct limited l = {allocations};
        const struct vm_allocator a = {limited_alloc, limited_release, &l};
        struct vm_arena arena;
        struct vm_ir_region r;
        struct vm_ir_builder b;
        vm_arena_init(&arena, &a, 512);
        vm_ir_builder_init(&b, &r, &arena, &toy_regfile, toy_helpers, TOY_HELPERS);
        build_much(&b);
        finished = !r.overflow;
        struct vm_error e;
        if (finished)
            assert_true(vm_ir_verify(&r, &e) || e.status == VM_ERR_HOST);
        else
            assert_false(vm_ir_verify(&r, &e));
        vm_arena_destroy(&arena);
    }
    assert_true(finished);
}

// A pass that gets no memory leaves a sound region.
static void passes_survive_without_memory(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 40; seed++) {
        for (size_t allocations = 0; allocations < 24; allocations++) {
            struct vm_ir_region *r = toy_random_region(seed, false);
            struct limited l = {allocations};
            const struct vm_allocator a = {limited_alloc, limited_release, &l};
            struct vm_arena small, *full = r->arena;
            vm_arena_init(&small, &a, 64);
            r->arena = &small;
            assert_true(vm_ir_optimize(r, seed & 1 ? VM_IR_REGION : VM_IR_TIER1, false, NULL));
            r->arena = full;
            toy_verify(r, "after passes without memory");
            vm_arena_destroy(&small);
        }
        toy_arena_drop();
    }
}

static void limits_of_a_region(void **state)
{
    (void)state;
    struct vm_ir_region r;
    struct vm_ir_builder b = start(&r);
    for (unsigned i = 0; i < VM_IR_MAX_OPS + 10; i++)
        vm_ir_insn(&b, i, 2);
    assert_true(r.overflow);
    assert_true(r.op_count <= VM_IR_MAX_OPS);
    b = start(&r);
    for (unsigned i = 0; i < VM_IR_MAX_BLOCKS; i++)
        vm_ir_new_block(&b);
    assert_true(r.overflow);
    b = start(&r);
    vm_ir_goto(&b, 0);
    vm_ir_start_block(&b, 0); // filled already
    assert_true(r.overflow);
    b = start(&r);
    vm_ir_get(&b, TOY_COUNT);
    assert_true(r.overflow);
    b = start(&r);
    vm_ir_put(&b, TOY_COUNT, 0);
    assert_true(r.overflow);
    b = start(&r);
    vm_ir_call(&b, TOY_HELPERS, 0, 0, 0, 0);
    assert_true(r.overflow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(forwards_entries_within_a_block, drop),
        cmocka_unit_test_teardown(calls_and_blocks_end_what_is_known, drop),
        cmocka_unit_test_teardown(fp_environment_is_never_known, drop),
        cmocka_unit_test_teardown(further_blocks_of_an_instruction_get_a_marker, drop),
        cmocka_unit_test_teardown(branches_fold, drop),
        cmocka_unit_test_teardown(calls_keep_their_hints, drop),
        cmocka_unit_test_teardown(values_are_masked_to_their_type, drop),
        cmocka_unit_test_teardown(memory_may_run_out_anywhere, drop),
        cmocka_unit_test_teardown(passes_survive_without_memory, drop),
        cmocka_unit_test_teardown(limits_of_a_region, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
