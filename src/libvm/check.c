// SPDX-License-Identifier: MIT
//
// The check of an engine (vm/libvm/check.h). The machine leads; what it gets from devices, firmware
// and interrupt lines is noted, and its copy, on the interpreter, is given the same at the same
// places. The clock stands still during a step, so time is no input.
#include "check.h"

#include <vm/base/format.h>
#include <vm/base/memory.h>
#include <vm/ir/ir.h>
#include <vm/osal/clock.h>

#ifdef VM_ENGINE_INTERPRETER
#include <vm/engine-interpreter/interpreter.h>
#endif

enum {
    TICK = 2000000,     // ns of a step, where the engine does not come back by itself
    PAGE_STEPS = 65536, // steps between comparisons of memory, of a block each
    SCRATCH = 64 << 10,
};

static struct check *check_of(const struct vm_vcpu *v)
{
    return ((struct vm *)v->machine->host->context)->check;
}

// --- noting ---

struct check_event *check_note(struct check *c, enum check_event_kind kind)
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

static bool note_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    const struct check_device *d = device;
    bool taken = d->real.ops->read(d->real.device, offset, size, value);
    struct check_event *e = check_note(d->check, CHECK_READ);
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
    struct check_event *e = check_note(d->check, CHECK_WRITE);
    e->gpa = d->real.base.v + offset;
    e->size = size;
    e->value = value;
    e->taken = taken;
    e->irq_lines = atomic_load(&d->check->a->irq_lines);
    return taken;
}

static void note_firmware(struct vm_vcpu *v, void *context)
{
    struct check *c = context;
    c->firmware.call(v, c->firmware.context);
    struct check_event *e = check_note(c, CHECK_FIRMWARE);
    e->irq_lines = atomic_load(&v->irq_lines);
    e->registers = vm_arena_alloc(&c->arena, v->guest->regfile->state_size, 16);
    if (e->registers)
        vm_copy(e->registers, v->state, v->guest->regfile->state_size);
    else
        c->out_of_memory = true;
}

static bool note_interrupt(struct vm_vcpu *v)
{
    struct check *c = check_of(v);
    uint64_t icount = v->icount, exceptions = v->stats.exceptions;
    if (!c->vm->guest->take_interrupt(v))
        return false;
    struct check_event *e = check_note(c, CHECK_INTERRUPT);
    e->icount = icount;
    e->exceptions = exceptions;
    e->irq_lines = atomic_load(&v->irq_lines);
    return true;
}

// --- replaying ---

static const struct check_event *next_event(const struct check *c)
{
    return c->replayed < c->event_count ? &c->events[c->replayed] : NULL;
}

const struct check_event *check_replay(struct check *c, enum check_event_kind kind)
{
    const struct check_event *e = next_event(c);
    if (!e || e->kind != kind) {
        if (!c->problem)
            c->problem = kind == CHECK_FIRMWARE ? "a call of firmware that the engine did not make"
                                                : "an access to a device that the engine did not "
                                                  "make";
        return NULL;
    }
    c->replayed++;
    atomic_store(&c->b->irq_lines, e->irq_lines);
    return e;
}

static bool replay_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    const struct check_device *d = device;
    const struct check_event *e = check_replay(d->check, CHECK_READ);
    if (e && (e->gpa != d->real.base.v + offset || e->size != size) && !d->check->problem)
        d->check->problem = "the address of a read from a device";
    *value = e ? e->value : 0;
    return e && e->taken;
}

static bool replay_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    const struct check_device *d = device;
    const struct check_event *e = check_replay(d->check, CHECK_WRITE);
    if (e && (e->gpa != d->real.base.v + offset || e->size != size || e->value != value) &&
        !d->check->problem)
        d->check->problem = "the address or value of a write to a device";
    return e && e->taken;
}

static void set_registers(struct vm_vcpu *v, const void *state)
{
    const struct vm_regfile *r = v->guest->regfile;
    for (uint16_t i = 0; i < r->count; i++)
        vm_copy((char *)v->state + r->registers[i].offset,
                (const char *)state + r->registers[i].offset,
                vm_ir_type_bytes((enum vm_type)r->registers[i].type));
    v->guest->sync(v);
}

// Firmware may have asked for flushes.
static void replay_firmware(struct vm_vcpu *v, void *context)
{
    const struct check_event *e = check_replay(context, CHECK_FIRMWARE);
    if (!e)
        return;
    set_registers(v, e->registers);
    vm_tlb_flush_all(&v->tlb);
    v->engine->sync_code(v);
}

static bool replay_interrupt(struct vm_vcpu *v)
{
    struct check *c = check_of(v);
    const struct check_event *e = next_event(c);
    if (!e || e->kind != CHECK_INTERRUPT || e->icount != v->icount ||
        e->exceptions != v->stats.exceptions)
        return false;
    c->replayed++;
    if (!c->vm->guest->take_interrupt(v) && !c->problem)
        c->problem = "an interrupt that only the engine takes";
    atomic_store(&v->irq_lines, e->irq_lines);
    return true;
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

// --- making the copy ---

static void wrap(void *context, struct vm_region *r)
{
    static const struct vm_mmio_ops ops = {note_read, note_write};
    struct check *c = context;
    if (c->device_count == VM_ARRAY_SIZE(c->devices) || r->rom) {
        c->problem = "flash, or too many devices";
        return;
    }
    struct check_device *d = &c->devices[c->device_count++];
    *d = (struct check_device){c, *r};
    r->ops = &ops;
    r->device = d;
}

static vm_status copy_memory(struct check *c, const struct vm_region *r, struct vm_error *e)
{
    if (c->ram_count == VM_ARRAY_SIZE(c->ram))
        return vm_error_set(e, VM_ERR_USAGE, "too many pieces of memory to check");
    void *to;
    vm_status status = vm_osal_memory_reserve(r->size, &to, e);
    if (status == VM_OK)
        status = vm_osal_memory_commit(to, r->size, e);
    if (status != VM_OK)
        return status;
    c->ram[c->ram_count] = to;
    c->ram_size[c->ram_count++] = r->size;
    vm_copy(to, r->host, r->size);
    return r->read_only ? vm_space_add_rom(&c->copy.space, r->base, r->size, to, r->name, e)
                        : vm_space_add_ram(&c->copy.space, r->base, r->size, to, r->name, e);
}

static vm_status copy_space(struct check *c, struct vm_error *e)
{
    static const struct vm_mmio_ops ops = {replay_read, replay_write};
    struct vm_space *from = &c->vm->machine.space;
    vm_status status = VM_OK;
    vm_space_wrap_devices(from, wrap, c);
    if (c->problem)
        return vm_error_set(e, VM_ERR_USAGE, "%s cannot be checked", c->problem);
    for (unsigned i = 0; status == VM_OK && i < c->device_count; i++) {
        const struct vm_region *r = &c->devices[i].real;
        status =
            vm_space_add_mmio(&c->copy.space, r->base, r->size, &ops, &c->devices[i], r->name, e);
    }
    const struct vm_region *r;
    for (uint32_t i = 0; status == VM_OK && (r = vm_space_region(from, i)); i++) {
        if (r->host)
            status = copy_memory(c, r, e);
    }
    return status;
}

static vm_status copy_vcpu(struct check *c, struct vm_error *e)
{
#ifdef VM_ENGINE_INTERPRETER
    struct vm_machine *m = &c->copy;
    vm_status status = vm_vcpu_create(m, 0, &c->b, e);
    if (status != VM_OK)
        return status;
    m->vcpus[0] = c->b;
    m->vcpu_count = 1;
    status = vm_interpreter_ops.create(c->b, e);
    if (status != VM_OK)
        return status;
    c->b->guest->reset(c->b, 0);
    set_registers(c->b, c->a->state);
    atomic_store(&c->b->parked, atomic_load(&c->a->parked));
    return VM_OK;
#else
    (void)c;
    return vm_error_set(e, VM_ERR_USAGE,
                        "there is nothing to compare with; build with "
                        "-Dengines=interpreter,...");
#endif
}

static vm_status make_copy(struct check *c, struct vm_error *e)
{
    struct vm *vm = c->vm;
    c->a = vm->vcpus[0].vcpu;
    c->guest = c->copy_guest = *vm->guest;
    c->guest.take_interrupt = note_interrupt;
    c->copy_guest.take_interrupt = replay_interrupt;
    c->copy_guest.take_exception = replay_exception;
    c->host = c->copy_host = vm->host;
    c->host.random = random_of_machine;
    c->copy_host.random = random_of_copy;
    vm_status status = vm_machine_init(&c->copy, &c->copy_host, &c->copy_guest, vm->config, e);
    if (status != VM_OK)
        return status;
    c->copy.firmware = (struct vm_firmware){replay_firmware, c};
    status = copy_space(c, e);
    if (status == VM_OK)
        status = copy_vcpu(c, e);
    if (status != VM_OK)
        return status;
#ifdef VM_GUEST_ARM64
    check_wrap_arm64(c);
#endif
    c->firmware = vm->machine.firmware;
    if (c->firmware.call)
        vm->machine.firmware = (struct vm_firmware){note_firmware, c};
    else
        c->copy.firmware = (struct vm_firmware){0};
    vm->machine.guest = c->a->guest = &c->guest;
    vm->machine.host = &c->host;
    vm_space_track_dirty(&vm->machine.space, true);
    vm_space_track_dirty(&c->copy.space, true);
    vm_arena_init(&c->arena, &vm->host.allocator, SCRATCH);
    c->start = vm_alloc_zeroed(&vm->host.allocator, vm->guest->regfile->state_size, 16);
    return c->start ? VM_OK : vm_error_set(e, VM_ERR_HOST, "out of memory for the check");
}

static void release_copy(struct check *c)
{
    const struct vm_allocator *a = &c->vm->host.allocator;
    if (c->start)
        a->release(a->context, c->start, c->vm->guest->regfile->state_size);
    if (c->arena.allocator)
        vm_arena_destroy(&c->arena);
    if (c->copy.host)
        vm_machine_destroy(&c->copy);
    for (unsigned i = 0; i < c->ram_count; i++)
        vm_osal_memory_release(c->ram[i], c->ram_size[i]);
}

// --- comparing ---

int check_registers(const struct check *c, const void *a, const void *b)
{
    const struct vm_regfile *r = c->vm->guest->regfile;
    for (uint16_t i = 0; i < r->count; i++) {
        unsigned offset = r->registers[i].offset;
        if (r->registers[i].class != VM_REG_HINT &&
            vm_compare((const char *)a + offset, (const char *)b + offset,
                       vm_ir_type_bytes((enum vm_type)r->registers[i].type)) != 0)
            return i;
    }
    return -1;
}

// The physical address that is reserved, or all ones. Engines need not note it themselves.
static uint64_t reserved(const struct vm_space *s, const struct vm_vcpu *v)
{
    const uint8_t *host = v->reservation.host;
    const struct vm_region *r;
    for (uint32_t i = 0; host && (r = vm_space_region(s, i)); i++) {
        if (r->host && host >= r->host && host < r->host + r->size)
            return r->base.v + (uint64_t)(host - r->host);
    }
    return UINT64_MAX;
}

// What differs, or NULL.
static const char *compare(struct check *c)
{
    const struct vm_vcpu *a = c->a, *b = c->b;
    if (c->problem)
        return c->problem;
    if (a->icount != b->icount)
        return "the count of instructions";
    if (c->replayed != c->event_count && !atomic_load(&c->vm->machine.stop))
        return "an access, interrupt or call of firmware that the interpreter does not make";
    if (check_registers(c, a->state, b->state) >= 0)
        return "registers";
    if (a->mode != b->mode || a->mmu_index != b->mmu_index)
        return "the execution mode";
    if (reserved(&c->vm->machine.space, a) != reserved(&c->copy.space, b))
        return "the reservation";
    return NULL;
}

static bool same_region(struct check *c, const struct vm_region *a, const struct vm_region *b,
                        uint64_t *where)
{
    for (uint64_t i = 0; i < a->size >> VM_PAGE_SHIFT; i++) {
        bool written = vm_space_collect_dirty(a, i);
        written = vm_space_collect_dirty(b, i) || written;
        uint64_t at = i << VM_PAGE_SHIFT;
        *where = a->base.v + at;
        if (written && vm_compare(a->host + at, b->host + at, VM_PAGE_SIZE) != 0)
            return false;
    }
    (void)c;
    return true;
}

// Whether the pages that were written since the last time are the same; else the first that is not.
static bool same_memory(struct check *c, uint64_t *where)
{
    const struct vm_region *a;
    for (uint32_t i = 0; (a = vm_space_region(&c->vm->machine.space, i)); i++) {
        if (a->host && !a->read_only &&
            !same_region(c, a, vm_space_find(&c->copy.space, a->base), where))
            return false;
    }
    vm_tlb_flush_all(&c->a->tlb);
    vm_tlb_flush_all(&c->b->tlb);
    return true;
}

// --- running ---

static void begin_step(struct check *c)
{
    vm_arena_reset(&c->arena);
    c->events = NULL;
    c->event_count = c->event_capacity = c->replayed = 0;
    c->start_pc = vm_vcpu_pc(c->a);
    c->start_icount = c->a->icount;
    vm_copy(c->start, c->a->state, c->vm->guest->regfile->state_size);
    uint64_t lines = atomic_load(&c->a->irq_lines);
    if (atomic_exchange(&c->b->irq_lines, lines) != lines)
        vm_vcpu_request(c->b, VM_REQUEST_IRQ);
}

// Where the copy has to look next: where the machine took an interrupt, else at the end.
static uint64_t next_limit(const struct check *c)
{
    uint64_t end = c->a->icount;
    for (uint32_t i = c->replayed; i < c->event_count; i++) {
        const struct check_event *e = &c->events[i];
        if (e->kind != CHECK_INTERRUPT)
            continue;
        // Where the copy is there already, an exception comes first.
        uint64_t at = e->icount > c->b->icount ? e->icount : e->icount + 1;
        return at < end ? at : end;
    }
    bool faults = c->b->icount == end && c->b->stats.exceptions != c->a->stats.exceptions;
    return faults ? end + 1 : end; // an exception ends the step
}

static void follow(struct check *c)
{
    struct vm_vcpu *b = c->b;
    for (;;) {
        b->insn_limit = next_limit(c);
        enum vm_run_result r = vm_vcpu_run(b);
        if (c->problem || (b->icount >= c->a->icount && next_limit(c) == c->a->icount))
            return;
        if (r != VM_RUN_LIMIT) {
            c->problem = "the interpreter waits or fails where the engine goes on";
            return;
        }
    }
}

// Console input as there is room, and timers; false: nothing will come any more.
static bool feed(struct check *c, bool waits)
{
    struct vm *vm = c->vm;
    const struct vm_check_options *o = c->options;
    size_t given = vm_console_input(vm, o->input + c->input_given, o->input_size - c->input_given);
    c->input_given += given;
    vm->fixed_clock += c->a->icount - c->start_icount;
    uint64_t next = vm_timers_run(&vm->machine.timers, vm->fixed_clock);
    if (!waits || vm_vcpu_must_run(c->a))
        return true;
    if (next == VM_TIMER_NEVER)
        return given > 0;
    vm->fixed_clock = next > vm->fixed_clock ? next : vm->fixed_clock;
    vm_timers_run(&vm->machine.timers, vm->fixed_clock);
    return true;
}

static enum vm_run_result lead(struct check *c)
{
    enum vm_run_result r = vm_vcpu_run(c->a);
    if (r == VM_RUN_STOPPED && atomic_load(&c->vm->machine.stop) == VM_STOP_PAUSE) {
        vm_machine_resume(&c->vm->machine);
        return VM_RUN_LIMIT;
    }
    return r;
}

static bool over(struct check *c, enum vm_run_result r, struct vm_result *end)
{
    struct vm_machine *m = &c->vm->machine;
    uint32_t stop = atomic_load(&m->stop);
    if (r == VM_RUN_STOPPED) {
        *end = (struct vm_result){.code = m->stop_code,
                                  .reason =
                                      stop == VM_STOP_CRASH ? VM_EXIT_CRASHED : VM_EXIT_POWEROFF};
        vm_format(end->text, sizeof end->text, "%s", m->stop_text);
        return true;
    }
    if (!feed(c, r == VM_RUN_WAITING)) {
        end->reason = VM_EXIT_WAITING;
        return true;
    }
    end->reason = VM_EXIT_TIMEOUT;
    return vm_clock() >= c->options->deadline;
}

static bool differs(struct check *c, bool pages)
{
    char text[128];
    uint64_t where;
    const char *what = compare(c);
    if (!what && pages && !same_memory(c, &where)) {
        vm_format(text, sizeof text, "memory in the page at %#lx", where);
        what = text;
    }
    if (what)
        check_report(c, what);
    return what != NULL;
}

static vm_status run(struct check *c, struct vm_check_result *result, struct vm_error *e)
{
    const bool blocks = c->vm->options.block_at_a_time;
    for (bool ended = false; !ended && !result->differs; result->steps++) {
        begin_step(c);
        enum vm_run_result r = lead(c);
        if (r == VM_RUN_FAILED || c->out_of_memory)
            return vm_error_set(e, VM_ERR_HOST, "the host is out of memory");
        follow(c);
        ended = over(c, r, &result->end);
        result->differs = differs(c, ended || !blocks || result->steps % PAGE_STEPS == 0);
        result->instructions = c->a->icount;
    }
    return VM_OK;
}

// --- the ticks that end a step of linked blocks ---

struct ticks {
    struct vm *vm;
    _Atomic bool over;
};

static void tick(void *argument)
{
    struct ticks *t = argument;
    while (!atomic_load(&t->over)) {
        vm_osal_sleep_until(vm_osal_clock_monotonic() + TICK);
        vm_machine_stop(&t->vm->machine, VM_STOP_PAUSE, 0, NULL);
    }
}

static vm_status run_ticking(struct check *c, struct vm_check_result *result, struct vm_error *e)
{
    struct ticks ticks = {.vm = c->vm};
    struct vm_osal_thread *thread;
    if (c->vm->options.block_at_a_time)
        return run(c, result, e);
    vm_status status = vm_osal_thread_create("ticks", tick, &ticks, &thread, e);
    if (status != VM_OK)
        return status;
    status = run(c, result, e);
    atomic_store(&ticks.over, true);
    vm_osal_thread_join(thread);
    return status;
}

vm_status vm_check_engine(struct vm *vm, const struct vm_check_options *o,
                          struct vm_check_result *result, struct vm_error *e)
{
    const struct vm_options *m = &vm->options;
    *result = (struct vm_check_result){0};
    if (m->vcpus != 1)
        return vm_error_set(e, VM_ERR_USAGE, "only a machine with one vCPU can be checked");
    if (m->disk_count + m->net_count + m->console_count + m->share_count > 0 || m->vsock ||
        m->rng || m->balloon)
        return vm_error_set(e, VM_ERR_USAGE, "a machine with virtio devices cannot be checked");
    struct check *c = vm_alloc_zeroed(&vm->host.allocator, sizeof *c, 64);
    if (!c)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the check");
    c->vm = vm;
    c->options = o;
    vm->check = c;
    vm->fixed_clock = 1;
    vm_status status = make_copy(c, e);
    if (status == VM_OK)
        status = run_ticking(c, result, e);
    vm->machine.guest = vm->vcpus[0].vcpu->guest = vm->guest;
    vm->machine.host = &vm->host;
#ifdef VM_GUEST_ARM64
    check_unwrap_arm64(c);
#endif
    release_copy(c);
    vm->check = NULL;
    vm->host.allocator.release(vm->host.allocator.context, c, sizeof *c);
    return status;
}
