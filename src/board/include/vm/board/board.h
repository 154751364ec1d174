// SPDX-License-Identifier: MIT
//
// Boards: which memory map, devices, firmware and boot protocol a machine has. A board populates a
// machine that its embedder has made, and describes it to the guest (device tree).
//
// The embedder's order:
//   vm_machine_init, vm_vcpu_create for every vCPU, board->create, board->reset, run the vCPUs;
//   on VM_STOP_RESET: bring every vCPU thread back, board->reset, vm_machine_resume, run again;
//   at the end, with no vCPU or timer callback running: board->destroy, then vm_machine_destroy.
// create, reset and destroy are called by one thread while no vCPU runs and nobody drains the timer
// queue; the other functions say what they allow.
#ifndef VM_BOARD_BOARD_H
#define VM_BOARD_BOARD_H

#include <vm/base/error.h>
#include <vm/core/machine.h>
#include <vm/loader/loader.h>

struct vm_virtio;

// The firmware below the kernel.
enum vm_board_bios {
    VM_BIOS_BUILTIN, // the board's own (SBI, PSCI); the kernel starts in the mode above it
    VM_BIOS_NONE, // none: the kernel (often a bare-metal ELF) starts in the most privileged mode;
                  // on ARM64 that is EL1, with PSCI all the same
    VM_BIOS_FILE, // config.bios, in the most privileged mode; it gets the kernel
};

// A file that the embedder has read; the bytes stay its own. Every reset loads them again: they are
// unchanged while the board lives, but for kernel and initrd, which may be gone between a reset and
// set_images. data NULL: not given.
struct vm_board_file {
    const char *name; // for messages
    const void *data;
    size_t size;
};

// The serial port's other end. Functions that are NULL are not called.
struct vm_board_console {
    // Takes `size` bytes that the guest sent (serial port, SBI debug console, HTIF). Called on vCPU
    // threads, in the order in which each vCPU sent, without any lock of the board; it may block.
    void (*output)(void *context, const uint8_t *bytes, size_t size);
    // The guest's receiver has room again after board->receive has taken less than it was given.
    // Called on vCPU threads without any lock of the board; it must not block.
    void (*input_room)(void *context);
    void *context;
};

// A virtio device (vm/device/virtio/virtio.h) and the slot that it goes into.
enum vm_board_transport {
    VM_BOARD_PCI,  // slots 1 to 31 of the bus
    VM_BOARD_MMIO, // virt: slots 0 to 7, on ARM64 to 31
};

struct vm_board_virtio {
    struct vm_virtio *device;
    enum vm_board_transport transport;
    unsigned slot;
};

// NOR flash with firmware, which the board starts in place of the kernel (or of the firmware, with
// VM_BIOS_NONE); kernel, initrd and command line are what the firmware may ask for. Both banks have
// the board's flash_bank bytes of page-aligned host memory, which only the guest changes.
struct vm_board_flash {
    void *code; // read-only to the guest; NULL: the board has no flash
    void *vars; // writable
    // Asks for `size` bytes at `offset` of vars to be kept, and for board->flash_saved when they
    // are; until then they do not change. Called on vCPU threads; must not block. When the board is
    // reset or destroyed, nothing is being saved. NULL: vars are not kept.
    void (*save)(void *context, uint64_t offset, uint64_t size);
    void *context;
};

struct vm_board_config {
    void *ram;         // host memory of the guest's RAM, page-aligned, mapped by the embedder for
                       // as long as the machine lives; zeroed when the machine is new
    uint64_t ram_size; // bytes, a multiple of VM_PAGE_SIZE
    // With neither kernel nor firmware the vCPUs start at the bottom of RAM.
    struct vm_board_file kernel, initrd, dtb, bios;
    enum vm_board_bios bios_mode;
    const char *options; // vm_board_options of --machine; NULL: none. Only for create.
    const char *append;  // the kernel's command line; NULL: none (with --dtb: what the tree has)
    struct vm_board_console console;
    struct vm_board_flash flash;
    // Only for create, which takes every device and puts NULL in its place; when it fails, those
    // that are left are still the embedder's.
    struct vm_board_virtio *virtio;
    size_t virtio_count;
};

struct vm_board; // the board's own

struct vm_board_ops {
    const char *name; // as --machine names it: "virt"
    enum vm_guest_isa isa;
    uint64_t flash_bank; // bytes; 0: the board cannot have flash

    // Adds RAM and devices to the machine's address space, connects interrupts and firmware. Copies
    // *config (not what it points to). The machine keeps pointers into the board until
    // vm_machine_destroy or the next line, whichever comes first: destroy the board only when
    // nothing runs. Errors: VM_ERR_USAGE for what the configuration asks, VM_ERR_FILE for a file
    // (the text starts with the option and the file's name), VM_ERR_HOST.
    vm_status (*create)(struct vm_machine *m, const struct vm_board_config *config,
                        struct vm_board **out, struct vm_error *e);

    // Power-on: resets devices and vCPUs, loads kernel, initrd, firmware and device tree, and puts
    // every vCPU where it starts (or parks it). Also what makes a new board ready to run. RAM that
    // nothing is loaded to keeps its content. Errors as create's; afterwards the machine must not
    // run.
    vm_status (*reset)(struct vm_board *board, struct vm_error *e);

    // The kernel and the initrd for the resets to come; what was given to create stays given. Not
    // with flash, whose firmware may ask for them at any time.
    void (*set_images)(struct vm_board *board, const struct vm_board_file *kernel,
                       const struct vm_board_file *initrd);

    void (*destroy)(struct vm_board *board); // NULL is allowed

    // Gives console input to the guest; returns how many of the bytes were taken, from the first
    // on. None are before the guest has enabled its receiver; when fewer than `size` are, console's
    // input_room will be called. Any thread, also while the vCPUs run.
    size_t (*receive)(struct vm_board *board, const uint8_t *bytes, size_t size);

    // Presses and releases the power key, which asks the guest to power off. Any thread; NULL: the
    // board has none.
    void (*press_power_key)(struct vm_board *board);

    // The answer to the flash's `save`: it is kept, or could not be. Any thread; NULL without
    // flash_bank.
    void (*flash_saved)(struct vm_board *board, bool saved);

    // The device tree blob: as the last reset gave it to the guest, before the first one without
    // the loaded images' addresses. The rng-seed in it is blanked. Owned by the board, valid until
    // its next reset.
    vm_status (*device_tree)(const struct vm_board *board, const void **blob, size_t *size,
                             struct vm_error *e);
};

// The boards of this build, in the order in which help lists them; NULL past the end.
const struct vm_board_ops *vm_board_at(size_t index);

// --machine is a board's name, and after a comma the board's own options. The board that `machine`
// names (NULL: the guest's first) for that guest, or NULL; and the options, NULL if there are none.
const struct vm_board_ops *vm_board_find(enum vm_guest_isa isa, const char *machine);
const char *vm_board_options(const char *machine);

#endif
