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

// --- making the copy ---

static void wrap(void *context, struct vm_region *r)
{
    struct check *c = context;
    if (c->device_count == VM_ARRAY_SIZE(c->devices) || r->rom) {
        c->problem = "flash, or too many devices";
        return;
    }
    struct check_device *d = &c->devices[c->device_count++];
    *d = (struct check_device){c, *r};
    if (r->ops->view) // as the one vCPU sees it
        d->real.device = r->ops->view(r->device, 0);
    r->ops = &check_note_mmio;
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
    struct vm_space *from = &c->vm->machine.space;
    vm_status status = VM_OK;
    vm_space_wrap_devices(from, wrap, c);
    if (c->problem)
        return vm_error_set(e, VM_ERR_USAGE, "%s cannot be checked", c->problem);
    for (unsigned i = 0; status == VM_OK && i < c->device_count; i++) {
        const struct vm_region *r = &c->devices[i].real;
        status = vm_space_add_mmio(&c->copy.space, r->base, r->size, &check_replay_mmio,
                                   &c->devices[i], r->name, e);
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
    check_set_registers(c->b, c->a->state);
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
    c->host = c->copy_host = vm->host;
    check_hook_guests(c);
    vm_status status = vm_machine_init(&c->copy, &c->copy_host, &c->copy_guest, vm->config, e);
    if (status != VM_OK)
        return status;
    status = copy_space(c, e);
    if (status == VM_OK)
        status = copy_vcpu(c, e);
    if (status != VM_OK)
        return status;
    check_hook_machines(c);
    vm_space_track_dirty(&vm->machine.space, true);
    vm_space_track_dirty(&c->copy.space, true);
    vm_arena_init(&c->arena, &vm->host.allocator, SCRATCH);
    c->start = vm_alloc_zeroed(&vm->host.allocator, vm->guest->regfile->state_size, 16);
    c->interrupted = vm_alloc_zeroed(&vm->host.allocator, vm->guest->regfile->state_size, 16);
    return c->start && c->interrupted ? VM_OK
                                      : vm_error_set(e, VM_ERR_HOST, "out of memory for the check");
}

static void release_copy(struct check *c)
{
    const struct vm_allocator *a = &c->vm->host.allocator;
    const size_t size = c->vm->guest->regfile->state_size;
    if (c->start)
        a->release(a->context, c->start, size);
    if (c->interrupted)
        a->release(a->context, c->interrupted, size);
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

struct memory_difference {
    uint64_t where; // the gpa of 8 bytes
    uint64_t engine, interpreter;
};

static bool same_region(const struct vm_region *a, const struct vm_region *b,
                        struct memory_difference *out)
{
    for (uint64_t i = 0; i < a->size >> VM_PAGE_SHIFT; i++) {
        bool written = vm_space_collect_dirty(a, i);
        written = vm_space_collect_dirty(b, i) || written;
        uint64_t at = i << VM_PAGE_SHIFT, end = at + VM_PAGE_SIZE;
        if (!written || vm_compare(a->host + at, b->host + at, VM_PAGE_SIZE) == 0)
            continue;
        while (at < end - 8 && vm_compare(a->host + at, b->host + at, 8) == 0)
            at += 8;
        out->where = a->base.v + at;
        vm_copy(&out->engine, a->host + at, 8);
        vm_copy(&out->interpreter, b->host + at, 8);
        return false;
    }
    return true;
}

// Whether the pages that were written since the last time are the same; else the first difference.
static bool same_memory(struct check *c, struct memory_difference *out)
{
    const struct vm_region *a;
    for (uint32_t i = 0; (a = vm_space_region(&c->vm->machine.space, i)); i++) {
        if (a->host && !a->read_only &&
            !same_region(a, vm_space_find(&c->copy.space, a->base), out))
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

// The machine's step may have ended inside an instruction that memory copies and the like are,
// which is left for interrupts: the copy does the same pieces of it.
static void finish(struct check *c)
{
    bool same_place = c->b->icount == c->a->icount && vm_vcpu_pc(c->b) == vm_vcpu_pc(c->a);
    if (!same_place || check_registers(c, c->a->state, c->b->state) < 0)
        return;
    c->finishing = true;
    c->b->insn_limit = c->b->icount + 1;
    vm_vcpu_run(c->b);
    c->finishing = false;
}

static void follow(struct check *c)
{
    struct vm_vcpu *b = c->b;
    for (;;) {
        b->insn_limit = next_limit(c);
        enum vm_run_result r = vm_vcpu_run(b);
        if (!c->problem && check_is_late(c))
            c->problem = "registers where the engine takes an interrupt";
        if (c->problem)
            return;
        if (b->icount >= c->a->icount && next_limit(c) == c->a->icount) {
            finish(c);
            return;
        }
        if (r != VM_RUN_LIMIT) {
            c->problem = "the interpreter waits or fails where the engine goes on";
            return;
        }
    }
}

// Those of the machine and those that the copy's frontend has for itself, whose wires count as
// little as those of the machine do here. Returns when the machine's next one is due.
static uint64_t run_timers(struct check *c)
{
    uint64_t now = c->vm->fixed_clock, next = vm_timers_run(&c->vm->machine.timers, now);
    c->outside = true;
    vm_timers_run(&c->copy.timers, now);
    c->outside = false;
    return next;
}

// Console input as there is room, and timers; false: nothing will come any more.
static bool feed(struct check *c, bool waits)
{
    struct vm *vm = c->vm;
    const struct vm_check_options *o = c->options;
    size_t given = vm_console_input(vm, o->input + c->input_given, o->input_size - c->input_given);
    c->input_given += given;
    vm->fixed_clock += c->a->icount - c->start_icount;
    uint64_t next = run_timers(c);
    if (!waits || vm_vcpu_must_run(c->a))
        return true;
    next = c->a->wait_until < next ? c->a->wait_until : next;
    if (next == VM_TIMER_NEVER)
        return given > 0;
    vm->fixed_clock = next > vm->fixed_clock ? next : vm->fixed_clock;
    run_timers(c);
    return true;
}

static enum vm_run_result lead(struct check *c)
{
    c->leading = true;
    enum vm_run_result r = vm_vcpu_run(c->a);
    c->leading = false;
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

// Where the step ended, one engine may have looked up the code that comes next, the other not,
// which shows in access flags of page tables. If it faults, it does so again when it is executed.
static void look_ahead(struct vm_vcpu *v)
{
    struct vm_tlb_code_entry page;
    if (!v->exception.pending && !vm_vcpu_fetch_page(v, vm_gva_of(vm_vcpu_pc(v)), &page))
        v->exception.pending = false;
}

static bool differs(struct check *c, bool pages)
{
    char text[128];
    struct memory_difference d;
    const char *what = compare(c);
    look_ahead(c->a);
    look_ahead(c->b);
    if (!what && pages && !same_memory(c, &d)) {
        vm_format(text, sizeof text, "memory at %#lx: %#lx, the interpreter %#lx", d.where,
                  d.engine, d.interpreter);
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
    check_unhook_machine(c);
    release_copy(c);
    vm->check = NULL;
    vm->host.allocator.release(vm->host.allocator.context, c, sizeof *c);
    return status;
}
