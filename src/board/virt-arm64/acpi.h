// SPDX-License-Identifier: MIT
//
// Writing ACPI tables (ACPI Specification 6.5) for firmware, which takes them from fw_cfg and puts
// them where it likes by the commands in the file "etc/table-loader" (QEMU's
// hw/acpi/bios-linker-loader describes them). All tables are in one file, one after the other. Too
// much for it makes the whole not fit, which acpi_add_files reports.
#ifndef VIRT_ARM64_ACPI_H
#define VIRT_ARM64_ACPI_H

#include "arm64.h"

enum {
    ACPI_HEADER = 36, // of a table: signature, length, ...
    ACPI_TABLES_SIZE = 64 << 10,
    ACPI_COMMAND = 128,
    ACPI_COMMANDS = 64,
    ACPI_RSDP = 36,
};

struct acpi_files {
    uint8_t tables[ACPI_TABLES_SIZE], loader[ACPI_COMMANDS * ACPI_COMMAND], rsdp[ACPI_RSDP];
    uint32_t size, loader_size;
    bool full;
};

// --- acpi.c ---

// Appends a number of `size` bytes, little-endian, or bytes as they are.
void acpi_put(struct acpi_files *a, uint64_t value, unsigned size);
void acpi_put_bytes(struct acpi_files *a, const void *bytes, size_t size);
void acpi_put_zeros(struct acpi_files *a, size_t size);
// Changes a number at an offset that is there.
void acpi_set(struct acpi_files *a, uint32_t at, uint64_t value, unsigned size);

// Begins a table; returns its offset. At its end, length and checksum are filled in.
uint32_t acpi_begin(struct acpi_files *a, const char *signature, unsigned revision);
void acpi_end(struct acpi_files *a, uint32_t table);
// Appends the 64-bit address of the table at that offset.
void acpi_put_pointer(struct acpi_files *a, uint32_t table);

// --- acpi_aml.c: terms of the ACPI Machine Language (chapter 20) ---

// Begins an object with a package length and everything in it; returns what aml_end takes.
uint32_t aml_begin_scope(struct acpi_files *a, const char *path);
uint32_t aml_begin_device(struct acpi_files *a, const char *name);
uint32_t aml_begin_method(struct acpi_files *a, const char *name);
uint32_t aml_begin_package(struct acpi_files *a, unsigned count);
void aml_end(struct acpi_files *a, uint32_t at);

void aml_integer(struct acpi_files *a, uint64_t value);
void aml_name(struct acpi_files *a, const char *name); // Name (name, what follows)
void aml_name_integer(struct acpi_files *a, const char *name, uint64_t value);
void aml_name_text(struct acpi_files *a, const char *name, const char *text);
void aml_notify(struct acpi_files *a, const char *name, uint8_t value);

// Resource templates (chapter 6.4): Name (name, ResourceTemplate () {...}).
uint32_t aml_begin_resources(struct acpi_files *a, const char *name);
void aml_end_resources(struct acpi_files *a, uint32_t at);
void aml_memory32(struct acpi_files *a, uint64_t base, uint64_t size);
void aml_interrupt(struct acpi_files *a, uint32_t intid); // level, active high
void aml_bus_numbers(struct acpi_files *a, uint32_t first, uint32_t last);
enum aml_range { AML_MEMORY = 0, AML_IO = 1 };
// What a bridge passes on, from its bus address `first` on; `translation` is added to those.
void aml_range32(struct acpi_files *a, enum aml_range type, uint64_t first, uint64_t size,
                 uint64_t translation);
void aml_range64(struct acpi_files *a, uint64_t first, uint64_t size);
// An interrupt of a pin of the GPIO controller of that name: rising edge, wakes up.
void aml_gpio_interrupt(struct acpi_files *a, const char *controller, uint16_t pin);

// --- acpi_dsdt.c, acpi_tables.c ---

// Each returns the table's offset.
uint32_t acpi_dsdt(struct acpi_files *a, const struct virt_arm64 *b);
uint32_t acpi_fadt(struct acpi_files *a, uint32_t dsdt);
uint32_t acpi_madt(struct acpi_files *a, const struct virt_arm64 *b);
uint32_t acpi_gtdt(struct acpi_files *a);
uint32_t acpi_mcfg(struct acpi_files *a, const struct virt_arm64 *b);
uint32_t acpi_spcr(struct acpi_files *a);
uint32_t acpi_iort(struct acpi_files *a); // with an ITS

#endif
