// SPDX-License-Identifier: MIT
//
// Instructions as text: the tables' templates, with the arguments printed as the GNU assembler
// reads them. ABI register names, no pseudo-instructions, compressed instructions under their own
// names.
#include "isa.h"
#include "system.h"

#include <vm/base/format.h>
#include <vm/base/memory.h>

struct rv_printer {
    char *out;
    size_t size, length; // length: of the whole text, even if it does not fit
    uint64_t pc;
    const struct rv_args *args;
};

static void put(struct rv_printer *p, const char *fmt, ...) VM_PRINTF(2, 3);

static void put(struct rv_printer *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t at = p->length < p->size ? p->length : p->size;
    p->length += vm_vformat(p->out + at, p->size - at, fmt, args);
    va_end(args);
}

void rv_write_text(struct rv_printer *p, const char *text)
{
    put(p, "%s", text);
}

void rv_print_x(struct rv_printer *p, int64_t value)
{
    static const char *const names[32] = {
        "zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
        "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
        "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
    };
    put(p, "%s", names[value & 31]);
}

void rv_print_f(struct rv_printer *p, int64_t value)
{
    static const char *const names[32] = {
        "ft0", "ft1", "ft2", "ft3", "ft4",  "ft5",  "ft6", "ft7", "fs0",  "fs1",  "fa0",
        "fa1", "fa2", "fa3", "fa4", "fa5",  "fa6",  "fa7", "fs2", "fs3",  "fs4",  "fs5",
        "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
    };
    put(p, "%s", names[value & 31]);
}

void rv_print_dec(struct rv_printer *p, int64_t value)
{
    put(p, "%lld", (long long)value);
}

void rv_print_hint(struct rv_printer *p, int64_t value)
{
    if (value)
        rv_print_dec(p, value);
}

void rv_print_hex(struct rv_printer *p, int64_t value)
{
    put(p, "0x%llx", (unsigned long long)value);
}

void rv_print_upper(struct rv_printer *p, int64_t value)
{
    rv_print_hex(p, value >> 12 & 0xfffff);
}

void rv_print_target(struct rv_printer *p, int64_t value)
{
    rv_print_hex(p, (int64_t)(p->pc + (uint64_t)value));
}

static const char *const rounding_modes[8] = {"rne", "rtz", "rdn", "rup", "rmm", "5", "6", "dyn"};
enum { RNE = 0, DYN = 7 };

void rv_print_rm(struct rv_printer *p, int64_t value)
{
    if (value != DYN)
        put(p, ",%s", rounding_modes[value & 7]);
}

void rv_print_exact(struct rv_printer *p, int64_t value)
{
    if (value != RNE)
        put(p, ",%s", rounding_modes[value & 7]);
}

// The template names aq; rl is the other half of the suffix.
void rv_print_order(struct rv_printer *p, int64_t value)
{
    if (value || p->args->rl)
        put(p, ".%s%s", value ? "aq" : "", p->args->rl ? "rl" : "");
}

void rv_print_iorw(struct rv_printer *p, int64_t value)
{
    put(p, "%s%s%s%s%s", value & 8 ? "i" : "", value & 4 ? "o" : "", value & 2 ? "r" : "",
        value & 1 ? "w" : "", value & 15 ? "" : "0");
}

void rv_print_fli(struct rv_printer *p, int64_t value)
{
    static const char *const constants[32] = {
        "-1.0", "min",    "0x1p-16", "0x1p-15", "0x1p-8",  "0x1p-7",  "0.0625", "0.125",
        "0.25", "0.3125", "0.375",   "0.4375",  "0.5",     "0.625",   "0.75",   "0.875",
        "1.0",  "1.25",   "1.5",     "1.75",    "2.0",     "2.5",     "3.0",    "4.0",
        "8.0",  "16.0",   "128.0",   "256.0",   "32768.0", "65536.0", "inf",    "nan",
    };
    put(p, "%s", constants[value & 31]);
}

// A row of the CSR table may stand for several registers, numbered on from the name of the first.
void rv_print_csr(struct rv_printer *p, int64_t value)
{
    const struct rv_csr *row = rv_csr_find((unsigned)value);
    if (!row) {
        rv_print_hex(p, value);
        return;
    }
    unsigned n = (unsigned)value - row->address, letters = 0, first = 0;
    for (unsigned i = 0; row->name[i]; i++) {
        bool digit = row->name[i] >= '0' && row->name[i] <= '9';
        letters = digit ? letters : i + 1;
        first = digit ? first * 10 + (unsigned)(row->name[i] - '0') : 0;
    }
    if (row->count == 1)
        put(p, "%s", row->name);
    else
        put(p, "%.*s%u", (int)letters, row->name, first + n);
}

// Takes back the separator that a template leaves before operands that print as nothing.
static void trim(struct rv_printer *p)
{
    if (p->length && p->length < p->size && p->out[p->length - 1] == '\t')
        p->out[--p->length] = 0;
}

unsigned rv_disassemble(const void *config, uint64_t pc, const uint8_t *bytes, size_t available,
                        char *out, size_t size)
{
    struct rv_args a;
    struct rv_printer p = {.out = out, .size = size, .pc = pc, .args = &a};
    if (available < 2) {
        put(&p, ".byte\t0x%02x", available ? bytes[0] : 0);
        return 1;
    }
    uint32_t word = vm_load_le16(bytes);
    bool wide = (word & 3) == 3;
    if (wide && available >= 4)
        word = vm_load_le32(bytes);
    const struct rv_row *row = wide && available < 4 ? NULL : rv_decode(config, word, &a);
    if (row) {
        rv_write_insn(&p, row, &a);
        trim(&p);
    } else if (wide && available >= 4) {
        put(&p, ".word\t0x%08x", word);
    } else {
        put(&p, ".half\t0x%04x", word);
    }
    return wide && available >= 4 ? 4 : 2;
}
