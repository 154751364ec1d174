// SPDX-License-Identifier: MIT
//
// ITS (vm/device/its.h): registers, the tables in the guest's memory, translation.
//
// The guest can write to its tables at any time, so nothing that is read from there is believed:
// each entry is read once, its numbers are checked where they are used, and an entry that makes no
// sense is one that is not mapped. Nothing of the tables is kept.
//
// Locking: one lock for all state, also held while commands are executed and messages translated.
// The GIC's lock comes after it.
#include "its.h"

#include <vm/base/bits.h>

enum {
    FRAME = 0x10000,
    PART = 0x494,

    CTLR = 0x00,
    IIDR = 0x04,
    TYPER = 0x08,
    CBASER = 0x80,
    CWRITER = 0x88,
    CREADR = 0x90,
    BASER = 0x100,

    CTLR_ENABLED = 1 << 0,

    TYPER_PHYSICAL = 1 << 0,
    TYPER_ENTRY_SIZE_SHIFT = 4,
    TYPER_ID_BITS_SHIFT = 8,
    TYPER_DEVICE_BITS_SHIFT = 13,

    BASER_ENTRY_SIZE_SHIFT = 48,
    BASER_TYPE_SHIFT = 56,
    TYPE_DEVICES = 1,
    TYPE_COLLECTIONS = 4,

    QUEUE_PAGE = 0x1000,
};

#define CTLR_QUIESCENT (UINT32_C(1) << 31)
// The size of pages after reset: some software takes what it finds.
#define BASER_PAGES_64K (UINT64_C(2) << 8)
#define BASER_INDIRECT  (UINT64_C(1) << 62)
#define BASER_FIELDS    UINT64_C(0xf8e0ffffffffffff)
#define CBASER_FIELDS   UINT64_C(0xb8effffffffffcff)
#define QUEUE_OFFSET    UINT64_C(0xfffe0)
#define DEVICE_ADDRESS  UINT64_C(0x000fffffffffff00)

// --- tables ---

bool its_load(const struct its *s, vm_gpa at, uint64_t *entry)
{
    uint8_t bytes[ITS_ENTRY_SIZE];
    if (!vm_space_read(&s->machine->space, at, bytes, sizeof bytes))
        return false;
    *entry = vm_load_le64(bytes);
    return true;
}

void its_store(struct its *s, vm_gpa at, uint64_t entry)
{
    uint8_t bytes[ITS_ENTRY_SIZE];
    vm_store_le64(bytes, entry);
    // Where there is no RAM nothing gets mapped, as on a bus that loses the write.
    (void)vm_space_write(&s->machine->space, at, bytes, sizeof bytes);
}

static uint64_t page_size(uint64_t baser)
{
    static const uint32_t sizes[] = {0x1000, 0x4000, 0x10000, 0x10000}; // the last is reserved
    return sizes[baser >> 8 & 3];
}

// With pages of 64 KiB bits [15:12] are bits [51:48] of the address.
static uint64_t table_address(uint64_t baser)
{
    uint64_t address = baser & UINT64_C(0xfffffffff000);
    if (page_size(baser) == 0x10000)
        address = (address & ~UINT64_C(0xffff)) | vm_bits(baser, 12, 4) << 48;
    return address;
}

bool its_find_entry(const struct its *s, enum its_table table, uint64_t number, vm_gpa *at)
{
    uint64_t baser = s->baser[table], page = page_size(baser), per_page = page / ITS_ENTRY_SIZE;
    uint64_t size = (vm_bits(baser, 0, 8) + 1) * page, start = table_address(baser), leaf;
    bool indirect = baser & BASER_INDIRECT;
    uint64_t offset = (indirect ? number / per_page : number) * ITS_ENTRY_SIZE;
    if (!(baser & ITS_VALID) || number >> ITS_NUMBER_BITS || offset >= size)
        return false;
    *at = vm_gpa_of(start + offset);
    if (!indirect)
        return true;
    if (!its_load(s, *at, &leaf) || !(leaf & ITS_VALID))
        return false;
    *at =
        vm_gpa_of((leaf & GICV3_TABLE_ADDRESS & ~(page - 1)) + number % per_page * ITS_ENTRY_SIZE);
    return true;
}

bool its_find_event(const struct its *s, uint64_t device, uint64_t event, vm_gpa *at)
{
    vm_gpa device_at;
    uint64_t entry;
    if (!its_find_entry(s, ITS_DEVICES, device, &device_at) || !its_load(s, device_at, &entry) ||
        !(entry & ITS_VALID) || event >> (vm_bits(entry, 0, 5) + 1))
        return false;
    *at = vm_gpa_of((entry << 3 & DEVICE_ADDRESS) + event * ITS_ENTRY_SIZE);
    return true;
}

bool its_find_cpu(const struct its *s, uint64_t collection, uint32_t *cpu)
{
    vm_gpa at;
    uint64_t entry;
    if (!its_find_entry(s, ITS_COLLECTIONS, collection, &at) || !its_load(s, at, &entry) ||
        !(entry & ITS_VALID))
        return false;
    *cpu = entry & 0xffff;
    return true;
}

bool its_find_route(const struct its *s, uint64_t device, uint64_t event, struct its_route *route)
{
    uint64_t entry;
    if (!its_find_event(s, device, event, &route->at) || !its_load(s, route->at, &entry) ||
        !(entry & ITS_VALID))
        return false;
    route->intid = (uint32_t)entry;
    return its_find_cpu(s, vm_bits(entry, 32, 16), &route->cpu);
}

// --- commands and messages ---

// Executes what is queued. The queue has at most 1 MiB, so this ends.
static void run_commands(struct its *s)
{
    uint64_t size = (vm_bits(s->cbaser, 0, 8) + 1) * QUEUE_PAGE;
    uint64_t start = s->cbaser & GICV3_TABLE_ADDRESS;
    if (!s->enabled || !(s->cbaser & ITS_VALID) || s->cwriter >= size)
        return;
    while (s->creadr != s->cwriter) {
        uint8_t bytes[ITS_COMMAND_SIZE];
        uint64_t command[ITS_COMMAND_SIZE / 8];
        if (vm_space_read(&s->machine->space, vm_gpa_of(start + s->creadr), bytes, sizeof bytes)) {
            for (unsigned i = 0; i < VM_ARRAY_SIZE(command); i++)
                command[i] = vm_load_le64(bytes + 8 * i);
            its_execute(s, command);
        }
        s->creadr = (s->creadr + ITS_COMMAND_SIZE) % size;
    }
    gicv3_lpi_refresh(s->gic);
}

static void translate(struct its *s, uint32_t device, uint32_t event)
{
    struct its_route route;
    if (s->enabled && its_find_route(s, device, event, &route))
        gicv3_lpi_pend(s->gic, route.cpu, route.intid);
}

bool vm_its_message(const struct vm_device *its, uint64_t address, uint32_t data, uint32_t device)
{
    struct its *s = its->device;
    if (address != s->base.v + VM_ITS_TRANSLATER)
        return false;
    vm_device_lock(s->machine, s->lock);
    translate(s, device, data);
    vm_device_unlock(s->machine, s->lock);
    return true;
}

// --- registers ---

static uint64_t read_typer(void)
{
    return TYPER_PHYSICAL | (ITS_ENTRY_SIZE - 1) << TYPER_ENTRY_SIZE_SHIFT |
           (ITS_NUMBER_BITS - 1) << TYPER_ID_BITS_SHIFT |
           (ITS_NUMBER_BITS - 1) << TYPER_DEVICE_BITS_SHIFT;
}

static uint64_t read_baser(const struct its *s, enum its_table table)
{
    uint64_t type = table == ITS_DEVICES ? TYPE_DEVICES : TYPE_COLLECTIONS;
    return s->baser[table] | type << BASER_TYPE_SHIFT |
           (uint64_t)(ITS_ENTRY_SIZE - 1) << BASER_ENTRY_SIZE_SHIFT;
}

// The aligned doubleword at one of the 64-bit registers; others are zero.
static uint64_t read_double(const struct its *s, uint64_t offset)
{
    switch (offset) {
    case TYPER: return read_typer();
    case CBASER: return s->cbaser;
    case CWRITER: return s->cwriter;
    case CREADR: return s->creadr;
    case BASER: return read_baser(s, ITS_DEVICES);
    case BASER + 8: return read_baser(s, ITS_COLLECTIONS);
    default: return 0;
    }
}

static uint32_t read_word(const struct its *s, uint64_t offset)
{
    uint32_t id;
    if (gic_identification(offset, FRAME, PART, GICV3_VERSION, &id))
        return id;
    switch (offset) {
    case CTLR: return s->enabled ? CTLR_ENABLED : CTLR_QUIESCENT;
    case IIDR: return GICV3_IIDR;
    default: return (uint32_t)(read_double(s, offset & ~UINT64_C(7)) >> 8 * (offset & 4));
    }
}

// Where queue and tables are can be changed only while the ITS is off.
static void write_double(struct its *s, uint64_t offset, uint64_t value)
{
    switch (offset) {
    case CBASER:
        if (!s->enabled) {
            s->cbaser = value & CBASER_FIELDS;
            s->creadr = s->cwriter = 0;
        }
        break;
    case CWRITER:
        s->cwriter = value & QUEUE_OFFSET;
        run_commands(s);
        break;
    case BASER:
    case BASER + 8:
        if (!s->enabled)
            s->baser[(offset - BASER) / 8] = value & BASER_FIELDS;
        break;
    default: break;
    }
}

static void write_word(struct its *s, uint64_t offset, uint32_t value)
{
    uint64_t at = offset & ~UINT64_C(7);
    if (offset == CTLR) {
        s->enabled = value & CTLR_ENABLED;
        run_commands(s);
    } else {
        write_double(s, at, vm_set_bits(read_double(s, at), 8 * (offset & 4), 32, value));
    }
}

static bool its_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct its *s = device;
    if (size < 4)
        return false;
    vm_device_lock(s->machine, s->lock);
    *value = 0;
    if (offset < FRAME)
        *value = size == 8 ? read_double(s, offset) : read_word(s, offset);
    vm_device_unlock(s->machine, s->lock);
    return true;
}

// A CPU's write to GITS_TRANSLATER is no device's, and ignored.
static bool its_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct its *s = device;
    if (size < 4)
        return false;
    vm_device_lock(s->machine, s->lock);
    if (offset < FRAME && size == 8)
        write_double(s, offset, value);
    else if (offset < FRAME)
        write_word(s, offset, (uint32_t)value);
    vm_device_unlock(s->machine, s->lock);
    return true;
}

// --- the device ---

static void its_reset(void *device)
{
    struct its *s = device;
    vm_device_lock(s->machine, s->lock);
    s->enabled = false;
    s->cbaser = s->cwriter = s->creadr = 0;
    s->baser[ITS_DEVICES] = s->baser[ITS_COLLECTIONS] = BASER_PAGES_64K;
    vm_device_unlock(s->machine, s->lock);
}

// In the GIC's node, which asks by this; as a device of its own it has none.
static int describe_in_gic(const void *device, void *fdt)
{
    const struct its *s = device;
    struct vm_describe d = {.fdt = fdt};
    vm_describe_begin_at(&d, "msi-controller", s->base.v);
    vm_describe_text(&d, "compatible", "arm,gic-v3-its");
    vm_describe_reg(&d, s->base.v, VM_ITS_SIZE);
    vm_describe_flag(&d, "msi-controller");
    vm_describe_cell(&d, "#msi-cells", 1);
    vm_describe_cell(&d, "phandle", s->phandle);
    vm_describe_end(&d);
    return d.error;
}

static int its_describe(const void *device, void *fdt)
{
    (void)device, (void)fdt;
    return 0;
}

static void its_destroy(void *device)
{
    struct its *s = device;
    gicv3_set_its(s->gic, NULL, NULL);
    vm_device_lock_destroy(s->machine, s->lock);
    vm_device_release(s->machine, s, sizeof *s);
}

static const struct vm_device_ops its_ops = {
    .type = "its",
    .mmio = {its_read, its_write},
    .reset = its_reset,
    .destroy = its_destroy,
    .describe = its_describe,
};

vm_status vm_its_create(struct vm_machine *m, const struct vm_device *gic, vm_gpa base,
                        uint32_t phandle, struct vm_device *out, struct vm_error *e)
{
    struct gicv3 *g = gicv3_of(gic);
    if (!g || !g->has_lpis)
        return vm_error_set(e, VM_ERR_USAGE, "an ITS needs a GICv3 with LPIs");
    struct its *s = vm_device_alloc(m, sizeof *s, its_ops.type, e);
    if (!s)
        return VM_ERR_HOST;
    s->machine = m;
    s->gic = g;
    s->base = base;
    s->phandle = phandle;
    s->lock = vm_device_lock_create(m, its_ops.type, e);
    if (!s->lock) {
        its_destroy(s);
        return VM_ERR_HOST;
    }
    *out = (struct vm_device){&its_ops, s, base, VM_ITS_SIZE};
    gicv3_set_its(g, describe_in_gic, s);
    return VM_OK;
}
