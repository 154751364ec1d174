// SPDX-License-Identifier: MIT
//
// QEMU's firmware configuration device (QEMU, docs/specs/fw_cfg.rst), memory-mapped, with DMA: a
// list of items that firmware selects by number and reads; those from VM_FW_CFG_FILE_FIRST on are
// files with names. All items are read-only for the guest.
//
// Items are added before a vCPU runs. Their bytes stay the caller's, and unchanged, as long as the
// device lives.
#ifndef VM_DEVICE_FW_CFG_H
#define VM_DEVICE_FW_CFG_H

#include <vm/device/site.h>

enum {
    VM_FW_CFG_SIZE = 0x18,      // bytes of its window
    VM_FW_CFG_MAX_FILES = 32,   //
    VM_FW_CFG_NAME_BYTES = 56,  // of a file, the terminating zero included
    VM_FW_CFG_FILE_FIRST = 0x20 // the first file's key; their order is that of their names
};

// Keys of items. Numbers are little-endian and have the size that is given here.
enum vm_fw_cfg_key {
    VM_FW_CFG_SIGNATURE = 0x00, // the device's own, as ID and FILE_DIR are
    VM_FW_CFG_ID = 0x01,
    VM_FW_CFG_NOGRAPHIC = 0x04,    // 2 bytes
    VM_FW_CFG_NB_CPUS = 0x05,      // 2 bytes
    VM_FW_CFG_KERNEL_SIZE = 0x08,  // 4 bytes
    VM_FW_CFG_INITRD_SIZE = 0x0b,  // 4 bytes
    VM_FW_CFG_BOOT_MENU = 0x0e,    // 2 bytes
    VM_FW_CFG_KERNEL_DATA = 0x11,  //
    VM_FW_CFG_INITRD_DATA = 0x12,  //
    VM_FW_CFG_CMDLINE_SIZE = 0x14, // 4 bytes, the terminating zero included
    VM_FW_CFG_CMDLINE_DATA = 0x15, //
    VM_FW_CFG_FILE_DIR = 0x19,
};

vm_status vm_fw_cfg_create(struct vm_machine *m, vm_gpa base, struct vm_device *out,
                           struct vm_error *e);

// Sets item `key`, which is below VM_FW_CFG_FILE_FIRST. VM_ERR_USAGE: 4 GiB or more.
vm_status vm_fw_cfg_set(const struct vm_device *fw_cfg, enum vm_fw_cfg_key key, const void *bytes,
                        uint64_t size, struct vm_error *e);
// The same for a number of `size` bytes, at most 8, which the device keeps.
void vm_fw_cfg_set_number(const struct vm_device *fw_cfg, enum vm_fw_cfg_key key, uint64_t value,
                          unsigned size);

// Adds a file; the name is copied. VM_ERR_USAGE: no name or one that is too long or taken, too many
// files, 4 GiB or more.
vm_status vm_fw_cfg_add_file(const struct vm_device *fw_cfg, const char *name, const void *bytes,
                             uint64_t size, struct vm_error *e);

#endif
