// SPDX-License-Identifier: MIT
#include "core_rig.h"

#include <stdlib.h>
#include <string.h>

#include <vm/ir/ir.h>

#define AT(field) offsetof(struct rig_state, field)

static const struct vm_register registers[RIG_REGISTERS] = {
    [RIG_PC] = {"pc", AT(pc), VM_I64, VM_REG_PC},   [RIG_A] = {"a", AT(a), VM_I64, VM_REG_GENERAL},
    [RIG_W] = {"w", AT(w), VM_I32, VM_REG_GENERAL}, [RIG_H] = {"h", AT(h), VM_I16, VM_REG_GENERAL},
    [RIG_B] = {"b", AT(b), VM_I8, VM_REG_GENERAL},
};
const struct vm_regfile rig_regfile = {registers, RIG_REGISTERS, RIG_PC, 0,
                                       sizeof(struct rig_state)};

// --- the made-up guest ---

static bool walk(struct vm_vcpu *v, vm_gva gva, enum vm_access access, unsigned index,
                 struct vm_translation *out)
{
    const struct rig *r = rig_of(v);
    (void)index;
    for (unsigned i = 0; i < r->mapping_count; i++) {
        const struct rig_mapping *m = &r->mappings[i];
        if (m->gva != (gva.v & ~(uint64_t)VM_PAGE_MASK) || !(m->allowed & access))
            continue;
        bool upper = m->split && (gva.v & VM_PAGE_MASK) >= RIG_SPLIT;
        *out = (struct vm_translation){vm_gpa_of(m->gpa), m->allowed, VM_PAGE_SHIFT,
                                       upper ? RIG_SPLIT : 0,
                                       m->split && !upper ? RIG_SPLIT - 1 : VM_PAGE_MASK};
        return true;
    }
    vm_vcpu_raise(v, RIG_PAGE_FAULT + access, gva.v);
    return false;
}

static void access_failed(struct vm_vcpu *v, vm_gva gva, enum vm_access access,
                          enum vm_access_error error)
{
    vm_vcpu_raise(v, (error == VM_ACCESS_BUS ? RIG_BUS_ERROR : RIG_MISALIGNED) + access, gva.v);
}

static bool take_exception(struct vm_vcpu *v)
{
    rig_of(v)->exceptions++;
    return !rig_of(v)->answers;
}

static bool take_interrupt(struct vm_vcpu *v)
{
    struct rig *r = rig_of(v);
    bool taken = r->interrupt;
    r->interrupt = false;
    r->interrupts += taken;
    return taken;
}

static bool has_work(struct vm_vcpu *v)
{
    return rig_of(v)->work || atomic_load(&v->irq_lines) != 0;
}

static const struct vm_guest_ops rig_guest = {
    .name = "rig",
    .regfile = &rig_regfile,
    .max_insn = 4,
    .insn_align = 2,
    .walk = walk,
    .access_failed = access_failed,
    .take_exception = take_exception,
    .take_interrupt = take_interrupt,
    .has_work = has_work,
};

// --- the engine of the test ---

static vm_status engine_create(struct vm_vcpu *v, struct vm_error *e)
{
    (void)e;
    v->engine = &rig_of(v)->engine;
    return VM_OK;
}

static void engine_destroy(struct vm_vcpu *v)
{
    v->engine = NULL;
}

static enum vm_engine_exit engine_run(struct vm_vcpu *v)
{
    rig_of(v)->runs++;
    return rig_of(v)->run(v);
}

static void engine_sync_code(struct vm_vcpu *v)
{
    rig_of(v)->syncs++;
}

static void engine_flush(struct vm_vcpu *v)
{
    rig_of(v)->flushes++;
}

static void engine_stats(const struct vm_vcpu *v, struct vm_engine_stats *out)
{
    (void)v;
    *out = (struct vm_engine_stats){0};
}

static const struct vm_engine_ops rig_engine = {
    "rig", engine_create, engine_destroy, engine_run, engine_sync_code, engine_flush, engine_stats};

// --- the device ---

static bool device_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct rig *r = device;
    r->device_reads++;
    r->device_offset = offset;
    r->device_size = size;
    *value = r->device_value;
    return !r->device_refuses;
}

static bool device_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct rig *r = device;
    r->device_writes++;
    r->device_offset = offset;
    r->device_size = size;
    r->device_value = value;
    return !r->device_refuses;
}

static void *device_view(void *device, uint32_t vcpu)
{
    ((struct rig *)device)->device_vcpu = vcpu;
    return device;
}

// --- the machine ---

static void add_memory(struct rig *r)
{
    static const struct vm_mmio_ops ops = {device_read, device_write, device_view};
    struct vm_space *s = &r->machine.space;
    r->ram = aligned_alloc(VM_PAGE_SIZE, RIG_PAGES * VM_PAGE_SIZE);
    r->rom = aligned_alloc(VM_PAGE_SIZE, VM_PAGE_SIZE);
    memset(r->ram, 0, RIG_PAGES * VM_PAGE_SIZE);
    memset(r->rom, 0x5a, VM_PAGE_SIZE);
    assert_int_equal(
        vm_space_add_ram(s, vm_gpa_of(RIG_RAM), RIG_PAGES * VM_PAGE_SIZE, r->ram, "ram", NULL),
        VM_OK);
    assert_int_equal(vm_space_add_rom(s, vm_gpa_of(RIG_ROM), VM_PAGE_SIZE, r->rom, "rom", NULL),
                     VM_OK);
    assert_int_equal(
        vm_space_add_mmio(s, vm_gpa_of(RIG_MMIO), VM_PAGE_SIZE, &ops, r, "device", NULL), VM_OK);
    r->ram_region = vm_space_find(s, vm_gpa_of(RIG_RAM));
}

void rig_init(struct rig *r, unsigned vcpus, const struct vm_guest_ops *guest,
              const struct vm_engine_ops *engine)
{
    memset(r, 0, sizeof *r);
    test_host_init(&r->host);
    r->guest = guest ? *guest : rig_guest;
    if (!r->guest.walk) {
        r->guest.walk = walk;
        r->guest.access_failed = access_failed;
        r->guest.take_exception = take_exception;
        r->guest.take_interrupt = take_interrupt;
        r->guest.has_work = has_work;
    }
    r->engine = engine ? *engine : rig_engine;
    struct vm_error e;
    if (vm_machine_init(&r->machine, &r->host.host, &r->guest, r, &e) != VM_OK)
        fail_msg("%s", e.text);
    add_memory(r);
    for (unsigned i = 0; i < vcpus; i++) {
        if (vm_vcpu_create(&r->machine, i, &r->v[i], &e) != VM_OK)
            fail_msg("%s", e.text);
        r->machine.vcpus[i] = r->v[i];
        r->machine.vcpu_count = i + 1;
        if (r->engine.create(r->v[i], &e) != VM_OK)
            fail_msg("%s", e.text);
    }
}

void rig_destroy(struct rig *r)
{
    vm_machine_destroy(&r->machine);
    test_host_check_released(&r->host);
    free(r->ram);
    free(r->rom);
}

void rig_map(struct rig *r, uint64_t gva, uint64_t gpa, uint8_t allowed)
{
    assert_true(r->mapping_count < RIG_MAPPINGS);
    r->mappings[r->mapping_count++] = (struct rig_mapping){gva, gpa, allowed, false};
}

static uint32_t attr_of(unsigned size)
{
    return VM_IR_MEM((uint32_t)__builtin_ctz(size), 0, VM_IR_RELAXED);
}

bool rig_load(struct vm_vcpu *v, uint64_t gva, unsigned size, uint64_t *value)
{
    const struct vm_tlb_entry *e = &v->tlb.data->read[vm_tlb_index(gva)];
    if (!vm_tlb_hit(e->tag, gva, size))
        return vm_vcpu_load(v, vm_gva_of(gva), attr_of(size), value);
    *value = vm_ram_load((const void *)(uintptr_t)(gva + e->addend), size);
    return true;
}

bool rig_store(struct vm_vcpu *v, uint64_t gva, unsigned size, uint64_t value)
{
    const struct vm_tlb_entry *e = &v->tlb.data->write[vm_tlb_index(gva)];
    if (!vm_tlb_hit(e->tag, gva, size))
        return vm_vcpu_store(v, vm_gva_of(gva), attr_of(size), value);
    vm_ram_store((void *)(uintptr_t)(gva + e->addend), size, value);
    return true;
}

void rig_expect_exception(struct vm_vcpu *v, uint64_t cause, uint64_t value)
{
    assert_true(v->exception.pending);
    assert_int_equal(v->exception.cause, cause);
    assert_int_equal(v->exception.value, value);
    v->exception.pending = false;
}
