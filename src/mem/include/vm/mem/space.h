// SPDX-License-Identifier: MIT
//
// The guest-physical address space: RAM regions, MMIO regions, and per RAM page what engines and
// snapshots must know (which 64-byte lines hold translated code, which pages are dirty).
//
// The map is an immutable sorted array behind an atomic pointer: readers take no lock, a change
// publishes a new array and keeps the old ones until the space is destroyed. Changes (set-up, and
// later PCI BARs) are made by one thread at a time; the caller holds the machine's lock.
// RAM bytes are only touched through the accessors here, which are relaxed atomics.
#ifndef VM_MEM_SPACE_H
#define VM_MEM_SPACE_H

#include <stdatomic.h>
#include <vm/base/arena.h>
#include <vm/base/error.h>
#include <vm/base/types.h>

enum {
    VM_PAGE_SHIFT = 12,
    VM_PAGE_SIZE = 1 << VM_PAGE_SHIFT,
    VM_PAGE_MASK = VM_PAGE_SIZE - 1,
    VM_LINE_SHIFT = 6, // 64 lines a page: one bit each in a 64-bit mask
    VM_CODE_LOG = 64,  // writes to code of which the page is remembered
};

// How a device answers. `offset` is from the start of its region, `size` 1, 2, 4 or 8, and the
// access is naturally aligned and inside the region. Called on vCPU threads without any lock.
// They return false for an access that the device does not take (the guest sees a bus error).
struct vm_mmio_ops {
    bool (*read)(void *device, uint64_t offset, unsigned size, uint64_t *value);
    bool (*write)(void *device, uint64_t offset, unsigned size, uint64_t value);
    // Where registers differ by the vCPU that accesses them: what takes the place of `device` for
    // that one. NULL: they do not. Accesses that are no vCPU's come with `device` itself.
    void *(*view)(void *device, uint32_t vcpu);
};

// Tracking of one 4 KiB page of RAM.
struct vm_page_track {
    _Atomic uint64_t code_lines;   // lines with translations: bit n is bytes [64n, 64n+64)
    _Atomic uint32_t code_version; // grows with every write that hit such a line
    _Atomic uint32_t dirty;        // written since the last vm_space_collect_dirty
};

struct vm_rom_device;

struct vm_region {
    vm_gpa base;
    uint64_t size;               // bytes, a multiple of the page size for RAM
    uint8_t *host;               // RAM: where it is mapped; NULL for MMIO
    struct vm_page_track *track; // RAM: one per page
    const struct vm_mmio_ops *ops;
    void *device;
    const char *name;          // for messages; not owned
    bool read_only;            // ROM: stores of the guest go to `ops` or, without, have no effect
    struct vm_rom_device *rom; // of a ROM device; owned by the space
};

struct vm_region_map {
    struct vm_region_map *older;
    uint32_t count;
    const struct vm_region *largest; // of those with memory, where most look-ups end; or NULL
    struct vm_region regions[];      // sorted by base, not overlapping
};

// A write to a line with translations. `number` is twice that of the write, which begin with 1; it
// is odd while `page` is being set.
struct vm_code_write {
    _Atomic uint64_t number, page;
};

// Who is told of what vm_space_write is about to write, by the thread that does.
struct vm_space_watch {
    void (*written)(void *context, vm_gpa gpa, const void *bytes, size_t size); // NULL: nobody
    void *context;
};

struct vm_space {
    const struct vm_allocator *allocator;
    _Atomic(struct vm_region_map *) map;
    _Atomic uint64_t code_writes; // grows with every write to a line with translations
    struct vm_code_write code_log[VM_CODE_LOG];
    _Atomic uint32_t withdrawals; // grows when memory that TLBs may have cached becomes a device
    _Atomic bool track_dirty;
    struct vm_space_watch watch;
};

vm_status vm_space_init(struct vm_space *s, const struct vm_allocator *allocator,
                        struct vm_error *e);
void vm_space_destroy(struct vm_space *s);

// Adds RAM: `host` is `size` bytes mapped by the caller, who keeps it until the space is gone.
vm_status vm_space_add_ram(struct vm_space *s, vm_gpa base, uint64_t size, void *host,
                           const char *name, struct vm_error *e);

// Adds ROM: as RAM, but stores of the guest have no effect. vm_space_write still fills it.
vm_status vm_space_add_rom(struct vm_space *s, vm_gpa base, uint64_t size, void *host,
                           const char *name, struct vm_error *e);

// Adds a ROM device, as NOR flash is one: the guest's stores always go to `ops`. Its loads and
// fetches take the bytes at `host` like a ROM's while the device shows its memory, as it does at
// first, and go to `ops` like a device's (fetches fail) while it does not. Nobody else writes to
// it: vm_space_write and vm_space_host for writing do not take its memory for RAM. Both `host` and
// the device stay the caller's and must outlive all accesses.
vm_status vm_space_add_rom_device(struct vm_space *s, vm_gpa base, uint64_t size, void *host,
                                  const struct vm_mmio_ops *ops, void *device, const char *name,
                                  struct vm_rom_device **rom, struct vm_error *e);

// Shows the memory of a ROM device, or its commands. Called by its write operation on a vCPU
// thread, or while no vCPU runs: whoever made the access then drops what TLBs remember of the
// memory (withdrawals has grown) before the guest goes on.
void vm_space_show_rom(struct vm_space *s, struct vm_rom_device *rom, bool memory);

// After the device has changed `size` bytes at `offset` of the memory (with relaxed atomics): drops
// translations of the old ones.
void vm_space_rom_changed(struct vm_space *s, struct vm_rom_device *rom, uint64_t offset,
                          uint64_t size);

// Adds a device's window. Overlap with another region is an error.
vm_status vm_space_add_mmio(struct vm_space *s, vm_gpa base, uint64_t size,
                            const struct vm_mmio_ops *ops, void *device, const char *name,
                            struct vm_error *e);

// Lets the caller put other operations in front of those of every device window there is, before
// the guest runs: `wrap` may change the region's ops and device.
void vm_space_wrap_devices(struct vm_space *s,
                           void (*wrap)(void *context, struct vm_region *region), void *context);

// The region with that number, in the order of addresses, or NULL behind the last.
const struct vm_region *vm_space_region(const struct vm_space *s, uint32_t number);

// The region that holds gpa, or NULL. Valid as long as the space. Of a ROM device: what it shows.
const struct vm_region *vm_space_find(const struct vm_space *s, vm_gpa gpa);

// The one checked accessor of devices and loaders: copies between a buffer and guest RAM. False,
// with nothing copied, unless all of [gpa, gpa+size) is RAM. Writes mark pages dirty and
// invalidate translations.
bool vm_space_read(const struct vm_space *s, vm_gpa gpa, void *to, size_t size);
bool vm_space_write(struct vm_space *s, vm_gpa gpa, const void *from, size_t size);

// The host address of [gpa, gpa+size) if it lies in one RAM region, else NULL: for vectored I/O
// without copies. With `write`, the pages count as written now; whoever writes later calls it again
// when the bytes are there, so that translations of the old ones are noticed.
void *vm_space_host(struct vm_space *s, vm_gpa gpa, uint64_t size, bool write);

// One MMIO access of a guest: finds the device, splits nothing. False: nobody answers there. A ROM
// device that shows its memory answers writes only.
bool vm_space_mmio_read(const struct vm_space *s, vm_gpa gpa, unsigned size, uint64_t *value);
bool vm_space_mmio_write(const struct vm_space *s, vm_gpa gpa, unsigned size, uint64_t value);

// Records that [offset, offset+size) of a RAM region was written: marks dirty, and where translated
// lines are hit, drops their marks and bumps the page's code version. Returns true if translations
// were hit. Called after the bytes are in RAM: only then is a translation of the old ones noticed.
bool vm_region_note_write(struct vm_space *s, const struct vm_region *r, uint64_t offset,
                          uint64_t size);

// The page that the `number`th write to code has hit (the last one is number code_writes). False:
// that is not known any more, or not yet.
bool vm_space_code_write(const struct vm_space *s, uint64_t number, vm_gpa *page);

// Dirty tracking for snapshots: while it is on, TLBs must not cache writability of clean pages.
// collect returns the page's mark and clears it.
void vm_space_track_dirty(struct vm_space *s, bool on);
bool vm_space_collect_dirty(const struct vm_region *r, uint64_t page_index);

// Guest RAM accesses. `size` is 1, 2, 4 or 8; any alignment: an aligned one is single-copy atomic
// (relaxed), and so is a misaligned one within 16 aligned bytes; others go in aligned pieces.
uint64_t vm_ram_load_unaligned(const void *p, unsigned size);
void vm_ram_store_unaligned(void *p, unsigned size, uint64_t v);

// 16 bytes at an aligned address at once. Both are compare-exchanges: the host must be able to
// write there.
vm_u128 vm_ram_load128(const void *p);
void vm_ram_store128(void *p, vm_u128 v);

static VM_ALWAYS_INLINE uint64_t vm_ram_load(const void *p, unsigned size)
{
    if (VM_UNLIKELY((uintptr_t)p & (size - 1)))
        return vm_ram_load_unaligned(p, size);
    switch (size) {
    case 1: return __atomic_load_n((const uint8_t *)p, __ATOMIC_RELAXED);
    case 2: return __atomic_load_n((const uint16_t *)p, __ATOMIC_RELAXED);
    case 4: return __atomic_load_n((const uint32_t *)p, __ATOMIC_RELAXED);
    default: return __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED);
    }
}

static VM_ALWAYS_INLINE void vm_ram_store(void *p, unsigned size, uint64_t v)
{
    if (VM_UNLIKELY((uintptr_t)p & (size - 1))) {
        vm_ram_store_unaligned(p, size, v);
        return;
    }
    switch (size) {
    case 1: __atomic_store_n((uint8_t *)p, (uint8_t)v, __ATOMIC_RELAXED); break;
    case 2: __atomic_store_n((uint16_t *)p, (uint16_t)v, __ATOMIC_RELAXED); break;
    case 4: __atomic_store_n((uint32_t *)p, (uint32_t)v, __ATOMIC_RELAXED); break;
    default: __atomic_store_n((uint64_t *)p, v, __ATOMIC_RELAXED); break;
    }
}

#endif
