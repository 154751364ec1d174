// SPDX-License-Identifier: MIT
//
// Tap interfaces, in a network namespace of the test's own; skipped where the host allows none.
// The other end of the interface is a packet socket.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <vm/device/backend/tap.h>

#include "net_frames.h"
#include "net_guest.h"

enum { EXPERIMENTAL = 0x88b5, BASIC = VM_NET_CSUM | VM_NET_TSO4 | VM_NET_TSO6 };

static const struct vm_net_header none;
static bool namespaced;

static struct vm_loop *make_loop(void)
{
    struct vm_loop *loop;
    assert_int_equal(vm_loop_create("tap", &loop, NULL), VM_OK);
    return loop;
}

static void change_flags(const char *name, short set, short clear)
{
    struct ifreq r = {0};
    strcpy(r.ifr_name, name);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &r), 0);
    r.ifr_flags = (short)((r.ifr_flags & ~clear) | set);
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
    close(fd);
}

static int open_wire(const char *name)
{
    struct ifreq r = {0};
    strcpy(r.ifr_name, name);
    int fd = socket(AF_PACKET, SOCK_RAW, htons(EXPERIMENTAL));
    assert_true(fd >= 0);
    assert_int_equal(ioctl(fd, SIOCGIFINDEX, &r), 0);
    struct sockaddr_ll a = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(EXPERIMENTAL),
        .sll_ifindex = r.ifr_ifindex,
    };
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static bool begin(struct net_guest *g, const char *name, unsigned pairs)
{
    struct vm_error e = {.text = ""};
    struct vm_net *net;
    struct vm_loop *loop = make_loop();
    if (!namespaced || access("/dev/net/tun", R_OK | W_OK) != 0) {
        vm_loop_destroy(loop);
        return false;
    }
    if (vm_tap_open(loop, name, pairs, &net, &e) != VM_OK)
        fail_msg("%s", e.text);
    guest_init(g, loop, net);
    change_flags(name, IFF_UP, 0);
    return true;
}

static void fill(uint8_t *frame, uint32_t size, uint8_t seed)
{
    memset(frame, 0, 14);
    memset(frame, 0xff, 6);
    frame[6] = 2;
    frame_put16(frame + 12, EXPERIMENTAL);
    for (uint32_t i = 14; i < size; i++)
        frame[i] = (uint8_t)(seed + i);
}

// The host sends things of its own, such as neighbour discovery.
static uint32_t wait_own(struct net_guest *g, uint8_t *frame)
{
    uint32_t size;
    do
        size = guest_wait(g, frame, NULL);
    while (frame_get16(frame + 12) != EXPERIMENTAL);
    return size;
}

static void wire_wait(int wire, uint8_t *to, uint32_t size)
{
    struct pollfd p = {wire, POLLIN, 0};
    assert_int_equal(poll(&p, 1, 20000), 1);
    assert_int_equal(recv(wire, to, 2000, 0), size);
}

static void passes_frames(void **state)
{
    (void)state;
    static struct net_guest g;
    static uint8_t frame[GUEST_FRAME_MAX], got[GUEST_FRAME_MAX];
    if (!begin(&g, "tap0", 1))
        skip();
    assert_int_equal(g.net->takes & BASIC, BASIC);
    assert_int_equal(g.net->mtu, 1500);
    assert_int_equal(g.net->pairs, 1);
    int wire = open_wire("tap0");
    for (uint8_t i = 0; i < 50; i++) {
        uint32_t size = 60 + 29u * i;
        fill(frame, size, i);
        guest_send(&g, &none, frame, size);
        wire_wait(wire, got, size);
        assert_memory_equal(got, frame, size);
        frame[20] ^= 1;
        assert_int_equal(send(wire, frame, size, 0), size);
        assert_int_equal(wait_own(&g, got), size);
        assert_memory_equal(got, frame, size);
    }
    close(wire);
    guest_end(&g);
}

static void address(const char *name, const char *text)
{
    struct ifreq r = {0};
    strcpy(r.ifr_name, name);
    struct sockaddr_in *a = (struct sockaddr_in *)&r.ifr_addr;
    a->sin_family = AF_INET;
    assert_int_equal(inet_pton(AF_INET, text, &a->sin_addr), 1);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(ioctl(fd, SIOCSIFADDR, &r), 0);
    assert_int_equal(inet_pton(AF_INET, "255.255.255.0", &a->sin_addr), 1);
    assert_int_equal(ioctl(fd, SIOCSIFNETMASK, &r), 0);
    close(fd);
}

// The host's own UDP takes a datagram with an unfinished checksum.
static void leaves_offloads_to_the_kernel(void **state)
{
    (void)state;
    static struct net_guest g;
    static uint8_t frame[FRAME_MAX], got[GUEST_FRAME_MAX];
    if (!begin(&g, "tap0", 1))
        skip();
    address("tap0", "10.0.2.2");
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(80)};
    inet_pton(AF_INET, "10.0.2.2", &a.sin_addr);
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(udp, (struct sockaddr *)&a, sizeof a), 0);
    struct frame_kind k = {.udp = true, .payload = 1000};
    struct frame_at at = frame_make(frame, &k);
    memset(frame, 0xff, 6);
    const struct vm_net_header h = {
        .flags = VM_NET_NEEDS_CSUM, .csum_start = (uint16_t)at.transport, .csum_offset = 6};
    guest_send(&g, &h, frame, at.size);
    wire_wait(udp, got, k.payload);
    assert_memory_equal(got, frame + at.payload, k.payload);
    close(udp);
    guest_end(&g);
}

static void resume(struct net_guest *g)
{
    g->net->ops->resume(g->net, 0);
}

static void keeps_a_frame_for_the_guest(void **state)
{
    (void)state;
    static struct net_guest g;
    static uint8_t frame[GUEST_FRAME_MAX], got[GUEST_FRAME_MAX];
    if (!begin(&g, "tap0", 1))
        skip();
    int wire = open_wire("tap0");
    pthread_mutex_lock(&g.mutex);
    g.deaf = true;
    pthread_mutex_unlock(&g.mutex);
    for (uint8_t i = 0; i < 100; i++) {
        fill(frame, 200, i);
        assert_int_equal(send(wire, frame, 200, 0), 200);
    }
    usleep(50000);
    pthread_mutex_lock(&g.mutex);
    assert_int_equal(g.refused, 1); // it waits to be told
    g.deaf = false;
    pthread_mutex_unlock(&g.mutex);
    guest_call(&g, resume);
    for (uint8_t i = 0; i < 100; i++) {
        fill(frame, 200, i);
        assert_int_equal(wait_own(&g, got), 200);
        assert_memory_equal(got, frame, 200);
    }
    close(wire);
    guest_end(&g);
}

static void use_four(struct net_guest *g)
{
    g->net->ops->set_pairs(g->net, 4);
    g->net->ops->set_offloads(g->net, BASIC);
}

static void use_one(struct net_guest *g)
{
    g->net->ops->set_pairs(g->net, 1);
}

static void has_several_queues(void **state)
{
    (void)state;
    static struct net_guest g;
    static uint8_t frame[GUEST_FRAME_MAX], got[GUEST_FRAME_MAX];
    if (!begin(&g, "tap0", 4))
        skip();
    assert_int_equal(g.net->pairs, 4);
    int wire = open_wire("tap0");
    for (unsigned round = 0; round < 3; round++) {
        guest_call(&g, round & 1 ? use_one : use_four);
        for (uint8_t i = 0; i < 20; i++) {
            fill(frame, 200, i);
            frame[30] = (uint8_t)round;
            assert_int_equal(send(wire, frame, 200, 0), 200);
            assert_int_equal(wait_own(&g, got), 200);
            assert_memory_equal(got, frame, 200);
        }
    }
    close(wire);
    guest_end(&g);
}

static void notices_that_it_is_gone(void **state)
{
    (void)state;
    static struct net_guest g;
    static uint8_t frame[100];
    if (!begin(&g, "tap0", 1))
        skip();
    // RTM_DELLINK, as `ip link delete` does.
    struct {
        uint32_t size;
        uint16_t type, flags;
        uint32_t sequence, port;
        uint8_t family, pad;
        uint16_t kind;
        int32_t index;
        uint32_t link_flags, change;
    } request = {.size = sizeof request, .type = 17, .flags = 1};
    struct ifreq r = {.ifr_name = "tap0"};
    int fd = socket(AF_NETLINK, SOCK_RAW, 0);
    int any = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(ioctl(any, SIOCGIFINDEX, &r), 0);
    request.index = r.ifr_ifindex;
    assert_int_equal(send(fd, &request, sizeof request, 0), sizeof request);
    close(any);
    close(fd);
    for (unsigned i = 0; i < 400; i++) {
        pthread_mutex_lock(&g.mutex);
        unsigned links = g.links;
        pthread_mutex_unlock(&g.mutex);
        if (links)
            break;
        usleep(10000);
    }
    assert_int_equal(g.links, 1);
    assert_false(g.link);
    guest_send(&g, &none, frame, sizeof frame); // to nobody
    guest_end(&g);
}

// --- what cannot be ---

static void refuses_names(void **state)
{
    (void)state;
    static const char *const names[] = {"", "a-name-that-is-too-long", "tap%d", "a/b", "a b"};
    struct vm_error e;
    struct vm_net *net;
    struct vm_loop *loop = make_loop();
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(vm_tap_open(loop, names[i], 1, &net, &e), VM_ERR_USAGE);
        assert_null(strchr(e.text, '\n'));
    }
    vm_loop_destroy(loop);
}

static void says_why_not(void **state)
{
    (void)state;
    struct vm_error e;
    struct vm_net *first, *second;
    struct vm_loop *loop = make_loop();
    if (!namespaced || access("/dev/net/tun", R_OK | W_OK) != 0) {
        vm_loop_destroy(loop);
        skip();
    }
    assert_int_equal(vm_tap_open(loop, "tap0", 1, &first, &e), VM_OK);
    assert_int_equal(vm_tap_open(loop, "tap0", 1, &second, &e), VM_ERR_HOST);
    assert_non_null(strstr(e.text, "another program"));
    assert_int_equal(vm_tap_open(loop, "lo", 1, &second, &e), VM_ERR_HOST);
    assert_non_null(strstr(e.text, "no tap interface"));
    first->ops->close(first);
    assert_int_equal(seteuid(65534), 0);
    vm_status status = vm_tap_open(loop, "tap1", 1, &first, &e);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(status, VM_ERR_HOST);
    assert_non_null(strstr(e.text, "tap1"));
    assert_null(strchr(e.text, '\n'));
    vm_loop_destroy(loop);
}

int main(void)
{
    namespaced = guest_own_namespace();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_frames),
        cmocka_unit_test(leaves_offloads_to_the_kernel),
        cmocka_unit_test(keeps_a_frame_for_the_guest),
        cmocka_unit_test(has_several_queues),
        cmocka_unit_test(notices_that_it_is_gone),
        cmocka_unit_test(refuses_names),
        cmocka_unit_test(says_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
