// SPDX-License-Identifier: MIT
//
// RAM and ROM. All RAM is one piece of host memory.
#include <vm/base/memory.h>

#include "virt.h"

// A kernel with debug information may be larger than the memory that it runs in.
#define MIN_UNPACK_LIMIT (UINT64_C(256) << 20)

uint64_t virt_unpack_limit(const struct virt *v)
{
    return v->config.ram_size > MIN_UNPACK_LIMIT ? v->config.ram_size : MIN_UNPACK_LIMIT;
}

bool virt_is_ram(const struct virt *v, uint64_t address, uint64_t size)
{
    uint64_t offset = address - v->map.ram_base;
    return offset < v->config.ram_size && size <= v->config.ram_size - offset;
}

uint8_t *virt_host_of(const struct virt *v, uint64_t address)
{
    return (uint8_t *)v->config.ram + (address - v->map.ram_base);
}

vm_status virt_check_ram(const struct virt *v, struct vm_error *e)
{
    uint64_t size = v->config.ram_size;
    if (size == 0 || size & VM_PAGE_MASK || size > v->map.ram_limit - v->map.ram_base)
        return vm_error_set(
            e, VM_ERR_USAGE,
            "--memory: %llu bytes is not possible; give a multiple of 4K below %lluP",
            (unsigned long long)size, (unsigned long long)(v->map.ram_limit >> 50));
    return VM_OK;
}

vm_status virt_add_ram(struct virt *v, uint64_t from, uint64_t to, struct vm_error *e)
{
    if (from == to)
        return VM_OK;
    return vm_space_add_ram(&v->machine->space, vm_gpa_of(from), to - from, virt_host_of(v, from),
                            "ram", e);
}

vm_status virt_add_rom(struct virt *v, uint64_t base, uint64_t size, uint8_t **rom,
                       struct vm_error *e)
{
    const struct vm_allocator *a = &v->machine->host->allocator;
    *rom = a->alloc(a->context, size, VM_PAGE_SIZE);
    if (!*rom)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the ROM");
    vm_zero(*rom, size);
    return vm_space_add_rom(&v->machine->space, vm_gpa_of(base), size, *rom, "rom", e);
}

void virt_release_rom(struct virt *v, uint8_t *rom, uint64_t size)
{
    const struct vm_allocator *a = &v->machine->host->allocator;
    if (rom)
        a->release(a->context, rom, size);
}

// A device that has taken a page of RAM is nobody's code: there is nothing to note about it.
static void note_write(struct virt *v, uint64_t address, uint64_t size)
{
    uint64_t end = address + size;
    while (address < end) {
        const struct vm_region *r = vm_space_find(&v->machine->space, vm_gpa_of(address));
        uint64_t offset = address - r->base.v;
        uint64_t n = r->size - offset < end - address ? r->size - offset : end - address;
        if (r->host)
            vm_region_note_write(&v->machine->space, r, offset, n);
        address += n;
    }
}

vm_status virt_place(void *context, vm_gpa address, const void *data, uint64_t filesz,
                     uint64_t memsz, struct vm_error *e)
{
    struct virt *v = context;
    if (!virt_is_ram(v, address.v, memsz))
        return vm_error_set(e, VM_ERR_FILE, "%llu bytes at %#llx are outside RAM",
                            (unsigned long long)memsz, (unsigned long long)address.v);
    vm_copy(virt_host_of(v, address.v), data, filesz);
    vm_zero(virt_host_of(v, address.v) + filesz, memsz - filesz);
    note_write(v, address.v, memsz);
    return VM_OK;
}
