// SPDX-License-Identifier: MIT
//
// The files with ACPI tables, and the commands by which firmware puts them together (acpi.h).
#include "acpi.h"

#include <vm/base/memory.h>
#include <vm/device/fw_cfg.h>

static const char tables_name[] = "etc/acpi/tables", rsdp_name[] = "etc/acpi/rsdp",
                  loader_name[] = "etc/table-loader";

// Commands and where their arguments are.
enum { ALLOCATE = 1, ADD_POINTER = 2, ADD_CHECKSUM = 3 };
enum {
    NAME = 4,
    NAME_BYTES = 56,
    ALLOCATE_ALIGNMENT = NAME + NAME_BYTES,
    ALLOCATE_ZONE = ALLOCATE_ALIGNMENT + 4,
    POINTER_TO = NAME + NAME_BYTES,
    POINTER_OFFSET = POINTER_TO + NAME_BYTES,
    POINTER_BYTES = POINTER_OFFSET + 4,
    CHECKSUM_AT = NAME + NAME_BYTES,
    CHECKSUM_START = CHECKSUM_AT + 4,
    CHECKSUM_LENGTH = CHECKSUM_START + 4,
};
enum { ZONE_HIGH = 1, ZONE_F_SEGMENT = 2 };
enum { TABLES_ALIGNMENT = 64, RSDP_ALIGNMENT = 16 };

// Table headers and the RSDP (5.2.6, 5.2.5.3).
enum { LENGTH = 4, CHECKSUM = 9 };
enum { RSDP_CHECKSUM = 8, RSDP_XSDT = 24, RSDP_EXTENDED_CHECKSUM = 32, RSDP_FIRST_PART = 20 };

static const char oem_id[6] = "TRINE ", oem_table_id[8] = "VIRT    ", creator_id[4] = "TRNE";

// --- bytes ---

static uint8_t *room(struct acpi_files *a, size_t size)
{
    if (size > sizeof a->tables - a->size)
        a->full = true;
    if (a->full)
        return NULL;
    a->size += (uint32_t)size;
    return a->tables + a->size - size;
}

static void store(uint8_t *to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

void acpi_put(struct acpi_files *a, uint64_t value, unsigned size)
{
    uint8_t *to = room(a, size);
    if (to)
        store(to, value, size);
}

void acpi_put_bytes(struct acpi_files *a, const void *bytes, size_t size)
{
    uint8_t *to = room(a, size);
    if (to)
        vm_copy(to, bytes, size);
}

void acpi_put_zeros(struct acpi_files *a, size_t size)
{
    uint8_t *to = room(a, size);
    if (to)
        vm_zero(to, size);
}

void acpi_set(struct acpi_files *a, uint32_t at, uint64_t value, unsigned size)
{
    if (!a->full)
        store(a->tables + at, value, size);
}

// --- commands ---

static uint8_t *command(struct acpi_files *a, uint32_t which, const char *name)
{
    if (a->loader_size == sizeof a->loader) {
        a->full = true;
        a->loader_size = 0; // what is overwritten does not count any more
    }
    uint8_t *c = a->loader + a->loader_size;
    a->loader_size += ACPI_COMMAND;
    store(c, which, 4);
    vm_copy(c + NAME, name, vm_text_length(name));
    return c;
}

static void allocate(struct acpi_files *a, const char *name, uint32_t alignment, uint8_t zone)
{
    uint8_t *c = command(a, ALLOCATE, name);
    store(c + ALLOCATE_ALIGNMENT, alignment, 4);
    c[ALLOCATE_ZONE] = zone;
}

// At `offset` of the file is an offset in the tables' file, to which that one's address is added.
static void add_pointer(struct acpi_files *a, const char *name, uint32_t offset)
{
    uint8_t *c = command(a, ADD_POINTER, name);
    vm_copy(c + POINTER_TO, tables_name, sizeof tables_name);
    store(c + POINTER_OFFSET, offset, 4);
    c[POINTER_BYTES] = 8;
}

static void add_checksum(struct acpi_files *a, const char *name, uint32_t at, uint32_t start,
                         uint32_t length)
{
    uint8_t *c = command(a, ADD_CHECKSUM, name);
    store(c + CHECKSUM_AT, at, 4);
    store(c + CHECKSUM_START, start, 4);
    store(c + CHECKSUM_LENGTH, length, 4);
}

// --- tables ---

uint32_t acpi_begin(struct acpi_files *a, const char *signature, unsigned revision)
{
    uint32_t table = a->size;
    acpi_put_bytes(a, signature, 4);
    acpi_put(a, 0, 4); // length
    acpi_put(a, revision, 1);
    acpi_put(a, 0, 1); // checksum
    acpi_put_bytes(a, oem_id, sizeof oem_id);
    acpi_put_bytes(a, oem_table_id, sizeof oem_table_id);
    acpi_put(a, 1, 4); // OEM's revision
    acpi_put_bytes(a, creator_id, sizeof creator_id);
    acpi_put(a, 1, 4); // creator's revision
    return table;
}

void acpi_end(struct acpi_files *a, uint32_t table)
{
    uint32_t length = a->size - table;
    acpi_set(a, table + LENGTH, length, 4);
    add_checksum(a, tables_name, table + CHECKSUM, table, length);
}

void acpi_put_pointer(struct acpi_files *a, uint32_t table)
{
    add_pointer(a, tables_name, a->size);
    acpi_put(a, table, 8);
}

static void make_rsdp(struct acpi_files *a, uint32_t xsdt)
{
    uint8_t *r = a->rsdp;
    vm_copy(r, "RSD PTR ", 8);
    vm_copy(r + 9, oem_id, sizeof oem_id);
    r[15] = 2; // revision
    store(r + 20, ACPI_RSDP, 4);
    store(r + RSDP_XSDT, xsdt, 8);
    add_pointer(a, rsdp_name, RSDP_XSDT);
    add_checksum(a, rsdp_name, RSDP_CHECKSUM, 0, RSDP_FIRST_PART);
    add_checksum(a, rsdp_name, RSDP_EXTENDED_CHECKSUM, 0, ACPI_RSDP);
}

static void make_files(struct acpi_files *a, const struct virt_arm64 *b)
{
    enum { MOST = 8 };
    uint32_t tables[MOST], count = 0;
    allocate(a, rsdp_name, RSDP_ALIGNMENT, ZONE_F_SEGMENT);
    allocate(a, tables_name, TABLES_ALIGNMENT, ZONE_HIGH);
    uint32_t dsdt = acpi_dsdt(a, b);
    tables[count++] = acpi_fadt(a, dsdt);
    tables[count++] = acpi_madt(a, b);
    tables[count++] = acpi_gtdt(a);
    tables[count++] = acpi_mcfg(a, b);
    tables[count++] = acpi_spcr(a);
    if (b->its)
        tables[count++] = acpi_iort(a);
    uint32_t xsdt = acpi_begin(a, "XSDT", 1);
    for (uint32_t i = 0; i < count; i++)
        acpi_put_pointer(a, tables[i]);
    acpi_end(a, xsdt);
    make_rsdp(a, xsdt);
}

vm_status acpi_add_files(struct virt_arm64 *b, struct vm_error *e)
{
    const struct vm_allocator *a = &b->virt.machine->host->allocator;
    const struct vm_device *fw_cfg = &b->virt.fw_cfg;
    struct acpi_files *f = a->alloc(a->context, sizeof *f, _Alignof(struct acpi_files));
    if (!f)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the ACPI tables");
    vm_zero(f, sizeof *f);
    b->acpi = f;
    make_files(f, b);
    if (f->full)
        return vm_error_set(e, VM_ERR_USAGE, "the ACPI tables of this machine are too large");
    vm_status status = vm_fw_cfg_add_file(fw_cfg, tables_name, f->tables, f->size, e);
    if (status == VM_OK)
        status = vm_fw_cfg_add_file(fw_cfg, rsdp_name, f->rsdp, sizeof f->rsdp, e);
    if (status == VM_OK)
        status = vm_fw_cfg_add_file(fw_cfg, loader_name, f->loader, f->loader_size, e);
    return status;
}

void acpi_release(struct virt_arm64 *b)
{
    const struct vm_allocator *a = &b->virt.machine->host->allocator;
    if (b->acpi)
        a->release(a->context, b->acpi, sizeof *b->acpi);
    b->acpi = NULL;
}
