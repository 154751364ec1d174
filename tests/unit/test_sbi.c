// SPDX-License-Identifier: MIT
//
// The built-in SBI: every function, its errors, and harts that stop, start, suspend and resume on
// the interpreter. Calls are made on behalf of a hart without running it, as its ecall would.
#include "board_machine.h"

#include <string.h>

#include <vm/base/memory.h>
#include <vm/engine-interpreter/interpreter.h>

enum {
    BASE = 0x10,
    TIME = 0x54494d45,
    IPI = 0x735049,
    RFENCE = 0x52464e43,
    HSM = 0x48534d,
    SRST = 0x53525354,
    DBCN = 0x4442434e,
};

enum {
    SUCCESS = 0,
    NOT_SUPPORTED = -2,
    INVALID_PARAM = -3,
    INVALID_ADDRESS = -5,
    ALREADY_AVAILABLE = -6,
};

enum { STARTED, STOPPED, START_PENDING, STOP_PENDING, SUSPENDED };

#define NS_PER_TICK 100
#define KERNEL      (BOARD_RAM + 0x200000)
#define PROGRAM     (BOARD_RAM + 0x800000)

static struct image kernel;

static void start(struct board_machine *b, uint32_t vcpus, const char *cpu)
{
    make_riscv(&kernel, 0x200000, MIB, 1000);
    board_machine_init(b, vcpus, cpu, 32 * MIB);
    board_set_kernel(b, &kernel);
    board_start(b);
}

struct answer {
    int64_t error;
    uint64_t value;
};

// Calls the firmware from `hart` with up to five arguments.
#define SBI(b, hart, extension, function, ...) \
    sbi(b, hart, extension, function, (const uint64_t[5]){__VA_ARGS__})

static struct answer sbi(struct board_machine *b, uint32_t hart, uint64_t extension,
                         uint64_t function, const uint64_t arg[5])
{
    struct vm_riscv64_state *s = hart_state(b, hart);
    s->x[17] = extension;
    s->x[16] = function;
    memcpy(&s->x[10], arg, 5 * sizeof *arg);
    b->machine.firmware.call(b->machine.vcpus[hart], b->machine.firmware.context);
    return (struct answer){(int64_t)s->x[10], s->x[11]};
}

static void check(struct answer a, int64_t error, uint64_t value)
{
    assert_int_equal(a.error, error);
    assert_int_equal(a.value, value);
}

static uint64_t lines(struct board_machine *b, uint32_t hart)
{
    return b->machine.vcpus[hart]->irq_lines;
}

static void start_all(struct board_machine *b)
{
    for (uint32_t i = 1; i < b->machine.vcpu_count; i++) {
        check(SBI(b, 0, HSM, 0, i, PROGRAM, 0), SUCCESS, 0);
        SBI(b, i, 0, 0, 0); // the ecall in ROM
        check(SBI(b, 0, HSM, 2, i), SUCCESS, STARTED);
    }
}

// --- base ---

static void base(void **state)
{
    (void)state;
    struct board_machine b;
    start(&b, 1, NULL);
    check(SBI(&b, 0, BASE, 0, 0), SUCCESS, 0x02000000);
    check(SBI(&b, 0, BASE, 1, 0), SUCCESS, 0x7472);
    check(SBI(&b, 0, BASE, 2, 0), SUCCESS, 0x100);
    static const uint64_t there[] = {BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN};
    for (size_t i = 0; i < VM_ARRAY_SIZE(there); i++)
        check(SBI(&b, 0, BASE, 3, there[i]), SUCCESS, 1);
    static const uint64_t absent[] = {0, 1, 8, 0x504d55, 0x53555350, UINT64_MAX};
    for (size_t i = 0; i < VM_ARRAY_SIZE(absent); i++) {
        check(SBI(&b, 0, BASE, 3, absent[i]), SUCCESS, 0);
        check(SBI(&b, 0, absent[i], 0, 0), NOT_SUPPORTED, 0);
    }
    for (uint64_t f = 4; f < 7; f++)
        check(SBI(&b, 0, BASE, f, 0), SUCCESS, 0);
    for (size_t i = 0; i < VM_ARRAY_SIZE(there); i++)
        check(SBI(&b, 0, there[i], 7, 0), NOT_SUPPORTED, 0);
    board_machine_end(&b);
}

// --- timer ---

static void timer_raises_and_lowers_the_line(void **state)
{
    (void)state;
    static const char *const cpus[] = {"max", "max,-sstc"};
    for (size_t i = 0; i < VM_ARRAY_SIZE(cpus); i++) {
        struct board_machine b;
        start(&b, 2, cpus[i]);
        start_all(&b);
        uint64_t sti = 1 << VM_RISCV64_STI, now = b.host.base.now / NS_PER_TICK;
        check(SBI(&b, 1, TIME, 0, now + 20), SUCCESS, 0);
        assert_int_equal(lines(&b, 1), 0);
        device_host_advance(&b.host, &b.machine, 19 * NS_PER_TICK);
        assert_int_equal(lines(&b, 1), 0);
        device_host_advance(&b.host, &b.machine, NS_PER_TICK);
        assert_int_equal(lines(&b, 1), sti);
        assert_int_equal(lines(&b, 0), 0);
        check(SBI(&b, 1, TIME, 0, UINT64_MAX), SUCCESS, 0);
        assert_int_equal(lines(&b, 1), 0);
        check(SBI(&b, 1, TIME, 0, 0), SUCCESS, 0);
        assert_int_equal(lines(&b, 1), sti);
        assert_int_equal(hart_state(&b, 1)->stimecmp, 0);
        assert_int_equal(board_reset(&b), VM_OK);
        assert_int_equal(lines(&b, 1), 0);
        board_machine_end(&b);
    }
}

// --- hart masks, IPIs, fences ---

static uint64_t software_interrupts(struct board_machine *b)
{
    uint64_t mask = 0;
    for (uint32_t i = 0; i < b->machine.vcpu_count; i++) {
        mask |= (lines(b, i) >> VM_RISCV64_SSI & 1) << i;
        vm_vcpu_set_irq(b->machine.vcpus[i], VM_RISCV64_SSI, false);
    }
    return mask;
}

static void ipis_reach_the_mask(void **state)
{
    (void)state;
    struct board_machine b;
    start(&b, 64, NULL);
    start_all(&b);
    static const struct {
        uint64_t mask, base;
        int64_t error;
        uint64_t harts;
    } rows[] = {
        {1, 0, SUCCESS, 1},
        {6, 0, SUCCESS, 6},
        {5, 61, SUCCESS, UINT64_C(0xa) << 60},
        {1, 63, SUCCESS, UINT64_C(1) << 63},
        {0, 0, SUCCESS, 0},
        {0x123, UINT64_MAX, SUCCESS, UINT64_MAX},
        {UINT64_MAX, 0, SUCCESS, UINT64_MAX},
        {3, 63, INVALID_PARAM, 0},
        {1, 64, INVALID_PARAM, 0},
        {UINT64_MAX, 1, INVALID_PARAM, 0},
        {1, UINT64_MAX - 1, INVALID_PARAM, 0},
        {0, 64, INVALID_PARAM, 0},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        check(SBI(&b, 3, IPI, 0, rows[i].mask, rows[i].base), rows[i].error, 0);
        assert_int_equal(software_interrupts(&b), rows[i].harts);
    }
    board_machine_end(&b);
    start(&b, 3, NULL); // a mask with bits beyond the last of a few harts; stopped harts get none
    check(SBI(&b, 0, IPI, 0, 8, 0), INVALID_PARAM, 0);
    check(SBI(&b, 0, IPI, 0, 7, 0), SUCCESS, 0);
    assert_int_equal(software_interrupts(&b), 1);
    check(SBI(&b, 0, IPI, 0, 0, UINT64_MAX), SUCCESS, 0);
    assert_int_equal(software_interrupts(&b), 1);
    board_machine_end(&b);
}

static void fences_are_work_for_the_targets(void **state)
{
    (void)state;
    struct board_machine b;
    start(&b, 3, NULL);
    start_all(&b);
    const struct vm_vcpu *target = b.machine.vcpus[2];
    static const struct {
        uint64_t function, arg[5];
        enum vm_work_kind kind;
    } rows[] = {
        {0, {4, 0}, VM_WORK_SYNC_CODE},
        {1, {4, 0, 0x1000, 0x1000}, VM_WORK_FLUSH_PAGE},
        {1, {4, 0, UINT64_MAX - 0xfff, 0x1000}, VM_WORK_FLUSH_PAGE},
        {1, {4, 0, 0, UINT64_MAX}, VM_WORK_FLUSH_TLB},
        {1, {4, 0, 0x1000, UINT64_MAX - 1}, VM_WORK_FLUSH_TLB}, // beyond the end
        {1, {4, 0, 0x1000, 0}, VM_WORK_FLUSH_TLB},
        {2, {4, 0, 0x1000, 0x1000, 7}, VM_WORK_FLUSH_PAGE_ASID},
        {2, {4, 0, 0, UINT64_MAX, 7}, VM_WORK_FLUSH_ASID},
        {2, {1, 2, 0, 0, 0x10007}, VM_WORK_FLUSH_ASID},
    };
    for (uint32_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        check(sbi(&b, 0, RFENCE, rows[i].function, rows[i].arg), SUCCESS, 0);
        assert_int_equal(target->work_count, i + 1);
        assert_int_equal(target->work[i].kind, rows[i].kind);
        if (rows[i].function == 2)
            assert_int_equal(target->work[i].asid, 7);
        if (rows[i].kind == VM_WORK_FLUSH_PAGE || rows[i].kind == VM_WORK_FLUSH_PAGE_ASID) {
            assert_int_equal(target->work[i].first, rows[i].arg[2]);
            assert_int_equal(target->work[i].last, rows[i].arg[2] + 0xfff);
        }
    }
    assert_int_equal(b.machine.vcpus[1]->work_count, 0);
    uint64_t done = b.machine.vcpus[0]->stats.work_done;
    check(SBI(&b, 0, RFENCE, 1, 0, UINT64_MAX, 0, 0), SUCCESS, 0); // everybody, the caller too
    assert_int_equal(b.machine.vcpus[0]->stats.work_done, done + 1);
    assert_int_equal(b.machine.vcpus[1]->work_count, 1);
    check(SBI(&b, 0, RFENCE, 1, 8, 0, 0, 0), INVALID_PARAM, 0);
    for (uint64_t f = 3; f < 8; f++)
        check(SBI(&b, 0, RFENCE, f, 1, 0, 0, 0), NOT_SUPPORTED, 0);
    board_machine_end(&b);
}

// --- system reset ---

static void system_reset(void **state)
{
    (void)state;
    static const struct {
        uint64_t type, reason;
        int64_t error;
        uint32_t stop, code;
    } rows[] = {
        {0, 0, SUCCESS, VM_STOP_POWEROFF, 0},
        {0, 1, SUCCESS, VM_STOP_POWEROFF, 1},
        {1, 0, SUCCESS, VM_STOP_RESET, 0},
        {2, 1, SUCCESS, VM_STOP_RESET, 0},
        {UINT64_C(0xffffffff00000002), 0, SUCCESS, VM_STOP_RESET, 0}, // 32 bits count
        {3, 0, INVALID_PARAM, VM_STOP_NONE, 0},
        {0xefffffff, 0, INVALID_PARAM, VM_STOP_NONE, 0},
        {0, 2, INVALID_PARAM, VM_STOP_NONE, 0},
        {0, 0xdfffffff, INVALID_PARAM, VM_STOP_NONE, 0},
        {0xf0000000, 0, NOT_SUPPORTED, VM_STOP_NONE, 0},
        {0, 0xe0000000, NOT_SUPPORTED, VM_STOP_NONE, 0},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        struct board_machine b;
        start(&b, 1, NULL);
        check(SBI(&b, 0, SRST, 0, rows[i].type, rows[i].reason), rows[i].error, 0);
        assert_int_equal(b.machine.stop, rows[i].stop);
        assert_int_equal(b.machine.stop_code, rows[i].code);
        board_machine_end(&b);
    }
}

// --- debug console ---

static void console_output(void **state)
{
    (void)state;
    struct board_machine b;
    start(&b, 1, NULL);
    memcpy(board_ram(&b, PROGRAM), "hello world", 11);
    check(SBI(&b, 0, DBCN, 0, 11, PROGRAM, 0), SUCCESS, 11);
    check(SBI(&b, 0, DBCN, 2, 0x121), SUCCESS, 0);
    assert_string_equal(b.sink.text, "hello world!");
    check(SBI(&b, 0, DBCN, 0, 0, PROGRAM, 0), SUCCESS, 0);
    check(SBI(&b, 0, DBCN, 0, 5000, PROGRAM, 0), SUCCESS, 4096); // the guest calls again
    static const struct {
        uint64_t size, low, high;
    } bad[] = {
        {5, PROGRAM, 1},          {5, BOARD_RAM - 1, 0},  {5, BOARD_RAM + 32 * MIB - 4, 0},
        {UINT64_MAX, PROGRAM, 0}, {5, UINT64_MAX - 2, 0}, {1, 0x10000000, 0},
    };
    b.sink.size = 0;
    for (size_t i = 0; i < VM_ARRAY_SIZE(bad); i++) {
        check(SBI(&b, 0, DBCN, 0, bad[i].size, bad[i].low, bad[i].high), INVALID_PARAM, 0);
        check(SBI(&b, 0, DBCN, 1, bad[i].size, bad[i].low, bad[i].high), INVALID_PARAM, 0);
    }
    assert_int_equal(b.sink.size, 0);
    board_machine_end(&b);
}

static size_t type(struct board_machine *b, const char *text)
{
    return b->ops->receive(b->board, (const uint8_t *)text, strlen(text));
}

static void console_input(void **state)
{
    (void)state;
    struct board_machine b;
    start(&b, 1, NULL);
    assert_int_equal(type(&b, "early"), 0); // nobody reads yet
    check(SBI(&b, 0, DBCN, 1, 10, PROGRAM, 0), SUCCESS, 0);
    assert_int_equal(b.sink.rooms, 1);
    assert_int_equal(type(&b, "early"), 5);
    check(SBI(&b, 0, DBCN, 1, 3, PROGRAM, 0), SUCCESS, 3);
    assert_memory_equal(board_ram(&b, PROGRAM), "ear", 3);
    check(SBI(&b, 0, DBCN, 1, 100, PROGRAM, 0), SUCCESS, 2);
    assert_memory_equal(board_ram(&b, PROGRAM), "ly", 2);
    assert_int_equal(b.sink.rooms, 1);
    char many[101] = {0};
    memset(many, 'm', 100);
    assert_int_equal(type(&b, many), 64);
    assert_int_equal(type(&b, "x"), 0);
    check(SBI(&b, 0, DBCN, 1, 63, PROGRAM, 0), SUCCESS, 63);
    assert_int_equal(b.sink.rooms, 1);
    check(SBI(&b, 0, DBCN, 1, 63, PROGRAM, 0), SUCCESS, 1);
    assert_int_equal(b.sink.rooms, 2);
    // Once the serial port wants input it gets all of it.
    mmio_write(&b.machine, 0x10000001, 1, 1);
    assert_int_equal(type(&b, "u"), 1);
    assert_int_equal(mmio_read(&b.machine, 0x10000000, 1), 'u');
    check(SBI(&b, 0, DBCN, 1, 63, PROGRAM, 0), SUCCESS, 0);
    assert_int_equal(board_reset(&b), VM_OK);
    assert_int_equal(type(&b, "late"), 0);
    board_machine_end(&b);
}

// --- hart states, on the interpreter ---

static uint32_t addi(unsigned rd, unsigned rs1, unsigned immediate)
{
    return immediate << 20 | rs1 << 15 | rd << 7 | 0x13;
}

// The upper part of a value whose lower 12 bits an addi adds.
static uint32_t lui(unsigned rd, uint32_t value)
{
    return ((value + 0x800) & 0xfffff000) | rd << 7 | 0x37;
}

static uint32_t csrw(unsigned csr, unsigned rs1)
{
    return csr << 20 | rs1 << 15 | 0x1073;
}

enum { WFI = 0x10500073, ECALL = 0x73, SELF = 0x6f, A0 = 10, A1, A6 = 16, A7, S2, S3, T0 = 5 };

static void put_program(struct board_machine *b, uint64_t at, const uint32_t *code, size_t count)
{
    for (size_t i = 0; i < count; i++)
        vm_store_le32(board_ram(b, at + 4 * i), code[i]);
}

static enum vm_run_result run(struct board_machine *b, uint32_t hart)
{
    struct vm_vcpu *v = b->machine.vcpus[hart];
    if (!v->engine) {
        v->engine = &vm_interpreter_ops;
        assert_int_equal(v->engine->create(v, &b->error), VM_OK);
    }
    v->insn_limit = v->icount + 100;
    return vm_vcpu_run(v);
}

static void harts_start_and_stop(void **state)
{
    (void)state;
    // Waits, then stops itself.
    const uint32_t program[] = {
        addi(S2, A0, 0),           addi(S3, A1, 0), WFI,   lui(A7, HSM),
        addi(A7, A7, HSM & 0xfff), addi(A6, 0, 1),  ECALL, SELF,
    };
    struct board_machine b;
    start(&b, 3, NULL);
    put_program(&b, PROGRAM, program, VM_ARRAY_SIZE(program));
    check(SBI(&b, 0, HSM, 2, 0), SUCCESS, STARTED);
    check(SBI(&b, 0, HSM, 2, 2), SUCCESS, STOPPED);
    check(SBI(&b, 0, HSM, 2, 3), INVALID_PARAM, 0);
    assert_int_equal(run(&b, 2), VM_RUN_WAITING);
    assert_int_equal(hart_state(&b, 2)->pc, 0x1104);
    check(SBI(&b, 0, HSM, 0, 3, PROGRAM, 0), INVALID_PARAM, 0);
    check(SBI(&b, 0, HSM, 0, UINT64_MAX, PROGRAM, 0), INVALID_PARAM, 0);
    static const uint64_t nowhere[] = {
        0, 0x1000, 0x10000000, PROGRAM + 1, BOARD_RAM + 32 * MIB, UINT64_MAX - 1};
    for (size_t i = 0; i < VM_ARRAY_SIZE(nowhere); i++)
        check(SBI(&b, 0, HSM, 0, 2, nowhere[i], 0), INVALID_ADDRESS, 0);
    check(SBI(&b, 0, HSM, 0, 0, PROGRAM, 0), ALREADY_AVAILABLE, 0);
    unsigned woken = (unsigned)b.host.base.wakes;
    check(SBI(&b, 0, HSM, 0, 2, PROGRAM, 0x1234), SUCCESS, 0);
    assert_true(b.host.base.wakes > woken);
    assert_true(vm_vcpu_must_run(b.machine.vcpus[2]));
    check(SBI(&b, 0, HSM, 2, 2), SUCCESS, START_PENDING);
    check(SBI(&b, 0, HSM, 0, 2, PROGRAM, 0), ALREADY_AVAILABLE, 0);
    assert_int_equal(run(&b, 2), VM_RUN_WAITING);
    const struct vm_riscv64_state *s = hart_state(&b, 2);
    assert_int_equal(s->pc, PROGRAM + 12);
    assert_int_equal(s->x[S2], 2);
    assert_int_equal(s->x[S3], 0x1234);
    assert_int_equal(s->privilege, VM_RISCV64_S);
    check(SBI(&b, 0, HSM, 2, 2), SUCCESS, STARTED);
    check(SBI(&b, 0, HSM, 0, 2, PROGRAM, 0), ALREADY_AVAILABLE, 0);
    check(SBI(&b, 0, IPI, 0, 4, 0), SUCCESS, 0); // does not end with the stop below
    assert_int_equal(run(&b, 2), VM_RUN_WAITING);
    check(SBI(&b, 0, HSM, 2, 2), SUCCESS, STOPPED);
    assert_true(b.machine.vcpus[2]->parked);
    assert_int_equal(lines(&b, 2), 0);
    assert_int_equal(run(&b, 2), VM_RUN_WAITING);
    check(SBI(&b, 0, HSM, 0, 2, PROGRAM, 0x99), SUCCESS, 0); // and again
    assert_int_equal(run(&b, 2), VM_RUN_WAITING);
    assert_int_equal(s->x[S3], 0x99);
    board_machine_end(&b);
}

// Hart 1 runs to a suspension of the given type, with or without interrupts enabled and, unless
// `ticks` is 0, with its timer set to so much later.
static void suspend_hart(struct board_machine *b, const char *cpu, bool retentive, bool interrupts,
                         unsigned ticks)
{
    start(b, 2, cpu);
    const uint32_t program[] = {
        addi(T0, 0, 0x22), // SSIE and STIE
        csrw(0x104, T0),
        addi(T0, 0, interrupts ? 2 : 0),
        csrw(0x100, T0), // sstatus.SIE
        lui(T0, (uint32_t)(PROGRAM + 0x1000)),
        0x02029293,      // slli t0, t0, 32
        0x0202d293,      // srli t0, t0, 32: lui sign-extends
        csrw(0x105, T0), // stvec
        addi(S2, T0, 0),
        lui(A7, TIME),
        addi(A7, A7, TIME & 0xfff),
        addi(A6, 0, 0),
        addi(A0, 0, ticks ? (unsigned)(b->host.base.now / NS_PER_TICK) + ticks : 0xfff),
        ECALL,
        lui(A0, retentive ? 0 : 0x80000000),
        addi(A1, S2, 0x100),
        addi(12, 0, 0x55),
        lui(A7, HSM),
        addi(A7, A7, HSM & 0xfff),
        addi(A6, 0, 3),
        ECALL,
        SELF,
    };
    put_program(b, PROGRAM, program, VM_ARRAY_SIZE(program));
    const uint32_t self = SELF;
    put_program(b, PROGRAM + 0x1000, &self, 1);
    put_program(b, PROGRAM + 0x1100, &self, 1);
    check(SBI(b, 0, HSM, 0, 1, PROGRAM, 0), SUCCESS, 0);
    assert_int_equal(run(b, 1), VM_RUN_WAITING);
    check(SBI(b, 0, HSM, 2, 1), SUCCESS, SUSPENDED);
    assert_false(vm_vcpu_must_run(b->machine.vcpus[1]));
    check(SBI(b, 0, HSM, 0, 1, PROGRAM, 0), ALREADY_AVAILABLE, 0);
}

static void harts_suspend_and_resume(void **state)
{
    (void)state;
    enum { CODE_END = 21 * 4 };
    for (int retentive = 0; retentive < 2; retentive++) {
        for (int interrupts = 0; interrupts < 2; interrupts++) {
            struct board_machine b;
            suspend_hart(&b, NULL, retentive, interrupts, 0);
            const struct vm_riscv64_state *s = hart_state(&b, 1);
            check(SBI(&b, 0, IPI, 0, 2, 0), SUCCESS, 0);
            assert_true(vm_vcpu_must_run(b.machine.vcpus[1]));
            assert_int_equal(run(&b, 1), VM_RUN_LIMIT);
            check(SBI(&b, 0, HSM, 2, 1), SUCCESS, STARTED);
            if (!retentive) {
                assert_int_equal(s->pc, PROGRAM + 0x1100);
                assert_int_equal(s->x[A0], 1);
                assert_int_equal(s->x[A1], 0x55);
                assert_int_equal(s->mstatus & 2, 0);
                assert_int_equal(s->satp, 0);
            } else if (interrupts) { // taken where the call returned
                assert_int_equal(s->pc, PROGRAM + 0x1000);
                assert_int_equal(s->sepc, PROGRAM + CODE_END);
                assert_int_equal(s->scause, UINT64_C(1) << 63 | VM_RISCV64_SSI);
            } else {
                assert_int_equal(s->pc, PROGRAM + CODE_END);
                assert_int_equal(s->x[A0], SUCCESS);
                assert_int_equal(s->x[A1], 0);
                assert_int_equal(s->x[A6], 3);
            }
            board_machine_end(&b);
        }
    }
}

// The timer ends a suspension and pends after it, whether stimecmp is the guest's or not.
static void the_timer_ends_a_suspension(void **state)
{
    (void)state;
    static const char *const cpus[] = {"max", "max,-sstc"};
    for (size_t i = 0; i < VM_ARRAY_SIZE(cpus); i++) {
        struct board_machine b;
        suspend_hart(&b, cpus[i], true, true, 50);
        const struct vm_riscv64_state *s = hart_state(&b, 1);
        device_host_advance(&b.host, &b.machine, 49 * NS_PER_TICK);
        assert_false(vm_vcpu_must_run(b.machine.vcpus[1]));
        device_host_advance(&b.host, &b.machine, NS_PER_TICK);
        assert_true(vm_vcpu_must_run(b.machine.vcpus[1]));
        assert_int_equal(run(&b, 1), VM_RUN_LIMIT);
        assert_int_equal(s->scause, UINT64_C(1) << 63 | VM_RISCV64_STI);
        assert_int_equal(s->pc, PROGRAM + 0x1000);
        board_machine_end(&b);
    }
}

static void suspend_errors(void **state)
{
    (void)state;
    struct board_machine b;
    start(&b, 1, NULL);
    static const uint64_t types[] = {1, 0x0fffffff, 0x10000000, 0x7fffffff, 0x80000001, 0xffffffff};
    for (size_t i = 0; i < VM_ARRAY_SIZE(types); i++)
        check(SBI(&b, 0, HSM, 3, types[i], PROGRAM, 0), INVALID_PARAM, 0);
    check(SBI(&b, 0, HSM, 3, 0x80000000, 0x1000, 0), INVALID_ADDRESS, 0);
    check(SBI(&b, 0, HSM, 3, UINT64_C(0xffffffff80000000), PROGRAM + 1, 0), INVALID_ADDRESS, 0);
    check(SBI(&b, 0, HSM, 4, 0), NOT_SUPPORTED, 0);
    board_machine_end(&b);
}

// --- machine mode: the reset code in ROM ---

static void the_reset_code_hands_on(void **state)
{
    (void)state;
    struct board_machine b;
    make_riscv(&kernel, 0x200000, MIB, 1000);
    board_machine_init(&b, 2, NULL, 32 * MIB);
    put32(&kernel, 0, SELF);
    board_set_kernel(&b, &kernel);
    b.config.bios_mode = VM_BIOS_NONE;
    board_start(&b);
    for (uint32_t i = 0; i < 2; i++) {
        const struct vm_riscv64_state *s = hart_state(&b, i);
        assert_int_equal(run(&b, i), VM_RUN_LIMIT);
        assert_int_equal(s->pc, KERNEL);
        assert_int_equal(s->privilege, VM_RISCV64_M);
        assert_int_equal(s->x[A0], i);
        assert_int_equal(vm_load_be32(board_ram(&b, s->x[A1])), 0xd00dfeed);
        assert_int_equal(s->x[12], 0x1030);
    }
    board_machine_end(&b);
}

// --- hostile calls ---

static void random_calls(void **state)
{
    (void)state;
    static const uint64_t extensions[] = {BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN, 0};
    struct board_machine b;
    start(&b, 4, NULL);
    uint64_t seed = test_seed("random_calls", 5);
    for (int i = 0; i < 100000; i++) {
        uint64_t r = test_random(&seed), arg[5];
        for (int n = 0; n < 5; n++) {
            uint64_t v = test_random(&seed);
            static const uint8_t widths[] = {0, 2, 4, 12, 31, 32, 63, 64};
            unsigned width = widths[v & 7];
            arg[n] = width == 64 ? test_random(&seed) : (v >> 3) & ((UINT64_C(1) << width) - 1);
            if (v >> 60 == 1)
                arg[n] = BOARD_RAM + (v >> 8) % (40 * MIB);
            if (v >> 60 == 2)
                arg[n] = 0 - arg[n];
        }
        uint32_t hart = r % 4;
        if (b.machine.vcpus[hart]->parked)
            continue; // it cannot call
        sbi(&b, hart, extensions[(r >> 8) % 8], r >> 16 & 7, arg);
        b.sink.size = 0;
        if (b.machine.stop != VM_STOP_NONE || b.machine.vcpus[0]->parked) {
            vm_machine_resume(&b.machine);
            assert_int_equal(board_reset(&b), VM_OK);
        }
    }
    board_machine_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base),
        cmocka_unit_test(timer_raises_and_lowers_the_line),
        cmocka_unit_test(ipis_reach_the_mask),
        cmocka_unit_test(fences_are_work_for_the_targets),
        cmocka_unit_test(system_reset),
        cmocka_unit_test(console_output),
        cmocka_unit_test(console_input),
        cmocka_unit_test(harts_start_and_stop),
        cmocka_unit_test(harts_suspend_and_resume),
        cmocka_unit_test(the_timer_ends_a_suspension),
        cmocka_unit_test(suspend_errors),
        cmocka_unit_test(the_reset_code_hands_on),
        cmocka_unit_test(random_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
