// SPDX-License-Identifier: MIT
//
// User networking on libslirp (vm/device/backend/slirp.h).
//
// A turn of libslirp is a task on the loop: it hands over the events that came, and asks for the
// sockets and the time to wait for. A turn is due when a socket has events, when a time is up, and
// after frames from the guest, which change what libslirp waits for.
//
// libslirp takes TCP segments of any length, so large ones come here whole. It hands out frames and
// expects them to be gone: those that the guest has no buffers for wait in a FIFO, and while there
// are any, libslirp is not told of more input, so that TCP's own flow control holds the senders
// back. Datagrams beyond the FIFO are lost as on any network.
//
// Urgent data of TCP arrives in line.
#include <errno.h>
#include <string.h>

#include <slirp/libslirp.h>

#include <vm/base/memory.h>
#include <vm/device/backend/slirp.h>
#include <vm/osal/clock.h>
#include <vm/osal/memory.h>

#include "slirp_watch.h"

enum {
    MTU = 1500,
    FIFO = 256 << 10, // bytes of frames that wait, with their lengths
    LENGTH = sizeof(uint32_t),
    TIMERS = 2, // libslirp has one
    MS = 1000000,
};

struct timer {
    struct vm_loop_timer timer;
    SlirpTimerCb fire;
    void *context;
    bool used;
};

struct user {
    struct vm_net net;
    struct vm_loop *loop;
    Slirp *slirp;
    struct slirp_sockets sockets;
    struct vm_io_task turn;
    struct vm_loop_timer wait; // libslirp's timeouts
    struct timer timers[TIMERS];
    bool delivered;    // frames that the guest has not been told of
    size_t first, end; // of what waits in fifo
    uint8_t fifo[FIFO];
};

// --- frames to the guest ---

static bool deliver(struct user *u, const void *frame, uint32_t size)
{
    // Made here, or checked by the host when they came.
    static const struct vm_net_header valid = {.flags = VM_NET_DATA_VALID};
    const struct vm_net_receiver *r = &u->net.receiver;
    if (!r->receive(r->device, 0, &valid, frame, size))
        return false;
    u->delivered = true;
    return true;
}

static void flush(struct user *u)
{
    if (u->delivered)
        u->net.receiver.flush(u->net.receiver.device, 0);
    u->delivered = false;
}

static bool is_waiting(const struct user *u)
{
    return u->first < u->end;
}

static void keep(struct user *u, const void *frame, uint32_t size)
{
    if (u->end + LENGTH + size > FIFO) {
        memmove(u->fifo, u->fifo + u->first, u->end - u->first);
        u->end -= u->first;
        u->first = 0;
    }
    if (u->end + LENGTH + size > FIFO)
        return;
    vm_copy(u->fifo + u->end, &size, LENGTH);
    vm_copy(u->fifo + u->end + LENGTH, frame, size);
    u->end += LENGTH + size;
}

static ssize_t on_frame(const void *frame, size_t size, void *context)
{
    struct user *u = context;
    if (size > VM_NET_MAX_FRAME || !u->net.receiver.receive)
        return (ssize_t)size; // before there is a device nobody listens
    if (is_waiting(u) || !deliver(u, frame, (uint32_t)size))
        keep(u, frame, (uint32_t)size);
    return (ssize_t)size;
}

static void user_resume(struct vm_net *net, unsigned pair)
{
    (void)pair;
    struct user *u = (struct user *)net;
    while (is_waiting(u)) {
        uint32_t size;
        vm_copy(&size, u->fifo + u->first, LENGTH);
        if (!deliver(u, u->fifo + u->first + LENGTH, size))
            break;
        u->first += LENGTH + size;
    }
    if (!is_waiting(u))
        u->first = u->end = 0;
    flush(u);
    vm_io_schedule(vm_loop_io(u->loop), &u->turn);
}

// --- frames from the guest ---

static unsigned user_send(struct vm_net *net, unsigned pair, const struct vm_net_packet *packets,
                          unsigned count)
{
    (void)pair;
    struct user *u = (struct user *)net;
    for (unsigned i = 0; i < count; i++)
        slirp_input(u->slirp, packets[i].iov[0].base, (int)packets[i].size);
    flush(u);
    vm_io_schedule(vm_loop_io(u->loop), &u->turn);
    return count;
}

// --- turns ---

static int on_socket(int fd, int events, void *context)
{
    struct user *u = context;
    unsigned wanted = (events & SLIRP_POLL_IN && !is_waiting(u) ? VM_OSAL_POLL_INPUT : 0u) |
                      (events & SLIRP_POLL_OUT ? VM_OSAL_POLL_OUTPUT : 0u);
    return wanted ? slirp_sockets_name(&u->sockets, fd, wanted) : -1;
}

static int on_events(int index, void *context)
{
    struct user *u = context;
    unsigned ready = slirp_sockets_take(&u->sockets, index);
    return (ready & VM_OSAL_POLL_INPUT ? SLIRP_POLL_IN : 0) |
           (ready & VM_OSAL_POLL_OUTPUT ? SLIRP_POLL_OUT : 0) |
           (ready & VM_OSAL_POLL_HANGUP ? SLIRP_POLL_HUP : 0) |
           (ready & VM_OSAL_POLL_ERROR ? SLIRP_POLL_ERR : 0);
}

static void turn(void *context)
{
    struct user *u = context;
    uint32_t timeout = UINT32_MAX;
    slirp_pollfds_poll(u->slirp, 0, on_events, u);
    slirp_sockets_begin(&u->sockets);
    slirp_pollfds_fill(u->slirp, &timeout, on_socket, u);
    slirp_sockets_end(&u->sockets);
    flush(u);
    if (timeout == UINT32_MAX)
        vm_loop_disarm(u->loop, &u->wait);
    else
        vm_loop_arm(u->loop, &u->wait, vm_osal_clock_monotonic() + (uint64_t)timeout * MS);
}

static void on_ready(void *context)
{
    struct user *u = context;
    vm_io_schedule(vm_loop_io(u->loop), &u->turn);
}

// --- what libslirp asks of its host ---

// The guest's mistakes are the guest's: nothing to be told to anyone else.
static void on_guest_error(const char *message, void *context)
{
    (void)message;
    (void)context;
}

static int64_t on_clock(void *context)
{
    (void)context;
    return (int64_t)vm_osal_clock_monotonic();
}

static void fire(void *context)
{
    struct timer *t = context;
    t->fire(t->context);
}

static void *on_timer_new(SlirpTimerCb cb, void *cb_context, void *context)
{
    struct user *u = context;
    for (unsigned i = 0; i < TIMERS; i++) {
        struct timer *t = &u->timers[i];
        if (t->used)
            continue;
        *t = (struct timer){{.fire = fire, .context = t}, cb, cb_context, true};
        return t;
    }
    return NULL;
}

static void on_timer_free(void *timer, void *context)
{
    struct user *u = context;
    struct timer *t = timer;
    if (!t)
        return;
    vm_loop_disarm(u->loop, &t->timer);
    t->used = false;
}

static void on_timer_mod(void *timer, int64_t ms, void *context)
{
    struct user *u = context;
    struct timer *t = timer;
    if (t)
        vm_loop_arm(u->loop, &t->timer, (uint64_t)ms * MS);
}

static void on_descriptor_changed(int fd, void *context)
{
    struct user *u = context;
    slirp_sockets_forget(&u->sockets, fd);
}

// Something of libslirp's own making changed what it waits for.
static void on_notify(void *context)
{
    on_ready(context);
}

static const SlirpCb callbacks = {
    .send_packet = on_frame,
    .guest_error = on_guest_error,
    .clock_get_ns = on_clock,
    .timer_new = on_timer_new,
    .timer_free = on_timer_free,
    .timer_mod = on_timer_mod,
    .register_poll_fd = on_descriptor_changed,
    .unregister_poll_fd = on_descriptor_changed,
    .notify = on_notify,
};

// --- set-up ---

static struct in_addr ipv4(uint8_t last)
{
    return (struct in_addr){htonl(0x0a000200u | last)};
}

static struct in6_addr ipv6(uint8_t last)
{
    return (struct in6_addr){.s6_addr = {0xfe, 0xc0, [15] = last}};
}

static SlirpConfig configuration(void)
{
    return (SlirpConfig){
        .version = 1,
        .in_enabled = true,
        .vnetwork = ipv4(0),
        .vnetmask = {htonl(0xffffff00u)},
        .vhost = ipv4(2),
        .vdhcp_start = ipv4(15),
        .vnameserver = ipv4(3),
        .in6_enabled = true,
        .vprefix_addr6 = ipv6(0),
        .vprefix_len = 64,
        .vhost6 = ipv6(2),
        .vnameserver6 = ipv6(3),
        .if_mtu = MTU,
        .if_mru = MTU,
    };
}

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    socklen_t size;
};

static bool parse_address(const char *text, uint16_t port, struct address *a)
{
    memset(a, 0, sizeof *a);
    a->v4.sin_family = AF_INET;
    a->v4.sin_port = htons(port);
    a->size = sizeof a->v4;
    if (!*text || inet_pton(AF_INET, text, &a->v4.sin_addr) == 1)
        return true;
    a->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
    a->size = sizeof a->v6;
    return inet_pton(AF_INET6, text, &a->v6.sin6_addr) == 1;
}

// The guest's end has the address that it gets by DHCP, or that it makes of what the router says:
// an address of zeros means that one.
static struct address guest_address(bool v6, uint16_t port)
{
    struct address a;
    parse_address(v6 ? "::" : "10.0.2.15", port, &a);
    return a;
}

static vm_status add_forward(struct user *u, const struct vm_slirp_forward *f, struct vm_error *e)
{
    struct address host;
    const char *kind = f->udp ? "udp" : "tcp";
    if (!parse_address(f->address, f->host_port, &host))
        return vm_error_set(e, VM_ERR_USAGE,
                            "hostfwd=%s: %s is no IPv4 or IPv6 address; names are not looked up",
                            kind, f->address);
    struct address guest = guest_address(host.any.sa_family == AF_INET6, f->guest_port);
    int flags = f->udp ? SLIRP_HOSTFWD_UDP : 0;
    if (host.any.sa_family == AF_INET6)
        flags |= SLIRP_HOSTFWD_V6ONLY;
    errno = 0;
    if (slirp_add_hostxfwd(u->slirp, &host.any, host.size, &guest.any, guest.size, flags) == 0)
        return VM_OK;
    const char *fix = errno == EADDRINUSE ? "; take another one or end what listens there"
                      : errno == EACCES   ? "; ports below 1024 need rights, take a higher one"
                                          : "";
    return vm_error_set(e, VM_ERR_HOST, "hostfwd: cannot listen on %s port %u of %s: %s%s", kind,
                        f->host_port, *f->address ? f->address : "the host",
                        errno ? strerror(errno) : "refused", fix);
}

static void user_close(struct vm_net *net)
{
    struct user *u = (struct user *)net;
    const struct vm_allocator *a = vm_osal_allocator();
    if (u->slirp)
        slirp_cleanup(u->slirp);
    vm_loop_disarm(u->loop, &u->wait);
    slirp_sockets_release(&u->sockets);
    a->release(a->context, u, sizeof *u);
}

static const struct vm_net_ops user_ops = {
    .type = "user",
    .send = user_send,
    .resume = user_resume,
    .close = user_close,
};

static void init(struct user *u, struct vm_loop *loop)
{
    u->net = (struct vm_net){
        .ops = &user_ops,
        .takes = VM_NET_TSO4 | VM_NET_TSO6,
        .pairs = 1,
        .mtu = MTU,
        .flat = true,
        .link_up = true,
    };
    u->loop = loop;
    u->turn = (struct vm_io_task){.run = turn, .context = u};
    u->wait = (struct vm_loop_timer){.fire = on_ready, .context = u};
    slirp_sockets_init(&u->sockets, loop, on_ready, u);
}

bool vm_slirp_built(void)
{
    return true;
}

vm_status vm_slirp_open(struct vm_loop *loop, const struct vm_slirp_forward *forwards,
                        unsigned count, struct vm_net **out, struct vm_error *e)
{
    const struct vm_allocator *a = vm_osal_allocator();
    struct user *u = a->alloc(a->context, sizeof *u, _Alignof(struct user));
    if (!u)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for user networking");
    vm_zero(u, sizeof *u);
    init(u, loop);
    SlirpConfig c = configuration();
    u->slirp = slirp_new(&c, &callbacks, u);
    vm_status status = VM_OK;
    if (!u->slirp)
        status = vm_error_set(e, VM_ERR_HOST, "libslirp %s cannot set up user networking",
                              slirp_version_string());
    for (unsigned i = 0; status == VM_OK && i < count; i++)
        status = add_forward(u, &forwards[i], e);
    if (status != VM_OK) {
        user_close(&u->net);
        return status;
    }
    turn(u); // the loop does not run yet
    *out = &u->net;
    return VM_OK;
}
