// SPDX-License-Identifier: MIT
//
// Writes every case of the x86-64 encoder for x64_encoder_test.py:
//
//     x64-cases BYTES TEXT
//
// BYTES gets a slot of 16 bytes for each case, TEXT a source for GNU as that makes the same. Ends
// with status 1 when a call wrote beyond its room or did not notice that it had none.
#include "x64_cases.h"

#include <stdarg.h>
#include <stdlib.h>

enum { FILL = 0xcc, GUARD = 0xa5 };

static const char *const GENERAL[4][16] = {
    {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b",
     "r13b", "r14b", "r15b"},
    {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w", "r13w",
     "r14w", "r15w"},
    {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d", "r12d",
     "r13d", "r14d", "r15d"},
    {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
     "r14", "r15"},
};

int32_t cases_imm32(unsigned i)
{
    static const int32_t values[16] = {
        0,      1,    -1,      127,    -128,    128,       -129,      255,
        0x7fff, -256, -0x8000, 0x8000, 0x10000, INT32_MAX, INT32_MIN, 0x12345678,
    };
    return values[i & 15];
}

uint8_t cases_imm8(unsigned i)
{
    static const uint8_t values[16] = {0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 63, 64, 127, 128, 255};
    return values[i & 15];
}

void cases_start(struct cases *c, bool small)
{
    if (small) {
        c->code = (struct x64_code){c->small, c->small + X64_SLACK - 1, false};
        return;
    }
    memset(c->slot, FILL, CASE_SLOT);
    memset(c->slot + CASE_SLOT, GUARD, sizeof c->slot - CASE_SLOT);
    c->code = (struct x64_code){c->slot, c->slot + CASE_SLOT, false};
}

static void fault(struct cases *c, const char *spec, const char *what)
{
    if (c->faults++ < 20)
        fprintf(stderr, "x64-cases: %s: %s\n", spec, what);
}

void cases_check_small(struct cases *c, const char *spec)
{
    if (!c->code.overflow || c->code.at != c->small)
        fault(c, spec, "did not notice that it had no room");
}

// --- text ---

static const char *size_name(char letter, unsigned width, unsigned length)
{
    static const char *const names[4] = {"byte ptr ", "word ptr ", "dword ptr ", "qword ptr "};
    switch (letter) {
    case 'b': return names[0];
    case 'h': return names[1];
    case 'd': return names[2];
    case 'q': return names[3];
    case 'w': return names[width];
    case 'x': return "xmmword ptr ";
    case 'y': return "ymmword ptr ";
    default: return length ? "ymmword ptr " : "xmmword ptr ";
    }
}

static void put_memory(struct cases *c, struct x64_mem m, unsigned size)
{
    int64_t disp = m.disp;
    const char *plus = "";
    fputc('[', c->text);
    if (m.base == X64_HERE) // counts from the first byte, the text from the end
        disp -= size;
    if (m.base < 16)
        plus = "+", fputs(GENERAL[X64_64][m.base], c->text);
    else if (m.base != X64_NONE)
        plus = "+", fputs("rip", c->text);
    if (m.index != X64_NONE)
        fprintf(c->text, "%s%s*%u", plus, GENERAL[X64_64][m.index], 1u << m.scale), plus = "+";
    if (m.base == X64_NONE && m.index == X64_NONE)
        fprintf(c->text, "ds:");
    fprintf(c->text, "%s%lld]", *plus ? "+" : "", (long long)disp);
}

static void put_immediate(struct cases *c, int64_t imm, unsigned width)
{
    static const uint64_t masks[4] = {0xff, 0xffff, 0xffffffff, UINT64_MAX};
    fprintf(c->text, "%lld", (long long)((uint64_t)imm & masks[width]));
}

static void put_operand(struct cases *c, char kind, unsigned width, unsigned length,
                        const struct case_operand *o)
{
    switch (kind) {
    case 'b': fputs(GENERAL[X64_8][o->reg], c->text); break;
    case 'h': fputs(GENERAL[X64_16][o->reg], c->text); break;
    case 'd': fputs(GENERAL[X64_32][o->reg], c->text); break;
    case 'q': fputs(GENERAL[X64_64][o->reg], c->text); break;
    case 'w': fputs(GENERAL[width][o->reg], c->text); break;
    case 'x': fprintf(c->text, "xmm%u", o->reg); break;
    case 'y': fprintf(c->text, "ymm%u", o->reg); break;
    case 'v': fprintf(c->text, "%cmm%u", length ? 'y' : 'x', o->reg); break;
    case 'i': put_immediate(c, o->imm, width); break;
    case 'c': put_immediate(c, o->imm, X64_8); break;
    default: abort();
    }
}

static void put_text(struct cases *c, const char *spec, unsigned width, unsigned length,
                     const struct case_operand *operands)
{
    unsigned size = (unsigned)(c->code.at - c->slot);
    for (; *spec; spec++) {
        if (*spec != '%') {
            fputc(*spec, c->text);
            continue;
        }
        spec++;
        if (*spec == 'M')
            fputs(size_name(*++spec, width, length), c->text);
        else if (*spec != 'm') {
            put_operand(c, *spec, width, length, operands++);
            continue;
        }
        put_memory(c, operands++->mem, size);
    }
    fputs("\n.balign 16,0xcc\n", c->text);
}

void cases_end(struct cases *c, const char *spec, unsigned width, unsigned length,
               const struct case_operand *operands)
{
    ptrdiff_t size = c->code.at - c->slot;
    if (size <= 0 || size > 15 || c->code.overflow)
        fault(c, spec, "has no size of an instruction");
    for (size_t i = CASE_SLOT; i < sizeof c->slot; i++)
        if (c->slot[i] != GUARD) {
            fault(c, spec, "wrote beyond its room");
            break;
        }
    memset(c->code.at, FILL, (size_t)(c->slot + CASE_SLOT - c->code.at));
    fwrite(c->slot, CASE_SLOT, 1, c->bytes);
    put_text(c, spec, width, length, operands);
    c->count++;
}

// --- memory operands ---

static void add(struct cases *c, unsigned base, unsigned index, unsigned scale, int32_t disp)
{
    c->memory[c->memory_count++] =
        (struct x64_mem){(uint8_t)base, (uint8_t)index, (uint8_t)scale, disp};
}

// Every base with displacements at the borders of their forms; every index with every scale, with
// bases of every form; no base; places relative to the instruction.
static void add_memory(struct cases *c)
{
    static const int32_t disps[] = {0, 1, 127, 128, -128, -129, INT32_MAX, INT32_MIN};
    static const uint8_t bases[] = {X64_RAX, X64_RSP, X64_RBP, X64_R8, X64_R12, X64_R13, X64_NONE};
    enum { DISPS = sizeof disps / sizeof *disps };
    for (unsigned base = 0; base < 16; base++)
        for (unsigned i = 0; i < DISPS; i++)
            add(c, base, X64_NONE, 0, disps[i]);
    for (unsigned index = 0; index < 16; index++)
        for (unsigned i = 0; i < sizeof bases * 4; i++)
            if (index != X64_RSP)
                add(c, bases[i % sizeof bases], index, i / sizeof bases,
                    disps[(i + index) % DISPS]);
    for (unsigned i = 0; i < DISPS; i++) {
        add(c, X64_NONE, X64_NONE, 0, disps[i]);
        add(c, X64_RIP, X64_NONE, 0, disps[i]);
    }
    add(c, X64_HERE, X64_NONE, 0, 100000);
    add(c, X64_HERE, X64_NONE, 0, -100000);
}

int main(int argc, char **argv)
{
    static struct cases c; // too large for a stack
    if (argc != 3 || !(c.bytes = fopen(argv[1], "wb")) || !(c.text = fopen(argv[2], "w"))) {
        fprintf(stderr, "usage: x64-cases BYTES TEXT\n");
        return 2;
    }
    fputs(".intel_syntax noprefix\n.text\n", c.text);
    add_memory(&c);
    cases_integer(&c);
    cases_move(&c);
    cases_sse(&c);
    cases_vex(&c);
    if (fclose(c.bytes) | fclose(c.text)) {
        perror("x64-cases");
        return 2;
    }
    printf("%lu cases\n", c.count);
    return c.faults != 0;
}
