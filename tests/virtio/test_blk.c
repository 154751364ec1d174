// SPDX-License-Identifier: MIT
//
// The block device over every transport and kind of ring, on a disk in memory that completes at
// once or later in random order; and on an image of the host behind an I/O thread.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block_memory.h"
#include "driver.h"

#include <vm/base/memory.h>
#include <vm/device/backend/image.h>
#include <vm/device/virtio/blk.h>

enum { SECTOR = 512, DISK = 4 << 20 };
enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13 };
enum { OK = 0, IOERR = 1, UNSUPP = 2 };

#define F_FLUSH      (UINT64_C(1) << 9)
#define F_CONFIG_WCE (UINT64_C(1) << 11)

struct fixture {
    struct virtio_rig rig;
    struct virtio_ring ring;
    struct block_memory *memory;
    struct vm_virtio_blk_stats stats;
    uint8_t model[DISK];
};

static void plug(struct fixture *f, const struct virtio_bus *bus, uint16_t queues, bool read_only)
{
    struct vm_virtio *v;
    virtio_rig_init(&f->rig, 8 << 20);
    memset(&f->stats, 0, sizeof f->stats);
    for (unsigned i = 0; i < DISK; i++)
        f->model[i] = (uint8_t)(i / SECTOR * 7 + i);
    f->memory = block_memory_copy(f->model, DISK);
    f->memory->block.read_only = read_only;
    const struct vm_virtio_blk_config c = {
        .block = &f->memory->block, .serial = "TRINE-1", .queues = queues, .stats = &f->stats};
    assert_int_equal(vm_virtio_blk_create(&f->rig.machine, &f->rig.io, "blk0", &c, &v, NULL),
                     VM_OK);
    virtio_rig_plug(&f->rig, bus, v);
    assert_int_equal(bus->device_id(&f->rig), 2);
}

static void drive(struct fixture *f, const struct virtio_mode *mode, uint64_t features)
{
    virtio_start(&f->rig, features & ~mode->without);
    virtio_ring_init(&f->rig, &f->ring, 0, 0);
    f->ring.indirect = mode->indirect;
    virtio_go(&f->rig);
}

static void unplug(struct fixture *f)
{
    virtio_rig_end(&f->rig);
    block_memory_destroy(f->memory);
}

static uint32_t put_header(uint8_t *to, uint32_t type, uint64_t sector)
{
    vm_store_le32(to, type);
    vm_store_le32(to + 4, 0);
    vm_store_le64(to + 8, sector);
    return 16;
}

// One request; `data` goes out or comes in by the type. Returns the status.
static int request(struct fixture *f, uint32_t type, uint64_t sector, void *data, uint32_t size)
{
    static uint8_t out[VIRTIO_REQUEST_MAX], in[VIRTIO_REQUEST_MAX];
    bool comes = type == IN || type == GET_ID;
    uint32_t out_size = put_header(out, type, sector), in_size = comes ? size : 0;
    if (!comes && size)
        memcpy(out + out_size, data, size);
    out_size += comes ? 0 : size;
    memset(in, 0xee, in_size + 1);
    assert_int_equal(virtio_request(&f->ring, out, out_size, in, in_size + 1), in_size + 1);
    if (comes && size)
        memcpy(data, in, in_size);
    return in[in_size];
}

static int range_request(struct fixture *f, uint32_t type, uint64_t sector, uint32_t sectors,
                         uint32_t flags, unsigned ranges)
{
    uint8_t segments[16 * 16];
    for (unsigned i = 0; i < ranges; i++) {
        vm_store_le64(segments + i * 16, sector + (uint64_t)i * sectors);
        vm_store_le32(segments + i * 16 + 8, sectors);
        vm_store_le32(segments + i * 16 + 12, flags);
    }
    return request(f, type, 0, segments, ranges * 16);
}

// --- what a disk does ---

static void transfers(struct fixture *f)
{
    static uint8_t data[48 << 10];
    uint64_t seed = 99;
    for (unsigned i = 0; i < 120; i++) {
        uint32_t size = (uint32_t)(1 + block_random(&seed) % 90) * SECTOR;
        uint64_t at = block_random(&seed) % ((DISK - size) / SECTOR) * SECTOR;
        f->ring.pieces = 1 + i % 7;
        if (i % 2) {
            for (uint32_t j = 0; j < size; j++)
                data[j] = (uint8_t)block_random(&seed);
            memcpy(f->model + at, data, size);
            assert_int_equal(request(f, OUT, at / SECTOR, data, size), OK);
        } else {
            assert_int_equal(request(f, IN, at / SECTOR, data, size), OK);
            assert_memory_equal(data, f->model + at, size);
        }
    }
    assert_int_equal(request(f, FLUSH, 0, NULL, 0), OK);
    assert_memory_equal(f->memory->data, f->model, DISK);
    assert_int_equal(atomic_load(&f->stats.reads), 60);
    assert_int_equal(atomic_load(&f->stats.writes), 60);
    assert_int_equal(atomic_load(&f->stats.flushes), 1);
    f->ring.pieces = 1;
}

static void says_who_it_is(struct fixture *f)
{
    char serial[24];
    memset(serial, 'x', sizeof serial);
    assert_int_equal(request(f, GET_ID, 0, serial, 20), OK);
    assert_string_equal(serial, "TRINE-1");
    assert_int_equal(serial[19], 0);
    memset(serial, 'x', sizeof serial);
    assert_int_equal(request(f, GET_ID, 0, serial, 3), OK);
    assert_memory_equal(serial, "TRIx", 4);
}

static void refuses(struct fixture *f)
{
    static uint8_t data[2 * SECTOR];
    const uint64_t end = DISK / SECTOR;
    assert_int_equal(request(f, 99, 0, NULL, 0), UNSUPP);
    assert_int_equal(request(f, IN, end, data, SECTOR), IOERR);
    assert_int_equal(request(f, IN, end - 1, data, 2 * SECTOR), IOERR);
    assert_int_equal(request(f, OUT, UINT64_MAX, data, SECTOR), IOERR);
    assert_int_equal(request(f, OUT, UINT64_MAX / SECTOR + 1, data, SECTOR), IOERR);
    assert_int_equal(request(f, IN, 0, data, 100), IOERR);
    assert_int_equal(request(f, OUT, 0, data, SECTOR + 1), IOERR);
    assert_int_equal(request(f, IN, end, NULL, 0), OK); // nothing is at the end
    assert_int_equal(range_request(f, DISCARD, end, 1, 0, 1), IOERR);
    assert_int_equal(range_request(f, DISCARD, UINT64_MAX, 2, 0, 1), IOERR);
    assert_int_equal(range_request(f, DISCARD, 0, UINT32_MAX, 0, 1), IOERR);
    assert_int_equal(range_request(f, DISCARD, 0, 1, 1, 1), UNSUPP);
    assert_int_equal(range_request(f, WRITE_ZEROES, 0, 1, 2, 1), UNSUPP);
    assert_int_equal(range_request(f, WRITE_ZEROES, 0, 1, 0, 9), IOERR);
    assert_int_equal(request(f, WRITE_ZEROES, 0, data, 17), IOERR);
    assert_int_equal(request(f, DISCARD, 0, NULL, 0), IOERR);
    assert_memory_equal(f->memory->data, f->model, DISK);
    assert_false(virtio_is_broken(&f->rig));
}

static void zeroes(struct fixture *f)
{
    for (unsigned unmap = 0; unmap < 2; unmap++) {
        assert_int_equal(range_request(f, WRITE_ZEROES, 5 + unmap * 100, 3, unmap, 8), OK);
        memset(f->model + (5 + unmap * 100) * SECTOR, 0, 24 * SECTOR);
    }
    assert_memory_equal(f->memory->data, f->model, DISK);
    assert_int_equal(range_request(f, DISCARD, 1000, 64, 0, 2), OK);
    memcpy(f->model + 1000 * SECTOR, f->memory->data + 1000 * SECTOR, 128 * SECTOR);
    assert_memory_equal(f->memory->data, f->model, DISK);
    assert_int_equal(request(f, FLUSH, 0, NULL, 0), OK);
}

static void works_everywhere(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned b = 0; b < virtio_bus_count; b++) {
        for (unsigned m = 0; m < virtio_mode_count; m++) {
            plug(&f, virtio_buses[b], 1, false);
            drive(&f, &virtio_modes[m], VIRTIO_ALL);
            transfers(&f);
            says_who_it_is(&f);
            refuses(&f);
            zeroes(&f);
            unplug(&f);
        }
    }
}

static void says_its_limits(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned b = 0; b < virtio_bus_count; b++) {
        plug(&f, virtio_buses[b], 3, false);
        drive(&f, &virtio_modes[0], VIRTIO_ALL);
        uint8_t c[60];
        virtio_buses[b]->read_config(&f.rig, 0, c, 8);
        assert_int_equal(vm_load_le64(c), DISK / SECTOR);
        virtio_buses[b]->read_config(&f.rig, 12, c, 4);
        assert_int_equal(vm_load_le32(c), 254);
        virtio_buses[b]->read_config(&f.rig, 20, c, 4);
        assert_int_equal(vm_load_le32(c), 512);
        virtio_buses[b]->read_config(&f.rig, 34, c, 2);
        assert_int_equal(vm_load_le16(c), 3);
        for (uint32_t at = 0; at < 60; at++)
            virtio_buses[b]->read_config(&f.rig, at, c, 1);
        unplug(&f);
    }
}

// Write-through by lack of features, or by the driver's choice: a write has been synced when it is
// answered. Otherwise only a flush syncs.
static unsigned syncs_of_a_write(struct fixture *f)
{
    uint8_t data[SECTOR] = {1};
    size_t before = f->memory->record_count;
    unsigned syncs = 0;
    assert_int_equal(request(f, OUT, 3, data, SECTOR), OK);
    for (size_t i = before; i < f->memory->record_count; i++)
        syncs += f->memory->records[i].is_sync;
    return syncs;
}

static void keeps_the_cache_mode(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned b = 0; b < virtio_bus_count; b++) {
        const struct virtio_bus *bus = virtio_buses[b];
        plug(&f, bus, 1, false);
        f.memory->recording = true;
        drive(&f, &virtio_modes[0], VIRTIO_ALL & ~(F_FLUSH | F_CONFIG_WCE));
        assert_int_equal(syncs_of_a_write(&f), 1);
        drive(&f, &virtio_modes[0], VIRTIO_ALL & ~F_CONFIG_WCE);
        uint8_t mode = 0;
        bus->write_config(&f.rig, 32, &mode, 1); // not negotiated
        assert_int_equal(syncs_of_a_write(&f), 0);
        drive(&f, &virtio_modes[0], VIRTIO_ALL);
        bus->read_config(&f.rig, 32, &mode, 1);
        assert_int_equal(mode, 1);
        assert_int_equal(syncs_of_a_write(&f), 0);
        mode = 0;
        bus->write_config(&f.rig, 32, &mode, 1);
        assert_int_equal(syncs_of_a_write(&f), 1);
        assert_int_equal(range_request(&f, WRITE_ZEROES, 7, 1, 0, 2), OK);
        mode = 1;
        bus->write_config(&f.rig, 32, &mode, 1);
        assert_int_equal(syncs_of_a_write(&f), 0);
        mode = 0;
        bus->write_config(&f.rig, 32, &mode, 1);
        drive(&f, &virtio_modes[0], VIRTIO_ALL); // a reset forgets it
        assert_int_equal(syncs_of_a_write(&f), 0);
        unplug(&f);
    }
}

static void does_not_write_what_is_read_only(void **state)
{
    (void)state;
    static struct fixture f;
    uint8_t data[SECTOR];
    plug(&f, virtio_buses[0], 1, true);
    assert_true(virtio_buses[0]->device_features(&f.rig) & 1 << 5);
    drive(&f, &virtio_modes[0], VIRTIO_ALL);
    assert_int_equal(request(&f, IN, 9, data, SECTOR), OK);
    assert_memory_equal(data, f.model + 9 * SECTOR, SECTOR);
    assert_int_equal(request(&f, OUT, 9, data, SECTOR), IOERR);
    assert_int_equal(range_request(&f, WRITE_ZEROES, 0, 8, 0, 1), IOERR);
    assert_int_equal(range_request(&f, DISCARD, 0, 8, 0, 1), IOERR);
    assert_memory_equal(f.memory->data, f.model, DISK);
    unplug(&f);
}

static void reports_failures(void **state)
{
    (void)state;
    static struct fixture f;
    uint8_t data[SECTOR] = {0};
    plug(&f, virtio_buses[0], 1, false);
    drive(&f, &virtio_modes[0], VIRTIO_ALL);
    f.memory->fail_after = 1;
    assert_int_equal(request(&f, OUT, 0, data, SECTOR), IOERR);
    assert_int_equal(request(&f, FLUSH, 0, NULL, 0), IOERR);
    assert_int_equal(atomic_load(&f.stats.errors), 2);
    f.memory->fail_after = 0;
    assert_int_equal(request(&f, OUT, 0, data, SECTOR), OK);
    unplug(&f);
}

// --- many in flight ---

enum { MANY = 40 };

struct many {
    uint64_t gpa[MANY]; // header, sector, status
};

static void add_reads(struct fixture *f, struct virtio_ring *ring, struct many *m, unsigned first)
{
    for (unsigned i = 0; i < MANY; i++) {
        uint8_t header[16];
        m->gpa[i] = virtio_rig_alloc(&f->rig, 1024, 16);
        put_header(header, IN, first + i);
        virtio_rig_write(&f->rig, m->gpa[i], header, sizeof header);
        const struct virtio_buffer buffers[] = {
            {m->gpa[i], 16}, {m->gpa[i] + 16, SECTOR}, {m->gpa[i] + 16 + SECTOR, 1}};
        assert_int_not_equal(virtio_add(ring, buffers, 1, 2), -1);
    }
}

static void expect_reads(struct fixture *f, const struct many *m, unsigned first)
{
    for (unsigned i = 0; i < MANY; i++) {
        uint8_t data[SECTOR + 1];
        virtio_rig_read(&f->rig, m->gpa[i] + 16, data, sizeof data);
        assert_memory_equal(data, f->model + (size_t)(first + i) * SECTOR, SECTOR);
        assert_int_equal(data[SECTOR], OK);
    }
}

static void batches(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned n = 0; n < virtio_bus_count * virtio_mode_count; n++) {
        struct virtio_ring rings[3];
        struct many many[3];
        plug(&f, virtio_buses[n / virtio_mode_count], 3, false);
        virtio_start(&f.rig, VIRTIO_ALL & ~virtio_modes[n % virtio_mode_count].without);
        for (unsigned q = 0; q < 3; q++)
            virtio_ring_init(&f.rig, &rings[q], q, 0);
        virtio_go(&f.rig);
        f.memory->later = true;
        for (unsigned q = 0; q < 3; q++) {
            add_reads(&f, &rings[q], &many[q], q * 50);
            virtio_kick(&rings[q]);
            virtio_rig_run(&f.rig);
        }
        assert_int_equal(f.memory->count, 3 * MANY);
        assert_int_equal(atomic_load(&f.stats.batches), 3);
        while (f.memory->count)
            f.memory->block.ops->wait(&f.memory->block);
        virtio_rig_run(&f.rig); // shows all that ended together
        for (unsigned q = 0; q < 3; q++) {
            uint16_t id;
            uint32_t written;
            for (unsigned i = 0; i < MANY; i++)
                assert_true(virtio_take_used(&rings[q], &id, &written));
            assert_false(virtio_take_used(&rings[q], &id, &written));
            expect_reads(&f, &many[q], q * 50);
        }
        unplug(&f);
    }
}

// A reset, and the end, with requests in flight: they are waited for, and nothing is shown.
static void lets_go_on_reset(void **state)
{
    (void)state;
    static struct fixture f;
    struct many many;
    uint8_t data[SECTOR];
    for (unsigned b = 0; b < virtio_bus_count; b++) {
        plug(&f, virtio_buses[b], 1, false);
        drive(&f, &virtio_modes[0], VIRTIO_ALL);
        f.memory->later = true;
        add_reads(&f, &f.ring, &many, 0);
        virtio_kick(&f.ring);
        virtio_rig_run(&f.rig);
        assert_int_equal(f.memory->count, MANY);
        virtio_reset(&f.rig);
        assert_int_equal(f.memory->count, 0);
        f.memory->later = false;
        drive(&f, &virtio_modes[0], VIRTIO_ALL);
        assert_int_equal(request(&f, IN, 1, data, SECTOR), OK);
        f.memory->later = true;
        add_reads(&f, &f.ring, &many, 0);
        virtio_kick(&f.ring);
        virtio_rig_run(&f.rig);
        unplug(&f);
    }
}

static void breaks_on_nonsense(void **state)
{
    (void)state;
    static struct fixture f;
    uint8_t bytes[16] = {0};
    plug(&f, virtio_buses[0], 1, false);
    for (unsigned i = 0; i < 3; i++) {
        drive(&f, &virtio_modes[0], VIRTIO_ALL);
        uint64_t gpa = virtio_rig_alloc(&f.rig, 64, 8);
        virtio_rig_write(&f.rig, gpa, bytes, sizeof bytes);
        const struct virtio_buffer cases[3][2] = {
            {{gpa, 15}, {gpa + 32, 1}}, {{gpa, 16}, {gpa + 16, 16}}, {{gpa, 32}, {gpa, 1}}};
        // Too short a header; no status; nothing but what comes in.
        virtio_add(&f.ring, cases[i], i == 0 ? 1 : i == 1 ? 2 : 0, i == 0 ? 1 : i == 1 ? 0 : 2);
        virtio_kick(&f.ring);
        virtio_rig_run(&f.rig);
        assert_true(virtio_is_broken(&f.rig));
    }
    unplug(&f);
}

static void refuses_bad_configurations(void **state)
{
    (void)state;
    struct virtio_rig rig;
    struct vm_error e;
    struct vm_virtio *v;
    struct block_memory *m = block_memory_create();
    virtio_rig_init(&rig, 4 << 20);
    struct vm_virtio_blk_config c = {.block = &m->block};
    assert_int_equal(vm_virtio_blk_create(&rig.machine, &rig.io, "blk0", &c, &v, &e), VM_ERR_USAGE);
    c.queues = VM_VIRTIO_BLK_MAX_QUEUES + 1;
    assert_int_equal(vm_virtio_blk_create(&rig.machine, &rig.io, "blk0", &c, &v, &e), VM_ERR_USAGE);
    c.queues = 1;
    for (unsigned n = 0; n < 3; n++) {
        rig.host.base.fail_after = n;
        assert_int_equal(vm_virtio_blk_create(&rig.machine, &rig.io, "blk0", &c, &v, &e),
                         VM_ERR_HOST);
    }
    rig.host.base.fail_after = UINT64_MAX;
    virtio_rig_end(&rig);
    block_memory_destroy(m);
}

// --- on the host ---

static void works_on_images(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned i = 0; i < 4; i++) {
        char path[] = "/tmp/vm-blk-XXXXXX";
        struct vm_loop *loop;
        struct vm_image *image;
        struct vm_virtio *v;
        int fd = mkstemp(path);
        assert_int_equal(ftruncate(fd, DISK), 0);
        close(fd);
        memset(f.model, 0, DISK);
        assert_int_equal(vm_loop_create("disk", &loop, NULL), VM_OK);
        // The overlay of the snapshot mode is qcow2.
        const struct vm_image_options o = {
            .path = path, .format = VM_DISK_IMAGE_RAW, .snapshot = i % 2, .loop = loop};
        assert_int_equal(vm_image_open(&o, &image, NULL), VM_OK);
        virtio_rig_init(&f.rig, 8 << 20);
        memset(&f.stats, 0, sizeof f.stats);
        const struct vm_virtio_blk_config c = {
            .block = vm_image_block(image), .serial = "TRINE-1", .queues = 1, .stats = &f.stats};
        assert_int_equal(
            vm_virtio_blk_create(&f.rig.machine, vm_loop_io(loop), "blk0", &c, &v, NULL), VM_OK);
        virtio_rig_plug(&f.rig, virtio_buses[i / 2 % virtio_bus_count], v);
        assert_int_equal(vm_loop_start(loop, NULL), VM_OK);
        drive(&f, &virtio_modes[i % virtio_mode_count], VIRTIO_ALL);
        f.memory = block_memory_copy(f.model, DISK);
        uint8_t data[8 * SECTOR];
        for (unsigned n = 0; n < 100; n++) {
            uint64_t at = n * 37 % 1000;
            memset(data, (int)n + 1, sizeof data);
            assert_int_equal(request(&f, OUT, at * 8, data, sizeof data), OK);
            memcpy(f.model + at * sizeof data, data, sizeof data);
            assert_int_equal(request(&f, IN, (at / 2) * 8, data, sizeof data), OK);
            assert_memory_equal(data, f.model + at / 2 * sizeof data, sizeof data);
        }
        assert_int_equal(request(&f, FLUSH, 0, NULL, 0), OK);
        virtio_reset(&f.rig);
        vm_loop_stop(loop);
        virtio_rig_end(&f.rig);
        vm_image_close(image);
        vm_loop_destroy(loop);
        block_memory_destroy(f.memory);
        f.memory = block_memory_load(path);
        assert_int_equal(memcmp(f.memory->data, f.model, DISK) == 0, !o.snapshot);
        block_memory_destroy(f.memory);
        unlink(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(works_everywhere),
        cmocka_unit_test(says_its_limits),
        cmocka_unit_test(keeps_the_cache_mode),
        cmocka_unit_test(does_not_write_what_is_read_only),
        cmocka_unit_test(reports_failures),
        cmocka_unit_test(batches),
        cmocka_unit_test(lets_go_on_reset),
        cmocka_unit_test(breaks_on_nonsense),
        cmocka_unit_test(refuses_bad_configurations),
        cmocka_unit_test(works_on_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
