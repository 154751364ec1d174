// SPDX-License-Identifier: MIT
//
// The entropy device over every transport and kind of ring. The test host's random numbers are a
// known sequence, so the bytes can be checked.
#include <stdlib.h>

#include "driver.h"

#include <vm/device/virtio/rng.h>

struct fixture {
    struct virtio_rig rig;
    struct virtio_ring ring;
};

static void begin(struct fixture *f, const struct virtio_bus *bus, const struct virtio_mode *mode)
{
    struct vm_virtio *v;
    virtio_rig_init(&f->rig, 4 << 20);
    assert_int_equal(vm_virtio_rng_create(&f->rig.machine, &f->rig.io, "rng0", &v, NULL), VM_OK);
    virtio_rig_plug(&f->rig, bus, v);
    assert_int_equal(bus->device_id(&f->rig), 4);
    virtio_start(&f->rig, VIRTIO_ALL & ~mode->without);
    virtio_ring_init(&f->rig, &f->ring, 0, 0);
    f->ring.indirect = mode->indirect;
    virtio_go(&f->rig);
}

static void expect_random(struct fixture *f, const uint8_t *bytes, size_t size, uint64_t seed)
{
    struct test_host again;
    test_host_init(&again);
    again.seed = seed;
    uint8_t *expected = malloc(size);
    again.host.random(&again, expected, size);
    assert_memory_equal(bytes, expected, size);
    free(expected);
    assert_false(virtio_is_broken(&f->rig));
}

static void fills_buffers(struct fixture *f)
{
    static const uint32_t sizes[] = {1, 7, 64, 255, 256, 257, 4095, 4096};
    uint8_t bytes[4096];
    for (unsigned i = 0; i < 200; i++) {
        uint32_t size = sizes[i % VM_ARRAY_SIZE(sizes)];
        uint64_t seed = f->rig.host.base.seed;
        f->ring.pieces = 1 + i % 5;
        assert_int_equal(virtio_request(&f->ring, NULL, 0, bytes, size), size);
        expect_random(f, bytes, size, seed);
    }
}

// More than a request gets: the rest stays as it was. Nothing to write: nothing written.
static void keeps_to_its_limit(struct fixture *f)
{
    static uint8_t bytes[3 * 4096];
    uint64_t seed = f->rig.host.base.seed;
    uint64_t gpa = virtio_rig_alloc(&f->rig, sizeof bytes, 8);
    const struct virtio_buffer buffers[] = {{gpa, 5000}, {gpa + 5000, sizeof bytes - 5000}};
    virtio_add(&f->ring, buffers, 0, 2);
    virtio_kick(&f->ring);
    uint16_t id;
    uint32_t written;
    virtio_wait_used(&f->ring, &id, &written);
    assert_int_equal(written, VM_VIRTIO_RNG_MAX);
    virtio_rig_read(&f->rig, gpa, bytes, sizeof bytes);
    expect_random(f, bytes, VM_VIRTIO_RNG_MAX, seed);
    for (unsigned i = VM_VIRTIO_RNG_MAX; i < sizeof bytes; i++)
        assert_int_equal(bytes[i], 0);
    assert_int_equal(virtio_request(&f->ring, "only out", 8, NULL, 0), 0);
    seed = f->rig.host.base.seed;
    assert_int_equal(virtio_request(&f->ring, "both", 4, bytes, 100), 100);
    expect_random(f, bytes, 100, seed);
    virtio_rig_read(&f->rig, f->ring.out_scratch, bytes, 4);
    assert_memory_equal(bytes, "both", 4);
}

static void works_everywhere(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned b = 0; b < virtio_bus_count; b++) {
        for (unsigned m = 0; m < virtio_mode_count; m++) {
            begin(&f, virtio_buses[b], &virtio_modes[m]);
            fills_buffers(&f);
            keeps_to_its_limit(&f);
            virtio_rig_end(&f.rig);
        }
    }
}

static void works_on_a_thread(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned n = 0; n < virtio_bus_count * virtio_mode_count; n++) {
        const struct virtio_mode *mode = &virtio_modes[n % virtio_mode_count];
        struct vm_virtio *v;
        virtio_rig_init(&f.rig, 4 << 20);
        assert_int_equal(vm_virtio_rng_create(&f.rig.machine, &f.rig.io, "rng0", &v, NULL), VM_OK);
        virtio_rig_plug(&f.rig, virtio_buses[n / virtio_mode_count], v);
        virtio_rig_thread(&f.rig);
        for (unsigned round = 0; round < 3; round++) {
            virtio_start(&f.rig, VIRTIO_ALL & ~mode->without);
            virtio_ring_init(&f.rig, &f.ring, 0, 0);
            virtio_go(&f.rig);
            fills_buffers(&f);
        }
        virtio_rig_end(&f.rig);
    }
}

static void gives_memory_back_when_there_is_none(void **state)
{
    (void)state;
    struct virtio_rig rig;
    for (unsigned n = 0; n < 3; n++) {
        struct vm_error e;
        struct vm_virtio *v = NULL;
        virtio_rig_init(&rig, 4 << 20);
        rig.host.base.fail_after = n;
        assert_int_equal(vm_virtio_rng_create(&rig.machine, &rig.io, "rng0", &v, &e), VM_ERR_HOST);
        rig.host.base.fail_after = UINT64_MAX;
        virtio_rig_end(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(works_everywhere),
        cmocka_unit_test(works_on_a_thread),
        cmocka_unit_test(gives_memory_back_when_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
