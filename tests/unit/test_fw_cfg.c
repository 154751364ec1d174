// SPDX-License-Identifier: MIT
//
// The firmware configuration device by its registers and its DMA: items, files, what lies beyond
// their ends, addresses that are not RAM; random accesses.
#include "device_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vm/base/memory.h>
#include <vm/device/fw_cfg.h>

enum {
    BASE = 0x10100000,
    DATA = BASE,
    SELECTOR = BASE + 8,
    DMA = BASE + 16,
    RAM = 0x80000000u,
    RAM_SIZE = 16 * VM_PAGE_SIZE,
    REQUEST = RAM,       // where the tests put DMA structures
    TARGET = RAM + 4096, // and have data written
};

enum { FAILED = 1, READ = 2, SKIP = 4, SELECT = 8, WRITE = 16 };

struct fixture {
    struct device_bed bed;
    _Alignas(VM_PAGE_SIZE) uint8_t ram[RAM_SIZE];
};

static struct fixture fixture;

static struct fixture *begin(void)
{
    struct fixture *f = &fixture;
    memset(f, 0, sizeof *f);
    device_bed_init(&f->bed);
    assert_int_equal(
        vm_space_add_ram(&f->bed.machine.space, vm_gpa_of(RAM), RAM_SIZE, f->ram, "ram", NULL),
        VM_OK);
    assert_int_equal(vm_fw_cfg_create(&f->bed.machine, vm_gpa_of(BASE), &f->bed.device, NULL),
                     VM_OK);
    device_bed_attach(&f->bed);
    return f;
}

static void end(struct fixture *f)
{
    device_bed_end(&f->bed);
}

static void add_file(struct fixture *f, const char *name, const char *text)
{
    struct vm_error e;
    if (vm_fw_cfg_add_file(&f->bed.device, name, text, strlen(text), &e) != VM_OK)
        fail_msg("%s", e.text);
}

static void select_item(struct fixture *f, uint16_t key)
{
    mmio_write(&f->bed.machine, SELECTOR, 2, __builtin_bswap16(key));
}

static void read_item(struct fixture *f, void *to, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)to)[i] = (uint8_t)mmio_read(&f->bed.machine, DATA, 1);
}

static uint32_t swap(uint32_t v)
{
    return __builtin_bswap32(v);
}

static void put_request(struct fixture *f, uint64_t at, uint32_t control, uint32_t size,
                        uint64_t to)
{
    const uint32_t words[] = {swap(control), swap(size), swap((uint32_t)(to >> 32)),
                              swap((uint32_t)to)};
    assert_true(vm_space_write(&f->bed.machine.space, vm_gpa_of(at), words, sizeof words));
}

static uint32_t control_at(struct fixture *f, uint64_t at)
{
    uint32_t control;
    assert_true(vm_space_read(&f->bed.machine.space, vm_gpa_of(at), &control, sizeof control));
    return swap(control);
}

// One transfer; what the control word is afterwards.
static uint32_t dma(struct fixture *f, uint32_t control, uint32_t size, uint64_t to)
{
    put_request(f, REQUEST, control, size, to);
    mmio_write(&f->bed.machine, DMA, 8, __builtin_bswap64(REQUEST));
    return control_at(f, REQUEST);
}

// --- registers ---

static void says_what_it_is(void **state)
{
    (void)state;
    struct fixture *f = begin();
    char signature[5] = "";
    read_item(f, signature, 4); // is selected at first
    assert_string_equal(signature, "QEMU");
    select_item(f, VM_FW_CFG_ID);
    assert_int_equal(mmio_read(&f->bed.machine, DATA, 4), 3);
    assert_int_equal(mmio_read(&f->bed.machine, DMA, 8), __builtin_bswap64(0x51454d5520434647));
    assert_int_equal(mmio_read(&f->bed.machine, DMA, 4), swap(0x51454d55));
    assert_int_equal(mmio_read(&f->bed.machine, DMA + 4, 4), swap(0x20434647));
    assert_int_equal(mmio_read(&f->bed.machine, DMA + 7, 1), 0x47);
    assert_int_equal(mmio_read(&f->bed.machine, SELECTOR, 2), 0);
    end(f);
}

static void data_comes_in_memory_order_in_any_size(void **state)
{
    (void)state;
    struct fixture *f = begin();
    add_file(f, "etc/text", "abcdefghijklmnopqr");
    select_item(f, VM_FW_CFG_FILE_FIRST);
    uint64_t value = mmio_read(&f->bed.machine, DATA, 8);
    assert_memory_equal(&value, "abcdefgh", 8);
    value = mmio_read(&f->bed.machine, DATA, 4);
    assert_memory_equal(&value, "ijkl\0\0\0\0", 8);
    value = mmio_read(&f->bed.machine, DATA, 2);
    assert_memory_equal(&value, "mn", 2);
    assert_int_equal(mmio_read(&f->bed.machine, DATA + 3, 1), 'o');
    // The end, and beyond it.
    value = mmio_read(&f->bed.machine, DATA, 8);
    assert_memory_equal(&value, "pqr\0\0\0\0\0", 8);
    assert_int_equal(mmio_read(&f->bed.machine, DATA, 8), 0);
    select_item(f, VM_FW_CFG_FILE_FIRST);
    assert_int_equal(mmio_read(&f->bed.machine, DATA, 1), 'a');
    end(f);
}

static void items_are_selected_by_their_number_alone(void **state)
{
    (void)state;
    struct fixture *f = begin();
    vm_fw_cfg_set_number(&f->bed.device, VM_FW_CFG_NB_CPUS, 0x1234, 2);
    select_item(f, VM_FW_CFG_NB_CPUS | 0x4000);
    assert_int_equal(mmio_read(&f->bed.machine, DATA, 4), 0x1234);
    static const uint16_t nothing[] = {VM_FW_CFG_KERNEL_DATA, VM_FW_CFG_FILE_FIRST, 0x40, 0x3fff,
                                       0xffff};
    for (size_t i = 0; i < VM_ARRAY_SIZE(nothing); i++) {
        select_item(f, nothing[i]);
        assert_int_equal(mmio_read(&f->bed.machine, DATA, 8), 0);
    }
    // Only a 16-bit write selects; the data register takes nothing.
    select_item(f, VM_FW_CFG_NB_CPUS);
    mmio_write(&f->bed.machine, SELECTOR, 4, 0);
    mmio_write(&f->bed.machine, SELECTOR, 1, 1);
    mmio_write(&f->bed.machine, DATA, 2, 0x5555);
    assert_int_equal(mmio_read(&f->bed.machine, DATA, 2), 0x1234);
    end(f);
}

static void reset_forgets_the_selection(void **state)
{
    (void)state;
    struct fixture *f = begin();
    select_item(f, VM_FW_CFG_ID);
    mmio_write(&f->bed.machine, DMA, 4, 1);
    f->bed.device.ops->reset(f->bed.device.device);
    assert_int_equal(mmio_read(&f->bed.machine, DATA, 1), 'Q');
    put_request(f, REQUEST, READ, 3, TARGET);
    mmio_write(&f->bed.machine, DMA + 4, 4, swap(REQUEST)); // the high half was forgotten
    assert_memory_equal(f->ram + TARGET - RAM, "EMU", 3);
    end(f);
}

// --- files ---

static void files_are_in_the_order_of_their_names(void **state)
{
    (void)state;
    struct fixture *f = begin();
    uint8_t entries[4 + 4 * 64];
    static const char *const names[] = {"bootorder", "etc/a", "etc/b", "opt/z"};
    select_item(f, VM_FW_CFG_FILE_DIR);
    assert_int_equal(mmio_read(&f->bed.machine, DATA, 4), 0);
    add_file(f, "etc/b", "second of etc");
    add_file(f, "opt/z", "last");
    add_file(f, "bootorder", "first");
    add_file(f, "etc/a", "");
    select_item(f, VM_FW_CFG_FILE_DIR);
    read_item(f, entries, sizeof entries);
    assert_int_equal(mmio_read(&f->bed.machine, DATA, 1), 0);
    assert_int_equal(vm_load_be32(entries), 4);
    static const unsigned sizes[] = {5, 0, 13, 4};
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t *entry = entries + 4 + 64 * i;
        assert_int_equal(vm_load_be32(entry), sizes[i]);
        assert_int_equal(vm_load_be32(entry + 4) >> 16, VM_FW_CFG_FILE_FIRST + i);
        assert_string_equal((const char *)entry + 8, names[i]);
    }
    select_item(f, VM_FW_CFG_FILE_FIRST + 2);
    char text[14] = "";
    read_item(f, text, 13);
    assert_string_equal(text, "second of etc");
    end(f);
}

static void refuses_files_that_cannot_be(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct vm_error e;
    char name[VM_FW_CFG_NAME_BYTES + 1];
    memset(name, 'n', sizeof name);
    name[VM_FW_CFG_NAME_BYTES] = 0;
    assert_int_equal(vm_fw_cfg_add_file(&f->bed.device, name, "", 0, &e), VM_ERR_USAGE);
    name[VM_FW_CFG_NAME_BYTES - 1] = 0;
    assert_int_equal(vm_fw_cfg_add_file(&f->bed.device, name, "", 0, &e), VM_OK);
    assert_int_equal(vm_fw_cfg_add_file(&f->bed.device, name, "", 0, &e), VM_ERR_USAGE);
    assert_int_equal(vm_fw_cfg_add_file(&f->bed.device, "", "", 0, &e), VM_ERR_USAGE);
    assert_int_equal(vm_fw_cfg_add_file(&f->bed.device, "x", "", (uint64_t)1 << 32, &e),
                     VM_ERR_USAGE);
    assert_int_equal(
        vm_fw_cfg_set(&f->bed.device, VM_FW_CFG_KERNEL_DATA, "", (uint64_t)1 << 32, &e),
        VM_ERR_USAGE);
    for (unsigned i = 1; i < VM_FW_CFG_MAX_FILES; i++) {
        snprintf(name, sizeof name, "%u", i);
        add_file(f, name, "x");
    }
    assert_int_equal(vm_fw_cfg_add_file(&f->bed.device, "one more", "", 0, &e), VM_ERR_USAGE);
    end(f);
}

// --- DMA ---

static void dma_reads_items(void **state)
{
    (void)state;
    struct fixture *f = begin();
    add_file(f, "etc/text", "0123456789");
    uint8_t *target = f->ram + TARGET - RAM;
    memset(target, 0xee, 32);
    uint32_t selected = VM_FW_CFG_FILE_FIRST << 16 | SELECT;
    assert_int_equal(dma(f, selected | READ, 4, TARGET), 0);
    assert_memory_equal(target, "0123\xee", 5);
    // It goes on where it was, and gives zeros in the end.
    assert_int_equal(dma(f, READ, 1, TARGET), 0);
    assert_memory_equal(target, "4123\xee", 5);
    assert_int_equal(dma(f, SKIP, 2, 0), 0);
    assert_int_equal(dma(f, READ, 6, TARGET), 0);
    assert_memory_equal(target, "789\0\0\0\xee", 7);
    assert_int_equal(dma(f, READ, 2, TARGET), 0);
    assert_memory_equal(target, "\0\0", 2);
    assert_int_equal(dma(f, selected | SKIP, UINT32_MAX, 0), 0);
    assert_int_equal(mmio_read(&f->bed.machine, DATA, 1), 0);
    assert_int_equal(dma(f, selected, 5, TARGET), 0); // selects, moves nothing
    assert_int_equal(mmio_read(&f->bed.machine, DATA, 1), '0');
    assert_int_equal(dma(f, selected | READ | SKIP | WRITE, 2, TARGET), 0); // reads
    assert_memory_equal(target, "01", 2);
    // Halves; an item that is not there is zeros.
    put_request(f, REQUEST, (uint32_t)0x3fff << 16 | SELECT | READ, 1, TARGET);
    mmio_write(&f->bed.machine, DMA, 4, 0);
    assert_int_equal(target[0], '0');
    mmio_write(&f->bed.machine, DMA + 4, 4, swap(REQUEST));
    assert_int_equal(target[0], 0);
    end(f);
}

static void dma_does_not_write(void **state)
{
    (void)state;
    struct fixture *f = begin();
    static const char text[] = "read-only";
    add_file(f, "etc/text", text);
    uint32_t selected = VM_FW_CFG_FILE_FIRST << 16 | SELECT;
    assert_int_equal(dma(f, selected | WRITE, 9, TARGET), FAILED);
    assert_int_equal(dma(f, selected | WRITE, 0, TARGET), 0);
    assert_string_equal(text, "read-only");
    end(f);
}

static void dma_stays_in_ram(void **state)
{
    (void)state;
    struct fixture *f = begin();
    add_file(f, "etc/text", "0123456789");
    uint32_t read = VM_FW_CFG_FILE_FIRST << 16 | SELECT | READ;
    static const uint64_t bad[] = {0, BASE, RAM - 1, RAM + RAM_SIZE - 9, UINT64_MAX - 3};
    for (size_t i = 0; i < VM_ARRAY_SIZE(bad); i++) {
        assert_int_equal(dma(f, read, 10, bad[i]), FAILED);
        // A structure that is not there does nothing.
        select_item(f, VM_FW_CFG_ID);
        mmio_write(&f->bed.machine, DMA, 8, __builtin_bswap64(bad[i]));
        assert_int_equal(mmio_read(&f->bed.machine, DATA, 4), 3);
    }
    assert_int_equal(dma(f, read, UINT32_MAX, TARGET), FAILED); // zeros, over the end of RAM
    assert_int_equal(dma(f, read, 10, RAM + RAM_SIZE - 10), 0);
    assert_memory_equal(f->ram + RAM_SIZE - 10, "0123456789", 10);
    end(f);
}

static void dma_may_overwrite_its_own_request(void **state)
{
    (void)state;
    struct fixture *f = begin();
    add_file(f, "etc/text", "0123456789");
    assert_int_equal(dma(f, VM_FW_CFG_FILE_FIRST << 16 | SELECT | READ, 16, REQUEST), 0);
    assert_memory_equal(f->ram,
                        "\0\0\0\0"
                        "456789\0\0\0\0\0\0",
                        16);
    end(f);
}

// --- anything ---

static void random_accesses_change_nothing_else(void **state)
{
    (void)state;
    struct fixture *f = begin();
    uint64_t random = test_seed("fw_cfg", 1);
    add_file(f, "etc/text", "some text that is longer than eight bytes");
    vm_fw_cfg_set_number(&f->bed.device, VM_FW_CFG_NB_CPUS, 4, 2);
    for (unsigned n = 0; n < 200000; n++) {
        uint64_t r = test_random(&random);
        unsigned size = 1u << (r & 3);
        uint64_t at = BASE + ((r >> 8) % VM_FW_CFG_SIZE & ~(uint64_t)(size - 1));
        if (r & 16)
            put_request(f, REQUEST, (uint32_t)(r >> 32) & 0x003f001f,
                        (uint32_t)(test_random(&random) % (2 * RAM_SIZE)),
                        RAM + test_random(&random) % (RAM_SIZE + 64));
        if (r & 32)
            mmio_write(&f->bed.machine, DMA, 8, __builtin_bswap64(REQUEST));
        else if (r & 64)
            mmio_writes(&f->bed.machine, at, size, test_random(&random));
        else
            mmio_reads(&f->bed.machine, at, size);
    }
    select_item(f, VM_FW_CFG_SIGNATURE);
    assert_int_equal(mmio_read(&f->bed.machine, DATA, 4), 0x554d4551);
    end(f);
}

static void memory_runs_out_cleanly(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct vm_device second;
    for (uint64_t allowed = 0; allowed < 2; allowed++) {
        atomic_store(&f->bed.host.base.fail_after, allowed);
        assert_int_equal(vm_fw_cfg_create(&f->bed.machine, vm_gpa_of(BASE), &second, NULL),
                         VM_ERR_HOST);
    }
    atomic_store(&f->bed.host.base.fail_after, UINT64_MAX);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_it_is),
        cmocka_unit_test(data_comes_in_memory_order_in_any_size),
        cmocka_unit_test(items_are_selected_by_their_number_alone),
        cmocka_unit_test(reset_forgets_the_selection),
        cmocka_unit_test(files_are_in_the_order_of_their_names),
        cmocka_unit_test(refuses_files_that_cannot_be),
        cmocka_unit_test(dma_reads_items),
        cmocka_unit_test(dma_does_not_write),
        cmocka_unit_test(dma_stays_in_ram),
        cmocka_unit_test(dma_may_overwrite_its_own_request),
        cmocka_unit_test(random_accesses_change_nothing_else),
        cmocka_unit_test(memory_runs_out_cleanly),
    };
    return cmocka_run_group_tests_name("fw_cfg", tests, NULL, NULL);
}
