// SPDX-License-Identifier: MIT
//
// What the two halves of the verifier share: where it is, and how it says no.
#ifndef VM_IR_VERIFY_PRIVATE_H
#define VM_IR_VERIFY_PRIVATE_H

#include "cfg.h"

#include <vm/base/error.h>

struct vm_ir_check {
    const struct vm_ir_region *region;
    struct vm_ir_cfg cfg;
    uint16_t *block_of; // by op: its block, VM_IR_NONE for an op outside of all
    struct vm_error *error;
    unsigned block; // what is being looked at
    vm_ir_value at;
};

// Records "bB: %N OP: rule" and returns false.
bool vm_ir_check_fail(struct vm_ir_check *k, const char *rule, ...) VM_PRINTF(2, 3);

// The op by itself: its type, the types of its operands, attr and imm.
bool vm_ir_check_op(struct vm_ir_check *k, const struct vm_ir_op *op);

// A vector op's attr but for the FP rules.
bool vm_ir_check_vector(struct vm_ir_check *k, const struct vm_ir_op *op);

#endif
