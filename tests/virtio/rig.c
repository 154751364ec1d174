// SPDX-License-Identifier: MIT
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "rig.h"

enum { GUARD = 64 << 10, PATIENCE = 20 };

// --- the host's side ---

static void rig_yield(void *context)
{
    struct virtio_rig *rig = context;
    if (!rig->threaded && vm_io_run(&rig->io))
        return;
    sched_yield();
}

static void rig_log(void *context, const char *line)
{
    struct virtio_rig *rig = context;
    snprintf(rig->log, sizeof rig->log, "%s", line);
    atomic_fetch_add(&rig->logged, 1);
}

static void rig_wake(void *context)
{
    struct virtio_rig *rig = context;
    pthread_mutex_lock(&rig->mutex);
    rig->work = true;
    pthread_cond_signal(&rig->woken);
    pthread_mutex_unlock(&rig->mutex);
}

static void *serve(void *context)
{
    struct virtio_rig *rig = context;
    pthread_mutex_lock(&rig->mutex);
    while (!rig->quit || rig->work) {
        while (!rig->work && !rig->quit)
            pthread_cond_wait(&rig->woken, &rig->mutex);
        rig->work = false;
        pthread_mutex_unlock(&rig->mutex);
        while (vm_io_run(&rig->io))
            ;
        pthread_mutex_lock(&rig->mutex);
    }
    pthread_mutex_unlock(&rig->mutex);
    return NULL;
}

// --- memory ---

// Beyond the guards nothing is near: an access that misses RAM is a fault.
static void map_ram(struct virtio_rig_ram *r, uint64_t base, uint64_t size)
{
    r->map_size = (size_t)size + 2 * (size_t)GUARD;
    r->map = mmap(NULL, r->map_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(r->map != MAP_FAILED);
    r->host = r->map + GUARD;
    assert_int_equal(mprotect(r->host, (size_t)size, PROT_READ | PROT_WRITE), 0);
    r->base = base;
    r->size = size;
}

static void add_memory(struct virtio_rig *rig, uint64_t size)
{
    struct vm_space *s = &rig->machine.space;
    struct virtio_rig_ram *low = &rig->ram[0], *high = &rig->ram[1];
    map_ram(low, VIRTIO_RIG_RAM, size);
    map_ram(high, VIRTIO_RIG_RAM + size, VIRTIO_RIG_UPPER);
    map_ram(&rig->rom, VIRTIO_RIG_ROM, VM_PAGE_SIZE);
    const struct virtio_rig_ram *rom = &rig->rom;
    assert_int_equal(vm_space_add_ram(s, vm_gpa_of(low->base), low->size, low->host, "low", NULL),
                     VM_OK);
    assert_int_equal(
        vm_space_add_ram(s, vm_gpa_of(high->base), high->size, high->host, "high", NULL), VM_OK);
    assert_int_equal(vm_space_add_rom(s, vm_gpa_of(rom->base), rom->size, rom->host, "rom", NULL),
                     VM_OK);
    rig->next = low->base;
}

// As the driver's processor does it: a device or another of its threads may look meanwhile.
static void zero(uint8_t *p, uint64_t size)
{
    for (; size >= 8; p += 8, size -= 8)
        vm_ram_store(p, 8, 0);
    for (; size > 0; p++, size--)
        vm_ram_store(p, 1, 0);
}

uint64_t virtio_rig_alloc(struct virtio_rig *rig, uint64_t size, uint64_t align)
{
    uint64_t at = (rig->next + align - 1) & ~(align - 1);
    rig->next = at + size;
    zero(virtio_rig_at(rig, at, size), size);
    return at;
}

void *virtio_rig_at(struct virtio_rig *rig, uint64_t gpa, uint64_t size)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct virtio_rig_ram *r = &rig->ram[i];
        if (gpa - r->base < r->size && size <= r->size - (gpa - r->base))
            return r->host + (gpa - r->base);
    }
    fail_msg("no RAM at %#llx, %llu bytes", (unsigned long long)gpa, (unsigned long long)size);
    return NULL;
}

void virtio_rig_write(struct virtio_rig *rig, uint64_t gpa, const void *from, size_t size)
{
    assert_true(vm_space_write(&rig->machine.space, vm_gpa_of(gpa), from, size));
}

void virtio_rig_read(struct virtio_rig *rig, uint64_t gpa, void *to, size_t size)
{
    assert_true(vm_space_read(&rig->machine.space, vm_gpa_of(gpa), to, size));
}

// --- life ---

void virtio_rig_init(struct virtio_rig *rig, uint64_t ram)
{
    memset(rig, 0, sizeof *rig);
    device_host_init(&rig->host);
    // The test host's functions and these get the same context: it is their struct and the rig.
    _Static_assert(offsetof(struct virtio_rig, host) == 0, "host.context is the rig as well");
    rig->host.base.host.yield = rig_yield;
    rig->host.base.host.log = rig_log;
    device_machine_init(&rig->host, &rig->machine);
    pthread_mutex_init(&rig->mutex, NULL);
    pthread_cond_init(&rig->woken, NULL);
    rig->io.wake = rig_wake;
    rig->io.context = rig;
    add_memory(rig, ram);
}

void virtio_rig_plug(struct virtio_rig *rig, const struct virtio_bus *bus, struct vm_virtio *v)
{
    rig->bus = bus;
    rig->virtio = v;
    bus->plug(rig, v);
}

void virtio_rig_thread(struct virtio_rig *rig)
{
    rig->threaded = true;
    assert_int_equal(pthread_create(&rig->thread, NULL, serve, rig), 0);
}

static void stop_thread(struct virtio_rig *rig)
{
    pthread_mutex_lock(&rig->mutex);
    rig->quit = true;
    pthread_cond_signal(&rig->woken);
    pthread_mutex_unlock(&rig->mutex);
    pthread_join(rig->thread, NULL);
    rig->threaded = false;
}

void virtio_rig_end(struct virtio_rig *rig)
{
    if (rig->threaded)
        stop_thread(rig);
    virtio_rig_run(rig);
    if (rig->bus)
        rig->bus->unplug(rig);
    vm_machine_destroy(&rig->machine);
    for (unsigned i = 0; i < 2; i++)
        munmap(rig->ram[i].map, rig->ram[i].map_size);
    munmap(rig->rom.map, rig->rom.map_size);
    pthread_cond_destroy(&rig->woken);
    pthread_mutex_destroy(&rig->mutex);
    test_host_check_released(&rig->host.base);
}

void virtio_rig_run(struct virtio_rig *rig)
{
    while (!rig->threaded && vm_io_run(&rig->io))
        ;
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void virtio_rig_wait(struct virtio_rig *rig, uint64_t *since)
{
    rig_yield(rig);
    uint64_t now = now_ns();
    if (*since == 0)
        *since = now;
    else if (now - *since > PATIENCE * UINT64_C(1000000000))
        fail_msg("nothing came within %d s", PATIENCE);
}

static void wire_set(void *target, uint32_t line, bool level)
{
    struct virtio_rig *rig = target;
    (void)line;
    atomic_store(&rig->wire, level);
}

struct vm_irq virtio_rig_irq(struct virtio_rig *rig)
{
    return (struct vm_irq){wire_set, rig, 0};
}
