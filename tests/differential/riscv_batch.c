// SPDX-License-Identifier: MIT
//
// Making the random instructions of a batch. Words are made by trial: fixed bits and random ones,
// until the row's constraints hold and nothing forbidden is written. What needs care is prepared by
// instructions before it: addresses, jump targets, values that a compare-and-swap finds.
#include "riscv_batch.h"

#include <string.h>

static bool is_class(const struct pattern *p, const char *class)
{
    return strcmp(p->class, class) == 0;
}

static bool is_named(const struct pattern *p, const char *name)
{
    return strcmp(p->name, name) == 0;
}

static bool starts(const struct pattern *p, const char *prefix)
{
    return strncmp(p->name, prefix, strlen(prefix)) == 0;
}

// Whether it accesses memory at rs1 (+ immediate).
static bool touches_memory(const struct pattern *p)
{
    return is_class(p, "load") || is_class(p, "store") || is_class(p, "atomic") ||
           is_class(p, "cache") ||
           (is_class(p, "fp") && p->imm && p->registers[PATTERN_RS1].file == 'x');
}

bool batch_takes(const struct pattern *p)
{
    return !is_class(p, "system") || starts(p, "wrs.");
}

// --- Floating-point formats, from the mnemonic: fadd.s, fcvt.d.w, flw, fmv.x.w ---

static char letter_format(char c)
{
    return c == 'h' || c == 's' || c == 'd' ? c : 0;
}

char batch_result_format(const struct pattern *p)
{
    if (is_class(p, "load") || p->registers[PATTERN_RD].file != 'f')
        return 0;
    if (touches_memory(p))
        return is_named(p, "flh") ? 'h' : is_named(p, "flw") ? 's' : 'd';
    if (is_named(p, "fmv.w.x"))
        return 's';
    const char *dot = strchr(p->name, '.');
    return dot ? letter_format(dot[1]) : 0;
}

// Stores and moves to x registers take the low bits of anything; of a whole register, only if it
// holds a double (else an oracle that boxes results differently is seen).
char batch_operand_format(const struct pattern *p)
{
    const char *dot = strrchr(p->name, '.');
    if (touches_memory(p))
        return strstr(p->name, "fsd") ? 'd' : 0;
    return dot && !is_named(p, "fmv.x.w") && !is_named(p, "fmv.x.h") ? letter_format(dot[1]) : 0;
}

// --- Words ---

static uint32_t random_word(struct batch *b, const struct pattern *p)
{
    uint32_t word;
    do {
        word = (uint32_t)random_bits(b->random) & ~p->mask;
        word |= p->value;
        if (p->bytes == 2)
            word &= 0xffff;
    } while (p->holds && !p->holds(word));
    return word;
}

static bool is_window_register(const struct pattern *p, unsigned which, uint32_t word)
{
    return p->registers[which].file == 'x' &&
           pattern_register_of(p, which, word) == WINDOW_REGISTER;
}

static bool writes_window_register(const struct pattern *p, uint32_t word)
{
    return is_window_register(p, PATTERN_RD, word) ||
           (is_named(p, "amocas.q") && pattern_register_of(p, PATTERN_RD, word) == 30);
}

// Gives every f operand a register that holds the format, if there is one for each.
static bool choose_operands(struct batch *b, const struct pattern *p, uint32_t *word)
{
    char want = batch_operand_format(p);
    if (!b->boxed || !want)
        return true;
    for (unsigned which = PATTERN_RS1; which <= PATTERN_RS3; which++) {
        if (p->registers[which].file != 'f')
            continue;
        unsigned start = random_below(b->random, 32), n = 0;
        while (n < 32 && b->format[(start + n) & 31] != want)
            n++;
        if (n == 32)
            return false;
        *word = pattern_with_register(p, which, *word, (start + n) & 31);
    }
    return true;
}

// Of instructions without a rounding-mode field, some are taken for dynamic ones: no loss.
static bool rounds_dynamically(const struct pattern *p, uint32_t word)
{
    return is_class(p, "fp") && p->bytes == 4 && (word >> 12 & 7) == 7;
}

static bool make_word(struct batch *b, const struct pattern *p, uint32_t *word)
{
    *word = random_word(b, p);
    return !writes_window_register(p, *word) && choose_operands(b, p, word) &&
           !(b->static_rounding && rounds_dynamically(p, *word));
}

// QEMU (11.1) is wrong about two instructions within one of its translation blocks, which a jump
// ends: it leaves out an FROUND or FROUNDNX, flags and all, when the result is overwritten, and
// takes what an AMOCAS with rd=x0 finds for the value of x0.
static bool confuses_qemu(const struct pattern *p, uint32_t word)
{
    return starts(p, "fround") ||
           (starts(p, "amocas") && !pattern_register_of(p, PATTERN_RD, word));
}

static void append(struct batch *b, const struct pattern *p, uint32_t word)
{
    enum { JUMP_TO_NEXT = 0x0040006f };
    if (p->registers[PATTERN_RD].file == 'f')
        b->format[pattern_register_of(p, PATTERN_RD, word)] = batch_result_format(p);
    code_append(b->code, word, p->bytes);
    if (confuses_qemu(p, word))
        code_append(b->code, JUMP_TO_NEXT, 4);
}

static void append_filler(struct batch *b)
{
    uint32_t word;
    const struct pattern *p;
    do
        p = b->fillers[random_below(b->random, b->filler_count)];
    while (!make_word(b, p, &word));
    append(b, p, word);
}

// --- Memory ---

// The alignment that the access needs. Cache operations work on the whole block of an address.
static unsigned alignment_of(const struct pattern *p)
{
    if (!is_class(p, "atomic"))
        return 1;
    char size = p->name[strlen(p->name) - 1];
    return size == 'w' ? 4 : size == 'd' ? 8 : 16;
}

// Sets rs1 so that the access falls into the window.
static bool place_access(struct batch *b, const struct pattern *p, uint32_t word)
{
    unsigned base = pattern_register_of(p, PATTERN_RS1, word);
    unsigned align = alignment_of(p);
    int64_t imm = p->imm ? p->imm(word) : 0;
    int64_t target = (int64_t)random_below(b->random, 2 * WINDOW_REACH) - WINDOW_REACH;
    int64_t offset = (target & ~(int64_t)(align - 1)) - imm;
    if (base == WINDOW_REGISTER)
        return imm >= -WINDOW_REACH && imm < WINDOW_REACH;
    if (!base || offset < -2048 || offset > 2047)
        return false;
    code_append(b->code, rv_addi(base, WINDOW_REGISTER, (int)offset), 4);
    return true;
}

// Half of the time the register that AMOCAS compares is loaded from where it looks.
static bool prepare_cas(struct batch *b, const struct pattern *p, uint32_t word)
{
    unsigned base = pattern_register_of(p, PATTERN_RS1, word);
    unsigned rd = pattern_register_of(p, PATTERN_RD, word);
    if (!starts(p, "amocas") || !rd || random_below(b->random, 2))
        return true;
    if (rd == base || rd + 1 == base)
        return false;
    code_append(b->code, rv_ld(rd, base, 0), 4);
    if (is_named(p, "amocas.q"))
        code_append(b->code, rv_ld(rd + 1, base, 8), 4);
    return true;
}

// An LR is followed by the SC of its size at its address, so that no reservation is left over.
static void finish_lr(struct batch *b, unsigned base, uint32_t word)
{
    unsigned rd = random_below(b->random, WINDOW_REGISTER);
    unsigned rs2 = random_below(b->random, 32);
    uint32_t sc = (word & 0x0600707f) | 3u << 27 | rs2 << 20 | base << 15 | rd << 7;
    code_append(b->code, sc, 4);
    b->instructions++;
}

static bool append_access(struct batch *b, const struct pattern *p, uint32_t word)
{
    bool lr = starts(p, "lr.");
    size_t before = b->code->used;
    if (lr && pattern_register_of(p, PATTERN_RD, word) == pattern_register_of(p, PATTERN_RS1, word))
        return false;
    if (!place_access(b, p, word) || !prepare_cas(b, p, word)) {
        b->code->used = before;
        return false;
    }
    append(b, p, word);
    if (lr)
        finish_lr(b, pattern_register_of(p, PATTERN_RS1, word), word);
    return true;
}

// --- Control transfer: always forwards, over one or two other instructions ---

static uint32_t without_immediate(const struct pattern *p, uint32_t word)
{
    if (p->bytes == 2)
        return is_named(p, "c.j") ? word & 0xe003 : word & 0xe383;
    return is_named(p, "jal") ? word & 0xfff : word & 0x01fff07f;
}

static uint32_t with_distance(const struct pattern *p, uint32_t word, uint32_t distance)
{
    word = without_immediate(p, word);
    if (is_named(p, "c.j"))
        return word | rv_cj_imm(distance);
    if (p->bytes == 2)
        return word | rv_cb_imm(distance);
    return word | (is_named(p, "jal") ? rv_j_imm(distance) : rv_b_imm(distance));
}

static void append_branch(struct batch *b, const struct pattern *p, uint32_t word)
{
    size_t at = b->code->used;
    append(b, p, word);
    for (unsigned n = 1 + random_below(b->random, 2); n; n--)
        append_filler(b);
    word = with_distance(p, word, (uint32_t)(b->code->used - at));
    memcpy(b->code->bytes + at, &word, p->bytes);
}

// rs1 = address of the jump, less what the immediate adds; JALR drops bit 0 of the sum.
static bool append_indirect(struct batch *b, const struct pattern *p, uint32_t word)
{
    unsigned base = pattern_register_of(p, PATTERN_RS1, word);
    if (!base || base == WINDOW_REGISTER)
        return false;
    int32_t imm = p->bytes == 4 ? (int32_t)word >> 20 : 0;
    size_t at = b->code->used;
    code_append(b->code, rv_auipc(base, 0), 4);
    code_append(b->code, 0, 4);
    append(b, p, word);
    append_filler(b);
    int32_t distance = (int32_t)(b->code->used - at) + (int32_t)random_below(b->random, 2) - imm;
    uint32_t addi = rv_addi(base, base, distance);
    if (distance < -2048 || distance > 2047) {
        b->code->used = at;
        return false;
    }
    memcpy(b->code->bytes + at + 4, &addi, 4);
    return true;
}

// --- CSRs: fflags, frm and fcsr ---

static bool append_csr(struct batch *b, const struct pattern *p, uint32_t word)
{
    append(b, p, (word & 0xfffff) | (1 + random_below(b->random, 3)) << 20);
    return true;
}

static bool append_one(struct batch *b, const struct pattern *p)
{
    uint32_t word;
    if (!make_word(b, p, &word))
        return false;
    if (touches_memory(p))
        return append_access(b, p, word);
    if (is_class(p, "csr"))
        return append_csr(b, p, word);
    if (is_named(p, "jalr") || is_named(p, "c.jr") || is_named(p, "c.jalr"))
        return append_indirect(b, p, word);
    if (is_class(p, "branch"))
        append_branch(b, p, word);
    else
        append(b, p, word);
    return true;
}

void batch_make(struct batch *b, unsigned length)
{
    uint64_t end = b->instructions + length;
    while (b->instructions < end) {
        const struct pattern *p = b->group[random_below(b->random, b->group_count)];
        if (append_one(b, p))
            b->instructions++;
        else if (b->boxed && random_below(b->random, 8) == 0)
            append_filler(b);
        if (random_below(b->random, 8) == 0)
            append_filler(b);
    }
}
