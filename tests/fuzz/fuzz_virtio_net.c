// SPDX-License-Identifier: MIT
//
// Fuzz target: the network device, in front of a network that sends every frame back, cut to what
// the driver takes: what it sent unfinished comes back unfinished, if it agreed to that. By turns
// the network takes nothing, everything, or segments without checksums.
#include <stdlib.h>
#include <string.h>

#include <vm/device/virtio/net.h>

#include "standalone.h"
#include "virtio_frame.h"

enum {
    ALL = VM_NET_CSUM | VM_NET_TSO4 | VM_NET_TSO6 | VM_NET_USO4 | VM_NET_USO6,
    ROOM = 3, // frames that one call of send takes
};

struct network {
    struct vm_net net;
    bool blocked, refused;
    unsigned sum; // of all bytes: reads them
};

static struct network network; // of the present input

// What must hold, also in a build without assertions.
static void must(bool holds)
{
    if (!holds)
        abort();
}

// What virtio-net promises a backend.
static void check(const struct network *n, const struct vm_net_packet *p)
{
    const struct vm_net_header *h = &p->header;
    must(p->size >= 14 && p->size <= VM_NET_MAX_FRAME);
    must(vm_iov_size(p->iov, p->iov_count) == p->size);
    must(!n->net.flat || p->iov_count == 1);
    if (h->flags & VM_NET_NEEDS_CSUM) {
        must(n->net.takes & VM_NET_CSUM);
        must((uint32_t)h->csum_start + h->csum_offset + 2 <= p->size);
    }
    must(!h->gso_type || (h->gso_size > 0 && h->hdr_len < p->size));
    must(n->net.takes || (!h->flags && !h->gso_type));
}

static void echo(struct network *n, unsigned pair, const struct vm_net_packet *p)
{
    const struct vm_net_receiver *r = &n->net.receiver;
    uint8_t *bytes = malloc(p->size);
    must(vm_iov_read(p->iov, p->iov_count, 0, bytes, p->size) == p->size);
    for (uint32_t i = 0; i < p->size; i++)
        n->sum += bytes[i];
    if (!r->receive(r->device, pair, &p->header, bytes, p->size))
        n->refused = true;
    r->flush(r->device, pair);
    free(bytes);
}

static unsigned net_send(struct vm_net *net, unsigned pair, const struct vm_net_packet *packets,
                         unsigned count)
{
    struct network *n = (struct network *)net;
    must(pair < net->pairs && count > 0);
    unsigned taken = n->blocked ? 0 : count < ROOM ? count : ROOM;
    for (unsigned i = 0; i < taken; i++) {
        check(n, &packets[i]);
        echo(n, pair, &packets[i]);
    }
    n->blocked = taken < count;
    return taken;
}

static void net_resume(struct vm_net *net, unsigned pair)
{
    must(pair < net->pairs);
    ((struct network *)net)->refused = false;
}

static void net_set_offloads(struct vm_net *net, unsigned offloads)
{
    must(!(offloads & ~net->makes));
}

static void net_set_pairs(struct vm_net *net, unsigned pairs)
{
    must(pairs >= 1 && pairs <= net->pairs);
}

static void net_close(struct vm_net *net)
{
    must(net == &network.net);
}

static const struct vm_net_ops ops = {
    "echo", net_send, net_resume, net_set_offloads, net_set_pairs, net_close,
};

static struct vm_virtio *make(struct virtio_rig *rig, unsigned takes, bool flat)
{
    network = (struct network){0};
    network.net = (struct vm_net){
        .ops = &ops, .takes = takes, .makes = ALL, .pairs = 3, .flat = flat, .link_up = true};
    const struct vm_virtio_net_config c = {&network.net, {0x52, 0x54, 0, 0x12, 0x34, 0x56}, 0};
    struct vm_virtio *v;
    assert_int_equal(vm_virtio_net_create(&rig->machine, &rig->io, "net0", &c, &v, NULL), VM_OK);
    return v;
}

static struct vm_virtio *create_for_all(struct virtio_rig *rig)
{
    return make(rig, ALL, false);
}

static struct vm_virtio *create_for_plain(struct virtio_rig *rig)
{
    return make(rig, 0, false);
}

static struct vm_virtio *create_for_segments(struct virtio_rig *rig)
{
    return make(rig, VM_NET_TSO4 | VM_NET_TSO6, true);
}

static void tick(struct virtio_rig *rig)
{
    (void)rig;
    struct vm_net *net = &network.net;
    if (!network.blocked)
        return;
    network.blocked = false;
    for (unsigned i = 0; i < net->pairs; i++)
        net->receiver.writable(net->receiver.device, i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct virtio_frame_device devices[] = {
        {create_for_all, tick, NULL},
        {create_for_plain, tick, NULL},
        {create_for_segments, tick, NULL},
    };
    if (size > 0) // its upper bits are nobody's
        virtio_frame_run(&devices[(data[0] >> 6) % 3], data, size);
    return 0;
}
