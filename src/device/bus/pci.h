// SPDX-License-Identifier: MIT
//
// What the files of PCI share. vm/device/pci.h says who locks what.
#ifndef VM_DEVICE_BUS_PCI_H
#define VM_DEVICE_BUS_PCI_H

#include "../device.h"

#include <stdatomic.h>
#include <vm/device/pci.h>

// Configuration space, type 0 header (PCI Local Bus 3.0, 6.1).
enum {
    VENDOR_ID = 0x00,
    DEVICE_ID = 0x02,
    COMMAND = 0x04,
    STATUS = 0x06,
    REVISION_ID = 0x08,
    CLASS_CODE = 0x09,
    CACHE_LINE_SIZE = 0x0c,
    BASE_ADDRESS = 0x10,
    SUBSYSTEM_VENDOR_ID = 0x2c,
    SUBSYSTEM_ID = 0x2e,
    CAPABILITIES = 0x34,
    INTERRUPT_LINE = 0x3c,
    INTERRUPT_PIN = 0x3d,
    HEADER_SIZE = 0x40,
    CONFIG_SIZE = 0x100, // of conventional functions

    COMMAND_IO = 1 << 0,
    COMMAND_MEMORY = 1 << 1,
    COMMAND_BUS_MASTER = 1 << 2,
    COMMAND_INTX_DISABLE = 1 << 10,
    STATUS_INTERRUPT = 1 << 3,
    STATUS_CAPABILITIES = 1 << 4,

    CAP_MSIX = 0x11,
};

// A place where a BAR can be decoded. While it is, key is its address with bit 0 set, else 0:
// addresses are aligned to the size, so one comparison finds out.
struct pci_mapping {
    _Atomic uint64_t key;
    uint64_t mask; // clears the offset in the BAR
    struct vm_pci_function *function;
    unsigned bar;
};

// Memory or I/O. The array is complete before a vCPU runs; only keys change.
struct pci_space {
    unsigned count;
    struct pci_mapping mapping[VM_PCI_SLOTS * VM_PCI_BARS];
};

struct pci_bar {
    enum vm_pci_bar_kind kind;
    uint64_t size;
    struct pci_mapping *mapping; // NULL before vm_pci_add
};

struct pci_vector {
    uint64_t address;
    uint32_t data;
    bool masked;
};

struct pci_msix {
    uint32_t capability; // where it is; 0: there is none
    unsigned bar, vectors;
    struct pci_vector vector[VM_PCI_MSIX_VECTORS];
    uint64_t pending[VM_PCI_MSIX_VECTORS / 64];
};

struct vm_pci_function {
    struct vm_pci_host *host;
    struct vm_host_lock *lock;
    const struct vm_pci_ops *ops;
    void *device;
    unsigned slot;
    uint32_t capability_end; // where the next one goes
    uint32_t last_capability;
    struct pci_bar bar[VM_PCI_BARS];
    _Atomic bool bus_master;

    // Under the lock:
    struct pci_msix msix;
    bool intx; // level as the device sees it
    uint8_t config[CONFIG_SIZE];
    uint8_t writable[CONFIG_SIZE]; // by the guest
};

struct vm_pci_host {
    struct vm_machine *machine;
    struct vm_pci_host_config config;
    struct vm_msi msi;
    struct vm_pci_function *slot[VM_PCI_SLOTS];
    struct pci_space memory, io;
    struct pci_window {
        struct pci_space *space;
        uint64_t base; // bus address of its start
    } io_window, memory32_window, memory64_window;

    struct vm_host_lock *lock;
    uint32_t asserted[VM_PCI_WIRES]; // under the lock: bit n, slot n drives it
};

static inline void pci_lock(struct vm_pci_function *f)
{
    vm_device_lock(f->host->machine, f->lock);
}

static inline void pci_unlock(struct vm_pci_function *f)
{
    vm_device_unlock(f->host->machine, f->lock);
}

// Bus, device and function (PCI Express 5.0, 2.2.4.2).
static inline uint32_t pci_requester(const struct vm_pci_function *f)
{
    return f->slot << 3;
}

static inline uint16_t pci_command(const struct vm_pci_function *f)
{
    return vm_load_le16(f->config + COMMAND);
}

// pci_config.c: accesses of the guest, inside CONFIG_SIZE; size is 1, 2 or 4. Reset to power-on
// values.
uint32_t pci_config_read(struct vm_pci_function *f, uint32_t offset, unsigned size);
void pci_config_write(struct vm_pci_function *f, uint32_t offset, unsigned size, uint32_t value);
void pci_config_reset(struct vm_pci_function *f);

// pci_bar.c. Under the function's lock: decodes BARs as command and addresses say now.
void pci_bars_update(struct vm_pci_function *f);
void pci_bars_add(struct vm_pci_function *f); // to the bridge's spaces
uint64_t pci_bar_read(const struct pci_mapping *m, uint64_t address, unsigned size);
void pci_bar_write(const struct pci_mapping *m, uint64_t address, unsigned size, uint64_t value);
const struct pci_mapping *pci_find(const struct pci_space *s, uint64_t address);

// pci_msix.c. Under the function's lock.
bool pci_msix_enabled(const struct vm_pci_function *f);
void pci_msix_update(struct vm_pci_function *f); // control or bus mastering has changed
void pci_msix_reset(struct vm_pci_function *f);
// Accesses to its BAR; these take the lock.
uint64_t pci_msix_read(struct vm_pci_function *f, uint64_t offset, unsigned size);
void pci_msix_write(struct vm_pci_function *f, uint64_t offset, unsigned size, uint64_t value);

// pci_host.c. Under the function's lock: drives its INTx wire.
void pci_drive(struct vm_pci_function *f, bool level);

#endif
