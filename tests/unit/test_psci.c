// SPDX-License-Identifier: MIT
//
// The built-in PSCI: every function, its errors, and CPUs that go off, on and to sleep. Calls are
// made on behalf of a CPU without running it, as its HVC would.
#include "arm64_board.h"

#include <vm/base/memory.h>
#include <vm/engine-interpreter/interpreter.h>

#define PROGRAM (ARM64_RAM + 0x800000)

enum {
    SUCCESS = 0,
    NOT_SUPPORTED = -1,
    INVALID_PARAMETERS = -2,
    ALREADY_ON = -4,
    INVALID_ADDRESS = -9,
};

#define VERSION       0x84000000
#define CPU_SUSPEND   0x84000001
#define CPU_OFF       0x84000002
#define CPU_ON        0x84000003
#define AFFINITY_INFO 0x84000004
#define FEATURES      0x8400000a
#define CALL_64       0x40000000

static struct image kernel;

static void start(struct board_machine *b, uint32_t vcpus)
{
    make_arm64(&kernel);
    arm64_board_init(b, vcpus, 32 * MIB, NULL);
    board_set_kernel(b, &kernel);
    board_start(b);
}

#define PSCI(b, cpu, ...) psci(b, cpu, (const uint64_t[4]){__VA_ARGS__})

static int64_t psci(struct board_machine *b, uint32_t cpu, const uint64_t arg[4])
{
    struct vm_arm64_state *s = cpu_state(b, cpu);
    for (int i = 0; i < 4; i++)
        s->x[i] = arg[i];
    b->machine.firmware.call(b->machine.vcpus[cpu], b->machine.firmware.context);
    return (int64_t)s->x[0];
}

static void versions_and_features(void **state)
{
    (void)state;
    static const uint32_t there[] = {0x80000000, VERSION,    CPU_SUSPEND, CPU_SUSPEND | CALL_64,
                                     CPU_OFF,    CPU_ON,     0xc4000003,  AFFINITY_INFO,
                                     0xc4000004, 0x84000006, 0x84000008,  0x84000009,
                                     FEATURES,   0x84000012, 0xc4000012};
    static const uint32_t missing[] = {0x80000001, 0x84000005, 0x84000007, 0x8400000b, 0xc4000000,
                                       0xc4000002, 0xc400000e, 0x84000013, 0};
    struct board_machine b;
    start(&b, 1);
    assert_int_equal(PSCI(&b, 0, VERSION), 0x10001);
    assert_int_equal(PSCI(&b, 0, 0x80000000), 0x10001); // SMCCC_VERSION
    assert_int_equal(PSCI(&b, 0, 0x84000006), 2);       // no trusted OS that would have to migrate
    for (size_t i = 0; i < VM_ARRAY_SIZE(there); i++)
        assert_int_equal(PSCI(&b, 0, FEATURES, there[i]), 0);
    for (size_t i = 0; i < VM_ARRAY_SIZE(missing); i++)
        assert_int_equal(PSCI(&b, 0, FEATURES, missing[i]), NOT_SUPPORTED);
    // SMCCC_ARCH_FEATURES
    assert_int_equal(PSCI(&b, 0, 0x80000001, 0x80000000), 0);
    assert_int_equal(PSCI(&b, 0, 0x80000001, 0x80008000), 1); // not affected
    assert_int_equal(PSCI(&b, 0, 0x80000001, 0x80007fff), 1);
    assert_int_equal(PSCI(&b, 0, 0x80000001, 0x80003fff), 1);
    assert_int_equal(PSCI(&b, 0, 0x80000001, 0x80000002), NOT_SUPPORTED);
    assert_int_equal(PSCI(&b, 0, 0x84000005), NOT_SUPPORTED);
    assert_int_equal(PSCI(&b, 0, 0xc2000000), NOT_SUPPORTED);
    board_machine_end(&b);
}

static void cpus_go_on_and_off(void **state)
{
    (void)state;
    struct board_machine b;
    start(&b, 18);
    assert_int_equal(PSCI(&b, 0, AFFINITY_INFO, 0x101, 0), 1);
    assert_int_equal(PSCI(&b, 0, CPU_ON | CALL_64, 0x101, PROGRAM, 77), SUCCESS);
    assert_false(b.machine.vcpus[17]->parked);
    assert_int_equal(PSCI(&b, 0, AFFINITY_INFO, 0x101, 0), 0);
    assert_int_equal(PSCI(&b, 0, CPU_ON | CALL_64, 0x101, PROGRAM, 78), ALREADY_ON);
    // It comes out of the ROM by a call of its own.
    PSCI(&b, 17, 0);
    const struct vm_arm64_state *s = cpu_state(&b, 17);
    assert_int_equal(s->pc, PROGRAM);
    assert_int_equal(s->x[0], 77);
    assert_int_equal(s->el, 1);
    assert_int_equal(s->daif, 0x3c0);
    assert_int_equal(PSCI(&b, 0, AFFINITY_INFO, 0x101, 0), 0);
    assert_int_equal(PSCI(&b, 0, CPU_ON | CALL_64, 0x101, PROGRAM, 0), ALREADY_ON);
    PSCI(&b, 17, CPU_OFF);
    assert_true(b.machine.vcpus[17]->parked);
    assert_int_equal(PSCI(&b, 0, AFFINITY_INFO | CALL_64, 0x101, 0), 1);
    // A 32-bit call has arguments of 32 bits.
    assert_int_equal(PSCI(&b, 0, CPU_ON, UINT64_C(0xff00000001), PROGRAM, UINT64_MAX), SUCCESS);
    PSCI(&b, 1, 0);
    assert_int_equal(cpu_state(&b, 1)->x[0], UINT32_MAX);
    board_machine_end(&b);
}

static void groups_are_on_if_one_is(void **state)
{
    (void)state;
    struct board_machine b;
    start(&b, 18);
    assert_int_equal(PSCI(&b, 0, AFFINITY_INFO, 0, 1), 0);
    assert_int_equal(PSCI(&b, 0, AFFINITY_INFO, 0x100, 1), 1);
    assert_int_equal(PSCI(&b, 0, AFFINITY_INFO, 0x100, 2), 0);
    assert_int_equal(PSCI(&b, 0, AFFINITY_INFO, 0, 3), 0);
    assert_int_equal(PSCI(&b, 0, AFFINITY_INFO, 0, 4), INVALID_PARAMETERS);
    assert_int_equal(PSCI(&b, 0, AFFINITY_INFO, 0x200, 1), INVALID_PARAMETERS);
    assert_int_equal(PSCI(&b, 0, AFFINITY_INFO | CALL_64, UINT64_C(1) << 40, 0),
                     INVALID_PARAMETERS);
    board_machine_end(&b);
}

static void start_errors(void **state)
{
    (void)state;
    static const uint64_t nowhere[] = {0,           0x9000000,  0xb000000,
                                       PROGRAM + 2, UINT64_MAX, ARM64_RAM + 32 * MIB};
    struct board_machine b;
    start(&b, 2);
    assert_int_equal(PSCI(&b, 0, CPU_ON, 2, PROGRAM, 0), INVALID_PARAMETERS);
    assert_int_equal(PSCI(&b, 0, CPU_ON | CALL_64, 0x80000001, PROGRAM, 0), INVALID_PARAMETERS);
    assert_int_equal(PSCI(&b, 0, CPU_ON, 0, PROGRAM, 0), ALREADY_ON);
    for (size_t i = 0; i < VM_ARRAY_SIZE(nowhere); i++)
        assert_int_equal(PSCI(&b, 0, CPU_ON | CALL_64, 1, nowhere[i], 0), INVALID_ADDRESS);
    assert_true(b.machine.vcpus[1]->parked);
    board_machine_end(&b);
}

static void suspends_and_resumes(void **state)
{
    (void)state;
    struct board_machine b;
    start(&b, 1);
    struct vm_arm64_state *s = cpu_state(&b, 0);
    s->pc = PROGRAM;
    s->daif = 0x40;
    s->sctlr[1] |= 1;
    PSCI(&b, 0, CPU_SUSPEND, 0);
    assert_int_equal(s->pc, 0xb000000);
    assert_int_equal(s->sctlr[1] & 1, 0);
    assert_int_equal(s->daif, 0x3c0);
    PSCI(&b, 0, 99); // the ROM's, whatever is in x0
    assert_int_equal(s->x[0], SUCCESS);
    assert_int_equal(s->pc, PROGRAM);
    assert_int_equal(s->sctlr[1] & 1, 1);
    assert_int_equal(s->daif, 0x40);
    // Power-down: it begins anew.
    PSCI(&b, 0, CPU_SUSPEND | CALL_64, 0x10000, PROGRAM + 64, 5);
    PSCI(&b, 0, 99);
    assert_int_equal(s->pc, PROGRAM + 64);
    assert_int_equal(s->x[0], 5);
    assert_int_equal(s->sctlr[1] & 1, 0);
    assert_int_equal(PSCI(&b, 0, CPU_SUSPEND, 0x20000), INVALID_PARAMETERS);
    assert_int_equal(PSCI(&b, 0, CPU_SUSPEND, 0x10000, 1), INVALID_ADDRESS);
    assert_int_equal(s->pc, PROGRAM + 64);
    board_machine_end(&b);
}

static void systems_stop(void **state)
{
    (void)state;
    static const struct {
        uint32_t function;
        enum vm_stop stop;
    } rows[] = {{0x84000008, VM_STOP_POWEROFF},
                {0x84000009, VM_STOP_RESET},
                {0x84000012, VM_STOP_RESET},
                {0xc4000012, VM_STOP_RESET}};
    struct board_machine b;
    start(&b, 2);
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        PSCI(&b, 0, rows[i].function);
        assert_int_equal(b.machine.stop, rows[i].stop);
        vm_machine_resume(&b.machine);
    }
    assert_int_equal(PSCI(&b, 0, 0x84000012, 1), INVALID_PARAMETERS);
    assert_int_equal(b.machine.stop, VM_STOP_NONE);
    board_machine_end(&b);
}

// A program that starts the other CPU and goes to sleep; the other one wakes nobody and goes off.
static void cpus_run_what_they_are_to(void **state)
{
    (void)state;
    static const uint32_t first[] = {
        0xd2800060, // mov  x0, #3
        0xf2b08000, // movk x0, #0x8400, lsl #16: CPU_ON
        0xd2800021, // mov  x1, #1
        0x10000122, // adr  x2, second
        0xd2800543, // mov  x3, #42
        0xd4000002, // hvc  #0
        0xd2800020, // mov  x0, #1
        0xf2b08000, // movk x0, #0x8400, lsl #16: CPU_SUSPEND, standby
        0xd2800001, // mov  x1, #0
        0xd4000002, // hvc  #0
        0x14000000, // b    .
        // second:
        0xd503201f, // nop
        0x91000414, // add  x20, x0, #1
        0xd2800040, // mov  x0, #2
        0xf2b08000, // movk x0, #0x8400, lsl #16: CPU_OFF
        0xd4000003, // smc  #0
    };
    struct board_machine b;
    start(&b, 2);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(vm_interpreter_ops.create(b.machine.vcpus[i], &b.error), VM_OK);
    for (size_t i = 0; i < VM_ARRAY_SIZE(first); i++)
        vm_store_le32(board_ram(&b, PROGRAM) + 4 * i, first[i]);
    cpu_state(&b, 0)->pc = PROGRAM;
    assert_int_equal(vm_vcpu_run(b.machine.vcpus[0]), VM_RUN_WAITING);
    assert_int_equal(cpu_state(&b, 0)->pc, 0xb000004);
    assert_int_equal(vm_vcpu_run(b.machine.vcpus[1]), VM_RUN_WAITING);
    assert_int_equal(cpu_state(&b, 1)->pc, 0xb000004);
    assert_true(b.machine.vcpus[1]->parked);
    // An interrupt ends the sleep, and is not taken in ROM.
    vm_vcpu_set_irq(b.machine.vcpus[0], VM_ARM64_IRQ, true);
    b.machine.vcpus[0]->insn_limit = b.machine.vcpus[0]->icount + 3;
    assert_int_equal(vm_vcpu_run(b.machine.vcpus[0]), VM_RUN_LIMIT);
    assert_int_equal(cpu_state(&b, 0)->pc, PROGRAM + 40);
    assert_int_equal(cpu_state(&b, 0)->x[0], SUCCESS);
    board_machine_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_and_features),     cmocka_unit_test(cpus_go_on_and_off),
        cmocka_unit_test(groups_are_on_if_one_is),   cmocka_unit_test(start_errors),
        cmocka_unit_test(suspends_and_resumes),      cmocka_unit_test(systems_stop),
        cmocka_unit_test(cpus_run_what_they_are_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
