// SPDX-License-Identifier: MIT
//
// File handles with positioned reads and writes. A handle has no state but its descriptor, so it
// needs no lock.
#include <vm/osal/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file_open.h"

struct vm_osal_file {
    int fd;
    char *path; // for error lines
};

vm_status vm_osal_path_error(const char *verb, const char *path, int cause, struct vm_error *e)
{
    const char *fix = "";
    switch (cause) {
    case ENOENT:
    case ENOTDIR: fix = "; check the path"; break;
    case EACCES:
    case EPERM: fix = "; give this user the permission"; break;
    case EISDIR: fix = "; name a file in it"; break;
    case EEXIST: fix = "; name another, or remove it"; break;
    case ENOSPC: fix = "; make room"; break;
    }
    return vm_error_set(e, VM_ERR_FILE, "cannot %s %s: %s%s", verb, path, strerror(cause), fix);
}

vm_status vm_osal_path_open(const char *path, int flags, int *fd, struct stat *what,
                            struct vm_error *e)
{
    int d;
    do
        d = open(path, flags | O_CLOEXEC, 0666);
    while (d < 0 && errno == EINTR);
    if (d < 0)
        return vm_osal_path_error("open", path, errno, e);
    int cause = fstat(d, what) < 0 ? errno : S_ISDIR(what->st_mode) ? EISDIR : 0;
    if (cause != 0) {
        close(d);
        return vm_osal_path_error("open", path, cause, e);
    }
    *fd = d;
    return VM_OK;
}

static int host_flags(enum vm_osal_file_mode mode)
{
    switch (mode) {
    case VM_OSAL_FILE_READ: return O_RDONLY;
    case VM_OSAL_FILE_READ_WRITE: return O_RDWR;
    case VM_OSAL_FILE_CREATE: return O_RDWR | O_CREAT | O_TRUNC;
    case VM_OSAL_FILE_NEW: return O_RDWR | O_CREAT | O_EXCL;
    }
    return O_RDONLY;
}

vm_status vm_osal_file_adopt(int fd, const char *path, struct vm_osal_file **file,
                             struct vm_error *e)
{
    struct vm_osal_file *f = malloc(sizeof *f);
    char *name = strdup(path);
    if (!f || !name) {
        close(fd);
        free(name);
        free(f);
        return vm_error_set(e, VM_ERR_HOST, "no memory to open %s", path);
    }
    *f = (struct vm_osal_file){.fd = fd, .path = name};
    *file = f;
    return VM_OK;
}

vm_status vm_osal_file_open(const char *path, enum vm_osal_file_mode mode,
                            struct vm_osal_file **file, struct vm_error *e)
{
    struct stat what;
    int fd;
    vm_status s = vm_osal_path_open(path, host_flags(mode), &fd, &what, e);
    return s == VM_OK ? vm_osal_file_adopt(fd, path, file, e) : s;
}

int vm_osal_file_descriptor(const struct vm_osal_file *file)
{
    return file->fd;
}

const char *vm_osal_file_path(const struct vm_osal_file *file)
{
    return file->path;
}

void vm_osal_file_close(struct vm_osal_file *file)
{
    if (!file)
        return;
    close(file->fd);
    free(file->path);
    free(file);
}

// The range must have offsets that the host can express.
static vm_status check_range(const struct vm_osal_file *file, const char *verb, uint64_t offset,
                             size_t size, struct vm_error *e)
{
    if (offset > INT64_MAX || size > INT64_MAX - offset)
        return vm_osal_path_error(verb, file->path, EFBIG, e);
    return VM_OK;
}

vm_status vm_osal_file_read(struct vm_osal_file *file, uint64_t offset, void *out, size_t size,
                            size_t *count, struct vm_error *e)
{
    *count = 0;
    vm_status s = check_range(file, "read", offset, size, e);
    if (s != VM_OK)
        return s;
    while (*count < size) {
        ssize_t n = pread(file->fd, (char *)out + *count, size - *count, (off_t)(offset + *count));
        if (n == 0)
            break;
        if (n > 0)
            *count += (size_t)n;
        else if (errno != EINTR)
            return vm_osal_path_error("read", file->path, errno, e);
    }
    return VM_OK;
}

vm_status vm_osal_file_write(struct vm_osal_file *file, uint64_t offset, const void *data,
                             size_t size, struct vm_error *e)
{
    vm_status s = check_range(file, "write", offset, size, e);
    if (s != VM_OK)
        return s;
    for (size_t done = 0; done < size;) {
        ssize_t n =
            pwrite(file->fd, (const char *)data + done, size - done, (off_t)(offset + done));
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            return vm_osal_path_error("write", file->path, errno, e);
    }
    return VM_OK;
}

vm_status vm_osal_file_size(struct vm_osal_file *file, uint64_t *size, struct vm_error *e)
{
    // Unlike fstat this knows the size of block devices; nobody uses the descriptor's position.
    off_t end = lseek(file->fd, 0, SEEK_END);
    if (end < 0)
        return vm_osal_path_error("get the size of", file->path, errno, e);
    *size = (uint64_t)end;
    return VM_OK;
}

vm_status vm_osal_file_sync(struct vm_osal_file *file, struct vm_error *e)
{
    if (fsync(file->fd) < 0)
        return vm_osal_path_error("sync", file->path, errno, e);
    return VM_OK;
}
