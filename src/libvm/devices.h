// SPDX-License-Identifier: MIT
//
// The virtio devices of the hosted machine, their I/O threads, and what is behind them.
//
// hosted_create_devices (devices.c) has a table of functions, one for each kind of device, which
// make what the options ask for: opened backends, devices, loops that do not run yet. The board
// then takes the devices, and the loops start. At the end, also after a failure half way, it goes
// backwards: loops stop, devices are destroyed (which closes their backends), cleanups run in the
// reverse of the order in which they were registered, loops are destroyed.
//
// All of it is for the thread that makes and unmakes the machine.
#ifndef LIBVM_DEVICES_H
#define LIBVM_DEVICES_H

#include <vm/board/board.h>
#include <vm/device/backend/loop.h>
#include <vm/device/virtio/balloon.h>
#include <vm/device/virtio/blk.h>
#include <vm/libvm/libvm.h>

enum {
    HOSTED_MAX_DEVICES = 31, // a PCI bus has no more slots
    HOSTED_MMIO_SLOTS = 8,
    HOSTED_MAX_LOOPS = HOSTED_MAX_DEVICES + 1, // and one for the flash
    HOSTED_MAX_CLEANUPS = 2 * HOSTED_MAX_DEVICES,
    HOSTED_NAME = 16, // bytes of a device's or a loop's name
};

struct hosted_loop {
    char name[HOSTED_NAME];
    struct vm_loop *loop;
};

struct hosted_device {
    struct vm_virtio *virtio;
    const struct vm_virtio_blk_stats *disk; // NULL: it is none
};

struct hosted_cleanup {
    void (*run)(void *context);
    void *context;
};

struct hosted_devices {
    struct vm_board_virtio virtio[HOSTED_MAX_DEVICES]; // NULL in the place of those that it took
    struct hosted_device devices[HOSTED_MAX_DEVICES];
    size_t count;
    struct hosted_loop loops[HOSTED_MAX_LOOPS];
    size_t loop_count;
    struct hosted_cleanup cleanups[HOSTED_MAX_CLEANUPS];
    size_t cleanup_count;
    struct hosted_stdio *stdio;        // NULL: the serial port is the console
    struct vm_virtio_balloon *balloon; // NULL: none
};

// Makes what the options ask for; before the board, which gets devices.virtio.
vm_status hosted_create_devices(struct vm *vm, struct vm_error *e);
// Starts the I/O threads; when the board has the devices, before its first reset.
vm_status hosted_start_devices(struct vm *vm, struct vm_error *e);
// Ends them; before the board is destroyed.
void hosted_stop_devices(struct vm *vm);
// When the board is destroyed, or there was none.
void hosted_destroy_devices(struct vm *vm);

// --- for those that make devices ---

// Whether there is room for one more device, with a loop and two cleanups of its own. Comes first.
vm_status hosted_reserve_device(const struct vm *vm, struct vm_error *e);

// The I/O thread of that name, the same for all who name it. `work` is what the device needs of the
// host there (vm/osal/sandbox.h).
vm_status hosted_get_loop(struct vm *vm, const char *name, unsigned work, struct vm_loop **loop,
                          struct vm_error *e);

// Hands a device over; `disk` is NULL for what is none.
void hosted_add_device(struct vm *vm, struct vm_virtio *virtio,
                       const struct vm_virtio_blk_stats *disk);

// Has `run` called when the devices that exist by then are gone.
void hosted_add_cleanup(struct vm *vm, void (*run)(void *context), void *context);

// The kinds (devices_*.c).
vm_status hosted_add_disks(struct vm *vm, struct vm_error *e);
vm_status hosted_add_nets(struct vm *vm, struct vm_error *e);
vm_status hosted_add_consoles(struct vm *vm, struct vm_error *e);
vm_status hosted_add_rng(struct vm *vm, struct vm_error *e);
vm_status hosted_add_balloon(struct vm *vm, struct vm_error *e);
vm_status hosted_add_shares(struct vm *vm, struct vm_error *e);
vm_status hosted_add_vsock(struct vm *vm, struct vm_error *e);

// --- the console that is the embedder's (stdio.c) ---

struct vm_stream;

// A stream for the machine's console; closed by the device that gets it. Until then
// devices.stdio points to it.
vm_status hosted_open_stdio(struct vm *vm, struct vm_loop *loop, struct vm_stream **stream,
                            struct vm_error *e);
// vm_console_input and vm_console_resize.
size_t hosted_stdio_input(struct hosted_stdio *s, const uint8_t *bytes, size_t size);
void hosted_stdio_resize(struct hosted_stdio *s, unsigned columns, unsigned rows);

#endif
