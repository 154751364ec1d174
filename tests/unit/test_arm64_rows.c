// SPDX-License-Identifier: MIT
//
// Every row of the A64 tables is executed on every engine, at EL0 and EL1, with random fields and
// registers; and all engines leave the same registers and memory. So do they after random pieces of
// code. What user-level instructions compute is compared with another implementation by
// differential-arm64-qemu-user, what the others do is in arm64-program and arm64-system. TRINE_SEED
// gives other random numbers.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arm64_rig.h"
#include "isa_pattern.h"
#include "random_values.h"
#include "tested_engines.h"

// The layout of RAM. Accesses reach 64 KiB around MIDDLE.
enum {
    CODE = RIG_RAM + 0x10000,
    VECTORS = RIG_RAM + 0x20000,
    TABLES = RIG_RAM + 0x30000, // of EL0's and of EL1's memory
    DATA = RIG_RAM + 0x100000,
    DATA_SIZE = 0x40000,
    MIDDLE = DATA + DATA_SIZE / 2,
    BREAK = 0xd4200000, // BRK #0
};

struct side {
    struct arm64_rig rig;
    uint64_t *coverage;
};

struct lock_step {
    struct side sides[TESTED_ENGINES];
    struct random r;
};

// --- machines ---

static void start_side(struct side *s, const struct vm_engine_ops *engine)
{
    struct vm_error e = {0};
    arm_rig_start(&s->rig, NULL, 1);
    s->coverage = calloc(vm_arm64_row_count(), sizeof *s->coverage);
    assert_non_null(s->coverage);
    vm_arm64_set_coverage(s->rig.machine.config, s->coverage);
    s->rig.v->engine = engine;
    assert_int_equal(engine->create(s->rig.v, &e), VM_OK);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(vm_machine_add_breakpoint(&s->rig.machine, VECTORS + 0x80 * i, &e), VM_OK);
}

static struct lock_step *start(uint64_t seed)
{
    struct lock_step *l = calloc(1, sizeof *l);
    assert_non_null(l);
    const char *text = getenv("TRINE_SEED");
    l->r.state = text ? strtoull(text, NULL, 0) + seed : seed;
    for (unsigned i = 0; i < TESTED_ENGINES; i++)
        start_side(&l->sides[i], tested_engines[i]);
    return l;
}

static void stop(struct lock_step *l)
{
    for (unsigned i = 0; i < TESTED_ENGINES; i++) {
        arm_rig_stop(&l->sides[i].rig);
        free(l->sides[i].coverage);
    }
    free(l);
}

// --- where a piece of code begins ---

static uint64_t some_integer(struct random *r)
{
    switch (random_below(r, 4)) {
    case 0: return MIDDLE + (random_bits(r) & 0xff0);
    case 1: return random_below(r, 64);
    case 2: return 0 - (uint64_t)random_below(r, 64);
    default: return random_integer(r);
    }
}

static void random_state(struct random *r, struct vm_arm64_state *out)
{
    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < 31; i++)
        out->x[i] = some_integer(r);
    out->sp = MIDDLE + (random_bits(r) & 0xff0);
    out->nzcv = random_bits(r) & (VM_IR_FLAG_C | VM_IR_FLAG_Z | VM_IR_FLAG_S | VM_IR_FLAG_V);
    for (unsigned i = 0; i < 32; i++)
        out->v[i] =
            (vm_u128){random_bits(r), random_below(r, 2) ? random_bits(r) : random_float(r, 64)};
    out->fpcr = random_below(r, 2) ? 0 : random_bits(r) & 0x7c80000; // AHP DN FZ RMode FZ16
    out->sctlr[1] = random_below(r, 2) ? 0xc8002000 : 0;             // what is off: the keys
    out->daif = random_below(r, 2) ? A64_DAIF : 0;
}

static void reset_side(struct side *s, unsigned el, const struct vm_arm64_state *from)
{
    const uint64_t block = 1 << 10 | 1, el0 = 1 << 6, not_el0 = (uint64_t)1 << 54;
    struct vm_vcpu *v = s->rig.v;
    struct vm_arm64_state *to = s->rig.s;
    // Memory copies may have gone over them.
    *arm_rig_memory(&s->rig, TABLES + 8) = RIG_RAM | block | el0;
    *arm_rig_memory(&s->rig, TABLES + 0x1008) = RIG_RAM | block | not_el0;
    v->guest->reset(v, CODE);
    v->icount = 1000;
    v->exception.pending = false;
    memset(&v->reservation, 0, sizeof v->reservation);
    atomic_store(&v->request, 0);
    atomic_store(&v->irq_lines, 0);
    atomic_store(&s->rig.machine.stop, VM_STOP_NONE);
    memcpy(to->x, from->x, sizeof to->x);
    memcpy(to->v, from->v, sizeof to->v);
    to->nzcv = from->nzcv;
    to->fpcr = from->fpcr;
    to->daif = from->daif;
    to->el = el;
    to->spsel = el;
    to->sp = from->sp;
    to->sp_el[1] = to->sp_el[0] = MIDDLE;
    to->vbar[1] = VECTORS;
    to->cpacr_el1 = 3 << 20;
    to->mair[1] = 0xff;
    to->ttbr0[1] = TABLES + (el ? 0x1000 : 0);
    to->tcr[1] = (uint64_t)2 << 32 | 1 << 23 | 25; // 40 bits of PA, EPD1, T0SZ
    // UCI, EnIA, EnIB, LSMAOE, nTLSMD, EnDA, SPAN, nTWE, nTWI, UCT, DZE, EnDB, I, SED, nAA, M;
    // MSCEn
    to->sctlr[1] = ((uint64_t)1 << 33 | 0xfcd5f841) & ~from->sctlr[1];
    v->guest->sync(v);
}

static void write_code(struct side *s, const uint32_t *words, unsigned count)
{
    assert_true(vm_space_write(&s->rig.machine.space, vm_gpa_of(CODE), words, 4 * (size_t)count));
    s->rig.v->engine->sync_code(s->rig.v);
}

// --- comparing ---

static void show(const struct lock_step *l, const uint32_t *words, unsigned count, unsigned el)
{
    char text[128];
    for (unsigned i = 0; i < count; i++) {
        vm_arm64_guest_ops.disassemble(l->sides[0].rig.machine.config, CODE + 4 * i,
                                       (const uint8_t *)&words[i], 4, text, sizeof text);
        print_error("  %08x  %s\n", words[i], text);
    }
    print_error("at EL%u\n", el);
}

static bool same_registers(const struct side *a, const struct side *b)
{
    const struct vm_regfile *f = vm_arm64_guest_ops.regfile;
    bool same = true;
    for (uint16_t i = 0; i < f->count; i++) {
        const struct vm_register *r = &f->registers[i];
        const uint8_t *x = (const uint8_t *)a->rig.s + r->offset;
        const uint8_t *y = (const uint8_t *)b->rig.s + r->offset;
        size_t size = r->type == VM_V128 ? 16 : r->type == VM_I8 ? 1 : 8;
        if (r->class == VM_REG_HINT || memcmp(x, y, size) == 0)
            continue;
        same = false;
        print_error("%s:", r->name);
        for (const uint8_t *p = x;; p = y) {
            print_error(" ");
            for (size_t at = size; at-- > 0;)
                print_error("%02x", p[at]);
            if (p == y)
                break;
        }
        print_error("\n");
    }
    return same;
}

static bool same_sides(const struct side *a, const struct side *b)
{
    bool same = same_registers(a, b);
    const void *x = arm_rig_memory(&a->rig, DATA), *y = arm_rig_memory(&b->rig, DATA);
    if (memcmp(x, y, DATA_SIZE) != 0) {
        print_error("memory\n");
        same = false;
    }
    if (a->rig.v->icount != b->rig.v->icount ||
        a->rig.v->stats.exceptions != b->rig.v->stats.exceptions) {
        print_error("instructions %lu %lu, exceptions %lu %lu\n", a->rig.v->icount,
                    b->rig.v->icount, a->rig.v->stats.exceptions, b->rig.v->stats.exceptions);
        same = false;
    }
    return same;
}

// Runs the words from CODE on on all engines, up to `limit` instructions; how many were retired.
static uint64_t run_words(struct lock_step *l, const uint32_t *words, unsigned count, unsigned el,
                          uint64_t limit)
{
    struct vm_arm64_state from;
    random_state(&l->r, &from);
    enum vm_run_result results[TESTED_ENGINES];
    for (unsigned i = 0; i < TESTED_ENGINES; i++) {
        struct side *s = &l->sides[i];
        reset_side(s, el, &from);
        write_code(s, words, count);
        s->rig.v->insn_limit = limit == UINT64_MAX ? limit : s->rig.v->icount + limit;
        s->rig.v->stats.exceptions = 0;
        results[i] = vm_vcpu_run(s->rig.v);
        bool same = results[i] == results[0] && same_sides(&l->sides[0], s);
        if (!same) {
            show(l, words, count, el);
            fail_msg("%s (%d) differs from %s (%d)", tested_engines[i]->name, (int)results[i],
                     tested_engines[0]->name, (int)results[0]);
        }
    }
    return l->sides[0].rig.v->icount - 1000;
}

// --- words ---

// Half the system instructions are of the tables here: of the others nearly all are UNDEFINED.
static uint32_t system_word(struct random *r, uint32_t word)
{
#define A64_SYSREG(op0, op1, crn, crm, op2, ...) SYSTEM(op0, op1, crn, crm, op2),
#define SYSTEM(op0, op1, crn, crm, op2) \
    ((op0) << 19 | (op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5)
    enum { FIELDS = 0x1fffe0, OP0 = 3 << 19, SYS = 1 << 19 };
    static const uint32_t registers[] = {
#include "sysregs.def"
    };
    // TLBI VMALLE1, TLBI VAE1, IC IALLU, IC IVAU, DC CIVAC, DC ZVA, AT S1E1R, AT S1E0W
    static const uint32_t operations[] = {SYSTEM(1, 0, 8, 7, 0),  SYSTEM(1, 0, 8, 7, 1),
                                          SYSTEM(1, 0, 7, 5, 0),  SYSTEM(1, 3, 7, 5, 1),
                                          SYSTEM(1, 3, 7, 14, 1), SYSTEM(1, 3, 7, 4, 1),
                                          SYSTEM(1, 0, 7, 8, 0),  SYSTEM(1, 0, 7, 8, 3)};
#undef SYSTEM
    if (random_below(r, 2))
        return word;
    uint32_t fields = (word & OP0) == SYS ? operations[random_below(r, VM_ARRAY_SIZE(operations))]
                                          : registers[random_below(r, VM_ARRAY_SIZE(registers))];
    return (word & ~(uint32_t)FIELDS) | fields;
}

static bool is_system(const struct pattern *p)
{
    return strcmp(p->name, "sys") == 0 || strcmp(p->name, "mrs") == 0 ||
           strcmp(p->name, "msr.register") == 0;
}

static uint32_t word_of(struct random *r, const struct pattern *p)
{
    uint32_t word;
    do
        word = ((uint32_t)random_bits(r) & ~p->mask) | p->value;
    while (p->holds && !p->holds(word));
    if (is_system(p))
        return system_word(r, word);
    // Addresses that are no register with a number in the data are rare: the stack pointer and x0.
    if (p->registers[PATTERN_RN].file && p->registers[PATTERN_RN].bits == 5 && random_below(r, 2)) {
        uint32_t with = pattern_with_register(p, PATTERN_RN, word, random_below(r, 4) ? 31 : 0);
        if ((with & p->mask) == p->value && (!p->holds || p->holds(with)))
            word = with;
    }
    return word;
}

// Rows whose instructions are an exception, or nothing without it, wherever they are executed.
static bool always_raises(const char *name)
{
    static const char *const names[] = {"sysl",  "svc",   "hvc",   "smc", "brk", "hlt",
                                        "dcps1", "dcps2", "dcps3", "udf", "drps"};
    for (unsigned i = 0; i < VM_ARRAY_SIZE(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static void every_row_is_executed(void **state)
{
    (void)state;
    enum { WORDS = 60, WORDS_OF_MOPS = 1000 }; // of these most are refused
    struct lock_step *l = start(1);
    unsigned missing = 0;
    assert_int_equal(pattern_count, vm_arm64_row_count());
    for (unsigned row = 0; row < pattern_count; row++) {
        const struct pattern *p = &patterns[row];
        uint64_t retired = 0;
        unsigned count = strcmp(p->group, "mops") == 0 ? WORDS_OF_MOPS : WORDS;
        for (unsigned n = 0; n < count; n++) {
            uint32_t words[] = {word_of(&l->r, p), BREAK};
            (void)run_words(l, words, 2, n & 1, 1);
            retired += l->sides[0].rig.v->stats.exceptions == 0;
        }
        for (unsigned i = 0; i < TESTED_ENGINES; i++) {
            if (l->sides[i].coverage[row] && (retired || always_raises(p->name)))
                continue;
            print_error("%s: %s was not executed\n", tested_engines[i]->name, p->name);
            missing++;
        }
    }
    stop(l);
    assert_int_equal(missing, 0);
}

// Branches may lead back; the instructions that wait end a piece.
static bool goes_straight(const struct pattern *p)
{
    return strcmp(p->group, "branch") != 0;
}

static void engines_agree_on_random_code(void **state)
{
    (void)state;
    enum { PIECES = 30000, LENGTH = 8 };
    struct lock_step *l = start(2);
    for (unsigned n = 0; n < PIECES; n++) {
        uint32_t words[LENGTH + 1];
        for (unsigned i = 0; i < LENGTH; i++) {
            const struct pattern *p;
            do
                p = &patterns[random_below(&l->r, pattern_count)];
            while (!goes_straight(p));
            words[i] = word_of(&l->r, p);
        }
        words[LENGTH] = BREAK;
        (void)run_words(l, words, LENGTH + 1, n & 1, UINT64_MAX);
    }
    stop(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_executed),
        cmocka_unit_test(engines_agree_on_random_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
