// SPDX-License-Identifier: MIT
//
// Parallel NOR flash with the Common Flash Interface (JEDEC JESD68, JEP137) and Intel's command set
// 0x0001 (as the StrataFlash data sheets have it), as on QEMU's virt boards: banks of two 16-bit
// chips side by side, so that software sees 32-bit words. A bank is ordinary memory to loads and
// fetches until a store puts it into another mode; any sector may then be erased, and bits
// programmed from 1 to 0.
//
// An operation is in the array at once. Where a bank is kept, its status says "busy" until the
// embedder has saved it, and the bank takes no other command: what the guest has seen finish is
// saved, in the guest's order.
#ifndef VM_DEVICE_CFI_FLASH_H
#define VM_DEVICE_CFI_FLASH_H

#include <vm/device/site.h>

enum {
    VM_CFI_FLASH_SECTOR = 256 << 10, // bytes of a bank that are erased together
    VM_CFI_FLASH_BUFFER = 4 << 10,   // bytes of a bank that one buffered program reaches
    VM_CFI_FLASH_BANKS = 2,          // at most
};

struct vm_cfi_flash_bank {
    vm_gpa base;
    uint64_t size;  // bytes: a power of two, at least two sectors
    uint8_t *array; // its contents, page-aligned; the caller's, who lets only the device change it
    bool read_only; // every sector is locked for good
    // Asks for the bytes at `offset` of the array to be saved, and for vm_cfi_flash_saved then.
    // Until the answer they do not change, there is no other such call, and nobody resets the
    // device. Called on vCPU threads without any lock of the device; it must not block. NULL: the
    // contents are not kept.
    void (*save)(void *context, uint64_t offset, uint64_t size);
    void *context;
};

// Makes a flash of `count` banks. Their windows go into the address space by vm_cfi_flash_attach,
// not by vm_device_attach.
vm_status vm_cfi_flash_create(struct vm_machine *m, const struct vm_cfi_flash_bank *banks,
                              unsigned count, struct vm_device *out, struct vm_error *e);
vm_status vm_cfi_flash_attach(const struct vm_device *flash, struct vm_error *e);

// What the bank wanted to be saved is, or (`saved` false) could not be: the guest sees an error of
// its operation. Any thread.
void vm_cfi_flash_saved(const struct vm_device *flash, unsigned bank, bool saved);

#endif
