// SPDX-License-Identifier: MIT
//
// What the machine gets from outside the vCPU during a check, noted, and given to its copy again,
// in the same order: accesses to devices, to registers that devices implement and to interrupt
// wires, calls of firmware, interrupts, random numbers.
#include <vm/base/memory.h>
#include <vm/ir/ir.h>

#include "check.h"

static struct check *check_of(const struct vm_vcpu *v)
{
    return ((struct vm *)v->machine->host->context)->check;
}

// --- noting ---

static struct check_event *note(struct check *c, enum check_event_kind kind)
{
    if (c->event_count == c->event_capacity) {
        uint32_t capacity = c->event_capacity ? c->event_capacity * 2 : 64;
        struct check_event *more =
            vm_arena_alloc(&c->arena, capacity * sizeof *more, _Alignof(struct check_event));
        if (!more) {
            c->out_of_memory = true;
            return &c->nowhere;
        }
        vm_copy(more, c->events, c->event_count * sizeof *more);
        c->events = more;
        c->event_capacity = capacity;
    }
    struct check_event *e = &c->events[c->event_count++];
    *e = (struct check_event){.kind = kind};
    return e;
}

static void note_bytes(struct check *c, struct check_event *e, const void *bytes, size_t size)
{
    e->bytes = vm_arena_alloc(&c->arena, size, 16);
    e->size = size;
    if (e->bytes)
        vm_copy(e->bytes, bytes, size);
    else
        c->out_of_memory = true;
}

// What devices write between steps, the copy gets at once.
static void note_memory(void *context, vm_gpa gpa, const void *bytes, size_t size)
{
    struct check *c = context;
    if (!c->leading) {
        (void)vm_space_write(&c->copy.space, gpa, bytes, size);
        return;
    }
    struct check_event *e = note(c, CHECK_MEMORY);
    e->gpa = gpa.v;
    note_bytes(c, e, bytes, size);
}

static struct check_event *note_register(struct check *c, enum check_event_kind kind,
                                         uint32_t number, uint64_t value, bool taken)
{
    struct check_event *e = note(c, kind);
    e->gpa = number;
    e->value = value;
    e->taken = taken;
    e->irq_lines = atomic_load(&c->a->irq_lines);
    return e;
}

static bool note_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    const struct check_device *d = device;
    bool taken = d->real.ops->read(d->real.device, offset, size, value);
    struct check_event *e = note(d->check, CHECK_READ);
    e->gpa = d->real.base.v + offset;
    e->size = size;
    e->value = *value;
    e->taken = taken;
    e->irq_lines = atomic_load(&d->check->a->irq_lines);
    return taken;
}

static bool note_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    const struct check_device *d = device;
    bool taken = d->real.ops->write(d->real.device, offset, size, value);
    struct check_event *e = note(d->check, CHECK_WRITE);
    e->gpa = d->real.base.v + offset;
    e->size = size;
    e->value = value;
    e->taken = taken;
    e->irq_lines = atomic_load(&d->check->a->irq_lines);
    return taken;
}

// A register of one of the devices behind the links.
static uint32_t name_of(const struct check_link *r, uint16_t number)
{
    return r->link << 16 | number;
}

static bool note_register_read(void *context, uint32_t cpu, uint16_t number, uint64_t *value)
{
    const struct check_link *r = context;
    bool taken = r->real.ops->read(r->real.device, cpu, number, value);
    note_register(r->check, CHECK_REGISTER_READ, name_of(r, number), *value, taken);
    return taken;
}

static bool note_register_write(void *context, uint32_t cpu, uint16_t number, uint64_t value)
{
    const struct check_link *r = context;
    bool taken = r->real.ops->write(r->real.device, cpu, number, value);
    note_register(r->check, CHECK_REGISTER_WRITE, name_of(r, number), value, taken);
    return taken;
}

static bool note_register_exchange(void *context, uint32_t cpu, uint16_t number, uint64_t value,
                                   uint64_t mask, uint64_t *old)
{
    const struct check_link *r = context;
    bool taken = r->real.ops->exchange(r->real.device, cpu, number, value, mask, old);
    struct check_event *e =
        note_register(r->check, CHECK_REGISTER_EXCHANGE, name_of(r, number), *old, taken);
    e->given = value & mask;
    e->mask = mask;
    return taken;
}

static void note_wire(void *context, uint32_t wire, bool level)
{
    struct check *c = context;
    vm_irq_set(&c->wires[wire], level);
    if (c->leading && !c->outside)
        note_register(c, CHECK_WIRE, wire, level, true);
}

static void note_firmware(struct vm_vcpu *v, void *context)
{
    struct check *c = context;
    c->outside = true;
    c->firmware.call(v, c->firmware.context);
    c->outside = false;
    struct check_event *e = note(c, CHECK_FIRMWARE);
    e->irq_lines = atomic_load(&v->irq_lines);
    note_bytes(c, e, v->state, v->guest->regfile->state_size);
}

static bool note_interrupt(struct vm_vcpu *v)
{
    struct check *c = check_of(v);
    struct check_event e = {
        .kind = CHECK_INTERRUPT, .icount = v->icount, .exceptions = v->stats.exceptions};
    vm_copy(c->interrupted, v->state, v->guest->regfile->state_size);
    c->outside = true;
    bool taken = c->vm->guest->take_interrupt(v);
    c->outside = false;
    if (!taken)
        return false;
    e.irq_lines = atomic_load(&v->irq_lines);
    note_bytes(c, &e, c->interrupted, v->guest->regfile->state_size);
    *note(c, CHECK_INTERRUPT) = e;
    return true;
}

// --- replaying ---

// Memory that was written on the way to the event aside.
static const struct check_event *next_event(const struct check *c)
{
    uint32_t i = c->replayed;
    while (i < c->event_count && c->events[i].kind == CHECK_MEMORY)
        i++;
    return i < c->event_count ? &c->events[i] : NULL;
}

static void pass_event(struct check *c)
{
    for (; c->events[c->replayed].kind == CHECK_MEMORY; c->replayed++) {
        const struct check_event *e = &c->events[c->replayed];
        (void)vm_space_write(&c->copy.space, vm_gpa_of(e->gpa), e->bytes, e->size);
    }
    c->replayed++;
}

static const struct check_event *replay(struct check *c, enum check_event_kind kind)
{
    static const char *const not_made[] = {
        [CHECK_READ] = "an access to a device that the engine did not make",
        [CHECK_WRITE] = "an access to a device that the engine did not make",
        [CHECK_REGISTER_READ] = "an access to a device's register that the engine did not make",
        [CHECK_REGISTER_WRITE] = "an access to a device's register that the engine did not make",
        [CHECK_REGISTER_EXCHANGE] = "an access to a device's register that the engine did not make",
        [CHECK_WIRE] = "an interrupt wire that the engine did not set",
        [CHECK_FIRMWARE] = "a call of firmware that the engine did not make",
    };
    const struct check_event *e = next_event(c);
    if (!e || e->kind != kind) {
        if (!c->problem)
            c->problem = not_made[kind];
        return NULL;
    }
    pass_event(c);
    atomic_store(&c->b->irq_lines, e->irq_lines);
    return e;
}

static bool replay_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    const struct check_device *d = device;
    const struct check_event *e = replay(d->check, CHECK_READ);
    if (e && (e->gpa != d->real.base.v + offset || e->size != size) && !d->check->problem)
        d->check->problem = "the address of a read from a device";
    *value = e ? e->value : 0;
    return e && e->taken;
}

static bool replay_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    const struct check_device *d = device;
    const struct check_event *e = replay(d->check, CHECK_WRITE);
    if (e && (e->gpa != d->real.base.v + offset || e->size != size || e->value != value) &&
        !d->check->problem)
        d->check->problem = "the address or value of a write to a device";
    return e && e->taken;
}

void check_set_registers(struct vm_vcpu *v, const void *state)
{
    const struct vm_regfile *r = v->guest->regfile;
    for (uint16_t i = 0; i < r->count; i++)
        vm_copy((char *)v->state + r->registers[i].offset,
                (const char *)state + r->registers[i].offset,
                vm_ir_type_bytes((enum vm_type)r->registers[i].type));
    v->guest->sync(v);
}

static bool replay_register_read(void *context, uint32_t cpu, uint16_t number, uint64_t *value)
{
    const struct check_link *r = context;
    struct check *c = r->check;
    const struct check_event *e = replay(c, CHECK_REGISTER_READ);
    (void)cpu;
    if (e && e->gpa != name_of(r, number) && !c->problem)
        c->problem = "the number of a device's register that is read";
    *value = e ? e->value : 0;
    return e && e->taken;
}

static bool replay_register_write(void *context, uint32_t cpu, uint16_t number, uint64_t value)
{
    const struct check_link *r = context;
    struct check *c = r->check;
    const struct check_event *e = replay(c, CHECK_REGISTER_WRITE);
    (void)cpu;
    if (e && (e->gpa != name_of(r, number) || e->value != value) && !c->problem)
        c->problem = "the number or value of a device's register that is written";
    return e && e->taken;
}

static bool replay_register_exchange(void *context, uint32_t cpu, uint16_t number, uint64_t value,
                                     uint64_t mask, uint64_t *old)
{
    const struct check_link *r = context;
    struct check *c = r->check;
    const struct check_event *e = replay(c, CHECK_REGISTER_EXCHANGE);
    (void)cpu;
    if (e && (e->gpa != name_of(r, number) || e->mask != mask || e->given != (value & mask)) &&
        !c->problem)
        c->problem = "the number or value of a device's register that is exchanged";
    *old = e ? e->value : 0;
    return e && e->taken;
}

static void replay_wire(void *context, uint32_t wire, bool level)
{
    struct check *c = context;
    if (c->outside)
        return;
    const struct check_event *e = replay(c, CHECK_WIRE);
    if (e && (e->gpa != wire || e->value != level) && !c->problem)
        c->problem = "the level of an interrupt wire";
}

// Firmware may have asked for flushes.
static void replay_firmware(struct vm_vcpu *v, void *context)
{
    struct check *c = context;
    const struct check_event *e = replay(c, CHECK_FIRMWARE);
    if (!e)
        return;
    c->outside = true;
    check_set_registers(v, e->bytes);
    c->outside = false;
    vm_tlb_flush_all(&v->tlb);
    v->engine->sync_code(v);
}

// Whether the vCPU has yet to do as much of the instruction at its PC, which may be left unfinished
// and begun again, as was done for the state. It is made to leave after the next piece then.
static bool goes_on(const struct check *c, struct vm_vcpu *v, const void *state)
{
    if (!state || check_registers(c, state, v->state) < 0)
        return false;
    v->insn_limit = v->icount + 1;
    atomic_fetch_or(&v->request, VM_REQUEST_IRQ);
    return true;
}

static bool replay_interrupt(struct vm_vcpu *v)
{
    struct check *c = check_of(v);
    if (c->finishing) {
        if (v->icount != c->a->icount || !goes_on(c, v, c->a->state))
            v->insn_limit = v->icount;
        return false;
    }
    const struct check_event *e = next_event(c);
    if (!e || e->kind != CHECK_INTERRUPT || e->icount != v->icount ||
        e->exceptions != v->stats.exceptions || goes_on(c, v, e->bytes))
        return false;
    pass_event(c);
    c->outside = true;
    bool taken = c->vm->guest->take_interrupt(v);
    c->outside = false;
    if (!taken && !c->problem)
        c->problem = "an interrupt that only the engine takes";
    atomic_store(&v->irq_lines, e->irq_lines);
    return true;
}

bool check_is_late(const struct check *c)
{
    const struct check_event *e = next_event(c);
    return e && e->kind == CHECK_INTERRUPT && e->icount < c->b->icount;
}

// Where the machine's step ended with an exception, the copy's must end there, too.
static bool replay_exception(struct vm_vcpu *v)
{
    const struct check *c = check_of(v);
    bool trap = c->vm->guest->take_exception(v);
    if (v->stats.exceptions == c->a->stats.exceptions && v->icount == c->a->icount)
        v->insn_limit = v->icount;
    return trap;
}

// --- random numbers ---

static void fill(uint64_t *count, uint8_t *to, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)(++*count * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

static void random_of_machine(void *context, void *to, size_t size)
{
    fill(&((struct vm *)context)->check->random, to, size);
}

static void random_of_copy(void *context, void *to, size_t size)
{
    fill(&((struct vm *)context)->check->copy_random, to, size);
}

// --- hooks ---

const struct vm_mmio_ops check_note_mmio = {note_read, note_write};
const struct vm_mmio_ops check_replay_mmio = {replay_read, replay_write};

void check_hook_guests(struct check *c)
{
    c->guest.take_interrupt = note_interrupt;
    c->copy_guest.take_interrupt = replay_interrupt;
    c->copy_guest.take_exception = replay_exception;
    c->host.random = random_of_machine;
    c->copy_host.random = random_of_copy;
}

static struct vm_links links_of(struct vm_vcpu *v)
{
    struct vm_links links = {.register_count = 0};
    if (v->guest->links)
        v->guest->links(v, &links);
    return links;
}

static void hook_links(struct check *c)
{
    static const struct vm_register_ops note_ops = {note_register_read, note_register_write,
                                                    note_register_exchange};
    static const struct vm_register_ops replay_ops = {replay_register_read, replay_register_write,
                                                      replay_register_exchange};
    struct vm_links a = links_of(c->a), b = links_of(c->b);
    for (uint32_t i = 0; i < a.register_count; i++) {
        struct check_link *r = &c->registers[i];
        *r = (struct check_link){c, i, *a.registers[i]};
        if (!r->real.ops)
            continue;
        *a.registers[i] = (struct vm_register_device){&note_ops, r};
        *b.registers[i] = (struct vm_register_device){&replay_ops, r};
    }
    for (uint32_t i = 0; i < a.wire_count; i++) {
        c->wires[i] = *a.wires[i];
        *a.wires[i] = (struct vm_irq){note_wire, c, i};
        *b.wires[i] = (struct vm_irq){replay_wire, c, i};
    }
}

void check_hook_machines(struct check *c)
{
    struct vm_machine *m = &c->vm->machine;
    c->firmware = m->firmware;
    if (c->firmware.call) {
        m->firmware = (struct vm_firmware){note_firmware, c};
        c->copy.firmware = (struct vm_firmware){replay_firmware, c};
    }
    m->guest = c->a->guest = &c->guest;
    m->host = &c->host;
    m->space.watch = (struct vm_space_watch){note_memory, c};
    hook_links(c);
    c->hooked = true;
}

void check_unhook_machine(struct check *c)
{
    struct vm_machine *m = &c->vm->machine;
    if (!c->hooked)
        return;
    struct vm_links a = links_of(c->a);
    for (uint32_t i = 0; i < a.register_count; i++)
        *a.registers[i] = c->registers[i].real;
    for (uint32_t i = 0; i < a.wire_count; i++)
        *a.wires[i] = c->wires[i];
    m->space.watch = (struct vm_space_watch){NULL};
    m->firmware = c->firmware;
    m->guest = c->a->guest = c->vm->guest;
    m->host = &c->vm->host;
}
