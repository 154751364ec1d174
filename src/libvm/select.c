// SPDX-License-Identifier: MIT
//
// What this build has, and which guest, engine and board the options mean.
#include <vm/base/format.h>
#include <vm/base/memory.h>
#include <vm/loader/loader.h>
#include <vm/osal/cpu.h>

#ifdef VM_GUEST_ARM64
#include <vm/frontend-arm64/frontend.h>
#endif
#ifdef VM_GUEST_RISCV64
#include <vm/frontend-riscv64/frontend.h>
#endif
#ifdef VM_ENGINE_INTERPRETER
#include <vm/engine-interpreter/interpreter.h>
#endif
#ifdef VM_ENGINE_JIT
#include <vm/engine-jit/jit.h>
#endif

#include "hosted.h"

struct guest_row {
    const struct vm_guest_ops *ops;
    enum vm_guest_isa isa;
};

static const struct guest_row guests[] = {
#ifdef VM_GUEST_RISCV64
    {&vm_riscv64_guest_ops, VM_ISA_RISCV64},
#endif
#ifdef VM_GUEST_ARM64
    {&vm_arm64_guest_ops, VM_ISA_ARM64},
#endif
    {NULL, VM_ISA_NONE},
};

// The best first.
static const struct vm_engine_ops *const engines[] = {
#ifdef VM_ENGINE_JIT
    &vm_jit_ops,
#endif
#ifdef VM_ENGINE_INTERPRETER
    &vm_interpreter_ops,
#endif
    NULL,
};

const char *vm_built_guest(size_t index)
{
    return index < VM_ARRAY_SIZE(guests) && guests[index].ops ? guests[index].ops->name : NULL;
}

const char *vm_built_engine(size_t index)
{
    return index < VM_ARRAY_SIZE(engines) && engines[index] ? engines[index]->name : NULL;
}

const char *vm_simd_level(size_t index)
{
    return index < UINT8_MAX ? vm_osal_cpu_level((unsigned)index) : NULL;
}

static const struct guest_row *find_guest(const char *name)
{
    for (const struct guest_row *g = guests; g->ops; g++) {
        if (vm_text_equal(g->ops->name, name))
            return g;
    }
    return NULL;
}

const struct vm_guest_ops *hosted_find_guest(const char *name)
{
    const struct guest_row *g = find_guest(name);
    return g ? g->ops : NULL;
}

const char *vm_built_machine(const char *guest, size_t index)
{
    const struct guest_row *g = find_guest(guest);
    for (size_t i = 0; g && vm_board_at(i); i++) {
        if (vm_board_at(i)->isa == g->isa && index-- == 0)
            return vm_board_at(i)->name;
    }
    return NULL;
}

// The guest that a file is for; NULL with an error if it does not say or this build lacks it.
static const char *guest_of_file(const struct vm_blob *file, struct vm_error *e)
{
    struct vm_image_info info;
    vm_loader_identify(file->data, file->size, &info);
    if (info.isa != VM_ISA_NONE)
        return vm_loader_isa_name(info.isa);
    if (info.machine)
        vm_error_set(e, VM_ERR_FILE, "%s is for %s, which is no guest of Trine", file->name,
                     info.machine);
    else
        vm_error_set(e, VM_ERR_FILE,
                     "%s does not say for which architecture it is (%.100s); name it with --guest",
                     file->name, info.description);
    return NULL;
}

// Without a file there is no choice only where one guest is built; NULL with an error if not.
static const char *only_guest(struct vm_error *e)
{
    if (guests[0].ops && !guests[1].ops)
        return guests[0].ops->name;
    vm_error_set(e, VM_ERR_USAGE,
                 "neither kernel nor firmware say which guest it is; name it with --guest");
    return NULL;
}

static vm_status select_guest(struct vm *vm, const struct guest_row **row, struct vm_error *e)
{
    const struct vm_options *o = &vm->options;
    const struct vm_blob *file = o->kernel.data ? &o->kernel : &o->bios;
    const char *name = o->guest;
    if (!name && !(name = file->data ? guest_of_file(file, e) : only_guest(e)))
        return e->status;
    *row = find_guest(name);
    if (!*row)
        return vm_error_set(e, VM_ERR_USAGE, "this build has no guest %s", name);
    struct vm_image_info info;
    if (o->guest && file->data) {
        vm_loader_identify(file->data, file->size, &info);
        if (info.isa != VM_ISA_NONE && info.isa != (*row)->isa)
            return vm_error_set(e, VM_ERR_USAGE, "%s is for %s, but --guest says %s", file->name,
                                vm_loader_isa_name(info.isa), o->guest);
    }
    return VM_OK;
}

static vm_status select_engine(struct vm *vm, struct vm_error *e)
{
    const char *name = vm->options.engine;
    for (size_t i = 0; engines[i]; i++) {
        if (!name || vm_text_equal(engines[i]->name, name))
            vm->engine = vm->engine ? vm->engine : engines[i];
    }
    if (!vm->engine)
        return vm_error_set(e, VM_ERR_USAGE, "this build has no engine %s", name ? name : "at all");
    vm_format(vm->engine_reason, sizeof vm->engine_reason, "%s",
              name         ? "asked for"
              : engines[1] ? "the fastest of this build"
                           : "the only engine of this build");
    return VM_OK;
}

bool hosted_fall_back(struct vm *vm, const struct vm_error *e)
{
    if (vm->options.engine || e->status != VM_ERR_HOST)
        return false;
    for (size_t i = 0; engines[i]; i++) {
        if (engines[i] != vm->engine || !engines[i + 1])
            continue;
        vm_format(vm->engine_reason, sizeof vm->engine_reason, "no %s: %s", vm->engine->name,
                  e->text);
        vm->engine = engines[i + 1];
        return true;
    }
    return false;
}

vm_status hosted_select(struct vm *vm, struct vm_error *e)
{
    const struct guest_row *row = NULL;
    vm_status status = select_guest(vm, &row, e);
    if (status == VM_OK)
        status = select_engine(vm, e);
    if (status != VM_OK)
        return status;
    vm->guest = row->ops;
    vm->board_ops = vm_board_find(row->isa, vm->options.machine);
    if (!vm->board_ops)
        return vm_error_set(e, VM_ERR_USAGE, "there is no machine %s for %s guests",
                            vm->options.machine ? vm->options.machine : "at all", row->ops->name);
    return VM_OK;
}
