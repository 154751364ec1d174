// SPDX-License-Identifier: MIT
//
// Reading, writing and waiting on descriptors that someone else has opened: their flags stay as
// they are, since a terminal's are shared with the shell.
#include <vm/osal/stream.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <vm/osal/clock.h>
#include <vm/osal/terminal.h>

#include "descriptor.h"

enum {
    NS_PER_MS = 1000000,
    FOREGROUND_CHECK_MS = 300, // nobody tells when a job comes back to the foreground
    WRITE_CHUNK = 4096,        // a pipe that is ready takes this much without blocking
};

vm_osal_stream vm_osal_stdin(void)
{
    return (vm_osal_stream){STDIN_FILENO};
}

vm_osal_stream vm_osal_stdout(void)
{
    return (vm_osal_stream){STDOUT_FILENO};
}

vm_osal_stream vm_osal_stderr(void)
{
    return (vm_osal_stream){STDERR_FILENO};
}

vm_osal_stream vm_osal_stream_none(void)
{
    return (vm_osal_stream){-1};
}

static bool is_background_terminal(int fd)
{
    return fd >= 0 && isatty(fd) && !vm_osal_terminal_is_foreground(fd);
}

// Milliseconds for poll until `deadline_ns`, rounded up; -1: for ever.
static int poll_timeout(uint64_t deadline_ns)
{
    if (deadline_ns == VM_OSAL_FOREVER)
        return -1;
    uint64_t now = vm_osal_clock_monotonic();
    if (deadline_ns <= now)
        return 0;
    uint64_t ms = (deadline_ns - now - 1) / NS_PER_MS + 1;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

unsigned vm_osal_wait_input(vm_osal_stream stream, struct vm_osal_event *event,
                            uint64_t deadline_ns)
{
    for (;;) {
        bool background = is_background_terminal((int)stream.v);
        // poll passes over negative descriptors.
        struct pollfd p[2] = {
            {.fd = background ? -1 : (int)stream.v, .events = POLLIN},
            {.fd = event ? vm_osal_event_descriptor(event) : -1, .events = POLLIN},
        };
        int timeout = poll_timeout(deadline_ns);
        if (background && (timeout < 0 || timeout > FOREGROUND_CHECK_MS))
            timeout = FOREGROUND_CHECK_MS;
        int n = poll(p, 2, timeout);
        if (n > 0)
            return (p[0].revents ? VM_OSAL_WAIT_INPUT : 0u) |
                   (p[1].revents ? VM_OSAL_WAIT_EVENT : 0u);
        if (deadline_ns != VM_OSAL_FOREVER && vm_osal_clock_monotonic() >= deadline_ns)
            return 0;
    }
}

enum vm_osal_read_result vm_osal_read(vm_osal_stream stream, void *out, size_t size, size_t *count)
{
    int fd = (int)stream.v;
    *count = 0;
    ssize_t n;
    do
        n = read(fd, out, size);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        *count = (size_t)n;
        return VM_OSAL_READ_BYTES;
    }
    if (n == 0)
        return VM_OSAL_READ_END;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return VM_OSAL_READ_NOTHING;
    // A terminal gives EIO both after a hang-up and to a job that has just left the foreground.
    return errno == EIO && is_background_terminal(fd) ? VM_OSAL_READ_NOTHING : VM_OSAL_READ_END;
}

vm_status vm_osal_write_all(vm_osal_stream stream, const void *data, size_t size,
                            struct vm_osal_event *stop, size_t *count, struct vm_error *e)
{
    size_t done = 0;
    vm_status status = VM_OK;
    while (done < size) {
        struct pollfd p[2] = {
            {.fd = (int)stream.v, .events = POLLOUT},
            {.fd = stop ? vm_osal_event_descriptor(stop) : -1, .events = POLLIN},
        };
        if (poll(p, 2, -1) < 0)
            continue; // a signal
        if (p[1].revents)
            break;
        size_t chunk = size - done < WRITE_CHUNK ? size - done : WRITE_CHUNK;
        ssize_t n = write((int)stream.v, (const char *)data + done, chunk);
        if (n >= 0) {
            done += (size_t)n;
        } else if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
            status = vm_error_set(e, VM_ERR_FILE, "cannot write to stream %d: %s", (int)stream.v,
                                  strerror(errno));
            break;
        }
    }
    if (count)
        *count = done;
    return status;
}
