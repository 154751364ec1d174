// SPDX-License-Identifier: MIT
//
// What the `virt` boards have in common: machines with QEMU's memory maps for virtual machines, in
// which an operating system is loaded into RAM, or firmware in flash loads it. A board gives its
// map, makes its processors' interrupt controllers and its own devices, and writes its part of the
// device tree. `virt_` names do not leave this module.
#ifndef BOARD_VIRT_H
#define BOARD_VIRT_H

#include <vm/core/device.h>
#include <vm/device/describe.h>
#include <vm/device/pci.h>
#include <vm/device/site.h>

#include "../board.h"

enum {
    VIRT_MAX_DEVICES = 64,
    VIRT_SEED_SIZE = 32,
    VIRT_MAX_TREE = 2 << 20, // bytes of a device tree that Linux takes
};

// A device tree blob: `size` bytes used of `capacity` at `data`, which came from the allocator.
struct virt_blob {
    void *data;
    size_t size, capacity;
};

struct virt;

// Where a board has what all have, and what else differs. Sizes are in bytes.
struct virt_map {
    enum vm_guest_isa isa;
    uint64_t ram_base, ram_limit;    // of physical addresses
    uint64_t tree_limit;             // the device tree lies below
    uint64_t flash_base, flash_bank; // there are two banks at that distance
    uint64_t flash_size[2];          // of each: code, variables
    uint64_t fw_cfg_base;
    uint64_t virtio_base, virtio_size; // of slot 0, of each
    uint32_t virtio_slots, virtio_interrupt;
    struct vm_pci_window ecam, pci_io, pci_memory;
    uint64_t pci_memory64_size; // of a window above RAM, aligned to its size
    uint32_t pci_interrupt;
    // The phandle of the controller that devices' wires go to, and what its nodes look like.
    uint32_t wires, interrupt_cells, interrupt_address_cells;
    // The wire from a device to an interrupt number there.
    struct vm_irq (*wire)(const struct virt *v, uint32_t number);
    // Where the PCI bus's messages go; .send NULL: there are none.
    struct vm_msi msi;
    uint32_t msi_parent; // phandle
    bool msi_by_requester;
    // With firmware in flash the device tree is at the bottom of RAM.
    bool tree_first;
    bool kaslr_seed; // the kernel takes the randomness for its own address from the tree
    // What the board writes into the device tree: everything but the chosen node's run-time part.
    void (*describe)(const struct virt *v, struct vm_describe *d);
};

// The first member of each board's own struct.
struct virt {
    struct vm_board board;
    struct vm_machine *machine;
    struct vm_board_config config;
    struct virt_map map;

    struct vm_device device[VIRT_MAX_DEVICES]; // in the order in which they are reset
    uint32_t device_count;

    const struct vm_device *flash;      // in `device`; NULL: there is none
    bool firmware_loads;                // firmware asks fw_cfg for kernel and initrd
    struct vm_unpacked firmware_kernel; // what fw_cfg has of the kernel
    struct vm_device fw_cfg;            // in `device`, too

    struct virt_blob base_tree; // from the file or generated; without what is known at reset only
    struct virt_blob tree;      // as the guest gets it, but for the seed
};

// Where a reset has put everything. Sizes are of memory taken.
struct virt_layout {
    bool has_firmware, has_kernel;
    struct vm_loader_placement firmware, kernel;
    uint64_t low; // end of the two
    uint64_t tree, tree_size;
    uint64_t initrd, initrd_size;
};

static inline struct virt *virt_of(struct vm_board *board)
{
    return VM_CONTAINER_OF(board, struct virt, board);
}

static inline uint64_t virt_ram_end(const struct virt *v)
{
    return v->map.ram_base + v->config.ram_size;
}

// --- board.c ---

// Begins a board whose struct has `size` bytes; virt_end releases it. NULL with *e set.
struct virt *virt_begin(struct vm_machine *m, const struct vm_board_config *config,
                        const struct vm_board_ops *ops, size_t size, struct vm_error *e);
void virt_end(struct virt *v, size_t size);
// Puts a vCPU where it starts, nothing translated, as the frontend's reset leaves it.
void virt_reset_vcpu(struct vm_vcpu *vcpu, uint64_t entry);
// Whether a vCPU can be started there: at RAM, aligned for instructions.
bool virt_is_start_address(const struct virt *v, uint64_t address);
// struct vm_board_ops.
void virt_set_images(struct vm_board *board, const struct vm_board_file *kernel,
                     const struct vm_board_file *initrd);
vm_status virt_device_tree(const struct vm_board *board, const void **blob, size_t *size,
                           struct vm_error *e);

// --- memory.c ---

// Adds the RAM in [from, to) to the address space.
vm_status virt_add_ram(struct virt *v, uint64_t from, uint64_t to, struct vm_error *e);
// The size of RAM has to be one that the map allows.
vm_status virt_check_ram(const struct virt *v, struct vm_error *e);
bool virt_is_ram(const struct virt *v, uint64_t address, uint64_t size);
uint8_t *virt_host_of(const struct virt *v, uint64_t address);
// Writes to RAM while no vCPU runs, then zeros up to memsz; vm_loader_place_fn with the board as
// context. VM_ERR_FILE: outside RAM.
vm_status virt_place(void *context, vm_gpa address, const void *data, uint64_t filesz,
                     uint64_t memsz, struct vm_error *e);
// Bytes that a file may have when its compression is taken off.
uint64_t virt_unpack_limit(const struct virt *v);
// Makes a ROM of `size` bytes, whole pages, which virt_release_rom gives back.
vm_status virt_add_rom(struct virt *v, uint64_t base, uint64_t size, uint8_t **rom,
                       struct vm_error *e);
void virt_release_rom(struct virt *v, uint8_t *rom, uint64_t size);

// --- devices.c ---

// Console bytes from the guest, by whatever way they came, and room for input. The context is the
// board.
void virt_output(void *context, const uint8_t *bytes, size_t size);
void virt_input_room(void *context);
// Keeps a device that has been created, and puts it into the address space.
vm_status virt_add_device(struct virt *v, const struct vm_device *device, struct vm_error *e);
void virt_reset_devices(struct virt *v);
void virt_destroy_devices(struct virt *v);
// The place of a device at `base` with that interrupt number.
struct vm_device_site virt_site(const struct virt *v, uint64_t base, uint32_t interrupt);
// A line into a vCPU.
struct vm_irq virt_vcpu_wire(const struct virt *v, uint32_t vcpu, uint32_t line);

// --- options.c ---

// An option of --machine virt that is one of some words.
struct virt_option {
    const char *name;
    const char *words[4]; // up to the first NULL
    unsigned *choice;     // index of the word
};
// Reads what follows the board's name in --machine, "name=word,..."; NULL: nothing.
vm_status virt_parse_options(const char *text, const struct virt_option *options, size_t count,
                             struct vm_error *e);

// --- firmware.c ---

// The flash and fw_cfg. What fw_cfg gives to firmware (firmware_loads) is taken out of v->config.
vm_status virt_add_firmware(struct virt *v, struct vm_error *e);
void virt_flash_saved(struct vm_board *board, bool saved);

// --- buses.c ---

// The PCI bus and the virtio-mmio slots, with the devices in them.
vm_status virt_add_buses(struct virt *v, struct vm_error *e);
// The window for 64-bit BARs; size 0: physical addresses end before it.
struct vm_pci_window virt_pci_memory64(const struct virt *v);

// --- tree.c ---

// Makes base_tree: from --dtb, else by map.describe.
vm_status virt_make_base_tree(struct virt *v, struct vm_error *e);
void virt_release_blob(struct virt *v, struct virt_blob *blob);
// Makes room for `capacity` bytes in an empty blob.
vm_status virt_reserve_blob(struct virt *v, struct virt_blob *blob, size_t capacity,
                            struct vm_error *e);
// Parts of trees: the memory node, all devices' nodes, the cpu-map of vCPUs with these phandles.
void virt_describe_memory(const struct virt *v, struct vm_describe *d);
void virt_describe_devices(const struct virt *v, struct vm_describe *d);
void virt_describe_cpu_map(const struct virt *v, struct vm_describe *d,
                           uint32_t (*phandle)(uint32_t vcpu));
// The chosen node and the aliases for the serial port at that path.
void virt_describe_console(struct vm_describe *d, const char *path);

// --- chosen.c, chosen_none.c ---

// Checks a device tree from outside.
vm_status virt_check_tree(const void *tree, size_t size, struct vm_error *e);
// Makes v->tree from base_tree and the configuration: command line, initrd (its address is still to
// come), all-zero seeds.
vm_status virt_finish_tree(struct virt *v, struct vm_error *e);
// Says where the initrd is.
void virt_set_initrd(struct virt *v, uint64_t start, uint64_t end);
// The offset in v->tree of seed number `index`, and its bytes, at most VIRT_SEED_SIZE; 0: there is
// none.
size_t virt_seed_offset(const struct virt *v, unsigned index, size_t *size);

// --- boot.c ---

// Puts the files into RAM at a reset.
vm_status virt_load_files(struct virt *v, struct virt_layout *l, struct vm_error *e);

#endif
