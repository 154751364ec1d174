// SPDX-License-Identifier: MIT
//
// Executable memory: one shared object, mapped twice. A mapping never changes its protection, so
// that hosts which forbid that (SELinux execmod, Linux PR_SET_MDWE) allow this. Keeps no list.
#include <vm/osal/exec.h>
#include <vm/osal/memory.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exec_object.h"

static vm_status refuse(struct vm_error *e, const char *what, uint64_t size, int cause)
{
    return vm_error_set(
        e, VM_ERR_HOST, "the host gives no executable memory: cannot %s %llu KiB: %s (%s)", what,
        (unsigned long long)(size >> 10), strerror(cause), vm_osal_exec_object_reason(cause));
}

bool vm_osal_exec_reaches(const struct vm_osal_exec *exec, const void *address, uint64_t reach)
{
    uintptr_t first = (uintptr_t)exec->execute, end = first + (uintptr_t)exec->size;
    uintptr_t a = (uintptr_t)address;
    uint64_t below = a > first ? a - first : 0, above = end > a ? end - a : 0;
    return below <= reach && above <= reach;
}

static const uint8_t *map_execute(int fd, uint64_t size, uintptr_t hint)
{
    // A hint that is taken is not an error: the mapping lies elsewhere.
    void *p = mmap((void *)hint, (size_t)size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

// Tries addresses on both sides of `near`, further away each time, until the view is in reach.
// Leaves the first view that it got if none is.
static void move_near(int fd, const void *near, uint64_t reach, struct vm_osal_exec *exec)
{
    enum { STEPS = 64 };
    uintptr_t page = vm_osal_page_size(), base = (uintptr_t)near & ~(page - 1);
    for (unsigned i = 1; i <= 2 * STEPS; i++) {
        uintptr_t away = (uintptr_t)(reach / STEPS) * ((i + 1) / 2) & ~(page - 1);
        bool below = i % 2;
        if (below ? base <= away : base + away < base)
            continue;
        struct vm_osal_exec try = *exec;
        try.execute = map_execute(fd, exec->size, below ? base - away : base + away);
        if (!try.execute)
            continue;
        bool found = vm_osal_exec_reaches(&try, near, reach);
        munmap((void *)(uintptr_t)(found ? exec->execute : try.execute), (size_t)exec->size);
        if (found) {
            exec->execute = try.execute;
            return;
        }
    }
}

static vm_status map_views(int fd, const void *near, uint64_t reach, struct vm_osal_exec *exec,
                           struct vm_error *e)
{
    size_t size = (size_t)exec->size;
    if (ftruncate(fd, (off_t)exec->size) < 0)
        return refuse(e, "reserve", exec->size, errno);
    void *write = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (write == MAP_FAILED)
        return refuse(e, "map for writing", exec->size, errno);
    exec->write = write;
    exec->execute = map_execute(fd, exec->size, 0);
    if (!exec->execute) {
        vm_status status = refuse(e, "map for execution", exec->size, errno);
        munmap(write, size);
        return status;
    }
    if (near && !vm_osal_exec_reaches(exec, near, reach))
        move_near(fd, near, reach, exec);
    return VM_OK;
}

vm_status vm_osal_exec_create_near(uint64_t size, const void *near, uint64_t reach,
                                   struct vm_osal_exec *exec, struct vm_error *e)
{
    *exec = (struct vm_osal_exec){0};
    uint64_t page = vm_osal_page_size();
    if (size == 0 || size > (uint64_t)PTRDIFF_MAX - page)
        return vm_error_set(e, VM_ERR_HOST, "cannot make 0x%llx bytes of executable memory",
                            (unsigned long long)size);
    int fd = vm_osal_exec_object_open("vm-code");
    if (fd < 0)
        return refuse(e, "make an object of", size, errno);
    struct vm_osal_exec made = {.size = (size + page - 1) / page * page};
    vm_status status = map_views(fd, near, reach, &made, e);
    close(fd); // the mappings keep the object
    if (status == VM_OK)
        *exec = made;
    return status;
}

vm_status vm_osal_exec_create(uint64_t size, struct vm_osal_exec *exec, struct vm_error *e)
{
    return vm_osal_exec_create_near(size, NULL, 0, exec, e);
}

void vm_osal_exec_flush(const struct vm_osal_exec *exec, uint64_t offset, uint64_t size)
{
    // Nothing on x86. Elsewhere caches are cleaned by physical address, so either view will do.
    char *first = (char *)(uintptr_t)exec->execute + offset;
    __builtin___clear_cache(first, first + size);
}

void vm_osal_exec_destroy(struct vm_osal_exec *exec)
{
    if (exec->write)
        munmap(exec->write, (size_t)exec->size);
    if (exec->execute)
        munmap((void *)(uintptr_t)exec->execute, (size_t)exec->size);
    *exec = (struct vm_osal_exec){0};
}
