// SPDX-License-Identifier: MIT
//
// The PCI host bridge: configuration space, BARs that the guest moves about, and guests that
// configure nonsense.
#include "pci_bed.h"

#include <pthread.h>

// The toy that answers at `address`, -1 if none does.
static int who_answers(struct bed *b, uint64_t address)
{
    uint64_t value = mmio_read(&b->machine, address, 4);
    for (int i = 0; i < FUNCTIONS; i++) {
        if (b->toys[i].reads) {
            b->toys[i].reads = 0;
            return i;
        }
    }
    assert_int_equal(value, UINT32_MAX);
    return -1;
}

// --- configuration space ---

static void headers_tell_what_is_there(void **state)
{
    (void)state;
    struct bed *b = bed_begin();
    assert_int_equal(mmio_read(&b->machine, ECAM, 4), 0x00081b36);
    assert_int_equal(mmio_read(&b->machine, ECAM + 8, 4), 0x06000000);
    assert_int_equal(mmio_read(&b->machine, ECAM + 0x3d, 1), 0);
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        assert_int_equal(get(b, i, 0, 4), (0x100 + i) << 16 | 0x1234);
        assert_int_equal(get(b, i, COMMAND, 2), 0);
        assert_int_equal(get(b, i, STATUS, 2), 0x10);
        assert_int_equal(get(b, i, 8, 4), 0x02800107);
        assert_int_equal(get(b, i, 0x0e, 1), 0); // one function, type 0
        assert_int_equal(get(b, i, 0x2c, 4), 0x9abc5678);
        assert_int_equal(get(b, i, 0x3d, 1), 1);
        assert_int_equal(mmio_read(&b->machine, config_at(i, 0x28), 8), 0x9abc567800000000);
        uint32_t at = find_capability(b, i, 9);
        assert_int_equal(get(b, i, at + 2, 2), 0x6061); // writable bits are clear
        assert_int_equal(get(b, i, at + 4, 4), 0x656403);
        assert_int_equal(at % 4, 0);
    }
    bed_end(b);
}

static void nobody_is_all_ones(void **state)
{
    (void)state;
    struct bed *b = bed_begin();
    const uint64_t places[] = {
        ECAM + (3 << 15),           // an empty slot
        ECAM + (1 << 15 | 1 << 12), // function 1
        ECAM + (1 << 20 | 1 << 15), // bus 1
        ECAM + (256 << 20) - 8,     // the last
        config_at(0, 0x100),        // no PCI Express
        config_at(0, 0xff8),        IO, IO + 0xfff8, LOW, LOW + WIDTH - 8, HIGH, HIGH + WIDTH - 8,
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(places); i++) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            mmio_write(&b->machine, places[i], size, 0x55);
            assert_true(mmio_read(&b->machine, places[i], size) == vm_mask(8 * size));
        }
    }
    bed_end(b);
}

static void only_writable_bits_are_written(void **state)
{
    (void)state;
    struct bed *b = bed_begin();
    uint32_t before[64], msix = find_capability(b, 0, 0x11), mine = b->toys[0].capability;
    for (uint32_t i = 0; i < 64; i++)
        before[i] = get(b, 0, 4 * i, 4);
    for (uint32_t i = 0; i < 64; i++)
        put(b, 0, 4 * i, 4, UINT32_MAX);
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t expected = before[i], at = 4 * i;
        switch (at) {
        case COMMAND: expected |= ALL_ENABLED | INTX_DISABLE; break;
        case 0x0c: expected |= 0xff; break;
        case 0x3c: expected |= 0xff; break;
        case BAR0: expected |= ~(IO_SIZE - 1u); break;
        case BAR0 + 4: expected |= ~0xfffu; break;
        case BAR0 + 8: expected |= ~(LOW_SIZE - 1u); break;
        case BAR0 + 16: expected |= ~(HIGH_SIZE - 1u); break;
        case BAR0 + 20: expected = UINT32_MAX; break;
        default: break;
        }
        if (at == msix)
            expected |= 0xc0000000;
        if (at == mine)
            expected |= 0x0f000000;
        if (at == mine + 4)
            expected |= 0xf0;
        assert_int_equal(get(b, 0, at, 4), expected);
    }
    b->bridge.ops->reset(b->bridge.device);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(get(b, 0, 4 * i, 4), before[i]);
    assert_int_equal(b->toys[0].resets, 2);
    bed_end(b);
}

static void narrow_and_wide_accesses(void **state)
{
    (void)state;
    struct bed *b = bed_begin();
    put(b, 0, BAR0 + 17, 1, 0x5a);
    assert_int_equal(get(b, 0, BAR0 + 16, 4), 0x400c);
    put(b, 0, BAR0 + 18, 2, 0x1234);
    assert_int_equal(get(b, 0, BAR0 + 16, 4), 0x1234400c);
    mmio_write(&b->machine, config_at(0, BAR0 + 16), 8, 0x4abcdefff);
    assert_int_equal(get(b, 0, BAR0 + 16, 4), 0xabcdc00c);
    assert_int_equal(get(b, 0, BAR0 + 20, 4), 4);
    assert_true(mmio_read(&b->machine, config_at(0, BAR0 + 16), 8) == 0x4abcdc00c);
    assert_false(mmio_reads(&b->machine, config_at(0, 1), 2));
    bed_end(b);
}

// --- BARs ---

static void bars_are_where_the_guest_puts_them(void **state)
{
    (void)state;
    struct bed *b = bed_begin();
    place(b, 0, 0, 0x1000);
    place(b, 0, 2, LOW + 0x30000);
    place(b, 0, 4, HIGH + 0x8000);
    assert_int_equal(who_answers(b, LOW + 0x30000), -1); // decoding is off
    put(b, 0, COMMAND, 2, ALL_ENABLED);
    for (unsigned size = 1; size <= 8; size *= 2) {
        const uint64_t ends[][3] = {
            {IO + 0x1000, IO_SIZE, 0}, {LOW + 0x30000, LOW_SIZE, 2}, {HIGH + 0x8000, HIGH_SIZE, 4}};
        for (unsigned i = 0; i < 3; i++) {
            uint64_t last = ends[i][1] - size;
            mmio_write(&b->machine, ends[i][0] + last, size, 0x8877665544332211);
            assert_int_equal(b->toys[0].bar, ends[i][2]);
            assert_int_equal(b->toys[0].offset, last);
            assert_int_equal(b->toys[0].size, size);
            uint64_t expected = (0x1122334400000000u | ends[i][2] << 24 | last) & vm_mask(8 * size);
            assert_true(mmio_read(&b->machine, ends[i][0] + last, size) == expected);
            b->toys[0].reads = 0;
            assert_int_equal(who_answers(b, ends[i][0] + ends[i][1]), -1);
            assert_int_equal(who_answers(b, ends[i][0] - 4), -1);
        }
    }
    place(b, 0, 2, LOW + 0x70000); // moved
    assert_int_equal(who_answers(b, LOW + 0x30000), -1);
    assert_int_equal(who_answers(b, LOW + 0x7fffc), 0);
    place(b, 0, 4, LOW + 0x100000); // a 64-bit one below 4 GiB
    assert_int_equal(who_answers(b, LOW + 0x100000), 0);
    put(b, 0, COMMAND, 2, MEMORY_ENABLE);
    assert_int_equal(who_answers(b, IO + 0x1000), -1);
    put(b, 0, COMMAND, 2, IO_ENABLE);
    assert_int_equal(who_answers(b, IO + 0x1000), 0);
    assert_int_equal(who_answers(b, LOW + 0x70000), -1);
    b->bridge.ops->reset(b->bridge.device);
    assert_int_equal(who_answers(b, IO + 0x1000), -1);
    bed_end(b);
}

static void misplaced_bars_do_no_harm(void **state)
{
    (void)state;
    struct bed *b = bed_begin();
    for (unsigned i = 0; i < FUNCTIONS; i++)
        put(b, i, COMMAND, 2, ALL_ENABLED);
    place(b, 0, 2, RAM); // over RAM
    uint32_t v = 0x12345678;
    assert_true(vm_space_write(&b->machine.space, vm_gpa_of(RAM + 16), &v, 4));
    assert_int_equal(vm_space_find(&b->machine.space, vm_gpa_of(RAM))->host != NULL, true);
    assert_memory_equal(b->ram + 16, &v, 4);
    place(b, 0, 2, ECAM); // over the configuration space
    place(b, 1, 4, ECAM);
    assert_int_equal(get(b, 0, 0, 4), 0x01001234);
    place(b, 0, 2, UINT64_C(0xffff0000)); // as sizing leaves them
    place(b, 0, 4, UINT64_MAX);
    place(b, 1, 4, 0);
    assert_int_equal(b->toys[0].reads + b->toys[0].writes, 0);
    // Over each other: the first answers, until it is gone.
    place(b, 2, 2, LOW);
    place(b, 1, 2, LOW);
    place(b, 0, 4, LOW + 0x4000);
    assert_int_equal(who_answers(b, LOW), 1);
    assert_int_equal(who_answers(b, LOW + 0x4000), 0);
    put(b, 1, COMMAND, 2, 0);
    assert_int_equal(who_answers(b, LOW), 2);
    // Over the end of a window: what is inside of it is there.
    place(b, 0, 2, LOW + WIDTH - LOW_SIZE);
    assert_int_equal(who_answers(b, LOW + WIDTH - 4), 0);
    assert_false(mmio_reads(&b->machine, LOW + WIDTH, 4));
    place(b, 0, 0, 0xffe0);
    assert_int_equal(who_answers(b, IO + 0xfffc), 0);
    place(b, 0, 0, 0x10000);
    assert_int_not_equal(who_answers(b, IO), 0);
    bed_end(b);
}

static void impossible_set_up_is_refused(void **state)
{
    (void)state;
    struct bed *b = bed_begin();
    static const struct {
        unsigned index;
        enum vm_pci_bar_kind kind;
        uint64_t size;
    } wrong[] = {{6, VM_PCI_BAR_MEMORY32, 4096},
                 {5, VM_PCI_BAR_MEMORY64, 4096},
                 {0, VM_PCI_BAR_MEMORY32, 4095},
                 {0, VM_PCI_BAR_MEMORY32, 8},
                 {0, VM_PCI_BAR_MEMORY32, UINT64_C(1) << 32},
                 {0, VM_PCI_BAR_IO, 2},
                 {0, VM_PCI_BAR_IO, 512},
                 {0, VM_PCI_BAR_NONE, 16},
                 {0, VM_PCI_BAR_MEMORY64, 0},
                 {2, VM_PCI_BAR_MEMORY32, 4096},
                 {1, VM_PCI_BAR_MEMORY64, 4096}};
    const struct vm_pci_function_config config = {.ops = &toy_ops, .device = &(struct toy){0}};
    struct vm_pci_function *f;
    assert_int_equal(vm_pci_function_create(b->pci, &config, &f, NULL), VM_OK);
    assert_int_equal(vm_pci_add_bar(f, 2, VM_PCI_BAR_MEMORY64, 4096, NULL), VM_OK);
    for (size_t i = 0; i < VM_ARRAY_SIZE(wrong); i++)
        assert_int_equal(vm_pci_add_bar(f, wrong[i].index, wrong[i].kind, wrong[i].size, NULL),
                         VM_ERR_USAGE);
    uint8_t body[256] = {0};
    uint32_t at;
    assert_int_equal(vm_pci_add_capability(f, 9, body, 0xbf, &at, NULL), VM_ERR_USAGE);
    assert_int_equal(vm_pci_add_capability(f, 9, body, 0xbe, &at, NULL), VM_OK);
    assert_int_equal(vm_pci_add_capability(f, 9, body, 0, &at, NULL), VM_ERR_USAGE);
    assert_int_equal(vm_pci_add_msix(f, 0, 0, NULL), VM_ERR_USAGE);
    assert_int_equal(vm_pci_add_msix(f, 0, VM_PCI_MSIX_VECTORS + 1, NULL), VM_ERR_USAGE);
    assert_int_equal(vm_pci_add(b->pci, 32, f, NULL), VM_ERR_USAGE);
    assert_int_equal(vm_pci_add(b->pci, 0, f, NULL), VM_ERR_USAGE);
    assert_int_equal(vm_pci_add(b->pci, 6, f, NULL), VM_ERR_USAGE);
    vm_pci_function_destroy(f);
    vm_pci_function_destroy(NULL);
    bed_end(b);
}

// --- trouble ---

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 6; n++) {
        struct bed b = {0};
        device_host_init(&b.host);
        device_machine_init(&b.host, &b.machine);
        b.host.base.fail_after = n;
        vm_status status = bed_make_bridge(&b, true);
        if (status == VM_OK)
            status = bed_make_toy(&b, 0, 1);
        assert_int_equal(status, VM_ERR_HOST);
        b.host.base.fail_after = UINT64_MAX;
        if (b.pci)
            vm_device_destroy(&b.bridge);
        vm_machine_destroy(&b.machine);
        test_host_check_released(&b.host.base);
    }
}

// One vCPU moves a BAR and masks a vector while others access the one and send the other.
struct mover {
    struct bed *bed;
    _Atomic bool done;
};

static void *move_and_mask(void *context)
{
    struct mover *m = context;
    struct bed *b = m->bed;
    for (unsigned i = 0; i < 20000; i++) {
        place(b, 0, 2, LOW + (i % 2 ? LOW_SIZE : 0));
        place(b, 0, 4, HIGH + (i % 3 ? HIGH_SIZE : 0));
        mmio_write(&b->machine, LOW + 0x10000c, 4, i % 2); // where the table is

        put(b, 0, COMMAND, 2, i % 8 ? ALL_ENABLED : MASTER);
    }
    m->done = true;
    return NULL;
}

static void accesses_while_bars_move(void **state)
{
    (void)state;
    struct bed *b = bed_begin();
    struct mover m = {.bed = b};
    pthread_t thread;
    place(b, 0, 1, LOW + 0x100000);
    put(b, 0, COMMAND, 2, ALL_ENABLED);
    put(b, 0, find_capability(b, 0, 0x11) + 2, 2, 0x8000);
    assert_int_equal(pthread_create(&thread, NULL, move_and_mask, &m), 0);
    while (!m.done) {
        uint32_t low = (uint32_t)mmio_read(&b->machine, LOW + LOW_SIZE + 0x120, 4);
        uint32_t high = (uint32_t)mmio_read(&b->machine, HIGH + HIGH_SIZE + 0x340, 4);
        assert_true(low == UINT32_MAX || low == 0x02000120);
        assert_true(high == UINT32_MAX || high == 0x04000340);
        vm_pci_msix_send(b->toys[0].function, 0);
    }
    pthread_join(thread, NULL);
    // Where the last round has left it.
    assert_int_equal(mmio_read(&b->machine, LOW + LOW_SIZE + 0x120, 4), 0x02000120);
    bed_end(b);
}

static uint64_t random_address(uint64_t r, uint32_t msix)
{
    static const uint64_t bases[] = {IO, LOW, LOW + 0x100000, HIGH, HIGH + 0x10000};
    const uint32_t registers[] = {COMMAND,   BAR0,      BAR0 + 4, BAR0 + 8,
                                  BAR0 + 16, BAR0 + 20, msix + 2, (uint32_t)(r >> 8 & 0xff)};
    if (r & 1)
        return config_at((r >> 2) % FUNCTIONS, registers[(r >> 16) % VM_ARRAY_SIZE(registers)]);
    uint64_t base = bases[(r >> 4) % VM_ARRAY_SIZE(bases)];
    return base + (r & 2 ? r >> 40 & 0xfff : r >> 32 & 0xffff);
}

// Addresses that a hostile guest would give to a BAR.
static uint32_t random_value(uint64_t r)
{
    static const uint32_t values[] = {0,          UINT32_MAX, 0x80000000, 0x30000000,
                                      0x40000000, 0x40010000, 0x40100000, 4,
                                      7,          0x1000,     0x8000,     0xc000};
    return r & 1 ? (uint32_t)(r >> 32) : values[(r >> 8) % VM_ARRAY_SIZE(values)];
}

// Whatever is configured: accesses reach a BAR inside of it or nobody, and RAM stays as it is.
static void random_configurations(void **state)
{
    (void)state;
    struct bed *b = bed_begin();
    uint64_t seed = test_seed("random_configurations", 11);
    static const uint64_t sizes[] = {IO_SIZE, 0, LOW_SIZE, 0, HIGH_SIZE};
    uint32_t msix = find_capability(b, 0, 0x11);
    unsigned answered = 0;
    for (int i = 0; i < 1000000; i++) {
        uint64_t r = test_random(&seed), address = random_address(test_random(&seed), msix);
        unsigned size = 1u << (r & 3), n = (r >> 8) % FUNCTIONS;
        address &= ~(uint64_t)(size - 1);
        struct toy *t = &b->toys[n];
        t->reads = t->writes = 0;
        if (r & 4)
            mmio_write(&b->machine, address, size, random_value(test_random(&seed)));
        else
            mmio_read(&b->machine, address, size);
        if (t->reads + t->writes) {
            answered++;
            assert_int_equal(t->reads + t->writes, 1);
            assert_in_range(t->bar, 0, 4);
            assert_true(t->size == size && t->offset <= sizes[t->bar] - size);
        }
        if (i % 8 == 0)
            vm_pci_msix_send(t->function, (unsigned)(r >> 16 & 0xff));
        if (i % 16 == 0) // unmask, if the table is there
            mmio_write(&b->machine, LOW + 0x10000c + 16 * (r >> 24 & 63), 4, 0);
        if (i % 16 == 0)
            vm_pci_set_intx(t->function, r >> 20 & 1);
        if (i % 65536 == 0)
            b->bridge.ops->reset(b->bridge.device);
    }
    print_message("%u accesses answered, %u messages\n", answered, b->sent);
    assert_true(answered > 1000 && b->sent > 100);
    for (size_t i = 0; i < RAM_SIZE; i++)
        assert_int_equal(b->ram[i], 0);
    bed_end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_tell_what_is_there),
        cmocka_unit_test(nobody_is_all_ones),
        cmocka_unit_test(only_writable_bits_are_written),
        cmocka_unit_test(narrow_and_wide_accesses),
        cmocka_unit_test(bars_are_where_the_guest_puts_them),
        cmocka_unit_test(misplaced_bars_do_no_harm),
        cmocka_unit_test(impossible_set_up_is_refused),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(accesses_while_bars_move),
        cmocka_unit_test(random_configurations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
