// SPDX-License-Identifier: MIT
//
// Opening a path with an error line that says what is wrong.
#ifndef VM_OSAL_POSIX_FILE_OPEN_H
#define VM_OSAL_POSIX_FILE_OPEN_H

#include <sys/stat.h>

#include <vm/base/error.h>
#include <vm/osal/file.h>

// open(2) with `flags` and O_CLOEXEC; gives the descriptor and what it refers to, never a
// directory.
vm_status vm_osal_path_open(const char *path, int flags, int *fd, struct stat *what,
                            struct vm_error *e);

// Records that `verb` ("read", "write" ...) failed on `path` with the errno value `cause`.
vm_status vm_osal_path_error(const char *verb, const char *path, int cause, struct vm_error *e);

// The descriptor and the path of an open file, for what else works on it.
int vm_osal_file_descriptor(const struct vm_osal_file *file);
const char *vm_osal_file_path(const struct vm_osal_file *file);

// A handle for `fd`, which it takes over; `path` is copied, for error lines. On failure `fd` is
// closed.
vm_status vm_osal_file_adopt(int fd, const char *path, struct vm_osal_file **file,
                             struct vm_error *e);

#endif
