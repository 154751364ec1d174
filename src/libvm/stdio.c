// SPDX-License-Identifier: MIT
//
// The virtio console that is the embedder's: a stream whose other end are the machine's callbacks.
//
// What the embedder puts in waits in `input` until the guest's driver takes it; only the I/O thread
// takes bytes out. `mutex` guards all but `stream`, and is never held while the device or the
// embedder is called.
#include <vm/base/memory.h>
#include <vm/device/backend/stream.h>
#include <vm/osal/memory.h>

#include "devices.h"
#include "hosted.h"

enum { INPUT_SIZE = 4096 };

struct hosted_stdio {
    struct vm_stream stream;
    struct vm *vm;
    struct vm_io *io;
    struct vm_io_task deliver_task, resize_task;
    struct vm_osal_mutex *mutex;
    uint8_t input[INPUT_SIZE];
    size_t count;
    bool refused; // the embedder waits for room
    uint16_t columns, rows;
};

// --- on the I/O thread ---

static size_t send(struct vm_stream *stream, const uint8_t *bytes, size_t size)
{
    const struct vm_options *o = &VM_CONTAINER_OF(stream, struct hosted_stdio, stream)->vm->options;
    if (o->console_output)
        o->console_output(o->context, bytes, size);
    return size;
}

static size_t peek(struct hosted_stdio *s, uint8_t *to)
{
    vm_osal_mutex_lock(s->mutex);
    size_t count = s->count;
    vm_copy(to, s->input, count);
    vm_osal_mutex_unlock(s->mutex);
    return count;
}

// Returns whether the embedder is to be told.
static bool drop(struct hosted_stdio *s, size_t taken)
{
    vm_osal_mutex_lock(s->mutex);
    s->count -= taken;
    for (size_t i = 0; i < s->count; i++)
        s->input[i] = s->input[i + taken];
    bool tell = s->refused && taken > 0;
    s->refused = s->refused && !tell;
    vm_osal_mutex_unlock(s->mutex);
    return tell;
}

static void deliver(void *context)
{
    struct hosted_stdio *s = context;
    const struct vm_stream_receiver *r = &s->stream.receiver;
    const struct vm_options *o = &s->vm->options;
    uint8_t bytes[INPUT_SIZE];
    size_t count, taken;
    do {
        count = peek(s, bytes);
        taken = count ? r->receive(r->device, bytes, count) : 0;
        if (drop(s, taken) && o->console_room)
            o->console_room(o->context);
    } while (count > 0 && taken == count);
}

static void resume(struct vm_stream *stream)
{
    deliver(VM_CONTAINER_OF(stream, struct hosted_stdio, stream));
}

static void resize(void *context)
{
    struct hosted_stdio *s = context;
    vm_osal_mutex_lock(s->mutex);
    s->stream.columns = s->columns;
    s->stream.rows = s->rows;
    vm_osal_mutex_unlock(s->mutex);
    s->stream.receiver.resized(s->stream.receiver.device);
}

// --- from any thread ---

size_t hosted_stdio_input(struct hosted_stdio *s, const uint8_t *bytes, size_t size)
{
    vm_osal_mutex_lock(s->mutex);
    size_t room = INPUT_SIZE - s->count, taken = size < room ? size : room;
    vm_copy(s->input + s->count, bytes, taken);
    s->count += taken;
    s->refused = s->refused || taken < size;
    vm_osal_mutex_unlock(s->mutex);
    vm_io_schedule(s->io, &s->deliver_task);
    return taken;
}

void hosted_stdio_resize(struct hosted_stdio *s, unsigned columns, unsigned rows)
{
    vm_osal_mutex_lock(s->mutex);
    s->columns = (uint16_t)(columns < UINT16_MAX ? columns : UINT16_MAX);
    s->rows = (uint16_t)(rows < UINT16_MAX ? rows : UINT16_MAX);
    vm_osal_mutex_unlock(s->mutex);
    vm_io_schedule(s->io, &s->resize_task);
}

// --- life ---

static void close(struct vm_stream *stream)
{
    const struct vm_allocator *a = vm_osal_allocator();
    struct hosted_stdio *s = VM_CONTAINER_OF(stream, struct hosted_stdio, stream);
    vm_osal_mutex_destroy(s->mutex);
    a->release(a->context, s, sizeof *s);
}

static const struct vm_stream_ops stdio_ops = {
    .type = "stdio",
    .send = send,
    .resume = resume,
    .close = close,
};

vm_status hosted_open_stdio(struct vm *vm, struct vm_loop *loop, struct vm_stream **stream,
                            struct vm_error *e)
{
    const struct vm_allocator *a = vm_osal_allocator();
    struct hosted_stdio *s = a->alloc(a->context, sizeof *s, _Alignof(struct hosted_stdio));
    if (!s)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the console");
    *s = (struct hosted_stdio){
        .stream = {.ops = &stdio_ops, .connected = true},
        .vm = vm,
        .io = vm_loop_io(loop),
        .deliver_task = {.run = deliver, .context = s},
        .resize_task = {.run = resize, .context = s},
    };
    vm_status status = vm_osal_mutex_create(&s->mutex, e);
    if (status != VM_OK) {
        close(&s->stream);
        return status;
    }
    vm->devices.stdio = s;
    *stream = &s->stream;
    return VM_OK;
}
