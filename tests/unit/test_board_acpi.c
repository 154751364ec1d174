// SPDX-License-Identifier: MIT
//
// The ACPI tables of the ARM64 virt board: put together as firmware does it, by the commands that
// fw_cfg has; then every table has a right checksum, and says what the device tree says.
#include "arm64_board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vm/base/memory.h>
#include <vm/device/fw_cfg.h>

enum { FW_CFG = 0x9020000, ROOM = 128 << 10, COMMAND = 128 };

struct file {
    char name[56];
    uint32_t size;
    uint64_t address; // where "firmware" has it
    uint8_t bytes[ROOM];
};

static struct file tables, rsdp, loader;
static struct image firmware;

static void read_bytes(struct board_machine *b, uint16_t key, uint8_t *to, size_t size)
{
    mmio_write(&b->machine, FW_CFG + 8, 2, __builtin_bswap16(key));
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)mmio_read(&b->machine, FW_CFG, 1);
}

static void read_file(struct board_machine *b, const char *name, uint64_t address, struct file *f)
{
    static uint8_t directory[4 + 64 * VM_FW_CFG_MAX_FILES];
    read_bytes(b, VM_FW_CFG_FILE_DIR, directory, sizeof directory);
    for (uint32_t i = 0; i < vm_load_be32(directory); i++) {
        const uint8_t *entry = directory + 4 + 64 * i;
        if (strcmp((const char *)entry + 8, name) != 0)
            continue;
        snprintf(f->name, sizeof f->name, "%s", name);
        f->size = vm_load_be32(entry);
        f->address = address;
        assert_true(f->size <= sizeof f->bytes);
        read_bytes(b, (uint16_t)(vm_load_be32(entry + 4) >> 16), f->bytes, f->size);
        return;
    }
    fail_msg("no file %s", name);
}

static struct file *named(const uint8_t *name)
{
    if (strcmp((const char *)name, tables.name) == 0)
        return &tables;
    assert_string_equal((const char *)name, rsdp.name);
    return &rsdp;
}

static uint8_t sum(const uint8_t *bytes, size_t size)
{
    uint8_t s = 0;
    for (size_t i = 0; i < size; i++)
        s = (uint8_t)(s + bytes[i]);
    return s;
}

static void obey(const uint8_t *c)
{
    struct file *f = named(c + 4);
    uint32_t offset = vm_load_le32(c + 116);
    switch (vm_load_le32(c)) {
    case 1: assert_true(c[64] == 1 || c[64] == 2); break;
    case 2:
        assert_int_equal(c[120], 8);
        assert_true(offset + 8 <= f->size);
        assert_true(vm_load_le64(f->bytes + offset) < named(c + 60)->size);
        vm_store_le64(f->bytes + offset, vm_load_le64(f->bytes + offset) + named(c + 60)->address);
        break;
    case 3: {
        uint32_t at = vm_load_le32(c + 60), from = vm_load_le32(c + 64), n = vm_load_le32(c + 68);
        assert_true(from + n <= f->size && at < f->size);
        f->bytes[at] = 0;
        f->bytes[at] = (uint8_t)-sum(f->bytes + from, n);
        break;
    }
    default: fail_msg("command %u", vm_load_le32(c));
    }
}

static void start(struct board_machine *b, uint32_t vcpus, const char *options)
{
    arm64_board_init(b, vcpus, 64 * MIB, options);
    firmware.size = 0;
    image_extend(&firmware, 100);
    b->config.bios_mode = VM_BIOS_FILE;
    b->config.bios = (struct vm_board_file){"f.bin", firmware.data, firmware.size};
    board_start(b);
    read_file(b, "etc/acpi/tables", 0x5c000040, &tables);
    read_file(b, "etc/acpi/rsdp", 0x5d000010, &rsdp);
    read_file(b, "etc/table-loader", 0, &loader);
    assert_int_equal(loader.size % COMMAND, 0);
    for (uint32_t at = 0; at < loader.size; at += COMMAND)
        obey(loader.bytes + at);
}

// The table at a physical address, checked.
static const uint8_t *table_at(uint64_t address)
{
    uint64_t offset = address - tables.address;
    assert_true(offset < tables.size);
    const uint8_t *t = tables.bytes + offset;
    uint32_t length = vm_load_le32(t + 4);
    assert_true(length >= 36 && length <= tables.size - offset);
    assert_int_equal(sum(t, length), 0);
    return t;
}

static const uint8_t *find(const char *signature)
{
    const uint8_t *xsdt = table_at(vm_load_le64(rsdp.bytes + 24));
    assert_memory_equal(xsdt, "XSDT", 4);
    for (uint32_t at = 36; at < vm_load_le32(xsdt + 4); at += 8) {
        const uint8_t *t = table_at(vm_load_le64(xsdt + at));
        if (memcmp(t, signature, 4) == 0)
            return t;
    }
    return NULL;
}

// The structure of that type in the MADT, the `n`th; NULL: there is none.
static const uint8_t *madt(unsigned type, unsigned n)
{
    const uint8_t *t = find("APIC");
    for (uint32_t at = 44; at < vm_load_le32(t + 4); at += t[at + 1]) {
        assert_true(t[at + 1] >= 4);
        if (t[at] == type && n-- == 0)
            return t + at;
    }
    return NULL;
}

static void tables_are_linked(void **state)
{
    (void)state;
    static const char *const signatures[] = {"FACP", "APIC", "GTDT", "MCFG", "SPCR", "IORT"};
    struct board_machine b;
    start(&b, 3, NULL);
    assert_memory_equal(rsdp.bytes, "RSD PTR ", 8);
    assert_int_equal(sum(rsdp.bytes, 20), 0);
    assert_int_equal(sum(rsdp.bytes, 36), 0);
    for (size_t i = 0; i < VM_ARRAY_SIZE(signatures); i++)
        assert_non_null(find(signatures[i]));
    const uint8_t *fadt = find("FACP");
    assert_memory_equal(table_at(vm_load_le64(fadt + 140)), "DSDT", 4);
    assert_int_equal(vm_load_le32(fadt + 112) >> 20 & 1, 1); // hardware-reduced
    assert_int_equal(vm_load_le16(fadt + 129), 3);           // PSCI by HVC
    const uint8_t *mcfg = find("MCFG");
    assert_int_equal(vm_load_le64(mcfg + 44), UINT64_C(0x4010000000));
    assert_int_equal(mcfg[55], 255);
    assert_int_equal(vm_load_le32(find("GTDT") + 64), 27); // virtual timer
    assert_int_equal(vm_load_le32(find("SPCR") + 54), 33);
    board_machine_end(&b);
}

static void madt_has_the_controllers(void **state)
{
    (void)state;
    struct board_machine b;
    start(&b, 18, NULL);
    assert_int_equal(vm_load_le64(madt(12, 0) + 8), 0x8000000);
    assert_int_equal(madt(12, 0)[20], 3);
    assert_int_equal(vm_load_le64(madt(11, 17) + 68), 0x101); // MPIDR
    assert_int_equal(vm_load_le32(madt(11, 17) + 8), 17);     // _UID
    assert_null(madt(11, 18));
    assert_int_equal(vm_load_le64(madt(14, 0) + 4), 0x80a0000);
    assert_int_equal(vm_load_le32(madt(14, 0) + 12), 18 * 0x20000);
    assert_int_equal(vm_load_le64(madt(15, 0) + 8), 0x8080000);
    board_machine_end(&b);
    start(&b, 2, "its=off");
    assert_null(madt(15, 0));
    assert_null(find("IORT"));
    board_machine_end(&b);
    start(&b, 2, "gic-version=2");
    assert_int_equal(madt(12, 0)[20], 2);
    assert_int_equal(vm_load_le64(madt(11, 1) + 32), 0x8010000);
    assert_int_equal(vm_load_le64(madt(13, 0) + 8), 0x8020000);
    assert_int_equal(vm_load_le16(madt(13, 0) + 22), 80);
    assert_null(madt(14, 0));
    board_machine_end(&b);
}

// Disassembled and compiled again, the DSDT is without fault.
static void dsdt_is_clean(void **state)
{
    (void)state;
    static const uint32_t vcpus[] = {1, 64};
    if (system("iasl -v >/dev/null 2>&1") != 0) {
        print_message("skipped: iasl is missing (package acpica-tools)\n");
        skip();
    }
    for (size_t i = 0; i < VM_ARRAY_SIZE(vcpus); i++) {
        char directory[] = "/tmp/trine-acpi-XXXXXX", command[300], path[100];
        struct board_machine b;
        start(&b, vcpus[i], NULL);
        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof path, "%s/dsdt.dat", directory);
        FILE *file = fopen(path, "wb");
        const uint8_t *dsdt = table_at(vm_load_le64(find("FACP") + 140));
        assert_int_equal(fwrite(dsdt, vm_load_le32(dsdt + 4), 1, file), 1);
        fclose(file);
        snprintf(command, sizeof command,
                 "cd %s && iasl -d dsdt.dat >log 2>&1 && iasl dsdt.dsl >>log 2>&1 && "
                 "grep -q ' 0 Errors, 0 Warnings' log",
                 directory);
        int status = system(command);
        snprintf(command, sizeof command, "%s rm -r %s", status ? "cat /tmp/trine-acpi-*/log;" : "",
                 directory);
        assert_int_equal(system(command), 0);
        assert_int_equal(status, 0);
        board_machine_end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_linked),
        cmocka_unit_test(madt_has_the_controllers),
        cmocka_unit_test(dsdt_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
