// SPDX-License-Identifier: MIT
//
// The file in which Linux's perf looks for the names of code that is made at run time:
// /tmp/perf-PID.map, a line "START SIZE NAME" for each piece, numbers in hexadecimal. Code that
// takes the place of other code comes later in the file, and perf takes the last line that fits.
//
// vCPU threads write to it, one at a time.
#include "perfmap.h"

#include <vm/base/format.h>
#include <vm/osal/file.h>
#include <vm/osal/memory.h>
#include <vm/osal/thread.h>

struct hosted_perfmap {
    struct vm_osal_file *file;
    struct vm_osal_mutex *mutex; // guards `size`
    uint64_t size;               // bytes written
};

vm_status hosted_perfmap_create(struct hosted_perfmap **out, struct vm_error *e)
{
    const struct vm_allocator *a = vm_osal_allocator();
    char path[64];
    vm_format(path, sizeof path, "/tmp/perf-%u.map", vm_osal_process_id());
    struct hosted_perfmap *p = vm_alloc_zeroed(a, sizeof *p, 8);
    if (!p)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for %s", path);
    vm_status status = vm_osal_mutex_create(&p->mutex, e);
    if (status == VM_OK)
        status = vm_osal_file_open(path, VM_OSAL_FILE_CREATE, &p->file, e);
    if (status != VM_OK) {
        hosted_perfmap_destroy(p);
        return status;
    }
    *out = p;
    return VM_OK;
}

void hosted_perfmap_destroy(struct hosted_perfmap *p)
{
    const struct vm_allocator *a = vm_osal_allocator();
    if (!p)
        return;
    vm_osal_file_close(p->file);
    if (p->mutex)
        vm_osal_mutex_destroy(p->mutex);
    a->release(a->context, p, sizeof *p);
}

void hosted_perfmap_add(struct hosted_perfmap *p, const void *code, size_t size, const char *name)
{
    char line[160];
    size_t n = vm_format(line, sizeof line, "%lx %lx %.100s\n", (unsigned long)(uintptr_t)code,
                         (unsigned long)size, name);
    vm_osal_mutex_lock(p->mutex);
    // A map that cannot grow has fewer names in it; the machine does not stop for that.
    if (vm_osal_file_write(p->file, p->size, line, n, NULL) == VM_OK)
        p->size += n;
    vm_osal_mutex_unlock(p->mutex);
}
