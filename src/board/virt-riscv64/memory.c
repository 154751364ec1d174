// SPDX-License-Identifier: MIT
//
// RAM, ROM and the page of HTIF: where a bare-metal program has a tohost word, that page of RAM is
// reached through the HTIF device instead.
#include <vm/device/htif.h>

#include "riscv64.h"

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
                virt_is_ram(v, out->tohost.v, 8) && virt_is_ram(v, out->fromhost.v, 8);
    vm_loader_unpacked_release(&u);
    return found;
}

static vm_status add_htif(struct virt_riscv64 *b, struct vm_htif_config *c, struct vm_error *e)
{
    struct virt *v = &b->virt;
    struct vm_device htif;
    c->page = vm_gpa_of(c->tohost.v & ~(uint64_t)VM_PAGE_MASK);
    c->host = virt_host_of(v, c->page.v);
    c->output = virt_output;
    c->context = v;
    vm_status status = vm_htif_create(v->machine, c, &htif, e);
    if (status != VM_OK)
        return vm_error_prefix(e, status, "--kernel %s", v->config.kernel.name);
    b->htif_page = c->page.v;
    return virt_add_device(v, &htif, e);
}

vm_status riscv64_add_memory(struct virt_riscv64 *b, struct vm_error *e)
{
    struct virt *v = &b->virt;
    struct vm_htif_config htif;
    vm_status status = virt_check_ram(v, e);
    if (status == VM_OK)
        status = virt_add_rom(v, RISCV64_ROM_BASE, RISCV64_ROM_SIZE, &b->rom, e);
    if (status != VM_OK || !find_htif(v, &htif))
        return status == VM_OK ? virt_add_ram(v, v->map.ram_base, virt_ram_end(v), e) : status;
    status = add_htif(b, &htif, e);
    if (status == VM_OK)
        status = virt_add_ram(v, v->map.ram_base, b->htif_page, e);
    if (status == VM_OK)
        status = virt_add_ram(v, b->htif_page + VM_PAGE_SIZE, virt_ram_end(v), e);
    return status;
}
