// SPDX-License-Identifier: MIT
//
// What the handler of SIGSYS does about a call that the sandbox has stopped.
#ifndef VM_OSAL_POSIX_SANDBOX_REPORT_H
#define VM_OSAL_POSIX_SANDBOX_REPORT_H

#include <signal.h>

// Writes a line to standard error if the signal is the sandbox's. Safe in a signal handler.
void vm_osal_sandbox_report(const siginfo_t *info);

#endif
