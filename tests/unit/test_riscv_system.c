// SPDX-License-Identifier: MIT
//
// RISC-V privileged instructions through their helpers: what mstatus and the environment
// configuration make illegal, calls to firmware, tval of illegal instructions, cache blocks; and
// how a hart starts.
#include <string.h>

#include "riscv_rig.h"

enum { U = 0, S = 1, M = 3 };

static const unsigned privileges[] = {U, S, M};

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
    assert_false(r.v->guest->take_exception(r.v));
    assert_int_equal(r.firmware_calls, 1);
    assert_int_equal(r.s->privilege, S);
    assert_int_equal(r.s->scause, 0);
    assert_false(r.v->exception.pending);
    r.s->privilege = U;
    r.s->pc = 0x1234;
    vm_vcpu_raise(r.v, RV_CAUSE_ECALL_U, 0);
    assert_true(r.v->guest->take_exception(r.v));
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
    rig_write(&r, CSR_PMPADDR0, UINT64_MAX);
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
        cmocka_unit_test(virtualisation_bits),
        cmocka_unit_test(reservations_are_waited_for),
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
