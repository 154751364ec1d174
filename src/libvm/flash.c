// SPDX-License-Identifier: MIT
//
// The board's flash: its contents, and the file in which the variables are kept.
//
// The guest waits for each of its operations until it is in the file (vm/device/cfi_flash.h), so
// there is one write at a time, on an I/O thread, and the file changes in the guest's order. The
// host's cache may still hold it; the file is synced at the end.
#include "flash.h"

#include <string.h>
#include <vm/base/memory.h>
#include <vm/device/backend/loop.h>
#include <vm/osal/file.h>

#include "hosted.h"

enum { ERASED = 0xff };

struct hosted_flash {
    struct vm *vm;
    uint64_t bank; // bytes
    uint8_t *code, *vars;
    struct vm_osal_file *file; // of the variables; NULL: they are not kept
    struct vm_loop *loop;
    struct vm_io_task task;
    struct vm_osal_mutex *mutex; // guards the following
    struct vm_osal_condition *settled;
    unsigned saves; // asked for and not done
    uint64_t offset, size;
};

// --- files ---

static vm_status too_large(const struct hosted_flash *f, const char *path, struct vm_error *e)
{
    return vm_error_set(e, VM_ERR_FILE, "%s is larger than a bank of flash, %lluM; give another",
                        path, (unsigned long long)(f->bank >> 20));
}

// Reads a file of *size bytes into a bank, of which the rest is erased.
static vm_status load(struct hosted_flash *f, struct vm_osal_file *file, const char *path,
                      uint8_t *bank, uint64_t *size, struct vm_error *e)
{
    size_t got;
    vm_status status = vm_osal_file_size(file, size, e);
    if (status == VM_OK && *size > f->bank)
        return too_large(f, path, e);
    if (status == VM_OK)
        status = vm_osal_file_read(file, 0, bank, *size, &got, e);
    if (status == VM_OK)
        memset(bank + got, ERASED, f->bank - got);
    return status;
}

static vm_status load_code(struct hosted_flash *f, const char *path, struct vm_error *e)
{
    struct vm_osal_file *file;
    uint64_t size;
    vm_status status = vm_osal_file_open(path, VM_OSAL_FILE_READ, &file, e);
    if (status != VM_OK)
        return status;
    status = load(f, file, path, f->code, &size, e);
    if (status == VM_OK && size == 0)
        status = vm_error_set(e, VM_ERR_FILE, "%s is empty; give firmware", path);
    vm_osal_file_close(file);
    return status;
}

// The file becomes as large as the bank: what the guest writes later needs no more room.
static vm_status load_vars(struct hosted_flash *f, const char *path, struct vm_error *e)
{
    uint64_t size;
    vm_status status = vm_osal_file_open(path, VM_OSAL_FILE_READ_WRITE, &f->file, e);
    if (status == VM_OK)
        status = vm_osal_file_lock(f->file, true, e);
    if (status == VM_OK)
        status = load(f, f->file, path, f->vars, &size, e);
    if (status == VM_OK && size < f->bank)
        status = vm_osal_file_write(f->file, size, f->vars + size, f->bank - size, e);
    return status;
}

// --- saving ---

static void save_now(void *context)
{
    struct hosted_flash *f = context;
    struct vm *vm = f->vm;
    struct vm_error e;
    vm_osal_mutex_lock(f->mutex);
    uint64_t offset = f->offset, size = f->size;
    vm_osal_mutex_unlock(f->mutex);
    vm_status status = vm_osal_file_write(f->file, offset, f->vars + offset, size, &e);
    if (status != VM_OK)
        vm->host.log(vm->host.context, e.text);
    vm->board_ops->flash_saved(vm->board, status == VM_OK);
    vm_osal_mutex_lock(f->mutex);
    f->saves--;
    vm_osal_condition_broadcast(f->settled);
    vm_osal_mutex_unlock(f->mutex);
}

static void save(void *context, uint64_t offset, uint64_t size)
{
    struct hosted_flash *f = context;
    vm_osal_mutex_lock(f->mutex);
    f->offset = offset;
    f->size = size;
    f->saves++;
    vm_osal_mutex_unlock(f->mutex);
    vm_io_schedule(vm_loop_io(f->loop), &f->task);
}

void hosted_settle_flash(struct vm *vm)
{
    struct hosted_flash *f = vm->flash;
    if (!f)
        return;
    vm_osal_mutex_lock(f->mutex);
    while (f->saves > 0)
        vm_osal_condition_wait(f->settled, f->mutex);
    vm_osal_mutex_unlock(f->mutex);
}

// --- making and unmaking ---

static vm_status make_banks(struct hosted_flash *f, struct vm_error *e)
{
    void *banks;
    vm_status status = vm_osal_memory_reserve(2 * f->bank, &banks, e);
    if (status != VM_OK)
        return status;
    f->code = banks;
    f->vars = f->code + f->bank;
    return vm_osal_memory_commit(banks, 2 * f->bank, e);
}

static vm_status fill(struct hosted_flash *f, const struct vm_flash_options *o, struct vm_error *e)
{
    vm_status status = vm_osal_mutex_create(&f->mutex, e);
    if (status == VM_OK)
        status = vm_osal_condition_create(&f->settled, e);
    if (status == VM_OK)
        status = make_banks(f, e);
    if (status == VM_OK && *o->vars)
        status = hosted_get_loop(f->vm, "flash", VM_OSAL_SANDBOX_DISK, &f->loop, e);
    if (status != VM_OK)
        return status;
    status = load_code(f, o->code, e);
    if (!*o->vars)
        memset(f->vars, ERASED, f->bank);
    else if (status == VM_OK)
        status = load_vars(f, o->vars, e);
    return status == VM_OK ? VM_OK : vm_error_prefix(e, status, "--pflash");
}

vm_status hosted_create_flash(struct vm *vm, struct vm_error *e)
{
    const struct vm_allocator *a = vm_osal_allocator();
    if (!vm->options.flash)
        return VM_OK;
    if (!vm->board_ops->flash_bank)
        return vm_error_set(e, VM_ERR_USAGE, "--pflash: the machine %s has no flash",
                            vm->board_ops->name);
    struct hosted_flash *f = a->alloc(a->context, sizeof *f, _Alignof(struct hosted_flash));
    if (!f)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the flash");
    vm_zero(f, sizeof *f);
    f->vm = vm;
    f->bank = vm->board_ops->flash_bank;
    f->task = (struct vm_io_task){.run = save_now, .context = f};
    vm->flash = f;
    return fill(f, vm->options.flash, e);
}

struct vm_board_flash hosted_board_flash(const struct vm *vm)
{
    struct hosted_flash *f = vm->flash;
    if (!f)
        return (struct vm_board_flash){0};
    return (struct vm_board_flash){f->code, f->vars, f->file ? save : NULL, f};
}

void hosted_destroy_flash(struct vm *vm)
{
    const struct vm_allocator *a = vm_osal_allocator();
    struct hosted_flash *f = vm->flash;
    struct vm_error e;
    if (!f)
        return;
    if (f->file && vm_osal_file_sync(f->file, &e) != VM_OK)
        vm->host.log(vm->host.context, e.text);
    vm_osal_file_close(f->file);
    if (f->code)
        vm_osal_memory_release(f->code, 2 * f->bank);
    vm_osal_condition_destroy(f->settled);
    vm_osal_mutex_destroy(f->mutex);
    a->release(a->context, f, sizeof *f);
    vm->flash = NULL;
}
