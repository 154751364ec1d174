// SPDX-License-Identifier: MIT
//
// The verifier: the rules of docs/ir.md, checked between passes and after parsing.
#ifndef VM_IR_VERIFY_H
#define VM_IR_VERIFY_H

#include <vm/base/error.h>
#include <vm/ir/ir.h>

// Whether the region keeps every rule. If not, `e` (which may be NULL) gets one line that names the
// block, the op and the rule, with status VM_ERR_FILE; VM_ERR_HOST when memory ran out. Takes
// scratch memory from the region's arena.
bool vm_ir_verify(const struct vm_ir_region *r, struct vm_error *e);

#endif
