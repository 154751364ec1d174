// SPDX-License-Identifier: MIT
//
// RISC-V traps: delegation, interrupt masks and priorities, the stacks in mstatus, returns, pending
// bits and the supervisor timer.
#include "riscv_rig.h"

enum { U = 0, S = 1, M = 3 };

#define ALL UINT64_MAX

static const unsigned privileges[] = {U, S, M};

static uint64_t pick(uint64_t *random, uint64_t n)
{
    return test_random(random) % n;
}

// Random registers that traps read and write.
static void random_state(struct riscv_rig *r, uint64_t *random)
{
    struct vm_riscv64_state *s = r->s;
    static const uint8_t previous[] = {U, S, M};
    s->privilege = privileges[pick(random, 3)];
    s->mstatus = M_UXL | M_SXL | mpp(previous[pick(random, 3)]) |
                 (test_random(random) & (M_SIE | M_MIE | M_SPIE | M_MPIE | M_SPP | M_SUM | M_MXR));
    if (s->privilege == M)
        s->mstatus |= test_random(random) & M_MPRV;
    s->medeleg = test_random(random) & 0xb3fe;
    s->mideleg = test_random(random) & 0x222;
    s->mie = test_random(random) & 0xaaa;
    s->mip = test_random(random) & test_random(random) & 0x220;
    s->mtvec = (test_random(random) & ~3ull) | pick(random, 2);
    s->stvec = (test_random(random) & ~3ull) | pick(random, 2);
    s->pc = test_random(random) & ~1ull;
    s->mepc = test_random(random) & ~1ull;
    s->sepc = test_random(random) & ~1ull;
    s->scause = s->stval = s->mcause = s->mtval = 0x5555;
    atomic_store(&r->v->irq_lines, test_random(random) & test_random(random) & 0xb8a);
    rv_sync(r->v);
}

// --- what a trap does, said plainly ---

static void expect_trap(const struct vm_riscv64_state *was, const struct vm_riscv64_state *is,
                        bool to_supervisor, uint64_t cause, uint64_t value)
{
    uint64_t tvec = to_supervisor ? was->stvec : was->mtvec;
    uint64_t pc = tvec & ~3ull;
    if (tvec & 1 && cause >> 63)
        pc += 4 * (cause & 63);
    uint64_t status = was->mstatus;
    if (to_supervisor) {
        status &= ~(M_SPP | M_SPIE | M_SIE);
        status |= (was->privilege ? M_SPP : 0) | (was->mstatus & M_SIE ? M_SPIE : 0);
        assert_int_equal(is->sepc, was->pc);
        assert_int_equal(is->scause, cause);
        assert_int_equal(is->stval, value);
        assert_int_equal(is->mepc, was->mepc); // the other set of registers is left alone
        assert_int_equal(is->mcause, was->mcause);
        assert_int_equal(is->mtval, was->mtval);
    } else {
        status &= ~(M_MPP | M_MPIE | M_MIE);
        status |= mpp((unsigned)was->privilege) | (was->mstatus & M_MIE ? M_MPIE : 0);
        assert_int_equal(is->mepc, was->pc);
        assert_int_equal(is->mcause, cause);
        assert_int_equal(is->mtval, value);
        assert_int_equal(is->sepc, was->sepc);
        assert_int_equal(is->scause, was->scause);
        assert_int_equal(is->stval, was->stval);
    }
    assert_int_equal(is->privilege, to_supervisor ? S : M);
    assert_int_equal(is->mstatus, status);
    assert_int_equal(is->pc, pc);
}

static void exceptions_are_delegated(void **state)
{
    (void)state;
    static const uint8_t causes[] = {1, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15};
    struct riscv_rig r;
    rig_start(&r, "max");
    uint64_t random = test_seed("exceptions", 11);
    for (unsigned i = 0; i < 100000; i++) {
        random_state(&r, &random);
        struct vm_riscv64_state was = *r.s;
        uint64_t cause = causes[pick(&random, sizeof causes)], value = test_random(&random);
        bool to_supervisor = was.privilege != M && was.medeleg >> cause & 1;
        vm_vcpu_raise(r.v, cause, value);
        r.v->guest->take_exception(r.v);
        assert_false(r.v->exception.pending);
        expect_trap(&was, r.s, to_supervisor, cause, value);
        assert_int_equal(r.v->mode & RV_MODE_PRIVILEGE, to_supervisor ? S : M);
    }
    rig_stop(&r);
}

// The interrupt that must be taken, from the rules one by one; 0 for none.
static int expected_interrupt(const struct vm_riscv64_state *s, uint64_t lines, bool *to_supervisor)
{
    static const uint8_t order[] = {11, 3, 7, 9, 1, 5};
    for (int pass = 0; pass < 2; pass++) { // those to M-mode first
        *to_supervisor = pass == 1;
        for (unsigned i = 0; i < sizeof order; i++) {
            unsigned n = order[i];
            uint64_t pending = s->mip | lines;
            bool ready = pending >> n & 1 && s->mie >> n & 1;
            bool delegated = s->mideleg >> n & 1;
            bool globally = *to_supervisor
                                ? s->privilege == U || (s->privilege == S && s->mstatus & M_SIE)
                                : s->privilege != M || s->mstatus & M_MIE;
            if (ready && delegated == *to_supervisor && globally)
                return (int)n;
        }
    }
    return 0;
}

static void interrupts_follow_masks_and_priorities(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max,-sstc"); // STIP is then the OR of its line and mip's bit
    uint64_t random = test_seed("interrupts", 12);
    unsigned taken = 0;
    for (unsigned i = 0; i < 200000; i++) {
        bool to_supervisor;
        random_state(&r, &random);
        struct vm_riscv64_state was = *r.s;
        uint64_t lines = atomic_load(&r.v->irq_lines);
        int n = expected_interrupt(&was, lines, &to_supervisor);
        assert_int_equal(r.v->guest->has_work(r.v), ((was.mip | lines) & was.mie) != 0);
        bool got = r.v->guest->take_interrupt(r.v);
        assert_int_equal(got, n != 0);
        if (got)
            expect_trap(&was, r.s, to_supervisor, 1ull << 63 | (unsigned)n, 0);
        else
            assert_memory_equal(&was, r.s, sizeof was);
        taken += got;
    }
    assert_in_range(taken, 20000, 180000);
    rig_stop(&r);
}

// A write that makes an interrupt possible must be acted upon at once.
static void writes_ask_for_the_interrupt(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    rig_write(&r, CSR_MIP, 1 << VM_RISCV64_SEI);
    atomic_store(&r.v->request, 0);
    rig_write(&r, CSR_MIE, 1 << VM_RISCV64_SEI);
    assert_int_equal(atomic_load(&r.v->request), 0); // MIE is clear
    rig_write(&r, CSR_MSTATUS, M_MIE);
    assert_int_equal(atomic_load(&r.v->request), VM_REQUEST_IRQ);
    atomic_store(&r.v->request, 0);
    rig_write(&r, CSR_MIDELEG, ALL); // S-mode's now, so not in M-mode
    assert_int_equal(atomic_load(&r.v->request), 0);
    rig_write(&r, CSR_MSTATUS, mpp(S) | M_SIE);
    assert_int_equal(atomic_load(&r.v->request), 0);
    rig_call(&r, RV_MRET, 0, 0, 0);
    assert_int_equal(atomic_load(&r.v->request), VM_REQUEST_IRQ);
    rig_stop(&r);
}

// --- returns ---

static void returns_pop_the_stacks(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    uint64_t random = test_seed("returns", 13);
    for (unsigned i = 0; i < 100000; i++) {
        random_state(&r, &random);
        r.s->mstatus |= test_random(&random) & (M_TSR | M_TVM | M_TW);
        struct vm_riscv64_state was = *r.s;
        bool machine = pick(&random, 2);
        bool legal =
            was.privilege == M || (!machine && was.privilege == S && !(was.mstatus & M_TSR));
        int reserved;
        r.v->reservation.host = &reserved;
        uint64_t pc = rig_call(&r, machine ? RV_MRET : RV_SRET, 0, 0, 0);
        assert_int_equal(r.v->exception.pending, !legal);
        if (!legal) {
            assert_int_equal(r.v->exception.cause, RV_CAUSE_ILLEGAL);
            assert_memory_equal(&was, r.s, sizeof was);
            continue;
        }
        uint64_t status = was.mstatus;
        unsigned to;
        if (machine) {
            to = was.mstatus >> 11 & 3;
            status &= ~(M_MPP | M_MIE);
            status |= M_MPIE | (was.mstatus & M_MPIE ? M_MIE : 0);
        } else {
            to = was.mstatus & M_SPP ? S : U;
            status &= ~(M_SPP | M_SIE);
            status |= M_SPIE | (was.mstatus & M_SPIE ? M_SIE : 0);
        }
        if (to != M)
            status &= ~M_MPRV;
        assert_int_equal(r.s->mstatus, status);
        assert_int_equal(r.s->privilege, to);
        assert_int_equal(pc, machine ? was.mepc : was.sepc);
        assert_int_equal(r.v->mode & RV_MODE_PRIVILEGE, to);
        assert_null(r.v->reservation.host);
    }
    rig_stop(&r);
}

// --- pending bits: lines, software bits, views ---

static void external_interrupt_is_line_or_software(void **state)
{
    (void)state;
    struct riscv_rig r;
    const uint64_t sei = 1 << VM_RISCV64_SEI;
    rig_start(&r, "max");
    rig_write(&r, CSR_MIDELEG, sei);
    vm_vcpu_set_irq(r.v, VM_RISCV64_SEI, true);
    assert_int_equal(rig_read(&r, CSR_MIP), sei);
    assert_int_equal(rig_read(&r, CSR_SIP), sei);
    // Reading the line and writing back another bit must not make it permanent.
    assert_int_equal(rig_call(&r, RV_CSR_SET, CSR_MIP, 2, 0), sei);
    rig_call(&r, RV_CSR_CLEAR, CSR_MIP, 2, 0);
    vm_vcpu_set_irq(r.v, VM_RISCV64_SEI, false);
    assert_int_equal(rig_read(&r, CSR_MIP), 0);
    rig_call(&r, RV_CSR_SET, CSR_MIP, sei, 0);
    assert_int_equal(rig_read(&r, CSR_SIP), sei);
    rig_write(&r, CSR_SIP, 0); // read-only there
    assert_int_equal(rig_read(&r, CSR_SIP), sei);
    rig_call(&r, RV_CSR_CLEAR, CSR_MIP, sei, 0);
    assert_int_equal(rig_read(&r, CSR_MIP), 0);
    vm_vcpu_set_irq(r.v, VM_RISCV64_MEI, true); // the machine's own are read-only
    rig_write(&r, CSR_MIP, 0);
    assert_int_equal(rig_read(&r, CSR_MIP), 1 << VM_RISCV64_MEI);
    rig_stop(&r);
}

static void software_interrupt_is_cleared_by_the_guest(void **state)
{
    (void)state;
    struct riscv_rig r;
    const uint64_t ssi = 1 << VM_RISCV64_SSI;
    rig_start(&r, "max");
    vm_vcpu_set_irq(r.v, VM_RISCV64_SSI, true); // another hart
    assert_int_equal(rig_read(&r, CSR_MIP), ssi);
    assert_int_equal(rig_read(&r, CSR_SIP), 0); // not delegated: not there
    rig_write(&r, CSR_SIP, 0);
    assert_int_equal(rig_read(&r, CSR_MIP), ssi);
    rig_write(&r, CSR_MIDELEG, ssi);
    assert_int_equal(rig_read(&r, CSR_SIP), ssi);
    rig_call(&r, RV_CSR_CLEAR, CSR_SIP, ssi, 0);
    assert_int_equal(rig_read(&r, CSR_MIP), 0);
    rig_call(&r, RV_CSR_SET, CSR_SIP, ssi, 0);
    assert_int_equal(rig_read(&r, CSR_MIP), ssi);
    vm_riscv64_guest_ops.reset(r.v, 0);
    assert_int_equal(rig_read(&r, CSR_MIP), 0);
    rig_stop(&r);
}

// --- the supervisor timer ---

static void tick_to(struct riscv_rig *r, uint64_t time)
{
    r->host.now = time * 100;
    vm_timers_run(&r->machine.timers, r->host.now);
}

static void stimecmp_drives_stip(void **state)
{
    (void)state;
    struct riscv_rig r;
    const uint64_t sti = 1 << VM_RISCV64_STI;
    rig_start(&r, "max");
    tick_to(&r, 1000);
    rig_write(&r, CSR_MIP, sti); // without STCE the bit is software's
    assert_int_equal(rig_read(&r, CSR_MIP), sti);
    rig_write(&r, CSR_STIMECMP, 0); // nor does a compare value matter
    rig_write(&r, CSR_MIP, 0);
    assert_int_equal(rig_read(&r, CSR_MIP), 0);
    rig_write(&r, CSR_MIP, sti);
    rig_write(&r, CSR_STIMECMP, 2000);
    rig_write(&r, CSR_MENVCFG, E_STCE);
    assert_int_equal(rig_read(&r, CSR_MIP), 0); // now it is stimecmp's
    rig_write(&r, CSR_MIP, sti);
    assert_int_equal(rig_read(&r, CSR_MIP), 0);
    tick_to(&r, 1999);
    assert_int_equal(rig_read(&r, CSR_MIP), 0);
    tick_to(&r, 2000);
    assert_int_equal(rig_read(&r, CSR_MIP), sti);
    rig_write(&r, CSR_STIMECMP, 2001);
    assert_int_equal(rig_read(&r, CSR_MIP), 0);
    tick_to(&r, 3000);
    assert_int_equal(rig_read(&r, CSR_MIP), sti);
    rig_write(&r, CSR_STIMECMP, 5); // in the past: at once
    assert_int_equal(rig_read(&r, CSR_MIP), sti);
    rig_write(&r, CSR_STIMECMP, ALL);
    assert_int_equal(rig_read(&r, CSR_MIP), 0);
    rig_write(&r, CSR_STIMECMP, 4000);
    rig_write(&r, CSR_MENVCFG, 0);
    tick_to(&r, 5000);
    assert_int_equal(rig_read(&r, CSR_MIP), 0);
    rig_write(&r, CSR_MENVCFG, E_STCE); // time has passed meanwhile
    assert_int_equal(rig_read(&r, CSR_MIP), sti);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exceptions_are_delegated),
        cmocka_unit_test(interrupts_follow_masks_and_priorities),
        cmocka_unit_test(writes_ask_for_the_interrupt),
        cmocka_unit_test(returns_pop_the_stacks),
        cmocka_unit_test(external_interrupt_is_line_or_software),
        cmocka_unit_test(software_interrupt_is_cleared_by_the_guest),
        cmocka_unit_test(stimecmp_drives_stip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
