// SPDX-License-Identifier: MIT
//
// PCI: a host bridge as QEMU's virt boards have it (compatible "pci-host-ecam-generic"), and the
// functions behind it. One bus, one function a slot, without bridges.
//
// Set-up: vm_pci_host_create, then for every function vm_pci_function_create, its BARs and
// capabilities, and vm_pci_add, all before a vCPU runs. From then on the guest configures: it
// places BARs anywhere it likes. Only what lies in one of the bridge's windows is ever looked at,
// so a BAR over RAM, over another device or over the configuration space has no effect there; of
// BARs that lie over each other, the one that was added first answers. Where nobody answers, reads
// are all ones and writes are lost (PCI Local Bus 3.0, 3.3.3.1, master abort).
//
// Locks: one for each function (configuration, MSI-X, level of its INTx), taken before the
// bridge's (wires) and never held while the function's own operations are called. Accesses to BARs
// take none. Interrupts may be raised from any thread, under any lock of the device's.
#ifndef VM_DEVICE_PCI_H
#define VM_DEVICE_PCI_H

#include <vm/core/machine.h>
#include <vm/device/site.h>

enum {
    VM_PCI_SLOTS = 32,
    VM_PCI_BARS = 6,
    VM_PCI_WIRES = 4,
    VM_PCI_MSIX_VECTORS = 128, // at most
};

struct vm_pci_window {
    uint64_t base, size; // guest-physical; size 0: there is none
};

struct vm_pci_host_config {
    struct vm_pci_window ecam;               // 1 MiB a bus, whole buses
    struct vm_pci_window io;                 // of ports 0 on
    struct vm_pci_window memory32, memory64; // bus addresses are the CPU's
    // INTA of slot 0, INTB of slot 0 ...; pin p of slot s drives wire (s + p) % 4.
    struct vm_irq intx[VM_PCI_WIRES];
    uint32_t interrupt[VM_PCI_WIRES]; // their numbers at the controller, for describe
    uint32_t interrupt_parent;        // its phandle
    uint32_t interrupt_cells;         // of its specifiers, as in struct vm_device_site
    uint32_t interrupt_address_cells; // #address-cells of its node
    const struct vm_msi *msi;         // copied; NULL: no MSI, functions have no MSI-X capability
    uint32_t msi_parent;              // phandle
    bool msi_by_requester;            // it tells functions apart by their requester IDs
};

struct vm_pci_host;
struct vm_pci_function;

// Makes the bridge, with itself in slot 0. `out` has the configuration space as its window and
// owns the functions; vm_pci_attach_windows puts the other windows into the address space.
vm_status vm_pci_host_create(struct vm_machine *m, const struct vm_pci_host_config *config,
                             struct vm_device *out, struct vm_pci_host **host, struct vm_error *e);
vm_status vm_pci_attach_windows(struct vm_pci_host *host, struct vm_error *e);

// Puts a function into a slot (1 to 31), which owns it from then on; not on failure. VM_ERR_USAGE:
// the slot does not exist or is taken.
vm_status vm_pci_add(struct vm_pci_host *host, unsigned slot, struct vm_pci_function *f,
                     struct vm_error *e);

// --- functions ---

// One table per type; all may be NULL. `device` is the function's own struct. Called without any
// lock of PCI's; all but destroy on vCPU threads, or while none runs.
struct vm_pci_ops {
    const char *type;
    // Accesses inside a BAR of the function's (not the one of MSI-X), 1 to 8 bytes, aligned.
    uint64_t (*read)(void *device, unsigned bar, uint64_t offset, unsigned size);
    void (*write)(void *device, unsigned bar, uint64_t offset, unsigned size, uint64_t value);
    // Before the guest's read of [offset, offset+size) of the configuration space, and after its
    // write: for registers there that act.
    void (*config_reading)(void *device, uint32_t offset, unsigned size);
    void (*config_written)(void *device, uint32_t offset, unsigned size);
    // Bus Master Enable may have changed: look at vm_pci_is_bus_master. Once it is off and this has
    // returned, the function touches no guest memory.
    void (*bus_master)(void *device);
    void (*reset)(void *device);
    void (*destroy)(void *device);
};

struct vm_pci_function_config {
    const struct vm_pci_ops *ops;
    void *device;
    uint16_t vendor_id, device_id, subsystem_vendor_id, subsystem_id;
    uint8_t revision;
    uint32_t class_code; // 24 bits: base class, subclass, interface
    bool interrupts;     // has INTA
};

vm_status vm_pci_function_create(struct vm_pci_host *host,
                                 const struct vm_pci_function_config *config,
                                 struct vm_pci_function **out, struct vm_error *e);
// Of one that is in no slot. Destroys its device as well; NULL is allowed.
void vm_pci_function_destroy(struct vm_pci_function *f);

// A base address register of `size` bytes, a power of two: from 16 for memory, from 4 to 256 for
// I/O, at most 2 GiB unless it is a 64-bit one. Those take the next register too.
enum vm_pci_bar_kind { VM_PCI_BAR_NONE, VM_PCI_BAR_IO, VM_PCI_BAR_MEMORY32, VM_PCI_BAR_MEMORY64 };
vm_status vm_pci_add_bar(struct vm_pci_function *f, unsigned index, enum vm_pci_bar_kind kind,
                         uint64_t size, struct vm_error *e);

// A capability (PCI Local Bus 3.0, 6.7) whose `size` bytes follow ID and next pointer; *at is where
// it begins. The guest can write the bits that vm_pci_set_writable says, none at first; a reset
// clears those.
vm_status vm_pci_add_capability(struct vm_pci_function *f, uint8_t id, const void *body,
                                unsigned size, uint32_t *at, struct vm_error *e);
void vm_pci_set_writable(struct vm_pci_function *f, uint32_t offset, unsigned size, uint32_t mask);

// Configuration space as the device sees it; size is 1, 2 or 4. Writable or not.
uint32_t vm_pci_get_config(struct vm_pci_function *f, uint32_t offset, unsigned size);
void vm_pci_set_config(struct vm_pci_function *f, uint32_t offset, unsigned size, uint32_t value);

bool vm_pci_is_bus_master(const struct vm_pci_function *f);

// --- interrupts ---

// MSI-X (PCI Local Bus 3.0, 6.8.2) with `vectors` of them, table and pending bits in 32-bit memory
// BAR `bar` of 4 KiB. Nothing is added where the bridge has no MSI.
vm_status vm_pci_add_msix(struct vm_pci_function *f, unsigned bar, unsigned vectors,
                          struct vm_error *e);
unsigned vm_pci_msix_vectors(const struct vm_pci_function *f); // 0: there is no MSI-X
bool vm_pci_msix_is_enabled(struct vm_pci_function *f);
// Sends the vector's message; while it is masked or the function is no bus master, it is pending.
// Nothing if MSI-X is disabled or there is no such vector.
void vm_pci_msix_send(struct vm_pci_function *f, unsigned vector);

// The level of INTA as the function sees it; the wire follows unless INTx is disabled or MSI-X
// enabled.
void vm_pci_set_intx(struct vm_pci_function *f, bool level);

#endif
