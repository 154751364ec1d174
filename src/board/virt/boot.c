// SPDX-License-Identifier: MIT
//
// Power-on: puts the files into RAM.
//
// With firmware in flash there is no kernel here: that firmware takes its place.
//
// From the bottom of RAM: firmware, kernel (where its format says), free memory, initrd, device
// tree. The tree is below a limit of the board's, where QEMU's has it and 32-bit firmware reaches
// it, and has room behind it, since firmware makes it larger in place. Where firmware in flash
// looks for it at the bottom of RAM, it is there.
#include <vm/base/format.h>

#include "virt.h"

#define MIB           (UINT64_C(1) << 20)
#define TREE_ROOM     (UINT64_C(64) << 10)
#define TREE_ALIGNED  (2 * MIB) // so that the kernel maps it by one large page
#define SMALL_ALIGNED ((uint64_t)VM_PAGE_SIZE)

static uint64_t align_up(uint64_t value, uint64_t to)
{
    return (value + to - 1) & ~(to - 1);
}

// --- what fits where ---

// The highest aligned place for `size` bytes in [low, high).
static bool find_place(uint64_t low, uint64_t high, uint64_t size, uint64_t alignment,
                       uint64_t *out)
{
    if (size > high || low > high)
        return false;
    *out = (high - size) & ~(alignment - 1);
    return *out >= low;
}

static bool place_tree_and_initrd(const struct virt *v, struct virt_layout *l, uint64_t alignment)
{
    uint64_t ram_end = virt_ram_end(v);
    if (v->firmware_loads && v->map.tree_first) { // then there is no initrd
        l->tree = v->map.ram_base;
        return l->tree_size <= v->config.ram_size && l->low == v->map.ram_base;
    }
    uint64_t limit = ram_end < v->map.tree_limit ? ram_end : v->map.tree_limit;
    if (!find_place(l->low, limit, l->tree_size, alignment, &l->tree))
        return false;
    return find_place(l->low, l->tree, l->initrd_size, SMALL_ALIGNED, &l->initrd) ||
           find_place(align_up(l->tree + l->tree_size, SMALL_ALIGNED), ram_end, l->initrd_size,
                      SMALL_ALIGNED, &l->initrd);
}

// The least RAM, in bytes, in which the files have a place.
static uint64_t least_memory(const struct virt *v, const struct virt_layout *l)
{
    uint64_t initrd = align_up(l->initrd_size, SMALL_ALIGNED);
    uint64_t end = align_up(l->low, SMALL_ALIGNED) + initrd + align_up(l->tree_size, SMALL_ALIGNED);
    if (end > v->map.tree_limit)
        end = (l->low > v->map.tree_limit ? l->low : v->map.tree_limit) + initrd;
    return align_up(end - v->map.ram_base, MIB);
}

static size_t append_part(char *text, size_t size, size_t at, const char *what, const char *name,
                          uint64_t bytes)
{
    if (at >= size)
        return at;
    return at + vm_format(text + at, size - at, "%s%s %s (%lluM)", at ? " and " : "", what, name,
                          (unsigned long long)(align_up(bytes, MIB) / MIB));
}

static vm_status too_small(const struct virt *v, const struct virt_layout *l, struct vm_error *e)
{
    char files[320];
    size_t at = 0;
    vm_format(files, sizeof files, "the device tree"); // when there is nothing else
    if (l->has_firmware)
        at = append_part(files, sizeof files, at, "firmware", v->config.bios.name,
                         l->firmware.end.v - l->firmware.lowest.v);
    if (l->has_kernel)
        at = append_part(files, sizeof files, at, "kernel", v->config.kernel.name,
                         l->kernel.end.v - l->kernel.lowest.v);
    if (l->initrd_size)
        append_part(files, sizeof files, at, "initrd", v->config.initrd.name, l->initrd_size);
    return vm_error_set(e, VM_ERR_USAGE, "--memory %lluM is too small for %s: give at least %lluM",
                        (unsigned long long)(v->config.ram_size / MIB), files,
                        (unsigned long long)(least_memory(v, l) / MIB));
}

// --- files ---

static vm_status place_nowhere(void *context, vm_gpa address, const void *data, uint64_t filesz,
                               uint64_t memsz, struct vm_error *e)
{
    (void)context, (void)address, (void)data, (void)filesz, (void)memsz, (void)e;
    return VM_OK;
}

static struct vm_loader_request request(struct virt *v, const struct vm_board_file *file,
                                        enum vm_loader_role role)
{
    return (struct vm_loader_request){
        .data = file->data,
        .size = file->size,
        .role = role,
        .isa = v->map.isa,
        .ram_base = vm_gpa_of(v->map.ram_base),
        .ram_size = v->config.ram_size,
        .unpack_limit = virt_unpack_limit(v),
        .allocator = &v->machine->host->allocator,
        .place = virt_place,
        .context = v,
    };
}

// Loads one file. If all that is wrong is that RAM is too small, *out says where it would be, and
// *fits is false.
static vm_status load(struct virt *v, const char *option, const struct vm_board_file *file,
                      enum vm_loader_role role, struct vm_loader_placement *out, bool *fits,
                      struct vm_error *e)
{
    struct vm_loader_request r = request(v, file, role);
    vm_status status = vm_loader_place(&r, out, e);
    if (status == VM_OK)
        return VM_OK;
    r.ram_size = v->map.ram_limit - v->map.ram_base;
    r.place = place_nowhere;
    if (status == VM_ERR_FILE && vm_loader_place(&r, out, NULL) == VM_OK) {
        *fits = false;
        return VM_OK;
    }
    return vm_error_prefix(e, status, "%s %s", option, file->name);
}

static void raise_low(struct virt_layout *l, const struct vm_loader_placement *p)
{
    if (p->end.v > l->low)
        l->low = p->end.v;
}

static vm_status check_overlap(const struct virt *v, const struct virt_layout *l,
                               struct vm_error *e)
{
    const struct vm_loader_placement *f = &l->firmware, *k = &l->kernel;
    if (!l->has_firmware || !l->has_kernel || f->lowest.v >= k->end.v || k->lowest.v >= f->end.v)
        return VM_OK;
    return vm_error_set(e, VM_ERR_FILE,
                        "--bios %s (%#llx to %#llx) and --kernel %s (%#llx to %#llx) overlap; link "
                        "one of them for another address",
                        v->config.bios.name, (unsigned long long)f->lowest.v,
                        (unsigned long long)f->end.v, v->config.kernel.name,
                        (unsigned long long)k->lowest.v, (unsigned long long)k->end.v);
}

static vm_status load_images(struct virt *v, struct virt_layout *l, bool *fits, struct vm_error *e)
{
    const struct vm_board_config *c = &v->config;
    vm_status status = VM_OK;
    l->low = v->map.ram_base;
    l->has_firmware = c->bios_mode == VM_BIOS_FILE;
    l->has_kernel = c->kernel.data;
    if (l->has_firmware) {
        status = load(v, "--bios", &c->bios, VM_LOADER_FIRMWARE, &l->firmware, fits, e);
        raise_low(l, &l->firmware);
    }
    if (status == VM_OK && l->has_kernel) {
        status = load(v, "--kernel", &c->kernel, VM_LOADER_KERNEL, &l->kernel, fits, e);
        raise_low(l, &l->kernel);
    }
    return status == VM_OK ? check_overlap(v, l, e) : status;
}

static vm_status write_tree(struct virt *v, const struct virt_layout *l, struct vm_error *e)
{
    size_t offset, size = v->tree.size;
    vm_status status = virt_place(v, vm_gpa_of(l->tree), v->tree.data, size, size, e);
    for (unsigned i = 0; status == VM_OK && (offset = virt_seed_offset(v, i, &size)); i++) {
        uint8_t seed[VIRT_SEED_SIZE];
        v->machine->host->random(v->machine->host->context, seed, size);
        status = virt_place(v, vm_gpa_of(l->tree + offset), seed, size, size, e);
    }
    return status;
}

vm_status virt_load_files(struct virt *v, struct virt_layout *l, struct vm_error *e)
{
    const struct vm_board_file *initrd = &v->config.initrd;
    bool fits = true;
    *l = (struct virt_layout){.initrd_size = initrd->data ? initrd->size : 0};
    vm_status status = load_images(v, l, &fits, e);
    if (status == VM_OK)
        status = virt_finish_tree(v, e);
    if (status != VM_OK)
        return status;
    l->tree_size = v->tree.size + TREE_ROOM;
    if (!fits ||
        (!place_tree_and_initrd(v, l, TREE_ALIGNED) && !place_tree_and_initrd(v, l, SMALL_ALIGNED)))
        return too_small(v, l, e);
    if (initrd->data) {
        virt_set_initrd(v, l->initrd, l->initrd + initrd->size);
        status = virt_place(v, vm_gpa_of(l->initrd), initrd->data, initrd->size, initrd->size, e);
    }
    return status == VM_OK ? write_tree(v, l, e) : status;
}
