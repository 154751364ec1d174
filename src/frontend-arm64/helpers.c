// SPDX-License-Identifier: MIT
//
// The table of helpers that IR calls (helpers.def), with the lists of what they read and write.
#include "frontend.h"

static const uint16_t system_registers[] = {
#define A64_REGISTER(id, name, field, type, class) A64_REG_##id,
#include "registers.def"
    VM_IR_NONE,
};

// What exceptions, their returns and SPSel change too.
static const uint16_t program_state[] = {
#define A64_REGISTER(id, name, field, type, class) A64_REG_##id,
#include "registers.def"
    A64_REG_SP,
    A64_REG_NZCV,
    VM_IR_NONE,
};

static const uint16_t hints[] = {A64_REG_WAKES, A64_REG_STALE, VM_IR_NONE};
static const uint16_t rights[] = {A64_REG_EL, A64_REG_SCTLR_EL1, VM_IR_NONE};
static const uint16_t waits[] = {A64_REG_EL,    A64_REG_SCTLR_EL1,   A64_REG_DAIF,
                                 A64_REG_EVENT, A64_REG_CNTKCTL_EL1, VM_IR_NONE};
static const uint16_t events[] = {A64_REG_EVENT, VM_IR_NONE};
static const uint16_t fp_control[] = {A64_REG_FPCR, A64_REG_FROUND, VM_IR_NONE};
static const uint16_t translation_result[] = {A64_REG_PAR_EL1, VM_IR_NONE};

enum { RAISES = VM_IR_HELPER_FAULTS, MEMORY = VM_IR_HELPER_MEMORY };

const struct vm_ir_helper a64_helpers[] = {
#define A64_HELPER(id, args, result, effects, ...) \
    {#id, a64_help_##id, args, result, effects, __VA_ARGS__},
#include "helpers.def"
};
