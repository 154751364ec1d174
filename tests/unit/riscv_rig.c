// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "riscv_rig.h"

static vm_status engine_create(struct vm_vcpu *v, struct vm_error *e)
{
    (void)v;
    (void)e;
    return VM_OK;
}

static void engine_destroy(struct vm_vcpu *v)
{
    (void)v;
}

static void engine_sync_code(struct vm_vcpu *v)
{
    struct riscv_rig *r = v->engine_data;
    r->code_syncs++;
}

static void engine_flush(struct vm_vcpu *v)
{
    (void)v;
}

static const struct vm_engine_ops engine = {
    .name = "none",
    .create = engine_create,
    .destroy = engine_destroy,
    .sync_code = engine_sync_code,
    .flush = engine_flush,
};

// A device of one register that takes everything.
static bool mmio_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)device;
    (void)size;
    *value = offset;
    return true;
}

static bool mmio_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    (void)device;
    (void)offset;
    (void)size;
    (void)value;
    return true;
}

static const struct vm_mmio_ops mmio = {mmio_read, mmio_write};

static uint8_t *page_memory(size_t size)
{
    uint8_t *p = aligned_alloc(VM_PAGE_SIZE, size);
    assert_non_null(p);
    memset(p, 0, size);
    return p;
}

void rig_start(struct riscv_rig *r, const char *cpu)
{
    struct vm_error e = {0};
    const struct vm_guest_ops *guest = &vm_riscv64_guest_ops;
    void *config;
    *r = (struct riscv_rig){0};
    test_host_init(&r->host);
    r->host.now = 1000000000;
    if (guest->configure(cpu, &r->host.host.allocator, &config, &e) != VM_OK)
        fail_msg("%s", e.text);
    assert_int_equal(vm_machine_init(&r->machine, &r->host.host, guest, config, &e), VM_OK);
    r->ram = page_memory(RIG_RAM_SIZE);
    r->high = page_memory(RIG_HIGH_SIZE);
    r->rom = page_memory(RIG_ROM_SIZE);
    struct vm_space *space = &r->machine.space;
    vm_gpa at = {RIG_RAM}, high = {RIG_HIGH}, rom = {RIG_ROM}, device = {RIG_MMIO};
    assert_int_equal(vm_space_add_ram(space, at, RIG_RAM_SIZE, r->ram, "ram", &e), VM_OK);
    assert_int_equal(vm_space_add_ram(space, high, RIG_HIGH_SIZE, r->high, "high", &e), VM_OK);
    assert_int_equal(vm_space_add_rom(space, rom, RIG_ROM_SIZE, r->rom, "rom", &e), VM_OK);
    assert_int_equal(vm_space_add_mmio(space, device, RIG_MMIO_SIZE, &mmio, r, "device", &e),
                     VM_OK);
    assert_int_equal(vm_vcpu_create(&r->machine, 0, &r->v, &e), VM_OK);
    r->machine.vcpus[r->machine.vcpu_count++] = r->v;
    r->v->engine = &engine;
    r->v->engine_data = r;
    r->s = r->v->state;
    guest->reset(r->v, RIG_RAM);
}

void rig_stop(struct riscv_rig *r)
{
    void *config = r->machine.config;
    vm_machine_destroy(&r->machine);
    vm_riscv64_guest_ops.unconfigure(config, &r->host.host.allocator);
    free(r->ram);
    free(r->high);
    free(r->rom);
    test_host_check_released(&r->host);
}

uint64_t *rig_memory(const struct riscv_rig *r, uint64_t gpa)
{
    if (gpa - RIG_RAM < RIG_RAM_SIZE)
        return (uint64_t *)(void *)(r->ram + (gpa - RIG_RAM));
    if (gpa - RIG_HIGH < RIG_HIGH_SIZE)
        return (uint64_t *)(void *)(r->high + (gpa - RIG_HIGH));
    if (gpa - RIG_ROM < RIG_ROM_SIZE)
        return (uint64_t *)(void *)(r->rom + (gpa - RIG_ROM));
    return NULL;
}

uint64_t rig_call(struct riscv_rig *r, enum rv_helper helper, uint64_t a, uint64_t b, uint64_t c)
{
    r->v->exception.pending = false;
    return rv_helpers[helper].fn(r->v, a, b, c, 0);
}

static void check_quiet(const struct riscv_rig *r, const char *what, unsigned csr)
{
    if (r->v->exception.pending)
        fail_msg("%s of CSR %#x raised cause %d", what, csr, (int)r->v->exception.cause);
}

uint64_t rig_read(struct riscv_rig *r, unsigned csr)
{
    uint64_t value = rig_call(r, RV_CSR_READ, csr, r->icount, 0);
    check_quiet(r, "read", csr);
    return value;
}

void rig_write(struct riscv_rig *r, unsigned csr, uint64_t value)
{
    rig_call(r, RV_CSR_WRITE, csr, value, r->icount);
    check_quiet(r, "write", csr);
}

bool rig_csr_illegal(struct riscv_rig *r, enum rv_helper helper, unsigned csr)
{
    if (helper == RV_CSR_READ)
        rig_call(r, helper, csr, r->icount, 0);
    else
        rig_call(r, helper, csr, 0, r->icount);
    bool raised = r->v->exception.pending;
    if (raised)
        assert_int_equal(r->v->exception.cause, RV_CAUSE_ILLEGAL);
    r->v->exception.pending = false;
    return raised;
}

void rig_set_privilege(struct riscv_rig *r, unsigned privilege)
{
    r->s->privilege = privilege;
    rv_sync(r->v);
}
