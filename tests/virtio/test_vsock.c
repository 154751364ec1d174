// SPDX-License-Identifier: MIT
//
// The socket device in front of a made-up host: connections from both sides, credit in both
// directions, their end, and guests that keep to none of the rules.
#include "driver.h"

#include <stdlib.h>
#include <string.h>

#include <vm/base/memory.h>
#include <vm/device/virtio/vsock.h>

#include "vsock_fake.h"

enum {
    CID = 42,
    HEADER = 44,
    BUFFERS = 32,
    BUFFER = 4096,

    OP_REQUEST = 1,
    OP_RESPONSE,
    OP_RST,
    OP_SHUTDOWN,
    OP_RW,
    OP_CREDIT_UPDATE,
    OP_CREDIT_REQUEST,
};

struct packet {
    uint64_t source, target;
    uint32_t source_port, target_port, length;
    uint16_t type, op;
    uint32_t flags, buffer, forwarded;
    uint8_t data[BUFFER];
};

struct fixture {
    struct virtio_rig rig;
    struct virtio_ring rx, tx, event;
    uint64_t buffers;             // BUFFERS of them
    unsigned at[VIRTIO_RING_MAX]; // buffer by id
    struct packet in;
    uint32_t buffer, forwarded; // credit that is told with packets
    struct vsock_fake host;     // large
};

static struct fixture fixture; // large

static void give_buffer(struct fixture *f, unsigned n)
{
    const struct virtio_buffer b = {f->buffers + (uint64_t)n * BUFFER, BUFFER};
    int id = virtio_add(&f->rx, &b, 0, 1);
    assert_true(id >= 0);
    f->at[id] = n;
    virtio_kick(&f->rx);
    virtio_rig_run(&f->rig);
}

static void give_buffers(struct fixture *f)
{
    for (unsigned i = 0; i < BUFFERS; i++)
        give_buffer(f, i);
}

static void start(struct fixture *f, const struct virtio_mode *mode)
{
    virtio_start(&f->rig, VIRTIO_ALL & ~mode->without);
    virtio_ring_init(&f->rig, &f->rx, 0, 0);
    virtio_ring_init(&f->rig, &f->tx, 1, 0);
    virtio_ring_init(&f->rig, &f->event, 2, 0);
    f->rx.indirect = f->tx.indirect = mode->indirect;
    virtio_go(&f->rig);
}

static void plug(struct fixture *f, const struct virtio_bus *bus, const struct virtio_mode *mode)
{
    struct vm_virtio *v;
    memset(f, 0, offsetof(struct fixture, host));
    virtio_rig_init(&f->rig, 8 << 20);
    vsock_fake_init(&f->host);
    const struct vm_virtio_vsock_config c = {&f->host.vsock, CID, 0};
    assert_int_equal(vm_virtio_vsock_create(&f->rig.machine, &f->rig.io, "vsock0", &c, &v, NULL),
                     VM_OK);
    virtio_rig_plug(&f->rig, bus, v);
    f->buffers = virtio_rig_alloc(&f->rig, BUFFERS * BUFFER, 8);
    f->buffer = 100000;
    start(f, mode);
}

static void begin(struct fixture *f)
{
    plug(f, virtio_buses[0], &virtio_modes[0]);
    give_buffers(f);
}

static void end(struct fixture *f)
{
    virtio_rig_end(&f->rig);
    assert_int_equal(f->host.destroyed, 1);
    for (unsigned i = 0; i < VSOCK_FAKE_ENDS; i++)
        assert_false(f->host.ends[i].in_use);
}

// --- packets ---

static void encode(const struct packet *p, uint8_t *to)
{
    vm_store_le64(to, p->source);
    vm_store_le64(to + 8, p->target);
    vm_store_le32(to + 16, p->source_port);
    vm_store_le32(to + 20, p->target_port);
    vm_store_le32(to + 24, p->length);
    vm_store_le16(to + 28, p->type);
    vm_store_le16(to + 30, p->op);
    vm_store_le32(to + 32, p->flags);
    vm_store_le32(to + 36, p->buffer);
    vm_store_le32(to + 40, p->forwarded);
}

static void decode(struct packet *p, const uint8_t *from)
{
    p->source = vm_load_le64(from);
    p->target = vm_load_le64(from + 8);
    p->source_port = vm_load_le32(from + 16);
    p->target_port = vm_load_le32(from + 20);
    p->length = vm_load_le32(from + 24);
    p->type = vm_load_le16(from + 28);
    p->op = vm_load_le16(from + 30);
    p->flags = vm_load_le32(from + 32);
    p->buffer = vm_load_le32(from + 36);
    p->forwarded = vm_load_le32(from + 40);
}

static struct packet packet(const struct fixture *f, uint32_t port, uint32_t to, uint16_t op)
{
    return (struct packet){
        .source = CID,
        .target = 2,
        .source_port = port,
        .target_port = to,
        .type = 1,
        .op = op,
        .buffer = f->buffer,
        .forwarded = f->forwarded,
    };
}

static void send_packet(struct fixture *f, const struct packet *p, const void *data, uint32_t size)
{
    static uint8_t bytes[VIRTIO_REQUEST_MAX];
    encode(p, bytes);
    if (size)
        memcpy(bytes + HEADER, data, size);
    assert_int_equal(virtio_request(&f->tx, bytes, HEADER + size, NULL, 0), 0);
    virtio_rig_run(&f->rig);
}

static void send(struct fixture *f, uint32_t port, uint32_t to, uint16_t op, uint32_t flags)
{
    struct packet p = packet(f, port, to, op);
    p.flags = flags;
    send_packet(f, &p, NULL, 0);
}

static void send_data(struct fixture *f, uint32_t port, uint32_t to, const void *data,
                      uint32_t size)
{
    struct packet p = packet(f, port, to, OP_RW);
    p.length = size;
    send_packet(f, &p, data, size);
}

// The next packet for the guest, or false. Its buffer is given back.
static bool take(struct fixture *f)
{
    uint16_t id;
    uint32_t written;
    uint8_t header[HEADER];
    if (!virtio_take_used(&f->rx, &id, &written))
        return false;
    uint64_t at = f->buffers + (uint64_t)f->at[id] * BUFFER;
    virtio_rig_read(&f->rig, at, header, HEADER);
    decode(&f->in, header);
    assert_int_equal(written, HEADER + f->in.length);
    assert_int_equal(f->in.source, 2);
    assert_int_equal(f->in.target, CID);
    assert_int_equal(f->in.type, 1);
    virtio_rig_read(&f->rig, at + HEADER, f->in.data, f->in.length);
    give_buffer(f, f->at[id]);
    return true;
}

static void expect(struct fixture *f, uint32_t port, uint32_t from, uint16_t op)
{
    assert_true(take(f));
    assert_int_equal(f->in.op, op);
    assert_int_equal(f->in.source_port, from);
    assert_int_equal(f->in.target_port, port);
    if (op != OP_RST)
        assert_int_equal(f->in.buffer, VM_VSOCK_BUFFER);
}

static void expect_nothing(struct fixture *f)
{
    virtio_rig_run(&f->rig);
    assert_false(take(f));
    assert_false(virtio_is_broken(&f->rig));
}

static struct vsock_fake_end *connect(struct fixture *f, uint32_t port, uint32_t to)
{
    send(f, port, to, OP_REQUEST, 0);
    expect(f, port, to, OP_RESPONSE);
    return vsock_fake_newest(&f->host);
}

// --- streams ---

static void converse(struct fixture *f)
{
    struct vsock_fake_end *d = connect(f, 1000, 80);
    assert_int_equal(d->port, 80);
    for (unsigned pieces = 1; pieces < 5; pieces++) {
        f->tx.pieces = pieces;
        send_data(f, 1000, 80, "to the host", 11);
        assert_int_equal(d->sent_size, 11 * pieces);
        assert_memory_equal(d->sent + 11 * (pieces - 1), "to the host", 11);
        vsock_fake_deliver(&f->host, d, "to the guest", 12);
        expect(f, 1000, 80, OP_RW);
        assert_int_equal(f->in.length, 12);
        assert_memory_equal(f->in.data, "to the guest", 12);
        assert_int_equal(f->in.forwarded, 11 * pieces);
        expect_nothing(f);
    }
    f->tx.pieces = 1;
    // Both directions end, one after the other.
    vsock_fake_end_input(&f->host, d);
    expect(f, 1000, 80, OP_SHUTDOWN);
    assert_int_equal(f->in.flags, 2);
    send_data(f, 1000, 80, "last", 4);
    assert_int_equal(d->sent_size, 48);
    send(f, 1000, 80, OP_SHUTDOWN, 2);
    assert_true(d->output_ended && d->in_use);
    expect_nothing(f);
    send(f, 1000, 80, OP_SHUTDOWN, 3);
    expect(f, 1000, 80, OP_RST);
    assert_false(d->in_use);
    send_data(f, 1000, 80, "x", 1); // of no connection
    expect(f, 1000, 80, OP_RST);
}

static void works_everywhere(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    for (unsigned b = 0; b < virtio_bus_count; b++) {
        for (unsigned m = 0; m < virtio_mode_count; m++) {
            uint8_t cid[8];
            plug(f, virtio_buses[b], &virtio_modes[m]);
            assert_int_equal(virtio_buses[b]->device_id(&f->rig), 19);
            virtio_buses[b]->read_config(&f->rig, 0, cid, 8);
            assert_int_equal(vm_load_le64(cid), CID);
            give_buffers(f);
            converse(f);
            end(f);
        }
    }
}

static void is_connected_to_by_the_host(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    begin(f);
    struct vsock_fake_end *d = vsock_fake_request(&f->host, 22), *other;
    assert_true(take(f));
    assert_int_equal(f->in.op, OP_REQUEST);
    assert_int_equal(f->in.target_port, 22);
    uint32_t port = f->in.source_port;
    assert_true(port >= 1 << 30);
    assert_int_equal(d->accepted, 0);
    send(f, 22, port, OP_RESPONSE, 0);
    assert_int_equal(d->accepted, port);
    vsock_fake_deliver(&f->host, d, "hello", 5);
    expect(f, 22, port, OP_RW);
    send_data(f, 22, port, "hi", 2);
    assert_int_equal(d->sent_size, 2);
    // A second one has another port; the guest refuses it.
    other = vsock_fake_request(&f->host, 22);
    assert_true(take(f));
    assert_int_not_equal(f->in.source_port, port);
    send(f, 22, f->in.source_port, OP_RST, 0);
    assert_false(other->in_use);
    expect_nothing(f);
    assert_true(d->in_use);
    // Data, or an answer that is none, before the answer.
    other = vsock_fake_request(&f->host, 23);
    assert_true(take(f));
    send_data(f, 23, f->in.source_port, "x", 1);
    expect(f, 23, f->in.source_port, OP_RST);
    assert_false(other->in_use);
    send(f, 22, port, OP_RESPONSE, 0); // a second answer
    expect(f, 22, port, OP_RST);
    assert_false(d->in_use);
    end(f);
}

static void refuses_when_nobody_is_there(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    begin(f);
    f->host.refuses = true;
    send(f, 1000, 80, OP_REQUEST, 0);
    expect(f, 1000, 80, OP_RST);
    f->host.refuses = false;
    connect(f, 1000, 80);
    send(f, 1000, 80, OP_REQUEST, 0); // again
    expect(f, 1000, 80, OP_RST);
    assert_int_equal(f->host.closed, 1);
    end(f);
}

static void bounds_connections(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    begin(f);
    for (uint32_t i = 0; i < VM_VSOCK_CONNECTIONS; i++)
        connect(f, 1000 + i, 80);
    send(f, 999, 80, OP_REQUEST, 0);
    expect(f, 999, 80, OP_RST);
    assert_null(vsock_fake_request(&f->host, 22));
    send(f, 1007, 80, OP_RST, 0);
    connect(f, 999, 80);
    end(f);
}

// --- credit ---

// The host takes nothing: what the guest may send is kept, more of it breaks the connection.
static void keeps_what_the_guest_may_send(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    enum { CHUNK = 32 << 10 };
    static uint8_t bytes[VM_VSOCK_BUFFER + CHUNK];
    begin(f);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 13 + i / 1000);
    struct vsock_fake_end *d = connect(f, 1000, 80);
    d->room = 1000; // so that the ring goes round
    for (unsigned at = 0; at < VM_VSOCK_BUFFER; at += CHUNK)
        send_data(f, 1000, 80, bytes + at, CHUNK);
    assert_int_equal(d->sent_size, 1000);
    send_data(f, 1000, 80, bytes + VM_VSOCK_BUFFER, 1000);
    expect_nothing(f);
    vsock_fake_give_room(&f->host, d, VM_VSOCK_BUFFER / 4);
    expect(f, 1000, 80, OP_CREDIT_UPDATE);
    assert_int_equal(f->in.forwarded, 1000 + VM_VSOCK_BUFFER / 4);
    vsock_fake_give_room(&f->host, d, SIZE_MAX);
    vsock_fake_give_room(&f->host, d, SIZE_MAX);
    assert_int_equal(d->sent_size, VM_VSOCK_BUFFER + 1000);
    assert_memory_equal(d->sent, bytes, VM_VSOCK_BUFFER + 1000);
    while (take(f))
        assert_int_equal(f->in.op, OP_CREDIT_UPDATE);
    d->room = 0;
    for (unsigned at = 0; at < VM_VSOCK_BUFFER; at += CHUNK)
        send_data(f, 1000, 80, bytes + at, CHUNK);
    assert_true(d->in_use);
    send_data(f, 1000, 80, "x", 1);
    while (take(f) && f->in.op != OP_RST)
        ;
    assert_int_equal(f->in.op, OP_RST);
    assert_false(d->in_use);
    end(f);
}

// Updates come often enough for a sender that stops only when it has no credit.
static void tells_its_credit(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    static uint8_t bytes[10000];
    uint32_t sent = 0, told = 0;
    begin(f);
    struct vsock_fake_end *d = connect(f, 1000, 80);
    for (unsigned i = 0; i < 500; i++) {
        uint32_t n = 1 + i * 37 % sizeof bytes;
        assert_true(VM_VSOCK_BUFFER - (sent - told) >= n);
        send_data(f, 1000, 80, bytes, n);
        sent += n;
        while (take(f))
            told = f->in.forwarded;
    }
    assert_int_equal(d->sent_size, sent);
    send(f, 1000, 80, OP_CREDIT_REQUEST, 0);
    expect(f, 1000, 80, OP_CREDIT_UPDATE);
    assert_int_equal(f->in.forwarded, sent);
    end(f);
}

static void keeps_to_the_guests_credit(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    static uint8_t bytes[20000];
    begin(f);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    f->buffer = 5000;
    f->forwarded = UINT32_MAX - 100; // counts go round
    send(f, 1000, 80, OP_REQUEST, 0);
    expect(f, 1000, 80, OP_RESPONSE);
    struct vsock_fake_end *d = vsock_fake_newest(&f->host);
    vsock_fake_deliver(&f->host, d, bytes, sizeof bytes);
    uint32_t got = 0, credit = 5000 - 101; // what it says that it has taken was never sent
    f->forwarded = 0;
    while (got < sizeof bytes) {
        while (take(f)) {
            assert_int_equal(f->in.op, OP_RW);
            assert_memory_equal(f->in.data, bytes + got, f->in.length);
            got += f->in.length;
        }
        assert_int_equal(got, credit < sizeof bytes ? credit : sizeof bytes);
        f->forwarded = got;
        credit = got + 5000;
        send(f, 1000, 80, OP_CREDIT_UPDATE, 0);
    }
    // Less room than is under way.
    f->buffer = 10;
    f->forwarded = got - 100;
    vsock_fake_deliver(&f->host, d, bytes, 100);
    send(f, 1000, 80, OP_CREDIT_UPDATE, 0);
    while (take(f))
        ;
    assert_true(d->input_size == 0 || d->input_size == 100);
    end(f);
}

// --- buffers of the guest ---

// Nothing can be told: the guest's packets wait, and nothing is lost.
static void waits_for_buffers(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    enum { PACKETS = 100, SIZE = 64 };
    uint8_t bytes[SIZE] = {0};
    unsigned used = 0, resets = 0;
    uint16_t id;
    uint32_t written;
    plug(f, virtio_buses[0], &virtio_modes[0]);
    uint64_t at = virtio_rig_alloc(&f->rig, PACKETS * SIZE, 8);
    for (uint32_t i = 0; i < PACKETS; i++) {
        struct packet p = packet(f, 1000 + i, 80, OP_CREDIT_UPDATE);
        const struct virtio_buffer b = {at + i * SIZE, HEADER};
        encode(&p, bytes);
        virtio_rig_write(&f->rig, b.gpa, bytes, HEADER);
        assert_true(virtio_add(&f->tx, &b, 1, 0) >= 0);
    }
    virtio_kick(&f->tx);
    virtio_rig_run(&f->rig);
    while (virtio_take_used(&f->tx, &id, &written))
        used++;
    assert_in_range(used, 10, PACKETS - 1);
    for (unsigned i = 0; i < BUFFERS; i++)
        give_buffer(f, i);
    while (take(f)) {
        assert_int_equal(f->in.op, OP_RST);
        assert_int_equal(f->in.target_port, 1000 + resets);
        resets++;
    }
    while (virtio_take_used(&f->tx, &id, &written))
        used++;
    assert_int_equal(resets, PACKETS);
    assert_int_equal(used, PACKETS);
    end(f);
}

static void shares_buffers_between_connections(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    static uint8_t bytes[64 << 10];
    unsigned got[3] = {0};
    struct vsock_fake_end *d[3];
    plug(f, virtio_buses[0], &virtio_modes[0]);
    f->buffer = sizeof bytes;
    for (unsigned i = 0; i < 3; i++) {
        give_buffer(f, i);
        d[i] = connect(f, 1000 + i, 80);
    }
    for (unsigned i = 0; i < 3; i++)
        vsock_fake_deliver(&f->host, d[i], bytes, sizeof bytes);
    for (unsigned i = 0; i < 30 && take(f); i++)
        got[f->in.target_port - 1000]++;
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(got[i], 8, 14);
    end(f);
}

// --- ends ---

static void lingers_until_the_host_has_everything(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    begin(f);
    struct vsock_fake_end *d = connect(f, 1000, 80);
    d->room = 3;
    send_data(f, 1000, 80, "0123456789", 10);
    send(f, 1000, 80, OP_SHUTDOWN, 3);
    expect(f, 1000, 80, OP_RST);
    assert_true(d->in_use);
    struct vsock_fake_end *again = connect(f, 1000, 80); // the same ports once more
    assert_ptr_not_equal(again, d);
    vsock_fake_deliver(&f->host, d, "for nobody", 10);
    expect_nothing(f);
    vsock_fake_give_room(&f->host, d, 100);
    assert_false(d->in_use);
    assert_int_equal(d->sent_size, 10);
    assert_memory_equal(d->sent, "0123456789", 10);
    // One that leaves before it has everything.
    d = again;
    d->room = 3;
    send_data(f, 1000, 80, "0123456789", 10);
    send(f, 1000, 80, OP_SHUTDOWN, 1);
    expect_nothing(f);
    vsock_fake_deliver(&f->host, d, "unread", 6);
    expect_nothing(f);
    send(f, 1000, 80, OP_SHUTDOWN, 2);
    expect(f, 1000, 80, OP_RST);
    vsock_fake_leave(&f->host, d);
    assert_false(d->in_use);
    end(f);
}

// The host has gone: the guest learns that nobody reads, and its credit does not run out.
static void drops_what_nobody_takes(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    static uint8_t bytes[32 << 10];
    begin(f);
    struct vsock_fake_end *d = connect(f, 1000, 80);
    d->room = 10;
    send_data(f, 1000, 80, bytes, 100);
    vsock_fake_leave(&f->host, d);
    expect(f, 1000, 80, OP_SHUTDOWN);
    assert_int_equal(f->in.flags, 1);
    for (unsigned i = 0; i < 20; i++)
        send_data(f, 1000, 80, bytes, sizeof bytes);
    while (take(f))
        assert_int_equal(f->in.op, OP_CREDIT_UPDATE);
    vsock_fake_end_input(&f->host, d);
    expect(f, 1000, 80, OP_SHUTDOWN);
    assert_int_equal(f->in.flags, 3);
    send(f, 1000, 80, OP_RST, 0);
    assert_false(d->in_use);
    expect_nothing(f);
    end(f);
}

static void forgets_everything_at_a_reset(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    begin(f);
    connect(f, 1000, 80)->room = 0;
    connect(f, 1001, 80)->room = 0;
    send_data(f, 1000, 80, "kept", 4);
    send_data(f, 1001, 80, "kept", 4);
    send(f, 1001, 80, OP_SHUTDOWN, 3);
    virtio_reset(&f->rig);
    assert_int_equal(f->host.closed, 2);
    assert_null(vsock_fake_request(&f->host, 22)); // nobody is there
    start(f, &virtio_modes[4]);
    give_buffers(f);
    converse(f);
    end(f);
}

// --- guests that keep to no rules ---

static void answers_nonsense(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    begin(f);
    struct packet p = packet(f, 1000, 80, OP_REQUEST);
    p.source = CID + 1; // another's
    send_packet(f, &p, NULL, 0);
    expect_nothing(f);
    p = packet(f, 1000, 80, OP_REQUEST);
    p.target = 1;
    send_packet(f, &p, NULL, 0);
    expect_nothing(f);
    p = packet(f, 1000, 80, OP_REQUEST);
    p.type = 2; // SOCK_SEQPACKET was not offered
    send_packet(f, &p, NULL, 0);
    expect(f, 1000, 80, OP_RST);
    for (uint16_t op = 0; op < 12; op++) {
        if (op == OP_REQUEST)
            continue;
        send(f, 1000, 80, op, 0);
        if (op != OP_RST)
            expect(f, 1000, 80, OP_RST);
        expect_nothing(f);
    }
    connect(f, 1000, 80);
    send(f, 1000, 80, 99, 0);
    expect(f, 1000, 80, OP_RST);
    connect(f, 1000, 80);
    send(f, 1000, 80, OP_SHUTDOWN, 2);
    send_data(f, 1000, 80, "after the end", 13);
    expect(f, 1000, 80, OP_RST);
    srand(3);
    for (unsigned i = 0; i < 20000; i++) {
        static const uint8_t zeros[64];
        p = packet(f, 1000 + (uint32_t)rand() % 4, 80 + (uint32_t)rand() % 2,
                   (uint16_t)(rand() % 9));
        p.flags = (uint32_t)rand() % 4;
        p.length = (uint32_t)rand() % 64;
        p.buffer = (uint32_t)rand();
        p.forwarded = (uint32_t)rand();
        send_packet(f, &p, zeros, p.length);
        while (take(f))
            ;
    }
    assert_false(virtio_is_broken(&f->rig));
    end(f);
}

static void breaks_at_packets_that_are_none(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    uint8_t bytes[HEADER + 10] = {0};
    for (unsigned i = 0; i < 3; i++) {
        begin(f);
        struct packet longer = packet(f, 1000, 80, OP_RW);
        longer.length = i == 0 ? 11 : UINT32_MAX;
        encode(&longer, bytes);
        virtio_rig_write(&f->rig, f->buffers, bytes, sizeof bytes);
        const struct virtio_buffer b = {f->buffers, i == 2 ? HEADER - 1 : sizeof bytes};
        virtio_add(&f->tx, &b, 1, 0);
        virtio_kick(&f->tx);
        virtio_rig_run(&f->rig);
        assert_true(virtio_is_broken(&f->rig));
        end(f);
    }
    plug(f, virtio_buses[0], &virtio_modes[0]);
    const struct virtio_buffer small = {f->buffers, HEADER - 1}, whole = {f->buffers, HEADER};
    struct packet p = packet(f, 1000, 80, OP_RW);
    virtio_add(&f->rx, &small, 0, 1);
    virtio_kick(&f->rx);
    encode(&p, bytes);
    virtio_rig_write(&f->rig, f->buffers, bytes, HEADER);
    virtio_add(&f->tx, &whole, 1, 0);
    virtio_kick(&f->tx);
    virtio_rig_run(&f->rig);
    assert_true(virtio_is_broken(&f->rig));
    end(f);
}

static void refuses_wrong_configurations(void **state)
{
    (void)state;
    struct virtio_rig rig;
    struct vm_error e;
    struct vm_virtio *v = NULL;
    static struct vsock_fake host;
    static const uint32_t bad[] = {0, 1, 2, UINT32_MAX};
    vsock_fake_init(&host);
    virtio_rig_init(&rig, 4 << 20);
    struct vm_virtio_vsock_config c = {&host.vsock, 3, 0};
    for (unsigned i = 0; i < VM_ARRAY_SIZE(bad); i++) {
        c.cid = bad[i];
        assert_int_equal(vm_virtio_vsock_create(&rig.machine, &rig.io, "vsock0", &c, &v, &e),
                         VM_ERR_USAGE);
    }
    c.cid = 3;
    for (unsigned n = 0; n < 3; n++) {
        rig.host.base.fail_after = n;
        assert_int_equal(vm_virtio_vsock_create(&rig.machine, &rig.io, "vsock0", &c, &v, &e),
                         VM_ERR_HOST);
    }
    rig.host.base.fail_after = UINT64_MAX;
    virtio_rig_end(&rig);
    assert_int_equal(host.destroyed, 0);
}

// Out of memory for a connection, or for what it keeps: that connection ends.
static void survives_want_of_memory(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    begin(f);
    struct vsock_fake_end *d = connect(f, 1000, 80);
    d->room = 0;
    f->rig.host.base.fail_after = 0;
    send(f, 1001, 80, OP_REQUEST, 0);
    expect(f, 1001, 80, OP_RST);
    send_data(f, 1000, 80, "x", 1);
    expect(f, 1000, 80, OP_RST);
    f->rig.host.base.fail_after = UINT64_MAX;
    assert_false(d->in_use);
    converse(f);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(works_everywhere),
        cmocka_unit_test(is_connected_to_by_the_host),
        cmocka_unit_test(refuses_when_nobody_is_there),
        cmocka_unit_test(bounds_connections),
        cmocka_unit_test(keeps_what_the_guest_may_send),
        cmocka_unit_test(tells_its_credit),
        cmocka_unit_test(keeps_to_the_guests_credit),
        cmocka_unit_test(waits_for_buffers),
        cmocka_unit_test(shares_buffers_between_connections),
        cmocka_unit_test(lingers_until_the_host_has_everything),
        cmocka_unit_test(drops_what_nobody_takes),
        cmocka_unit_test(forgets_everything_at_a_reset),
        cmocka_unit_test(answers_nonsense),
        cmocka_unit_test(breaks_at_packets_that_are_none),
        cmocka_unit_test(refuses_wrong_configurations),
        cmocka_unit_test(survives_want_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
