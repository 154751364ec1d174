// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "arm64_rig.h"

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
    struct arm64_rig *r = v->engine_data;
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

static uint8_t *memory(size_t size)
{
    uint8_t *p = aligned_alloc(VM_PAGE_SIZE, size);
    assert_non_null(p);
    memset(p, 0, size);
    return p;
}

static void set_line(void *target, uint32_t line, bool level)
{
    struct arm64_rig *r = target;
    if (line < VM_ARM64_TIMERS)
        r->lines[line] = level;
    else
        r->pmu_line = level;
}

static void add_vcpu(struct arm64_rig *r, unsigned index)
{
    struct vm_error e = {0};
    struct vm_vcpu *v;
    assert_int_equal(vm_vcpu_create(&r->machine, index, &v, &e), VM_OK);
    r->machine.vcpus[r->machine.vcpu_count++] = v;
    v->engine = &engine;
    v->engine_data = r;
    struct vm_arm64_wiring wiring = {
        .timer = {{set_line, r, VM_ARM64_TIMER_PHYSICAL}, {set_line, r, VM_ARM64_TIMER_VIRTUAL}},
        .pmu = {set_line, r, VM_ARM64_TIMERS}};
    vm_arm64_connect(v, &wiring);
    vm_arm64_guest_ops.reset(v, RIG_RAM);
}

void arm_rig_start(struct arm64_rig *r, const char *cpu, unsigned vcpus)
{
    struct vm_error e = {0};
    const struct vm_guest_ops *guest = &vm_arm64_guest_ops;
    void *config;
    *r = (struct arm64_rig){0};
    test_host_init(&r->host);
    r->host.now = 1000000000;
    if (guest->configure(cpu, &r->host.host.allocator, &config, &e) != VM_OK)
        fail_msg("%s", e.text);
    assert_int_equal(vm_machine_init(&r->machine, &r->host.host, guest, config, &e), VM_OK);
    r->ram = memory(RIG_RAM_SIZE);
    r->high = memory(RIG_HIGH_SIZE);
    r->rom = memory(RIG_ROM_SIZE);
    struct vm_space *space = &r->machine.space;
    vm_gpa at = {RIG_RAM}, high = {RIG_HIGH}, rom = {RIG_ROM}, device = {RIG_MMIO};
    assert_int_equal(vm_space_add_ram(space, at, RIG_RAM_SIZE, r->ram, "ram", &e), VM_OK);
    assert_int_equal(vm_space_add_ram(space, high, RIG_HIGH_SIZE, r->high, "high", &e), VM_OK);
    assert_int_equal(vm_space_add_rom(space, rom, RIG_ROM_SIZE, r->rom, "rom", &e), VM_OK);
    assert_int_equal(vm_space_add_mmio(space, device, RIG_MMIO_SIZE, &mmio, r, "device", &e),
                     VM_OK);
    for (unsigned i = 0; i < vcpus; i++)
        add_vcpu(r, i);
    r->v = r->machine.vcpus[0];
    r->s = r->v->state;
}

void arm_rig_stop(struct arm64_rig *r)
{
    void *config = r->machine.config;
    vm_machine_destroy(&r->machine);
    vm_arm64_guest_ops.unconfigure(config, &r->host.host.allocator);
    free(r->ram);
    free(r->high);
    free(r->rom);
    test_host_check_released(&r->host);
}

uint64_t *arm_rig_memory(const struct arm64_rig *r, uint64_t gpa)
{
    if (gpa - RIG_RAM < RIG_RAM_SIZE)
        return (uint64_t *)(void *)(r->ram + (gpa - RIG_RAM));
    if (gpa - RIG_HIGH < RIG_HIGH_SIZE)
        return (uint64_t *)(void *)(r->high + (gpa - RIG_HIGH));
    if (gpa - RIG_ROM < RIG_ROM_SIZE)
        return (uint64_t *)(void *)(r->rom + (gpa - RIG_ROM));
    return NULL;
}

uint64_t arm_rig_call(struct arm64_rig *r, enum a64_helper helper, uint64_t a, uint64_t b,
                      uint64_t c)
{
    r->v->exception.pending = false;
    return a64_helpers[helper].fn(r->v, a, b, c, 0);
}

static uint64_t description(struct arm64_rig *r, unsigned number)
{
    const struct a64_sysreg *row = a64_find_sysreg(a64_config_of(r->v), (uint16_t)number);
    assert_non_null(row);
    return a64_sysreg_index(row) | (uint64_t)number << 16 | (uint64_t)0x123 << 32;
}

static void check_quiet(const struct arm64_rig *r, const char *what, unsigned number)
{
    if (r->v->exception.pending)
        fail_msg("%s of register %#x raised %#lx", what, number,
                 (unsigned long)r->v->exception.cause);
}

uint64_t arm_rig_read(struct arm64_rig *r, unsigned number)
{
    uint64_t what = description(r, number);
    uint64_t value = arm_rig_call(r, A64_HELP_sysreg_read, what, r->icount++, 0);
    check_quiet(r, "read", number);
    return value;
}

void arm_rig_write(struct arm64_rig *r, unsigned number, uint64_t value)
{
    arm_rig_call(r, A64_HELP_sysreg_write, description(r, number), r->icount++, value);
    check_quiet(r, "write", number);
}

bool arm_rig_traps(struct arm64_rig *r, unsigned number, bool write)
{
    uint64_t what = description(r, number);
    arm_rig_call(r, write ? A64_HELP_sysreg_write : A64_HELP_sysreg_read, what, r->icount, 0);
    bool raised = r->v->exception.pending;
    if (raised)
        assert_int_equal(r->v->exception.cause, A64_ESR(A64_EC_SYSREG, 0x123));
    r->v->exception.pending = false;
    return raised;
}

void arm_rig_set_el(struct arm64_rig *r, unsigned el)
{
    a64_bank_sp(r->s);
    r->s->el = el;
    a64_unbank_sp(r->s);
    a64_sync(r->v);
}

void arm_rig_take(struct arm64_rig *r, uint64_t cause, uint64_t value)
{
    vm_vcpu_raise(r->v, cause, value);
    assert_true(a64_take_exception(r->v));
}
