// SPDX-License-Identifier: MIT
//
// A stream for tests: keeps what is sent as far as it has room, delivers what the test says.
#ifndef TESTS_VIRTIO_STREAM_FAKE_H
#define TESTS_VIRTIO_STREAM_FAKE_H

#include <vm/device/backend/stream.h>

struct stream_fake {
    struct vm_stream stream;
    size_t room; // bytes that it still takes
    size_t sent_size;
    uint8_t sent[1 << 20]; // beyond that it only counts
    const uint8_t *input;  // not yet delivered
    size_t input_size;
    unsigned resumed, closed;
};

void stream_fake_init(struct stream_fake *f);
void stream_fake_deliver(struct stream_fake *f, const void *bytes, size_t size);
void stream_fake_give_room(struct stream_fake *f, size_t room);
void stream_fake_connect(struct stream_fake *f, bool connected);
void stream_fake_resize(struct stream_fake *f, uint16_t columns, uint16_t rows);

#endif
