// SPDX-License-Identifier: MIT
//
// Power-on: puts the files into RAM and every hart where it starts.
//
// With firmware in flash there is no kernel here: that firmware takes its place.
//
// From the bottom of RAM: firmware, kernel (where its format says), free memory, initrd, device
// tree. The tree is below 3 GiB, where QEMU's board has it and 32-bit firmware reaches it, and has
// room behind it, since firmware makes it larger in place.
#include <vm/base/format.h>

#include "virt.h"

#define MIB           (UINT64_C(1) << 20)
#define TREE_LIMIT    (UINT64_C(3) << 30)
#define TREE_ROOM     (UINT64_C(64) << 10)
#define TREE_ALIGNED  (2 * MIB) // so that the kernel maps it by one large page
#define SMALL_ALIGNED ((uint64_t)VM_PAGE_SIZE)

// Where everything is. Sizes are of memory taken.
struct layout {
    bool has_firmware, has_kernel;
    struct vm_loader_placement firmware, kernel;
    uint64_t low; // end of the two
    uint64_t tree, tree_size;
    uint64_t initrd, initrd_size;
};

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

static bool place_tree_and_initrd(struct layout *l, uint64_t ram_end, uint64_t alignment)
{
    uint64_t limit = ram_end < TREE_LIMIT ? ram_end : TREE_LIMIT;
    if (!find_place(l->low, limit, l->tree_size, alignment, &l->tree))
        return false;
    return find_place(l->low, l->tree, l->initrd_size, SMALL_ALIGNED, &l->initrd) ||
           find_place(align_up(l->tree + l->tree_size, SMALL_ALIGNED), ram_end, l->initrd_size,
                      SMALL_ALIGNED, &l->initrd);
}

// The least RAM, in bytes, in which the files have a place.
static uint64_t least_memory(const struct layout *l)
{
    uint64_t initrd = align_up(l->initrd_size, SMALL_ALIGNED);
    uint64_t end = align_up(l->low, SMALL_ALIGNED) + initrd + align_up(l->tree_size, SMALL_ALIGNED);
    if (end > TREE_LIMIT)
        end = (l->low > TREE_LIMIT ? l->low : TREE_LIMIT) + initrd;
    return align_up(end - VIRT_RAM_BASE, MIB);
}

static size_t append_part(char *text, size_t size, size_t at, const char *what, const char *name,
                          uint64_t bytes)
{
    if (at >= size)
        return at;
    return at + vm_format(text + at, size - at, "%s%s %s (%lluM)", at ? " and " : "", what, name,
                          (unsigned long long)(align_up(bytes, MIB) / MIB));
}

static vm_status too_small(const struct virt *v, const struct layout *l, struct vm_error *e)
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
                        (unsigned long long)(least_memory(l) / MIB));
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
        .isa = VM_ISA_RISCV64,
        .ram_base = vm_gpa_of(VIRT_RAM_BASE),
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
    r.ram_size = VIRT_RAM_LIMIT - VIRT_RAM_BASE;
    r.place = place_nowhere;
    if (status == VM_ERR_FILE && vm_loader_place(&r, out, NULL) == VM_OK) {
        *fits = false;
        return VM_OK;
    }
    return vm_error_prefix(e, status, "%s %s", option, file->name);
}

static void raise_low(struct layout *l, const struct vm_loader_placement *p)
{
    if (p->end.v > l->low)
        l->low = p->end.v;
}

static vm_status check_overlap(const struct virt *v, const struct layout *l, struct vm_error *e)
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

static vm_status load_images(struct virt *v, struct layout *l, bool *fits, struct vm_error *e)
{
    const struct vm_board_config *c = &v->config;
    vm_status status = VM_OK;
    l->low = VIRT_RAM_BASE;
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

static vm_status write_tree(struct virt *v, const struct layout *l, struct vm_error *e)
{
    uint8_t seed[VIRT_SEED_SIZE];
    size_t offset = virt_seed_offset(v), size = v->tree.size;
    vm_status status = virt_place(v, vm_gpa_of(l->tree), v->tree.data, size, size, e);
    if (status != VM_OK || offset == 0)
        return status;
    v->machine->host->random(v->machine->host->context, seed, sizeof seed);
    return virt_place(v, vm_gpa_of(l->tree + offset), seed, sizeof seed, sizeof seed, e);
}

// Everything into RAM; *l says where it is.
static vm_status load_files(struct virt *v, struct layout *l, struct vm_error *e)
{
    const struct vm_board_file *initrd = &v->config.initrd;
    bool fits = true;
    *l = (struct layout){.initrd_size = initrd->data ? initrd->size : 0};
    vm_status status = load_images(v, l, &fits, e);
    if (status == VM_OK)
        status = virt_finish_tree(v, e);
    if (status != VM_OK)
        return status;
    l->tree_size = v->tree.size + TREE_ROOM;
    if (!fits || (!place_tree_and_initrd(l, virt_ram_end(v), TREE_ALIGNED) &&
                  !place_tree_and_initrd(l, virt_ram_end(v), SMALL_ALIGNED)))
        return too_small(v, l, e);
    if (initrd->data) {
        virt_set_initrd(v, l->initrd, l->initrd + initrd->size);
        status = virt_place(v, vm_gpa_of(l->initrd), initrd->data, initrd->size, initrd->size, e);
    }
    return status == VM_OK ? write_tree(v, l, e) : status;
}

// --- harts ---

static void reset_vcpu(struct vm_vcpu *v)
{
    const struct vm_work code = {.kind = VM_WORK_SYNC_CODE};
    v->guest->reset(v, VIRT_ROM_BASE + VIRT_ROM_RESET);
    vm_vcpu_do_work(v, &code);
    atomic_store(&v->parked, false);
}

vm_status virt_reset(struct vm_board *board, struct vm_error *e)
{
    struct virt *v = virt_of(board);
    struct layout l;
    virt_reset_devices(v);
    vm_status status = load_files(v, &l, e);
    if (status != VM_OK)
        return status;
    uint64_t kernel = l.has_kernel ? l.kernel.entry.v : 0;
    // Without either the embedder fills RAM.
    uint64_t next = l.has_kernel || l.has_firmware ? kernel : VIRT_RAM_BASE;
    if (v->flash)
        next = VIRT_FLASH_BASE;
    virt_fill_rom(v, l.has_firmware ? l.firmware.entry.v : next, l.tree, next);
    for (uint32_t i = 0; i < v->machine->vcpu_count; i++)
        reset_vcpu(v->machine->vcpus[i]);
    // A hart's reset cannot fail but for memory; then it says so in the machine.
    if (atomic_load(&v->machine->stop) == VM_STOP_CRASH)
        return vm_error_set(e, VM_ERR_HOST, "%s", v->machine->stop_text);
    if (v->config.bios_mode == VM_BIOS_BUILTIN)
        sbi_reset(v, next, l.tree);
    return VM_OK;
}
