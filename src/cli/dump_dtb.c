// SPDX-License-Identifier: MIT
//
// vm-cli debug dump-dtb: the device tree that the guest of these options would get.
#include <string.h>
#include <vm/osal/terminal.h>

#include "commands.h"
#include "machine.h"

static vm_status write_tree(const struct vm *vm, const char *path, struct vm_error *e)
{
    const void *blob;
    size_t size;
    uint64_t offset = 0;
    struct vm_osal_file *file = NULL;
    struct cli_text t = {0};
    vm_status status = vm_device_tree(vm, &blob, &size, e);
    if (status == VM_OK && path)
        status = vm_osal_file_open(path, VM_OSAL_FILE_CREATE, &file, e);
    if (status != VM_OK)
        return status;
    char *to = cli_text_reserve(&t, size);
    if (to) {
        memcpy(to, blob, size);
        t.length = size;
    }
    status = file ? cli_text_write_file(&t, file, &offset, e)
                  : cli_text_write(&t, vm_osal_stdout(), "the device tree", e);
    vm_osal_file_close(file);
    cli_text_release(&t);
    return status;
}

static vm_status dump(struct cli_options *o, char **argv, struct cli_machine *m, struct vm_error *e)
{
    const struct vm_options base = vm_default_options();
    vm_status status = cli_options_parse(o, CLI_DUMP_DTB, argv, 1, e);
    if (status != VM_OK)
        return status;
    const char *path = o->argument_count ? o->arguments[0] : NULL;
    if (!path && vm_osal_is_terminal(vm_osal_stdout()))
        return vm_error_set(e, VM_ERR_USAGE,
                            "a device tree is no text for a terminal; name a file for it");
    status = cli_machine_create(m, o, &base, e);
    return status == VM_OK ? write_tree(m->vm, path, e) : status;
}

int cli_dump_dtb(char **argv)
{
    struct cli_options o;
    struct cli_machine m = {0};
    struct vm_error e;
    vm_status status = dump(&o, argv, &m, &e);
    cli_machine_release(&m);
    cli_options_release(&o);
    return status == VM_OK ? 0 : cli_fail(&e);
}
