// SPDX-License-Identifier: MIT
#define _GNU_SOURCE // unshare
#include "net_guest.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "net_frames.h"

enum { PATIENCE = 20, ARP = 0x0806, IPV4 = 0x0800, SELF = 0x0a00020f };

static const uint8_t own_mac[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static const uint8_t gateway_mac[] = {0x52, 0x55, 10, 0, 2, 2};

// --- frames ---

static bool on_receive(void *device, unsigned pair, const struct vm_net_header *header,
                       const uint8_t *frame, uint32_t size)
{
    struct net_guest *g = device;
    (void)pair;
    pthread_mutex_lock(&g->mutex);
    bool room = !g->deaf && g->count < GUEST_FRAMES;
    if (room) {
        struct guest_frame *f = &g->frames[(g->first + g->count++) % GUEST_FRAMES];
        *f = (struct guest_frame){*header, size, malloc(size)};
        memcpy(f->bytes, frame, size);
        pthread_cond_signal(&g->came);
    } else {
        g->refused++;
    }
    pthread_mutex_unlock(&g->mutex);
    return room;
}

static void on_flush(void *device, unsigned pair)
{
    (void)device;
    (void)pair;
}

static void on_link(void *device, bool up)
{
    struct net_guest *g = device;
    pthread_mutex_lock(&g->mutex);
    g->links++;
    g->link = up;
    pthread_mutex_unlock(&g->mutex);
}

void guest_init(struct net_guest *g, struct vm_loop *loop, struct vm_net *net)
{
    memset(g, 0, sizeof *g);
    g->loop = loop;
    g->net = net;
    g->link = net->link_up;
    pthread_mutex_init(&g->mutex, NULL);
    pthread_cond_init(&g->came, NULL);
    net->receiver = (struct vm_net_receiver){on_receive, on_flush, on_flush, on_link, g};
    assert_int_equal(vm_loop_start(loop, NULL), VM_OK);
}

void guest_end(struct net_guest *g)
{
    vm_loop_stop(g->loop);
    g->net->ops->close(g->net);
    vm_loop_destroy(g->loop);
    for (; g->count > 0; g->count--)
        free(g->frames[g->first++ % GUEST_FRAMES].bytes);
    pthread_cond_destroy(&g->came);
    pthread_mutex_destroy(&g->mutex);
}

struct job {
    struct vm_io_task task;
    struct net_guest *g;
    void (*call)(struct net_guest *g);
    const struct vm_net_packet *packet;
    bool done; // under the guest's mutex
};

static void run_job(void *context)
{
    struct job *job = context;
    struct net_guest *g = job->g;
    if (job->packet)
        assert_int_equal(g->net->ops->send(g->net, 0, job->packet, 1), 1);
    else
        job->call(g);
    pthread_mutex_lock(&g->mutex);
    job->done = true;
    pthread_cond_broadcast(&g->came);
    pthread_mutex_unlock(&g->mutex);
}

static void wait_some(struct net_guest *g)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE;
    if (pthread_cond_timedwait(&g->came, &g->mutex, &until) == ETIMEDOUT)
        fail_msg("nothing came within %d s", PATIENCE);
}

static void run(struct job *job)
{
    struct net_guest *g = job->g;
    job->task = (struct vm_io_task){.run = run_job, .context = job};
    vm_io_schedule(vm_loop_io(g->loop), &job->task);
    pthread_mutex_lock(&g->mutex);
    while (!job->done)
        wait_some(g);
    pthread_mutex_unlock(&g->mutex);
}

void guest_call(struct net_guest *g, void (*call)(struct net_guest *g))
{
    struct job job = {.g = g, .call = call};
    run(&job);
}

void guest_send(struct net_guest *g, const struct vm_net_header *header, const void *frame,
                uint32_t size)
{
    uint8_t *copy = malloc(size);
    memcpy(copy, frame, size);
    struct vm_iovec iov = {copy, size};
    const struct vm_net_packet packet = {*header, &iov, 1, size};
    struct job job = {.g = g, .packet = &packet};
    run(&job);
    free(copy);
}

uint32_t guest_wait(struct net_guest *g, uint8_t *to, struct vm_net_header *header)
{
    pthread_mutex_lock(&g->mutex);
    while (g->count == 0)
        wait_some(g);
    struct guest_frame f = g->frames[g->first++ % GUEST_FRAMES];
    g->first %= GUEST_FRAMES;
    g->count--;
    pthread_mutex_unlock(&g->mutex);
    assert_true(f.size <= GUEST_FRAME_MAX);
    memcpy(to, f.bytes, f.size);
    if (header)
        *header = f.header;
    free(f.bytes);
    return f.size;
}

unsigned guest_frames(struct net_guest *g)
{
    pthread_mutex_lock(&g->mutex);
    unsigned count = g->count;
    pthread_mutex_unlock(&g->mutex);
    return count;
}

// --- IPv4 ---

static void put_ethernet(uint8_t *frame, const uint8_t *to, uint16_t type)
{
    memcpy(frame, to, 6);
    memcpy(frame + 6, own_mac, 6);
    frame_put16(frame + 12, type);
}

void guest_send_ip(struct net_guest *g, uint32_t from, uint32_t to, uint8_t protocol,
                   uint8_t *packet, uint32_t size, int checksum)
{
    static const struct vm_net_header none;
    static const uint8_t all[] = {255, 255, 255, 255, 255, 255};
    uint8_t frame[14 + 20 + 65535] = {0}, *ip = frame + 14;
    put_ethernet(frame, to == UINT32_MAX ? all : gateway_mac, IPV4);
    ip[0] = 0x45;
    frame_put16(ip + 2, 20 + size);
    frame_put16(ip + 4, g->ip_id++);
    ip[8] = 64;
    ip[9] = protocol;
    frame_put32(ip + 12, from);
    frame_put32(ip + 16, to);
    frame_put16(ip + 10, (uint16_t)~frame_sum(ip, 20, 0));
    frame_put16(packet + checksum, 0);
    uint32_t pseudo = protocol == 1 ? 0u : frame_sum(ip + 12, 8, 0) + protocol + size;
    frame_put16(packet + checksum,
                (uint16_t)~frame_sum(packet, size, (pseudo & 0xffff) + (pseudo >> 16)));
    memcpy(ip + 20, packet, size);
    guest_send(g, &none, frame, 34 + size);
}

void guest_send_udp(struct net_guest *g, uint32_t from, uint32_t to, uint16_t source, uint16_t port,
                    const void *data, uint32_t size)
{
    uint8_t packet[2048] = {0};
    frame_put16(packet, source);
    frame_put16(packet + 2, port);
    frame_put16(packet + 4, 8 + size);
    memcpy(packet + 8, data, size);
    guest_send_ip(g, from, to, 17, packet, 8 + size, 6);
}

uint8_t *guest_ip_payload(uint8_t *frame, uint32_t frame_size, uint8_t protocol, uint32_t *size)
{
    uint8_t *ip = frame + 14;
    if (frame_get16(frame + 12) != IPV4 || ip[9] != protocol)
        return NULL;
    uint32_t header = 4 * (ip[0] & 15u), total = frame_get16(ip + 2);
    assert_true(header >= 20 && header <= total && 14 + total <= frame_size);
    assert_int_equal(frame_sum(ip, header, 0), 0xffff);
    *size = total - header;
    return ip + header;
}

// Somebody asks for our address.
static void answer_arp(struct net_guest *g, const uint8_t *frame)
{
    static const struct vm_net_header none;
    const uint8_t *arp = frame + 14;
    uint8_t reply[60] = {0}, *r = reply + 14;
    if (frame_get16(frame + 12) != ARP || frame_get16(arp + 6) != 1 ||
        frame_get32(arp + 24) != SELF)
        return;
    put_ethernet(reply, arp + 8, ARP);
    memcpy(r, arp, 6);
    frame_put16(r + 6, 2);
    memcpy(r + 8, own_mac, 6);
    frame_put32(r + 14, SELF);
    memcpy(r + 18, arp + 8, 10);
    guest_send(g, &none, reply, sizeof reply);
}

uint8_t *guest_wait_ip(struct net_guest *g, uint8_t protocol, uint8_t *frame, uint32_t *size)
{
    for (;;) {
        uint32_t frame_size = guest_wait(g, frame, NULL);
        uint8_t *payload = guest_ip_payload(frame, frame_size, protocol, size);
        if (payload)
            return payload;
        answer_arp(g, frame);
    }
}

// --- TCP ---

void guest_tcp_send(struct guest_tcp *t, uint8_t flags, const void *data, uint32_t size)
{
    static uint8_t packet[65535];
    memset(packet, 0, 24);
    uint32_t header = flags & TCP_SYN ? 24 : 20;
    frame_put16(packet, t->port);
    frame_put16(packet + 2, t->peer_port);
    frame_put32(packet + 4, t->sequence);
    frame_put32(packet + 8, t->acknowledge);
    packet[12] = (uint8_t)(header / 4 << 4);
    packet[13] = flags;
    frame_put16(packet + 14, 65535);
    if (flags & TCP_SYN)
        frame_put32(packet + 20, 0x02040000 | 1460); // maximum segment size
    if (size)
        memcpy(packet + header, data, size);
    guest_send_ip(t->g, SELF, t->peer, 6, packet, header + size, 16);
    t->sequence += size + (flags & TCP_SYN ? 1 : 0) + (flags & TCP_FIN ? 1 : 0);
}

void guest_tcp_wait(struct guest_tcp *t)
{
    for (;;) {
        uint32_t size;
        uint8_t *p = guest_wait_ip(t->g, 6, t->frame, &size);
        if (frame_get16(p + 2) != t->port)
            continue;
        uint32_t header = 4 * (p[12] >> 4), sequence = frame_get32(p + 4);
        t->flags = p[13];
        t->peer = frame_get32(t->frame + 26);
        t->peer_port = frame_get16(p);
        t->at = (uint32_t)(p - t->frame) + header;
        t->size = size - header;
        if (t->flags & TCP_SYN)
            t->acknowledge = sequence;
        if (sequence != t->acknowledge)
            continue;
        t->acknowledge += t->size + (t->flags & TCP_SYN ? 1 : 0) + (t->flags & TCP_FIN ? 1 : 0);
        return;
    }
}

void guest_tcp_connect(struct guest_tcp *t)
{
    guest_tcp_send(t, TCP_SYN, NULL, 0);
    guest_tcp_wait(t);
    assert_int_equal(t->flags, TCP_SYN | TCP_ACK);
    guest_tcp_send(t, TCP_ACK, NULL, 0);
}

void guest_tcp_accept(struct guest_tcp *t)
{
    guest_tcp_wait(t);
    assert_int_equal(t->flags, TCP_SYN);
    guest_tcp_send(t, TCP_SYN | TCP_ACK, NULL, 0);
    guest_tcp_wait(t);
    assert_true(t->flags & TCP_ACK);
}

// --- namespaces ---

bool guest_own_namespace(void)
{
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0)
        return false;
    assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    struct ifreq r = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &r), 0);
    r.ifr_flags |= IFF_UP;
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
    close(fd);
    return true;
}
