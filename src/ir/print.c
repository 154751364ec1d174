// SPDX-License-Identifier: MIT
//
// The printer of the text form.
#include <vm/ir/text.h>

#include "words.h"

#include <vm/base/format.h>

struct out {
    char *text;
    size_t size, length; // room; what has been written or would have been
};

static void write(struct out *o, const char *fmt, ...) VM_PRINTF(2, 3);

static void write(struct out *o, const char *fmt, ...)
{
    size_t at = o->length < o->size ? o->length : o->size;
    va_list args;
    va_start(args, fmt);
    o->length += vm_vformat(o->text ? o->text + at : NULL, o->size - at, fmt, args);
    va_end(args);
}

static void write_hex(struct out *o, uint64_t v)
{
    write(o, "0x%llx", (unsigned long long)v);
}

// The attribute words, and as a number what no word covers.
static void write_words(struct out *o, unsigned code, uint32_t attr)
{
    const struct vm_ir_word *w;
    uint32_t required = vm_ir_words_required(code), covered = 0;
    const char *before = " {";
    unsigned shift;
    for (unsigned i = 0; (w = vm_ir_words_of(code, i, &shift)); i++) {
        for (; w->name; w++) {
            uint32_t mask = w->mask << shift;
            if ((attr & mask) != w->value << shift || (!w->value && !(mask & required)))
                continue;
            write(o, "%s%s", before, w->name);
            covered |= mask;
            before = ", ";
        }
    }
    if (attr & ~covered) {
        write(o, "%s0x%x", before, attr & ~covered);
        before = ", ";
    }
    if (before[0] == ',')
        write(o, "}");
}

static void write_value(struct out *o, const char *before, vm_ir_value v)
{
    if (v == VM_IR_NONE)
        write(o, "%s%%none", before);
    else
        write(o, "%s%%%u", before, v);
}

static void write_args(struct out *o, const struct vm_ir_region *r, const struct vm_ir_op *op,
                       unsigned from, const char *before)
{
    unsigned count = vm_ir_op_args(r, op);
    for (unsigned i = from; i < count && i < 4; i++) {
        write_value(o, before, op->args[i]);
        before = ", ";
    }
}

static void write_field(struct out *o, const struct vm_ir_region *r, const struct vm_ir_op *op)
{
    write_args(o, r, op, 0, " ");
    write(o, ", %u, %u", VM_IR_FIELD_POS(op->attr), VM_IR_FIELD_LEN(op->attr));
    write_words(o, op->code, op->attr & ~0xffffu);
}

static void write_lane(struct out *o, const struct vm_ir_region *r, const struct vm_ir_op *op)
{
    write_args(o, r, op, 0, " ");
    write(o, ", %u", vm_ir_vec_imm(op->attr));
    write_words(o, op->code, op->attr & ~VM_IR_VIMM(0xff));
}

static void write_memory(struct out *o, const struct vm_ir_region *r, const struct vm_ir_op *op)
{
    write_value(o, " ", op->args[0]);
    if (op->imm) {
        bool negative = op->imm >> 63;
        write(o, negative ? " - " : " + ");
        write_hex(o, negative ? 0 - op->imm : op->imm);
    }
    write_args(o, r, op, 1, ", ");
    write_words(o, op->code, op->attr);
}

static void write_access_set(struct out *o, const char *before, unsigned set)
{
    write(o, "%s%s%s%s%s%s", before, set & 8 ? "i" : "", set & 4 ? "o" : "", set & 2 ? "r" : "",
          set & 1 ? "w" : "", set & 15 ? "" : "none");
}

static void write_target(struct out *o, const struct vm_ir_region *r, const struct vm_ir_op *op,
                         unsigned which, const char *before)
{
    uint16_t targets[2];
    unsigned count;
    vm_ir_successors(op, targets);
    const vm_ir_value *args = vm_ir_target_args(r, op, which, &count);
    write(o, "%sb%u", before, targets[which]);
    for (unsigned i = 0; i < count; i++)
        write_value(o, i ? ", " : "(", args[i]);
    if (count)
        write(o, ")");
}

static void write_entry(struct out *o, const struct vm_ir_region *r, const struct vm_ir_op *op)
{
    if (op->imm < r->regfile->count)
        write(o, " %s", r->regfile->registers[op->imm].name);
    else
        write(o, " entry_%llu", (unsigned long long)op->imm);
    write_args(o, r, op, 0, ", ");
}

static void write_call(struct out *o, const struct vm_ir_region *r, const struct vm_ir_op *op)
{
    write(o, " %s(", op->imm < r->helper_count ? r->helpers[op->imm].name : "none");
    write_args(o, r, op, 0, "");
    write(o, ")");
}

// The hint of a goto or goto_ind.
static void write_hint(struct out *o, const struct vm_ir_op *op)
{
    unsigned hint = vm_ir_hint_of(op);
    if (op->attr)
        write(o, ", %s", hint < VM_IR_HINT_NAMES ? vm_ir_hint_names[hint] : "none");
    if (vm_ir_hint_pushes((enum vm_ir_hint)hint))
        write(o, " 0x%llx", (unsigned long long)vm_ir_return_offset(op));
}

static void write_operands(struct out *o, const struct vm_ir_region *r, const struct vm_ir_op *op)
{
    unsigned long long imm = op->imm;
    switch (vm_ir_form_of(op->code)) {
    case VM_IR_FORM_INSN: write(o, " 0x%llx %u", imm, op->attr); break;
    case VM_IR_FORM_IMM: write(o, " 0x%llx", imm); break;
    case VM_IR_FORM_ENTRY: write_entry(o, r, op); break;
    case VM_IR_FORM_FIELD: write_field(o, r, op); break;
    case VM_IR_FORM_LANE: write_lane(o, r, op); break;
    case VM_IR_FORM_COND:
        write_value(o, " ", op->args[0]);
        write(o, ", %s%s", op->attr & VM_IR_COND_NOT ? "not " : "", vm_ir_cond_names[op->attr & 7]);
        break;
    case VM_IR_FORM_MEMORY: write_memory(o, r, op); break;
    case VM_IR_FORM_FENCE:
        write_access_set(o, " ", op->attr >> 4);
        write_access_set(o, ", ", op->attr);
        break;
    case VM_IR_FORM_CALL: write_call(o, r, op); break;
    case VM_IR_FORM_JUMP: write_target(o, r, op, 0, " "); break;
    case VM_IR_FORM_BRANCH:
        write_value(o, " ", op->args[0]);
        write_target(o, r, op, 0, ", ");
        write_target(o, r, op, 1, ", ");
        break;
    case VM_IR_FORM_GOTO:
        write(o, " 0x%llx", imm);
        write_hint(o, op);
        break;
    case VM_IR_FORM_HINT:
        write_value(o, " ", op->args[0]);
        write_hint(o, op);
        break;
    case VM_IR_FORM_RAISE:
        write(o, " 0x%llx", imm);
        write_value(o, ", ", op->args[0]);
        break;
    case VM_IR_FORM_EXIT:
        write(o, " %s, 0x%llx", op->attr < VM_IR_EXIT_NAMES ? vm_ir_exit_names[op->attr] : "none",
              imm);
        break;
    case VM_IR_FORM_PLAIN:
        write_args(o, r, op, 0, " ");
        write_words(o, op->code, op->attr);
        break;
    }
}

static void write_op(struct out *o, const struct vm_ir_region *r, vm_ir_value v)
{
    const struct vm_ir_op *op = &r->ops[v];
    if (vm_ir_value_type(r, v) != VM_VOID)
        write(o, "%%%u = ", v);
    write(o, "%s", vm_ir_op_infos[op->code].name);
    if (vm_ir_only_type(op->code) == VM_TYPE_COUNT && op->code != VM_IR_put)
        write(o, ".%s", op->type < VM_TYPE_COUNT ? vm_ir_type_names[op->type] : "none");
    write_operands(o, r, op);
}

size_t vm_ir_print_op(const struct vm_ir_region *r, vm_ir_value v, char *out, size_t size)
{
    struct out o = {out, size, 0};
    write_op(&o, r, v);
    return o.length;
}

static void write_block(struct out *o, const struct vm_ir_region *r, unsigned block)
{
    const struct vm_ir_block *b = &r->blocks[block];
    write(o, "b%u", block);
    for (unsigned i = 0; i < b->params; i++)
        write(o, "%s%%%u: %s", i ? ", " : "(", b->first + i,
              vm_ir_type_names[r->ops[b->first + i].type]);
    write(o, b->params ? "):\n" : ":\n");
    for (unsigned i = b->params; i < b->count; i++) {
        write(o, "  ");
        write_op(o, r, (vm_ir_value)(b->first + i));
        write(o, "\n");
    }
}

// The block that has ops at `from` or next after it; block_count if there is none. `guess` is where
// it usually is.
static unsigned block_after(const struct vm_ir_region *r, unsigned from, unsigned guess)
{
    if (guess < r->block_count && r->blocks[guess].first == from && r->blocks[guess].count)
        return guess;
    unsigned best = r->block_count;
    for (unsigned i = 0; i < r->block_count; i++) {
        const struct vm_ir_block *b = &r->blocks[i];
        if (b->count && b->first >= from &&
            (best == r->block_count || b->first < r->blocks[best].first))
            best = i;
    }
    return best;
}

size_t vm_ir_print(const struct vm_ir_region *r, char *out, size_t size)
{
    struct out o = {out, size, 0};
    if (size)
        out[0] = 0;
    write(&o, "region {\n");
    unsigned block = block_after(r, 0, 0);
    while (block < r->block_count) {
        write_block(&o, r, block);
        block = block_after(r, r->blocks[block].first + r->blocks[block].count, block + 1);
    }
    write(&o, "}\n");
    return o.length;
}

char *vm_ir_print_all(const struct vm_ir_region *r, struct vm_arena *arena)
{
    size_t size = vm_ir_print(r, NULL, 0) + 1;
    char *text = vm_arena_alloc(arena, size, 1);
    if (text)
        vm_ir_print(r, text, size);
    return text;
}
