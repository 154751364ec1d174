// SPDX-License-Identifier: MIT
//
// The parser of the text form. Line by line, without recursion; while it runs, operands hold the
// indexes of symbols, which become op indexes at the end, so that a name may be used before the
// line that defines it.
#include <vm/ir/text.h>

#include "scan.h"
#include "words.h"

#include <vm/base/bits.h>
#include <vm/base/memory.h>
#include <vm/ir/builder.h>

enum { MAX_TARGET_ARGS = 256 };

struct parser {
    struct vm_ir_scan scan;
    struct vm_ir_builder builder;
    bool in_block;
    bool has_name;      // the line began with "%name ="
    uint16_t name;      // its symbol
    struct vm_ir_op op; // the one being read
};

struct target {
    uint16_t block;
    unsigned count;
    vm_ir_value args[MAX_TARGET_ARGS];
};

static bool parse_words(struct parser *p);

static bool parse_value(struct parser *p, unsigned i)
{
    return vm_ir_scan_symbol(&p->scan, &p->op.args[i]);
}

// Operands `from` to `to`, with commas between them.
static bool parse_values(struct parser *p, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        if ((i > from && !vm_ir_scan_expect(&p->scan, ',')) || !parse_value(p, i))
            return false;
    return true;
}

static bool parse_imm(struct parser *p)
{
    return vm_ir_scan_number(&p->scan, UINT64_MAX, &p->op.imm);
}

// One of `count` words; its number is OR-ed into attr.
static bool parse_choice(struct parser *p, const char *const *names, unsigned count)
{
    struct vm_ir_span word;
    if (!vm_ir_scan_word(&p->scan, &word))
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (vm_ir_span_is(word, names[i])) {
            p->op.attr |= i;
            return true;
        }
    }
    return vm_ir_scan_fail(&p->scan, "unknown word '%.*s'", (int)word.length, word.text);
}

static bool parse_insn(struct parser *p)
{
    uint64_t length;
    if (!parse_imm(p) || !vm_ir_scan_number(&p->scan, UINT32_MAX, &length))
        return false;
    p->op.attr = (uint32_t)length;
    return true;
}

static bool parse_const(struct parser *p)
{
    if (!parse_imm(p))
        return false;
    unsigned bits = vm_ir_type_bits((enum vm_type)p->op.type);
    // A negative number is written for its low bits.
    if (p->op.code == VM_IR_const && bits < 64 && p->op.imm >> 63)
        p->op.imm &= vm_mask(bits);
    return true;
}

static bool parse_entry(struct parser *p)
{
    const struct vm_regfile *f = p->builder.region->regfile;
    struct vm_ir_span word;
    if (!vm_ir_scan_word(&p->scan, &word))
        return false;
    uint16_t i = 0;
    while (i < f->count && !vm_ir_span_is(word, f->registers[i].name))
        i++;
    if (i == f->count)
        return vm_ir_scan_fail(&p->scan, "unknown register '%.*s'", (int)word.length, word.text);
    p->op.imm = i;
    if (p->op.type == VM_TYPE_COUNT)
        p->op.type = f->registers[i].type;
    return p->op.code == VM_IR_get || (vm_ir_scan_expect(&p->scan, ',') && parse_value(p, 0));
}

static bool parse_field(struct parser *p)
{
    unsigned count = vm_ir_op_infos[p->op.code].args;
    uint64_t pos, len;
    if (!parse_values(p, 0, count) || !vm_ir_scan_expect(&p->scan, ',') ||
        !vm_ir_scan_number(&p->scan, 255, &pos) || !vm_ir_scan_expect(&p->scan, ',') ||
        !vm_ir_scan_number(&p->scan, 255, &len))
        return false;
    p->op.attr = VM_IR_FIELD(pos, len);
    return parse_words(p);
}

static bool parse_lane(struct parser *p)
{
    unsigned count = vm_ir_op_infos[p->op.code].args;
    uint64_t imm;
    if (!parse_values(p, 0, count) || !vm_ir_scan_expect(&p->scan, ',') ||
        !vm_ir_scan_number(&p->scan, 255, &imm))
        return false;
    p->op.attr = VM_IR_VIMM(imm);
    return parse_words(p);
}

static bool parse_cond(struct parser *p)
{
    if (!parse_value(p, 0) || !vm_ir_scan_expect(&p->scan, ','))
        return false;
    size_t start = (vm_ir_scan_is(&p->scan, 'n'), p->scan.at);
    struct vm_ir_span word;
    if (!vm_ir_scan_word(&p->scan, &word))
        return false;
    if (vm_ir_span_is(word, "not"))
        p->op.attr = VM_IR_COND_NOT;
    else
        p->scan.at = start;
    return parse_choice(p, vm_ir_cond_names, VM_IR_COND_NAMES);
}

static bool parse_memory(struct parser *p)
{
    unsigned count = vm_ir_op_infos[p->op.code].args;
    if (!parse_value(p, 0))
        return false;
    bool minus = vm_ir_scan_is(&p->scan, '-');
    if ((vm_ir_scan_take(&p->scan, '+') || vm_ir_scan_take(&p->scan, '-')) && !parse_imm(p))
        return false;
    if (minus)
        p->op.imm = 0 - p->op.imm;
    if (count > 1 && (!vm_ir_scan_expect(&p->scan, ',') || !parse_values(p, 1, count)))
        return false;
    return parse_words(p);
}

// A set of i, o, r and w, or none.
static bool parse_access_set(struct parser *p, unsigned shift)
{
    static const char letters[] = "wroi";
    struct vm_ir_span word;
    if (!vm_ir_scan_word(&p->scan, &word))
        return false;
    if (vm_ir_span_is(word, "none"))
        return true;
    for (size_t i = 0; i < word.length; i++) {
        unsigned bit = 0;
        while (bit < 4 && letters[bit] != word.text[i])
            bit++;
        if (bit == 4)
            return vm_ir_scan_fail(&p->scan, "expected letters of 'iorw' or 'none'");
        p->op.attr |= 1u << bit << shift;
    }
    return true;
}

static bool parse_call(struct parser *p)
{
    const struct vm_ir_region *r = p->builder.region;
    struct vm_ir_span word;
    if (!vm_ir_scan_word(&p->scan, &word))
        return false;
    uint16_t i = 0;
    while (i < r->helper_count && !vm_ir_span_is(word, r->helpers[i].name))
        i++;
    if (i == r->helper_count)
        return vm_ir_scan_fail(&p->scan, "unknown helper '%.*s'", (int)word.length, word.text);
    p->op.imm = i;
    unsigned args = r->helpers[i].args;
    return vm_ir_scan_expect(&p->scan, '(') && parse_values(p, 0, args < 4 ? args : 4) &&
           vm_ir_scan_expect(&p->scan, ')');
}

static bool parse_block_number(struct parser *p, struct vm_ir_span word, uint16_t *block)
{
    unsigned number = 0;
    bool good = word.length > 1 && word.length <= 5 && word.text[0] == 'b';
    for (size_t i = 1; good && i < word.length; i++) {
        good = word.text[i] >= '0' && word.text[i] <= '9';
        number = number * 10 + (unsigned)(word.text[i] - '0');
    }
    *block = (uint16_t)number;
    return (good && number < VM_IR_MAX_BLOCKS) ||
           vm_ir_scan_fail(&p->scan, "expected a block, b0 to b%d", VM_IR_MAX_BLOCKS - 1);
}

static bool parse_target(struct parser *p, struct target *t)
{
    struct vm_ir_span word;
    t->count = 0;
    if (!vm_ir_scan_word(&p->scan, &word) || !parse_block_number(p, word, &t->block))
        return false;
    if (!vm_ir_scan_take(&p->scan, '('))
        return true;
    do {
        if (t->count == MAX_TARGET_ARGS)
            return vm_ir_scan_fail(&p->scan, "more than %d arguments", MAX_TARGET_ARGS);
        if (!vm_ir_scan_symbol(&p->scan, &t->args[t->count++]))
            return false;
    } while (vm_ir_scan_take(&p->scan, ','));
    return vm_ir_scan_expect(&p->scan, ')');
}

static bool parse_jump(struct parser *p)
{
    struct target t;
    if (!parse_target(p, &t))
        return false;
    vm_ir_jump(&p->builder, t.block, t.args, t.count);
    return true;
}

static bool parse_branch(struct parser *p)
{
    struct target yes, no;
    if (!parse_value(p, 0) || !vm_ir_scan_expect(&p->scan, ',') || !parse_target(p, &yes) ||
        !vm_ir_scan_expect(&p->scan, ',') || !parse_target(p, &no))
        return false;
    vm_ir_branch(&p->builder, p->op.args[0], yes.block, yes.args, yes.count, no.block, no.args,
                 no.count);
    return true;
}

static bool parse_goto(struct parser *p)
{
    uint64_t ret = 0;
    if (!parse_imm(p))
        return false;
    if (!vm_ir_scan_take(&p->scan, ','))
        return true;
    if (!parse_choice(p, vm_ir_hint_names, VM_IR_HINT_NAMES))
        return false;
    if (vm_ir_hint_pushes(vm_ir_hint_of(&p->op)) &&
        !vm_ir_scan_number(&p->scan, VM_IR_GOTO_MAX_RET, &ret))
        return false;
    p->op.attr |= (uint32_t)ret << 8;
    return true;
}

static bool parse_hint(struct parser *p)
{
    if (!parse_value(p, 0) || !vm_ir_scan_take(&p->scan, ','))
        return p->op.args[0] != VM_IR_NONE;
    if (!parse_choice(p, vm_ir_hint_names, VM_IR_HINT_NAMES))
        return false;
    return !vm_ir_hint_pushes(vm_ir_hint_of(&p->op)) || parse_imm(p);
}

static bool parse_operands(struct parser *p)
{
    switch (vm_ir_form_of(p->op.code)) {
    case VM_IR_FORM_INSN: return parse_insn(p);
    case VM_IR_FORM_IMM: return parse_const(p);
    case VM_IR_FORM_ENTRY: return parse_entry(p);
    case VM_IR_FORM_FIELD: return parse_field(p);
    case VM_IR_FORM_LANE: return parse_lane(p);
    case VM_IR_FORM_COND: return parse_cond(p);
    case VM_IR_FORM_MEMORY: return parse_memory(p);
    case VM_IR_FORM_FENCE:
        return parse_access_set(p, 4) && vm_ir_scan_expect(&p->scan, ',') && parse_access_set(p, 0);
    case VM_IR_FORM_CALL: return parse_call(p);
    case VM_IR_FORM_JUMP: return parse_jump(p);
    case VM_IR_FORM_BRANCH: return parse_branch(p);
    case VM_IR_FORM_GOTO: return parse_goto(p);
    case VM_IR_FORM_HINT: return parse_hint(p);
    case VM_IR_FORM_RAISE:
        return parse_imm(p) && vm_ir_scan_expect(&p->scan, ',') && parse_value(p, 0);
    case VM_IR_FORM_EXIT:
        return parse_choice(p, vm_ir_exit_names, VM_IR_EXIT_NAMES) &&
               vm_ir_scan_expect(&p->scan, ',') && parse_imm(p);
    case VM_IR_FORM_PLAIN:
        return parse_values(p, 0, vm_ir_op_infos[p->op.code].args) && parse_words(p);
    }
    return false;
}

static const struct vm_ir_word *find_word(unsigned code, struct vm_ir_span word, unsigned *shift)
{
    const struct vm_ir_word *w;
    for (unsigned i = 0; (w = vm_ir_words_of(code, i, shift)); i++)
        for (; w->name; w++)
            if (vm_ir_span_is(word, w->name))
                return w;
    return NULL;
}

// One word of the list, or a number for attr bits that have none. *given: the bits set so far.
static bool parse_attribute(struct parser *p, uint32_t *given)
{
    struct vm_ir_span word;
    uint64_t bits;
    if (vm_ir_scan_is(&p->scan, '0')) {
        if (!vm_ir_scan_number(&p->scan, UINT32_MAX, &bits))
            return false;
        p->op.attr |= (uint32_t)bits;
        return true;
    }
    if (!vm_ir_scan_word(&p->scan, &word))
        return false;
    unsigned shift;
    const struct vm_ir_word *w = find_word(p->op.code, word, &shift);
    if (!w)
        return vm_ir_scan_fail(&p->scan, "unknown attribute '%.*s'", (int)word.length, word.text);
    if (*given & w->mask << shift)
        return vm_ir_scan_fail(&p->scan, "'%s' contradicts an earlier attribute", w->name);
    *given |= w->mask << shift;
    p->op.attr |= w->value << shift;
    return true;
}

static bool parse_words(struct parser *p)
{
    uint32_t given = 0, required = vm_ir_words_required(p->op.code);
    if (vm_ir_scan_take(&p->scan, '{')) {
        do {
            if (!parse_attribute(p, &given))
                return false;
        } while (vm_ir_scan_take(&p->scan, ','));
        if (!vm_ir_scan_expect(&p->scan, '}'))
            return false;
    }
    if (required & ~given)
        return vm_ir_scan_fail(&p->scan, "%s needs {%s}", vm_ir_op_infos[p->op.code].name,
                               p->op.code == VM_IR_rmw          ? "operation, size"
                               : vm_ir_is_vector_op(p->op.code) ? "lane"
                                                                : "size");
    return true;
}

// "name" or "name.type"
static bool find_code(struct parser *p, struct vm_ir_span word)
{
    struct vm_ir_span name = word, suffix = {0};
    unsigned code = 0, type = VM_TYPE_COUNT;
    for (size_t i = 0; i < word.length && !suffix.text; i++) {
        if (word.text[i] == '.') {
            name.length = i;
            suffix = (struct vm_ir_span){word.text + i + 1, word.length - i - 1};
        }
    }
    while (code < VM_IR_CODE_COUNT && !vm_ir_span_is(name, vm_ir_op_infos[code].name))
        code++;
    if (code == VM_IR_CODE_COUNT || code == VM_IR_param)
        return vm_ir_scan_fail(&p->scan, "unknown op '%.*s'", (int)name.length, name.text);
    if (suffix.text) {
        type = 0;
        while (type < VM_TYPE_COUNT && !vm_ir_span_is(suffix, vm_ir_type_names[type]))
            type++;
        if (type == VM_TYPE_COUNT)
            return vm_ir_scan_fail(&p->scan, "unknown type '%.*s'", (int)suffix.length,
                                   suffix.text);
    } else if (code != VM_IR_get && code != VM_IR_put) {
        type = vm_ir_only_type(code);
        if (type == VM_TYPE_COUNT)
            return vm_ir_scan_fail(&p->scan, "%s needs a type", vm_ir_op_infos[code].name);
    }
    p->op.code = (uint16_t)code;
    p->op.type = (uint8_t)type;
    return true;
}

static bool define(struct parser *p, uint16_t name, uint32_t value)
{
    struct vm_ir_symbol *symbol = &p->scan.symbols[name];
    if (symbol->value != VM_IR_NONE)
        return vm_ir_scan_fail(&p->scan, "%%%.*s is defined twice", (int)symbol->name.length,
                               symbol->name.text);
    symbol->value = (uint16_t)value;
    return true;
}

static void append_op(struct parser *p)
{
    if (p->op.code == VM_IR_insn)
        vm_ir_insn(&p->builder, p->op.imm, p->op.attr);
    else if (p->op.code != VM_IR_jump && p->op.code != VM_IR_branch)
        vm_ir_append(&p->builder, &p->op);
}

static bool parse_op(struct parser *p, struct vm_ir_span word)
{
    const struct vm_ir_region *r = p->builder.region;
    uint32_t at = r->op_count;
    p->op = (struct vm_ir_op){.args = {VM_IR_NONE, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE}};
    if (!p->in_block)
        return vm_ir_scan_fail(&p->scan, "expected a block, such as b0:");
    if (!find_code(p, word) || !parse_operands(p))
        return false;
    append_op(p);
    if (r->overflow)
        return vm_ir_scan_fail(&p->scan, "the region is too large");
    bool defines = vm_ir_value_type(r, (vm_ir_value)at) != VM_VOID;
    if (defines != p->has_name)
        return vm_ir_scan_fail(&p->scan,
                               defines ? "%s needs a name for its value" : "%s defines no value",
                               vm_ir_op_infos[p->op.code].name);
    return !p->has_name || define(p, p->name, at);
}

static bool parse_params(struct parser *p)
{
    do {
        uint16_t name;
        struct vm_ir_span word;
        unsigned type = VM_VOID + 1;
        if (!vm_ir_scan_symbol(&p->scan, &name) || !vm_ir_scan_expect(&p->scan, ':') ||
            !vm_ir_scan_word(&p->scan, &word))
            return false;
        while (type < VM_TYPE_COUNT && !vm_ir_span_is(word, vm_ir_type_names[type]))
            type++;
        if (type == VM_TYPE_COUNT)
            return vm_ir_scan_fail(&p->scan, "unknown type '%.*s'", (int)word.length, word.text);
        uint32_t at = p->builder.region->op_count;
        vm_ir_param(&p->builder, (enum vm_type)type);
        if (p->builder.region->overflow)
            return vm_ir_scan_fail(&p->scan, "the region is too large");
        if (!define(p, name, at))
            return false;
    } while (vm_ir_scan_take(&p->scan, ','));
    return vm_ir_scan_expect(&p->scan, ')');
}

static bool parse_block(struct parser *p, struct vm_ir_span word)
{
    struct vm_ir_region *r = p->builder.region;
    uint16_t block;
    if (!parse_block_number(p, word, &block))
        return false;
    if (p->in_block && !r->blocks[p->builder.block].count)
        return vm_ir_scan_fail(&p->scan, "the block before is empty");
    while (r->block_count <= block && !r->overflow)
        vm_ir_new_block(&p->builder);
    if (r->overflow)
        return vm_ir_scan_fail(&p->scan, "the region is too large");
    if (r->blocks[block].count)
        return vm_ir_scan_fail(&p->scan, "b%u is defined twice", block);
    vm_ir_start_block(&p->builder, block);
    p->in_block = true;
    if (vm_ir_scan_take(&p->scan, '(') && !parse_params(p))
        return false;
    return vm_ir_scan_expect(&p->scan, ':');
}

static bool parse_line(struct parser *p)
{
    struct vm_ir_span word;
    p->has_name = vm_ir_scan_is(&p->scan, '%');
    if (p->has_name &&
        (!vm_ir_scan_symbol(&p->scan, &p->name) || !vm_ir_scan_expect(&p->scan, '=')))
        return false;
    if (!vm_ir_scan_word(&p->scan, &word))
        return false;
    bool header = vm_ir_scan_is(&p->scan, ':') || vm_ir_scan_is(&p->scan, '(');
    if (header && !p->has_name ? !parse_block(p, word) : !parse_op(p, word))
        return false;
    return vm_ir_scan_end_line(&p->scan);
}

static bool resolve(struct parser *p, vm_ir_value *v)
{
    if (*v == VM_IR_NONE)
        return true;
    const struct vm_ir_symbol *symbol = &p->scan.symbols[*v];
    *v = symbol->value;
    if (symbol->value != VM_IR_NONE)
        return true;
    p->scan.line = symbol->line;
    return vm_ir_scan_fail(&p->scan, "%%%.*s is used and never defined", (int)symbol->name.length,
                           symbol->name.text);
}

static bool resolve_all(struct parser *p)
{
    struct vm_ir_region *r = p->builder.region;
    for (uint32_t i = 0; i < r->op_count; i++) {
        struct vm_ir_op *op = &r->ops[i];
        bool extra = op->code == VM_IR_jump || op->code == VM_IR_branch;
        for (unsigned a = 0; a < (extra ? 3 : 4); a++)
            if (!resolve(p, &op->args[a]))
                return false;
    }
    for (uint32_t i = 0; i < r->extra_count; i++)
        if (!resolve(p, &r->extra[i]))
            return false;
    return true;
}

static bool parse_region(struct parser *p)
{
    struct vm_ir_span word;
    if (!vm_ir_scan_next_line(&p->scan) || !vm_ir_scan_word(&p->scan, &word) ||
        !vm_ir_span_is(word, "region") || !vm_ir_scan_expect(&p->scan, '{') ||
        !vm_ir_scan_end_line(&p->scan))
        return vm_ir_scan_fail(&p->scan, "expected 'region {'");
    while (vm_ir_scan_next_line(&p->scan) && !vm_ir_scan_is(&p->scan, '}'))
        if (!parse_line(p))
            return false;
    if (p->in_block && !p->builder.region->blocks[p->builder.block].count)
        return vm_ir_scan_fail(&p->scan, "the block before is empty");
    if (!vm_ir_scan_expect(&p->scan, '}') || !vm_ir_scan_end_line(&p->scan))
        return false;
    if (vm_ir_scan_next_line(&p->scan))
        return vm_ir_scan_fail(&p->scan, "expected nothing after the region");
    return resolve_all(p);
}

vm_status vm_ir_parse(const char *text, size_t length, struct vm_ir_region *out,
                      struct vm_arena *arena, const struct vm_regfile *regfile,
                      const struct vm_ir_helper *helpers, uint16_t helper_count, struct vm_error *e)
{
    struct vm_error ignored;
    struct parser p = {
        .scan = {.text = text, .length = length, .line = 1, .arena = arena, .error = e}};
    if (!e)
        p.scan.error = e = &ignored;
    vm_ir_builder_init(&p.builder, out, arena, regfile, helpers, helper_count);
    p.builder.no_fold = true;
    if (out->overflow)
        return vm_error_set(e, VM_ERR_HOST, "out of memory while reading IR");
    return parse_region(&p) ? VM_OK : e->status;
}
