// SPDX-License-Identifier: MIT
//
// ir: the examples of docs/ir.md are well-formed, stay so through the passes, and compute what the
// manuals say. A block fenced as "ir GUEST [NAME]" is an example; the guests' register files here
// are made up, as large as the examples need.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vm/ir/passes.h>

#include "ir_eval.h"
#include "ir_support.h"

enum { NAME = 40, TRIES = 3000, RAX = 0, RCX, RDX, RBX, RSI, RDI, RFLAGS, DF };
enum { C = 0x1, Z = 0x40, S = 0x80, V = 0x800, ALL = 0x8d5 };

// --- the guests ---

#define X(n)                                  \
    {                                         \
        "x" #n, 8 * n, VM_I64, VM_REG_GENERAL \
    }

#define V(n)                                        \
    {                                               \
        "v" #n, 64 + 16 * n, VM_V128, VM_REG_VECTOR \
    }

static const struct vm_register arm64_registers[] = {
    X(0),
    X(1),
    X(2),
    X(3),
    X(4),
    X(5),
    {"nzcv", 48, VM_FLAGS, VM_REG_SYSTEM},
    V(0),
    V(1),
    V(2),
    V(3),
    {"qc", 128, VM_V128, VM_REG_HIDDEN},
};
static const struct vm_register x86_registers[] = {
    [RAX] = {"rax", 0, VM_I64, VM_REG_GENERAL},         [RCX] = {"rcx", 8, VM_I64, VM_REG_GENERAL},
    [RDX] = {"rdx", 16, VM_I64, VM_REG_GENERAL},        [RBX] = {"rbx", 24, VM_I64, VM_REG_GENERAL},
    [RSI] = {"rsi", 32, VM_I64, VM_REG_GENERAL},        [RDI] = {"rdi", 40, VM_I64, VM_REG_GENERAL},
    [RFLAGS] = {"rflags", 48, VM_FLAGS, VM_REG_SYSTEM}, [DF] = {"df", 56, VM_I64, VM_REG_SYSTEM},
};
static const struct vm_register riscv_registers[] = {
    {"f0", 0, VM_I64, VM_REG_FLOAT},    {"f1", 8, VM_I64, VM_REG_FLOAT},
    {"f2", 16, VM_I64, VM_REG_FLOAT},   {"f3", 24, VM_I64, VM_REG_FLOAT},
    {"ra", 32, VM_I64, VM_REG_GENERAL},
};

static uint64_t udiv128(void *vcpu, uint64_t high, uint64_t low, uint64_t divisor, uint64_t unused)
{
    (void)vcpu, (void)unused;
    return (uint64_t)(((unsigned __int128)high << 64 | low) / divisor);
}

static const struct vm_ir_helper x86_helpers[] = {
    {"udiv128", udiv128, 3, VM_I64, VM_IR_HELPER_PURE, NULL, NULL},
};

static const struct guest {
    const char *name;
    const struct vm_regfile regfile;
    const struct vm_ir_helper *helpers;
    uint16_t helper_count;
} guests[] = {
    {"arm64", {arm64_registers, VM_ARRAY_SIZE(arm64_registers), 0, 512, TOY_STATE}, NULL, 0},
    {"x86-64", {x86_registers, VM_ARRAY_SIZE(x86_registers), 0, 512, TOY_STATE}, x86_helpers, 1},
    {"riscv64", {riscv_registers, VM_ARRAY_SIZE(riscv_registers), 0, 512, TOY_STATE}, NULL, 0},
};

// --- the examples ---

static const char *page;

static struct vm_ir_region *parse_example(const char *guest, const char *text, size_t length)
{
    struct vm_ir_region *r = vm_arena_alloc(toy_arena(), sizeof *r, 16);
    struct vm_error e;
    const struct guest *g = NULL;
    for (size_t i = 0; i < VM_ARRAY_SIZE(guests); i++)
        g = strcmp(guests[i].name, guest) ? g : &guests[i];
    if (!strcmp(guest, "toy"))
        vm_ir_parse(text, length, r, toy_arena(), &toy_regfile, toy_helpers, TOY_HELPERS, &e);
    else if (!g)
        fail_msg("docs/ir.md: unknown guest %s", guest);
    else
        vm_ir_parse(text, length, r, toy_arena(), &g->regfile, g->helpers, g->helper_count, &e);
    if (r->overflow || !vm_ir_verify(r, &e))
        fail_msg("docs/ir.md, %s: %s\n%.*s", guest, e.text, (int)length, text);
    return r;
}

// Goes to the next example after *at; false if there is none.
static bool next_example(const char **at, char guest[NAME], char name[NAME], const char **text,
                         size_t *length)
{
    const char *fence = strstr(*at, "\n```ir ");
    if (!fence)
        return false;
    const char *begin = strchr(fence + 1, '\n') + 1, *end = strstr(begin, "\n```\n");
    assert_non_null(end);
    name[0] = 0;
    assert_true(sscanf(fence, "\n```ir %39[^ \n] %39[^ \n]", guest, name) >= 1);
    *text = begin;
    *length = (size_t)(end + 1 - begin);
    *at = end;
    return true;
}

static struct vm_ir_region *example(const char *wanted)
{
    char guest[NAME], name[NAME];
    const char *at = page, *text;
    size_t length;
    while (next_example(&at, guest, name, &text, &length))
        if (!strcmp(name, wanted))
            return parse_example(guest, text, length);
    fail_msg("docs/ir.md has no example %s", wanted);
    return NULL;
}

static void examples_are_well_formed(void **state)
{
    (void)state;
    char guest[NAME], name[NAME];
    const char *at = page, *text;
    size_t length;
    unsigned count = 0;
    struct vm_error e;
    for (; next_example(&at, guest, name, &text, &length); count++) {
        struct vm_ir_region *r = parse_example(guest, text, length);
        if (!vm_ir_optimize(r, VM_IR_TIER1, true, &e))
            fail_msg("docs/ir.md, %s: %s", name, e.text);
        r = parse_example(guest, text, length);
        if (!vm_ir_optimize(r, VM_IR_REGION, true, &e))
            fail_msg("docs/ir.md, %s: %s", name, e.text);
    }
    assert_true(count >= 11);
}

// --- what they compute ---

static uint64_t random_state = 1;

static uint64_t random64(void)
{
    static const uint64_t special[] = {
        0,         1, 2, 0x7f, 0x80, 0xff, 0x7fffffffffffffff, 0x8000000000000000, UINT64_MAX - 1,
        UINT64_MAX};
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    uint64_t r = random_state ^ random_state >> 29;
    return r % 3 ? r : special[(r >> 8) % VM_ARRAY_SIZE(special)];
}

static uint64_t *reg(struct toy_machine *m, unsigned index)
{
    return (uint64_t *)(void *)m->bytes + index;
}

// A machine with random registers 0 to 5, random flags in 6, random memory.
static struct toy_machine *random_machine(void)
{
    static struct toy_machine m;
    memset(&m, 0, sizeof m);
    for (unsigned i = 0; i < 6; i++)
        *reg(&m, i) = random64();
    *reg(&m, 6) = random64() & ALL;
    for (size_t i = 0; i < sizeof m.memory; i++)
        m.memory[i] = (uint8_t)random64();
    return &m;
}

static uint64_t memory64(const struct toy_machine *m, uint64_t at)
{
    uint64_t v;
    memcpy(&v, m->memory + at, sizeof v);
    return v;
}

// The four flags that ARM has of a + b + carry.
static uint64_t arm_flags(uint64_t a, uint64_t b, unsigned carry)
{
    unsigned __int128 wide = (unsigned __int128)a + b + carry;
    uint64_t r = (uint64_t)wide;
    __int128 exact = (__int128)(int64_t)a + (int64_t)b + carry;
    return (r >> 63 ? S : 0) | (r ? 0 : Z) | (wide >> 64 ? C : 0) | (exact != (int64_t)r ? V : 0);
}

static void adcs(void **state)
{
    (void)state;
    const struct vm_ir_region *r = example("adcs");
    for (unsigned i = 0; i < TRIES; i++) {
        struct toy_machine *m = random_machine();
        uint64_t a = *reg(m, 1), b = *reg(m, 2), c = *reg(m, 6) & C;
        toy_run(r, m, 0);
        assert_int_equal(*reg(m, 0), a + b + c);
        assert_int_equal(*reg(m, 6) & (S | Z | C | V), arm_flags(a, b, (unsigned)c));
    }
}

static void ccmp(void **state)
{
    (void)state;
    const struct vm_ir_region *r = example("ccmp");
    for (unsigned i = 0; i < TRIES; i++) {
        struct toy_machine *m = random_machine();
        uint64_t a = *reg(m, 1), b = *reg(m, 2), eq = *reg(m, 6) & Z;
        toy_run(r, m, 0);
        assert_int_equal(*reg(m, 6) & (S | Z | C | V), eq ? arm_flags(a, ~b, 1) : Z);
    }
}

static void ldxp_stxp(void **state)
{
    (void)state;
    const struct vm_ir_region *r = example("ldxp-stxp");
    for (unsigned i = 0; i < TRIES; i++) {
        struct toy_machine *m = random_machine();
        uint64_t at = *reg(m, 2) = *reg(m, 2) & 0xff0;
        uint64_t low = memory64(m, at), high = memory64(m, at + 8);
        toy_run(r, m, 0);
        assert_int_equal(*reg(m, 0), low);
        assert_int_equal(*reg(m, 1), high);
        assert_int_equal(*reg(m, 3), 0);
        assert_int_equal(memory64(m, at), *reg(m, 4));
        assert_int_equal(memory64(m, at + 8), *reg(m, 5));
    }
}

static void umulh(void **state)
{
    (void)state;
    const struct vm_ir_region *r = example("umulh");
    for (unsigned i = 0; i < TRIES; i++) {
        struct toy_machine *m = random_machine();
        unsigned __int128 product = (unsigned __int128)*reg(m, 1) * *reg(m, 2);
        toy_run(r, m, 0);
        assert_int_equal(*reg(m, 0), (uint64_t)(product >> 64));
    }
}

// Bit by bit through the carry, as the manual's pseudocode has it.
static void rcl(void **state)
{
    (void)state;
    const struct vm_ir_region *r = example("rcl");
    for (unsigned i = 0; i < TRIES; i++) {
        struct toy_machine *m = random_machine();
        uint64_t a = *reg(m, RAX), flags = *reg(m, RFLAGS), carry = flags & C;
        unsigned count = *reg(m, RCX) & 63;
        for (unsigned n = count; n; n--) {
            uint64_t top = a >> 63;
            a = a << 1 | carry;
            carry = top;
        }
        toy_run(r, m, 0);
        assert_int_equal(*reg(m, RAX), a);
        assert_int_equal(*reg(m, RFLAGS) & ~(uint64_t)V, (flags & ~(uint64_t)(C | V)) | carry);
        if (count == 0)
            assert_int_equal(*reg(m, RFLAGS), flags);
        if (count == 1)
            assert_int_equal(!!(*reg(m, RFLAGS) & V), a >> 63 ^ carry);
    }
}

static void adc_ah(void **state)
{
    (void)state;
    const struct vm_ir_region *r = example("adc-ah");
    for (unsigned i = 0; i < TRIES; i++) {
        struct toy_machine *m = random_machine();
        uint64_t rax = *reg(m, RAX), ah = rax >> 8 & 0xff, bl = *reg(m, RBX) & 0xff;
        uint64_t carry = *reg(m, RFLAGS) & C, sum = ah + bl + carry;
        int exact = (int8_t)ah + (int8_t)bl + (int)carry;
        toy_run(r, m, 0);
        assert_int_equal(*reg(m, RAX), (rax & ~(uint64_t)0xff00) | (sum & 0xff) << 8);
        uint64_t flags = *reg(m, RFLAGS);
        assert_int_equal(flags & C, sum >> 8);
        assert_int_equal(!!(flags & Z), !(sum & 0xff));
        assert_int_equal(!!(flags & S), sum >> 7 & 1);
        assert_int_equal(!!(flags & V), exact != (int8_t)sum);
        assert_int_equal(!!(flags & 0x10), (ah & 15) + (bl & 15) + carry > 15);
        assert_int_equal(!!(flags & 4), !(__builtin_popcount(sum & 0xff) & 1));
    }
}

static void cmpxchg16b(void **state)
{
    (void)state;
    const struct vm_ir_region *r = example("cmpxchg16b");
    for (unsigned i = 0; i < TRIES; i++) {
        struct toy_machine *m = random_machine();
        bool equal = i & 1, aligned = i % 16;
        uint64_t at = *reg(m, RSI) = (*reg(m, RSI) & 0xff0) + (aligned ? 0 : 8);
        uint64_t low = at < 0xff0 ? memory64(m, at) : 0,
                 high = at < 0xff0 ? memory64(m, at + 8) : 0;
        if (equal) {
            *reg(m, RAX) = low;
            *reg(m, RDX) = high;
        }
        struct toy_machine before = *m;
        toy_run(r, m, 0);
        if (!aligned) {
            assert_int_equal(m->end, TOY_RAISED);
            assert_int_equal(m->detail, 13);
            assert_memory_equal(m->bytes, before.bytes, sizeof m->bytes);
            continue;
        }
        if (at >= 0xff0)
            continue;
        bool same = low == *reg(&before, RAX) && high == *reg(&before, RDX);
        assert_int_equal(*reg(m, RFLAGS), (*reg(&before, RFLAGS) & ~(uint64_t)Z) | (same ? Z : 0));
        assert_int_equal(*reg(m, RAX), low);
        assert_int_equal(*reg(m, RDX), high);
        assert_int_equal(memory64(m, at), same ? *reg(&before, RBX) : low);
        assert_int_equal(memory64(m, at + 8), same ? *reg(&before, RCX) : high);
    }
}

// Also stopped in the middle, and with a fault in the middle: what is left to do is in the
// registers.
static void rep_movs(void **state)
{
    (void)state;
    const struct vm_ir_region *r = example("rep-movs");
    for (unsigned i = 0; i < TRIES; i++) {
        struct toy_machine *m = random_machine();
        uint64_t count = *reg(m, RCX) = random64() % 20, down = *reg(m, DF) = i & 1;
        uint64_t from = *reg(m, RSI) = 0x800 + random64() % 0x100, step = down ? (uint64_t)-8 : 8;
        uint64_t to = *reg(m, RDI) = i % 8 ? 0x400 + random64() % 0x100 : 0xff0;
        uint8_t copy[TOY_MEMORY];
        memcpy(copy, m->memory, sizeof copy);
        unsigned done = 0;
        while (done < count && to + done * step <= TOY_MEMORY - 8) {
            memmove(copy + to + done * step, copy + from + done * step, 8);
            done++;
        }
        unsigned loops = (unsigned)(random64() % 20);
        toy_run(r, m, loops);
        if (m->end == TOY_STOPPED) {
            assert_int_equal(*reg(m, RCX), count - loops - 1);
            toy_run(r, m, 100);
        }
        assert_int_equal(m->end, done < count ? TOY_FAULTED : TOY_LEFT);
        assert_int_equal(*reg(m, RCX), count - done);
        assert_int_equal(*reg(m, RSI), from + done * step);
        assert_int_equal(*reg(m, RDI), to + done * step);
        assert_memory_equal(m->memory, copy, sizeof copy);
    }
}

static void division(void **state)
{
    (void)state;
    const struct vm_ir_region *r = example("div");
    for (unsigned i = 0; i < TRIES; i++) {
        struct toy_machine *m = random_machine();
        uint64_t low = *reg(m, RAX), high = *reg(m, RDX), divisor = *reg(m, RBX);
        if (i % 4)
            high = *reg(m, RDX) = divisor ? high % divisor : 0;
        toy_run(r, m, 0);
        if (high >= divisor) {
            assert_int_equal(m->end, TOY_RAISED);
            assert_int_equal(m->detail, 0);
            assert_int_equal(*reg(m, RAX), low);
            continue;
        }
        unsigned __int128 all = (unsigned __int128)high << 64 | low;
        assert_int_equal(*reg(m, RAX), (uint64_t)(all / divisor));
        assert_int_equal(*reg(m, RDX), (uint64_t)(all % divisor));
    }
}

static int read_page(void **state)
{
    (void)state;
    page = toy_read_file("docs/ir.md", NULL);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    toy_arena_drop();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_are_well_formed),
        cmocka_unit_test(adcs),
        cmocka_unit_test(ccmp),
        cmocka_unit_test(ldxp_stxp),
        cmocka_unit_test(umulh),
        cmocka_unit_test(rcl),
        cmocka_unit_test(adc_ah),
        cmocka_unit_test(cmpxchg16b),
        cmocka_unit_test(rep_movs),
        cmocka_unit_test(division),
    };
    return cmocka_run_group_tests(tests, read_page, drop);
}
