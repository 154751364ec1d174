// SPDX-License-Identifier: MIT
//
// Executable objects by memfd_create (Linux man-pages, memfd_create(2); kernel documentation,
// "Introduction of non-executable mfd").
#include "../posix/exec_object.h"

#include <errno.h>
#include <sys/mman.h>

// Since Linux 6.3; older C libraries do not name it.
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

int vm_osal_exec_object_open(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_EXEC);
    if (fd < 0 && errno == EINVAL) // older kernels: every object may be executed
        fd = memfd_create(name, MFD_CLOEXEC);
    return fd;
}

const char *vm_osal_exec_object_reason(int cause)
{
    switch (cause) {
    case EACCES:
        return "forbidden by sysctl vm.memfd_noexec or a security module such as SELinux; allow "
               "it, "
               "or run with --engine interpreter";
    case EPERM:
        return "forbidden by a sandbox (seccomp) or a noexec mount; allow it, or run with "
               "--engine interpreter";
    case ENOSYS:
        return "the kernel or the sandbox has no memfd_create; run with --engine interpreter";
    case ENOMEM: return "beyond a limit of memory or address space (ulimit -v); ask for less";
    case EMFILE:
    case ENFILE: return "too many open files (ulimit -n)";
    default: return "run with --engine interpreter";
    }
}
