// SPDX-License-Identifier: MIT
//
// Linux tap interfaces (vm/device/backend/tap.h; Documentation/networking/tuntap.rst). Each queue
// pair is a descriptor; those that the driver does not use are detached.
//
// A frame that the guest has no buffers for stays in its pair's own room, and the pair is not
// watched until there are some: the kernel's queue holds what comes then.
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <vm/base/memory.h>
#include <vm/device/backend/tap.h>
#include <vm/osal/memory.h>

enum {
    HEADER = 12, // bytes of struct virtio_net_hdr_v1
    BURST = 64,  // frames read before others get their turn
    MAX_PARTS = VM_VIRTQ_MAX_SEGMENTS + 1,

    // Newer than some kernels' headers (Linux 6.2).
    OFFLOAD_USO4 = 0x20,
    OFFLOAD_USO6 = 0x40,
};

struct tap;

struct pair {
    struct tap *tap;
    unsigned index;
    int fd;
    struct vm_loop_watch watch;
    unsigned watched; // VM_OSAL_POLL_*
    bool blocked;     // a send waits for room
    uint32_t held;    // bytes of a frame that was refused, with its header; 0: none
    uint8_t bytes[HEADER + VM_NET_MAX_FRAME];
};

struct tap {
    struct vm_net net;
    struct vm_loop *loop;
    unsigned active;
    bool lost; // the interface was removed
    struct pair pairs[VM_NET_MAX_PAIRS];
};

// --- watching ---

static void watch(struct pair *p)
{
    struct vm_loop *loop = p->tap->loop;
    bool in_use = p->index < p->tap->active && !p->tap->lost;
    unsigned wanted =
        !in_use ? 0 : (p->held ? 0u : VM_OSAL_POLL_INPUT) | (p->blocked ? VM_OSAL_POLL_OUTPUT : 0u);
    if (wanted == p->watched)
        return;
    vm_status status = VM_OK;
    if (!wanted)
        vm_loop_unwatch(loop, &p->watch);
    else if (p->watched)
        status = vm_loop_rewatch(loop, &p->watch, wanted, NULL);
    else
        status = vm_loop_watch(loop, &p->watch, wanted, NULL);
    if (status == VM_OK)
        p->watched = wanted;
}

// The interface is gone for good: so is the guest's link.
static void lose(struct tap *t)
{
    t->lost = true;
    for (unsigned i = 0; i < t->net.pairs; i++)
        watch(&t->pairs[i]);
    t->net.receiver.link_changed(t->net.receiver.device, false);
}

// --- frames to the guest ---

static bool deliver(struct pair *p, uint32_t size)
{
    const struct vm_net_receiver *r = &p->tap->net.receiver;
    const uint8_t *b = p->bytes;
    const struct vm_net_header h = {
        .flags = b[0],
        .gso_type = b[1],
        .hdr_len = vm_load_le16(b + 2),
        .gso_size = vm_load_le16(b + 4),
        .csum_start = vm_load_le16(b + 6),
        .csum_offset = vm_load_le16(b + 8),
    };
    p->held = r->receive(r->device, p->index, &h, b + HEADER, size - HEADER) ? 0 : size;
    return p->held == 0;
}

static void read_frames(struct pair *p)
{
    const struct vm_net_receiver *r = &p->tap->net.receiver;
    for (unsigned i = 0; i < BURST && !p->held; i++) {
        ssize_t size = read(p->fd, p->bytes, sizeof p->bytes);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < HEADER)
            break;
        deliver(p, (uint32_t)size);
    }
    r->flush(r->device, p->index);
    watch(p);
}

static void tap_resume(struct vm_net *net, unsigned index)
{
    struct pair *p = &((struct tap *)net)->pairs[index];
    if (p->held && deliver(p, p->held))
        net->receiver.flush(net->receiver.device, index);
    watch(p);
}

static void on_ready(void *context, unsigned events)
{
    struct pair *p = context;
    struct tap *t = p->tap;
    if (events & (VM_OSAL_POLL_ERROR | VM_OSAL_POLL_HANGUP)) {
        lose(t);
        return;
    }
    if (events & VM_OSAL_POLL_INPUT)
        read_frames(p);
    if (events & VM_OSAL_POLL_OUTPUT && p->blocked) {
        p->blocked = false;
        t->net.receiver.writable(t->net.receiver.device, p->index);
        watch(p);
    }
}

// --- frames from the guest ---

static void encode(uint8_t to[HEADER], const struct vm_net_header *h)
{
    to[0] = h->flags;
    to[1] = h->gso_type;
    vm_store_le16(to + 2, h->hdr_len);
    vm_store_le16(to + 4, h->gso_size);
    vm_store_le16(to + 6, h->csum_start);
    vm_store_le16(to + 8, h->csum_offset);
    vm_store_le16(to + 10, 0);
}

// False if there is no room now. What the kernel refuses otherwise, because it finds something
// wrong with it or because the interface is down, is lost as on any network.
static bool send_one(struct pair *p, const struct vm_net_packet *packet)
{
    uint8_t header[HEADER];
    struct iovec parts[MAX_PARTS] = {{header, HEADER}};
    encode(header, &packet->header);
    for (unsigned i = 0; i < packet->iov_count; i++)
        parts[i + 1] = (struct iovec){packet->iov[i].base, packet->iov[i].size};
    ssize_t done;
    do
        done = writev(p->fd, parts, (int)packet->iov_count + 1);
    while (done < 0 && errno == EINTR);
    return done >= 0 || errno != EAGAIN;
}

static unsigned tap_send(struct vm_net *net, unsigned index, const struct vm_net_packet *packets,
                         unsigned count)
{
    struct tap *t = (struct tap *)net;
    struct pair *p = &t->pairs[index];
    if (t->lost)
        return count;
    for (unsigned i = 0; i < count; i++) {
        if (!send_one(p, &packets[i])) {
            p->blocked = true;
            watch(p);
            return i;
        }
    }
    return count;
}

// --- what the driver changes ---

static bool set_offloads(const struct tap *t, unsigned offloads)
{
    unsigned long flags =
        (offloads & VM_NET_CSUM ? TUN_F_CSUM : 0u) | (offloads & VM_NET_TSO4 ? TUN_F_TSO4 : 0u) |
        (offloads & VM_NET_TSO6 ? TUN_F_TSO6 : 0u) | (offloads & VM_NET_USO4 ? OFFLOAD_USO4 : 0u) |
        (offloads & VM_NET_USO6 ? OFFLOAD_USO6 : 0u);
    return ioctl(t->pairs[0].fd, TUNSETOFFLOAD, flags) == 0;
}

// Cannot fail for what was found possible at the start, but on an interface that is gone.
static void tap_set_offloads(struct vm_net *net, unsigned offloads)
{
    set_offloads((struct tap *)net, offloads);
}

static bool attach(struct pair *p, bool on)
{
    struct ifreq r = {.ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};
    return ioctl(p->fd, TUNSETQUEUE, &r) == 0;
}

// A pair that cannot be attached gets nothing; the kernel spreads frames over those that are.
static void tap_set_pairs(struct vm_net *net, unsigned pairs)
{
    struct tap *t = (struct tap *)net;
    unsigned before = t->active;
    t->active = pairs;
    for (unsigned i = 0; i < t->net.pairs; i++) {
        struct pair *p = &t->pairs[i];
        if (i >= pairs)
            p->held = 0;
        if ((i < before) != (i < pairs))
            attach(p, i < pairs);
        watch(p);
    }
}

static void tap_close(struct vm_net *net)
{
    struct tap *t = (struct tap *)net;
    const struct vm_allocator *a = vm_osal_allocator();
    t->active = 0;
    for (unsigned i = 0; i < VM_NET_MAX_PAIRS; i++) {
        watch(&t->pairs[i]);
        if (t->pairs[i].fd >= 0)
            close(t->pairs[i].fd);
    }
    a->release(a->context, t, sizeof *t);
}

static const struct vm_net_ops tap_ops = {
    .type = "tap",
    .send = tap_send,
    .resume = tap_resume,
    .set_offloads = tap_set_offloads,
    .set_pairs = tap_set_pairs,
    .close = tap_close,
};

// --- set-up ---

static vm_status explain(const char *name, struct vm_error *e)
{
    switch (errno) {
    case EPERM:
        return vm_error_set(e, VM_ERR_HOST,
                            "tap=%s: not this user's; have it made: ip tuntap add %s mode tap "
                            "vnet_hdr multi_queue user NAME",
                            name, name);
    case EBUSY:
        return vm_error_set(e, VM_ERR_HOST, "tap=%s: another program has it open; end that one",
                            name);
    case EINVAL:
        return vm_error_set(e, VM_ERR_HOST,
                            "tap=%s: it is no tap interface, or all its queues are open", name);
    default: return vm_error_set(e, VM_ERR_HOST, "tap=%s: %s", name, strerror(errno));
    }
}

static vm_status open_device(const char *name, int *fd, struct vm_error *e)
{
    static const char path[] = "/dev/net/tun";
    *fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (*fd >= 0)
        return VM_OK;
    const char *fix = errno == ENOENT || errno == ENODEV  ? "; load the kernel's module tun"
                      : errno == EACCES || errno == EPERM ? "; it takes rights on that file"
                                                          : "";
    return vm_error_set(e, VM_ERR_HOST, "tap=%s: cannot open %s: %s%s", name, path, strerror(errno),
                        fix);
}

static bool bind_queue(int fd, const char *name, bool several)
{
    struct ifreq r = {0};
    int size = HEADER, little = 1;
    memcpy(r.ifr_name, name, strlen(name));
    r.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (several ? IFF_MULTI_QUEUE : 0));
    return ioctl(fd, TUNSETIFF, &r) == 0 && ioctl(fd, TUNSETVNETHDRSZ, &size) == 0 &&
           ioctl(fd, TUNSETVNETLE, &little) == 0;
}

// The first queue tells whether the interface has several: one that is there already takes only
// what it was made for.
static vm_status open_first(struct tap *t, const char *name, bool *several, struct vm_error *e)
{
    struct pair *p = &t->pairs[0];
    vm_status status = open_device(name, &p->fd, e);
    if (status != VM_OK)
        return status;
    if (bind_queue(p->fd, name, *several))
        return VM_OK;
    if (errno != EINVAL)
        return explain(name, e);
    *several = !*several;
    return bind_queue(p->fd, name, *several) ? VM_OK : explain(name, e);
}

static void open_others(struct tap *t, const char *name, unsigned pairs)
{
    for (; t->net.pairs < pairs; t->net.pairs++) {
        struct pair *p = &t->pairs[t->net.pairs];
        if (open_device(name, &p->fd, NULL) != VM_OK)
            return;
        if (!bind_queue(p->fd, name, true) || !attach(p, false)) {
            close(p->fd);
            p->fd = -1;
            return;
        }
    }
}

// Sending, the kernel takes whatever segmentation it knows itself.
static void find_offloads(struct tap *t)
{
    unsigned basic = VM_NET_CSUM | VM_NET_TSO4 | VM_NET_TSO6;
    unsigned all = basic | VM_NET_USO4 | VM_NET_USO6;
    t->net.takes = t->net.makes = set_offloads(t, all) ? all : set_offloads(t, basic) ? basic : 0;
    set_offloads(t, 0);
}

static uint16_t mtu_of(const char *name)
{
    struct ifreq r = {0};
    memcpy(r.ifr_name, name, strlen(name));
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int mtu = fd >= 0 && ioctl(fd, SIOCGIFMTU, &r) == 0 ? r.ifr_mtu : 0;
    if (fd >= 0)
        close(fd);
    return mtu >= 68 && mtu <= UINT16_MAX ? (uint16_t)mtu : 0;
}

static void init(struct tap *t, struct vm_loop *loop)
{
    t->net = (struct vm_net){.ops = &tap_ops, .pairs = 1, .link_up = true};
    t->loop = loop;
    for (unsigned i = 0; i < VM_NET_MAX_PAIRS; i++) {
        t->pairs[i].tap = t;
        t->pairs[i].index = i;
        t->pairs[i].fd = -1;
    }
}

static vm_status start(struct tap *t, const char *name, unsigned pairs, struct vm_error *e)
{
    bool several = pairs > 1;
    vm_status status = open_first(t, name, &several, e);
    if (status != VM_OK)
        return status;
    if (several)
        open_others(t, name, pairs);
    find_offloads(t);
    t->net.mtu = mtu_of(name);
    t->active = 1;
    for (unsigned i = 0; i < t->net.pairs; i++) {
        struct pair *p = &t->pairs[i];
        p->watch = (struct vm_loop_watch){{p->fd}, on_ready, p};
    }
    struct pair *first = &t->pairs[0];
    status = vm_loop_watch(t->loop, &first->watch, VM_OSAL_POLL_INPUT, e);
    if (status == VM_OK)
        first->watched = VM_OSAL_POLL_INPUT;
    return status;
}

bool vm_tap_built(void)
{
    return true;
}

vm_status vm_tap_available(struct vm_error *e)
{
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return vm_error_set(e, VM_ERR_HOST, "/dev/net/tun: %s", strerror(errno));
    close(fd);
    return VM_OK;
}

vm_status vm_tap_open(struct vm_loop *loop, const char *name, unsigned pairs, struct vm_net **out,
                      struct vm_error *e)
{
    size_t length = strlen(name);
    if (length == 0 || length >= IFNAMSIZ || strpbrk(name, "%/ "))
        return vm_error_set(e, VM_ERR_USAGE,
                            "tap=%s: a name of an interface has 1 to %d characters, without '%%', "
                            "'/' and spaces",
                            name, IFNAMSIZ - 1);
    const struct vm_allocator *a = vm_osal_allocator();
    struct tap *t = a->alloc(a->context, sizeof *t, _Alignof(struct tap));
    if (!t)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for tap=%s", name);
    vm_zero(t, sizeof *t);
    init(t, loop);
    vm_status status = start(t, name, pairs, e);
    if (status != VM_OK) {
        tap_close(&t->net);
        return status;
    }
    *out = &t->net;
    return VM_OK;
}
