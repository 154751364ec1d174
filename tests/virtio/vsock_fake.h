// SPDX-License-Identifier: MIT
//
// A host for virtio-vsock tests: keeps what is sent as far as it has room, delivers what the test
// says.
#ifndef TESTS_VIRTIO_VSOCK_FAKE_H
#define TESTS_VIRTIO_VSOCK_FAKE_H

#include <vm/device/backend/vsock.h>

enum { VSOCK_FAKE_ENDS = VM_VSOCK_CONNECTIONS + 8 };

struct vsock_fake_end {
    struct vm_vsock_end end;
    uint32_t port, accepted; // of the host, as connected to; as told by `accepted`
    bool in_use, output_ended, ended, gone;
    size_t room; // bytes that it still takes
    size_t sent_size;
    const uint8_t *input; // not yet delivered
    size_t input_size;
    uint8_t sent[320 << 10]; // beyond that it only counts
};

struct vsock_fake {
    struct vm_vsock vsock;
    bool refuses;
    unsigned closed, destroyed;
    struct vsock_fake_end ends[VSOCK_FAKE_ENDS];
};

void vsock_fake_init(struct vsock_fake *f);
// The end of the newest connection that there is.
struct vsock_fake_end *vsock_fake_newest(struct vsock_fake *f);
void vsock_fake_deliver(struct vsock_fake *f, struct vsock_fake_end *d, const void *bytes,
                        size_t size);
void vsock_fake_end_input(struct vsock_fake *f, struct vsock_fake_end *d);
void vsock_fake_give_room(struct vsock_fake *f, struct vsock_fake_end *d, size_t room);
// Nobody takes anything there any more.
void vsock_fake_leave(struct vsock_fake *f, struct vsock_fake_end *d);
// Somebody wants to connect; NULL if the device refuses.
struct vsock_fake_end *vsock_fake_request(struct vsock_fake *f, uint32_t guest_port);

#endif
