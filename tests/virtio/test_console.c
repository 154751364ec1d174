// SPDX-License-Identifier: MIT
//
// virtio-console in front of streams that the test makes up (stream_fake.h), over every transport
// and kind of ring.
#include <stdio.h>
#include <string.h>

#include "driver.h"
#include "stream_fake.h"

#include <vm/base/memory.h>
#include <vm/device/virtio/console.h>

#define F_SIZE      UINT64_C(1)
#define F_MULTIPORT UINT64_C(2)

enum {
    PORTS = 3,
    DEVICE_READY = 0,
    DEVICE_ADD = 1,
    PORT_READY = 3,
    CONSOLE_PORT = 4,
    RESIZE = 5,
    PORT_OPEN = 6,
    PORT_NAME = 7,
    CONTROL_RECEIVE = 2,
    CONTROL_TRANSMIT = 3,
    BUFFER = 200,
};

struct fixture {
    struct virtio_rig rig;
    struct stream_fake streams[PORTS];
    unsigned ports;
    struct virtio_ring receive[PORTS], transmit[PORTS], control_in, control_out;
    uint64_t buffers[PORTS + 1][VIRTIO_RING_MAX]; // by chain ID; the last row is control_in's
};

static void create(struct fixture *f, const struct virtio_bus *bus, unsigned ports)
{
    static const char *const names[PORTS] = {NULL, "org.example.agent", "second console"};
    struct vm_virtio_console_port rows[PORTS];
    struct vm_virtio *v;
    virtio_rig_init(&f->rig, 16 << 20);
    f->ports = ports;
    for (unsigned i = 0; i < ports; i++) {
        stream_fake_init(&f->streams[i]);
        rows[i] = (struct vm_virtio_console_port){&f->streams[i].stream, names[i], i != 1};
    }
    const struct vm_virtio_console_config c = {rows, ports, 0};
    assert_int_equal(
        vm_virtio_console_create(&f->rig.machine, &f->rig.io, "console0", &c, &v, NULL), VM_OK);
    virtio_rig_plug(&f->rig, bus, v);
    assert_int_equal(bus->device_id(&f->rig), 3);
}

static void drive(struct fixture *f, const struct virtio_mode *mode, uint64_t without)
{
    virtio_start(&f->rig, VIRTIO_ALL & ~mode->without & ~without);
    bool multiport = f->rig.features & F_MULTIPORT;
    for (unsigned i = 0; i < (multiport ? f->ports : 1); i++) {
        unsigned queue = i == 0 ? 0 : 2 * i + 2;
        virtio_ring_init(&f->rig, &f->receive[i], queue, 0);
        virtio_ring_init(&f->rig, &f->transmit[i], queue + 1, 0);
        f->receive[i].indirect = f->transmit[i].indirect = mode->indirect;
        f->transmit[i].pieces = 3;
    }
    if (multiport) {
        virtio_ring_init(&f->rig, &f->control_in, CONTROL_RECEIVE, 0);
        virtio_ring_init(&f->rig, &f->control_out, CONTROL_TRANSMIT, 0);
        f->control_in.indirect = f->control_out.indirect = mode->indirect;
    }
    virtio_go(&f->rig);
}

static void begin(struct fixture *f, unsigned ports)
{
    create(f, virtio_buses[0], ports);
    drive(f, &virtio_modes[virtio_mode_count - 1], 0);
}

static void end(struct fixture *f)
{
    assert_false(virtio_is_broken(&f->rig));
    virtio_rig_end(&f->rig);
    for (unsigned i = 0; i < f->ports; i++)
        assert_int_equal(f->streams[i].closed, 1);
}

// --- bytes ---

static void give_to(struct fixture *f, struct virtio_ring *ring, unsigned row, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t gpa = virtio_rig_alloc(&f->rig, BUFFER, 1);
        const struct virtio_buffer b[] = {{gpa, 20}, {gpa + 20, BUFFER - 20}};
        int id = virtio_add(ring, b, 0, 2);
        assert_true(id >= 0);
        f->buffers[row][id] = gpa;
    }
    virtio_kick(ring);
    virtio_rig_run(&f->rig);
}

static void give_buffers(struct fixture *f, unsigned port, unsigned count)
{
    give_to(f, &f->receive[port], port, count);
}

// All that has come in; returns the number of bytes.
static size_t take_bytes(struct fixture *f, unsigned port, uint8_t *to)
{
    uint16_t id;
    uint32_t written;
    size_t size = 0;
    while (virtio_take_used(&f->receive[port], &id, &written)) {
        assert_in_range(written, 1, BUFFER);
        virtio_rig_read(&f->rig, f->buffers[port][id], to + size, written);
        size += written;
    }
    return size;
}

static const uint8_t *pattern(void)
{
    static uint8_t bytes[VIRTIO_REQUEST_MAX];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    return bytes;
}

static void sends(struct fixture *f, unsigned port)
{
    static const uint32_t sizes[] = {1, 2, 80, 4095, 4096, 4097, 65536};
    struct stream_fake *s = &f->streams[port];
    for (unsigned i = 0; i < VM_ARRAY_SIZE(sizes); i++) {
        s->sent_size = 0;
        assert_int_equal(virtio_request(&f->transmit[port], pattern(), sizes[i], NULL, 0), 0);
        virtio_rig_run(&f->rig);
        assert_int_equal(s->sent_size, sizes[i]);
        assert_memory_equal(s->sent, pattern(), sizes[i]);
    }
}

// What does not fit waits in the stream, and comes with the next buffers.
static void receives(struct fixture *f, unsigned port)
{
    static uint8_t got[4 * BUFFER];
    struct stream_fake *s = &f->streams[port];
    stream_fake_deliver(s, pattern(), 3 * BUFFER + 50);
    assert_int_equal(s->input_size, 3 * BUFFER + 50);
    give_buffers(f, port, 2);
    assert_int_equal(s->input_size, BUFFER + 50);
    assert_int_equal(take_bytes(f, port, got), 2 * BUFFER);
    give_buffers(f, port, 3);
    assert_int_equal(s->input_size, 0);
    assert_int_equal(take_bytes(f, port, got + 2 * BUFFER), BUFFER + 50);
    assert_memory_equal(got, pattern(), 3 * BUFFER + 50);
    stream_fake_deliver(s, "x", 1); // the third buffer
    assert_int_equal(take_bytes(f, port, got), 1);
    assert_int_equal(got[0], 'x');
}

// --- control messages ---

static void say(struct fixture *f, uint32_t id, uint16_t event, uint16_t value)
{
    uint8_t m[8];
    vm_store_le32(m, id);
    vm_store_le16(m + 4, event);
    vm_store_le16(m + 6, value);
    assert_int_equal(virtio_request(&f->control_out, m, sizeof m, NULL, 0), 0);
    virtio_rig_run(&f->rig);
}

static void give_control(struct fixture *f, unsigned count)
{
    give_to(f, &f->control_in, PORTS, count);
}

static void expect_told(struct fixture *f, uint32_t id, uint16_t event, uint16_t value,
                        const void *data, uint32_t size)
{
    uint16_t chain;
    uint32_t written;
    uint8_t m[BUFFER];
    virtio_wait_used(&f->control_in, &chain, &written);
    assert_int_equal(written, 8 + size);
    virtio_rig_read(&f->rig, f->buffers[PORTS][chain], m, written);
    assert_int_equal(vm_load_le32(m), id);
    assert_int_equal(vm_load_le16(m + 4), event);
    assert_int_equal(vm_load_le16(m + 6), value);
    assert_memory_equal(m + 8, data ? data : m + 8, size);
}

static void expect_told_nothing(struct fixture *f)
{
    uint16_t chain;
    uint32_t written;
    virtio_rig_run(&f->rig);
    assert_false(virtio_take_used(&f->control_in, &chain, &written));
}

static void open_port(struct fixture *f, unsigned i)
{
    static const char *const names[PORTS] = {NULL, "org.example.agent", "second console"};
    static const uint8_t size[] = {80, 0, 25, 0};
    say(f, i, PORT_READY, 1);
    if (i != 1)
        expect_told(f, i, CONSOLE_PORT, 1, NULL, 0);
    if (names[i])
        expect_told(f, i, PORT_NAME, 1, names[i], (uint32_t)strlen(names[i]));
    if (i != 1)
        expect_told(f, i, RESIZE, 0, size, sizeof size);
    expect_told(f, i, PORT_OPEN, 1, NULL, 0);
    say(f, i, PORT_OPEN, 1);
}

static void open_all(struct fixture *f)
{
    give_control(f, 16);
    say(f, 0, DEVICE_READY, 1);
    for (unsigned i = 0; i < f->ports; i++)
        expect_told(f, i, DEVICE_ADD, 0, NULL, 0);
    for (unsigned i = 0; i < f->ports; i++)
        open_port(f, i);
    expect_told_nothing(f);
}

// --- tests ---

static void one_console_works_everywhere(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned n = 0; n < virtio_bus_count * virtio_mode_count; n++) {
        create(&f, virtio_buses[n / virtio_mode_count], 1);
        for (unsigned round = 0; round < 2; round++) {
            drive(&f, &virtio_modes[n % virtio_mode_count], 0);
            assert_false(f.rig.features & F_MULTIPORT);
            sends(&f, 0);
            receives(&f, 0);
        }
        end(&f);
    }
}

static void several_ports_work_everywhere(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned n = 0; n < virtio_bus_count * virtio_mode_count; n++) {
        create(&f, virtio_buses[n / virtio_mode_count], PORTS);
        for (unsigned round = 0; round < 2; round++) {
            drive(&f, &virtio_modes[n % virtio_mode_count], 0);
            open_all(&f);
            for (unsigned i = 0; i < PORTS; i++) {
                sends(&f, i);
                receives(&f, i);
            }
        }
        end(&f);
    }
}

// A driver that knows of one port only has that one.
static void several_ports_serve_a_simple_driver(void **state)
{
    (void)state;
    static struct fixture f;
    create(&f, virtio_buses[0], PORTS);
    drive(&f, &virtio_modes[0], F_MULTIPORT);
    sends(&f, 0);
    receives(&f, 0);
    stream_fake_connect(&f.streams[0], false);
    stream_fake_deliver(&f.streams[1], "kept", 4);
    assert_int_equal(f.streams[1].input_size, 4);
    end(&f);
}

static void output_waits_for_the_stream(void **state)
{
    (void)state;
    static struct fixture f;
    begin(&f, 1);
    struct stream_fake *s = &f.streams[0];
    uint64_t gpa = virtio_rig_alloc(&f.rig, 3 * 5000, 1);
    virtio_rig_write(&f.rig, gpa, pattern(), 3 * 5000);
    s->room = 100;
    for (unsigned i = 0; i < 3; i++) {
        const struct virtio_buffer b = {gpa + i * 5000, 5000};
        virtio_add(&f.transmit[0], &b, 1, 0);
    }
    virtio_kick(&f.transmit[0]);
    virtio_rig_run(&f.rig);
    assert_int_equal(s->sent_size, 100);
    uint16_t id;
    uint32_t written;
    assert_false(virtio_take_used(&f.transmit[0], &id, &written));
    stream_fake_give_room(s, 4900);
    assert_true(virtio_take_used(&f.transmit[0], &id, &written));
    assert_false(virtio_take_used(&f.transmit[0], &id, &written));
    while (s->sent_size < 3 * 5000)
        stream_fake_give_room(s, 333);
    assert_memory_equal(s->sent, pattern(), 3 * 5000);
    assert_true(virtio_take_used(&f.transmit[0], &id, &written));
    assert_true(virtio_take_used(&f.transmit[0], &id, &written));
    end(&f);
}

// What a reset finds half sent is let go of, for the device as for a queue.
static void resets_let_go_of_output(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned queue_only = 0; queue_only < 2; queue_only++) {
        begin(&f, 1);
        struct stream_fake *s = &f.streams[0];
        uint64_t gpa = virtio_rig_alloc(&f.rig, 64, 1);
        const struct virtio_buffer b = {gpa, 64};
        s->room = 10;
        virtio_add(&f.transmit[0], &b, 1, 0);
        virtio_kick(&f.transmit[0]);
        virtio_rig_run(&f.rig);
        if (queue_only) {
            f.rig.bus->reset_queue(&f.rig, 1);
            virtio_ring_init(&f.rig, &f.transmit[0], 1, 0);
        } else {
            virtio_reset(&f.rig);
        }
        stream_fake_give_room(s, 1000000);
        assert_int_equal(s->sent_size, 10);
        if (!queue_only)
            drive(&f, &virtio_modes[0], 0);
        sends(&f, 0);
        end(&f);
    }
}

static void input_survives_a_reset(void **state)
{
    (void)state;
    static struct fixture f;
    uint8_t got[BUFFER];
    begin(&f, 1);
    stream_fake_deliver(&f.streams[0], "hello", 5);
    drive(&f, &virtio_modes[0], 0);
    give_buffers(&f, 0, 1);
    assert_int_equal(take_bytes(&f, 0, got), 5);
    assert_memory_equal(got, "hello", 5);
    end(&f);
}

static void a_port_gets_input_only_while_open(void **state)
{
    (void)state;
    static struct fixture f;
    uint8_t got[2 * BUFFER];
    begin(&f, PORTS);
    open_all(&f);
    give_buffers(&f, 1, 2);
    say(&f, 1, PORT_OPEN, 0);
    stream_fake_deliver(&f.streams[1], "for later", 9);
    assert_int_equal(take_bytes(&f, 1, got), 0);
    say(&f, 1, PORT_OPEN, 1);
    assert_int_equal(take_bytes(&f, 1, got), 9);
    assert_memory_equal(got, "for later", 9);
    end(&f);
}

// Messages wait for buffers; of several changes the last one is told.
static void tells_of_changes(void **state)
{
    (void)state;
    static struct fixture f;
    static const uint8_t size[] = {132, 0, 43, 0};
    begin(&f, PORTS);
    stream_fake_connect(&f.streams[1], false); // not known to the driver yet: not told
    stream_fake_connect(&f.streams[1], true);
    open_all(&f);
    stream_fake_connect(&f.streams[1], false);
    expect_told(&f, 1, PORT_OPEN, 0, NULL, 0);
    stream_fake_resize(&f.streams[1], 10, 10); // no console
    stream_fake_resize(&f.streams[2], 132, 43);
    expect_told(&f, 2, RESIZE, 0, size, sizeof size);
    expect_told_nothing(&f);
    give_control(&f, 1);
    uint16_t id;
    uint32_t written;
    for (unsigned i = 0; i < 40; i++) // uses up the buffers
        stream_fake_connect(&f.streams[1], i & 1);
    while (virtio_take_used(&f.control_in, &id, &written))
        ;
    stream_fake_connect(&f.streams[1], false);
    stream_fake_resize(&f.streams[1], 1, 1);
    give_control(&f, 3);
    expect_told(&f, 1, PORT_OPEN, 0, NULL, 0);
    expect_told_nothing(&f);
    end(&f);
}

static void the_configuration_has_the_size(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned b = 0; b < virtio_bus_count; b++) {
        uint8_t config[12], old;
        create(&f, virtio_buses[b], PORTS);
        drive(&f, &virtio_modes[0], 0);
        f.rig.bus->read_config(&f.rig, 0, config, sizeof config);
        assert_int_equal(vm_load_le16(config), 80);
        assert_int_equal(vm_load_le16(config + 2), 25);
        assert_int_equal(vm_load_le32(config + 4), PORTS);
        old = f.rig.bus->generation(&f.rig);
        f.rig.bus->take_interrupts(&f.rig);
        stream_fake_resize(&f.streams[0], 200, 50);
        assert_int_not_equal(f.rig.bus->generation(&f.rig), old);
        assert_true(f.rig.bus->take_interrupts(&f.rig) & VIRTIO_CONFIG_INTERRUPT);
        f.rig.bus->read_config(&f.rig, 0, config, sizeof config);
        assert_int_equal(vm_load_le16(config), 200);
        assert_int_equal(vm_load_le16(config + 2), 50);
        drive(&f, &virtio_modes[0], F_SIZE);
        stream_fake_resize(&f.streams[0], 80, 25);
        assert_false(f.rig.bus->take_interrupts(&f.rig) & VIRTIO_CONFIG_INTERRUPT);
        end(&f);
    }
}

static void emergency(struct fixture *f, uint8_t c)
{
    const uint8_t word[4] = {c, 1, 2, 3};
    f->rig.bus->write_config(&f->rig, 8, word, sizeof word);
}

// Before anything is negotiated, and while the stream takes nothing.
static void emergency_writes_come_out(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned b = 0; b < virtio_bus_count; b++) {
        create(&f, virtio_buses[b], 1);
        struct stream_fake *s = &f.streams[0];
        for (const char *c = "panic: "; *c; c++)
            emergency(&f, (uint8_t)*c);
        virtio_rig_run(&f.rig);
        assert_int_equal(s->sent_size, 7);
        s->room = 3;
        for (unsigned i = 0; i < 1000; i++)
            emergency(&f, (uint8_t)i);
        virtio_rig_run(&f.rig);
        assert_int_equal(s->sent_size, 10);
        stream_fake_give_room(s, SIZE_MAX);
        assert_int_equal(s->sent_size, 7 + VM_VIRTIO_CONSOLE_EMERGENCY);
        assert_memory_equal(s->sent, "panic: \0\1\2\3\4", 12);
        emergency(&f, '!');
        virtio_rig_run(&f.rig);
        assert_int_equal(s->sent[7 + VM_VIRTIO_CONSOLE_EMERGENCY], '!');
        end(&f);
    }
}

static void hostile_messages_change_nothing(void **state)
{
    (void)state;
    static struct fixture f;
    uint64_t seed = test_seed("console", 3);
    uint8_t nothing[8];
    begin(&f, PORTS);
    open_all(&f);
    say(&f, PORTS, PORT_READY, 1);
    say(&f, UINT32_MAX, PORT_OPEN, 1);
    say(&f, 0, 99, 1);
    say(&f, 7, DEVICE_READY, 0);
    assert_int_equal(virtio_request(&f.control_out, "short", 5, NULL, 0), 0);
    assert_int_equal(virtio_request(&f.control_out, "", 0, nothing, 8), 0);
    expect_told_nothing(&f);
    for (unsigned i = 0; i < 2000; i++) {
        uint16_t id;
        uint32_t written;
        say(&f, (uint32_t)test_random(&seed) % 4, (uint16_t)(test_random(&seed) % 9),
            (uint16_t)(test_random(&seed) % 3));
        while (virtio_take_used(&f.control_in, &id, &written)) {
            const struct virtio_buffer b = {f.buffers[PORTS][id], BUFFER};
            int next = virtio_add(&f.control_in, &b, 0, 1);
            f.buffers[PORTS][next] = b.gpa;
        }
        virtio_kick(&f.control_in);
    }
    sends(&f, 1);
    end(&f);
}

static void small_buffers_break_the_device(void **state)
{
    (void)state;
    static struct fixture f;
    begin(&f, PORTS);
    struct virtio_buffer b = {virtio_rig_alloc(&f.rig, 64, 1), 7};
    virtio_add(&f.control_in, &b, 0, 1);
    virtio_kick(&f.control_in);
    say(&f, 0, DEVICE_READY, 1);
    assert_true(virtio_is_broken(&f.rig));
    assert_non_null(strstr(f.rig.log, "too small"));
    drive(&f, &virtio_modes[0], 0);
    open_all(&f);
    virtio_add(&f.receive[0], &b, 1, 0); // nothing to write to
    virtio_kick(&f.receive[0]);
    virtio_rig_run(&f.rig);
    stream_fake_deliver(&f.streams[0], "x", 1);
    assert_true(virtio_is_broken(&f.rig));
    drive(&f, &virtio_modes[0], F_MULTIPORT);
    receives(&f, 0);
    end(&f);
}

static void refuses_what_it_cannot_be(void **state)
{
    (void)state;
    static struct fixture f;
    static struct vm_virtio_console_port rows[VM_VIRTIO_CONSOLE_MAX_PORTS + 1];
    static char name[VM_VIRTIO_CONSOLE_NAME + 2];
    struct vm_virtio_console_config c = {rows, 0, 0};
    struct vm_error e;
    struct vm_virtio *v;
    memset(name, 'n', sizeof name - 1);
    virtio_rig_init(&f.rig, 4 << 20);
    stream_fake_init(&f.streams[0]);
    for (unsigned i = 0; i < VM_ARRAY_SIZE(rows); i++)
        rows[i] = (struct vm_virtio_console_port){&f.streams[0].stream, NULL, true};
    for (c.count = 0; c.count < 40; c.count += 32) {
        assert_int_equal(
            vm_virtio_console_create(&f.rig.machine, &f.rig.io, "console0", &c, &v, &e),
            VM_ERR_USAGE);
    }
    c.count = 1;
    rows[0].name = name;
    assert_int_equal(vm_virtio_console_create(&f.rig.machine, &f.rig.io, "console0", &c, &v, &e),
                     VM_ERR_USAGE);
    rows[0].name = name + 1;
    for (unsigned n = 0; n < 3; n++) {
        f.rig.host.base.fail_after = n;
        assert_int_equal(
            vm_virtio_console_create(&f.rig.machine, &f.rig.io, "console0", &c, &v, &e),
            VM_ERR_HOST);
    }
    f.rig.host.base.fail_after = UINT64_MAX;
    virtio_rig_end(&f.rig);
    assert_int_equal(f.streams[0].closed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_console_works_everywhere),
        cmocka_unit_test(several_ports_work_everywhere),
        cmocka_unit_test(several_ports_serve_a_simple_driver),
        cmocka_unit_test(output_waits_for_the_stream),
        cmocka_unit_test(resets_let_go_of_output),
        cmocka_unit_test(input_survives_a_reset),
        cmocka_unit_test(a_port_gets_input_only_while_open),
        cmocka_unit_test(tells_of_changes),
        cmocka_unit_test(the_configuration_has_the_size),
        cmocka_unit_test(emergency_writes_come_out),
        cmocka_unit_test(hostile_messages_change_nothing),
        cmocka_unit_test(small_buffers_break_the_device),
        cmocka_unit_test(refuses_what_it_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
