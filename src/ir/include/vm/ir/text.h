// SPDX-License-Identifier: MIT
//
// The text form of IR (docs/ir.md, "Text form"): for tests, for traces and for people.
#ifndef VM_IR_TEXT_H
#define VM_IR_TEXT_H

#include <vm/base/error.h>
#include <vm/ir/ir.h>

// Writes the region as text: at most `size` bytes with the terminating zero (nothing if size is 0).
// Returns the length that the whole text has. Blocks come in the order of their ops; a value is
// named by its op's index. The region need not be verified, but its blocks must lie within its ops.
size_t vm_ir_print(const struct vm_ir_region *r, char *out, size_t size);

// The region's whole text in `arena`, or NULL when memory is out.
char *vm_ir_print_all(const struct vm_ir_region *r, struct vm_arena *arena);

// Writes one op as a line of that text without indentation and newline; the same rules.
size_t vm_ir_print_op(const struct vm_ir_region *r, vm_ir_value v, char *out, size_t size);

// Builds `out` in `arena` from text, without folding. The text may be anything: a mistake gives
// VM_ERR_FILE and a message with the line's number. What is accepted is well-formed as text only;
// vm_ir_verify tells whether it is sound. regfile and helpers are kept by reference.
vm_status vm_ir_parse(const char *text, size_t length, struct vm_ir_region *out,
                      struct vm_arena *arena, const struct vm_regfile *regfile,
                      const struct vm_ir_helper *helpers, uint16_t helper_count,
                      struct vm_error *e);

#endif
