// SPDX-License-Identifier: MIT
//
// The description of a guest's register file: one table per architecture that IR, engines,
// debugger, snapshot and trace all read. Entries never overlap: a sub-register (AL, W0) is an
// extract or deposit on its entry, so that a put of an entry kills every earlier put of it.
#ifndef VM_BASE_REGFILE_H
#define VM_BASE_REGFILE_H

#include <vm/base/types.h>

// Value types of the IR, and so of register-file entries (docs/ir.md).
enum vm_type {
    VM_VOID,
    VM_I8,
    VM_I16,
    VM_I32,
    VM_I64,
    VM_I128,
    VM_F16,
    VM_F32,
    VM_F64,
    VM_V128,
    VM_V256,
    VM_FLAGS,
    VM_TYPE_COUNT,
};

enum vm_register_class {
    VM_REG_GENERAL,
    VM_REG_FLOAT,
    VM_REG_VECTOR,
    VM_REG_PC,
    VM_REG_SYSTEM, // control and status state
    VM_REG_HIDDEN, // the emulator's own: saved in snapshots, not shown to a user
    VM_REG_HINT,   // hidden, and right at more than one value: engines may differ in it
};

struct vm_register {
    const char *name; // the manual's
    uint16_t offset;  // bytes from the start of the vCPU's state struct
    uint8_t type;     // enum vm_type
    uint8_t class;    // enum vm_register_class
};

struct vm_regfile {
    const struct vm_register *registers;
    uint16_t count;
    uint16_t pc;         // index of the program counter's entry (VM_I64)
    uint16_t fp_env;     // byte offset of the struct vm_fp_env that FP ops use
    uint16_t state_size; // bytes of the whole state struct
    const uint16_t *hot; // entries of type VM_I64 that code uses most, ended by 0xffff, or NULL
    // The same of class VM_REG_FLOAT, of 64 bits, or of VM_REG_VECTOR, of type VM_V128, that FP and
    // vector code uses.
    const uint16_t *hot_float;
};

#endif
