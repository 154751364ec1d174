// SPDX-License-Identifier: MIT
//
// Network device (vm/device/virtio/net.h): features, configuration, life. Frames that arrive while
// the driver has no queues are dropped.
#include "net.h"

enum { QUEUE_SIZE = 256 };

// The control queue follows the last receive and transmit queue that the driver knows of (5.1.2).
static unsigned control_queue(const struct net *n)
{
    return net_has(n, NET_F_MQ) ? 2 * n->backend->pairs : 2;
}

// --- offloads ---

unsigned net_guest_offloads(uint64_t features)
{
    return (features & NET_F_GUEST_CSUM ? VM_NET_CSUM : 0u) |
           (features & NET_F_GUEST_TSO4 ? VM_NET_TSO4 : 0u) |
           (features & NET_F_GUEST_TSO6 ? VM_NET_TSO6 : 0u) |
           (features & NET_F_GUEST_USO4 ? VM_NET_USO4 : 0u) |
           (features & NET_F_GUEST_USO6 ? VM_NET_USO6 : 0u);
}

static unsigned host_offloads(uint64_t features)
{
    return (features & NET_F_CSUM ? VM_NET_CSUM : 0u) |
           (features & NET_F_HOST_TSO4 ? VM_NET_TSO4 : 0u) |
           (features & NET_F_HOST_TSO6 ? VM_NET_TSO6 : 0u) |
           (features & NET_F_HOST_USO ? VM_NET_USO4 | VM_NET_USO6 : 0u);
}

// Segmentation without checksums does not exist, either way (5.1.3.1).
static unsigned sensible(unsigned offloads)
{
    return offloads & VM_NET_CSUM ? offloads : 0;
}

void net_set_receive_offloads(struct net *n, unsigned offloads)
{
    n->receive_offloads = sensible(offloads);
    if (n->backend->ops->set_offloads)
        n->backend->ops->set_offloads(n->backend, n->receive_offloads & n->backend->makes);
}

void net_set_pairs(struct net *n, unsigned pairs)
{
    n->active_pairs = pairs;
    if (n->backend->ops->set_pairs)
        n->backend->ops->set_pairs(n->backend, pairs);
}

// GUEST_CSUM alone is offered for every backend: one that makes whole frames says that they are
// right.
static uint64_t features_of(const struct vm_net *b)
{
    uint64_t f = NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_GUEST_OFFLOADS | NET_F_MAC |
                 NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_HOST_USO | NET_F_MRG_RXBUF |
                 NET_F_STATUS | NET_F_CTRL_VQ | NET_F_CTRL_RX | NET_F_CTRL_VLAN |
                 NET_F_CTRL_RX_EXTRA | NET_F_GUEST_ANNOUNCE | NET_F_CTRL_MAC_ADDR;
    f |= b->makes & VM_NET_TSO4 ? NET_F_GUEST_TSO4 : 0;
    f |= b->makes & VM_NET_TSO6 ? NET_F_GUEST_TSO6 : 0;
    f |= b->makes & VM_NET_USO4 ? NET_F_GUEST_USO4 : 0;
    f |= b->makes & VM_NET_USO6 ? NET_F_GUEST_USO6 : 0;
    f |= b->pairs > 1 ? NET_F_MQ : 0;
    f |= b->mtu ? NET_F_MTU : 0;
    return f;
}

// --- what the backend calls ---

static void net_flush(void *device, unsigned pair)
{
    struct net *n = device;
    vm_virtq_flush(n->virtio, net_receive_queue(pair));
}

static void net_writable(void *device, unsigned pair)
{
    struct net *n = device;
    if (n->blocked[pair])
        net_transmit(n, pair);
}

void net_change_status(struct net *n, uint16_t set, uint16_t clear)
{
    vm_virtio_lock(n->virtio);
    n->config.status = (uint16_t)((n->config.status & ~clear) | set);
    vm_virtio_config_changed(n->virtio);
    vm_virtio_unlock(n->virtio);
}

// A link that comes up again may be another network: the guest is to announce itself there.
static void net_link_changed(void *device, bool up)
{
    struct net *n = device;
    if (up == n->link_up)
        return;
    n->link_up = up;
    uint16_t announce = net_has(n, NET_F_GUEST_ANNOUNCE) ? NET_ANNOUNCE : 0;
    if (up)
        net_change_status(n, NET_LINK_UP | announce, 0);
    else
        net_change_status(n, 0, NET_LINK_UP);
}

// --- what the core calls ---

static void net_read_config(void *device, uint32_t offset, void *to, uint32_t size)
{
    const struct net *n = device;
    uint8_t bytes[NET_CONFIG_SIZE];
    vm_copy(bytes, n->config.mac, VM_NET_MAC);
    vm_store_le16(bytes + 6, n->config.status);
    vm_store_le16(bytes + 8, n->config.max_pairs);
    vm_store_le16(bytes + 10, n->config.mtu);
    vm_copy(to, bytes + offset, size);
}

static void resume(struct net *n, unsigned pair)
{
    if (pair >= n->backend->pairs || !n->refused[pair])
        return;
    n->refused[pair] = false;
    n->backend->ops->resume(n->backend, pair);
}

static void net_notify(void *device, unsigned queue)
{
    struct net *n = device;
    if (queue == control_queue(n))
        net_control(n, queue);
    else if (queue & 1)
        net_transmit(n, queue / 2);
    else
        resume(n, queue / 2);
}

// On a vCPU's thread, before any queue runs; the I/O thread sees it by way of the queues.
static void net_activate(void *device, uint64_t features)
{
    struct net *n = device;
    n->send_offloads = sensible(host_offloads(features));
    n->filter.by_vlan = features & NET_F_CTRL_VLAN;
    net_set_receive_offloads(n, net_guest_offloads(features));
}

static void forget_driver(struct net *n)
{
    vm_virtio_lock(n->virtio);
    vm_copy(n->config.mac, n->permanent_mac, VM_NET_MAC);
    n->config.status &= (uint16_t)~NET_ANNOUNCE;
    vm_virtio_unlock(n->virtio);
    vm_net_filter_reset(&n->filter, n->permanent_mac);
}

// The backend is let go of: what it holds for the driver is dropped as it comes.
static void net_reset(void *device)
{
    struct net *n = device;
    forget_driver(n);
    for (unsigned i = 0; i < n->backend->pairs; i++) {
        n->blocked[i] = false;
        resume(n, i);
    }
    net_set_pairs(n, 1);
}

static void net_reset_queue(void *device, unsigned queue)
{
    struct net *n = device;
    if (queue == control_queue(n))
        return;
    if (queue & 1)
        n->blocked[queue / 2] = false;
    else
        resume(n, queue / 2);
}

static void net_destroy(void *device)
{
    struct net *n = device;
    if (n->backend)
        n->backend->ops->close(n->backend);
    vm_device_release(n->machine, n, sizeof *n);
}

static const struct vm_virtio_ops net_ops = {
    .type = "virtio-net",
    .id = VM_VIRTIO_NET,
    .read_config = net_read_config,
    .activate = net_activate,
    .notify = net_notify,
    .reset = net_reset,
    .reset_queue = net_reset_queue,
    .destroy = net_destroy,
};

// --- life ---

static void init(struct net *n, struct vm_machine *m, const struct vm_virtio_net_config *c)
{
    const struct vm_net *b = c->backend;
    n->machine = m;
    n->link_up = b->link_up;
    n->active_pairs = 1;
    vm_copy(n->permanent_mac, c->mac, VM_NET_MAC);
    vm_net_filter_reset(&n->filter, c->mac);
    n->config = (struct net_config){
        .status = b->link_up ? NET_LINK_UP : 0,
        .max_pairs = (uint16_t)b->pairs,
        .mtu = b->mtu,
    };
    vm_copy(n->config.mac, c->mac, VM_NET_MAC);
}

vm_status vm_virtio_net_create(struct vm_machine *m, struct vm_io *io, const char *name,
                               const struct vm_virtio_net_config *c, struct vm_virtio **out,
                               struct vm_error *e)
{
    if (c->backend->pairs == 0 || c->backend->pairs > VM_NET_MAX_PAIRS)
        return vm_error_set(e, VM_ERR_USAGE, "device %s: %u queue pairs; it has 1 to %d", name,
                            c->backend->pairs, VM_NET_MAX_PAIRS);
    struct net *n = vm_device_alloc(m, sizeof *n, net_ops.type, e);
    if (!n)
        return VM_ERR_HOST;
    init(n, m, c);
    const struct vm_virtio_config config = {
        .ops = &net_ops,
        .device = n,
        .features = features_of(c->backend),
        .withheld = c->withheld,
        .config_size = NET_CONFIG_SIZE,
        .queues = (uint16_t)(2 * c->backend->pairs + 1),
        .queue_size = QUEUE_SIZE,
        .io = io,
        .name = name,
    };
    vm_status status = vm_virtio_create(m, &config, &n->virtio, e);
    if (status != VM_OK) {
        net_destroy(n); // the backend stays the caller's
        return status;
    }
    n->backend = c->backend;
    n->backend->receiver = (struct vm_net_receiver){
        net_receive, net_flush, net_writable, net_link_changed, n,
    };
    *out = n->virtio;
    return VM_OK;
}
