// SPDX-License-Identifier: MIT
//
// How the operands of floating-point instructions are printed. Formats are as in ftype.
#include "disassemble.h"
#include "help_fp.h"

static char letter(unsigned size)
{
    return size == A64_FP_HALF ? 'h' : size == A64_FP_DOUBLE ? 'd' : 's';
}

static void put_vector(struct a64_printer *p, int64_t n, unsigned count, char lanes)
{
    a64_put(p, "v%u.%u%c", (unsigned)n, count, lanes);
}

void a64_print_fp(struct a64_printer *p, int64_t value)
{
    a64_put(p, "%c%u", letter(p->args->size), (unsigned)value);
}

void a64_print_fpto(struct a64_printer *p, int64_t value)
{
    a64_put(p, "%c%u", letter(p->args->opc), (unsigned)value);
}

void a64_print_ft(struct a64_printer *p, int64_t value)
{
    a64_put(p, "%c%u", "bhsdq"[p->args->size], (unsigned)value);
}

void a64_print_number(struct a64_printer *p, int64_t value)
{
    a64_put(p, "%u", (unsigned)value);
}

// A constant is 16 to 31 times 2^k / 128, k from 0 to 7: exact with seven decimals. 18 are shown.
void a64_print_fpimm(struct a64_printer *p, int64_t value)
{
    enum { SCALE = 10000000 / 128 };
    unsigned exponent = (unsigned)(value >> 4 & 7) ^ 4;
    uint64_t v = (16 + (uint64_t)(value & 15)) * SCALE << exponent; // times 10^7
    int power = 0;
    uint64_t unit = 10000000;
    for (; v < unit; unit /= 10)
        power--;
    for (; v >= 10 * unit; unit *= 10)
        power++;
    uint64_t digits = v % unit * UINT64_C(10000000000) / unit * 100000000;
    a64_put(p, "#%s%u.%018llue%c%02d", value & 0x80 ? "-" : "", (unsigned)(v / unit),
            (unsigned long long)digits, power < 0 ? '-' : '+', power < 0 ? -power : power);
}

void a64_print_fscale(struct a64_printer *p, int64_t value)
{
    a64_put(p, "#%d", 64 - (int)value);
}

void a64_print_fbits(struct a64_printer *p, int64_t value)
{
    a64_put(p, "#%d", 2 * (int)a64_fp_width(p->args->size) - (int)value);
}

void a64_print_rot(struct a64_printer *p, int64_t value)
{
    a64_put(p, "#%d", 90 * (int)value);
}

// --- vectors ---

void a64_print_fv(struct a64_printer *p, int64_t value)
{
    unsigned size = p->args->size;
    put_vector(p, value, (p->args->q ? 128 : 64) / a64_fp_width(size), letter(size));
}

void a64_print_fvn(struct a64_printer *p, int64_t value)
{
    bool whole = p->args->q;
    if (p->args->size)
        put_vector(p, value, whole ? 4 : 2, 's');
    else
        put_vector(p, value, whole ? 8 : 4, 'h');
}

void a64_print_fvw(struct a64_printer *p, int64_t value)
{
    if (p->args->size)
        put_vector(p, value, 2, 'd');
    else
        put_vector(p, value, 4, 's');
}

void a64_print_fvh(struct a64_printer *p, int64_t value)
{
    put_vector(p, value, p->args->q ? 4 : 2, 'h');
}

void a64_print_fvp(struct a64_printer *p, int64_t value)
{
    put_vector(p, value, 2, letter(p->args->size));
}

void a64_print_fve(struct a64_printer *p, int64_t value)
{
    a64_put(p, "v%u.%c[%u]", (unsigned)value, letter(p->args->size), p->args->index);
}
