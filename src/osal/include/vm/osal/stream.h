// SPDX-License-Identifier: MIT
//
// Byte streams (terminals, pipes) and the events that wake a thread that waits on one. A console
// thread sleeps in vm_osal_wait_input with its stream and its event; any other thread, or a signal
// handler, sets the event.
#ifndef VM_OSAL_STREAM_H
#define VM_OSAL_STREAM_H

#include <vm/base/error.h>

// An open stream of the host: a descriptor, on Windows a handle. Not owned by this module.
typedef struct {
    intptr_t v;
} vm_osal_stream;

// The three that the process was started with. They may be closed: then reads give the end, and
// writes fail.
vm_osal_stream vm_osal_stdin(void);
vm_osal_stream vm_osal_stdout(void);
vm_osal_stream vm_osal_stderr(void);

// Holds the places of those three that are closed, so that no file or pipe opened later is taken
// for one of them. The program calls it before it opens anything.
vm_status vm_osal_streams_reserve(struct vm_error *e);

// Streams beyond the standard ones that the starter has left open, as far as VM_OSAL_MAX_INHERITED.
enum { VM_OSAL_MAX_INHERITED = 256 };
struct vm_osal_inherited {
    uint64_t open[VM_OSAL_MAX_INHERITED / 64]; // a bit each
};
// Comes before this process opens any itself.
void vm_osal_streams_inherited(struct vm_osal_inherited *found);
void vm_osal_streams_close_inherited(const struct vm_osal_inherited *found);

// No stream: for a wait on an event alone.
vm_osal_stream vm_osal_stream_none(void);

// A flag that threads can sleep on. It stays set until it is cleared.
struct vm_osal_event;

vm_status vm_osal_event_create(struct vm_osal_event **event, struct vm_error *e);
void vm_osal_event_destroy(struct vm_osal_event *event); // no waiters; NULL is allowed
void vm_osal_event_set(struct vm_osal_event *event);     // from any thread or signal handler
void vm_osal_event_clear(struct vm_osal_event *event);   // by the waiting thread
bool vm_osal_event_is_set(const struct vm_osal_event *event);

// Why vm_osal_wait_input returned; bits, 0 for the deadline.
enum {
    VM_OSAL_WAIT_INPUT = 1, // a read will not block: bytes, or the end
    VM_OSAL_WAIT_EVENT = 2, // the event is set
};

// Sleeps until `stream` has input, `event` (which may be NULL) is set, or the monotonic clock
// reaches `deadline_ns` (VM_OSAL_FOREVER: none). A terminal whose foreground is another job has no
// input until this process is in the foreground again.
unsigned vm_osal_wait_input(vm_osal_stream stream, struct vm_osal_event *event,
                            uint64_t deadline_ns);

enum vm_osal_read_result {
    VM_OSAL_READ_BYTES,   // *count bytes were read, at least one
    VM_OSAL_READ_NOTHING, // none there now
    VM_OSAL_READ_END,     // none will come any more: end of file, hang-up, or not open
};

// Reads what is there, at most `size` bytes (at least 1); blocks only if vm_osal_wait_input has not
// said VM_OSAL_WAIT_INPUT before.
enum vm_osal_read_result vm_osal_read(vm_osal_stream stream, void *out, size_t size, size_t *count);

// Writes all `size` bytes, sleeping while the other side is slow, whether or not the stream is in
// non-blocking mode. Stops early, with VM_OK, when `stop` (which may be NULL) is set; *count (which
// may be NULL) is what was written. VM_ERR_FILE when the stream takes no more.
vm_status vm_osal_write_all(vm_osal_stream stream, const void *data, size_t size,
                            struct vm_osal_event *stop, size_t *count, struct vm_error *e);

#endif
