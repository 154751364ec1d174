// SPDX-License-Identifier: MIT
//
// Both kinds of ring at work. Random operations of a driver and a device against a model of what
// each must see and when it must be told; then the same in earnest, on two threads that sleep until
// they are told.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "probe.h"

enum { CHAIN_BYTES = 1024, MAX_PIECES = 12, HISTORY = 256 };

struct chain {
    unsigned out, in; // buffers
    struct virtio_buffer buffers[2 * MAX_PIECES];
    uint32_t out_size, in_size;
    uint8_t bytes[CHAIN_BYTES]; // what the driver sends
    uint64_t area;
};

struct model {
    struct virtio_rig rig;
    struct probe probe;
    struct virtio_ring ring;
    const struct virtio_bus *bus;
    const struct virtio_mode *mode;
    uint64_t random;
    struct chain chains[VIRTIO_RING_MAX]; // by ID
    uint16_t waiting[HISTORY];            // published, in order; not popped
    uint64_t published, popped;
    // Doorbells: the device has found the ring empty, at this position, and is to be told when the
    // driver passes that; or one is on its way. Positions count in the ring's own unit (split:
    // chains, packed: slots).
    bool asks, late;
    uint64_t ask_at, slots_added, slots_published, slots_popped;
    uint16_t answered[HISTORY]; // pushed, in order
    uint64_t pushed, shown, taken;
    // Interrupts: what the device has shown, what the driver has taken, and the position that it
    // wants to be told of.
    uint64_t slots_pushed, slots_shown, slots_taken, event;
    bool wants, any; // interrupts: at all; at every flush
    uint64_t interrupts;
};

static uint32_t below(struct model *m, uint32_t n)
{
    return (uint32_t)(test_random(&m->random) >> 32) % n;
}

static uint16_t slots_of(const struct model *m, uint16_t id)
{
    return m->ring.packed ? m->ring.chains[id].slots : 1;
}

// Whether one gets over `position` on the way from `from` to `to`. Rings do not know in which round
// they are: a position comes again.
static bool passes(const struct model *m, uint64_t position, uint64_t from, uint64_t to)
{
    while (position < from)
        position += m->ring.packed ? 2 * m->ring.size : UINT64_C(1) << 16;
    return position < to;
}

// --- the driver ---

// Cuts a chain's area into buffers; some are empty.
static void shape(struct model *m, struct chain *c)
{
    c->out = below(m, MAX_PIECES);
    c->in = below(m, MAX_PIECES);
    if (c->out + c->in == 0)
        c->in = 1;
    uint64_t at = c->area;
    c->out_size = c->in_size = 0;
    for (unsigned i = 0; i < c->out + c->in; i++) {
        uint32_t size = below(m, CHAIN_BYTES / (2 * MAX_PIECES));
        c->buffers[i] = (struct virtio_buffer){at, size};
        *(i < c->out ? &c->out_size : &c->in_size) += size;
        at += size;
    }
    for (uint32_t i = 0; i < c->out_size; i++)
        c->bytes[i] = (uint8_t)below(m, 256);
    virtio_rig_write(&m->rig, c->area, c->bytes, c->out_size);
}

static void add(struct model *m)
{
    struct chain c = {.area = 0};
    c.area = virtio_rig_alloc(&m->rig, CHAIN_BYTES, 1);
    if (below(m, 8) == 0) // over the seam of the two regions
        c.area = m->rig.ram[1].base - below(m, CHAIN_BYTES);
    bool on_seam = c.area + CHAIN_BYTES > m->rig.ram[1].base;
    for (unsigned i = 0; on_seam && i < m->ring.size; i++) {
        if (m->ring.chains[i].slots && m->chains[i].area + CHAIN_BYTES > m->rig.ram[1].base)
            return; // one at a time is there
    }
    shape(m, &c);
    m->ring.indirect = m->mode->indirect && below(m, 4);
    int id = virtio_add(&m->ring, c.buffers, c.out, c.in);
    if (id < 0)
        return;
    m->chains[id] = c;
    m->waiting[m->published++ % HISTORY] = (uint16_t)id;
    m->slots_added += slots_of(m, (uint16_t)id);
}

static void take(struct model *m)
{
    uint16_t id, slots;
    uint32_t written;
    // How many slots it has is forgotten when it is taken.
    uint16_t expected = m->answered[m->taken % HISTORY];
    slots = m->taken < m->shown ? slots_of(m, expected) : 0;
    bool any = virtio_take_used(&m->ring, &id, &written);
    assert_int_equal(any, m->taken < m->shown);
    if (!any)
        return;
    assert_int_equal(id, expected);
    m->taken++;
    m->slots_taken += slots;
    const struct chain *c = &m->chains[id];
    uint32_t n = c->out_size < c->in_size ? c->out_size : c->in_size;
    assert_int_equal(written, n);
    uint8_t bytes[CHAIN_BYTES];
    virtio_rig_read(&m->rig, c->area + c->out_size, bytes, n);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(bytes[i], c->bytes[i] ^ 0x5a);
}

static void choose_interrupts(struct model *m)
{
    uint32_t choice = below(m, 3);
    m->wants = choice != 0;
    m->any = m->wants && !m->ring.event_index;
    if (choice == 0) {
        virtio_interrupts_off(&m->ring);
    } else if (choice == 1 || !m->ring.event_index) {
        virtio_interrupts_on(&m->ring);
        m->event = m->slots_taken;
    } else {
        uint16_t after = (uint16_t)below(m, m->ring.size);
        virtio_interrupt_after(&m->ring, after);
        m->event = m->slots_taken + after;
    }
}

// --- the device ---

static void pop_one(struct model *m, bool expected)
{
    bool any = probe_pop(&m->probe, 0);
    assert_int_equal(any, expected);
    if (!any) {
        m->asks = true;
        m->ask_at = m->slots_popped;
        return;
    }
    const struct vm_virtq_element *e = &m->probe.held[m->probe.held_count - 1].element;
    uint16_t id = m->waiting[m->popped++ % HISTORY];
    m->slots_popped += slots_of(m, id);
    assert_int_equal(e->id, id);
    assert_int_equal(e->out_size, m->chains[id].out_size);
    assert_int_equal(e->in_size, m->chains[id].in_size);
}

// Pops a few, and puts some of them back.
static void pop_some(struct model *m)
{
    uint32_t waiting = (uint32_t)(m->published - m->popped), n = below(m, waiting + 2);
    for (uint32_t i = 0; i < n; i++)
        pop_one(m, i < waiting);
    if (n > waiting)
        n = waiting;
    for (uint32_t back = n ? below(m, n + 1) : 0; back > 0; back--) {
        const struct vm_virtq_element *e = &m->probe.held[--m->probe.held_count].element;
        m->slots_popped -= slots_of(m, e->id);
        vm_virtq_unpop(m->probe.virtio, 0, e);
        m->popped--;
    }
}

static void push_some(struct model *m)
{
    uint32_t held = m->probe.held_count;
    for (uint32_t n = held ? below(m, held) + 1 : 0; n > 0; n--) {
        uint32_t i = below(m, m->probe.held_count);
        uint16_t id = m->probe.held[i].element.id;
        m->answered[m->pushed++ % HISTORY] = id;
        m->slots_pushed += slots_of(m, id);
        probe_answer(&m->probe, i);
    }
}

static uint64_t interrupts(const struct model *m)
{
    struct vm_virtio_stats s;
    vm_virtio_get_stats(m->probe.virtio, &s);
    return s.interrupts;
}

static void flush(struct model *m)
{
    uint64_t before = interrupts(m);
    bool some = m->slots_pushed != m->slots_shown;
    bool passed = passes(m, m->event, m->slots_shown, m->slots_pushed);
    vm_virtq_flush(m->probe.virtio, 0);
    assert_int_equal(interrupts(m) - before, m->wants && some && (m->any || passed));
    m->shown = m->pushed;
    m->slots_shown = m->slots_pushed;
}

// --- both ---

// From the doorbell on the device knows that there is something, until it finds the ring empty.
// With a split ring's event index there is no way to say so.
static void deliver(struct model *m)
{
    if (!m->late)
        return;
    m->late = false;
    if (m->ring.packed || !m->ring.event_index)
        m->asks = false;
    m->bus->notify(&m->rig, 0);
    virtio_rig_run(&m->rig);
}

static void publish(struct model *m)
{
    bool wanted = virtio_publish(&m->ring);
    bool some = m->slots_added != m->slots_published;
    bool passed = passes(m, m->ask_at, m->slots_published, m->slots_added);
    assert_int_equal(wanted, some && m->asks && (passed || !m->ring.event_index));
    m->slots_published = m->slots_added;
    m->late |= wanted;
    if (below(m, 4))
        deliver(m);
}

static void begin(struct model *m, uint16_t size)
{
    virtio_start(&m->rig, VIRTIO_ALL & ~m->mode->without);
    m->rig.next = VIRTIO_RIG_RAM;
    virtio_ring_init(&m->rig, &m->ring, 0, size);
    memset(&m->published, 0, sizeof *m - offsetof(struct model, published));
    m->wants = true;
    m->any = m->ring.packed || !m->ring.event_index; // as zeros mean
    m->probe.held_count = 0;
    virtio_go(&m->rig);
    virtio_rig_run(&m->rig);
    pop_one(m, false); // it has looked: doorbells are on
}

static void one_life(struct model *m)
{
    static const uint16_t sizes[] = {1, 2, 4, 8, 64, 128};
    static const uint16_t odd_sizes[] = {1, 3, 5, 24, 63, 127};
    bool packed = !(m->mode->without & VM_VIRTIO_F_RING_PACKED);
    begin(m, (packed && below(m, 2) ? odd_sizes : sizes)[below(m, VM_ARRAY_SIZE(sizes))]);
    for (unsigned step = 0; step < 1000; step++) {
        switch (below(m, 9)) {
        case 0:
        case 1: add(m); break;
        case 2: publish(m); break;
        case 3:
            if (m->slots_added == m->slots_published)
                pop_some(m);
            break;
        case 4: push_some(m); break;
        case 5: flush(m); break;
        case 6: take(m); break;
        case 7: choose_interrupts(m); break;
        case 8: deliver(m); break;
        }
    }
    assert_false(virtio_is_broken(&m->rig));
}

static void agrees_with_the_model(void **state)
{
    (void)state;
    static struct model m;
    uint64_t seed = test_seed("rings", 20260301);
    const struct probe_options options = {.queue_size = 128};
    for (unsigned n = 0; n < virtio_bus_count * virtio_mode_count; n++) {
        virtio_rig_init(&m.rig, 8 << 20);
        m.bus = virtio_buses[n / virtio_mode_count];
        m.mode = &virtio_modes[n % virtio_mode_count];
        probe_init(&m.probe, &m.rig, m.bus, &options);
        m.probe.deaf = true; // the test pops
        for (unsigned life = 0; life < 60; life++) {
            m.random = seed++;
            one_life(&m);
        }
        virtio_rig_end(&m.rig);
    }
}

// --- in earnest ---

struct earnest {
    struct virtio_rig rig;
    struct probe probe;
    struct virtio_ring ring;
    unsigned in_flight;
    uint64_t done, slept;
};

// Waits as a driver's interrupt handler does: nothing but the wire wakes it.
static void sleep_until_told(struct earnest *t)
{
    uint64_t since = 0;
    while (!(t->rig.bus->take_interrupts(&t->rig) & 1))
        virtio_rig_wait(&t->rig, &since);
    t->slept++;
}

static void take_all(struct earnest *t)
{
    uint16_t id;
    uint32_t written;
    for (bool looked = false;;) {
        while (virtio_take_used(&t->ring, &id, &written)) {
            assert_int_equal(written, 16);
            t->in_flight--;
            t->done++;
            looked = false;
        }
        if (looked)
            return;
        virtio_interrupts_on(&t->ring); // and look once more
        looked = true;
    }
}

static void in_earnest(struct earnest *t, const struct virtio_mode *mode, uint64_t *random)
{
    virtio_start(&t->rig, VIRTIO_ALL & ~mode->without);
    virtio_ring_init(&t->rig, &t->ring, 0, 0);
    t->ring.indirect = mode->indirect;
    virtio_go(&t->rig);
    const struct virtio_buffer b[] = {{virtio_rig_alloc(&t->rig, 16, 8), 16},
                                      {virtio_rig_alloc(&t->rig, 16, 8), 16}};
    take_all(t);
    t->done = 0;
    while (t->done < 4000) {
        for (uint64_t n = test_random(random) % 8 + 1; n > 0; n--)
            t->in_flight += virtio_add(&t->ring, b, 1, 1) >= 0;
        virtio_kick(&t->ring);
        take_all(t);
        while (t->in_flight > 24) {
            sleep_until_told(t);
            take_all(t);
        }
    }
    while (t->in_flight > 0) {
        sleep_until_told(t);
        take_all(t);
    }
}

// One request at a time, sent the moment the last one comes back: the driver adds while the device
// is about to find the ring empty.
static void ping_pong(struct earnest *t, const struct virtio_mode *mode)
{
    virtio_start(&t->rig, VIRTIO_ALL & ~mode->without);
    virtio_ring_init(&t->rig, &t->ring, 0, 0);
    virtio_go(&t->rig);
    const struct virtio_buffer b = {virtio_rig_alloc(&t->rig, 16, 8), 16};
    for (unsigned i = 0; i < 4000; i++) {
        uint16_t id;
        uint32_t written;
        uint64_t since = 0;
        virtio_add(&t->ring, &b, 1, 0);
        virtio_kick(&t->ring);
        for (unsigned turn = 1; !virtio_take_used(&t->ring, &id, &written); turn++) {
            if (turn % 1024 == 0)
                virtio_rig_wait(&t->rig, &since);
        }
    }
}

static void nobody_oversleeps(void **state)
{
    (void)state;
    static struct earnest t;
    uint64_t random = test_seed("earnest", 7);
    for (unsigned n = 0; n < virtio_bus_count * virtio_mode_count * 2; n++) {
        const struct virtio_mode *mode = &virtio_modes[n / 2 % virtio_mode_count];
        virtio_rig_init(&t.rig, 4 << 20);
        probe_init(&t.probe, &t.rig, virtio_buses[n / 2 / virtio_mode_count], NULL);
        t.probe.poll = n % 2;
        t.probe.flush_each = !t.probe.poll;
        t.done = t.slept = 0;
        t.in_flight = 0;
        virtio_rig_thread(&t.rig);
        in_earnest(&t, mode, &random);
        ping_pong(&t, mode);
        struct vm_virtio_stats s;
        vm_virtio_get_stats(t.probe.virtio, &s);
        printf("%s%s: %llu requests, %llu doorbells, %llu interrupts\n", mode->name,
               n % 2 ? ", polling" : "", (unsigned long long)s.requests,
               (unsigned long long)s.notifications, (unsigned long long)s.interrupts);
        virtio_rig_end(&t.rig);
    }
}

// --- single cases ---

struct fixture {
    struct virtio_rig rig;
    struct probe probe;
    struct virtio_ring ring;
};

static void begin_fixture(struct fixture *f, unsigned n, uint64_t without)
{
    const struct virtio_mode *mode = &virtio_modes[n % virtio_mode_count];
    virtio_rig_init(&f->rig, 4 << 20);
    probe_init(&f->probe, &f->rig, virtio_buses[n / virtio_mode_count], NULL);
    virtio_start(&f->rig, VIRTIO_ALL & ~mode->without & ~without);
    virtio_ring_init(&f->rig, &f->ring, 0, 0);
    f->ring.indirect &= mode->indirect;
    virtio_go(&f->rig);
    virtio_rig_run(&f->rig);
}

// A driver that keeps the ring full from within the device's turn does not keep the device there.
static struct {
    struct fixture f;
    struct virtio_buffer b[2];
    unsigned turns, refills;
} greedy;

static void give_and_refill(struct probe *p, unsigned queue)
{
    uint16_t id;
    uint32_t written;
    probe_answer(p, p->held_count - 1);
    vm_virtq_flush(p->virtio, queue);
    while (greedy.refills < 1000 && virtio_take_used(&greedy.f.ring, &id, &written)) {
        greedy.refills++;
        virtio_add(&greedy.f.ring, greedy.b, 1, 1);
        virtio_publish(&greedy.f.ring);
    }
}

static void serve_and_refill(struct probe *p, unsigned queue)
{
    while (probe_pop(p, queue))
        give_and_refill(p, queue);
}

// Takes its share to the last and stops by itself: told that there is nothing, called again.
static void refill_by_number(void *device, unsigned queue)
{
    struct probe *p = device;
    greedy.turns++;
    for (unsigned i = 0; i < PROBE_QUEUE_SIZE && greedy.refills < 1000; i++) {
        assert_true(probe_pop(p, queue));
        give_and_refill(p, queue);
    }
    if (greedy.refills < 1000)
        assert_false(vm_virtq_want_notify(p->virtio, queue, true));
    else
        serve_and_refill(p, queue);
}

static void refill(void *device, unsigned queue)
{
    struct probe *p = device;
    greedy.turns++;
    do
        serve_and_refill(p, queue);
    while (p->poll && vm_virtq_want_notify(p->virtio, queue, true));
}

static void lets_others_run(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 3 * virtio_bus_count * virtio_mode_count; n++) {
        struct fixture *f = &greedy.f;
        begin_fixture(f, n / 3, 0);
        f->probe.poll = n % 3 == 1;
        greedy.turns = greedy.refills = 0;
        greedy.b[0] = greedy.b[1] = (struct virtio_buffer){virtio_rig_alloc(&f->rig, 64, 8), 64};
        f->probe.ops.notify = n % 3 == 2 ? refill_by_number : refill;
        for (unsigned i = 0; i < 3; i++)
            virtio_add(&f->ring, greedy.b, 1, 1);
        virtio_kick(&f->ring);
        virtio_rig_run(&f->rig);
        assert_int_equal(greedy.refills, 1000);
        assert_in_range(greedy.turns, 1000 / PROBE_QUEUE_SIZE, 1000);
        virtio_rig_end(&f->rig);
    }
}

static struct vm_page_track *track_of(struct virtio_rig *rig, uint64_t gpa)
{
    const struct vm_region *r = vm_space_find(&rig->machine.space, vm_gpa_of(gpa));
    return &r->track[(gpa - r->base.v) >> VM_PAGE_SHIFT];
}

// Pages that the device writes, buffers and rings, count as written; translations are noticed.
static void notes_what_it_writes(void **state)
{
    (void)state;
    for (unsigned n = 0; n < virtio_bus_count * virtio_mode_count; n++) {
        static struct fixture f;
        begin_fixture(&f, n, 0);
        uint64_t in = virtio_rig_alloc(&f.rig, 3 * VM_PAGE_SIZE, VM_PAGE_SIZE);
        uint64_t upper = f.rig.ram[1].base;
        const struct virtio_buffer b[] = {
            {virtio_rig_alloc(&f.rig, 8192, VM_PAGE_SIZE), 8192}, {in + 100, 8000}, {upper, 192}};
        f.probe.hold = true;
        virtio_add(&f.ring, b, 1, 2);
        virtio_kick(&f.ring);
        virtio_rig_run(&f.rig);
        for (uint64_t at = VIRTIO_RIG_RAM; at < upper + VM_PAGE_SIZE; at += VM_PAGE_SIZE)
            track_of(&f.rig, at)->dirty = 0;
        uint64_t used = f.ring.packed ? f.ring.descriptors : f.ring.device;
        track_of(&f.rig, in)->code_lines = 1 << 1;    // the first byte is in line 1
        track_of(&f.rig, upper)->code_lines = 1 << 3; // the last one before this
        probe_answer_all(&f.probe);
        assert_int_equal(track_of(&f.rig, in)->dirty, 1);
        assert_int_equal(track_of(&f.rig, in + VM_PAGE_SIZE)->dirty, 1);
        assert_int_equal(track_of(&f.rig, in + 2 * VM_PAGE_SIZE)->dirty, 0);
        assert_int_equal(track_of(&f.rig, upper)->dirty, 1);
        assert_int_equal(track_of(&f.rig, used)->dirty, 1);
        assert_int_equal(track_of(&f.rig, b[0].gpa)->dirty, 0);
        assert_int_equal(track_of(&f.rig, in)->code_version, 1);
        assert_int_equal(track_of(&f.rig, upper)->code_version, 0);
        virtio_rig_end(&f.rig);
    }
}

// A buffer over two regions is two iovecs; ROM can be read.
static void maps_buffers_where_they_are(void **state)
{
    (void)state;
    for (unsigned n = 0; n < virtio_bus_count * virtio_mode_count; n++) {
        static struct fixture f;
        begin_fixture(&f, n, 0);
        f.probe.hold = true;
        uint64_t seam = f.rig.ram[1].base;
        const struct virtio_buffer b[] = {
            {seam - 10, 30}, {VIRTIO_RIG_ROM + 4000, 96}, {seam - 100, 100}, {seam - 50, 60}};
        virtio_add(&f.ring, b, 2, 2);
        virtio_kick(&f.ring);
        virtio_rig_run(&f.rig);
        assert_int_equal(f.probe.held_count, 1);
        const struct vm_virtq_element *e = &f.probe.held[0].element;
        const struct vm_iovec expected[] = {
            {f.rig.ram[0].host + f.rig.ram[0].size - 10, 10},
            {f.rig.ram[1].host, 20},
            {f.rig.rom.host + 4000, 96},
            {f.rig.ram[0].host + f.rig.ram[0].size - 100, 100},
            {f.rig.ram[0].host + f.rig.ram[0].size - 50, 50},
            {f.rig.ram[1].host, 10},
        };
        assert_int_equal(e->out_count, 3);
        assert_int_equal(e->in_count, 3);
        for (unsigned i = 0; i < VM_ARRAY_SIZE(expected); i++) {
            assert_ptr_equal(e->iov[i].base, expected[i].base);
            assert_int_equal(e->iov[i].size, expected[i].size);
        }
        virtio_rig_end(&f.rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_model),
        cmocka_unit_test(nobody_oversleeps),
        cmocka_unit_test(lets_others_run),
        cmocka_unit_test(notes_what_it_writes),
        cmocka_unit_test(maps_buffers_where_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
