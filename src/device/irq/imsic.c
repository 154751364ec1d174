// SPDX-License-Identifier: MIT
//
// IMSIC (vm/device/imsic.h). Messages set pending bits, the hart's CSRs do the rest.
//
// Locking: each file has its own lock, under which its line to the hart is driven, so that a level
// never overtakes a later one. Nothing else is called under it.
#include "../device.h"

#include <vm/base/bits.h>
#include <vm/device/imsic.h>

enum {
    SETEIPNUM_LE = 0x0,
    SETEIPNUM_BE = 0x4,

    WORDS = (VM_IMSIC_IDENTITIES + 1) / 64, // identity 0 does not exist but has its bit
    MAX_FILES = VM_MAX_VCPUS,
};
_Static_assert(VM_IMSIC_IDENTITIES % 64 == 63, "one less than a multiple of 64");
_Static_assert((VM_IMSIC_IDENTITIES & (VM_IMSIC_IDENTITIES + 1)) == 0, "eithreshold's mask");

struct file {
    struct vm_machine *machine;
    struct vm_host_lock *lock;
    struct vm_irq irq;
    uint64_t pending[WORDS], enabled[WORDS];
    uint32_t threshold;
    bool delivers; // eidelivery; the value for an interrupt controller other than the file is not
                   // supported
};

struct imsic {
    struct vm_machine *machine;
    vm_gpa base;
    uint64_t size;
    uint32_t phandle, cause;
    uint32_t files;
    uint32_t cpu_intc[MAX_FILES];
    struct file file[MAX_FILES];
};

// --- a file, under its lock ---

// Lower identities are more urgent; the threshold masks itself and what is above.
static uint32_t top(const struct file *f)
{
    for (uint32_t w = 0; w < WORDS; w++) {
        uint64_t bits = f->pending[w] & f->enabled[w];
        if (!bits)
            continue;
        uint32_t identity = 64 * w + vm_ctz64(bits);
        return f->threshold && identity >= f->threshold ? 0 : identity;
    }
    return 0;
}

static void update(struct file *f)
{
    vm_irq_set(&f->irq, f->delivers && top(f) != 0);
}

static void lock(struct file *f)
{
    vm_device_lock(f->machine, f->lock);
}

static void unlock(struct file *f)
{
    vm_device_unlock(f->machine, f->lock);
}

static void set_pending(struct file *f, uint64_t identity)
{
    if (identity == 0 || identity > VM_IMSIC_IDENTITIES)
        return;
    lock(f);
    f->pending[identity / 64] |= (uint64_t)1 << identity % 64;
    update(f);
    unlock(f);
}

// --- for CSRs ---

// The word of a register in one of the arrays; NULL for those beyond the last identity.
static uint64_t *word_of(uint64_t *words, unsigned index)
{
    return index / 2 < WORDS ? &words[index / 2] : NULL;
}

static uint64_t read_register(struct file *f, unsigned number)
{
    const uint64_t *word = NULL;
    if (number == VM_RISCV64_EIDELIVERY)
        return f->delivers;
    if (number == VM_RISCV64_EITHRESHOLD)
        return f->threshold;
    if (number >= VM_RISCV64_EIE0)
        word = word_of(f->enabled, number - VM_RISCV64_EIE0);
    else if (number >= VM_RISCV64_EIP0)
        word = word_of(f->pending, number - VM_RISCV64_EIP0);
    return word ? *word : 0;
}

static void write_register(struct file *f, unsigned number, uint64_t value)
{
    uint64_t *word = NULL;
    if (number == VM_RISCV64_EIDELIVERY)
        f->delivers = value & 1;
    else if (number == VM_RISCV64_EITHRESHOLD)
        f->threshold = value & VM_IMSIC_IDENTITIES;
    else if (number >= VM_RISCV64_EIE0)
        word = word_of(f->enabled, number - VM_RISCV64_EIE0);
    else if (number >= VM_RISCV64_EIP0)
        word = word_of(f->pending, number - VM_RISCV64_EIP0);
    if (word)
        *word = value;
    f->pending[0] &= ~(uint64_t)1;
    f->enabled[0] &= ~(uint64_t)1;
}

static uint32_t claim(struct file *f, bool claims)
{
    uint32_t identity = top(f);
    if (claims)
        f->pending[identity / 64] &= ~((uint64_t)1 << identity % 64);
    return identity;
}

static bool file_exchange(void *file, uint32_t hart, uint16_t number, uint64_t value, uint64_t mask,
                          uint64_t *old)
{
    struct file *f = file;
    (void)hart;
    lock(f);
    if (number == VM_RISCV64_TOPEI) {
        *old = claim(f, mask != 0);
    } else {
        *old = read_register(f, number);
        if (mask)
            write_register(f, number, (*old & ~mask) | (value & mask));
    }
    if (mask)
        update(f);
    unlock(f);
    return true;
}

static const struct vm_register_ops file_ops = {.exchange = file_exchange};

struct vm_register_device vm_imsic_file(const struct vm_device *imsic, uint32_t hart)
{
    struct imsic *s = imsic->device;
    return (struct vm_register_device){&file_ops, &s->file[hart]};
}

// --- messages ---

// A store of 32 bits somewhere in the window.
static void message(struct imsic *s, uint64_t offset, uint32_t data)
{
    uint64_t page = offset / VM_IMSIC_PAGE, at = offset % VM_IMSIC_PAGE;
    if (page < s->files && at == SETEIPNUM_LE)
        set_pending(&s->file[page], data);
    else if (page < s->files && at == SETEIPNUM_BE)
        set_pending(&s->file[page], __builtin_bswap32(data));
}

bool vm_imsic_message(const struct vm_device *imsic, uint64_t address, uint32_t data)
{
    struct imsic *s = imsic->device;
    if (address % 4 || address - s->base.v >= s->size)
        return false;
    message(s, address - s->base.v, data);
    return true;
}

static bool imsic_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)device;
    (void)offset;
    *value = 0;
    return size == 4;
}

static bool imsic_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    if (size != 4)
        return false;
    message(device, offset, (uint32_t)value);
    return true;
}

// --- the device ---

static void imsic_reset(void *device)
{
    struct imsic *s = device;
    for (uint32_t i = 0; i < s->files; i++) {
        struct file *f = &s->file[i];
        lock(f);
        vm_zero(f->pending, sizeof f->pending);
        vm_zero(f->enabled, sizeof f->enabled);
        f->threshold = 0;
        f->delivers = false;
        update(f);
        unlock(f);
    }
}

static int imsic_describe(const void *device, void *fdt)
{
    const struct imsic *s = device;
    struct vm_describe d = {.fdt = fdt};
    uint32_t wires[2 * MAX_FILES];
    for (uint32_t i = 0; i < s->files; i++) {
        wires[2 * i] = s->cpu_intc[i];
        wires[2 * i + 1] = s->cause;
    }
    vm_describe_begin_at(&d, "interrupt-controller", s->base.v);
    vm_describe_text(&d, "compatible", "riscv,imsics");
    vm_describe_reg(&d, s->base.v, (uint64_t)s->files * VM_IMSIC_PAGE);
    vm_describe_flag(&d, "interrupt-controller");
    vm_describe_cell(&d, "#address-cells", 0);
    vm_describe_cell(&d, "#interrupt-cells", 0);
    vm_describe_flag(&d, "msi-controller");
    vm_describe_cell(&d, "#msi-cells", 0);
    vm_describe_cells(&d, "interrupts-extended", wires, 2 * (size_t)s->files);
    vm_describe_cell(&d, "riscv,num-ids", VM_IMSIC_IDENTITIES);
    vm_describe_cell(&d, "phandle", s->phandle);
    vm_describe_end(&d);
    return d.error;
}

static void imsic_destroy(void *device)
{
    struct imsic *s = device;
    for (uint32_t i = 0; i < s->files; i++)
        vm_device_lock_destroy(s->machine, s->file[i].lock);
    vm_device_release(s->machine, s, sizeof *s);
}

static const struct vm_device_ops imsic_ops = {
    .type = "imsic",
    .mmio = {imsic_read, imsic_write},
    .reset = imsic_reset,
    .destroy = imsic_destroy,
    .describe = imsic_describe,
};

static uint64_t window_size(uint32_t files)
{
    uint64_t pages = 1;
    while (pages < files)
        pages *= 2;
    return pages * VM_IMSIC_PAGE;
}

vm_status vm_imsic_create(struct vm_machine *m, const struct vm_imsic_config *config,
                          struct vm_device *out, struct vm_error *e)
{
    if (config->harts == 0 || config->harts > MAX_FILES)
        return vm_error_set(e, VM_ERR_USAGE, "IMSICs serve 1 to %d harts, not %u", MAX_FILES,
                            config->harts);
    struct imsic *s = vm_device_alloc(m, sizeof *s, imsic_ops.type, e);
    if (!s)
        return VM_ERR_HOST;
    s->machine = m;
    s->base = config->base;
    s->size = window_size(config->harts);
    s->phandle = config->phandle;
    s->cause = config->cause;
    for (uint32_t i = 0; i < config->harts; i++) {
        struct file *f = &s->file[i];
        f->machine = m;
        f->irq = config->irq[i];
        f->lock = vm_device_lock_create(m, imsic_ops.type, e);
        if (!f->lock) {
            imsic_destroy(s);
            return VM_ERR_HOST;
        }
        s->cpu_intc[i] = config->cpu_intc[i];
        s->files = i + 1;
    }
    *out = (struct vm_device){&imsic_ops, s, s->base, s->size};
    return VM_OK;
}
