// SPDX-License-Identifier: MIT
//
// User networking from a guest that is made by hand (net_guest.h), to servers and clients on the
// host's loopback, in a network namespace of the test's own where the host allows one.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <vm/device/backend/slirp.h>

#include "net_frames.h"
#include "net_guest.h"

#define GATEWAY  UINT32_C(0x0a000202)
#define RESOLVER UINT32_C(0x0a000203)
#define SELF     UINT32_C(0x0a00020f)

static const struct vm_net_header none;
static bool namespaced; // nobody else's addresses and files are near

static void begin(struct net_guest *g, const struct vm_slirp_forward *forwards, unsigned count)
{
    struct vm_loop *loop;
    struct vm_net *net;
    struct vm_error e = {.text = ""};
    assert_int_equal(vm_loop_create("slirp", &loop, &e), VM_OK);
    if (vm_slirp_open(loop, forwards, count, &net, &e) != VM_OK)
        fail_msg("%s", e.text);
    assert_int_equal(net->pairs, 1);
    assert_int_equal(net->mtu, 1500);
    guest_init(g, loop, net);
}

// --- the host's side ---

static int host_socket(int family, int type, uint16_t *port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a;
    memset(&a, 0, sizeof a);
    a.any.sa_family = (sa_family_t)family;
    if (family == AF_INET) {
        a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        a.v4.sin_port = htons(*port);
    } else {
        a.v6.sin6_addr = in6addr_loopback;
        a.v6.sin6_port = htons(*port);
    }
    socklen_t size = family == AF_INET ? sizeof a.v4 : sizeof a.v6;
    int fd = socket(family, type, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, &a.any, size), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, &a.any, &size), 0);
    *port = ntohs(family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
    return fd;
}

// A port that nobody has now.
static uint16_t free_port(int type)
{
    uint16_t port = 0;
    close(host_socket(AF_INET, type, &port));
    return port;
}

static int host_connect(int type, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, type, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void host_read(int fd, uint8_t *to, size_t size)
{
    for (size_t done = 0; done < size;) {
        struct pollfd p = {fd, POLLIN, 0};
        assert_int_equal(poll(&p, 1, 20000), 1);
        ssize_t n = read(fd, to + done, size - done);
        assert_true(n > 0);
        done += (size_t)n;
    }
}

// --- ARP, DHCP, ICMP ---

static void answers_arp(void **state)
{
    (void)state;
    static struct net_guest g;
    begin(&g, NULL, 0);
    uint8_t request[60] = {255,  255,  255,  255,  255, 255,  0x52, 0x54, 0, 0x12,
                           0x34, 0x56, 8,    6,    0,   1,    8,    0,    6, 4,
                           0,    1,    0x52, 0x54, 0,   0x12, 0x34, 0x56};
    uint8_t frame[GUEST_FRAME_MAX];
    struct vm_net_header header;
    frame_put32(request + 28, SELF);
    frame_put32(request + 38, GATEWAY);
    guest_send(&g, &none, request, sizeof request);
    do
        guest_wait(&g, frame, &header);
    while (frame_get16(frame + 12) != 0x0806);
    assert_int_equal(frame_get16(frame + 20), 2);
    assert_int_equal(frame_get32(frame + 28), GATEWAY);
    assert_memory_equal(frame, request + 6, 6);
    assert_int_equal(header.flags, VM_NET_DATA_VALID);
    guest_end(&g);
}

static const uint8_t *find_option(const uint8_t *dhcp, uint32_t size, uint8_t option)
{
    for (uint32_t at = 240; at + 1 < size && dhcp[at] != 255;
         at += dhcp[at] ? 2 + dhcp[at + 1] : 1) {
        if (dhcp[at] == option)
            return dhcp + at + 2;
    }
    fail_msg("no DHCP option %u", option);
    return NULL;
}

static void offers_an_address(void **state)
{
    (void)state;
    static struct net_guest g;
    begin(&g, NULL, 0);
    uint8_t discover[300] = {1, 1, 6, 0, 1, 2, 3, 4};
    static const uint8_t mac[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    static const uint8_t options[] = {0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255};
    memcpy(discover + 28, mac, sizeof mac);
    memcpy(discover + 236, options, sizeof options);
    guest_send_udp(&g, 0, UINT32_MAX, 68, 67, discover, sizeof discover);
    uint8_t frame[GUEST_FRAME_MAX];
    uint32_t size;
    const uint8_t *dhcp = guest_wait_ip(&g, 17, frame, &size) + 8;
    size -= 8;
    assert_int_equal(dhcp[0], 2);
    assert_memory_equal(dhcp + 4, discover + 4, 4);
    assert_int_equal(frame_get32(dhcp + 16), SELF);
    assert_int_equal(*find_option(dhcp, size, 53), 2); // an offer
    assert_int_equal(frame_get32(find_option(dhcp, size, 1)), 0xffffff00);
    assert_int_equal(frame_get32(find_option(dhcp, size, 3)), GATEWAY);
    assert_int_equal(frame_get32(find_option(dhcp, size, 6)), RESOLVER);
    guest_end(&g);
}

static void answers_ping(void **state)
{
    (void)state;
    static struct net_guest g;
    begin(&g, NULL, 0);
    uint8_t echo[64] = {8, 0, 0, 0, 0x12, 0x34, 0, 1, 'h', 'e', 'l', 'l', 'o'};
    guest_send_ip(&g, SELF, GATEWAY, 1, echo, sizeof echo, 2);
    uint8_t frame[GUEST_FRAME_MAX];
    uint32_t size;
    uint8_t *reply = guest_wait_ip(&g, 1, frame, &size);
    assert_int_equal(size, sizeof echo);
    assert_int_equal(reply[0], 0);
    assert_memory_equal(reply + 4, echo + 4, sizeof echo - 4);
    guest_end(&g);
}

// --- IPv6: the router tells its prefix, and answers pings ---

static uint32_t make_icmp6(uint8_t *frame, const uint8_t *to, const uint8_t *mac, uint8_t type,
                           const uint8_t *body, uint32_t size)
{
    static const uint8_t self_mac[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    static const uint8_t self[16] = {0xfe, 0x80, [11] = 0xff, 0xfe, 0x12, 0x34, 0x56};
    uint8_t *ip = frame + 14, *icmp = ip + 40;
    memset(frame, 0, 14 + 40 + 4);
    memcpy(frame, mac, 6);
    memcpy(frame + 6, self_mac, 6);
    frame_put16(frame + 12, 0x86dd);
    ip[0] = 0x60;
    frame_put16(ip + 4, 4 + size);
    ip[6] = 58;
    ip[7] = 255;
    memcpy(ip + 8, self, 16);
    memcpy(ip + 24, to, 16);
    icmp[0] = type;
    memcpy(icmp + 4, body, size);
    uint32_t pseudo = frame_sum(ip + 8, 32, 0) + 58u + 4u + size;
    frame_put16(icmp + 2, (uint16_t)~frame_sum(icmp, 4 + size, (pseudo & 0xffff) + (pseudo >> 16)));
    return 14 + 40 + 4 + size;
}

static uint8_t *wait_icmp6(struct net_guest *g, uint8_t *frame, uint8_t type)
{
    for (;;) {
        guest_wait(g, frame, NULL);
        if (frame_get16(frame + 12) == 0x86dd && frame[20] == 58 && frame[54] == type)
            return frame + 54;
    }
}

static void routes_ipv6(void **state)
{
    (void)state;
    static struct net_guest g;
    static const uint8_t routers[16] = {0xff, 2, [15] = 2}, gateway[16] = {0xfe, 0xc0, [15] = 2};
    static const uint8_t routers_mac[] = {0x33, 0x33, 0, 0, 0, 2};
    static const uint8_t solicit[12] = {[4] = 1, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56};
    uint8_t frame[GUEST_FRAME_MAX], mac[6];
    begin(&g, NULL, 0);
    guest_send(&g, &none, frame,
               make_icmp6(frame, routers, routers_mac, 133, solicit, sizeof solicit));
    const uint8_t *advertisement = wait_icmp6(&g, frame, 134);
    memcpy(mac, frame + 6, 6);
    bool prefix = false;
    for (const uint8_t *o = advertisement + 16; o[0] && o[1]; o += 8 * o[1]) {
        prefix |= o[0] == 3 && o[2] == 64 && o[16] == 0xfe && o[17] == 0xc0;
        if (o + 8 * o[1] >= frame + 54 + frame_get16(frame + 18))
            break;
    }
    assert_true(prefix);
    static const uint8_t body[40] = {0x12, 0x34, 0, 1, 'h', 'e', 'l', 'l', 'o'};
    guest_send(&g, &none, frame, make_icmp6(frame, gateway, mac, 128, body, sizeof body));
    // It may ask for our address first.
    for (;;) {
        guest_wait(&g, frame, NULL);
        if (frame_get16(frame + 12) != 0x86dd || frame[20] != 58)
            continue;
        if (frame[54] == 129)
            break;
        if (frame[54] == 135) {
            uint8_t own[28] = {0x60, [20] = 2, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56}, to[16];
            memcpy(own + 4, frame + 62, 16);
            memcpy(to, frame + 22, 16);
            guest_send(&g, &none, frame, make_icmp6(frame, to, mac, 136, own, sizeof own));
        }
    }
    assert_memory_equal(frame + 58, body, sizeof body);
    guest_end(&g);
}

// --- UDP and DNS ---

static void passes_datagrams(void **state)
{
    (void)state;
    static struct net_guest g;
    uint16_t port = 0, forwarded = free_port(SOCK_DGRAM);
    const struct vm_slirp_forward forward = {true, "127.0.0.1", forwarded, 5000};
    int server = host_socket(AF_INET, SOCK_DGRAM, &port);
    begin(&g, &forward, 1);
    uint8_t frame[GUEST_FRAME_MAX], got[16];
    uint32_t size;
    guest_send_udp(&g, SELF, GATEWAY, 4000, port, "question", 8);
    struct sockaddr_in from;
    socklen_t from_size = sizeof from;
    assert_int_equal(recvfrom(server, got, sizeof got, 0, (struct sockaddr *)&from, &from_size), 8);
    assert_memory_equal(got, "question", 8);
    assert_int_equal(sendto(server, "answer", 6, 0, (struct sockaddr *)&from, from_size), 6);
    uint8_t *udp = guest_wait_ip(&g, 17, frame, &size);
    assert_int_equal(size, 14);
    assert_int_equal(frame_get16(udp), port);
    assert_int_equal(frame_get16(udp + 2), 4000);
    assert_memory_equal(udp + 8, "answer", 6);
    // The other way.
    int client = host_connect(SOCK_DGRAM, forwarded);
    assert_int_equal(write(client, "inward", 6), 6);
    udp = guest_wait_ip(&g, 17, frame, &size);
    assert_int_equal(frame_get16(udp + 2), 5000);
    assert_memory_equal(udp + 8, "inward", 6);
    guest_send_udp(&g, SELF, frame_get32(frame + 26), 5000, frame_get16(udp), "outward", 7);
    host_read(client, got, 7);
    assert_memory_equal(got, "outward", 7);
    close(client);
    close(server);
    guest_end(&g);
}

// The resolver of the namespace is one of ours.
static void asks_the_resolver_of_the_host(void **state)
{
    (void)state;
    static struct net_guest g;
    if (!namespaced)
        skip();
    char path[] = "/tmp/trine-resolv-XXXXXX";
    static const char text[] = "nameserver 127.0.0.1\n";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, sizeof text - 1), sizeof text - 1);
    close(file);
    assert_int_equal(mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL), 0);
    uint16_t port = 53;
    int server = host_socket(AF_INET, SOCK_DGRAM, &port);
    begin(&g, NULL, 0);
    uint8_t frame[GUEST_FRAME_MAX], got[32];
    uint32_t size;
    guest_send_udp(&g, SELF, RESOLVER, 4000, 53, "who is who?", 11);
    struct sockaddr_in from;
    socklen_t from_size = sizeof from;
    assert_int_equal(recvfrom(server, got, sizeof got, 0, (struct sockaddr *)&from, &from_size),
                     11);
    assert_int_equal(sendto(server, "that one", 8, 0, (struct sockaddr *)&from, from_size), 8);
    uint8_t *udp = guest_wait_ip(&g, 17, frame, &size);
    assert_int_equal(frame_get32(frame + 26), RESOLVER);
    assert_memory_equal(udp + 8, "that one", 8);
    close(server);
    guest_end(&g);
    umount("/etc/resolv.conf");
    unlink(path);
}

// --- TCP ---

enum { LARGE = 300000 };

static uint8_t byte_at(uint32_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

// Both ways at once: large segments out, as a driver with TSO hands them over.
static void transfer(struct guest_tcp *t, int host)
{
    static uint8_t out[LARGE], in[LARGE], got[LARGE];
    for (uint32_t i = 0; i < LARGE; i++) {
        out[i] = byte_at(i);
        in[i] = byte_at(i + 99);
    }
    uint32_t first = t->sequence;
    for (uint32_t sent = 0; sent < LARGE;) {
        uint32_t here = LARGE - sent < 60000 ? LARGE - sent : 60000;
        guest_tcp_send(t, TCP_ACK | TCP_PSH, out + sent, here);
        sent += here;
        host_read(host, got + sent - here, here);
        do // until all is acknowledged
            guest_tcp_wait(t);
        while (frame_get32(t->frame + 42) != first + sent);
    }
    assert_memory_equal(out, got, LARGE);
    uint32_t written = 0;
    assert_int_equal(fcntl(host, F_SETFL, O_NONBLOCK), 0);
    for (uint32_t received = 0; received < LARGE;) {
        ssize_t n = written < LARGE ? write(host, in + written, LARGE - written) : 0;
        written += n > 0 ? (uint32_t)n : 0;
        guest_tcp_wait(t);
        assert_true(received + t->size <= LARGE);
        memcpy(got + received, t->frame + t->at, t->size);
        received += t->size;
        guest_tcp_send(t, TCP_ACK, NULL, 0);
    }
    assert_memory_equal(in, got, LARGE);
}

static void finish(struct guest_tcp *t, int host)
{
    uint8_t byte;
    guest_tcp_send(t, TCP_ACK | TCP_FIN, NULL, 0);
    struct pollfd p = {host, POLLIN, 0};
    assert_int_equal(poll(&p, 1, 20000), 1);
    assert_int_equal(read(host, &byte, 1), 0);
    close(host);
    while (!(t->flags & TCP_FIN))
        guest_tcp_wait(t);
    guest_tcp_send(t, TCP_ACK, NULL, 0);
}

static void connects_to_the_host(void **state)
{
    (void)state;
    static struct net_guest g;
    static struct guest_tcp t;
    uint16_t port = 0;
    int server = host_socket(AF_INET, SOCK_STREAM, &port);
    begin(&g, NULL, 0);
    for (uint16_t i = 0; i < 3; i++) { // descriptors come again
        t = (struct guest_tcp){&g, .peer = GATEWAY, .port = (uint16_t)(4000 + i), .peer_port = port,
                               .sequence = 0xfffff000};
        guest_tcp_connect(&t);
        int host = accept(server, NULL, NULL);
        assert_true(host >= 0);
        transfer(&t, host);
        finish(&t, host);
    }
    close(server);
    // Nobody listens there now.
    t = (struct guest_tcp){&g, .peer = GATEWAY, .port = 4100, .peer_port = port};
    guest_tcp_send(&t, TCP_SYN, NULL, 0);
    do {
        uint32_t size;
        t.flags = guest_wait_ip(&g, 6, t.frame, &size)[13];
    } while (!(t.flags & TCP_RST));
    guest_end(&g);
}

static void forwards_connections_to_the_guest(void **state)
{
    (void)state;
    static struct net_guest g;
    static struct guest_tcp t;
    const struct vm_slirp_forward forwards[] = {
        {false, namespaced ? "" : "127.0.0.1", free_port(SOCK_STREAM), 80}, // only there on all
        {false, "127.0.0.1", free_port(SOCK_STREAM), 22},
    };
    begin(&g, forwards, 2);
    for (unsigned i = 0; i < 4; i++) {
        t = (struct guest_tcp){&g, .port = forwards[i % 2].guest_port, .sequence = 77};
        int host = host_connect(SOCK_STREAM, forwards[i % 2].host_port);
        guest_tcp_accept(&t);
        transfer(&t, host);
        finish(&t, host);
    }
    guest_end(&g);
}

// --- a guest without buffers ---

static void resume(struct net_guest *g)
{
    g->net->ops->resume(g->net, 0);
}

static void keeps_frames_for_the_guest(void **state)
{
    (void)state;
    static struct net_guest g;
    begin(&g, NULL, 0);
    g.deaf = true;
    for (uint8_t i = 0; i < 100; i++) {
        uint8_t echo[1400] = {8, 0, 0, 0, 0x12, 0x34, 0, i};
        guest_send_ip(&g, SELF, GATEWAY, 1, echo, sizeof echo, 2);
    }
    assert_int_equal(guest_frames(&g), 0);
    assert_true(g.refused >= 1);
    pthread_mutex_lock(&g.mutex);
    g.deaf = false;
    pthread_mutex_unlock(&g.mutex);
    guest_call(&g, resume);
    for (uint8_t i = 0; i < 100; i++) {
        static uint8_t frame[GUEST_FRAME_MAX];
        uint32_t size;
        uint8_t *reply = guest_wait_ip(&g, 1, frame, &size);
        assert_int_equal(size, 1400);
        assert_int_equal(reply[7], i);
    }
    guest_end(&g);
}

// A server that sends more than fits anywhere, and a guest that takes nothing for a while.
static void holds_senders_back(void **state)
{
    (void)state;
    static struct net_guest g;
    static struct guest_tcp t;
    static uint8_t bytes[65536];
    uint16_t port = 0;
    int server = host_socket(AF_INET, SOCK_STREAM, &port);
    begin(&g, NULL, 0);
    t = (struct guest_tcp){&g, .peer = GATEWAY, .port = 4000, .peer_port = port};
    guest_tcp_connect(&t);
    int host = accept(server, NULL, NULL);
    pthread_mutex_lock(&g.mutex);
    g.deaf = true;
    pthread_mutex_unlock(&g.mutex);
    assert_int_equal(fcntl(host, F_SETFL, O_NONBLOCK), 0);
    uint32_t sent = 0;
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = byte_at(i);
    assert_int_equal(write(host, bytes, sizeof bytes), sizeof bytes);
    sent = sizeof bytes;
    usleep(100000);
    pthread_mutex_lock(&g.mutex);
    assert_true(g.refused < 50); // it does not try again and again
    g.deaf = false;
    pthread_mutex_unlock(&g.mutex);
    guest_call(&g, resume);
    for (uint32_t received = 0; received < sent; received += t.size) {
        guest_tcp_wait(&t);
        assert_memory_equal(t.frame + t.at, bytes + received, t.size);
        guest_tcp_send(&t, TCP_ACK, NULL, 0);
    }
    finish(&t, (shutdown(host, SHUT_WR), host));
    close(server);
    guest_end(&g);
}

// --- options that cannot be ---

static void names_the_port_that_is_in_use(void **state)
{
    (void)state;
    struct vm_loop *loop;
    struct vm_net *net;
    struct vm_error e;
    uint16_t port = 0;
    char number[8];
    int server = host_socket(AF_INET, SOCK_STREAM, &port);
    snprintf(number, sizeof number, "%u", port);
    assert_int_equal(vm_loop_create("slirp", &loop, &e), VM_OK);
    const struct vm_slirp_forward taken = {false, "127.0.0.1", port, 80};
    assert_int_equal(vm_slirp_open(loop, &taken, 1, &net, &e), VM_ERR_HOST);
    assert_non_null(strstr(e.text, number));
    assert_non_null(strstr(e.text, "tcp"));
    assert_null(strchr(e.text, '\n'));
    const struct vm_slirp_forward wrong = {true, "localhost", 1, 80};
    assert_int_equal(vm_slirp_open(loop, &wrong, 1, &net, &e), VM_ERR_USAGE);
    assert_non_null(strstr(e.text, "localhost"));
    vm_loop_destroy(loop);
    close(server);
}

int main(void)
{
    namespaced = guest_own_namespace();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_arp),
        cmocka_unit_test(offers_an_address),
        cmocka_unit_test(answers_ping),
        cmocka_unit_test(routes_ipv6),
        cmocka_unit_test(passes_datagrams),
        cmocka_unit_test(asks_the_resolver_of_the_host),
        cmocka_unit_test(connects_to_the_host),
        cmocka_unit_test(forwards_connections_to_the_guest),
        cmocka_unit_test(keeps_frames_for_the_guest),
        cmocka_unit_test(holds_senders_back),
        cmocka_unit_test(names_the_port_that_is_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
