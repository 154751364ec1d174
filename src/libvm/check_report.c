// SPDX-License-Identifier: MIT
//
// What is printed where engine and interpreter differ: the step's guest code, its IR, the host's
// code, and all registers of both.
#include <stdarg.h>
#include <vm/base/format.h>
#include <vm/base/memory.h>
#include <vm/core/translate.h>
#include <vm/ir/text.h>

#include "check.h"

enum { MOST_INSNS = 64, LINE = 256 };

static void say(const struct check *c, const char *fmt, ...) VM_PRINTF(2, 3);

static void say(const struct check *c, const char *fmt, ...)
{
    char line[LINE];
    va_list args;
    va_start(args, fmt);
    vm_vformat(line, sizeof line, fmt, args);
    va_end(args);
    c->options->text(c->options->context, line);
}

static void say_value(const struct check *c, const struct vm_register *r, const void *state)
{
    const uint8_t *p = (const uint8_t *)state + r->offset;
    for (unsigned i = vm_ir_type_bytes((enum vm_type)r->type); i-- > 0;)
        say(c, "%02x", p[i]);
}

// Before the step, after it on the engine, and after it on the interpreter.
static void say_registers(const struct check *c)
{
    const struct vm_regfile *f = c->vm->guest->regfile;
    say(c, "registers: before, engine, interpreter\n");
    for (uint16_t i = 0; i < f->count; i++) {
        const struct vm_register *r = &f->registers[i];
        unsigned bytes = vm_ir_type_bytes((enum vm_type)r->type);
        const char *a = (const char *)c->a->state + r->offset;
        bool same = r->class == VM_REG_HINT ||
                    vm_compare(a, (const char *)c->b->state + r->offset, bytes) == 0;
        say(c, "%s %-14s ", same ? " " : "!", r->name);
        say_value(c, r, c->start);
        say(c, " ");
        say_value(c, r, c->a->state);
        say(c, " ");
        say_value(c, r, c->b->state);
        say(c, "\n");
    }
}

static void say_guest_code(const struct check *c, uint64_t count)
{
    uint64_t pc = c->start_pc;
    say(c, "guest code from %#lx on\n", pc);
    for (uint64_t i = 0; i < count && i < MOST_INSNS; i++) {
        uint8_t bytes[16];
        char text[128];
        size_t size = sizeof bytes;
        while (size > 0 && vm_read_virtual(c->vm, 0, vm_gva_of(pc), bytes, size, NULL) != VM_OK)
            size -= 2;
        if (size == 0)
            return;
        unsigned n = c->vm->guest->disassemble(c->vm->config, pc, bytes, size, text, sizeof text);
        say(c, "  %#lx  %s\n", pc, text);
        pc += n;
    }
}

// The step's first block, translated anew where the mapping still leads to it.
static void say_ir(struct check *c)
{
    struct vm_ir_region region;
    struct vm_block_source source;
    vm_arena_reset(&c->arena);
    if (!vm_translate_block(c->b, MOST_INSNS, &c->arena, &region, &source))
        return;
    const char *text = vm_ir_print_all(&region, &c->arena);
    if (!text)
        return;
    say(c, "IR\n");
    c->options->text(c->options->context, text);
}

static void say_host_code(const struct check *c)
{
    size_t size = 0;
    const struct vm_engine_ops *engine = c->a->engine;
    const uint8_t *code = engine->host_code ? engine->host_code(c->a, &size) : NULL;
    if (!code)
        return;
    say(c, "host code");
    for (size_t i = 0; i < size; i++)
        say(c, "%s%02x", i % 32 ? " " : "\n  ", code[i]);
    say(c, "\n");
}

void check_report(struct check *c, const char *what)
{
    uint64_t count = c->a->icount - c->start_icount;
    say(c, "the engine and the interpreter differ in %s\n", what);
    say(c,
        "step at %#lx, %lu instructions after the start: %lu instructions, the interpreter %lu\n",
        c->start_pc, c->start_icount, count, c->b->icount - c->start_icount);
    say_registers(c);
    say_guest_code(c, count + 1);
    vm_vcpu_set_pc(c->a, c->start_pc);
    vm_vcpu_set_pc(c->b, c->start_pc);
    say_host_code(c);
    say_ir(c);
}
