// SPDX-License-Identifier: MIT
//
// Device tree nodes through libfdt's sequential-write functions.
#include <libfdt.h>
#include <vm/base/format.h>
#include <vm/base/memory.h>
#include <vm/device/describe.h>

_Static_assert(VM_DESCRIBE_FULL == -FDT_ERR_NOSPACE, "the code of a full buffer");

const char *vm_describe_error_text(int error)
{
    return fdt_strerror(error);
}

static void note(struct vm_describe *d, int result)
{
    if (result < 0 && !d->error)
        d->error = result;
}

void vm_describe_start(struct vm_describe *d, void *to, size_t size)
{
    *d = (struct vm_describe){.fdt = to};
    if (size > INT32_MAX)
        size = INT32_MAX;
    note(d, fdt_create(to, (int)size));
    if (!d->error)
        note(d, fdt_finish_reservemap(to));
}

size_t vm_describe_finish(struct vm_describe *d)
{
    if (!d->error)
        note(d, fdt_finish(d->fdt));
    return d->error ? 0 : fdt_totalsize(d->fdt);
}

void vm_describe_begin(struct vm_describe *d, const char *name)
{
    if (!d->error)
        note(d, fdt_begin_node(d->fdt, name));
}

void vm_describe_begin_at(struct vm_describe *d, const char *name, uint64_t unit_address)
{
    char full[64];
    vm_format(full, sizeof full, "%s@%llx", name, (unsigned long long)unit_address);
    vm_describe_begin(d, full);
}

void vm_describe_end(struct vm_describe *d)
{
    if (!d->error)
        note(d, fdt_end_node(d->fdt));
}

void vm_describe_bytes(struct vm_describe *d, const char *name, const void *data, size_t size)
{
    if (d->error)
        return;
    if (size > INT32_MAX)
        note(d, -FDT_ERR_NOSPACE);
    else
        note(d, fdt_property(d->fdt, name, data, (int)size));
}

void vm_describe_flag(struct vm_describe *d, const char *name)
{
    vm_describe_bytes(d, name, NULL, 0);
}

void vm_describe_text(struct vm_describe *d, const char *name, const char *text)
{
    vm_describe_bytes(d, name, text, vm_text_length(text) + 1);
}

void vm_describe_cell(struct vm_describe *d, const char *name, uint32_t value)
{
    vm_describe_cells(d, name, &value, 1);
}

void vm_describe_cells(struct vm_describe *d, const char *name, const uint32_t *cells, size_t count)
{
    if (d->error)
        return;
    if (count > INT32_MAX / 4) {
        note(d, -FDT_ERR_NOSPACE);
        return;
    }
    void *place;
    note(d, fdt_property_placeholder(d->fdt, name, (int)(4 * count), &place));
    for (size_t i = 0; i < count && !d->error; i++)
        fdt32_st((char *)place + 4 * i, cells[i]);
}

void vm_describe_u64(struct vm_describe *d, const char *name, uint64_t value)
{
    const uint32_t cells[] = {(uint32_t)(value >> 32), (uint32_t)value};
    vm_describe_cells(d, name, cells, 2);
}

void vm_describe_reg(struct vm_describe *d, uint64_t base, uint64_t size)
{
    const uint32_t cells[] = {(uint32_t)(base >> 32), (uint32_t)base, (uint32_t)(size >> 32),
                              (uint32_t)size};
    vm_describe_cells(d, "reg", cells, 4);
}
