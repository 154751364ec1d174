// SPDX-License-Identifier: MIT
//
// An engine's code for regions against the IR's evaluator; linked with one engine
// (tested_engine.h). Random regions of all ops, as built and after the passes: state, memory, PC
// and instruction count must agree wherever the region ends, faults in its middle included.
// Arguments: [seed [count [test]]]; a failure prints the seed that repeats it. Then regions written
// down for what chance seldom meets.
#include "tested_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vm/base/bits.h>
#include <vm/ir/passes.h>

#include "ir_eval_vector.h"
#include "ir_random.h"

enum { STATES = 3, WRITTEN_STATES = 60, LOOPS = 40 };

static uint64_t first_seed = 1, seed_count = 6000;
static unsigned variant;

static uint64_t float_op(const struct vm_ir_region *r, const struct vm_ir_op *op,
                         const uint64_t args[3], struct vm_fp_env *env)
{
    return toy_float(op, vm_ir_value_type(r, op->args[0]), args, env);
}

// --- helpers, the same for both ---

static uint64_t help(struct toy_state *s, unsigned helper, const uint64_t a[4], bool *raises)
{
    uint64_t h = (a[0] * 3 + a[1] * 5 + a[2] * 7 + a[3] * 11 + helper) * 0x9e3779b97f4a7c15u;
    h ^= h >> 29;
    switch (helper) {
    case TOY_READ: return h ^ s->x[1];
    case TOY_WRITE: s->x[2] = h; break;
    case TOY_FAULT: *raises = h % 4 == 0; break;
    case TOY_ANY:
        for (unsigned i = 0; i < 7; i++)
            s->x[i] = s->x[i + 1] + i;
        s->fl ^= s->gl & 0x8d5;
        s->d[0] = -s->d[0];
        s->b++;
        s->q[3] ^= s->v[0][5];
        break;
    case TOY_VECTORS:
        s->v[h % 3][h % 16] ^= s->v[1][5] ^ s->fp.flags;
        s->fp.flags |= h >> 8 & 31;
        break;
    default: break;
    }
    return h;
}

static const struct toy_hooks hooks = {float_op, help};

enum { HELPER_CAUSE = 0x77 };

static uint64_t run_helper(void *vcpu, unsigned helper, uint64_t a, uint64_t b, uint64_t c,
                           uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    const unsigned count = toy_helpers[helper].args; // further ones may be anything
    const uint64_t args[4] = {count > 0 ? a : 0, count > 1 ? b : 0, count > 2 ? c : 0,
                              count > 3 ? d : 0};
    bool raises = false;
    uint64_t value = help(v->state, helper, args, &raises);
    if (raises)
        vm_vcpu_raise(v, HELPER_CAUSE, a);
    return value;
}

#define HELPER(name, number)                                                      \
    static uint64_t name(void *v, uint64_t a, uint64_t b, uint64_t c, uint64_t d) \
    {                                                                             \
        return run_helper(v, number, a, b, c, d);                                 \
    }
HELPER(help_hash, TOY_HASH)
HELPER(help_read, TOY_READ)
HELPER(help_write, TOY_WRITE)
HELPER(help_fault, TOY_FAULT)
HELPER(help_any, TOY_ANY)
HELPER(help_four, TOY_FOUR)
HELPER(help_vectors, TOY_VECTORS)

// --- the machine ---

static struct vm_ir_helper helpers[TOY_HELPERS];
static struct vm_regfile regfile;
static struct rig rig;

static int set_up(void **state)
{
    static vm_ir_helper_fn *const functions[TOY_HELPERS] = {
        [TOY_HASH] = help_hash,      [TOY_READ] = help_read, [TOY_WRITE] = help_write,
        [TOY_FAULT] = help_fault,    [TOY_ANY] = help_any,   [TOY_FOUR] = help_four,
        [TOY_VECTORS] = help_vectors};
    (void)state;
    memcpy(helpers, toy_helpers, sizeof helpers);
    for (unsigned i = 0; i < TOY_HELPERS; i++)
        helpers[i].fn = functions[i];
    regfile = toy_regfile;
    regfile.hot = tested_engine.hot(variant);
    const struct vm_guest_ops guest = {.name = "toy",
                                       .regfile = &regfile,
                                       .helpers = helpers,
                                       .helper_count = TOY_HELPERS,
                                       .max_insn = 4};
    rig_init(&rig, 1, &guest, tested_engine.ops);
    tested_engine.set_up(rig.v[0], variant);
    rig_map(&rig, 0, RIG_RAM, VM_ACCESS_READ | VM_ACCESS_WRITE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_destroy(&rig);
    toy_arena_drop();
    return 0;
}

static void put_state(const struct toy_machine *m)
{
    struct vm_vcpu *v = rig.v[0];
    memset((char *)v->state + toy_regfile.state_size, 0xee, VM_VCPU_SCRATCH); // nothing is left
    memcpy(v->state, &m->state, sizeof m->state);
    memcpy(rig.ram, m->memory, TOY_MEMORY);
    v->icount = m->retired;
    v->reservation.host = NULL;
    v->exception.pending = false;
    vm_tlb_flush_all(&v->tlb);
}

static void get_state(struct toy_machine *m)
{
    const struct vm_vcpu *v = rig.v[0];
    memcpy(&m->state, v->state, sizeof m->state);
    memcpy(m->memory, rig.ram, TOY_MEMORY);
    m->retired = v->icount;
    m->reserved = v->reservation.host != NULL;
    m->pc = vm_vcpu_pc(v);
    if (v->exception.pending) {
        m->detail = v->exception.cause;
        m->value = v->exception.value;
    }
}

// Whether an exception of the engine is what the evaluator calls a fault.
static bool same_fault(const struct toy_machine *want, const struct toy_machine *got)
{
    if (got->detail == HELPER_CAUSE)
        return got->value == want->detail;
    // A page that is not there: the second one is named when the access begins in the first.
    bool crosses = want->detail > TOY_MEMORY - 16 && want->detail < TOY_MEMORY;
    return got->value == want->detail || (crosses && got->value == TOY_MEMORY);
}

// An engine that looks for requests only where a loop may close may go out as if there were none;
// and it may leave at the last instruction, which is then executed anew, unless that has done
// something already.
static bool may_leave(const struct toy_machine *want, enum vm_engine_exit exit,
                      struct toy_machine *got)
{
    if (exit == VM_ENGINE_REQUEST && !want->acted && got->pc == TOY_PAGE_BASE + want->insn &&
        got->retired + 1 == want->retired) {
        got->pc = want->pc;
        got->retired++;
    }
    return exit == VM_ENGINE_REQUEST || exit == VM_ENGINE_RESYNC;
}

// `requested`: somebody wants the vCPU back, so that it leaves where it may.
static const char *compare_end(const struct toy_machine *want, enum vm_engine_exit exit,
                               bool requested, struct toy_machine *got)
{
    static const enum vm_engine_exit exits[] = {
        [VM_IR_EXIT_RESYNC] = VM_ENGINE_RESYNC,
        [VM_IR_EXIT_WAIT] = VM_ENGINE_WAIT,
        [VM_IR_EXIT_PAUSE] = VM_ENGINE_PAUSE,
    };
    bool right;
    switch (want->end) {
    case TOY_STOPPED:
        right = exit == VM_ENGINE_REQUEST;
        got->pc -= TOY_PAGE_BASE;
        break;
    case TOY_LEFT:
        right = requested && want->detail != VM_IR_HINT_RESYNC ? exit == VM_ENGINE_REQUEST
                                                               : exit == VM_ENGINE_RESYNC;
        if (tested_engine.polls_late && requested)
            right = may_leave(want, exit, got);
        break;
    case TOY_EXITED:
        right = exit == exits[want->detail] ||
                (tested_engine.polls_late && requested && want->detail == VM_IR_EXIT_RESYNC &&
                 exit == VM_ENGINE_REQUEST);
        break;
    case TOY_RAISED:
        right =
            exit == VM_ENGINE_EXCEPTION && got->detail == want->detail && got->value == want->value;
        break;
    default: right = exit == VM_ENGINE_EXCEPTION && same_fault(want, got);
    }
    if (!right)
        return "way out";
    got->end = want->end;
    got->detail = want->detail;
    got->value = want->value;
    got->log = want->log;
    if (exit == VM_ENGINE_EXCEPTION) {
        got->reserved = want->reserved;
        got->pc -= TOY_PAGE_BASE;
    }
    got->state.pc = want->state.pc;
    return toy_difference(want, got);
}

// Runs both from one state. False: it loops for too long to compare.
static bool agree(const struct vm_ir_region *r, void *b, const struct toy_machine *start,
                  bool requested, const char **what)
{
    static struct toy_machine want, got;
    want = got = *start;
    want.hooks = &hooks;
    toy_run(r, &want, requested ? 0 : LOOPS);
    if (want.end == TOY_STOPPED && !requested)
        return false;
    put_state(start);
    atomic_store(&rig.v[0]->request, requested ? VM_REQUEST_IRQ : 0);
    vm_vcpu_set_pc(rig.v[0], TOY_PAGE_BASE);
    enum vm_engine_exit exit = tested_engine.run(rig.v[0], b);
    get_state(&got);
    *what = compare_end(&want, exit, requested, &got);
    return true;
}

// Floats at the edges of their formats in every vector and float entry, of one format each: what
// engines compute in another way than softfloat.
static void fill_with_floats(uint64_t seed, struct toy_state *s)
{
    static const uint32_t f32[] = {0,          0x80000000, 0x3f800000, 0x00800000, 0x80800000,
                                   0x00800400, 0x3f7ff800, 0x00000001, 0x007fffff, 0x7f7fffff,
                                   0x7f800000, 0xff800000, 0x7f800001, 0x7fc01234, 0xffc00000,
                                   0x3f000000, 0x3f7fffff, 0x4f000000, 0xcf000001, 0x33800000};
    static const uint64_t f64[] = {0,
                                   (uint64_t)1 << 63,
                                   0x3ff0000000000000,
                                   0x0010000000000000,
                                   0x0010000008000000,
                                   0x3feffffff0000000,
                                   1,
                                   0x7fefffffffffffff,
                                   0x7ff0000000000000,
                                   0xfff0000000000001,
                                   0x7ff8000000001234,
                                   0x3fefffffffffffff,
                                   0x3fe0000000000000,
                                   0x36a0000000000001,
                                   0x380fffffe0000001,
                                   0x3810000000000000,
                                   0x47f0000000000000};
    uint64_t words[10];
    for (unsigned i = 0; i < VM_ARRAY_SIZE(words); i++) {
        uint64_t r = (seed * 10 + i + 1) * 0x9e3779b97f4a7c15u;
        r ^= r >> 31;
        words[i] = seed & 1 ? f64[r % VM_ARRAY_SIZE(f64)]
                            : f32[r % VM_ARRAY_SIZE(f32)] |
                                  (uint64_t)f32[(r >> 32) % VM_ARRAY_SIZE(f32)] << 32;
    }
    memcpy(s->v, words, sizeof s->v);
    memcpy(s->d, words + 6, sizeof s->d);
    memcpy(&s->s, words + 8, sizeof s->s);
}

static void start_state(uint64_t seed, struct toy_machine *m)
{
    toy_random_machine(seed, m);
    m->state.pc = TOY_PAGE_BASE;
    if (seed % 3 == 0)
        fill_with_floats(seed / 3, &m->state);
    m->state.fp = (struct vm_fp_env){.round = (uint8_t)(seed % 5),
                                     .flags = m->state.fp.flags & 31,
                                     .nan = m->state.fp.nan % 4,
                                     .tininess_before = m->state.fp.nan & 1,
                                     .flush_output = m->state.fp.round % 3,
                                     .flush_input = m->state.fp.round % 4,
                                     .flush_output_f16 = m->state.fp.flush_output_f16 % 3,
                                     .flush_input_f16 = m->state.fp.flush_input_f16 % 4};
}

static unsigned check(uint64_t seed, const char *when, struct vm_ir_region *r, unsigned states)
{
    struct toy_machine start;
    unsigned compared = 0;
    r->regfile = &regfile;
    r->helpers = helpers;
    void *b = tested_engine.make(rig.v[0], r);
    if (!b)
        fail_msg("seed %llu %s: refused\n%s", (unsigned long long)seed, when, toy_print(r));
    for (unsigned i = 0; i < states; i++) {
        const char *what = NULL;
        start_state(seed * states + i, &start);
        compared += agree(r, b, &start, false, &what);
        if (!what)
            agree(r, b, &start, true, &what);
        if (what)
            fail_msg("variant %u seed %llu state %u %s: %s differs\n%s", variant,
                     (unsigned long long)seed, i, when, what, toy_print(r));
    }
    return compared;
}

// --- random regions ---

// Every so often a way out leads to another page, the next one or a remote one.
static uint64_t way_out(uint64_t offset)
{
    switch (offset % 7) {
    case 0: return offset + VM_PAGE_SIZE;
    case 1: return offset - VM_PAGE_SIZE;
    case 2: return offset << 30;
    default: return offset;
    }
}

// The evaluator's PC is not an entry, engines' atomics are aligned, and dynamic rounding modes are
// valid ones.
static void adapt(struct vm_ir_region *r)
{
    for (uint32_t i = 0; i < r->op_count; i++) {
        struct vm_ir_op *op = &r->ops[i];
        bool entry = op->code == VM_IR_get || op->code == VM_IR_put;
        if (entry && op->imm == TOY_PC)
            op->imm = TOY_X + 3;
        if (entry && op->imm == TOY_FROUND)
            op->imm = TOY_B;
        if (op->code >= VM_IR_lr && op->code <= VM_IR_rmw)
            op->attr |= VM_IR_ALIGN_NATURAL << VM_IR_MEM_ALIGN_SHIFT;
        if (op->code == VM_IR_goto)
            op->imm = way_out(op->imm);
    }
}

static void compare_regions(void)
{
    uint64_t compared = 0;
    for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) {
        static const char *const names[] = {"plain", "folded", "tier 1", "all passes"};
        for (unsigned how = 0; how < VM_ARRAY_SIZE(names); how++) {
            struct vm_ir_region *r = toy_random_region(seed, how > 0);
            adapt(r);
            if (how == 2)
                vm_ir_optimize(r, VM_IR_TIER1, false, NULL);
            if (how == 3)
                vm_ir_optimize(r, VM_IR_REGION, false, NULL);
            compared += check(seed, names[how], r, STATES);
        }
        toy_arena_drop();
    }
    printf("%llu runs compared\n", (unsigned long long)compared);
    assert_true(compared > seed_count * 4 * STATES / 2);
}

// --- regions written down ---

static void written_regions(void **state)
{
    (void)state;
    size_t length;
    char *text = toy_read_file("tests/unit/ir/regions.txt", &length), *end = text + length;
    unsigned count = 0;
    for (char *at = strstr(text, "region {"); at; count++) {
        char *next = strstr(at + 1, "region {");
        char *close = next ? next : end;
        char *one = vm_arena_alloc(toy_arena(), (size_t)(close - at) + 1, 1);
        memcpy(one, at, (size_t)(close - at));
        one[close - at] = 0;
        struct vm_ir_region *r = toy_parse(one);
        toy_verify(r, one);
        assert_int_not_equal(check(count, "written", r, WRITTEN_STATES), 0);
        vm_ir_optimize(r, VM_IR_TIER1, true, NULL);
        assert_int_not_equal(check(count, "written, tier 1", r, WRITTEN_STATES), 0);
        at = next;
    }
    assert_true(count > 10);
    toy_arena_drop();
}

// Regions that are too large are refused and nothing else happens.
static void large_regions_are_refused(void **state)
{
    (void)state;
    static struct toy_machine start;
    for (unsigned n = 100; n < 30000; n *= 3) {
        struct vm_ir_builder b;
        struct vm_ir_region r;
        vm_ir_builder_init(&b, &r, toy_arena(), &toy_regfile, helpers, TOY_HELPERS);
        b.no_fold = true;
        vm_ir_insn(&b, 0, 4);
        vm_ir_value sum = vm_ir_get(&b, 1);
        for (unsigned i = 0; i < n; i++)
            sum = vm_ir_add(&b, VM_I64, sum, vm_ir_mul(&b, VM_I64, sum, vm_ir_get(&b, 2)));
        vm_ir_put(&b, 3, sum);
        vm_ir_goto(&b, 4);
        if (r.overflow)
            break;
        r.regfile = &regfile;
        void *block = tested_engine.make(rig.v[0], &r);
        if (n == 100)
            assert_non_null(block);
        if (n > 10000)
            assert_null(block);
        const char *what = NULL;
        start_state(n, &start);
        if (block)
            assert_true(agree(&r, block, &start, false, &what));
        assert_null(what);
        toy_arena_drop();
    }
}

// --- every row of ops.def ---

static bool is_row(unsigned code)
{
    const unsigned other = VM_IR_E_TERM | VM_IR_E_CALL | VM_IR_E_MARK | VM_IR_E_WRITE_STATE;
    return code > VM_IR_icount && !(vm_ir_op_infos[code].effects & other);
}

static void compare_row(uint64_t seed, enum vm_ir_code code, enum vm_type t)
{
    struct vm_ir_region *r = toy_random_row(seed, code, t);
    adapt(r);
    toy_verify(r, vm_ir_op_infos[code].name);
    check(seed, "row", r, STATES);
    toy_arena_drop();
}

static void compare_rows(void)
{
    uint64_t count = seed_count / 100 + 1;
    for (unsigned code = 0; code < VM_IR_CODE_COUNT; code++) {
        for (unsigned t = VM_I8; is_row(code) && t < VM_TYPE_COUNT; t++) {
            if (!(vm_ir_op_infos[code].types & VM_TYPE_BIT(t)) && vm_ir_op_infos[code].types)
                continue;
            for (uint64_t seed = first_seed; seed < first_seed + count; seed++)
                compare_row(seed, (enum vm_ir_code)code, (enum vm_type)t);
        }
    }
}

// For each way in which the engine may be set up; the seeds are shared out.
static void with_each_variant(void (*run)(void))
{
    uint64_t all = seed_count, first = first_seed;
    for (variant = 0; variant < tested_engine.variants; variant++) {
        seed_count = all / tested_engine.variants + 1;
        set_up(NULL);
        run();
        tear_down(NULL);
        first_seed += seed_count;
    }
    variant = 0;
    first_seed = first;
    seed_count = all;
}

static void random_regions(void **state)
{
    (void)state;
    with_each_variant(compare_regions);
}

static void every_row(void **state)
{
    (void)state;
    with_each_variant(compare_rows);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
    if (argc > 1)
        first_seed = strtoull(argv[1], NULL, 0);
    if (argc > 2)
        seed_count = strtoull(argv[2], NULL, 0);
    if (argc > 3)
        cmocka_set_test_filter(argv[3]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_regions),
        cmocka_unit_test(every_row),
        TEST(written_regions),
        TEST(large_regions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
