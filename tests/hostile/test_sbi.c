// SPDX-License-Identifier: MIT
//
// Harts in supervisor mode that call the built-in SBI with random functions, arguments and pointers
// and do it to each other: they start, stop and suspend, interrupt and fence, set timers, print
// from anywhere, and reboot. Every call that returns gives an error code of the specification, an
// unknown one "not supported"; whatever happens, vm_run comes back.
//
// A hart notes which operation is next before it begins one: wherever it starts or resumes, also
// after a reboot, it goes on there. The last hart to be through shuts the machine down.
#include "hostile.h"
#include "hostile_code.h"

enum {
    VCPUS = 4,
    MEMORY = 8 << 20,
    HANDLER = 0x400,
    PROGRAMS = 0x1000,
    PROGRAM_SIZE = 0x1f000,
    SLOT = 0x200, // of one operation
    OPERATIONS = 240,
    PAGE_TABLE = PROGRAMS + VCPUS * PROGRAM_SIZE,
    IMAGE_END = PAGE_TABLE + 0x1000,
    NEXT = IMAGE_END,    // per hart: the address of its next operation
    DONE = NEXT + 0x100, // harts that are through
    LOGS = NEXT + 0x1000,
    LOG_SIZE = 0x4000,
    DATA = LOGS + VCPUS * LOG_SIZE, // what pointers may point to
    HEADER_SIZE = 64,               // of a Linux Image
    SLEEPERS = 100,                 // instructions that harts execute in WFI loops alone
    RESERVE = 0x1000,               // code before and behind the operations
};
_Static_assert(OPERATIONS *SLOT + RESERVE <= PROGRAM_SIZE, "the program has room");
_Static_assert(OPERATIONS * 16 <= LOG_SIZE, "the log has room");

enum { A0 = 10, A1 = 11, A2 = 12, A6 = 16, A7 = 17, LOG = 28 }; // registers

enum {
    BASE = 0x10,
    TIME = 0x54494d45,
    IPI = 0x735049,
    RFENCE = 0x52464e43,
    HSM = 0x48534d,
    SRST = 0x53525354,
    DBCN = 0x4442434e,
    HART_START = 0,
    HART_STOP = 1,
    NOT_SUPPORTED = -2,
    LAST_ERROR = -9,
    CSR_STIMECMP = 0x14d,
    CSR_TIME = 0xc01,
    CSR_SIP = 0x144,
    CSR_SSTATUS = 0x100,
    SSIP = 1 << 1,
};

struct call {
    uint64_t extension, function, arg[6];
};

static uint64_t at(uint64_t offset)
{
    return HOSTILE_RAM + offset;
}

static uint64_t program(unsigned hart)
{
    return at(PROGRAMS + hart * (uint64_t)PROGRAM_SIZE);
}

// --- calls ---

static bool is_known(uint64_t extension)
{
    return extension == BASE || extension == TIME || extension == IPI || extension == RFENCE ||
           extension == HSM || extension == SRST || extension == DBCN;
}

static uint64_t random_extension(struct random *r)
{
    static const uint64_t extensions[] = {BASE, TIME, IPI,  IPI,  RFENCE,   RFENCE, HSM,
                                          HSM,  SRST, DBCN, DBCN, 0x504d55, 0,      8};
    unsigned count = sizeof extensions / sizeof *extensions, i = random_below(r, count + 1);
    return i == count ? random_integer(r) : extensions[i];
}

static uint64_t random_argument(struct random *r)
{
    static const uint64_t edges[] = {
        0,      HOSTILE_RAM, HOSTILE_RAM + MEMORY - 1, HOSTILE_RAM + MEMORY,
        0x1000, 0x10000000,  UINT64_MAX - 4095,        (uint64_t)1 << 56};
    switch (random_below(r, 6)) {
    case 0: return random_below(r, 1 << VCPUS);
    case 1: return random_below(r, VCPUS + 1);
    case 2: return edges[random_below(r, sizeof edges / sizeof *edges)];
    case 3: return program(random_below(r, VCPUS));
    case 4: return at(DATA + random_below(r, MEMORY - DATA));
    default: return random_integer(r);
    }
}

// Stops, reboots and shutdowns end much, so they are made rare; a hart that starts somewhere in its
// data never comes back, so most start where they should.
static struct call random_call(struct random *r, unsigned hart)
{
    struct call k = {.extension = random_extension(r), .function = random_below(r, 9)};
    if (random_below(r, 64) == 0)
        k.function = random_integer(r);
    for (unsigned i = 0; i < 6; i++)
        k.arg[i] = random_argument(r);
    if (k.extension == HSM && k.function == HART_STOP && random_below(r, 16))
        k.function = HART_START;
    if (k.extension == HSM && random_below(r, 64))
        k.arg[1] = program(k.function == HART_START ? (unsigned)k.arg[0] % VCPUS : hart);
    if (k.extension == HSM && k.function == 3)
        k.arg[0] = random_below(r, 2) ? 0 : 0x80000000;
    if (k.extension == SRST && random_below(r, 8))
        k.arg[0] |= 4;
    if (k.extension == SRST && k.arg[0] == 0)
        k.arg[0] = 1 + random_below(r, 2);
    if (k.extension == TIME && random_below(r, 4))
        k.arg[0] = random_below(r, 1 << 20);
    return k;
}

static void emit_call(struct code *c, const struct call *k)
{
    for (unsigned i = 0; i < 6; i++)
        emit_li(c, A0 + i, k->arg[i]);
    emit_li(c, A6, k->function);
    emit_li(c, A7, k->extension);
    emit(c, RV_ECALL);
}

// --- what a hart does beside calls ---

static void emit_prank(struct random *r, struct code *c)
{
    static const uint64_t sv39 = (uint64_t)8 << 60;
    switch (random_below(r, 8)) {
    case 0: // translation on, the same addresses
        emit_li(c, 5, sv39 | (uint64_t)random_below(r, 4) << 44 | at(PAGE_TABLE) >> 12);
        emit_csr(c, CSRRW, 0, CSR_SATP, 5);
        break;
    case 1: emit_csr(c, CSRRW, 0, CSR_SATP, 0); break;
    case 2: emit(c, 0x12000073); break; // sfence.vma
    case 3:                             // writes code where another hart may run
        emit_li(c, 5, at(DATA + (random_below(r, 4096) & ~3u)));
        emit_li(c, 6, 0x00008067); // ret
        emit(c, 0x0062a023);       // sw x6, 0(x5)
        emit(c, rv_jalr(1, 5, 0));
        break;
    case 4:
        emit_li(c, 5, random_bits(r) & 0x222);
        emit_csr(c, CSRRW, 0, CSR_SIE, 5);
        break;
    case 5:
        emit_li(c, 5, 2); // SIE
        emit_csr(c, random_below(r, 4) ? CSRRS : CSRRC, 0, CSR_SSTATUS, 5);
        break;
    case 6: emit(c, RV_FENCE_I); break;
    default: emit(c, RV_PAUSE); break;
    }
}

// A timer soon, and interrupts that end waits.
static void emit_alarm(struct code *c)
{
    enum { TICKS = 300, SSIE_STIE = 0x22 };
    emit_csr(c, CSRRS, 5, CSR_TIME, 0);
    emit(c, rv_addi(5, 5, TICKS));
    emit_csr(c, CSRRW, 0, CSR_STIMECMP, 5);
    emit_li(c, 5, SSIE_STIE);
    emit_csr(c, CSRRS, 0, CSR_SIE, 5);
}

// Operation i of a hart, in its slot: notes the next, calls, and logs a0.
static void emit_operation(struct random *r, struct code *c, unsigned hart, unsigned i,
                           struct call *k)
{
    uint64_t start = program(hart) + RESERVE / 2 + i * (uint64_t)SLOT;
    emit_pad_to(c, start);
    *k = random_call(r, hart);
    emit_li(c, 5, at(NEXT + hart * 8));
    emit(c, rv_auipc(6, 0));
    emit(c, rv_addi(6, 6, (int)(start + SLOT - code_here(c) + 4)));
    emit(c, rv_sd(6, 5, 0));
    emit_prank(r, c);
    if (random_below(r, 16))
        emit_alarm(c);
    emit_call(c, k);
    emit_li(c, LOG, at(LOGS + hart * (uint64_t)LOG_SIZE + i * 16));
    emit(c, rv_sd(A0, LOG, 0));
    emit(c, rv_sd(A1, LOG, 8));
    emit_jump_to(c, start + SLOT);
}

// --- the guest ---

static void make_handler(struct code *c)
{
    emit_pad_to(c, at(HANDLER));
    emit_csr(c, CSRRS, 31, CSR_SCAUSE, 0);
    size_t exception = emit_forward(c, RV_BGE, 31, 0);
    emit_li(c, 31, SSIP);
    emit_csr(c, CSRRC, 0, CSR_SIP, 31);
    emit_csr(c, CSRRW, 0, CSR_SIE, 0); // until the next operation: the timer's may still pend
    emit(c, RV_SRET);
    emit_target(c, exception);
    emit_csr(c, CSRRS, 31, CSR_SEPC, 0);
    emit(c, rv_addi(31, 31, 4));
    emit_csr(c, CSRRW, 0, CSR_SEPC, 31);
    emit(c, RV_SRET);
}

// The last hart to come here shuts the machine down; the others sleep.
static void emit_end(struct code *c, unsigned vcpus)
{
    static const struct call shutdown = {.extension = SRST};
    emit_csr(c, CSRRW, 0, CSR_SIE, 0);
    emit_li(c, 5, at(DONE));
    emit_li(c, 6, 1);
    emit(c, 0x0062a32f); // amoadd.w x6, x6, (x5)
    emit_li(c, 7, vcpus - 1);
    size_t not_last = emit_forward(c, RV_BNE, 6, 7);
    emit_call(c, &shutdown);
    emit_target(c, not_last);
    uint64_t wait = code_here(c);
    emit(c, RV_WFI);
    emit_jump_to(c, wait);
}

static void make_program(struct random *r, struct code *c, unsigned hart, unsigned vcpus,
                         struct call *calls)
{
    emit_pad_to(c, program(hart));
    emit_li(c, 5, at(HANDLER));
    emit_csr(c, CSRRW, 0, CSR_STVEC, 5);
    for (unsigned i = 1; hart == 0 && i < vcpus; i++) {
        const struct call start = {
            .extension = HSM, .function = HART_START, .arg = {i, program(i)}};
        emit_call(c, &start);
    }
    emit_li(c, 5, at(NEXT + hart * 8));
    emit(c, rv_ld(5, 5, 0));
    size_t first = emit_forward(c, RV_BEQ, 5, 0);
    emit(c, rv_jalr(0, 5, 0));
    emit_target(c, first);
    emit_jump_to(c, program(hart) + RESERVE / 2);
    for (unsigned i = 0; i < OPERATIONS; i++)
        emit_operation(r, c, hart, i, &calls[i]);
    emit_pad_to(c, program(hart) + RESERVE / 2 + OPERATIONS * (uint64_t)SLOT);
    emit_end(c, vcpus);
}

static void append_value(struct code *c, uint64_t value)
{
    code_append(c, (uint32_t)value, 4);
    code_append(c, (uint32_t)(value >> 32), 4);
}

// Linux's "Boot image header in RISC-V Linux": code, load offset 0, size, magic.
static void make_header(struct code *c)
{
    emit_jump_to(c, program(0));
    emit(c, 0);
    append_value(c, 0);
    append_value(c, IMAGE_END);
    emit_pad_to(c, at(HEADER_SIZE - 8));
    emit(c, 0x05435352); // "RSC\x05"
    emit(c, 0);
}

static void make_image(struct random *r, struct code *c, unsigned vcpus,
                       struct call calls[][OPERATIONS])
{
    make_header(c);
    make_handler(c);
    for (unsigned i = 0; i < vcpus; i++)
        make_program(r, c, i, vcpus, calls[i]);
    emit_pad_to(c, at(PAGE_TABLE));
    for (uint64_t i = 0; i < 512; i++) // pages of 1 GiB
        append_value(c, i << 28 | 0xcf);
}

// --- the verdict ---

static void check_logs(struct vm *vm, unsigned vcpus, struct call calls[][OPERATIONS])
{
    static int64_t log[OPERATIONS][2];
    struct vm_error e;
    for (unsigned i = 0; i < vcpus; i++) {
        vm_gpa from = {at(LOGS + i * (uint64_t)LOG_SIZE)};
        assert_int_equal(vm_read_memory(vm, from, log, sizeof log, &e), VM_OK);
        for (unsigned n = 0; n < OPERATIONS; n++) {
            const struct call *k = &calls[i][n];
            bool unknown = !is_known(k->extension) && log[n][0] != 0;
            if (log[n][0] > 0 || log[n][0] < LAST_ERROR || (unknown && log[n][0] != NOT_SUPPORTED))
                fail_msg("extension %#lx function %#lx: error %ld", k->extension, k->function,
                         log[n][0]);
        }
    }
}

static void trial(struct hostile_group *g, struct random *r, unsigned vcpus, unsigned *ended)
{
    static struct call calls[VCPUS][OPERATIONS];
    struct code c = {.address = HOSTILE_RAM};
    struct vm_result result;
    make_image(r, &c, vcpus, calls);
    struct hostile_machine m = {.vcpus = vcpus,
                                .memory = MEMORY,
                                .cpu = random_below(r, 8) ? NULL : "max,-sstc",
                                .machine = hostile_random_machine(r),
                                .trace = random_below(r, 16) ? 0 : (uint32_t)random_bits(r),
                                .code = c.bytes,
                                .size = c.used,
                                .supervisor = true};
    struct vm *vm = hostile_create(&m);
    unsigned turns = 10;
    uint64_t awake;
    do {
        awake = g->instructions + SLEEPERS;
        hostile_run_pestered(g, vm, 20, &result);
        hostile_inspect(vm, r);
        check_logs(vm, vcpus, calls);
    } while (result.reason == VM_EXIT_TIMEOUT && g->instructions > awake && --turns);
    *ended += result.reason == VM_EXIT_POWEROFF;
    assert_true(result.reason == VM_EXIT_TIMEOUT || result.reason == VM_EXIT_POWEROFF ||
                result.reason == VM_EXIT_CRASHED);
    vm_destroy(vm);
    free(c.bytes);
}

static void calls_return_or_leave(void **state)
{
    struct hostile_group g;
    struct random r;
    unsigned ended = 0;
    (void)state;
    hostile_begin(&g, "sbi", 5);
    while (hostile_next(&g, &r))
        trial(&g, &r, 1 + random_below(&r, VCPUS), &ended);
    hostile_end(&g);
    print_message("sbi: %u guests went on to their end\n", ended);
    assert_true(ended > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_return_or_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
