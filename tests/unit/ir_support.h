// SPDX-License-Identifier: MIT
//
// What the IR tests share: parsing that must succeed, printing to a fresh string, files of the
// source tree. All memory goes through one arena that the test drops.
#ifndef TESTS_UNIT_IR_SUPPORT_H
#define TESTS_UNIT_IR_SUPPORT_H

#include <vm/ir/builder.h>
#include <vm/ir/text.h>
#include <vm/ir/verify.h>

#include "ir_toy.h"

// The arena of all tests of the program; drop releases what is in it.
struct vm_arena *toy_arena(void);
void toy_arena_drop(void);

// The region that the text is; fails the test with the parser's message otherwise.
struct vm_ir_region *toy_parse(const char *text);
// The same with "region {" and "}" put around `blocks` of that length.
struct vm_ir_region *toy_parse_blocks(const char *blocks, size_t length);

// Verified or the test fails, naming `when`.
void toy_verify(const struct vm_ir_region *r, const char *when);

// The text of a region, in the arena.
char *toy_print(const struct vm_ir_region *r);

// The contents of a file of the source tree; *length may be NULL. In the arena, zero-terminated.
char *toy_read_file(const char *path, size_t *length);

#endif
