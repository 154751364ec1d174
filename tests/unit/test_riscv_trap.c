// SPDX-License-Identifier: MIT
//
// RISC-V traps: delegation, interrupt masks and priorities, the stacks in mstatus, returns, waits,
// the supervisor timer, fences and cache-block instructions, and how a hart starts.
#include <stdio.h>
#include <string.h>

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

// --- instructions that mstatus can make illegal ---

static bool illegal(struct riscv_rig *r, enum rv_helper helper)
{
    rig_call(r, helper, 0, 0, 0);
    return r->v->exception.pending;
}

static void virtualisation_bits(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    for (size_t p = 0; p < VM_ARRAY_SIZE(privileges); p++) {
        for (unsigned bits = 0; bits < 2; bits++) {
            unsigned privilege = privileges[p];
            rig_set_privilege(&r, M);
            rig_write(&r, CSR_MSTATUS, bits ? M_TVM | M_TW | M_TSR : 0);
            bool closed = privilege == U || (privilege == S && bits);
            rig_set_privilege(&r, privilege);
            assert_int_equal(illegal(&r, RV_WFI_CHECK), closed);
            assert_int_equal(illegal(&r, RV_SFENCE_VMA), closed);
            assert_int_equal(illegal(&r, RV_SRET), closed);
        }
    }
    rig_stop(&r);
}

static uint64_t wait_kind(struct riscv_rig *r, uint64_t kind)
{
    return rig_call(r, RV_WRS, kind, 0, 0);
}

static void reservations_are_waited_for(void **state)
{
    (void)state;
    struct riscv_rig r;
    uint64_t cell = 5;
    rig_start(&r, "max");
    rig_write(&r, CSR_MSTATUS, M_TW);
    assert_int_equal(wait_kind(&r, 0), 0); // no reservation
    r.v->reservation = (struct vm_reservation){.host = &cell, .size = 4, .value = {5, 0}};
    assert_int_equal(wait_kind(&r, 0), 1);
    assert_int_equal(wait_kind(&r, 1), 1);
    rig_set_privilege(&r, S);
    assert_int_equal(wait_kind(&r, 1), 1); // TW is for WRS.NTO only
    assert_false(r.v->exception.pending);
    wait_kind(&r, 0);
    assert_true(r.v->exception.pending);
    cell = 6; // stored to: nothing to wait for
    assert_int_equal(wait_kind(&r, 0), 0);
    assert_false(r.v->exception.pending);
    cell = 5;
    rig_set_privilege(&r, M);
    rig_write(&r, CSR_MIE, 1 << VM_RISCV64_MTI);
    vm_vcpu_set_irq(r.v, VM_RISCV64_MTI, true);
    assert_int_equal(wait_kind(&r, 1), 0); // an enabled interrupt pends
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

// --- environment calls and illegal instructions ---

static void answer(struct vm_vcpu *v, void *context)
{
    struct riscv_rig *r = context;
    assert_int_equal(r->s->pc, RIG_RAM + 4);
    r->firmware_calls++;
    (void)v;
}

static void firmware_answers_supervisor_calls(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    vm_riscv64_enter_supervisor(r.v, RIG_RAM, 0);
    r.machine.firmware = (struct vm_firmware){answer, &r};
    vm_vcpu_raise(r.v, RV_CAUSE_ECALL_S, 0);
    r.v->guest->take_exception(r.v);
    assert_int_equal(r.firmware_calls, 1);
    assert_int_equal(r.s->privilege, S);
    assert_int_equal(r.s->scause, 0);
    assert_false(r.v->exception.pending);
    r.s->privilege = U;
    r.s->pc = 0x1234;
    vm_vcpu_raise(r.v, RV_CAUSE_ECALL_U, 0);
    r.v->guest->take_exception(r.v);
    assert_int_equal(r.firmware_calls, 1);
    assert_int_equal(r.s->scause, RV_CAUSE_ECALL_U);
    assert_int_equal(r.s->sepc, 0x1234);
    rig_stop(&r);
}

static uint64_t tval_of_illegal(struct riscv_rig *r, uint64_t pc)
{
    rig_set_privilege(r, M);
    r->s->pc = pc;
    vm_vcpu_raise(r->v, RV_CAUSE_ILLEGAL, 0);
    r->v->guest->take_exception(r->v);
    assert_int_equal(r->s->mcause, RV_CAUSE_ILLEGAL);
    assert_int_equal(r->s->mepc, pc);
    return r->s->mtval;
}

static void illegal_instructions_show_their_bits(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    static const uint8_t code[] = {0x73, 0x25, 0x00, 0x7c, 0x02, 0x40}; // csrr a0, 0x7c0; a parcel
    memcpy(r.ram + 0x100, code, sizeof code);
    memcpy(r.ram + 0x1ffe, code, 4); // over a page boundary
    memcpy(r.ram + RIG_RAM_SIZE - 2, code, 2);
    assert_int_equal(tval_of_illegal(&r, RIG_RAM + 0x100), 0x7c002573);
    assert_int_equal(tval_of_illegal(&r, RIG_RAM + 0x104), 0x4002);
    assert_int_equal(tval_of_illegal(&r, RIG_RAM + 0x1ffe), 0x7c002573);
    assert_int_equal(tval_of_illegal(&r, RIG_RAM + RIG_RAM_SIZE - 2), 0); // half of it is nowhere
    assert_int_equal(tval_of_illegal(&r, 0x40000000), 0);
    rig_stop(&r);
}

static void failed_accesses_have_their_causes(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    static const struct {
        enum vm_access access;
        enum vm_access_error error;
        uint64_t cause;
    } cases[] = {
        {VM_ACCESS_EXECUTE, VM_ACCESS_MISALIGNED, 0}, {VM_ACCESS_EXECUTE, VM_ACCESS_BUS, 1},
        {VM_ACCESS_READ, VM_ACCESS_MISALIGNED, 4},    {VM_ACCESS_READ, VM_ACCESS_BUS, 5},
        {VM_ACCESS_WRITE, VM_ACCESS_MISALIGNED, 6},   {VM_ACCESS_WRITE, VM_ACCESS_BUS, 7},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(cases); i++) {
        r.v->guest->access_failed(r.v, vm_gva_of(0x123456), cases[i].access, cases[i].error);
        assert_true(r.v->exception.pending);
        assert_int_equal(r.v->exception.cause, cases[i].cause);
        assert_int_equal(r.v->exception.value, 0x123456);
    }
    rig_stop(&r);
}

// --- fences of code, cache blocks ---

static void fence_i_reaches_the_engine(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    rig_call(&r, RV_FENCE_I, 0, 0, 0);
    assert_int_equal(r.code_syncs, 1);
    rig_stop(&r);
}

static void cache_blocks_follow_envcfg(void **state)
{
    (void)state;
    static const uint64_t fields[] = {E_CBIE, E_CBCFE, E_CBCFE, E_CBZE};
    struct riscv_rig r;
    rig_start(&r, "max");
    vm_riscv64_enter_supervisor(r.v, RIG_RAM, 0);
    for (size_t p = 0; p < VM_ARRAY_SIZE(privileges); p++) {
        for (unsigned kind = 0; kind < 4; kind++) {
            for (unsigned open = 0; open < 4; open++) {
                unsigned privilege = privileges[p];
                rig_set_privilege(&r, M);
                rig_write(&r, CSR_MENVCFG, open & 1 ? fields[kind] : ~fields[kind]);
                rig_write(&r, CSR_SENVCFG, open & 2 ? fields[kind] : ~fields[kind]);
                rig_set_privilege(&r, privilege);
                rig_call(&r, kind == 3 ? RV_CBO_ZERO : RV_CBO_MANAGE, RIG_RAM, kind, 0);
                bool legal = privilege == M || (open & 1 && (privilege == S || open & 2));
                assert_int_equal(r.v->exception.pending, !legal);
                if (!legal)
                    assert_int_equal(r.v->exception.cause, RV_CAUSE_ILLEGAL);
            }
        }
    }
    rig_stop(&r);
}

static void expect_fault(struct riscv_rig *r, enum rv_helper helper, uint64_t address,
                         uint64_t cause)
{
    rig_call(r, helper, address, 1, 0);
    assert_true(r->v->exception.pending);
    assert_int_equal(r->v->exception.cause, cause);
    assert_int_equal(r->v->exception.value, address);
}

static void cache_blocks_are_zeroed_and_checked(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    for (unsigned round = 0; round < 2; round++) { // the second finds the page in the TLB
        memset(r.ram, 0xee, 4096);
        rig_call(&r, RV_CBO_ZERO, RIG_RAM + 0x5a, 0, 0); // anywhere in the block
        assert_false(r.v->exception.pending);
        for (unsigned i = 0; i < 4096; i++)
            assert_int_equal(r.ram[i], i >= 0x40 && i < 0x80 ? 0 : 0xee);
    }
    r.rom[0x40] = 9;
    rig_call(&r, RV_CBO_ZERO, RIG_ROM + 0x40, 0, 0);
    assert_int_equal(r.rom[0x40], 9);
    expect_fault(&r, RV_CBO_ZERO, RIG_MMIO + 0x45, RV_CAUSE_STORE_ACCESS);
    expect_fault(&r, RV_CBO_ZERO, 0x40000007, RV_CAUSE_STORE_ACCESS);
    expect_fault(&r, RV_CBO_MANAGE, 0x40000007, RV_CAUSE_STORE_ACCESS);
    rig_write(&r, CSR_SATP, 8ull << 60 | RIG_RAM >> 12); // an empty table
    memset(r.ram, 0, 4096);
    rig_write(&r, CSR_PMPADDR0, ALL);
    rig_write(&r, CSR_PMPCFG0, 0x1f);
    rig_write(&r, CSR_MSTATUS, M_MPRV | mpp(S));
    expect_fault(&r, RV_CBO_ZERO, 0x1007, RV_CAUSE_STORE_PAGE);
    expect_fault(&r, RV_CBO_MANAGE, 0x1007, RV_CAUSE_STORE_PAGE);
    rig_stop(&r);
}

// --- reset and entry ---

static void reset_is_the_manuals(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    memset(r.s, 0xff, offsetof(struct vm_riscv64_state, derived));
    r.v->icount = 12345;
    r.v->guest->reset(r.v, 0x1000);
    assert_int_equal(r.s->pc, 0x1000);
    assert_int_equal(r.s->privilege, M);
    assert_int_equal(r.s->mstatus, M_UXL | M_SXL);
    assert_int_equal(r.s->satp, 0);
    assert_int_equal(r.s->mcause, 0);
    assert_int_equal(r.s->pmpcfg[0] | r.s->pmpcfg[1], 0);
    assert_int_equal(r.s->menvcfg | r.s->mstateen0 | r.s->mseccfg, 0);
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(r.s->x[i] | r.s->f[i], 0);
    r.icount = r.v->icount;
    assert_int_equal(rig_read(&r, CSR_MINSTRET), 0);
    assert_int_equal(r.v->mode, M);
    rig_stop(&r);
}

static void supervisor_entry_opens_everything(void **state)
{
    (void)state;
    static const unsigned csrs[] = {CSR_CYCLE,       CSR_TIME,      CSR_INSTRET,
                                    CSR_HPMCOUNTER3, CSR_STIMECMP,  CSR_SENVCFG,
                                    CSR_SATP,        CSR_SSTATEEN0, CSR_HPMCOUNTER3 + 28};
    struct riscv_rig r;
    rig_start(&r, "max");
    vm_riscv64_enter_supervisor(r.v, RIG_RAM + 0x200000, 0x87654321);
    assert_int_equal(r.s->pc, RIG_RAM + 0x200000);
    assert_int_equal(r.s->x[10], 0);
    assert_int_equal(r.s->x[11], 0x87654321);
    assert_int_equal(r.v->mode, S);
    assert_int_equal(rig_read(&r, CSR_SATP), 0);
    assert_int_equal(rig_read(&r, CSR_SSTATUS), M_UXL);
    for (size_t i = 0; i < VM_ARRAY_SIZE(csrs); i++)
        rig_read(&r, csrs[i]);
    rig_call(&r, RV_CSR_SWAP, CSR_SEED, 0, 0);
    assert_false(r.v->exception.pending);
    uint64_t value;
    assert_true(vm_vcpu_load(r.v, vm_gva_of(RIG_RAM), VM_IR_MEM(3, 0, VM_IR_RELAXED), &value));
    assert_int_equal(r.s->menvcfg, E_CBIE | E_CBCFE | E_CBZE | E_ADUE | E_PBMTE | E_STCE);
    static const uint8_t causes[] = {1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 15};
    for (size_t i = 0; i < sizeof causes; i++) {
        vm_vcpu_raise(r.v, causes[i], 1);
        r.v->guest->take_exception(r.v);
        assert_int_equal(r.s->privilege, S);
    }
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exceptions_are_delegated),
        cmocka_unit_test(interrupts_follow_masks_and_priorities),
        cmocka_unit_test(writes_ask_for_the_interrupt),
        cmocka_unit_test(returns_pop_the_stacks),
        cmocka_unit_test(virtualisation_bits),
        cmocka_unit_test(reservations_are_waited_for),
        cmocka_unit_test(external_interrupt_is_line_or_software),
        cmocka_unit_test(software_interrupt_is_cleared_by_the_guest),
        cmocka_unit_test(stimecmp_drives_stip),
        cmocka_unit_test(firmware_answers_supervisor_calls),
        cmocka_unit_test(illegal_instructions_show_their_bits),
        cmocka_unit_test(failed_accesses_have_their_causes),
        cmocka_unit_test(fence_i_reaches_the_engine),
        cmocka_unit_test(cache_blocks_follow_envcfg),
        cmocka_unit_test(cache_blocks_are_zeroed_and_checked),
        cmocka_unit_test(reset_is_the_manuals),
        cmocka_unit_test(supervisor_entry_opens_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
