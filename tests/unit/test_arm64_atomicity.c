// SPDX-License-Identifier: MIT
//
// Single-copy atomicity of ARM64's accesses within 16 aligned bytes (FEAT_LSE2; the manual, B2.2
// "Atomicity in the Arm architecture"): a PE stores all ones and zeros by turns, another one must
// never load some of each.
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "arm64_code.h"
#include "arm64_rig.h"

#ifdef TRINE_JIT
#include <vm/engine-jit/jit.h>
#define ENGINE vm_jit_ops
enum { TURNS = 2000000 };
#else
#include <vm/engine-interpreter/interpreter.h>
#define ENGINE vm_interpreter_ops
enum { TURNS = 100000 };
#endif

enum {
    WRITER = RIG_RAM,
    READER = RIG_RAM + 0x1000,
    VECTORS = RIG_RAM + 0x20000,
    TABLE = RIG_RAM + 0x30000,
    DATA = RIG_RAM + 0x40000,
    SAME_LEVEL = 0x200,
};

// Loads leave x2, or x2 and x3, which are the same after `check`; X1 is the address.
struct access {
    const char *name;
    unsigned offset;   // from 16 aligned bytes
    uint32_t store[2]; // of X2, and X3, which is the same
    uint32_t load[3];
};

#define NOP    A_NOP
#define ROTATE 0x93c22043u              // ROR X3, X2, #8
#define DUP    0x4e080c40u              // DUP V0.2D, X2
#define HALVES 0x9e660002u, 0x4e183c03u // FMOV X2, D0; UMOV X3, V0.D[1]

static const struct access accesses[] = {
    {"STP, LDP", 0, {0xa9000c22, NOP}, {0xa9400c22, NOP, NOP}},
    {"STP, LDP without allocation", 0, {0xa8000c22, NOP}, {0xa8400c22, NOP, NOP}},
    {"STR Q, LDR Q", 0, {DUP, 0x3d800020}, {0x3dc00020, HALVES}},
    {"STP, LDR Q", 0, {0xa9000c22, NOP}, {0x3dc00020, HALVES}},
    {"STR Q, LDP", 0, {DUP, 0x3d800020}, {0xa9400c22, NOP, NOP}},
    {"STR X, LDR X, misaligned", 3, {0xf9000022, NOP}, {0xf9400022, ROTATE, NOP}},
    {"STR X, LDR X, aligned", 8, {0xf9000022, NOP}, {0xf9400022, ROTATE, NOP}},
};

struct bed {
    struct arm64_rig rig;
    enum vm_run_result result[2];
};

static void start(struct bed *b)
{
    struct vm_error e = {0};
    memset(b, 0, sizeof *b);
    arm_rig_start(&b->rig, "max", 2);
    assert_int_equal(vm_machine_add_breakpoint(&b->rig.machine, VECTORS + SAME_LEVEL, &e), VM_OK);
    // RAM as one block of 1 GiB of normal memory.
    *arm_rig_memory(&b->rig, TABLE + 8) = RIG_RAM | 1 << 10 | 1;
    for (unsigned i = 0; i < 2; i++) {
        struct vm_vcpu *v = b->rig.machine.vcpus[i];
        struct vm_arm64_state *s = a64_state(v);
        v->engine = &ENGINE;
        assert_int_equal(v->engine->create(v, &e), VM_OK);
        s->vbar[1] = VECTORS;
        s->mair[1] = 0xff;
        s->tcr[1] = 25 | 1 << 23;
        s->ttbr0[1] = TABLE;
        s->sctlr[1] |= A64_SCTLR_M;
        s->cpacr_el1 = 3 << 20;
        v->guest->sync(v);
    }
}

static void write_words(struct bed *b, uint64_t at, const uint32_t *words, size_t n)
{
    memcpy(arm_rig_memory(&b->rig, at), words, n * sizeof *words);
}

static void write_programs(struct bed *b, const struct access *a)
{
    const uint32_t writer[] = {0xaa2203e2, 0xaa0203e3, a->store[0], a->store[1], // MVN, MOV
                               0xd1000484, 0xb5ffff64, A_SVC(0)}; // SUB X4, CBNZ X4 back
    const uint32_t reader[] = {a->load[0], a->load[1], a->load[2], 0xeb03005f,
                               0x54000081, // CMP X2, X3; B.NE to the last
                               0xd1000484, 0xb5ffff44, A_SVC(0),   A_SVC(1)};
    write_words(b, WRITER, writer, VM_ARRAY_SIZE(writer));
    write_words(b, READER, reader, VM_ARRAY_SIZE(reader));
}

struct part {
    struct bed *bed;
    unsigned number;
};

static void *run(void *context)
{
    const struct part *p = context;
    p->bed->result[p->number] = vm_vcpu_run(p->bed->rig.machine.vcpus[p->number]);
    return NULL;
}

static void accesses_are_atomic(void **state)
{
    (void)state;
    for (size_t i = 0; i < VM_ARRAY_SIZE(accesses); i++) {
        struct bed b;
        pthread_t threads[2];
        start(&b);
        write_programs(&b, &accesses[i]);
        struct part parts[2] = {{&b, 0}, {&b, 1}};
        for (unsigned k = 0; k < 2; k++) {
            struct vm_arm64_state *s = a64_state(b.rig.machine.vcpus[k]);
            s->pc = k ? READER : WRITER;
            s->x[1] = DATA + accesses[i].offset;
            s->x[2] = s->x[3] = 0;
            s->x[4] = TURNS;
            assert_int_equal(pthread_create(&threads[k], NULL, run, &parts[k]), 0);
        }
        for (unsigned k = 0; k < 2; k++)
            pthread_join(threads[k], NULL);
        for (unsigned k = 0; k < 2; k++) {
            const struct vm_arm64_state *s = a64_state(b.rig.machine.vcpus[k]);
            assert_int_equal(b.result[k], VM_RUN_BREAKPOINT);
            if ((s->esr[1] & 0xffff) != 0 || s->esr[1] >> 26 != 0x15)
                fail_msg("%s: PE %u ended with %#lx, X2 %#lx, X3 %#lx", accesses[i].name, k,
                         (unsigned long)s->esr[1], (unsigned long)s->x[2], (unsigned long)s->x[3]);
        }
        arm_rig_stop(&b.rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accesses_are_atomic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
