// SPDX-License-Identifier: MIT
#include "net_fake.h"

#include <stdlib.h>
#include <string.h>

static void keep(struct net_fake *f, unsigned pair, const struct vm_net_packet *p)
{
    uint8_t *bytes = malloc(p->size);
    size_t size = vm_iov_read(p->iov, p->iov_count, 0, bytes, p->size);
    if (size != p->size || vm_iov_size(p->iov, p->iov_count) != p->size)
        abort();
    if (f->echo) {
        f->net.receiver.receive(f->net.receiver.device, pair, &p->header, bytes, p->size);
        f->net.receiver.flush(f->net.receiver.device, pair);
    }
    if (f->count < NET_FAKE_FRAMES)
        f->sent[f->count] = (struct net_fake_frame){p->header, p->size, pair, bytes};
    else
        free(bytes);
    f->count++;
}

static unsigned fake_send(struct vm_net *net, unsigned pair, const struct vm_net_packet *packets,
                          unsigned count)
{
    struct net_fake *f = (struct net_fake *)net;
    unsigned taken = count < f->room ? count : f->room;
    for (unsigned i = 0; i < taken; i++)
        keep(f, pair, &packets[i]);
    f->room -= taken;
    return taken;
}

static void fake_resume(struct vm_net *net, unsigned pair)
{
    (void)pair;
    ((struct net_fake *)net)->resumed++;
}

static void fake_set_offloads(struct vm_net *net, unsigned offloads)
{
    ((struct net_fake *)net)->offloads = offloads;
}

static void fake_set_pairs(struct vm_net *net, unsigned pairs)
{
    ((struct net_fake *)net)->pairs = pairs;
}

static void fake_close(struct vm_net *net)
{
    struct net_fake *f = (struct net_fake *)net;
    f->closed++;
    net_fake_forget(f);
}

static const struct vm_net_ops fake_ops = {
    "fake", fake_send, fake_resume, fake_set_offloads, fake_set_pairs, fake_close,
};

void net_fake_init(struct net_fake *f, unsigned takes, unsigned makes, unsigned pairs)
{
    memset(f, 0, sizeof *f);
    f->net = (struct vm_net){
        .ops = &fake_ops,
        .takes = takes,
        .makes = makes,
        .pairs = pairs,
        .mtu = 1500,
        .link_up = true,
    };
    f->room = UINT32_MAX;
    f->pairs = 1;
}

void net_fake_forget(struct net_fake *f)
{
    for (unsigned i = 0; i < f->count && i < NET_FAKE_FRAMES; i++)
        free(f->sent[i].bytes);
    f->count = 0;
}

bool net_fake_deliver(struct net_fake *f, unsigned pair, const struct vm_net_header *header,
                      const void *frame, uint32_t size)
{
    const struct vm_net_receiver *r = &f->net.receiver;
    bool taken = r->receive(r->device, pair, header, frame, size);
    r->flush(r->device, pair);
    return taken;
}
