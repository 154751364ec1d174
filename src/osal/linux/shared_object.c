// SPDX-License-Identifier: MIT
//
// A nameless shared object by memfd_create (Linux man-pages, memfd_create(2)).
#include "../posix/shared_object.h"

#include <errno.h>
#include <sys/mman.h>

int vm_osal_shared_object_open(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    // A sandbox may know only the older call.
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        fd = vm_osal_shared_object_open_posix(name);
    return fd;
}
