// SPDX-License-Identifier: MIT
//
// The three streams that a process is started with, when its starter has closed some: open(2) gives
// the lowest free number, so the next file would become the standard output, say.
#include <vm/osal/stream.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

vm_status vm_osal_streams_reserve(struct vm_error *e)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
            continue;
        // The wrong way round: reads and writes fail as they would on a closed descriptor.
        int held = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        if (held != fd)
            return vm_error_set(e, VM_ERR_HOST, "cannot hold descriptor %d, which is closed: %s",
                                fd, held < 0 ? strerror(errno) : "another was given");
    }
    return VM_OK;
}

void vm_osal_streams_inherited(struct vm_osal_inherited *found)
{
    *found = (struct vm_osal_inherited){0};
    for (int fd = STDERR_FILENO + 1; fd < VM_OSAL_MAX_INHERITED; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            found->open[fd / 64] |= (uint64_t)1 << fd % 64;
    }
}

void vm_osal_streams_close_inherited(const struct vm_osal_inherited *found)
{
    for (int fd = STDERR_FILENO + 1; fd < VM_OSAL_MAX_INHERITED; fd++) {
        if (found->open[fd / 64] >> fd % 64 & 1)
            close(fd);
    }
}
