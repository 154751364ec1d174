// SPDX-License-Identifier: MIT
//
// The frame of random programs: layout of the image, the loop over the batches, the ELF file.
//
//     PROGRAM_BASE   the loop (FRAME bytes of code, then its variables and the dump)
//     starts         a struct dump per batch
//     code           of the batches
#include "riscv_program.h"

#include <stdio.h>

#include "riscv_batch.h"

enum {
    LOOP = PROGRAM_BASE,
    LEAVE = PROGRAM_BASE + 0x800, // where batches go on
    NEXT_START = PROGRAM_BASE + 0x1000,
    DUMP = PROGRAM_BASE + 0x1040,
    STARTS = PROGRAM_BASE + 0x2000,
    WINDOW = DUMP + offsetof(struct dump, window),
};
_Static_assert((WINDOW + WINDOW_MIDDLE) % 64 == 0, "x31 is aligned for every access");
_Static_assert(offsetof(struct dump, fcsr) + 8 == offsetof(struct dump, window), "no holes");

enum { X = offsetof(struct dump, x) - 8, F = offsetof(struct dump, f) };
enum { FCSR = offsetof(struct dump, fcsr), WRITE = 64, EXIT = 93, ECALL = 0x73 };

static void emit(struct code *c, uint32_t word)
{
    code_append(c, word, 4);
}

// A conditional branch at `at` to here, or one appended here back to `at`.
static void patch_forward(struct code *c, size_t at)
{
    uint32_t word;
    memcpy(&word, c->bytes + at, 4);
    word |= rv_b_imm((uint32_t)(c->used - at));
    memcpy(c->bytes + at, &word, 4);
}

enum { BEQ = 0x63, BNE = 0x1063 };

static uint32_t branch(unsigned opcode, unsigned rs1, unsigned rs2)
{
    return opcode | rs1 << 15 | rs2 << 20;
}

// x30 = the next start, or exit(0) after the last; the window is copied from it.
static void make_loop_head(struct code *c, uint64_t end)
{
    code_address(c, 31, NEXT_START);
    emit(c, rv_ld(30, 31, 0));
    code_address(c, 29, end);
    size_t more = c->used;
    emit(c, branch(BNE, 30, 29));
    emit(c, rv_addi(17, 0, EXIT));
    emit(c, rv_addi(10, 0, 0));
    emit(c, ECALL);
    patch_forward(c, more);
    code_address(c, 28, WINDOW);
    emit(c, rv_addi(27, 30, offsetof(struct dump, window)));
    emit(c, rv_addi(26, 27, PROGRAM_WINDOW));
    size_t copy = c->used;
    emit(c, rv_ld(25, 27, 0));
    emit(c, rv_sd(25, 28, 0));
    emit(c, rv_addi(27, 27, 8));
    emit(c, rv_addi(28, 28, 8));
    emit(c, branch(BNE, 27, 26) | rv_b_imm((uint32_t)(copy - c->used)));
}

// Loads the registers from the start at x30 and enters the batch.
static void make_enter(struct code *c)
{
    for (unsigned i = 0; i < 32; i++)
        emit(c, rv_fld(i, 30, F + 8 * (int)i));
    emit(c, rv_ld(29, 30, FCSR));
    emit(c, rv_i(0x73, 1, 0, 29, 0x003));
    for (unsigned i = 1; i < 30; i++)
        emit(c, rv_ld(i, 30, X + 8 * (int)i));
    emit(c, rv_ld(31, 30, 0));
    emit(c, rv_ld(30, 30, X + 8 * 30));
    emit(c, rv_jalr(0, 31, 0));
}

// Saves the registers in the dump, writes it, and goes on to the next start.
static void make_leave(struct code *c)
{
    code_address(c, 31, DUMP);
    for (unsigned i = 1; i < 31; i++)
        emit(c, rv_sd(i, 31, X + 8 * (int)i));
    for (unsigned i = 0; i < 32; i++)
        emit(c, rv_fsd(i, 31, F + 8 * (int)i));
    emit(c, rv_i(0x73, 2, 1, 0, 0x003));
    emit(c, rv_sd(1, 31, FCSR));
    code_address(c, 30, NEXT_START);
    emit(c, rv_ld(29, 30, 0));
    emit(c, rv_ld(28, 29, 0));
    emit(c, rv_sd(28, 31, 0));
    emit(c, rv_addi(29, 29, sizeof(struct dump)));
    emit(c, rv_sd(29, 30, 0));
    emit(c, rv_addi(17, 0, WRITE));
    emit(c, rv_addi(10, 0, 1));
    emit(c, rv_addi(11, 31, 0));
    emit(c, rv_addi(12, 0, sizeof(struct dump)));
    emit(c, ECALL);
    code_address(c, 31, LOOP);
    emit(c, rv_jalr(0, 31, 0));
}

static void pad_to(struct code *c, uint64_t address)
{
    while (code_here(c) < address)
        code_append(c, 0, 2);
}

static void make_frame(struct code *c, unsigned batches)
{
    uint64_t first = STARTS;
    make_loop_head(c, STARTS + batches * sizeof(struct dump));
    make_enter(c);
    pad_to(c, LEAVE);
    make_leave(c);
    pad_to(c, NEXT_START);
    code_append(c, (uint32_t)first, 4);
    pad_to(c, STARTS);
}

// --- What batches begin from ---

static char random_format(struct random *r, const char *formats)
{
    return formats[random_below(r, (unsigned)strlen(formats))];
}

static uint64_t boxed_value(struct random *r, char format)
{
    unsigned bits = format == 'h' ? 16 : format == 's' ? 32 : 64;
    uint64_t v = random_float(r, bits);
    return bits == 64 ? v : v | UINT64_MAX << bits;
}

static void fill_window(struct random *r, uint8_t *window)
{
    for (unsigned i = 0; i < PROGRAM_WINDOW; i += 8) {
        uint64_t v;
        switch (random_below(r, 4)) {
        case 0: v = random_float(r, 64); break;
        case 1: v = random_float(r, 32) | random_float(r, 32) << 32; break;
        case 2: v = random_integer(r); break;
        default: v = random_float(r, 16) | random_float(r, 16) << 16 | random_bits(r) << 32; break;
        }
        memcpy(window + i, &v, 8);
    }
}

// `formats`: the letters of the formats that the group's operands have.
static void make_start(struct random *r, struct batch *b, const char *formats, struct dump *start)
{
    for (unsigned i = 0; i < 30; i++)
        start->x[i] = random_integer(r);
    for (unsigned i = 0; i < 32; i++) {
        b->format[i] = random_format(r, formats);
        start->f[i] = boxed_value(r, b->format[i]);
        if (!b->boxed && random_below(r, 16) == 0)
            start->f[i] = random_bits(r);
    }
    start->fcsr = (uint64_t)random_below(r, 5) << 5 | random_below(r, 32);
    if (random_below(r, 2))
        start->fcsr &= ~(uint64_t)31;
    fill_window(r, start->window);
}

// --- Choosing the instructions ---

struct choice {
    const struct pattern **group, **fillers;
    unsigned group_count, filler_count;
    char formats[4];
};

static bool is_left_out(const struct program_options *o, const struct pattern *p)
{
    for (const char *const *n = o->without; n && *n; n++)
        if (strcmp(*n, p->name) == 0)
            return true;
    return false;
}

// Instructions that a group needs beside its own: some that set flags, for the CSRs; transfers from
// memory, for floating point.
static bool is_helpful(const char *group, const struct pattern *p)
{
    bool fp = strcmp(p->class, "fp") == 0;
    if (strcmp(group, "zicsr") == 0)
        return strcmp(p->name, "fmul.s") == 0 || strcmp(p->name, "feq.d") == 0;
    if (strcmp(group, "zfa") == 0 || strcmp(group, "zfh") == 0)
        return fp && (strcmp(p->name, "flw") == 0 || strcmp(p->name, "fld") == 0 ||
                      strcmp(p->name, "flh") == 0);
    return false;
}

static void note_format(struct choice *c, char format)
{
    if (format && !strchr(c->formats, format))
        c->formats[strlen(c->formats)] = format;
}

// The instructions of a batch: of a group, or one alone.
static bool choose(const struct program_options *o, const struct pattern *only, struct choice *c)
{
    *c = (struct choice){.group = calloc(pattern_count, sizeof(void *)),
                         .fillers = calloc(pattern_count, sizeof(void *))};
    if (!c->group || !c->fillers)
        abort();
    for (unsigned i = 0; i < pattern_count; i++) {
        const struct pattern *p = &patterns[i];
        if (!batch_takes(p) || is_left_out(o, p))
            continue;
        if (strcmp(p->group, "i") == 0 && strcmp(p->class, "integer") == 0)
            c->fillers[c->filler_count++] = p;
        if (only ? p != only : strcmp(p->group, o->group) != 0 && !is_helpful(o->group, p))
            continue;
        c->group[c->group_count++] = p;
        note_format(c, batch_operand_format(p));
        note_format(c, batch_result_format(p));
    }
    if (!c->formats[0])
        note_format(c, 'd');
    return c->group_count;
}

static void forget_choice(struct choice *c)
{
    free(c->group);
    free(c->fillers);
}

// --- The rows ---

static bool is_rows(const struct program_options *o)
{
    return strcmp(o->group, "rows") == 0;
}

static bool is_in_a_group(const struct pattern *p)
{
    for (const char *const *g = program_groups(); *g; g++)
        if (batch_takes(p) && strcmp(p->group, *g) == 0)
            return true;
    return false;
}

unsigned program_row_count(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < pattern_count; i++)
        n += is_in_a_group(&patterns[i]);
    return n;
}

const struct pattern *program_row(unsigned batch)
{
    unsigned left = batch % program_row_count();
    for (const struct pattern *p = patterns;; p++)
        if (is_in_a_group(p) && left-- == 0)
            return p;
}

// --- Making it ---

static void make_batch(struct random *r, const struct program_options *o, const struct choice *c,
                       struct code *code, struct program *p, unsigned index)
{
    struct batch b = {.random = r,
                      .code = code,
                      .group = c->group,
                      .group_count = c->group_count,
                      .fillers = c->fillers,
                      .filler_count = c->filler_count,
                      .boxed = o->boxed,
                      .static_rounding = strcmp(c->group[0]->group, "zicsr") == 0};
    struct dump start = {.code = code_here(code)};
    make_start(r, &b, c->formats, &start);
    code_address(code, WINDOW_REGISTER, WINDOW + WINDOW_MIDDLE);
    batch_make(&b, o->length);
    p->codes[index] = (struct program_code){start.code, (uint32_t)(code_here(code) - start.code)};
    code_address(code, WINDOW_REGISTER, LEAVE);
    code_append(code, rv_jalr(0, WINDOW_REGISTER, 0), 4);
    memcpy(code->bytes + (STARTS - PROGRAM_BASE) + index * sizeof start, &start, sizeof start);
    p->instructions += b.instructions;
}

static void make_batches(const struct program_options *o, struct choice *c, struct program *p)
{
    struct code code = {.address = PROGRAM_BASE};
    struct random r = {o->seed};
    p->codes = calloc(o->batches, sizeof *p->codes);
    if (!p->codes)
        abort();
    make_frame(&code, o->batches);
    pad_to(&code, STARTS + o->batches * sizeof(struct dump));
    for (unsigned i = 0; i < o->batches; i++) {
        if (is_rows(o)) {
            forget_choice(c);
            choose(o, program_row(i), c);
        }
        make_batch(&r, o, c, &code, p, i);
    }
    p->image = code.bytes;
    p->size = code.used;
    p->starts = (struct dump *)(code.bytes + (STARTS - PROGRAM_BASE));
}

bool program_make(const struct program_options *o, struct program *p)
{
    struct choice c;
    bool possible = choose(o, is_rows(o) ? program_row(0) : NULL, &c);
    *p = (struct program){.batches = o->batches};
    if (possible)
        make_batches(o, &c, p);
    forget_choice(&c);
    return possible;
}

void program_free(struct program *p)
{
    free(p->image);
    free(p->codes);
    *p = (struct program){0};
}

// Zicbom is not among them: Linux does not let user programs use it.
const char *const *program_groups(void)
{
    static const char *const groups[] = {
        "i",      "m",         "a",           "f",     "d",   "c",     "zfh",
        "zfa",    "zba",       "zbb",         "zbc",   "zbs", "zbkb",  "zicond",
        "zacas",  "zicsr",     "zifencei",    "zimop", "zcb", "zcmop", "zicbop",
        "zicboz", "zihintntl", "zihintpause", "zawrs", NULL};
    return groups;
}

// --- ELF (System V ABI, object files) ---

struct elf {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
    uint32_t segment_type, segment_flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

bool program_write_elf(const struct program *p, const char *path)
{
    enum { EXEC = 2, RISCV = 243, DOUBLE_FLOAT_RVC = 5, LOAD = 1, RWX = 7, PAGE = 4096 };
    static const uint8_t zeros[PAGE];
    struct elf e = {.ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
                    .type = EXEC,
                    .machine = RISCV,
                    .version = 1,
                    .entry = PROGRAM_BASE,
                    .phoff = 64,
                    .flags = DOUBLE_FLOAT_RVC,
                    .ehsize = 64,
                    .phentsize = 56,
                    .phnum = 1,
                    .segment_type = LOAD,
                    .segment_flags = RWX,
                    .offset = PAGE,
                    .vaddr = PROGRAM_BASE,
                    .paddr = PROGRAM_BASE,
                    .filesz = p->size,
                    .memsz = p->size,
                    .align = PAGE};
    FILE *file = fopen(path, "wb");
    if (!file)
        return false;
    bool written = fwrite(&e, sizeof e, 1, file) == 1 &&
                   fwrite(zeros, PAGE - sizeof e, 1, file) == 1 &&
                   fwrite(p->image, p->size, 1, file) == 1;
    return fclose(file) == 0 && written;
}
