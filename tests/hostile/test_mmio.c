// SPDX-License-Identifier: MIT
//
// Harts that access anything anywhere: every instruction of the tables that touches memory, at
// every alignment, in device windows, at their edges, in ROM, in holes, at the end of the address
// space; fetches from there; page tables there. The device tree is overwritten on the way.
//
// Each operation is logged by the guest with what it raised. It completes, or it raises an
// exception of its kind with its address; in holes it must raise, in RAM it must not. Afterwards
// the guest is well enough to power the machine off.
#include "hostile.h"
#include "hostile_code.h"
#include "isa_pattern.h"

enum {
    VCPUS = 4,
    MEMORY = 8 << 20,
    HANDLER = 0x800,
    DONE = 0x1000, // harts that are through
    PROGRAMS = 0x10000,
    PROGRAM_SIZE = 0x38000,
    LOGS = PROGRAMS + VCPUS * PROGRAM_SIZE,
    LOG_SIZE = 0x10000,
    DATA = LOGS + VCPUS * LOG_SIZE, // to the end: what accesses to RAM may hit, the tree too
    OPERATIONS = 1500,
    END_CODE = 0x4321,
    SYSCON = 0x100000,
    SYSCON_FAIL = 0x3333,
    NO_TRAP = 0xff, // what a log entry holds from the start
};
_Static_assert(OPERATIONS * 16 <= LOG_SIZE, "the log has room");

enum { ADDRESS = 10, RESULT = 12, VALUE = 14, LOG = 28 }; // registers

enum place { HOLE, RAM, DEVICE, PLACES };

struct operation {
    const char *name;
    uint64_t address;
    enum place place;
    unsigned causes; // bit mask of those that are possible
    bool atomic;
};

struct log_entry {
    uint64_t cause, tval;
};

enum {
    FETCH_ACCESS = 1 << 1,
    LOAD_CAUSES = 1 << 4 | 1 << 5,
    STORE_CAUSES = 1 << 6 | 1 << 7,
    STORE_ACCESS = 1 << 7,
    FETCH_PAGE = 1 << 12,
    LOAD_PAGE = 1 << 13,
};

static uint64_t at(uint64_t offset)
{
    return HOSTILE_RAM + offset;
}

// --- where ---

static uint64_t hole(struct random *r)
{
    static const uint64_t holes[] = {0x0,
                                     0x3000,
                                     0x102000,
                                     0x20000000,
                                     0x10009000,
                                     HOSTILE_RAM + MEMORY,
                                     UINT64_C(1) << 40,
                                     UINT64_C(1) << 56,
                                     UINT64_C(1) << 63,
                                     HOSTILE_RAM | UINT64_C(1) << 56};
    if (random_below(r, 8) == 0)
        return UINT64_MAX - random_below(r, 32);
    return holes[random_below(r, sizeof holes / sizeof *holes)] + random_below(r, 0x800);
}

// In a window, or so near to its edge that an access may lie on both sides.
static uint64_t device(struct random *r)
{
    static const struct {
        uint64_t base, size, registers;
    } windows[] = {{0x1000, 0x1000, 0x200},
                   {SYSCON, 0x1000, 8},
                   {0x101000, 0x1000, 0x40},
                   {0x2000000, 0x10000, 0x40},
                   {0x2004000, 0xc000, 0x40},
                   {0x200bff0, 0x4010, 0x20},
                   {0xc000000, 0x600000, 0x80},
                   {0xc001000, 0x1000, 0x20},
                   {0xc002000, 0x1000, 0x200},
                   {0xc200000, 0x8000, 8},
                   {0xc201000, 0x7000, 8},
                   {0xc000000, 0x8000, 0x4080}, // or an APLIC's domains
                   {0xd000000, 0x8000, 0x4080},
                   {0xc001bc0, 0x1400, 0x460},
                   {0xd001c00, 0x1400, 0x420},
                   {0x24000000, VCPUS * 0x1000, 0x10},
                   {0x28000000, VCPUS * 0x1000, 0x10},
                   {0x10000000, 0x100, 8},
                   {0x3000000, 0x10000, 0x40},
                   {0x10001000, 0x8000, 0x100},
                   {0x30000000, 0x10000000, 0x40},
                   {0x40000000, 0x3fff0000, 0x40}, // to its end, and there is the program
                   {UINT64_C(0x400000000), 0x80000000, 0x40}};
    unsigned w = random_below(r, sizeof windows / sizeof *windows);
    switch (random_below(r, 6)) {
    case 0: return windows[w].base + random_below(r, (unsigned)windows[w].size);
    case 1: return windows[w].base + windows[w].size + random_below(r, 24) - 12;
    case 2: return windows[w].base + random_below(r, 16) - 8;
    default: return windows[w].base + random_below(r, (unsigned)windows[w].registers);
    }
}

static uint64_t choose_address(struct random *r, enum place place)
{
    if (place == HOLE)
        return hole(r);
    if (place == DEVICE)
        return device(r);
    return at(DATA + random_below(r, MEMORY - DATA - 64));
}

// --- what ---

static bool touches_memory(const struct pattern *p)
{
    return strcmp(p->class, "load") == 0 || strcmp(p->class, "store") == 0 ||
           strcmp(p->class, "atomic") == 0 || strcmp(p->class, "cache") == 0 ||
           (strcmp(p->class, "fp") == 0 && p->imm && p->registers[PATTERN_RS1].file == 'x');
}

static unsigned possible_causes(const struct pattern *p)
{
    bool load = strncmp(p->name, "lr.", 3) == 0 || strcmp(p->class, "load") == 0 ||
                (strcmp(p->class, "fp") == 0 && p->registers[PATTERN_RD].file == 'f');
    return load ? LOAD_CAUSES : strcmp(p->class, "cache") == 0 ? STORE_ACCESS : STORE_CAUSES;
}

static uint32_t with(const struct pattern *p, unsigned which, uint32_t word, unsigned number)
{
    return p->registers[which].bits ? pattern_with_register(p, which, word, number) : word;
}

// A word of the row that addresses by x10 (or sp, where it must), and reads and writes x12 to x15.
static uint32_t access_word(struct random *r, const struct pattern *p)
{
    uint32_t word;
    do {
        word = ((uint32_t)random_bits(r) & ~p->mask) | p->value;
        word = p->bytes == 2 ? word & 0xffff : word;
        word = with(p, PATTERN_RS1, word, ADDRESS);
        word = with(p, PATTERN_RD, word, RESULT);
        word = with(p, PATTERN_RS2, word, VALUE);
    } while (p->holds && !p->holds(word));
    return word;
}

static void emit_access(struct random *r, struct code *c, struct operation *o)
{
    const struct pattern *p;
    do
        p = &patterns[random_below(r, pattern_count)];
    while (!touches_memory(p));
    uint32_t word = access_word(r, p);
    // What is written to the finisher must not finish.
    bool finisher = o->address + 16 >= SYSCON && o->address < SYSCON + 16;
    uint64_t value = finisher ? random_bits(r) << 16 & 0xffffffff0000 : random_integer(r);
    o->name = p->name;
    o->causes = possible_causes(p);
    o->atomic = strcmp(p->class, "atomic") == 0;
    uint64_t imm = p->imm ? (uint64_t)p->imm(word) : 0;
    emit_li(c, pattern_register_of(p, PATTERN_RS1, word), o->address - imm);
    emit_li(c, VALUE, value);
    emit_li(c, VALUE + 1, finisher ? 0 : random_integer(r));
    emit_li(c, RESULT, random_integer(r));
    code_append(c, word, p->bytes);
}

// A jump to where no instruction can come from. The handler goes on at x1.
static void emit_fetch(struct code *c, struct operation *o)
{
    o->name = "jalr";
    o->address &= ~UINT64_C(1);
    o->causes = FETCH_ACCESS;
    emit_li(c, ADDRESS, o->address);
    emit(c, rv_jalr(1, ADDRESS, 0));
}

// Supervisor or user mode with a page table that is no memory, by a fetch or by a load as that
// mode.
static void emit_walk(struct random *r, struct code *c, struct operation *o)
{
    enum { MPRV = 1 << 17, MPP_S = 1 << 11 };
    bool fetch = random_below(r, 2), user = random_below(r, 2);
    uint64_t satp = (8 + (uint64_t)random_below(r, 3)) << 60;
    o->name = fetch ? "fetch walk" : "load walk";
    o->causes = fetch ? FETCH_ACCESS | FETCH_PAGE : LOAD_CAUSES | LOAD_PAGE;
    emit_li(c, 5, satp | (o->address >> 12 & 0xfffffffffff));
    emit_csr(c, CSRRW, 0, CSR_SATP, 5);
    o->address = random_integer(r) & ~UINT64_C(7);
    emit_li(c, 5, 3 * MPP_S);
    emit_csr(c, CSRRC, 0, CSR_MSTATUS, 5);
    emit_li(c, 5, (user ? 0 : MPP_S) | (fetch ? 0 : MPRV));
    emit_csr(c, CSRRS, 0, CSR_MSTATUS, 5);
    emit_li(c, ADDRESS, o->address);
    if (fetch) {
        emit_csr(c, CSRRW, 0, CSR_MEPC, ADDRESS);
        emit(c, rv_auipc(1, 0));
        emit(c, rv_addi(1, 1, 12));
        emit(c, RV_MRET);
    } else {
        emit(c, rv_ld(RESULT, ADDRESS, 0));
        emit_li(c, 5, MPRV);
        emit_csr(c, CSRRC, 0, CSR_MSTATUS, 5);
    }
    emit_csr(c, CSRRW, 0, CSR_SATP, 0);
}

static void emit_operation(struct random *r, struct code *c, struct operation *o)
{
    static const enum place places[] = {HOLE, RAM, DEVICE, DEVICE};
    o->place = places[random_below(r, 4)];
    o->address = choose_address(r, o->place);
    unsigned kind = random_below(r, 16);
    bool executable = o->place == RAM || (o->address >= 0xf00 && o->address < 0x2100);
    if (kind == 0 && !executable)
        emit_fetch(c, o);
    else if (kind == 1 && !executable)
        emit_walk(r, c, o);
    else
        emit_access(r, c, o);
    if (random_below(r, 64) == 0)
        emit(c, RV_FENCE_I);
    emit(c, rv_addi(LOG, LOG, sizeof(struct log_entry)));
}

// --- the guest ---

// Logs the trap and goes on behind the instruction, or after a fetch at x1, in machine mode.
static void make_handler(struct code *c)
{
    emit_pad_to(c, at(HANDLER));
    emit(c, rv_lui(31, 1 << 17));
    emit_csr(c, CSRRC, 0, CSR_MSTATUS, 31); // MPRV
    emit_csr(c, CSRRS, 31, CSR_MCAUSE, 0);
    emit(c, rv_sd(31, LOG, 0));
    emit_csr(c, CSRRS, 30, CSR_MTVAL, 0);
    emit(c, rv_sd(30, LOG, 8));
    emit_csr(c, CSRRW, 0, CSR_SATP, 0);
    emit_li(c, 30, 3 << 11);
    emit_csr(c, CSRRS, 0, CSR_MSTATUS, 30); // MPP
    emit(c, rv_addi(31, 31, -1));
    size_t access = emit_forward(c, RV_BEQ, 31, 0);
    emit(c, rv_addi(31, 31, -11));
    size_t page = emit_forward(c, RV_BEQ, 31, 0);
    emit_csr(c, CSRRS, 30, CSR_MEPC, 0);
    emit(c, rv_i(RV_LOAD, 5, 31, 30, 0)); // lhu
    emit(c, rv_i(RV_OP_IMM, 7, 31, 31, 3));
    emit(c, rv_addi(31, 31, -3));
    emit(c, rv_addi(30, 30, 2));
    size_t compressed = emit_forward(c, RV_BNE, 31, 0);
    emit(c, rv_addi(30, 30, 2));
    emit_target(c, compressed);
    emit_csr(c, CSRRW, 0, CSR_MEPC, 30);
    emit(c, RV_MRET);
    emit_target(c, access);
    emit_target(c, page);
    emit_csr(c, CSRRW, 0, CSR_MEPC, 1);
    emit(c, RV_MRET);
}

// Counts the hart in; the first waits for all and powers off.
static void emit_end(struct code *c, unsigned hart, unsigned vcpus)
{
    emit_li(c, 5, at(DONE));
    emit_li(c, 6, 1);
    emit(c, 0x0062a02f); // amoadd.w x0, x6, (x5)
    uint64_t wait = code_here(c);
    emit(c, hart ? RV_WFI : RV_PAUSE);
    if (hart != 0) {
        emit_jump_to(c, wait);
        return;
    }
    emit(c, rv_i(RV_LOAD, 2, 6, 5, 0)); // lw
    emit_li(c, 7, vcpus);
    size_t all = emit_forward(c, RV_BEQ, 6, 7);
    emit_jump_to(c, wait);
    emit_target(c, all);
    emit_li(c, 5, SYSCON);
    emit_li(c, 6, (uint64_t)END_CODE << 16 | SYSCON_FAIL);
    emit(c, 0x0062a023); // sw x6, 0(x5)
    emit_jump_to(c, code_here(c));
}

static void make_program(struct random *r, struct code *c, unsigned hart, unsigned vcpus,
                         struct operation *operations)
{
    emit_pad_to(c, at(PROGRAMS + hart * (uint64_t)PROGRAM_SIZE));
    emit_li(c, 5, at(HANDLER));
    emit_csr(c, CSRRW, 0, CSR_MTVEC, 5);
    emit_li(c, 5, 1 << 13); // FS
    emit_csr(c, CSRRS, 0, CSR_MSTATUS, 5);
    emit_li(c, 5, UINT64_MAX >> 10);
    emit_csr(c, CSRRW, 0, CSR_PMPADDR0, 5);
    emit_li(c, 5, 0x1f);
    emit_csr(c, CSRRW, 0, CSR_PMPCFG0, 5);
    emit_li(c, LOG, at(LOGS + hart * (uint64_t)LOG_SIZE));
    for (unsigned i = 0; i < OPERATIONS; i++)
        emit_operation(r, c, &operations[i]);
    emit_end(c, hart, vcpus);
}

static void make_image(struct random *r, struct code *c, unsigned vcpus,
                       struct operation operations[][OPERATIONS])
{
    emit_csr(c, CSRRS, 5, CSR_MHARTID, 0);
    for (unsigned i = 0; i < vcpus; i++) {
        size_t next = emit_forward(c, RV_BNE, 5, 0);
        emit_jump_to(c, at(PROGRAMS + i * (uint64_t)PROGRAM_SIZE));
        emit_target(c, next);
        emit(c, rv_addi(5, 5, -1));
    }
    make_handler(c);
    for (unsigned i = 0; i < vcpus; i++)
        make_program(r, c, i, vcpus, operations[i]);
}

// --- the verdict ---

static void check(const struct operation *o, const struct log_entry *l)
{
    bool trapped = l->cause != NO_TRAP;
    bool possible =
        !trapped || (l->cause < 16 && o->causes >> l->cause & 1 && l->tval - o->address <= 15);
    bool walk = strstr(o->name, "walk");
    bool must = o->place == HOLE && strncmp(o->name, "prefetch", 8) != 0;
    bool must_not = o->place == RAM && !walk && !(o->atomic && o->address & 15);
    if (!possible || (must && !trapped) || (must_not && trapped))
        fail_msg("%s at %#lx: cause %#lx, tval %#lx", o->name, o->address, l->cause, l->tval);
}

static void check_logs(struct vm *vm, unsigned vcpus, struct operation operations[][OPERATIONS])
{
    static struct log_entry log[OPERATIONS];
    struct vm_error e;
    for (unsigned i = 0; i < vcpus; i++) {
        vm_gpa from = {at(LOGS + i * (uint64_t)LOG_SIZE)};
        assert_int_equal(vm_read_memory(vm, from, log, sizeof log, &e), VM_OK);
        for (unsigned k = 0; k < OPERATIONS; k++)
            check(&operations[i][k], &log[k]);
    }
}

static void trial(struct hostile_group *g, struct random *r, unsigned vcpus)
{
    static struct operation operations[VCPUS][OPERATIONS];
    static const struct log_entry none = {NO_TRAP, 0};
    struct code c = {.address = HOSTILE_RAM};
    struct vm_result result;
    struct vm_error e;
    make_image(r, &c, vcpus, operations);
    struct hostile_machine m = {.vcpus = vcpus, .memory = MEMORY, .code = c.bytes, .size = c.used};
    m.machine = hostile_random_machine(r);
    m.trace = random_below(r, 16) ? 0 : (uint32_t)random_bits(r);
    struct vm *vm = hostile_create(&m);
    for (unsigned i = 0; i < vcpus * LOG_SIZE / sizeof none; i++) {
        vm_gpa entry = {at(LOGS + i * sizeof none)};
        assert_int_equal(vm_write_memory(vm, entry, &none, sizeof none, &e), VM_OK);
    }
    hostile_run_pestered(g, vm, 20000, &result);
    hostile_inspect(vm, r);
    if (result.reason != VM_EXIT_POWEROFF || result.code != END_CODE)
        fail_msg("%s, code %u: %s", vm_exit_reason_name(result.reason), result.code, result.text);
    check_logs(vm, vcpus, operations);
    vm_destroy(vm);
    free(c.bytes);
}

static void accesses_complete_or_raise(void **state)
{
    struct hostile_group g;
    struct random r;
    (void)state;
    hostile_begin(&g, "mmio", 4);
    while (hostile_next(&g, &r))
        trial(&g, &r, 1 + random_below(&r, VCPUS));
    hostile_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accesses_complete_or_raise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
