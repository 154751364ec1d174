// SPDX-License-Identifier: MIT
//
// Memory given back to the host: shared by two mappings, and private.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <vm/osal/memory.h>
#include <vm/osal/memory_discard.h>

static void expect(const uint8_t *p, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++)
        assert_int_equal(p[i], value);
}

// Whole pages only.
static void discard_all_but_the_ends(uint8_t *p, size_t page)
{
    memset(p, 7, 4 * page);
    assert_true(vm_osal_memory_discard(p + 1, 100));
    assert_true(vm_osal_memory_discard(p + 1, 4 * page - 2));
    expect(p, page, 7);
    expect(p + page, 2 * page, 0);
    expect(p + 3 * page, page, 7);
}

static void shared(void **state)
{
    (void)state;
    struct vm_osal_shared_memory *m;
    size_t page = vm_osal_page_size();
    void *a, *b;
    const unsigned both = VM_OSAL_MEMORY_READ | VM_OSAL_MEMORY_WRITE;
    assert_int_equal(vm_osal_shared_memory_create("discard", 4 * page, &m, NULL), VM_OK);
    assert_int_equal(vm_osal_shared_memory_map(m, 0, 4 * page, both, &a, NULL), VM_OK);
    assert_int_equal(vm_osal_shared_memory_map(m, 0, 4 * page, both, &b, NULL), VM_OK);
    discard_all_but_the_ends(a, page);
    expect((uint8_t *)b + page, 2 * page, 0);
    memset((uint8_t *)b + page, 9, page); // and is there again
    expect((uint8_t *)a + page, page, 9);
    vm_osal_memory_release(a, 4 * page);
    vm_osal_memory_release(b, 4 * page);
    vm_osal_shared_memory_close(m);
}

static void private(void **state)
{
    (void)state;
    size_t page = vm_osal_page_size();
    void *p;
    assert_int_equal(vm_osal_memory_reserve(4 * page, &p, NULL), VM_OK);
    assert_int_equal(vm_osal_memory_commit(p, 4 * page, NULL), VM_OK);
    discard_all_but_the_ends(p, page);
    vm_osal_memory_release(p, 4 * page);
    assert_false(vm_osal_memory_discard(p, 4 * page)); // nothing is there any more
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shared), cmocka_unit_test(private)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
