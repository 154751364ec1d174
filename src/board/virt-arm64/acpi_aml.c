// SPDX-License-Identifier: MIT
//
// Terms of the ACPI Machine Language (20.2) and resource descriptors (6.4).
#include <vm/base/memory.h>

#include "acpi.h"

enum {
    NAME_OP = 0x08,
    BYTE_PREFIX = 0x0a,
    WORD_PREFIX = 0x0b,
    DWORD_PREFIX = 0x0c,
    STRING_PREFIX = 0x0d,
    QWORD_PREFIX = 0x0e,
    SCOPE_OP = 0x10,
    BUFFER_OP = 0x11,
    PACKAGE_OP = 0x12,
    METHOD_OP = 0x14,
    ROOT = 0x5c,
    EXT_PREFIX = 0x5b,
    DEVICE_OP = 0x82, // after EXT_PREFIX
    NOTIFY_OP = 0x86,
    NAME_SIZE = 4,
};

// Lengths always take three bytes: 4 bits in the first, which says so, and 16 behind.
enum { LENGTH_BYTES = 3, TWO_MORE = 2 << 6, LOW_BITS = 4 };

static uint32_t begin(struct acpi_files *a)
{
    uint32_t at = a->size;
    acpi_put_zeros(a, LENGTH_BYTES);
    return at;
}

void aml_end(struct acpi_files *a, uint32_t at)
{
    uint32_t length = a->size - at; // its own bytes are part of it
    acpi_set(a, at, TWO_MORE | (length & 0xf), 1);
    acpi_set(a, at + 1, length >> LOW_BITS, 2);
}

// --- objects ---

uint32_t aml_begin_scope(struct acpi_files *a, const char *path)
{
    acpi_put(a, SCOPE_OP, 1);
    uint32_t at = begin(a);
    acpi_put(a, ROOT, 1);
    acpi_put_bytes(a, path, NAME_SIZE);
    return at;
}

uint32_t aml_begin_device(struct acpi_files *a, const char *name)
{
    acpi_put(a, EXT_PREFIX, 1);
    acpi_put(a, DEVICE_OP, 1);
    uint32_t at = begin(a);
    acpi_put_bytes(a, name, NAME_SIZE);
    return at;
}

uint32_t aml_begin_method(struct acpi_files *a, const char *name)
{
    acpi_put(a, METHOD_OP, 1);
    uint32_t at = begin(a);
    acpi_put_bytes(a, name, NAME_SIZE);
    acpi_put(a, 0, 1); // no arguments, not serialised
    return at;
}

uint32_t aml_begin_package(struct acpi_files *a, unsigned count)
{
    acpi_put(a, PACKAGE_OP, 1);
    uint32_t at = begin(a);
    acpi_put(a, count, 1);
    return at;
}

void aml_integer(struct acpi_files *a, uint64_t value)
{
    static const struct {
        uint64_t most;
        uint8_t prefix, size;
    } forms[] = {{UINT8_MAX, BYTE_PREFIX, 1},
                 {UINT16_MAX, WORD_PREFIX, 2},
                 {UINT32_MAX, DWORD_PREFIX, 4},
                 {UINT64_MAX, QWORD_PREFIX, 8}};
    size_t i = 0;
    if (value <= 1) { // the terms Zero and One
        acpi_put(a, value, 1);
        return;
    }
    while (value > forms[i].most)
        i++;
    acpi_put(a, forms[i].prefix, 1);
    acpi_put(a, value, forms[i].size);
}

void aml_name(struct acpi_files *a, const char *name)
{
    acpi_put(a, NAME_OP, 1);
    acpi_put_bytes(a, name, NAME_SIZE);
}

void aml_name_integer(struct acpi_files *a, const char *name, uint64_t value)
{
    aml_name(a, name);
    aml_integer(a, value);
}

void aml_name_text(struct acpi_files *a, const char *name, const char *text)
{
    aml_name(a, name);
    acpi_put(a, STRING_PREFIX, 1);
    acpi_put_bytes(a, text, vm_text_length(text) + 1);
}

void aml_notify(struct acpi_files *a, const char *name, uint8_t value)
{
    acpi_put(a, NOTIFY_OP, 1);
    acpi_put_bytes(a, name, NAME_SIZE);
    aml_integer(a, value);
}

// --- resources ---

enum { BUFFER_SIZE_BYTES = 3 }; // of the buffer's size, as a word

uint32_t aml_begin_resources(struct acpi_files *a, const char *name)
{
    aml_name(a, name);
    acpi_put(a, BUFFER_OP, 1);
    uint32_t at = begin(a);
    acpi_put(a, WORD_PREFIX, 1);
    acpi_put(a, 0, 2);
    return at;
}

void aml_end_resources(struct acpi_files *a, uint32_t at)
{
    acpi_put(a, 0x79, 1); // end tag
    acpi_put(a, 0, 1);    // no checksum
    uint32_t content = at + LENGTH_BYTES + BUFFER_SIZE_BYTES;
    acpi_set(a, content - 2, a->size - content, 2);
    aml_end(a, at);
}

void aml_memory32(struct acpi_files *a, uint64_t base, uint64_t size)
{
    acpi_put(a, 0x86, 1); // 32-bit fixed memory range descriptor
    acpi_put(a, 9, 2);
    acpi_put(a, 1, 1); // writable
    acpi_put(a, base, 4);
    acpi_put(a, size, 4);
}

void aml_interrupt(struct acpi_files *a, uint32_t intid)
{
    acpi_put(a, 0x89, 1); // extended interrupt descriptor
    acpi_put(a, 6, 2);
    acpi_put(a, 1, 1); // consumer; level, active high, exclusive
    acpi_put(a, 1, 1); // one
    acpi_put(a, intid, 4);
}

// Address space descriptors (6.4.3.5): what a bridge produces, at fixed addresses.
enum { FIXED = 0x0c, TYPE_BUS = 2, MEMORY_WRITABLE = 1, IO_ENTIRE_RANGE = 3 };

static void address_space(struct acpi_files *a, uint8_t descriptor, uint8_t type, uint8_t flags,
                          uint64_t first, uint64_t size, uint64_t translation, unsigned bytes)
{
    const uint64_t numbers[] = {0, first, first + size - 1, translation, size};
    acpi_put(a, descriptor, 1);
    acpi_put(a, 3 + VM_ARRAY_SIZE(numbers) * bytes, 2);
    acpi_put(a, type, 1);
    acpi_put(a, FIXED, 1);
    acpi_put(a, flags, 1);
    for (size_t i = 0; i < VM_ARRAY_SIZE(numbers); i++)
        acpi_put(a, numbers[i], bytes);
}

void aml_bus_numbers(struct acpi_files *a, uint32_t first, uint32_t last)
{
    address_space(a, 0x88, TYPE_BUS, 0, first, last - first + 1, 0, 2);
}

void aml_range32(struct acpi_files *a, enum aml_range type, uint64_t first, uint64_t size,
                 uint64_t translation)
{
    address_space(a, 0x87, type, type == AML_IO ? IO_ENTIRE_RANGE : MEMORY_WRITABLE, first, size,
                  translation, 4);
}

void aml_range64(struct acpi_files *a, uint64_t first, uint64_t size)
{
    address_space(a, 0x8a, AML_MEMORY, MEMORY_WRITABLE, first, size, 0, 8);
}

void aml_gpio_interrupt(struct acpi_files *a, const char *controller, uint16_t pin)
{
    enum { PINS = 23, CONTROLLER = PINS + 2, EDGE_HIGH_EXCLUSIVE_WAKE = 1 << 4 | 1, PULL_UP = 1 };
    size_t name = vm_text_length(controller) + 1, end = CONTROLLER + name;
    acpi_put(a, 0x8c, 1); // GPIO connection descriptor (6.4.3.8.1)
    acpi_put(a, end - 3, 2);
    acpi_put(a, 1, 1); // revision
    acpi_put(a, 0, 1); // an interrupt
    acpi_put(a, 1, 2); // consumer
    acpi_put(a, EDGE_HIGH_EXCLUSIVE_WAKE, 2);
    acpi_put(a, PULL_UP, 1);
    acpi_put_zeros(a, 4); // drive strength, debouncing
    acpi_put(a, PINS, 2);
    acpi_put(a, 0, 1);
    acpi_put(a, CONTROLLER, 2);
    acpi_put(a, end, 2); // no data of a vendor's
    acpi_put(a, 0, 2);
    acpi_put(a, pin, 2);
    acpi_put_bytes(a, controller, name);
}
