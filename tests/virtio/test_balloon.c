// SPDX-License-Identifier: MIT
//
// virtio-balloon over every transport and kind of ring: what goes back to the host, and what never
// does.
#include <stdio.h>
#include <string.h>

#include "driver.h"

#include <vm/base/memory.h>
#include <vm/device/virtio/balloon.h>

#define F(bit) (UINT64_C(1) << (bit))

enum { STATS_VQ = 1, PAGE_POISON = 4, REPORTING = 5, PAGE = VM_PAGE_SIZE, RAM = 8 << 20 };

struct fixture {
    struct virtio_rig rig;
    struct vm_virtio_balloon *balloon;
    struct virtio_ring inflate, deflate, stats, report;
    unsigned calls;
    uint64_t released;
    bool refuse;
};

// What the callback gets is RAM: bytes of one of the rig's regions.
static bool release(void *context, void *host, uint64_t size)
{
    struct fixture *f = context;
    bool inside = false;
    for (unsigned i = 0; i < 2; i++) {
        const struct virtio_rig_ram *r = &f->rig.ram[i];
        uint8_t *p = host;
        inside |=
            p >= r->host && p < r->host + r->size && size <= (uint64_t)(r->host + r->size - p);
    }
    assert_true(inside && size && size % PAGE == 0 && (uintptr_t)host % PAGE == 0);
    if (f->refuse)
        return false;
    memset(host, 0, size);
    f->calls++;
    f->released += size;
    return true;
}

static void create(struct fixture *f, const struct virtio_bus *bus, uint64_t withheld)
{
    memset(f, 0, sizeof *f);
    const struct vm_virtio_balloon_config c = {release, f, withheld};
    struct vm_virtio *v;
    virtio_rig_init(&f->rig, RAM);
    assert_int_equal(vm_virtio_balloon_create(&f->rig.machine, &f->rig.io, "balloon0", &c,
                                              &f->balloon, &v, NULL),
                     VM_OK);
    virtio_rig_plug(&f->rig, bus, v);
    assert_int_equal(bus->device_id(&f->rig), 5);
}

static void drive(struct fixture *f, const struct virtio_mode *mode, unsigned report_queue)
{
    virtio_start(&f->rig, VIRTIO_ALL & ~mode->without);
    virtio_ring_init(&f->rig, &f->inflate, 0, 0);
    virtio_ring_init(&f->rig, &f->deflate, 1, 0);
    if (f->rig.features & F(STATS_VQ))
        virtio_ring_init(&f->rig, &f->stats, 2, 0);
    virtio_ring_init(&f->rig, &f->report, report_queue, 0);
    f->inflate.indirect = f->stats.indirect = f->report.indirect = mode->indirect;
    f->inflate.pieces = 3; // numbers that lie across two buffers
    virtio_go(&f->rig);
}

static void begin(struct fixture *f)
{
    create(f, virtio_buses[0], 0);
    drive(f, &virtio_modes[virtio_mode_count - 1], 4);
}

static void end(struct fixture *f)
{
    assert_false(virtio_is_broken(&f->rig));
    virtio_rig_end(&f->rig);
}

static uint64_t take_pages(struct fixture *f, unsigned count, uint8_t value)
{
    uint64_t gpa = virtio_rig_alloc(&f->rig, (uint64_t)count * PAGE, PAGE);
    memset(virtio_rig_at(&f->rig, gpa, (uint64_t)count * PAGE), value, (size_t)count * PAGE);
    return gpa;
}

static bool is_all(struct fixture *f, uint64_t gpa, uint64_t size, uint8_t value)
{
    const uint8_t *p = virtio_rig_at(&f->rig, gpa, size);
    for (uint64_t i = 0; i < size; i++) {
        if (p[i] != value)
            return false;
    }
    return true;
}

static void give(struct virtio_ring *ring, const uint32_t *pfns, unsigned count)
{
    uint8_t bytes[4 * 300];
    for (unsigned i = 0; i < count; i++)
        vm_store_le32(bytes + 4 * i, pfns[i]);
    assert_int_equal(virtio_request(ring, bytes, 4 * count, NULL, 0), 0);
}

static void give_range(struct virtio_ring *ring, uint64_t gpa, unsigned count, bool falling)
{
    uint32_t pfns[300];
    for (unsigned i = 0; i < count; i++)
        pfns[i] = (uint32_t)(gpa / PAGE) + (falling ? count - 1 - i : i);
    give(ring, pfns, count);
}

static void inflates(struct fixture *f, bool falling)
{
    uint64_t gpa = take_pages(f, 302, 0xee), before = f->released;
    unsigned calls = f->calls;
    give_range(&f->inflate, gpa + PAGE, 300, falling);
    assert_int_equal(f->released - before, 300 * PAGE);
    assert_int_equal(f->calls - calls, 1);
    assert_true(is_all(f, gpa + PAGE, 300 * PAGE, 0));
    assert_true(is_all(f, gpa, PAGE, 0xee));
    assert_true(is_all(f, gpa + 301 * PAGE, PAGE, 0xee));
    give_range(&f->deflate, gpa + PAGE, 300, falling);
    assert_int_equal(f->released - before, 300 * PAGE);
}

static void reports(struct fixture *f)
{
    uint64_t gpa = take_pages(f, 8, 0xdd), before = f->released;
    const struct virtio_buffer b[] = {{gpa, 4 * PAGE}, {gpa + 4 * PAGE + 1, 3 * PAGE}, {gpa, 10}};
    uint16_t id;
    uint32_t written;
    assert_true(virtio_add(&f->report, b, 0, 3) >= 0);
    virtio_kick(&f->report);
    virtio_wait_used(&f->report, &id, &written);
    assert_int_equal(written, 0);
    // Of the second, the whole pages; the third has none.
    assert_int_equal(f->released - before, 6 * PAGE);
    assert_true(is_all(f, gpa, 4 * PAGE, 0));
    assert_true(is_all(f, gpa + 4 * PAGE, PAGE, 0xdd));
    assert_true(is_all(f, gpa + 5 * PAGE, 2 * PAGE, 0));
    assert_true(is_all(f, gpa + 7 * PAGE, PAGE, 0xdd));
}

static void works_everywhere(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned n = 0; n < virtio_bus_count * virtio_mode_count; n++) {
        create(&f, virtio_buses[n / virtio_mode_count], 0);
        for (unsigned round = 0; round < 2; round++) {
            drive(&f, &virtio_modes[n % virtio_mode_count], 3 + round);
            inflates(&f, round);
            reports(&f);
        }
        end(&f);
    }
}

// The reports' queue in the place of one that is not there.
static void reports_without_statistics(void **state)
{
    (void)state;
    static struct fixture f;
    create(&f, virtio_buses[0], F(STATS_VQ));
    drive(&f, &virtio_modes[0], 2);
    reports(&f);
    end(&f);
}

static void only_ram_is_released(void **state)
{
    (void)state;
    static struct fixture f;
    begin(&f);
    const uint32_t ram = VIRTIO_RIG_RAM / PAGE, after = ram + RAM / PAGE,
                   last = after + VIRTIO_RIG_UPPER / PAGE;
    const uint32_t wrong[] = {
        0,          VIRTIO_RIG_ROM / PAGE, VIRTIO_RIG_SLOT / PAGE, ram - 1, last,
        UINT32_MAX, UINT32_MAX - 1};
    give(&f.inflate, wrong, VM_ARRAY_SIZE(wrong));
    assert_int_equal(f.calls, 0);
    // From one region into the next, and out of that: two ranges.
    const uint32_t across[] = {after - 1, after, last - 1, last, last - 2};
    give(&f.inflate, across, VM_ARRAY_SIZE(across));
    assert_int_equal(f.released, 4 * PAGE);
    assert_int_equal(virtio_request(&f.inflate, "abc", 3, NULL, 0), 0);
    assert_int_equal(f.released, 4 * PAGE);
    uint64_t seed = test_seed("balloon", 5);
    for (unsigned i = 0; i < 200; i++) { // the callback looks
        uint32_t pfns[64];
        for (unsigned k = 0; k < 64; k++)
            pfns[k] = i & 1 ? (uint32_t)test_random(&seed)
                            : after - 8 + (uint32_t)(test_random(&seed) % 40);
        give(&f.inflate, pfns, 64);
    }
    end(&f);
}

// The same page over and over, more often than one request is read for.
static void long_requests_end(void **state)
{
    (void)state;
    static struct fixture f;
    begin(&f);
    struct virtio_buffer b[64];
    uint64_t gpa = virtio_rig_alloc(&f.rig, VIRTIO_REQUEST_MAX, 4);
    for (unsigned i = 0; i < VIRTIO_REQUEST_MAX; i += 4)
        vm_store_le32(virtio_rig_at(&f.rig, gpa + i, 4),
                      (uint32_t)((VIRTIO_RIG_RAM + RAM) / PAGE) - 1);
    for (unsigned i = 0; i < 64; i++)
        b[i] = (struct virtio_buffer){gpa, VIRTIO_REQUEST_MAX};
    virtio_add(&f.inflate, b, 64, 0);
    virtio_kick(&f.inflate);
    uint16_t id;
    uint32_t written;
    virtio_wait_used(&f.inflate, &id, &written);
    assert_int_equal(f.calls, VM_VIRTIO_BALLOON_MAX_PFNS);
    end(&f);
}

static void set_poison(struct fixture *f, uint32_t value)
{
    uint8_t bytes[4];
    vm_store_le32(bytes, value);
    f->rig.bus->write_config(&f->rig, 12, bytes, 4);
}

static void poisoned_pages_stay(void **state)
{
    (void)state;
    static struct fixture f;
    begin(&f);
    set_poison(&f, 0xaaaaaaaa);
    uint64_t gpa = take_pages(&f, 2, 0xaa);
    uint16_t id;
    uint32_t written;
    const struct virtio_buffer b = {gpa, 2 * PAGE};
    virtio_add(&f.report, &b, 0, 1);
    virtio_kick(&f.report);
    virtio_wait_used(&f.report, &id, &written);
    assert_int_equal(f.calls, 0);
    assert_true(is_all(&f, gpa, 2 * PAGE, 0xaa));
    inflates(&f, false); // what is in the balloon has no contents
    set_poison(&f, 0);
    reports(&f);
    end(&f);
}

static void state_and_configuration(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned n = 0; n < virtio_bus_count; n++) {
        struct vm_virtio_balloon_state s;
        uint8_t config[16], actual[4] = {7, 1, 0, 0};
        create(&f, virtio_buses[n], 0);
        drive(&f, &virtio_modes[0], 4);
        f.rig.bus->take_interrupts(&f.rig);
        vm_virtio_balloon_set_target(f.balloon, 1 << 20);
        assert_true(f.rig.bus->take_interrupts(&f.rig) & VIRTIO_CONFIG_INTERRUPT);
        f.rig.bus->write_config(&f.rig, 4, actual, 4);
        f.rig.bus->write_config(&f.rig, 0, actual, 4); // not the driver's
        f.rig.bus->read_config(&f.rig, 0, config, sizeof config);
        assert_int_equal(vm_load_le32(config), 256);
        assert_int_equal(vm_load_le32(config + 4), 0x107);
        inflates(&f, false);
        f.refuse = true;
        give_range(&f.inflate, take_pages(&f, 1, 1), 1, false);
        vm_virtio_balloon_get(f.balloon, &s);
        assert_int_equal(s.target, 1 << 20);
        assert_int_equal(s.actual, 0x107 * PAGE);
        assert_int_equal(s.released, 300 * PAGE);
        virtio_reset(&f.rig);
        vm_virtio_balloon_get(f.balloon, &s);
        assert_int_equal(s.target, 1 << 20);
        assert_int_equal(s.actual, 0);
        vm_virtio_balloon_set_target(f.balloon, UINT64_MAX);
        end(&f);
    }
}

static void put_stat(uint8_t *to, uint16_t tag, uint64_t value)
{
    vm_store_le16(to, tag);
    vm_store_le32(to + 2, (uint32_t)value);
    vm_store_le32(to + 6, (uint32_t)(value >> 32));
}

static void statistics_come_when_asked_for(void **state)
{
    (void)state;
    static struct fixture f;
    struct vm_virtio_balloon_state s;
    uint8_t bytes[33];
    uint16_t id;
    uint32_t written;
    begin(&f);
    uint64_t gpa = virtio_rig_alloc(&f.rig, 64, 1);
    vm_virtio_balloon_ask(f.balloon); // nothing to ask with yet
    virtio_rig_run(&f.rig);
    for (unsigned i = 1; i < 4; i++) {
        put_stat(bytes, VM_VIRTIO_BALLOON_MEMFREE, i * UINT64_C(10000000000));
        put_stat(bytes + 10, 999, 1);
        put_stat(bytes + 20, VM_VIRTIO_BALLOON_MEMTOT, 77);
        virtio_rig_write(&f.rig, gpa, bytes, sizeof bytes); // a broken one at the end
        const struct virtio_buffer b = {gpa, sizeof bytes};
        virtio_add(&f.stats, &b, 1, 0);
        virtio_kick(&f.stats);
        virtio_rig_run(&f.rig);
        vm_virtio_balloon_get(f.balloon, &s);
        assert_int_equal(s.updates, i);
        assert_int_equal(s.known, 1 << VM_VIRTIO_BALLOON_MEMFREE | 1 << VM_VIRTIO_BALLOON_MEMTOT);
        assert_int_equal(s.stats[VM_VIRTIO_BALLOON_MEMFREE], i * UINT64_C(10000000000));
        assert_false(virtio_take_used(&f.stats, &id, &written));
        vm_virtio_balloon_ask(f.balloon);
        virtio_rig_run(&f.rig);
        assert_true(virtio_take_used(&f.stats, &id, &written));
    }
    for (unsigned i = 0; i < 3; i++) { // more than one: the older ones come back
        const struct virtio_buffer b = {gpa, sizeof bytes};
        virtio_add(&f.stats, &b, 1, 0);
    }
    virtio_kick(&f.stats);
    virtio_rig_run(&f.rig);
    assert_true(virtio_take_used(&f.stats, &id, &written));
    assert_true(virtio_take_used(&f.stats, &id, &written));
    assert_false(virtio_take_used(&f.stats, &id, &written));
    virtio_reset(&f.rig); // lets go of it
    vm_virtio_balloon_ask(f.balloon);
    virtio_rig_run(&f.rig);
    end(&f);
}

static void gives_memory_back_when_there_is_none(void **state)
{
    (void)state;
    static struct virtio_rig rig;
    const struct vm_virtio_balloon_config c = {release, NULL, 0};
    for (unsigned n = 0; n < 3; n++) {
        struct vm_virtio_balloon *b;
        struct vm_virtio *v;
        struct vm_error e;
        virtio_rig_init(&rig, 4 << 20);
        rig.host.base.fail_after = n;
        assert_int_equal(
            vm_virtio_balloon_create(&rig.machine, &rig.io, "balloon0", &c, &b, &v, &e),
            VM_ERR_HOST);
        rig.host.base.fail_after = UINT64_MAX;
        virtio_rig_end(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(works_everywhere),
        cmocka_unit_test(reports_without_statistics),
        cmocka_unit_test(only_ram_is_released),
        cmocka_unit_test(long_requests_end),
        cmocka_unit_test(poisoned_pages_stay),
        cmocka_unit_test(state_and_configuration),
        cmocka_unit_test(statistics_come_when_asked_for),
        cmocka_unit_test(gives_memory_back_when_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
