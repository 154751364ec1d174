// SPDX-License-Identifier: MIT
//
// Channels over Unix sockets.
#include <vm/osal/channel.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { WAITING = 4 };

// Whether `path` is a socket that its owner has left behind.
static bool is_stale(const struct sockaddr_un *at)
{
    struct stat what;
    if (lstat(at->sun_path, &what) < 0 || !S_ISSOCK(what.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool refused =
        connect(fd, (const struct sockaddr *)at, sizeof *at) < 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static bool bind_to(int fd, const struct sockaddr_un *at)
{
    const struct sockaddr *address = (const struct sockaddr *)at;
    // The mode of the socket becomes that of the path (Linux; elsewhere the umask alone counts).
    if (fchmod(fd, 0600) < 0)
        return false;
    if (bind(fd, address, sizeof *at) == 0)
        return true;
    if (errno != EADDRINUSE)
        return false;
    if (!is_stale(at)) {
        errno = EADDRINUSE;
        return false;
    }
    return unlink(at->sun_path) == 0 && bind(fd, address, sizeof *at) == 0;
}

vm_status vm_osal_channel_listen(const char *path, vm_osal_stream *listener, struct vm_error *e)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof at.sun_path)
        return vm_error_set(e, VM_ERR_FILE, "the socket's path has 1 to %d bytes: %s",
                            (int)sizeof at.sun_path - 1, path);
    memcpy(at.sun_path, path, length);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || !bind_to(fd, &at) || listen(fd, WAITING) < 0) {
        int cause = errno;
        vm_osal_channel_close((vm_osal_stream){fd});
        return vm_error_set(e, VM_ERR_FILE, "cannot listen at %s: %s", path, strerror(cause));
    }
    *listener = (vm_osal_stream){fd};
    return VM_OK;
}

bool vm_osal_channel_accept(vm_osal_stream listener, vm_osal_stream *channel)
{
    int fd;
    do
        fd = accept4((int)listener.v, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    *channel = (vm_osal_stream){fd};
    return fd >= 0;
}

void vm_osal_channel_unlink(const char *path)
{
    unlink(path); // gone already is what is wanted
}
