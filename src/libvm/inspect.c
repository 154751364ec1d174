// SPDX-License-Identifier: MIT
//
// Looking into a machine that does not run: registers, memory, statistics, crash reports.
#include <vm/base/format.h>
#include <vm/base/memory.h>
#include <vm/loader/loader.h>

#include "hosted.h"

const char *vm_exit_reason_name(enum vm_exit_reason reason)
{
    static const char *const names[] = {
        [VM_EXIT_POWEROFF] = "poweroff",     [VM_EXIT_PAUSED] = "paused",
        [VM_EXIT_TIMEOUT] = "timeout",       [VM_EXIT_BREAKPOINT] = "breakpoint",
        [VM_EXIT_STEPPED] = "stepped",       [VM_EXIT_WAITING] = "waiting",
        [VM_EXIT_CRASHED] = "guest crashed",
    };
    return names[reason];
}

unsigned vm_vcpu_count(const struct vm *vm)
{
    return vm->options.vcpus;
}

const char *vm_guest_name(const struct vm *vm)
{
    return vm->guest->name;
}

const char *vm_engine_name(const struct vm *vm)
{
    return vm->engine->name;
}

const char *vm_engine_reason(const struct vm *vm)
{
    return vm->engine_reason;
}

vm_status vm_device_tree(const struct vm *vm, const void **blob, size_t *size, struct vm_error *e)
{
    return vm->board_ops->device_tree(vm->board, blob, size, e);
}

size_t vm_console_input(struct vm *vm, const uint8_t *bytes, size_t size)
{
    return vm->devices.stdio ? hosted_stdio_input(vm->devices.stdio, bytes, size)
                             : vm->board_ops->receive(vm->board, bytes, size);
}

void vm_console_resize(struct vm *vm, unsigned columns, unsigned rows)
{
    if (vm->devices.stdio)
        hosted_stdio_resize(vm->devices.stdio, columns, rows);
}

bool vm_press_power_key(struct vm *vm)
{
    if (vm->board_ops->press_power_key)
        vm->board_ops->press_power_key(vm->board);
    return vm->board_ops->press_power_key != NULL;
}

vm_status vm_add_breakpoint(struct vm *vm, uint64_t address, struct vm_error *e)
{
    return vm_machine_add_breakpoint(&vm->machine, address, e);
}

vm_status vm_remove_breakpoint(struct vm *vm, uint64_t address, struct vm_error *e)
{
    return vm_machine_remove_breakpoint(&vm->machine, address, e);
}

// --- registers: the hidden ones lie behind the shown ones in every guest's table ---

unsigned vm_register_count(const struct vm *vm)
{
    const struct vm_regfile *f = vm->guest->regfile;
    unsigned n = 0;
    while (n < f->count && f->registers[n].class < VM_REG_HIDDEN)
        n++;
    return n;
}

const char *vm_register_name(const struct vm *vm, unsigned index)
{
    return index < vm_register_count(vm) ? vm->guest->regfile->registers[index].name : NULL;
}

unsigned vm_register_bits(const struct vm *vm, unsigned index)
{
    static const unsigned bits[VM_TYPE_COUNT] = {
        [VM_I8] = 8,   [VM_I16] = 16, [VM_I32] = 32, [VM_I64] = 64,   [VM_I128] = 128,
        [VM_F16] = 16, [VM_F32] = 32, [VM_F64] = 64, [VM_V128] = 128, [VM_V256] = 256,
    };
    return index < vm_register_count(vm) ? bits[vm->guest->regfile->registers[index].type] : 0;
}

int vm_register_find(const struct vm *vm, const char *name)
{
    unsigned n = vm_register_count(vm);
    for (unsigned i = 0; i < n; i++) {
        if (vm_text_equal(vm->guest->regfile->registers[i].name, name))
            return (int)i;
    }
    return -1;
}

static vm_status check_register(const struct vm *vm, unsigned vcpu, unsigned index,
                                struct vm_error *e)
{
    if (vcpu >= vm->options.vcpus)
        return vm_error_set(e, VM_ERR_USAGE, "there is no vCPU %u", vcpu);
    if (index >= vm_register_count(vm))
        return vm_error_set(e, VM_ERR_USAGE, "there is no register %u", index);
    return VM_OK;
}

vm_status vm_read_register(const struct vm *vm, unsigned vcpu, unsigned index, uint64_t *value,
                           struct vm_error *e)
{
    vm_status status = check_register(vm, vcpu, index, e);
    if (status == VM_OK)
        *value = vm_vcpu_get(vm->vcpus[vcpu].vcpu, (uint16_t)index);
    return status;
}

vm_status vm_write_register(struct vm *vm, unsigned vcpu, unsigned index, uint64_t value,
                            struct vm_error *e)
{
    vm_status status = check_register(vm, vcpu, index, e);
    if (status == VM_OK) {
        struct vm_vcpu *v = vm->vcpus[vcpu].vcpu;
        vm_vcpu_set(v, (uint16_t)index, value);
        vm->guest->sync(v);
    }
    return status;
}

// --- memory ---

vm_status vm_read_memory(const struct vm *vm, vm_gpa address, void *to, size_t size,
                         struct vm_error *e)
{
    if (!vm_space_read(&vm->machine.space, address, to, size))
        return vm_error_set(e, VM_ERR_USAGE, "%zu bytes at %#lx are not all RAM", size, address.v);
    return VM_OK;
}

vm_status vm_write_memory(struct vm *vm, vm_gpa address, const void *from, size_t size,
                          struct vm_error *e)
{
    if (!vm_space_write(&vm->machine.space, address, from, size))
        return vm_error_set(e, VM_ERR_USAGE, "%zu bytes at %#lx are not all RAM", size, address.v);
    for (unsigned i = 0; i < vm->options.vcpus; i++)
        vm->engine->sync_code(vm->vcpus[i].vcpu);
    return VM_OK;
}

vm_status vm_read_virtual(struct vm *vm, unsigned vcpu, vm_gva address, void *to, size_t size,
                          struct vm_error *e)
{
    uint8_t *p = to;
    if (vcpu >= vm->options.vcpus)
        return vm_error_set(e, VM_ERR_USAGE, "there is no vCPU %u", vcpu);
    struct vm_vcpu *v = vm->vcpus[vcpu].vcpu;
    const struct vm_exception last = v->exception; // for crash reports
    while (size > 0) {
        struct vm_translation t;
        uint64_t offset = address.v & VM_PAGE_MASK;
        size_t n = size < VM_PAGE_SIZE - offset ? size : (size_t)(VM_PAGE_SIZE - offset);
        bool mapped = vm_vcpu_translate(v, address, VM_ACCESS_READ, 0, &t);
        v->exception = last;
        if (!mapped || !vm_space_read(&vm->machine.space, vm_gpa_of(t.page.v | offset), p, n))
            return vm_error_set(e, VM_ERR_USAGE, "nothing to read at %#lx", address.v);
        p += n;
        address.v += n;
        size -= n;
    }
    return VM_OK;
}

unsigned vm_disassemble(const char *guest, uint64_t pc, const uint8_t *bytes, size_t size,
                        char *out, size_t out_size)
{
    const struct vm_guest_ops *g = hosted_find_guest(guest);
    void *config;
    const struct vm_allocator *a = vm_osal_allocator();
    if (!g || g->configure(NULL, a, &config, NULL) != VM_OK)
        return 0;
    unsigned n = g->disassemble(config, pc, bytes, size, out, out_size);
    g->unconfigure(config, a);
    return n;
}

void vm_describe_file(const void *data, size_t size, char *out, size_t out_size)
{
    struct vm_image_info info;
    vm_loader_identify(data, size, &info);
    vm_format(out, out_size, "%s", info.description);
}

// --- statistics ---

static void add_vcpu_stats(const struct vm_vcpu *v, struct vm_stats *s)
{
    struct vm_engine_stats e;
    v->engine->stats(v, &e);
    s->instructions += v->icount;
    s->blocks += e.blocks;
    s->translated_instructions += e.translated_insns;
    s->translate_ns += vm_engine_translate_ns(&e);
    s->cache_bytes += e.cache_bytes;
    s->cache_flushes += e.cache_flushes;
    s->lookups += e.block_lookups;
    s->tlb_l1_misses += v->tlb.stats.l1_misses;
    s->tlb_l2_hits += v->tlb.stats.l2_hits;
    s->page_walks += v->tlb.stats.walks;
    s->tlb_flushes += v->tlb.stats.flushes;
    s->tlb_page_flushes += v->tlb.stats.page_flushes;
    s->exceptions += v->stats.exceptions;
    s->interrupts += v->stats.interrupts;
    s->page_faults += v->stats.page_faults;
    s->mmio_reads += v->stats.mmio_reads;
    s->mmio_writes += v->stats.mmio_writes;
    s->waits += v->stats.waits;
    s->cross_calls += v->stats.work_sent;
    for (unsigned i = 0; i < VM_ARRAY_SIZE(s->exits); i++)
        s->exits[i] += v->stats.exits[i];
}

void vm_get_stats(const struct vm *vm, struct vm_stats *out)
{
    *out = (struct vm_stats){.run_ns = vm->run_ns};
    for (unsigned i = 0; i < vm->options.vcpus; i++)
        add_vcpu_stats(vm->vcpus[i].vcpu, out);
}

const char *vm_engine_exit_name(unsigned exit)
{
    static const char *const names[] = {
        [VM_ENGINE_REQUEST] = "request",       [VM_ENGINE_EXCEPTION] = "exception",
        [VM_ENGINE_RESYNC] = "resync",         [VM_ENGINE_WAIT] = "wait",
        [VM_ENGINE_PAUSE] = "pause",           [VM_ENGINE_LIMIT] = "limit",
        [VM_ENGINE_BREAKPOINT] = "breakpoint", [VM_ENGINE_FAILED] = "failed",
    };
    return exit < VM_ARRAY_SIZE(names) ? names[exit] : NULL;
}

// --- crash reports ---

struct report {
    char *out;
    size_t size, length;
};

static void add(struct report *r, const char *fmt, ...) VM_PRINTF(2, 3);

static void add(struct report *r, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t room = r->length < r->size ? r->size - r->length : 0;
    r->length += vm_vformat(room ? r->out + r->length : NULL, room, fmt, args);
    va_end(args);
}

static void describe_vcpu(const struct vm *vm, const struct vm_vcpu *v, struct report *r)
{
    unsigned count = vm_register_count(vm);
    add(r, "vCPU %u%s, %lu instructions retired, last exception %#lx value %#lx\n", v->index,
        atomic_load(&v->parked) ? " (not started)" : "", v->icount, v->exception.cause,
        v->exception.value);
    for (unsigned i = 0, column = 0; i < count; i++) {
        if (vm_register_bits(vm, i) > 64)
            continue;
        add(r, "  %-10s %016lx", vm->guest->regfile->registers[i].name,
            vm_vcpu_get(v, (uint16_t)i));
        add(r, "%s", ++column % 4 == 0 || i + 1 == count ? "\n" : "");
    }
    add(r, "  last blocks:");
    uint32_t shown = v->recent_next < VM_RECENT_BLOCKS ? v->recent_next : VM_RECENT_BLOCKS;
    for (uint32_t i = shown; i > 0; i--)
        add(r, " %#lx", v->recent[(v->recent_next - i) % VM_RECENT_BLOCKS]);
    add(r, "\n");
}

size_t vm_describe_state(const struct vm *vm, char *out, size_t size)
{
    struct report r = {out, size, 0};
    if (size > 0)
        out[0] = 0;
    for (unsigned i = 0; i < vm->options.vcpus; i++)
        describe_vcpu(vm, vm->vcpus[i].vcpu, &r);
    return r.length;
}
