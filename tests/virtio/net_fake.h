// SPDX-License-Identifier: MIT
//
// A network behind virtio-net for tests: keeps what is sent, delivers what the test says, takes and
// makes what the test wants it to.
#ifndef TESTS_VIRTIO_NET_FAKE_H
#define TESTS_VIRTIO_NET_FAKE_H

#include <vm/device/virtio/net.h>

enum { NET_FAKE_FRAMES = 256 };

struct net_fake_frame {
    struct vm_net_header header;
    uint32_t size;
    unsigned pair;
    uint8_t *bytes;
};

struct net_fake {
    struct vm_net net;
    bool echo;      // what is sent comes back
    unsigned room;  // frames that it still takes
    unsigned count; // frames in `sent`; beyond NET_FAKE_FRAMES they are counted only
    struct net_fake_frame sent[NET_FAKE_FRAMES];
    unsigned resumed, offloads, pairs, closed;
};

void net_fake_init(struct net_fake *f, unsigned takes, unsigned makes, unsigned pairs);
void net_fake_forget(struct net_fake *f); // what was sent
bool net_fake_deliver(struct net_fake *f, unsigned pair, const struct vm_net_header *header,
                      const void *frame, uint32_t size); // and shows it

#endif
