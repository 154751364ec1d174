// SPDX-License-Identifier: MIT
//
// Lists of buffers against a flat array: the bytes of all buffers one after the other.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <vm/device/virtio/virtio.h>

#include "test_host.h"

enum { MAX = 12, ROOM = 64, FLAT = MAX * ROOM };

struct list {
    struct vm_iovec iov[MAX];
    unsigned count;
    uint64_t size;
    uint8_t memory[MAX][ROOM];
    uint64_t random;
};

static uint32_t below(struct list *l, uint32_t n)
{
    return (uint32_t)(test_random(&l->random) >> 32) % n;
}

// Buffers of any size and alignment, also empty ones, filled with random bytes.
static void make(struct list *l)
{
    l->count = below(l, MAX + 1);
    l->size = 0;
    for (unsigned i = 0; i < l->count; i++) {
        uint32_t start = below(l, 16), size = below(l, ROOM - 15);
        for (unsigned k = 0; k < ROOM; k++)
            l->memory[i][k] = (uint8_t)below(l, 256);
        l->iov[i] = (struct vm_iovec){l->memory[i] + start, size};
        l->size += size;
    }
}

static void flatten(const struct vm_iovec *iov, unsigned count, uint8_t *flat)
{
    for (unsigned i = 0; i < count; i++) {
        memcpy(flat, iov[i].base, iov[i].size);
        flat += iov[i].size;
    }
}

static uint64_t expected_size(const struct list *l, uint64_t offset, uint64_t limit)
{
    uint64_t left = offset < l->size ? l->size - offset : 0;
    return left < limit ? left : limit;
}

static void reads(struct list *l)
{
    uint8_t flat[FLAT], bytes[FLAT + 1];
    flatten(l->iov, l->count, flat);
    uint64_t offset = below(l, FLAT), limit = below(l, FLAT);
    memset(bytes, 0xcc, sizeof bytes);
    uint64_t n = expected_size(l, offset, limit);
    assert_int_equal(vm_iov_read(l->iov, l->count, offset, bytes, (size_t)limit), n);
    assert_memory_equal(bytes, flat + offset, (size_t)n);
    assert_int_equal(bytes[n], 0xcc);
    assert_int_equal(vm_iov_size(l->iov, l->count), l->size);
}

// What is outside of the buffers stays as it was.
static void writes(struct list *l)
{
    uint8_t flat[FLAT], after[FLAT], bytes[FLAT], copy[MAX][ROOM];
    flatten(l->iov, l->count, flat);
    memcpy(copy, l->memory, sizeof copy);
    uint64_t offset = below(l, FLAT), limit = below(l, FLAT);
    for (unsigned i = 0; i < FLAT; i++)
        bytes[i] = (uint8_t)below(l, 256);
    uint64_t n = expected_size(l, offset, limit);
    assert_int_equal(vm_iov_write(l->iov, l->count, offset, bytes, (size_t)limit), n);
    memcpy(flat + offset, bytes, (size_t)n);
    flatten(l->iov, l->count, after);
    assert_memory_equal(after, flat, (size_t)l->size);
    for (unsigned i = 0; i < l->count; i++)
        memcpy(copy[i] + ((uint8_t *)l->iov[i].base - l->memory[i]), l->iov[i].base,
               l->iov[i].size);
    assert_memory_equal(copy, l->memory, sizeof copy);
}

static void slices(struct list *l)
{
    struct vm_iovec part[MAX];
    uint8_t flat[FLAT], cut[FLAT];
    flatten(l->iov, l->count, flat);
    uint64_t skip = below(l, FLAT), limit = below(l, 4) ? below(l, FLAT) : UINT64_MAX;
    uint64_t n = expected_size(l, skip, limit);
    unsigned count = vm_iov_slice(l->iov, l->count, skip, limit, part);
    assert_true(count <= l->count);
    assert_int_equal(vm_iov_size(part, count), n);
    for (unsigned i = 0; i < count; i++)
        assert_true(part[i].size > 0);
    flatten(part, count, cut);
    assert_memory_equal(cut, flat + skip, (size_t)n);
    assert_int_equal(vm_iov_slice(l->iov, l->count, skip, limit, l->iov), count); // in place
    assert_memory_equal(l->iov, part, count * sizeof part[0]);
}

static void agrees_with_a_flat_array(void **state)
{
    (void)state;
    static struct list l;
    l.random = test_seed("iov", 5);
    for (unsigned i = 0; i < 20000; i++) {
        make(&l);
        reads(&l);
        writes(&l);
        slices(&l);
    }
}

static void takes_extremes(void **state)
{
    (void)state;
    uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8}, to[8];
    struct vm_iovec iov[] = {{bytes, 8}}, part[1];
    assert_int_equal(vm_iov_read(iov, 1, UINT64_MAX, to, 8), 0);
    assert_int_equal(vm_iov_write(iov, 1, 8, to, 8), 0);
    assert_int_equal(vm_iov_read(NULL, 0, 0, to, 8), 0);
    assert_int_equal(vm_iov_read(iov, 1, 0, to, 0), 0);
    assert_int_equal(vm_iov_slice(iov, 1, UINT64_MAX, UINT64_MAX, part), 0);
    assert_int_equal(vm_iov_slice(iov, 1, 0, 0, part), 0);
    assert_int_equal(vm_iov_size(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_flat_array),
        cmocka_unit_test(takes_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
