// SPDX-License-Identifier: MIT
// What of RISC-V is translated for golden files (words.h).
#include "words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vm/base/types.h>
#include <vm/core/vcpu.h>
#include <vm/frontend-riscv64/frontend.h>

enum {
    USER = 0,
    SUPERVISOR = 1,
    MACHINE = 3,
    CSR_SSCRATCH = 0x140,
    IORW_RW = 3, // a fence's set of accesses: memory read and written
    PMP_ALL = 0x1f,
    FS_DIRTY = 3 << 13,   // of mstatus
    CBO_ALLOWED = 0xf0,   // CBIE, CBCFE, CBZE of menvcfg and senvcfg
    COUNTERS_ALLOWED = 7, // CY, TM, IR of mcounteren and scounteren
    NOP = 0x13,
};

// A block ends with a jump: those that leave the page and those backwards cost more, calls and
// returns are paired. The words are as the text says.
static const struct idiom idioms[] = {
    {"mv a0,a1", "idioms", 0x00058513, USER},
    {"li a0,16", "idioms", 0x01000513, USER},
    {"neg a0,a1", "idioms", 0x40b00533, USER},
    {"sext.w a0,a1", "idioms", 0x0005851b, USER},
    {"seqz a0,a1", "idioms", 0x0015b513, USER},
    {"snez a0,a1", "idioms", 0x00b03533, USER},
    {"addi sp,sp,-32", "idioms", 0xfe010113, USER},
    {"addi a0,a0,1", "idioms", 0x00150513, USER},
    {"add a0,a0,a1", "idioms", 0x00b50533, USER},
    {"addw a0,a0,a1", "idioms", 0x00b5053b, USER},
    {"add s5,s6,s7", "idioms", 0x017b0ab3, USER},
    {"lw zero,16(a1)", "idioms", 0x0105a003, USER},
    {"sd zero,16(a1)", "idioms", 0x0005b823, USER},
    {"ld s5,16(sp)", "idioms", 0x01013a83, USER},
    {"sd s5,16(sp)", "idioms", 0x01513823, USER},
    {"ret", "idioms", 0x00008067, USER},
    {"jr a1", "idioms", 0x00058067, USER},
    {"j .-64", "idioms", 0xfc1ff06f, USER},
    {"j .+8192", "idioms", 0x0000206f, USER},
    {"jal ra,.+64", "idioms", 0x040000ef, USER},
    {"jal ra,.+8192", "idioms", 0x000020ef, USER},
    {"jalr ra,0(a1)", "idioms", 0x000580e7, USER},
    {"bnez a1,.-64", "idioms", 0xfc0590e3, USER},
    {"beqz a1,.+64", "idioms", 0x04058063, USER},
    {"bltu a1,a2,.-64", "idioms", 0xfcc5e0e3, USER},
    {"lui a0,0x80000", "idioms", 0x80000537, USER},
    {"auipc a0,0x10", "idioms", 0x00010517, USER},
    {"csrr a0,time", "csr", 0xc0102573, USER},
    {"csrr a0,cycle", "csr", 0xc0002573, USER},
    {"csrr a0,instret", "csr", 0xc0202573, USER},
    {"csrr a0,fflags", "csr", 0x00102573, USER},
    {"csrw fflags,a1", "csr", 0x00159073, USER},
    {"csrr a0,frm", "csr", 0x00202573, USER},
    {"fsrm a0,a1", "csr", 0x00259573, USER},
    {"csrr a0,fcsr", "csr", 0x00302573, USER},
    {"csrw fcsr,a1", "csr", 0x00359073, USER},
    {"csrr a0,sstatus", "csr", 0x10002573, SUPERVISOR},
    {"csrw sstatus,a1", "csr", 0x10059073, SUPERVISOR},
    {"csrsi sstatus,2", "csr", 0x10016073, SUPERVISOR},
    {"csrci sstatus,2", "csr", 0x10017073, SUPERVISOR},
    {"csrrci a0,sstatus,2", "csr", 0x10017573, SUPERVISOR},
    {"csrs sstatus,a1", "csr", 0x1005a073, SUPERVISOR},
    {"csrc sstatus,a1", "csr", 0x1005b073, SUPERVISOR},
    {"csrw sie,a1", "csr", 0x10459073, SUPERVISOR},
    {"csrr a0,sip", "csr", 0x14402573, SUPERVISOR},
    {"csrr a0,scause", "csr", 0x14202573, SUPERVISOR},
    {"csrr a0,stval", "csr", 0x14302573, SUPERVISOR},
    {"csrr a0,sepc", "csr", 0x14102573, SUPERVISOR},
    {"csrw sepc,a1", "csr", 0x14159073, SUPERVISOR},
    {"csrr a0,sscratch", "csr", 0x14002573, SUPERVISOR},
    {"csrrw a0,sscratch,a0", "csr", 0x14051573, SUPERVISOR},
    {"csrw stvec,a1", "csr", 0x10559073, SUPERVISOR},
    {"csrr a0,satp", "csr", 0x18002573, SUPERVISOR},
    {"csrw satp,a1", "csr", 0x18059073, SUPERVISOR},
    {"csrw stimecmp,a1", "csr", 0x14d59073, SUPERVISOR},
    {"sfence.vma", "csr", 0x12000073, SUPERVISOR},
    {"sfence.vma a1,zero", "csr", 0x12058073, SUPERVISOR},
    {"sfence.vma zero,a2", "csr", 0x12c00073, SUPERVISOR},
    {"csrr a0,mstatus", "csr", 0x30002573, MACHINE},
    {"csrw mstatus,a1", "csr", 0x30059073, MACHINE},
    {"csrr a0,mepc", "csr", 0x34102573, MACHINE},
    {"csrw mepc,a1", "csr", 0x34159073, MACHINE},
    {"csrr a0,mcause", "csr", 0x34202573, MACHINE},
    {"csrr a0,mhartid", "csr", 0xf1402573, MACHINE},
    {"csrr a0,mcycle", "csr", 0xb0002573, MACHINE},
};

static bool is_class(const struct pattern *p, const char *class)
{
    return strcmp(p->class, class) == 0;
}

static bool is_named(const struct pattern *p, const char *name)
{
    return strcmp(p->name, name) == 0;
}

static uint32_t deposit(uint32_t bits, uint32_t mask)
{
    uint32_t out = 0;
    for (; mask; mask &= mask - 1, bits >>= 1)
        out |= bits & 1 ? mask & -mask : 0;
    return out;
}

static bool has_imm(const struct pattern *p, uint32_t word, int64_t imm)
{
    return (!p->holds || p->holds(word)) && p->imm(word) == imm;
}

// The free bits of an instruction with an immediate such that it is the first of these that the
// instruction can have.
static uint32_t with_imm(const struct pattern *p, uint32_t word, uint32_t mask)
{
    static const int64_t wanted[] = {16, 0x12345000, 0x10000, 32, 8, 4, 2, 1, 0, -1, 255};
    unsigned bits = (unsigned)__builtin_popcount(mask);
    for (unsigned i = 0; i < VM_ARRAY_SIZE(wanted); i++) {
        for (uint32_t k = 0; k < (uint32_t)1 << bits; k++)
            if (has_imm(p, word | deposit(k, mask), wanted[i]))
                return word | deposit(k, mask);
    }
    fprintf(stderr, "%s has none of the immediates\n", p->name);
    abort();
}

// What is not an operand, and the bits of it that are chosen here: the rounding mode as compilers
// choose it, no ordering, whole fences of memory, sscratch for a CSR.
static uint32_t fixed_fields(const struct pattern *p, uint32_t *mask)
{
    enum { RM = 7 << 12, RM_RTZ = 1 << 12, ORDER = 3 << 25, CSR_SHIFT = 20, PRED_SHIFT = 24 };
    bool to_integer = p->registers[PATTERN_RD].file == 'x' && strncmp(p->name, "fcvt", 4) == 0;
    if (is_class(p, "fp") && p->bytes == 4 && !(p->mask & RM)) {
        *mask |= RM;
        return to_integer ? RM_RTZ : RM;
    }
    if (is_class(p, "atomic"))
        *mask |= ORDER;
    if (is_class(p, "csr")) {
        *mask |= 0xfffu << CSR_SHIFT;
        return (uint32_t)CSR_SSCRATCH << CSR_SHIFT;
    }
    if (is_class(p, "fence")) {
        *mask = UINT32_MAX;
        return is_named(p, "fence") ? IORW_RW << PRED_SHIFT | IORW_RW << CSR_SHIFT : 0;
    }
    return 0;
}

// rd a0, rs1 a1, rs2 a2, rs3 a3, and fa0 to fa3 likewise.
static uint32_t encode(const struct pattern *p, const void *config)
{
    enum { A0 = 10, SHIFT_AMOUNT = 3 };
    (void)config;
    uint32_t mask = p->mask | (p->bytes == 2 ? 0xffff0000u : 0), word = p->value;
    word |= fixed_fields(p, &mask);
    for (unsigned which = PATTERN_REGISTERS; which-- > 0;) {
        const struct pattern_register *r = &p->registers[which];
        if (!r->file || r->bits == 0)
            continue;
        mask |= ((1u << r->bits) - 1) << r->shift;
        word =
            pattern_with_register(p, which, word, A0 + (is_named(p, "amocas.q") ? 2 : 1) * which);
    }
    if (p->imm && ~mask)
        return with_imm(p, word, ~mask);
    word |= deposit(SHIFT_AMOUNT, ~mask);
    if (p->holds && !p->holds(word)) {
        fprintf(stderr, "%s breaks its constraints\n", p->name);
        abort();
    }
    return word;
}

static unsigned privilege_of(const struct pattern *p)
{
    static const char *const supervisor[] = {
        "sret", "wfi", "sfence.vma", "sinval.vma", "sfence.w.inval", "sfence.inval.ir"};
    if (is_named(p, "mret"))
        return MACHINE;
    for (unsigned i = 0; i < VM_ARRAY_SIZE(supervisor); i++)
        if (is_named(p, supervisor[i]))
            return SUPERVISOR;
    return is_class(p, "csr") ? SUPERVISOR : USER;
}

static void reset(struct vm_vcpu *v, uint64_t pc, unsigned privilege)
{
    vm_riscv64_guest_ops.reset(v, pc);
    words_set(v, "pmpaddr0", UINT64_MAX >> 10);
    words_set(v, "pmpcfg0", PMP_ALL);
    words_set(v, "mstatus", words_get(v, "mstatus") | FS_DIRTY);
    words_set(v, "menvcfg", words_get(v, "menvcfg") | CBO_ALLOWED);
    words_set(v, "senvcfg", words_get(v, "senvcfg") | CBO_ALLOWED);
    words_set(v, "mcounteren", COUNTERS_ALLOWED);
    words_set(v, "scounteren", COUNTERS_ALLOWED);
    words_set(v, "priv", privilege);
    vm_riscv64_guest_ops.sync(v);
}

const struct words_guest words_guest = {
    .ops = &vm_riscv64_guest_ops,
    .ram = 0x80000000,
    .nop = NOP,
    .idioms = idioms,
    .idiom_count = VM_ARRAY_SIZE(idioms),
    .reset = reset,
    .encode = encode,
    .privilege = privilege_of,
};
