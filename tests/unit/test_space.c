// SPDX-License-Identifier: MIT
//
// mem: the guest-physical address space. Regions and their errors, the checked accessor against a
// plain array, line and dirty tracking, ROM, MMIO, misaligned RAM accesses.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <vm/mem/space.h>

#include "test_host.h"

enum { PAGE = VM_PAGE_SIZE };

struct rig {
    struct test_host host;
    struct vm_space space;
};

static int set_up(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    test_host_init(&r->host);
    assert_int_equal(vm_space_init(&r->space, &r->host.host.allocator, NULL), VM_OK);
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    vm_space_destroy(&r->space);
    test_host_check_released(&r->host);
    free(r);
    return 0;
}

static void *pages(size_t n)
{
    void *p = aligned_alloc(PAGE, n * PAGE);
    assert_non_null(p);
    memset(p, 0, n * PAGE);
    return p;
}

static void add_ram(struct rig *r, uint64_t base, uint64_t size, void *host)
{
    struct vm_error e;
    if (vm_space_add_ram(&r->space, vm_gpa_of(base), size, host, "ram", &e) != VM_OK)
        fail_msg("%s", e.text);
}

// --- regions ---

static void finds_what_was_added(void **state)
{
    struct rig *r = *state;
    static const struct vm_mmio_ops ops;
    void *host = pages(4);
    assert_null(vm_space_find(&r->space, vm_gpa_of(0)));
    add_ram(r, 0x80000000, 2 * PAGE, host);
    assert_int_equal(vm_space_add_mmio(&r->space, vm_gpa_of(0x1000), 0x18, &ops, r, "dev", NULL),
                     VM_OK);
    add_ram(r, 0x40000000, PAGE, (char *)host + 2 * PAGE);
    static const struct {
        uint64_t address, base;
    } rows[] = {
        {0x1000, 0x1000},         {0x1017, 0x1000},         {0x40000000, 0x40000000},
        {0x40000fff, 0x40000000}, {0x80000000, 0x80000000}, {0x80001fff, 0x80000000},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        const struct vm_region *f = vm_space_find(&r->space, vm_gpa_of(rows[i].address));
        assert_non_null(f);
        assert_int_equal(f->base.v, rows[i].base);
    }
    static const uint64_t holes[] = {0,          0xfff,      0x1018,     0x3fffffff,
                                     0x40001000, 0x7fffffff, 0x80002000, UINT64_MAX};
    for (size_t i = 0; i < VM_ARRAY_SIZE(holes); i++)
        assert_null(vm_space_find(&r->space, vm_gpa_of(holes[i])));
    free(host);
}

static void refuses_bad_regions(void **state)
{
    struct rig *r = *state;
    static const struct vm_mmio_ops ops;
    struct vm_error e;
    void *host = pages(4);
    struct vm_space *s = &r->space;
    add_ram(r, 0x10000, 4 * PAGE, host);
    static const struct {
        uint64_t base, size;
        const char *says;
    } rows[] = {
        {0x10000, PAGE, "region new overlaps region ram"},
        {0xf000, 2 * PAGE, "region new overlaps region ram"},
        {0x13000, PAGE, "region new overlaps region ram"},
        {0x0, 0x40000, "region new overlaps region ram"},
        {0x11000, PAGE, "region new overlaps region ram"},
        {0x20000, 0, "region new does not fit the address space"},
        {UINT64_MAX - 0xfff, 2 * PAGE, "region new does not fit the address space"},
        {0x20000, UINT64_MAX - 0xfff, "region new does not fit the address space"},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        vm_gpa base = vm_gpa_of(rows[i].base);
        assert_int_equal(vm_space_add_mmio(s, base, rows[i].size, &ops, NULL, "new", &e),
                         VM_ERR_USAGE);
        assert_string_equal(e.text, rows[i].says);
        if (rows[i].size > 1 << 20)
            continue;
        assert_int_equal(vm_space_add_ram(s, base, rows[i].size, host, "new", &e), VM_ERR_USAGE);
        assert_string_equal(e.text, rows[i].says);
    }
    assert_int_equal(vm_space_add_ram(s, vm_gpa_of(0x800), PAGE, host, "odd", &e), VM_ERR_USAGE);
    assert_string_equal(e.text, "RAM odd is not made of whole pages");
    assert_int_equal(vm_space_add_rom(s, vm_gpa_of(0), 0x800, host, "odd", &e), VM_ERR_USAGE);
    // The neighbours on both sides are free, and so is the very end of the address space.
    assert_int_equal(vm_space_add_ram(s, vm_gpa_of(0xf000), PAGE, host, "low", &e), VM_OK);
    assert_int_equal(vm_space_add_ram(s, vm_gpa_of(0x14000), PAGE, host, "high", &e), VM_OK);
    assert_int_equal(vm_space_add_mmio(s, vm_gpa_of(UINT64_MAX - 7), 8, &ops, r, "end", &e), VM_OK);
    assert_string_equal(vm_space_find(s, vm_gpa_of(UINT64_MAX))->name, "end");
    free(host);
}

static void memory_runs_out_cleanly(void **state)
{
    struct rig *r = *state;
    struct vm_error e;
    void *host = pages(1);
    for (unsigned n = 0; n < 2; n++) {
        atomic_store(&r->host.fail_after, n);
        assert_int_equal(vm_space_add_ram(&r->space, vm_gpa_of(0), PAGE, host, "ram", &e),
                         VM_ERR_HOST);
        assert_null(vm_space_find(&r->space, vm_gpa_of(0)));
    }
    atomic_store(&r->host.fail_after, UINT64_MAX);
    add_ram(r, 0, PAGE, host);
    free(host);
}

// --- the checked accessor ---

enum { MODEL_PAGES = 12, MODEL_SIZE = MODEL_PAGES * PAGE, MODEL_BASE = 0x1000 };

// RAM of 3, 1 and 2 pages that adjoin, a hole, MMIO, a page, ROM of 2 pages at the end.
struct layout {
    uint8_t *host[MODEL_PAGES]; // by page of the model, NULL: no RAM
    uint8_t model[MODEL_SIZE];
};

static bool model_all_ram(const struct layout *l, uint64_t gpa, uint64_t size)
{
    for (uint64_t i = 0; i < size; i++) {
        uint64_t at = gpa + i - MODEL_BASE;
        if (gpa + i < gpa || at >= MODEL_SIZE || !l->host[at / PAGE])
            return false;
    }
    return true;
}

static void add_part(struct rig *r, struct layout *l, unsigned page, unsigned count, bool rom)
{
    uint8_t *host = pages(count);
    vm_gpa base = vm_gpa_of(MODEL_BASE + (uint64_t)page * PAGE);
    for (unsigned i = 0; i < count; i++)
        l->host[page + i] = host + i * PAGE;
    vm_status status = rom ? vm_space_add_rom(&r->space, base, count * PAGE, host, "rom", NULL)
                           : vm_space_add_ram(&r->space, base, count * PAGE, host, "ram", NULL);
    assert_int_equal(status, VM_OK);
}

static void compare_with_model(struct rig *r, const struct layout *l)
{
    for (unsigned i = 0; i < MODEL_PAGES; i++) {
        if (l->host[i])
            assert_memory_equal(l->host[i], l->model + i * PAGE, PAGE);
    }
    (void)r;
}

static void accessor_agrees_with_an_array(void **state)
{
    struct rig *r = *state;
    static const struct vm_mmio_ops ops;
    static struct layout l;
    static uint8_t buffer[3 * PAGE], before[3 * PAGE];
    uint64_t random = test_seed("accessor", 1);
    add_part(r, &l, 3, 1, false);
    add_part(r, &l, 0, 3, false);
    add_part(r, &l, 4, 2, false);
    assert_int_equal(vm_space_add_mmio(&r->space, vm_gpa_of(MODEL_BASE + 7 * PAGE), PAGE, &ops,
                                       NULL, "mmio", NULL),
                     VM_OK);
    add_part(r, &l, 8, 1, false);
    add_part(r, &l, 9, 2, true);
    unsigned done = 0;
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t x = test_random(&random);
        uint64_t gpa = MODEL_BASE - 64 + x % (MODEL_SIZE + 128);
        size_t size = (x >> 32) % (x >> 60 ? 64 : sizeof buffer);
        bool ram = model_all_ram(&l, gpa, size);
        for (size_t k = 0; k < size; k++)
            buffer[k] = (uint8_t)(x >> (k % 56));
        memcpy(before, buffer, size);
        if (x >> 31 & 1) {
            assert_int_equal(vm_space_write(&r->space, vm_gpa_of(gpa), buffer, size), ram);
            if (ram && size)
                memcpy(l.model + (gpa - MODEL_BASE), buffer, size);
        } else {
            assert_int_equal(vm_space_read(&r->space, vm_gpa_of(gpa), buffer, size), ram);
            assert_memory_equal(buffer, ram && size ? l.model + (gpa - MODEL_BASE) : before, size);
        }
        done += ram && size;
    }
    assert_true(done > 4000);
    compare_with_model(r, &l);
    static const unsigned firsts[] = {0, 3, 4, 8, 9};
    for (size_t i = 0; i < VM_ARRAY_SIZE(firsts); i++)
        free(l.host[firsts[i]]);
}

// Adjoining means upwards: RAM at both ends of the address space is not one piece.
static void accessor_refuses_wraparound(void **state)
{
    struct rig *r = *state;
    uint8_t *host = pages(2), buffer[16] = {0};
    vm_gpa end = vm_gpa_of(UINT64_MAX - 7);
    add_ram(r, 0, PAGE, host);
    add_ram(r, UINT64_MAX - PAGE + 1, PAGE, host + PAGE);
    assert_true(vm_space_read(&r->space, end, buffer, 8));
    assert_true(vm_space_write(&r->space, end, buffer, 8));
    assert_false(vm_space_read(&r->space, end, buffer, 9));
    assert_false(vm_space_write(&r->space, end, buffer, 16));
    assert_non_null(vm_space_host(&r->space, end, 8, true));
    assert_null(vm_space_host(&r->space, end, 9, true));
    assert_false(vm_space_read(&r->space, vm_gpa_of(8), buffer, SIZE_MAX));
    assert_null(vm_space_host(&r->space, vm_gpa_of(8), UINT64_MAX, false));
    free(host);
}

static void host_pointer_stays_in_one_region(void **state)
{
    struct rig *r = *state;
    uint8_t *host = pages(3);
    add_ram(r, 0x1000, PAGE, host);
    add_ram(r, 0x2000, 2 * PAGE, host + PAGE);
    assert_ptr_equal(vm_space_host(&r->space, vm_gpa_of(0x1ff0), 16, false), host + 0xff0);
    assert_null(vm_space_host(&r->space, vm_gpa_of(0x1ff0), 17, false));
    assert_ptr_equal(vm_space_host(&r->space, vm_gpa_of(0x2000), 2 * PAGE, false), host + PAGE);
    assert_null(vm_space_host(&r->space, vm_gpa_of(0x2000), 2 * PAGE + 1, false));
    assert_null(vm_space_host(&r->space, vm_gpa_of(0x9000), 0, false));
    const struct vm_region *f = vm_space_find(&r->space, vm_gpa_of(0x2000));
    assert_false(vm_space_collect_dirty(f, 0));
    vm_space_host(&r->space, vm_gpa_of(0x2fff), 2, true);
    assert_true(vm_space_collect_dirty(f, 0));
    assert_true(vm_space_collect_dirty(f, 1));
    assert_false(vm_space_collect_dirty(f, 1));
    free(host);
}

// --- tracking ---

static uint32_t version(const struct vm_region *f, unsigned page)
{
    return atomic_load(&f->track[page].code_version);
}

// Writes against a model of lines, versions and dirty marks.
static void writes_are_tracked(void **state)
{
    struct rig *r = *state;
    enum { N = 4 };
    uint8_t *host = pages(N);
    uint64_t lines[N] = {0}, total = 0, random = test_seed("tracking", 1);
    uint32_t versions[N] = {0};
    bool dirty[N] = {false};
    add_ram(r, 0x8000, N * PAGE, host);
    const struct vm_region *f = vm_space_find(&r->space, vm_gpa_of(0x8000));
    for (unsigned i = 0; i < 50000; i++) {
        uint64_t x = test_random(&random);
        unsigned page = (unsigned)(x >> 40) % N;
        uint64_t offset = x % (N * PAGE), most = N * PAGE - offset;
        uint64_t size = (x >> 16) % ((x >> 14 & 3 ? 100 : most) + 1);
        size = size > most ? most : size;
        bool hit = false;
        switch (x >> 61) {
        case 0:
        case 1:
        case 2: lines[page] |= (uint64_t)1 << (x >> 50 & 63); break;
        case 3:
            assert_int_equal(vm_space_collect_dirty(f, page), dirty[page]);
            dirty[page] = false;
            break;
        default:
            for (uint64_t b = offset; b < offset + size; b++) {
                dirty[b / PAGE] = true;
                if (lines[b / PAGE] >> (b % PAGE / 64) & 1) {
                    lines[b / PAGE] = 0;
                    versions[b / PAGE]++;
                    total++;
                    hit = true;
                }
            }
            assert_int_equal(vm_region_note_write(&r->space, f, offset, size), hit);
        }
        for (unsigned p = 0; p < N; p++) {
            if (x >> 61 <= 2 && p == page)
                atomic_store(&f->track[p].code_lines, lines[p]);
            assert_int_equal(atomic_load(&f->track[p].code_lines), lines[p]);
            assert_int_equal(version(f, p), versions[p]);
        }
        assert_int_equal(atomic_load(&r->space.code_writes), total);
    }
    assert_true(total > 1000);
    free(host);
}

static uint64_t page_written(const struct rig *r, uint64_t number)
{
    vm_gpa page;
    return vm_space_code_write(&r->space, number, &page) ? page.v : UINT64_MAX;
}

static void last_writes_to_code_are_known(void **state)
{
    enum { N = 3, WRITES = 5 * VM_CODE_LOG };
    struct rig *r = *state;
    uint8_t *host = pages(N);
    add_ram(r, 0x10000, N * PAGE, host);
    const struct vm_region *f = vm_space_find(&r->space, vm_gpa_of(0x10000));
    for (uint64_t number = 1; number <= WRITES; number++) {
        assert_int_equal(page_written(r, number), UINT64_MAX); // not yet
        atomic_store(&f->track[number % N].code_lines, 1);
        vm_region_note_write(&r->space, f, number % N * PAGE, 8);
        for (uint64_t n = 1; n <= number; n++) {
            bool known = n + VM_CODE_LOG > number;
            assert_int_equal(page_written(r, n), known ? 0x10000 + n % N * PAGE : UINT64_MAX);
        }
    }
    free(host);
}

// A writer that another one has overtaken in the log leaves the place to it.
static void late_writes_to_code_are_unknown(void **state)
{
    struct rig *r = *state;
    uint8_t *host = pages(1);
    add_ram(r, 0x10000, PAGE, host);
    const struct vm_region *f = vm_space_find(&r->space, vm_gpa_of(0x10000));
    atomic_store(&r->space.code_log[1].number, 2 * (1 + VM_CODE_LOG));
    atomic_store(&r->space.code_log[2].number, 2 * 2 + 1); // a writer is at it
    for (unsigned i = 1; i <= 2; i++) {
        atomic_store(&f->track[0].code_lines, 1);
        vm_region_note_write(&r->space, f, 0, 8);
        assert_int_equal(page_written(r, i), UINT64_MAX);
    }
    assert_int_equal(atomic_load(&r->space.code_writes), 2);
    free(host);
}

static void accessor_writes_are_tracked(void **state)
{
    struct rig *r = *state;
    uint8_t *host = pages(2), bytes[32] = {0};
    add_ram(r, 0x1000, PAGE, host);
    add_ram(r, 0x2000, PAGE, host + PAGE);
    const struct vm_region *low = vm_space_find(&r->space, vm_gpa_of(0x1000));
    const struct vm_region *high = vm_space_find(&r->space, vm_gpa_of(0x2000));
    atomic_store(&low->track[0].code_lines, (uint64_t)1 << 63);
    atomic_store(&high->track[0].code_lines, 2);
    vm_space_read(&r->space, vm_gpa_of(0x1ff0), bytes, 32);
    assert_false(vm_space_collect_dirty(low, 0));
    vm_space_write(&r->space, vm_gpa_of(0x1ff0), bytes, 32);
    assert_int_equal(version(low, 0), 1);
    assert_int_equal(version(high, 0), 0); // its first line holds no code
    assert_true(vm_space_collect_dirty(low, 0));
    assert_true(vm_space_collect_dirty(high, 0));
    vm_space_write(&r->space, vm_gpa_of(0x2040), bytes, 1);
    assert_int_equal(version(high, 0), 1);
    assert_int_equal(atomic_load(&r->space.code_writes), 2);
    free(host);
}

// --- MMIO ---

struct device {
    uint64_t offset, value;
    unsigned size, calls;
    bool refuse;
};

static bool device_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct device *d = device;
    d->offset = offset;
    d->size = size;
    d->calls++;
    *value = d->value;
    return !d->refuse;
}

static bool device_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct device *d = device;
    d->value = value;
    return device_read(d, offset, size, &value);
}

static void mmio_reaches_the_device(void **state)
{
    struct rig *r = *state;
    static const struct vm_mmio_ops ops = {device_read, device_write};
    struct device d = {.value = 77};
    uint8_t *host = pages(1);
    uint64_t value = 0;
    struct vm_space *s = &r->space;
    assert_int_equal(vm_space_add_mmio(s, vm_gpa_of(0x100), 0x14, &ops, &d, "d", NULL), VM_OK);
    add_ram(r, 0x1000, PAGE, host);
    assert_true(vm_space_mmio_read(s, vm_gpa_of(0x108), 8, &value));
    assert_int_equal(value, 77);
    assert_int_equal(d.offset, 8);
    assert_int_equal(d.size, 8);
    assert_true(vm_space_mmio_write(s, vm_gpa_of(0x112), 2, 5));
    assert_int_equal(d.offset, 0x12);
    assert_int_equal(d.value, 5);
    d.calls = 0;
    assert_false(vm_space_mmio_read(s, vm_gpa_of(0x102), 4, &value));  // misaligned
    assert_false(vm_space_mmio_read(s, vm_gpa_of(0x110), 8, &value));  // beyond the end
    assert_false(vm_space_mmio_write(s, vm_gpa_of(0x114), 1, 0));      // past the end
    assert_false(vm_space_mmio_write(s, vm_gpa_of(0x1000), 4, 0));     // RAM
    assert_false(vm_space_mmio_read(s, vm_gpa_of(0x5000), 4, &value)); // nothing
    assert_int_equal(d.calls, 0);
    d.refuse = true;
    assert_false(vm_space_mmio_read(s, vm_gpa_of(0x100), 4, &value));
    assert_false(vm_space_mmio_write(s, vm_gpa_of(0x100), 4, 0));
    free(host);
}

// --- misaligned RAM accesses ---

static void any_alignment_works(void **state)
{
    (void)state;
    _Alignas(16) uint8_t ram[48], model[48];
    for (unsigned i = 0; i < sizeof ram; i++)
        ram[i] = model[i] = (uint8_t)(i * 37 + 11);
    for (unsigned at = 0; at < 32; at++) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            uint64_t want = 0, value = 0x8877665544332211u * (at + 1);
            memcpy(&want, model + at, size);
            assert_int_equal(vm_ram_load(ram + at, size), want);
            vm_ram_store(ram + at, size, value);
            memcpy(model + at, &value, size);
            assert_memory_equal(ram, model, sizeof ram);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_what_was_added, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_bad_regions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_runs_out_cleanly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(accessor_agrees_with_an_array, set_up, tear_down),
        cmocka_unit_test_setup_teardown(accessor_refuses_wraparound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(host_pointer_stays_in_one_region, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_are_tracked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(last_writes_to_code_are_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(late_writes_to_code_are_unknown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(accessor_writes_are_tracked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mmio_reaches_the_device, set_up, tear_down),
        cmocka_unit_test(any_alignment_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
