// SPDX-License-Identifier: MIT
//
// ARM64 system registers: what is claimed, what EL0 may do, timers, performance monitors, debug
// registers; maintenance that other PEs take part in; and the text of --cpu.
#include <string.h>

#include "arm64_rig.h"

#define CTL(n)  A64_SYS(3, 3, 14, 2 + (n), 1)
#define CVAL(n) A64_SYS(3, 3, 14, 2 + (n), 2)
#define TVAL(n) A64_SYS(3, 3, 14, 2 + (n), 0)

enum { PHYSICAL, VIRTUAL, TICK = 16 }; // ns

// --- what is claimed ---

static void features_are_claimed_as_configured(void **state)
{
    static const struct {
        const char *cpu;
        uint16_t number;
        uint64_t mask, value;
    } cases[] = {
        {"max", A64_SYS(3, 0, 0, 4, 0), 0xf00000000ff00ff, 0x100000000110011},
        {"max,-fp16", A64_SYS(3, 0, 0, 4, 0), 0xff0000, 0},
        {"max,-fp", A64_SYS(3, 0, 0, 4, 0), 0xff0000, 0xff0000},
        {"max", A64_SYS(3, 0, 0, 4, 1), 0xff, 0x21},
        {"max", A64_SYS(3, 0, 0, 5, 0), 0xf0f0ff0f, 0x10305106},
        {"max", A64_SYS(3, 0, 0, 6, 0), UINT64_MAX, 0x1221111110212120},
        {"cortex-a72", A64_SYS(3, 0, 0, 6, 0), UINT64_MAX, 0x11120},
        {"max", A64_SYS(3, 0, 0, 6, 1), UINT64_MAX, 0x0010101101211012 | 0x10000000000000},
        {"cortex-a72", A64_SYS(3, 0, 0, 6, 1), UINT64_MAX, 0},
        {"max", A64_SYS(3, 0, 0, 6, 2), UINT64_MAX, 0x10000000110002},
        {"max", A64_SYS(3, 0, 0, 7, 0), UINT64_MAX, 0x10200026},
        {"cortex-a72", A64_SYS(3, 0, 0, 7, 0), UINT64_MAX, 0x100024},
        {"max", A64_SYS(3, 0, 0, 7, 1), UINT64_MAX, UINT64_C(0x1000000000201002)},
        {"max", A64_SYS(3, 0, 0, 7, 2), UINT64_MAX, 0x1001000110010011},
        {"cortex-a72", A64_SYS(3, 0, 0, 7, 2), UINT64_MAX, 1},
        {"max", A64_SYS(3, 0, 0, 1, 0), UINT64_MAX, 0}, // AArch32
    };
    (void)state;
    for (size_t i = 0; i < VM_ARRAY_SIZE(cases); i++) {
        struct arm64_rig r;
        arm_rig_start(&r, cases[i].cpu, 1);
        uint64_t value = a64_id_register(a64_config_of(r.v), cases[i].number);
        if ((value & cases[i].mask) != cases[i].value)
            fail_msg("%s: register %#x is %#lx", cases[i].cpu, cases[i].number,
                     (unsigned long)value);
        arm_rig_stop(&r);
    }
}

static void bits_that_are_not_there_stay_as_they_are(void **state)
{
    static const struct {
        const char *cpu;
        uint16_t number;
        uint64_t all, none; // what is read after ones and zeros were written
    } cases[] = {
        {"max", A64_SYS(3, 0, 1, 0, 0), 0x101afcddfbdf, 0x30500980},
        {"cortex-a72", A64_SYS(3, 0, 1, 0, 0), 0x34dddb9f, 0x30d00980},
        {"cortex-a72", A64_SYS(3, 0, 2, 0, 2), 0x77ffffffbf, 0},
        {"max", A64_SYS(3, 0, 1, 0, 2), 0x300000, 0},
        {"max", A64_SYS(3, 0, 12, 0, 0), ~UINT64_C(0x7ff), 0},
        {"cortex-a72", A64_SYS(3, 0, 4, 0, 0), 0xf03003df, 0},
        {"max", A64_SYS(3, 0, 13, 0, 1), 0xffffffff, 0},
        {"max", A64_SYS(3, 2, 0, 0, 0), 0xf, 0},
    };
    (void)state;
    for (size_t i = 0; i < VM_ARRAY_SIZE(cases); i++) {
        struct arm64_rig r;
        arm_rig_start(&r, cases[i].cpu, 1);
        arm_rig_write(&r, cases[i].number, UINT64_MAX);
        uint64_t all = arm_rig_read(&r, cases[i].number);
        arm_rig_write(&r, cases[i].number, 0);
        uint64_t none = arm_rig_read(&r, cases[i].number);
        if (all != cases[i].all || none != cases[i].none)
            fail_msg("%s: register %#x: %#lx and %#lx", cases[i].cpu, cases[i].number,
                     (unsigned long)all, (unsigned long)none);
        arm_rig_stop(&r);
    }
}

static void cpus(void **state)
{
    static const struct {
        const char *cpu, *error;
    } cases[] = {
        {"max,-asimd,+aes", "CPU \"max,-asimd,+aes\": \"+aes\" needs asimd, which is turned off"},
        {"max,+sm4,-sm3", "CPU \"max,+sm4,-sm3\": \"-sm3\" turns off sm4, which is asked for"},
        {"max,-a64", "CPU \"max,-a64\": a64 cannot be turned off: privileged software needs it"},
        {"max,+lsf", "CPU \"max,+lsf\": there is no feature \"lsf\"; the nearest is \"lse\""},
        {"max,lse", "CPU \"max,lse\": \"lse\" should be +feature or -feature"},
        {"cortex-a1",
         "CPU \"cortex-a1\": there is no CPU \"cortex-a1\"; try \"max\", \"cortex-a72\" or "
         "\"neoverse-n1\""},
    };
    struct test_host host;
    void *config;
    (void)state;
    test_host_init(&host);
    for (size_t i = 0; i < VM_ARRAY_SIZE(cases); i++) {
        struct vm_error e = {0};
        vm_status status = a64_configure(cases[i].cpu, &host.host.allocator, &config, &e);
        assert_int_equal(status, VM_ERR_USAGE);
        assert_string_equal(e.text, cases[i].error);
    }
    struct vm_error e = {0};
    assert_int_equal(a64_configure("max,-fp", &host.host.allocator, &config, &e), VM_OK);
    const struct a64_config *c = config;
    assert_false(a64_has(c, A64_EXT_FP) || a64_has(c, A64_EXT_ASIMD) || a64_has(c, A64_EXT_SM4));
    assert_true(a64_has(c, A64_EXT_LSE));
    a64_unconfigure(config, &host.host.allocator);
    assert_int_equal(a64_configure("neoverse-n1,+bti", &host.host.allocator, &config, &e), VM_OK);
    c = config;
    assert_true(a64_has(c, A64_EXT_BTI) && !a64_has(c, A64_EXT_PAUTH));
    assert_int_equal(c->midr, 0x414fd0c1);
    a64_unconfigure(config, &host.host.allocator);
    test_host_check_released(&host);
}

// --- timers ---

static void run_timers(struct arm64_rig *r)
{
    vm_timers_run(&r->machine.timers, r->host.now);
}

static void timers(void **state)
{
    struct arm64_rig r;
    (void)state;
    arm_rig_start(&r, "max", 1);
    r.host.now = 1000000000000; // later than what negative times reach back
    uint64_t now = r.host.now / TICK;
    assert_int_equal(arm_rig_read(&r, A64_SYS(3, 3, 14, 0, 2)), now);
    assert_int_equal(arm_rig_read(&r, A64_SYS(3, 3, 14, 0, 0)), 62500000);
    for (unsigned n = PHYSICAL; n <= VIRTUAL; n++) {
        now = r.host.now / TICK;
        arm_rig_write(&r, TVAL(n), 100);
        assert_int_equal(arm_rig_read(&r, CVAL(n)), now + 100);
        arm_rig_write(&r, CTL(n), 1);
        assert_int_equal(arm_rig_read(&r, CTL(n)), 1);
        r.host.now += 99 * TICK;
        run_timers(&r);
        assert_false(r.lines[n]);
        r.host.now += TICK;
        run_timers(&r);
        assert_true(r.lines[n]);
        assert_false(r.lines[!n]);
        assert_int_equal(arm_rig_read(&r, CTL(n)), 5);
        arm_rig_write(&r, CTL(n), 3); // masked: the condition still shows
        assert_false(r.lines[n]);
        assert_int_equal(arm_rig_read(&r, CTL(n)), 7);
        r.host.now += TICK;
        assert_int_equal(arm_rig_read(&r, TVAL(n)), 0xffffffff);
        arm_rig_write(&r, CTL(n), 0);
        assert_int_equal(arm_rig_read(&r, CTL(n)), 0);
        arm_rig_write(&r, CTL(n), 1);
        assert_true(r.lines[n]);
        arm_rig_write(&r, TVAL(n), UINT64_C(0x80000000)); // negative: in the past
        assert_true(r.lines[n]);
        arm_rig_write(&r, CVAL(n), UINT64_MAX);
        assert_false(r.lines[n]);
    }
    arm_rig_stop(&r);
}

static void el0_needs_leave(void **state)
{
    static const struct {
        uint16_t number;
        bool write;
        uint16_t offset; // of the register with the bits, any of which will do
        uint64_t bits;
    } cases[] = {
#define BITS(field) offsetof(struct vm_arm64_state, field)
        {A64_SYS(3, 3, 14, 0, 0), false, BITS(cntkctl_el1), 3},
        {A64_SYS(3, 3, 14, 0, 1), false, BITS(cntkctl_el1), 1},
        {A64_SYS(3, 3, 14, 0, 2), false, BITS(cntkctl_el1), 2},
        {CTL(VIRTUAL), true, BITS(cntkctl_el1), 0x100},
        {CVAL(PHYSICAL), false, BITS(cntkctl_el1), 0x200},
        {A64_SYS(3, 3, 9, 12, 0), true, BITS(pmuserenr_el0), 1},
        {A64_SYS(3, 3, 9, 13, 0), false, BITS(pmuserenr_el0), 5},
        {A64_SYS(3, 3, 9, 13, 0), true, BITS(pmuserenr_el0), 1},
        {A64_SYS(3, 3, 14, 8, 2), false, BITS(pmuserenr_el0), 9},
        {A64_SYS(3, 3, 9, 12, 4), true, BITS(pmuserenr_el0), 3},
        {A64_SYS(3, 3, 9, 12, 5), true, BITS(pmuserenr_el0), 9},
#undef BITS
    };
    struct arm64_rig r;
    (void)state;
    arm_rig_start(&r, "max", 1);
    arm_rig_set_el(&r, 0);
    for (size_t i = 0; i < VM_ARRAY_SIZE(cases); i++) {
        uint64_t *bits = (uint64_t *)(void *)((char *)r.s + cases[i].offset);
        for (unsigned n = 0; n < 10; n++) {
            *bits = (uint64_t)1 << n;
            bool traps = arm_rig_traps(&r, cases[i].number, cases[i].write);
            assert_int_equal(traps, !(*bits & cases[i].bits));
        }
        *bits = 0;
    }
    arm_rig_stop(&r);
}

// --- performance monitors ---

enum {
    PMCR = A64_SYS(3, 3, 9, 12, 0),
    CNTENSET = A64_SYS(3, 3, 9, 12, 1),
    CNTENCLR = A64_SYS(3, 3, 9, 12, 2),
    OVSCLR = A64_SYS(3, 3, 9, 12, 3),
    SWINC = A64_SYS(3, 3, 9, 12, 4),
    SELR = A64_SYS(3, 3, 9, 12, 5),
    CCNTR = A64_SYS(3, 3, 9, 13, 0),
    XEVTYPER = A64_SYS(3, 3, 9, 13, 1),
    XEVCNTR = A64_SYS(3, 3, 9, 13, 2),
    INTENSET = A64_SYS(3, 0, 9, 14, 1),
    EVCNTR = A64_SYS(3, 3, 14, 8, 0),
    EVTYPER = A64_SYS(3, 3, 14, 12, 0),
    CCFILTR = A64_SYS(3, 3, 14, 15, 7),
};

static void counters(void **state)
{
    struct arm64_rig r;
    (void)state;
    arm_rig_start(&r, "max", 1);
    assert_int_equal(arm_rig_read(&r, PMCR), VM_ARM64_COUNTERS << 11);
    arm_rig_write(&r, EVTYPER + 1, 0x08); // instructions
    arm_rig_write(&r, SELR, 2);
    arm_rig_write(&r, XEVTYPER, 0); // software
    arm_rig_write(&r, CNTENSET, 0x80000006);
    arm_rig_write(&r, PMCR, 0x41);
    uint64_t cycles = arm_rig_read(&r, CCNTR), instructions = arm_rig_read(&r, EVCNTR + 1);
    r.icount += 1000;
    r.host.now += 5000;
    arm_rig_write(&r, SWINC, 0xe);
    assert_int_equal(arm_rig_read(&r, CCNTR), cycles + 5000);
    assert_int_equal(arm_rig_read(&r, EVCNTR + 1) - instructions, 1003);
    assert_int_equal(arm_rig_read(&r, XEVCNTR), 1);
    arm_rig_write(&r, CNTENCLR, 2);
    uint64_t stopped = arm_rig_read(&r, EVCNTR + 1);
    r.icount += 1000;
    assert_int_equal(arm_rig_read(&r, EVCNTR + 1), stopped);
    // An overflow of 32 bits, with an interrupt.
    arm_rig_write(&r, EVCNTR + 1, 0xfffffff0);
    arm_rig_write(&r, CNTENSET, 2);
    arm_rig_write(&r, INTENSET, 2);
    assert_int_equal(arm_rig_read(&r, OVSCLR), 0);
    r.icount += 100;
    assert_int_equal(arm_rig_read(&r, OVSCLR), 2);
    assert_true(r.pmu_line);
    arm_rig_write(&r, OVSCLR, 2);
    assert_false(r.pmu_line);
    // The cycle counter's comes by the timer.
    arm_rig_write(&r, CCNTR, UINT64_MAX - 1000);
    arm_rig_write(&r, INTENSET, 0x80000000);
    r.host.now += 2000;
    vm_timers_run(&r.machine.timers, r.host.now);
    assert_true(atomic_load(&r.v->request) & VM_REQUEST_LOOK);
    r.v->icount = r.icount;
    vm_arm64_guest_ops.look(r.v);
    assert_true(r.pmu_line);
    assert_int_equal(r.s->pmovs, 0x80000000);
    arm_rig_stop(&r);
}

static void counters_by_level(void **state)
{
    struct arm64_rig r;
    (void)state;
    arm_rig_start(&r, "max", 1);
    r.s->vbar[1] = RIG_RAM;
    arm_rig_write(&r, EVTYPER, 0x80000008);     // instructions of EL0
    arm_rig_write(&r, EVTYPER + 1, 0x40000008); // of EL1
    arm_rig_write(&r, CNTENSET, 3);
    arm_rig_write(&r, PMCR, 1);
    uint64_t first = arm_rig_read(&r, EVCNTR), second = arm_rig_read(&r, EVCNTR + 1);
    r.icount += 10;
    r.s->spsr[1] = 0;
    arm_rig_call(&r, A64_HELP_exception_return, RIG_RAM, r.icount, 0); // the 12th after `second`
    r.v->icount = r.icount += 21;
    arm_rig_take(&r, A64_ESR(A64_EC_SVC, 0), 0);
    r.icount += 7;
    assert_int_equal(arm_rig_read(&r, EVCNTR) - first, 20);
    assert_int_equal(arm_rig_read(&r, EVCNTR + 1) - second, 20);
    arm_rig_stop(&r);
}

// --- debug registers ---

static void debug_registers(void **state)
{
    struct arm64_rig r;
    (void)state;
    arm_rig_start(&r, "max", 1);
    assert_int_equal(arm_rig_read(&r, A64_SYS(2, 0, 1, 1, 4)), 0xa); // OS lock after reset
    arm_rig_write(&r, A64_SYS(2, 0, 1, 0, 4), 0);
    assert_int_equal(arm_rig_read(&r, A64_SYS(2, 0, 1, 1, 4)), 0x8);
    for (unsigned n = 0; n < VM_ARM64_BREAKPOINTS; n++) {
        arm_rig_write(&r, A64_SYS(2, 0, 0, 0, 4) + (n << 3), 0x1003 + n * 8);
        assert_int_equal(r.s->dbgbvr[n], 0x1003 + n * 8); // all bits may be those of a context
    }
    assert_null(a64_find_sysreg(a64_config_of(r.v), A64_SYS(2, 0, 0, VM_ARM64_BREAKPOINTS, 4)));
    arm_rig_write(&r, A64_SYS(2, 0, 7, 8, 6), 0x1ff);
    assert_int_equal(arm_rig_read(&r, A64_SYS(2, 0, 7, 9, 6)), 0xff);
    arm_rig_write(&r, A64_SYS(2, 0, 7, 9, 6), 0xf0);
    assert_int_equal(arm_rig_read(&r, A64_SYS(2, 0, 7, 9, 6)), 0xf);
    assert_int_equal(arm_rig_read(&r, A64_SYS(2, 0, 7, 8, 6)), 0xff);
    arm_rig_stop(&r);
}

// --- several PEs ---

static void other_pes_take_part(void **state)
{
    struct arm64_rig r;
    (void)state;
    arm_rig_start(&r, "max", 18);
    struct vm_vcpu *other = r.machine.vcpus[1];
    uint64_t local = other->tlb.stats.flushes;
    assert_int_equal(arm_rig_read(&r, A64_SYS(3, 0, 0, 0, 5)), 0x80000000);
    assert_int_equal(a64_state(r.machine.vcpus[17])->mpidr_el1, 0x80000101);
    assert_int_equal(vm_arm64_affinity(r.machine.vcpus[17]), 0x101);
    arm_rig_call(&r, A64_HELP_tlbi, 0, 7 << 3, 0); // VMALLE1
    assert_int_equal(atomic_load(&other->work_posted), 0);
    arm_rig_call(&r, A64_HELP_tlbi, 0, 3 << 3, 0); // VMALLE1IS
    assert_int_equal(atomic_load(&other->work_posted), 1);
    assert_int_equal(other->work[0].kind, VM_WORK_FLUSH_TLB);
    arm_rig_call(&r, A64_HELP_tlbi, UINT64_C(7) << 48 | 0x12345, 1 << 3 | 1, 0); // VAE1OS
    assert_int_equal(other->work[1].kind, VM_WORK_FLUSH_PAGE_BOTH);
    assert_int_equal(other->work[1].first, 0x12345000);
    assert_int_equal(other->work[1].asid, 7);
    arm_rig_call(&r, A64_HELP_tlbi, UINT64_C(7) << 48 | 0xfffffff12345, 3 << 3 | 3, 0); // VAAE1IS
    assert_int_equal(other->work[2].kind, VM_WORK_FLUSH_PAGE);
    assert_int_equal(other->work[2].first, 0xffffffff12345000);
    arm_rig_call(&r, A64_HELP_tlbi, UINT64_C(0x101) << 48, 3 << 3 | 2, 0); // ASIDE1IS
    assert_int_equal(other->work[3].kind, VM_WORK_FLUSH_ASID);
    assert_int_equal(other->work[3].asid, 1);
    r.s->tcr[1] = A64_TCR_AS;
    arm_rig_call(&r, A64_HELP_tlbi, UINT64_C(0x101) << 48, 3 << 3 | 2, 0);
    assert_int_equal(other->work[4].asid, 0x101);
    // RVAE1IS: 4 KiB pages, (3 + 1) << 6 of them.
    arm_rig_call(&r, A64_HELP_tlbi,
                 UINT64_C(1) << 46 | UINT64_C(1) << 44 | UINT64_C(3) << 39 | 0x40, 2 << 3 | 1, 0);
    assert_int_equal(other->work[5].first, 0x40000);
    assert_int_equal(other->work[5].last, 0x40000 + (256 << 12) - 1);
    assert_int_equal(other->tlb.stats.flushes, local);
    a64_state(other)->event = 0;
    arm_rig_call(&r, A64_HELP_sev, 0, 0, 0);
    assert_int_equal(a64_state(other)->event, 1);
    // Invalidating instructions concerns the others only if code was written.
    unsigned syncs = r.code_syncs;
    arm_rig_call(&r, A64_HELP_ic, RIG_RAM, A64_IC_ALL_PES, 0);
    assert_int_equal(r.code_syncs, syncs);
    atomic_fetch_add(&r.machine.space.code_writes, 1);
    uint64_t posted = atomic_load(&other->work_posted);
    arm_rig_call(&r, A64_HELP_ic, RIG_RAM, A64_IC_ADDRESS, 0);
    assert_int_equal(r.code_syncs, syncs + 1);
    assert_int_equal(atomic_load(&other->work_posted), posted + 1);
    arm_rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_are_claimed_as_configured),
        cmocka_unit_test(bits_that_are_not_there_stay_as_they_are),
        cmocka_unit_test(cpus),
        cmocka_unit_test(timers),
        cmocka_unit_test(el0_needs_leave),
        cmocka_unit_test(counters),
        cmocka_unit_test(counters_by_level),
        cmocka_unit_test(debug_registers),
        cmocka_unit_test(other_pes_take_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
