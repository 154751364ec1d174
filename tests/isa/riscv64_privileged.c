// SPDX-License-Identifier: MIT
//
// Makes a bare-metal program for the `virt` board that executes the privileged instructions in
// every mode:
//
//     riscv64-privileged FILE
//
// writes the program, to be loaded at the start of RAM as firmware, and prints the names of its
// cases. A case runs its instructions in one mode and ends with the first trap, by an ECALL if by
// nothing else. For each case the program prints a line on the serial port: mcause, mtval, mepc
// from the case's first instruction, the trap's and return's bits of mstatus, a0, a1. Names that
// begin with "new: " are of what QEMU 7.2 lacks: Zawrs, Zicbom, trap returns that clear MPRV,
// Svinval that is illegal in U-mode. riscv64_privileged_test.py compares.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "../differential/riscv_code.h"
#include "riscv64_privileged_cases.h"

#define RAM UINT64_C(0x80000000)

// Where everything is, from the start of RAM.
enum {
    HANDLER = 0x40,
    PRINT = 0x100,
    ROOT = 0x1000, // page tables, of three levels
    MIDDLE = 0x2000,
    LEAF = 0x3000,
    PAGE_A = 0x4000,
    PAGE_B = 0x5000,
    LOGS = 0x6000,
    PROGRAM = 0x10000,
    LOG_WORDS = 6,
    VIRTUAL = 0x40000000,
    ASID = 5,
    PTE_POINTER = 1,
    PTE_PAGE = 0xcf, // V R W X A D
};
_Static_assert(CASES *LOG_WORDS * 8 <= PROGRAM - LOGS, "the log has room");

// --- encodings ---

static void emit(struct code *c, uint32_t word)
{
    code_append(c, word, 4);
}

static void emit_value(struct code *c, uint64_t value)
{
    code_append(c, (uint32_t)value, 4);
    code_append(c, (uint32_t)(value >> 32), 4);
}

static void pad_to(struct code *c, uint64_t offset)
{
    if (c->used > offset)
        abort(); // the layout is wrong
    while (c->used < offset)
        code_append(c, 0, 2);
}

// rd = value, a constant of up to 32 bits, zero-extended.
static void emit_li(struct code *c, unsigned rd, uint32_t value)
{
    emit(c, rv_lui(rd, value + 0x800));
    emit(c, rv_i(0x1b, 0, rd, rd, (int)(value & 0xfff))); // addiw
    emit(c, rv_i(RV_OP_IMM, 1, rd, rd, 32));              // slli, srli
    emit(c, rv_i(RV_OP_IMM, 5, rd, rd, 32));
}

static void emit_csrw(struct code *c, unsigned csr, uint32_t value)
{
    emit_li(c, T6, value);
    emit(c, CSR(CSRRW, 0, csr, T6));
}

// rd = the address of what comes `instructions` instructions after this, in two.
static void emit_address(struct code *c, unsigned rd, unsigned instructions)
{
    emit(c, rv_auipc(rd, 0));
    emit(c, rv_addi(rd, rd, (int)instructions * 4 + 8));
}

static void emit_words(struct code *c, const struct test_case *t)
{
    for (unsigned i = 0; i < 4 && t->words[i]; i++)
        emit(c, t->words[i]);
}

// --- the bodies of cases ---

// The target reads the status where the mode allows it.
static void emit_return(struct code *c, const struct test_case *t)
{
    bool m = t->kind == MRETS;
    bool readable = m ? (t->status & MPP_M) == MPP_M : (t->status & SPP) != 0;
    emit_li(c, T6, t->status);
    emit(c, CSR(CSRRW, 0, t->mode == M ? MSTATUS : SSTATUS, T6));
    emit_address(c, T0, 3);
    emit(c, CSR(CSRRW, 0, m ? MEPC : SEPC, T0));
    emit_words(c, t);
    emit(c, rv_addi(A1, 0, -1)); // not to be executed
    if (readable)
        emit(c, CSR(CSRRS, A0, m ? MSTATUS : SSTATUS, 0));
}

// a0 and a1 are what a page shows before and after its PTE changes; the words make that seen.
static void emit_fences(struct code *c, const struct test_case *t)
{
    uint64_t pte_a = (RAM + PAGE_A) >> 12 << 10 | PTE_PAGE;
    uint64_t pte_b = (RAM + PAGE_B) >> 12 << 10 | PTE_PAGE;
    emit_li(c, T1, (uint32_t)(RAM + LEAF));
    emit_li(c, T0, (uint32_t)pte_a);
    emit(c, rv_sd(T0, T1, 0));
    emit_li(c, T0, 8 << 16 | ASID); // Sv39
    emit(c, rv_i(RV_OP_IMM, 1, T0, T0, 44));
    emit_li(c, T6, (uint32_t)((RAM + ROOT) >> 12));
    emit(c, 0x01f2e2b3); // or t0, t0, t6
    emit(c, CSR(CSRRW, 0, SATP, T0));
    emit(c, SFENCE_VMA);
    emit_li(c, A2, VIRTUAL);
    emit_li(c, T2, ASID);
    emit(c, rv_ld(A0, A2, 0));
    emit_li(c, T0, (uint32_t)pte_b);
    emit(c, rv_sd(T0, T1, 0));
    emit_words(c, t);
    emit(c, rv_ld(A1, A2, 0));
}

// a0 grows by 1, and by 16 when the instruction that did it has been replaced.
static void emit_patches(struct code *c, const struct test_case *t)
{
    emit(c, rv_addi(T2, 0, 0));
    emit_address(c, T0, 0);
    uint64_t again = code_here(c);
    emit(c, rv_addi(A0, A0, 1));
    size_t done = c->used;
    emit(c, 0x1063 | T2 << 15); // bne t2, x0
    emit(c, rv_addi(T2, 0, 1));
    emit_li(c, T1, rv_addi(A0, A0, 16));
    emit(c, 0x0062a023); // sw t1, 0(t0)
    emit_words(c, t);
    emit(c, 0x6f | rv_j_imm((uint32_t)(again - code_here(c))));
    uint32_t word = (0x1063 | T2 << 15) | rv_b_imm((uint32_t)(c->used - done));
    memcpy(c->bytes + done, &word, 4);
}

// S-mode's handler: a0 = scause, a1 = sepc from the case's start; then on to M-mode.
static void emit_delegates(struct code *c)
{
    emit(c, ECALL);
    emit(c, CSR(CSRRS, A0, SCAUSE, 0));
    emit(c, CSR(CSRRS, A1, SEPC, 0));
    emit(c, 0x409585b3); // sub a1, a1, s1
}

static void emit_body(struct code *c, const struct test_case *t)
{
    switch (t->kind) {
    case WORDS: emit_words(c, t); break;
    case MRETS:
    case SRETS: emit_return(c, t); break;
    case FENCES: emit_fences(c, t); break;
    case PATCHES: emit_patches(c, t); break;
    case WAITS:
        emit_words(c, t);
        emit(c, rv_addi(A0, A0, 1));
        break;
    case DELEGATES: emit_delegates(c); break;
    }
    emit(c, ECALL);
}

// --- the program around them ---

// Everything as no case before could have left it, and the mode.
static void emit_case(struct code *c, const struct test_case *t)
{
    enum { SSIP = 1 << 1, ECALL_U = 1 << 8 };
    bool waits = t->kind == WAITS;
    uint32_t status = FS_INITIAL | t->mode << 11;
    if (t->kind != MRETS && t->kind != SRETS)
        status |= t->status;
    emit(c, CSR(CSRRW, 0, SATP, 0));
    emit_csrw(c, MIP, waits ? SSIP : 0);
    emit_csrw(c, MIE_CSR, waits ? SSIP : 0);
    emit_csrw(c, MIDELEG, waits ? SSIP : 0);
    emit_csrw(c, MEDELEG, t->kind == DELEGATES ? ECALL_U : 0);
    emit_csrw(c, MSTATUS, status);
    emit_li(c, A0, 0x1111);
    emit_li(c, A1, 0x2222);
    size_t at = c->used;
    emit_address(c, NEXT, 0);
    emit_address(c, START, 6);
    emit(c, rv_addi(T6, START, 4));
    emit(c, CSR(CSRRW, 0, STVEC, T6));
    emit(c, CSR(CSRRW, 0, MEPC, START));
    emit(c, MRET);
    emit(c, 0);
    emit(c, 0);
    emit_body(c, t);
    uint32_t word = rv_addi(NEXT, NEXT, (int)(c->used - at));
    memcpy(c->bytes + at + 4, &word, 4);
}

// Logs the trap and goes on with the next case.
static void emit_handler(struct code *c)
{
    static const uint16_t csrs[] = {MCAUSE, MTVAL};
    for (int i = 0; i < 2; i++) {
        emit(c, CSR(CSRRS, T6, csrs[i], 0));
        emit(c, rv_sd(T6, LOG, 8 * i));
    }
    emit(c, CSR(CSRRS, T6, MEPC, 0));
    emit(c, 0x409f8fb3); // sub t6, t6, s1
    emit(c, rv_sd(T6, LOG, 16));
    emit_li(c, T6, SHOWN);
    emit(c, CSR(CSRRS, T0, MSTATUS, 0));
    emit(c, 0x01f2f2b3); // and t0, t0, t6
    emit(c, rv_sd(T0, LOG, 24));
    emit(c, rv_sd(A0, LOG, 32));
    emit(c, rv_sd(A1, LOG, 40));
    emit(c, rv_addi(LOG, LOG, LOG_WORDS * 8));
    emit(c, rv_jalr(0, NEXT, 0));
}

// Prints the log, a word of 16 digits and a newline each, and powers the board off.
static void emit_print(struct code *c)
{
    enum { UART = 0x10000000, FINISHER = 0x100000, POWEROFF = 0x5555 };
    emit_li(c, A0, (uint32_t)(RAM + LOGS));
    emit_li(c, A1, UART);
    uint64_t word = code_here(c);
    emit(c, rv_ld(T0, A0, 0));
    emit(c, rv_addi(A0, A0, 8));
    emit(c, rv_addi(T1, 0, 60));
    uint64_t digit = code_here(c);
    emit(c, 0x0062d3b3);                     // srl t2, t0, t1
    emit(c, rv_i(RV_OP_IMM, 7, T2, T2, 15)); // andi
    emit(c, rv_i(RV_OP_IMM, 3, T6, T2, 10)); // sltiu: a decimal digit
    emit(c, rv_addi(T2, T2, '0'));
    emit(c, 0x1063 | T6 << 15 | rv_b_imm(8)); // bne t6, x0
    emit(c, rv_addi(T2, T2, 'a' - '0' - 10));
    emit(c, 0x00758023); // sb t2, 0(a1)
    emit(c, rv_addi(T1, T1, -4));
    emit(c, 0x5063 | T1 << 15 | rv_b_imm((uint32_t)(digit - code_here(c)))); // bge t1, x0
    emit(c, rv_addi(T2, 0, '\n'));
    emit(c, 0x00758023);
    emit(c, 0x1063 | A0 << 15 | LOG << 20 | rv_b_imm((uint32_t)(word - code_here(c)))); // bne
    emit_li(c, A0, FINISHER);
    emit_li(c, A1, POWEROFF);
    emit(c, 0x00b52023); // sw a1, 0(a0)
    emit(c, 0x0000006f); // j .
}

static void emit_tables(struct code *c)
{
    pad_to(c, ROOT + 8);
    emit_value(c, (RAM + MIDDLE) >> 12 << 10 | PTE_POINTER);
    emit_value(c, RAM >> 12 << 10 | PTE_PAGE); // 1 GiB, itself
    pad_to(c, MIDDLE);
    emit_value(c, (RAM + LEAF) >> 12 << 10 | PTE_POINTER);
    pad_to(c, PAGE_A);
    emit_value(c, 0xaaaa);
    pad_to(c, PAGE_B);
    emit_value(c, 0xbbbb);
}

static void make_program(struct code *c)
{
    emit_li(c, T6, (uint32_t)(RAM + PROGRAM));
    emit(c, rv_jalr(0, T6, 0));
    pad_to(c, HANDLER);
    emit_handler(c);
    pad_to(c, PRINT);
    emit_print(c);
    emit_tables(c);
    pad_to(c, PROGRAM);
    emit_csrw(c, MTVEC, (uint32_t)(RAM + HANDLER));
    emit_csrw(c, PMPADDR0, UINT32_MAX);
    emit_csrw(c, PMPCFG0, 0x1f); // NAPOT, everything
    emit_li(c, LOG, (uint32_t)(RAM + LOGS));
    for (unsigned i = 0; i < CASES; i++)
        emit_case(c, &cases[i]);
    emit_li(c, T6, (uint32_t)(RAM + PRINT));
    emit(c, rv_jalr(0, T6, 0));
}

int main(int argc, char **argv)
{
    struct code c = {.address = RAM};
    FILE *file = argc == 2 ? fopen(argv[1], "wb") : NULL;
    if (!file) {
        fprintf(stderr, "usage: riscv64-privileged FILE\n");
        return 2;
    }
    make_program(&c);
    bool written = fwrite(c.bytes, c.used, 1, file) == 1;
    written &= fclose(file) == 0;
    for (unsigned i = 0; i < CASES; i++)
        puts(cases[i].name);
    free(c.bytes);
    return written ? 0 : 1;
}
