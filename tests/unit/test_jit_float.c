// SPDX-License-Identifier: MIT
//
// engine-jit's floating point against the interpreter's, which is softfloat's: random RISC-V
// programs of FP instructions on few registers, so that results are operands of what follows and
// are overwritten unseen, with accesses that fault between them. Every register, the flags and the
// memory must agree. With all that the host's processor offers, with some, and with none of it.
// Arguments: [seed [count]].
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vm/core/machine.h>
#include <vm/engine-interpreter/interpreter.h>
#include <vm/engine-jit/jit.h>
#include <vm/frontend-riscv64/frontend.h>
#include <vm/osal/cpu.h>

#include "jit.h"
#include "random_values.h"
#include "rv_words.h"
#include "test_host.h"

enum {
    BASE = 0x80000000,
    SIZE = 4 * VM_PAGE_SIZE,
    DATA = 2 * VM_PAGE_SIZE, // offset of the memory that programs use
    TRAP = VM_PAGE_SIZE - 4, // offset of the trap vector
    PROGRAM = 150,           // instructions
    MEMORY = A0,             // the register with its address
    NOWHERE = A1,            // the register with one that faults
    X_FIRST = 12,
    X_COUNT = 5,
    PMP_ALL = 0x1f,
    FS_INITIAL = 1 << 13,
    CSR_FFLAGS = 1,
    CSR_FRM = 2,
};

static uint64_t first_seed = 1, seed_count = 300;

struct program {
    uint32_t words[PROGRAM + 1];
    uint64_t f[32], x[32], data[64];
    unsigned frm;
    bool machine_mode;
};

struct outcome {
    uint64_t f[32], x[32], data[64], fflags, mepc, mcause, icount;
};

// --- programs ---

// Some that stay in registers of the host (`hot_float`), and some that do not.
static unsigned f(struct random *r)
{
    static const uint8_t registers[] = {0, 10, 15, 8, 2, 31};
    return registers[random_below(r, sizeof registers)];
}

static unsigned x(struct random *r)
{
    return X_FIRST + random_below(r, X_COUNT);
}

static uint32_t op_fp(unsigned f5, unsigned format, unsigned rs2, unsigned rs1, unsigned rm,
                      unsigned rd)
{
    return f5 << 27 | format << 25 | rs2 << 20 | rs1 << 15 | rm << 12 | rd << 7 | 0x53;
}

static unsigned rounding(struct random *r)
{
    static const uint8_t modes[] = {0, 1, 2, 3, 4, 7, 7, 7, 7, 7};
    return modes[random_below(r, sizeof modes)];
}

static uint32_t arithmetic(struct random *r, unsigned format)
{
    switch (random_below(r, 6)) {
    case 0: return op_fp(0x0b, format, 0, f(r), rounding(r), f(r));           // fsqrt
    case 1: return op_fp(0x05, format, f(r), f(r), random_below(r, 4), f(r)); // fmin ... fmaxm
    case 2: {
        static const uint8_t fused[] = {0x43, 0x47, 0x4b, 0x4f};
        return f(r) << 27 | format << 25 | f(r) << 20 | f(r) << 15 | rounding(r) << 12 | f(r) << 7 |
               fused[random_below(r, 4)];
    }
    default: return op_fp(random_below(r, 4), format, f(r), f(r), rounding(r), f(r));
    }
}

static uint32_t conversion(struct random *r, unsigned format)
{
    switch (random_below(r, 4)) {
    case 0: return op_fp(0x18, format, random_below(r, 4), f(r), rounding(r), x(r));
    case 1: return op_fp(0x1a, format, random_below(r, 4), x(r), rounding(r), f(r));
    case 2: return op_fp(0x08, format, 4 + random_below(r, 2), f(r), rounding(r), f(r)); // fround
    default: return op_fp(0x08, format, !format, f(r), rounding(r), f(r));
    }
}

static uint32_t transfer(struct random *r, unsigned format)
{
    static const uint8_t relations[] = {0, 1, 2, 4, 5};
    switch (random_below(r, 5)) {
    case 0: return op_fp(0x14, format, f(r), f(r), relations[random_below(r, 5)], x(r));
    case 1: return op_fp(0x1c, format, 0, f(r), random_below(r, 2), x(r)); // fmv.x, fclass
    case 2: return op_fp(0x1e, format, 0, x(r), 0, f(r));
    default: return op_fp(0x04, format, f(r), f(r), random_below(r, 3), f(r)); // fsgnj
    }
}

static uint32_t store(unsigned format, unsigned source, unsigned base, uint32_t offset)
{
    return (offset >> 5) << 25 | source << 20 | base << 15 | (2 + format) << 12 |
           (offset & 0x1f) << 7 | 0x27;
}

static uint32_t access(struct random *r, unsigned format)
{
    unsigned base = random_below(r, 40) ? MEMORY : NOWHERE, f3 = 2 + format;
    uint32_t offset = random_below(r, 64) * 8;
    if (random_below(r, 2))
        return rv_i(0x07, f3, f(r), base, (int32_t)offset);
    return store(format, f(r), base, offset);
}

static uint32_t control(struct random *r)
{
    switch (random_below(r, 6)) {
    case 0: return rv_csrr(x(r), CSR_FFLAGS);
    case 1: return rv_csrw(CSR_FFLAGS, x(r));
    case 2: return rv_i(0x73, 5, ZERO, random_below(r, 5), CSR_FRM); // csrwi
    default: return rv_branch(random_below(r, 2), x(r), x(r), 8);
    }
}

static uint32_t instruction(struct random *r)
{
    unsigned format = random_below(r, 3) ? 1 : 0; // mostly binary64
    switch (random_below(r, 24)) {
    case 0: return control(r);
    case 1:
    case 2:
    case 3:
    case 4: return access(r, format);
    case 5:
    case 6:
    case 7: return transfer(r, format);
    case 8:
    case 9:
    case 10: return conversion(r, format);
    default: return arithmetic(r, format);
    }
}

// Values of f registers and memory: any double, a boxed single, or a badly boxed one.
static uint64_t value(struct random *r)
{
    switch (random_below(r, 8)) {
    case 0: return random_bits(r);
    case 1:
    case 2:
    case 3: return random_float(r, 32) | ~(uint64_t)UINT32_MAX;
    default: return random_float(r, 64);
    }
}

// Stores to where loads have come from, with not much between the two.
static void make_pairs(struct program *p, struct random *r)
{
    for (unsigned i = 0; i + 3 < PROGRAM; i++) {
        uint32_t load = p->words[i];
        unsigned format = (load >> 12 & 7) - 2;
        if ((load & 0x7f) == 0x07 && random_below(r, 3) == 0)
            p->words[i + 1 + random_below(r, 3)] =
                store(random_below(r, format + 1), f(r), load >> 15 & 31, load >> 20);
    }
}

static void make(struct program *p, uint64_t seed)
{
    struct random r = {seed};
    for (unsigned i = 0; i < PROGRAM; i++)
        p->words[i] = instruction(&r);
    make_pairs(p, &r);
    p->words[PROGRAM] = RV_EBREAK;
    for (unsigned i = 0; i < 32; i++) {
        p->f[i] = value(&r);
        p->x[i] = random_integer(&r);
    }
    for (unsigned i = 0; i < VM_ARRAY_SIZE(p->data); i++)
        p->data[i] = value(&r);
    p->x[MEMORY] = BASE + DATA;
    p->x[NOWHERE] = 0x1000;
    p->frm = random_below(&r, 3) ? 0 : random_below(&r, 5);
    p->machine_mode = random_below(&r, 4) == 0;
}

// --- a hart ---

struct hart {
    struct test_host host;
    struct vm_machine machine;
    struct vm_vcpu *v;
    void *config;
    uint8_t *ram;
};

static uint16_t named(const char *name)
{
    const struct vm_regfile *file = vm_riscv64_guest_ops.regfile;
    for (uint16_t i = 0; i < file->count; i++) {
        if (strcmp(file->registers[i].name, name) == 0)
            return i;
    }
    fail_msg("no register %s", name);
    return 0;
}

static void set(struct hart *h, const char *name, uint64_t v)
{
    vm_vcpu_set(h->v, named(name), v);
}

static void start(struct hart *h, const struct vm_engine_ops *engine)
{
    const struct vm_guest_ops *guest = &vm_riscv64_guest_ops;
    struct vm_error e;
    memset(h, 0, sizeof *h);
    test_host_init(&h->host);
    h->ram = aligned_alloc(VM_PAGE_SIZE, SIZE);
    assert_non_null(h->ram);
    assert_int_equal(guest->configure(NULL, &h->host.host.allocator, &h->config, &e), VM_OK);
    assert_int_equal(vm_machine_init(&h->machine, &h->host.host, guest, h->config, &e), VM_OK);
    assert_int_equal(vm_space_add_ram(&h->machine.space, vm_gpa_of(BASE), SIZE, h->ram, "ram", &e),
                     VM_OK);
    assert_int_equal(vm_vcpu_create(&h->machine, 0, &h->v, &e), VM_OK);
    h->machine.vcpus[h->machine.vcpu_count++] = h->v;
    assert_int_equal(engine->create(h->v, &e), VM_OK);
    h->v->engine = engine;
    assert_int_equal(vm_machine_add_breakpoint(&h->machine, BASE + TRAP, &e), VM_OK);
}

static void end(struct hart *h)
{
    vm_machine_destroy(&h->machine);
    vm_riscv64_guest_ops.unconfigure(h->config, &h->host.host.allocator);
    free(h->ram);
}

// x registers come first in the register file, then f registers.
static void load(struct hart *h, const struct program *p)
{
    memset(h->ram, 0, SIZE);
    memcpy(h->ram, p->words, sizeof p->words);
    memcpy(h->ram + DATA, p->data, sizeof p->data);
    vm_riscv64_guest_ops.reset(h->v, BASE);
    for (uint16_t i = 1; i < 32; i++)
        vm_vcpu_set(h->v, i, p->x[i]);
    for (uint16_t i = 0; i < 32; i++)
        vm_vcpu_set(h->v, (uint16_t)(32 + i), p->f[i]);
    set(h, "mtvec", BASE + TRAP);
    set(h, "pmpaddr0", UINT64_MAX >> 10);
    set(h, "pmpcfg0", PMP_ALL);
    set(h, "mstatus", vm_vcpu_get(h->v, named("mstatus")) | FS_INITIAL);
    set(h, "frm", p->frm);
    set(h, "fround", p->frm);
    set(h, "priv", p->machine_mode ? 3 : 0);
    vm_vcpu_set_pc(h->v, BASE);
    vm_riscv64_guest_ops.sync(h->v);
}

static void run(struct hart *h, const struct program *p, struct outcome *o)
{
    load(h, p);
    assert_int_equal(vm_vcpu_run(h->v), VM_RUN_BREAKPOINT);
    for (uint16_t i = 0; i < 32; i++) {
        o->x[i] = vm_vcpu_get(h->v, i);
        o->f[i] = vm_vcpu_get(h->v, (uint16_t)(32 + i));
    }
    memcpy(o->data, h->ram + DATA, sizeof o->data);
    o->fflags = vm_vcpu_get(h->v, named("fflags"));
    o->mepc = vm_vcpu_get(h->v, named("mepc"));
    o->mcause = vm_vcpu_get(h->v, named("mcause"));
    o->icount = h->v->icount;
}

// --- the comparison ---

static void print(const struct hart *h, const struct program *p, const struct outcome *want,
                  const struct outcome *got)
{
    for (unsigned i = 0; i < PROGRAM && BASE + 4 * i <= want->mepc; i++) {
        char text[80];
        uint8_t bytes[4];
        memcpy(bytes, &p->words[i], sizeof bytes);
        vm_riscv64_guest_ops.disassemble(h->config, BASE + 4 * i, bytes, 4, text, sizeof text);
        fprintf(stderr, "  %3x  %08x  %s\n", 4 * i, (unsigned)p->words[i], text);
    }
    const uint64_t *w = (const uint64_t *)want, *g = (const uint64_t *)got;
    for (unsigned i = 0; i < sizeof *want / sizeof *w; i++) {
        if (w[i] != g[i])
            fprintf(stderr, "word %u of the outcome: %016lx, not %016lx\n", i, (long)g[i],
                    (long)w[i]);
    }
}

static void compare(uint32_t features)
{
    uint64_t retired = 0;
    for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) {
        struct program p;
        struct outcome want, got;
        struct hart a, b;
        make(&p, seed);
        start(&a, &vm_interpreter_ops);
        start(&b, &vm_jit_ops);
        jit_of(b.v)->cpu_features &= features;
        run(&a, &p, &want);
        retired += want.icount;
        // The second time blocks are linked, and hand on what is in registers.
        for (unsigned times = 1; times <= 2; times++) {
            run(&b, &p, &got);
            got.icount -= (times - 1) * want.icount;
            if (memcmp(&want, &got, sizeof want) != 0) {
                print(&a, &p, &want, &got);
                fail_msg("seed %lu, features %#x, time %u", (unsigned long)seed, features, times);
            }
        }
        end(&a);
        end(&b);
    }
    printf("%lu instructions\n", (unsigned long)retired);
    assert_true(retired > 20 * seed_count); // or faults end programs too early to be of use
}

static void all_features(void **state)
{
    (void)state;
    compare(UINT32_MAX);
}

static void no_fma(void **state)
{
    (void)state;
    compare(~(uint32_t)VM_CPU_X86_64_FMA);
}

static void no_features(void **state)
{
    (void)state;
    compare(0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_features),
        cmocka_unit_test(no_fma),
        cmocka_unit_test(no_features),
    };
    first_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : test_seed("jit-float", 1);
    seed_count = argc > 2 ? strtoull(argv[2], NULL, 0) : seed_count;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
