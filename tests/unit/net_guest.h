// SPDX-License-Identifier: MIT
//
// A guest behind a network backend, made by hand: it keeps the frames that come and sends its own,
// on the backend's loop. And the namespace in which tests of networks run.
#ifndef NET_GUEST_H
#define NET_GUEST_H

#include <pthread.h>

#include <vm/device/backend/loop.h>
#include <vm/device/backend/net.h>

enum { GUEST_FRAMES = 512, GUEST_FRAME_MAX = 70000 };

struct net_guest {
    struct vm_loop *loop;
    struct vm_net *net;
    pthread_mutex_t mutex;
    pthread_cond_t came;
    bool deaf; // has no buffers
    unsigned first, count, refused, links;
    bool link;
    struct guest_frame {
        struct vm_net_header header;
        uint32_t size;
        uint8_t *bytes;
    } frames[GUEST_FRAMES];
    uint16_t ip_id;
};

// Connects to the backend, and starts the loop.
void guest_init(struct net_guest *g, struct vm_loop *loop, struct vm_net *net);
// Stops the loop and closes the backend and the loop.
void guest_end(struct net_guest *g);

void guest_send(struct net_guest *g, const struct vm_net_header *header, const void *frame,
                uint32_t size);
// Runs on the loop's thread, and waits for it.
void guest_call(struct net_guest *g, void (*call)(struct net_guest *g));

// The next frame, copied to `to`; its size. Fails the test after some seconds.
uint32_t guest_wait(struct net_guest *g, uint8_t *to, struct vm_net_header *header);
// Frames that are there. Does not wait.
unsigned guest_frames(struct net_guest *g);

// IPv4 from 10.0.2.15 or `from`, to `to`, with the protocol's header and payload; its checksum
// field, at `checksum` in them, is filled in. To the gateway's MAC.
void guest_send_ip(struct net_guest *g, uint32_t from, uint32_t to, uint8_t protocol,
                   uint8_t *packet, uint32_t size, int checksum);
void guest_send_udp(struct net_guest *g, uint32_t from, uint32_t to, uint16_t source, uint16_t port,
                    const void *data, uint32_t size);

// What to expect of an IPv4 frame: its payload, or NULL if it is of another protocol.
uint8_t *guest_ip_payload(uint8_t *frame, uint32_t frame_size, uint8_t protocol, uint32_t *size);
// The next of that protocol; others that come before are answered (ARP for 10.0.2.15) or ignored.
uint8_t *guest_wait_ip(struct net_guest *g, uint8_t protocol, uint8_t *frame, uint32_t *size);

// One TCP connection of the guest's, with one segment on its way at a time.
struct guest_tcp {
    struct net_guest *g;
    uint32_t peer;
    uint16_t port, peer_port;
    uint32_t sequence, acknowledge;
    uint8_t flags; // of the last segment that came
    uint32_t at;   // of its data in `frame`
    uint32_t size; // of its data
    uint8_t frame[GUEST_FRAME_MAX];
};
enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16 };
void guest_tcp_send(struct guest_tcp *t, uint8_t flags, const void *data, uint32_t size);
void guest_tcp_wait(struct guest_tcp *t); // for the next segment that is in sequence
void guest_tcp_connect(struct guest_tcp *t);
void guest_tcp_accept(struct guest_tcp *t); // on t->port

// A network namespace of our own with its loopback up, a mount namespace too; false if the host
// does not let us.
bool guest_own_namespace(void);

#endif
