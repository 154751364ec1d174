// SPDX-License-Identifier: MIT
//
// A bare machine for tests of virtio devices: guest RAM between guard pages, a device behind one of
// the transports, and somebody who runs its I/O tasks. The guest's side is in driver.h.
//
//     struct virtio_rig rig;
//     virtio_rig_init(&rig, 4 << 20);
//     assert_int_equal(vm_virtio_rng_create(&rig.machine, &rig.io, "rng0", &v, NULL), VM_OK);
//     virtio_rig_plug(&rig, virtio_buses[0], v);
//     ... driver.h ...
//     virtio_rig_end(&rig); // also checks that all memory and locks are given back
//
// Who runs I/O tasks: by default the test's own thread, in virtio_rig_run and wherever the driver
// or a reset waits. After virtio_rig_thread, a thread of the rig. A device that has its own loop
// (vm/device/backend/loop.h) gets that loop's vm_io instead of rig.io; the test stops the loop
// before virtio_rig_end.
#ifndef TESTS_VIRTIO_RIG_H
#define TESTS_VIRTIO_RIG_H

#include <pthread.h>
#include <stdatomic.h>

#include "device_host.h"

#include <vm/device/virtio/transport.h>

#define VIRTIO_RIG_RAM UINT64_C(0x80000000)

enum {
    VIRTIO_RIG_UPPER = 64 << 10, // bytes of the second RAM region, which follows on the first in
                                 // the guest but not on the host
    VIRTIO_RIG_ROM = 0x1000,     // an address with a page of ROM
    VIRTIO_RIG_SLOT = 0x10001000,
};

struct virtio_rig;

// A transport. What takes a queue's number selects it first.
struct virtio_bus {
    const char *name;
    void (*plug)(struct virtio_rig *rig, struct vm_virtio *v); // v belongs to the transport then
    void (*unplug)(struct virtio_rig *rig);
    uint32_t (*device_id)(struct virtio_rig *rig);
    uint64_t (*device_features)(struct virtio_rig *rig);
    void (*set_features)(struct virtio_rig *rig, uint64_t features);
    uint8_t (*get_status)(struct virtio_rig *rig);
    void (*set_status)(struct virtio_rig *rig, uint8_t status);
    uint16_t (*queue_max)(struct virtio_rig *rig, unsigned queue);
    void (*set_queue)(struct virtio_rig *rig, unsigned queue, uint32_t size, uint64_t descriptors,
                      uint64_t driver, uint64_t device);
    void (*enable_queue)(struct virtio_rig *rig, unsigned queue);
    bool (*queue_enabled)(struct virtio_rig *rig, unsigned queue);
    void (*reset_queue)(struct virtio_rig *rig, unsigned queue);
    void (*notify)(struct virtio_rig *rig, unsigned queue);
    // The interrupts since the last call, acknowledged: bit n for queue n (all of them where the
    // transport does not tell), VIRTIO_CONFIG_INTERRUPT for the configuration.
    uint64_t (*take_interrupts)(struct virtio_rig *rig);
    uint8_t (*generation)(struct virtio_rig *rig);
    void (*read_config)(struct virtio_rig *rig, uint32_t offset, void *to, uint32_t size);
    void (*write_config)(struct virtio_rig *rig, uint32_t offset, const void *from, uint32_t size);
};

#define VIRTIO_CONFIG_INTERRUPT (UINT64_C(1) << 63)
#define VIRTIO_QUEUE_INTERRUPTS (VIRTIO_CONFIG_INTERRUPT - 1)

extern const struct virtio_bus virtio_bus_mmio;                          // bus_mmio.c
extern const struct virtio_bus virtio_bus_pci_msix, virtio_bus_pci_intx; // bus_pci.c
struct vm_pci_host *virtio_bus_pci_host(struct virtio_rig *rig); // with the device in slot 1

// Every transport there is (buses.c): tests run over all of them.
extern const struct virtio_bus *const virtio_buses[];
extern const unsigned virtio_bus_count;

struct virtio_rig_ram {
    uint8_t *map; // with a guard page on each side
    size_t map_size;
    uint8_t *host;
    uint64_t base, size;
};

struct virtio_rig {
    struct device_host host;
    struct vm_machine machine;
    struct vm_io io;
    struct virtio_rig_ram ram[2], rom;
    uint64_t next; // of virtio_rig_alloc
    const struct virtio_bus *bus;
    struct vm_virtio *virtio;
    struct vm_device slot;   // the transport's, if it is one
    void *bus_data;          // the transport's own
    _Atomic bool wire;       // level of its interrupt wire
    uint64_t features;       // as negotiated by virtio_start
    bool hostile;            // the test writes registers at random: messages go anywhere
    _Atomic unsigned logged; // lines
    char log[256];           // the last one

    bool threaded;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t woken;
    bool work, quit; // under mutex
};

void virtio_rig_init(struct virtio_rig *rig, uint64_t ram);
void virtio_rig_plug(struct virtio_rig *rig, const struct virtio_bus *bus, struct vm_virtio *v);
void virtio_rig_thread(struct virtio_rig *rig); // before the device is used
void virtio_rig_end(struct virtio_rig *rig);

// Runs I/O tasks until there are none (nothing to do with a thread).
void virtio_rig_run(struct virtio_rig *rig);
// One turn of a wait: runs tasks here, or lets the thread run. Fails the test after 20 seconds of
// them: *since is 0 before the first.
void virtio_rig_wait(struct virtio_rig *rig, uint64_t *since);

// The wire that the transport drives.
struct vm_irq virtio_rig_irq(struct virtio_rig *rig);

// Guest memory that nothing else uses, zeroed; there is no release. `align` is a power of two.
uint64_t virtio_rig_alloc(struct virtio_rig *rig, uint64_t size, uint64_t align);
// Where [gpa, gpa+size) lies on the host; it must be RAM, of one region.
void *virtio_rig_at(struct virtio_rig *rig, uint64_t gpa, uint64_t size);
// Copies to and from guest memory, regions notwithstanding; a test fails where there is no RAM.
void virtio_rig_write(struct virtio_rig *rig, uint64_t gpa, const void *from, size_t size);
void virtio_rig_read(struct virtio_rig *rig, uint64_t gpa, void *to, size_t size);

#endif
