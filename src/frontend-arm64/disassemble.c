// SPDX-License-Identifier: MIT
//
// Instructions as text: the tables' templates, with the arguments printed as `objdump -M
// no-aliases` does.
#include "disassemble.h"
#include "system.h"

#include <vm/base/memory.h>

void a64_put(struct a64_printer *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t at = p->length < p->size ? p->length : p->size;
    p->length += vm_vformat(p->out + at, p->size - at, fmt, args);
    va_end(args);
}

void a64_write_text(struct a64_printer *p, const char *text)
{
    a64_put(p, "%s", text);
}

// Register 31 is ZR or SP.
static void put_register(struct a64_printer *p, bool wide, bool sp, int64_t n)
{
    if (n != 31)
        a64_put(p, "%c%u", wide ? 'x' : 'w', (unsigned)n);
    else if (sp)
        a64_put(p, wide ? "sp" : "wsp");
    else
        a64_put(p, wide ? "xzr" : "wzr");
}

void a64_print_r(struct a64_printer *p, int64_t value)
{
    put_register(p, p->args->sf, false, value);
}

void a64_print_rsp(struct a64_printer *p, int64_t value)
{
    put_register(p, p->args->sf, true, value);
}

void a64_print_w(struct a64_printer *p, int64_t value)
{
    put_register(p, false, false, value);
}

void a64_print_x(struct a64_printer *p, int64_t value)
{
    put_register(p, true, false, value);
}

void a64_print_xsp(struct a64_printer *p, int64_t value)
{
    put_register(p, true, true, value);
}

void a64_print_link(struct a64_printer *p, int64_t value)
{
    if (value != 30)
        a64_print_x(p, value);
}

void a64_print_next(struct a64_printer *p, int64_t value)
{
    a64_print_r(p, value + 1);
}

void a64_print_testbit(struct a64_printer *p, int64_t value)
{
    put_register(p, p->args->amount >= 32, false, value);
}

// --- numbers ---

void a64_print_imm(struct a64_printer *p, int64_t value)
{
    a64_put(p, "#0x%llx", (unsigned long long)value);
}

void a64_print_dec(struct a64_printer *p, int64_t value)
{
    a64_put(p, "#%lld", (long long)value);
}

void a64_print_off(struct a64_printer *p, int64_t value)
{
    if (value)
        a64_put(p, ", #%lld", (long long)value);
}

void a64_print_lsl12(struct a64_printer *p, int64_t value)
{
    if (value)
        a64_put(p, ", lsl #12");
}

void a64_print_hw(struct a64_printer *p, int64_t value)
{
    if (value)
        a64_put(p, ", lsl #%u", 16 * (unsigned)value);
}

void a64_print_bitmask(struct a64_printer *p, int64_t value)
{
    a64_print_imm(p, p->args->sf ? value : (int64_t)(uint32_t)value);
}

void a64_print_target(struct a64_printer *p, int64_t value)
{
    a64_put(p, "0x%llx", (unsigned long long)(p->pc + (uint64_t)value));
}

void a64_print_page(struct a64_printer *p, int64_t value)
{
    uint64_t page = p->pc & ~(uint64_t)VM_PAGE_MASK;
    a64_put(p, "0x%llx", (unsigned long long)(page + (uint64_t)value));
}

// --- shifts, extensions, conditions ---

void a64_print_shifted(struct a64_printer *p, int64_t value)
{
    static const char *const names[] = {"lsl", "lsr", "asr", "ror"};
    a64_print_r(p, value);
    if (p->args->shift || p->args->amount)
        a64_put(p, ", %s #%u", names[p->args->shift & 3], p->args->amount);
}

static const char *const extensions[] = {"uxtb", "uxth", "uxtw", "uxtx",
                                         "sxtb", "sxth", "sxtw", "sxtx"};
enum { UXTW = 2, UXTX = 3 };

// The extension to the operation's own width is written LSL where SP takes part.
void a64_print_extended(struct a64_printer *p, int64_t value)
{
    const struct a64_args *a = p->args;
    bool flags = p->word >> 29 & 1;
    bool sp = a->rn == 31 || (!flags && a->rd == 31);
    put_register(p, a->sf && (a->option & 3) == 3, false, value);
    if (sp && a->option == (a->sf ? UXTX : UXTW)) {
        if (a->amount)
            a64_put(p, ", lsl #%u", a->amount);
        return;
    }
    a64_put(p, ", %s", extensions[a->option & 7]);
    if (a->amount)
        a64_put(p, " #%u", a->amount);
}

void a64_print_cond(struct a64_printer *p, int64_t value)
{
    static const char *const names[16] = {"eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc",
                                          "hi", "ls", "ge", "lt", "gt", "le", "al", "nv"};
    a64_put(p, "%s", names[value & 15]);
}

// --- memory ---

void a64_print_rt(struct a64_printer *p, int64_t value)
{
    enum { DOUBLEWORD = 3, SIGNED_64 = 2 };
    put_register(p, p->args->size == DOUBLEWORD || p->args->opc == SIGNED_64, false, value);
}

void a64_print_rs(struct a64_printer *p, int64_t value)
{
    put_register(p, p->args->size == 3, false, value);
}

void a64_print_rp(struct a64_printer *p, int64_t value)
{
    put_register(p, p->args->opc != 0, false, value);
}

void a64_print_index(struct a64_printer *p, int64_t value)
{
    const struct a64_args *a = p->args;
    put_register(p, a->option & 1, false, value);
    if (a->option != UXTX)
        a64_put(p, ", %s", extensions[a->option & 7]);
    else if (a->s)
        a64_put(p, ", lsl");
    if (a->s)
        a64_put(p, " #%u", a->size);
}

void a64_print_prfop(struct a64_printer *p, int64_t value)
{
    static const char *const types[] = {"pld", "pli", "pst"};
    unsigned type = value >> 3 & 3, level = value >> 1 & 3;
    if (type < 3 && level < 3)
        a64_put(p, "%sl%u%s", types[type], level + 1, value & 1 ? "strm" : "keep");
    else
        a64_put(p, "#0x%02x", (unsigned)value);
}

// The template names acquire; release is the other half of the suffix.
void a64_print_order(struct a64_printer *p, int64_t value)
{
    a64_put(p, "%s%s", value ? "a" : "", p->args->release ? "l" : "");
}

void a64_print_width(struct a64_printer *p, int64_t value)
{
    a64_put(p, "%s", value == 0 ? "b" : value == 1 ? "h" : "");
}

// Bits 1-0: unprivileged writes, reads; 3-2: non-temporal ones.
void a64_print_cpyopt(struct a64_printer *p, int64_t value)
{
    static const char *const names[16] = {"",   "wt",   "rt",   "t",   "wn", "wtwn", "rtwn", "twn",
                                          "rn", "wtrn", "rtrn", "trn", "n",  "wtn",  "rtn",  "tn"};
    a64_put(p, "%s", names[value & 15]);
}

void a64_print_setopt(struct a64_printer *p, int64_t value)
{
    static const char *const names[4] = {"", "t", "n", "tn"};
    a64_put(p, "%s", names[value & 3]);
}

// --- system ---

void a64_print_barrier(struct a64_printer *p, int64_t value)
{
    static const char *const names[16] = {NULL,    "oshld", "oshst", "osh",   NULL,    "nshld",
                                          "nshst", "nsh",   NULL,    "ishld", "ishst", "ish",
                                          NULL,    "ld",    "st",    "sy"};
    if (names[value & 15])
        a64_put(p, "%s", names[value & 15]);
    else
        a64_put(p, "#0x%02x", (unsigned)value);
}

void a64_print_isb(struct a64_printer *p, int64_t value)
{
    enum { SY = 15 };
    if (value != SY)
        a64_print_imm(p, value);
}

void a64_print_code(struct a64_printer *p, int64_t value)
{
    if (value)
        a64_print_imm(p, value);
}

struct system_number {
    unsigned op0, op1, crn, crm, op2;
};

static struct system_number system_number(int64_t value)
{
    uint64_t n = (uint64_t)value;
    return (struct system_number){(unsigned)vm_bits(n, 14, 2), (unsigned)vm_bits(n, 11, 3),
                                  (unsigned)vm_bits(n, 7, 4), (unsigned)vm_bits(n, 3, 4),
                                  (unsigned)vm_bits(n, 0, 3)};
}

void a64_print_sys(struct a64_printer *p, int64_t value)
{
    struct system_number n = system_number(value);
    a64_put(p, "#%u, C%u, C%u, #%u", n.op1, n.crn, n.crm, n.op2);
}

void a64_print_sysarg(struct a64_printer *p, int64_t value)
{
    if (value != 31) {
        a64_put(p, ", ");
        put_register(p, true, false, value);
    }
}

// Registers that are in no row of sysregs.def.
static const struct {
    uint16_t number;
    const char *name;
} pstate_registers[] = {
    {A64_SYS(3, 0, 4, 2, 0), "SPSel"}, {A64_SYS(3, 0, 4, 2, 2), "CurrentEL"},
    {A64_SYS(3, 0, 4, 2, 3), "PAN"},   {A64_SYS(3, 0, 4, 2, 4), "UAO"},
    {A64_SYS(3, 3, 4, 2, 0), "NZCV"},  {A64_SYS(3, 3, 4, 2, 1), "DAIF"},
    {A64_SYS(3, 3, 4, 2, 5), "DIT"},   {A64_SYS(3, 3, 4, 2, 6), "SSBS"},
    {A64_SYS(3, 3, 4, 4, 0), "FPCR"},  {A64_SYS(3, 3, 4, 4, 1), "FPSR"},
    {A64_SYS(3, 3, 2, 4, 0), "RNDR"},  {A64_SYS(3, 3, 2, 4, 1), "RNDRRS"},
};

// NULL: it has none, or shares one with others.
static const char *sysreg_name(const struct a64_printer *p, uint16_t number)
{
    const struct a64_sysreg *row = a64_find_sysreg(p->config, number);
    if (row)
        return row->count == 1 ? row->name : NULL;
    for (size_t i = 0; i < VM_ARRAY_SIZE(pstate_registers); i++) {
        if (pstate_registers[i].number == number)
            return pstate_registers[i].name;
    }
    return NULL;
}

void a64_print_sysreg(struct a64_printer *p, int64_t value)
{
    const char *name = sysreg_name(p, (uint16_t)value);
    for (const char *c = name; c && *c; c++)
        a64_put(p, "%c", *c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c);
    if (name)
        return;
    struct system_number n = system_number(value);
    a64_put(p, "s%u_%u_c%u_c%u_%u", n.op0, n.op1, n.crn, n.crm, n.op2);
}

void a64_print_pstate(struct a64_printer *p, int64_t value)
{
    enum { PER_OP1 = 8 };
    static const char *const names[] = {
        [3] = "uao",
        [4] = "pan",
        [5] = "spsel",
        [3 * PER_OP1 + 1] = "ssbs",
        [3 * PER_OP1 + 2] = "dit",
        [3 * PER_OP1 + 6] = "daifset",
        [3 * PER_OP1 + 7] = "daifclr",
    };
    struct system_number n = system_number(value);
    a64_put(p, "%s", names[n.op1 * PER_OP1 + n.op2]);
}

// Takes back the separator that a template leaves before operands that print as nothing.
static void trim(struct a64_printer *p)
{
    if (p->length && p->length < p->size && p->out[p->length - 1] == '\t')
        p->out[--p->length] = 0;
}

unsigned a64_disassemble(const void *config, uint64_t pc, const uint8_t *bytes, size_t available,
                         char *out, size_t size)
{
    struct a64_args a;
    struct a64_printer p = {.out = out, .size = size, .pc = pc, .args = &a, .config = config};
    if (available < 4) {
        a64_put(&p, ".byte\t0x%02x", available ? bytes[0] : 0);
        return 1;
    }
    p.word = vm_load_le32(bytes);
    const struct a64_row *row = a64_decode(config, p.word, &a);
    if (row) {
        a64_write_insn(&p, row, &a);
        trim(&p);
    } else {
        a64_put(&p, ".inst\t0x%08x ; undefined", p.word);
    }
    return 4;
}
