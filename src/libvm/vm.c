// SPDX-License-Identifier: MIT
//
// Making and unmaking a hosted machine.
#include <vm/base/memory.h>
#include <vm/osal/clock.h>
#include <vm/osal/cpu.h>
#include <vm/osal/entropy.h>
#include <vm/osal/sandbox.h>

#include "hosted.h"
#include "perfmap.h"

struct vm_options vm_default_options(void)
{
    return (struct vm_options){.vcpus = 1, .memory = (uint64_t)1 << 30};
}

uint64_t vm_clock(void)
{
    return vm_osal_clock_monotonic();
}

// The serial port, which is the console unless a virtio device is.
static void serial_output(void *context, const uint8_t *bytes, size_t size)
{
    struct vm *vm = context;
    const struct vm_options *o = &vm->options;
    void (*output)(void *, const uint8_t *, size_t) =
        vm->devices.stdio ? o->serial_output : o->console_output;
    if (output)
        output(o->context, bytes, size);
}

static void serial_room(void *context)
{
    struct vm *vm = context;
    if (vm->options.console_room)
        vm->options.console_room(vm->options.context);
}

static void trace_line(void *context, enum vm_trace_topic topic, const char *line)
{
    struct vm *vm = context;
    if (vm->options.trace_line)
        vm->options.trace_line(vm->options.context, vm_trace_topics[topic].name, line);
}

static vm_status check_options(const struct vm_options *o, struct vm_error *e)
{
    enum { MIN_MEMORY = 1 << 20 };
    if (o->vcpus < 1 || o->vcpus > VM_MAX_VCPUS)
        return vm_error_set(e, VM_ERR_USAGE, "%u vCPUs: 1 to %d are possible", o->vcpus,
                            VM_MAX_VCPUS);
    if (o->memory % VM_PAGE_SIZE)
        return vm_error_set(e, VM_ERR_USAGE, "the memory size is not a multiple of 4 KiB");
    if (o->memory < MIN_MEMORY)
        return vm_error_set(e, VM_ERR_USAGE, "the memory size is too small: give at least 1M");
    if ((unsigned)o->bios_mode > VM_OPTION_BIOS_FILE)
        return vm_error_set(e, VM_ERR_USAGE, "there is no firmware mode %u",
                            (unsigned)o->bios_mode);
    if ((unsigned)o->transport > VM_TRANSPORT_MMIO)
        return vm_error_set(e, VM_ERR_USAGE, "there is no virtio transport %u",
                            (unsigned)o->transport);
    if (o->bios_mode == VM_OPTION_BIOS_FILE && !o->bios.data)
        return vm_error_set(e, VM_ERR_USAGE, "there is no firmware file: give --bios FILE");
    return VM_OK;
}

static vm_status create_ram(struct vm *vm, struct vm_error *e)
{
    vm_status status = vm_osal_shared_memory_create("trine-ram", vm->options.memory, &vm->ram, e);
    if (status == VM_OK)
        status =
            vm_osal_shared_memory_map(vm->ram, 0, vm->options.memory,
                                      VM_OSAL_MEMORY_READ | VM_OSAL_MEMORY_WRITE, &vm->ram_map, e);
    return status;
}

static vm_status create_vcpus(struct vm *vm, struct vm_error *e)
{
    vm_status status = VM_OK;
    vm->machine.engine_options = (struct vm_engine_options){
        .code_cache = vm->options.code_cache,
        .vcpus = vm->options.vcpus,
        .block_at_a_time = vm->options.block_at_a_time,
        .without_features = vm_osal_cpu_above(vm->options.simd),
    };
    for (unsigned i = 0; status == VM_OK && i < vm->options.vcpus; i++) {
        struct vm_vcpu *v;
        status = vm_vcpu_create(&vm->machine, i, &v, e);
        if (status != VM_OK)
            break;
        vm->machine.vcpus[i] = v;
        vm->machine.vcpu_count = i + 1;
        vm->vcpus[i].vm = vm;
        vm->vcpus[i].vcpu = v;
        status = vm->engine->create(v, e);
        while (status != VM_OK && i == 0 && hosted_fall_back(vm, e))
            status = vm->engine->create(v, e);
    }
    return status;
}

static struct vm_board_file board_file(const struct vm_blob *b)
{
    return (struct vm_board_file){b->name, b->data, b->size};
}

static vm_status create_board(struct vm *vm, struct vm_error *e)
{
    static const enum vm_board_bios modes[] = {
        [VM_OPTION_BIOS_BUILTIN] = VM_BIOS_BUILTIN,
        [VM_OPTION_BIOS_NONE] = VM_BIOS_NONE,
        [VM_OPTION_BIOS_FILE] = VM_BIOS_FILE,
    };
    const struct vm_options *o = &vm->options;
    const struct vm_board_config config = {
        .ram = vm->ram_map,
        .ram_size = o->memory,
        .kernel = board_file(&o->kernel),
        .initrd = board_file(&o->initrd),
        .dtb = board_file(&o->dtb),
        .bios = board_file(&o->bios),
        .bios_mode = modes[o->bios_mode],
        .options = vm_board_options(o->machine),
        .append = o->append,
        .console = {serial_output, serial_room, vm},
        .flash = hosted_board_flash(vm),
        .virtio = vm->devices.virtio,
        .virtio_count = vm->devices.count,
    };
    vm_status status = vm->board_ops->create(&vm->machine, &config, &vm->board, e);
    if (status == VM_OK)
        status = hosted_start_devices(vm, e);
    return status == VM_OK ? hosted_load(vm, e) : status;
}

vm_status hosted_load(struct vm *vm, struct vm_error *e)
{
    struct vm_options *o = &vm->options;
    // Flash's firmware may ask for them later.
    const struct vm_images *images = o->flash ? NULL : o->images;
    vm_status status = VM_OK;
    if (images && vm->images_released) {
        status = images->fetch(images->context, &o->kernel, &o->initrd, e);
        if (status != VM_OK)
            return status;
        const struct vm_board_file kernel = board_file(&o->kernel), initrd = board_file(&o->initrd);
        vm->board_ops->set_images(vm->board, &kernel, &initrd);
    }
    status = vm->board_ops->reset(vm->board, e);
    if (images)
        images->release(images->context);
    vm->images_released = images != NULL;
    return status;
}

static vm_status create_machine(struct vm *vm, struct vm_error *e)
{
    const struct vm_allocator *a = vm_osal_allocator();
    vm_status status = vm->guest->configure(vm->options.cpu, a, &vm->config, e);
    if (status == VM_OK)
        status = vm_machine_init(&vm->machine, &vm->host, vm->guest, vm->config, e);
    if (status != VM_OK)
        return status;
    vm->machine_ready = true;
    vm->machine.trace.write = trace_line;
    vm->machine.trace.context = vm;
    atomic_store(&vm->machine.trace.mask, vm->options.trace);
    status = create_ram(vm, e);
    if (status == VM_OK)
        status = create_vcpus(vm, e);
    if (status == VM_OK)
        status = hosted_create_devices(vm, e);
    if (status == VM_OK)
        status = hosted_create_flash(vm, e);
    if (status == VM_OK)
        status = create_board(vm, e);
    return status;
}

vm_status vm_create(const struct vm_options *options, struct vm **out, struct vm_error *e)
{
    const struct vm_allocator *a = vm_osal_allocator();
    struct vm_error unwanted; // what puts a prefix before a text takes the status from there
    if (!e)
        e = &unwanted;
    vm_status status = check_options(options, e);
    if (status != VM_OK)
        return status;
    struct vm *vm = a->alloc(a->context, sizeof *vm, 64);
    if (!vm)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the machine");
    vm_zero(vm, sizeof *vm);
    vm->options = *options;
    uint64_t probe;
    status = vm_osal_entropy_fill(&probe, sizeof probe, e);
    if (status == VM_OK && vm->options.sandbox)
        status = vm_osal_sandbox_probe(e);
    if (status == VM_OK && vm->options.perfmap)
        status = hosted_perfmap_create(&vm->perfmap, e);
    hosted_fill_host(vm);
    if (status == VM_OK)
        status = hosted_create_locks(vm, e);
    if (status == VM_OK)
        status = hosted_select(vm, e);
    if (status == VM_OK)
        status = create_machine(vm, e);
    if (status != VM_OK) {
        vm_destroy(vm);
        return status;
    }
    *out = vm;
    return VM_OK;
}

void vm_destroy(struct vm *vm)
{
    const struct vm_allocator *a = vm_osal_allocator();
    if (!vm)
        return;
    hosted_stop_threads(vm);
    hosted_stop_devices(vm);
    if (vm->board_ops)
        vm->board_ops->destroy(vm->board);
    hosted_destroy_flash(vm);
    hosted_destroy_devices(vm);
    if (vm->machine_ready)
        vm_machine_destroy(&vm->machine);
    if (vm->config)
        vm->guest->unconfigure(vm->config, a);
    if (vm->ram_map)
        vm_osal_memory_release(vm->ram_map, vm->options.memory);
    if (vm->ram)
        vm_osal_shared_memory_close(vm->ram);
    hosted_destroy_locks(vm);
    hosted_perfmap_destroy(vm->perfmap);
    a->release(a->context, vm, sizeof *vm);
}
