// SPDX-License-Identifier: MIT
//
// What firmware finds on the board: the two banks of flash, and the firmware configuration device,
// which then has what would be loaded into RAM otherwise.
#include <vm/base/memory.h>
#include <vm/device/cfi_flash.h>
#include <vm/device/fw_cfg.h>

#include "virt.h"

enum { CODE_BANK, VARS_BANK, BANKS };

static vm_status add_flash(struct virt *v, struct vm_error *e)
{
    const struct vm_board_flash *c = &v->config.flash;
    const struct vm_cfi_flash_bank banks[BANKS] = {
        [CODE_BANK] = {.base = vm_gpa_of(v->map.flash_base),
                       .size = v->map.flash_size[CODE_BANK],
                       .array = c->code,
                       .read_only = true},
        [VARS_BANK] = {.base = vm_gpa_of(v->map.flash_base + v->map.flash_bank),
                       .size = v->map.flash_size[VARS_BANK],
                       .array = c->vars,
                       .save = c->save,
                       .context = c->context},
    };
    struct vm_device flash;
    vm_status status = vm_cfi_flash_create(v->machine, banks, BANKS, &flash, e);
    if (status != VM_OK)
        return status;
    v->flash = &v->device[v->device_count];
    v->device[v->device_count++] = flash;
    return vm_cfi_flash_attach(&flash, e);
}

void virt_flash_saved(struct vm_board *board, bool saved)
{
    vm_cfi_flash_saved(virt_of(board)->flash, VARS_BANK, saved);
}

static vm_status give_file(const struct vm_device *fw_cfg, enum vm_fw_cfg_key size_key,
                           enum vm_fw_cfg_key data_key, const void *data, uint64_t size,
                           struct vm_error *e)
{
    vm_status status = vm_fw_cfg_set(fw_cfg, data_key, data, size, e);
    if (status == VM_OK)
        vm_fw_cfg_set_number(fw_cfg, size_key, size, 4);
    return status;
}

static vm_status give_kernel(struct virt *v, const struct vm_device *fw_cfg, struct vm_error *e)
{
    const struct vm_board_file *kernel = &v->config.kernel;
    const struct vm_allocator *a = &v->machine->host->allocator;
    vm_status status = vm_loader_unpack(kernel->data, kernel->size, virt_unpack_limit(v), a,
                                        &v->firmware_kernel, e);
    if (status == VM_OK)
        status = give_file(fw_cfg, VM_FW_CFG_KERNEL_SIZE, VM_FW_CFG_KERNEL_DATA,
                           v->firmware_kernel.data, v->firmware_kernel.size, e);
    return status == VM_OK ? VM_OK : vm_error_prefix(e, status, "--kernel %s", kernel->name);
}

// Where firmware loads, nothing is put into RAM but the firmware below and the device tree.
static vm_status give_files(struct virt *v, const struct vm_device *fw_cfg, struct vm_error *e)
{
    struct vm_board_config *c = &v->config;
    vm_status status = c->kernel.data ? give_kernel(v, fw_cfg, e) : VM_OK;
    if (status == VM_OK && c->initrd.data) {
        status = give_file(fw_cfg, VM_FW_CFG_INITRD_SIZE, VM_FW_CFG_INITRD_DATA, c->initrd.data,
                           c->initrd.size, e);
        if (status != VM_OK)
            vm_error_prefix(e, status, "--initrd %s", c->initrd.name);
    }
    if (status == VM_OK && c->append)
        status = give_file(fw_cfg, VM_FW_CFG_CMDLINE_SIZE, VM_FW_CFG_CMDLINE_DATA, c->append,
                           vm_text_length(c->append) + 1, e);
    c->kernel = c->initrd = (struct vm_board_file){0};
    return status;
}

static vm_status add_fw_cfg(struct virt *v, struct vm_error *e)
{
    static const uint8_t never[] = {0xff, 0xff, 0xff, 0xff}; // restart when nothing can be booted
    const struct vm_device *fw_cfg = &v->fw_cfg;
    vm_status status = vm_fw_cfg_create(v->machine, vm_gpa_of(v->map.fw_cfg_base), &v->fw_cfg, e);
    if (status == VM_OK)
        status = virt_add_device(v, fw_cfg, e);
    if (status != VM_OK)
        return status;
    vm_fw_cfg_set_number(fw_cfg, VM_FW_CFG_NOGRAPHIC, 1, 2);
    vm_fw_cfg_set_number(fw_cfg, VM_FW_CFG_NB_CPUS, v->machine->vcpu_count, 2);
    vm_fw_cfg_set_number(fw_cfg, VM_FW_CFG_BOOT_MENU, 0, 2);
    status = vm_fw_cfg_add_file(fw_cfg, "etc/boot-fail-wait", never, sizeof never, e);
    return status == VM_OK && v->firmware_loads ? give_files(v, fw_cfg, e) : status;
}

vm_status virt_add_firmware(struct virt *v, struct vm_error *e)
{
    vm_status status = v->config.flash.code ? add_flash(v, e) : VM_OK;
    v->firmware_loads |= v->flash != NULL;
    return status == VM_OK ? add_fw_cfg(v, e) : status;
}
