// SPDX-License-Identifier: MIT
//
// The memory model on two PEs (the manual, B2 "Definition of the Arm memory model"): short pieces
// of code that run against each other many times, and outcomes that are forbidden. Where an outcome
// is allowed it is counted, which shows how well the pieces meet. And atomicity: increments by
// every kind of atomic access get lost nowhere.
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arm64_code.h"
#include "arm64_rig.h"

#ifdef TRINE_JIT
#include <vm/engine-jit/jit.h>
#define ENGINE vm_jit_ops
#else
#include <vm/engine-interpreter/interpreter.h>
#define ENGINE vm_interpreter_ops
#endif

// The layout of RAM.
enum {
    CODE = RIG_RAM + 0x10000, // of the first PE; the second's is 4 KiB behind
    TABLE = RIG_RAM + 0x20000,
    READY = RIG_RAM + 0x30000, // which round a PE is in; 4 KiB apart
    X = RIG_RAM + 0x100000,    // a line of each for every round
    Y = RIG_RAM + 0x200000,
    RESULTS = RIG_RAM + 0x300000, // of the first PE; the second's are 256 KiB behind
    LINE = 128,
    ROUNDS = 8000,
    PIECE = 8, // instructions
};
_Static_assert(ROUNDS *LINE <= 0x100000, "the rounds have room");

// A piece has the addresses of X and Y in x1 and x2, and 1 in x4; what it leaves in x3 is its
// result.
struct litmus {
    const char *name;
    uint32_t piece[2][PIECE];
    bool (*forbidden)(uint64_t first, uint64_t second); // NULL: all is allowed
    bool same_line;                                     // each round has the same X and Y
};

enum { DMB = 0xd5033bbf, DMB_LD = 0xd50339bf, DMB_ST = 0xd5033abf };
#define STLR(t, n)         (0xc89ffc00u | (n) << 5 | (t))
#define LDAR(t, n)         (0xc8dffc00u | (n) << 5 | (t))
#define LDAPR(t, n)        (0xf8bfc000u | (n) << 5 | (t))
#define LDADD(s, t, n)     (0xf8200000u | (s) << 16 | (n) << 5 | (t))
#define LDADDAL(s, t, n)   (0xf8e00000u | (s) << 16 | (n) << 5 | (t))
#define CAS(s, t, n)       (0xc8a07c00u | (s) << 16 | (n) << 5 | (t))
#define STXR(s, t, n)      (0xc8007c00u | (s) << 16 | (n) << 5 | (t))
#define LDAXR(t, n)        (0xc85ffc00u | (n) << 5 | (t))
#define STLXR(s, t, n)     (0xc800fc00u | (s) << 16 | (n) << 5 | (t))
#define LDXP(t, u, n)      (0xc87f0000u | (u) << 10 | (n) << 5 | (t))
#define STXP(s, t, u, n)   (0xc8200000u | (s) << 16 | (u) << 10 | (n) << 5 | (t))
#define ADD_X(d, n, m)     (0x8b000000u | (m) << 16 | (n) << 5 | (d))
#define ADD_TWICE(d, n, m) (ADD_X(d, n, m) | 1 << 10) // LSL #1
#define CMP(n, m)          (0xeb00001fu | (m) << 16 | (n) << 5)
#define CBNZ_W(t, words)   (0x35000000u | ((uint32_t)(words)&0x7ffff) << 5 | (t))
#define B_COND(c, words)   (0x54000000u | ((uint32_t)(words)&0x7ffff) << 5 | (c))
#define STR_POST8(t, n)    (0xf8008400u | (n) << 5 | (t))
enum { NE = 1, LO = 3, LS = 9 };

static bool both_zero(uint64_t first, uint64_t second)
{
    return first == 0 && second == 0;
}

// The flag (2) was seen, the data (1) was not.
static bool flag_alone(uint64_t first, uint64_t second)
{
    (void)first;
    return second == 2;
}

#define READ_BOTH(first, between)                        \
    {                                                    \
        first, between, A_LDR(6, 1), ADD_TWICE(3, 6, 7), \
    }

static const struct litmus litmus[] = {
    {"store buffering", {{A_STR(4, 1), A_LDR(3, 2)}, {A_STR(4, 2), A_LDR(3, 1)}}, NULL, false},
    {"store buffering, DMB",
     {{A_STR(4, 1), DMB, A_LDR(3, 2)}, {A_STR(4, 2), DMB, A_LDR(3, 1)}},
     both_zero,
     false},
    {"store buffering, STLR then LDAR",
     {{STLR(4, 1), LDAR(3, 2)}, {STLR(4, 2), LDAR(3, 1)}},
     both_zero,
     false},
    {"store buffering, STLR then LDAPR",
     {{STLR(4, 1), LDAPR(3, 2)}, {STLR(4, 2), LDAPR(3, 1)}},
     NULL,
     false},
    {"store buffering, STLR then LDAR, with stores and loads around",
     {{STLR(4, 1), A_LDR(7, 1), LDAR(3, 2)}, {A_LDR(7, 2), STLR(4, 2), LDAR(3, 1)}},
     both_zero,
     false},
    {"store buffering, STLXR then LDAR",
     {{LDAXR(7, 1), STLXR(8, 4, 1), CBNZ_W(8, -2), LDAR(3, 2)}, {STLR(4, 2), LDAR(3, 1)}},
     both_zero,
     false},
    {"message passing, STLR and LDAR",
     {{A_STR(4, 1), STLR(4, 2)}, READ_BOTH(LDAR(7, 2), A_NOP)},
     flag_alone,
     false},
    {"message passing, STLR and LDAPR",
     {{A_STR(4, 1), STLR(4, 2)}, READ_BOTH(LDAPR(7, 2), A_NOP)},
     flag_alone,
     false},
    {"message passing, DMB ISHST and DMB ISHLD",
     {{A_STR(4, 1), DMB_ST, A_STR(4, 2)}, READ_BOTH(A_LDR(7, 2), DMB_LD)},
     flag_alone,
     false},
    {"coherence of one location",
     {{A_STR(4, 1)}, READ_BOTH(A_LDR(7, 1), A_NOP)},
     flag_alone,
     false},
};

// --- two PEs ---

struct pair {
    struct arm64_rig rig;
    uint64_t rounds;
};

static uint64_t *at(const struct pair *p, uint64_t address)
{
    return arm_rig_memory(&p->rig, address);
}

static uint64_t code_of(unsigned pe)
{
    return CODE + pe * UINT64_C(0x1000);
}

static uint64_t results_of(unsigned pe)
{
    return RESULTS + pe * UINT64_C(0x40000);
}

static void start_pe(struct vm_vcpu *v)
{
    struct vm_arm64_state *s = v->state;
    struct vm_error e = {0};
    v->engine = &ENGINE;
    assert_int_equal(v->engine->create(v, &e), VM_OK);
    s->mair[1] = 0xff;
    s->ttbr0[1] = TABLE;
    s->tcr[1] = (uint64_t)2 << 32 | 1 << 23 | 25;
    s->sctlr[1] |= A64_SCTLR_M;
    s->pc = code_of(v->index);
    s->x[1] = X;
    s->x[2] = Y;
    s->x[4] = 1;
    s->x[5] = results_of(v->index);
    s->x[10] = 1;
    s->x[11] = ROUNDS;
    s->x[12] = READY + v->index * 0x1000;
    s->x[13] = READY + (1 - v->index) * 0x1000;
    v->guest->sync(v);
}

// Both PEs wait for each other before each round.
static void write_code(struct pair *p, unsigned pe, const struct litmus *l)
{
    const uint32_t head[] = {STLR(10, 12), LDAR(14, 13), CMP(14, 10), B_COND(LO, -2)};
    const unsigned step = l->same_line ? 0 : LINE;
    const uint32_t tail[] = {STR_POST8(3, 5), A_ADD(1, 1, step), A_ADD(2, 2, step),
                             A_ADD(10, 10, 1u), CMP(10, 11)};
    uint32_t words[40];
    unsigned n = 0;
    for (unsigned i = 0; i < VM_ARRAY_SIZE(head); i++)
        words[n++] = head[i];
    for (unsigned i = 0; i < PIECE && l->piece[pe][i]; i++)
        words[n++] = l->piece[pe][i];
    for (unsigned i = 0; i < VM_ARRAY_SIZE(tail); i++)
        words[n++] = tail[i];
    words[n] = B_COND(LS, -(int)n);
    n++;
    words[n++] = STLR(10, 12); // through
    words[n++] = A_BRK(0);
    memcpy(at(p, code_of(pe)), words, 4 * n);
    struct vm_error e = {0};
    assert_int_equal(vm_machine_add_breakpoint(&p->rig.machine, code_of(pe) + 4 * (n - 1), &e),
                     VM_OK);
}

static void *run_pe(void *vcpu)
{
    struct vm_vcpu *v = vcpu;
    return (void *)(uintptr_t)vm_vcpu_run(v);
}

// Runs both to their ends, or for some seconds; p->rounds is how many rounds were finished.
static void run_pair(struct pair *p, const struct litmus *l)
{
    enum { PATIENCE = 4000000, STEP = 1000 }; // us
    pthread_t threads[2];
    void *result;
    memset(p, 0, sizeof *p);
    arm_rig_start(&p->rig, NULL, 2);
    *at(p, TABLE + 8) = RIG_RAM | 1 << 10 | 3 << 8 | 1;
    for (unsigned i = 0; i < 2; i++) {
        write_code(p, i, l);
        start_pe(p->rig.machine.vcpus[i]);
    }
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_pe, p->rig.machine.vcpus[i]), 0);
    const uint64_t *ready[2] = {at(p, READY), at(p, READY + 0x1000)};
    for (unsigned us = 0; us < PATIENCE; us += STEP) {
        if (__atomic_load_n(ready[0], __ATOMIC_ACQUIRE) > ROUNDS &&
            __atomic_load_n(ready[1], __ATOMIC_ACQUIRE) > ROUNDS)
            break;
        usleep(STEP);
    }
    vm_machine_stop(&p->rig.machine, VM_STOP_PAUSE, 0, NULL);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], &result);
        int why = (int)(uintptr_t)result;
        assert_true(why == VM_RUN_BREAKPOINT || why == VM_RUN_STOPPED);
    }
    uint64_t least = *ready[0] < *ready[1] ? *ready[0] : *ready[1];
    p->rounds = least ? least - 1 : 0;
}

static void outcomes_are_allowed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VM_ARRAY_SIZE(litmus); i++) {
        const struct litmus *l = &litmus[i];
        static struct pair p;
        unsigned counts[4][4] = {{0}}, forbidden = 0;
        run_pair(&p, l);
        for (uint64_t n = 0; n < p.rounds; n++) {
            uint64_t a = at(&p, results_of(0))[n], b = at(&p, results_of(1))[n];
            counts[a & 3][b & 3]++;
            forbidden += l->forbidden && l->forbidden(a, b);
        }
        print_message("%s: %lu rounds;", l->name, p.rounds);
        for (unsigned n = 0; n < 16; n++)
            if (counts[n >> 2][n & 3])
                print_message(" %u,%u: %u", n >> 2, n & 3, counts[n >> 2][n & 3]);
        print_message("\n");
        arm_rig_stop(&p.rig);
        assert_true(p.rounds > 0);
        assert_int_equal(forbidden, 0);
    }
}

// --- atomicity ---

#define EXCLUSIVES                                                  \
    {                                                               \
        A_LDXR(7, 1), ADD_X(7, 7, 4), STXR(8, 7, 1), CBNZ_W(8, -3), \
    }
#define EXCLUSIVE_PAIR                                                  \
    {                                                                   \
        LDXP(7, 9, 1), ADD_X(7, 7, 4), STXP(8, 7, 9, 1), CBNZ_W(8, -3), \
    }
#define COMPARE                                                                                \
    {                                                                                          \
        A_LDR(7, 1), ADD_X(8, 7, 4), ADD_X(9, 7, 31), CAS(9, 8, 1), CMP(9, 7), B_COND(NE, -5), \
    }

static const struct litmus increments[] = {
    {"LDADD", {{LDADD(4, 3, 1)}, {LDADD(4, 3, 1)}}, NULL, true},
    {"LDADDAL and LDADD", {{LDADDAL(4, 3, 1)}, {LDADD(4, 3, 1)}}, NULL, true},
    {"LDXR and STXR", {EXCLUSIVES, EXCLUSIVES}, NULL, true},
    {"LDXP and STXP", {EXCLUSIVE_PAIR, EXCLUSIVE_PAIR}, NULL, true},
    {"CAS", {COMPARE, COMPARE}, NULL, true},
    {"LDADD and exclusives", {{LDADD(4, 3, 1)}, EXCLUSIVES}, NULL, true},
    {"CAS and LDADD", {COMPARE, {LDADDAL(4, 3, 1)}}, NULL, true},
    {"CAS and exclusives", {COMPARE, EXCLUSIVES}, NULL, true},
};

static void increments_are_atomic(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VM_ARRAY_SIZE(increments); i++) {
        static struct pair p;
        run_pair(&p, &increments[i]);
        uint64_t sum = *at(&p, X);
        print_message("%s: %lu rounds\n", increments[i].name, p.rounds);
        arm_rig_stop(&p.rig);
        assert_true(p.rounds > 0);
        // A PE that was stopped may have done one more than it had told of.
        if (p.rounds == ROUNDS)
            assert_int_equal(sum, 2 * ROUNDS);
        else
            assert_in_range(sum, 2 * p.rounds, 2 * p.rounds + 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes_are_allowed),
        cmocka_unit_test(increments_are_atomic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
