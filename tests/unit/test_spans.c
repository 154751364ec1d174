// SPDX-License-Identifier: MIT
//
// Accesses near one base, which an engine may check together: random programs of loads, stores and
// additions over pages that can be written, read only, not at all, or are one page twice, held
// against a model with its own memory. Then loops of such instructions, which an engine may check
// for many turns at a time. Linked with one engine (tested_engine.h).
#include "tested_engine.h"
#include "tiny_guest.h"

#include <string.h>

#include <vm/base/memory.h>

enum {
    PAGE = VM_PAGE_SIZE,
    RX = VM_ACCESS_READ | VM_ACCESS_EXECUTE,
    RW = VM_ACCESS_READ | VM_ACCESS_WRITE,
    CODE = 0x1000,
    DATA = 0x10000,
    LENGTH = 24,
    PAGES = 5,
};

// The pages from DATA on: of RAM, or none.
static const struct {
    int page; // of RAM, or -1
    uint8_t allowed;
} map[PAGES] = {{2, RW}, {3, RW}, {4, VM_ACCESS_READ}, {-1, 0}, {2, RW}};

// The guest with registers that an engine may keep in the host's.
static const uint16_t many[] = {0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 0xffff}, few[] = {4, 0, 1, 0xffff};
static struct vm_regfile regfile;
static struct vm_guest_ops guest;

static struct rig rig;

static int set_up(void **state)
{
    regfile = *tiny_guest.regfile;
    regfile.hot = *state;
    guest = tiny_guest;
    guest.regfile = &regfile;
    rig_init(&rig, 1, &guest, tested_engine.ops);
    rig_map(&rig, CODE, RIG_RAM, RX);
    for (unsigned i = 0; i < PAGES; i++) {
        if (map[i].page >= 0)
            rig_map(&rig, DATA + i * PAGE, RIG_RAM + (uint64_t)map[i].page * PAGE, map[i].allowed);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_destroy(&rig);
    return 0;
}

struct model {
    struct tiny_state s;
    uint8_t memory[RIG_PAGES * PAGE];
    uint64_t icount, cause, value; // cause 0: none
};

// The byte at an address, or NULL with the exception.
static uint8_t *find(struct model *m, uint64_t gva, enum vm_access access)
{
    uint64_t page = (gva - DATA) / PAGE;
    if (gva >= CODE && gva < CODE + PAGE && access == VM_ACCESS_READ)
        return m->memory + (gva - CODE);
    if (gva < DATA || page >= PAGES || !(map[page].allowed & access)) {
        m->cause = RIG_PAGE_FAULT + access;
        m->value = gva;
        return NULL;
    }
    return m->memory + (uint64_t)map[page].page * PAGE + gva % PAGE;
}

static bool move_bytes(struct model *m, uint64_t gva, uint8_t bytes[8], bool store)
{
    uint8_t *at[8];
    enum vm_access access = store ? VM_ACCESS_WRITE : VM_ACCESS_READ;
    for (unsigned i = 0; i < 8; i++) {
        // The second page is looked at where it begins.
        if (!(at[i] = find(m, gva + i, access)))
            return false;
    }
    for (unsigned i = 0; i < 8; i++) {
        if (store)
            *at[i] = bytes[i];
        else
            bytes[i] = *at[i];
    }
    return true;
}

static bool step(struct model *m, const uint8_t *i)
{
    uint64_t *x = m->s.x, address = x[i[2]] + (uint64_t)(int64_t)(int8_t)i[3];
    uint8_t bytes[8];
    switch (i[0]) {
    case ADD: x[i[1]] = address; return true;
    case LD:
        if (!move_bytes(m, address, bytes, false))
            return false;
        x[i[1]] = vm_load_le64(bytes);
        return true;
    default: vm_store_le64(bytes, x[i[1]]); return move_bytes(m, address, bytes, true);
    }
}

static void run_model(struct model *m, const uint8_t *program)
{
    m->cause = 0;
    for (unsigned n = 0; n < LENGTH; n++) {
        m->s.pc = CODE + 4 * n;
        if (!step(m, program + 4 * n))
            return;
        m->icount++;
    }
    m->icount++; // WAIT
    m->s.pc = CODE + 4 * LENGTH + 4;
}

// x1 to x3 are bases, which other instructions mostly leave alone; the rest are values.
static void make_program(uint8_t *program, uint64_t *seed)
{
    static const uint8_t ops[] = {LD, LD, LD, ST, ST, ST, ST, ADD};
    for (unsigned n = 0; n < LENGTH; n++) {
        uint64_t x = test_random(seed);
        uint8_t op = ops[x & 7];
        bool to_base = (x >> 8 & 31) == 0;
        program[4 * n] = op;
        program[4 * n + 1] = (uint8_t)(to_base ? 1 + (x >> 16 & 1) : 4 + (x >> 16) % 12);
        program[4 * n + 2] =
            (uint8_t)(op == ADD && !to_base ? 4 + (x >> 24) % 12 : 1 + (x >> 24) % 3);
        program[4 * n + 3] = (uint8_t)((x >> 32 & 3) ? x >> 40 & 0xf8 : x >> 40);
    }
    const uint8_t wait[] = {WAIT, 0, 0, 0};
    memcpy(program + 4 * LENGTH, wait, sizeof wait);
}

static void expect_same(const struct model *m, enum vm_engine_exit exit)
{
    struct vm_vcpu *v = rig.v[0];
    assert_int_equal(exit, m->cause ? VM_ENGINE_EXCEPTION : VM_ENGINE_WAIT);
    if (m->cause)
        rig_expect_exception(v, m->cause, m->value);
    assert_memory_equal(v->state, &m->s, sizeof m->s);
    assert_int_equal(v->icount, m->icount);
    assert_memory_equal(rig.ram + PAGE, m->memory + PAGE, sizeof m->memory - PAGE);
}

static void accesses_are_those_of_the_model(void **state)
{
    enum { PROGRAMS = 3000, RUNS = 6 };
    static struct model m;
    struct vm_vcpu *v = rig.v[0];
    uint64_t seed = test_seed("spans", 1), faults = 0;
    uint8_t program[4 * LENGTH + 4];
    (void)state;
    memcpy(m.memory, rig.ram, sizeof m.memory);
    for (unsigned n = 0; n < PROGRAMS * RUNS; n++) {
        if (n % RUNS == 0) {
            make_program(program, &seed);
            memcpy(rig.ram, program, sizeof program);
            memcpy(m.memory, program, sizeof program);
            v->engine->flush(v);
        }
        for (unsigned i = 0; i < 16; i++)
            m.s.x[i] = test_random(&seed);
        for (unsigned i = 1; i <= 3; i++) {
            // Mostly near the end of a page, and where all may be written.
            static const uint8_t choice[16] = {0, 0, 0, 0, 0, 0, 4, 4, 1, 1, 0, 0, 0, 0, 2, 3};
            uint64_t x = test_random(&seed), page = DATA + (uint64_t)choice[x & 15] * PAGE;
            m.s.x[i] = page + (x >> 8 & 7 ? PAGE - 64 + (x >> 16 & 0x7f) : x >> 16 & 0xfff);
        }
        memcpy(v->state, &m.s, sizeof m.s);
        if ((test_random(&seed) & 7) == 0)
            vm_tlb_flush_all(&v->tlb);
        run_model(&m, program);
        vm_vcpu_set_pc(v, CODE);
        expect_same(&m, v->engine->run(v));
        faults += m.cause != 0;
    }
    assert_true(faults > PROGRAMS && faults < PROGRAMS * RUNS - PROGRAMS);
}

// --- loops ---

enum { COUNTER = 15 };

static void run_loop_model(struct model *m, const uint8_t *program, unsigned length)
{
    m->cause = 0;
    do {
        for (unsigned n = 0; n < length; n++) {
            m->s.pc = CODE + 4 * n;
            if (!step(m, program + 4 * n))
                return;
            m->icount++;
        }
        m->icount++; // BNZ
    } while (m->s.x[COUNTER]);
    m->icount++; // WAIT
    m->s.pc = CODE + 4 * length + 8;
}

// Accesses by x1 to x3, which go on by constants, mostly; their number.
static unsigned make_loop(uint8_t *program, uint64_t *seed)
{
    static const int8_t steps[] = {8, 16, 8, 64, 24, -8, -16, 100, -40, 3};
    unsigned length = 0;
    uint8_t(*at)[4] = (uint8_t(*)[4])program;
    for (unsigned n = 2 + test_random(seed) % 8; n; n--) {
        uint64_t x = test_random(seed);
        uint8_t op = x & 1 ? LD : x & 2 ? ST : ADD;
        uint8_t base = (uint8_t)(1 + (x >> 8) % 3), value = (uint8_t)(4 + (x >> 16) % 10);
        uint8_t imm = (uint8_t)(x >> 24 & (x >> 32 & 3 ? 0x78 : 0xff));
        uint8_t from = (uint8_t)(op == ADD && x >> 40 & 1 ? 4 + (x >> 48) % 10 : base);
        memcpy(at[length++], (const uint8_t[]){op, value, from, imm}, 4);
    }
    for (uint8_t base = 1; base <= 3; base++) {
        uint64_t x = test_random(seed);
        uint8_t imm = (uint8_t)steps[x % sizeof steps], odd = (x >> 8 & 31) == 0;
        if (x >> 16 & 7)
            memcpy(at[length++], (const uint8_t[]){ADD, base, (uint8_t)(odd ? 5 : base), imm}, 4);
    }
    memcpy(at[length], (const uint8_t[]){ADD, COUNTER, COUNTER, 0xff}, 4);
    if (length) { // somewhere among them
        unsigned other = (unsigned)(test_random(seed) % length);
        uint8_t first[4];
        memcpy(first, at[other], 4);
        memcpy(at[other], at[length], 4);
        memcpy(at[length], first, 4);
    }
    length++;
    uint16_t back = (uint16_t)(-4 * (int)length);
    memcpy(at[length], (const uint8_t[]){BNZ, COUNTER, (uint8_t)back, (uint8_t)(back >> 8)}, 4);
    memcpy(at[length + 1], (const uint8_t[]){WAIT, 0, 0, 0}, 4);
    return length;
}

static void loops_are_those_of_the_model(void **state)
{
    enum { PROGRAMS = 1000, RUNS = 6 };
    static struct model m;
    struct vm_vcpu *v = rig.v[0];
    uint64_t seed = test_seed("loops", 1);
    unsigned length = 0, faults = 0;
    uint8_t program[4 * (LENGTH + 2)];
    (void)state;
    memset(program, 0, sizeof program);
    memcpy(m.memory, rig.ram, sizeof m.memory);
    m.icount = 0;
    for (unsigned n = 0; n < PROGRAMS * RUNS; n++) {
        if (n % RUNS == 0) {
            length = make_loop(program, &seed);
            memcpy(rig.ram, program, sizeof program);
            memcpy(m.memory, program, sizeof program);
            v->engine->flush(v);
        }
        for (unsigned i = 0; i < 16; i++)
            m.s.x[i] = test_random(&seed);
        m.s.x[COUNTER] = 1 + test_random(&seed) % (n & 1 ? 12 : 700);
        for (unsigned i = 1; i <= 3; i++) {
            uint64_t x = test_random(&seed);
            m.s.x[i] =
                DATA + (x & 15 ? x >> 8 & 1 : 4) * PAGE + (x >> 16 & (x & 7 ? 0xff8 : 0xfff));
        }
        memcpy(v->state, &m.s, sizeof m.s);
        if ((test_random(&seed) & 3) == 0)
            vm_tlb_flush_all(&v->tlb);
        run_loop_model(&m, program, length);
        vm_vcpu_set_pc(v, CODE);
        expect_same(&m, v->engine->run(v));
        faults += m.cause != 0;
    }
    assert_in_range(faults, PROGRAMS / 2, PROGRAMS * RUNS - PROGRAMS / 2);
}

int main(void)
{
    void *some = (void *)(uintptr_t)few, *most = (void *)(uintptr_t)many;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(accesses_are_those_of_the_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(loops_are_those_of_the_model, set_up, tear_down),
        cmocka_unit_test_prestate_setup_teardown(loops_are_those_of_the_model, set_up, tear_down,
                                                 some),
        cmocka_unit_test_prestate_setup_teardown(loops_are_those_of_the_model, set_up, tear_down,
                                                 most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
