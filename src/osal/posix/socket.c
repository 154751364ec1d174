// SPDX-License-Identifier: MIT
//
// Unix sockets (vm/osal/socket.h).
#include <vm/osal/socket.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

bool vm_osal_socket_connect(const char *path, vm_osal_stream *stream)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof at.sun_path)
        return false;
    memcpy(at.sun_path, path, length);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;
    if (fd < 0)
        return false;
    do
        r = connect(fd, (const struct sockaddr *)&at, sizeof at);
    while (r < 0 && errno == EINTR);
    if (r < 0) {
        close(fd);
        return false;
    }
    *stream = (vm_osal_stream){fd};
    return true;
}

static struct msghdr message(const struct vm_osal_iovec *iov, unsigned count)
{
    return (struct msghdr){.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = count};
}

enum vm_osal_write_result vm_osal_socket_write(vm_osal_stream stream,
                                               const struct vm_osal_iovec *iov, unsigned count,
                                               size_t *done)
{
    struct msghdr m = message(iov, count);
    ssize_t n;
    *done = 0;
    do
        n = sendmsg((int)stream.v, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        *done = (size_t)n;
        return VM_OSAL_WRITE_BYTES;
    }
    return n == 0 || errno == EAGAIN || errno == EWOULDBLOCK ? VM_OSAL_WRITE_FULL
                                                             : VM_OSAL_WRITE_ENDED;
}

enum vm_osal_read_result vm_osal_socket_read(vm_osal_stream stream, const struct vm_osal_iovec *iov,
                                             unsigned count, size_t *done)
{
    struct msghdr m = message(iov, count);
    ssize_t n;
    *done = 0;
    do
        n = recvmsg((int)stream.v, &m, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        *done = (size_t)n;
        return VM_OSAL_READ_BYTES;
    }
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? VM_OSAL_READ_NOTHING
                                                              : VM_OSAL_READ_END;
}

void vm_osal_socket_end_output(vm_osal_stream stream)
{
    shutdown((int)stream.v, SHUT_WR); // gone already is as good
}
