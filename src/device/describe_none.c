// SPDX-License-Identifier: MIT
//
// Device trees in a build without libfdt: everything reports VM_DESCRIBE_NO_LIBFDT.
#include <vm/device/describe.h>

const char *vm_describe_error_text(int error)
{
    return error == VM_DESCRIBE_NO_LIBFDT ? "this build has no libfdt" : "unknown error";
}

void vm_describe_start(struct vm_describe *d, void *to, size_t size)
{
    (void)size;
    *d = (struct vm_describe){.fdt = to, .error = VM_DESCRIBE_NO_LIBFDT};
}

size_t vm_describe_finish(struct vm_describe *d)
{
    d->error = VM_DESCRIBE_NO_LIBFDT;
    return 0;
}

void vm_describe_begin(struct vm_describe *d, const char *name)
{
    (void)name;
    d->error = VM_DESCRIBE_NO_LIBFDT;
}

void vm_describe_begin_at(struct vm_describe *d, const char *name, uint64_t unit_address)
{
    (void)unit_address;
    vm_describe_begin(d, name);
}

void vm_describe_end(struct vm_describe *d)
{
    d->error = VM_DESCRIBE_NO_LIBFDT;
}

void vm_describe_bytes(struct vm_describe *d, const char *name, const void *data, size_t size)
{
    (void)name, (void)data, (void)size;
    d->error = VM_DESCRIBE_NO_LIBFDT;
}

void vm_describe_flag(struct vm_describe *d, const char *name)
{
    vm_describe_bytes(d, name, NULL, 0);
}

void vm_describe_text(struct vm_describe *d, const char *name, const char *text)
{
    vm_describe_bytes(d, name, text, 0);
}

void vm_describe_cell(struct vm_describe *d, const char *name, uint32_t value)
{
    vm_describe_cells(d, name, &value, 1);
}

void vm_describe_cells(struct vm_describe *d, const char *name, const uint32_t *cells, size_t count)
{
    vm_describe_bytes(d, name, cells, count);
}

void vm_describe_u64(struct vm_describe *d, const char *name, uint64_t value)
{
    vm_describe_bytes(d, name, &value, sizeof value);
}

void vm_describe_reg(struct vm_describe *d, uint64_t base, uint64_t size)
{
    (void)base, (void)size;
    d->error = VM_DESCRIBE_NO_LIBFDT;
}
