// SPDX-License-Identifier: MIT
//
// Fuzz target: everything that the loader does with the bytes of a file. Whatever the bytes, it
// stays inside of them, places nothing outside RAM, gives all memory back, and explains a refusal.
#include <stdlib.h>
#include <string.h>

#include <vm/loader/loader.h>

#include "standalone.h"

enum { RAM_SIZE = 16 << 20, UNPACK_LIMIT = 128 << 10 };

#define RAM_BASE 0x80000000ull

// What must hold, also in a build without assertions.
static void must(bool holds)
{
    if (!holds)
        abort();
}

struct guest {
    size_t live; // bytes of the allocator
    unsigned calls;
    uint64_t lowest, end;
    uint8_t sum; // of the bytes placed: reads them all
};

static void *heap_alloc(void *context, size_t size, size_t align)
{
    struct guest *g = context;
    must(align <= 16 && size <= UNPACK_LIMIT + 1);
    g->live += size;
    return malloc(size);
}

static void heap_release(void *context, void *p, size_t size)
{
    struct guest *g = context;
    must(g->live >= size);
    g->live -= size;
    free(p);
}

static vm_status place(void *context, vm_gpa address, const void *data, uint64_t filesz,
                       uint64_t memsz, struct vm_error *e)
{
    (void)e;
    struct guest *g = context;
    must(filesz <= memsz && address.v >= RAM_BASE && memsz <= RAM_SIZE &&
         address.v - RAM_BASE <= RAM_SIZE - memsz);
    for (uint64_t i = 0; i < filesz; i++)
        g->sum ^= ((const uint8_t *)data)[i];
    if (g->calls++ == 0 || address.v < g->lowest)
        g->lowest = address.v;
    if (address.v + memsz > g->end)
        g->end = address.v + memsz;
    return VM_OK;
}

static void check_placing(const uint8_t *data, size_t size, enum vm_loader_role role,
                          enum vm_guest_isa isa)
{
    struct guest g = {0};
    const struct vm_allocator allocator = {heap_alloc, heap_release, &g};
    const struct vm_loader_request r = {
        .data = data,
        .size = size,
        .role = role,
        .isa = isa,
        .ram_base = vm_gpa_of(RAM_BASE),
        .ram_size = RAM_SIZE,
        .unpack_limit = UNPACK_LIMIT,
        .allocator = &allocator,
        .place = place,
        .context = &g,
    };
    struct vm_loader_placement p;
    struct vm_error e = {.text = ""};
    vm_status s = vm_loader_place(&r, &p, &e);
    must(g.live == 0);
    if (s == VM_OK) {
        must(g.calls > 0 && p.lowest.v == g.lowest && p.end.v == g.end);
        must(p.entry.v >= RAM_BASE && p.entry.v < RAM_BASE + RAM_SIZE);
    } else {
        must(g.calls == 0 && s == e.status && e.text[0] && !strchr(e.text, '\n'));
    }
}

static void check_elf(const uint8_t *data, size_t size)
{
    struct vm_elf elf;
    struct vm_elf_segment s;
    uint64_t value;
    if (vm_loader_elf_open(data, size, &elf, NULL) != VM_OK)
        return;
    vm_loader_elf_entry(&elf);
    vm_loader_elf_symbol(&elf, "tohost", &value);
    for (uint32_t i = 0; vm_loader_elf_segment(&elf, &i, &s);)
        must(s.offset <= size && s.filesz <= size - s.offset && s.filesz <= s.memsz);
}

static void check_identification(const uint8_t *data, size_t size)
{
    struct vm_image_info info;
    vm_loader_identify(data, size, &info);
    must(info.layers <= VM_LOADER_MAX_LAYERS && info.description[0]);
    must(memchr(info.description, 0, sizeof info.description) != NULL);
    for (const char *c = info.description; *c; c++)
        must(*c >= ' ' && *c <= '~'); // nothing from the file that a terminal would obey
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_identification(data, size);
    check_elf(data, size);
    check_placing(data, size, VM_LOADER_KERNEL, VM_ISA_RISCV64);
    check_placing(data, size, VM_LOADER_FIRMWARE, VM_ISA_RISCV64);
    check_placing(data, size, VM_LOADER_KERNEL, VM_ISA_ARM64);
    return 0;
}
