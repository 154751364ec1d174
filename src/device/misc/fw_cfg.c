// SPDX-License-Identifier: MIT
//
// QEMU's firmware configuration device (vm/device/fw_cfg.h).
//
// Registers: data at 0 (any size; bytes of the selected item in memory order), selector at 8 (16
// bits), DMA address at 16 (64 bits, or two halves of which the lower one starts the transfer).
// Selector and DMA address are big-endian, as are the DMA structure and the file directory; items
// that are numbers are little-endian. Addresses and lengths are the guest's: memory is only reached
// through the checked accessors of the address space.
//
// Locking: one lock for what the guest changes, also held while a transfer runs. Items do not
// change while the machine runs.
#include "../device.h"

#include <vm/base/bits.h>
#include <vm/device/fw_cfg.h>

enum { DATA = 0, SELECTOR = 8, DMA_HIGH = 16, DMA_LOW = 20 };

enum {
    KEY_MASK = 0x3fff, // without the bits "write" and "architecture's own"
    ID_TRADITIONAL = 1 << 0,
    ID_DMA = 1 << 1,
};

// The DMA structure: control and length, 32 bits each, and the address.
enum {
    DMA_CONTROL = 0,
    DMA_BYTES = 16,
    DMA_ERROR = 1 << 0,
    DMA_READ = 1 << 1,
    DMA_SKIP = 1 << 2,
    DMA_SELECT = 1 << 3,
    DMA_WRITE = 1 << 4,
    DMA_KEY_SHIFT = 16,
};

#define DMA_SIGNATURE UINT64_C(0x51454d5520434647) // "QEMU CFG"

// The directory: a count, then for each file its size, key and name.
enum {
    ENTRY_SIZE = 0,
    ENTRY_KEY = 4,
    ENTRY_NAME = 8,
    ENTRY_BYTES = ENTRY_NAME + VM_FW_CFG_NAME_BYTES,
    DIRECTORY_HEADER = 4,
};

enum { ITEMS = VM_FW_CFG_FILE_FIRST + VM_FW_CFG_MAX_FILES };

struct item {
    const uint8_t *bytes;
    uint32_t size;
    uint8_t number[8]; // where the bytes of a number are
};

struct fw_cfg {
    struct vm_machine *machine;
    struct vm_host_lock *lock;
    vm_gpa base;

    struct item items[ITEMS];
    unsigned files;
    uint8_t directory[DIRECTORY_HEADER + VM_FW_CFG_MAX_FILES * ENTRY_BYTES];

    // Under the lock.
    uint16_t key;    // selected; ITEMS or more: nothing
    uint32_t offset; // of the next byte in it
    uint64_t dma;    // address that is being written
};

static void store_be32(uint8_t *to, uint32_t value)
{
    vm_store_le32(to, __builtin_bswap32(value));
}

// --- items ---

static void set_bytes(struct fw_cfg *f, unsigned key, const void *bytes, size_t size)
{
    f->items[key].bytes = bytes;
    f->items[key].size = (uint32_t)size;
}

static vm_status check_size(uint64_t size, struct vm_error *e)
{
    if (size <= UINT32_MAX)
        return VM_OK;
    return vm_error_set(e, VM_ERR_USAGE, "too large for firmware: an item has less than 4 GiB");
}

vm_status vm_fw_cfg_set(const struct vm_device *fw_cfg, enum vm_fw_cfg_key key, const void *bytes,
                        uint64_t size, struct vm_error *e)
{
    vm_status status = check_size(size, e);
    if (status == VM_OK)
        set_bytes(fw_cfg->device, key, bytes, size);
    return status;
}

void vm_fw_cfg_set_number(const struct vm_device *fw_cfg, enum vm_fw_cfg_key key, uint64_t value,
                          unsigned size)
{
    struct fw_cfg *f = fw_cfg->device;
    vm_store_le64(f->items[key].number, value);
    set_bytes(f, key, f->items[key].number, size);
}

static uint8_t *entry(struct fw_cfg *f, unsigned n)
{
    return f->directory + DIRECTORY_HEADER + (size_t)n * ENTRY_BYTES;
}

static void put_entry(struct fw_cfg *f, unsigned n, uint32_t size)
{
    uint8_t *at = entry(f, n);
    store_be32(at + ENTRY_SIZE, size);
    store_be32(at + ENTRY_KEY, (uint32_t)(VM_FW_CFG_FILE_FIRST + n) << 16);
}

// Makes room for file n: those from there on get the next key each.
static void shift_files(struct fw_cfg *f, unsigned n)
{
    for (unsigned i = f->files; i > n; i--) {
        struct item *to = &f->items[VM_FW_CFG_FILE_FIRST + i];
        *to = to[-1];
        vm_copy(entry(f, i), entry(f, i - 1), ENTRY_BYTES);
        put_entry(f, i, to->size);
    }
    vm_zero(entry(f, n), ENTRY_BYTES);
}

vm_status vm_fw_cfg_add_file(const struct vm_device *fw_cfg, const char *name, const void *bytes,
                             uint64_t size, struct vm_error *e)
{
    struct fw_cfg *f = fw_cfg->device;
    size_t length = vm_text_length(name);
    vm_status status = check_size(size, e);
    if (status != VM_OK)
        return vm_error_prefix(e, status, "fw_cfg file %s", name);
    if (length == 0 || length >= VM_FW_CFG_NAME_BYTES)
        return vm_error_set(e, VM_ERR_USAGE, "fw_cfg file \"%s\": a name has 1 to %d characters",
                            name, VM_FW_CFG_NAME_BYTES - 1);
    if (f->files == VM_FW_CFG_MAX_FILES)
        return vm_error_set(e, VM_ERR_USAGE, "fw_cfg file %s is one more than %d", name,
                            VM_FW_CFG_MAX_FILES);
    unsigned n = 0;
    int order = 1;
    while (n < f->files &&
           (order = vm_text_compare((const char *)entry(f, n) + ENTRY_NAME, name)) < 0)
        n++;
    if (order == 0)
        return vm_error_set(e, VM_ERR_USAGE, "there are two fw_cfg files %s", name);
    shift_files(f, n);
    vm_copy(entry(f, n) + ENTRY_NAME, name, length);
    put_entry(f, n, (uint32_t)size);
    set_bytes(f, VM_FW_CFG_FILE_FIRST + n, bytes, size);
    f->files++;
    store_be32(f->directory, f->files);
    set_bytes(f, VM_FW_CFG_FILE_DIR, f->directory,
              DIRECTORY_HEADER + (size_t)f->files * ENTRY_BYTES);
    return VM_OK;
}

// --- the guest's side ---

static void select_item(struct fw_cfg *f, uint32_t key)
{
    f->key = (uint16_t)(key & KEY_MASK);
    f->offset = 0;
}

// What is left of the selected item: *size bytes at the result.
static const uint8_t *rest(const struct fw_cfg *f, uint32_t *size)
{
    const struct item *i = f->key < ITEMS ? &f->items[f->key] : NULL;
    *size = i ? i->size - f->offset : 0;
    return *size ? i->bytes + f->offset : NULL;
}

static uint64_t read_data(struct fw_cfg *f, unsigned size)
{
    uint64_t value = 0;
    uint32_t left;
    const uint8_t *from = rest(f, &left);
    uint32_t n = left < size ? left : size;
    for (uint32_t i = 0; i < n; i++)
        value |= (uint64_t)from[i] << 8 * i;
    f->offset += n;
    return value;
}

static bool fill_zeros(struct fw_cfg *f, uint64_t to, uint32_t size)
{
    static const uint8_t zeros[VM_PAGE_SIZE];
    while (size > 0) {
        uint32_t n = size < sizeof zeros ? size : (uint32_t)sizeof zeros;
        if (!vm_space_write(&f->machine->space, vm_gpa_of(to), zeros, n))
            return false;
        to += n;
        size -= n;
    }
    return true;
}

// What lies beyond the item's end reads as zeros.
static bool transfer(struct fw_cfg *f, uint32_t control, uint32_t size, uint64_t to)
{
    uint32_t left;
    const uint8_t *from = rest(f, &left);
    uint32_t n = left < size ? left : size;
    if (control & DMA_READ) {
        if (n > 0 && !vm_space_write(&f->machine->space, vm_gpa_of(to), from, n))
            return false;
        f->offset += n;
        return fill_zeros(f, to + n, size - n);
    }
    if (control & DMA_WRITE)
        return size == 0; // no item may be written
    if (control & DMA_SKIP)
        f->offset += n;
    return true;
}

static void run_dma(struct fw_cfg *f, uint64_t at)
{
    uint8_t request[DMA_BYTES], result[4];
    struct vm_space *s = &f->machine->space;
    bool done = vm_space_read(s, vm_gpa_of(at), request, sizeof request);
    if (done) {
        uint32_t control = vm_load_be32(request);
        uint64_t to = (uint64_t)vm_load_be32(request + 8) << 32 | vm_load_be32(request + 12);
        if (control & DMA_SELECT)
            select_item(f, control >> DMA_KEY_SHIFT);
        done = transfer(f, control, vm_load_be32(request + 4), to);
    }
    store_be32(result, done ? 0 : DMA_ERROR);
    // A structure that is not in RAM has no place for its error either.
    (void)vm_space_write(s, vm_gpa_of(at + DMA_CONTROL), result, sizeof result);
}

// --- registers ---

// `size` bytes at `offset` of the big-endian 64-bit register, as a little-endian load gets them.
static uint64_t read_big_endian(uint64_t value, uint64_t offset, unsigned size)
{
    return __builtin_bswap64(value) >> 8 * offset & vm_mask(8 * size);
}

static bool fw_cfg_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct fw_cfg *f = device;
    *value = 0;
    if (offset >= DMA_HIGH) {
        *value = read_big_endian(DMA_SIGNATURE, offset - DMA_HIGH, size);
    } else if (offset < SELECTOR) {
        vm_device_lock(f->machine, f->lock);
        *value = read_data(f, size);
        vm_device_unlock(f->machine, f->lock);
    }
    return true;
}

static void write_register(struct fw_cfg *f, uint64_t offset, unsigned size, uint64_t value)
{
    uint64_t big = __builtin_bswap64(value) >> (64 - 8 * size);
    if (offset == SELECTOR && size == 2) {
        select_item(f, (uint32_t)big);
    } else if (offset == DMA_HIGH && size == 4) {
        f->dma = big << 32;
    } else if ((offset == DMA_LOW && size == 4) || (offset == DMA_HIGH && size == 8)) {
        uint64_t at = size == 8 ? big : f->dma | big;
        f->dma = 0;
        run_dma(f, at);
    }
}

// Writes to the data register have no effect, as in all versions of QEMU since 2.4.
static bool fw_cfg_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct fw_cfg *f = device;
    vm_device_lock(f->machine, f->lock);
    write_register(f, offset, size, value);
    vm_device_unlock(f->machine, f->lock);
    return true;
}

// --- the device ---

static void fw_cfg_reset(void *device)
{
    struct fw_cfg *f = device;
    vm_device_lock(f->machine, f->lock);
    select_item(f, VM_FW_CFG_SIGNATURE);
    f->dma = 0;
    vm_device_unlock(f->machine, f->lock);
}

static int fw_cfg_describe(const void *device, void *fdt)
{
    const struct fw_cfg *f = device;
    struct vm_describe d = {.fdt = fdt};
    vm_describe_begin_at(&d, "fw-cfg", f->base.v);
    vm_describe_text(&d, "compatible", "qemu,fw-cfg-mmio");
    vm_describe_reg(&d, f->base.v, VM_FW_CFG_SIZE);
    vm_describe_flag(&d, "dma-coherent");
    vm_describe_end(&d);
    return d.error;
}

static void fw_cfg_destroy(void *device)
{
    struct fw_cfg *f = device;
    vm_device_lock_destroy(f->machine, f->lock);
    vm_device_release(f->machine, f, sizeof *f);
}

static const struct vm_device_ops fw_cfg_ops = {
    .type = "fw-cfg",
    .mmio = {fw_cfg_read, fw_cfg_write},
    .reset = fw_cfg_reset,
    .destroy = fw_cfg_destroy,
    .describe = fw_cfg_describe,
};

vm_status vm_fw_cfg_create(struct vm_machine *m, vm_gpa base, struct vm_device *out,
                           struct vm_error *e)
{
    struct fw_cfg *f = vm_device_alloc(m, sizeof *f, fw_cfg_ops.type, e);
    if (!f)
        return VM_ERR_HOST;
    f->machine = m;
    f->base = base;
    f->lock = vm_device_lock_create(m, fw_cfg_ops.type, e);
    if (!f->lock) {
        fw_cfg_destroy(f);
        return VM_ERR_HOST;
    }
    *out = (struct vm_device){&fw_cfg_ops, f, base, VM_FW_CFG_SIZE};
    set_bytes(f, VM_FW_CFG_SIGNATURE, "QEMU", 4);
    vm_fw_cfg_set_number(out, VM_FW_CFG_ID, ID_TRADITIONAL | ID_DMA, 4);
    store_be32(f->directory, 0);
    set_bytes(f, VM_FW_CFG_FILE_DIR, f->directory, DIRECTORY_HEADER);
    return VM_OK;
}
