// SPDX-License-Identifier: MIT
//
// The words of the text form for attributes, shared by printer and parser. Private to the module.
#ifndef VM_IR_WORDS_H
#define VM_IR_WORDS_H

#include <vm/ir/ir.h>

// A word says that the attr bits in `mask` are `value`.
struct vm_ir_word {
    const char *name; // NULL ends a list
    uint32_t mask, value;
};

// How the operands, attr and imm of an op are written.
enum vm_ir_form {
    VM_IR_FORM_PLAIN,  // operands by the signature, then attribute words
    VM_IR_FORM_INSN,   // imm attr
    VM_IR_FORM_IMM,    // imm
    VM_IR_FORM_ENTRY,  // a register-file entry by name, then operands
    VM_IR_FORM_FIELD,  // operands, position, length, then attribute words
    VM_IR_FORM_LANE,   // operands, a vector op's immediate, then attribute words
    VM_IR_FORM_COND,   // operand, condition
    VM_IR_FORM_MEMORY, // operand + displacement, operands, then attribute words
    VM_IR_FORM_FENCE,  // predecessor and successor sets
    VM_IR_FORM_CALL,   // helper(operands)
    VM_IR_FORM_JUMP,   // target
    VM_IR_FORM_BRANCH, // operand, target, target
    VM_IR_FORM_GOTO,   // imm, hint, return address
    VM_IR_FORM_HINT,   // operand, hint, return address
    VM_IR_FORM_RAISE,  // imm, operand
    VM_IR_FORM_EXIT,   // reason, imm
};

enum vm_ir_form vm_ir_form_of(unsigned code);

// List number `index` of the words that an op has; NULL after the last. Masks and values are to be
// shifted left by *shift.
const struct vm_ir_word *vm_ir_words_of(unsigned code, unsigned index, unsigned *shift);

// Whether a vector op has an immediate in attr.
bool vm_ir_takes_immediate(unsigned code);

// The attr bits that a word must have been given for.
uint32_t vm_ir_words_required(unsigned code);

// Conditions without VM_IR_COND_NOT, hints and exit reasons by number.
enum {
    VM_IR_COND_NAMES = VM_IR_COND_NOT,
    VM_IR_HINT_NAMES = VM_IR_HINT_RESYNC + 1,
    VM_IR_EXIT_NAMES = VM_IR_EXIT_PAUSE + 1,
};
extern const char *const vm_ir_cond_names[VM_IR_COND_NAMES];
extern const char *const vm_ir_hint_names[VM_IR_HINT_NAMES];
extern const char *const vm_ir_exit_names[VM_IR_EXIT_NAMES];

// The only type that an op can have, or VM_TYPE_COUNT if it has a choice: no suffix is written.
enum vm_type vm_ir_only_type(unsigned code);

#endif
