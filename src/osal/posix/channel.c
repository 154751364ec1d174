// SPDX-License-Identifier: MIT
//
// Non-blocking channels over descriptors: files and pseudoterminals.
#include <vm/osal/channel.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static ssize_t write_some(int fd, const void *data, size_t size)
{
    ssize_t n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0 || errno != ENOTSOCK)
        return n;
    return write(fd, data, size);
}

enum vm_osal_write_result vm_osal_channel_write(vm_osal_stream channel, const void *data,
                                                size_t size, size_t *count, int *cause)
{
    ssize_t n;
    *count = 0;
    do
        n = write_some((int)channel.v, data, size);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        *count = (size_t)n;
        return VM_OSAL_WRITE_BYTES;
    }
    if (n == 0 || errno == EAGAIN || errno == EWOULDBLOCK)
        return VM_OSAL_WRITE_FULL;
    *cause = errno;
    return VM_OSAL_WRITE_ENDED;
}

const char *vm_osal_cause_text(int cause)
{
    return strerror(cause);
}

void vm_osal_channel_close(vm_osal_stream channel)
{
    if (channel.v >= 0)
        close((int)channel.v);
}

vm_status vm_osal_channel_open_file(const char *path, vm_osal_stream *channel, struct vm_error *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
    if (fd < 0)
        return vm_error_set(e, VM_ERR_FILE, "cannot open %s for writing: %s", path,
                            strerror(errno));
    *channel = (vm_osal_stream){fd};
    return VM_OK;
}

static bool make_raw(int fd)
{
    struct termios t;
    if (tcgetattr(fd, &t) < 0)
        return false;
    cfmakeraw(&t);
    return tcsetattr(fd, TCSANOW, &t) == 0;
}

static bool open_pair(int fds[2], char *name, size_t room)
{
    fds[0] = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fds[0] < 0 || grantpt(fds[0]) < 0 || unlockpt(fds[0]) < 0)
        return false;
    errno = ptsname_r(fds[0], name, room);
    if (errno != 0)
        return false;
    fds[1] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return fds[1] >= 0 && make_raw(fds[1]);
}

vm_status vm_osal_channel_open_pty(vm_osal_stream *channel, vm_osal_stream *held, char *name,
                                   size_t room, struct vm_error *e)
{
    int fds[2] = {-1, -1};
    if (!open_pair(fds, name, room)) {
        int cause = errno;
        vm_osal_channel_close((vm_osal_stream){fds[0]});
        vm_osal_channel_close((vm_osal_stream){fds[1]});
        return vm_error_set(e, VM_ERR_HOST, "cannot make a pseudoterminal: %s", strerror(cause));
    }
    *channel = (vm_osal_stream){fds[0]};
    *held = (vm_osal_stream){fds[1]};
    return VM_OK;
}
