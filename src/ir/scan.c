// SPDX-License-Identifier: MIT
#include "scan.h"

#include <vm/base/format.h>
#include <vm/base/memory.h>

enum {
    NO_SLOT = 0xffff,
    FIRST_SYMBOLS = 64,
    MAX_SYMBOLS = 0xfff0,
    MESSAGE_SIZE = 200,
    MAX_NAME = 64
};

bool vm_ir_scan_fail(struct vm_ir_scan *s, const char *fmt, ...)
{
    char text[MESSAGE_SIZE];
    va_list args;
    va_start(args, fmt);
    vm_vformat(text, sizeof text, fmt, args);
    va_end(args);
    vm_error_set(s->error, VM_ERR_FILE, "line %u: %s", s->line, text);
    return false;
}

static void skip_blanks(struct vm_ir_scan *s)
{
    while (s->at < s->length &&
           (s->text[s->at] == ' ' || s->text[s->at] == '\t' || s->text[s->at] == '\r'))
        s->at++;
    if (s->at < s->length && s->text[s->at] == '#')
        while (s->at < s->length && s->text[s->at] != '\n')
            s->at++;
}

bool vm_ir_scan_is(struct vm_ir_scan *s, char c)
{
    skip_blanks(s);
    return s->at < s->length && s->text[s->at] == c;
}

bool vm_ir_scan_take(struct vm_ir_scan *s, char c)
{
    if (!vm_ir_scan_is(s, c))
        return false;
    s->at++;
    return true;
}

bool vm_ir_scan_expect(struct vm_ir_scan *s, char c)
{
    return vm_ir_scan_take(s, c) || vm_ir_scan_fail(s, "expected '%c'", c);
}

bool vm_ir_scan_end_line(struct vm_ir_scan *s)
{
    skip_blanks(s);
    if (s->at == s->length)
        return true;
    if (s->text[s->at] != '\n')
        return vm_ir_scan_fail(s, "expected the end of the line");
    s->at++;
    s->line++;
    return true;
}

bool vm_ir_scan_next_line(struct vm_ir_scan *s)
{
    while (vm_ir_scan_take(s, '\n'))
        s->line++;
    return s->at < s->length;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static struct vm_ir_span scan_name(struct vm_ir_scan *s)
{
    struct vm_ir_span span = {s->text + s->at, 0};
    while (s->at < s->length &&
           (is_letter(s->text[s->at]) || is_digit(s->text[s->at]) || s->text[s->at] == '.')) {
        s->at++;
        span.length++;
    }
    return span;
}

bool vm_ir_scan_word(struct vm_ir_scan *s, struct vm_ir_span *word)
{
    skip_blanks(s);
    if (s->at == s->length || !is_letter(s->text[s->at]))
        return vm_ir_scan_fail(s, "expected a word");
    *word = scan_name(s);
    return true;
}

bool vm_ir_span_is(struct vm_ir_span span, const char *text)
{
    return vm_text_length(text) == span.length && !vm_compare(span.text, text, span.length);
}

static int digit_of(char c)
{
    if (is_digit(c))
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

static bool scan_digits(struct vm_ir_scan *s, unsigned base, uint64_t *number)
{
    bool any = false;
    *number = 0;
    for (; s->at < s->length && digit_of(s->text[s->at]) < (int)base; s->at++, any = true) {
        uint64_t digit = (uint64_t)digit_of(s->text[s->at]);
        if (*number > (UINT64_MAX - digit) / base)
            return vm_ir_scan_fail(s, "the number is too large");
        *number = *number * base + digit;
    }
    return any || vm_ir_scan_fail(s, "expected a number");
}

bool vm_ir_scan_number(struct vm_ir_scan *s, uint64_t limit, uint64_t *number)
{
    bool negative = vm_ir_scan_take(s, '-');
    skip_blanks(s);
    bool hex = s->length - s->at > 2 && s->text[s->at] == '0' && s->text[s->at + 1] == 'x';
    if (hex)
        s->at += 2;
    if (!scan_digits(s, hex ? 16 : 10, number))
        return false;
    if (negative)
        *number = 0 - *number;
    return *number <= limit || vm_ir_scan_fail(s, "the number is too large");
}

// The slot that has the name, or the empty one where it belongs.
static uint32_t find_slot(const struct vm_ir_scan *s, struct vm_ir_span name)
{
    uint32_t hash = 2166136261u, mask = s->symbol_capacity * 2 - 1;
    for (size_t i = 0; i < name.length; i++)
        hash = (hash ^ (unsigned char)name.text[i]) * 16777619u;
    uint32_t i = hash & mask;
    for (; s->slots[i] != NO_SLOT; i = (i + 1) & mask) {
        const struct vm_ir_span *known = &s->symbols[s->slots[i]].name;
        if (known->length == name.length && !vm_compare(known->text, name.text, name.length))
            break;
    }
    return i;
}

static bool grow_symbols(struct vm_ir_scan *s)
{
    uint32_t capacity = s->symbol_capacity ? s->symbol_capacity * 2 : FIRST_SYMBOLS;
    struct vm_ir_symbol *symbols = vm_arena_alloc(s->arena, capacity * sizeof *symbols, 8);
    uint16_t *slots = vm_arena_alloc(s->arena, capacity * 2 * sizeof *slots, 2);
    if (!symbols || !slots) {
        vm_error_set(s->error, VM_ERR_HOST, "out of memory while reading IR");
        return false;
    }
    if (s->symbol_count)
        vm_copy(symbols, s->symbols, s->symbol_count * sizeof *symbols);
    __builtin_memset(slots, 0xff, capacity * 2 * sizeof *slots);
    s->symbols = symbols;
    s->symbol_capacity = capacity;
    s->slots = slots;
    for (uint32_t i = 0; i < s->symbol_count; i++)
        slots[find_slot(s, symbols[i].name)] = (uint16_t)i;
    return true;
}

bool vm_ir_scan_symbol(struct vm_ir_scan *s, uint16_t *index)
{
    if (!vm_ir_scan_expect(s, '%'))
        return false;
    struct vm_ir_span name = scan_name(s);
    if (!name.length || name.length > MAX_NAME)
        return vm_ir_scan_fail(s, "expected a name of at most %d characters after %%", MAX_NAME);
    if (s->symbol_count == s->symbol_capacity && !grow_symbols(s))
        return false;
    uint32_t slot = find_slot(s, name);
    if (s->slots[slot] == NO_SLOT) {
        if (s->symbol_count >= MAX_SYMBOLS)
            return vm_ir_scan_fail(s, "too many values");
        s->slots[slot] = (uint16_t)s->symbol_count;
        s->symbols[s->symbol_count++] = (struct vm_ir_symbol){name, 0xffff, s->line};
    }
    *index = s->slots[slot];
    return true;
}
