// SPDX-License-Identifier: MIT
//
// What the streams to the host share. stream_host.c moves the bytes, stream_open.c has the kinds,
// stream_unix.c the one whose clients come and go. All of it belongs to the loop's thread.
#ifndef VM_DEVICE_BACKEND_STREAM_HOST_INTERNAL_H
#define VM_DEVICE_BACKEND_STREAM_HOST_INTERNAL_H

#include <vm/device/backend/stream_host.h>
#include <vm/osal/channel.h>

enum {
    STREAM_INPUT = 4096,
    STREAM_NAME = 128, // of a path, with its end
};

// One descriptor in the loop.
struct stream_end {
    struct vm_loop_watch watch;
    unsigned events;
    bool watched;
};

struct host_stream {
    struct vm_stream stream;
    struct vm_loop *loop;
    const struct vm_host *host;
    char path[STREAM_NAME];

    struct stream_end channel;
    bool output_only; // file
    bool input_ended;
    bool hung_up; // the other end has left; what it had written may still be there
    // The rest is read when nothing tells of it any more; a file that takes no more is tried again.
    struct vm_loop_timer read_again, write_again;

    vm_osal_stream held;       // pty: its other side
    struct vm_loop_timer look; // at its size

    struct stream_end listener;          // unix
    void (*left)(struct host_stream *h); // the other end has left; may be NULL
    bool complained;                     // of a failed write, since the last success

    bool refused;                    // the receiver waits for room in the backlog
    bool starved;                    // we wait for resume
    size_t input_at, input_size;     // not yet received
    size_t backlog_at, backlog_size; // a ring
    uint8_t input[STREAM_INPUT];
    uint8_t *backlog; // of VM_STREAM_BACKLOG bytes
};

extern const struct vm_stream_ops stream_host_ops;

void stream_log(const struct host_stream *h, const char *format, ...) VM_PRINTF(2, 3);
// Watches for `events`, which may be 0: for hang-ups. False: it cannot be watched.
bool stream_watch(struct host_stream *h, struct stream_end *end, unsigned events);
void stream_unwatch(struct host_stream *h, struct stream_end *end);
// Brings what is watched in line with what is to do.
void stream_update(struct host_stream *h);
// A channel is there: from now on bytes go both ways, or with `output_only` to it.
void stream_attach(struct host_stream *h, vm_osal_stream channel);
void stream_detach(struct host_stream *h); // closes it
void stream_set_connected(struct host_stream *h, bool connected);

void stream_close(struct host_stream *h); // all of it; frees `h`

// stream_unix.c: h->path is set.
vm_status stream_open_unix(struct host_stream *h, struct vm_error *e);

#endif
