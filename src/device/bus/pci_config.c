// SPDX-License-Identifier: MIT
//
// A function's configuration space: bytes, with a mask of what the guest can write, and what
// follows from them.
#include "pci.h"

static void set16(uint8_t *config, uint32_t offset, uint16_t value)
{
    vm_store_le16(config + offset, value);
}

static void fill_header(struct vm_pci_function *f, const struct vm_pci_function_config *c)
{
    set16(f->config, VENDOR_ID, c->vendor_id);
    set16(f->config, DEVICE_ID, c->device_id);
    f->config[REVISION_ID] = c->revision;
    f->config[CLASS_CODE] = (uint8_t)c->class_code;
    set16(f->config, CLASS_CODE + 1, (uint16_t)(c->class_code >> 8));
    set16(f->config, SUBSYSTEM_VENDOR_ID, c->subsystem_vendor_id);
    set16(f->config, SUBSYSTEM_ID, c->subsystem_id);
    f->writable[CACHE_LINE_SIZE] = 0xff;
    f->writable[INTERRUPT_LINE] = 0xff;
    uint16_t command = COMMAND_BUS_MASTER;
    if (c->interrupts) {
        f->config[INTERRUPT_PIN] = 1;
        command |= COMMAND_INTX_DISABLE;
    }
    set16(f->writable, COMMAND, command);
}

vm_status vm_pci_function_create(struct vm_pci_host *host,
                                 const struct vm_pci_function_config *config,
                                 struct vm_pci_function **out, struct vm_error *e)
{
    struct vm_machine *m = host->machine;
    struct vm_pci_function *f = vm_device_alloc(m, sizeof *f, config->ops->type, e);
    if (!f)
        return VM_ERR_HOST;
    f->host = host;
    f->ops = config->ops;
    f->device = config->device;
    f->capability_end = HEADER_SIZE;
    f->lock = vm_device_lock_create(m, config->ops->type, e);
    if (!f->lock) {
        vm_device_release(m, f, sizeof *f);
        return VM_ERR_HOST;
    }
    fill_header(f, config);
    *out = f;
    return VM_OK;
}

void vm_pci_function_destroy(struct vm_pci_function *f)
{
    if (!f)
        return;
    struct vm_machine *m = f->host->machine;
    if (f->ops->destroy)
        f->ops->destroy(f->device);
    vm_device_lock_destroy(m, f->lock);
    vm_device_release(m, f, sizeof *f);
}

// --- set-up ---

vm_status vm_pci_add_capability(struct vm_pci_function *f, uint8_t id, const void *body,
                                unsigned size, uint32_t *at, struct vm_error *e)
{
    uint32_t start = f->capability_end;
    if (size > CONFIG_SIZE || start + 2 + size > CONFIG_SIZE)
        return vm_error_set(e, VM_ERR_USAGE, "device %s: no room for capability %#x", f->ops->type,
                            id);
    uint32_t link = f->last_capability ? f->last_capability + 1 : CAPABILITIES;
    f->config[link] = (uint8_t)start;
    f->config[start] = id;
    vm_copy(f->config + start + 2, body, size);
    f->config[STATUS] |= STATUS_CAPABILITIES;
    f->last_capability = start;
    f->capability_end = (start + 2 + size + 3) & ~3u; // they are aligned to doublewords
    *at = start;
    return VM_OK;
}

void vm_pci_set_writable(struct vm_pci_function *f, uint32_t offset, unsigned size, uint32_t mask)
{
    for (unsigned i = 0; i < size; i++)
        f->writable[offset + i] = (uint8_t)(mask >> 8 * i);
}

// --- the device's side ---

static uint32_t load(const struct vm_pci_function *f, uint32_t offset, unsigned size)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)f->config[offset + i] << 8 * i;
    return value;
}

uint32_t vm_pci_get_config(struct vm_pci_function *f, uint32_t offset, unsigned size)
{
    pci_lock(f);
    uint32_t value = load(f, offset, size);
    pci_unlock(f);
    return value;
}

void vm_pci_set_config(struct vm_pci_function *f, uint32_t offset, unsigned size, uint32_t value)
{
    pci_lock(f);
    for (unsigned i = 0; i < size; i++)
        f->config[offset + i] = (uint8_t)(value >> 8 * i);
    pci_unlock(f);
}

bool vm_pci_is_bus_master(const struct vm_pci_function *f)
{
    return atomic_load(&f->bus_master);
}

// --- INTx (6.2.4: the status bit tells the level, whether or not it gets out) ---

static void update_intx(struct vm_pci_function *f)
{
    if (f->intx)
        f->config[STATUS] |= STATUS_INTERRUPT;
    else
        f->config[STATUS] &= (uint8_t)~STATUS_INTERRUPT;
    pci_drive(f, f->intx && !(pci_command(f) & COMMAND_INTX_DISABLE) && !pci_msix_enabled(f));
}

void vm_pci_set_intx(struct vm_pci_function *f, bool level)
{
    pci_lock(f);
    f->intx = level;
    update_intx(f);
    pci_unlock(f);
}

// --- the guest's side ---

// Has everything follow the configuration as it is now; returns whether bus mastering changed.
static bool apply(struct vm_pci_function *f)
{
    bool master = pci_command(f) & COMMAND_BUS_MASTER;
    bool changed = atomic_exchange(&f->bus_master, master) != master;
    pci_bars_update(f);
    pci_msix_update(f);
    update_intx(f);
    return changed;
}

uint32_t pci_config_read(struct vm_pci_function *f, uint32_t offset, unsigned size)
{
    if (f->ops->config_reading)
        f->ops->config_reading(f->device, offset, size);
    return vm_pci_get_config(f, offset, size);
}

void pci_config_write(struct vm_pci_function *f, uint32_t offset, unsigned size, uint32_t value)
{
    pci_lock(f);
    for (unsigned i = 0; i < size; i++) {
        uint8_t mask = f->writable[offset + i], *byte = &f->config[offset + i];
        *byte = (uint8_t)((*byte & ~mask) | (value >> 8 * i & mask));
    }
    bool changed = apply(f);
    pci_unlock(f);
    if (changed && f->ops->bus_master)
        f->ops->bus_master(f->device);
    if (f->ops->config_written)
        f->ops->config_written(f->device, offset, size);
}

// The device first: it stops while it may still do what it was set up for.
void pci_config_reset(struct vm_pci_function *f)
{
    if (f->ops->reset)
        f->ops->reset(f->device);
    pci_lock(f);
    f->intx = false;
    for (unsigned i = 0; i < CONFIG_SIZE; i++)
        f->config[i] &= (uint8_t)~f->writable[i];
    pci_msix_reset(f);
    apply(f);
    pci_unlock(f);
}
