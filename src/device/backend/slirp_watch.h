// SPDX-License-Identifier: MIT
//
// libslirp's sockets on an event loop. libslirp expects poll(): it names all its sockets before
// each sleep and asks for their events after it. Here the loop keeps watching them, and only what
// changed from one turn to the next costs a call of the host. All on the loop's thread, or before
// it runs.
#ifndef VM_DEVICE_BACKEND_SLIRP_WATCH_H
#define VM_DEVICE_BACKEND_SLIRP_WATCH_H

#include <vm/device/backend/loop.h>

// One socket, found by its descriptor.
struct slirp_socket {
    struct vm_loop_watch watch;
    struct slirp_sockets *all;
    unsigned watched; // VM_OSAL_POLL_* that the loop waits for; 0: not watched
    unsigned ready;   // since the last turn
    uint32_t turn;    // in which libslirp named it last
};

struct slirp_sockets {
    struct vm_loop *loop;
    void (*ready)(void *context); // a socket has events
    void *context;
    struct slirp_socket **by_fd;
    size_t size; // of by_fd
    uint32_t turn;
};

void slirp_sockets_init(struct slirp_sockets *s, struct vm_loop *loop, void (*ready)(void *),
                        void *context);
void slirp_sockets_release(struct slirp_sockets *s);

// A turn: begin, name every socket with what is waited for, end. `name` returns what libslirp gets
// as the socket's index, -1 if memory or the host's limit on watches is out: then the socket waits
// for another turn.
void slirp_sockets_begin(struct slirp_sockets *s);
int slirp_sockets_name(struct slirp_sockets *s, int fd, unsigned events);
void slirp_sockets_end(struct slirp_sockets *s);

// The events of the socket with that index, once.
unsigned slirp_sockets_take(struct slirp_sockets *s, int index);

// Descriptor `fd` is about to be another socket, or none.
void slirp_sockets_forget(struct slirp_sockets *s, int fd);

#endif
