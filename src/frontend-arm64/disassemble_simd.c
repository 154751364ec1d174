// SPDX-License-Identifier: MIT
//
// How the operands of Advanced SIMD and cryptographic instructions are printed.
#include "disassemble.h"

static char letter(unsigned size)
{
    return "bhsdq"[size];
}

// Vn.<T> with elements of 1 << size bytes.
static void put_vector(struct a64_printer *p, int64_t n, unsigned size, bool whole)
{
    a64_put(p, "v%u.%u%c", (unsigned)n, (whole ? 16u : 8u) >> size, letter(size));
}

static void put_scalar(struct a64_printer *p, int64_t n, unsigned size)
{
    a64_put(p, "%c%u", letter(size), (unsigned)n);
}

static void put_element(struct a64_printer *p, int64_t n, unsigned size, int64_t index)
{
    a64_put(p, "v%u.%c[%u]", (unsigned)n, letter(size), (unsigned)index);
}

static void put_vector_or_scalar(struct a64_printer *p, int64_t n, unsigned size, bool whole)
{
    if (p->args->op)
        put_scalar(p, n, size);
    else
        put_vector(p, n, size, whole);
}

void a64_print_v(struct a64_printer *p, int64_t value)
{
    put_vector_or_scalar(p, value, p->args->size, p->args->q);
}

void a64_print_vw(struct a64_printer *p, int64_t value)
{
    put_vector_or_scalar(p, value, p->args->size + 1u, true);
}

void a64_print_vp(struct a64_printer *p, int64_t value)
{
    put_vector(p, value, p->args->size + 1u, p->args->q);
}

void a64_print_vd(struct a64_printer *p, int64_t value)
{
    put_scalar(p, value, p->args->size);
}

void a64_print_vdw(struct a64_printer *p, int64_t value)
{
    put_scalar(p, value, p->args->size + 1u);
}

void a64_print_vb(struct a64_printer *p, int64_t value)
{
    put_vector(p, value, 0, p->args->q);
}

void a64_print_v4by(struct a64_printer *p, int64_t value)
{
    put_vector(p, value, 2, p->args->q);
}

void a64_print_v16b(struct a64_printer *p, int64_t value)
{
    put_vector(p, value, 0, true);
}

void a64_print_v4s(struct a64_printer *p, int64_t value)
{
    put_vector(p, value, 2, true);
}

void a64_print_v2d(struct a64_printer *p, int64_t value)
{
    put_vector(p, value, 3, true);
}

void a64_print_vq1(struct a64_printer *p, int64_t value)
{
    put_vector(p, value, 4, true);
}

void a64_print_ve(struct a64_printer *p, int64_t value)
{
    put_element(p, value, p->args->size, p->args->index);
}

void a64_print_ve2(struct a64_printer *p, int64_t value)
{
    put_element(p, value, p->args->size, p->args->imm);
}

void a64_print_vm(struct a64_printer *p, int64_t value)
{
    unsigned index = p->args->index;
    if (p->args->size == 2)
        put_element(p, value | (index & 1) << 4, 2, index >> 1);
    else
        put_element(p, value, 1, index);
}

void a64_print_v4b(struct a64_printer *p, int64_t value)
{
    a64_put(p, "v%u.4b[%u]", (unsigned)value, p->args->index);
}

void a64_print_half(struct a64_printer *p, int64_t value)
{
    if (value)
        a64_put(p, "2");
}

// Registers first to first + count - 1, modulo 32, as objdump shortens lists: it does not where
// they wrap around, nor those of two.
static void put_list(struct a64_printer *p, unsigned first, unsigned count, const char *kind)
{
    unsigned last = (first + count - 1) & 31;
    if (count > 2 && last > first) {
        a64_put(p, "{v%u.%s-v%u.%s}", first, kind, last, kind);
        return;
    }
    for (unsigned i = 0; i < count; i++)
        a64_put(p, "%sv%u.%s", i ? ", " : "{", (first + i) & 31, kind);
    a64_put(p, "}");
}

void a64_print_vlist(struct a64_printer *p, int64_t value)
{
    put_list(p, (unsigned)value, p->args->len + 1u, "16b");
}

void a64_print_vl(struct a64_printer *p, int64_t value)
{
    static const char *const kinds[] = {"8b", "16b", "4h", "8h", "2s", "4s", "1d", "2d"};
    put_list(p, (unsigned)value, p->args->len + 1u, kinds[p->args->size << 1 | p->args->q]);
}

void a64_print_vle(struct a64_printer *p, int64_t value)
{
    char kind[2] = {letter(p->args->size), 0};
    put_list(p, (unsigned)value, p->args->len + 1u, kind);
    a64_put(p, "[%u]", p->args->index);
}

static void put_post(struct a64_printer *p, int64_t rm, unsigned bytes)
{
    if (rm == 31)
        a64_put(p, "#%u", bytes);
    else
        a64_put(p, "x%u", (unsigned)rm);
}

void a64_print_vpost(struct a64_printer *p, int64_t value)
{
    put_post(p, value, (p->args->len + 1u) << (p->args->q ? 4 : 3));
}

void a64_print_vposte(struct a64_printer *p, int64_t value)
{
    put_post(p, value, (p->args->len + 1u) << p->args->size);
}

// The highest bit of immh tells the size of the elements.
static unsigned shift_size(const struct a64_printer *p)
{
    unsigned immh = (unsigned)p->args->imm >> 3;
    return immh >> 3 ? 3 : immh >> 2 ? 2 : immh >> 1;
}

void a64_print_vshr(struct a64_printer *p, int64_t value)
{
    a64_put(p, "#%d", (16 << shift_size(p)) - (int)value);
}

void a64_print_vshl(struct a64_printer *p, int64_t value)
{
    a64_put(p, "#%d", (int)value - (8 << shift_size(p)));
}

void a64_print_vsi(struct a64_printer *p, int64_t value)
{
    put_vector_or_scalar(p, value, shift_size(p), p->args->q);
}

void a64_print_vsiw(struct a64_printer *p, int64_t value)
{
    put_vector_or_scalar(p, value, shift_size(p) + 1, true);
}

void a64_print_vwidth(struct a64_printer *p, int64_t value)
{
    a64_put(p, "#%u", 8u << value);
}

// imm is cmode:imm8.
void a64_print_vt(struct a64_printer *p, int64_t value)
{
    unsigned cmode = (unsigned)p->args->imm >> 8;
    put_vector(p, value, cmode == 14 ? 0 : cmode >> 2 == 2 ? 1 : 2, p->args->q);
}

void a64_print_vimm(struct a64_printer *p, int64_t value)
{
    unsigned cmode = (unsigned)value >> 8;
    a64_put(p, "#0x%x", (unsigned)value & 0xff);
    if (cmode >> 1 == 6)
        a64_put(p, ", msl #%u", cmode & 1 ? 16 : 8);
    else if (cmode < 12 && cmode & 6)
        a64_put(p, ", lsl #%u", (cmode & (cmode & 8 ? 2 : 6)) * 4);
}

void a64_print_vt64(struct a64_printer *p, int64_t value)
{
    if (p->args->q)
        put_vector(p, value, 3, true);
    else
        put_scalar(p, value, 3);
}

void a64_print_vimm64(struct a64_printer *p, int64_t value)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < 8; i++)
        bits |= value >> i & 1 ? UINT64_C(0xff) << (i * 8) : 0;
    a64_put(p, "#0x%llx", (unsigned long long)bits);
}

static void put_general(struct a64_printer *p, bool wide, int64_t n)
{
    if (n == 31)
        a64_put(p, wide ? "xzr" : "wzr");
    else
        a64_put(p, "%c%u", wide ? 'x' : 'w', (unsigned)n);
}

void a64_print_gpr(struct a64_printer *p, int64_t value)
{
    put_general(p, p->args->size == 3, value);
}

void a64_print_gprq(struct a64_printer *p, int64_t value)
{
    put_general(p, p->args->q, value);
}

void a64_print_vq(struct a64_printer *p, int64_t value)
{
    put_scalar(p, value, 4);
}

void a64_print_vs(struct a64_printer *p, int64_t value)
{
    put_scalar(p, value, 2);
}

void a64_print_vsm3(struct a64_printer *p, int64_t value)
{
    put_element(p, value, 2, p->args->index);
}
