// SPDX-License-Identifier: MIT
//
// Address space by mmap. Nothing is accounted before it is touched (MAP_NORESERVE), so guest RAM
// may be larger than the host's. Keeps no list of its mappings: the caller gives the size back.
#include <vm/osal/memory.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared_object.h"

struct vm_osal_shared_memory {
    int fd;
    uint64_t size; // whole pages
};

size_t vm_osal_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

uint64_t vm_osal_host_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    return pages > 0 ? (uint64_t)pages * vm_osal_page_size() : 0;
}

static vm_status refuse(struct vm_error *e, const char *what, uint64_t size, int cause)
{
    return vm_error_set(e, VM_ERR_HOST,
                        "cannot %s %llu MiB of host memory: %s (this host has %llu MiB); "
                        "ask for less, or raise the limit (ulimit -v)",
                        what, (unsigned long long)(size >> 20), strerror(cause),
                        (unsigned long long)(vm_osal_host_memory() >> 20));
}

vm_status vm_osal_shared_memory_create(const char *name, uint64_t size,
                                       struct vm_osal_shared_memory **memory, struct vm_error *e)
{
    uint64_t page = vm_osal_page_size();
    if (size > (uint64_t)INT64_MAX - page || size > SIZE_MAX - page)
        return refuse(e, "share", size, ENOMEM);
    if (size == 0)
        return vm_error_set(e, VM_ERR_HOST, "cannot share 0 bytes of memory; ask for at least one");
    struct vm_osal_shared_memory *m = malloc(sizeof *m);
    if (!m)
        return refuse(e, "share", size, ENOMEM);
    m->size = (size + page - 1) / page * page;
    m->fd = vm_osal_shared_object_open(name);
    if (m->fd < 0) {
        int cause = errno;
        free(m);
        return vm_error_set(e, VM_ERR_HOST, "cannot make a shared memory object: %s",
                            strerror(cause));
    }
    if (ftruncate(m->fd, (off_t)m->size) < 0) {
        vm_status s = refuse(e, "share", size, errno);
        vm_osal_shared_memory_close(m);
        return s;
    }
    *memory = m;
    return VM_OK;
}

uint64_t vm_osal_shared_memory_size(const struct vm_osal_shared_memory *memory)
{
    return memory->size;
}

static int host_protection(unsigned protection)
{
    return (protection & VM_OSAL_MEMORY_READ ? PROT_READ : 0) |
           (protection & VM_OSAL_MEMORY_WRITE ? PROT_READ | PROT_WRITE : 0);
}

vm_status vm_osal_shared_memory_map(const struct vm_osal_shared_memory *memory, uint64_t offset,
                                    uint64_t size, unsigned protection, void **address,
                                    struct vm_error *e)
{
    if (offset % vm_osal_page_size() != 0 || size == 0 || offset > memory->size ||
        size > memory->size - offset)
        return vm_error_set(e, VM_ERR_HOST,
                            "cannot map 0x%llx bytes at 0x%llx of a shared object of 0x%llx bytes; "
                            "stay inside, at a page boundary",
                            (unsigned long long)size, (unsigned long long)offset,
                            (unsigned long long)memory->size);
    void *p = mmap(NULL, (size_t)size, host_protection(protection), MAP_SHARED | MAP_NORESERVE,
                   memory->fd, (off_t)offset);
    if (p == MAP_FAILED)
        return refuse(e, "map", size, errno);
    *address = p;
    return VM_OK;
}

void vm_osal_shared_memory_close(struct vm_osal_shared_memory *memory)
{
    if (!memory)
        return;
    close(memory->fd);
    free(memory);
}

vm_status vm_osal_memory_reserve(uint64_t size, void **address, struct vm_error *e)
{
    if (size > SIZE_MAX)
        return refuse(e, "reserve", size, ENOMEM);
    void *p =
        mmap(NULL, (size_t)size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return refuse(e, "reserve", size, errno);
    *address = p;
    return VM_OK;
}

vm_status vm_osal_memory_protect(void *address, uint64_t size, unsigned protection,
                                 struct vm_error *e)
{
    if (mprotect(address, (size_t)size, host_protection(protection)) < 0)
        return refuse(e, "protect", size, errno);
    return VM_OK;
}

vm_status vm_osal_memory_commit(void *address, uint64_t size, struct vm_error *e)
{
    if (mprotect(address, (size_t)size, PROT_READ | PROT_WRITE) < 0)
        return refuse(e, "commit", size, errno);
    return VM_OK;
}

void vm_osal_memory_release(void *address, uint64_t size)
{
    if (address)
        munmap(address, (size_t)size);
}
