// SPDX-License-Identifier: MIT
//
// Harts that execute random instructions, of the tables or no instructions at all, in every mode,
// with random CSRs, random page tables and random addresses in their registers. Whatever they do,
// the process lives, vm_run comes back in time, and the machine can be looked at and destroyed.
//
// What keeps a trial busy are its trap handlers: they skip the instruction that trapped; where
// there is none, and every now and then, they go on at another place with other registers, machine
// mode with another mstatus. A timer gets harts out of loops.
#include "hostile.h"
#include "hostile_code.h"

enum {
    VCPUS = 4,
    MEMORY = 4 << 20,
    HANDLERS = 0x4000, // machine and supervisor mode's, in a region that may be write-protected
    SUPERVISOR_HANDLER = 0x4400,
    PLACES = 0x4800, // tables for the handlers: code addresses, values of mstatus, of registers
    STATUSES = PLACES + 0x400,
    ADDRESSES = STATUSES + 0x400,
    TABLE_SIZE = 128,
    HANDLERS_SIZE = 0x2000,
    PROLOGUES = 0x6000,
    PROLOGUE_SIZE = 0x2000,
    CODE = 0x10000,
    CODE_SIZE = 256 << 10,
    TABLES = CODE + CODE_SIZE,
    TABLE_COUNT = 32,
    SIZE = TABLES + TABLE_COUNT * 4096,
};

enum {
    SKIPS = 8,   // every so many traps a hart begins anew somewhere else,
    TICKS = 500, // and every so many ticks of the timer, of 100 ns
    CLINT_MTIMECMP = 0x2004000,
    CLINT_MTIME = 0x200bff8,
    MTIE = 1 << 7,
    SLLI = 1,
    SRLI = 5,
};

static uint64_t at(uint64_t offset)
{
    return HOSTILE_RAM + offset;
}

static uint64_t random_place(struct random *r)
{
    return at(CODE + (random_below(r, CODE_SIZE) & ~1u));
}

// An address worth an access: RAM, code, page tables, devices, their edges, nothing.
static uint64_t random_address(struct random *r)
{
    static const uint64_t bases[] = {0x1000,
                                     0x100000,
                                     0x101000,
                                     0x2000000,
                                     0x2004000,
                                     0x200bff8,
                                     0xc000000,
                                     0xc200000,
                                     0x10000000,
                                     HOSTILE_RAM,
                                     HOSTILE_RAM + CODE,
                                     HOSTILE_RAM + TABLES,
                                     HOSTILE_RAM + MEMORY,
                                     HOSTILE_RAM + SIZE,
                                     0x4000000000,
                                     0xffffffc000000000};
    if (random_below(r, 4) == 0)
        return random_integer(r);
    uint64_t base = bases[random_below(r, sizeof bases / sizeof *bases)];
    return base + (uint64_t)(int64_t)((int)random_below(r, 8192) - 2048);
}

static uint64_t random_satp(struct random *r)
{
    static const uint8_t modes[] = {0, 8, 9, 10};
    uint64_t mode = modes[random_below(r, 4)], asid = random_below(r, 3);
    uint64_t root = at(TABLES + random_below(r, TABLE_COUNT) * 4096u);
    if (random_below(r, 16) == 0)
        root = random_address(r);
    return mode << 60 | asid << 44 | root >> 12;
}

static uint64_t random_pte(struct random *r)
{
    uint64_t table = at(TABLES + random_below(r, TABLE_COUNT) * 4096u);
    uint64_t permissions = random_below(r, 256) | (random_below(r, 8) ? 1 : 0);
    switch (random_below(r, 8)) {
    case 0: return random_bits(r);
    case 1:
    case 2:
    case 3: return table >> 12 << 10 | 1;
    case 4: return HOSTILE_RAM >> 12 << 10 | permissions | 0xc0; // a large page at any level
    case 5: return random_address(r) >> 12 << 10 | permissions;
    case 6: return random_place(r) >> 12 << 10 | permissions | (uint64_t)random_below(r, 8) << 61;
    default: return random_place(r) >> 12 << 10 | permissions;
    }
}

// --- the trap handlers ---

// The CSRs of a mode that its handler works with.
struct mode {
    unsigned cause, epc, scratch, ie;
    uint32_t ret;
};

static const struct mode machine = {CSR_MCAUSE, CSR_MEPC, CSR_MSCRATCH, CSR_MIE, RV_MRET};
static const struct mode supervisor = {CSR_SCAUSE, CSR_SEPC, CSR_SSCRATCH, CSR_SIE, RV_SRET};

static void emit_shift(struct code *c, unsigned funct3, unsigned rd, unsigned rs1, unsigned shift)
{
    emit(c, rv_i(RV_OP_IMM, funct3, rd, rs1, (int)shift));
}

static void emit_add(struct code *c, unsigned rd, unsigned rs1, unsigned rs2)
{
    emit(c, 0x33 | rd << 7 | rs1 << 15 | rs2 << 20);
}

// x31 = a random one of the values at `table`, x30 points to it. The generator is in the mode's
// scratch register and is fed with its epc.
static void emit_next(struct code *c, const struct mode *m, uint64_t table)
{
    emit_csr(c, CSRRS, 31, m->scratch, 0);
    emit_shift(c, SLLI, 30, 31, 5);
    emit_add(c, 31, 31, 30);
    emit_csr(c, CSRRS, 30, m->epc, 0);
    emit_add(c, 31, 31, 30);
    emit(c, rv_addi(31, 31, 0x2a5));
    emit_csr(c, CSRRW, 0, m->scratch, 31);
    emit_shift(c, SRLI, 31, 31, 7);
    emit(c, rv_i(RV_OP_IMM, 7, 31, 31, TABLE_SIZE - 1)); // andi
    emit_shift(c, SLLI, 31, 31, 3);
    emit_li(c, 30, table);
    emit_add(c, 30, 30, 31);
    emit(c, rv_ld(31, 30, 0));
}

// Goes on somewhere else, with other addresses in the registers; machine mode also in another mode.
static void emit_fresh_start(struct code *c, const struct mode *m)
{
    if (m == &machine) {
        emit(c, rv_lui(31, 1 << 17)); // MPRV would be the handler's
        emit_csr(c, CSRRC, 0, CSR_MSTATUS, 31);
        emit_next(c, m, at(STATUSES));
        emit_csr(c, CSRRW, 0, CSR_MSTATUS, 31);
    }
    emit_next(c, m, at(PLACES));
    emit_csr(c, CSRRW, 0, m->epc, 31);
    emit_next(c, m, at(ADDRESSES));
    for (unsigned i = 1; i < 30; i++)
        emit(c, rv_ld(i, 30, 8 * (int)i));
    emit(c, m->ret);
}

// The next timer interrupt, a little later.
static void emit_timer(struct code *c)
{
    emit_li(c, 30, CLINT_MTIME);
    emit(c, rv_ld(31, 30, 0));
    emit(c, rv_addi(31, 31, TICKS));
    emit_csr(c, CSRRS, 30, CSR_MHARTID, 0);
    emit_shift(c, SLLI, 30, 30, 3);
    emit(c, rv_lui(29, CLINT_MTIMECMP));
    emit_add(c, 30, 30, 29);
    emit(c, rv_sd(31, 30, 0));
    emit_li(c, 31, MTIE);
    emit_csr(c, CSRRW, 0, CSR_MIE, 31);
}

static void emit_interrupt(struct code *c, const struct mode *m)
{
    if (m == &machine)
        emit_timer(c);
    else
        emit_csr(c, CSRRW, 0, CSR_SIE, 0);
}

static void emit_handler(struct code *c, const struct mode *m)
{
    emit_csr(c, CSRRS, 31, m->cause, 0);
    size_t exception = emit_forward(c, RV_BGE, 31, 0);
    emit_interrupt(c, m);
    size_t interrupted = emit_forward(c, 0, 0, 0);
    emit_target(c, exception);
    emit(c, rv_addi(31, 31, -1));
    size_t access = emit_forward(c, RV_BEQ, 31, 0);
    emit(c, rv_addi(31, 31, -11));
    size_t page = emit_forward(c, RV_BEQ, 31, 0);
    emit_next(c, m, at(PLACES));
    emit(c, rv_i(RV_OP_IMM, 7, 31, 30, (SKIPS - 1) * 8)); // andi
    size_t enough = emit_forward(c, RV_BEQ, 31, 0);
    emit_csr(c, CSRRS, 30, m->epc, 0);
    emit(c, rv_addi(30, 30, 4));
    emit_csr(c, CSRRW, 0, m->epc, 30);
    emit(c, m->ret);
    emit_target(c, interrupted);
    emit_target(c, access);
    emit_target(c, page);
    emit_target(c, enough);
    emit_fresh_start(c, m);
}

static void append_value(struct code *c, uint64_t value)
{
    code_append(c, (uint32_t)value, 4);
    code_append(c, (uint32_t)(value >> 32), 4);
}

static void make_handlers(struct random *r, struct code *c)
{
    const uint64_t mprv = 1 << 17, mpie = 1 << 7;
    emit_pad_to(c, at(HANDLERS));
    emit_handler(c, &machine);
    emit_pad_to(c, at(SUPERVISOR_HANDLER));
    emit_handler(c, &supervisor);
    emit_pad_to(c, at(PLACES));
    for (unsigned i = 0; i < TABLE_SIZE; i++)
        append_value(c, random_place(r));
    for (unsigned i = 0; i < TABLE_SIZE; i++)
        append_value(c, (random_bits(r) & ~(random_below(r, 4) ? mprv : 0)) |
                            (random_below(r, 8) ? mpie : 0));
    for (unsigned i = 0; i < TABLE_SIZE + 32; i++)
        append_value(c, random_address(r));
}

// --- where a hart begins ---

static void set_csr(struct code *c, unsigned csr, uint64_t value)
{
    emit_li(c, 31, value);
    emit_csr(c, CSRRW, 0, csr, 31);
}

// PMP entry 0 guards the handlers in half of the trials; the last one opens all the rest.
static void emit_pmp(struct random *r, struct code *c)
{
    uint64_t guard = random_below(r, 2) ? 0x9d : 0; // locked, NAPOT, readable, executable
    set_csr(c, CSR_PMPADDR0, at(HANDLERS) >> 2 | (HANDLERS_SIZE / 8 - 1));
    set_csr(c, CSR_PMPADDR0 + 15, UINT64_MAX >> 10);
    set_csr(c, CSR_PMPCFG0, guard);
    set_csr(c, CSR_PMPCFG2, UINT64_C(0x1f) << 56);
}

static uint64_t random_csr_value(struct random *r, unsigned csr)
{
    switch (csr) {
    case CSR_SATP: return random_satp(r);
    case CSR_STVEC:
    case CSR_MTVEC: return random_below(r, 32) ? at(HANDLERS) : random_address(r);
    // A fetch page fault where the handler itself cannot be fetched comes again for ever.
    case CSR_MEDELEG: return random_bits(r) & ~(uint64_t)(random_below(r, 16) ? 0x1002 : 0);
    case CSR_PMPCFG0:
    case CSR_PMPCFG2: return random_below(r, 4) ? UINT64_C(0x1f) << 56 : random_bits(r);
    default: return random_integer(r);
    }
}

static void make_prologue(struct random *r, struct code *c)
{
    set_csr(c, CSR_MTVEC, at(HANDLERS));
    set_csr(c, CSR_STVEC, at(SUPERVISOR_HANDLER));
    emit_pmp(r, c);
    for (unsigned n = random_below(r, 24); n; n--) {
        unsigned csr = random_csr(r);
        set_csr(c, csr, random_csr_value(r, csr));
    }
    set_csr(c, CSR_SATP, random_satp(r));
    set_csr(c, CSR_MEDELEG, random_csr_value(r, CSR_MEDELEG));
    set_csr(c, CSR_MSTATUS, random_bits(r) & ~UINT64_C(0x20000)); // not MPRV
    set_csr(c, CSR_MEPC, random_place(r));
    emit_timer(c);
    for (unsigned i = 1; i < 32; i++)
        emit_li(c, i, random_address(r));
    emit(c, RV_MRET);
}

// --- what it executes ---

enum flavour { ROWS, NOISE, MIXED, FLAVOURS };

static void make_code(struct random *r, struct code *c, enum flavour flavour)
{
    uint64_t end = at(CODE + CODE_SIZE) - 4;
    while (code_here(c) < end) {
        uint32_t word = (uint32_t)random_bits(r);
        unsigned bytes = 2;
        if (flavour == ROWS || (flavour == MIXED && random_below(r, 4)))
            bytes = random_instruction(r, &word);
        code_append(c, word, bytes);
    }
}

static void make_tables(struct random *r, struct code *c)
{
    while (code_here(c) < at(SIZE))
        append_value(c, random_pte(r));
}

static void make_image(struct random *r, struct code *c, unsigned vcpus)
{
    emit_csr(c, CSRRS, 5, CSR_MHARTID, 0);
    for (unsigned i = 0; i < vcpus; i++) {
        size_t next = emit_forward(c, RV_BNE, 5, 0);
        emit_jump_to(c, at(PROLOGUES + i * PROLOGUE_SIZE));
        emit_target(c, next);
        emit(c, rv_addi(5, 5, -1));
    }
    make_handlers(r, c);
    for (unsigned i = 0; i < vcpus; i++) {
        emit_pad_to(c, at(PROLOGUES + i * PROLOGUE_SIZE));
        make_prologue(r, c);
    }
    emit_pad_to(c, at(CODE));
    make_code(r, c, random_below(r, FLAVOURS));
    emit_pad_to(c, at(TABLES));
    make_tables(r, c);
}

// --- trials ---

static const char *random_cpu(struct random *r)
{
    static const char *const cpus[] = {NULL,        "rv64i",      "rv64gc",    "max,-c",
                                       "max,-sv48", "max,-svadu", "max,-sstc", "max,-zfh,-zfa",
                                       "rv64imac",  "max,+svade", "max,-d"};
    return random_below(r, 2) ? NULL : cpus[random_below(r, sizeof cpus / sizeof *cpus)];
}

// What a debugger might do to a machine that stands still.
static void write_registers(struct random *r, struct vm *vm)
{
    struct vm_error e;
    assert_true(vm_register_find(vm, "satp") >= 0); // system registers are among them
    for (unsigned n = random_below(r, 40); n; n--) {
        unsigned vcpu = random_below(r, vm_vcpu_count(vm));
        unsigned index = random_below(r, vm_register_count(vm));
        uint64_t value = random_below(r, 4) ? random_integer(r) : random_address(r);
        assert_int_equal(vm_write_register(vm, vcpu, index, value, &e), VM_OK);
    }
}

static void set_breakpoints(struct random *r, struct vm *vm)
{
    struct vm_error e;
    for (unsigned n = random_below(r, 20); n; n--) {
        uint64_t address = random_below(r, 8) ? random_place(r) : random_address(r);
        if (vm_add_breakpoint(vm, address, &e) == VM_OK && random_below(r, 2))
            assert_int_equal(vm_remove_breakpoint(vm, address, &e), VM_OK);
    }
}

static bool is_over(const struct vm_result *result)
{
    return result->reason == VM_EXIT_CRASHED || result->reason == VM_EXIT_POWEROFF;
}

static void make_steps(struct random *r, struct vm *vm)
{
    struct vm_result result = {0};
    struct vm_error e;
    for (unsigned n = random_below(r, 10); n && !is_over(&result); n--) {
        unsigned vcpu = random_below(r, vm_vcpu_count(vm));
        uint64_t count = random_below(r, 2) ? 1 : random_below(r, 1000);
        assert_int_equal(vm_step(vm, vcpu, count, &result, &e), VM_OK);
    }
}

static void debug(struct random *r, struct vm *vm)
{
    write_registers(r, vm);
    set_breakpoints(r, vm);
    make_steps(r, vm);
}

static void trial(struct hostile_group *g, struct random *r, unsigned vcpus, bool debugged)
{
    struct code c = {.address = HOSTILE_RAM};
    struct vm_result result;
    make_image(r, &c, vcpus);
    struct hostile_machine m = {.vcpus = vcpus,
                                .memory = MEMORY,
                                .cpu = random_cpu(r),
                                .machine = hostile_random_machine(r),
                                .trace = random_below(r, 16) ? 0 : (uint32_t)random_bits(r),
                                .code = c.bytes,
                                .size = c.used};
    struct vm *vm = hostile_create(&m);
    for (unsigned turns = 1 + random_below(r, 3); turns; turns--) {
        if (debugged)
            debug(r, vm);
        hostile_run(g, vm, 10, &result);
        hostile_inspect(vm, r);
        if (is_over(&result))
            break;
        if (!debugged || result.reason != VM_EXIT_BREAKPOINT)
            assert_int_equal(result.reason, VM_EXIT_TIMEOUT);
    }
    vm_destroy(vm);
    free(c.bytes);
}

static void run_group(const char *name, unsigned most_vcpus, bool debugged)
{
    struct hostile_group g;
    struct random r;
    hostile_begin(&g, name, 3);
    while (hostile_next(&g, &r))
        trial(&g, &r, most_vcpus == 1 ? 1 : 2 + random_below(&r, most_vcpus - 1), debugged);
    hostile_end(&g);
}

static void one_hart_with_random_instructions_stays_inside(void **state)
{
    (void)state;
    run_group("streams", 1, false);
}

static void harts_with_random_instructions_stay_inside(void **state)
{
    (void)state;
    run_group("streams-smp", VCPUS, false);
}

static void harts_under_a_debugger_stay_inside(void **state)
{
    (void)state;
    run_group("streams-debugged", VCPUS, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_hart_with_random_instructions_stays_inside),
        cmocka_unit_test(harts_with_random_instructions_stay_inside),
        cmocka_unit_test(harts_under_a_debugger_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
