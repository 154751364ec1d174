// SPDX-License-Identifier: MIT
//
// How a function reports failure: a status code, and beside it one line of text that names what
// went wrong, where, and the fix. Only the command line prints the text.
#ifndef VM_BASE_ERROR_H
#define VM_BASE_ERROR_H

#include <stdarg.h>
#include <vm/base/types.h>

// The status codes follow the exit statuses of the command line (docs/cli.md).
typedef enum {
    VM_OK = 0,
    VM_ERR_USAGE = 2, // an argument, option or configuration value is wrong
    VM_ERR_FILE = 3,  // a file cannot be read or is not what it should be
    VM_ERR_HOST = 4,  // the host refused: memory, threads, devices, ports
    VM_ERR_GUEST = 5, // the guest is beyond continuing
} vm_status;

enum { VM_ERROR_TEXT_SIZE = 512 };

// Owned by the caller; a function that takes one may be given NULL when the text is not wanted.
struct vm_error {
    vm_status status;
    char text[VM_ERROR_TEXT_SIZE];
};

// Records status and a formatted line in `e` (which may be NULL) and returns `status`, so that a
// failing function can say `return vm_error_set(e, ...)`. Control characters become '?'.
vm_status vm_error_set(struct vm_error *e, vm_status status, const char *fmt, ...) VM_PRINTF(3, 4);

// Puts a formatted prefix and ": " before the text that is already in `e` (which may be NULL),
// records `status`, mostly what the function that set the text has returned, and returns it.
vm_status vm_error_prefix(struct vm_error *e, vm_status status, const char *fmt, ...)
    VM_PRINTF(3, 4);

#endif
