// SPDX-License-Identifier: MIT
//
// How PCI functions interrupt: INTx on shared wires, MSI-X with its masks; and bus mastering, which
// gates messages.
#include "pci_bed.h"

// --- INTx ---

static void wires_are_shared(void **state)
{
    (void)state;
    struct bed *b = bed_begin();
    vm_pci_set_intx(b->toys[1].function, true); // slots 2 and 6: wire 2
    vm_pci_set_intx(b->toys[2].function, true);
    vm_pci_set_intx(b->toys[2].function, true);
    assert_false(b->wires[0].level || b->wires[1].level || b->wires[3].level);
    assert_true(b->wires[2].level);
    assert_int_equal(b->wires[2].rises, 1);
    assert_int_equal(get(b, 1, STATUS, 2), 0x18);
    vm_pci_set_intx(b->toys[1].function, false);
    assert_true(b->wires[2].level);
    assert_int_equal(get(b, 1, STATUS, 2), 0x10);
    vm_pci_set_intx(b->toys[2].function, false);
    assert_false(b->wires[2].level);
    vm_pci_set_intx(b->toys[0].function, true);
    assert_true(b->wires[1].level);
    b->bridge.ops->reset(b->bridge.device);
    assert_false(b->wires[1].level);
    assert_int_equal(get(b, 0, STATUS, 2), 0x10);
    bed_end(b);
}

static void intx_can_be_disabled(void **state)
{
    (void)state;
    struct bed *b = bed_begin();
    uint32_t msix = find_capability(b, 0, 0x11);
    vm_pci_set_intx(b->toys[0].function, true);
    put(b, 0, COMMAND, 2, INTX_DISABLE);
    assert_false(b->wires[1].level);
    assert_int_equal(get(b, 0, STATUS, 2), 0x18); // it would like to
    put(b, 0, COMMAND, 2, 0);
    assert_true(b->wires[1].level);
    put(b, 0, msix + 2, 2, 0x8000);
    assert_false(b->wires[1].level);
    put(b, 0, msix + 2, 2, 0);
    assert_true(b->wires[1].level);
    bed_end(b);
}

// --- MSI-X ---

#define TABLE   (LOW + 0x200000)
#define PENDING (TABLE + 0x800)

static uint32_t start_msix(struct bed *b)
{
    uint32_t msix = find_capability(b, 0, 0x11);
    place(b, 0, MSIX_BAR, TABLE);
    put(b, 0, COMMAND, 2, MEMORY_ENABLE | MASTER);
    for (uint32_t i = 0; i < VECTORS; i++) {
        mmio_write(&b->machine, TABLE + 16 * i, 8, 0x1000003 + 0x1000 * i); // low bits are 0
        mmio_write(&b->machine, TABLE + 16 * i + 8, 4, 0x500 + i);
        mmio_write(&b->machine, TABLE + 16 * i + 12, 4, 0);
    }
    put(b, 0, msix + 2, 2, 0x8000);
    return msix;
}

static void expect_message(struct bed *b, uint32_t vector)
{
    assert_int_equal(b->sent, 1);
    assert_int_equal(b->messages[0].address, 0x1000000 + 0x1000 * vector);
    assert_int_equal(b->messages[0].data, 0x500 + vector);
    assert_int_equal(b->messages[0].device, bed_slots[0] << 3);
    b->sent = 0;
}

static uint64_t pending(struct bed *b)
{
    return mmio_read(&b->machine, PENDING, 8);
}

static void messages_are_sent(void **state)
{
    (void)state;
    struct bed *b = bed_begin();
    struct vm_pci_function *f = b->toys[0].function;
    uint32_t msix = find_capability(b, 0, 0x11);
    assert_int_equal(get(b, 0, msix + 2, 2), VECTORS - 1);
    assert_int_equal(get(b, 0, msix + 4, 4), MSIX_BAR);
    assert_int_equal(get(b, 0, msix + 8, 4), 0x800 | MSIX_BAR);
    assert_int_equal(vm_pci_msix_vectors(f), VECTORS);
    vm_pci_msix_send(f, 0); // not enabled
    start_msix(b);
    assert_true(vm_pci_msix_is_enabled(f));
    assert_int_equal(b->sent, 0);
    for (uint32_t i = 0; i < VECTORS; i++) {
        vm_pci_msix_send(f, i);
        expect_message(b, i);
    }
    vm_pci_msix_send(f, VECTORS);
    vm_pci_msix_send(f, UINT32_MAX);
    assert_int_equal(b->sent, 0);
    assert_int_equal(b->toys[0].reads + b->toys[0].writes, 0);
    bed_end(b);
}

static void masked_messages_wait(void **state)
{
    (void)state;
    struct bed *b = bed_begin();
    struct vm_pci_function *f = b->toys[0].function;
    uint32_t msix = start_msix(b);
    mmio_write(&b->machine, TABLE + 16 * 65 + 12, 4, UINT32_MAX);
    assert_int_equal(mmio_read(&b->machine, TABLE + 16 * 65 + 12, 4), 1);
    vm_pci_msix_send(f, 65);
    vm_pci_msix_send(f, 65);
    assert_int_equal(b->sent, 0);
    assert_true(mmio_read(&b->machine, PENDING + 8, 8) == 2);
    mmio_write(&b->machine, PENDING, 8, UINT64_MAX); // read-only
    mmio_write(&b->machine, PENDING + 8, 4, 0);
    assert_int_equal(mmio_read(&b->machine, PENDING + 8, 1), 2);
    mmio_write(&b->machine, TABLE + 16 * 65 + 12, 4, 0);
    expect_message(b, 65);
    assert_int_equal(mmio_read(&b->machine, PENDING + 8, 4), 0);

    put(b, 0, msix + 2, 2, 0xc000); // the whole function
    vm_pci_msix_send(f, 3);
    assert_true(pending(b) == 8 && b->sent == 0);
    put(b, 0, msix + 2, 2, 0x8000);
    expect_message(b, 3);

    put(b, 0, COMMAND, 2, MEMORY_ENABLE); // may not write to memory
    vm_pci_msix_send(f, 40);
    assert_true(pending(b) == UINT64_C(1) << 40 && b->sent == 0);
    put(b, 0, COMMAND, 2, MEMORY_ENABLE | MASTER);
    expect_message(b, 40);
    assert_true(pending(b) == 0);

    put(b, 0, COMMAND, 2, MEMORY_ENABLE);
    vm_pci_msix_send(f, 1);
    put(b, 0, msix + 2, 2, 0); // disabled: forgotten
    put(b, 0, msix + 2, 2, 0x8000);
    put(b, 0, COMMAND, 2, MEMORY_ENABLE | MASTER);
    assert_int_equal(b->sent, 0);
    bed_end(b);
}

static void the_table_takes_whole_doublewords(void **state)
{
    (void)state;
    struct bed *b = bed_begin();
    place(b, 0, MSIX_BAR, TABLE);
    put(b, 0, COMMAND, 2, MEMORY_ENABLE);
    assert_int_equal(mmio_read(&b->machine, TABLE + 12, 4), 1); // masked from power-on
    mmio_write(&b->machine, TABLE, 4, 0x11223344);
    mmio_write(&b->machine, TABLE, 2, 0xffff);
    mmio_write(&b->machine, TABLE + 3, 1, 0xff);
    assert_int_equal(mmio_read(&b->machine, TABLE, 4), 0x11223344);
    mmio_write(&b->machine, TABLE + 8, 8, UINT64_C(0xfffffffe55667788));
    assert_true(mmio_read(&b->machine, TABLE + 8, 8) == 0x55667788);
    assert_int_equal(mmio_read(&b->machine, TABLE + 10, 2), 0x5566);
    mmio_write(&b->machine, TABLE + 16 * VECTORS, 8, UINT64_MAX); // behind the last
    assert_true(mmio_read(&b->machine, TABLE + 16 * VECTORS, 8) == 0);
    mmio_write(&b->machine, TABLE + 0xff8, 8, UINT64_MAX);
    assert_true(mmio_read(&b->machine, TABLE + 0xff8, 8) == 0);
    b->bridge.ops->reset(b->bridge.device);
    place(b, 0, MSIX_BAR, TABLE);
    put(b, 0, COMMAND, 2, MEMORY_ENABLE);
    assert_true(mmio_read(&b->machine, TABLE, 8) == 0);
    assert_int_equal(mmio_read(&b->machine, TABLE + 12, 4), 1);
    bed_end(b);
}

static void no_msix_without_a_controller(void **state)
{
    (void)state;
    static struct bed b;
    bed_begin_with(&b, false);
    assert_int_equal(find_capability(&b, 0, 0x11), 0);
    assert_int_equal(vm_pci_msix_vectors(b.toys[0].function), 0);
    put(&b, 0, BAR0 + 4 * MSIX_BAR, 4, UINT32_MAX);
    assert_int_equal(get(&b, 0, BAR0 + 4 * MSIX_BAR, 4), 0);
    vm_pci_msix_send(b.toys[0].function, 0);
    vm_pci_set_intx(b.toys[0].function, true);
    assert_true(b.wires[1].level);
    bed_end(&b);
}

static void bus_mastering_is_told(void **state)
{
    (void)state;
    struct bed *b = bed_begin();
    assert_false(vm_pci_is_bus_master(b->toys[0].function));
    put(b, 0, COMMAND, 2, MEMORY_ENABLE);
    assert_int_equal(b->toys[0].masters, 0);
    put(b, 0, COMMAND, 1, MASTER);
    assert_true(vm_pci_is_bus_master(b->toys[0].function));
    put(b, 0, COMMAND, 4, MASTER | MEMORY_ENABLE);
    assert_int_equal(b->toys[0].masters, 1);
    put(b, 0, COMMAND, 2, 0);
    assert_int_equal(b->toys[0].masters, 2);
    assert_false(vm_pci_is_bus_master(b->toys[0].function));
    bed_end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wires_are_shared),
        cmocka_unit_test(intx_can_be_disabled),
        cmocka_unit_test(messages_are_sent),
        cmocka_unit_test(masked_messages_wait),
        cmocka_unit_test(the_table_takes_whole_doublewords),
        cmocka_unit_test(no_msix_without_a_controller),
        cmocka_unit_test(bus_mastering_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
