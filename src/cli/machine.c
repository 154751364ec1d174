// SPDX-License-Identifier: MIT
//
// From options to a machine.
#include "machine.h"

#include <string.h>
#include <vm/osal/memory.h>

// More than any kernel or initrd has; a pipe may be endless.
#define MAX_FILE (UINT64_C(4) << 30)

// What a kernel is told when nobody says anything: where its console is.
static const struct {
    const char *guest, *append, *append_virtio; // the latter with a virtio console on the terminal
} default_append[] = {
    {"riscv64", "console=ttyS0", "console=ttyS0 console=hvc0"},
    {"arm64", "console=ttyAMA0", "console=ttyAMA0 console=hvc0"},
};

enum { KERNEL, INITRD, DTB, BIOS };

static vm_status read_file(struct cli_machine *m, unsigned index, const char *option,
                           const char *path, struct vm_blob *out, struct vm_error *e)
{
    if (!path)
        return VM_OK;
    struct vm_osal_file_contents *file = &m->files[index];
    vm_status status = vm_osal_file_read_all(path, MAX_FILE, file, e);
    if (status != VM_OK)
        return vm_error_prefix(e, status, "--%s", option);
    *out = (struct vm_blob){path, file->data, file->size};
    return VM_OK;
}

static const char *bios_file(const struct cli_options *o)
{
    bool is_word = o->bios && (strcmp(o->bios, "builtin") == 0 || strcmp(o->bios, "none") == 0);
    return is_word ? NULL : o->bios;
}

bool cli_machine_has_code(const struct cli_options *o)
{
    return o->kernel || bios_file(o) || *o->flash.code;
}

static vm_status read_files(struct cli_machine *m, const struct cli_options *o,
                            struct vm_options *out, struct vm_error *e)
{
    const char *bios = bios_file(o);
    if (bios)
        out->bios_mode = VM_OPTION_BIOS_FILE;
    else if (o->bios && strcmp(o->bios, "none") == 0)
        out->bios_mode = VM_OPTION_BIOS_NONE;
    vm_status status = read_file(m, KERNEL, "kernel", o->kernel, &out->kernel, e);
    if (status == VM_OK)
        status = read_file(m, INITRD, "initrd", o->initrd, &out->initrd, e);
    if (status == VM_OK)
        status = read_file(m, DTB, "dtb", o->dtb, &out->dtb, e);
    if (status == VM_OK)
        status = read_file(m, BIOS, "bios", bios, &out->bios, e);
    return status;
}

static vm_status recall(struct cli_machine *m, unsigned index, const char *option,
                        struct vm_blob *out, struct vm_error *e)
{
    struct vm_osal_file_contents *file = &m->files[index];
    vm_status status = vm_osal_file_contents_recall(file, MAX_FILE, e);
    if (status != VM_OK)
        return vm_error_prefix(e, status, "--%s", option);
    out->data = file->data;
    out->size = file->size;
    return VM_OK;
}

static vm_status fetch_images(void *context, struct vm_blob *kernel, struct vm_blob *initrd,
                              struct vm_error *e)
{
    vm_status status = recall(context, KERNEL, "kernel", kernel, e);
    return status == VM_OK ? recall(context, INITRD, "initrd", initrd, e) : status;
}

static void release_images(void *context)
{
    struct cli_machine *m = context;
    vm_osal_file_contents_let_go(&m->files[KERNEL]);
    vm_osal_file_contents_let_go(&m->files[INITRD]);
}

bool cli_machine_has_virtio_terminal(const struct cli_options *o)
{
    const struct vm_console_options *consoles = o->consoles.items;
    for (size_t i = 0; i < o->consoles.count; i++) {
        if (consoles[i].kind == VM_CONSOLE_STDIO)
            return true;
    }
    return false;
}

static const char *kernel_command_line(const struct vm_options *o, bool virtio)
{
    if (o->append || o->dtb.data || !o->kernel.data)
        return o->append;
    const char *guest = o->guest ? o->guest : vm_file_guest(o->kernel.data, o->kernel.size);
    for (size_t i = 0; guest && i < VM_ARRAY_SIZE(default_append); i++) {
        if (strcmp(default_append[i].guest, guest) == 0)
            return virtio ? default_append[i].append_virtio : default_append[i].append;
    }
    return NULL;
}

static void warn_of_memory(uint64_t memory)
{
    uint64_t host = vm_osal_host_memory();
    if (host > 0 && memory > host)
        cli_say("warning: --memory is more than the %lluM that this host has",
                (unsigned long long)(host >> 20));
}

static void fill_devices(const struct cli_options *o, struct vm_options *v)
{
    v->disks = o->disks.items;
    v->disk_count = o->disks.count;
    v->nets = o->nets.items;
    v->net_count = o->nets.count;
    v->consoles = o->consoles.items;
    v->console_count = o->consoles.count;
    v->shares = o->shares.items;
    v->share_count = o->shares.count;
    v->vsock = o->vsock.cid ? &o->vsock : NULL;
    v->rng = o->rng;
    v->balloon = o->balloon;
    bool mmio = o->transport && strcmp(o->transport, "mmio") == 0;
    v->transport = mmio ? VM_TRANSPORT_MMIO : VM_TRANSPORT_PCI;
}

vm_status cli_machine_create(struct cli_machine *m, const struct cli_options *o,
                             const struct vm_options *base, struct vm_error *e)
{
    struct vm_options v = *base;
    *m = (struct cli_machine){0};
    v.guest = o->guest;
    v.cpu = o->cpu;
    v.machine = o->machine;
    v.engine = o->engine;
    v.simd = o->simd;
    v.code_cache = o->code_cache;
    v.perfmap = o->perfmap;
    v.vcpus = o->vcpus;
    v.pin = o->pinned ? o->pin : NULL;
    v.memory = o->memory;
    v.append = o->append;
    v.flash = *o->flash.code ? &o->flash : NULL;
    fill_devices(o, &v);
    vm_status status = read_files(m, o, &v, e);
    if (status != VM_OK)
        return status;
    m->images = (struct vm_images){m, fetch_images, release_images};
    v.images = &m->images;
    v.append = kernel_command_line(&v, cli_machine_has_virtio_terminal(o));
    warn_of_memory(v.memory);
    return vm_create(&v, &m->vm, e);
}

void cli_machine_release(struct cli_machine *m)
{
    vm_destroy(m->vm);
    for (unsigned i = 0; i < CLI_MACHINE_FILES; i++)
        vm_osal_file_contents_release(&m->files[i]);
}
