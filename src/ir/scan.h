// SPDX-License-Identifier: MIT
//
// The scanner of the text form: characters to words, numbers and value names. Private to the
// module. Every function stays within the text, whatever is in it; the first failure is recorded
// with its line and all functions then return false.
#ifndef VM_IR_SCAN_H
#define VM_IR_SCAN_H

#include <vm/base/arena.h>
#include <vm/base/error.h>

struct vm_ir_span {
    const char *text; // not terminated
    size_t length;
};

struct vm_ir_symbol {
    struct vm_ir_span name;
    uint16_t value; // the op that defines it, or 0xffff until it is met
    unsigned line;  // where it was met first
};

struct vm_ir_scan {
    const char *text;
    size_t length, at;
    unsigned line;
    struct vm_arena *arena;
    struct vm_error *error;
    struct vm_ir_symbol *symbols;
    uint32_t symbol_count, symbol_capacity;
    uint16_t *slots; // a hash table over symbols, twice as large as their capacity
};

bool vm_ir_scan_fail(struct vm_ir_scan *s, const char *fmt, ...) VM_PRINTF(2, 3);

// Whether the next character of the line, after blanks, is c; take: and if so, goes past it.
bool vm_ir_scan_is(struct vm_ir_scan *s, char c);
bool vm_ir_scan_take(struct vm_ir_scan *s, char c);
bool vm_ir_scan_expect(struct vm_ir_scan *s, char c);

// Past the end of the line, which must come now; past empty lines, false at the end of the text.
bool vm_ir_scan_end_line(struct vm_ir_scan *s);
bool vm_ir_scan_next_line(struct vm_ir_scan *s);

// A word: a letter or _, then letters, digits, _ and dots.
bool vm_ir_scan_word(struct vm_ir_scan *s, struct vm_ir_span *word);
bool vm_ir_span_is(struct vm_ir_span span, const char *text);

// A number: decimal or 0x hexadecimal, with a minus sign taken modulo 2^64; at most `limit`.
bool vm_ir_scan_number(struct vm_ir_scan *s, uint64_t limit, uint64_t *number);

// A name after %: the index of its symbol.
bool vm_ir_scan_symbol(struct vm_ir_scan *s, uint16_t *index);

#endif
