// SPDX-License-Identifier: MIT
//
// What the files of virtio-console share (VirtIO 1.2, 5.3). console.c has the device,
// console_port.c the bytes of the ports, console_control.c the control queues.
//
// `config` and `emergency` are under the device's lock; everything else belongs to the I/O thread
// once it runs.
#ifndef VM_DEVICE_VIRTIO_CONSOLE_INTERNAL_H
#define VM_DEVICE_VIRTIO_CONSOLE_INTERNAL_H

#include "../device.h"

#include <vm/device/virtio/console.h>

#define CONSOLE_F_SIZE        ((uint64_t)1 << 0)
#define CONSOLE_F_MULTIPORT   ((uint64_t)1 << 1)
#define CONSOLE_F_EMERG_WRITE ((uint64_t)1 << 2)

enum {
    CONSOLE_CHUNK = 4096, // bytes that go to a stream in one call

    CONSOLE_CONTROL_RECEIVE = 2, // queues (5.3.2)
    CONSOLE_CONTROL_TRANSMIT = 3,
};

// Configuration space (5.3.4): cols, rows, max_nr_ports, emerg_wr.
struct console_config {
    uint16_t columns, rows;
};
enum { CONSOLE_CONFIG_SIZE = 12, CONSOLE_EMERG_WR = 8 };

struct console_emergency {
    uint32_t count;
    uint8_t bytes[VM_VIRTIO_CONSOLE_EMERGENCY];
};

// What the driver is still to be told of a port; sent in this order. There is room for each once:
// of several changes the driver sees the last.
enum {
    CONSOLE_TELL_ADD = 1,
    CONSOLE_TELL_CONSOLE = 2,
    CONSOLE_TELL_NAME = 4,
    CONSOLE_TELL_RESIZE = 8,
    CONSOLE_TELL_OPEN = 16,
};

struct console_port {
    struct console *console;
    struct vm_stream *stream;
    unsigned index;
    bool is_console;
    char name[VM_VIRTIO_CONSOLE_NAME + 1];

    unsigned tell;
    bool ready;      // the driver knows the port
    bool guest_open; // and has it open
    bool starved;    // the stream waits for resume
    bool holding;    // `out` is popped; its first out_done bytes are sent
    uint64_t out_done;
    struct vm_virtq_element out;
};

struct console {
    struct vm_machine *machine;
    struct vm_virtio *virtio;
    struct vm_io *io;
    struct console_config config;
    struct console_emergency emergency;
    struct vm_io_task emergency_task;
    struct vm_virtq_element control; // a message of the driver
    struct vm_virtq_element in;      // what is filled for it
    uint8_t chunk[CONSOLE_CHUNK];
    unsigned count;
    struct console_port ports[VM_VIRTIO_CONSOLE_MAX_PORTS];
};

static inline bool console_has(const struct console *c, uint64_t features)
{
    return vm_virtio_features(c->virtio) & features;
}

// Queue numbers: the control queues lie between port 0 and the others (5.3.2).
static inline unsigned console_receive_queue(const struct console_port *p)
{
    return p->index == 0 ? 0 : 2 * p->index + 2;
}

static inline unsigned console_transmit_queue(const struct console_port *p)
{
    return console_receive_queue(p) + 1;
}

// console_port.c: sends what is in the transmit queue, as far as the stream takes it.
void console_transmit(struct console_port *p);
// The stream may deliver again, if it has been told to wait.
void console_resume(struct console_port *p);
// An emergency write; under the device's lock, on a vCPU's thread.
void console_emergency_write(struct console *c, uint8_t byte);
void console_emergency_task(void *console);
// struct vm_stream_receiver's.
size_t console_receive(void *port, const uint8_t *bytes, size_t size);
void console_writable(void *port);

// console_control.c: messages of the driver; messages to it, as far as it has given buffers.
void console_control(struct console *c);
void console_tell(struct console *c);

#endif
