// SPDX-License-Identifier: MIT
//
// Instructions as text: the tables' templates, with the arguments printed as `objdump -M
// no-aliases` does.
#include "disassemble.h"

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

void a64_print_imm(struct a64_printer *p, int64_t value)
{
    a64_put(p, "#0x%llx", (unsigned long long)value);
}

void a64_print_lsl12(struct a64_printer *p, int64_t value)
{
    if (value)
        a64_put(p, ", lsl #12");
}

unsigned a64_disassemble(const void *config, uint64_t pc, const uint8_t *bytes, size_t available,
                         char *out, size_t size)
{
    struct a64_args a;
    struct a64_printer p = {.out = out, .size = size, .pc = pc, .args = &a};
    if (available < 4) {
        a64_put(&p, ".byte\t0x%02x", available ? bytes[0] : 0);
        return 1;
    }
    p.word = vm_load_le32(bytes);
    const struct a64_row *row = a64_decode(config, p.word, &a);
    if (row)
        a64_write_insn(&p, row, &a);
    else
        a64_put(&p, ".inst\t0x%08x ; undefined", p.word);
    return 4;
}
