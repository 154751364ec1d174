// SPDX-License-Identifier: MIT
//
// Small ARM64 programs on an engine: what they leave in the registers of the exception that
// ends them. Expectations are the manual's.
#include <string.h>

#include "arm64_program.h"

// --- exceptions and returns ---

static void calls_and_undefined_instructions(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, "max");
    WORDS(&p, CODE, A_SVC(7), A_BRK(9), A_UDF, A_HVC(1), A_SMC(2));
    CHECK_EXCEPTION(&p, SAME, 1, CODE, ESR(0x15, 7), CODE + 4);
    assert_int_equal(p.s->spsr[1], 0x3c5);
    p.s->pan = 0; // the handler had it
    CHECK_EXCEPTION(&p, LOWER, 0, CODE, ESR(0x15, 7), CODE + 4);
    assert_int_equal(p.s->spsr[1], 0x3c0);
    CHECK_EXCEPTION(&p, SAME, 1, CODE + 4, ESR(0x3c, 9), CODE + 4);
    CHECK_EXCEPTION(&p, SAME, 1, CODE + 8, ESR(0, 0), CODE + 8);
    CHECK_EXCEPTION(&p, SAME, 1, CODE + 12, ESR(0, 0), CODE + 12);
    CHECK_EXCEPTION(&p, SAME, 1, CODE + 16, ESR(0, 0), CODE + 16);
    CHECK_EXCEPTION(&p, LOWER, 0, CODE + 12, ESR(0, 0), CODE + 12);
    p.s->spsel = p.s->pan = 0;
    CHECK_EXCEPTION(&p, SAME_SP0, 1, CODE, ESR(0x15, 7), CODE + 4);
    assert_int_equal(p.s->spsr[1], 0x3c4);
    program_stop(&p);
}

static void answer(struct vm_vcpu *v, void *context)
{
    struct arm64_rig *r = context;
    r->firmware_calls++;
    a64_state(v)->x[0] = 0x1234;
}

static void firmware_answers_calls(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, "max");
    p.rig.machine.firmware = (struct vm_firmware){answer, &p.rig};
    WORDS(&p, CODE, A_HVC(0), A_SMC(0), A_SVC(0));
    CHECK_EXCEPTION(&p, SAME, 1, CODE, ESR(0x15, 0), CODE + 12);
    assert_int_equal(p.rig.firmware_calls, 2);
    assert_int_equal(p.s->x[0], 0x1234);
    CHECK_EXCEPTION(&p, LOWER, 0, CODE, ESR(0, 0), CODE);
    program_stop(&p);
}

static void returns(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, "max");
    WORDS(&p, CODE, A_ERET);
    WORDS(&p, USER, A_SVC(3));
    p.s->elr[1] = USER;
    p.s->spsr[1] = 0xf1400000; // EL0, NZCV, PAN, DIT
    CHECK_EXCEPTION(&p, LOWER, 1, CODE, ESR(0x15, 3), USER + 4);
    assert_int_equal(p.s->spsr[1], 0xf1400000);
    assert_int_equal(p.s->pan, 1);
    assert_int_equal(p.s->daif, 0x3c0);
    // To EL2, to AArch32, to EL0 with SP: PSTATE.IL, and the next instruction is not executed.
    static const uint32_t illegal[] = {0x9, 0x10, 0x1, 0x2, 0xd};
    for (size_t i = 0; i < VM_ARRAY_SIZE(illegal); i++) {
        p.s->dit = 0;
        p.s->elr[1] = USER;
        p.s->spsr[1] = 0x200003c0 | illegal[i];
        CHECK_EXCEPTION(&p, SAME, 1, CODE, ESR(0x0e, 0), USER);
        assert_int_equal(p.s->spsr[1], 0x201003c5);
        assert_int_equal(p.s->il, 0);
    }
    p.s->elr[1] = USER + 2;
    p.s->spsr[1] = 0x3c0;
    CHECK_EXCEPTION(&p, LOWER, 1, CODE, ESR(0x22, 0), USER + 2);
    assert_int_equal(p.s->far[1], USER + 2);
    CHECK_EXCEPTION(&p, LOWER, 0, CODE, ESR(0, 0), CODE);
    program_stop(&p);
}

static void span_and_dssbs_choose_what_the_handler_has(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, "max");
    WORDS(&p, CODE, A_SVC(0));
    p.s->sctlr[1] |= A64_SCTLR_SPAN | A64_SCTLR_DSSBS;
    p.s->pan = 0;
    program_run(&p, 0, CODE);
    assert_int_equal(p.s->pan, 0);
    assert_int_equal(p.s->ssbs, 1);
    p.s->sctlr[1] &= ~(A64_SCTLR_SPAN | A64_SCTLR_DSSBS);
    p.s->uao = 1;
    program_run(&p, 1, CODE);
    assert_int_equal(p.s->pan, 1);
    assert_int_equal(p.s->ssbs, 0);
    assert_int_equal(p.s->uao, 0);
    assert_int_equal(p.s->spsr[1], 0x8013c5);
    program_stop(&p);
}

static void interrupts(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, "max");
    WORDS(&p, CODE, A_NOP, A_DAIFCLR(2), A_NOP, A_NOP, A_WFI, A_DAIFCLR(1), A_SVC(0));
    vm_vcpu_set_irq(p.rig.v, VM_ARM64_IRQ, true);
    assert_int_equal(program_run(&p, 1, CODE), SAME + IRQ);
    assert_int_equal(p.s->elr[1], CODE + 8);
    assert_int_equal(p.s->spsr[1], 0x345);
    vm_vcpu_set_irq(p.rig.v, VM_ARM64_IRQ, false);
    // Masked, an FIQ ends a WFI and waits for DAIFClr.
    vm_vcpu_set_irq(p.rig.v, VM_ARM64_FIQ, true);
    assert_int_equal(program_run(&p, 1, CODE), SAME + FIQ);
    assert_int_equal(p.s->elr[1], CODE + 24);
    p.s->daif = 0;
    assert_int_equal(program_run(&p, 0, CODE), LOWER + FIQ);
    assert_int_equal(p.s->elr[1], CODE);
    program_stop(&p);
}

// --- traps of EL0 ---

static void el0_is_kept_out(void **state)
{
    static const uint32_t undefined[] = {
        A_MRS(0, A64_SYS(3, 0, 1, 0, 0)),  // SCTLR_EL1
        A_MSR(A64_SYS(3, 0, 4, 0, 1), 0),  // ELR_EL1
        A_MRS(0, A64_SYS(3, 0, 0, 4, 0)),  // ID_AA64PFR0_EL1
        A_MSR(A64_SYS(3, 3, 13, 0, 3), 0), // TPIDRRO_EL0
        A_MRS(0, A64_SYS(3, 0, 4, 2, 2)),  // CurrentEL
        A_PSTATE(0u, 4u, 1u),              // PAN
        A_PSTATE(0u, 5u, 1u),              // SPSel
        A_SYS(A64_SYS(1, 0, 8, 7, 0), 31), // TLBI VMALLE1
        A_SYS(A64_SYS(1, 0, 7, 6, 1), 0),  // DC IVAC
        A_SYS(A64_SYS(1, 0, 7, 8, 0), 0),  // AT S1E1R
        A_MRS(0, A64_SYS(3, 0, 4, 6, 0)),  // ICC_PMR_EL1
        A_MRS(0, A64_SYS(3, 4, 1, 0, 0)),  // SCTLR_EL2
    };
    struct program p;
    (void)state;
    program_start(&p, "max");
    for (size_t i = 0; i < VM_ARRAY_SIZE(undefined); i++) {
        program_put(&p, CODE, undefined[i]);
        p.rig.v->engine->flush(p.rig.v);
        CHECK_EXCEPTION(&p, LOWER, 0, CODE, ESR(0, 0), CODE);
    }
    program_stop(&p);
}

static uint64_t trap_iss(uint32_t op0, uint32_t op1, uint32_t crn, uint32_t crm, uint32_t op2,
                         uint32_t rt, bool read)
{
    return op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | rt << 5 | crm << 1 | read;
}

// Control bits let EL0 do what otherwise traps with a syndrome.
static void el0_is_let_in(void **state)
{
    static const struct {
        uint32_t word;
        uint64_t sctlr;
        uint8_t op0, op1, crn, crm, op2, rt;
        bool read;
    } cases[] = {
        {A_MRS(3, A64_SYS(3, 3, 0, 0, 1)), A64_SCTLR_UCT, 3, 3, 0, 0, 1, 3, true},
        {A_DAIFSET(5), A64_SCTLR_UMA, 0, 3, 4, 5, 6, 31, false},
        {A_DAIFCLR(5), A64_SCTLR_UMA, 0, 3, 4, 5, 7, 31, false},
        {A_MRS(9, A64_SYS(3, 3, 4, 2, 1)), A64_SCTLR_UMA, 3, 3, 4, 2, 1, 9, true},
        {A_SYS(A64_SYS(1, 3, 7, 5, 1), 1), A64_SCTLR_UCI, 1, 3, 7, 5, 1, 1, false},
        {A_SYS(A64_SYS(1, 3, 7, 10, 1), 1), A64_SCTLR_UCI, 1, 3, 7, 10, 1, 1, false},
        {A_SYS(A64_SYS(1, 3, 7, 14, 1), 1), A64_SCTLR_UCI, 1, 3, 7, 14, 1, 1, false},
        {A_SYS(A64_SYS(1, 3, 7, 4, 1), 1), A64_SCTLR_DZE, 1, 3, 7, 4, 1, 1, false},
    };
    struct program p;
    (void)state;
    program_start(&p, "max");
    program_map(&p);
    for (size_t i = 0; i < VM_ARRAY_SIZE(cases); i++) {
        uint64_t iss = trap_iss(cases[i].op0, cases[i].op1, cases[i].crn, cases[i].crm,
                                cases[i].op2, cases[i].rt, cases[i].read);
        WORDS(&p, USER, cases[i].word, A_SVC(1));
        p.rig.v->engine->flush(p.rig.v);
        p.s->x[1] = DATA;
        CHECK_EXCEPTION(&p, LOWER, 0, USER, ESR(0x18, iss), USER);
        p.s->sctlr[1] |= cases[i].sctlr;
        p.s->daif = A64_DAIF;
        CHECK_EXCEPTION(&p, LOWER, 0, USER, ESR(0x15, 1), USER + 8);
        p.s->sctlr[1] &= ~cases[i].sctlr;
    }
    program_stop(&p);
}

static void waits_trap(void **state)
{
    enum { ALWAYS = 0x1e00000 };
    struct program p;
    (void)state;
    program_start(&p, "max");
    WORDS(&p, CODE, A_WFI, A_SEVL, A_WFE, A_WFE, A_SVC(0));
    CHECK_EXCEPTION(&p, LOWER, 0, CODE, ESR(0x01, ALWAYS), CODE);
    p.s->event = 0;
    CHECK_EXCEPTION(&p, LOWER, 0, CODE + 4, ESR(0x01, ALWAYS | 1), CODE + 12);
    p.s->sctlr[1] |= A64_SCTLR_NTWE;
    p.s->event = 1;
    CHECK_EXCEPTION(&p, LOWER, 0, CODE + 12, ESR(0x15, 0), CODE + 20);
    p.s->event = 1;
    CHECK_EXCEPTION(&p, SAME, 1, CODE + 12, ESR(0x15, 0), CODE + 20);
    program_stop(&p);
}

// Runs at EL1 into a wait, at whose end the PE goes on at `next`.
static void run_into_wait(struct program *p, uint64_t pc, uint64_t next)
{
    struct vm_vcpu *v = p->rig.v;
    p->s->pc = pc;
    assert_int_equal(vm_vcpu_run(v), VM_RUN_WAITING);
    assert_int_equal(p->s->pc, next);
    assert_false(vm_vcpu_must_run(v));
}

static void waits_for_events_and_interrupts(void **state)
{
    enum { TICK = 1000000000 / VM_ARM64_COUNTER_HZ };
    struct program p;
    (void)state;
    program_start(&p, "max");
    struct vm_vcpu *v = p.rig.v;
    WORDS(&p, CODE, A_WFE, A_WFET(1), A_WFIT(1), A_WFI, A_SVC(0));
    run_into_wait(&p, CODE, CODE + 4);
    assert_int_equal(v->wait_until, VM_TIMER_NEVER);
    p.s->event = 1;
    assert_true(vm_vcpu_must_run(v));
    p.s->x[1] = vm_arm64_counter(&p.rig.machine) + 1000;
    run_into_wait(&p, CODE + 4, CODE + 12); // the event lets WFET through
    assert_int_equal(v->wait_until, p.s->x[1] * TICK);
    p.rig.host.now = v->wait_until;
    assert_true(vm_vcpu_must_run(v));
    run_into_wait(&p, CODE + 4, CODE + 16); // it is too late for WFET and WFIT
    assert_int_equal(v->wait_until, VM_TIMER_NEVER);
    // WFI ends for an interrupt that is masked, WFE does not.
    vm_vcpu_set_irq(v, VM_ARM64_IRQ, true);
    assert_true(vm_vcpu_must_run(v));
    run_into_wait(&p, CODE, CODE + 4);
    p.s->daif = 0;
    assert_true(vm_vcpu_must_run(v));
    vm_vcpu_set_irq(v, VM_ARM64_IRQ, false);
    p.s->daif = A64_DAIF;
    // Bit 4 of the counter goes up: the event stream.
    p.s->cntkctl_el1 = 4 << 4 | 1 << 2;
    p.s->derived.stream_events = (vm_arm64_counter(&p.rig.machine) + 16) / 32;
    run_into_wait(&p, CODE, CODE + 4);
    assert_int_equal(v->wait_until % (32 * TICK), 16 * TICK);
    assert_in_range(v->wait_until - p.rig.host.now, 1, 32 * TICK);
    program_stop(&p);
}

static void waits_for_reserved_memory(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, "max");
    WORDS(&p, CODE, A_LDXR(0, 9), A_WFE, A_WFE, A_WFE, A_SVC(0));
    p.s->x[9] = DATA;
    run_into_wait(&p, CODE, CODE + 8);
    assert_int_equal(p.rig.v->wait_until, p.rig.host.now + 1000000);
    program_put64(&p, DATA, 7);
    run_into_wait(&p, CODE + 8, CODE + 16); // an event, once
    assert_null(p.rig.v->reservation.host);
    assert_int_equal(p.rig.v->wait_until, VM_TIMER_NEVER);
    program_stop(&p);
}

static void fp_traps(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, "max");
    WORDS(&p, CODE, A_FMOV_D0_D1, A_MRS(0, A64_SYS(3, 3, 4, 4, 0)), A_SVC(0));
    CHECK_EXCEPTION(&p, SAME, 1, CODE, ESR(0x07, 0x1e00000), CODE);
    CHECK_EXCEPTION(&p, SAME, 1, CODE + 4, ESR(0x07, 0x1e00000), CODE + 4);
    p.s->cpacr_el1 = 1 << 20;
    CHECK_EXCEPTION(&p, SAME, 1, CODE, ESR(0x15, 0), CODE + 12);
    CHECK_EXCEPTION(&p, LOWER, 0, CODE, ESR(0x07, 0x1e00000), CODE);
    p.s->cpacr_el1 = 3 << 20;
    CHECK_EXCEPTION(&p, LOWER, 0, CODE, ESR(0x15, 0), CODE + 12);
    program_stop(&p);
}

// --- PSTATE ---

static void fields_of_pstate(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, "max");
    WORDS(&p, CODE, A_PSTATE(0u, 4u, 1u), A_MRS(0, A64_SYS(3, 0, 4, 2, 3)), A_PSTATE(0u, 3u, 1u),
          A_MRS(1, A64_SYS(3, 0, 4, 2, 4)), A_PSTATE(3u, 2u, 1u), A_MRS(2, A64_SYS(3, 3, 4, 2, 5)),
          A_PSTATE(3u, 1u, 1u), A_MRS(3, A64_SYS(3, 3, 4, 2, 6)), A_MRS(4, A64_SYS(3, 0, 4, 2, 2)),
          A_MSR(A64_SYS(3, 3, 4, 2, 0), 9), A_MRS(5, A64_SYS(3, 3, 4, 2, 0)),
          A_MSR(A64_SYS(3, 3, 4, 2, 1), 10), A_MRS(6, A64_SYS(3, 3, 4, 2, 1)), A_SVC(0));
    p.s->x[9] = 0xffffffffa0000000;
    p.s->x[10] = UINT64_MAX;
    p.s->pan = 0;
    program_run(&p, 1, CODE);
    assert_int_equal(p.s->x[0], 1 << 22);
    assert_int_equal(p.s->x[1], 1 << 23);
    assert_int_equal(p.s->x[2], 1 << 24);
    assert_int_equal(p.s->x[3], 1 << 12);
    assert_int_equal(p.s->x[4], 1 << 2);
    assert_int_equal(p.s->x[5], 0xa0000000);
    assert_int_equal(p.s->x[6], 0x3c0);
    assert_int_equal(p.s->spsr[1], 0xa1c013c5);
    program_stop(&p);
}

static void stack_pointers(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, "max");
    WORDS(&p, CODE, A_MSR(A64_SYS(3, 0, 4, 1, 0), 1), A_PSTATE(0u, 5u, 0u), A_ADD(2, 31, 0),
          A_MRS(3, A64_SYS(3, 0, 4, 1, 0)));
    p.s->x[1] = 0x1230;
    CHECK_EXCEPTION(&p, SAME_SP0, 1, CODE, ESR(0, 0), CODE + 12);
    assert_int_equal(p.s->x[2], 0x1230);
    assert_int_equal(p.s->sp_el[0], 0x1230);
    WORDS(&p, CODE, A_LDR(0, 31));
    p.rig.v->engine->flush(p.rig.v);
    p.s->sctlr[1] |= A64_SCTLR_SA;
    p.s->sp = DATA + 8;
    CHECK_EXCEPTION(&p, SAME, 1, CODE, ESR(0x26, 0), CODE);
    program_stop(&p);
}

// --- memory ---

enum {
    TRANSLATION3 = 7,
    PERMISSION3 = 15,
    ALIGNMENT = 0x21,
    EXTERNAL = 0x10,
    WNR = 0x40,
    CM = 0x100
};

static void data_aborts(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, "max");
    WORDS(&p, CODE, A_LDR(0, 1), A_STR(0, 1), A_SVC(0));
    WORDS(&p, USER, A_LDR(0, 1), A_STR(0, 1), A_SVC(0));
    p.s->x[1] = 0x10000000; // without translation: nobody there
    CHECK_EXCEPTION(&p, SAME, 1, CODE, ESR(0x25, EXTERNAL), CODE);
    p.s->x[1] = KERNEL_DATA + 1;
    CHECK_EXCEPTION(&p, SAME, 1, CODE + 4, ESR(0x25, ALIGNMENT | WNR), CODE + 4);
    program_map(&p);
    CHECK_EXCEPTION(&p, SAME, 1, CODE, ESR(0x15, 0), CODE + 12);
    p.s->x[1] = NOT_THERE + 8;
    CHECK_EXCEPTION(&p, SAME, 1, CODE, ESR(0x25, TRANSLATION3), CODE);
    assert_int_equal(p.s->far[1], NOT_THERE + 8);
    p.s->x[1] |= UINT64_C(0x5a) << 56; // the tag shows in FAR
    CHECK_EXCEPTION(&p, LOWER, 0, USER + 4, ESR(0x24, TRANSLATION3 | WNR), USER + 4);
    assert_int_equal(p.s->far[1], (NOT_THERE + 8) | UINT64_C(0x5a) << 56);
    p.s->x[1] = READ_ONLY;
    CHECK_EXCEPTION(&p, SAME, 1, CODE, ESR(0x25, PERMISSION3 | WNR), CODE + 4);
    CHECK_EXCEPTION(&p, LOWER, 0, USER, ESR(0x24, PERMISSION3), USER);
    p.s->x[1] = DEVICE + 4;
    CHECK_EXCEPTION(&p, LOWER, 0, USER, ESR(0x24, ALIGNMENT), USER);
    p.s->x[1] = DEVICE + 8;
    CHECK_EXCEPTION(&p, LOWER, 0, USER, ESR(0x15, 0), USER + 12);
    program_stop(&p);
}

static void instruction_aborts(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, "max");
    program_map(&p);
    CHECK_EXCEPTION(&p, LOWER, 0, KERNEL_DATA, ESR(0, 0), KERNEL_DATA); // executable, and all zeros
    program_put64(&p, program_page_entry(KERNEL_DATA), KERNEL_DATA | PAGE | (uint64_t)1 << 54);
    CHECK_EXCEPTION(&p, LOWER, 0, KERNEL_DATA, ESR(0x20, PERMISSION3), KERNEL_DATA);
    CHECK_EXCEPTION(&p, SAME, 1, DATA, ESR(0x21, PERMISSION3), DATA); // EL0 can write it
    CHECK_EXCEPTION(&p, SAME, 1, NOT_THERE, ESR(0x21, TRANSLATION3), NOT_THERE);
    assert_int_equal(p.s->far[1], NOT_THERE);
    // A branch drops the tag of its target where tags are ignored.
    WORDS(&p, CODE, A_BR(1));
    WORDS(&p, USER, A_SVC(0));
    p.rig.v->engine->flush(p.rig.v);
    p.s->x[1] = (uint64_t)USER | UINT64_C(0x77) << 56;
    CHECK_EXCEPTION(&p, SAME, 1, CODE, ESR(0x15, 0), USER + 4);
    p.s->tcr[1] |= A64_TCR_TBID0;
    CHECK_EXCEPTION(&p, SAME, 1, CODE, ESR(0x21, 4), p.s->x[1]);
    program_stop(&p);
}

static void pan_and_unprivileged_accesses(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, "max");
    program_map(&p);
    WORDS(&p, CODE, A_PSTATE(0u, 4u, 0u), A_LDR(0, 1), A_PSTATE(0u, 4u, 1u), A_LDTR(2, 1),
          A_STTR(3, 1), A_LDR(0, 1));
    program_put64(&p, DATA, 0x11);
    p.s->x[1] = DATA;
    p.s->x[3] = 0x33;
    CHECK_EXCEPTION(&p, SAME, 1, CODE, ESR(0x25, PERMISSION3), CODE + 20);
    assert_int_equal(p.s->x[0], 0x11);
    assert_int_equal(p.s->x[2], 0x11);
    assert_int_equal(program_get64(&p, DATA), 0x33);
    p.s->x[1] = KERNEL_DATA;
    CHECK_EXCEPTION(&p, SAME, 1, CODE + 12, ESR(0x25, PERMISSION3), CODE + 12);
    p.s->uao = 1;
    CHECK_EXCEPTION(&p, SAME, 1, CODE + 12, ESR(0, 0), CODE + 24);
    program_stop(&p);
}

static void tlb_maintenance(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, "max");
    program_map(&p);
    // Reads, maps another page there, flushes, reads.
    static const uint16_t flushes[] = {A64_SYS(1, 0, 8, 7, 0), A64_SYS(1, 0, 8, 7, 1),
                                       A64_SYS(1, 0, 8, 3, 3), A64_SYS(1, 0, 8, 7, 2),
                                       A64_SYS(1, 0, 8, 6, 1), A64_SYS(1, 0, 8, 1, 5)};
    program_put64(&p, DATA, 1);
    program_put64(&p, OTHER, 2);
    p.s->pan = 0;
    for (size_t i = 0; i < VM_ARRAY_SIZE(flushes); i++) {
        bool range = (flushes[i] >> 3 & 15) == 6, asid = flushes[i] == A64_SYS(1, 0, 8, 7, 2);
        WORDS(&p, CODE, A_PSTATE(0u, 4u, 0u), A_LDR(0, 1), A_STR(2, 3), A_DSB, A_SYS(flushes[i], 4),
              A_DSB, A_ISB, A_LDR(5, 1), A_SVC(0));
        p.rig.v->engine->flush(p.rig.v);
        program_put64(&p, program_page_entry(DATA), DATA | PAGE | EL0 | NON_GLOBAL);
        p.rig.v->guest->sync(p.rig.v);
        // A tag that is ignored changes nothing.
        p.s->x[1] = DATA | (i & 1 ? UINT64_C(0xaa) << 56 : 0);
        p.s->x[2] = OTHER | PAGE | EL0 | NON_GLOBAL;
        p.s->x[3] = program_page_entry(DATA);
        p.s->x[4] = asid ? 0 : DATA >> 12 | (range ? (uint64_t)1 << 46 : 0);
        program_run(&p, 1, CODE);
        assert_int_equal(p.s->x[0], 1);
        assert_int_equal(p.s->x[5], 2);
    }
    program_stop(&p);
}

static void address_spaces(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, "max");
    program_map(&p);
    // Another space, with ASID 5, that has another page at DATA.
    const uint64_t tables = RIG_RAM + 0x50000;
    program_put64(&p, tables + 8, (tables + 0x1000) | 3);
    program_put64(&p, tables + 0x1000, (tables + 0x2000) | 3);
    for (uint64_t a = RIG_RAM; a < RIG_RAM + 0x200000; a += 0x1000)
        program_put64(&p, tables + 0x2000 + (a >> 12 & 511) * 8,
                      program_get64(&p, program_page_entry(a)));
    program_put64(&p, tables + 0x2000 + (DATA >> 12 & 511) * 8, OTHER | PAGE | EL0 | NON_GLOBAL);
    program_put64(&p, DATA, 1);
    program_put64(&p, OTHER, 2);
    WORDS(&p, CODE, A_PSTATE(0u, 4u, 0u), A_LDR(0, 1), A_MSR(A64_SYS(3, 0, 2, 0, 0), 2), A_ISB,
          A_LDR(3, 1), A_MSR(A64_SYS(3, 0, 2, 0, 0), 4), A_ISB, A_LDR(5, 1), A_SVC(0));
    p.s->x[1] = DATA;
    p.s->x[2] = tables | UINT64_C(5) << 48;
    p.s->x[4] = TABLES;
    for (unsigned i = 0; i < 3; i++) {
        program_run(&p, 1, CODE);
        assert_int_equal(p.s->x[0], 1);
        assert_int_equal(p.s->x[3], 2);
        assert_int_equal(p.s->x[5], 1);
    }
    program_stop(&p);
}

static void code_that_is_written(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, "max");
    program_map(&p);
    // Runs USER, writes another instruction there, runs it again.
    const uint64_t code = RIG_RAM + 0x60000, back = CODE + 4;
    WORDS(&p, code, A_MOVZ(0, 1, 0), A_BR(9));
    WORDS(&p, CODE, A_BR(8), A_ADD(10, 0, 0), A_STR_W(2, 8), A_SYS(A64_SYS(1, 3, 7, 5, 1), 8),
          A_DSB, A_ISB, A_MOVZ(9, 0x20, 0), A_MOVK(9, 0x4000, 1), A_BR(8));
    WORDS(&p, CODE + 0x24, A_NOP);
    program_put(&p, CODE + 0x20, A_BR(8));
    p.s->x[8] = code;
    p.s->x[9] = back;
    p.s->x[2] = A_SVC(7);
    CHECK_EXCEPTION(&p, SAME, 1, CODE, ESR(0x15, 7), code + 4);
    assert_int_equal(p.s->x[10], 1);
    program_stop(&p);
}

static void cache_instructions(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, "max");
    program_map(&p);
    p.s->sctlr[1] |= A64_SCTLR_DZE | A64_SCTLR_UCI;
    WORDS(&p, USER, A_SYS(A64_SYS(1, 3, 7, 4, 1), 1), A_SVC(0), A_SYS(A64_SYS(1, 3, 7, 10, 1), 1),
          A_SVC(1), A_SYS(A64_SYS(1, 3, 7, 5, 1), 1), A_SVC(2));
    memset(arm_rig_memory(&p.rig, DATA), 0xff, 256);
    p.s->x[1] = DATA + 64 + 13;
    CHECK_EXCEPTION(&p, LOWER, 0, USER, ESR(0x15, 0), USER + 8);
    assert_int_equal(program_get64(&p, DATA + 56), UINT64_MAX);
    assert_int_equal(program_get64(&p, DATA + 64), 0);
    assert_int_equal(program_get64(&p, DATA + 120), 0);
    assert_int_equal(program_get64(&p, DATA + 128), UINT64_MAX);
    CHECK_EXCEPTION(&p, LOWER, 0, USER + 8, ESR(0x15, 1), USER + 16);
    p.s->x[1] = NOT_THERE + 3;
    CHECK_EXCEPTION(&p, LOWER, 0, USER, ESR(0x24, TRANSLATION3 | WNR), USER);
    CHECK_EXCEPTION(&p, LOWER, 0, USER + 8, ESR(0x24, TRANSLATION3 | WNR | CM), USER + 8);
    CHECK_EXCEPTION(&p, LOWER, 0, USER + 16, ESR(0x24, TRANSLATION3 | WNR | CM), USER + 16);
    assert_int_equal(p.s->far[1], NOT_THERE + 3);
    p.s->x[1] = KERNEL_DATA;
    CHECK_EXCEPTION(&p, LOWER, 0, USER + 8, ESR(0x24, PERMISSION3 | WNR | CM), USER + 8);
    p.s->x[1] = DEVICE;
    CHECK_EXCEPTION(&p, LOWER, 0, USER, ESR(0x24, ALIGNMENT | WNR), USER);
    program_stop(&p);
}

static void address_translation(void **state)
{
    static const struct {
        uint16_t instruction;
        uint64_t address, par;
    } cases[] = {
        {A64_SYS(1, 0, 7, 8, 0), KERNEL_DATA + 0x123, KERNEL_DATA | 0xff00000000000a00},
        {A64_SYS(1, 0, 7, 8, 1), READ_ONLY, 0x801 | PERMISSION3 << 1},
        {A64_SYS(1, 0, 7, 8, 2), KERNEL_DATA, 0x801 | PERMISSION3 << 1},
        {A64_SYS(1, 0, 7, 8, 3), DATA, DATA | 0xff00000000000a00},
        {A64_SYS(1, 0, 7, 8, 0), NOT_THERE, 0x801 | TRANSLATION3 << 1},
        {A64_SYS(1, 0, 7, 8, 0), DATA, DATA | 0xff00000000000a00},
        {A64_SYS(1, 0, 7, 9, 0), DATA, 0x801 | PERMISSION3 << 1},
        {A64_SYS(1, 0, 7, 8, 0), DEVICE, DEVICE | 0x0000000000000b00},
    };
    struct program p;
    (void)state;
    program_start(&p, "max");
    program_map(&p);
    for (size_t i = 0; i < VM_ARRAY_SIZE(cases); i++) {
        WORDS(&p, CODE, A_SYS(cases[i].instruction, 1), A_ISB, A_MRS(2, A64_SYS(3, 0, 7, 4, 0)),
              A_SVC(0));
        p.rig.v->engine->flush(p.rig.v);
        p.s->x[1] = cases[i].address;
        p.s->pan = 1;
        program_run(&p, 1, CODE);
        assert_int_equal(p.s->x[2], cases[i].par);
    }
    program_stop(&p);
}

// --- debug ---

enum { SS = 1, KDE = 1 << 13, MDE = 1 << 15, STEP_ISV = 1 << 24, STEP_EX = 1 << 6 };

static void software_step(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, "max");
    program_map(&p);
    WORDS(&p, CODE, A_ERET);
    WORDS(&p, USER, A_NOP, A_LDXR(0, 1), A_SVC(4), A_BR(2), A_LDR(0, 3));
    p.s->oslsr_el1 = 0;
    p.s->mdscr_el1 = SS;
    p.s->x[1] = DATA;
    p.s->x[2] = USER;
    p.s->x[3] = NOT_THERE;
    p.s->spsr[1] = 0x200000; // EL0, SS
    p.s->elr[1] = USER;
    CHECK_EXCEPTION(&p, LOWER, 1, CODE, ESR(0x32, 0x22 | STEP_ISV), USER + 4);
    assert_int_equal(p.s->spsr[1], 0);
    p.s->spsr[1] = 0x200000;
    CHECK_EXCEPTION(&p, LOWER, 1, CODE, ESR(0x32, 0x22 | STEP_ISV | STEP_EX), USER + 8);
    p.s->spsr[1] = 0x200000; // the call is done before the step
    CHECK_EXCEPTION(&p, LOWER, 1, CODE, ESR(0x15, 4), USER + 12);
    assert_int_equal(p.s->spsr[1], 0);
    p.s->spsr[1] = 0x200000;
    CHECK_EXCEPTION(&p, LOWER, 1, CODE, ESR(0x32, 0x22 | STEP_ISV), USER);
    p.s->spsr[1] = 0x200000; // what faults is stepped again
    p.s->elr[1] = USER + 16;
    CHECK_EXCEPTION(&p, LOWER, 1, CODE, ESR(0x24, TRANSLATION3), USER + 16);
    assert_int_equal(p.s->spsr[1], 0x200000);
    p.s->spsr[1] = 0; // SS 0: the exception comes at once
    p.s->elr[1] = USER;
    CHECK_EXCEPTION(&p, LOWER, 1, CODE, ESR(0x32, 0x22), USER);
    p.s->mdscr_el1 = 0;
    p.s->spsr[1] = 0x200000;
    CHECK_EXCEPTION(&p, LOWER, 1, CODE, ESR(0x15, 4), USER + 12);
    program_stop(&p);
}

static void breakpoints(void **state)
{
    enum { EL0_ONLY = 2 << 1, E = 1, BAS = 0xf << 5 };
    struct program p;
    (void)state;
    program_start(&p, "max");
    program_map(&p);
    WORDS(&p, USER, A_NOP, A_NOP, A_SVC(0));
    p.s->oslsr_el1 = 0;
    p.s->mdscr_el1 = MDE;
    p.s->dbgbvr[1] = USER + 4;
    p.s->dbgbcr[1] = E | EL0_ONLY | BAS;
    CHECK_EXCEPTION(&p, LOWER, 0, USER, ESR(0x30, 0x22), USER + 4);
    CHECK_EXCEPTION(&p, SAME, 1, USER, ESR(0x15, 0), USER + 12);
    // Linked to a context that is not the current one.
    p.s->dbgbcr[1] |= 1 << 20 | 5 << 16;
    p.s->dbgbvr[5] = 77;
    p.s->dbgbcr[5] = E | EL0_ONLY | BAS | 3 << 20;
    CHECK_EXCEPTION(&p, LOWER, 0, USER, ESR(0x15, 0), USER + 12);
    p.s->contextidr_el1 = 77;
    CHECK_EXCEPTION(&p, LOWER, 0, USER, ESR(0x30, 0x22), USER + 4);
    p.s->mdscr_el1 = 0;
    CHECK_EXCEPTION(&p, LOWER, 0, USER, ESR(0x15, 0), USER + 12);
    program_stop(&p);
}

static void watchpoints(void **state)
{
    enum { EL0_ONLY = 2 << 1, E = 1, LOADS = 1 << 3, STORES = 2 << 3 };
    struct program p;
    (void)state;
    program_start(&p, "max");
    program_map(&p);
    WORDS(&p, USER, A_LDR(0, 1), A_STR(0, 1), A_STRB(0, 2), A_SVC(0));
    p.s->oslsr_el1 = 0;
    p.s->mdscr_el1 = MDE;
    p.s->dbgwvr[0] = DATA + 8;
    p.s->dbgwcr[0] = E | EL0_ONLY | STORES | 0x0c << 5; // bytes 10 and 11
    p.s->x[1] = DATA + 16;
    p.s->x[2] = DATA + 9;
    CHECK_EXCEPTION(&p, LOWER, 0, USER, ESR(0x15, 0), USER + 16);
    p.s->x[1] = DATA + 8;
    CHECK_EXCEPTION(&p, LOWER, 0, USER, ESR(0x34, 0x22 | WNR), USER + 4);
    p.s->x[2] = DATA + 11;
    CHECK_EXCEPTION(&p, LOWER, 0, USER + 8, ESR(0x34, 0x22 | WNR), USER + 8);
    assert_int_equal(p.s->far[1], DATA + 11);
    p.s->dbgwcr[0] = E | EL0_ONLY | LOADS | 0xff << 5 | 6 << 24; // 64 bytes
    p.s->dbgwvr[0] = DATA + 64;
    p.s->x[1] = DATA + 60;
    CHECK_EXCEPTION(&p, LOWER, 0, USER, ESR(0x34, 0x22), USER);
    CHECK_EXCEPTION(&p, SAME, 1, USER + 12, ESR(0x15, 0), USER + 16);
    program_stop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_and_undefined_instructions),
        cmocka_unit_test(firmware_answers_calls),
        cmocka_unit_test(returns),
        cmocka_unit_test(span_and_dssbs_choose_what_the_handler_has),
        cmocka_unit_test(interrupts),
        cmocka_unit_test(el0_is_kept_out),
        cmocka_unit_test(el0_is_let_in),
        cmocka_unit_test(waits_trap),
        cmocka_unit_test(waits_for_events_and_interrupts),
        cmocka_unit_test(waits_for_reserved_memory),
        cmocka_unit_test(fp_traps),
        cmocka_unit_test(fields_of_pstate),
        cmocka_unit_test(stack_pointers),
        cmocka_unit_test(data_aborts),
        cmocka_unit_test(instruction_aborts),
        cmocka_unit_test(pan_and_unprivileged_accesses),
        cmocka_unit_test(tlb_maintenance),
        cmocka_unit_test(address_spaces),
        cmocka_unit_test(code_that_is_written),
        cmocka_unit_test(cache_instructions),
        cmocka_unit_test(address_translation),
        cmocka_unit_test(software_step),
        cmocka_unit_test(breakpoints),
        cmocka_unit_test(watchpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
