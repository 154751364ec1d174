// SPDX-License-Identifier: MIT
//
// RAM, ROM and the page of HTIF. All RAM is one piece of host memory; where a bare-metal program
// has a tohost word, that page of it is reached through the HTIF device instead.
#include <vm/base/memory.h>
#include <vm/device/htif.h>

#include "virt.h"

// A kernel with debug information may be larger than the memory that it runs in.
#define MIN_UNPACK_LIMIT (UINT64_C(256) << 20)

uint64_t virt_unpack_limit(const struct virt *v)
{
    return v->config.ram_size > MIN_UNPACK_LIMIT ? v->config.ram_size : MIN_UNPACK_LIMIT;
}

static bool is_ram(const struct virt *v, uint64_t address, uint64_t size)
{
    uint64_t offset = address - VIRT_RAM_BASE;
    return offset < v->config.ram_size && size <= v->config.ram_size - offset;
}

static uint8_t *host_of(const struct virt *v, uint64_t address)
{
    return (uint8_t *)v->config.ram + (address - VIRT_RAM_BASE);
}

// Finds the two words of HTIF in a kernel for machine mode. False: it has none.
static bool find_htif(const struct virt *v, struct vm_htif_config *out)
{
    const struct vm_board_file *kernel = &v->config.kernel;
    const struct vm_allocator *a = &v->machine->host->allocator;
    struct vm_unpacked u;
    struct vm_elf elf;
    bool found = false;
    if (v->config.bios_mode != VM_BIOS_NONE || !kernel->data ||
        vm_loader_unpack(kernel->data, kernel->size, virt_unpack_limit(v), a, &u, NULL) != VM_OK)
        return false; // a damaged kernel is reported when it is loaded
    if (vm_loader_elf_open(u.data, u.size, &elf, NULL) == VM_OK)
        found = vm_loader_elf_symbol(&elf, "tohost", &out->tohost.v) &&
                vm_loader_elf_symbol(&elf, "fromhost", &out->fromhost.v) &&
                is_ram(v, out->tohost.v, 8) && is_ram(v, out->fromhost.v, 8);
    vm_loader_unpacked_release(&u);
    return found;
}

static vm_status add_htif(struct virt *v, struct vm_htif_config *c, struct vm_error *e)
{
    struct vm_device htif;
    c->page = vm_gpa_of(c->tohost.v & ~(uint64_t)VM_PAGE_MASK);
    c->host = host_of(v, c->page.v);
    c->output = virt_output;
    c->context = v;
    vm_status status = vm_htif_create(v->machine, c, &htif, e);
    if (status != VM_OK)
        return vm_error_prefix(e, status, "--kernel %s", v->config.kernel.name);
    v->htif_page = c->page.v;
    return virt_add_device(v, &htif, e);
}

static vm_status add_ram(struct virt *v, uint64_t from, uint64_t to, struct vm_error *e)
{
    if (from == to)
        return VM_OK;
    return vm_space_add_ram(&v->machine->space, vm_gpa_of(from), to - from, host_of(v, from), "ram",
                            e);
}

static vm_status add_rom(struct virt *v, struct vm_error *e)
{
    const struct vm_allocator *a = &v->machine->host->allocator;
    v->rom = a->alloc(a->context, VIRT_ROM_SIZE, VM_PAGE_SIZE);
    if (!v->rom)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the ROM");
    vm_zero(v->rom, VIRT_ROM_SIZE);
    return vm_space_add_rom(&v->machine->space, vm_gpa_of(VIRT_ROM_BASE), VIRT_ROM_SIZE, v->rom,
                            "rom", e);
}

vm_status virt_add_memory(struct virt *v, struct vm_error *e)
{
    uint64_t size = v->config.ram_size;
    if (size == 0 || size & VM_PAGE_MASK || size > VIRT_RAM_LIMIT - VIRT_RAM_BASE)
        return vm_error_set(e, VM_ERR_USAGE,
                            "--memory: %llu bytes is not possible; give a multiple of 4K below 64P",
                            (unsigned long long)size);
    struct vm_htif_config htif;
    vm_status status = add_rom(v, e);
    if (status == VM_OK && find_htif(v, &htif)) {
        status = add_htif(v, &htif, e);
        if (status == VM_OK)
            status = add_ram(v, VIRT_RAM_BASE, v->htif_page, e);
        if (status == VM_OK)
            status = add_ram(v, v->htif_page + VM_PAGE_SIZE, virt_ram_end(v), e);
        return status;
    }
    return status == VM_OK ? add_ram(v, VIRT_RAM_BASE, virt_ram_end(v), e) : status;
}

// The page of HTIF is nobody's code, so there is nothing to note about it.
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
    if (!is_ram(v, address.v, memsz))
        return vm_error_set(e, VM_ERR_FILE, "%llu bytes at %#llx are outside RAM",
                            (unsigned long long)memsz, (unsigned long long)address.v);
    vm_copy(host_of(v, address.v), data, filesz);
    vm_zero(host_of(v, address.v) + filesz, memsz - filesz);
    note_write(v, address.v, memsz);
    return VM_OK;
}
