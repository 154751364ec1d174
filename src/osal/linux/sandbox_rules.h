// SPDX-License-Identifier: MIT
//
// Which system calls a thread's work needs. Whatever has no rule is not allowed.
#ifndef VM_OSAL_LINUX_SANDBOX_RULES_H
#define VM_OSAL_LINUX_SANDBOX_RULES_H

#include <vm/base/types.h>

enum { VM_OSAL_NO_ARGUMENT = 0xff };

// A call is allowed, or fails with `error`, if its argument (32 bits of it) under `mask` is
// `value`. The first rule that fits counts.
struct vm_osal_sandbox_rule {
    int call;      // __NR_*; negative where this host has no such call
    unsigned work; // that has the rule
    uint8_t argument;
    bool own_process; // value: this process's id
    uint16_t error;   // errno; 0: the call is carried out
    uint32_t mask, value;
};

extern const struct vm_osal_sandbox_rule vm_osal_sandbox_rules[];
extern const size_t vm_osal_sandbox_rule_count;

// The name of a call that is known here, else "?".
const char *vm_osal_sandbox_call_name(int call);

#endif
