// SPDX-License-Identifier: MIT
//
// A nameless shared object by shm_open: made under a name of its own and unlinked at once.
#include "shared_object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vm/base/error.h>
#include <vm/osal/entropy.h>

enum { ATTEMPTS = 16 };

int vm_osal_shared_object_open_posix(const char *name)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        uint64_t unique;
        if (vm_osal_entropy_fill(&unique, sizeof unique, NULL) != VM_OK) {
            errno = EIO;
            return -1;
        }
        char path[64]; // a long name is cut; the number in front keeps it unique
        snprintf(path, sizeof path, "/vm-%016llx-%.32s", (unsigned long long)unique, name);
        int fd = shm_open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0) {
            shm_unlink(path);
            return fd;
        }
        if (errno != EEXIST)
            return -1;
    }
    return -1;
}
