// SPDX-License-Identifier: MIT
//
// Semantics of the RISC-V frontend as IR: the text of a few lowerings, and for every row of the
// tables, with random fields in every execution mode, that the IR is well-formed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vm/base/error.h>
#include <vm/base/memory.h>
#include <vm/frontend-riscv64/frontend.h>
#include <vm/ir/builder.h>
#include <vm/ir/text.h>
#include <vm/ir/verify.h>

#include "random_values.h"
#include "riscv_pattern.h"

// Execution modes (frontend.h): the privilege, and for U-mode FS off and a reserved frm.
enum { U = 0, S = 1, M = 3, FS_OFF = 4, BAD_FRM = 8 };
static const uint32_t modes[] = {U, S, M, U | FS_OFF, U | BAD_FRM, U | FS_OFF | BAD_FRM};

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

struct lowering {
    void *config;
    struct vm_arena arena;
    struct vm_ir_region region;
    struct vm_ir_builder builder;
    uint64_t offset; // of the next instruction
    uint32_t mode;
    bool ends;
};

static void *configure(const char *cpu)
{
    struct vm_error e = {0};
    void *config;
    if (vm_riscv64_guest_ops.configure(cpu, &allocator, &config, &e) != VM_OK)
        fail_msg("%s", e.text);
    return config;
}

static void begin(struct lowering *l, void *config, uint32_t mode)
{
    const struct vm_guest_ops *g = &vm_riscv64_guest_ops;
    *l = (struct lowering){.config = config, .offset = 0x100, .mode = mode};
    vm_arena_init(&l->arena, &allocator, 1 << 16);
    vm_ir_builder_init(&l->builder, &l->region, &l->arena, g->regfile, g->helpers, g->helper_count);
}

static void lower(struct lowering *l, uint32_t word)
{
    uint8_t bytes[4];
    vm_store_le32(bytes, word);
    struct vm_translate t = {.builder = &l->builder,
                             .bytes = bytes,
                             .available = 4,
                             .offset = l->offset,
                             .mode = l->mode,
                             .config = l->config};
    vm_riscv64_guest_ops.translate(&t);
    assert_false(t.more);
    assert_int_equal(t.length, (word & 3) == 3 ? 4 : 2);
    l->offset += t.length;
    l->ends = t.ends;
}

static void finish(struct lowering *l)
{
    if (!l->ends)
        vm_ir_goto(&l->builder, l->offset);
}

// --- golden texts ---

struct golden {
    const char *what, *assembly;
    uint32_t words[4]; // until 0
    uint32_t mode;
    const char *text;
};

static const struct golden goldens[] = {
#include "riscv_semantics_golden.h"
};

static void lowers_as_written(void **state)
{
    (void)state;
    static char text[8192];
    bool same = true;
    void *config = configure(NULL);
    for (size_t i = 0; i < VM_ARRAY_SIZE(goldens); i++) {
        const struct golden *g = &goldens[i];
        struct lowering l;
        begin(&l, config, g->mode);
        for (unsigned n = 0; n < VM_ARRAY_SIZE(g->words) && g->words[n]; n++)
            lower(&l, g->words[n]);
        finish(&l);
        vm_ir_print(&l.region, text, sizeof text);
        if (strcmp(text, g->text) != 0) {
            same = false;
            print_error("%s: %s lowers to\n%sinstead of\n%s", g->what, g->assembly, text, g->text);
        }
        vm_arena_destroy(&l.arena);
    }
    vm_riscv64_guest_ops.unconfigure(config, &allocator);
    assert_true(same);
}

// --- everything is well-formed ---

static void check(struct lowering *l, const char *name, uint32_t word)
{
    struct vm_error e = {0};
    finish(l);
    if (!vm_ir_verify(&l->region, &e)) {
        static char text[65536];
        vm_ir_print(&l->region, text, sizeof text);
        fail_msg("%s (%08x) in mode %u: %s\n%s", name, word, l->mode, e.text, text);
    }
}

static uint32_t random_word(struct random *r, const struct pattern *p)
{
    uint32_t word;
    do {
        word = ((uint32_t)random_bits(r) & ~p->mask) | p->value;
        if (p->bytes == 2)
            word &= 0xffff;
    } while (p->holds && !p->holds(word));
    return word;
}

static void check_rows(void *config, struct random *r)
{
    enum { WORDS = 100 };
    struct lowering l;
    for (unsigned row = 0; row < pattern_count; row++)
        for (unsigned n = 0; n < WORDS * VM_ARRAY_SIZE(modes); n++) {
            uint32_t word = random_word(r, &patterns[row]);
            begin(&l, config, modes[n % VM_ARRAY_SIZE(modes)]);
            lower(&l, word);
            check(&l, patterns[row].name, word);
            vm_arena_destroy(&l.arena);
        }
}

static void every_row_is_well_formed(void **state)
{
    (void)state;
    struct random r = {1};
    void *config = configure(NULL);
    check_rows(config, &r);
    vm_riscv64_guest_ops.unconfigure(config, &allocator);
}

// Without C, jumps can be misaligned and need more blocks.
static void every_row_is_well_formed_without_c(void **state)
{
    (void)state;
    struct random r = {2};
    void *config = configure("max,-zca");
    check_rows(config, &r);
    vm_riscv64_guest_ops.unconfigure(config, &allocator);
}

static void blocks_are_well_formed(void **state)
{
    (void)state;
    enum { BLOCKS = 4000, LENGTH = 30 };
    struct random r = {3};
    struct lowering l;
    void *config = configure(NULL);
    for (unsigned n = 0; n < BLOCKS; n++) {
        uint32_t word = 0;
        const struct pattern *p = NULL;
        begin(&l, config, modes[n % VM_ARRAY_SIZE(modes)]);
        for (unsigned i = 0; i < LENGTH && !l.ends; i++) {
            p = &patterns[random_below(&r, pattern_count)];
            word = random_word(&r, p);
            lower(&l, word);
        }
        check(&l, p->name, word);
        vm_arena_destroy(&l.arena);
    }
    vm_riscv64_guest_ops.unconfigure(config, &allocator);
}

// --- single facts ---

static unsigned count_ops(const struct vm_ir_region *r, enum vm_ir_code code, uint64_t imm)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < r->op_count; i++)
        n += r->ops[i].code == code && r->ops[i].imm == imm;
    return n;
}

// The check of FS is made once in a block of a privileged mode.
static void checks_fp_once(void **state)
{
    (void)state;
    struct lowering l;
    void *config = configure(NULL);
    begin(&l, config, S);
    lower(&l, 0x0005b007); // fld ft0,0(a1)
    lower(&l, 0x0085b087); // fld ft1,8(a1)
    lower(&l, 0x02108053); // fadd.d ft0,ft1,ft1,rne
    finish(&l);
    unsigned calls = 0;
    for (uint32_t i = 0; i < l.region.op_count; i++)
        calls += l.region.ops[i].code == VM_IR_call;
    assert_int_equal(calls, 1);
    vm_arena_destroy(&l.arena);
    vm_riscv64_guest_ops.unconfigure(config, &allocator);
}

// A misaligned jump raises before it writes its link.
static void misaligned_jump_writes_no_link(void **state)
{
    (void)state;
    enum { FETCH_MISALIGNED = 0 };
    struct lowering l;
    void *config = configure("max,-zca");
    begin(&l, config, U);
    lower(&l, 0x006000ef); // jal ra,.+6
    finish(&l);
    assert_int_equal(count_ops(&l.region, VM_IR_raise, FETCH_MISALIGNED), 1);
    assert_int_equal(count_ops(&l.region, VM_IR_put, 1), 0);
    vm_arena_destroy(&l.arena);
    vm_riscv64_guest_ops.unconfigure(config, &allocator);
}

// Without F there is no fflags: the helper raises.
static void fflags_needs_f(void **state)
{
    (void)state;
    enum { READ_FFLAGS = 0x00102573 };
    static const char *const cpus[] = {"max", "max,-f"};
    for (unsigned i = 0; i < VM_ARRAY_SIZE(cpus); i++) {
        struct lowering l;
        void *config = configure(cpus[i]);
        unsigned calls = 0;
        begin(&l, config, U);
        lower(&l, READ_FFLAGS);
        finish(&l);
        for (uint32_t n = 0; n < l.region.op_count; n++)
            calls += l.region.ops[n].code == VM_IR_call;
        assert_int_equal(calls, i);
        vm_arena_destroy(&l.arena);
        vm_riscv64_guest_ops.unconfigure(config, &allocator);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lowers_as_written),
        cmocka_unit_test(every_row_is_well_formed),
        cmocka_unit_test(every_row_is_well_formed_without_c),
        cmocka_unit_test(blocks_are_well_formed),
        cmocka_unit_test(checks_fp_once),
        cmocka_unit_test(misaligned_jump_writes_no_link),
        cmocka_unit_test(fflags_needs_f),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
