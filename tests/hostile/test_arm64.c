// SPDX-License-Identifier: MIT
//
// ARM64 PEs that execute random instructions at EL1 and EL0: rows of the tables, any word, system
// registers and the GIC's, cache and TLB operations, accesses to devices and to RAM, and PSCI calls
// with random functions and arguments, with which they also start and stop each other. Whatever
// happens, vm_run comes back.
//
// The image is vectors, whose handler goes on in a random slot at a random level with pointers in
// some registers, and slots of random instructions, each of which sooner or later is left by an
// exception, or runs into the next.
#include <stdlib.h>
#include <string.h>

#include "arm64_code.h"
#include "hostile.h"
#include "isa_pattern.h"

enum {
    VCPUS = 4,
    MEMORY = 16 << 20,
    START = 0x40, // behind the header of a Linux Image
    SECONDARY = 0x400,
    VECTORS = 0x800,
    HANDLER = 0x1000,
    POINTERS = 0x1800,  // 32 of them
    FUNCTIONS = 0x1900, // 32 numbers of PSCI functions
    SLOTS = 0x2000,
    SLOT_WORDS = 16,
    SLOT_COUNT = 1024,
    SIZE = SLOTS + 4 * SLOT_WORDS * SLOT_COUNT,
};
#define RAM UINT64_C(0x40000000)

// Registers: those of the handler's own, and what slots have.
enum { X0, X1, X2, X3, RANDOM = 9, T0, T1, T2, T3, T4, SP = 31 };

#define SYSREG(op0, op1, crn, crm, op2) \
    ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
enum {
    VBAR = SYSREG(3, 0, 12, 0, 0),
    ELR = SYSREG(3, 0, 4, 0, 1),
    SPSR = SYSREG(3, 0, 4, 0, 0),
    CPACR = SYSREG(3, 0, 1, 0, 2),
    CNTVCT = SYSREG(3, 3, 14, 0, 2),
};
#define UBFX(d, n, low, bits) \
    (0xd3400000u | (low) << 16 | ((low) + (bits)-1) << 10 | (n) << 5 | (d))
#define ADD_SHIFTED(d, n, m, by) (0x8b000000u | (m) << 16 | (by) << 10 | (n) << 5 | (d))
#define MUL(d, n, m)             (0x9b007c00u | (m) << 16 | (n) << 5 | (d))
#define LDR_INDEX(t, n, m)       (0xf8607800u | (m) << 16 | (n) << 5 | (t)) // LSL #3

struct image {
    uint32_t words[SIZE / 4];
    uint32_t at; // where the next word goes, in bytes
};

static void emit(struct image *m, uint32_t word)
{
    m->words[m->at / 4] = word;
    m->at += 4;
}

static void emit_adr(struct image *m, unsigned rd, uint32_t to)
{
    uint32_t distance = to - m->at;
    emit(m, 0x10000000u | (distance & 3) << 29 | (distance >> 2 & 0x7ffff) << 5 | rd);
}

static void emit_b(struct image *m, uint32_t to)
{
    emit(m, 0x14000000u | ((to - m->at) / 4 & 0x3ffffff));
}

// --- what is not random ---

static void emit_set_up(struct image *m)
{
    emit_adr(m, T0, VECTORS);
    emit(m, A_MSR(VBAR, T0));
    emit(m, A_MOVZ(T0, 0x30, 1));
    emit(m, A_MSR(CPACR, T0));
    emit(m, A_ISB);
}

static void emit_start(struct image *m, unsigned vcpus)
{
    m->at = START;
    emit_set_up(m);
    for (unsigned i = 1; i < vcpus; i++) { // CPU_ON
        emit(m, A_MOVZ(X0, 3, 0));
        emit(m, A_MOVK(X0, 0xc400, 1));
        emit(m, A_MOVZ(X1, i, 0));
        emit_adr(m, X2, SECONDARY);
        emit(m, A_HVC(0));
    }
    emit_b(m, HANDLER);
    m->at = SECONDARY;
    emit_set_up(m);
    emit_b(m, HANDLER);
}

static void emit_handler(struct image *m)
{
    for (unsigned i = 0; i < 16; i++) {
        m->at = VECTORS + i * 0x80;
        emit_b(m, HANDLER);
    }
    m->at = HANDLER;
    emit(m, A_MRS(T0, CNTVCT));
    for (unsigned i = 0; i < 4; i++)
        emit(m, (i ? A_MOVK(T1, 0x7f4a + 2 * i, i) : A_MOVZ(T1, 0x7c15, 0)));
    emit(m, MUL(RANDOM, T0, T1));
    emit(m, UBFX(RANDOM, RANDOM, 24, 40));
    emit_adr(m, T2, SLOTS);
    emit(m, UBFX(T3, RANDOM, 0, 10));
    emit(m, ADD_SHIFTED(T3, T2, T3, 6));
    emit(m, A_MSR(ELR, T3));
    emit(m, UBFX(T4, RANDOM, 12, 1)); // EL1 with SP_EL1, or EL0
    emit(m, ADD_SHIFTED(T4, T4, T4, 2));
    emit(m, A_MSR(SPSR, T4));
    emit_adr(m, T2, POINTERS);
    for (unsigned i = X1; i <= X3; i++) {
        emit(m, UBFX(T3, RANDOM, 10 + 5 * i, 5));
        emit(m, LDR_INDEX(i, T2, T3));
    }
    emit_adr(m, T2, FUNCTIONS);
    emit(m, UBFX(T3, RANDOM, 30, 5));
    emit(m, LDR_INDEX(X0, T2, T3));
    emit(m, A_ADD(SP, X2, 0));
    emit(m, A_ERET);
}

static void put_numbers(struct random *r, struct image *m)
{
    static const uint64_t devices[] = {0x08000000, 0x08010000, 0x08080000,   0x080a0000,
                                       0x080b0000, 0x09000000, 0x09010000,   0x09020000,
                                       0x09030000, 0x0a000000, 0x4010000000, 0x10000000};
    // Versions, suspends, CPU_OFF, CPU_ON, AFFINITY_INFO, features; unknown ones.
    static const uint64_t functions[] = {
        0x84000000, 0xc4000001, 0x84000001, 0x84000002, 0xc4000003, 0xc4000003, 0x84000003,
        0xc4000004, 0x84000005, 0x84000006, 0x8400000a, 0xc400000c, 0xc400000e, 0x8400000f,
        0x84000010, 0xc4000011, 0xc4000012, 0xc4000014, 0x80000000, 0x80000001};
    uint64_t numbers[64];
    for (unsigned i = 0; i < 32; i++) {
        uint64_t device = devices[random_below(r, sizeof devices / sizeof *devices)];
        uint64_t ram = RAM + random_below(r, MEMORY);
        numbers[i] = random_below(r, 2) ? ram & ~UINT64_C(15) : device + (random_bits(r) & 0xff8);
        if (random_below(r, 8) == 0)
            numbers[i] = random_integer(r);
        numbers[32 + i] = functions[random_below(r, sizeof functions / sizeof *functions)];
        if (random_below(r, 64) == 0)
            numbers[32 + i] = 0x84000008 + random_below(r, 2); // SYSTEM_OFF, SYSTEM_RESET
    }
    memcpy((char *)m->words + POINTERS, numbers, sizeof numbers);
}

// --- what is ---

static bool is_wait(uint32_t word)
{
    return word == A_WFI || word == A_WFE || (word & 0xffffffc0) == 0xd5031000; // WFET, WFIT
}

static uint32_t word_of_row(struct random *r)
{
    const struct pattern *p = &patterns[random_below(r, pattern_count)];
    uint32_t word;
    do
        word = ((uint32_t)random_bits(r) & ~p->mask) | p->value;
    while (p->holds && !p->holds(word));
    if (p->registers[PATTERN_RN].bits != 5 || random_below(r, 4) == 0)
        return word;
    uint32_t with = pattern_with_register(p, PATTERN_RN, word, X1 + random_below(r, 3));
    return !p->holds || p->holds(with) ? with : word;
}

static uint32_t some_word(struct random *r)
{
    uint32_t bits = (uint32_t)random_bits(r);
    switch (random_below(r, 16)) {
    case 0: return bits;
    case 1: return 0xd5100000 | (bits & 0x2fffff);                          // MRS, MSR
    case 2: return 0xd5180000 | (bits & 0x20ffff) | (bits >> 16 & 0x30000); // registers of op0 3
    case 3: return 0xd518c000 | (bits & 0x200fff);                          // among them the GIC's
    case 4: return 0xd5080000 | (bits & 0x7ffff);                           // SYS
    case 5: return 0xd5087000 | (bits & 0x31fff); // cache and TLB operations
    case 6: return random_below(r, 2) ? A_HVC(0) : A_SMC(0);
    default: return word_of_row(r);
    }
}

static void make_image(struct random *r, struct image *m, unsigned vcpus)
{
    memset(m, 0, sizeof *m);
    emit_b(m, START);
    m->words[4] = SIZE; // image_size
    memcpy((char *)m->words + 56, "ARM\x64", 4);
    emit_start(m, vcpus);
    emit_handler(m);
    put_numbers(r, m);
    for (m->at = SLOTS; m->at < SIZE;) {
        uint32_t word = some_word(r);
        emit(m, is_wait(word) && random_below(r, 16) ? A_NOP : word);
    }
}

static void trial(struct hostile_group *g, struct random *r, unsigned vcpus)
{
    static const char *const machines[] = {"virt", "virt,its=off", "virt,gic-version=2"};
    static struct image image;
    struct vm_result result;
    make_image(r, &image, vcpus);
    struct hostile_machine m = {.guest = "arm64",
                                .vcpus = vcpus,
                                .memory = MEMORY,
                                .cpu = random_below(r, 4) ? NULL : "cortex-a72",
                                .machine =
                                    machines[random_below(r, sizeof machines / sizeof *machines)],
                                .trace = random_below(r, 16) ? 0 : (uint32_t)random_bits(r),
                                .code = image.words,
                                .size = SIZE,
                                .supervisor = true};
    struct vm *vm = hostile_create(&m);
    unsigned turns = 4;
    do {
        hostile_run_pestered(g, vm, 25, &result);
        hostile_inspect(vm, r);
    } while (result.reason == VM_EXIT_TIMEOUT && --turns);
    if (result.reason != VM_EXIT_TIMEOUT && result.reason != VM_EXIT_POWEROFF &&
        result.reason != VM_EXIT_CRASHED)
        fail_msg("%s: %s", vm_exit_reason_name(result.reason), result.text);
    vm_destroy(vm);
}

static void random_code_does_no_harm(void **state)
{
    struct hostile_group g;
    struct random r;
    (void)state;
    hostile_begin(&g, "arm64", 8);
    while (hostile_next(&g, &r))
        trial(&g, &r, 1 + random_below(&r, VCPUS));
    hostile_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_code_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
