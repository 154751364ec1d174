// SPDX-License-Identifier: MIT
//
// Connected Unix sockets beyond what all channels can (vm/osal/channel.h): connecting, several
// buffers in one call, the end of one direction. None of them waits.
#ifndef VM_OSAL_SOCKET_H
#define VM_OSAL_SOCKET_H

#include <vm/osal/aio.h>
#include <vm/osal/channel.h>

// A connection to the socket at `path`; false if nobody accepts any there.
bool vm_osal_socket_connect(const char *path, vm_osal_stream *socket);

enum vm_osal_write_result vm_osal_socket_write(vm_osal_stream socket,
                                               const struct vm_osal_iovec *iov, unsigned count,
                                               size_t *done);
enum vm_osal_read_result vm_osal_socket_read(vm_osal_stream socket, const struct vm_osal_iovec *iov,
                                             unsigned count, size_t *done);

// The other side reads the end after what has been written.
void vm_osal_socket_end_output(vm_osal_stream socket);

#endif
