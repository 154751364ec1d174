// SPDX-License-Identifier: MIT
//
// Overflows of an ARM64 PE's counters of instructions and exceptions, on an engine: the interrupt
// comes before the instruction behind the one that makes the counter overflow (the manual, D13
// "Performance Monitors"; which is exacter than it asks for).
#include "arm64_program.h"

enum {
    PMCR = A64_SYS(3, 3, 9, 12, 0),
    PMCNTENSET = A64_SYS(3, 3, 9, 12, 1),
    PMINTENSET = A64_SYS(3, 0, 9, 14, 1),
    PMEVCNTR = A64_SYS(3, 3, 14, 8, 0),
    PMEVTYPER = A64_SYS(3, 3, 14, 12, 0),

    INST_RETIRED = 0x08,
    EXC_TAKEN = 0x09,
    EL0_ONLY = 1u << 31,

    SETTING_UP = 7, // instructions of `set_up` before the one that sets the counter going
};
#define A_SUBS(rd, rn, imm) (0xf1000000u | (uint32_t)(imm) << 10 | (rn) << 5 | (rd))
#define A_BNE(instructions) (0x54000001u | ((uint32_t)(instructions)&0x7ffff) << 5)
#define A_B(instructions)   (0x14000000u | ((uint32_t)(instructions)&0x3ffffff))

static void drive_irq(void *target, uint32_t line, bool level)
{
    struct program *p = target;
    (void)line;
    vm_vcpu_set_irq(p->rig.v, VM_ARM64_IRQ, level);
}

// Counter 0 counts `event`, and overflows when `until` more of them have come.
static void start(struct program *p, uint32_t event, uint32_t until)
{
    program_start(p, "max");
    program_map(p);
    p->s->derived.wiring.pmu = (struct vm_irq){drive_irq, p, 0};
    p->s->x[0] = 0 - (uint64_t)until;
    p->s->x[1] = event;
    p->s->x[2] = 1;
}

// Writes at CODE what sets the counter going, with interrupts enabled; returns what is behind.
static uint64_t set_up(struct program *p)
{
    WORDS(p, CODE, A_MSR(PMEVTYPER, 1), A_MSR(PMEVCNTR, 0), A_MSR(PMINTENSET, 2),
          A_MSR(PMCNTENSET, 2), A_DAIFCLR(2), A_ISB, A_NOP, A_MSR(PMCR, 2));
    return CODE + 4 * (SETTING_UP + 1);
}

// Runs linked blocks until a vector is reached, where there are breakpoints; its offset.
static uint64_t run(struct program *p, unsigned el, uint64_t pc)
{
    struct vm_vcpu *v = p->rig.v;
    arm_rig_set_el(&p->rig, el);
    p->s->pc = pc;
    v->guest->sync(v);
    v->insn_limit = UINT64_MAX;
    assert_int_equal(vm_vcpu_run(v), VM_RUN_BREAKPOINT);
    return p->s->pc - VECTORS;
}

static void after_any_instruction(void **state)
{
    (void)state;
    for (uint32_t until = 1; until < 120; until += until < 60 ? 1 : 13) {
        struct program p;
        start(&p, INST_RETIRED, until);
        uint64_t at = set_up(&p);
        for (unsigned i = 0; i < 200; i++)
            WORDS(&p, at + 4 * i, A_NOP);
        assert_int_equal(run(&p, 1, CODE), SAME + IRQ);
        assert_int_equal(p.s->elr[1], at - 4 + 4 * until);
        assert_int_equal(p.rig.v->icount, SETTING_UP + until);
        assert_int_equal(p.s->pmovs, 1);
        assert_int_equal(p.s->pmevcntr[0] + p.rig.v->icount, (uint64_t)1 << 32);
        program_stop(&p);
    }
}

// Of the loop `add; subs; b.ne` each instruction is met, far from where counting began.
static void inside_loops(void **state)
{
    (void)state;
    for (uint32_t until = 99999; until < 100003; until++) {
        struct program p;
        start(&p, INST_RETIRED, until);
        uint64_t at = set_up(&p);
        WORDS(&p, at, A_MOVZ(5, 40000, 0), A_ADD(6, 6, 1), A_SUBS(5, 5, 1), A_BNE(-2), A_B(0));
        assert_int_equal(run(&p, 1, CODE), SAME + IRQ);
        assert_int_equal(p.rig.v->icount, SETTING_UP + until);
        assert_int_equal(p.s->elr[1], at + 4 + 4 * ((until - 2) % 3));
        assert_int_equal(p.s->x[6], (until - 2 + 2) / 3);
        program_stop(&p);
    }
}

// While EL1 masks interrupts it goes on; only instructions of EL0 count.
static void of_one_level(void **state)
{
    struct program p;
    (void)state;
    start(&p, INST_RETIRED | EL0_ONLY, 3);
    uint64_t at = set_up(&p);
    WORDS(&p, at, A_DAIFSET(2), A_NOP, A_NOP, A_NOP, A_ERET);
    WORDS(&p, USER, A_NOP, A_NOP, A_NOP, A_NOP, A_SVC(0));
    p.s->elr[1] = USER;
    p.s->spsr[1] = 0;
    assert_int_equal(run(&p, 1, CODE), LOWER + IRQ);
    assert_int_equal(p.s->elr[1], USER + 12);
    program_stop(&p);
}

// An overflow that nobody may take yet interrupts when it is let in, and once it was looked at the
// next one is 2^32 instructions away.
static void while_masked(void **state)
{
    struct program p;
    (void)state;
    start(&p, INST_RETIRED, 4);
    uint64_t at = set_up(&p);
    WORDS(&p, CODE + 16, A_DAIFSET(2));
    WORDS(&p, at, A_NOP, A_NOP, A_NOP, A_NOP, A_NOP, A_NOP, A_DAIFCLR(2), A_NOP, A_SVC(0));
    assert_int_equal(run(&p, 1, CODE), SAME + IRQ);
    assert_int_equal(p.s->elr[1], at + 28);
    assert_int_equal(p.s->pmu_limit, SETTING_UP + 4 + ((uint64_t)1 << 32));
    program_stop(&p);
}

static void of_exceptions(void **state)
{
    struct program p;
    (void)state;
    start(&p, EXC_TAKEN, 2);
    uint64_t at = set_up(&p);
    WORDS(&p, at, A_SVC(1), A_SVC(2), A_NOP);
    assert_int_equal(run(&p, 1, CODE), SAME);
    assert_int_equal(p.s->pmovs, 0);
    assert_int_equal(run(&p, 1, at + 4), SAME);
    assert_int_equal(p.s->pmovs, 1);
    p.s->daif = 0;
    assert_int_equal(run(&p, 1, at + 8), SAME + IRQ);
    program_stop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_any_instruction), cmocka_unit_test(inside_loops),
        cmocka_unit_test(of_one_level),          cmocka_unit_test(while_masked),
        cmocka_unit_test(of_exceptions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
