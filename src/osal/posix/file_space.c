// SPDX-License-Identifier: MIT
//
// What disk images need of files beyond reading and writing: size, holes, locks, temporary files.
#include <vm/osal/file.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file_open.h"

vm_status vm_osal_file_set_size(struct vm_osal_file *file, uint64_t size, struct vm_error *e)
{
    int cause = size > INT64_MAX ? EFBIG : 0;
    if (cause == 0 && ftruncate(vm_osal_file_descriptor(file), (off_t)size) < 0)
        cause = errno;
    return cause ? vm_osal_path_error("resize", vm_osal_file_path(file), cause, e) : VM_OK;
}

vm_status vm_osal_file_lock(struct vm_osal_file *file, bool exclusive, struct vm_error *e)
{
    // Locks of the open file, not of the process: two handles of one process exclude each other.
    struct flock lock = {.l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
    if (fcntl(vm_osal_file_descriptor(file), F_OFD_SETLK, &lock) == 0)
        return VM_OK;
    if (errno == EAGAIN || errno == EACCES)
        return vm_error_set(e, VM_ERR_FILE,
                            "%s is in use by another machine; stop it, or open the file readonly "
                            "in both",
                            vm_osal_file_path(file));
    if (errno == EINVAL || errno == ENOLCK || errno == EOPNOTSUPP)
        return VM_OK;
    return vm_osal_path_error("lock", vm_osal_file_path(file), errno, e);
}

// For file systems without O_TMPFILE: a named file that loses its name at once.
static int make_unlinked(const char *directory)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/vm-XXXXXX", directory);
    if (n < 0 || (size_t)n >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

vm_status vm_osal_file_temporary(const char *near, struct vm_osal_file **file, struct vm_error *e)
{
    const char *directory = near;
    if (!directory)
        directory = getenv("TMPDIR");
    if (!directory || !directory[0])
        directory = "/var/tmp";
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        fd = make_unlinked(directory);
    if (fd < 0)
        return vm_osal_path_error("make a temporary file in", directory, errno, e);
    return vm_osal_file_adopt(fd, "the temporary file", file, e);
}

vm_status vm_osal_file_next_data(struct vm_osal_file *file, uint64_t offset, uint64_t *data,
                                 uint64_t *hole, struct vm_error *e)
{
    int fd = vm_osal_file_descriptor(file);
    uint64_t size;
    vm_status s = vm_osal_file_size(file, &size, e);
    if (s != VM_OK)
        return s;
    *data = *hole = size;
    if (offset >= size)
        return VM_OK;
    off_t at = lseek(fd, (off_t)offset, SEEK_DATA);
    if (at < 0 && errno == ENXIO)
        return VM_OK; // a hole to the end
    if (at < 0) {
        *data = offset;
        return VM_OK;
    }
    *data = (uint64_t)at;
    at = lseek(fd, at, SEEK_HOLE);
    if (at >= 0)
        *hole = (uint64_t)at;
    return VM_OK;
}

vm_status vm_osal_path_resolve(const char *path, char **resolved, struct vm_error *e)
{
    char *p = realpath(path, NULL);
    if (!p && errno == ENOMEM)
        return vm_error_set(e, VM_ERR_HOST, "no memory to open %s", path);
    if (!p)
        return vm_osal_path_error("open", path, errno, e);
    *resolved = p; // vm_osal_allocator is the same heap
    return VM_OK;
}

void vm_osal_file_remove(const char *path)
{
    unlink(path);
}
