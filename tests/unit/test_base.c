// SPDX-License-Identifier: MIT
//
// base: formatting against the host's snprintf, errors, arenas, bit tricks.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vm/base/arena.h>
#include <vm/base/bits.h>
#include <vm/base/error.h>
#include <vm/base/format.h>

#define SAME(...)                                           \
    do {                                                    \
        char want[200], got[200];                           \
        int n = snprintf(want, sizeof want, __VA_ARGS__);   \
        size_t m = vm_format(got, sizeof got, __VA_ARGS__); \
        assert_string_equal(got, want);                     \
        assert_int_equal(m, n);                             \
    } while (0)

static void formats_like_snprintf(void **state)
{
    (void)state;
    SAME("plain %% text");
    SAME("%d %i %u", -5, INT32_MIN, UINT32_MAX);
    SAME("%5d|%-5d|%05d|%+d", 42, 42, -42, 42);
    SAME("%x %X %#x %#lx", 0xbeefu, 0xbeefu, 0u, 0xdeadbeefUL);
    SAME("%08llx %016lx", 0x1234ULL, 0xffffffffffffffffUL);
    SAME("%ld %lld %zu", INT64_MIN, (long long)INT64_MAX, (size_t)77);
    SAME("%hhu %hd", (unsigned char)200, (short)1000);
    SAME("[%s] [%10s] [%-10s] [%.2s] [%*s]", "abc", "abc", "abc", "abc", 6, "xyz");
    SAME("%c%c", 'o', 'k');
    SAME("%.5d %.0d %8.3u", 42, 0, 7u);
    SAME("%o", 0755u);
}

static void truncates_and_terminates(void **state)
{
    (void)state;
    char small[4] = "zzz";
    assert_int_equal(vm_format(small, sizeof small, "%s", "abcdef"), 6);
    assert_string_equal(small, "abc");
    assert_int_equal(vm_format(NULL, 0, "%d", 12345), 5);
}

static void error_carries_text(void **state)
{
    (void)state;
    struct vm_error e;
    assert_int_equal(vm_error_set(&e, VM_ERR_FILE, "cannot read %s", "x.bin"), VM_ERR_FILE);
    assert_int_equal(vm_error_prefix(&e, VM_ERR_FILE, "--kernel"), VM_ERR_FILE);
    assert_int_equal(e.status, VM_ERR_FILE);
    assert_string_equal(e.text, "--kernel: cannot read x.bin");
    assert_int_equal(vm_error_prefix(&e, VM_ERR_HOST, "%s", "2"), VM_ERR_HOST);
    assert_int_equal(e.status, VM_ERR_HOST);
    assert_string_equal(e.text, "2: --kernel: cannot read x.bin");
    assert_int_equal(vm_error_set(NULL, VM_ERR_HOST, "unwanted"), VM_ERR_HOST);
    assert_int_equal(vm_error_prefix(NULL, VM_ERR_USAGE, "unwanted"), VM_ERR_USAGE);
    assert_int_equal(vm_error_prefix(NULL, VM_ERR_FILE, "unwanted"), VM_ERR_FILE);
}

static void error_text_is_one_line(void **state)
{
    (void)state;
    struct vm_error e;
    vm_error_set(&e, VM_ERR_USAGE, "no \"%s\"", "a\nb\x1b[0m\x7f");
    assert_string_equal(e.text, "no \"a?b?[0m?\"");
    vm_error_prefix(&e, VM_ERR_USAGE, "%s", "-\r-");
    assert_string_equal(e.text, "-?-: no \"a?b?[0m?\"");
}

static size_t live_bytes;

static void *counted_alloc(void *context, size_t size, size_t align)
{
    (void)context;
    live_bytes += size;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void counted_release(void *context, void *p, size_t size)
{
    (void)context;
    live_bytes -= size;
    free(p);
}

static void arena_gives_aligned_and_releases_all(void **state)
{
    (void)state;
    const struct vm_allocator a = {counted_alloc, counted_release, NULL};
    struct vm_arena arena;
    vm_arena_init(&arena, &a, 1000);
    for (size_t i = 1; i < 300; i++) {
        size_t align = (size_t)1 << (i % 7);
        char *p = vm_arena_alloc(&arena, i * 7, align);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % align, 0);
        memset(p, (int)i, i * 7);
    }
    assert_true(arena.total > 1000);
    vm_arena_reset(&arena);
    assert_non_null(vm_arena_alloc(&arena, 10, 8));
    vm_arena_destroy(&arena);
    assert_int_equal(live_bytes, 0);
}

static void bits_agree_with_wide_arithmetic(void **state)
{
    (void)state;
    assert_int_equal(vm_sign_extend(0x80, 8), 0xffffffffffffff80u);
    assert_int_equal(vm_bits(0xabcd, 4, 8), 0xbc);
    assert_int_equal(vm_set_bits(0, 60, 4, 0xf), 0xf000000000000000u);
    assert_int_equal(vm_clz64(0), 64);
    assert_int_equal(vm_ctz64(0), 64);
    assert_int_equal(vm_popcount64(UINT64_MAX), 64);
    assert_int_equal(vm_mulh_s64((uint64_t)-1, 2), UINT64_MAX);
    assert_int_equal(vm_mulh_su64((uint64_t)-1, UINT64_MAX), UINT64_MAX);
    assert_int_equal(vm_clmul64(0x3, 0x3).lo, 0x5);
    assert_int_equal(vm_clmul64(1ull << 63, 2).hi, 1);
    assert_int_equal(vm_reverse_bits_in_bytes(0x0102), 0x8040);
    assert_int_equal(vm_rotate_left64(1, 64), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_like_snprintf),
        cmocka_unit_test(truncates_and_terminates),
        cmocka_unit_test(error_carries_text),
        cmocka_unit_test(error_text_is_one_line),
        cmocka_unit_test(arena_gives_aligned_and_releases_all),
        cmocka_unit_test(bits_agree_with_wide_arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
